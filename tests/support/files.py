"""Small files of each kind, and what a thread of the sandbox shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bridge.sandbox.slack.state import Message
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.talk import Talk

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + bytes(range(256)) * 8
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
WEBP = b"RIFF\x24\x08\0\0WEBPVP8X" + bytes(600)
OGG = b"OggS\0\x02" + bytes(20) + b"OpusHead" + bytes(900)
MP4 = b"\0\0\0\x20ftypisom\0\0\x02\0" + bytes(5000)
PDF = b"%PDF-1.7\n" + bytes(3000)


class File(NamedTuple):
    """A file as the desk shows it."""

    name: str
    title: str
    mime: str
    data: bytes


def file_posts(talk: Talk) -> list[Message]:
    """The posts of the thread that show files, in order."""
    return [one for one in talk.shop.channel(talk.channel).thread(talk.card.ts) if one.files]


def files_shown(talk: Talk) -> list[File]:
    """The files of the thread, in order."""
    files = talk.shop.sandbox.slack.backend.files
    found = []
    for post in file_posts(talk):
        for one in post.files:
            kept = files.get(one["id"])
            assert kept is not None
            assert kept.blob is not None
            found.append(File(one["name"], one["title"], one["mimetype"], kept.blob.read()))
    return found


async def files_are_shown(talk: Talk, count: int, timeout_s: float = 20.0) -> None:
    """Wait until the thread has so many posts with files."""
    await until(lambda: len(file_posts(talk)) >= count, timeout_s, f"{count} files in the thread")


def kinds_of_posts(talk: Talk) -> list[str]:
    """What each post of the thread is, the card left out: a `file` or `words`."""
    thread = talk.shop.channel(talk.channel).thread(talk.card.ts)[1:]
    return ["file" if one.files else "words" for one in thread]
