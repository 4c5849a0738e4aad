"""What a file is, told by its first bytes: what a platform or a person says of it is only a word. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

HEAD = 512
"""Bytes that `sniff` wants to see."""

_OFFICE = "application/vnd.openxmlformats-officedocument."

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"OggS", "audio/ogg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"MZ", "application/x-msdownload"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/x-executable"),
    (0, b"#!", "text/x-script"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
)
_BRANDS: Mapping[bytes, str] = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
"""Of the files that begin with `ftyp`, those that are no MPEG-4 video (ISO 14496-12)."""
_RIFF: Mapping[bytes, str] = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_HTML = re.compile(
    rb"(?:<!--.*?-->|<\?xml[^>]*>|\s)*<(?:!doctype\s+html|html|head|body|script|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)

ENDINGS: Mapping[str, str] = {
    "text/vcard": "vcf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/avif": "avif",
    "audio/ogg": "ogg",
    "audio/amr": "amr",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "video/mp4": "mp4",
    "video/3gpp": "3gp",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "video/x-msvideo": "avi",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/rtf": "rtf",
    "application/gzip": "gz",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-msdownload": "exe",
    "application/x-executable": "bin",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    f"{_OFFICE}wordprocessingml.document": "docx",
    f"{_OFFICE}spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}presentationml.presentation": "pptx",
    "text/html": "html",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/x-script": "sh",
}
"""The usual ending of a name, by type."""

RUNS = frozenset({"application/x-msdownload", "application/x-executable", "text/x-script", "text/html"})
"""Types that do something when they are opened."""
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "image": ("image/",),
    "sticker": ("image/",),
    "video": ("video/",),
    # A recording of a phone may come in a container that its first bytes do not tell from a video's.
    "audio": ("audio/", "video/mp4", "video/3gpp", "video/webm"),
    "voice": ("audio/", "video/mp4", "video/3gpp", "video/webm"),
}


def plain_type(mime: str) -> str:
    """A type in small letters, without its parameters."""
    return mime.partition(";")[0].strip().lower()


def sniff(head: bytes) -> str | None:
    """The type that a file's first `HEAD` bytes show; None for what has no mark of its own (text, for one)."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "video/3gpp" if brand[:3] in (b"3gp", b"3g2") else _BRANDS.get(brand, "video/mp4")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    for at, magic, mime in _MAGIC:
        if head.startswith(magic, at):
            return mime
    if len(head) > 1 and head[0] == 0xFF:
        # The sync word of a frame, then the layer: 0 is AAC's (ADTS), anything else MPEG's.
        if head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
            return "audio/mpeg"
    return "text/html" if _HTML.match(head.removeprefix(b"\xef\xbb\xbf")) else None


def fits(kind: str, found: str | None) -> bool:
    """May a file that shows itself as `found` be what `kind` says (`image`, `voice` …)? Documents may be anything."""
    families = _FAMILIES.get(kind)
    return families is None or (found is not None and found.startswith(families))


def settled(declared: str, found: str | None) -> str:
    """The type to go by: what the bytes show, unless they show only the wrapping of what was declared."""
    said = plain_type(declared)
    if found is None:
        return said or "application/octet-stream"
    wraps = found == "application/zip" and (said.startswith(_OFFICE) or said.endswith(("+zip", ".document")))
    wraps = wraps or (found == "application/x-ole-storage" and said in ENDINGS)
    wraps = wraps or (found in {"video/mp4", "video/3gpp", "video/webm"} and said.startswith("audio/"))
    return said if wraps else found
