"""Questions with answers to tap, places and contact cards: out by command, back as an answer to what was asked."""

from __future__ import annotations

import pytest

from tests.support.stack import shown
from tests.support.talk import DELIVERED, FAILED, LOCK, Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def asked(talk: Talk, count: int = 1) -> dict[str, object]:
    """The latest message on the phone, once there are so many: its object."""
    await until(lambda: len(talk.customer.inbox) >= count, 10, f"{count} messages")
    content: dict[str, object] = talk.customer.inbox[-1].content
    return content


async def test_buttons_and_their_answer(shop: Shop) -> None:
    """The answer stands in the thread with the question that it answers."""
    talk = await shop.talk(assignee="ben")
    post = await talk.staff("ben", '!buttons "Is *Friday* all right?" Yes | Rather not')
    content = await asked(talk)
    assert content["type"] == "button"
    question = talk.customer.inbox[-1]
    assert question.text == "Is *Friday* all right?"
    await talk.receipt(post, DELIVERED)
    await talk.customer.taps(question.id, "Rather not")
    await until(lambda: talk.said("Rather not") == 2, 10, "the answer")
    answer = next(
        one for one in reversed(shop.channel(talk.channel).thread(talk.card.ts)) if "Rather not" in shown(one)
    )
    assert "Is Friday all right?" in shown(answer)


async def test_a_list_and_its_answer(shop: Shop) -> None:
    """With what the chosen row says."""
    talk = await shop.talk(assignee="ben")
    await talk.staff(
        "ben", '!list "Which sofa?" "Choose" # In stock | Oslo – two seats | Bergen – three seats'
    )
    content = await asked(talk)
    assert content["type"] == "list"
    await talk.customer.taps(talk.customer.inbox[-1].id, "Bergen")
    answer = await talk.thread_shows("three seats")
    assert "Which sofa?" in shown(answer)


async def test_where_are_you(shop: Shop) -> None:
    """One tap answers, with a map."""
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!ask-location Where shall we deliver to?")
    await asked(talk)
    question = talk.customer.inbox[-1]
    await talk.customer.shares_place(52.5, 13.4, name="My house", reply_to=question.id)
    answer = await talk.thread_shows("My house")
    assert "Where shall we deliver to?" in shown(answer)


async def test_a_link_a_place_and_cards(shop: Shop) -> None:
    """In order, each as what it is."""
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", '!link "Your parcel is on its way" "Track it" https://shop.example.com/t/17')
    await talk.staff("ben", "!location 52.52, 13.405 Our shop | Main Street 1")
    await talk.staff("ben", "!contact Ada Byron +49 30 1234567 | Ben +1 415 555 2671 ben@example.com")
    await until(lambda: len(talk.customer.inbox) == 3, 10, "three messages")
    link, place, cards = (one.content for one in talk.customer.inbox)
    assert link["action"]["parameters"] == {
        "display_text": "Track it",
        "url": "https://shop.example.com/t/17",
    }
    assert place == {"latitude": 52.52, "longitude": 13.405, "name": "Our shop", "address": "Main Street 1"}
    assert [one["name"]["formatted_name"] for one in cards] == ["Ada Byron", "Ben"]


async def test_a_mistake_tells_what_is_wrong(shop: Shop) -> None:
    """And nothing goes out."""
    talk = await shop.talk(assignee="ben")
    post = await talk.staff("ben", '!buttons "Is it ok?" This title is certainly too long | No')
    told = await talk.told("ben", "12 characters too long: at most 20")
    assert "!buttons" in shown(told)
    await talk.receipt(post, LOCK)
    await talk.heard_nothing_but()


async def test_from_elsewhere_it_is_shown_in_the_thread(shop: Shop) -> None:
    """By number, with the slash command; colleagues read what was asked."""
    talk = await shop.talk(assignee="ben")
    await shop.person("ben").slash("/wa", f'buttons #{talk.number} "Is it ok?" Yes | No', "general")
    await asked(talk)
    await talk.thread_shows("[Yes] [No]")
    await talk.customer.taps(talk.customer.inbox[-1].id, "Yes")
    answer = await talk.thread_shows("Is it ok?")
    assert answer is not None


async def test_held_it_can_be_changed_and_taken_back(shop: Shop) -> None:
    """An edit that makes no sense takes it back; one that does changes what goes out."""
    talk = await shop.talk(inbox="held")
    ben = shop.person("ben")
    post = await talk.staff("ben", '!buttons "First?" Yes | No')
    await talk.told("ben", "First?")
    await ben.edits(talk.channel, post, '!buttons "Second?" A | B')
    content = await asked(talk)
    assert talk.customer.inbox[-1].text == "Second?"
    assert [one["reply"]["title"] for one in content["action"]["buttons"]] == ["A", "B"]  # type: ignore[index]
    post = await talk.staff("ben", '!buttons "Third?" Yes | No')
    await talk.told("ben", "Third?")
    await ben.edits(talk.channel, post, '!buttons "Third?"')
    await talk.told("ben", "Taken back")
    await talk.receipt(post, LOCK)


async def test_one_that_failed_is_sent_again(shop: Shop) -> None:
    """Retry sends the question with its answers."""
    talk = await shop.talk(assignee="ben")
    shop.goes_wrong("whatsapp.messages.send", "error", code=131026)
    post = await talk.staff("ben", '!buttons "All right?" Yes | No')
    await talk.receipt(post, FAILED)
    notice = await talk.thread_shows("did not reach the contact")
    await talk.press("ben", notice, "retry")
    content = await asked(talk)
    assert content["type"] == "button"
