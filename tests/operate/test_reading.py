"""`threadline export` and `threadline search`, as an operator types them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from bridge.cli import app
from bridge.store.archive.database import Database
from bridge.store.archive.tables import conversations
from tests.support.archive import new_sqlite
from tests.support.rows import a_contact, a_conversation, a_message, fill
from tests.support.waiting import aside

SETTINGS = {
    "THREADLINE_WHATSAPP__ACCESS_TOKEN": "EAAG-one",
    "THREADLINE_WHATSAPP__APP_SECRET": "two",
    "THREADLINE_WHATSAPP__VERIFY_TOKEN": "three",
    "THREADLINE_SLACK__BOT_TOKEN": "xoxb-four",
    "THREADLINE_SLACK__APP_TOKEN": "xapp-five",
    "THREADLINE_INBOXES__SUPPORT__NAME": "Support",
    "THREADLINE_INBOXES__SUPPORT__PHONE_NUMBER_ID": "200300400500600",
    "THREADLINE_INBOXES__SUPPORT__WABA_ID": "100200300400500",
    "THREADLINE_INBOXES__SUPPORT__CHANNEL": "C0SUPPORT1",
}
PHONE = "34600111222"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of an archive in which Ana and Ben said something."""
    address = new_sqlite(tmp_path)

    async def make() -> None:
        database = Database(address)
        people = [
            a_contact(1, "Ana", id="0-abc", phone=PHONE),
            a_contact(2, "Ana", id="0-old", merged_into="0-abc"),
            a_contact(3, "Ben", id="1-0123456789ab", username="ben_b", phone="491701234567"),
        ]
        cases = [
            a_conversation(63, "0-abc"),
            a_conversation(64, "0-old"),
            a_conversation(1065, "1-0123456789ab"),
        ]
        said = [
            a_message(10, "the old order", contact="0-old", conversation="0-64"),
            a_message(11, "where is my order? \x1b[31m", contact="0-abc", at=1_700_000_000_000_000),
            a_message(12, "an order, please", contact="1-0123456789ab", conversation="0-1065"),
        ]
        await fill(database, people=people, cases=cases, said=said)
        await database.close()

    aside(make())
    return address


def typed(url: str, *words: str) -> Result:
    """Run a command on that archive."""
    return CliRunner().invoke(app, [*words], env={**SETTINGS, "THREADLINE_ARCHIVE__URL": url})


def kinds(lines: str) -> list[str]:
    """The kinds of JSON lines."""
    return [json.loads(line)["kind"] for line in lines.splitlines()]


def test_everything_is_exported(url: str) -> None:
    """To standard output, one line each, and nothing else."""
    result = typed(url, "export")
    assert result.exit_code == 0
    assert kinds(result.stdout).count("contact") == 3
    assert kinds(result.stdout)[-1] == "end"


@pytest.mark.parametrize(
    "who",
    ["+34 600 111 222", "0034600111222", PHONE, "600 11 12 22", "tel:+34-600-111-222", "#63", "0-abc", "64"],
)
def test_a_contact_is_found_however_named(url: str, who: str) -> None:
    """A phone in any spelling, the number of a conversation, an id; joined contacts come along."""
    result = typed(url, "export", "--contact", who)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["id"] for line in lines if line["kind"] == "contact"} == {"0-abc", "0-old"}
    assert [line["text"] for line in lines if line["kind"] == "message"] == [
        "where is my order? \x1b[31m",
        "the old order",
    ]


@pytest.mark.parametrize("who", ["@Ben_B", "1-0123456789ab", "+49 170 1234567", "0170 1234567", "0-1065"])
def test_another_one_is_found_too(url: str, who: str) -> None:
    """By username, id, with and without the country's code, or a conversation's id."""
    result = typed(url, "export", "--contact", who)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines() if '"contact","id"' in line] == [
        "1-0123456789ab"
    ]


@pytest.mark.parametrize("who", ["+34 600 111 223", "#9", "@nobody", "2-abc", "x", "+", "#"])
def test_nobody_is_meant(url: str, who: str) -> None:
    """It says what can be given instead."""
    result = typed(url, "export", "--contact", who)
    assert result.exit_code == 1
    assert "nobody in the archive is" in result.stderr
    assert result.stdout == ""


def test_it_goes_into_a_file(url: str, tmp_path: Path) -> None:
    """Whole or not at all, and nobody else's to read."""
    out = tmp_path / "export.jsonl"
    result = typed(url, "export", "--out", str(out))
    assert result.exit_code == 0
    assert "3 messages and notes" in result.stderr
    assert kinds(out.read_text())[-1] == "end"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(tmp_path.glob("*.part")) == []
    result = typed(url, "export", "--out", str(tmp_path / "no" / "such" / "folder"))
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_time_is_understood_or_explained(url: str) -> None:
    """A span or a date; anything else says what is expected."""
    assert kinds(typed(url, "export", "--since", "2023-11-01").stdout) == ["export", "end"]
    result = typed(url, "export", "--since", "yesterdayish")
    assert result.exit_code == 2
    assert "no time that can be read" in result.stderr


def test_no_archive_is_explained(tmp_path: Path) -> None:
    """Without a stack trace, and without making an empty one."""
    result = typed(f"sqlite:///{tmp_path / 'none.sqlite3'}", "export")
    assert result.exit_code == 1
    assert "there is no archive at" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_searching(url: str) -> None:
    """Newest first, with the conversation's number; nothing of a message acts on the terminal."""
    result = typed(url, "search", "order -old")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert "an order, please" in first
    assert "#63 in Ana: where is my order?" in second
    assert "\x1b[31m" not in second
    assert "contact Ana +34•••••1222" in typed(url, "search", "600-111-222").stdout
    page = typed(url, "search", "order", "--limit", "1").stdout
    assert "add --before 12" in page
    assert "an order" not in typed(url, "search", "order", "--before", "12").stdout
    assert "old order" in typed(url, "search", "order", "--contact", "#63").stdout


def test_searching_for_programs(url: str) -> None:
    """The same as JSON."""
    page = json.loads(typed(url, "search", "please", "--json").stdout)
    assert [hit["seq"] for hit in page["hits"]] == [12]
    assert page["before"] is None


def test_nothing_is_found(url: str) -> None:
    """It says so, also by how it ends."""
    result = typed(url, "search", "nowhere")
    assert (result.exit_code, result.stdout) == (1, "Nothing was found.\n")
    assert typed(url, "search", "order", "--inbox", "sales").exit_code == 1


def test_a_query_that_cannot_be_read(url: str) -> None:
    """The wrong part is underlined."""
    result = typed(url, "search", 'order "my')
    assert result.exit_code == 1
    assert 'order "my\n      ^^^ opens a phrase that nothing ends' in result.stderr


def test_pruning(url: str) -> None:
    """What would go, and then it goes; a policy that is too short is refused."""
    keeps = typed(url, "archive", "prune")
    assert keeps.exit_code == 0
    assert "kept for ever" in keeps.stdout

    async def resolve() -> None:
        database = Database(url)
        async with database.write() as connection:
            await connection.execute(update(conversations).values(status="closed"))
        await database.close()

    aside(resolve())
    env = {**SETTINGS, "THREADLINE_ARCHIVE__URL": url, "THREADLINE_ARCHIVE__RETENTION_DAYS": "30"}
    would = CliRunner().invoke(app, ["archive", "prune", "--dry-run"], env=env)
    assert "Would delete 3 messages and 0 notes of 3 conversations" in would.stdout
    assert kinds(typed(url, "export").stdout).count("message") == 3
    done = CliRunner().invoke(app, ["archive", "prune"], env=env)
    assert done.exit_code == 0
    assert "Deleted 3 messages" in done.stdout
    assert kinds(typed(url, "export").stdout).count("message") == 0
    refused = CliRunner().invoke(
        app, ["archive", "prune"], env=env | {"THREADLINE_ARCHIVE__RETENTION_DAYS": "3"}
    )
    assert refused.exit_code == 2
    assert "is less than 14" in refused.stderr
