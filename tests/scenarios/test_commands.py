"""Commands typed in the thread: what they do, who may give them, and what is said when they make no sense."""

from __future__ import annotations

import pytest

from bridge.model import InboxId
from tests.support.stack import shown
from tests.support.talk import LOCK, Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def does(talk: Talk, who: str, line: str, answer: str) -> None:
    """Somebody types a command, which stays internal, and is answered."""
    post = await talk.staff(who, line)
    await talk.told(who, answer)
    await talk.receipt(post, LOCK)


async def test_claim_assign_unassign_and_undo(shop: Shop) -> None:
    """Hands change by command, the card follows, those concerned hear of it, and it can be taken back."""
    talk = await shop.talk()
    ben, carla = shop.person("ben").id, shop.person("carla").id
    await does(talk, "ben", "!claim", "is yours")
    await talk.card_shows(ben)
    await does(talk, "ben", "!claim", "already")
    await does(talk, "carla", "!assign me", "is yours")
    await talk.dm("ben", f"#{talk.number}")
    await talk.card_shows(carla)
    await does(talk, "carla", "!undo", "Taken back")
    await talk.card_shows(ben)
    await does(talk, "carla", "!assign @carla", "is yours")
    await does(talk, "carla", "!a ben", "is assigned to ben")
    await talk.card_shows(ben)
    await does(talk, "ben", "!unassign", "nobody now")
    await talk.card_shows("Nobody")
    await does(talk, "ben", "!drop", "is assigned to nobody")


async def test_a_mention_of_the_bot_is_a_command(shop: Shop) -> None:
    """`@threadline claim` is `!claim`."""
    talk = await shop.talk()
    await does(talk, "ben", f"<@{shop.sandbox.slack.workspace.bot.user_id}> claim", "is yours")


async def test_tags_and_priority(shop: Shop) -> None:
    """Shown on the card, listed without arguments, refused when they make no sense."""
    talk = await shop.talk()
    await does(talk, "ben", '!tag refund +VIP "two words"', "refund, vip, two words")
    await talk.card_shows("two words")
    await does(talk, "ben", "!tag -vip", "Tags of")
    await talk.card_shows_not("vip")
    await does(talk, "ben", "!tags", "refund, two words")
    await does(talk, "ben", "!tag <!channel>", "is no tag")
    await does(talk, "ben", '!tag "never closed', "never closed")
    await does(talk, "ben", "!priority urgent", "priority urgent")
    await talk.card_shows("Urgent")
    await does(talk, "ben", "!p soon", "is not one of")
    await does(talk, "ben", "!p", "needs a priority")
    await does(talk, "ben", "!undo", "Taken back: the change of priority")
    await talk.card_shows("Normal")


async def test_resolve_and_the_customers_next_words(shop: Shop) -> None:
    """Resolved: the same conversation opens again; last words go out first."""
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!resolve Glad to help.")
    await talk.hears("Glad to help.")
    await talk.card_shows("Resolved")
    await does(talk, "ben", "!resolve", "resolved already")
    await talk.staff("ben", "One more thing.")
    await talk.hears("Glad to help.", "One more thing.")
    assert "Resolved" in talk.shows(), "staff words do not re-open"
    await talk.customer_writes("It is broken again")
    await talk.card_shows("Active")
    assert shop.person("ben").id in talk.shows()


async def test_close_and_the_customers_next_words(shop: Shop) -> None:
    """Closed: words stay in and say so, the customer's next message starts a linked conversation."""
    talk = await shop.talk(assignee="ben")
    await does(talk, "ben", "!close", "for leads and above")
    await talk.staff("carla", "!close Farewell.")
    await talk.hears("Farewell.")
    await talk.card_shows("Closed")
    post = await talk.staff("ben", "Are you still there?")
    await talk.receipt(post, LOCK)
    await talk.told("ben", "this conversation is closed")
    await does(talk, "ben", "!reply hello", "this conversation is closed")
    await does(talk, "ben", "!claim", "`!reopen` it first")
    number = talk.number
    await talk.customer.writes("A new matter")
    fresh = await until(
        lambda: next(
            (p for p in shop.channel().messages if talk.customer.name in shown(p) and p.ts > talk.card.ts),
            None,
        ),
        10,
    )
    new = Talk(shop, talk.customer, fresh)
    await new.thread_shows("A new matter")
    assert new.number != number
    assert f"continues #{number}" in new.shows()
    await does(talk, "ben", "!reopen", "for leads and above")
    await does(talk, "carla", "!reopen", f"#{new.number} now")
    assert talk.heard == ["Farewell."]


async def test_reopen_by_those_who_may(shop: Shop) -> None:
    """An agent opens a resolved conversation, a lead a closed one; undo of a close does, too."""
    talk = await shop.talk()
    await does(talk, "ben", "!reopen", "active already")
    await does(talk, "ben", "!done", "is resolved")
    await does(talk, "ben", "!reopen", "is active")
    await does(talk, "carla", "!c", "is closed")
    await does(talk, "carla", "!reopen", "is active")
    await talk.card_shows("Active")
    await does(talk, "carla", "!close", "is closed")
    await does(talk, "carla", "!undo", "Taken back: marking it as closed")
    await talk.card_shows("Active")


async def test_note_reply_who_and_help(shop: Shop) -> None:
    """A note stays, a reply goes, `who` masks the number, `help` fits the role."""
    talk = await shop.talk()
    note = await talk.staff("ben", "!note *Important*: calls back")
    await talk.receipt(note, LOCK)
    await talk.staff("ben", "!reply *Hello*\nand welcome")
    await talk.hears("*Hello*\nand welcome")
    await does(talk, "ben", "!reply", "needs a text")
    await does(talk, "ben", "!who", "Reached at")
    told = shown(await talk.told("ben", "Reached at"))
    assert talk.customer.wa_id not in told
    assert talk.customer.wa_id[-4:] in told
    await does(talk, "ben", "!help", "!assign")
    await does(talk, "ben", "!help assign", "Assign the conversation")
    await does(talk, "ben", "!help nonsense", "There is no command")
    await talk.staff("gil", "!help")
    await talk.told("gil", "!help")
    assert "!assign" not in shown(await talk.told("gil", "!help"))
    await talk.heard_nothing_but("*Hello*\nand welcome")


async def test_mode_is_for_admins_and_holds_at_once(shop: Shop) -> None:
    """`!mode` changes whose words go out in the inbox; only admins may."""
    talk = await shop.talk(inbox="sales")
    await talk.claimed_by("dana")
    other = await shop.talk(inbox="sales")
    await does(talk, "carla", "!mode everyone", "for admins and above")
    await does(talk, "dana", "!mode sometimes", "is not one of")
    await does(talk, "dana", "!mode explicit", "In this inbox")
    bridge = shop.bridge
    assert bridge is not None

    def mode() -> str:
        return bridge.inlet.policies().inboxes[InboxId("sales")].mode.value

    await until(lambda: mode() == "explicit", 10)
    post = await talk.staff("dana", "Plain words")
    await talk.receipt(post, LOCK)
    for one in (talk, other):
        await one.card_shows("only !reply goes out")
    await does(talk, "dana", "!mode assignee", "In this inbox")
    await until(lambda: mode() == "assignee", 10)
    await talk.staff("dana", "Heard again")
    await talk.hears("Heard again")


async def test_agents_cannot_act_on_others(shop: Shop) -> None:
    """Assigning others, and taking from others by unassign, is for leads."""
    talk = await shop.talk()
    await does(talk, "ben", "!assign carla", "for leads and above")
    await does(talk, "carla", "!claim", "is yours")
    await does(talk, "ben", "!unassign", "for leads and above")
    await talk.card_shows(shop.person("carla").id)


@pytest.mark.parametrize(
    "line, answer",
    [
        ("!assign", "needs a person"),
        ("!assign nobody-known", "is no agent"),
        ("!assign @gil", "is no agent"),
        ("!claim now", "takes no arguments"),
        ("!help me please", "takes one argument"),
        ("!", "No command was given"),
        ("!!", "There is no command"),
        ("!undo", "nothing of yours"),
        ("!CLAIM", "is yours"),
        ("! claim", "is yours"),
        ("*!claim*", "is yours"),
    ],
)
async def test_what_is_said_to_a_command_that_makes_no_sense(shop: Shop, line: str, answer: str) -> None:
    """Expected, given, example; nothing goes out and nothing is silent."""
    talk = await shop.talk()
    await does(talk, "carla", line, answer)
    await talk.heard_nothing_but()


async def test_undo_does_not_take_back_what_others_changed_since(shop: Shop) -> None:
    """A change by somebody else makes an older undo pointless."""
    talk = await shop.talk()
    await does(talk, "ben", "!tag one", "one")
    await does(talk, "carla", "!tag two", "one, two")
    await does(talk, "ben", "!undo", "nothing of yours")


async def test_command_words_for_the_customer_are_checked_for_marks(shop: Shop) -> None:
    """`!reply` and `!resolve` do not carry internal lines out either."""
    talk = await shop.talk()
    for line in (
        "!reply Fine.\nnote: or not",
        "!resolve Bye.\n// finally",
        "!reply !resolve",
        "!reply note: x",
    ):
        post = await talk.staff("ben", line)
        await talk.receipt(post, LOCK)
    await talk.heard_nothing_but()
    assert "Active" in talk.shows()
