"""The schema is brought up to date once, whoever starts first, and never by an older release."""

from __future__ import annotations

import asyncio
from importlib import resources

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, text, update

from bridge.instants import micros
from bridge.journal import unpack
from bridge.store.archive.database import Database
from bridge.store.archive.facts import UNREADABLE, JournalEntry, fact_hash
from bridge.store.archive.schema import RELEASE, VERSION, check_version, migrate
from bridge.store.archive.search import Search
from bridge.store.archive.tables import metadata, settings
from bridge.store.archive.trouble import ArchiveError, Trouble
from bridge.store.archive.writer import Writer, Written
from tests.support.archive import LANE, Journal, rows
from tests.support.rows import a_message, fill


async def test_the_steps_make_the_tables_that_the_code_names(database: Database) -> None:
    """Column by column and index by index, on each engine."""

    def compare(connection: Connection) -> list[object]:
        # The full-text index is each engine's own; its tables are none of the metadata's.
        ours = {"compare_server_default": True, "include_name": lambda name, *_: "_words" not in (name or "")}
        context = MigrationContext.configure(connection, opts=ours)
        return list(compare_metadata(context, metadata))

    async with database.write() as connection:
        assert await connection.run_sync(compare) == []


def test_the_latest_step_is_the_version_of_this_release() -> None:
    """A forgotten constant would leave every database as it is."""
    with resources.as_file(resources.files("bridge.store.archive") / "migrations") as folder:
        assert ScriptDirectory(str(folder)).get_current_head() == VERSION


async def test_a_new_database_is_made_and_then_left_alone(empty_url: str) -> None:
    """The second start finds nothing to do."""
    database = Database(empty_url)
    assert not await migrate(database)
    assert await migrate(database) is None
    async with database.read() as connection:
        await check_version(connection, database.where)
    await database.close()


@pytest.mark.parametrize("version", ["0002", "0003"])
async def test_what_an_earlier_release_archived_is_known(empty_url: str, version: str) -> None:
    """A batch that it wrote and could not take out of Redis any more comes again, and changes nothing."""
    journal = Journal()
    entries = [
        *journal.entries(journal.opened(), journal.said("hello")),
        JournalEntry(LANE, "8-0", b"no fact"),
    ]
    old, new = Database(empty_url), Database(empty_url)

    def begin(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "bridge.store.archive:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, version)

    async with old.write() as connection:
        await connection.run_sync(begin)
        # The journal's columns, and the hash by which a fact is known, are those of the first step.
        last = text(
            "INSERT INTO journal (seq, fact, lane, entry, kind, at, cause, contact, conversation, data)"
            " VALUES (:seq, :fact, :lane, :entry, :kind, :at, '', :contact, '', :data)"
        )
        for seq, entry in enumerate(entries, 1):
            fact = unpack(entry.data) if seq < 3 else None
            row = {
                "seq": seq,
                "fact": fact_hash(entry.data),
                "lane": entry.lane,
                "entry": entry.entry,
                "kind": type(fact).__name__ if fact else UNREADABLE,
                "at": micros(fact.at) if fact else 8_000,
                "contact": fact.contact if fact else "",
                "data": entry.data,
            }
            await connection.execute(last, row)
    await old.close()
    assert await migrate(new) == version
    writer = Writer(new)
    assert await writer.write(entries) == Written(facts=0, unreadable=0)
    more = journal.entries(journal.said("and again"))
    assert await writer.write([*entries, *more]) == Written(facts=1, unreadable=0)
    assert await writer.rebuild() == 4
    assert [row["text"] for row in await rows(new, "messages")] == ["hello", "and again"]
    await new.close()


async def test_an_index_of_other_words_is_made_anew(database: Database) -> None:
    """A release that reads words in another way indexes everything again, once."""
    await fill(database, said=[a_message(1, "hola")])
    async with database.write() as connection:
        await connection.execute(update(settings).where(settings.c.name == "words").values(value="0"))
    assert await migrate(database) == VERSION
    assert await migrate(database) is None
    assert [hit.seq for hit in (await Search(database).find("hola")).hits] == [1]


async def test_two_that_start_at_once_migrate_once(empty_url: str) -> None:
    """One does it, the other one waits and finds it done."""
    databases = [Database(empty_url) for _ in range(3)]
    came = await asyncio.gather(*(migrate(one) for one in databases))
    assert sorted(came, key=str) == ["", None, None]
    for one in databases:
        await one.close()


async def test_a_step_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    """Something of ours is in the way: after it is gone the migration runs from the start."""
    database = Database(empty_url)
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE tags (x INTEGER)"))
    with pytest.raises(Exception, match="tags"):
        await migrate(database)
    async with database.write() as connection:
        await connection.execute(text("DROP TABLE tags"))
    assert not await migrate(database)
    await database.close()


@pytest.mark.parametrize("release", ["9.9.9", None])
async def test_a_newer_schema_is_refused(database: Database, release: str | None) -> None:
    """With the release that made it, as far as it is known, and what to do."""
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text("DELETE FROM settings"))
        if release is not None:
            await connection.execute(insert(settings).values(name=RELEASE, value=release))
    with pytest.raises(
        ArchiveError, match=r"migrated by a newer release .*upgrade Threadline, or"
    ) as refused:
        await migrate(database)
    assert refused.value.trouble is Trouble.NEWER
    assert (release or "9999") in str(refused.value)
    async with database.read() as connection:
        with pytest.raises(ArchiveError, match="newer release"):
            await check_version(connection, database.where)


async def test_a_database_without_a_schema_is_told_apart(empty_url: str) -> None:
    """Whoever only reads says what to run."""
    database = Database(empty_url)
    async with database.write():
        pass
    async with database.read() as connection:
        with pytest.raises(ArchiveError, match="threadline archive migrate") as refused:
            await check_version(connection, database.where)
    assert refused.value.trouble is Trouble.OUTDATED
    await database.close()
