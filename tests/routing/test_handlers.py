"""The commands, through every door: what they do, who may, how they are taken back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.actions import Answer, DirectMessage, Emit, OpenThread, PostNotice, Send, UpdateCard
from bridge.events import ConversationNoted, ModeChosen, unpack
from bridge.journal import AssigneeNoted, PriorityNoted, StatusNoted, TagsNoted
from bridge.markup import Bold, Document, Mention, MentionKind, Text, bare, text
from bridge.model import DESK_LANE, Mode, Priority, Receipt, Status
from tests.routing.world import SALES, World, account

DOORS = ["type", "slash", "button"]


def give(world: World, name: str, line: str, door: str = "type") -> None:
    """Give a command by one of the doors."""
    if door == "type":
        world.write(name, f"!{line}")
    elif door == "slash":
        world.command(name, line)
    else:
        button, _, value = line.partition(" ")
        world.press(name, button, value=value or None)


def changed(world: World) -> tuple[object, ...]:
    """What commands change."""
    one = world.conversation
    return one.status, one.assignee, one.priority, one.tags


@pytest.mark.parametrize("door", DOORS)
def test_claim(door: str) -> None:
    """It is mine: on the card, in the lists, in the journal, and told to me alone."""
    world = World().start()
    give(world, "ana", "claim", door)
    assert world.conversation.assignee == "ana"
    assert world.answers() == ["#1059 is yours."]
    assert world.new(UpdateCard)
    noted = unpack(world.one(Emit).event)
    assert isinstance(noted, ConversationNoted)
    assert (noted.before, noted.row.assignee) == (None, "ana")
    (fact,) = [one for one in world.last.facts if isinstance(one, AssigneeNoted)]
    assert (fact.before, fact.after, fact.by) == (None, "ana", "ana")
    assert not world.new(DirectMessage)
    give(world, "ana", "claim", door)
    assert world.answers() == ["#1059 is assigned to Ana already."]


def test_claiming_from_somebody_tells_them() -> None:
    """Taking over is allowed, and seen."""
    world = World().start(assignee="ana")
    give(world, "ben", "claim")
    assert world.conversation.assignee == "ben"
    assert world.one(DirectMessage).to == account("ana")
    assert "Ben assigned #1059 (Carla) to Ben; it was yours." in bare(world.one(DirectMessage).body)


@pytest.mark.parametrize("word", ["@U-ben", "<@U-ben>", "<@U-ben|ben>", "ben", "Ben", "desk:U-ben", "@Ben"])
@pytest.mark.parametrize("door", DOORS)
def test_assign_finds_people(word: str, door: str) -> None:
    """By mention, account, id or name."""
    world = World().start()
    give(world, "lea", f"assign {word}", door)
    assert world.conversation.assignee == "ben"
    assert world.one(DirectMessage).to == account("ben")


def test_assign_by_a_native_mention() -> None:
    """As the desk's own picker makes it, typed and from a modal."""
    world = World().start()
    mention = Mention(MentionKind.PERSON, "U-ben", "Somebody Else")
    world.write("lea", (Text("!assign "), mention))
    assert world.conversation.assignee == "ben"
    world.command("lea", "assign <@U-ana>", (Text("assign "), Mention(MentionKind.PERSON, "U-ana")))
    assert world.conversation.assignee == "ana"


@pytest.mark.parametrize("word", ["nobody", "vic", "@U-eve", "@", "smith"])
def test_assign_needs_an_agent(word: str) -> None:
    """Viewers and strangers cannot answer."""
    world = World().start()
    give(world, "lea", f"assign {word}")
    assert world.conversation.assignee is None
    assert "is no agent of this inbox" in world.answers()[0]


def test_an_ambiguous_name_is_asked_about() -> None:
    """Never guess another person."""
    world = World().start()
    agents = tuple(
        replace(one, name="Sam One" if one.id == "ana" else "Sam Two") if one.id in {"ana", "ben"} else one
        for one in world.roster.agents
    )
    world.roster = replace(world.roster, agents=agents)
    give(world, "lea", "assign sam")
    assert world.answers() == ["sam may be Sam One or Sam Two. Mention the one you mean."]
    give(world, "lea", 'assign "sam two"')
    assert world.conversation.assignee == "ben"


@pytest.mark.parametrize(
    "name,line,allowed",
    [
        ("ana", "assign me", True),
        ("ana", "assign lea", False),
        ("lea", "assign ana", True),
        ("ana", "unassign", False),
        ("ben", "unassign", True),
        ("lea", "unassign", True),
        ("ana", "resolve", True),
        ("ana", "close", False),
        ("lea", "close", True),
        ("ana", "tag vip", True),
        ("ana", "priority high", True),
        ("ana", "mode explicit", False),
        ("lea", "mode explicit", False),
        ("ada", "mode explicit", True),
        ("vic", "claim", False),
        ("eve", "resolve", False),
        ("vic", "tag x", False),
        ("eve", "who", False),
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_rights(name: str, line: str, allowed: bool, door: str) -> None:
    """Whoever may not is told what it takes, and nothing changes."""
    world = World().start(assignee="ben")
    before = changed(world)
    give(world, name, line, door)
    did = changed(world) != before or any(
        isinstance(unpack(one.event), ModeChosen) for one in world.new(Emit)
    )
    assert did == allowed
    assert world.answers()
    if not allowed:
        assert "and above" in world.answers()[0] or "Only agents" in world.answers()[0]


@pytest.mark.parametrize("door", DOORS)
def test_unassign(door: str) -> None:
    """Nobody has it; and there may be nobody to take it from."""
    world = World().start(assignee="ana")
    give(world, "ana", "unassign", door)
    assert world.conversation.assignee is None
    give(world, "ana", "unassign", door)
    assert world.answers() == ["#1059 is assigned to nobody."]


@pytest.mark.parametrize("door", DOORS)
def test_resolve(door: str) -> None:
    """With nothing said to the contact."""
    world = World().start()
    give(world, "ana", "resolve", door)
    assert world.conversation.status is Status.RESOLVED
    assert not world.all(Send)
    noted = unpack(world.one(Emit).event)
    assert isinstance(noted, ConversationNoted)
    assert noted.row.status is Status.RESOLVED
    give(world, "ana", "resolve", door)
    assert world.answers() == ["#1059 is resolved already."]


@pytest.mark.parametrize("line", ["resolve", "close", "done", "Close"])
def test_a_commands_own_name_is_no_text(line: str) -> None:
    """Doors that bring the whole line as a body, too: without last words nothing goes to the contact."""
    world = World().start()
    world.command("lea", line, text(line))
    assert world.conversation.status in {Status.RESOLVED, Status.CLOSED}
    assert not world.all(Send)


@pytest.mark.parametrize(
    "line,body,sent",
    [
        ("resolve Bye", "resolve Bye", "Bye"),
        ("resolve Bye", "Bye", "Bye"),
        ("resolve resolve it", "resolve it", "resolve it"),
        ("resolve resolve it", "resolve resolve it", "resolve it"),
        ("resolve", "Bye then", "Bye then"),
    ],
)
def test_a_body_is_the_text_or_the_whole_line(line: str, body: str, sent: str) -> None:
    """Whichever a door brings, the contact gets the text."""
    world = World().start()
    world.command("lea", line, text(body))
    assert bare(world.one(Send).body) == sent


def test_resolve_with_last_words() -> None:
    """They go out first, with their formatting, in every mode."""
    world = World(mode=Mode.EXPLICIT).start()
    wrote = world.write("ana", (Text("!resolve Bye, "), Bold((Text("Carla"),))))
    assert world.one(Send).body == (Text("Bye, "), Bold((Text("Carla"),)))
    assert world.conversation.status is Status.RESOLVED
    world.settle()
    assert world.receipts(wrote) == [Receipt.ACCEPTED]


def test_resolve_with_last_words_that_cannot_go_out() -> None:
    """Then it is not resolved either."""
    world = World().start()
    world.pass_time(90_000)
    wrote = world.write("ana", "!resolve bye")
    assert world.conversation.status is Status.ACTIVE
    assert world.receipts(wrote) == [Receipt.FAILED]
    assert "The conversation stays as it was" in world.answers()[-1]


def test_close_and_reopen() -> None:
    """An agent opens what is resolved; a lead what is closed."""
    world = World().start()
    give(world, "ana", "resolve")
    give(world, "ana", "reopen")
    assert world.look().status is Status.ACTIVE
    give(world, "lea", "close Thanks for your patience")
    assert world.look().status is Status.CLOSED
    assert world.sends() == ["Thanks for your patience"]
    give(world, "ana", "reopen")
    assert world.look().status is Status.CLOSED
    give(world, "lea", "reopen")
    assert world.look().status is Status.ACTIVE
    statuses = [one.after for one in world.last.facts if isinstance(one, StatusNoted)]
    assert statuses == [Status.ACTIVE]


def test_only_an_admin_restores_what_is_deleted() -> None:
    """Deleted is out of every inbox."""
    world = World().start()
    deleted = replace(world.conversation, status=Status.DELETED)
    world.contact = replace(world.contact, conversations={SALES: deleted})
    give(world, "lea", "reopen")
    assert world.look().status is Status.DELETED
    give(world, "ada", "reopen")
    assert world.look().status is Status.ACTIVE


def test_two_conversations_are_never_open_in_one_inbox() -> None:
    """A closed one cannot be opened beside its successor, but instead of it."""
    world = World().start()
    give(world, "lea", "close")
    old = world.conversation
    world.receive("again")
    new = world.conversation
    world.press("lea", "reopen", conversation=old.id)
    assert f"#{new.number}" in world.answers()[0]
    assert world.conversation.id == new.id
    world.settle()
    world.press("lea", "close")
    world.press("lea", "reopen", conversation=old.id)
    assert world.conversation.id == old.id
    assert world.conversation.status is Status.ACTIVE
    kept = world.contact.conversation(new.id)
    assert kept is not None
    assert kept.status is Status.CLOSED


@pytest.mark.parametrize("line", ["claim", "assign ben", "priority high", "resolve"])
def test_what_makes_no_sense_when_it_is_over(line: str) -> None:
    """It says what to do first."""
    world = World().start()
    give(world, "lea", "close")
    give(world, "lea", line)
    assert "`!reopen`" in world.answers()[0] or "!reopen it first" in world.answers()[0]
    assert world.conversation.status is Status.CLOSED


@pytest.mark.parametrize(
    "line,tags",
    [
        ("tag vip refund", ("vip", "refund")),
        ("tag VIP vip", ("vip",)),
        ("tag +vip #new", ("vip", "new")),
        ("tag vip -vip", ()),
        ('tag "on  hold"', ("on hold",)),
        ("tag -never", ()),
        ("tag größe_1", ("größe_1",)),
        ("tag ok b@d", ()),
        ("tag " + "x" * 41, ()),
        ("tag", ()),
        ("tag " + " ".join(f"t{n}" for n in range(21)), ()),
    ],
)
def test_tags(line: str, tags: tuple[str, ...]) -> None:
    """Added, removed, listed; one that is none spoils the line."""
    world = World().start()
    give(world, "ana", line)
    assert world.conversation.tags == tags
    assert world.answers()
    assert len([one for one in world.last.facts if isinstance(one, TagsNoted)]) == bool(tags)


def test_priority() -> None:
    """Shown on the card and in the journal."""
    world = World().start()
    give(world, "ana", "priority urgent")
    assert world.conversation.priority is Priority.URGENT
    assert world.new(UpdateCard)
    assert [one.after for one in world.last.facts if isinstance(one, PriorityNoted)] == [Priority.URGENT]


def test_a_typed_note_stays_where_it_is() -> None:
    """Its receipt says so; there is nothing to post."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "!note she called twice")
    assert world.receipts(wrote) == [Receipt.INTERNAL]
    assert not world.new(PostNotice)
    assert not world.sends()


@pytest.mark.parametrize(
    "line,body",
    [
        ("note she called", None),
        ("note she called", text("she called")),
        ("note she called", text("note she called")),
        ("note", text("she called")),
    ],
)
def test_a_note_from_elsewhere_is_posted(line: str, body: Document | None) -> None:
    """In the thread, under its author's name; whichever way the adapter hands the text over."""
    world = World().start()
    world.command("ana", line, body)
    assert world.notices() == ["Note by Ana: she called"]
    assert world.answers() == ["Noted in the thread."]
    assert not world.sends()
    assert world.one(Answer).reply_handle


@pytest.mark.parametrize("mode", Mode)
def test_a_reply_from_elsewhere(mode: Mode) -> None:
    """Goes out in every mode, by any agent, and is shown in the thread."""
    world = World(mode=mode).start(assignee="ben")
    world.command("ana", "reply Hello", (Text("Hello "), Bold((Text("you"),))))
    assert world.one(Send).body == (Text("Hello "), Bold((Text("you"),)))
    assert world.notices() == ["Ana replied to the contact: Hello you"]


@pytest.mark.parametrize("words", ["Hello\nnote: x", "// x", "Hello\n!claim"])
def test_a_reply_from_elsewhere_obeys_the_marks(words: str) -> None:
    """As every text for the contact."""
    world = World().start()
    world.command("ana", f"reply {words}")
    assert not world.sends()
    assert "Kept internal" in world.answers()[0]


UNDOABLE = ["claim", "assign ben", "resolve", "close", "tag vip -old", "priority low", "unassign"]


@pytest.mark.parametrize("line", UNDOABLE)
def test_undo_restores_the_fields(line: str) -> None:
    """Of one's last undoable command; once."""
    world = World().start(assignee="ben")
    give(world, "ada", "tag old")
    before = changed(world)
    give(world, "lea", line)
    if changed(world) == before:
        give(world, "lea", "claim")
    assert changed(world) != before
    give(world, "lea", "undo")
    assert changed(world) == before
    assert world.answers()[0].startswith("Taken back: ")
    give(world, "lea", "undo")
    assert "nothing of yours" in world.answers()[0]


@pytest.mark.parametrize("other", ["ben: tag x", "ana: priority low", "contact"])
def test_undo_only_while_nothing_else_changed(other: str) -> None:
    """Else it would take back somebody else's change."""
    world = World().start()
    give(world, "ana", "resolve")
    if other == "contact":
        world.receive("wait")
    else:
        name, _, line = other.partition(": ")
        give(world, name, line)
    before = changed(world)
    give(world, "ben" if other.startswith("ana") else "ana", "undo")
    assert changed(world) == before


def test_undo_is_ones_own() -> None:
    """Nobody takes back what somebody else did."""
    world = World().start()
    give(world, "ana", "claim")
    give(world, "lea", "undo")
    assert world.conversation.assignee == "ana"


def test_who() -> None:
    """What is known, with a masked number."""
    world = World().start(assignee="ana")
    sales = replace(world.policies.inboxes[SALES], team="Counter")
    world.policies = replace(world.policies, inboxes={SALES: sales})
    give(world, "ben", "who")
    words = world.answers()[0]
    for line in (
        "Name: Carla",
        "Reached at: +49•••••••5678",
        "Conversation: #1059 in Sales",
        "Team: Counter",
        "Assigned to: Ana",
    ):
        assert line in words
    assert "4915112345678" not in words


@pytest.mark.parametrize("name,more", [("ana", False), ("lea", False), ("ada", True), ("vic", False)])
def test_help_lists_what_one_may(name: str, more: bool) -> None:
    """Everybody may ask."""
    world = World().start()
    give(world, name, "help")
    words = world.answers()[0]
    assert "!help" in words
    assert ("!mode" in words) == more
    assert ("!claim" in words) == (name != "vic")


@pytest.mark.parametrize("line,said", [("help assign", "!assign <person>"), ("help !r", "!reply <text>"), ("help clam", "Did you mean !claim?")])  # fmt: skip
def test_help_for_one(line: str, said: str) -> None:
    """By name or alias; with the closest where there is none."""
    world = World().start()
    give(world, "ana", line)
    assert said in world.answers()[0]


def test_mode_is_a_matter_of_the_desk() -> None:
    """It belongs to no contact."""
    world = World().start()
    give(world, "ada", "mode everyone")
    emit = world.one(Emit)
    event = unpack(emit.event)
    assert isinstance(event, ModeChosen)
    assert (emit.to, event.inbox, event.mode) == (DESK_LANE, SALES, "everyone")


@pytest.mark.parametrize(
    "line", ["frobnicate", "assign", "assign a b", 'tag "x', "mode all", "", "claim now"]
)
@pytest.mark.parametrize("door", DOORS)
def test_mistakes_are_answered(line: str, door: str) -> None:
    """With what was expected; nothing changes."""
    world = World().start()
    before = changed(world)
    give(world, "ada", line, door)
    assert changed(world) == before
    assert world.answers()
    assert not world.new(Send)


@pytest.mark.parametrize(
    "emoji,before,after",
    [
        ("🙋", {}, {"assignee": "ana"}),
        ("🙋🏿", {}, {"assignee": "ana"}),
        ("✅", {}, {"status": Status.RESOLVED}),
        ("🔄", {"status": Status.RESOLVED}, {"status": Status.ACTIVE}),
        ("🚨", {}, {"priority": Priority.URGENT}),
    ],
)
def test_emoji_on_the_card(emoji: str, before: dict[str, object], after: dict[str, object]) -> None:
    """They are commands."""
    world = World().start()
    world.contact = replace(world.contact, conversations={SALES: replace(world.conversation, **before)})
    world.react("ana", emoji)
    for name, value in after.items():
        assert getattr(world.conversation, name) == value


@pytest.mark.parametrize(
    "emoji,name,before,after",
    [
        ("🙋", "ana", {"assignee": "ana"}, {"assignee": None}),
        ("🙋", "ben", {"assignee": "ana"}, {"assignee": "ana"}),
        ("✅", "ana", {"status": Status.RESOLVED}, {"status": Status.ACTIVE}),
        ("✅", "ana", {"status": Status.CLOSED}, {"status": Status.CLOSED}),
        ("🚨", "ana", {"priority": Priority.URGENT}, {"priority": Priority.NORMAL}),
        ("🚨", "ana", {"priority": Priority.LOW}, {"priority": Priority.LOW}),
        ("🔄", "ana", {}, {}),
        ("👀", "ana", {}, {}),
    ],
)
def test_emoji_taken_off(emoji: str, name: str, before: dict[str, object], after: dict[str, object]) -> None:
    """Takes the command back where that makes sense."""
    world = World().start()
    world.contact = replace(world.contact, conversations={SALES: replace(world.conversation, **before)})
    world.react(name, emoji, added=False)
    for field, value in after.items():
        assert getattr(world.conversation, field) == value


@pytest.mark.parametrize("name", ["vic", "eve"])
def test_viewers_emoji_and_buttons_do_nothing(name: str) -> None:
    """They are told why."""
    world = World().start()
    before = changed(world)
    world.react(name, "✅")
    assert "Only agents" in world.answers()[0]
    world.press(name, "claim")
    assert "Only agents" in world.answers()[0]
    assert changed(world) == before


def test_a_conversation_nobody_knows() -> None:
    """Every door answers; nothing is opened."""
    world = World().start()
    gone = "3-1"
    wrote = world.write("ana", "hello", conversation=gone)  # type: ignore[arg-type]
    assert world.receipts(wrote) == [Receipt.INTERNAL]
    assert "#19 is over" in world.answers()[0]
    assert "answered in #1059 now" in world.answers()[0]
    world.press("ana", "claim", conversation=gone)  # type: ignore[arg-type]
    assert "#19 is over" in world.answers()[0]
    assert not world.new(OpenThread)
