"""The form in which messages are put together: preview and limits while somebody types, and what the contact gets."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.slack.views import View
from tests.scenarios.test_templates import ready
from tests.support.talk import Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIELD = "tl:compose:value"


class Form:
    """An open form on somebody's screen."""

    def __init__(self, shop: Shop, who: str, view: View) -> None:
        self.shop = shop
        self.who = who
        self.view = view

    async def enters(self, block: str, value: Any, shows: str = "") -> None:
        """Type or choose in a field; wait until the form shows a text."""
        person = self.shop.person(self.who)
        answer = await person.acts(self.view.id, FIELD, value, block_id=block)
        assert answer["ok"], answer
        if shows:
            await until(lambda: shows in self.shown(), 10, f"{shows!r} in {self.shown()}")

    async def looks_for(self, block: str, typed: str, timeout_s: float = 10.0) -> list[dict[str, Any]]:
        """What a picker offers."""
        person = self.shop.person(self.who)

        async def offered() -> list[dict[str, Any]]:
            answer = await person.searches(FIELD, typed, view_id=self.view.id, block_id=block)
            assert answer["ok"], answer
            return list(answer["options"])

        return await until(offered, timeout_s, f"an offer for {typed!r}")

    async def sends(self) -> dict[str, Any]:
        """Press Send; what the client says."""
        return await self.shop.person(self.who).submits(self.view.id)

    def is_ready(self) -> bool:
        """Nothing is missing."""
        return "Not yet" not in self.shown()

    def shown(self) -> str:
        """All that the form shows."""
        return str(self.view.blocks)


async def composing(talk: Talk, who: str = "ben") -> Form:
    """Somebody opens the form from the card."""
    await talk.chooses(who, "compose")
    return Form(talk.shop, who, await talk.modal(who))


async def test_buttons_with_a_preview(shop: Shop) -> None:
    """What is wrong is said while somebody types; what is right reaches the contact, and the thread shows it."""
    talk = await shop.talk(assignee="ben")
    form = await composing(talk)
    await form.enters("kind", "buttons", "Answers")
    await form.enters("buttons:question", "Is *Friday* all right?", "Not yet: There is no button.")
    await form.enters("buttons:answers", "Yes\nNo, thank you, never again", "is 6 characters too long")
    refused = await form.sends()
    assert "too long" in refused["errors"]["buttons:answers"]
    await form.enters("buttons:answers", "Yes\nNo", "[Yes] [No]")
    assert (await form.sends())["ok"]
    await until(lambda: talk.customer.inbox, 10, "the question")
    (got,) = talk.customer.inbox
    assert got.type == "interactive"
    assert got.text == "Is *Friday* all right?"
    await talk.thread_shows("replied to the contact")
    await talk.customer.taps(got.id, "Yes")
    await talk.thread_shows("Yes")


async def test_every_kind(shop: Shop) -> None:
    """Each by its own fields."""
    talk = await shop.talk(assignee="ben")
    kinds: dict[str, dict[str, str]] = {
        "reply": {"body": "Good *morning*"},
        "list": {"question": "Which?", "button": "Choose", "answers": "# Here\nOslo – two seats\nBergen"},
        "link": {"body": "Track it", "title": "Track", "url": "https://shop.example.com/t/17"},
        "location": {"place": "52.52, 13.405", "name": "Our shop", "address": "Main Street 1"},
        "contact": {"cards": "Ada Byron +49 30 1234567"},
        "ask-location": {"question": "Where are you?"},
    }
    for kind, values in kinds.items():
        form = await composing(talk)
        await form.enters("kind", kind, f"{kind}:{next(iter(values))}")
        for key, value in values.items():
            await form.enters(f"{kind}:{key}", value)
        await until(form.is_ready, 10, kind)
        assert (await form.sends())["ok"], kind
    await until(lambda: len(talk.customer.inbox) == len(kinds), 10, "all of them")
    types = [one.type for one in talk.customer.inbox]
    assert types == ["text", "interactive", "interactive", "location", "contacts", "interactive"]
    assert talk.heard[0] == "Good *morning*"


async def test_a_template_once_the_window_is_closed(shop: Shop) -> None:
    """One press from the refusal leads there; the preview fills itself in."""
    await ready(shop)
    talk = await shop.old_talk("ben")
    await talk.staff("ben", "Are you still there?")
    told = await talk.told("ben", "free text")
    await talk.press("ben", told, "compose")
    form = Form(shop, "ben", await talk.modal("ben"))
    (option,) = await form.looks_for("template", "order upd en_US")
    await form.enters("template", option["value"], "Utility: free within the 24 hours")
    slots = [block["block_id"] for block in form.view.blocks if block["block_id"].startswith("slot:")]
    for block, value in zip(slots, ["4471", "Nora", "Friday"], strict=True):
        await form.enters(block, value)
    await until(lambda: "Hi Nora" in form.shown(), 10, "the preview")
    await form.enters(slots[1], "A\nB", "has a line break")
    refused = await form.sends()
    assert "line break" in refused["errors"][slots[1]]
    await form.enters(slots[1], "Nora", "Hi Nora")
    assert (await form.sends())["ok"]
    await until(lambda: talk.customer.inbox, 10, "the template")
    assert "Hi Nora, your order ships on Friday." in talk.heard[0]


async def test_typed_it_offers_the_form(shop: Shop) -> None:
    """A form can only be opened by a press."""
    talk = await shop.talk(assignee="ben")
    await talk.staff("ben", "!compose")
    offer = await talk.told("ben", "Put a message together")
    await talk.press("ben", offer, "compose")
    form = Form(shop, "ben", await talk.modal("ben"))
    assert "reply:body" in form.shown()
    await shop.person("ben").closes(form.view.id)
    await shop.person("ben").slash("/wa", f"compose #{talk.number}", "support")
    assert "reply:body" in str((await talk.modal("ben")).blocks)
    await shop.person("ben").closes((await talk.modal("ben")).id)


async def test_internal_words_stay_in(shop: Shop) -> None:
    """A mark means what it means everywhere."""
    talk = await shop.talk(assignee="ben")
    form = await composing(talk)
    await form.enters("reply:body", "// they never pay")
    assert (await form.sends())["ok"]
    await talk.told("ben", "Kept internal")
    await talk.heard_nothing_but()


async def test_only_agents(shop: Shop) -> None:
    """Nobody else sees the form."""
    talk = await shop.talk(assignee="ben")
    await talk.chooses("gil", "compose")
    await talk.told("gil", "Only agents")
    assert not shop.person("gil").views


async def test_everybody_sees_that_somebody_writes(shop: Shop) -> None:
    """Colleagues under the thread, the customer on the phone; both by themselves, until it is sent."""
    talk = await shop.talk(assignee="ben")
    form = await composing(talk)
    channel = shop.channel("support")
    await until(lambda: "ben drafting" in channel.status(talk.card.ts), 10, "the line under the thread")
    await until(lambda: shop.calls("whatsapp.marked_read", typing=True) > 0, 10, "typing")
    await form.enters("reply:body", "Good morning")
    assert (await form.sends())["ok"]
    await talk.hears("Good morning")
    await until(lambda: not channel.status(talk.card.ts), 10, "nobody")


async def test_the_last_words_are_previewed_whatever_slack_allows(shop: Shop) -> None:
    """Updates that come too fast are refused for a while; what was typed last is shown all the same."""
    talk = await shop.talk(assignee="ben")
    form = await composing(talk)
    shop.goes_wrong("slack.views.update", "rate_limit", times=3, retry_after=2)
    for words in ("G", "Go", "Goo", "Good", "Good m", "Good morning"):
        await form.enters("reply:body", words)
    await until(lambda: form.shown().count("Good morning") > 0, 15, "the preview")
    await shop.person("ben").closes(form.view.id)
