"""A message's road in words: every hop with its time and id, from facts or from what the live store remembers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.actions import AnyAction, Relay, Send, ShowTrace
from bridge.events import Failed, Posted, StaffWrote
from bridge.markup import Link, ListBlock, bare
from bridge.model import Direction, EventId, MessageId, Post, Recent, Roster
from bridge.routing import answers, tracing
from bridge.routing.tracing import Committed, Trace
from tests.routing.world import NEVER, START, World

NONE = MessageId("")


class Archive:
    """What the archive would have of a world: every fact, with the time of its commit."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[Committed] = []
        self.recent: list[Recent] = []

    def take(self) -> None:
        """Archive the last decision, committed a quarter of a second after it was decided."""
        ms = int(self.world.decided_at.timestamp() * 1000) + 250
        self.told += [Committed(ms=ms, fact=fact) for fact in self.world.last.facts]
        self.recent += [line for _, line in self.world.last.recent]

    def receive(self, words: str = "Hello", **more: object) -> MessageId:
        """The contact writes."""
        self.world.receive(words, **more)
        self.take()
        return self.world.one(Relay).message

    def write(self, who: str, words: str) -> StaffWrote:
        """Somebody types."""
        wrote = self.world.write(who, words)
        self.take()
        return wrote

    def did(self, action: AnyAction, after_s: float = 1.0) -> None:
        """An action is done a little later."""
        self.world.pass_time(after_s)
        self.world.did(action)
        self.take()

    def trace(self, back: int = 1, asked: MessageId = NONE) -> Trace:
        """The road of a message of the current conversation."""
        conversation = self.world.conversation
        message = tracing.chosen(self.told, conversation.id, back, asked)
        assert message is not None
        found = tracing.traced(self.told, message, conversation.number, back, self.world.roster)
        assert found is not None
        return found


@pytest.fixture
def archive() -> Archive:
    """Of a conversation that Ana has and that was begun before."""
    return Archive(World().start(assignee="ana"))


def whats(trace: Trace) -> list[str]:
    """The hops by name."""
    return [hop.what for hop in trace.hops]


def shown(archive: Archive, trace: Trace, *notes: str) -> str:
    """What a person reads, on lines."""
    return bare(tracing.document(trace, archive.world.now, {}, str, notes))


# ----------------------------------------------------------------------------------------------- the road


def test_the_contacts_message_from_writing_to_thread(archive: Archive) -> None:
    """Written by the platform's time, arrived, committed, shown with its post."""
    archive.receive("Where is it?", sent_at=START - timedelta(seconds=2))
    archive.did(archive.world.one(Relay), after_s=0.5)
    trace = archive.trace()
    assert whats(trace) == ["Written by the contact", "Arrived", "Committed", "Shown"]
    words = shown(archive, trace)
    assert "last message" in words
    assert "by the contact: Where is it?" in words
    assert "wamid-in:" in words
    for span in ("2 s later", "0.2 s later"):
        assert span in words


def test_a_message_that_is_not_shown_says_so_and_since_when(archive: Archive) -> None:
    """Nobody has to conclude it from what is missing."""
    archive.receive("Anybody?")
    archive.world.pass_time(90)
    assert "Not shown yet (90 s since)" in shown(archive, archive.trace())


def test_a_reply_part_by_part_to_read(archive: Archive) -> None:
    """Typed, decided, each part accepted, delivered, read, with the platform's ids."""
    wrote = archive.write("ana", "A long answer")
    assert "Not accepted yet" in shown(archive, archive.trace())
    send = archive.world.one(Send)
    for _ in range(2):
        archive.world.pass_time(1)
        archive.world.sent(archive.world.pending[send.id], parts=2)  # type: ignore[arg-type]
        archive.take()
    for part, status in ((0, "delivered"), (1, "delivered"), (0, "read")):
        archive.world.pass_time(1)
        archive.world.status(archive.world.message(wrote), part, status, f"{send.id}#{part}")
        archive.take()
    trace = archive.trace()
    assert whats(trace) == [
        "Typed by Ana",
        "Committed to go out",
        "Accepted: part 1 of 2",
        "Accepted: part 2 of 2",
        "Delivered: part 1 of 2",
        "Delivered: part 2 of 2",
        "Read: part 1 of 2",
    ]
    assert trace.hops[0].post == wrote.post
    assert trace.hops[3].platform_id == f"{send.id}#1"


def test_a_failure_with_its_reason_and_who_tried_again(archive: Archive) -> None:
    """Failed, Retry, accepted: what was known before the retry does not count as its end."""
    wrote = archive.write("ana", "Hello Carla")
    archive.world.pass_time(1)
    archive.world.failed(archive.world.one(Send))
    archive.take()
    archive.world.pass_time(5)
    archive.world.press("ana", "retry", archive.world.message(wrote))
    archive.take()
    assert "Not accepted yet" in shown(archive, archive.trace())
    archive.did(archive.world.one(Send))
    words = shown(archive, archive.trace())
    assert whats(archive.trace())[2:] == ["Failed", "Retry, says Ana", "Accepted"]
    assert "the number is not on the platform (131026)" in words
    assert "Not accepted yet" not in words


def test_tries_are_counted_where_one_was_not_enough(archive: Archive) -> None:
    """Of the part that they were for; a post as well as a message."""
    archive.receive("Hello?")
    relay = archive.world.one(Relay)
    posted = Posted(
        id=EventId(f"{relay.id}/r"),
        at=archive.world.now,
        contact=relay.contact,
        action=relay.id,
        post=Post(desk="desk", channel="C1", id="9"),
        tries=3,
    )
    archive.world.decide(posted)
    archive.take()
    assert archive.trace().hops[-1].detail == "after 3 tries"
    archive.write("ana", "Hello Carla")
    send = archive.world.one(Send)
    failed = Failed(
        id=EventId(f"{send.id}/r"),
        at=archive.world.now,
        contact=send.contact,
        action=send.id,
        failure=NEVER,
        tries=2,
    )
    archive.world.decide(failed)
    archive.take()
    assert archive.trace().hops[-1].detail.startswith("after 2 tries, the number is not")


def test_what_was_refused_here_says_why(archive: Archive) -> None:
    """It was never tried."""
    archive.world.pass_time(90_000)
    archive.write("ana", "Too late")
    trace = archive.trace()
    assert whats(trace)[-1] == "Failed"
    assert "(not_tried)" in trace.hops[-1].detail


def test_a_held_reply_is_noted_when_it_is_let_out() -> None:
    """Before that it is no message yet."""
    archive = Archive(World(hold_s=5).start(assignee="ana"))
    archive.write("ana", "Hello Carla")
    assert tracing.chosen(archive.told, archive.world.conversation.id, 1, NONE) is None
    archive.world.fire()
    archive.take()
    assert whats(archive.trace())[0] == "Let out, by Ana"


def test_a_note_stays_on_the_desk(archive: Archive) -> None:
    """And nothing is missing of it."""
    archive.write("ana", "note: ask the warehouse")
    trace = archive.trace()
    assert whats(trace) == ["Typed by Ana", "Committed: stays on the desk"]
    assert trace.internal
    assert "yet" not in shown(archive, trace)


def test_words_by_command_and_by_viewers(archive: Archive) -> None:
    """The first have no post of their own."""
    archive.world.command("ana", "reply Good morning")
    archive.take()
    assert whats(archive.trace())[0] == "Given by command by Ana"
    archive.write("vic", "I only look on")
    assert "by Vic, internal" in shown(archive, archive.trace())
    nobody = tracing.traced(archive.told, archive.trace().message, 1042, 1, Roster())
    assert nobody is not None
    assert nobody.author == "vic"


# ----------------------------------------------------------------------------------------------- which one


def test_the_nth_last_counts_messages_and_notes_but_no_commands(archive: Archive) -> None:
    """Nor the question itself."""
    archive.receive("one")
    archive.write("ana", "two")
    archive.write("ana", "!tag vip")
    archive.write("ana", "!note three")
    asked = archive.write("ana", "!trace 2")
    message = archive.world.message(asked)
    begin = [bare_words(archive.trace(back, message)) for back in (1, 2, 3)]
    assert begin == ["!note three", "two", "one"]
    conversation = archive.world.conversation.id
    assert tracing.chosen(archive.told, conversation, 4, message) is None
    known = [tracing.remembered(archive.recent, back, message) for back in (1, 2, 3, 4)]
    assert [line and line.text for line in known] == ["!note three", "two", "one", None]


def bare_words(trace: Trace) -> str:
    """How the message begins."""
    return trace.words


def test_the_command_asks_for_it_in_its_own_place(archive: Archive) -> None:
    """The action carries which message, who asked, and where the conversation is answered."""
    asked = archive.write("ana", "!trace 3")
    action = archive.world.one(ShowTrace)
    assert (action.back, action.asked) == (3, archive.world.message(asked))
    assert action.thread == archive.world.conversation.thread
    archive.write("ana", "!trace")
    assert archive.world.one(ShowTrace).back == 1
    archive.world.command("ana", "trace 2")
    assert archive.world.one(ShowTrace).reply_handle == "https://example.invalid/secret"
    archive.write("vic", "!trace")
    assert archive.world.new(ShowTrace) == []


@pytest.mark.parametrize("line", ["!trace 0", "!trace 51", "!trace -1", "!trace ٣", "!trace x", "!trace 1 2"])
def test_what_is_no_number_is_explained(archive: Archive, line: str) -> None:
    """With the range."""
    archive.write("ana", line)
    assert archive.world.new(ShowTrace) == []
    (words,) = archive.world.answers()
    assert "1 to 50" in words or "one argument" in words


# ----------------------------------------------------------------------------------------------- in words


def test_posts_are_linked_and_ids_masked(archive: Archive) -> None:
    """As far as the desk knows an address; else its id is shown."""
    archive.receive()
    archive.did(archive.world.one(Relay))
    trace = archive.trace()
    post = trace.hops[-1].post
    assert post is not None
    document = tracing.document(trace, archive.world.now, {post: "https://desk/1"}, lambda _id: "masked")
    rows = next(node for node in document if isinstance(node, ListBlock))
    assert Link("https://desk/1", "post") in rows.items[-1]
    assert "masked" in bare(document)
    assert "wamid-in" not in bare(document)
    assert post.id in bare(tracing.document(trace, archive.world.now, {}, str))


def test_a_very_long_road_is_cut_and_says_so(archive: Archive) -> None:
    """A desk takes only so much in one post."""
    archive.receive()
    trace = archive.trace()
    many = tuple(trace.hops * 40)
    long = Trace(**{name: getattr(trace, name) for name in trace.__struct_fields__} | {"hops": many})
    document = tracing.document(long, archive.world.now, {}, str)
    rows = next(node for node in document if isinstance(node, ListBlock))
    assert len(rows.items) == tracing.MOST_HOPS + 1
    assert f"of {len(many)} steps" in bare(document)


def test_hostile_words_format_and_link_nothing(archive: Archive) -> None:
    """What people wrote is shown as it is."""
    archive.receive("*bold* <!channel> `code`")
    document = tracing.document(archive.trace(), archive.world.now, {}, str)
    assert "*bold* <!channel> `code`" in bare(document)


# ----------------------------------------------------------------------------------------------- from records


def test_records_say_where_a_message_stands(archive: Archive) -> None:
    """Without times; the reason of a failure is kept."""
    message = archive.receive("Hello?")
    archive.did(archive.world.one(Relay))
    line = tracing.remembered(archive.recent, 1, NONE)
    assert line is not None
    trace = tracing.from_record(archive.world.records[message], line, 1042, 1)
    assert whats(trace) == ["Arrived", "Shown"]
    assert trace.hops[1].at is None
    wrote = archive.write("ana", "Hello Carla")
    archive.world.failed(archive.world.one(Send))
    line = tracing.remembered(archive.recent, 1, NONE)
    assert line is not None
    trace = tracing.from_record(archive.world.record(wrote), line, 1042, 1)
    assert (whats(trace), trace.author) == (["Noted", "Failed"], "Ana")
    assert trace.hops[1].detail == "the number is not on the platform"
    assert trace.hops[0].post == Post(desk="desk", channel="C1", id=wrote.post.id)


def test_what_only_the_recent_history_knows_claims_nothing(archive: Archive) -> None:
    """A note has no record, and an old reply's is gone."""
    line = Recent(
        at=START, direction=Direction.OUTBOUND, author="", text="Long ago", message=MessageId("7-old")
    )
    trace = tracing.from_line(line, MessageId("7-old"), 1042, 1)
    words = shown(archive, trace, "why")
    assert "Long ago" in words
    assert "yet" not in words
    assert words.endswith("why")


@pytest.mark.parametrize(
    "number, words",
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (13, "13th")],
)
def test_ordinals(number: int, words: str) -> None:
    """As people say them."""
    assert answers.ordinal(number) == words
