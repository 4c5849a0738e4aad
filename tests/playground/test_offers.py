"""What a business's message offers beside words: answers to tap, links, places, contact cards."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.playground.test_phone import business
from tests.support.playground import Stage
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


def question(kind: str, action: dict[str, Any]) -> dict[str, Any]:
    """An interactive message."""
    body = {"type": kind, "body": {"text": "Which one?"}, "action": action}
    if kind != "location_request_message":
        body |= {"header": {"type": "text", "text": "Sofas"}, "footer": {"text": "The shop"}}
    return {"type": "interactive", "interactive": body}


async def test_a_button_is_tapped(stage: Stage) -> None:
    """It answers with the question."""
    await stage.writes("Hello")
    buttons = [{"type": "reply", "reply": {"id": str(at), "title": f"Sofa {at}"}} for at in range(3)]
    await business(stage, **question("button", {"buttons": buttons}))
    bubble = stage.at("bubble-business")
    await expect(bubble).to_contain_text("Sofas")
    await expect(bubble).to_contain_text("The shop")
    await stage.at("offer").filter(has_text="Sofa 1").click()
    await until(lambda: len(stage.endpoint.messages()) == 2)
    answer = stage.endpoint.messages()[1]
    assert answer["interactive"] == {"type": "button_reply", "button_reply": {"id": "1", "title": "Sofa 1"}}
    assert answer["context"]["id"]


async def test_a_row_is_picked(stage: Stage) -> None:
    """From a list that opens."""
    await stage.writes("Hello")
    rows = [{"id": "a", "title": "Oslo", "description": "two seats"}, {"id": "b", "title": "Bergen"}]
    await business(
        stage, **question("list", {"button": "Choose", "sections": [{"title": "Stock", "rows": rows}]})
    )
    await stage.at("offer-list").click()
    await stage.at("offer").filter(has_text="Oslo").click()
    await until(lambda: len(stage.endpoint.messages()) == 2)
    reply = stage.endpoint.messages()[1]["interactive"]["list_reply"]
    assert reply == {"id": "a", "title": "Oslo", "description": "two seats"}


async def test_a_place_is_sent_when_asked_for(stage: Stage) -> None:
    """With one tap."""
    await stage.writes("Hello")
    await business(stage, **question("location_request_message", {"name": "send_location"}))
    await stage.at("offer").click()
    await until(lambda: len(stage.endpoint.messages()) == 2)
    assert stage.endpoint.messages()[1]["location"]["name"] == "Alexanderplatz"
    await expect(stage.at("place")).to_contain_text("Alexanderplatz")


async def test_a_link_a_place_and_a_card_are_seen(stage: Stage) -> None:
    """Each as what it is."""
    await stage.writes("Hello")
    parameters = {"display_text": "Track it", "url": "https://shop.example.com/t/1"}
    await business(stage, **question("cta_url", {"name": "cta_url", "parameters": parameters}))
    await expect(stage.at("offer")).to_have_attribute("href", "https://shop.example.com/t/1")
    await business(stage, type="location", location={"latitude": 1.5, "longitude": 2.5, "name": "Shop"})
    await expect(stage.at("place")).to_contain_text("Shop")
    card = {"name": {"formatted_name": "Ada Byron"}, "phones": [{"phone": "+49301234567"}]}
    await business(stage, type="contacts", contacts=[card])
    await expect(stage.at("cards")).to_contain_text("+49301234567")
