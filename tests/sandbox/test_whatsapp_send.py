"""`POST /{phone_number_id}/messages`: what is accepted, what is refused, in which words."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.faults import Fault
from bridge.sandbox.whatsapp.config import TemplateConfig
from tests.support.whatsapp_sandbox import NUMBER, MakeRig, Rig

API = Path(__file__).parents[1] / "fixtures" / "whatsapp" / "api"


def recorded(name: str) -> tuple[int, dict[str, Any]]:
    """Status and body of a recorded answer."""
    answer = json.loads((API / name).read_text())
    return answer["http_status"], answer["body"]


def shape(value: object) -> object:
    """Keys and types of a JSON value, without its data."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def without_trace(body: dict[str, Any]) -> dict[str, Any]:
    """An error body without the id that differs each time."""
    assert body["error"].pop("fbtrace_id")
    return body


async def test_answer_to_a_phone(rig: Rig) -> None:
    """A send to a phone answers with its wa_id and no user id, shaped as recorded."""
    status, body = await rig.send("+1 (555) 010-0311")
    assert (status, shape(body)) == (200, shape(recorded("send_ok_phone.json")[1]))
    assert body["contacts"] == [{"input": "+1 (555) 010-0311", "wa_id": "15550100311"}]
    assert body["messages"][0]["id"].startswith("wamid.HBgLMTU1NTAxMDAzMTEVAgARGB")


async def test_answer_to_a_user_id(rig: Rig) -> None:
    """A send to a business-scoped user id answers with that id and no wa_id."""
    status, body = await rig.send(None, recipient="FR.33120096647715528904")
    assert (status, shape(body)) == (200, shape(recorded("send_ok_bsuid.json")[1]))


async def test_to_beats_recipient(rig: Rig) -> None:
    """With both given, the phone is used."""
    _, body = await rig.send("+15550100311", recipient="FR.33120096647715528904")
    assert body["contacts"] == [{"input": "+15550100311", "wa_id": "15550100311"}]


@pytest.mark.parametrize(
    "written, wa_id",
    [
        ("+5551999990042", "555199990042"),
        ("+555199990042", "555199990042"),
        ("+551199990077", "5511999990077"),
        ("+525500000123", "5215500000123"),
        ("5550100311", "15550100311"),
        ("15550100311", "115550100311"),
    ],
)
async def test_wa_id_may_differ_from_input(rig: Rig, written: str, wa_id: str) -> None:
    """Brazil's and Mexico's spellings reach the same person; without a plus the own country code is put in front."""
    _, body = await rig.send(written)
    assert body["contacts"] == [{"input": written, "wa_id": wa_id}]


@pytest.mark.parametrize(
    "token, message",
    [
        (None, "An access token is required to request this resource."),
        ("stale", "Error validating access token: Session has expired."),
    ],
)
async def test_token_is_checked_first(rig: Rig, token: str | None, message: str) -> None:
    """Without the right bearer token nothing else is looked at: 401, code 190."""
    status, body = await rig.graph("POST", "999/messages", b"not json", token=token)
    assert (status, body["error"]["code"], body["error"]["message"]) == (401, 190, message)


async def test_wrong_token_answers_as_recorded(rig: Rig) -> None:
    """The whole body of an expired token."""
    _, body = await rig.graph("POST", f"{NUMBER}/messages", {}, token="stale")
    assert without_trace(body) == without_trace(recorded("error_190_token.json")[1])


async def test_unknown_number(rig: Rig) -> None:
    """A phone number id the token cannot see: 100 with subcode 33."""
    status, body = await rig.send(number="999999999999999")
    error = body["error"]
    assert (status, error["code"], error["error_subcode"], error["type"]) == (
        400,
        100,
        33,
        "GraphMethodException",
    )
    assert "'999999999999999' does not exist" in error["message"]


@pytest.mark.parametrize(
    "parts, code, says",
    [
        ({"messaging_product": None}, 100, "messaging_product is required"),
        ({"messaging_product": "telegram"}, 100, "{WHATSAPP}"),
        ({"recipient_type": "group"}, 100, "{INDIVIDUAL}"),
        ({"to": None}, 100, "to is required"),
        ({"to": 34600000101}, 100, "to must be a string"),
        ({"to": "ana"}, 131009, "'to'"),
        ({"to": None, "recipient": "33120096647715528904"}, 131009, "'recipient'"),
        ({"type": None}, 100, "type is required"),
        ({"type": "poll", "poll": {}}, 100, "TEMPLATE"),
        ({"text": None}, 131008, "text"),
        ({"text": "hello"}, 100, "text must be a JSON object"),
        ({"text": {}}, 131008, "text['body']"),
        ({"text": {"body": ""}}, 131008, "text['body']"),
        ({"text": {"body": 7}}, 100, "text['body'] must be a string"),
        ({"text": {"body": "x" * 4097}}, 100, "text['body'] must be at most 4096"),
        ({"text": {"body": "x", "preview_url": "yes"}}, 100, "text['preview_url'] must be a boolean"),
        ({"text": {"body": "x", "title": "y"}}, 100, 'Unexpected key "title" on param "text"'),
        ({"context": "wamid.x"}, 100, "context must be a JSON object"),
        ({"context": {}}, 131008, "context['message_id']"),
        ({"biz_opaque_callback_data": "x" * 513}, 100, "512"),
        ({"biz_opaque_callback_data": 5}, 100, "512"),
        ({"to": "+15550100200"}, 131021, "sending number"),
        ({"type": "image", "image": {}}, 100, "'id' or 'link'"),
        ({"type": "image", "image": {"id": "1"}}, 100, "media attachment ID"),
        (
            {"type": "audio", "audio": {"link": "https://x/a.ogg", "caption": "x"}},
            100,
            'Unexpected key "caption"',
        ),
        ({"type": "location", "location": {"latitude": 1}}, 131008, "longitude"),
        ({"type": "location", "location": {"latitude": 91, "longitude": 1}}, 131009, "latitude"),
        ({"type": "contacts", "contacts": [{"name": {}}]}, 131008, "formatted_name"),
        ({"type": "reaction", "reaction": {"message_id": "wamid.x"}}, 131008, "emoji"),
        (
            {
                "type": "reaction",
                "reaction": {"message_id": "w", "emoji": "x"},
                "context": {"message_id": "w"},
            },
            100,
            "context is not allowed",
        ),
    ],
)
async def test_refusals(rig: Rig, parts: dict[str, Any], code: int, says: str) -> None:
    """Every rule of the body is kept, with HTTP 400 and an error that names the parameter."""
    status, body = await rig.send(**parts)
    error = body["error"]
    assert (status, error["code"]) == (400, code)
    assert error["message"].startswith(f"(#{code})")
    assert says in error["message"] + json.dumps(error.get("error_data", {}), ensure_ascii=False)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff"])
async def test_bodies_that_are_no_object(rig: Rig, raw: bytes) -> None:
    """What is not a JSON object is refused, never a server error."""
    status, body = await rig.graph("POST", f"{NUMBER}/messages", raw)
    assert (status, body["error"]["code"]) == (400, 100)


async def test_limits_are_inclusive(rig: Rig) -> None:
    """4,096 characters (code points) and 512 of callback data are taken."""
    status, _ = await rig.send(text={"body": "📦" * 4096}, biz_opaque_callback_data="x" * 512)
    assert status == 200


def buttons(*titles: str) -> dict[str, Any]:
    """An interactive object with reply buttons."""
    replies = [{"type": "reply", "reply": {"id": t, "title": t}} for t in titles]
    return {"type": "button", "body": {"text": "Choose"}, "action": {"buttons": replies}}


def menu(sections: int, rows: int) -> dict[str, Any]:
    """An interactive list."""
    each = [{"id": str(at), "title": f"Row {at}"} for at in range(rows)]
    return {
        "type": "list",
        "body": {"text": "Choose"},
        "action": {
            "button": "Open",
            "sections": [{"title": f"S{at}", "rows": each} for at in range(sections)],
        },
    }


@pytest.mark.parametrize(
    "interactive, code",
    [
        (buttons("Yes", "No", "Later"), None),
        (buttons(), 131008),
        (buttons("1", "2", "3", "4"), 100),
        (buttons("Yes", "Yes"), 131009),
        (buttons("x" * 21), 100),
        (buttons("Yes") | {"footer": {"text": "x" * 61}}, 100),
        (buttons("Yes") | {"type": "carousel"}, 100),
        (menu(1, 10), None),
        (menu(2, 5), None),
        (menu(1, 11), 100),
        (menu(2, 6), 131009),
        (menu(1, 1) | {"header": {"type": "image"}}, 131009),
    ],
)
async def test_interactive_limits(rig: Rig, interactive: dict[str, Any], code: int | None) -> None:
    """Buttons: 1 to 3, unique, short titles. Lists: up to ten rows in all."""
    _, body = await rig.send(type="interactive", text=None, interactive=interactive)
    assert body.get("error", {}).get("code") == code


async def test_test_number_has_an_allow_list(make_rig: MakeRig, rig: Rig) -> None:
    """A test number refuses whoever is not on its list (131030), with the recorded body."""
    numbers = rig.config.numbers
    numbers[0].allowed_recipients = ["+34 600 000 101", "5551999990042"]
    small = await make_rig(numbers=numbers)
    assert (await small.send("+34600000101"))[0] == 200
    assert (await small.send("+555199990042"))[0] == 200
    status, body = await small.send("+15550100311")
    assert status == 400
    assert without_trace(body) == without_trace(recorded("error_131030_not_allowed.json")[1])


async def test_throughput_is_shared_by_both_directions(make_rig: MakeRig) -> None:
    """Messages of customers count too; above the limit 130429 with the recorded body, then room again."""
    rig = await make_rig(scale=1.0, throughput_per_s=3)
    await rig.customer("maya").writes("hi")
    assert [(await rig.send(to))[0] for to in ("+34600000101", "+555199990042")] == [200, 200]
    status, body = await rig.send("+15550100311")
    assert status == 400
    assert without_trace(body) == without_trace(recorded("error_130429_throughput.json")[1])
    await rig.clock.sleep(1)
    assert (await rig.send("+15550100311"))[0] == 200


async def test_pair_rate_is_borrowed_from_the_future(make_rig: MakeRig) -> None:
    """A burst to one customer is paid back in full before the next message; other customers are unaffected."""
    rig = await make_rig(scale=20.0)
    assert [(await rig.send())[0] for _ in range(5)] == [200] * 5
    await rig.clock.sleep(7)
    status, body = await rig.send()
    assert status == 400
    assert without_trace(body) == without_trace(recorded("error_131056_pair_rate.json")[1])
    assert (await rig.send("+15550100311"))[0] == 200
    await rig.clock.sleep(25)
    assert (await rig.send())[0] == 200


async def test_pair_refusal_can_come_as_a_status(make_rig: MakeRig) -> None:
    """Meta reports the pair rate in the answer or later; the second way is a setting."""
    rig = await make_rig(pair_burst=1, pair_refusal="status", throughput_per_s=1_000)
    await rig.customer("ana").writes("hi")
    await rig.sent_id()
    message_id = await rig.sent_id()
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["failed"])
    assert rig.endpoint.statuses_of(message_id)[0]["errors"][0]["code"] == 131056


async def test_limits_can_be_switched_off(make_rig: MakeRig) -> None:
    """For benchmarks neither throughput nor pair rate holds."""
    rig = await make_rig(rate_limits=False, throughput_per_s=1, pair_burst=1)
    assert [(await rig.send())[0] for _ in range(10)] == [200] * 10


async def test_window_can_be_refused_in_the_answer(make_rig: MakeRig) -> None:
    """Outside the 24 h window the answer may refuse, with the recorded body."""
    rig = await make_rig(window_refusal="answer")
    status, body = await rig.send()
    assert status == 400
    assert without_trace(body) == without_trace(recorded("error_131047_window.json")[1])
    await rig.customer("ana").writes("hi")
    assert (await rig.send())[0] == 200


async def test_window_closes_after_a_day(make_rig: MakeRig) -> None:
    """24 hours, scaled, after the last message the window is shut; a reaction does not renew it."""
    rig = await make_rig(scale=200_000.0, window_refusal="answer", rate_limits=False)
    ana = rig.customer("ana")
    first = await ana.writes("hi")
    assert (await rig.send())[0] == 200
    await rig.clock.sleep(86_400)
    await ana.reacts(first.id, "👍")
    assert (await rig.send())[1]["error"]["code"] == 131047
    await ana.writes("again")
    assert (await rig.send())[0] == 200


async def test_window_belongs_to_one_number(make_rig: MakeRig) -> None:
    """Writing to one business number opens no window for another."""
    rig = await make_rig(window_refusal="answer")
    await rig.customer("ana").writes("hi")
    _, body = await rig.send(number="200300400500601")
    assert body["error"]["code"] == 131047


async def test_read_mark(rig: Rig) -> None:
    """Marking a message read marks the earlier ones too; typing shows on the phone until something is sent."""
    ana = rig.customer("ana")
    messages = [await ana.writes(word) for word in ("one", "two", "three")]
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": messages[1].id}
    assert await rig.graph("POST", f"{NUMBER}/messages", body) == recorded("mark_read_ok.json")
    assert [each.status for each in messages] == ["read", "read", "delivered"]
    assert ana.shown()["chats"][NUMBER]["typing"] is False
    await rig.graph("POST", f"{NUMBER}/messages", body | {"typing_indicator": {"type": "text"}})
    assert ana.shown()["chats"][NUMBER]["typing"] is True
    await rig.sent_id()
    assert ana.shown()["chats"][NUMBER]["typing"] is False


async def test_read_mark_needs_a_received_message(rig: Rig) -> None:
    """An unknown id, an own message, or another number's message: 131009."""
    await rig.customer("ana").writes("hi")
    other = await rig.customer("ana").writes("hi", number_id="200300400500601")
    for message_id in ("wamid.unknown", await rig.sent_id(), other.id):
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        status, answer = await rig.graph("POST", f"{NUMBER}/messages", body)
        assert (status, answer["error"]["code"]) == (400, 131009)


@pytest.mark.parametrize(
    "parts",
    [
        {"status": "seen", "message_id": "w"},
        {"status": "read"},
        {"status": "read", "message_id": "w", "typing_indicator": {"type": "audio"}},
    ],
)
async def test_read_mark_refusals(rig: Rig, parts: dict[str, Any]) -> None:
    """A malformed read mark is refused with code 100."""
    status, answer = await rig.graph("POST", f"{NUMBER}/messages", {"messaging_product": "whatsapp", **parts})
    assert (status, answer["error"]["code"]) == (400, 100)


def template(name: str, code: str, *texts: str, **more: Any) -> dict[str, Any]:
    """A template message whose body takes `texts`."""
    body = {"type": "body", "parameters": [{"type": "text", "text": text, **more} for text in texts]}
    header = {"type": "header", "parameters": [{"type": "text", "text": "4471"}]}
    return {"name": name, "language": {"code": code}, "components": [header, body]}


async def test_template_is_accepted_outside_the_window(make_rig: MakeRig) -> None:
    """Templates need no window and answer with a message status, shaped as recorded."""
    rig = await make_rig(window_refusal="answer")
    status, body = await rig.send(
        type="template", text=None, template=template("order_update", "en_US", "Maya", "Friday")
    )
    assert (status, shape(body)) == (200, shape(recorded("send_ok_template_accepted.json")[1]))


@pytest.mark.parametrize(
    "content, status, code",
    [
        (template("order_update", "en_GB"), 404, 132001),
        (template("nothing", "en_US"), 404, 132001),
        (template("old_promo", "en_US"), 400, 132015),
        (template("order_update", "en_US", "Maya"), 400, 132000),
        (template("order_update", "en_US", "Maya\n", "Friday"), 400, 132018),
        ({"name": "reengage", "language": {"code": "pt_BR"}}, 400, 132000),
        ({"name": "reengage"}, 400, 131008),
    ],
)
async def test_template_refusals(rig: Rig, content: dict[str, Any], status: int, code: int) -> None:
    """Unknown, paused, or wrongly filled templates are refused at once."""
    got, body = await rig.send(type="template", text=None, template=content)
    assert (got, body["error"]["code"]) == (status, code)


async def test_codes_are_sent_to_phones_only(make_rig: MakeRig) -> None:
    """An authentication template to a user id is refused (131062); to the phone it goes."""
    body = [{"type": "BODY", "text": "Your code"}]
    rig = await make_rig(templates=[TemplateConfig("code", "en_US", body, "7", category="AUTHENTICATION")])
    content = {"name": "code", "language": {"code": "en_US"}}
    leila = rig.customer("leila")
    parts: dict[str, Any] = {"type": "template", "text": None, "template": content}
    _, refused = await rig.send(None, recipient=leila.user_id, **parts)
    assert refused["error"]["code"] == 131062
    message_id = await rig.sent_id(f"+{leila.wa_id}", **parts)
    await rig.endpoint.until(lambda: "delivered" in rig.endpoint.words_of(message_id))
    assert rig.endpoint.statuses_of(message_id)[0]["pricing"]["category"] == "authentication"


async def test_missing_template_answers_as_recorded(rig: Rig) -> None:
    """The whole body of 132001."""
    _, body = await rig.send(type="template", text=None, template=template("order_update", "en_GB"))
    assert without_trace(body) == without_trace(recorded("error_132001_template.json")[1])


async def test_named_parameters_must_be_named(rig: Rig) -> None:
    """A template with named parameters refuses unnamed values (132012)."""
    content = {
        "name": "reengage",
        "language": {"code": "pt_BR"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "x"}] * 2}],
    }
    _, body = await rig.send(type="template", text=None, template=content)
    assert body["error"]["code"] == 132012


@pytest.mark.parametrize(
    "code, fixture",
    [
        (131016, "error_131016_unavailable.json"),
        (80007, "error_80007_waba_rate.json"),
        (130429, "error_130429_throughput.json"),
        (131047, "error_131047_window.json"),
    ],
)
async def test_error_fault_answers_as_recorded(rig: Rig, code: int, fixture: str) -> None:
    """A fault can answer with any documented error, once, in the recorded body."""
    rig.faults.add(Fault("whatsapp.messages.send", "error", params={"code": code}))
    status, body = await rig.send()
    expected_status, expected = recorded(fixture)
    assert status == expected_status
    assert without_trace(body) == without_trace(expected)
    assert (await rig.send())[0] == 200


async def test_status_fault_is_graphs_unknown_error(rig: Rig) -> None:
    """A bare 500 carries Graph's unknown error, marked as transient."""
    rig.faults.add(Fault("whatsapp.messages.*", "status", params={"status": 500}))
    status, body = await rig.send()
    assert status == 500
    assert without_trace(body) == without_trace(recorded("error_1_unknown.json")[1])
