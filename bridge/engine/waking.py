"""Contacts at rest that are needed: asking the archive for them, within bounds, and what to do while it is away.

Nobody waits long for the archive. A contact of which Redis has a stub goes on with what that says, and the rest is
added once the archive answers. One of which Redis has nothing cannot: its events stay in the stream, and their chain
begins anew when the archive is back; meanwhile nothing of it is in memory but a name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import structlog

from bridge.errors import BridgeError
from bridge.events import ContactFetched, pack
from bridge.model import Contact, ContactId, ConversationId, EventId, LaneId, Recent, Roster
from bridge.routing import rest
from bridge.store.base import Shelf, Stored
from bridge.store.entries import before

log = structlog.get_logger(__name__)

PATIENCE_S = 0.3
"""How long an event waits for the archive when a stub would do."""
AWAY_S = 2.0
"""So long after it did not answer nobody waits for the archive, but for one that looks."""
READ_S = 10.0
"""A look-up that takes longer has failed."""
_TOLD_EVERY_S = 30.0
_decode = msgspec.msgpack.Decoder(Contact).decode


class ShelfAwayError(BridgeError):
    """The archive does not answer, or not in time."""


class Returned(msgspec.Struct, frozen=True):
    """A contact as the archive has it."""

    contact: Contact
    recent: tuple[tuple[ConversationId, Recent], ...]
    packed: bytes


class ArchiveReader:
    """Asks the archive for contacts; one for all lanes of a worker. Without a shelf it never answers."""

    def __init__(
        self, shelf: Shelf | None, roster: Callable[[], Roster], patience_s: float = PATIENCE_S
    ) -> None:
        self._shelf = shelf
        self._roster = roster
        self._patience_s = patience_s
        self._away_until = 0.0
        self._told = -_TOLD_EVERY_S

    async def ask(self, contact: ContactId, *, patient: bool = False) -> Returned | None:
        """The contact's state, or None when the archive has none. Raises `ShelfAwayError`: at once while it is known
        to be away, unless `patient`.
        """
        if self._shelf is None:
            raise ShelfAwayError("there is no archive")
        if not patient and time.monotonic() < self._away_until:
            raise ShelfAwayError("the archive did not answer a moment ago")
        try:
            async with asyncio.timeout(READ_S if patient else self._patience_s):
                found = await self._shelf.state(contact)
        except (BridgeError, TimeoutError) as problem:
            self._away_until = time.monotonic() + AWAY_S
            self._tell(problem)
            raise ShelfAwayError(str(problem)) from problem
        self._away_until = 0.0
        return None if found is None else self._read(contact, found)

    def _read(self, contact: ContactId, found: Stored) -> Returned | None:
        try:
            state = _decode(found.state)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.error("rest.unreadable", contact=contact)  # noqa: TRY400 - the trace says nothing more
            return None
        roster = self._roster()
        lines = tuple(
            (
                line.conversation,
                rest.recalled(
                    state,
                    roster,
                    at=line.at,
                    direction=line.direction,
                    author=line.author,
                    said=line.text,
                    internal=line.internal,
                ),
            )
            for line in found.lines
        )
        return Returned(contact=state, recent=lines, packed=found.state)

    def _tell(self, problem: BaseException) -> None:
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY_S:
            self._told = now
            log.warning("rest.archive_away", problem=str(problem) or "it did not answer in time")


class Waker:
    """One lane's contacts that wait for the archive. `append` stores an event of a contact, `revive` begins a
    contact's chain behind a stream id.
    """

    def __init__(
        self,
        lane: LaneId,
        archive: ArchiveReader,
        append: Callable[[str, bytes], Awaitable[None]],
        revive: Callable[[str, str], None],
    ) -> None:
        self._lane = lane
        self._archive = archive
        self._append = append
        self._revive = revive
        self._asleep: dict[str, str] = {}
        self._partial: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def is_asleep(self, unit: str) -> bool:
        """Do the unit's events stay in the stream?"""
        return unit in self._asleep

    def sleep(self, unit: str, first: str) -> None:
        """Leave a unit's events in the stream, from entry `first` on, until the archive answers."""
        self._asleep.setdefault(unit, before(first))
        self._look()

    def complete(self, unit: str) -> None:
        """A contact goes on with what its stub says: get the rest when the archive answers."""
        if unit not in self._partial:
            self._partial.add(unit)
            self._look()

    def stop(self) -> None:
        """The lane is not ours any more."""
        if self._task is not None:
            self._task.cancel()

    def _look(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._wait(), name=f"waker.{self._lane}")

    async def _wait(self) -> None:
        while self._asleep or self._partial:
            await asyncio.sleep(AWAY_S)
            try:
                await self._try()
            except ShelfAwayError:
                continue
            except BridgeError as problem:
                log.debug("rest.not_completed", lane=self._lane, problem=str(problem))

    async def _try(self) -> None:
        for unit in tuple(self._partial):
            found = await self._archive.ask(ContactId(unit), patient=True)
            if found is not None:
                await self._tell(unit, found)
            self._partial.discard(unit)
        if self._asleep:
            await self._archive.ask(ContactId(next(iter(self._asleep))), patient=True)
            asleep, self._asleep = self._asleep, {}
            for unit, after in asleep.items():
                self._revive(unit, after)

    async def _tell(self, unit: str, found: Returned) -> None:
        stored = found.contact.resting
        fetched = ContactFetched(
            id=EventId(f"fetched:{unit}:{stored.timestamp() if stored else 0:.0f}"),
            at=datetime.now(UTC),
            contact=ContactId(unit),
            state=found.packed,
        )
        await self._append(unit, pack(fetched))
