"""Answers `!trace`: asks the archive, or the live store where that cannot tell, and puts it into words.

Reads only. The archive follows the journal with a delay, so it is given a moment to reach what was committed when
the question came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import msgspec
import structlog

from bridge import journal
from bridge.actions import ShowTrace
from bridge.errors import BridgeError, StoreUnavailableError
from bridge.markup import Document
from bridge.model import (
    RECENT_KEPT,
    LaneId,
    Policies,
    Post,
    Recent,
    Roster,
    conversation_number,
    lane_of,
)
from bridge.routing import answers, tracing
from bridge.routing.tracing import Committed, Trace
from bridge.store import records
from bridge.store.base import History, LaneStore, Told
from bridge.store.entries import written_ms

BEHIND_S = 3.0
"""How long the archive may take to reach what the question is about."""
READ_S = 5.0
COMMANDS_BETWEEN = 20
"""Typed commands are messages in the archive and not to people: so many more are looked at."""

log = structlog.get_logger(__name__)

_line = msgspec.msgpack.Decoder(Recent)
Link = Callable[[Post], Awaitable[str | None]]


class _Untold(Exception):  # noqa: N818 - not an error: why the archive cannot tell, in words
    """The archive cannot tell now."""


class Tracer:
    """See `perform.sides.Tracer`.

    `caught_up` waits until the archive has all that a lane has journaled by now, for so many seconds (False: longer);
    `mask` hides numbers in ids.
    """

    def __init__(
        self,
        store: LaneStore,
        history: History,
        caught_up: Callable[[LaneId, float], Awaitable[bool]],
        *,
        policies: Callable[[], Policies],
        roster: Callable[[], Roster],
        now: Callable[[], datetime],
        mask: Callable[[str], str],
        behind_s: float = BEHIND_S,
    ) -> None:
        self._store = store
        self._history = history
        self._caught_up = caught_up
        self._policies = policies
        self._roster = roster
        self._now = now
        self._mask = mask
        self._behind_s = behind_s

    async def trace(self, action: ShowTrace, link: Link) -> Document:
        """What is known of the message that was asked for, in words; an archive that cannot tell is one of them.

        `link` gives a post's address. Raises `StoreUnavailableError` when the live store does not answer.
        """
        notes: tuple[str, ...] = ()
        try:
            found = await self._from_archive(action)
        except _Untold as untold:
            notes = (str(untold),)
            found = await self._from_records(action)
            if found is None:
                return answers.trace_unknown()
        if found is None:
            return answers.no_such_message(action.back)
        posts = dict.fromkeys(hop.post for hop in found.hops[-tracing.MOST_HOPS :] if hop.post)
        links = {post: url for post in posts if (url := await link(post))}
        return tracing.document(found, self._now(), links, self._mask, notes)

    # ------------------------------------------------------------------------------------- the archive

    async def _from_archive(self, action: ShowTrace) -> Trace | None:
        """The road of the message; None when there is no such message. Raises _Untold."""
        try:
            async with asyncio.timeout(self._behind_s + READ_S):
                if not await self._caught_up(lane_of(action.contact), self._behind_s):
                    raise _Untold(answers.archive_behind())
                told = await self._history.told(
                    action.contact, action.conversation, action.back + COMMANDS_BETWEEN
                )
        except StoreUnavailableError:
            raise
        except (BridgeError, TimeoutError) as problem:
            # Where the database is and what it says is for operators, not for everybody on the desk.
            log.warning("archive.not_read", where="trace", problem=str(problem) or "no answer in time")
            raise _Untold(answers.archive_away()) from problem
        facts = list(_read(told))
        message = tracing.chosen(facts, action.conversation, action.back, action.asked)
        if message is None:
            return None
        return tracing.traced(facts, message, self._number(action), action.back, self._roster())

    # -------------------------------------------------------------------------------------- the live store

    async def _from_records(self, action: ShowTrace) -> Trace | None:
        """What the message's record says; None when it is not remembered."""
        lane = lane_of(action.contact)
        packed = await self._store.recent(lane, action.conversation, RECENT_KEPT)
        line = tracing.remembered([_line.decode(one) for one in packed], action.back, action.asked)
        if line is None or line.message is None:
            return None
        found = await self._store.message_records(lane, [action.contact], [line.message], [])
        number = self._number(action)
        if line.message not in found:
            return tracing.from_line(line, line.message, number, action.back)
        return tracing.from_record(
            records.unpack(line.message, found[line.message]), line, number, action.back
        )

    def _number(self, action: ShowTrace) -> int:
        return conversation_number(action.conversation, self._policies().shards)


def _read(told: Iterable[Told]) -> Iterable[Committed]:
    """Facts that this release can read; a newer one may have written others."""
    for one in told:
        try:
            fact = journal.unpack(one.fact)
        except msgspec.MsgspecError:
            continue
        yield Committed(ms=written_ms(one.entry), fact=fact)
