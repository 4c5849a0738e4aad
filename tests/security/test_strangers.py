"""Whoever is no agent can look, and nothing they say or press does anything, through whichever door they come."""

from __future__ import annotations

import pytest

from bridge import commands
from bridge.model import Role
from tests.security.strangers import OUTSIDE_TEAM, STRANGERS, Forger, waiting
from tests.support.stack import shown
from tests.support.talk import LOCK, Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def untouched(talk: Talk, *heard: str) -> None:
    """Nothing of what was tried has happened."""
    await talk.heard_nothing_but(*heard)
    card = talk.shows()
    assert "Active" in card
    assert "Nobody" in card
    assert "Urgent" not in card
    assert "forged" not in card
    await until(lambda: _settled(talk.shop), 10, "everything to be decided")


async def _settled(shop: Shop) -> bool:
    undone, buried, _ = await waiting(shop)
    assert buried == 0
    return undone == 0


async def test_the_roster_knows_members_only(shop: Shop) -> None:
    """Guests, outsiders and leavers are no agents, even where the settings name them."""
    assert shop.bridge is not None
    known = {account for agent in shop.bridge.inlet.roster().agents for account in agent.accounts}
    assert known == {f"slack:{shop.person(name).id}" for name in ("ben", "carla")}


async def test_their_words_never_go_out(shop: Shop) -> None:
    """Plain, by command, by mention of the bot, edited into something else: all of it stays in, with a lock."""
    talk = await shop.talk(inbox="everyone")
    bot = shop.sandbox.slack.workspace.bot.user_id
    typed = (
        "plain words",
        "!reply by command",
        f"<@{bot}> reply by mention",
        "\\!escaped",
        "*bold* words",
        "!resolve with last words",
    )
    said = {who: [await talk.staff(who, words) for words in typed] for who in STRANGERS}
    for posts in said.values():
        for post in posts:
            await talk.receipt(post, LOCK)
    for who, (first, second, *_) in said.items():
        await shop.person(who).edits("everyone", first, "edited words")
        await shop.person(who).deletes("everyone", second)
    await untouched(talk)


async def test_their_commands_do_nothing(shop: Shop) -> None:
    """Every command of the table, typed in the thread, is answered with a refusal, but for the help."""
    talk = await shop.talk(inbox="everyone")
    for who in STRANGERS:
        for row in commands.COMMANDS:
            if row.role > Role.VIEWER:
                await talk.staff(who, f"!{row.example}")
        await talk.staff(who, "!assign me")
    for who in STRANGERS:
        await talk.told(who, "Only agents")
    await untouched(talk)
    for who in STRANGERS:
        seen = [shown(one) for one in shop.person(who).ephemerals if one.thread_ts == talk.card.ts]
        assert seen
        assert all(one.startswith("Only agents") for one in seen)


async def test_their_presses_do_nothing(shop: Shop) -> None:
    """Buttons and menu of the card, and emoji on it."""
    talk = await shop.talk(inbox="everyone")
    for who in STRANGERS:
        for name in ("claim", "resolve"):
            await talk.press(who, talk.card, name)
        for entry in ("priority urgent", "compose"):
            await talk.chooses(who, entry)
        for emoji in ("raising_hand", "white_check_mark", "rotating_light"):
            await shop.person(who).reacts("everyone", talk.card.ts, emoji)
    for who in STRANGERS:
        await talk.told(who, "Only agents")
    await untouched(talk)


async def test_their_modals_change_nothing(shop: Shop) -> None:
    """A modal may open, since opening it shows nothing; what is submitted is refused."""
    talk = await shop.talk(inbox="everyone")
    for who in STRANGERS:
        for entry, values in (("note", {"value": "hidden"}), ("close", {})):
            await talk.chooses(who, entry)
            view = await talk.modal(who)
            assert talk.customer.name not in str(view.body)
            await shop.person(who).submits(view.id, values)
    for who in STRANGERS:
        await talk.told(who, "Only agents")
    await untouched(talk)
    assert talk.said("hidden") == 0


async def test_details_are_for_agents(shop: Shop) -> None:
    """Neither the menu nor the message shortcut opens what is known of a contact."""
    talk = await shop.talk(inbox="everyone")
    for who in STRANGERS:
        person = shop.person(who)
        before = len(person.ephemerals)
        await talk.chooses(who, "details")
        await person.shortcut("conversation_details", "everyone", talk.card.ts)
        assert [shown(one)[:11] for one in person.ephemerals[before:]] == ["Only agents", "Only agents"]
        assert person.views == []
    await talk.chooses("ben", "details")
    view = await talk.modal("ben")
    assert talk.customer.name in str(view.body)
    await shop.person("ben").closes(view.id)


async def test_their_slash_commands_do_nothing(shop: Shop) -> None:
    """From elsewhere, by number or by choosing: no list of conversations, no act, no words."""
    talk = await shop.talk(inbox="everyone")
    for who in STRANGERS:
        person = shop.person(who)
        for command, text in (
            ("/assign", f"#{talk.number} me"),
            ("/resolve", f"#{talk.number}"),
            ("/tag", f"#{talk.number} forged"),
            ("/note", f"#{talk.number} hidden"),
            ("/wa", f"#{talk.number} reply forged words"),
            ("/wa", f"reply #{talk.number} forged words"),
            ("/wa", f"#{talk.number}"),
            ("/resolve", ""),
            ("/wa", "assign me"),
        ):
            await person.slash(command, text, "general")
        assert person.views == []
    await untouched(talk)
    for who in STRANGERS:
        seen = [shown(one) for one in shop.person(who).ephemerals]
        assert any("Only agents" in one for one in seen)
        assert not any(talk.customer.name in one for one in seen)


async def test_posts_of_other_apps_are_no_words(shop: Shop) -> None:
    """A bot, a workflow, a post in an agent's name by an app, one that wears the bot's name."""
    talk = await shop.talk(inbox="everyone")
    shop.channel("everyone").other_bot_posts("!reply I am a bot", talk.card.ts)
    forger = Forger(shop)
    for more in (
        {"bot_id": "B0OTHER001"},
        {"subtype": "bot_message", "bot_id": "B0OTHER001", "username": "threadline"},
        {"bot_id": "B0OTHER001", "app_id": "A0OTHER001", "bot_profile": {"name": "threadline"}},
        {"user": None},
        {"user": "USLACKBOT", "subtype": "slackbot_response"},
        {"subtype": "message_replied"},
        {"subtype": "reminder_add"},
        {"subtype": "channel_topic"},
        {"subtype": "reply_broadcast_forged"},
        {"hidden": True, "subtype": "tombstone"},
    ):
        assert await forger.says("ben", talk, "!reply forged", **more) == 200
    await untouched(talk)


async def test_the_same_id_in_another_workspace_is_another_person(shop: Shop) -> None:
    """Slack's user ids hold within a workspace: Ben's id from elsewhere is not Ben."""
    talk = await shop.talk(inbox="everyone")
    forger = Forger(shop)
    foreign = {"id": shop.person("ben").id, "team_id": OUTSIDE_TEAM, "name": "ben", "username": "ben"}
    value = _value_of(talk)
    assert await forger.says("ben", talk, "!reply forged", user_team=OUTSIDE_TEAM, team=OUTSIDE_TEAM) == 200
    assert await forger.says("ben", talk, "plain", source_team=OUTSIDE_TEAM) == 200
    assert await forger.presses("ben", talk, "tl:0:claim", value, user=foreign) == 200
    assert await forger.slash("ben", "/resolve", f"#{talk.number}", team_id=OUTSIDE_TEAM) == 200
    await untouched(talk)


async def test_events_of_another_workspace_are_not_ours(shop: Shop) -> None:
    """An app may be installed in many workspaces, which all sign alike; one of them is the desk."""
    talk = await shop.talk(inbox="everyone")
    forger = Forger(shop)
    elsewhere = {"team_id": OUTSIDE_TEAM, "authorizations": [{"team_id": OUTSIDE_TEAM}]}
    assert await forger.says("ben", talk, "!reply forged", envelope=elsewhere) == 200
    await untouched(talk)
    ours = shop.sandbox.slack.workspace.config.team_id
    shared = {"team_id": OUTSIDE_TEAM, "authorizations": [{"team_id": ours}], "is_ext_shared_channel": True}
    assert await forger.says("ben", talk, "from a shared channel", envelope=shared) == 200
    await talk.hears("from a shared channel")


def _value_of(talk: Talk) -> str:
    """The value on the buttons of a talk's card."""
    for block in talk.card.blocks or []:
        for element in block.get("elements", []):
            if element.get("type") == "button":
                return str(element["value"])
    raise AssertionError("the card has no buttons")
