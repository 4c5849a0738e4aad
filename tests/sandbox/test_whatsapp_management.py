"""Numbers, templates, subscriptions, paths, and faults of the Graph API."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.sandbox.faults import Fault
from tests.support.whatsapp_sandbox import NUMBER, WABA, MakeRig, Rig

API = Path(__file__).parents[1] / "fixtures" / "whatsapp" / "api"


async def test_number_as_recorded(rig: Rig) -> None:
    """A number's fields, all of them or those asked for (the id always)."""
    recorded = json.loads((API / "phone_number_get.json").read_text())
    assert await rig.graph("GET", NUMBER) == (recorded["http_status"], recorded["body"])
    _, some = await rig.graph("GET", f"{NUMBER}?fields=verified_name,quality_rating")
    assert some == {"verified_name": "Fixture Shop", "quality_rating": "GREEN", "id": NUMBER}
    status, body = await rig.graph("GET", f"{NUMBER}?fields=mood")
    assert (status, body["error"]["code"]) == (400, 100)


async def test_numbers_of_an_account(rig: Rig) -> None:
    """An account lists its own numbers only."""
    _, body = await rig.graph("GET", f"{WABA}/phone_numbers")
    assert [each["id"] for each in body["data"]] == [NUMBER]


@pytest.mark.parametrize(
    "path", ["1", "1/phone_numbers", "1/message_templates", "1/subscribed_apps", f"{NUMBER}/phone_numbers"]
)
async def test_objects_that_are_not_there(rig: Rig, path: str) -> None:
    """An id the token cannot see, or of the wrong kind: 100 with subcode 33."""
    status, body = await rig.graph("GET", path)
    assert (status, body["error"]["code"], body["error"]["error_subcode"]) == (400, 100, 33)


@pytest.mark.parametrize("path", [f"{NUMBER}/horoscope", "a/b/c/d"])
async def test_unknown_paths(rig: Rig, path: str) -> None:
    """A path that Graph does not have: 2500."""
    status, body = await rig.graph("GET", path)
    assert (status, body["error"]["code"]) == (400, 2500)


async def test_version_must_be_one(rig: Rig) -> None:
    """The first part of the path is a Graph version."""
    headers = {"Authorization": "Bearer sandbox-whatsapp-token"}
    async with rig.session.get(f"{rig.url}/whatsapp/latest/{NUMBER}", headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, 2500)


async def test_templates_page_by_cursor(rig: Rig) -> None:
    """Every template comes once, in order, by following `after`; the last page has no `next`."""
    path, seen = f"{WABA}/message_templates?limit=2", []
    _, body = await rig.graph("GET", path)
    seen += [each["name"] for each in body["data"]]
    assert body["paging"]["next"].startswith(
        f"{rig.url}/whatsapp/v23.0/{WABA}/message_templates?limit=2&after="
    )
    async with rig.session.get(
        body["paging"]["next"], headers={"Authorization": "Bearer sandbox-whatsapp-token"}
    ) as answer:
        last = await answer.json()
    seen += [each["name"] for each in last["data"]]
    assert seen == ["order_update", "reengage", "old_promo"]
    assert "next" not in last["paging"]
    _, first = await rig.graph("GET", f"{path}&before={last['paging']['cursors']['before']}")
    assert [each["name"] for each in first["data"]] == ["order_update", "reengage"]


async def test_templates_by_status_and_fields(rig: Rig) -> None:
    """Filters and the choice of fields work; the id always comes."""
    _, body = await rig.graph("GET", f"{WABA}/message_templates?status=APPROVED&fields=name,language")
    assert body["data"] == [
        {"name": "order_update", "language": "en_US", "id": "998877665544"},
        {"name": "reengage", "language": "pt_BR", "id": "998877665545"},
    ]
    _, body = await rig.graph("GET", f"{WABA}/message_templates?status=DISABLED")
    assert body == {"data": []}


@pytest.mark.parametrize(
    "query, code",
    [("after=QVFIgone", 131059), ("limit=0", 100), ("limit=many", 100), ("fields=name,mood", 100)],
)
async def test_template_refusals(rig: Rig, query: str, code: int) -> None:
    """A stale cursor, a senseless limit, a field that does not exist."""
    status, body = await rig.graph("GET", f"{WABA}/message_templates?{query}")
    assert (status, body["error"]["code"]) == (400, code)


async def test_management_calls_are_limited(make_rig: MakeRig) -> None:
    """Above the hourly number of management calls: 80007. Sending is not among them."""
    rig = await make_rig(management_per_hour=2)
    paths = [f"{WABA}/message_templates", f"{WABA}/phone_numbers", f"{WABA}/subscribed_apps"]
    assert [(await rig.graph("GET", path))[0] for path in paths] == [200, 200, 400]
    assert (await rig.graph("GET", paths[0]))[1]["error"]["code"] == 80007
    assert (await rig.send())[0] == 200


async def test_subscription_is_shown(rig: Rig) -> None:
    """The subscribed app, in the documented shape."""
    _, body = await rig.graph("GET", f"{WABA}/subscribed_apps")
    (app,) = body["data"]
    assert set(app["whatsapp_business_api_data"]) == {"id", "link", "name"}


@pytest.mark.parametrize(
    "parts", [{"override_callback_uri": "https://x/" + "y" * 200}, {"override_callback_uri": 5}]
)
async def test_override_refusals(rig: Rig, parts: dict[str, Any]) -> None:
    """An override url is a string of at most 200 characters, with its verify token."""
    for body in (parts, parts | {"verify_token": "t"}):
        status, answer = await rig.graph("POST", f"{WABA}/subscribed_apps", body)
        assert (status, answer["error"]["code"]) == (400, 100)


async def test_cut_before_has_no_effect(rig: Rig) -> None:
    """The connection ends without an answer and nothing was accepted."""
    rig.faults.add(Fault("whatsapp.messages.send", "cut_before"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await rig.send()
    await rig.clock.sleep(2)
    assert rig.endpoint.posts == []


async def test_cut_after_has_its_effect(rig: Rig) -> None:
    """The connection ends without an answer, but the message goes out: only its status tells."""
    await rig.customer("ana").writes("hi")
    rig.faults.add(Fault("whatsapp.messages.send", "cut_after"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await rig.send(biz_opaque_callback_data="ours-1")
    message = await rig.customer("ana").expects("hello")
    await rig.endpoint.until(lambda: "delivered" in rig.endpoint.words_of(message.id))
    assert rig.endpoint.statuses_of(message.id)[0]["biz_opaque_callback_data"] == "ours-1"


async def test_read_marks_have_a_fault_name_of_their_own(rig: Rig) -> None:
    """A fault on sending leaves read marks alone, and the other way round."""
    message = await rig.customer("ana").writes("hi")
    rig.faults.add(Fault("whatsapp.messages.read", "error", params={"code": 131000}))
    assert (await rig.send())[0] == 200
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": message.id}
    assert (await rig.graph("POST", f"{NUMBER}/messages", body))[1]["error"]["code"] == 131000
    assert (await rig.graph("POST", f"{NUMBER}/messages", body))[0] == 200


async def test_rate_limit_fault_lasts(make_rig: MakeRig) -> None:
    """A throttled path refuses for as long as the fault says, then works again."""
    rig = await make_rig(scale=10.0)
    rig.faults.add(Fault("whatsapp.messages.send", "rate_limit", params={"retry_after": 3}))
    assert [(await rig.send())[1]["error"]["code"] for _ in range(2)] == [130429, 130429]
    await rig.clock.sleep(3.5)
    assert (await rig.send())[0] == 200


async def test_delay_fault_and_free_body(rig: Rig) -> None:
    """An answer can come late; a status can carry any body and headers, as a proxy in between would send."""
    rig.faults.add(Fault("whatsapp.*", "delay", params={"seconds": 4}))
    params = {"status": 502, "body": "<html>bad gateway", "headers": {"Retry-After": "7"}}
    rig.faults.add(Fault("whatsapp.*", "status", params=params))
    before = rig.clock.ticks()
    headers = {"Authorization": "Bearer sandbox-whatsapp-token"}
    async with rig.session.get(f"{rig.url}/whatsapp/v23.0/{NUMBER}", headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"], await answer.text()) == (
            502,
            "7",
            "<html>bad gateway",
        )
    assert rig.clock.ticks() - before >= 4
