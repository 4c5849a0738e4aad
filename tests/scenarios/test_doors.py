"""The other doors: slash commands, the card's buttons and menu, modals, emoji on the card, the shortcut."""

from __future__ import annotations

import pytest

from bridge.sandbox.slack.errors import RefusedError
from tests.support.stack import shown
from tests.support.talk import Shop
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


# ---------------------------------------------------------------------------------------------- slash


async def test_slash_commands_with_a_number(shop: Shop) -> None:
    """From anywhere, the number first; what they do is what the typed command does."""
    talk = await shop.talk()
    carla, number = shop.person("carla"), talk.number
    await carla.slash("/assign", f"#{number} @ben", "general")
    await talk.card_shows(shop.person("ben").id)
    await carla.slash("/tag", f"{number} refund", "general")
    await talk.card_shows("refund")
    await carla.slash("/note", f"#{number} they called", "general")
    await talk.thread_shows("they called")
    await carla.slash("/wa", f"priority #{number} urgent", "support")
    await talk.card_shows("Urgent")
    await carla.slash("/wa", f"#{number} reply From elsewhere", "general")
    await talk.hears("From elsewhere")
    await talk.thread_shows("replied to the contact")
    await carla.slash("/resolve", f"#{number} Bye", "general")
    await talk.hears("From elsewhere", "Bye")
    await talk.card_shows("Resolved")
    await carla.slash("/wa", f"#{number}", "general")
    await until(lambda: any("Reached at" in shown(one) for one in carla.ephemerals), 10)


async def test_a_slash_command_answers_the_person_alone(shop: Shop) -> None:
    """Through the response url, in the channel where it was given."""
    talk = await shop.talk()
    await shop.person("ben").slash("/assign", f"#{talk.number} me", "general")
    told = await shop.person("ben").expects_ephemeral(f"#{talk.number} is yours")
    assert told.channel == shop.channel("general").id


async def test_a_slash_command_is_refused_in_a_thread_by_slack(shop: Shop) -> None:
    """Nothing reaches us; `!` is the way there."""
    talk = await shop.talk()
    said = await shop.person("ben").slash("/assign", "me", "support", talk.card.ts)
    assert "not supported in threads" in said["error"]
    with pytest.raises(RefusedError):
        await talk.staff("ben", "/assign me")
    await talk.heard_nothing_but()
    assert "Nobody" in talk.shows()


@pytest.mark.parametrize(
    "slash, text, answer",
    [
        ("/assign", "#99999999 me", "There is no conversation #99999999"),
        ("/wa", "", "From here"),
        ("/wa", "help tag", "Add tags"),
        ("/wa", "frobnicate #1", "There is no command"),
        ("/search", "something", "There is no command"),
    ],
)
async def test_a_slash_command_that_makes_no_sense_is_answered(
    shop: Shop, slash: str, text: str, answer: str
) -> None:
    """At once, in words."""
    said = await shop.person("ben").slash(slash, text, "general")
    assert answer in str(said.get("answer")), said


async def test_a_slash_command_by_somebody_without_the_right(shop: Shop) -> None:
    """A guest changes nothing and is told."""
    talk = await shop.talk()
    gil = shop.person("gil")
    await gil.slash("/resolve", f"#{talk.number}", "support")
    await gil.expects_ephemeral("Only agents")
    said = await gil.slash("/note", "hello", "support")
    assert "Only agents" in str(said["answer"])
    assert "Active" in talk.shows()


async def test_a_slash_command_without_a_number_lets_one_choose(shop: Shop) -> None:
    """A picker of my open conversations and nobody's; then it is done."""
    talk = await shop.talk(assignee="ben")
    bridge = shop.bridge
    assert bridge is not None
    ben = shop.person("ben")
    agent = bridge.inlet.roster().find(f"slack:{ben.id}")  # type: ignore[arg-type]
    assert agent is not None

    async def listed() -> bool:
        return any(row.number == talk.number for row in await bridge.inlet.open_of(agent.id))

    await until(listed, 10, "the conversation in ben's list")
    await ben.slash("/note", "picked from a list", "general")
    view = await talk.modal("ben")
    values = [
        option["value"]
        for block in view.blocks
        for group in block.get("element", {}).get("option_groups", [])
        for option in group["options"]
        if f"#{talk.number} " in option["text"]["text"]
    ]
    assert len(values) == 1
    assert (await ben.submits(view.id, {"value": values[0]}))["ok"]
    await talk.thread_shows("picked from a list")


async def test_what_nobody_has_stands_among_the_choices(shop: Shop) -> None:
    """An unassigned conversation is offered, and no longer as nobody's once somebody takes it."""
    talk = await shop.talk()
    bridge = shop.bridge
    assert bridge is not None

    async def free() -> bool:
        return any(row.number == talk.number for row in await bridge.inlet.open_of(None))

    async def taken() -> bool:
        return not await free()

    await until(free, 10, "the conversation in nobody's list")
    await shop.person("ben").slash("/assign", f"#{talk.number} me", "general")
    await until(taken, 10, "the conversation in no such list")


# --------------------------------------------------------------------------------------------- buttons


async def test_assign_by_the_cards_button(shop: Shop) -> None:
    """A modal asks who; an agent may choose only themselves, a lead anybody who is an agent."""
    talk = await shop.talk()
    await talk.press("carla", talk.card, "assign")
    view = await talk.modal("carla")
    assert (await shop.person("carla").submits(view.id, {"value": "ben"}))["ok"]
    await talk.card_shows(shop.person("ben").id)
    await talk.press("ben", talk.card, "assign")
    view = await talk.modal("ben")
    await shop.person("ben").submits(view.id, {"value": "carla"})
    await talk.told("ben", "for leads and above")
    await talk.press("carla", talk.card, "assign")
    view = await talk.modal("carla")
    await shop.person("carla").submits(view.id, {"value": "gil"})
    await talk.told("carla", "is no agent")


async def test_resolve_and_reopen_by_the_cards_buttons(shop: Shop) -> None:
    """The buttons follow the status."""
    talk = await shop.talk()
    await talk.press("ben", talk.card, "resolve")
    await talk.card_shows("Resolved")
    await talk.press("ben", talk.card, "reopen")
    await talk.card_shows("Active")


async def test_the_cards_menu(shop: Shop) -> None:
    """Priority at once; a note and closing by modal; details and help for one person."""
    talk = await shop.talk()
    await talk.chooses("ben", "priority urgent")
    await talk.card_shows("Urgent")
    await talk.chooses("ben", "priority normal")
    await talk.card_shows("Priority: urgent")
    await talk.chooses("ben", "note")
    view = await talk.modal("ben")
    await shop.person("ben").submits(view.id, {"value": "*Written* in a modal"})
    await talk.thread_shows("in a modal")
    await talk.chooses("ben", "details")
    view = await talk.modal("ben")
    assert f"#{talk.number}" in str(view.body["title"])
    assert talk.customer.wa_id not in str(view.body)
    await shop.person("ben").closes(view.id)
    await talk.chooses("ben", "compose")
    view = await talk.modal("ben")
    assert "Compose" in str(view.body["title"])
    await shop.person("ben").closes(view.id)
    await talk.chooses("carla", "close")
    view = await talk.modal("carla")
    await shop.person("carla").submits(view.id)
    await talk.card_shows("Closed")
    assert talk.heard == []


async def test_resolving_without_last_words_says_nothing_to_the_contact(shop: Shop) -> None:
    """By slash commands that stand for it and by the one for everything: the word itself is no text."""
    talk = await shop.talk()
    carla = shop.person("carla")
    for command, line in (("/resolve", f"#{talk.number}"), ("/wa", f"#{talk.number} resolve")):
        await carla.slash(command, line, "general")
        await talk.card_shows("Resolved")
        await carla.slash("/wa", f"#{talk.number} reopen", "general")
        await talk.card_shows("Active")
    await talk.heard_nothing_but()


async def test_an_agent_cannot_close_by_the_menu(shop: Shop) -> None:
    """Every door asks for the same right."""
    talk = await shop.talk()
    await talk.chooses("ben", "close")
    view = await talk.modal("ben")
    await shop.person("ben").submits(view.id)
    await talk.told("ben", "for leads and above")
    assert "Active" in talk.shows()


async def test_a_press_that_comes_after_a_change_is_judged_anew(shop: Shop) -> None:
    """The card still shows Claim while a lead closes: what counts is the state when the press arrives."""
    talk = await shop.talk()
    shop.goes_wrong("slack.chat.update", "delay", times=1, seconds=3)
    await talk.staff("carla", "!close")
    await talk.told("carla", "is closed")
    await talk.press("ben", talk.card, "claim")
    await talk.told("ben", "it first")
    await talk.card_shows("Closed")
    assert "Nobody" in talk.shows()


async def test_the_message_shortcut_tells_who_it_is(shop: Shop) -> None:
    """On any message of the thread."""
    talk = await shop.talk()
    post = await talk.customer_writes("On this one")
    await shop.person("ben").shortcut("conversation_details", "support", post.ts)
    view = await talk.modal("ben")
    assert f"#{talk.number}" in str(view.body["title"])
    await shop.person("ben").closes(view.id)
    stray = await shop.person("ben").posts("support", "No conversation")
    await shop.person("ben").shortcut("conversation_details", "support", stray)
    await shop.person("ben").expects_ephemeral("belongs to no conversation")


# ----------------------------------------------------------------------------------------------- emoji


async def test_emoji_on_the_card(shop: Shop) -> None:
    """Raised hand claims, check mark resolves, siren makes urgent; taken off, they take back."""
    talk = await shop.talk()
    ben = shop.person("ben")
    await ben.reacts("support", talk.card.ts, "raising_hand::skin-tone-3")
    await talk.card_shows(ben.id)
    await ben.reacts("support", talk.card.ts, "rotating_light")
    await talk.card_shows("Urgent")
    await ben.unreacts("support", talk.card.ts, "rotating_light")
    await talk.card_shows_not("Urgent")
    await ben.reacts("support", talk.card.ts, "white_check_mark")
    await talk.card_shows("Resolved")
    await ben.reacts("support", talk.card.ts, "arrows_counterclockwise")
    await talk.card_shows("Active")
    await ben.unreacts("support", talk.card.ts, "raising_hand::skin-tone-3")
    await talk.card_shows("Nobody")


async def test_other_emoji_and_other_posts_mean_nothing(shop: Shop) -> None:
    """A thumb on the card, a check mark on a message, a guest's raised hand: nothing changes."""
    talk = await shop.talk()
    ben = shop.person("ben")
    await ben.reacts("support", talk.card.ts, "+1")
    post = shop.channel().thread(talk.card.ts)[1]
    await ben.reacts("support", post.ts, "white_check_mark")
    await shop.person("gil").reacts("support", talk.card.ts, "white_check_mark")
    await talk.heard_nothing_but()
    assert "Active" in talk.shows()
    assert "Nobody" in talk.shows()
