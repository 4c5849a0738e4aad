"""One round: the script is played while things go wrong, then all is quiet, and what was seen is checked."""

from __future__ import annotations

import asyncio
import pprint
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import redis.asyncio
from redis.asyncio.cluster import RedisCluster

from bridge.model import DESK_LANE, shard_lane
from bridge.store import keys
from tests.campaign import desk
from tests.campaign.archive import joined, remembered
from tests.campaign.checker import check
from tests.campaign.people import Speaking
from tests.campaign.record import Arrived, Intent, Left, Seen, Typed, Way, Written, Wrong, tokens
from tests.campaign.script import Fault, Script
from tests.campaign.stage import NUMBERS, Stage, staged
from tests.campaign.trouble import Trouble
from tests.campaign.watch import Watch

QUIET_S = 120.0
"""How long everything may take to come to rest once nothing goes wrong any more."""
STILL_S = 0.5
"""For how long nothing may move before it counts as at rest."""
TAKEN_UP = 3
"""How often what failed or is in doubt is taken up again by its author."""


@dataclass
class Outcome:
    """What came of a round. `faults` counts what took effect, by kind."""

    seed: int
    written: int = 0
    typed: int = 0
    internal: int = 0
    sent: int = 0
    """Messages that WhatsApp took from the business."""
    failed: int = 0
    doubted: int = 0
    """Staff replies that were shown as failed, and as in doubt, at any time."""
    joined: int = 0
    """Contacts that turned out to be somebody known already."""
    merged: int = 0
    """Posts that show several messages."""
    given_up: int = 0
    """Events that Slack gave up bringing, mostly of the bot's own posts."""
    unheard: int = 0
    """Messages of staff that Slack gave up bringing."""
    missed: int = 0
    dead: int = 0
    ended_by_themselves: int = 0
    traces: int = 0
    """Stack traces in the workers' logs."""
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrongs: list[Wrong] = field(default_factory=list)
    seconds: float = 0.0


async def play(script: Script, folder: Path, *, cluster: bool = False) -> Outcome:
    """Play one script, with data and logs in `folder`; on a cluster, if wanted. What went wrong is in the outcome."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with staged(script, folder, cluster=cluster) as stage:
        watch = Watch(stage.sandbox.feed)
        trouble = Trouble(stage, script.talks)
        start = loop.time()
        talks = [Speaking(stage, talk, start) for talk in script.talks]
        blows = [asyncio.create_task(_later(trouble, fault, start)) for fault in script.faults]
        await asyncio.gather(*(one.run() for one in talks))
        await asyncio.gather(*blows)
        faults = await trouble.calm()
        waiting = await _settle(stage, script, talks)
        if any(one.talk.two_in_one for one in talks):
            for one in talks:
                await one.last_words()
            waiting = await _quiet(stage, script)
        await watch.stop()
        outcome = await _outcome(stage, watch, trouble, talks, waiting, folder)
    outcome.seed, outcome.faults = script.seed, faults
    outcome.ended_by_themselves = sum(one.ended_by_itself for one in stage.workers)
    outcome.traces = sum(one.process.log().count("Traceback") for one in stage.workers)
    outcome.seconds = loop.time() - began
    return outcome


async def _later(trouble: Trouble, fault: Fault, start: float) -> None:
    await asyncio.sleep(max(0.0, start + fault.at - asyncio.get_running_loop().time()))
    await trouble.befalls(fault)


# ---------------------------------------------------------------------------------------------- coming to rest


async def _settle(stage: Stage, script: Script, talks: list[Speaking]) -> dict[str, int]:
    """Phones on, authors answer, until nothing moves; what still waits in Redis then."""
    for talk in talks:
        await talk.customer.goes_online()
    left = await _quiet(stage, script)
    dice = random.Random(script.seed)  # noqa: S311 - dice that can be repeated
    for _ in range(TAKEN_UP):
        pressed = 0
        for talk in talks:
            pressed += await _take_up(stage, talk, dice, script.settles)
        left = await _quiet(stage, script)
        if not pressed:
            break
    return left


async def _take_up(stage: Stage, talk: Speaking, dice: random.Random, chance: float) -> int:
    """Authors press Retry on what failed, and settle what is in doubt by what the customer tells them."""
    pressed = 0
    got = {found for one in _arrivals(talk) if one.status != "failed" for found in tokens(one.text)}
    receipts = desk.receipts(stage.sandbox)
    for words in talk.spoken:
        shown = receipts.get(desk.post_id(talk.talk.channel, words.ts), frozenset())
        if words.token in got or words.intent is Intent.INTERNAL or dice.random() >= chance:
            continue
        button = "retry" if "x" in shown else "resend" if "grey_question" in shown else ""
        if button:
            pressed += await talk.press_notice(words.author, button, words)
            pressed += await talk.press_whisper(words.author, button, [words])
    return pressed


async def _quiet(stage: Stage, script: Script) -> dict[str, int]:
    """Wait until nothing is under way between the platforms and the bridge; what waits in Redis, if it never is."""
    loop = asyncio.get_running_loop()
    client = stage.valkey.watcher()
    waiting: dict[str, int] = {}
    try:
        deadline = loop.time() + QUIET_S
        still_since: float | None = None
        while loop.time() < deadline:
            waiting = await _waiting(client, script)
            moving = _under_way(stage) or any(waiting.values())
            if moving:
                still_since = None
            elif still_since is None:
                still_since = loop.time()
            elif loop.time() - still_since > STILL_S:
                return waiting
            await asyncio.sleep(0.1)
    finally:
        await client.aclose()
    return waiting | {"on its way from the platforms": _under_way(stage)}


def _under_way(stage: Stage) -> int:
    """Deliveries of either platform, and messages on their way to a phone."""
    whatsapp, slack = stage.sandbox.whatsapp, stage.sandbox.slack
    return len(whatsapp.webhook._tasks) + len(whatsapp._world._tasks) + len(slack.delivery._tasks)


async def _waiting(client: redis.asyncio.Redis | RedisCluster, script: Script) -> dict[str, int]:
    lanes = [*(shard_lane(shard) for shard in range(script.shards)), DESK_LANE]
    async with client.pipeline(transaction=False) as pipe:
        for lane in lanes:
            pipe.execute_command("XLEN", keys.stream(lane))
            pipe.execute_command("SCARD", keys.busy(lane))
            pipe.execute_command("ZCARD", keys.parked(lane))
            pipe.execute_command("XLEN", keys.journal(lane))
        counts = await pipe.execute()
    kinds = (keys.stream, keys.busy, keys.parked, keys.journal)
    names = [kind(lane) for lane in lanes for kind in kinds]
    return dict(zip(names, counts, strict=True))


# ------------------------------------------------------------------------------------------------ what was seen


async def _outcome(
    stage: Stage,
    watch: Watch,
    trouble: Trouble,
    talks: list[Speaking],
    waiting: dict[str, int],
    folder: Path,
) -> Outcome:
    """Gather what was done and seen, check it, and keep it in `folder` for whoever looks into what went wrong."""
    written = [one for talk in talks for one in _written(talk, watch)]
    typed = [one for talk in talks for one in _typed(stage, talk, watch)]
    receipts = desk.receipts(stage.sandbox)
    seen = Seen(
        cards=desk.cards(stage.sandbox) + tuple(trouble.deleted),
        posts=desk.posts(stage.sandbox),
        whispers=desk.whispers(stage.sandbox),
        arrived=tuple(one for talk in talks for one in _arrivals(talk)),
        receipts=receipts,
        left=Left(waiting, await _dead(stage)),
        archive=await remembered(stage.archive),
    )
    account = pprint.pformat({"written": written, "typed": typed, "seen": seen}, width=200)
    (folder / "account.txt").write_text(account, encoding="utf-8")
    mine = [receipts.get(one.post, frozenset()) for one in typed]
    return Outcome(
        seed=0,
        written=len(written),
        typed=len(typed),
        internal=sum(one.intent is Intent.INTERNAL for one in typed),
        sent=len(seen.arrived),
        failed=sum("x" in one for one in mine),
        doubted=sum("grey_question" in one for one in mine),
        joined=await joined(stage.archive),
        merged=sum(len(tokens(post.text)) > 1 for post in seen.posts if post.name),
        given_up=watch.gave_up,
        unheard=sum(one.given_up for one in typed),
        missed=sum(talk.missed for talk in talks),
        dead=seen.left.dead,
        calls=watch.calls.total(),
        wrongs=check(written, typed, seen),
    )


def _written(talk: Speaking, watch: Watch) -> list[Written]:
    return [
        Written(
            one.token,
            talk.talk.customer,
            talk.talk.channel,
            one.text,
            watch.webhook.get(one.id, Way()),
            one.under,
            one.last,
        )
        for one in talk.sent
    ]


def _typed(stage: Stage, talk: Speaking, watch: Watch) -> list[Typed]:
    channel = stage.sandbox.slack.channel(talk.talk.channel).id
    return [
        Typed(
            one.token,
            talk.talk.customer,
            talk.talk.channel,
            one.author,
            one.text,
            one.intent,
            desk.post_id(talk.talk.channel, one.ts),
            watch.events.get((channel, one.ts), Way()),
            one.thread if talk.talk.two_in_one else "",
            pressed=one.pressed,
            given_up=(channel, one.ts) in watch.lost,
        )
        for one in talk.spoken
    ]


def _arrivals(talk: Speaking) -> list[Arrived]:
    """What WhatsApp took for the talk's customer, in the order it was taken, of all business numbers."""
    channels = {number: name for name, number in NUMBERS.items()}
    return [
        Arrived(talk.talk.customer, channels[number], one.text, one.status, one.id)
        for number, chat in talk.customer.chats.items()
        for one in chat.messages
        if one.from_business
    ]


async def _dead(stage: Stage) -> int:
    client = stage.valkey.watcher()
    try:
        found = [key async for key in client.scan_iter(match="{*}:dead")]
        return sum([await client.xlen(key) for key in found])
    finally:
        await client.aclose()
