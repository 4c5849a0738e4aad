"""`threadline archive status`, `migrate` and `rebuild`, as an operator types them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bridge.cli import app
from bridge.store.archive.database import Database
from bridge.store.archive.writer import Writer
from tests.operate.test_reading import SETTINGS
from tests.support.archive import Journal, new_sqlite
from tests.support.valkey import free_port
from tests.support.waiting import aside


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of an archive with two messages."""
    address = new_sqlite(tmp_path)

    async def make() -> None:
        database = Database(address)
        journal = Journal()
        await Writer(database).write(
            journal.entries(journal.opened(), journal.said("one"), journal.said("two"))
        )
        await database.close()

    aside(make())
    return address


def typed(url: str, redis_url: str, *words: str) -> Result:
    """What the command prints and returns."""
    environment = SETTINGS | {"THREADLINE_ARCHIVE__URL": url, "THREADLINE_REDIS__URL": redis_url}
    return CliRunner().invoke(app, ["archive", *words], env=environment)


def test_status_says_what_there_is_and_what_waits(url: str, redis_url: str) -> None:
    """The database, its schema, how much it holds, and whether Redis holds more."""
    said = typed(url, redis_url, "status")
    assert said.exit_code == 0, said.output
    assert "3 facts, 2 messages and notes, 1 contacts" in said.output
    assert "Nothing waits to be archived." in said.output


def test_status_without_redis_says_so(url: str) -> None:
    """In words, not with a stack trace."""
    said = typed(url, f"redis://127.0.0.1:{free_port()}/0", "status")
    assert said.exit_code == 1
    assert "Redis" in said.output
    assert "Traceback" not in said.output


def test_rebuild_makes_every_table_anew(url: str, redis_url: str) -> None:
    """What somebody did to them is gone."""
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE messages SET text = 'forged'")
    raw.close()
    said = typed(url, redis_url, "rebuild")
    assert (said.exit_code, said.output.strip()) == (0, "Rebuilt from 3 facts.")
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT text FROM messages ORDER BY seq").fetchall() == [("one",), ("two",)]
    raw.close()


def test_migrate_makes_a_new_archive_once(tmp_path: Path, redis_url: str) -> None:
    """And says whether there was anything to do."""
    new = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    missing = typed(new, redis_url, "rebuild")
    assert missing.exit_code == 1
    assert "there is no archive at" in missing.output
    assert "has schema" in typed(new, redis_url, "migrate").output
    assert "was up to date" in typed(new, redis_url, "migrate").output


def test_a_newer_archive_is_left_alone(url: str, redis_url: str) -> None:
    """By every command."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    for words in ("status", "migrate", "rebuild"):
        said = typed(url, redis_url, words)
        assert said.exit_code == 1
        assert "newer release" in said.output
