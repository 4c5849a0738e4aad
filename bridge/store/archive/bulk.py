"""Many statements with many rows in one go, without building a dictionary's worth of parameters for each.

SQLAlchemy checks and converts every value of every row, which costs as much as SQLite's own work. The rows here are
made by us in the types that both drivers take, so a statement is compiled once, and each row handed over as a tuple.

SQLite works in a thread of its own, and every word with it waits for both threads to be scheduled, twice. SQLAlchemy
says four a statement (make a cursor, run, look at what came, close it). So a list of statements is handed to that
thread as a whole.
"""

from __future__ import annotations

import asyncio
import operator
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import aiosqlite
import msgspec
from sqlalchemy import JSON, Dialect, Select, Table, TextClause, Update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Delete, Insert

T = TypeVar("T")
Row = Mapping[str, Any]
Values = tuple[Any, ...]
Statement = Insert | Update | Delete | TextClause
_SLICE = 64
"""Rows that are made ready at a time: the relay runs on the same event loop."""


class Step(msgspec.Struct, frozen=True):
    """A statement, to be run once for each row. A row has a value for every parameter."""

    statement: Statement
    rows: Sequence[Row]


class _Plan(msgspec.Struct, frozen=True):
    """How a statement is said to the driver."""

    words: str
    values: Callable[[Row], Values]
    is_plain: bool
    """Whether PostgreSQL's driver takes the values as they are."""


class _Question(msgspec.Struct, frozen=True):
    words: str
    names: tuple[str, ...]
    """Of its columns."""


class Bulk:
    """Runs the statements of one engine. They are remembered, so hand in the same objects again."""

    def __init__(self) -> None:
        self._plans: dict[Statement, _Plan] = {}
        self._questions: dict[Select[Any], _Question] = {}

    async def run(self, connection: AsyncConnection, steps: Iterable[Step]) -> None:
        """Run the steps one after the other; those without rows are none."""
        driver = await _sqlite(connection)
        ready: list[tuple[str, list[Values]]] = []
        for step in steps:
            if not step.rows:
                continue
            plan = self._plan(connection.dialect, step.statement)
            if driver is None and not plan.is_plain:
                await connection.execute(step.statement, list(step.rows))
                continue
            rows = await _made(plan, step.rows)
            if driver is None:
                await connection.exec_driver_sql(plan.words, rows)
            else:
                ready.append((plan.words, rows))
        if driver is not None and ready:
            await _in_thread(driver, lambda it: _run(it, ready))

    async def ask(
        self, connection: AsyncConnection, asked: Iterable[tuple[Select[Any], Any]]
    ) -> list[list[dict[str, Any]]]:
        """The rows that each question finds. It has one parameter, `keys`, or none (then that is None). Values are as the
        engine has them: SQLite's truth is a number.
        """
        driver = await _sqlite(connection)
        if driver is None:
            found = [await connection.execute(question, {"keys": keys}) for question, keys in asked]
            return [[dict(row) for row in one.mappings()] for one in found]
        questions = [(self._question(connection.dialect, question), keys) for question, keys in asked]
        said = [(question.words, () if keys is None else (keys,)) for question, keys in questions]
        answers = await _in_thread(driver, lambda it: [it.execute(*one).fetchall() for one in said])
        return [
            await _named(question.names, rows) for (question, _), rows in zip(questions, answers, strict=True)
        ]

    def _plan(self, dialect: Dialect, statement: Statement) -> _Plan:
        if statement not in self._plans:
            self._plans[statement] = _planned(dialect, statement)
        return self._plans[statement]

    def _question(self, dialect: Dialect, question: Select[Any]) -> _Question:
        if question not in self._questions:
            names = tuple(one.name for one in question.selected_columns)
            self._questions[question] = _Question(str(question.compile(dialect=dialect)), names)
        return self._questions[question]


async def _sqlite(connection: AsyncConnection) -> aiosqlite.Connection | None:
    """The driver of SQLite, in whose thread several statements can be run at once; None for PostgreSQL."""
    driver = (await connection.get_raw_connection()).driver_connection
    return driver if isinstance(driver, aiosqlite.Connection) else None


async def _in_thread(driver: aiosqlite.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` gives, done where the driver does everything: it has no public word for more than one statement."""
    done: T = await driver._execute(work, driver._conn)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return done


def _run(driver: sqlite3.Connection, ready: Iterable[tuple[str, list[Values]]]) -> None:
    for words, rows in ready:
        driver.executemany(words, rows)


async def _made(plan: _Plan, rows: Sequence[Row]) -> list[Values]:
    made: list[Values] = []
    for start in range(0, len(rows), _SLICE):
        made += map(plan.values, rows[start : start + _SLICE])
        await asyncio.sleep(0)
    return made


async def _named(names: tuple[str, ...], rows: Sequence[Values]) -> list[dict[str, Any]]:
    named: list[dict[str, Any]] = []
    for start in range(0, len(rows), _SLICE):
        named += [dict(zip(names, row, strict=True)) for row in rows[start : start + _SLICE]]
        await asyncio.sleep(0)
    return named


def _planned(dialect: Dialect, statement: Statement) -> _Plan:
    compiled = statement.compile(dialect=dialect)
    names = list(compiled.positiontup or ())
    table = None if isinstance(statement, TextClause) else statement.table
    packers = _packers(dialect, table) if isinstance(table, Table) else {}
    plain = operator.itemgetter(*names) if len(names) > 1 else _alone(names[0])
    if not packers:
        return _Plan(str(compiled), plain, is_plain=True)
    return _Plan(
        str(compiled),
        lambda row: plain({**row, **{name: pack(row[name]) for name, pack in packers.items()}}),
        is_plain=False,
    )


def _alone(name: str) -> Callable[[Row], Values]:
    return lambda row: (row[name],)


def _packers(dialect: Dialect, table: Table) -> dict[str, Callable[[Any], Any]]:
    """What turns the values of columns of JSON into those that the driver takes."""
    found = {
        one.name: one.type.dialect_impl(dialect).bind_processor(dialect)
        for one in table.columns
        if isinstance(one.type, JSON)
    }
    return {name: pack for name, pack in found.items() if pack is not None}
