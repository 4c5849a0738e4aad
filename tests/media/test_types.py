"""Files are what their first bytes show."""

from __future__ import annotations

import pytest

from bridge.media.types import fits, settled, sniff

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    "head, mime",
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x01\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x01\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\x01\0\0\0ZZZZ", None),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x18ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x18ftyp3gp4", "video/3gpp"),
        (b"\0\0\0\x18ftypqt  ", "video/quicktime"),
        (b"OggS\0\x02", "audio/ogg"),
        (b"#!AMR\n", "audio/amr"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"\xff\xf9\x50\x80", "audio/aac"),
        (b"%PDF-1.4", "application/pdf"),
        (b"PK\x03\x04\x14", "application/zip"),
        (b"MZ\x90\0", "application/x-msdownload"),
        (b"\x7fELF\x02", "application/x-executable"),
        (b"#!/bin/sh\n", "text/x-script"),
        (b"  \n<!DOCTYPE html><html>", "text/html"),
        (b"<!-- hello -->\n<HTML lang='en'>", "text/html"),
        (b"\xef\xbb\xbf<html>", "text/html"),
        (b"<table>", None),
        (b"just words", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_first_bytes_tell(head: bytes, mime: str | None) -> None:
    """Known marks are known, and words are none."""
    assert sniff(head) == mime


@pytest.mark.parametrize(
    "kind, found, does",
    [
        ("image", "image/heic", True),
        ("image", "video/mp4", False),
        ("image", None, False),
        ("sticker", "image/webp", True),
        ("voice", "audio/ogg", True),
        ("voice", "video/mp4", True),
        ("voice", "image/png", False),
        ("video", "audio/ogg", False),
        ("document", None, True),
        ("document", "application/x-msdownload", True),
    ],
)
def test_a_kind_takes_its_own(kind: str, found: str | None, does: bool) -> None:
    """A picture is a picture; a document may be anything."""
    assert fits(kind, found) is does


@pytest.mark.parametrize(
    "declared, found, mime",
    [
        ("image/jpeg", "image/png", "image/png"),
        (f"{WORD}; charset=binary", "application/zip", WORD),
        ("application/msword", "application/x-ole-storage", "application/msword"),
        ("audio/mp4", "video/mp4", "audio/mp4"),
        ("text/plain; charset=utf-8", None, "text/plain"),
        ("", None, "application/octet-stream"),
        ("application/pdf", "application/x-msdownload", "application/x-msdownload"),
    ],
)
def test_what_is_said_counts_only_where_the_bytes_agree(declared: str, found: str | None, mime: str) -> None:
    """A wrapping does not hide what is in it; anything else is what it shows."""
    assert settled(declared, found) == mime
