"""Files that contacts sent: found by their id, fetched with the token, looked at before anybody gets them.

WhatsApp: business-phone-numbers/media. An id leads to an address that is good for five minutes, and that to the
bytes, both for the bearer token only. The token goes to the hosts of the settings and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import msgspec
import structlog

from bridge.adapters.http import HttpError
from bridge.adapters.streaming import Incoming, LongError, PrivateError, Streams
from bridge.adapters.whatsapp import errors
from bridge.adapters.whatsapp.caller import GraphCaller
from bridge.adapters.whatsapp.numbers import Number
from bridge.content import Attachment
from bridge.errors import PlatformError
from bridge.media.spool import Spooled, TooLargeError
from bridge.media.types import fits, plain_type, settled, sniff

MEDIA_HOSTS = ("lookaside.fbsbx.com",)
"""Where WhatsApp keeps files."""
_ADDRESSES = 2
"""An address may die between our getting and using it; then there is another one."""
_REDIRECTS = 3
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")

log = structlog.get_logger(__name__)


class _Described(msgspec.Struct, frozen=True):
    url: str
    mime_type: str = ""
    file_size: str | int | None = None


_decode = msgspec.json.Decoder(_Described).decode


class _Dead(Exception):  # noqa: N818 - not an error: the address is not good any more
    """404 or the like."""


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class MediaFetcher:
    """Fetches files of all numbers through one `caller`. `streams` is closed by its owner."""

    def __init__(self, caller: GraphCaller, streams: Streams, api_url: str, hosts: Collection[str]) -> None:
        self._caller = caller
        self._streams = streams
        self._api = _origin(api_url)
        self._hosts = frozenset(host.lower() for host in hosts)

    async def fetch(self, number: Number, attachment: Attachment, into: Spooled) -> str:
        """Write the file into `into`; its type, as its bytes show it. Raises `PlatformError`."""
        if not _ID.fullmatch(attachment.media):
            raise PlatformError(errors.media_gone())
        for _ in range(_ADDRESSES):
            described = await self._describe(number, attachment.media)
            size = _size(described.file_size)
            if size is not None and size > into.most_bytes:
                raise PlatformError(errors.media_too_large(into.most_bytes))
            try:
                answered = await self._download(described.url, number.token, into)
            except _Dead:
                continue
            return _judged(attachment, described.mime_type or answered, size, into)
        raise PlatformError(errors.media_broken())

    async def _describe(self, number: Number, media: str) -> _Described:
        path = f"{quote(media, safe='')}?phone_number_id={quote(number.phone_number_id, safe='')}"
        try:
            answer = await self._caller.get(path, number.token)
        except PlatformError as problem:
            raise PlatformError(errors.of_media(problem.failure)) from problem
        try:
            return _decode(answer)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise PlatformError(errors.media_broken()) from error

    async def _download(self, url: str, token: str, into: Spooled) -> str:
        """The content type of what was written into `into`. Raises `_Dead`, `PlatformError`."""
        try:
            for _ in range(_REDIRECTS):
                self._check(url)
                async with self._streams.get(url, {"Authorization": f"Bearer {token}"}) as answer:
                    if 300 <= answer.status < 400:
                        url = urljoin(url, answer.headers.get("Location", ""))
                        continue
                    return await _take(answer, into)
        except PrivateError as error:
            raise PlatformError(errors.media_elsewhere()) from error
        except LongError as error:
            raise PlatformError(errors.media_slow()) from error
        except HttpError as error:
            raise PlatformError(errors.of_break_down(error, repeatable=True)) from error
        except TooLargeError as error:
            raise PlatformError(errors.media_too_large(into.most_bytes)) from error
        raise PlatformError(errors.media_elsewhere())

    def _check(self, url: str) -> None:
        """Raises unless `url` is one that may see the token."""
        origin = _origin(url)
        if origin is None or not (
            origin == self._api
            or (origin.scheme == "https" and origin.port == 443 and origin.host in self._hosts)
        ):
            log.error("media.elsewhere", host=origin.host[:100] if origin else "")
            raise PlatformError(errors.media_elsewhere())


async def _take(answer: Incoming, into: Spooled) -> str:
    status = answer.status
    if status in {404, 410}:
        raise _Dead
    if status != 200:
        raise PlatformError(
            errors.of_media(errors.of_answer(status, b"", answer.headers.get("Retry-After"), repeatable=True))
        )
    said = answer.headers.get("Content-Length", "")
    if said.isdecimal() and int(said) > into.most_bytes:
        raise TooLargeError
    await into.take(answer.chunks)
    return answer.headers.get("Content-Type", "")


def _judged(attachment: Attachment, declared: str, size: int | None, file: Spooled) -> str:
    """The type of the file. Raises `PlatformError` where it is none, or not what it is said to be."""
    if not file.size:
        raise PlatformError(errors.media_empty())
    declared = plain_type(declared or attachment.mime)
    found = sniff(file.head)
    if found == "text/html" and (
        declared != "text/html" or plain_type(attachment.mime) not in {"", "text/html"}
    ):
        raise PlatformError(errors.media_page())
    if size is not None and file.size != size:
        raise PlatformError(errors.media_broken())
    if not fits(attachment.kind.value, found):
        raise PlatformError(errors.media_not(attachment.kind.value, found))
    if attachment.sha256 and file.sha256 not in _digests(attachment.sha256):
        # Whether WhatsApp's hash is that of the bytes it serves is not documented, so this is no reason to refuse.
        log.warning("media.hash_differs", kind=attachment.kind.value, size=file.size)
    return settled(attachment.mime or declared, found)


def _digests(text: str) -> tuple[bytes, ...]:
    """What a hash in base64 (webhooks) or hex (the API) stands for."""
    found = []
    for decode in (base64.b64decode, bytes.fromhex):
        try:
            found.append(decode(text))
        except (ValueError, binascii.Error):
            continue
    return tuple(found)


def _size(text: str | int | None) -> int | None:
    return int(text) if text is not None and str(text).isdecimal() and len(str(text)) < 16 else None


def _origin(url: str) -> _Origin | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return None
    if not parts.hostname or not port or parts.username is not None or parts.password is not None:
        return None
    return _Origin(parts.scheme, parts.hostname.lower(), port)
