"""How long a search takes in a large archive: fills one with made-up messages, then measures kinds of queries.

Words follow Zipf's law, as those of people do, so that some stand in every third message and most hardly anywhere.
Nothing but the search is measured: filling writes the rows straight into the tables and the index.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.bench.report import percentile
from bridge.store.archive import index
from bridge.store.archive.query import parse
from bridge.store.archive.search import Reading, Scope, Search, SearchTooBroadError
from bridge.store.archive.tables import contacts, conversations, messages

VOCABULARY = 50_000
WORDS_A_MESSAGE = (6, 26)
"""From, to: about a hundred bytes of text."""
MESSAGES_A_CONTACT = 50
FACTS_A_MESSAGE = 4
"""Messages are numbered among all facts, so their numbers have gaps."""
BATCH = 5_000
_START_US = 1_700_000_000_000_000
_APART_US = 30_000_000
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Writing(Reading, Protocol):
    """A database to fill."""

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that writes."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long the searches of a kind took, in milliseconds."""

    kind: str
    count: int
    hits: float
    """On the first page, on average."""
    p50_ms: float
    p99_ms: float
    ended: int
    """How many were ended because they took too long."""


def vocabulary(seed: int = 7) -> list[str]:
    """Made-up words, the most common first."""
    dice = random.Random(seed)  # noqa: S311 - made-up words are no secrets
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        found["".join(dice.choices(_LETTERS, k=dice.randint(3, 10)))] = None
    return list(found)


def texts(count: int, words: Sequence[str], seed: int = 8) -> Iterator[str]:
    """Texts of words by Zipf's law."""
    dice = random.Random(seed)  # noqa: S311 - as above
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    for _ in range(count):
        yield " ".join(dice.choices(words, cum_weights=weights, k=dice.randint(*WORDS_A_MESSAGE)))


async def fill(
    database: Writing, count: int, progress: Callable[[int], None] = lambda _done: None, seed: int = 8
) -> float:
    """Write `count` messages, with their contacts and conversations; how many rows a second it were."""
    started = time.perf_counter()
    said = texts(count, vocabulary(), seed)
    people = range(count // MESSAGES_A_CONTACT + 1)
    for first in range(0, len(people), BATCH):
        async with database.write() as connection:
            await _fill_people(connection, people[first : first + BATCH])
    for first in range(0, count, BATCH):
        rows = [_message(number, next(said)) for number in range(first, min(count, first + BATCH))]
        async with database.write() as connection:
            await connection.execute(insert(messages), rows)
            await index.add_messages(connection, rows)
        progress(first + len(rows))
    await _tidy(database)
    return count / (time.perf_counter() - started)


async def _fill_people(connection: AsyncConnection, people: Sequence[int]) -> None:
    named = [_contact(one) for one in people]
    await connection.execute(insert(contacts), named)
    await index.put_contacts(connection, named)
    await connection.execute(insert(conversations), [_conversation(one) for one in people])


async def _tidy(database: Writing) -> None:
    """Let PostgreSQL know what it has, as its own housekeeping does after a while."""
    async with database.write() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("ANALYZE"))


def _contact(number: int) -> dict[str, Any]:
    row = {
        "id": f"{number % 16}-c{number}",
        "seq": -1 - number,
        "name": f"Contact {number}",
        "username": None,
    }
    return {**row, "phone": f"34{600_000_000 + number}", "first_at": _START_US, "last_at": _START_US}


def _conversation(number: int) -> dict[str, Any]:
    row = {"id": f"{number % 16}-{number}", "number": number, "contact": f"{number % 16}-c{number}"}
    row |= {"inbox": f"inbox-{number % 3}", "status": "active", "priority": "normal", "episode": 1}
    return {**row, "opened_at": _START_US, "status_at": _START_US, "last_at": _START_US}


def _message(number: int, words: str) -> dict[str, Any]:
    # Neighbours in time are of different people, as in a real archive.
    who = (number * 7919) % (number // MESSAGES_A_CONTACT + 1)
    row = {
        "seq": (number + 1) * FACTS_A_MESSAGE,
        "id": f"{who % 16}-m{number}",
        "kind": "text",
        "text": words,
    }
    row |= {"conversation": f"{who % 16}-{who}", "contact": f"{who % 16}-c{who}", "inbox": f"inbox-{who % 3}"}
    row |= {"direction": "in" if number % 2 else "out", "internal": number % 20 == 0, "episode": 1}
    return {**row, "at": _START_US + number * _APART_US}


def queries(count: int, total: int, seed: int = 9) -> dict[str, list[tuple[str, Scope]]]:
    """Queries by kind: what is typed, and where it is looked for."""
    dice = random.Random(seed)  # noqa: S311 - as above
    words = vocabulary()
    everywhere = Scope()

    def middling() -> str:
        return words[dice.randrange(100, 2_000)]

    def neighbours() -> str:
        # Two words that do stand side by side somewhere: taken from a text like those that were written.
        one = next(texts(1, words, dice.randrange(1 << 30))).split()
        at = dice.randrange(len(one) - 1)
        return f'"{one[at]} {one[at + 1]}"'

    def somebody() -> Scope:
        who = dice.randrange(total // MESSAGES_A_CONTACT)
        return Scope(contact=f"{who % 16}-c{who}")  # type: ignore[arg-type]

    return {
        "rare word": [(words[dice.randrange(20_000, VOCABULARY)], everywhere) for _ in range(count)],
        "common word": [(words[dice.randrange(20)], everywhere) for _ in range(count)],
        "two words": [(f"{middling()} {middling()}", everywhere) for _ in range(count)],
        "phrase": [(neighbours(), everywhere) for _ in range(count)],
        "without a common word": [
            (f"{middling()} -{words[dice.randrange(20)]}", everywhere) for _ in range(count)
        ],
        "beginning of a word": [(f"{words[dice.randrange(5_000)][:3]}*", everywhere) for _ in range(count)],
        "common word, one contact": [(words[dice.randrange(20)], somebody()) for _ in range(count)],
        "nothing": [(f"zz{middling()}zz", everywhere) for _ in range(count)],
    }


async def measure(database: Reading, total: int, count: int = 200) -> list[Timing]:
    """Search an archive that `fill` filled with `total` messages, one search after the other."""
    search = Search(database)
    timings = []
    for kind, asked in queries(count, total).items():
        for typed, _ in asked:
            parse(typed)
        took, hits, ended = [], 0, 0
        for typed, scope in asked:
            started = time.perf_counter_ns()
            try:
                hits += len((await search.find(typed, scope)).hits)
            except SearchTooBroadError:
                ended += 1
            took.append(time.perf_counter_ns() - started)
            await asyncio.sleep(0)
        took.sort()
        timings.append(
            Timing(
                kind=kind,
                count=count,
                hits=hits / count,
                p50_ms=percentile(took, 0.5) or 0,
                p99_ms=percentile(took, 0.99) or 0,
                ended=ended,
            )
        )
    return timings
