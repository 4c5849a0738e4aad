"""The page as a whole: sizes, themes, the connection, many messages, the strip."""

from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import expect

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from tests.support.playground import MakeStage, Stage
from tests.support.waiting import until
from tests.support.whatsapp_sandbox import Server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.mark.parametrize("width", [360, 400, 768])
async def test_narrow_screen_has_tabs(make_stage: MakeStage, width: int) -> None:
    """Below 900 px one side shows at a time; nothing is wider than the screen; the whole road works."""
    stage = await make_stage(viewport={"width": width, "height": 700})
    await expect(stage.at("desk")).to_be_hidden()
    await stage.writes("Hello " + "averyveryverylongword" * 20)
    await expect(stage.at("bubble-own")).to_have_attribute("data-status", "delivered")
    ts = await stage.bot.posts_card("A name that goes on " * 6)
    await stage.bot.posts("long" * 200, thread_ts=ts, username="Ana García")
    await expect(stage.at("tab-desk")).to_contain_text("2")
    await stage.at("tab-desk").click()
    await expect(stage.at("phone")).to_be_hidden()
    await until(lambda: not stage.sandbox.whatsapp.customer("ana").chat_open)
    await stage.at("open-thread").click()
    await expect(stage.at("thread-text")).to_be_in_viewport()
    assert await stage.page.evaluate(OVERFLOW) <= 0
    await stage.at("thread-close").click()
    await expect(stage.at("channel-text")).to_be_in_viewport()


async def test_dark_by_system_and_by_choice(make_stage: MakeStage) -> None:
    """The system's theme counts until a person chooses the other, which lasts over a reload."""
    stage = await make_stage(color_scheme="dark")
    assert await stage.page.evaluate(BACKGROUND) == "rgb(20, 22, 27)"
    await stage.page.get_by_role("button", name="Switch to the light theme").click()
    assert await stage.page.evaluate(BACKGROUND) == "rgb(244, 243, 239)"
    await stage.page.reload()
    assert await stage.page.evaluate(BACKGROUND) == "rgb(244, 243, 239)"
    await expect(stage.page.get_by_role("button", name="Switch to the dark theme")).to_be_visible()


async def test_hundreds_of_messages(stage: Stage) -> None:
    """A long channel ends at its newest message and stays where a person reads when more come."""
    ben = stage.sandbox.slack.person("ben")
    for number in range(400):
        await ben.posts("support", f"Line {number}")
    await expect(stage.at("message")).to_have_count(400)
    await expect(stage.at("message").last).to_be_in_viewport()
    await stage.at("message").nth(100).scroll_into_view_if_needed()
    await ben.posts("support", "The newest")
    await expect(stage.at("jump").locator("visible=true")).to_have_count(1)
    await expect(stage.at("message").nth(100)).to_be_in_viewport()
    await stage.at("jump").locator("visible=true").click()
    await expect(stage.at("message").last).to_be_in_viewport()
    await expect(stage.at("message").last).to_contain_text("The newest")


async def test_page_that_fell_behind_catches_up(stage: Stage) -> None:
    """When more happened than the feed keeps, the page loads the state anew and misses nothing."""
    await stage.sandbox.slack.person("ben").posts("support", "Before")
    await expect(stage.at("message")).to_have_count(1)
    ben = stage.sandbox.slack.person("ben")
    for number in range(450):
        await ben.posts("support", f"Line {number}")
    # All in one turn of the loop, so that the page's connection cannot take them one by one.
    for _ in range(2_000):
        stage.sandbox.feed.publish("test.noise")
    await expect(stage.at("message")).to_have_count(451)


async def test_connection_lost_and_found(stage: Stage) -> None:
    """When the sandbox goes the page says so; when one is back on the same address it shows what that one knows."""
    stage.allowed = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "Failed to load resource")
    await stage.writes("Hello")
    await expect(stage.at("bubble-own")).to_have_count(1)
    await stage.bot.stop()
    await stage.sandbox.stop()
    await expect(stage.at("banner")).to_contain_text("Connection lost")
    again = await Sandbox.start(SandboxConfig(port=stage.sandbox.port))
    try:
        await expect(stage.at("banner")).to_be_hidden(timeout=10_000)
        await expect(stage.at("bubble-own")).to_have_count(0)
        await again.slack.person("carla").posts("support", "Back again")
        await expect(stage.at("message")).to_contain_text("Back again")
    finally:
        await again.stop()


async def test_everything_is_served_by_the_sandbox(stage: Stage) -> None:
    """The page asks no other host for anything."""
    asked: list[str] = []
    stage.page.on("request", lambda request: asked.append(request.url))
    await stage.page.reload()
    await expect(stage.at("link-state")).to_have_attribute("data-state", "live")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(stage.sandbox.url)] == []


async def test_strip_follows_a_customers_message(stage: Stage) -> None:
    """Arrive lights with the webhook's 200, Act with the post in Slack; what cannot be seen says so."""
    await stage.writes("Where is my order?")
    await expect(stage.at("verb-arrive")).to_have_attribute("data-state", "done")
    await expect(stage.at("verb-arrive")).to_contain_text("200 after")
    await expect(stage.at("verb-act")).to_have_attribute("data-state", "waiting")
    await stage.bot.posts("A post about something else")
    await stage.bot.posts("Where is my order?", username="Ana García")
    await expect(stage.at("verb-act")).to_contain_text("Posted in #support")
    await expect(stage.at("verb-decide")).to_contain_text("Within")
    await expect(stage.at("verb-commit")).to_contain_text("Seen by its effect")
    await expect(stage.at("verb-remember")).to_contain_text("In the journal")


async def test_strip_knows_words_again_however_they_are_written(stage: Stage) -> None:
    """Slack writes marks, links and forbidden pings in a way of its own; the message came out all the same."""
    await stage.writes("*bold* <https://evil|bank> @channel\nthanks 👍")
    words = "*\u200bbold\u200b* &lt;https://evil|bank&gt; @\u200bchannel\nthanks :+1:"
    await stage.bot.posts(words, username="Ana García")
    await expect(stage.at("verb-act")).to_contain_text("Posted in #support")


async def test_strip_follows_an_agents_reply(stage: Stage) -> None:
    """For an agent's words Arrive is the event's acknowledgement, and Act what WhatsApp says of the send."""
    await stage.writes("Hello")
    ts = await stage.bot.posts("Hello", username="Ana García")
    await stage.sandbox.slack.person("ben").replies("support", ts, "Good *morning* & welcome")
    await expect(stage.at("strip-message")).to_have_text("Ben Agent: “Good morning & welcome”")
    await expect(stage.at("verb-arrive")).to_contain_text("Taken after")
    address = f"{stage.sandbox.url}/whatsapp/v23.0/200300400500600/messages"
    token = stage.sandbox.config.whatsapp.access_token
    sent = {
        "messaging_product": "whatsapp",
        "to": "+34600000101",
        "text": {"body": "Good *morning* & welcome"},
    }
    await stage.context.request.post(
        address, headers={"Authorization": f"Bearer {token}"}, data=sent | {"type": "text"}
    )
    await expect(stage.at("verb-act")).to_contain_text("Accepted by WhatsApp, read")


async def test_bridge_is_asked_for_health_and_counts(stage: Stage) -> None:
    """With a bridge's address the strip shows its health and what its metrics count."""
    committed = 7

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def metrics(_: web.Request) -> web.Response:
        lines = [
            'threadline_events_total{kind="a",platform="b"} 9.0',
            f'threadline_decided_total{{kind="a"}} {committed}.0',
        ]
        return web.Response(text="\n".join(lines))

    bridge = Server([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    await bridge.start()
    try:
        answer: dict[str, Any] = await (
            await stage.context.request.post(f"{stage.sandbox.url}/control/bridge", data={"url": bridge.url})
        ).json()
        assert answer["url"] == bridge.url
        await expect(stage.at("strip-bridge")).to_contain_text("9 events arrived · 7 committed")
        await stage.writes("Hello")
        await expect(stage.at("verb-arrive")).to_have_attribute("data-state", "done")
        committed = 9
        await expect(stage.at("verb-commit")).to_contain_text("2 events committed since")
    finally:
        await bridge.stop()
    stage.allowed = ("502",)
    await expect(stage.at("strip-bridge")).to_contain_text("does not answer")
