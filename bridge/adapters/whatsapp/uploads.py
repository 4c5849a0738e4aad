"""Staff files on their way to WhatsApp: what each is sent as, and the upload. (WhatsApp: business-phone-numbers/media.)

WhatsApp shows only some types as pictures, films and sound, and only up to some size; anything else is a document. What a
small change makes showable is changed; where that fails, the file goes as the document it is, and its author is told.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

import msgspec

from bridge.adapters.base import Uploaded
from bridge.adapters.http import HttpError, SlowError, UnsentError
from bridge.adapters.streaming import LongError, Streams
from bridge.adapters.whatsapp import errors
from bridge.adapters.whatsapp.numbers import Number
from bridge.content import StaffFile
from bridge.errors import PlatformError
from bridge.media import convert
from bridge.media.convert import ConversionError
from bridge.media.names import safe_name
from bridge.media.spool import Spooled
from bridge.media.types import plain_type, settled, sniff

_MB = 1024 * 1024
LIMITS: Mapping[str, int] = {"image": 5 * _MB, "audio": 16 * _MB, "voice": 16 * _MB, "video": 16 * _MB}
DOCUMENT_BYTES = 100 * _MB
_IMAGES = frozenset({"image/jpeg", "image/png"})
_PICTURES = _IMAGES | {"image/webp", "image/heic", "image/heif", "image/bmp", "image/tiff"}
"""What can be made a picture that WhatsApp shows."""
_SOUNDS = frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"})
_FILMS = frozenset({"video/mp4", "video/3gpp"})


class Plan(NamedTuple):
    """What a file is sent as, after which change."""

    kind: str
    """`image`, `video`, `audio`, `voice` or `document`."""
    change: str = ""
    """`picture`, `film` or `voice`; see `media.convert`. Empty: none."""


def plan(mime: str, size: int, *, voice: bool, captioned: bool, head: bytes = b"") -> Plan:
    """What to do with a file whose bytes are `mime`; pure. What has words with it cannot be sound."""
    if mime in _PICTURES and size <= (LIMITS["image"] if mime in _IMAGES else DOCUMENT_BYTES):
        return Plan("image", "picture")
    if mime == "image/gif":
        return Plan("video", "film")
    if mime in _FILMS and size <= LIMITS["video"]:
        return Plan("video")
    if mime.startswith("audio/") and not captioned and size <= LIMITS["audio"]:
        opus = mime != "audio/ogg" or b"OpusHead" in head
        if voice:
            return Plan("voice", "" if mime == "audio/ogg" and opus else "voice")
        if mime in _SOUNDS and opus:
            return Plan("audio")
    return Plan("document")


class _Ready(NamedTuple):
    """A file as it is uploaded."""

    mime: str
    kind: str
    remark: str = ""


_CHANGES: Mapping[str, Callable[[Spooled], Awaitable[str | None]]] = {
    "picture": convert.picture,
    "film": convert.film,
    "voice": convert.voice,
}


class _Answer(msgspec.Struct, frozen=True):
    id: str


_decode = msgspec.json.Decoder(_Answer).decode


class Uploader:
    """Uploads files of all numbers. `streams` is closed by its owner."""

    def __init__(self, streams: Streams, api_url: str, api_version: str) -> None:
        self._streams = streams
        self._one_at_a_time = asyncio.Lock()
        self._base = f"{api_url.rstrip('/')}/{api_version}/"

    async def upload(self, number: Number, file: StaffFile, spooled: Spooled, *, captioned: bool) -> Uploaded:
        """Change the file where that makes it showable, and bring it to WhatsApp. Raises `PlatformError`, `OSError`."""
        if not spooled.size:
            raise PlatformError(errors.file_empty())
        if spooled.size > DOCUMENT_BYTES:
            raise PlatformError(errors.file_too_large())
        ready = await self._prepared(file, spooled, captioned=captioned)
        name = safe_name(file.name, ready.kind, ready.mime)
        media = await self._post(number, spooled, name, ready.mime)
        return Uploaded(media=media, kind=ready.kind, name=name, remark=ready.remark)

    async def _prepared(self, file: StaffFile, spooled: Spooled, *, captioned: bool) -> _Ready:
        """After a change where one is due."""
        mime = settled(file.mime, sniff(spooled.head))
        planned = plan(mime, spooled.size, voice=file.voice, captioned=captioned, head=spooled.head)
        if not planned.change:
            return _Ready(mime, planned.kind)
        size = spooled.size
        try:
            # A large picture takes hundreds of megabytes of memory for a moment.
            async with self._one_at_a_time:
                changed = await _CHANGES[planned.change](spooled)
        except ConversionError as problem:
            # What was recorded may still be heard, if not as a voice message.
            kind = plan(mime, size, voice=False, captioned=captioned).kind if file.voice else "document"
            return _Ready(mime, kind, f"it was sent as it is, because {problem.words}")
        if changed is None:
            return _Ready(mime, planned.kind)
        if spooled.size > LIMITS[planned.kind]:
            # What it is now is as good a document.
            why = "it was sent as a document, because it is too large for WhatsApp to show"
            return _Ready(changed, "document", why)
        return _Ready(changed, planned.kind)

    async def _post(self, number: Number, spooled: Spooled, name: str, mime: str) -> str:
        boundary = f"threadline-{secrets.token_hex(16)}"
        head, tail = _form(boundary, name, mime)
        url = f"{self._base}{number.phone_number_id}/media"
        headers = {
            "Authorization": f"Bearer {number.token}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        size = len(head) + spooled.size + len(tail)
        try:
            status, answer = await self._streams.post(url, headers, _framed(head, spooled, tail), size)
        except (UnsentError, LongError, SlowError) as error:
            raise PlatformError(errors.of_break_down(error, repeatable=True)) from error
        except HttpError as error:
            raise PlatformError(errors.file_not_taken()) from error
        if not 200 <= status < 300:
            raise PlatformError(errors.of_answer(status, answer, None, repeatable=True))
        try:
            return _decode(answer).id
        except (msgspec.DecodeError, UnicodeError) as error:
            raise PlatformError(errors.file_not_taken()) from error


def _form(boundary: str, name: str, mime: str) -> tuple[bytes, bytes]:
    """What stands before and behind the bytes. RFC 7578: the name in UTF-8, with quotes and line ends escaped."""
    shown = name.replace("%", "%25").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    fields = (("messaging_product", "whatsapp"), ("type", plain_type(mime)))
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields
    ]
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{shown}"\r\n'
        f"Content-Type: {plain_type(mime)}\r\n\r\n"
    )
    return "".join(lines).encode(), f"\r\n--{boundary}--\r\n".encode()


async def _framed(head: bytes, spooled: Spooled, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    async for chunk in spooled.chunks():
        yield chunk
    yield tail
