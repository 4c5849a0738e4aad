"""Customers: what they do, what their phone shows, what the business is told about its messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.clock import Clock
from bridge.sandbox.faults import Fault, Faults
from bridge.sandbox.feed import Feed
from bridge.sandbox.whatsapp.config import CustomerConfig, WhatsAppConfig
from bridge.sandbox.whatsapp.world import KEPT_IDS, Message, World
from tests.support.whatsapp_sandbox import NUMBER, Rig

FIXTURES = Path(__file__).parents[1] / "fixtures" / "whatsapp"


def recorded(name: str, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Value and item of a recorded webhook."""
    value = json.loads((FIXTURES / name).read_text())["entry"][0]["changes"][0]["value"]
    return value, value[key][0]


def value_with(rig: Rig, message_id: str, status: str) -> dict[str, Any]:
    """The webhook value that reported this status."""
    return next(
        value
        for value in rig.endpoint.values()
        for item in value.get("statuses", [])
        if (item["id"], item["status"]) == (message_id, status)
    )


async def test_statuses_of_a_message(rig: Rig) -> None:
    """Sent, delivered, and read once the customer reads; with the program's own data echoed in each."""
    maya = rig.customer("maya")
    await maya.writes("hi")
    message_id = await rig.sent_id("+15550100311", biz_opaque_callback_data="br:v1:9f2c")
    await maya.expects("hello")
    assert [each.id for each in await maya.reads()] == [message_id]
    await rig.endpoint.until(lambda: len(rig.endpoint.statuses_of(message_id)) == 3)
    items = {item["status"]: item for item in rig.endpoint.statuses_of(message_id)}
    assert set(items) == {"sent", "delivered", "read"}
    assert {item["biz_opaque_callback_data"] for item in items.values()} == {"br:v1:9f2c"}
    _, sent = recorded("status_sent.json", "statuses")
    assert set(items["sent"]) == set(sent) | {"pricing"}
    _, delivered = recorded("status_delivered.json", "statuses")
    assert set(items["delivered"]) == set(delivered) | {"biz_opaque_callback_data"}
    assert set(items["delivered"]["pricing"]) == set(delivered["pricing"])
    value, read = recorded("status_read.json", "statuses")
    assert set(items["read"]) == set(read) | {"biz_opaque_callback_data"}
    assert value_with(rig, message_id, "read")["contacts"] == value["contacts"]
    assert all(isinstance(item["timestamp"], str) for item in items.values())
    assert await maya.reads() == []


async def test_username_only_from_delivered_on(rig: Rig) -> None:
    """For a hidden phone statuses name the user id alone; the username comes with delivered and read only."""
    leila = rig.customer("leila")
    await leila.writes("bonjour")
    message_id = await rig.sent_id(None, recipient=leila.user_id)
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["sent", "delivered"])
    expected, item = recorded("status_delivered_bsuid_only.json", "statuses")
    value = value_with(rig, message_id, "delivered")
    assert value["contacts"] == expected["contacts"]
    assert set(value["statuses"][0]) == set(item) | {"pricing"}
    sent = value_with(rig, message_id, "sent")
    assert sent["contacts"] == [{"profile": {"name": "Leila"}, "user_id": leila.user_id}]
    assert "recipient_id" not in sent["statuses"][0]


async def test_a_hidden_user_id_is_named_nowhere(rig: Rig) -> None:
    """As before WhatsApp had user ids: messages, contacts and statuses name the phone alone."""
    maya = rig.customer("maya")
    maya.hide_user_id = True
    await maya.writes("hi")
    message_id = await rig.sent_id("+15550100311")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["sent", "delivered"])
    assert rig.endpoint.messages()[0]["from"] == maya.wa_id
    assert all(maya.user_id not in str(value) for value in rig.endpoint.values())


async def test_open_chat_skips_delivered(rig: Rig) -> None:
    """With the chat open a message is read at once; the price comes with read then."""
    maya = rig.customer("maya")
    await maya.writes("hi")
    await maya.opens()
    message_id = await rig.sent_id("+15550100311")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["sent", "read"])
    assert "pricing" in rig.endpoint.statuses_of(message_id)[1]
    await maya.leaves()
    message_id = await rig.sent_id("+15550100311")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["sent", "delivered"])


async def test_phone_that_is_off(rig: Rig) -> None:
    """Nothing is delivered or read while the phone is off; then all of it arrives in order."""
    maya = rig.customer("maya")
    await maya.writes("hi")
    await maya.goes_offline()
    sent = [await rig.sent_id("+15550100311", text={"body": word}) for word in ("one", "two")]
    await rig.endpoint.until(lambda: [rig.endpoint.words_of(each) for each in sent] == [["sent"], ["sent"]])
    await rig.clock.sleep(2)
    assert list(maya.inbox) == []
    assert await maya.reads() == []
    await maya.goes_online()
    assert [each.text for each in maya.inbox] == ["one", "two"]
    await rig.endpoint.until(lambda: all("delivered" in rig.endpoint.words_of(each) for each in sent))


async def test_receipts_switched_off(rig: Rig) -> None:
    """A customer without read receipts reads in silence, with the chat open too."""
    quiet = rig.customer("quiet")
    await quiet.writes("hi")
    message_id = await rig.sent_id("+447700900123")
    await quiet.expects("hello")
    assert len(await quiet.reads()) == 1
    await quiet.opens()
    second = await rig.sent_id("+447700900123", text={"body": "again"})
    await rig.endpoint.until(lambda: rig.endpoint.words_of(second) == ["sent", "delivered"])
    assert rig.endpoint.words_of(message_id) == ["sent", "delivered"]


async def test_window_failure_as_recorded(rig: Rig) -> None:
    """A free text to someone who has not written is accepted, then fails without a contacts array."""
    message_id = await rig.sent_id("+15550100311")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["failed"])
    expected, item = recorded("status_failed_131047.json", "statuses")
    value = value_with(rig, message_id, "failed")
    assert set(value) == set(expected)
    got = value["statuses"][0]
    assert got == item | {"id": got["id"], "timestamp": got["timestamp"]}
    assert list(rig.customer("maya").inbox) == []


async def test_unknown_recipient_as_recorded(rig: Rig) -> None:
    """A phone without WhatsApp is accepted, then undeliverable; so is a user id of nobody."""
    message_id = await rig.sent_id("+15550100999")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["failed"])
    _, item = recorded("status_failed_131026.json", "statuses")
    got = rig.endpoint.statuses_of(message_id)[0]
    assert got == item | {"id": got["id"], "timestamp": got["timestamp"], "recipient_id": "15550100999"}
    message_id = await rig.sent_id(None, recipient="US.1")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(message_id) == ["failed"])
    got = rig.endpoint.statuses_of(message_id)[0]
    assert (got["recipient_user_id"], "recipient_id" in got) == ("US.1", False)


async def test_reaction_of_the_business_is_only_sent(rig: Rig) -> None:
    """A reaction reaches the phone but is reported as sent and no further; a missing target fails."""
    maya = rig.customer("maya")
    message = await maya.writes("hi")
    reaction = {"message_id": message.id, "emoji": "👍"}
    sent = await rig.sent_id("+15550100311", type="reaction", text=None, reaction=reaction)
    await maya.expects(lambda each: each.type == "reaction")
    bad = {"message_id": "wamid.gone", "emoji": "👍"}
    failed = await rig.sent_id("+15550100311", type="reaction", text=None, reaction=bad)
    await rig.endpoint.until(lambda: rig.endpoint.words_of(failed) == ["failed"])
    assert rig.endpoint.statuses_of(failed)[0]["errors"][0]["code"] == 131009
    assert rig.endpoint.words_of(sent) == ["sent"]


async def test_delivery_fault_swaps_messages(rig: Rig) -> None:
    """WhatsApp promises no order between two sends: one can overtake the other on its way to the phone."""
    maya = rig.customer("maya")
    await maya.writes("hi")
    rig.faults.add(Fault("whatsapp.delivery", "reorder", params={"seconds": 5}))
    for word in ("one", "two"):
        await rig.sent_id("+15550100311", text={"body": word})
    await maya.expects("one")
    assert [each.text for each in maya.inbox] == ["two", "one"]


async def test_quotes(rig: Rig) -> None:
    """A reply to the business names its number; a reply to oneself one's own; hidden phones their user id."""
    maya, leila = rig.customer("maya"), rig.customer("leila")
    own = await maya.writes("hi")
    ours = await rig.sent_id("+15550100311")
    await maya.writes("yes, that", reply_to=ours)
    await maya.writes("I meant", reply_to=own.id)
    first = await leila.writes("bonjour")
    await leila.writes("encore", reply_to=first.id)
    contexts = [item["context"] for item in rig.endpoint.messages() if "context" in item]
    assert contexts == [
        {"from": "15550100200", "id": ours},
        {"from": "15550100311", "id": own.id},
        {"from_user_id": leila.user_id, "id": first.id},
    ]


async def test_business_quote_reaches_the_phone(rig: Rig) -> None:
    """The phone shows which message the business quoted."""
    maya = rig.customer("maya")
    own = await maya.writes("hi")
    await rig.sent_id("+15550100311", context={"message_id": own.id})
    assert (await maya.expects("hello")).quoted_id == own.id


async def test_reactions_of_customers(rig: Rig) -> None:
    """A reaction names its message; taking it back leaves the emoji key out."""
    maya = rig.customer("maya")
    message = await maya.writes("hi")
    await maya.reacts(message.id, "👍🏽")
    await maya.reacts(message.id, None)
    assert [item["reaction"] for item in rig.endpoint.messages()[1:]] == [
        {"message_id": message.id, "emoji": "👍🏽"},
        {"message_id": message.id},
    ]


async def test_any_type_can_be_sent(rig: Rig) -> None:
    """Raw objects of any type go out as they are; `unsupported` carries its error as recorded."""
    maya = rig.customer("maya")
    await maya.sends("location", {"latitude": 1.5, "longitude": 2})
    await maya.sends("unsupported", {"type": "poll_creation"})
    await maya.sends("hologram", {"beam": 1}, extra={"referral": {"source_id": "1"}})
    location, poll, hologram = rig.endpoint.messages()
    assert location["location"] == {"latitude": 1.5, "longitude": 2}
    _, expected = recorded("unsupported_poll.json", "messages")
    assert {key: poll[key] for key in ("type", "errors", "unsupported")} == {
        key: expected[key] for key in ("type", "errors", "unsupported")
    }
    assert (hologram["hologram"], hologram["referral"]) == ({"beam": 1}, {"source_id": "1"})


async def test_change_of_number_as_recorded(rig: Rig) -> None:
    """The system message names old and new phone and both user ids; the new phone works, the old does not."""
    maya = rig.customer("maya")
    await maya.writes("hi")
    old_user_id = maya.user_id
    await maya.changes_number("15550100399")
    value = rig.endpoint.values()[-1]
    expected, item = recorded("system_user_changed_number.json", "messages")
    assert set(value) == set(expected)
    got = value["messages"][0]
    system = item["system"] | {"user_id": maya.user_id, "previous_user_id": old_user_id}
    assert got == item | {"id": got["id"], "timestamp": got["timestamp"], "system": system}
    await rig.sent_id("+15550100399")
    await maya.expects("hello")
    lost = await rig.sent_id("+15550100311")
    await rig.endpoint.until(lambda: rig.endpoint.words_of(lost) == ["failed"])


async def test_change_of_user_id_as_recorded(rig: Rig) -> None:
    """With a hidden phone only the user ids are named; before August 2026 the old one stood in the text alone."""
    leila = rig.customer("leila")
    await leila.writes("bonjour")
    old_user_id = leila.user_id
    await leila.changes_user_id()
    expected, item = recorded("system_user_changed_user_id.json", "messages")
    value = rig.endpoint.values()[-1]
    assert set(value) == set(expected)
    assert set(value["messages"][0]) == set(item)
    assert value["messages"][0]["system"] == {
        "body": f"User changed from {old_user_id} to {leila.user_id}",
        "user_id": leila.user_id,
        "previous_user_id": old_user_id,
        "type": "user_changed_user_id",
    }
    await leila.changes_user_id(name_previous=False)
    assert "previous_user_id" not in rig.endpoint.messages()[-1]["system"]


async def test_hostile_name_is_passed_on_as_it_is(rig: Rig) -> None:
    """WhatsApp does not clean profile names: neither does the sandbox."""
    await rig.customer("mallory").writes("<@U1> hi")
    assert (
        rig.endpoint.values()[0]["contacts"][0]["profile"]["name"] == "<!channel> *bold* <https://evil|bank>"
    )


async def test_expects_says_what_came_instead(rig: Rig) -> None:
    """A wait that fails names what did arrive."""
    maya = rig.customer("maya")
    await maya.writes("hi")
    await rig.sent_id("+15550100311")
    await maya.expects("hello")
    with pytest.raises(TimeoutError, match=r"maya did not receive 'bye'.*\['hello'\]"):
        await maya.expects("bye", timeout_s=0.05)


async def test_new_customers(rig: Rig) -> None:
    """Anybody can join; phone and user id belong to one person, and only usernames hide a phone."""
    zoe = rig.whatsapp.add_customer(CustomerConfig("zoe", "Zoé", "33639980001"))
    assert zoe.user_id.startswith("FR.")
    await zoe.writes("salut")
    assert rig.endpoint.messages()[0]["from_user_id"] == zoe.user_id
    for wrong, says in [
        (CustomerConfig("zoe", "Z", "33639980002"), "already called"),
        (CustomerConfig("zoe2", "Z", "33639980001"), "another customer"),
        (CustomerConfig("zoe3", "Z", "5551999990042"), "another customer"),
        (CustomerConfig("zoe4", "Z", "+336"), "digits"),
        (CustomerConfig("zoe5", "Z", "33639980003", hide_phone=True), "username"),
    ]:
        with pytest.raises(ValueError, match=says):
            rig.whatsapp.add_customer(wrong)
    with pytest.raises(LookupError, match="there are: ana"):
        rig.customer("nobody")


def test_what_is_kept_is_bounded() -> None:
    """Of very many messages the oldest are forgotten, so that a long benchmark does not fill the memory."""
    world = World(WhatsAppConfig(), Clock(), Faults(), Feed(), lambda: "http://127.0.0.1:9")
    for at in range(KEPT_IDS + 10):
        world.keep(Message(str(at), NUMBER, "maya", True, "text", None, 0.0, "sent"))
    assert world.message("9") is None
    assert world.message("10") is not None
    assert len(world._messages) == KEPT_IDS
