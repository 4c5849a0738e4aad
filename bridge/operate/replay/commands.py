"""The subcommands of `threadline replay`. Each returns the exit code: 0 well, 1 something was refused or failed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console

from bridge import journal
from bridge.errors import StoreUnavailableError
from bridge.model import LaneId
from bridge.observe import configure_logging
from bridge.operate.replay import letters as about
from bridge.operate.replay.letters import Found
from bridge.operate.replay.shown import details, listing, say, show_json
from bridge.parts import lanes, open_redis, policies
from bridge.settings import Settings
from bridge.spans import spell
from bridge.store.connection import Redis
from bridge.store.dead import DeadLetters, Letter, Retried
from bridge.store.health import ShardCountError, expect_shards
from bridge.store.inlet import LiveInlet

LOOK_EVERY_S = 0.2
_NAME = re.compile(r"(\w+):(\d{1,15}-\d{1,10})")


class _Refusal(Exception):  # noqa: N818 - words for the operator, not a defect
    """It is not done; the words say why."""


async def show_all(settings: Settings, *, as_json: bool, limit: int) -> int:
    """List what waits, oldest first."""

    async def work(dead: DeadLetters, _redis: Redis) -> int:
        found = _in_order(await dead.all())
        now_ms = await dead.now_ms()
        if as_json:
            show_json([about.summary(one, now_ms) for one in found])
        elif not found:
            say("No dead letters: every event was decided.")
        else:
            Console(highlight=False).print(listing(found[:limit], now_ms))
            if len(found) > limit:
                say(f"… and {len(found) - limit:,} more; see them with --limit {len(found)}")
            count = "1 dead letter" if len(found) == 1 else f"{len(found):,} dead letters"
            say(f"\n{count}. `threadline replay show ID` says what is in one.")
        return 0

    return await _with_letters(settings, work)


async def show(settings: Settings, name: str, *, as_json: bool, unmasked: bool) -> int:
    """Show one, with everything that can be read of it."""

    async def work(dead: DeadLetters, redis: Redis) -> int:
        found = await _find(dead, name)
        now_ms = await dead.now_ms()
        contents = about.contents(found, unmasked=unmasked)
        decided = await _decided(dead, found)
        if as_json:
            show_json(about.summary(found, now_ms) | {"decided_meanwhile": decided, "event": contents})
            return 0
        contact = await _contact(LiveInlet(redis, policies(settings)), found, unmasked=unmasked)
        Console(highlight=False).print(details(found, contents, contact, now_ms, unmasked=unmasked))
        before = about.held_back_by(found, map(about.read, await dead.all()))
        for line in about.advice(found, before, decided=decided):
            say(f"→ {line}")
        return 0

    return await _with_letters(settings, work)


async def retry(
    settings: Settings, names: Sequence[str], *, everything: bool, force: bool, wait_s: float
) -> int:
    """Put letters back and say what became of them; 1 when one was refused or is a dead letter again."""

    async def work(dead: DeadLetters, _redis: Redis) -> int:
        waiting = _in_order(await dead.all())
        chosen, refused = (waiting, 0) if everything else await _choose(dead, names)
        if everything and not chosen:
            say("No dead letters: there is nothing to retry.")
        back: list[Found] = []
        for found in chosen:
            # Those that go back before it do not hold it back.
            problem = about.why_not(found, (one for one in waiting if one not in back))
            if problem is None or force:
                back.append(found)
            else:
                say(f"{found.letter.name}: {problem}", wrong=True)
                refused += 1
        return 1 if await _put_back(dead, back, wait_s) + refused else 0

    return await _with_letters(settings, work)


async def _choose(dead: DeadLetters, names: Sequence[str]) -> tuple[list[Found], int]:
    """The letters with these names, in order, and how many there are none of."""
    found: list[Found] = []
    refused = 0
    for name in dict.fromkeys(names):
        try:
            found.append(await _find(dead, name))
        except _Refusal as refusal:
            say(str(refusal), wrong=True)
            refused += 1
    return sorted(found, key=lambda one: one.order), refused


async def _put_back(dead: DeadLetters, chosen: Sequence[Found], wait_s: float) -> int:
    """Put letters back, lane by lane, in order; how many of them failed."""
    failed = 0
    entries: dict[LaneId, dict[str, Found]] = {}
    decided = {one.letter.name: await _decided(dead, one) for one in chosen}
    for lane in dict.fromkeys(one.letter.lane for one in chosen):
        of_lane = [one for one in chosen if one.letter.lane == lane]
        back = await dead.retry([one.letter for one in of_lane])
        entries[lane] = {back[one.letter.id]: one for one in of_lane if one.letter.id in back}
        for one in of_lane:
            if one.letter.id not in back:
                say(f"{one.letter.name}: {_TAKEN}", wrong=True)
                failed += 1
    became = await _wait(dead, entries, wait_s)
    for lane, by_entry in entries.items():
        for entry, one in by_entry.items():
            end = became[lane][entry]
            failed += end is Retried.BURIED
            known = decided[one.letter.name]
            say(f"{one.letter.name}: {_outcome(one, end, wait_s, known=known)}", wrong=end is Retried.BURIED)
    return failed


_TAKEN = "somebody else took it a moment ago; nothing was done"


def _outcome(found: Found, end: Retried, wait_s: float, *, known: bool) -> str:
    match end:
        case Retried.DECIDED if known:
            return "had been decided meanwhile under the same id, so nothing changed; it is cleared away"
        case Retried.DECIDED if found.message is not None:
            return "decided; its message goes to the thread"
        case Retried.DECIDED:
            return "decided"
        case Retried.BURIED:
            return "failed again and is a dead letter again, under a new id; the log of the workers says why"
        case _:
            return f"is back in its lane; no worker got to it within {wait_s:g} s. Is one running?"


async def _wait(
    dead: DeadLetters, entries: dict[LaneId, dict[str, Found]], wait_s: float
) -> dict[LaneId, dict[str, Retried]]:
    """What became of the entries, once none of them waits or the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        became = {lane: await dead.retried(lane, by_entry) for lane, by_entry in entries.items()}
        waits = any(one is Retried.WAITING for of_lane in became.values() for one in of_lane.values())
        if not waits or loop.time() >= until:
            return became
        await asyncio.sleep(LOOK_EVERY_S)


async def drop(
    settings: Settings, name: str, *, reason: str, force: bool, sure: Callable[[str], bool]
) -> int:
    """Drop one for good and journal why; `sure` is asked first."""

    async def work(dead: DeadLetters, _redis: Redis) -> int:
        found = await _find(dead, name)
        if found.event is None and not force:
            raise _Refusal(
                f"{name}: this release cannot read it, so nobody can tell what would be lost. Another release "
                "may be able to; --force drops it all the same"
            )
        now_ms = await dead.now_ms()
        what = f"{found.kind or 'unreadable'}, arrived {spell((now_ms - found.arrived_ms) / 1000)} ago"
        lost = "The contact's message in it will never be shown.\n" if found.message else ""
        if not sure(f"{name} ({what})\n{lost}Drop it for good?"):
            raise _Refusal("Nothing was dropped.")
        fact = about.dropped(found, datetime.fromtimestamp(now_ms / 1000, UTC), reason)
        if not await dead.drop(found.letter, journal.pack(fact)):
            raise _Refusal(f"{name}: {_TAKEN}")
        say(f"{name}: dropped. The journal keeps the event and the reason.")
        return 0

    return await _with_letters(settings, work)


# ---------------------------------------------------------------------------------------------- reaching them


async def _with_letters(settings: Settings, work: Callable[[DeadLetters, Redis], Awaitable[int]]) -> int:
    configure_logging("error")
    redis = open_redis(settings)
    try:
        await expect_shards(redis, settings.shards)
        return await work(DeadLetters(redis, lanes(settings)), redis)
    except (_Refusal, StoreUnavailableError, ShardCountError) as problem:
        say(str(problem), wrong=True)
        return 1
    finally:
        await redis.aclose()


def _in_order(letters: Sequence[Letter]) -> list[Found]:
    return sorted(map(about.read, letters), key=lambda one: one.order)


async def _find(dead: DeadLetters, name: str) -> Found:
    """The letter with this name. Raises _Refusal with the reason why there is none."""
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise _Refusal(f"{name!r} is no dead letter's id; expected one from the list, as s7:1700000000000-0")
    lane = LaneId(match[1])
    if lane not in dead.lanes:
        raise _Refusal(f"{name}: there is no lane {lane}; there are s0 to s{len(dead.lanes) - 2} and desk")
    letter = await dead.get(lane, match[2])
    if letter is None:
        raise _Refusal(f"{name} is no dead letter (any more): it was put back or dropped, or the id is wrong")
    return about.read(letter)


async def _decided(dead: DeadLetters, found: Found) -> bool:
    return found.event is not None and await dead.decided(found.letter.lane, found.event.id)


async def _contact(inlet: LiveInlet, found: Found, *, unmasked: bool) -> str:
    """Whom a letter is about, with the numbers of their conversations."""
    if found.contact is None:
        return "none: it is the desk's own"
    try:
        contact = await inlet.contact(found.contact)
    except msgspec.MsgspecError:
        return f"{found.contact} (its record cannot be read, which may be the reason)"
    if contact is None:
        return f"{found.contact} (nothing is stored of it)"
    number = f"+{contact.phone}" if unmasked and contact.phone else contact.label()
    numbers = ", ".join(f"#{one.number}" for one in contact.conversations.values())
    return "  ".join(filter(None, (found.contact, number, numbers)))
