"""`threadline replay`: dead letters are seen, put back once and in order, or dropped with a reason that is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.events import pack
from bridge.journal import DroppedNoted, unpack
from bridge.model import DESK_LANE, DESK_UNIT, ContactId, LaneId, lane_of, message_id
from bridge.operate import replay
from bridge.settings import Settings, load_settings
from bridge.store import keys
from bridge.store.dead import DeadLetters
from tests.support.valkey import free_port
from tests.support.workers import SHARDS, Town, a_town, contact_of
from tests.test_cli import complete

ANA, BO = contact_of(1), contact_of(5)
LANE = lane_of(ANA)
UNHEARD = b"\x82\xa4type\xa7Unheard\xa5phone\xaf+34600111222333"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
async def town(redis_url: str) -> AsyncIterator[Town]:
    """On an empty database, without workers."""
    async with a_town(redis_url) as one:
        yield one


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    """Those of the town."""
    return settings_for(redis_url)


def settings_for(redis_url: str, shards: int = SHARDS) -> Settings:
    """Settings for a database."""
    return load_settings(None, complete(redis_url) | {"THREADLINE_SHARDS": str(shards)})


async def broken(town: Town, contact: ContactId = ANA) -> None:
    """From now on nothing of a contact can be decided."""
    await town.redis("SET", keys.unit(lane_of(contact), contact), b"\0\0\0\0\0\0\0\1\xc1broken")


async def mended(town: Town, contact: ContactId = ANA) -> None:
    """The reason is gone. A new release would come with new workers, which know nothing of the old record."""
    await town.redis("DEL", keys.unit(lane_of(contact), contact))
    await town.workers.pop().stop()
    await town.worker()


async def bury(town: Town, contact: ContactId, *data: bytes) -> None:
    """Put events among the dead letters as a worker does."""
    lane = lane_of(contact)
    hold = await town.store.acquire(lane, "digger")
    assert hold is not None
    for one in data:
        await town.store.emit(lane, contact, one)
    for entry in await town.store.range(lane, "0-0", 100):
        await town.store.bury(hold, entry, "could not be decided after 3 tries")
    await town.store.release(hold)


async def buried(town: Town, *words: str) -> None:
    """Messages of Ana that could not be decided, before any worker runs."""
    await bury(town, ANA, *(pack(town.received(ANA, one)) for one in words))


async def names(town: Town) -> list[str]:
    """The dead letters' ids, lane by lane."""
    return [letter.name for letter in await DeadLetters(town.redis, town.lanes).all()]


async def retry(settings: Settings, *ids: str, force: bool = False, wait_s: float = 10.0) -> int:
    """As from the command line; without ids, all."""
    return await replay.retry(settings, ids, everything=not ids, force=force, wait_s=wait_s)


async def drop(settings: Settings, name: str, *, force: bool = False, sure: bool = True) -> int:
    """As from the command line."""
    return await replay.drop(settings, name, reason="a test", force=force, sure=lambda _: sure)


async def journaled(town: Town, lane: LaneId) -> list[DroppedNoted]:
    """What a lane's journal says of dropped letters."""
    entries = await town.redis("XRANGE", keys.journal(lane), "-", "+")
    facts = [unpack(value) for _, fields in entries for value in fields[1::2]]
    return [fact for fact in facts if isinstance(fact, DroppedNoted)]


# ----------------------------------------------------------------------------------------------- looking


async def test_without_dead_letters_the_list_says_so(settings: Settings, capsys: Capture) -> None:
    """And for programs it is an empty list."""
    assert await replay.show_all(settings, as_json=False, limit=5) == 0
    assert "No dead letters" in capsys.readouterr().out
    assert await replay.show_all(settings, as_json=True, limit=5) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert await retry(settings) == 0
    assert "nothing to retry" in capsys.readouterr().out


async def test_the_list_names_lane_contact_kind_age_and_reason(
    town: Town, settings: Settings, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oldest first over all lanes; as many rows as asked for."""
    monkeypatch.setenv("COLUMNS", "200")
    late, early = town.received(ANA, "late"), town.received(BO, "early")
    await bury(town, BO, pack(early), UNHEARD)
    await bury(town, ANA, pack(late))
    assert await replay.show_all(settings, as_json=False, limit=2) == 0
    shown = capsys.readouterr().out
    assert shown.index(BO) > 0
    for words in (f"{lane_of(BO)}:", "MessageReceived", " s ", "after 3 tries", "3 dead letters", "1 more"):
        assert words in shown
    assert await replay.show_all(settings, as_json=True, limit=2) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["contact"] == ANA, "it was written first, though put aside last"
    assert [row["readable"] for row in rows].count(False) == 1
    assert {row["id"] for row in rows} == set(await names(town))


async def test_a_letter_is_shown_whole_with_numbers_masked_unless_asked(
    town: Town, settings: Settings, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words, ids and what to do; the number only with --unmasked."""
    monkeypatch.setenv("COLUMNS", "200")
    event = town.received(ANA, "Call me at +34 600 111 222 [bold]now[/bold]")
    await bury(town, ANA, pack(event))
    (name,) = await names(town)
    assert await replay.show(settings, name, as_json=False, unmasked=False) == 0
    shown = capsys.readouterr().out
    for words in (
        name,
        ANA,
        "MessageReceived",
        "[bold]now[/bold]",
        "+34•••••1222",
        "replay retry",
        "end of the thread",
    ):
        assert words in shown
    assert "600" not in shown
    assert await replay.show(settings, name, as_json=False, unmasked=True) == 0
    assert "+34 600 111 222" in capsys.readouterr().out
    for unmasked in (False, True):
        assert await replay.show(settings, name, as_json=True, unmasked=unmasked) == 0
        known = json.loads(capsys.readouterr().out)
        assert known["event"]["inbox"] == "support"
        assert known["decided_meanwhile"] is False
        assert ("600 111" in json.dumps(known)) is unmasked


async def test_how_to_answer_somebody_is_never_shown(town: Town, settings: Settings, capsys: Capture) -> None:
    """It is a secret for some minutes, and of no use to an operator."""
    await bury(town, ANA, b"\x82\xa4type\xa7Unheard\xacreply_handle\xaehttps://secret")
    (name,) = await names(town)
    assert await replay.show(settings, name, as_json=True, unmasked=True) == 0
    assert "secret" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "data, says", [(UNHEARD, "Unheard"), (b"\xc1\x01 +34600111222", "\\xc1"), (b"", "cannot be read")]
)
async def test_what_this_release_cannot_read_is_shown_raw(
    town: Town, settings: Settings, capsys: Capture, data: bytes, says: str
) -> None:
    """Taken apart as far as possible, masked all the same; and what to do about it."""
    await bury(town, ANA, data)
    (name,) = await names(town)
    assert await replay.show(settings, name, as_json=False, unmasked=False) == 0
    shown = capsys.readouterr().out
    assert says in shown
    assert "600111222" not in shown
    assert "newer or an older" in shown


# ----------------------------------------------------------------------------------------------- retrying


async def test_all_go_back_in_order_and_are_shown_once(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """Once the reason is mended; the messages appear at the end of the thread."""
    await buried(town, "one", "two", "three")
    await town.worker()
    assert await retry(settings) == 0
    assert capsys.readouterr().out.count("decided; its message goes to the thread") == 3
    await town.settled()
    assert town.desk.words() == ["one", "two", "three"]
    assert await names(town) == []


async def test_one_that_came_after_another_is_held_back(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """Each alone is refused unless it is the first, or its order does not matter to the operator."""
    await buried(town, "one", "two")
    await town.worker()
    first, second = await names(town)
    assert await retry(settings, second) == 1
    assert f"held back: {first}" in capsys.readouterr().err
    assert await replay.show(settings, second, as_json=False, unmasked=False) == 0
    assert f"{first} of the same contact" in capsys.readouterr().out
    assert await retry(settings, second, first) == 0, "together they go back in order"
    await town.settled()
    assert town.desk.words() == ["one", "two"]


async def test_force_ignores_the_order(town: Town, settings: Settings) -> None:
    """The operator knows best."""
    await buried(town, "one", "two")
    await town.worker()
    _, second = await names(town)
    assert await retry(settings, second, force=True) == 0
    await town.settled()
    assert town.desk.words() == ["two"]
    assert len(await names(town)) == 1


async def test_while_the_reason_stands_it_is_a_dead_letter_again(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """Said at once, with exit code 1; it keeps its place before those that came after it."""
    await buried(town, "one", "two")
    await broken(town)
    await town.worker()
    first, _ = await names(town)
    assert await retry(settings, first) == 1
    assert "failed again" in capsys.readouterr().err
    await town.settled()
    await mended(town)
    assert first not in await names(town)
    assert await retry(settings) == 0
    await town.settled()
    assert [one for one in town.desk.words() if one in {"one", "two"}] == ["one", "two"]


async def test_two_operators_retry_at_once(town: Town, settings: Settings, capsys: Capture) -> None:
    """One does, the other is told; the messages are shown once."""
    await buried(town, *(f"word {number}" for number in range(8)))
    await town.worker()
    ids = await names(town)
    codes = await asyncio.gather(retry(settings, *ids), retry(settings, *ids))
    said = capsys.readouterr()
    assert said.out.count("decided; its") == 8
    assert sorted(codes) == [0, 1]
    assert said.err.count("somebody else") + said.err.count("any more") == 8
    await town.settled()
    assert town.desk.words() == [f"word {number}" for number in range(8)]


async def test_a_retry_while_the_contact_goes_on_writing(town: Town, settings: Settings) -> None:
    """What comes in meanwhile keeps its order, and everything is shown once."""
    await buried(town, *(f"old {number}" for number in range(5)))
    await town.worker()
    words = [f"new {number:02}" for number in range(40)]

    async def write() -> None:
        for one in words:
            await town.writes(ANA, one)

    codes = await asyncio.gather(retry(settings), write())
    assert codes[0] == 0
    await town.settled()
    shown = town.desk.words()
    assert [one for one in shown if one.startswith("new")] == words
    assert [one for one in shown if one.startswith("old")] == [f"old {number}" for number in range(5)]


async def test_what_was_decided_meanwhile_changes_nothing(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """The platform delivered it again, and that one could be decided: the retry clears it away."""
    await town.worker()
    event = town.received(ANA, "hello", "wa:again")
    await bury_beside(town, pack(event))
    await town.append(ANA, event)
    await town.settled()
    (name,) = await names(town)
    assert await replay.show(settings, name, as_json=False, unmasked=False) == 0
    assert "decided meanwhile" in capsys.readouterr().out
    assert await retry(settings, name) == 0
    assert "nothing changed" in capsys.readouterr().out
    await town.settled()
    assert town.desk.words() == ["hello"]
    assert await names(town) == []


async def bury_beside(town: Town, data: bytes) -> None:
    """Put an event among the dead letters while a worker holds the lane."""
    fields = ("u", ANA, "e", data, "id", "1-0", "why", "a test")
    await town.redis("XADD", keys.dead(LANE), "*", *fields)


async def test_without_a_worker_it_waits_in_its_lane(town: Town, settings: Settings, capsys: Capture) -> None:
    """Said after the time that was given; it is decided as soon as a worker runs."""
    await bury(town, ANA, pack(town.received(ANA, "hello")))
    assert await retry(settings, wait_s=0) == 0
    assert "Is one running?" in capsys.readouterr().out
    await town.worker()
    await town.settled()
    assert town.desk.words() == ["hello"]


async def test_what_cannot_be_read_is_put_back_only_with_force(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """It would be put aside again; a release of the workers that can read it is the exception."""
    await bury(town, ANA, UNHEARD)
    (name,) = await names(town)
    assert await retry(settings, name) == 1
    assert await retry(settings) == 1
    assert capsys.readouterr().err.count("cannot read it") == 2
    assert await names(town) == [name]
    assert await retry(settings, name, force=True, wait_s=0) == 0
    assert await names(town) == []
    assert await town.redis("XLEN", keys.stream(LANE)) == 1


# ----------------------------------------------------------------------------------------------- dropping


async def test_a_dropped_letter_is_journaled_with_its_reason(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """The operator is asked first; the journal can give the event back."""
    event = town.received(ANA, "hello")
    await bury(town, ANA, pack(event))
    (name,) = await names(town)
    assert await drop(settings, name, sure=False) == 1
    assert await names(town) == [name]
    assert await journaled(town, LANE) == []
    assert await drop(settings, name) == 0
    assert await names(town) == []
    (fact,) = await journaled(town, LANE)
    assert (fact.reason, fact.kind, fact.contact, fact.data) == (
        "a test",
        "MessageReceived",
        ANA,
        pack(event),
    )
    assert fact.message == message_id(LANE, event.id)
    assert fact.cause == f"dropped:{name}"
    assert await drop(settings, name) == 1
    assert "any more" in capsys.readouterr().err


async def test_what_cannot_be_read_is_dropped_only_with_force(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """Nobody can tell what would be lost."""
    await bury(town, ANA, UNHEARD)
    (name,) = await names(town)
    assert await drop(settings, name) == 1
    assert "--force" in capsys.readouterr().err
    assert await drop(settings, name, force=True) == 0
    (fact,) = await journaled(town, LANE)
    assert (fact.kind, fact.message, fact.data) == ("Unheard", None, UNHEARD)


async def test_of_two_who_drop_one_the_second_is_told(town: Town, settings: Settings) -> None:
    """And it is journaled once."""
    await bury(town, ANA, pack(town.received(ANA, "hello")))
    (name,) = await names(town)
    codes = await asyncio.gather(drop(settings, name), drop(settings, name))
    assert sorted(codes) == [0, 1]
    assert len(await journaled(town, LANE)) == 1


async def test_the_desks_own_letters_are_about_nobody(
    town: Town, settings: Settings, capsys: Capture
) -> None:
    """They are shown, retried and dropped like every other one."""
    hold = await town.store.acquire(DESK_LANE, "digger")
    assert hold is not None
    await town.store.emit(DESK_LANE, DESK_UNIT, UNHEARD)
    (entry,) = await town.store.range(DESK_LANE, "0-0", 10)
    await town.store.bury(hold, entry, "why")
    (name,) = await names(town)
    assert name.startswith("desk:")
    assert await replay.show(settings, name, as_json=False, unmasked=False) == 0
    assert "the desk's own" in capsys.readouterr().out
    assert await drop(settings, name, force=True) == 0
    (fact,) = await journaled(town, DESK_LANE)
    assert (fact.contact, fact.kind) == ("", "Unheard")


# ----------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "name, says",
    [
        ("1700000000000-0", "no dead letter's id"),
        ("s1:x", "no dead letter's id"),
        ("s9:1700000000000-0", "s0 to s3 and desk"),
        ("s1:1700000000000-0", "put back or dropped"),
    ],
)
async def test_a_wrong_id_is_explained(settings: Settings, capsys: Capture, name: str, says: str) -> None:
    """Exit code 1 everywhere."""
    assert await replay.show(settings, name, as_json=False, unmasked=False) == 1
    assert await retry(settings, name) == 1
    assert await drop(settings, name) == 1
    assert capsys.readouterr().err.count(says) == 3


async def test_a_redis_that_is_not_there_or_another_ones(town: Town, redis_url: str, capsys: Capture) -> None:
    """Words and exit code 1."""
    away = settings_for(f"redis://127.0.0.1:{free_port()}/0")
    assert await replay.show_all(away, as_json=False, limit=5) == 1
    assert "cannot be reached" in capsys.readouterr().err
    await town.redis("SET", keys.SHARDS, SHARDS)
    assert await replay.show_all(settings_for(redis_url, 8), as_json=False, limit=5) == 1
    assert f"set shards to {SHARDS}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry",),
        ("retry", "s1:1-0", "--all"),
        ("drop", "s1:1-0"),
        ("drop", "s1:1-0", "--reason", " "),
        ("list", "--limit", "0"),
    ],
)
def test_wrong_arguments_exit_with_2(arguments: tuple[str, ...]) -> None:
    """Before anything is looked at."""
    assert CliRunner().invoke(app, ["replay", *arguments]).exit_code == 2


def test_the_question_is_asked_and_no_means_no(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the command line itself; --yes answers it."""
    for name, value in (complete(redis_url) | {"THREADLINE_SHARDS": str(SHARDS)}).items():
        monkeypatch.setenv(name, value)
    name = asyncio.run(_one_letter(redis_url))
    words = ["replay", "drop", name, "--reason", "a test"]
    refused = CliRunner().invoke(app, words, input="n\n")
    assert refused.exit_code == 1
    assert "Drop it for good?" in refused.output
    agreed = CliRunner().invoke(app, [*words, "--yes"])
    assert agreed.exit_code == 0, agreed.output
    listed = CliRunner().invoke(app, ["replay", "list"])
    assert "No dead letters" in listed.output


async def _one_letter(redis_url: str) -> str:
    async with a_town(redis_url) as town:
        await bury(town, ANA, pack(town.received(ANA, "hello")))
        (name,) = await names(town)
        return name
