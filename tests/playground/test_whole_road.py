"""The main job in a browser, with the bridge itself between the phone and the desk."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.stack import Stack, running_stack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_MS = 10_000


@pytest_asyncio.fixture(loop_scope="module")
async def stack(redis_url: str) -> AsyncIterator[Stack]:
    async with running_stack(redis_url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, stack: Stack) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    await opened.goto(stack.sandbox.url)
    yield opened
    await context.close()
    assert complaints == []


def own_bubble(page: Page, text: str) -> Locator:
    """What the customer sent, on their phone."""
    return page.get_by_test_id("bubble-own").filter(has_text=text)


def reply(page: Page, text: str) -> Locator:
    """A reply in the open thread."""
    return page.get_by_test_id("thread").get_by_test_id("reply").filter(has_text=text)


async def say(page: Page, text: str) -> None:
    """Type in the open thread and press Enter."""
    await page.get_by_test_id("thread-text").fill(text)
    await page.keyboard.press("Enter")


async def test_a_customer_writes_and_gets_an_answer_and_the_case_is_resolved(page: Page) -> None:
    """Phone to thread, claim, thread to phone, ticks turn read, `!resolve` shows on the card."""
    await page.locator('[data-customer="ana"]').click()
    await page.get_by_test_id("chat-text").fill("Is my order on its way?")
    await page.keyboard.press("Enter")
    card = page.get_by_test_id("channel-messages").get_by_test_id("message").filter(has_text="Ana García")
    await expect(card).to_be_visible(timeout=PATIENCE_MS)
    await card.get_by_test_id("open-thread").click()
    await expect(reply(page, "Is my order on its way?")).to_be_visible(timeout=PATIENCE_MS)

    await card.get_by_role("button", name="Claim").click()
    await expect(card).to_contain_text("@Ben Agent", timeout=PATIENCE_MS)

    await say(page, "It left this morning.")
    bubble = page.get_by_test_id("bubble-business").filter(has_text="It left this morning.")
    await expect(bubble).to_be_visible(timeout=PATIENCE_MS)
    read = reply(page, "It left this morning.").locator('[data-testid="reaction"][data-name="eyes"]')
    await expect(read).to_be_visible(timeout=PATIENCE_MS)
    own = own_bubble(page, "Is my order on its way?")
    await expect(own).to_have_attribute("data-status", "read", timeout=PATIENCE_MS)

    await say(page, "!resolve")
    await expect(card).to_contain_text("Resolved", timeout=PATIENCE_MS)
    await expect(page.get_by_test_id("bubble-business")).to_have_count(1)


async def test_internal_talk_stays_on_the_desk(page: Page, stack: Stack) -> None:
    """A note and a colleague's words are marked as internal, and the phone shows nothing of them."""
    await page.locator('[data-customer="maya"]').click()
    await page.get_by_test_id("chat-text").fill("Can I pay in parts?")
    await page.keyboard.press("Enter")
    card = page.get_by_test_id("channel-messages").get_by_test_id("message").filter(has_text="Maya Ortega")
    await card.get_by_test_id("open-thread").click()
    await expect(reply(page, "Can I pay in parts?")).to_be_visible(timeout=PATIENCE_MS)
    await card.get_by_role("button", name="Claim").click()
    await expect(card).to_contain_text("@Ben Agent", timeout=PATIENCE_MS)

    await say(page, "note: she asked twice already")
    lock = reply(page, "note: she asked twice already").locator('[data-name="lock"]')
    await expect(lock).to_be_visible(timeout=PATIENCE_MS)
    await say(page, "Yes, in three parts.")
    bubble = page.get_by_test_id("bubble-business")
    await expect(bubble).to_contain_text("Yes, in three parts.", timeout=PATIENCE_MS)
    assert [one.text for one in stack.customer("maya").inbox] == ["Yes, in three parts."]


async def test_the_strip_tells_when_it_is_in_the_archive(page: Page, stack: Stack) -> None:
    """The last step is done once the bridge's metrics count facts that were archived since."""
    assert stack.bridge is not None
    stack.sandbox.bridge.connect(f"http://127.0.0.1:{stack.bridge.port}", [])
    await page.reload()
    await expect(page.get_by_test_id("strip-bridge")).to_contain_text("committed", timeout=PATIENCE_MS)
    await page.locator('[data-customer="joao"]').click()
    await page.get_by_test_id("chat-text").fill("Do you deliver to Porto Alegre?")
    await page.keyboard.press("Enter")
    remember = page.get_by_test_id("verb-remember")
    await expect(remember).to_contain_text("archived since", timeout=PATIENCE_MS)
    await expect(remember).to_have_attribute("data-state", "done")
