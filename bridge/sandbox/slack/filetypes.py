"""What Slack calls a file, by its name."""

from __future__ import annotations

from typing import NamedTuple


class FileType(NamedTuple):
    """`filetype`, `mimetype` and `pretty_type`."""

    name: str
    mime: str
    pretty: str


_TYPES: dict[str, tuple[str, str]] = {
    "png": ("image/png", "PNG"),
    "jpg": ("image/jpeg", "JPEG"),
    "gif": ("image/gif", "GIF"),
    "webp": ("image/webp", "WebP"),
    "heic": ("image/heic", "HEIC"),
    "mp4": ("video/mp4", "MPEG 4 Video"),
    "3gp": ("video/3gpp", "3GP"),
    "mp3": ("audio/mpeg", "MP3"),
    "m4a": ("audio/mp4", "MPEG 4 Audio"),
    "aac": ("audio/aac", "AAC"),
    "amr": ("audio/amr", "AMR"),
    "ogg": ("audio/ogg", "Ogg"),
    "pdf": ("application/pdf", "PDF"),
    "txt": ("text/plain", "Plain Text"),
    "zip": ("application/zip", "Zip"),
}


def type_of(name: str) -> FileType:
    """By the ending; anything else is `binary`."""
    ending = name.rpartition(".")[2].lower()
    ending = {"jpeg": "jpg"}.get(ending, ending)
    mime, pretty = _TYPES.get(ending, ("application/octet-stream", "Binary"))
    return FileType(ending if ending in _TYPES else "binary", mime, pretty)
