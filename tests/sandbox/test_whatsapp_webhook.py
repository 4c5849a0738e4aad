"""The webhook sender: bytes, signature, handshake, retries, batches, duplicates, order."""

import asyncio
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.faults import Fault
from bridge.sandbox.whatsapp import wire
from bridge.sandbox.whatsapp.webhook import GIVE_UP_AFTER_S, retry_waits
from tests.support.whatsapp_sandbox import NUMBER, WABA, Endpoint, MakeRig, Rig

FIXTURES = Path(__file__).parents[1] / "fixtures" / "whatsapp"
VECTORS = json.loads((FIXTURES / "signature_vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[each["file"] for each in VECTORS])
def test_signature_vectors(vector: dict[str, str]) -> None:
    """The signature is over the raw bytes, whatever their escaping."""
    assert wire.sign((FIXTURES / vector["file"]).read_bytes(), vector["app_secret"]) == vector["header"]


def test_bytes_are_escaped_as_meta_does() -> None:
    r"""No spaces, `\uXXXX` for what is not ASCII, `\/` for a slash: equal to the recorded bytes."""
    body = json.loads((FIXTURES / "text.json").read_text())
    assert wire.encode(body) == (FIXTURES / "text_escaped.raw").read_bytes().rstrip(b"\n")
    assert wire.encode({"link": "https://x/ñ"}) == b'{"link":"https:\\/\\/x\\/\\u00f1"}'


def comparable(value: dict[str, Any]) -> dict[str, Any]:
    """A webhook value without what differs each time: ids, times, words."""
    text = json.dumps(value)
    found: dict[str, Any] = json.loads(text)
    for item in [*found.get("messages", []), *found.get("statuses", [])]:
        item.update(id="", timestamp="")
        if "text" in item:
            item["text"]["body"] = ""
    return found


def recorded(name: str) -> dict[str, Any]:
    """The value of a recorded webhook, comparable."""
    body = json.loads((FIXTURES / name).read_text())
    return comparable(body["entry"][0]["changes"][0]["value"])


async def test_text_as_recorded(rig: Rig) -> None:
    """A text of a customer with phone and user id."""
    await rig.customer("maya").writes("Hi!")
    assert comparable(rig.endpoint.values()[0]) == recorded("text.json")


async def test_hidden_phone_as_recorded(rig: Rig) -> None:
    """A customer with username and hidden phone: `from` and `wa_id` are absent, not empty."""
    await rig.customer("leila").writes("Bonjour")
    assert comparable(rig.endpoint.values()[0]) == recorded("text_bsuid_only.json")
    assert "HBgBMBUCABIY" in rig.endpoint.messages()[0]["id"]


async def test_envelope_and_header(rig: Rig) -> None:
    """The POST names object, account and field, and is signed with the app secret over its bytes."""
    message = await rig.customer("maya").writes("50 % / ñ")
    post = rig.endpoint.posts[0]
    digest = hmac.digest(b"sandbox-app-secret", post.raw, "sha256").hex()
    assert post.headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert post.headers["Content-Type"] == "application/json"
    assert b"\\/ \\u00f1" in post.raw
    (entry,) = post.json["entry"]
    assert (post.json["object"], entry["id"], entry["changes"][0]["field"]) == (
        "whatsapp_business_account",
        WABA,
        "messages",
    )
    assert rig.endpoint.messages()[0]["id"] == message.id


async def test_handshake(rig: Rig) -> None:
    """The endpoint must answer 200 with the challenge, and nothing else, as its body."""
    assert await rig.whatsapp.verify_webhook()
    rig.endpoint.challenge_prefix = '"'
    assert not await rig.whatsapp.verify_webhook()
    rig.endpoint.challenge_prefix = ""
    rig.endpoint.verify_token = "another"
    assert not await rig.whatsapp.verify_webhook()


async def test_handshake_with_nobody_there(rig: Rig) -> None:
    """A webhook that cannot be reached is not verified; nothing is raised."""
    rig.config.webhook_url = "http://127.0.0.1:9/none"
    assert not await rig.whatsapp.verify_webhook()


def test_retry_schedule() -> None:
    """At once, then with falling frequency, for seven days in all."""
    waits = list(retry_waits())
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert GIVE_UP_AFTER_S - 86_400 < sum(waits) <= GIVE_UP_AFTER_S
    bounded = list(retry_waits(60.0))
    assert bounded[:4] == [0.0, 5.0, 15.0, 60.0]
    assert max(bounded) == 60.0
    assert GIVE_UP_AFTER_S - 60 < sum(bounded) <= GIVE_UP_AFTER_S


async def test_anything_but_200_is_retried(make_rig: MakeRig, endpoint: Endpoint) -> None:
    """The same bytes come again, at once and then later and later, until the answer is 200."""
    rig = await make_rig(scale=50.0)
    endpoint.statuses = [500, 204, 401]
    message = await rig.customer("maya").writes("hello")
    assert message.status == "sent"
    await rig.until(lambda: message.status == "delivered")
    assert len({post.raw for post in endpoint.posts}) == 1
    gaps = [later.at - earlier.at for earlier, later in zip(endpoint.posts, endpoint.posts[1:], strict=False)]
    assert gaps[0] < 0.1
    assert gaps[1] == pytest.approx(5 / 50, abs=0.08)
    assert gaps[2] == pytest.approx(15 / 50, abs=0.15)
    (delivery,) = rig.whatsapp.webhook.deliveries
    assert [each.status for each in delivery.attempts] == [500, 204, 401, 200]
    assert delivery.state == "delivered"
    assert all(each.latency_ms > 0 for each in delivery.attempts)


async def test_unreachable_webhook_is_retried(make_rig: MakeRig, endpoint: Endpoint) -> None:
    """A program that is down gets the message when it is up again."""
    rig = await make_rig(scale=50.0)
    rig.config.webhook_url = "http://127.0.0.1:9/none"
    message = await rig.customer("maya").writes("hello")
    assert rig.whatsapp.webhook.deliveries[0].attempts[0].status is None
    rig.config.webhook_url = endpoint.url
    await rig.until(lambda: message.status == "delivered")


async def test_dropped_after_seven_days(make_rig: MakeRig, endpoint: Endpoint) -> None:
    """A delivery that is refused for seven days is given up."""
    rig = await make_rig(scale=5_000_000.0, rate_limits=False)
    endpoint.statuses = [503] * 50
    message = await rig.customer("maya").writes("hello")
    await rig.until(lambda: rig.whatsapp.webhook.deliveries[0].state == "dropped")
    assert len(endpoint.posts) == len(list(retry_waits())) + 1
    assert message.status == "sent"


async def test_timeout_is_a_failure(make_rig: MakeRig, endpoint: Endpoint) -> None:
    """An endpoint that does not answer in time gets the same body again."""
    rig = await make_rig(webhook_timeout_s=0.1)
    endpoint.gate.clear()
    task = asyncio.create_task(rig.customer("maya").writes("hello"))
    await endpoint.until(lambda: len(endpoint.posts) >= 2)
    endpoint.gate.set()
    message = await task
    await rig.until(lambda: message.status == "delivered")
    assert endpoint.posts[0].raw == endpoint.posts[1].raw


async def test_deliveries_are_concurrent(rig: Rig) -> None:
    """A slow answer to one customer's message holds up nobody else's."""
    rig.endpoint.gate.clear()
    writers = [
        asyncio.create_task(rig.customer(name).writes("hello")) for name in ("ana", "maya", "joao", "leila")
    ]
    await rig.endpoint.until(lambda: len(rig.endpoint.posts) == 4)
    rig.endpoint.gate.set()
    await asyncio.gather(*writers)


async def test_one_customer_in_order(rig: Rig) -> None:
    """What a person writes one after the other arrives in that order."""
    for at in range(20):
        await rig.customer("maya").writes(str(at))
    assert [item["text"]["body"] for item in rig.endpoint.messages()] == [str(at) for at in range(20)]


async def test_duplicate_fault(rig: Rig) -> None:
    """The same bytes come twice although the first was answered 200."""
    rig.faults.add(Fault("whatsapp.webhook", "duplicate"))
    await rig.customer("maya").writes("hello")
    await rig.endpoint.until(lambda: len(rig.endpoint.posts) == 2)
    assert rig.endpoint.posts[0].raw == rig.endpoint.posts[1].raw
    await rig.customer("maya").writes("once")
    assert len(rig.endpoint.posts) == 3


async def test_reorder_fault_lets_later_ones_pass(make_rig: MakeRig) -> None:
    """A held delivery comes right after the next one."""
    rig = await make_rig(scale=1.0)
    rig.faults.add(Fault("whatsapp.webhook", "reorder", params={"seconds": 60}))
    for word in ("first", "second", "third"):
        await rig.customer("maya").writes(word)
    await rig.endpoint.until(lambda: len(rig.endpoint.posts) == 3)
    words = [item["text"]["body"] for item in rig.endpoint.messages()]
    assert words.index("first") > words.index("second")


async def test_reorder_fault_ends_by_itself(rig: Rig) -> None:
    """Without a later delivery the held one goes out when its time is over."""
    rig.faults.add(Fault("whatsapp.webhook", "reorder", params={"seconds": 1}))
    await rig.customer("maya").writes("alone")
    assert rig.endpoint.posts == []
    await rig.endpoint.until(lambda: len(rig.endpoint.posts) == 1)


async def test_delay_fault(rig: Rig) -> None:
    """A delivery can come late."""
    rig.faults.add(Fault("whatsapp.webhook", "delay", params={"seconds": 4}))
    asked = asyncio.get_running_loop().time()
    await rig.customer("maya").writes("late")
    assert rig.endpoint.posts[0].at - asked >= 0.19


async def test_cut_faults(rig: Rig) -> None:
    """Cut before: nothing arrives, the retry does. Cut after: it arrives twice."""
    rig.faults.add(Fault("whatsapp.webhook", "cut_before"))
    message = await rig.customer("maya").writes("a")
    await rig.until(lambda: message.status == "delivered")
    assert len(rig.endpoint.posts) == 1
    rig.faults.add(Fault("whatsapp.webhook", "cut_after"))
    message = await rig.customer("maya").writes("b")
    await rig.until(lambda: message.status == "delivered")
    assert [item["text"]["body"] for item in rig.endpoint.messages()] == ["a", "b", "b"]


async def test_batch_fault_gathers(rig: Rig) -> None:
    """Updates of several people and numbers come in one POST: neighbours share a change, accounts an entry."""
    rig.faults.add(Fault("whatsapp.webhook", "batch", params={"size": 4, "seconds": 600}))
    maya, joao = rig.customer("maya"), rig.customer("joao")
    sent = [await maya.writes("1"), await maya.writes("2"), await joao.writes("3")]
    sent.append(await joao.writes("4", number_id="200300400500601"))
    await rig.until(lambda: all(each.status == "delivered" for each in sent))
    (post,) = rig.endpoint.posts
    first, second = post.json["entry"]
    (change,) = first["changes"]
    assert [item["id"] for item in change["value"]["messages"]] == [each.id for each in sent[:3]]
    assert [each["wa_id"] for each in change["value"]["contacts"]] == [maya.wa_id, joao.wa_id]
    assert (second["id"], second["changes"][0]["value"]["metadata"]["phone_number_id"]) == (
        "100200300400999",
        "200300400500601",
    )


async def test_batch_fault_ends_by_itself(rig: Rig) -> None:
    """A batch that does not fill goes out when its time is over."""
    rig.faults.add(Fault("whatsapp.webhook", "batch", params={"size": 100, "seconds": 1}))
    await rig.customer("maya").writes("1")
    await rig.customer("maya").writes("2")
    await rig.endpoint.until(lambda: len(rig.endpoint.posts) == 1)
    assert len(rig.endpoint.messages()) == 2


async def test_unsubscribed_account_is_silent(rig: Rig) -> None:
    """Without a subscription of the app to the account nothing is delivered; with it, it is."""
    assert await rig.graph("DELETE", f"{WABA}/subscribed_apps") == (200, {"success": True})
    assert await rig.graph("GET", f"{WABA}/subscribed_apps") == (200, {"data": []})
    await rig.customer("maya").writes("lost")
    assert await rig.graph("POST", f"{WABA}/subscribed_apps") == (200, {"success": True})
    await rig.customer("maya").writes("heard")
    assert [item["text"]["body"] for item in rig.endpoint.messages()] == ["heard"]


async def test_override_needs_the_handshake(rig: Rig, endpoint: Endpoint) -> None:
    """An account can have a webhook of its own once that one answers the handshake; it beats the app's."""
    rig.config.webhook_url = "http://127.0.0.1:9/none"
    wrong = {"override_callback_uri": endpoint.url, "verify_token": "wrong"}
    status, body = await rig.graph("POST", f"{WABA}/subscribed_apps", wrong)
    assert (status, body["error"]["code"]) == (400, 2200)
    right = wrong | {"verify_token": endpoint.verify_token}
    assert (await rig.graph("POST", f"{WABA}/subscribed_apps", right))[0] == 200
    await rig.customer("maya").writes("here")
    assert len(endpoint.messages()) == 1
    _, shown = await rig.graph("GET", f"{WABA}/subscribed_apps")
    assert shown["data"][0]["override_callback_uri"] == endpoint.url


async def test_log_is_bounded(make_rig: MakeRig) -> None:
    """The log of deliveries keeps the newest; the counter counts all."""
    rig = await make_rig(rate_limits=False)
    rig.whatsapp.webhook.deliveries = type(rig.whatsapp.webhook.deliveries)(maxlen=5)
    for at in range(8):
        await rig.customer("maya").writes(str(at), number_id=NUMBER)
    assert len(rig.whatsapp.webhook.deliveries) == 5
    assert rig.whatsapp.webhook.delivered == 8
