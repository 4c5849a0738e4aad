"""Search means the same on both engines: what the words of `query` and `words` say, newest first."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.instants import micros
from bridge.model import ContactId, ConversationId, InboxId
from bridge.store.archive.database import Database
from bridge.store.archive.index import message_marks
from bridge.store.archive.lookup import NEWEST_TESTED
from bridge.store.archive.query import QueryError, matches, parse
from bridge.store.archive.search import Scope, Search, SearchTooBroadError
from bridge.store.archive.words import document
from tests.support.rows import a_contact, a_conversation, a_message, fill
from tests.support.waiting import until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUPPORT, SALES = InboxId("support"), InboxId("Sales-2")
WORDS = [
    "hola",
    "Mundo",
    "buenos",
    "días",
    "東京都",
    "東",
    "京",
    "600-111-222",
    "600111222",
    "AB-12",
    "👍",
    "orden",
]


async def seqs(database: Database, typed: str, scope: Scope | None = None, limit: int = 50) -> list[int]:
    """The numbers of what is found on the first page."""
    return [hit.seq for hit in (await Search(database).find(typed, scope, limit=limit)).hits]


def tokens(row: dict[str, Any]) -> list[str]:
    """What is indexed of a message."""
    return document((row["text"],), message_marks(row))


@pytest.mark.parametrize("seed", range(3))
async def test_both_engines_agree_with_the_words(database: Database, seed: int) -> None:
    """Random messages and random queries: exactly those that `matches` says, newest first."""
    dice = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    said = [
        a_message(
            10 * number,
            " ".join(dice.choices(WORDS, k=dice.randint(0, 6))),
            inbox=dice.choice([SUPPORT, SALES]),
            internal=dice.random() < 0.2,
            direction=dice.choice(["in", "out"]),
        )
        for number in range(1, 200)
    ]
    await fill(database, said=said)
    for _ in range(60):
        typed = " ".join(a_term(dice) for _ in range(dice.randint(1, 3)))
        try:
            query = parse(typed)
        except QueryError:
            continue
        expected = [row["seq"] for row in reversed(said) if matches(query, tokens(row))]
        assert await seqs(database, typed, limit=100) == expected[:100], typed


def a_term(dice: random.Random) -> str:
    """A random piece of a query."""
    chosen = dice.choices([*WORDS, "hol", "mund", "ord", "600111222", "ab12", "nada"], k=dice.randint(1, 3))
    shape = dice.random()
    if shape < 0.3:
        return f'"{" ".join(chosen)}"'
    if shape < 0.4:
        return f"-{chosen[0]}"
    return chosen[0] + ("*" if shape < 0.6 else "")


async def test_what_a_hit_tells(database: Database) -> None:
    """Enough to show it and to go there."""
    await fill(
        database,
        people=[a_contact(1, "Ana", id="0-abc")],
        cases=[a_conversation(63, "0-abc", desk="desk", channel="C1", thread="17.1")],
        said=[a_message(2, "El pedido llegó tarde", at=micros(NOON), internal=True, author="ben")],
    )
    (hit,) = (await Search(database).find("llego")).hits
    assert (hit.seq, hit.message, hit.number, hit.name) == (2, "0-m2", 63, "Ana")
    assert (hit.direction, hit.author, hit.at, hit.inbox) == ("note", "ben", NOON, "support")
    assert hit.thread == ("desk", "C1", "17.1")
    assert hit.excerpt.marked("[", "]") == "El pedido [llegó] tarde"


async def test_a_message_without_its_conversation_is_found(database: Database) -> None:
    """A row that lacks its neighbours is no reason to hide it."""
    await fill(database, said=[a_message(2, "hola")])
    (hit,) = (await Search(database).find("hola")).hits
    assert (hit.number, hit.name, hit.thread) == (None, "", None)


async def test_where_to_look(database: Database) -> None:
    """Inboxes, contact (with whoever was joined into them), conversation, direction, notes, time."""
    await fill(
        database,
        people=[
            a_contact(1, "Ana", id="0-abc"),
            a_contact(2, "Ana", id="0-old", merged_into="0-abc"),
            a_contact(3, "Ana", id="1-older", merged_into="0-old"),
            a_contact(4, "Ben", id="1-ben"),
        ],
        said=[
            a_message(10, "hola", contact="0-old", conversation="0-62", inbox=SALES, at=micros(NOON)),
            a_message(11, "hola", contact="1-older", direction="out", at=micros(NOON + timedelta(hours=1))),
            a_message(12, "hola", contact="1-ben", conversation="1-70", at=micros(NOON + timedelta(days=3))),
            a_message(13, "hola", internal=True, direction="out", at=micros(NOON + timedelta(days=6))),
        ],
    )
    find = seqs
    assert await find(database, "hola", Scope(inboxes=(SALES,))) == [10]
    assert await find(database, "hola", Scope(inboxes=(SUPPORT, SALES))) == [13, 12, 11, 10]
    assert await find(database, "hola", Scope(inboxes=())) == []
    assert await find(database, "hola", Scope(contact=ContactId("0-abc"))) == [13, 11, 10]
    assert await find(database, "hola", Scope(contact=ContactId("1-older"))) == [13, 11, 10]
    assert await find(database, "hola", Scope(conversation=ConversationId("1-70"))) == [12]
    assert await find(database, "hola", Scope(direction="in")) == [12, 10]
    assert await find(database, "hola", Scope(direction="out")) == [11]
    assert await find(database, "hola", Scope(direction="note")) == [13]
    assert await find(database, "hola", Scope(since=NOON + timedelta(hours=1))) == [13, 12, 11]
    assert await find(database, "hola", Scope(until=NOON + timedelta(hours=1))) == [10]
    within = Scope(since=NOON + timedelta(hours=1), until=NOON + timedelta(days=6), inboxes=(SUPPORT,))
    assert await find(database, "hola -adios", within) == [12, 11]


async def test_times_out_of_order_are_found(database: Database) -> None:
    """A lane that was behind for some hours is numbered late; its messages still count for their time."""
    said = [a_message(n, "hola", at=micros(NOON + timedelta(hours=n))) for n in range(100)]
    said += [a_message(200 + n, "hola", at=micros(NOON + timedelta(hours=n))) for n in range(80, 100)]
    await fill(database, said=said)
    expected = [row["seq"] for row in said if NOON + timedelta(hours=70) <= when(row["at"])]
    scope = Scope(since=NOON + timedelta(hours=70))
    assert sorted(await seqs(database, "hola", scope)) == sorted(expected)
    expected = [row["seq"] for row in said if when(row["at"]) < NOON + timedelta(hours=85)]
    found = await seqs(database, "hola", Scope(until=NOON + timedelta(hours=85)), limit=100)
    assert sorted(found) == sorted(expected)


def when(stored: object) -> datetime:
    """A stored instant."""
    assert isinstance(stored, int)
    return datetime.fromtimestamp(stored / 1e6, UTC)


@pytest.mark.parametrize("typed", ["common", "rare", "common -other", '"common rare"'])
async def test_pages_follow_each_other(database: Database, typed: str) -> None:
    """Page by page everything is found once, in order, also beyond what is tested one by one."""
    count = NEWEST_TESTED + 300
    said = [
        a_message(n, f"common {'rare' if n % 700 == 1 else 'plain'} {'other' if n % 3 else ''}")
        for n in range(1, count)
    ]
    await fill(database, said=said)
    query = parse(typed)
    expected = [row["seq"] for row in reversed(said) if matches(query, tokens(row))]
    found: list[int] = []
    before = None
    while True:
        page = await Search(database).find(typed, before=before, limit=2 if "rare" in typed else 100)
        found += [hit.seq for hit in page.hits]
        before = page.before
        if before is None:
            break
    assert found == expected


async def test_contacts_are_found_by_name_and_number(database: Database) -> None:
    """In every spelling; only those that one may see, none twice, the newest first."""
    await fill(
        database,
        people=[
            a_contact(1, "Ána García", id="0-a", phone="34600111222"),
            a_contact(2, "Ana G", id="0-old", merged_into="0-a"),
            a_contact(3, "Anna", id="0-anna", username="ana_g"),
            a_contact(4, "山田太郎", id="0-y"),
        ],
        cases=[a_conversation(63, "0-a"), a_conversation(64, "0-anna", inbox=SALES)],
    )

    async def found(typed: str, scope: Scope | None = None) -> list[str]:
        return [one.contact for one in (await Search(database).find(typed, scope)).contacts]

    assert await found("ana") == ["0-anna", "0-a"]
    assert await found("garc*") == ["0-a"]
    assert await found("太郎") == ["0-y"]
    for number in ("+34 600 111 222", "600111222", "600-111-222", "600 11 12 22", "346001112*"):
        assert await found(number) == ["0-a"], number
    assert await found("ana", Scope(inboxes=(SALES,))) == ["0-anna"]
    assert await found("ana", Scope(conversation=ConversationId("0-63"))) == []


async def test_a_search_that_takes_too_long_is_ended(database: Database) -> None:
    """It ends with a clear message, and the connection is as good as before."""
    row = a_message(0, "one two three four " * 800)
    await fill(database, said=[{**row, "seq": n, "id": f"0-m{n}"} for n in range(1, 400)])

    async def is_ended() -> bool:
        # On a busy machine the engine may be done before anybody gets to look at the clock.
        try:
            await Search(database, longest_s=0.001).find('"two one"')
        except SearchTooBroadError as problem:
            return "a rarer word" in str(problem)
        return False

    await until(is_ended, 20, "a search that took too long")
    assert len((await Search(database).find('"one two"')).hits) == 20


async def test_hostile_queries_are_answered(database: Database) -> None:
    """Whatever is typed is searched for or refused by us; nothing of it is read as the engine's own language."""
    await fill(database, said=[a_message(1, "a b NEAR(c) OR d:e 'x' \"y\" \\ & | ! <-> :* % _ {f} ^g +h")])
    for typed in (
        *(
            "NEAR(a b)",
            "a OR zzz",
            "words:a",
            "a AND b",
            "^a",
            "'x'",
            "\\ a",
            "a & b | c !d",
            "a:*",
            "{f}",
            "%",
        ),
        *(
            "x'; DROP TABLE messages; --",
            "a" * 299,
            "* a",
            "a NOT zzz",
            ":a",
            "a <-> b",
            "\ue000cabc",
            "a\x00b",
        ),
    ):
        try:
            query = parse(typed)
        except QueryError:
            continue
        said = tokens(a_message(1, "a b NEAR(c) OR d:e 'x' \"y\" \\ & | ! <-> :* % _ {f} ^g +h"))
        assert bool(await seqs(database, typed)) == matches(query, said), typed
