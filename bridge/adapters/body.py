"""Reading the body of a webhook request: exactly the bytes that were sent, bounded in size and in time."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

WITHIN_S = 15.0
"""How long a body may take to arrive; the platforms give up far sooner."""


class UnreadableError(Exception):
    """The body was not taken. `status` is the HTTP answer, `words` say why."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words

    def answer(self) -> web.Response:
        """The answer to give. The connection ends with it, so that nothing more of the body is read."""
        response = web.Response(status=self.status, text=f"{self.words}\n")
        response.force_close()
        return response


async def read_body(request: web.Request, limit: int, within_s: float = WITHIN_S) -> bytes:
    """The body as it came over the wire, at most `limit` bytes.

    Raises `UnreadableError`: 413 when it is larger, whatever its length header says; 408 when it takes longer than
    `within_s` seconds; 415 when it is compressed (no platform does that, and signatures are made over what is
    sent); 400 when the transfer breaks off or is malformed.
    """
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnreadableError(415, "Compressed bodies are not taken; send it as it is.")
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    try:
        if request.content.is_eof():  # a small one came together with its head
            return await _read(request, limit)
        async with asyncio.timeout(within_s):
            return await _read(request, limit)
    except TimeoutError:
        raise UnreadableError(408, f"The body did not arrive within {within_s:g} seconds.") from None
    except (ConnectionError, HttpProcessingError, web.RequestPayloadError):
        raise UnreadableError(400, "The body broke off or was not sent as HTTP demands.") from None


async def _read(request: web.Request, limit: int) -> bytes:
    content = request.content
    first = await content.readany()
    if content.at_eof() and len(first) <= limit:
        return first
    chunks, size = [first], len(first)
    while size <= limit and (chunk := await content.readany()):
        size += len(chunk)
        chunks.append(chunk)
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def _too_large(limit: int) -> UnreadableError:
    return UnreadableError(413, f"The body is larger than {limit} bytes.")
