"""Many statements with many rows in one go, without building a dictionary's worth of parameters for each.

SQLAlchemy checks and converts every value of every row, which costs as much as SQLite's own work. The rows here are
made by us in the types that both drivers take, so a statement is compiled once, and each row handed over as a tuple.

SQLite works in a thread of its own, and every word with it waits for both threads to be scheduled, twice. SQLAlchemy
says four a statement (make a cursor, run, look at what came, close it). So a list of statements is handed to that
thread as a whole.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import operator
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import aiosqlite
import msgspec
from sqlalchemy import JSON, Boolean, Compiled, Dialect, Select, Table, TextClause, Update, false, null, true
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


class _Said(msgspec.Struct, frozen=True):
    """How a statement is said to the driver."""

    words: str
    values: Callable[[Row], Values]


class _Plan(msgspec.Struct, frozen=True):
    """How a statement is said to the driver for some rows."""

    said: Callable[[Sequence[Row]], Iterable[tuple[_Said, Sequence[Row]]]]
    """The ways to say it, with the rows that each is for."""
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
        """Run the steps one after the other; those without rows are none. The order of a step's rows makes no difference."""
        driver = await _sqlite(connection)
        ready: list[tuple[str, list[Values]]] = []
        for step in steps:
            if not step.rows:
                continue
            plan = self._plan(connection.dialect, step.statement)
            if driver is None and not plan.is_plain:
                await connection.execute(step.statement, list(step.rows))
                continue
            made = await _made(plan, step.rows)
            if driver is not None:
                ready += made
                continue
            for words, rows in made:
                await connection.exec_driver_sql(words, rows)
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


async def _made(plan: _Plan, rows: Sequence[Row]) -> list[tuple[str, list[Values]]]:
    made: dict[str, list[Values]] = {}
    for start in range(0, len(rows), _SLICE):
        if start:
            await asyncio.sleep(0)
        for said, some in plan.said(rows[start : start + _SLICE]):
            made.setdefault(said.words, []).extend(map(said.values, some))
    return list(made.items())


async def _named(names: tuple[str, ...], rows: Sequence[Values]) -> list[dict[str, Any]]:
    named: list[dict[str, Any]] = []
    for start in range(0, len(rows), _SLICE):
        if start:
            await asyncio.sleep(0)
        named += map(dict, map(zip, itertools.repeat(names), rows[start : start + _SLICE]))
    return named


def _planned(dialect: Dialect, statement: Statement) -> _Plan:
    table = None if isinstance(statement, TextClause) else statement.table
    if not isinstance(table, Table):
        return _Plan(_always(_said(statement.compile(dialect=dialect))), is_plain=True)
    packers = _packers(dialect, table)
    if packers:
        said = _said(statement.compile(dialect=dialect))
        packed = _Said(said.words, lambda row: said.values({**row, **_packed(packers, row)}))
        return _Plan(_always(packed), is_plain=False)
    names = [one.name for one in table.columns if one.nullable or isinstance(one.type, Boolean)]
    if dialect.name == "sqlite" and isinstance(statement, Insert) and names:
        return _Plan(_Shapes(dialect, statement, table, names).said, is_plain=True)
    return _Plan(_always(_said(statement.compile(dialect=dialect))), is_plain=True)


def _said(compiled: Compiled) -> _Said:
    names = list(getattr(compiled, "positiontup", None) or ())
    return _Said(str(compiled), operator.itemgetter(*names) if len(names) > 1 else _alone(names[0]))


def _always(said: _Said) -> Callable[[Sequence[Row]], Iterable[tuple[_Said, Sequence[Row]]]]:
    return lambda rows: ((said, rows),)


def _alone(name: str) -> Callable[[Row], Values]:
    return lambda row: (row[name],)


class _Shapes:
    """Ways to say an INSERT that have NULL and truth in their words.

    Python's driver of SQLite first asks all of Python how it would adapt a value that is no number and no text, which
    costs more than to insert it.
    """

    def __init__(self, dialect: Dialect, statement: Insert, table: Table, varying: Sequence[str]) -> None:
        self._dialect = dialect
        self._statement = statement
        self._names = [one.name for one in table.columns]
        self._varying = varying
        self._values = operator.itemgetter(*varying) if len(varying) > 1 else _alone(varying[0])
        self._known: dict[_Shape, _Said] = {}

    def said(self, rows: Sequence[Row]) -> Iterator[tuple[_Said, Sequence[Row]]]:
        """Those for these rows."""
        found: dict[_Shape, list[Row]] = collections.defaultdict(list)
        for shape, row in zip(
            [tuple(map(_NAMED.get, one)) for one in map(self._values, rows)], rows, strict=True
        ):
            found[shape].append(row)
        for shape, some in found.items():
            if shape not in self._known:
                self._known[shape] = self._new(shape)
            yield self._known[shape], some

    def _new(self, shape: _Shape) -> _Said:
        fixed = {
            name: _WORDS[word] for name, word in zip(self._varying, shape, strict=True) if word is not None
        }
        others = [name for name in self._names if name not in fixed]
        return _said(self._statement.values(fixed).compile(dialect=self._dialect, column_keys=others))


_Shape = tuple[str | None, ...]
_NAMED: dict[Any, str] = {None: "null", True: "true", False: "false"}
_WORDS = {"null": null(), "true": true(), "false": false()}


def _packers(dialect: Dialect, table: Table) -> dict[str, Callable[[Any], Any]]:
    """What turns the values of columns of JSON into those that the driver takes."""
    found = {
        one.name: one.type.dialect_impl(dialect).bind_processor(dialect)
        for one in table.columns
        if isinstance(one.type, JSON)
    }
    return {name: pack for name, pack in found.items() if pack is not None}


def _packed(packers: Mapping[str, Callable[[Any], Any]], row: Row) -> dict[str, Any]:
    return {name: pack(row[name]) for name, pack in packers.items()}
