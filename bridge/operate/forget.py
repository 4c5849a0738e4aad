"""`threadline forget`: erase a contact, say what was found and what remains, and offer to delete our posts about it."""

from __future__ import annotations

import asyncio
import contextlib
import pwd
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.text import Text

from bridge.adapters.base import Bucket, Placed
from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import SlackDesk
from bridge.errors import BridgeError, PlatformError
from bridge.events import ContactForgotten
from bridge.model import ContactId, ConversationId, EventId, Post, lane_of
from bridge.operate.common import Meter, explained, one_line, opened
from bridge.parts import lanes, open_redis, policies, slack_desk
from bridge.perform.pace import Pace
from bridge.settings import Settings
from bridge.store.archive import erasing
from bridge.store.archive.database import Database
from bridge.store.archive.lag import Lag
from bridge.store.archive.people import Person, WhoIsMeantError, find_person
from bridge.store.archive.subject import Subject, subject
from bridge.store.connection import Redis
from bridge.store.health import expect_shards
from bridge.store.inlet import LiveInlet
from bridge.store.live import LiveStore

DELETIONS_PER_S = 0.8
"""Slack: chat.delete is of tier 3, about 50 a minute."""
LOOK_EVERY_S = 0.1
RETRIES = 5
POSTS_SHOWN = 20
"""Links to posts that are printed; more are counted."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How it is done."""

    by: str
    """Who asks; kept in the archive."""
    yes: bool = False
    dry_run: bool = False
    force: bool = False
    delete_posts: bool = False
    """Without asking; else it is asked, where somebody can answer."""
    wait_s: float = 30.0


def login(environment: Mapping[str, str], uid: int) -> str:
    """Whose command it is: the login name, or `uid 10001` where a container's user has none."""
    for name in ("LOGNAME", "USER"):
        if environment.get(name):
            return environment[name]
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


Ask = Callable[[str], str]
"""Asks a question and returns what was typed."""


class NotForgottenError(BridgeError):
    """It was not done, or it is not known yet whether; the words say why and what to do."""


async def forget(settings: Settings, who: str, options: Options, ask: Ask) -> int:
    """Forget the contact that `who` names. 1 when that was refused, or is not done yet."""
    console = Console(highlight=False, soft_wrap=True)
    with explained():
        async with opened(settings) as database, _redis(settings) as redis:
            # Never on the wrong database: its lanes would be nobody's.
            await expect_shards(redis, settings.shards)
            found = await _known(database, redis, settings, who)
            live = _Live(settings, redis)
            problem = await live.problem(found)
            _tell(console, found, problem)
            if options.dry_run:
                console.print("Nothing was changed.")
                return 0
            if problem and not options.force:
                raise NotForgottenError(problem)
            if not options.yes and not _agreed(found, ask):
                console.print("Nothing was changed.")
                return 1
            remaining = await _posts(console, settings, redis, found, options, ask)
            await live.forget(found, options)
            await _archived(database, settings, redis, found, options.wait_s)
            await erasing.tidy(database)
    _farewell(console, found, remaining)
    return 0


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[Redis]:
    redis = open_redis(settings)
    try:
        yield redis
    finally:
        await redis.aclose()


# ------------------------------------------------------------------------------------------------ who


async def _known(database: Database, redis: Redis, settings: Settings, who: str) -> Subject:
    """Everything about whoever is meant. What is not archived yet is waited for first, because it tells who there is."""
    await Lag(redis, lanes(settings)).caught_up(2.0)
    async with database.read() as connection:
        try:
            person = await find_person(connection, who)
        except WhoIsMeantError:
            unknown = await _only_live(redis, settings, who)
            if unknown is None:
                raise
            person = unknown
        return await subject(connection, person)


async def _only_live(redis: Redis, settings: Settings, who: str) -> Person | None:
    """Somebody of whom the archive has not heard yet: by id only."""
    shard, dash, name = who.strip().partition("-")
    if not (dash and shard.isdigit() and name.isalnum()):
        return None
    contact = await LiveInlet(redis, policies(settings)).contact(ContactId(who.strip()))
    if contact is None:
        return None
    return Person(
        contact=contact.id,
        everybody=(contact.id,),
        name=contact.name,
        username=contact.username,
        phone=contact.phone,
    )


class _Live:
    """The contact's side in Redis."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._inlet = LiveInlet(redis, policies(settings))
        self._store = LiveStore(redis, shards=settings.shards)

    async def problem(self, found: Subject) -> str | None:
        """Why it should not be done now."""
        if found.active:
            several = len(found.active) > 1
            numbers = ", ".join(f"#{one}" for one in found.active)
            return (
                f"conversation{'s' if several else ''} {numbers} {'are' if several else 'is'} active: resolve or close"
                f" {'them' if several else 'it'} first, or say --force"
            )
        for contact in found.person.everybody:
            if await self._store.pending(lane_of(contact), contact):
                return "something is being sent to or shown of this contact right now: wait a moment, or say --force"
        return None

    async def forget(self, found: Subject, options: Options) -> None:
        """Have the workers forget each of them, and wait until they have. Raises `NotForgottenError`."""
        deadline = time.monotonic() + options.wait_s
        # Those who were joined first: nothing they forward can then reach the other one afterwards.
        for contact in reversed(found.person.everybody):
            before = await self._conversations(contact) | set(found.conversations)
            for attempt in range(RETRIES):
                event = self._event(contact, found, options)
                await self._inlet.append([Placed(lane=lane_of(contact), unit=contact, event=event)])
                if await self._done(contact, before, deadline):
                    break
                if attempt == RETRIES - 1:
                    raise NotForgottenError(
                        "somebody wrote, or something is being sent, just now: nothing was forgotten of"
                        f" {contact}; run the same command again, or with --force"
                    )

    def _event(self, contact: ContactId, found: Subject, options: Options) -> ContactForgotten:
        now = datetime.now(UTC)
        return ContactForgotten(
            id=EventId(f"forget:{contact}:{now.timestamp():.6f}"),
            at=now,
            contact=contact,
            by=options.by,
            force=options.force,
            aliases=found.aliases,
            places=found.threads,
            conversations=tuple(one for one in found.conversations if lane_of(one) == lane_of(contact)),
        )

    async def _conversations(self, contact: ContactId) -> set[ConversationId]:
        known = await self._inlet.contact(contact)
        return set() if known is None else {one.id for one in (*known.conversations.values(), *known.ended)}

    async def _done(self, contact: ContactId, before: set[ConversationId], deadline: float) -> bool:
        """Wait until the lane decided, and everything that followed is done. False: it was refused."""
        lane = lane_of(contact)
        while time.monotonic() < deadline:
            waits = [one for one in await self._store.range(lane, "0", 10_000) if one.unit == contact]
            if not waits and not await self._store.pending(lane, contact):
                known = await self._inlet.contact(contact)
                # Whoever wrote again meanwhile has conversations of their own; one that was left alone has the old.
                return known is None or (
                    known.redirect is None and not await self._conversations(contact) & before
                )
            await asyncio.sleep(LOOK_EVERY_S)
        raise NotForgottenError(
            "it is asked for, and will be done as soon as a worker of `threadline serve` takes it up; run the same"
            " command again to see"
        )


async def _archived(
    database: Database, settings: Settings, redis: Redis, found: Subject, wait_s: float
) -> None:
    """Wait until the archive has followed. Raises `NotForgottenError`."""
    every = tuple({lane_of(one) for one in found.person.everybody})
    if await Lag(redis, lanes(settings)).caught_up(wait_s, every):
        return
    raise NotForgottenError(
        f"Redis has forgotten the contact, but {database.where} follows only once the archiver of `threadline serve`"
        " gets to it: see /readyz for what keeps it, and run the same command again"
    )


# ------------------------------------------------------------------------------------------ on the desk


async def _posts(
    console: Console, settings: Settings, redis: Redis, found: Subject, options: Options, ask: Ask
) -> int:
    """Delete our posts where that is wanted; how many remain. Before anything else is forgotten: later nobody knows
    which they were.
    """
    count = len(found.posts)
    if not count:
        return 0
    wanted = options.delete_posts
    if not wanted and not options.yes:
        answer = ask(f"Delete the bot's {count} posts in these threads, too? [y/N] ")
        wanted = answer.strip().lower() in {"y", "yes"}
    if not wanted:
        return count
    store = LiveStore(redis, shards=settings.shards)
    pace = Pace(store.take, settings.pace.scale)
    meter = Meter("posts deleted", count)
    left = 0
    async with contextlib.aclosing(HttpClient()) as http:
        desk = slack_desk(settings, http)
        for done, one in enumerate(found.posts, 1):
            await pace.turn(Bucket(key=f"{desk.name}:delete", per_s=DELETIONS_PER_S, burst=1), 0)
            problem = await _delete(desk, one.post, pace)
            if problem is not None:
                left += 1
                console.print(f"{one.post.channel} {one.post.id} was not deleted: {problem}")
            meter.at(done)
    meter.end()
    return left


async def _delete(desk: SlackDesk, post: Post, pace: Pace) -> str | None:
    """Delete one; why it was not."""
    for _ in range(RETRIES):
        try:
            await desk.remove(post)
        except PlatformError as problem:
            again = problem.failure.retry_after_s
            if again is None:
                return problem.failure.words
            await asyncio.sleep(pace.scaled(again))
        else:
            return None
    return "the desk asks to slow down; run the command again later"


# --------------------------------------------------------------------------------------------- in words


def _tell(console: Console, found: Subject, problem: str | None) -> None:
    """What there is."""
    person = found.person
    console.print(Text.assemble((one_line(person.label()), "bold"), f", contact {person.contact}"))
    if len(person.everybody) > 1:
        console.print(f"  with those joined into it: {', '.join(person.everybody[1:])}")
    for one in found.tallies:
        if one.inbox:
            first = f"{one.first_at:%Y-%m-%d}" if one.first_at else "?"
            last = f"{one.last_at:%Y-%m-%d}" if one.last_at else "?"
            console.print(
                f"  {one.inbox}: {one.conversations} conversations, {one.messages_in} messages in,"
                f" {one.messages_out} out, {one.notes} notes, {first} to {last}"
            )
    console.print(f"  aliases: {len(found.aliases)}; in Redis: state, lines, and records of messages")
    for place in found.threads[:POSTS_SHOWN]:
        console.print(f"  thread {place.thread} in {place.channel} on {place.desk}")
    if len(found.threads) > POSTS_SHOWN:
        console.print(f"  … and {len(found.threads) - POSTS_SHOWN} more threads")
    console.print(f"  posts on the desk: {len(found.posts)} of the bot, {found.staff_posts} of staff")
    if problem:
        console.print(Text.assemble("  ", ("Careful:", "bold"), f" {problem}."))


def _agreed(found: Subject, ask: Ask) -> bool:
    """Whether whoever asks means this one: the number typed, or `yes`."""
    answer = ask("This cannot be undone. Type the contact's phone number, or yes, to forget them: ").strip()
    digits = "".join(char for char in answer if char.isdigit())
    return answer.lower() == "yes" or bool(found.person.phone and digits == found.person.phone)


def _farewell(console: Console, found: Subject, posts: int) -> None:
    console.print("Forgotten. What the bridge does not reach:")
    staff = "a bot cannot delete what people posted; an admin of the workspace can"
    remains = (
        f"on the desk: {posts} posts of the bot and {found.staff_posts} of staff ({staff})",
        "on the contact's phone and at WhatsApp: the messages themselves",
        "in backups, exports, and logs (ids and masked numbers), until they are deleted or run out",
        "in Redis' files until they are rewritten (BGREWRITEAOF), hashes of event ids for 13 days",
    )
    for one in remains:
        console.print(f"  - {one}")
