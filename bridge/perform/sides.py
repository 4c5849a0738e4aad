"""What the performer is told by its wiring, and what it needs of its neighbours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import msgspec

from bridge.actions import AnyAction, ShowTrace
from bridge.content import Attachment
from bridge.events import AnyEvent
from bridge.markup import Document
from bridge.media.spool import Spool
from bridge.model import Contact, InboxId, LaneId, Post, Recalled, Reference
from bridge.store.base import Hold


class PerformOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and rhythms; seconds are scaled by `Pace.scale` unless they bound a call."""

    send_timeout_s: float = 10.0
    """A call's own bound; never longer than the hold still lasts. Not scaled."""
    fresh_mark_s: float = 0.25
    """A mark that was written with its action counts as the attempt's for so long: it tells when that was made, and a
    look-up waits from then on. Not scaled.
    """
    lookup_after_s: float = 2.0
    """How long after a call of unknown outcome the platform is asked whether it happened."""
    unknown_wait_s: float = 30.0
    """How long a status webhook may take to settle an outbound message of unknown fate."""
    decoration_wait_s: float = 1.0
    """Cards and receipts wait this long, so that several changes become one call."""
    longest_nap_s: float = 3.0
    """What waits longer leaves memory and is parked in Redis."""
    line_limit: int = 64
    """Actions of one line in memory."""
    give_up_after: int = 8
    """Tries before a reply to a contact is reported as failed (its author can retry)."""
    limited_tries: int = 4
    stopped_s: float = 60.0
    """How long a desk's line waits when nothing will work until an operator acts."""


class PerformMetrics(Protocol):
    """What the performer counts."""

    def send(self, platform: str, kind: str, result: str) -> None:
        """An action was carried out, or not."""

    def retry(self, platform: str, failure: str) -> None:
        """A failure led to another try."""

    def error(self, platform: str, failure: str) -> None:
        """A platform refused or broke down."""

    def rate_limit_wait(self, platform: str, method: str, seconds: float) -> None:
        """A rate limit made us wait."""


class Tracer(Protocol):
    """What tells the road of a message."""

    async def trace(self, action: ShowTrace, link: Callable[[Post], Awaitable[str | None]]) -> Document:
        """In words for whoever asked; waits some seconds at most. `link` gives the address of a post.

        Raises `StoreUnavailableError`.
        """


class Recall(Protocol):
    """What finds a message again that another one is about."""

    async def find(self, contact: Contact, reference: Reference) -> Recalled | None:
        """It, or None where it is not known, or not known in time. Raises `StoreUnavailableError`."""

    async def standing(self, contact: Contact, post: Post) -> str | None:
        """What the contacts' platform calls the message that stands in a post, or None, as `find`."""


class Media:
    """Where files are kept on their way, and who makes links to them."""

    def __init__(
        self, spool: Spool, link: Callable[[InboxId, Attachment, datetime], str | None] = lambda *_: None
    ) -> None:
        """`link` makes an address that serves a contact's file from `now` on for a while; None: nobody serves any."""
        self.spool = spool
        self.link = link


class EngineSide(Protocol):
    """What the performer needs of the engine."""

    def hold(self, lane: LaneId) -> Hold | None:
        """The latest hold of a lane."""

    def expect(self, lane: LaneId, after_s: float) -> None:
        """Something of a lane was parked for so long."""

    async def result(self, lane: LaneId, unit: str, event: AnyEvent, action: AnyAction) -> bool:
        """Commit a result."""

    async def state(self, lane: LaneId, unit: str) -> object:
        """A unit's committed state."""
