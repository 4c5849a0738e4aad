"""The team's desk, with a Slack app on the real SDK."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.playground import BEN, SUPPORT, Stage
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<!channel> *bold* <https://evil|bank> <img src=x onerror=alert(1)>"


def button(label: str, action_id: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label}}


async def opened_thread(stage: Stage) -> str:
    """A card with one reply of Ana's, its thread open; the thread's ts."""
    ts = await stage.bot.posts_card()
    await stage.bot.posts("Where is it?", thread_ts=ts, username="Ana García")
    await stage.at("open-thread").click()
    return ts


async def test_card_shows_and_its_button_reaches_the_app(stage: Stage) -> None:
    """A card's parts are drawn; the date in the reader's own zone; a press is delivered with its value."""
    await stage.bot.posts_card()
    message = stage.at("message")
    await expect(message.get_by_role("heading", name="Ana García")).to_be_visible()
    await expect(message).to_contain_text("@Ben Agent")
    await expect(message.locator("time[datetime='2026-06-11T10:00:00.000Z']")).to_have_text(
        "11 Jun 2026 12:00"
    )
    await message.get_by_role("button", name="Claim").click()
    action = (await until(lambda: stage.bot.payloads("block_actions")))[0]["actions"][0]
    assert (action["action_id"], action["value"]) == ("claim", "1042")


async def test_confirmation_before_a_press(stage: Stage) -> None:
    """A button with a question sends nothing until it is agreed to."""
    await stage.bot.posts_card()
    await stage.at("message").get_by_role("button", name="Resolve").click()
    await expect(stage.at("confirm")).to_contain_text("marked as resolved")
    await stage.at("confirm-no").click()
    assert stage.bot.payloads("block_actions") == []
    await stage.at("message").get_by_role("button", name="Resolve").click()
    await stage.at("confirm-yes").click()
    pressed = await until(lambda: stage.bot.payloads("block_actions"))
    assert [one["actions"][0]["action_id"] for one in pressed] == ["resolve"]


async def test_overflow_and_people_select(stage: Stage) -> None:
    """The overflow menu and the list of people send what was chosen."""
    await stage.bot.posts_card()
    await stage.at("overflow").click()
    await stage.page.get_by_role("menuitem", name="Details…").click()
    chosen = (await until(lambda: stage.bot.payloads("block_actions")))[0]["actions"][0]
    assert chosen["selected_option"]["value"] == "details…"
    await stage.at("select").click()
    await stage.at("picker-search").fill("carla")
    await stage.at("picker-search").press("Enter")
    person = (await until(lambda: stage.bot.payloads("block_actions")[1:]))[0]["actions"][0]
    assert person["selected_user"] == "U0CARLA001"


async def test_thread_and_reply(stage: Stage) -> None:
    """A thread shows the customer's words under the customer's name; an agent's reply reaches the app as an event."""
    ts = await opened_thread(stage)
    reply = stage.at("reply")
    await expect(reply.get_by_test_id("author")).to_have_text("Ana García")
    await expect(reply.get_by_test_id("app-tag")).to_be_visible()
    await stage.at("thread-text").fill("Let me look, @carla :eyes:")
    await stage.at("thread-text").press("Enter")
    await expect(stage.at("reply").nth(1)).to_contain_text("Let me look, @Carla Lead 👀")

    def arrived() -> list[dict[str, Any]]:
        events = [payload["event"] for payload in stage.bot.payloads("event_callback")]
        return [event for event in events if event["type"] == "message" and event.get("user") == BEN]

    [event] = await until(arrived)
    assert (event["thread_ts"], event["text"]) == (ts, "Let me look, <@U0CARLA001> :eyes:")


async def test_ephemeral_only_for_one_person(stage: Stage) -> None:
    """An ephemeral message shows to its person alone, with working buttons, and can be dismissed."""
    ts = await opened_thread(stage)
    blocks = [{"type": "actions", "elements": [button("Send", "send"), button("Keep internal", "keep")]}]
    await stage.bot.web.chat_postEphemeral(
        channel=SUPPORT, user=BEN, thread_ts=ts, text="Who hears this?", blocks=blocks
    )
    shown = stage.at("ephemeral")
    await expect(shown).to_contain_text("Only visible to you")
    await shown.get_by_role("button", name="Keep internal").click()
    pressed = (await until(lambda: stage.bot.payloads("block_actions")))[0]
    assert pressed["actions"][0]["action_id"] == "keep"
    assert pressed["container"]["is_ephemeral"] is True
    await stage.at("person-switch").select_option(label="Carla Lead")
    await expect(stage.at("ephemeral")).to_have_count(0)
    await stage.at("person-switch").select_option(label="Ben Agent")
    await shown.get_by_test_id("ephemeral-dismiss").click()
    await expect(stage.at("ephemeral")).to_have_count(0)


async def test_slash_command_in_channel_and_in_thread(stage: Stage) -> None:
    """In the channel a slash command reaches the app; in a thread the page refuses it with Slack's words."""
    await opened_thread(stage)
    await stage.at("thread-text").fill("/assign @ben")
    await stage.at("thread-text").press("Enter")
    await expect(stage.at("thread-notice")).to_contain_text("/assign is not supported in threads. Sorry!")
    await expect(stage.at("thread-text")).to_have_value("/assign @ben")
    await stage.at("channel-text").fill("/assign 1042 @ben")
    await stage.at("channel-text").press("Enter")
    command = (await until(lambda: stage.bot.payloads("slash_commands")))[0]
    assert (command["command"], command["text"]) == ("/assign", "1042 <@U0BEN00001|ben>")
    await expect(stage.at("channel-text")).to_have_value("")


async def test_answer_to_a_slash_command(stage: Stage) -> None:
    """What the app answers to a command shows as an ephemeral message in the channel."""

    async def answer(_: dict[str, Any]) -> dict[str, Any]:
        return {"response_type": "ephemeral", "text": "You have *no* open conversations."}

    stage.bot.answers["slash_commands"] = answer
    await stage.at("channel-text").fill("/inbox")
    await stage.at("channel-text").press("Enter")
    await expect(stage.at("ephemeral")).to_contain_text("You have no open conversations.")


async def test_reactions(stage: Stage) -> None:
    """Reactions show as emoji with counts; a person adds one by name and takes it back."""
    ts = await stage.bot.posts("Done")
    await stage.bot.web.reactions_add(channel=SUPPORT, timestamp=ts, name="white_check_mark")
    chip = stage.page.locator('[data-testid="reaction"][data-name="white_check_mark"]')
    await expect(chip).to_have_text("✅1")
    await stage.at("message").hover()
    await stage.at("message-react").click()
    await stage.at("picker-search").fill("raising_hand")
    await expect(stage.at("picker").get_by_role("option").first).to_contain_text(":raising_hand:")
    await stage.at("picker-search").press("Enter")
    mine = stage.page.locator('[data-testid="reaction"][data-name="raising_hand"]')
    await expect(mine).to_have_attribute("aria-pressed", "true")
    await mine.click()
    await expect(mine).to_have_count(0)


async def test_edit_and_deletion(stage: Stage) -> None:
    """An own message can be changed, which it says, and deleted."""
    await stage.at("channel-text").fill("Lunch at *noon*")
    await stage.at("channel-text").press("Enter")
    message = stage.at("message")
    await expect(message).to_contain_text("Lunch at noon")
    await message.hover()
    await stage.at("message-more").click()
    await stage.at("message-edit").click()
    await expect(stage.at("edit-text")).to_have_value("Lunch at *noon*")
    await stage.at("edit-text").fill("Lunch at one")
    await stage.at("edit-save").click()
    await expect(message.get_by_test_id("message-body")).to_have_text("Lunch at one (edited)")
    await message.hover()
    await stage.at("message-more").click()
    await stage.at("message-delete").click()
    await stage.at("confirm-yes").click()
    await expect(message).to_have_count(0)


async def test_tombstone_keeps_its_thread(stage: Stage) -> None:
    """A deleted message with replies says that it was deleted, and its thread stays open to read."""
    ts = await stage.bot.posts("Card")
    await stage.sandbox.slack.person("ben").replies("support", ts, "Still here")
    await stage.bot.web.chat_delete(channel=SUPPORT, ts=ts)
    await expect(stage.at("message")).to_contain_text("This message was deleted.")
    await stage.at("open-thread").click()
    await expect(stage.at("reply")).to_contain_text("Still here")


async def test_unread_marks(stage: Stage) -> None:
    """A channel with news is marked until it is opened; a mention counts."""
    general = stage.page.get_by_test_id("channel-general")
    carla = stage.sandbox.slack.person("carla")
    await carla.posts("general", "Hello all")
    await expect(general.get_by_test_id("room-unread")).to_be_visible()
    await carla.posts("general", "Please look, @ben")
    await expect(general.get_by_test_id("room-pings")).to_have_text("1")
    await general.click()
    await expect(stage.at("channel-name")).to_have_text("# general")
    await expect(general.get_by_test_id("room-pings")).to_have_count(0)
    await expect(general.get_by_test_id("room-unread")).to_have_count(0)


async def test_direct_message_with_the_app(stage: Stage) -> None:
    """A person writes to the app's page, and its answer comes into the same place."""
    await stage.at("channel-app").click()
    await stage.at("channel-text").fill("help")
    await stage.at("channel-text").press("Enter")
    await expect(stage.at("message")).to_contain_text("help")
    await stage.bot.web.chat_postMessage(channel=BEN, text="Type `!help` in a thread.")
    await expect(stage.at("message").nth(1)).to_contain_text("Type !help in a thread.")


async def test_message_shortcut(stage: Stage) -> None:
    """A message's menu runs the app's shortcut on that message."""
    ts = await stage.bot.posts("Card")
    await stage.at("message").hover()
    await stage.at("message-more").click()
    await stage.at("shortcut-conversation_details").click()
    payload = (await until(lambda: stage.bot.payloads("message_action")))[0]
    assert payload["message_ts"] == ts


async def test_hostile_names_are_shown_as_they_are(stage: Stage) -> None:
    """Markup in names and words stays words: no element, link or mention comes of it."""
    await stage.bot.posts(
        "x", blocks=[{"type": "header", "text": {"type": "plain_text", "text": HOSTILE, "emoji": False}}]
    )
    await stage.bot.posts("&lt;script&gt;alert(1)&lt;/script&gt;", username=HOSTILE[:80])
    await expect(stage.at("message").first.get_by_role("heading")).to_have_text(HOSTILE)
    await expect(stage.at("message").nth(1).get_by_test_id("author")).to_have_text(HOSTILE[:80])
    await expect(stage.at("message").nth(1)).to_contain_text("<script>alert(1)</script>")
    assert await stage.page.locator("#desk img, #desk script, #phone img").count() == 0
    assert await stage.at("message").locator("h3 a, h3 .mention, .author a").count() == 0


async def test_app_that_is_not_there(stage: Stage) -> None:
    """A press that nobody takes is told in a notice that says what to do."""
    await stage.bot.posts_card()
    await expect(stage.at("message")).to_be_visible()
    await stage.bot.socket.close()  # type: ignore[no-untyped-call]  # the SDK leaves it bare
    await until(lambda: stage.sandbox.slack.hub.count == 0)
    await stage.at("message").get_by_role("button", name="Claim").click()
    await expect(stage.at("toast")).to_contain_text("Start the bridge")
