"""`threadline verify`: over both stores, with workers and an archiver at work, and with what should never be."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bridge import actions
from bridge.actions import Relay, Send
from bridge.cli import app
from bridge.events import pack
from bridge.model import ContactId, lane_of
from bridge.observe import configure_logging
from bridge.operate.verify import verify
from bridge.settings import Settings, load_settings
from bridge.store import keys
from bridge.store.archive.archiver import Archiver
from bridge.store.archive.database import Database
from bridge.store.archive.lag import Lag
from tests.support.archive import new_sqlite
from tests.support.valkey import free_port
from tests.support.waiting import until
from tests.support.workers import SHARDS, Town, World, a_town, contact_of
from tests.test_cli import complete

ANA, BO = contact_of(1), contact_of(5)
Capture = pytest.CaptureFixture[str]


class Counts:
    """What the archiver counts, which nobody asks for here."""

    def archived(self, facts: int) -> None:
        pass

    def archive_behind(self, waiting: int, lag_s: float) -> None:
        pass

    def error(self, platform: str, failure: str) -> None:
        pass


class Books:
    """A town, its archive, and what `verify` says of both."""

    def __init__(self, town: Town, url: str) -> None:
        self.town = town
        self.settings = settings_for(town.url, url)
        self.database = Database(url)
        self.lag = Lag(town.redis, town.lanes)
        self._archiver: Archiver | None = None

    async def archive(self) -> None:
        """Archive everything that was journaled by now, and go on until the end of the test."""
        if self._archiver is None:
            self._archiver = Archiver(
                self.town.redis, self.town.store, self.database, self.town.lanes, "clerk", Counts()
            )
            self._archiver.start()
        assert await self.lag.caught_up(20.0)

    async def aclose(self) -> None:
        """End the archiver."""
        if self._archiver is not None:
            await self._archiver.stop()
        await self.database.close()

    async def settled(self) -> None:
        """Everything is done and archived."""
        await self.town.settled()
        await self.archive()


def settings_for(redis_url: str, archive_url: str, shards: int = SHARDS) -> Settings:
    """Settings for two stores."""
    variables = {"THREADLINE_SHARDS": str(shards), "THREADLINE_ARCHIVE__URL": archive_url}
    return load_settings(None, complete(redis_url) | variables)


async def account(books: Books, capsys: Capture, *, wait_s: float = 10.0) -> dict[str, Any]:
    """What `verify --json` says, with its exit code as `code`."""
    since = datetime.now(UTC) - timedelta(hours=1)
    capsys.readouterr()  # the workers' log
    code = await verify(books.settings, since, as_json=True, wait_s=wait_s)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {**found, "code": code}


async def shown(books: Books, capsys: Capture) -> tuple[int, str]:
    """What `verify` says to people, with its exit code."""
    code = await verify(books.settings, datetime.now(UTC) - timedelta(hours=1), as_json=False, wait_s=10.0)
    return code, capsys.readouterr().out


@contextlib.asynccontextmanager
async def a_ledger(redis_url: str, folder: Path, world: World | None = None) -> AsyncIterator[Books]:
    """A town with an archive."""
    async with a_town(redis_url, world) as town:
        books = Books(town, new_sqlite(folder))
        try:
            yield books
        finally:
            await books.aclose()


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no line is broken, and on which workers beside the command log nothing."""
    monkeypatch.setenv("COLUMNS", "200")
    configure_logging("error")


@pytest.fixture
async def books(redis_url: str, tmp_path: Path) -> AsyncIterator[Books]:
    """On empty stores."""
    async with a_ledger(redis_url, tmp_path) as one:
        yield one


async def pending(books: Books, contact: ContactId, kind: type[actions.Action]) -> str:
    """The id of a contact's pending action of a kind, once there is one."""

    async def look() -> str | None:
        found = await books.town.store.pending(lane_of(contact), contact)
        return next((one.id for one in found if isinstance(actions.unpack(one.action), kind)), None)

    found: str | None = await until(look, 10, f"a pending {kind.__name__}")
    assert found is not None
    return found


async def lose(books: Books, contact: ContactId, kind: type[actions.Action]) -> None:
    """A pending action vanishes from Redis, as it never should, while no worker runs."""
    name = await pending(books, contact, kind)
    await books.town.workers.pop().crash()
    await books.town.redis("HDEL", keys.actions(lane_of(contact), contact), name, f"!{name}")


# ----------------------------------------------------------------------------------------------- all is well


async def test_everything_that_was_said_is_accounted_for(books: Books, capsys: Capture) -> None:
    """In and out, over several contacts, with the line at the end."""
    town = books.town
    await town.worker()
    for contact in (ANA, BO):
        await town.writes(contact, "one", "two", "three")
        await town.replies(contact, "an answer", "another")
    await books.settled()
    found = await account(books, capsys)
    line = "1 h: in 6 = shown 6 · out 4 = accepted 4 · missing 0 · doubled 0"
    assert (found["code"], found["line"], found["balanced"]) == (0, line, True)
    code, words = await shown(books, capsys)
    assert code == 0
    assert words.rstrip().endswith("missing 0 · doubled 0")
    assert "Customers' messages" in words


async def test_while_everybody_talks_nothing_is_taken_for_missing(books: Books, capsys: Capture) -> None:
    """The looks at both stores are not at the same time; what happens in between is no fault."""
    town = books.town
    await town.worker()
    await books.archive()
    done = asyncio.Event()

    said = 0

    def heard() -> bool:
        return len(town.desk.words()) == said

    async def talk() -> None:
        nonlocal said
        while not done.is_set():
            for contact in (ANA, BO):
                said += 1
                await town.writes(contact, f"word {said}")
            # Nobody talks faster than others can hear; a flood would only show how slow the archive is.
            await until(heard, 20, "both to be shown")

    talking = asyncio.create_task(talk())
    for _ in range(3):
        found = await account(books, capsys)
        assert (found["missing"], found["doubled"], found["swapped"]) == (0, 0, [])
        assert (found["unsettled_in"], found["unsettled_out"]) == ([], [])
    done.set()
    await talking
    await books.settled()
    assert (await account(books, capsys))["balanced"] is True


async def test_what_is_on_its_way_is_named_with_its_age(books: Books, capsys: Capture) -> None:
    """A post and a reply that the platforms hold up, and a message that no worker has decided on."""
    town = books.town
    await town.worker()
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    await books.settled()
    stalls = [
        town.desk.fault("relay", "held up", stall=True),
        town.channel.fault("send", "me too", stall=True),
    ]
    await town.writes(ANA, "held up")
    await town.replies(ANA, "me too")
    await asyncio.gather(*[one.reached.wait() for one in stalls])
    found = await account(books, capsys)
    assert found["code"] == 0
    assert (len(found["arriving"]), len(found["sending"])) == (1, 1)
    code, words = await shown(books, capsys)
    assert code == 0
    assert "decided, not shown yet" in words
    assert " ago" in words
    for one in stalls:
        one.go.set()
    await town.settled()
    await town.workers.pop().stop()
    await town.writes(BO, "nobody is there")
    found = await account(books, capsys)
    assert "in 3 = shown 2 + on their way 1 ·" in found["line"]


async def test_what_waits_for_its_author_is_counted(redis_url: str, tmp_path: Path, capsys: Capture) -> None:
    """Held replies are no messages yet."""
    async with a_ledger(redis_url, tmp_path, World(hold_s=600.0)) as books:
        await books.town.worker()
        await books.town.writes(ANA, "hello")
        await books.town.replies(ANA, "a moment")

        async def held() -> bool:
            return len((await books.town.conversation(ANA)).held) == 1

        await until(held, 10, "the reply to be held")
        await books.settled()
        found = await account(books, capsys)
        assert (found["held"], found["balanced"]) == (1, True)
        assert "out 1 = accepted 0 + held 1" in found["line"]


# ----------------------------------------------------------------------------------------------- what should not be


async def test_a_message_whose_post_is_lost_is_missing(books: Books, capsys: Capture) -> None:
    """Exit code 1, with the message, the number of its conversation and its time."""
    town = books.town
    await town.worker()
    await town.writes(ANA, "hello")
    conversation = await town.conversation(ANA)
    await books.settled()
    stall = town.desk.fault("relay", "lost", stall=True)
    await town.writes(ANA, "lost")
    await stall.reached.wait()
    await lose(books, ANA, Relay)
    await books.archive()
    found = await account(books, capsys)
    assert found["code"] == 1
    (line,) = found["missing_in"]
    assert (line["number"], line["conversation"]) == (conversation.number, conversation.id)
    assert "in 2 = shown 1 + missing 1" in found["line"]
    code, words = await shown(books, capsys)
    assert code == 1
    assert f"#{conversation.number}" in words
    assert line["message"] in words


async def test_a_reply_that_is_lost_is_missing(books: Books, capsys: Capture) -> None:
    """It is neither accepted nor pending."""
    town = books.town
    await town.worker()
    await town.writes(ANA, "hello")
    await town.conversation(ANA)
    stall = town.channel.fault("send", "lost", stall=True)
    await town.replies(ANA, "lost")
    await stall.reached.wait()
    await lose(books, ANA, Send)
    await books.archive()
    found = await account(books, capsys)
    assert (found["code"], len(found["missing_out"])) == (1, 1)


async def test_a_reply_that_was_accepted_twice_is_doubled(books: Books, capsys: Capture) -> None:
    """The platform's statuses tell of a second message with our id."""
    town = books.town
    await town.worker()
    await town.writes(ANA, "hello")
    (reply,) = await town.replies(ANA, "once")
    await town.settled()
    await town.status(reply, "delivered", "wamid.HBgLMTU1NTAxMDAzMTEVAgARGBI0ODhBMzk3QzY3NEVBMDY4REIA")
    await books.settled()
    found = await account(books, capsys)
    assert (found["code"], found["doubled"]) == (1, 1)
    assert "part 1 accepted as" in found["doubled_out"][0]["what"]
    assert "HBgLMTU1" not in json.dumps(found), "such an id holds a phone number"


async def test_dead_letters_are_accounted_for(books: Books, capsys: Capture) -> None:
    """They want somebody; once dropped with a reason they want nobody any more."""
    town = books.town
    lost = town.received(ANA, "hello")
    fields = ("u", ANA, "e", pack(lost), "id", "1-0", "why", "a test")
    await town.redis("XADD", keys.dead(lane_of(ANA)), "*", *fields)
    found = await account(books, capsys)
    assert (found["code"], found["letters"], found["buried"]) == (1, 1, 1)
    assert "in 1 = shown 0 + dead letters 1" in found["line"]
    code, words = await shown(books, capsys)
    assert code == 1
    assert "threadline replay list" in words
    ((name, _),) = await town.redis("XRANGE", keys.dead(lane_of(ANA)), "-", "+")
    environment = complete(town.url) | {"THREADLINE_SHARDS": str(SHARDS)}
    words = f"replay drop {lane_of(ANA)}:{name.decode()} --reason test --yes"
    dropped = await asyncio.to_thread(CliRunner().invoke, app, words.split(), env=environment)
    assert dropped.exit_code == 0, dropped.output
    await books.archive()
    found = await account(books, capsys)
    assert (found["code"], found["dropped"], found["letters"]) == (0, 1, 0)


# ----------------------------------------------------------------------------------------------- no account


async def test_an_archive_that_is_behind_leaves_it_open(books: Books, capsys: Capture) -> None:
    """What it has not is not called missing; it is said how far behind it is, and the exit code is 1."""
    town = books.town
    await town.worker()
    await town.writes(ANA, "hello")
    await town.settled()
    found = await account(books, capsys, wait_s=0.1)
    assert (found["code"], found["missing"], found["balanced"]) == (1, 0, False)
    assert found["archived"]["behind"] == [lane_of(ANA)]
    assert found["archived"]["waiting"] >= 2
    code = await verify(books.settings, datetime.now(UTC) - timedelta(hours=1), as_json=False, wait_s=0.1)
    assert code == 1
    assert "behind" in capsys.readouterr().out
    await books.archive()
    assert (await account(books, capsys))["balanced"] is True


async def test_it_waits_for_the_archive_to_catch_up(books: Books, capsys: Capture) -> None:
    """An archiver that begins a moment later is no trouble."""
    town = books.town
    await town.worker()
    await town.writes(ANA, "hello")
    await town.settled()
    found, _ = await asyncio.gather(account(books, capsys, wait_s=20.0), books.archive())
    assert (found["code"], found["shown"]) == (0, 1)


async def test_stores_that_are_not_there_are_named(
    books: Books, redis_url: str, tmp_path: Path, capsys: Capture
) -> None:
    """Exit code 1 with what to do, and nothing of an account."""
    url = f"sqlite:///{tmp_path / 'none.sqlite3'}"
    for settings, says in (
        (settings_for(redis_url, url), "there is no archive"),
        (settings_for(f"redis://127.0.0.1:{free_port()}/0", books.settings.archive.url), "cannot be reached"),
    ):
        with pytest.raises(BaseException) as ended:  # noqa: PT011 - typer's own way to end
            await verify(settings, datetime.now(UTC) - timedelta(hours=1), as_json=False, wait_s=0)
        assert getattr(ended.value, "exit_code", None) == 1
        said = capsys.readouterr()
        assert says in said.err
        assert "missing" not in said.out


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--since", "2999-01-01"], ["--wait", "-1"]])
def test_wrong_arguments_exit_with_2(redis_url: str, arguments: list[str]) -> None:
    """With an example of what is expected."""
    ended = CliRunner().invoke(app, ["verify", *arguments], env=complete(redis_url))
    assert ended.exit_code == 2
