"""The control API: people over HTTP, faults, state and feed."""

import asyncio
import json
from typing import Any

import pytest

from bridge.sandbox.faults import Fault
from tests.support.whatsapp_sandbox import NUMBER, Rig


async def test_a_conversation_over_http(rig: Rig) -> None:
    """A customer joins, writes, is answered, reads; the state shows it all."""
    status, joined = await rig.control(
        "POST", "whatsapp/customers", {"name": "Zoé Martin", "phone": "33639980001"}
    )
    assert (status, joined["customer"]["id"], joined["customer"]["wa_id"]) == (
        201,
        "zo-martin",
        "33639980001",
    )
    at = "whatsapp/customers/zo-martin"
    _, written = await rig.control("POST", f"{at}/messages", {"text": "salut"})
    assert (written["message"]["status"], written["message"]["text"]) == ("delivered", "salut")
    message_id = await rig.sent_id("+33639980001", context={"message_id": written["message"]["id"]})
    await rig.endpoint.until(lambda: "delivered" in rig.endpoint.words_of(message_id))
    assert (await rig.control("POST", f"{at}/read"))[1] == {"ok": True, "read": [message_id]}
    _, shown = await rig.control("GET", at)
    chat = shown["customer"]["chats"][NUMBER]["messages"]
    assert [(each["from_business"], each["text"], each["status"]) for each in chat] == [
        (False, "salut", "delivered"),
        (True, "hello", "read"),
    ]
    assert chat[1]["quoted_id"] == written["message"]["id"]
    _, state = await rig.control("GET", "whatsapp")
    assert state["webhook"]["delivered"] >= 3
    assert shown["customer"] in state["customers"]


async def test_phone_and_chat_verbs(rig: Rig) -> None:
    """Offline, online, open, leave and the changes of identity answer with what changed."""
    at = "whatsapp/customers/maya"
    assert (await rig.control("POST", f"{at}/offline"))[1] == {"ok": True, "online": False}
    assert (await rig.control("POST", f"{at}/online"))[1] == {"ok": True, "online": True}
    assert (await rig.control("POST", f"{at}/open"))[1] == {"ok": True, "chat_open": True}
    assert (await rig.control("POST", f"{at}/leave"))[1] == {"ok": True, "chat_open": False}
    _, body = await rig.control("POST", f"{at}/change_number", {"phone": "15550100399"})
    assert body["customer"]["wa_id"] == "15550100399"
    _, changed = await rig.control("POST", f"{at}/change_user_id", {"name_previous": False})
    assert changed["customer"]["user_id"] != body["customer"]["user_id"]
    _, reacted = await rig.control("POST", f"{at}/react", {"message_id": "wamid.x", "emoji": "👍"})
    assert reacted["message"]["content"] == {"message_id": "wamid.x", "emoji": "👍"}


async def test_raw_types_over_http(rig: Rig) -> None:
    """Any type can be sent with its object."""
    body = {"type": "location", "content": {"latitude": 1, "longitude": 2}, "extra": {"errors": []}}
    await rig.control("POST", "whatsapp/customers/maya/messages", body)
    (item,) = rig.endpoint.messages()
    assert (item["location"], item["errors"]) == ({"latitude": 1, "longitude": 2}, [])


@pytest.mark.parametrize(
    "path, body, status, says",
    [
        ("whatsapp/customers/nobody/messages", {"text": "x"}, 404, "nobody"),
        ("whatsapp/customers/maya/messages", {"text": ""}, 400, "1 to 4096"),
        ("whatsapp/customers/maya/messages", {}, 400, "text must be given as str"),
        ("whatsapp/customers/maya/messages", {"text": "x", "colour": 1}, 400, "'colour' is not known"),
        ("whatsapp/customers/maya/messages", {"text": "x", "number_id": "7"}, 404, "'7'"),
        ("whatsapp/customers/maya/messages", ["x"], 400, "JSON object"),
        ("whatsapp/customers/maya/react", {"emoji": "x"}, 400, "message_id"),
        ("whatsapp/customers/maya/change_number", {"phone": "34600000101"}, 400, "taken"),
        ("whatsapp/customers", {}, 400, "name"),
        ("whatsapp/customers", {"name": "X", "phone": "+1"}, 400, "digits"),
        ("whatsapp/customers", {"name": "X", "hide_phone": True}, 400, "username"),
        ("whatsapp/customers", {"name": "X", "hide_phone": "yes"}, 400, "customer.hide_phone"),
        ("faults", {"where": "x"}, 400, "kind"),
        ("faults", {"where": "x", "kind": "explode"}, 400, "explode"),
        ("faults", {"where": "x", "kind": "delay", "times": "two"}, 400, "fault.times"),
        ("faults", {"where": "x", "kind": "delay", "params": [1]}, 400, "fault.params"),
    ],
)
async def test_wrong_requests_say_what_is_wrong(
    rig: Rig, path: str, body: object, status: int, says: str
) -> None:
    """Every mistake is answered as JSON that names it."""
    got, answer = await rig.control("POST", path, body)
    assert (got, answer["ok"]) == (status, False)
    assert says in answer["error"]


async def test_faults_over_http(rig: Rig) -> None:
    """Rules are added, listed, fire, and are taken out singly or all at once."""
    rule = {"where": "whatsapp.messages.send", "kind": "error", "times": -1, "params": {"code": 131016}}
    _, first = await rig.control("POST", "faults", rule)
    await rig.control("POST", "faults", {"where": "x", "kind": "cut_before"})
    assert (await rig.send())[1]["error"]["code"] == 131016
    _, listed = await rig.control("GET", "faults")
    assert [each["id"] for each in listed["faults"]] == [first["id"], first["id"] + 1]
    assert (await rig.control("DELETE", f"faults/{first['id']}"))[0] == 200
    assert (await rig.control("DELETE", f"faults/{first['id']}"))[0] == 404
    assert (await rig.send())[0] == 200
    await rig.control("DELETE", "faults")
    assert (await rig.control("GET", "faults"))[1]["faults"] == []


async def test_webhook_url_by_handshake(rig: Rig) -> None:
    """A new url counts only once it answers the handshake, as in the dashboard."""
    rig.config.webhook_url = "http://127.0.0.1:9/none"
    _, refused = await rig.control("POST", "whatsapp/webhook", {"url": "http://127.0.0.1:9/other"})
    assert (refused["ok"], "handshake" in refused["error"]) == (False, True)
    assert (await rig.control("POST", "whatsapp/webhook", {"url": rig.endpoint.url}))[1] == {"ok": True}
    assert rig.config.webhook_url == rig.endpoint.url


async def test_deliveries_over_http(rig: Rig) -> None:
    """Each attempt is listed with status, reason and latency."""
    rig.faults.add(Fault("whatsapp.webhook", "cut_before"))
    message = await rig.customer("maya").writes("x")
    await rig.until(lambda: message.status == "delivered")
    _, body = await rig.control("GET", "whatsapp/deliveries")
    (delivery,) = body["deliveries"]
    assert [(each["status"], each["error"]) for each in delivery["attempts"]] == [
        (None, "cut before it was sent"),
        (200, ""),
    ]
    assert json.loads(delivery["body"])["object"] == "whatsapp_business_account"


async def test_feed_over_http(rig: Rig) -> None:
    """Server-sent events from any number on, live after that."""
    await rig.customer("maya").writes("one")
    async with rig.session.get(f"{rig.url}/control/feed?since=0") as answer:
        assert answer.content_type == "text/event-stream"
        seen: list[dict[str, Any]] = []

        async def until(kind: str, **fields: object) -> None:
            async with asyncio.timeout(3):
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        seen.append(json.loads(line[6:]))
                        entry = seen[-1]
                        if entry["kind"] == kind and fields.items() <= entry.items():
                            return

        await until("whatsapp.ticked")
        message_id = await rig.sent_id("+15550100311")
        await until("whatsapp.status", message=message_id, status="delivered")
    numbers = [each["n"] for each in seen]
    assert numbers == sorted(numbers)
    assert {"whatsapp.wrote", "whatsapp.webhook.attempt", "whatsapp.api", "whatsapp.accepted"} <= {
        each["kind"] for each in seen
    }


async def test_feed_refuses_a_wrong_since(rig: Rig) -> None:
    """`since` is a number."""
    status, body = await rig.control("GET", "feed?since=yesterday")
    assert (status, body["ok"]) == (400, False)
