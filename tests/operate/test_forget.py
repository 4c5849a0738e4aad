"""A contact is exported and forgotten on the whole road: sandbox, Slack, Redis and archive, while the bridge runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import orjson
import pytest
import typer

from bridge.operate.export import export
from bridge.operate.forget import Options, forget, login
from bridge.parts import lanes
from bridge.store.archive.database import Database
from bridge.store.archive.lag import Lag
from bridge.store.archive.people import find_person
from tests.support.archive import everything
from tests.support.stack import shown
from tests.support.talk import Shop, Talk, open_shop, wide
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until


@pytest.fixture
async def shop(redis_url: str) -> AsyncIterator[Shop]:
    """A shop without rate limits."""
    async with open_shop(redis_url, arrange=wide) as running:
        yield running


def never(question: str) -> str:
    """Nobody is asked."""
    raise AssertionError(question)


def answers(*typed: str) -> Callable[[str], str]:
    """Somebody who types these."""
    left = list(typed)
    return lambda _question: left.pop(0)


async def a_talk(shop: Shop, *, resolved: bool = True) -> Talk:
    """A customer and Ben talked."""
    talk = await shop.talk("my secret order")
    await talk.claimed_by("ben")
    await talk.staff("ben", "your secret answer")
    await talk.hears("your secret answer")
    await talk.staff("ben", "// a secret note")
    if resolved:
        await talk.staff("ben", "!resolve")
        await talk.card_shows("esolved")
    await archived(shop)
    return talk


async def archived(shop: Shop) -> None:
    """Wait until nothing is under way and all of it is archived."""
    bridge = shop.bridge
    assert bridge is not None

    async def settled() -> bool:
        lengths = [await bridge.redis("SCARD", f"{{{lane}}}:busy") for lane in lanes(bridge.settings)]
        lengths += [await bridge.redis("XLEN", f"{{{lane}}}:in") for lane in lanes(bridge.settings)]
        return not any(lengths)

    await until(settled, 15, "everything to be done")
    assert await Lag(bridge.redis, lanes(bridge.settings)).caught_up(15)


async def held(shop: Shop) -> str:
    """All that the archive holds."""
    database = Database(shop.archive_url)
    async with database.read() as connection:
        found = repr(await everything(connection, journal=True))
    await database.close()
    return found


def in_redis(server: ValkeyServer, *words: str) -> list[str]:
    """Keys that name or hold one of these, but for the hashes of decided events."""
    found = []
    with contextlib.closing(server.client()) as client:
        for key in client.scan_iter(count=1000):
            kind = client.type(key)
            value: object = b""
            if kind == b"string":
                value = client.get(key)
            elif kind == b"hash":
                value = client.hgetall(key)
            elif kind == b"list":
                value = client.lrange(key, 0, -1)
            elif kind == b"stream":
                value = client.xrange(key)
            if any(word in key.decode() + repr(value) for word in words):
                found.append(key.decode())
    return found


async def test_what_is_exported_is_what_was_sent(
    shop: Shop, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Both ways and the note, with the platforms' own ids of where they stand."""
    talk = await a_talk(shop)
    assert await export(shop.settings(), talk.customer.wa_id, None, None) == 0
    lines = [
        orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines() if line.startswith(b"{")
    ]
    said = {line["text"]: line for line in lines if "text" in line}
    assert set(said) == {"my secret order", "your secret answer", "// a secret note", "!resolve"}
    order, answer = said["my secret order"], said["your secret answer"]
    assert order["direction"] == "in"
    assert any(
        post["post"] in {one.ts for one in shop.channel().thread(talk.card.ts)} for post in order["posts"]
    )
    assert answer["fate"] in {"accepted", "delivered", "read"}
    assert [one["part"] for one in answer["deliveries"]] == [0]
    assert {line["kind"] for line in lines} >= {
        "contact",
        "conversation",
        "episode",
        "assignment",
        "status",
        "command",
    }
    (case,) = [line for line in lines if line["kind"] == "conversation"]
    assert (case["number"], case["status"]) == (talk.number, "resolved")
    assert [one["card"] for one in case["threads"]] == [talk.card.ts]


def test_a_user_without_a_name_may_forget() -> None:
    """Containers run under numbers that no file of users knows."""
    assert login({"LOGNAME": "", "USER": "mia"}, 0) == "mia"
    assert login({}, 4_242_424) == "uid 4242424"


async def test_a_contact_is_forgotten_everywhere(
    shop: Shop, valkey_server: ValkeyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Archive, index, Redis; the bot's posts where that is wanted. Others keep everything."""
    talk = await a_talk(shop)
    other = await a_talk(shop)
    phone, name, number = talk.customer.wa_id, talk.customer.name, talk.number
    assert phone in await held(shop)
    code = await forget(shop.settings(), f"+{phone}", Options(by="mia"), answers(f"+{phone}", "y"))
    said = capsys.readouterr().out
    assert code == 0, said
    assert "1 conversations, 1 messages in, 1 out, 2 notes" in said
    assert "a bot cannot delete what people posted" in said
    left = await held(shop)
    for word in (phone, name, "'mia'"):
        assert (word in left) == (word == "'mia'")
    assert other.customer.wa_id in left
    assert in_redis(valkey_server, phone, name) == []
    assert in_redis(valkey_server, other.customer.wa_id)
    posts = [shown(one) for one in shop.channel().messages]
    assert not any("my secret order" in one and name in one for one in posts)
    database = Database(shop.archive_url)
    async with database.read() as connection:
        assert (await find_person(connection, other.customer.wa_id)).name == other.customer.name
    await database.close()
    again = await shop.talk("hello again", customer=talk.customer)
    assert again.number != number


async def test_it_asks_first(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Another number, no answer, or a dry run: nothing changes."""
    talk = await a_talk(shop)
    who = f"#{talk.number}"
    assert await forget(shop.settings(), who, Options(by="mia"), answers("+4912345678")) == 1
    assert await forget(shop.settings(), who, Options(by="mia"), answers("")) == 1
    assert await forget(shop.settings(), who, Options(by="mia", dry_run=True), never) == 0
    said = capsys.readouterr().out
    assert said.count("Nothing was changed") == 3
    assert f"thread {talk.card.ts}" in said
    assert talk.customer.wa_id in await held(shop)


async def test_an_active_conversation_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --force is said; it says which."""
    talk = await a_talk(shop, resolved=False)
    options = Options(by="mia", yes=True)
    with pytest.raises(typer.Exit) as raised:
        await forget(shop.settings(), talk.customer.wa_id, options, never)
    assert raised.value.exit_code == 1
    assert f"#{talk.number} is active" in capsys.readouterr().err
    assert talk.customer.wa_id in await held(shop)
    assert (
        await forget(shop.settings(), talk.customer.wa_id, Options(by="mia", yes=True, force=True), never)
        == 0
    )
    assert talk.customer.wa_id not in await held(shop)


async def test_it_says_that_nobody_does_it(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a running bridge it is asked for, and done as soon as one runs; asking again is harmless."""
    talk = await a_talk(shop)
    phone = talk.customer.wa_id
    await shop.stop_bridge()
    for _ in range(2):
        with pytest.raises(typer.Exit) as raised:
            await forget(shop.settings(), phone, Options(by="mia", yes=True, wait_s=0.3), never)
        assert raised.value.exit_code == 1
        assert "as soon as a worker" in capsys.readouterr().err
    await shop.start_bridge()
    await archived(shop)
    assert phone not in await held(shop)
