"""One statement for many rows, without building a dictionary's worth of parameters for each.

SQLAlchemy checks and converts every value of every row, which costs as much as SQLite's own work. The rows here are
made by us in the types that both drivers take, so a statement is compiled once, and each row handed over as a tuple.

SQLite works in a thread of its own, and every word with it waits for both threads to be scheduled, twice. SQLAlchemy
says four a statement (make a cursor, run, look at what came, close it); the driver itself needs two.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiosqlite
from sqlalchemy import JSON, Table, TextClause, Update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Delete, Insert

Row = Mapping[str, Any]
Statement = Insert | Update | Delete | TextClause
_Plan = tuple[str, Callable[[Row], tuple[Any, ...]]]


class Bulk:
    """Runs the statements of one engine. They are remembered, so hand in the same objects again."""

    def __init__(self) -> None:
        self._plans: dict[Statement, _Plan | None] = {}

    async def run(self, connection: AsyncConnection, statement: Statement, rows: Iterable[Row]) -> None:
        """Run `statement` once for each row; nothing without rows. A row has a value for every parameter."""
        several = list(rows)
        if not several:
            return
        if statement not in self._plans:
            self._plans[statement] = _plan(connection, statement)
        plan = self._plans[statement]
        if plan is None:
            await connection.execute(statement, several)
        else:
            words, values = plan
            await _run(connection, words, [values(row) for row in several])


async def _run(connection: AsyncConnection, words: str, rows: list[tuple[Any, ...]]) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    if isinstance(driver, aiosqlite.Connection):
        await (await driver.executemany(words, rows)).close()
    else:
        await connection.exec_driver_sql(words, rows)


def _plan(connection: AsyncConnection, statement: Statement) -> _Plan | None:
    """How the statement is said to the driver; None when a value has to be converted first."""
    table = None if isinstance(statement, TextClause) else statement.table
    if isinstance(table, Table) and any(isinstance(one.type, JSON) for one in table.columns):
        return None
    compiled = statement.compile(dialect=connection.dialect)
    names = list(compiled.positiontup or ())
    if len(names) > 1:
        return str(compiled), operator.itemgetter(*names)
    (name,) = names
    return str(compiled), lambda row: (row[name],)
