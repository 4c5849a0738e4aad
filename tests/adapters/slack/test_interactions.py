"""Buttons, menus, modals, shortcuts and slash commands, in both modes."""

from __future__ import annotations

import pytest

from bridge.actions import Answer, DirectMessage
from bridge.adapters.base import Desk
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.ids import agent_id
from bridge.adapters.slack.interactions import read_slash
from bridge.events import ButtonPressed, CommandGiven
from bridge.markup import Mention, plain, text
from bridge.model import (
    ActionId,
    Agent,
    Button,
    Contact,
    Conversation,
    ConversationId,
    DeskUser,
    OpenConversation,
    Place,
    Role,
    Roster,
    Status,
    Token,
)
from bridge.sandbox.faults import Fault
from tests.support.slack_desk import AT, CONTACT, CONVERSATION, INBOX, REF, Rig, marker
from tests.support.waiting import until

BEN = DeskUser("slack:U0BEN00001")


def staff(rig: Rig) -> None:
    """Ben is an agent with one open conversation; another waits for anybody."""
    agent = Agent(id=agent_id(BEN), name="Ben", role=Role.AGENT, accounts=(BEN,))
    rig.inlet.people = Roster(version=1, agents=(agent,))
    mine = OpenConversation(
        id=CONVERSATION, contact=CONTACT, number=1063, inbox=INBOX, name="Maria", status=Status.ACTIVE
    )
    free = OpenConversation(
        id=ConversationId("7-67"),
        contact=CONTACT,
        number=1079,
        inbox=INBOX,
        name="<!here>",
        status=Status.ACTIVE,
    )
    rig.inlet.open = {agent.id: (mine,), None: (free,)}
    rig.inlet.numbers[1063] = REF


async def card(rig: Rig, *path: str) -> tuple[Place, str, dict[str, str]]:
    """A thread, its card's ts, and the action ids of the card by name."""
    place = await rig.thread()
    ts = place.thread or ""
    elements = rig.sandbox.slack.channel("support").as_json(ts)["blocks"][-1]["elements"]
    return place, ts, {one["action_id"].rpartition(":")[2]: one["action_id"] for one in elements}


async def test_a_button_of_the_card_is_pressed(any_rig: Rig) -> None:
    """Claim arrives with the conversation, the person, the thread and a way to answer them."""
    place, ts, ids = await card(any_rig)
    assert (await any_rig.sandbox.slack.person("ben").presses("support", ts, ids["claim"]))["ok"]
    [placed] = any_rig.inlet.placed
    pressed = placed.event
    assert isinstance(pressed, ButtonPressed)
    assert (pressed.button, pressed.token, pressed.author) == ("claim", None, BEN)
    assert (pressed.contact, pressed.conversation, pressed.place) == (CONTACT, CONVERSATION, place)
    assert "/slack/response/" in (pressed.reply_handle or "")


async def test_two_presses_are_two_events(rig: Rig) -> None:
    """Each press has an id of its own."""
    _, ts, ids = await card(rig)
    for _ in range(2):
        await rig.sandbox.slack.person("ben").presses("support", ts, ids["claim"])
    assert len({event.id for event in rig.inlet.events}) == 2


async def test_assign_asks_for_the_person(any_rig: Rig) -> None:
    """The button opens a picker; the choice is a command with the person as a mention."""
    place, ts, ids = await card(any_rig)
    ben = any_rig.sandbox.slack.person("ben")
    await ben.presses("support", ts, ids["assign"])
    view = await ben.expects_view()
    refused = await ben.submits(view.id)
    assert any_rig.inlet.placed == []
    assert "errors" in str(refused) or not refused["ok"]
    await ben.submits(view.id, {"value": "carla"})
    [given] = any_rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.line == "assign <@U0CARLA001>"
    assert given.body is not None
    assert isinstance(given.body[-1], Mention)
    assert (given.conversation, given.place) == (CONVERSATION, place)
    assert given.reply_handle is not None


@pytest.mark.parametrize("entry, line", [("priority urgent", "priority urgent")])
async def test_menu_entries_are_commands(rig: Rig, entry: str, line: str) -> None:
    """What the menu does at once is a command line."""
    _, ts, ids = await card(rig)
    value = f"{entry}|{CONTACT}|{CONVERSATION}|"
    assert (await rig.sandbox.slack.person("ben").selects("support", ts, ids["menu"], value))["ok"]
    [given] = rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.line == line


async def test_close_asks_before_it_closes(rig: Rig) -> None:
    """Closing cannot be taken back by the contact, so it is confirmed in a modal."""
    _, ts, ids = await card(rig)
    ben = rig.sandbox.slack.person("ben")
    await ben.selects("support", ts, ids["menu"], f"close|{CONTACT}|{CONVERSATION}|")
    view = await ben.expects_view()
    assert rig.inlet.placed == []
    await ben.submits(view.id)
    [given] = rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.line == "close"


async def test_a_note_from_the_card_keeps_its_words_literal(rig: Rig) -> None:
    """What is typed into a modal is no markup."""
    _, ts, ids = await card(rig)
    ben = rig.sandbox.slack.person("ben")
    await ben.selects("support", ts, ids["menu"], f"note|{CONTACT}|{CONVERSATION}|")
    view = await ben.expects_view()
    await ben.submits(view.id, {"value": "*call* <back>\nlater"})
    [given] = rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert plain(given.body or ()) == "note *call* <back>\nlater"


async def test_the_shortcut_shows_the_conversation(any_rig: Rig) -> None:
    """Details open for a message in a thread, without the full number; elsewhere the person is told."""
    staff(any_rig)
    place = await any_rig.thread()
    ben = any_rig.sandbox.slack.person("ben")
    reply = await ben.replies("support", place.thread or "", "hello")
    conversation = Conversation(
        id=CONVERSATION, number=1063, inbox=INBOX, opened_at=AT, episode_at=AT, thread=place
    )
    any_rig.inlet.contacts[CONTACT] = Contact(
        id=CONTACT, name="Maria <!here>", phone="34600000001", conversations={INBOX: conversation}
    )
    assert (await ben.shortcut("conversation_details", "support", reply))["ok"]
    view = await ben.expects_view()
    assert "Maria" in str(view.body)
    assert "600000001" not in str(view.body)
    lonely = await ben.posts("support", "lunch?")
    await ben.shortcut("conversation_details", "support", lonely)
    await ben.expects_ephemeral("belongs to no conversation")


async def test_a_slash_command_with_a_number_goes_to_its_conversation(any_rig: Rig) -> None:
    """`/assign #1063 @carla` is a command of that conversation, with the person as an id."""
    staff(any_rig)
    answer = await any_rig.sandbox.slack.person("ben").slash("/assign", "#1063 @carla", "general")
    assert answer["ok"]
    [given] = any_rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert (given.conversation, given.line.split("|")[0]) == (CONVERSATION, "assign <@U0CARLA001")
    assert Mention in [type(node) for node in given.body or ()]
    assert given.place is not None
    assert given.place.thread is None


async def test_a_slash_command_without_a_number_asks(any_rig: Rig) -> None:
    """The person chooses among their conversations and those of nobody; the argument is kept."""
    staff(any_rig)
    ben = any_rig.sandbox.slack.person("ben")
    await ben.slash("/note", "called *back*", "general")
    view = await ben.expects_view()
    await ben.submits(view.id, {"value": f"{CONTACT}|{CONVERSATION}|"})
    [given] = any_rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.conversation == CONVERSATION
    assert plain(given.body or ()) == "note called back"


async def test_a_slash_command_can_ask_for_everything(rig: Rig) -> None:
    """`/assign` alone asks for the conversation and the person in one modal."""
    staff(rig)
    ben = rig.sandbox.slack.person("ben")
    await ben.slash("/assign", "", "general")
    view = await ben.expects_view()
    values = {"conversation": {"value": f"{CONTACT}|{CONVERSATION}|"}, "argument": {"value": "ben"}}
    await ben.submits(view.id, values)
    [given] = rig.inlet.events
    assert isinstance(given, CommandGiven)
    assert given.line == "assign <@U0BEN00001>"


@pytest.mark.parametrize(
    "command, typed, words",
    [
        ("/assign", "#99 @carla", "no conversation #99"),
        ("/wa", "", "/wa assign #1042"),
        ("/wa", "help", "/wa assign #1042"),
        ("/wa", "help assign", "assign"),
        ("/wa", "asign #1063", "!assign"),
    ],
)
async def test_slash_commands_answer_at_once_where_nothing_is_done(
    rig: Rig, command: str, typed: str, words: str
) -> None:
    """Help, unknown numbers and unknown commands are answered to the person alone."""
    staff(rig)
    ben = rig.sandbox.slack.person("ben")
    await ben.slash(command, typed, "general")
    await ben.expects_ephemeral(words)
    assert rig.inlet.placed == []


async def test_only_agents_choose(rig: Rig) -> None:
    """Somebody without the role gets no list of contacts."""
    staff(rig)
    dana = rig.sandbox.slack.person("dana")
    await dana.slash("/resolve", "", "general")
    await dana.expects_ephemeral("Only agents")
    assert dana.views == []


async def test_a_press_is_not_acknowledged_when_it_cannot_be_stored(any_rig: Rig) -> None:
    """The person sees that it did not work, instead of a silent loss."""
    staff(any_rig)
    _, ts, ids = await card(any_rig)
    any_rig.inlet.down = True
    ben = any_rig.sandbox.slack.person("ben")
    assert not (await ben.presses("support", ts, ids["claim"]))["ok"]
    assert not (await ben.slash("/resolve", "#1063", "general"))["ok"]


async def test_a_modal_that_cannot_open_is_explained(rig: Rig) -> None:
    """The person is told to try again when Slack's three seconds are over."""
    _, ts, ids = await card(rig)
    rig.sandbox.faults.add(Fault("slack.views.open", "error", params={"error": "expired_trigger_id"}))
    ben = rig.sandbox.slack.person("ben")
    await ben.presses("support", ts, ids["assign"])
    await ben.expects_ephemeral("try again")


@pytest.mark.parametrize(
    "slash, typed, expected",
    [
        ("/assign", "#1042 <@U1|ben>", ("assign", 1042, "<@U1|ben>")),
        ("/resolve", "1042", ("resolve", 1042, "")),
        ("/note", "#1042 *hi*  there", ("note", 1042, "*hi*  there")),
        ("/note", "1042 hi", ("note", 1042, "hi")),
        ("/wa", "assign #1042 <@U1>", ("assign", 1042, "<@U1>")),
        ("/wa", "#1042 assign <@U1>", ("assign", 1042, "<@U1>")),
        ("/wa", "Resolve 1042", ("resolve", 1042, "")),
        ("/wa", "#1042", ("who", 1042, "")),
        ("/wa", "  ", ("help", None, "")),
        ("/wa", "note call #12 back", ("note", None, "call #12 back")),
    ],
)
def test_a_slash_command_is_read(slash: str, typed: str, expected: tuple[str, int | None, str]) -> None:
    """The number stands first, or behind the command's name after `/wa`."""
    assert read_slash(slash, typed) == expected


def test_a_desk_is_what_the_performer_expects() -> None:
    """The class offers every method of the interface, with its types."""
    desk: type[Desk] = SlackDesk
    assert desk is SlackDesk


async def test_an_answered_prompt_puts_its_buttons_away(rig: Rig) -> None:
    """After the press an ephemeral prompt is gone, and one in a direct message has no buttons left."""
    place = await rig.thread()
    ben = rig.sandbox.slack.person("ben")
    await ben.replies("support", place.thread or "", "hi")
    prompt = Answer(
        id=ActionId("x/1"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        to=BEN,
        place=place,
        body=text("Send it?"),
        buttons=(Button(name="send", label="Send", token=Token("t1")),),
    )
    await rig.desk.answer(prompt)
    shown = await ben.expects_ephemeral("Send it?")
    await ben.presses("support", shown.ts, "tl:0:send")
    await until(lambda: not ben.ephemerals)
    direct = DirectMessage(
        id=ActionId("x/2"),
        seq=2,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        to=BEN,
        body=text("Still waiting: send it?"),
        buttons=prompt.buttons,
    )
    await rig.desk.direct(direct, marker("x/2"))
    sent = ben.dms[-1]
    await ben.presses(ben.dm.id, sent.ts, "tl:0:send")
    await until(lambda: "tl:0:send" not in str(ben.dms[-1].blocks))
    assert "Still waiting" in str(ben.dms[-1].blocks)
    pressed = [event for event in rig.inlet.events if isinstance(event, ButtonPressed)]
    assert [(one.button, one.token) for one in pressed] == [("send", "t1"), ("send", "t1")]
