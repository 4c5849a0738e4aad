"""A contact's file on its way through the performer: fetched and uploaded freely, shown at most once, in its turn."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from bridge.content import Attachment, MediaKind
from bridge.errors import FailureKind
from bridge.events import ButtonPressed
from bridge.model import EventId, Fate, MessageId, MessageRecord, Token, lane_of, message_id
from bridge.perform.file_acts import (
    FETCH_TRIES,
    LONGEST_APPEARANCE_S,
    SHOW_TRIES,
    UPLOADING,
    appears_within_s,
)
from bridge.perform.lines import unpack_mark
from bridge.store import keys
from tests.perform.test_failures import talking
from tests.support.platforms import NO_ANSWER, failure
from tests.support.waiting import until
from tests.support.workers import BEN, Town, contact_of

ANA = contact_of(1)
FILE = Attachment(kind=MediaKind.DOCUMENT, media="the-bytes", mime="application/pdf", name="offer.pdf")


async def sends_a_file(town: Town, then: str = "after it") -> MessageRecord:
    """Ana sends a file and some words; the file's record once all is done."""
    event = replace(town.received(ANA, ""), content=FILE)
    await town.append(ANA, event, town.received(ANA, then))
    await town.settled(30)
    return await town.record(event)


def said(town: Town) -> list[str]:
    """What stands in the thread, cut short."""
    return [one[:9] for one in town.desk.words()]


async def test_a_file_is_fetched_uploaded_and_shown(town: Town) -> None:
    """Once each; the record knows the post; what was said after it stands below it."""
    await talking(town)
    record = await sends_a_file(town)
    assert said(town) == ["hello", "offer.pdf", "after it"]
    assert [town.desk.count(one) for one in ("upload", "show_file")] == [1, 1]
    assert town.channel.count("fetch") == 1
    assert len(record.posts) == 1
    assert town.desk.count("find") == 0, "files are not looked for by marker"


@pytest.mark.parametrize("kind", ["fetch", "upload", "show_file"])
@pytest.mark.parametrize("trouble", [FailureKind.RETRY, FailureKind.LIMITED])
async def test_what_passes_is_waited_for(town: Town, kind: str, trouble: FailureKind) -> None:
    """Refused twice, then done; shown once, in its turn."""
    await talking(town)
    platform = town.channel if kind == "fetch" else town.desk
    platform.fault(kind, problem=failure(trouble), times=2)
    await sends_a_file(town)
    assert said(town) == ["hello", "offer.pdf", "after it"]
    assert platform.count(kind) == 3
    assert town.desk.count("upload") == (3 if kind == "upload" else 1), "what is uploaded is used again"


async def test_pauses_grow_while_the_desk_takes_no_upload(town: Town) -> None:
    """Each try fetches the whole file again, so it counts, also for whoever comes next."""
    await talking(town)
    town.desk.fault("upload", problem=failure(FailureKind.RETRY), times=3)
    last = town.desk.fault("upload", stall=True)
    await town.append(ANA, replace(town.received(ANA, ""), content=FILE))
    await until(last.reached.is_set, 20, "another upload")
    (pending,) = await town.store.pending(lane_of(ANA), ANA)
    mark = unpack_mark(pending.mark)
    assert (mark.tries, mark.part, mark.open) == (3, UPLOADING, False)
    last.go.set()
    await town.settled(30)
    assert said(town) == ["hello", "offer.pdf"]


async def test_waiting_for_the_contacts_platform_has_an_end(town: Town) -> None:
    """Then the thread goes on with a word in its place."""
    await talking(town)
    town.channel.fault("fetch", problem=failure(FailureKind.RETRY), times=100)
    record = await sends_a_file(town)
    assert town.channel.count("fetch") == FETCH_TRIES
    assert record.fate is Fate.FAILED
    words = town.desk.words()
    assert "could not be shown" in words[1]
    assert words[2] == "after it"


@pytest.mark.parametrize("trouble", [FailureKind.NEVER, FailureKind.STOP, FailureKind.WAIT])
async def test_a_file_that_is_refused_for_good_is_not_tried_again(town: Town, trouble: FailureKind) -> None:
    """Said at once."""
    await talking(town)
    town.channel.fault("fetch", problem=failure(trouble))
    await sends_a_file(town)
    assert town.channel.count("fetch") == 1
    assert "could not be shown" in town.desk.words()[1]


@pytest.mark.parametrize("effect", [True, False])
async def test_a_post_of_unknown_outcome_is_looked_for(town: Town, effect: bool) -> None:
    """Shown: found by what the desk calls the upload. Not shown: that upload goes, and another one is shown."""
    await talking(town)
    town.desk.fault("show_file", problem=NO_ANSWER, effect=effect)
    await sends_a_file(town)
    assert said(town) == ["hello", "offer.pdf", "after it"]
    assert town.desk.count("upload") == (1 if effect else 2)
    assert town.desk.count("drop_file") == (0 if effect else 1)


async def test_nothing_else_happens_while_it_is_not_known(town: Town) -> None:
    """A look-up that fails is made again; the file is not shown a second time meanwhile."""
    await talking(town)
    town.desk.fault("find_file", problem=failure(FailureKind.RETRY), times=2)
    await sends_a_file(town)
    assert town.desk.count("show_file") == 1
    assert said(town) == ["hello", "offer.pdf", "after it"]


async def test_a_desk_that_never_shows_it_is_given_up_on(town: Town) -> None:
    """A few uploads, each taken away again, then words."""
    await talking(town)
    town.desk.fault("show_file", problem=NO_ANSWER, effect=False, times=100)
    record = await sends_a_file(town)
    assert town.desk.count("show_file") == town.desk.count("drop_file") == SHOW_TRIES
    assert town.desk.uploads == {}
    assert record.fate is Fate.FAILED
    assert town.desk.words()[2] == "after it"


@pytest.mark.parametrize("kind", ["drop_file", "find_file"])
async def test_a_desk_that_refuses_to_tell_stops_the_thread_for_a_while_only(town: Town, kind: str) -> None:
    """Whether the upload will be shown cannot be settled: something is said in its stead, and the thread goes on."""
    await talking(town)
    town.desk.fault("show_file", problem=NO_ANSWER, effect=False)
    town.desk.fault(kind, problem=failure(FailureKind.NEVER), times=1000)
    record = await sends_a_file(town)
    assert town.desk.count("show_file") == 1
    assert record.fate is Fate.FAILED
    assert "it may still appear" in town.desk.words()[1]
    assert town.desk.words()[2] == "after it"


async def test_an_attempt_knows_how_large_its_file_is(town: Town) -> None:
    """Larger ones are given longer to appear."""
    await talking(town)
    stall = town.desk.fault("show_file", stall=True, effect=True)
    await town.append(ANA, replace(town.received(ANA, ""), content=FILE))
    await until(stall.reached.is_set, 20, "the file to be shown")
    (pending,) = await town.store.pending(lane_of(ANA), ANA)
    assert unpack_mark(pending.mark).size == len(FILE.media)
    stall.go.set()
    await town.settled(30)
    assert [appears_within_s(size) for size in (0, 40_000_000, 10**9)] == [15.0, 55.0, LONGEST_APPEARANCE_S]


async def test_a_crash_after_it_was_shown_shows_it_no_second_time(town: Town) -> None:
    """The next worker finds it by what the mark says."""
    worker = await talking(town)
    stall = town.desk.fault("show_file", late=True)
    event = replace(town.received(ANA, ""), content=FILE)
    await town.append(ANA, event)
    await stall.reached.wait()
    await worker.crash()
    await town.redis("DEL", keys.WORKERS, *(keys.hold(lane) for lane in town.lanes))
    await town.worker("w2")
    await town.settled(30)
    assert said(town) == ["hello", "offer.pdf"]
    assert town.desk.count("show_file") == 1
    assert len((await town.record(event)).posts) == 1


async def test_a_file_that_was_fetched_again_is_not_taken_back_for_its_notice(town: Town) -> None:
    """Its worker slept past its hold. The notice that stood for the file shows it no more than nothing does."""
    worker = await talking(town)
    town.channel.fault("fetch", problem=failure(FailureKind.NEVER))
    event = replace(town.received(ANA, ""), content=FILE)
    await town.append(ANA, event)
    await town.settled(30)
    (notice,) = (await town.record(event)).posts
    late = town.desk.fault("find_file", late=True)
    await town.append(ANA, await pressed(town, "fetch", message_id(lane_of(ANA), event.id)))
    await until(late.reached.is_set, 20, "the file to be shown")
    await town.redis("DEL", keys.hold(lane_of(ANA)))
    assert await town.store.acquire(lane_of(ANA), "somebody else") is not None
    await until(lambda: worker.engine.hold(lane_of(ANA)) is None, 20, "the lane to be lost")
    looked = worker.store.reads
    late.go.set()
    await until(lambda: worker.store.reads >= looked + 3, 20, "looks at which post counts")
    assert not town.desk.count("remove")
    await town.redis("DEL", keys.hold(lane_of(ANA)))
    await town.settled(30)
    assert said(town)[-1] == "offer.pdf"
    assert not town.desk.count("remove")
    posts = (await town.record(event)).posts
    assert posts == (notice, town.desk.posts[-1].post)


async def pressed(town: Town, button: str, message: MessageId) -> ButtonPressed:
    """Ben presses a button under a notice in Ana's thread."""
    conversation = await town.conversation(ANA)
    assert conversation.thread is not None
    return ButtonPressed(
        id=EventId(f"press:{button}:{message}"),
        at=datetime.now(UTC),
        contact=ANA,
        conversation=conversation.id,
        author=BEN.accounts[0],
        place=conversation.thread,
        button=button,
        token=Token(message),
    )
