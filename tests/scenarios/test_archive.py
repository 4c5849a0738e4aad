"""What customers and agents did stands in SQL, also when the database was away while they did it."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio

from bridge.model import Fate, LaneId, contact_id, lane_of
from bridge.sandbox.whatsapp.customer import Customer
from bridge.store.archive.database import Database
from tests.support.archive import lock, rows
from tests.support.crash import CrashStack, crash_stack
from tests.support.postgres import PostgresServer, find_postgresql
from tests.support.redis_proxy import Args
from tests.support.stack import Stack, running_stack, shown
from tests.support.talk import Shop
from tests.support.waiting import until

PATIENCE_S = 30.0


@contextlib.asynccontextmanager
async def reading(url: str) -> AsyncIterator[Database]:
    """The archive of a stack, to look into."""
    database = Database(url)
    yield database
    await database.close()


async def answered(stack: Stack, words: str) -> None:
    """Ana asks, Ben claims it and answers, and she reads it."""
    ana = stack.customer("ana")
    await ana.writes("Where is my order?")
    card = await stack.card("Ana García", timeout_s=PATIENCE_S)
    await stack.in_thread(card, "Where is my order?", timeout_s=PATIENCE_S)
    await stack.press("ben", card, "claim")
    await stack.person("ben").replies("support", card.ts, words)
    await ana.expects(words, PATIENCE_S)


async def archived(database: Database, count: int, *, table: str = "messages") -> list[dict[str, Any]]:
    """The rows of a table, once there are so many."""

    async def enough() -> list[dict[str, Any]]:
        found = await rows(database, table)
        return found if len(found) >= count else []

    return await until(enough, PATIENCE_S, f"{count} rows of {table}")


async def test_what_was_said_and_done_stands_in_sql(redis_url: str) -> None:
    """Both sides' words, who answered, what became of it, where it stands on the desk; and Redis has let it go."""
    async with running_stack(redis_url) as stack, reading(stack.archive_url) as database:
        await answered(stack, "It is on its way")
        asked, told = await archived(database, 2)
        assert (asked["direction"], asked["text"]) == ("in", "Where is my order?")
        assert (told["direction"], told["text"], told["internal"]) == ("out", "It is on its way", False)
        assert told["author"] is not None

        async def accepted() -> bool:
            return (await rows(database, "messages"))[1]["fate"] in {Fate.ACCEPTED, Fate.DELIVERED, Fate.READ}

        await until(accepted, PATIENCE_S, "the delivery")
        (episode,) = await rows(database, "episodes")
        assert (episode["first_inbound_at"], episode["first_answer_by"]) == (asked["at"], told["author"])
        (contact,) = await rows(database, "contacts")
        assert contact["name"] == "Ana García"
        (conversation,) = await rows(database, "conversations")
        assert conversation["assignee"] == told["author"]
        assert asked["id"] in {row["message"] for row in await rows(database, "posts")}
        assert [row["command"] for row in await rows(database, "commands")] == ["claim"]
        bridge = stack.bridge
        assert bridge is not None
        assert await bridge.lag.caught_up(PATIENCE_S)
        with sqlite3.connect(stack.archive_url.removeprefix("sqlite:///")) as raw:
            documented = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
            for statement in re.findall(r"```sql\n(.*?)```", documented, flags=re.DOTALL):
                raw.execute(statement)
        raw.close()


async def test_a_locked_database_delays_nobody(redis_url: str) -> None:
    """Messages go both ways meanwhile, readiness only warns, and afterwards everything is there."""
    async with running_stack(redis_url) as stack, reading(stack.archive_url) as database:
        assert stack.bridge is not None
        archiver = stack.bridge.archiver
        assert archiver is not None
        await until(lambda: archiver.elected, PATIENCE_S, "the election")
        with contextlib.closing(lock(Path(stack.archive_url.removeprefix("sqlite:///")))):
            await answered(stack, "It is on its way")
            await until(lambda: archiver.trouble, PATIENCE_S, "the trouble")
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{stack.port}/readyz") as answer,
            ):
                body = await answer.json()
            assert (answer.status, body["status"]) == (200, "ready")
            assert "locked" in body["warnings"]["archive"]
            assert await rows(database, "messages") == []
        said = await archived(database, 2)
        assert [one["text"] for one in said] == ["Where is my order?", "It is on its way"]


@pytest.mark.postgresql
async def test_a_postgresql_that_is_killed_delays_nobody(redis_url: str) -> None:
    """It comes back, and so does everything that was said while it was away."""
    programs = find_postgresql()
    assert programs is not None
    server = PostgresServer(programs)
    server.start()
    try:
        url = await server.new_database()
        async with running_stack(redis_url, archive={"url": url}) as stack, reading(url) as database:
            await stack.customer("ana").writes("Before")
            await archived(database, 1)
            server.kill()
            await answered(stack, "It is on its way")
            server.start()
            said = await archived(database, 3)
            assert [one["text"] for one in said] == ["Before", "Where is my order?", "It is on its way"]
    finally:
        server.remove()


def removes(args: Args) -> bool:
    """An archiver takes entries out of a journal that has some."""
    return args[0].upper() == b"XTRIM" and args[1].endswith(b":journal")


@pytest.mark.crash
async def test_killed_between_the_commit_and_the_removal(redis_url: str) -> None:
    """What is in SQL and still in Redis is archived again, and there once."""
    async with crash_stack(redis_url) as stack, reading(stack.archive_url) as database:
        await _killed_before_removal(stack)
        await answered(stack, "It is on its way")
        said = await archived(database, 3)
        assert [one["text"] for one in said] == ["Once only", "Where is my order?", "It is on its way"]
        facts = await rows(database, "journal")
        assert len({bytes(one["data"]) for one in facts}) == len(facts)


async def _killed_before_removal(stack: CrashStack) -> None:
    stop = stack.proxy.stop_at(removes, "before")
    await stack.customer("ana").writes("Once only")
    await until(stop.reached.is_set, PATIENCE_S, "the removal")
    await stack.process.kill()
    stack.proxy.go_on()
    await stack.process.start()


async def test_what_is_quoted_after_two_days_is_found_in_the_archive(own_shop: Shop) -> None:
    """When nothing in Redis knows the quoted messages any more, both directions."""
    talk = await own_shop.talk(assignee="ben")
    first = await talk.customer.writes("My order is 4711")
    quoted = await talk.thread_shows("My order is 4711")
    asked = await talk.staff("ben", "Red or blue?")
    await talk.hears("Red or blue?")
    assert own_shop.bridge is not None
    assert await own_shop.bridge.lag.caught_up(20.0)
    async with redis.asyncio.from_url(own_shop.redis_url) as client:
        patterns = ("*:m:*", "*:r:*")
        gone = [key for pattern in patterns for key in await client.keys(pattern)]
        assert await client.delete(*gone) >= 2
    heard = talk.customer.inbox[0]
    for words, wanted, told, stands_at in (
        ("This", "My order is 4711", first, quoted.ts),
        ("That", "Red or blue?", heard, asked),
    ):
        await talk.customer.writes(words, reply_to=told.id)
        post = await talk.thread_shows(words)
        assert wanted in shown(post)
        assert "Show it" in shown(post)
        assert f"/p{stands_at.replace('.', '')}?" in shown(post)


async def test_nobody_names_what_another_customer_wrote(own_shop: Shop) -> None:
    """Two customers of one shard, and one names what the other wrote, in a quote, a reaction and an edit: their thread
    hears no word of it, and nothing changes in the other's. Redis and the archive both know the message.
    """
    talk = await own_shop.talk()
    secret = await talk.customer.writes("My card is 4711")
    await talk.thread_shows("My card is 4711")
    settings = own_shop.settings()

    def lane(of: Customer) -> LaneId:
        alias = f"bsuid:{settings.whatsapp.portfolio}:{of.user_id}"
        return lane_of(contact_id(alias, settings.shards))

    others = (own_shop.newcomer() for _ in range(1000))
    theirs = await own_shop.talk(customer=next(one for one in others if lane(one) == lane(talk.customer)))
    assert own_shop.bridge is not None
    assert await own_shop.bridge.lag.caught_up(20.0)
    before = talk.thread
    stranger = theirs.customer
    await stranger.writes("That one", reply_to=secret.id)
    assert "older than what is known here" in shown(await theirs.thread_shows("That one"))
    await stranger.reacts(secret.id, "👍")
    await theirs.thread_shows("👍")
    edit = {"original_message_id": secret.id, "message": {"type": "text", "text": {"body": "It is 5822"}}}
    sender = {"from": stranger.wa_id, "from_user_id": stranger.user_id, "timestamp": f"{int(time.time())}"}
    assert await own_shop.delivers({"id": "wamid.forged", "type": "edit", "edit": edit} | sender) == 200
    await theirs.thread_shows("5822")
    assert theirs.said("4711") == 0
    assert talk.thread == before
    post = await talk.thread_shows("My card is 4711")
    assert talk.receipts(post.ts) == []
