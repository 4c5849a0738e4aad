"""Redis lost its data, or came back with older data: it is rebuilt from the archive, and people hardly notice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from bridge.errors import Level, StoreUnavailableError
from bridge.model import ContactId, Conversation, Status, lane_of
from bridge.store import deployment, keys, stub
from bridge.store.archive.census import Census
from bridge.store.archive.database import Database
from bridge.store.archive.facts import JournalEntry
from bridge.store.archive.shelf import ArchiveShelf
from bridge.store.archive.writer import Writer
from bridge.store.deployment import ForeignError
from bridge.store.guard import Guard
from bridge.store.health import ShardCountError
from bridge.store.inspection import inspect
from bridge.store.restore import SKIPPED
from tests.engine.test_rest import rests, talked
from tests.support.archive import new_sqlite
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until
from tests.support.workers import BEN, INBOX, SHARDS, Town, contact_of

ANA, BO, CLEO = contact_of(1), contact_of(5), contact_of(2)
NUMBERS = ("1055500001",)
ALIASES = ("id:p:ana", "phone:p:1")


class Office:
    """The archive beside a town, filled by hand, and guards of processes that start."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.database = Database(new_sqlite(folder))
        self.told: list[str] = []

    def guard(self, numbers: tuple[str, ...] = NUMBERS, *, shards: int = SHARDS, owner: str = "w") -> Guard:
        """A process's guard."""
        census = Census(self.database, shards, {INBOX: 86_400.0})
        made = Guard(
            self.town.redis,
            census,
            numbers=numbers,
            shards=shards,
            lanes=self.town.lanes,
            owner=owner,
        )
        made.telling(self.tell)
        return made

    async def tell(self, words: str) -> None:
        self.told.append(words)

    async def archive(self) -> None:
        """Everything that is journaled gets into the archive."""
        for lane in self.town.lanes:
            found = await self.town.redis("XRANGE", keys.journal(lane), "-", "+")
            entries = [
                JournalEntry(lane, entry.decode(), fact) for entry, fields in found for fact in fields[1::2]
            ]
            if entries:
                await Writer(self.database).write(entries)

    async def flush(self) -> None:
        """Redis loses everything."""
        await self.town.redis("FLUSHALL")


@pytest.fixture
async def office(town: Town, tmp_path: Path) -> AsyncIterator[Office]:
    """With an empty archive."""
    one = Office(town, tmp_path)
    yield one
    await one.database.close()


async def opens(town: Town, contact: ContactId, *aliases: str) -> Conversation:
    """A contact writes for the first time, Ben answers and takes it."""
    for alias in aliases:
        await town.redis("SET", keys.alias(alias), contact)
    await town.append(contact, msgspec.structs.replace(town.received(contact, "hello"), aliases=aliases))
    await town.conversation(contact)
    await town.replies(contact, "hello yourself", "!claim", "!tag parcel")
    await town.settled()
    return await town.conversation(contact)


async def test_a_redis_that_lost_everything_is_rebuilt(town: Town, office: Office) -> None:
    """The next message finds its conversation and its thread, an answer goes out, and no number is given twice."""
    await office.guard().settle()
    first = await town.worker("w1", guarded=True)
    was = await opens(town, ANA, *ALIASES)
    resolved = await talked(town, CLEO)
    await office.archive()
    await first.stop()
    await office.flush()
    with capture_logs() as logs:
        await office.guard().settle()
    assert {"redis.data_lost", "redis.rebuilt"} <= {
        line["event"] for line in logs if line["log_level"] == "error"
    }
    assert "2 contacts" in office.told[0]
    await town.worker("w2", guarded=True)
    claim = await town.inlet.claim(ALIASES)
    assert (claim.contact, claim.joins) == (ANA, None)
    await town.writes(ANA, "still there?")
    await town.settled()
    now = await town.conversation(ANA)
    assert (now.id, now.number, now.thread, now.assignee, now.tags) == (
        was.id,
        was.number,
        was.thread,
        BEN.id,
        ("parcel",),
    )
    assert town.desk.words()[-1] == "still there?"
    await town.replies(ANA, "yes")
    await town.settled()
    assert town.channel.sent[-1] == (f"to-{ANA}", "yes")
    await town.writes(BO, "I am new")
    await town.settled()
    new = await town.conversation(BO)
    assert int(new.id.partition("-")[2]) > int(was.id.partition("-")[2]) + SKIPPED
    cleo = await town.conversation(CLEO)
    assert (cleo.status, cleo.thread) == (Status.RESOLVED, resolved.thread)


async def test_what_leads_to_a_conversation_is_back(town: Town, office: Office) -> None:
    """Its number, its thread, its row in the lists, and events that platforms repeat are known as decided."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    was = await opens(town, ANA, *ALIASES)
    (again,) = await town.writes(ANA, "only once")
    await town.settled()
    await office.archive()
    await town.workers[0].stop()
    await office.flush()
    await office.guard().settle()
    assert was.thread is not None
    for ref in (await town.inlet.thread(was.thread), await town.inlet.numbered(was.number)):
        assert ref is not None
        assert (ref.contact, ref.conversation) == (ANA, was.id)
    assert [row.id for row in await town.inlet.open_of(BEN.id)] == [was.id]
    await town.worker("w2", guarded=True)
    await town.append(ANA, again)
    await town.settled()
    assert town.desk.words().count("only once") == 1


async def test_contacts_at_rest_come_back_at_rest(town: Town, office: Office) -> None:
    """Their states are in the archive already: a stub is enough."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    was = await rests(town, ANA)
    await office.archive()
    await town.workers[0].stop()
    await office.flush()
    await office.guard().settle()
    record = await town.store.load(lane_of(ANA), ANA)
    assert isinstance(stub.unpack(record.data or b""), stub.Stub)
    await town.worker("w2", guarded=True, shelf=ArchiveShelf(office.database))
    await town.writes(ANA, "me again")
    await town.settled()
    now = await town.conversation(ANA)
    assert (now.id, now.thread, now.status) == (was.id, was.thread, Status.ACTIVE)


async def test_a_loss_while_running_is_noticed_and_nothing_is_worked_until_all_is_back(
    town: Town, office: Office
) -> None:
    """Lanes cannot be taken, what arrives is refused, and then it goes on by itself."""
    watching = office.guard()
    await watching.settle()
    watching.check()
    worker = await town.worker("w1", guarded=True)
    was = await opens(town, ANA, *ALIASES)
    await office.archive()
    path = office.database.path
    assert path is not None
    watch = asyncio.create_task(watching.watch())
    try:
        await office.database.close()
        hidden = path.rename(path.with_suffix(".away"))
        await office.flush()
        await until(lambda: watching.problem, 15, "the loss to be noticed")
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            watching.check()
        await until(lambda: not worker.engine.held(), 10, "the lanes to be given up")
        await town.writes(ANA, "anybody?")
        assert await town.redis("XLEN", keys.stream(lane_of(ANA))) == 1
        hidden.rename(path)
        await until(lambda: watching.problem is None, 20, "everything to be back")
        await town.settled(20)
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
    assert town.desk.words()[-1] == "anybody?"
    now = await town.conversation(ANA)
    assert (now.id, now.thread) == (was.id, was.thread)
    assert office.told


async def test_who_wrote_before_all_was_back_is_joined(town: Town, office: Office) -> None:
    """They were taken for new; it is one person, and no word of theirs is lost."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    was = await opens(town, ANA, *ALIASES)
    await office.archive()
    await town.workers[0].stop()
    await office.flush()
    minted = contact_of(7)
    await town.redis("SET", keys.alias(ALIASES[0]), minted)
    hasty = msgspec.structs.replace(town.received(minted, "hello?"), aliases=ALIASES[:1])
    await town.append(minted, hasty)
    await office.guard().settle()
    await town.worker("w2", guarded=True)
    await town.settled()
    assert "hello?" in town.desk.words()
    assert await town.inlet.contact(ANA) is not None
    one, other = await town.contact(ANA), await town.contact(minted)
    assert (one.redirect, other.redirect) in {(minted, None), (None, ANA)}
    assert was.thread is not None


async def test_of_several_processes_one_rebuilds(town: Town, office: Office) -> None:
    """The others wait for it, and all of them can work then."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    await opens(town, ANA, *ALIASES)
    await office.archive()
    await town.workers[0].stop()
    await office.flush()
    with capture_logs() as logs:
        await asyncio.gather(*[office.guard(owner=f"w{number}").settle() for number in range(4)])
    assert [line["event"] for line in logs].count("redis.rebuilt") == 1
    await town.worker("w2", guarded=True)


async def test_rebuilding_may_break_off_and_begin_anew(town: Town, office: Office) -> None:
    """At any command: no lane is begun before all of it is there, and doing it again changes nothing."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    was = await opens(town, ANA, *ALIASES)
    await talked(town, CLEO)
    await office.archive()
    await town.workers[0].stop()
    for after in (1, 5, 12, 20, 30):
        await office.flush()
        breaking = Breaking(town, after)
        with contextlib.suppress(ConnectionError):
            await office_guard(office, breaking).settle()
        assert breaking.left < 0
        assert not await deployment.is_whole(town.redis, town.lanes)
        await town.redis("DEL", keys.RESTORING)
    await office.guard().settle()
    await town.worker("w2", guarded=True)
    await town.writes(ANA, "still there?")
    await town.settled()
    assert (await town.conversation(ANA)).id == was.id


class Breaking:
    """A connection that breaks for good after so many writes."""

    def __init__(self, town: Town, writes: int) -> None:
        self.town = town
        self.left = writes
        self.spread = False

    async def __call__(self, *args: str | bytes | float) -> object:
        if args[0] not in {"GET", "EXISTS", "XINFO"}:
            self.left -= 1
            if self.left < 0:
                raise ConnectionError
        return await self.town.redis(*args)

    async def batch(self, commands: Sequence[Sequence[str | bytes | float]]) -> list[object]:
        return [await self(*one) for one in commands]


def office_guard(office: Office, redis: Breaking) -> Guard:
    """A guard of a process whose connection breaks."""
    census = Census(office.database, SHARDS, {})
    return Guard(
        redis,  # type: ignore[arg-type]  # as much of a connection as rebuilding takes
        census,
        numbers=NUMBERS,
        shards=SHARDS,
        lanes=office.town.lanes,
        owner="breaking",
    )


async def test_older_data_is_brought_forward(town: Town, office: Office, valkey_server: ValkeyServer) -> None:
    """Redis went back to before an answer and a second conversation: neither is made or sent again."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    was = await opens(town, ANA, *ALIASES)
    await town.workers[0].stop()
    before = dumped(valkey_server)
    await town.worker("w2", guarded=True)
    await town.replies(ANA, "one more thing")
    await town.writes(BO, "I am new")
    await town.settled()
    new = await town.conversation(BO)
    await town.replies(ANA, "!resolve")
    await town.settled()
    await office.archive()
    await town.workers[1].stop()
    put_back(valkey_server, before)
    assert (await town.conversation(ANA)).status is Status.ACTIVE
    with capture_logs() as logs:
        await office.guard().settle()
    (lost,) = (line for line in logs if line["event"] == "redis.data_lost")
    assert (lost["lost"], lost["older"]) == ([], [lane_of(ANA)])
    await town.worker("w3", guarded=True)
    await town.settled()
    now = await town.conversation(ANA)
    assert (now.id, now.status) == (was.id, Status.RESOLVED)
    assert [words for _, words in town.channel.sent].count("one more thing") == 1
    found = await town.inlet.numbered(new.number)
    assert found is not None
    assert found.contact == BO
    await town.writes(contact_of(9), "and me")
    await town.settled()
    third = await town.conversation(contact_of(9))
    assert third.number not in {was.number, new.number}


def dumped(server: ValkeyServer) -> dict[bytes, tuple[bytes, int]]:
    """All keys as they are."""
    with contextlib.closing(server.client()) as client:
        return {
            key: (client.dump(key) or b"", max(int(client.pttl(key)), 0))
            for key in client.scan_iter(count=1000)
        }


def put_back(server: ValkeyServer, dump: dict[bytes, tuple[bytes, int]]) -> None:
    """Make them all the keys there are."""
    with contextlib.closing(server.client()) as client:
        client.flushall()
        for key, (value, life_ms) in dump.items():
            client.restore(key, life_ms, value)


async def test_another_deployment_does_not_start(
    town: Town, office: Office, valkey_server: ValkeyServer
) -> None:
    """And the first one is not disturbed: nothing is written."""
    await office.guard().settle()
    await town.worker("w1", guarded=True)
    await opens(town, ANA, *ALIASES)
    await town.workers[0].stop()
    before = dumped(valkey_server)
    with pytest.raises(ForeignError, match=r"another deployment.*redis\.url"):
        await office.guard(("2066600001",)).settle()
    after = dumped(valkey_server)
    assert {key: value for key, (value, _) in after.items()} == {
        key: value for key, (value, _) in before.items()
    }


async def test_the_same_deployment_starts_as_often_as_it_likes(town: Town, office: Office) -> None:
    """Several processes, later ones with a number more; then without the first one."""
    await office.guard().settle()
    await asyncio.gather(*[office.guard(owner=f"w{number}").settle() for number in range(3)])
    await office.guard((*NUMBERS, "1055500002")).settle()
    await office.guard(("1055500002",)).settle()
    with pytest.raises(ForeignError):
        await office.guard(NUMBERS).settle()


async def test_of_two_deployments_that_start_at_once_one_does(
    town: Town, office: Office, tmp_path: Path
) -> None:
    """Each with an archive of its own."""
    (tmp_path / "other").mkdir()
    other = Office(town, tmp_path / "other")
    results = await asyncio.gather(
        office.guard(("1",)).settle(), other.guard(("2",)).settle(), return_exceptions=True
    )
    await other.database.close()
    assert results.count(None) == 1
    assert sum(isinstance(one, ForeignError) for one in results) == 1


async def test_another_number_of_shards_than_the_archive_knows(town: Town, office: Office) -> None:
    """Redis was emptied and the setting changed: numbers would mean other conversations."""
    await office.guard().settle()
    await office.flush()
    with pytest.raises(ShardCountError, match=r"archive.*begun with 4 shards.*say 8"):
        await office.guard(shards=8).settle()


async def test_a_new_redis_waits_for_an_archive_that_is_away(
    town: Town, office: Office, tmp_path: Path
) -> None:
    """It might have lost everything: nothing is written, nothing can be worked."""
    await office.database.close()
    office.database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'archive.sqlite3'}")
    first = office.guard()
    await first.settle()
    assert first.problem is not None
    with pytest.raises(StoreUnavailableError):
        first.check()
    assert not await town.redis("KEYS", "*")
    worker = await town.worker("w1", guarded=True, all_lanes=False)
    assert worker.engine.held() == ()


async def test_an_archive_that_is_away_is_logged_once_until_it_is_back(office: Office) -> None:
    """It is asked every second until it answers: the log is not filled with the same line."""
    path = office.database.path
    assert path is not None
    await office.database.close()
    hidden = path.rename(path.with_suffix(".away"))
    waiting = office.guard()

    async def said() -> list[str]:
        with capture_logs() as logs:
            for _ in range(3):
                await waiting.settle()
        return [line["event"] for line in logs if line["event"] in {"deployment.archive_away", "redis.well"}]

    assert await said() == ["deployment.archive_away"]
    hidden.rename(path)
    assert await said() == ["redis.well"]


async def test_what_the_check_says(town: Town, office: Office) -> None:
    """Before the first start, after it, of a stranger's settings, and once data is missing."""

    async def said(numbers: tuple[str, ...] = NUMBERS, shards: int = SHARDS) -> tuple[Level, str]:
        census = Census(office.database, shards, {})
        (finding,) = await inspect(town.redis, census, numbers, shards, town.lanes)
        return finding.level, finding.found

    assert (await said())[0] is Level.OK
    await office.guard().settle()
    assert await said() == (Level.OK, "business numbers: 1")
    assert (await said(("2066600001",)))[0] is Level.ERROR
    level, words = await said(shards=8)
    assert (level, "begun with 4 shards" in words) == (Level.ERROR, True)
    await town.worker("w1", guarded=True)
    await opens(town, ANA, *ALIASES)
    await office.archive()
    await town.workers[0].stop()
    await office.flush()
    level, words = await said()
    assert (level, "5 of 5 lanes" in words) == (Level.WARNING, True)
    assert not await town.redis("KEYS", "*")
