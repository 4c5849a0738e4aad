"""The statements that the writer runs, made once for an engine. Both engines know the same ones by the same names."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, cast

import orjson
from sqlalchemy import (
    ARRAY,
    BindParameter,
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    bindparam,
    column,
    func,
    select,
    update,
)
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from bridge.store.archive import tables
from bridge.store.archive.changes import (
    INDEXED_OF_MESSAGE,
    MESSAGE_WORDS,
    TIMES_OF_CONTACT,
    TIMES_OF_CONVERSATION,
)

Keys = str | list[str]
"""A list of keys as one parameter, so that a statement is the same whatever their number."""


_BUILT_ON = ("id", "episode", "author", "sent_at", "parts", "kind", "imported")
"""What else of a stored message later facts about it build on."""


class Statements:
    """What the writer says to a database. `sqlite`: whether it is one, else PostgreSQL."""

    def __init__(self, *, sqlite: bool) -> None:
        self._sqlite = sqlite
        of_fact: BindParameter[int] = bindparam("keys", expanding=True)
        self.known = select(tables.journal.c.fact).where(tables.journal.c.at.in_(of_fact))
        """The hashes of the facts that the journal has of the times `keys`."""
        self.last = select(func.max(tables.journal.c.seq).label("seq"))
        """The last number that was given away."""
        self.stored: dict[str, Select[Any]] = {
            "contacts": select(tables.contacts).where(self._among(tables.contacts.c.id)),
            "conversations": select(tables.conversations).where(self._among(tables.conversations.c.id)),
            "episodes": select(tables.episodes).where(self._among(tables.episodes.c.conversation)),
            "messages": select(
                *(tables.messages.c[name] for name in (*INDEXED_OF_MESSAGE, *_BUILT_ON)),
            ).where(self._among(tables.messages.c.id)),
            "deliveries": select(tables.deliveries).where(self._among(tables.deliveries.c.message)),
        }
        """The rows with these `keys`, by table."""
        of_seq = tables.messages.c.seq == bindparam("of")
        self.fates = update(tables.messages).where(of_seq).values(_bound("fate", "parts", "code", "problem"))
        self.rewrite = update(tables.messages).where(of_seq).values(_bound(*MESSAGE_WORDS))
        # Of a table with many indexes, SQLite writes anew those that have one of the columns that are set.
        self.heard = (
            update(tables.contacts)
            .where(tables.contacts.c.id == bindparam("id"))
            .values(_bound(*TIMES_OF_CONTACT))
        )
        self.talked = (
            update(tables.conversations)
            .where(tables.conversations.c.id == bindparam("id"))
            .values(_bound(*TIMES_OF_CONVERSATION))
        )
        self.drop_tags = delete_from(tables.tags).where(tables.tags.c.conversation == bindparam("of"))

    def keys(self, values: Iterable[str]) -> Keys:
        """Keys as the parameter `keys` of `stored` takes them."""
        several = list(values)
        return orjson.dumps(several).decode() if self._sqlite else several

    @functools.cache  # noqa: B019 - one object a process, and a handful of tables
    def insert(self, table: Table) -> Insert:
        """Write new rows."""
        return self._insert(table)

    @functools.cache  # noqa: B019 - as above
    def upsert(self, table: Table, *lasting: str) -> Insert:
        """Write rows, over those with the same key but for their columns `lasting`, which never change."""
        insert = self._insert(table)
        others = {
            one.name: insert.excluded[one.name]
            for one in table.columns
            if not one.primary_key and one.name not in lasting
        }
        return insert.on_conflict_do_update(index_elements=_key(table), set_=others)

    @functools.cache  # noqa: B019 - as above
    def insert_new(self, table: Table) -> Insert:
        """Write rows unless there is one with the same key."""
        return self._insert(table).on_conflict_do_nothing(index_elements=_key(table))

    @functools.cache  # noqa: B019 - as above
    def put_latest(self, table: Table) -> Insert:
        """Write rows, over those with the same key unless these have a later `at`."""
        insert = self._insert(table)
        others = {one.name: insert.excluded[one.name] for one in table.columns if not one.primary_key}
        return insert.on_conflict_do_update(
            index_elements=_key(table), set_=others, where=insert.excluded["at"] >= table.c["at"]
        )

    def _insert(self, table: Table) -> postgresql.Insert:
        """The engine's own INSERT; both classes have the same methods."""
        return cast("postgresql.Insert", sqlite.insert(table)) if self._sqlite else postgresql.insert(table)

    def _among(self, of: Column[Any]) -> ColumnElement[bool]:
        if not self._sqlite:
            return of == func.any(bindparam("keys", type_=ARRAY(Text)))
        return of.in_(select(column("value")).select_from(func.json_each(bindparam("keys", type_=Text))))


def _key(table: Table) -> list[str]:
    return [one.name for one in table.primary_key.columns]


def _bound(*names: str) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}
