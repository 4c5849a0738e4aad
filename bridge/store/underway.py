"""What the live store has in hand, for the ledger: messages not decided, posts and replies pending, dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from bridge import actions, events
from bridge.actions import Amend, Emit, PostNotice, Relay, Send
from bridge.events import MessageReceived
from bridge.instants import micros
from bridge.ledger import Undecided, UnderWay
from bridge.model import Contact, ContactId, LaneId, MessageId, message_id
from bridge.store import keys
from bridge.store.connection import Redis
from bridge.store.dead import DeadLetters

PAGE = 500
AT_ONCE = 200
T = TypeVar("T")
R = TypeVar("R")


async def look(redis: Redis, lanes: Sequence[LaneId]) -> UnderWay:
    """Everything but held replies and choices (see `waiting`). Raises `StoreUnavailableError`.

    Lanes are read before what is pending, so a message that is decided meanwhile is seen at least once.
    """
    arriving = [one for lane in lanes async for one in _undecided(redis, lane)]
    letters = await DeadLetters(redis, lanes).all()
    buried = [received(letter.lane, letter.event) for letter in letters]
    showing: set[MessageId] = set()
    sending: set[MessageId] = set()
    for lane in lanes:
        async for action in _pending(redis, lane):
            match action:
                case Relay(message=message) | Amend(message=message) | PostNotice(message=str(message)):
                    showing.add(MessageId(message))
                case Send(message=message):
                    sending.add(message)
                case Emit(to=to, event=event) if (passed_on := received(to, event)) is not None:
                    arriving.append(passed_on)
                case _:
                    pass
    return UnderWay(
        arriving=tuple(arriving),
        showing=frozenset(showing),
        sending=frozenset(sending),
        letters=len(letters),
        buried=tuple(one for one in buried if one is not None),
    )


async def waiting(
    contact: Callable[[ContactId], Awaitable[Contact | None]], active: Iterable[ContactId]
) -> tuple[int, int]:
    """How many replies of these contacts' conversations are held, and how many texts wait for a choice."""
    held = choices = 0
    for found in await _each(contact, list(active)):
        for conversation in found.conversations.values() if found else ():
            held += len(conversation.held)
            choices += len(conversation.choices)
    return held, choices


def received(lane: LaneId, packed: bytes) -> Undecided | None:
    """The contact's message in a packed event of a lane; None when it is another event, or cannot be read."""
    try:
        event = events.unpack(packed)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not isinstance(event, MessageReceived):
        return None
    return Undecided(message_id(lane, event.id), micros(event.at))


async def _undecided(redis: Redis, lane: LaneId) -> AsyncIterator[Undecided]:
    after = "-"
    while True:
        page = await redis("XRANGE", keys.stream(lane), after, "+", "COUNT", PAGE)
        for _, fields in page:
            found = received(lane, fields[3])
            if found is not None:
                yield found
        if len(page) < PAGE:
            return
        after = f"({page[-1][0].decode()}"


async def _pending(redis: Redis, lane: LaneId) -> AsyncIterator[actions.AnyAction]:
    units = [unit.decode() for unit in await redis("SMEMBERS", keys.busy(lane))]
    for flat in await _each(lambda unit: redis("HGETALL", keys.actions(lane, unit)), units):
        for name, data in zip(flat[::2], flat[1::2], strict=True):
            if name.startswith(b"!"):
                continue
            try:
                yield actions.unpack(data)
            except msgspec.MsgspecError:
                continue  # a later release's: what it is about is not known here


async def _each(call: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """Call for each, some at a time."""
    found: list[R] = []
    for start in range(0, len(items), AT_ONCE):
        found += await asyncio.gather(*[call(item) for item in items[start : start + AT_ONCE]])
    return found
