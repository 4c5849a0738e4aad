"""A contact's file in routing: what stands for it when it cannot be shown, and how it is fetched again."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.actions import Answer, PostNotice, Relay
from bridge.content import Attachment, MediaKind
from bridge.errors import Failure, FailureKind
from bridge.events import Failed
from bridge.journal import VerdictNoted
from bridge.markup import bare, text
from bridge.model import Fate, Token, lane_of, message_id
from tests.routing.world import CONTACT, GONE, World

FILE = Attachment(kind=MediaKind.IMAGE, media="123", mime="image/jpeg", caption=text("The box"))
NO_FILE = Failure(kind=FailureKind.NEVER, code="media_gone", words="WhatsApp does not have it. Ask again.")


def world_with_file() -> tuple[World, Relay]:
    """An open thread and a file on its way into it."""
    world = World().start(assignee="ana")
    world.receive(content=FILE)
    return world, world.one(Relay)


def fail(world: World, relay: Relay, *, fetched: bool = False, failure: Failure = NO_FILE) -> None:
    """The file cannot be shown."""
    world.decide(
        Failed(
            id=world.new_id("failed"),
            at=world.now,
            contact=CONTACT,
            action=relay.id,
            failure=failure,
            fetched=fetched,
        )
    )


def test_a_file_that_cannot_be_had_leaves_a_place_in_its_turn() -> None:
    """Under the same id and number, with the reason, its caption and Retry; no link, because nobody has it."""
    world, relay = world_with_file()
    fail(world, relay)
    notice = world.pending[relay.id]
    assert isinstance(notice, PostNotice)
    assert (notice.seq, notice.message, notice.file) == (relay.seq, relay.message, None)
    assert [(one.name, one.token) for one in notice.buttons] == [("fetch", Token(relay.message))]
    said = bare(notice.body)
    assert "WhatsApp does not have it. Ask again." in said
    assert "The box" in said


def test_a_file_that_the_desk_refuses_comes_with_a_link() -> None:
    """The notice names the file; whoever posts it makes the link."""
    world, relay = world_with_file()
    fail(world, relay, fetched=True)
    notice = world.pending[relay.id]
    assert isinstance(notice, PostNotice)
    assert notice.file == FILE


def test_a_thread_that_is_gone_is_no_fault_of_the_file() -> None:
    """It waits for another thread."""
    world, relay = world_with_file()
    fail(world, relay, failure=GONE)
    assert world.pending[relay.id] == relay


def test_retry_shows_the_file_again_once() -> None:
    """An agent's press asks for the same message again, and is noted; a second press finds nothing to do."""
    world, relay = world_with_file()
    fail(world, relay)
    world.did(world.pending[relay.id])
    world.press("ana", "fetch", Token(relay.message))
    again = world.one(Relay)
    assert (again.message, again.content, again.author) == (relay.message, FILE, relay.author)
    assert again.seq > relay.seq
    assert [fact.verdict for fact in world.last.facts if isinstance(fact, VerdictNoted)] == ["fetch"]
    world.press("ana", "fetch", Token(relay.message))
    assert not world.new(Relay)
    assert "dealt with already" in bare(world.one(Answer).body)
    fail(world, again)
    world.press("ana", "fetch", Token(relay.message))
    assert world.new(Relay)


def test_retry_is_for_agents_and_for_files() -> None:
    """A viewer is told; a message without a file, or one that is not known any more, is not fetched."""
    world, relay = world_with_file()
    fail(world, relay)
    world.press("viewer", "fetch", Token(relay.message))
    assert not world.new(Relay)
    for token in ("7-unknown", message_id(lane_of(CONTACT), world.new_id("other"))):
        world.press("ana", "fetch", Token(token))
        assert not world.new(Relay)
        assert "too old" in bare(world.one(Answer).body)


def test_a_file_without_an_id_is_named_in_words() -> None:
    """There is nothing to fetch, so there is nothing to try again."""
    world = World().start(assignee="ana")
    world.receive(content=replace(FILE, media=""))
    relay = world.one(Relay)
    fail(world, relay)
    notice = world.pending[relay.id]
    assert isinstance(notice, PostNotice)
    assert notice.buttons == ()


def test_a_shown_file_has_failed_no_more() -> None:
    """After it was fetched again its record says nothing of a failure."""
    world, relay = world_with_file()
    fail(world, relay)
    world.did(world.pending[relay.id])
    world.press("ana", "fetch", Token(relay.message))
    world.did(world.one(Relay))
    record = world.records[relay.message]
    assert record.fate is Fate.PENDING
    assert len(record.posts) == 2
