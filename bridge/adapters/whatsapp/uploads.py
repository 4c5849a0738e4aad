"""Staff files on their way to WhatsApp: what each is sent as, and the upload. (WhatsApp: business-phone-numbers/media.)

WhatsApp shows only some types as pictures, films and sound, and only up to some size; anything else is a document. What a
small change makes showable is changed; where that fails, the file goes as the document it is, and its author is told.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import msgspec

from bridge.adapters.base import Uploaded
from bridge.adapters.http import HttpError, SlowError, UnsentError
from bridge.adapters.streaming import LongError, Streams
from bridge.adapters.whatsapp import errors
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.outgoing import media_name
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


class _Answer(msgspec.Struct, frozen=True):
    id: str


_decode = msgspec.json.Decoder(_Answer).decode


class Uploader:
    """Uploads files of all numbers. `streams` is closed by its owner."""

    def __init__(self, streams: Streams, api_url: str, api_version: str) -> None:
        self._streams = streams
        self._base = f"{api_url.rstrip('/')}/{api_version}/"

    async def upload(self, number: Number, file: StaffFile, spooled: Spooled, *, captioned: bool) -> Uploaded:
        """Change the file where that makes it showable, and bring it to WhatsApp. Raises `PlatformError`, `OSError`."""
        if not spooled.size:
            raise PlatformError(errors.file_empty())
        if spooled.size > DOCUMENT_BYTES:
            raise PlatformError(errors.file_too_large())
        mime, kind, remark = await _prepared(file, spooled, captioned=captioned)
        name = safe_name(file.name, kind, mime)
        media = await self._post(number, spooled, name, mime)
        return Uploaded(media=media_name(kind, media), remark=remark)

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


async def _prepared(file: StaffFile, spooled: Spooled, *, captioned: bool) -> tuple[str, str, str]:
    """The file's type and what it is sent as, after a change where one is due; and what its author has to know."""
    mime = settled(file.mime, sniff(spooled.head))
    planned = plan(mime, spooled.size, voice=file.voice, captioned=captioned, head=spooled.head)
    if not planned.change:
        return mime, planned.kind, ""
    size = spooled.size
    try:
        changed = await _changed(planned.change, spooled)
    except ConversionError as problem:
        return mime, *_instead(
            file, mime, size, captioned=captioned, why=f"it was sent as it is, because {problem.words}"
        )
    if changed is None:
        return mime, planned.kind, ""
    if spooled.size > LIMITS[planned.kind]:
        # Still no smaller than WhatsApp shows: what it is now is as good a document.
        return changed, "document", "it was sent as a document, because it is too large for WhatsApp to show"
    return changed, planned.kind, ""


async def _changed(change: str, spooled: Spooled) -> str | None:
    match change:
        case "picture":
            return await convert.picture(spooled)
        case "film":
            return await convert.film(spooled)
        case _:
            return await convert.voice(spooled)


def _instead(file: StaffFile, mime: str, size: int, *, captioned: bool, why: str) -> tuple[str, str]:
    """What a file is sent as that could not be changed."""
    kind = "document"
    if file.voice:
        kind = plan(mime, size, voice=False, captioned=captioned).kind
    return kind, why


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
