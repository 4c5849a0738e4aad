"""The customer's phone."""

import pytest
from playwright.async_api import expect

from tests.support.playground import Stage
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

GRAPH = "/whatsapp/v23.0/200300400500600/messages"


async def business(stage: Stage, **body: object) -> str:
    """Send to Ana as the business; the message's id."""
    sent = {"messaging_product": "whatsapp", "to": "+34600000101", "type": "text"} | body
    headers = {"Authorization": f"Bearer {stage.sandbox.config.whatsapp.access_token}"}
    answer = await stage.context.request.post(stage.sandbox.url + GRAPH, headers=headers, data=sent)
    assert answer.ok, await answer.text()
    messages = (await answer.json()).get("messages")
    return str(messages[0]["id"]) if messages else ""


async def test_empty_page_says_how_to_begin(stage: Stage) -> None:
    """Before anything has happened both sides and the strip say what to do."""
    await expect(stage.at("phone-empty")).to_contain_text("Write as a customer to begin")
    await expect(stage.at("channel")).to_contain_text("Nothing in #support yet")
    await expect(stage.at("strip-message")).to_have_text("Nobody has written yet")
    await expect(stage.at("strip-bridge")).to_have_text("No bridge connected")


async def test_message_reaches_the_webhook_and_its_ticks_turn(stage: Stage) -> None:
    """What a customer types is delivered, signed; ticks follow: taken, then read by the business."""
    await stage.writes("Hello, where is my order?")
    await expect(stage.at("bubble-own")).to_have_attribute("data-status", "delivered")
    [message] = stage.endpoint.messages()
    assert (message["type"], message["text"]["body"]) == ("text", "Hello, where is my order?")
    assert "X-Hub-Signature-256" in stage.endpoint.posts[0].headers
    await business(stage, status="read", message_id=message["id"], typing_indicator={"type": "text"})
    await expect(stage.at("bubble-own")).to_have_attribute("data-status", "read")
    await expect(stage.at("typing")).to_be_visible()


async def test_webhook_that_is_down_leaves_one_tick(stage: Stage) -> None:
    """A message that the business has not taken says so, and the strip shows the answer."""
    stage.endpoint.statuses = [503] * 50
    await stage.writes("Anybody?")
    await expect(stage.at("verb-arrive")).to_have_attribute("data-state", "failed")
    await expect(stage.at("verb-arrive")).to_contain_text("503")
    await expect(stage.at("bubble-own")).to_have_attribute("data-status", "sent")


async def test_open_chat_reads_and_others_count(stage: Stage) -> None:
    """An answer counts as unread on a phone that nobody looks at, and is read at once in the open chat."""
    await stage.writes("Hi")
    await until(stage.endpoint.messages)
    await stage.picks("maya")
    answer = await business(stage, text={"body": "Good morning!"})
    badge = stage.page.locator('[data-customer="ana"]').get_by_test_id("customer-unread")
    await expect(badge).to_have_text("1")
    await until(lambda: "delivered" in stage.endpoint.words_of(answer))
    await stage.picks("ana")
    await until(lambda: "read" in stage.endpoint.words_of(answer))
    await expect(badge).to_have_count(0)
    seen = await business(stage, text={"body": "One more thing"})
    await expect(stage.at("bubble-business")).to_have_count(2)
    await until(lambda: stage.endpoint.words_of(seen) == ["sent", "read"])


async def test_quote_of_an_answer(stage: Stage) -> None:
    """A reply carries the id of what it quotes, and both show the quoted words."""
    await stage.writes("Hi")
    await until(stage.endpoint.messages)
    answer = await business(stage, text={"body": "Which order?"})
    await about(stage, "bubble-business", "bubble-reply")
    await expect(stage.at("quote-bar")).to_contain_text("Which order?")
    await stage.at("chat-text").fill("4471")
    await stage.at("chat-text").press("Enter")
    quoting = (await until(lambda: stage.endpoint.messages()[1:]))[0]
    assert quoting["context"]["id"] == answer
    await expect(stage.at("bubble-own").nth(1)).to_contain_text("Which order?")
    await expect(stage.at("quote-bar")).to_be_hidden()


async def about(stage: Stage, bubble: str, entry: str, at: int = 0) -> None:
    """Choose an entry of the menu of the latest bubble of a side."""
    row = stage.at(bubble).last
    await row.hover()
    await row.get_by_test_id("bubble-more").click()
    await stage.at(entry).nth(at).click()


async def test_react_edit_and_take_back(stage: Stage) -> None:
    """What a phone can do with messages: each is told, and shown on the message itself."""
    await stage.writes("Hi")
    await until(stage.endpoint.messages)
    answer = await business(stage, text={"body": "Which oder?"})
    await about(stage, "bubble-business", "bubble-react")
    reaction = (await until(lambda: stage.endpoint.messages()[1:]))[0]["reaction"]
    assert reaction == {"message_id": answer, "emoji": "👍"}
    await expect(stage.at("bubble-reactions")).to_have_text("👍")
    await about(stage, "bubble-business", "bubble-unreact")
    await until(lambda: len(stage.endpoint.messages()) == 3)
    assert "emoji" not in stage.endpoint.messages()[2]["reaction"]
    await expect(stage.at("bubble-reactions")).to_have_count(0)
    await about(stage, "bubble-own", "bubble-edit")
    await stage.at("edit-text").fill("Hello")
    await stage.at("edit-save").click()
    await expect(stage.at("bubble-own").first).to_contain_text("Hello")
    await about(stage, "bubble-own", "bubble-delete")
    await expect(stage.at("bubble-own").first).to_contain_text("Deleted")


async def test_sharing_a_place(stage: Stage) -> None:
    """One press sends where they are, as an answer to what was being quoted."""
    await stage.writes("Hi")
    await until(stage.endpoint.messages)
    answer = await business(stage, text={"body": "Where are you?"})
    await about(stage, "bubble-business", "bubble-reply")
    await stage.at("chat-place").click()
    place = (await until(lambda: stage.endpoint.messages()[1:]))[0]
    assert (place["type"], place["location"]["name"]) == ("location", "Alexanderplatz")
    assert place["context"]["id"] == answer
    await expect(stage.at("bubble-own").last).to_contain_text("Alexanderplatz")


async def test_phone_off_and_on(stage: Stage) -> None:
    """Answers wait while the phone is off."""
    await stage.writes("Hi")
    await until(stage.endpoint.messages)
    await stage.at("phone-power").click()
    await expect(stage.at("chat")).to_contain_text("This phone is off")
    answer = await business(stage, text={"body": "Still there?"})
    await until(lambda: "sent" in stage.endpoint.words_of(answer))
    await expect(stage.at("bubble-business")).to_have_count(0)
    await stage.at("phone-power").click()
    await expect(stage.at("bubble-business")).to_contain_text("Still there?")


async def test_new_customer_with_a_hidden_number(stage: Stage) -> None:
    """A new customer joins by the dialog; without a username the number cannot be hidden, and it says so."""
    await stage.at("new-customer").click()
    await stage.at("customer-name").fill("Nora & <b>Sons</b>")
    await stage.at("customer-hide").check()
    await stage.at("customer-save").click()
    await expect(stage.page.get_by_role("alert")).to_contain_text("username")
    await stage.at("customer-username").fill("@nora.designs")
    await stage.at("customer-save").click()
    await expect(stage.at("chat-name")).to_have_text("Nora & <b>Sons</b>")
    await expect(stage.at("chat-reach")).to_have_text("@nora.designs · number hidden")
    await stage.at("chat-text").fill("Hello")
    await stage.at("chat-text").press("Enter")
    message = (await until(stage.endpoint.messages))[0]
    assert "from" not in message
    assert message["from_user_id"]


async def test_chosen_business_number(stage: Stage) -> None:
    """A customer writes to the number that the chat shows; each number has its own chat."""
    await stage.picks("ana")
    await stage.at("chat-number").select_option(label="Fixture Sales")
    await stage.at("chat-text").fill("Do you sell bikes?")
    await stage.at("chat-text").press("Enter")
    value = (await until(stage.endpoint.values))[0]
    assert value["metadata"]["phone_number_id"] == "200300400500601"
    await stage.at("chat-number").select_option(label="Fixture Shop")
    await expect(stage.at("bubble-own")).to_have_count(0)
