"""`GET /media/<signed>`: a contact's file for those who have a link to it, fetched anew each time.

200 the file, as something to save · 404 no link of ours · 410 the link or the file has expired · 502 the contact's
platform does not give it now · 503 too many at once. What comes out was written by somebody outside, so a browser is
told to save it and to run nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import quote

import structlog
from aiohttp import web

from bridge.content import Attachment
from bridge.errors import Failure, FailureKind, PlatformError
from bridge.media.links import BadLinkError, LinkExpiredError, Links, Ticket
from bridge.media.names import safe_name
from bridge.media.spool import Spool, Spooled
from bridge.media.types import RUNS
from bridge.model import InboxId

ROOM_S = 20.0
"""How long a request waits for room on the disk."""
STALLED_S = 30.0
"""How long a browser may take none of the file; it may be paused, and others wait for its room."""
WHOLE_S = 900.0
"""How long it may take for all of it."""
Fetch = Callable[[InboxId, Attachment, Spooled], Awaitable[str]]
_SAFE = ("image/", "audio/", "video/")
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger(__name__)


class MediaDoor:
    """Serves files. `fetch` is the channel's. `spool` is the door's own: what browsers hold up holds up no thread."""

    def __init__(
        self,
        links: Links,
        fetch: Fetch,
        spool: Spool,
        now: Callable[[], datetime],
        *,
        stalled_s: float = STALLED_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._links = links
        self._fetch = fetch
        self._spool = spool
        self._now = now
        self._stalled_s = stalled_s
        self._whole_s = whole_s

    async def get(self, request: web.Request) -> web.StreamResponse:
        """One request; see the module for the answers."""
        try:
            ticket = self._links.read(request.match_info["signed"], self._now())
        except BadLinkError:
            return _said(404, "This is not a link to a file, or one that was cut off.")
        except LinkExpiredError:
            return _said(
                410, "This link has expired. Press Retry at the message in the thread, or ask the contact."
            )
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(ROOM_S):
                    file = await stack.enter_async_context(self._spool.file())
            except TimeoutError:
                return _said(503, "Many files are being fetched at the moment. Try again in a minute.")
            try:
                mime = await self._fetch(ticket.inbox, ticket.attachment(), file)
            except PlatformError as problem:
                return _failed(problem.failure)
            except OSError:
                log.exception("media.no_room")
                return _said(503, "There is no room for the file at the moment. Try again later.")
            response = _response(ticket, file, mime)
            await response.prepare(request)
            try:
                async with asyncio.timeout(self._whole_s):
                    async for chunk in file.chunks():
                        async with asyncio.timeout(self._stalled_s):
                            await response.write(chunk)
            except TimeoutError:
                log.info("media.not_taken")
                if request.transport is not None:
                    # A good end would pass for the whole file, and what is still to be sent would be kept.
                    request.transport.abort()
            return response


def _response(ticket: Ticket, file: Spooled, mime: str) -> web.StreamResponse:
    name = safe_name(ticket.name, ticket.kind.value, mime)
    shown = (
        mime
        if mime.startswith(_SAFE) and mime not in RUNS and mime != "image/svg+xml"
        else "application/octet-stream"
    )
    plain = "".join(one if one.isascii() and one not in '"\\%' else "_" for one in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    response = web.StreamResponse(
        headers={**_HEADERS, "Content-Type": shown, "Content-Disposition": disposition}
    )
    response.content_length = file.size
    return response


def _failed(failure: Failure) -> web.Response:
    gone = failure.kind is FailureKind.NEVER
    return _said(410 if gone else 502, failure.words)


def _said(status: int, words: str) -> web.Response:
    return web.Response(status=status, text=f"{words}\n", headers=_HEADERS)
