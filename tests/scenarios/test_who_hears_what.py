"""Who hears what: internal talk never reaches a customer, and what should reach them does."""

from __future__ import annotations

import pytest

from tests.support.stack import shown
from tests.support.talk import DELIVERED, LOCK, QUESTION, Shop
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


# ---------------------------------------------------------------------------------------------- modes


async def test_the_assignees_plain_words_go_out_and_everybody_elses_stay(shop: Shop) -> None:
    """Mode `assignee`, the default."""
    talk = await shop.talk(assignee="ben")
    aside = await talk.staff("carla", "Be careful, they complained before.")
    await talk.receipt(aside, LOCK)
    spoken = await talk.staff("ben", "How can I help?")
    await talk.receipt(spoken, DELIVERED)
    await talk.heard_nothing_but("How can I help?")
    assert talk.receipts(aside) == [LOCK]


async def test_everybodys_plain_words_go_out_in_mode_everyone(shop: Shop) -> None:
    """Mode `everyone`: agents need not claim, but guests are no agents."""
    talk = await shop.talk(inbox="everyone")
    await talk.staff("ben", "Hello from Ben.")
    await talk.hears("Hello from Ben.")
    guest = await talk.staff("gil", "Hello from Gil.")
    await talk.receipt(guest, LOCK)
    await talk.staff("carla", "Hello from Carla.")
    await talk.hears("Hello from Ben.", "Hello from Carla.")


async def test_only_reply_goes_out_in_mode_explicit(shop: Shop) -> None:
    """Mode `explicit`: plain words of anybody, the assignee included, stay."""
    talk = await shop.talk(inbox="explicit", assignee="ben")
    plain = await talk.staff("ben", "They want a refund.")
    await talk.receipt(plain, LOCK)
    await talk.staff("ben", "!reply We look into it.")
    await talk.hears("We look into it.")


@pytest.mark.parametrize("inbox", ["support", "everyone", "explicit"])
async def test_a_guests_words_never_go_out(shop: Shop, inbox: str) -> None:
    """Whoever is no agent is a viewer: no words, no commands, no buttons, and no silence about it."""
    talk = await shop.talk(inbox=inbox)
    plain = await talk.staff("gil", "I would like to say something.")
    await talk.receipt(plain, LOCK)
    await talk.staff("gil", "!reply Something.")
    await talk.told("gil", "Only agents")
    await talk.press("gil", talk.card, "claim")
    await until(lambda: len([e for e in shop.person("gil").ephemerals if "Only agents" in shown(e)]) > 1, 10)
    assert "Nobody" in talk.shows()
    await talk.heard_nothing_but()


# ---------------------------------------------------------------------------------------------- marks


@pytest.mark.parametrize(
    "text",
    [
        "note: not for them",
        "Private: not for them",
        "// not for them",
        ";; not for them",
        "\\\\ not for them",
        "!note not for them",
        "*note:* in bold",
        "_// in italics_",
        "\u200bnote: behind an invisible sign",
        "> note: in a quote",
        "`note:` in code",
        "• note: in a list",
        "Dear customer,\n// but not this\nbye",
        "Dear customer,\n\n   note: indented",
        "Fine.\n!note and a note below",
        "Fine.\n!resolve",
        "@carla what do you think?",
        "Line one\n@carla line two",
        "*@carla* what do you think?",
        "!resovle",
        "!this is no command",
    ],
)
async def test_marked_words_stay(shop: Shop, text: str) -> None:
    """A mark, a colleague or a command at the start of any line keeps the whole text in, formatted or not."""
    talk = await shop.talk(inbox="everyone")
    post = await talk.staff("ben", text)
    await talk.receipt(post, LOCK)
    await talk.heard_nothing_but()


async def test_an_unknown_command_names_the_closest_and_sends_nothing(shop: Shop) -> None:
    r"""A typing error never leaves; `\!` sends a line that starts with an exclamation mark."""
    talk = await shop.talk(inbox="everyone")
    await talk.staff("ben", "!asign me")
    await talk.told("ben", "!assign")
    await talk.staff("ben", "\\!Hola!")
    await talk.hears("!Hola!")


async def test_a_mark_further_down_is_pointed_out(shop: Shop) -> None:
    """The author may have meant the rest for the customer, so they are told what kept it."""
    talk = await shop.talk(inbox="everyone")
    await talk.staff("ben", "We refund you.\nnote: 20 EUR")
    await talk.told("ben", "line 2")
    await talk.heard_nothing_but()


async def test_a_mention_inside_a_sentence_goes_out_as_a_name(shop: Shop) -> None:
    """Customers read names, not ids."""
    talk = await shop.talk(inbox="everyone")
    await talk.staff("ben", "My colleague @carla calls you, see #general.")
    await until(lambda: talk.heard, 10)
    assert "@carla" in talk.heard[0]
    assert "U0CARLA" not in talk.heard[0]
    assert "C0GENERAL1" not in talk.heard[0]


# ------------------------------------------------------------------------------ edits, deletes, others


async def test_an_edit_never_sends_what_was_internal(shop: Shop) -> None:
    """Taking the mark off later sends nothing, and the author is told what to do."""
    talk = await shop.talk(inbox="everyone")
    post = await talk.staff("ben", "note: they are difficult")
    await talk.receipt(post, LOCK)
    await shop.person("ben").edits("everyone", post, "they are difficult")
    await talk.told("ben", "An edit never sends anything")
    await talk.heard_nothing_but()


async def test_an_edit_or_delete_of_what_was_sent_says_that_it_is_too_late(shop: Shop) -> None:
    """WhatsApp cannot take it back; the agent must know."""
    talk = await shop.talk(inbox="everyone")
    post = await talk.staff("ben", "It costs 10.")
    await talk.hears("It costs 10.")
    await shop.person("ben").edits("everyone", post, "It costs 100.")
    await talk.told("ben", "already has the earlier wording")
    await shop.person("ben").deletes("everyone", post)
    await talk.told("ben", "does not take it back")
    await talk.heard_nothing_but("It costs 10.")


async def test_link_previews_are_no_edits(shop: Shop) -> None:
    """Slack changes a message to add a preview; nothing is said or sent again."""
    talk = await shop.talk(inbox="everyone")
    post = await talk.staff("ben", "See https://example.com/faq")
    await until(lambda: len(talk.heard) == 1, 10)
    shop.channel("everyone").unfurl(post, "https://example.com/faq")
    await talk.heard_nothing_but(*talk.heard)
    assert not [e for e in shop.person("ben").ephemerals if e.thread_ts == talk.card.ts]


async def test_events_delivered_again_send_nothing_twice(shop: Shop) -> None:
    """Slack repeats events; a post is one message."""
    talk = await shop.talk(inbox="everyone")
    shop.goes_wrong("slack.event", "duplicate", times=3)
    await talk.staff("ben", "Once.")
    await talk.staff("ben", "Twice.")
    await talk.heard_nothing_but("Once.", "Twice.")


async def test_words_also_sent_to_the_channel_go_out_once(shop: Shop) -> None:
    """`thread_broadcast` is a reply like others."""
    talk = await shop.talk(inbox="everyone")
    await talk.staff("ben", "For everybody to see.", broadcast=True)
    await talk.heard_nothing_but("For everybody to see.")


async def test_another_apps_posts_and_ours_never_go_out(shop: Shop) -> None:
    """Only people speak to customers."""
    talk = await shop.talk(inbox="everyone")
    shop.channel("everyone").other_bot_posts("Build failed", talk.card.ts)
    shop.channel("everyone").other_bot_posts("!reply Build failed", talk.card.ts)
    await talk.heard_nothing_but()


async def test_words_in_the_channel_and_in_other_threads_are_nobodys(shop: Shop) -> None:
    """Only threads under our cards are conversations; no receipt, no answer elsewhere."""
    talk = await shop.talk(inbox="everyone")
    ben = shop.person("ben")
    root = await ben.posts("everyone", "Lunch?")
    reply = await shop.person("carla").replies("everyone", root, "!reply Yes!")
    await talk.heard_nothing_but()
    assert talk.receipts(root) == talk.receipts(reply) == []


async def test_a_direct_message_to_the_bot_is_answered_with_what_it_is_for(shop: Shop) -> None:
    """Nobody should think that a customer reads it."""
    await shop.person("ben").writes_bot("Tell Nora that it is fixed")
    await until(lambda: any("threads" in shown(one) for one in shop.person("ben").dms[1:]), 10)


async def test_a_long_reply_is_split_in_order(shop: Shop) -> None:
    """Over 4,096 characters: several messages, at ends of sentences, none lost, one receipt."""
    talk = await shop.talk(inbox="everyone")
    text = " ".join(f"This is sentence number {number}." for number in range(400))
    post = await talk.staff("ben", text)
    await until(lambda: sum(map(len, talk.heard)) > len(text) - 10, 10)
    assert len(talk.heard) > 1
    assert all(len(part) <= 4096 for part in talk.heard)
    assert all(part.rstrip().endswith(".") for part in talk.heard)
    assert " ".join(part.strip() for part in talk.heard) == text
    await talk.receipt(post, DELIVERED)


async def test_several_replies_keep_their_order(shop: Shop) -> None:
    """A burst of an agent's messages arrives as typed."""
    talk = await shop.talk(inbox="everyone")
    texts = [f"Line {number}" for number in range(12)]
    for text in texts:
        await talk.staff("ben", text)
    await talk.hears(*texts)


async def test_nobodys_conversation_asks(shop: Shop) -> None:
    """Mode `assignee`, no assignee: the author's words wait for a choice."""
    talk = await shop.talk()
    post = await talk.staff("ben", "Shall I?")
    await talk.receipt(post, QUESTION)
    await talk.told("ben", "Nobody has this conversation yet")
    await talk.card_shows("waiting for their author's choice")
    await talk.heard_nothing_but()
