"""The whole page without a pointer."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.playground import Stage
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FOCUSED = "document.activeElement?.dataset.testid || document.activeElement?.id || ''"


async def focused(stage: Stage) -> str:
    """The test id (or id) of what has the keyboard."""
    return str(await stage.page.evaluate(FOCUSED))


async def keys(stage: Stage, *pressed: str) -> None:
    """Press keys one after the other, wherever the focus is."""
    for key in pressed:
        await stage.page.keyboard.press(key)


async def tab_to(stage: Stage, testid: str, key: str = "Tab", most: int = 40) -> None:
    """Press Tab until a part has the focus."""
    for _ in range(most):
        if await focused(stage) == testid:
            return
        await stage.page.keyboard.press(key)
    raise AssertionError(f"{testid} cannot be reached with {key}")


async def test_write_as_a_customer_and_answer_as_an_agent(stage: Stage) -> None:
    """Skip link, arrow keys, Enter: a customer writes and an agent answers in the thread, without a pointer."""
    await keys(stage, "Tab", "Enter")
    await tab_to(stage, "customer")
    await keys(stage, "ArrowDown", "ArrowUp", "Enter")
    await expect(stage.at("chat-text")).to_be_focused()
    await stage.page.keyboard.type("Hello")
    await keys(stage, "Shift+Enter")
    await stage.page.keyboard.type("there")
    await keys(stage, "Enter")
    message = (await until(stage.endpoint.messages))[0]
    assert message["text"]["body"] == "Hello\nthere"
    ts = await stage.bot.posts_card()
    await stage.bot.posts("Hello\nthere", thread_ts=ts, username="Ana García")
    await tab_to(stage, "open-thread")
    await keys(stage, "Enter")
    await expect(stage.at("thread-text")).to_be_focused()
    await stage.page.keyboard.type("Good morning")
    await keys(stage, "Enter")
    await expect(stage.at("reply").nth(1)).to_contain_text("Good morning")
    await keys(stage, "Escape")
    await expect(stage.at("thread")).to_be_hidden()
    await expect(stage.at("message")).to_be_focused()


async def test_arrow_keys_in_the_message_list(stage: Stage) -> None:
    """Tab reaches one message; arrow keys, Home and End reach the others; its actions follow."""
    for number in range(5):
        await stage.bot.posts(f"Post {number}")
    await expect(stage.at("message")).to_have_count(5)
    await stage.at("person-switch").focus()
    await tab_to(stage, "message")
    await expect(stage.at("message").nth(4)).to_be_focused()
    await keys(stage, "ArrowUp")
    await expect(stage.at("message").nth(3)).to_be_focused()
    await keys(stage, "Home")
    await expect(stage.at("message").first).to_be_focused()
    await keys(stage, "End")
    await expect(stage.at("message").nth(4)).to_be_focused()
    await tab_to(stage, "message-more", most=5)
    await keys(stage, "Enter")
    await expect(stage.page.get_by_role("menuitem").first).to_be_focused()
    await keys(stage, "Escape")
    await expect(stage.at("message-more")).to_be_focused()


async def test_focus_survives_a_redraw(stage: Stage) -> None:
    """A card that changes while one of its buttons has the focus keeps the focus on that button."""
    ts = await stage.bot.posts_card()
    await stage.at("message").get_by_role("button", name="Claim").focus()
    await stage.bot.web.reactions_add(channel="C0SUPPORT1", timestamp=ts, name="eyes")
    await expect(stage.at("reaction")).to_be_visible()
    await expect(stage.at("message").get_by_role("button", name="Claim")).to_be_focused()


async def test_completion(stage: Stage) -> None:
    """`!` offers the bridge's commands, `@` people, a colon emoji; Enter takes one, Esc closes, and nothing is sent."""
    rows = [
        {"name": name, "usage": f"!{name}", "help": f"About {name}"} for name in ("resolve", "reply", "claim")
    ]
    stage.sandbox.bridge.connect("", rows)
    area = stage.at("channel-text")
    await area.focus()
    await stage.page.keyboard.type("!re")
    options = stage.at("completion").first.get_by_role("option")
    await expect(options).to_have_count(2)
    await keys(stage, "ArrowDown", "Enter")
    await expect(area).to_have_value("!reply ")
    await stage.page.keyboard.type("hi @car")
    await keys(stage, "Tab")
    await expect(area).to_have_value("!reply hi @carla ")
    await stage.page.keyboard.type(":tad")
    await keys(stage, "Enter")
    await expect(area).to_have_value("!reply hi @carla :tada: ")
    await stage.page.keyboard.type("#gen")
    await keys(stage, "Escape")
    await expect(stage.at("completion").first).to_be_hidden()
    await expect(area).to_have_value("!reply hi @carla :tada: #gen")
    await expect(stage.at("message")).to_have_count(0)


async def test_modal_by_keyboard(stage: Stage) -> None:
    """A modal opens with the focus inside, is filled and sent by keyboard, and gives the focus back."""

    async def opens(payload: dict[str, Any]) -> None:
        await stage.bot.web.views_open(trigger_id=payload["trigger_id"], view=modal())

    stage.bot.answers["block_actions"] = opens
    await stage.bot.posts_card()
    await stage.at("message").get_by_role("button", name="Claim").focus()
    await keys(stage, "Enter")
    await expect(stage.at("modal").get_by_test_id("select").first).to_be_focused()
    await keys(stage, "Enter", "ArrowDown", "Enter", "Tab", "Enter")
    await stage.page.keyboard.type("carla")
    await keys(stage, "Enter", "Tab")
    await stage.page.keyboard.type("Please be quick")
    await tab_to(stage, "modal-submit")
    await keys(stage, "Enter")
    await expect(stage.at("modal")).to_have_count(0)
    values = (await until(lambda: stage.bot.payloads("view_submission")))[0]["view"]["state"]["values"]
    assert values["conversation"]["value"]["selected_option"]["value"] == "1043"
    assert values["person"]["value"]["selected_user"] == "U0CARLA001"
    assert values["note"]["value"]["value"] == "Please be quick"
    await expect(stage.at("message").get_by_role("button", name="Claim")).to_be_focused()


async def test_modal_is_left_with_escape(stage: Stage) -> None:
    """Esc closes the modal, and the app hears of it where it asked to."""

    async def opens(payload: dict[str, Any]) -> None:
        await stage.bot.web.views_open(
            trigger_id=payload["trigger_id"], view=modal() | {"notify_on_close": True}
        )

    stage.bot.answers["block_actions"] = opens
    await stage.bot.posts_card()
    await stage.at("message").get_by_role("button", name="Claim").click()
    await expect(stage.at("modal")).to_be_visible()
    await keys(stage, "Escape")
    await expect(stage.at("modal")).to_have_count(0)
    await until(lambda: stage.bot.payloads("view_closed"))


async def test_modal_shows_errors_and_searches(stage: Stage) -> None:
    """What is missing or refused stands at its field; an external list is searched; typed text stays."""

    async def opens(payload: dict[str, Any]) -> None:
        await stage.bot.web.views_open(trigger_id=payload["trigger_id"], view=modal())

    async def suggests(payload: dict[str, Any]) -> dict[str, Any]:
        word = payload["value"]
        return {"options": [{"text": plain(f"{word}!"), "value": word}]}

    async def refuses(_: dict[str, Any]) -> dict[str, Any]:
        return {"response_action": "errors", "errors": {"note": "Say it more kindly."}}

    stage.bot.answers |= {"block_actions": opens, "block_suggestion": suggests, "view_submission": refuses}
    await stage.bot.posts_card()
    await stage.at("message").get_by_role("button", name="Claim").click()
    shown = stage.at("modal")
    await shown.get_by_test_id("input").fill("No!")
    await stage.at("modal-submit").click()
    await expect(shown.locator('[data-block="conversation"]')).to_contain_text("complete this required field")
    await expect(shown.get_by_test_id("input")).to_have_value("No!")
    await shown.get_by_test_id("select").nth(0).click()
    await stage.at("picker").get_by_role("option").first.click()
    await shown.get_by_test_id("select").nth(1).click()
    await stage.at("picker").get_by_role("option").first.click()
    await shown.get_by_test_id("select").nth(2).click()
    await stage.at("picker-search").fill("abc")
    await stage.at("picker").get_by_role("option", name="abc!").click()
    await expect(shown.get_by_test_id("select").nth(2)).to_contain_text("abc!")
    await stage.at("modal-submit").click()
    await expect(shown.locator('[data-block="note"]')).to_contain_text("Say it more kindly.")
    values = stage.bot.payloads("view_submission")[0]["view"]["state"]["values"]
    assert values["find"]["value"]["selected_option"]["value"] == "abc"


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def asks(block_id: str, label: str, element: dict[str, Any], *, optional: bool = False) -> dict[str, Any]:
    element = {"action_id": "value", **element}
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": element,
        "optional": optional,
    }


def modal() -> dict[str, Any]:
    """A modal with every input that the bridge's have."""
    groups = [
        {"label": plain("Mine"), "options": [{"text": plain("#1042 Ana García"), "value": "1042"}]},
        {"label": plain("Nobody's"), "options": [{"text": plain("#1043 Maya Ortega"), "value": "1043"}]},
    ]
    blocks = [
        asks("conversation", "Conversation", {"type": "static_select", "option_groups": groups}),
        asks("person", "Who takes it?", {"type": "users_select"}),
        asks("note", "Note", {"type": "plain_text_input", "multiline": True}, optional=True),
        asks("find", "Find", {"type": "external_select", "min_query_length": 1}, optional=True),
    ]
    return {
        "type": "modal",
        "callback_id": "x",
        "title": plain("Assign"),
        "submit": plain("Assign"),
        "blocks": blocks,
    }
