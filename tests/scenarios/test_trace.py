"""`!trace`: what happened to a message, told to whoever asked, from the archive or from what Redis remembers."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest

from bridge.sandbox.slack.state import Ephemeral
from tests.support.stack import shown
from tests.support.talk import DELIVERED, FAILED, LOCK, Shop, Talk
from tests.support.waiting import until

SEND = "whatsapp.messages.send"


async def trace(talk: Talk, who: str, head: str, line: str = "!trace") -> list[str]:
    """Somebody types the command; the lines of the answer, which begins with `head` and which only they see."""
    person = talk.shop.person(who)
    before = len(person.ephemerals)
    post = await talk.staff(who, line)

    def look() -> Ephemeral | None:
        return next((one for one in person.ephemerals[before:] if head in shown(one)), None)

    answer = await until(look, 20, f"an answer with {head!r}")
    assert answer is not None
    await talk.receipt(post, LOCK)
    assert answer.thread_ts == talk.card.ts
    assert "wamid.HB" not in shown(answer), "such an id holds a phone number"
    words = answer.text.split("\n")
    assert head in words[0]
    return words


def steps(lines: list[str]) -> list[str]:
    """The steps by name, without times, ids and links."""
    found = [re.search(r"\*(.+?)\*", one) for one in lines[1:]]
    return [one[1] for one in found if one]


@pytest.fixture
def archive_of(own_shop: Shop) -> Path:
    """The file of the shop's archive."""
    return Path(own_shop.archive_url.removeprefix("sqlite:///"))


def locked(path: Path) -> sqlite3.Connection | None:
    """Keep an archive from being written to, until the connection is closed; None while somebody else does."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.01)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        connection.close()
        return None
    return connection


async def test_a_customers_message_from_writing_to_thread(own_shop: Shop) -> None:
    """Each step with its time in the desk's own format, the hashed id, and a link to the post."""
    talk = await own_shop.talk("Where is my order?", assignee="ben")
    lines = await trace(talk, "ben", "last message of")
    assert f"#{talk.number}" in lines[0]
    assert "by the contact" in lines[0]
    assert "Where is my order?" in lines[0]
    assert steps(lines) == ["Written by the contact", "Arrived", "Committed", "Shown"]
    assert all("<!date^" in one for one in lines[1:])
    assert all(" later" in one for one in lines[2:])
    assert "wamid.#" in lines[2]
    post = await talk.thread_shows("Where is my order?")
    assert f"/archives/{own_shop.channel('support').id}/p{post.ts.replace('.', '')}" in lines[4]
    assert not own_shop.person("carla").ephemerals, "nobody else sees it"


async def test_a_reply_that_failed_and_arrived_after_retry(own_shop: Shop) -> None:
    """Why it failed, who tried again, and everything after that."""
    talk = await own_shop.talk(assignee="ben")
    own_shop.goes_wrong(SEND, "error", code=131026)
    post = await talk.staff("ben", "Does this arrive?")
    await talk.receipt(post, FAILED)
    notice = await talk.thread_shows("did not reach the contact")
    await talk.press("ben", notice, "retry")
    await talk.hears("Does this arrive?")
    await talk.receipt(post, DELIVERED)
    lines = await trace(talk, "ben", "last message of")
    assert "by ben" in lines[0]
    assert steps(lines) == [
        "Typed by ben",
        "Committed to go out",
        "Failed",
        "Retry, says ben",
        "Accepted",
        "Delivered",
    ]
    assert "(131026)" in lines[3]
    assert "wamid.#" in lines[5]


async def test_tries_of_ours_are_told(own_shop: Shop) -> None:
    """A platform that stumbles and is asked again is not a failure, and whoever wonders about the delay sees why."""
    talk = await own_shop.talk(assignee="ben")
    own_shop.goes_wrong(SEND, "status", times=2, status=503)
    await talk.staff("ben", "Third time lucky")
    await talk.hears("Third time lucky")
    lines = await trace(talk, "ben", "last message of")
    assert "after 3 tries" in next(one for one in lines if "Accepted" in one)


async def test_a_note_and_the_nth_last_message(own_shop: Shop) -> None:
    """Notes count, commands do not; a conversation has only so many messages."""
    talk = await own_shop.talk("First", assignee="ben")
    await talk.receipt(await talk.staff("ben", "note: ask the warehouse"), LOCK)
    lines = await trace(talk, "ben", "last message of")
    assert steps(lines) == ["Typed by ben", "Committed: stays on the desk"]
    assert "internal" in lines[0]
    lines = await trace(talk, "ben", "2nd last message", "!trace 2")
    assert "First" in lines[0]
    post = await talk.staff("ben", "!trace 3")
    await talk.told("ben", "There is no 3rd last message")
    await talk.receipt(post, LOCK)


async def test_from_elsewhere_and_by_those_who_may(own_shop: Shop) -> None:
    """By number with the slash command; viewers are told that they may not."""
    talk = await own_shop.talk("Hello there", assignee="ben")
    await own_shop.person("carla").slash("/wa", f"trace #{talk.number}", "general")
    carla = own_shop.person("carla")
    await until(lambda: any("Hello there" in shown(one) for one in carla.ephemerals), 8, "the answer")
    post = await talk.staff("gil", "!trace")
    await talk.receipt(post, LOCK)
    assert not [one for one in own_shop.person("gil").ephemerals if "last message" in shown(one)]


async def test_an_archive_that_cannot_be_read(own_shop: Shop, archive_of: Path) -> None:
    """The answer says so, and tells what is still known: where the message stands, without times."""
    talk = await own_shop.talk("Hello", assignee="ben")
    post = await talk.staff("ben", "On its way")
    await talk.receipt(post, DELIVERED)
    await asyncio.to_thread(archive_of.unlink)
    lines = await trace(talk, "ben", "last message of")
    assert steps(lines)[:2] == ["Noted", "Delivered"]
    assert any("archive cannot be read now" in one for one in lines)
    assert str(archive_of) not in "\n".join(lines)
    lines = await trace(talk, "ben", "2nd last message", "!trace 2")
    assert steps(lines)[:2] == ["Arrived", "Shown"]
    await talk.staff("ben", "!trace 9")
    await talk.told("ben", "remember no such message")


async def test_an_archive_that_is_behind(own_shop: Shop, archive_of: Path) -> None:
    """The answer says so after some seconds; once it has caught up it tells everything."""
    talk = await own_shop.talk("Hello", assignee="ben")
    held = await until(lambda: locked(archive_of), 20, "the archive's lock")
    try:
        await talk.customer_writes("Still there?")
        post = await talk.staff("ben", "!trace")
        await talk.told("ben", "The archive is behind", 20)
        await talk.receipt(post, LOCK)
    finally:
        held.close()
    bridge = own_shop.bridge
    assert bridge is not None
    assert await bridge.lag.caught_up(20.0)
    lines = await trace(talk, "ben", "last message of", "!hops")
    assert steps(lines)[0] == "Written by the contact"
