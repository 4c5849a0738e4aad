"""Webhook and channel together against the sandbox's WhatsApp, which signs, batches and repeats as the real one."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bridge.actions import Send
from bridge.adapters.base import Outgoing
from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.adapters.whatsapp.numbers import Number
from bridge.content import described
from bridge.events import ContactChanged, DeliveryChanged, MessageReceived
from bridge.markup import Text, plain
from bridge.model import ActionId, ConversationId, InboxId, message_id
from bridge.sandbox.faults import Fault
from bridge.sandbox.whatsapp.config import WhatsAppConfig
from tests.adapters.whatsapp.support import Hook
from tests.support.waiting import until
from tests.support.whatsapp_sandbox import NUMBER, WABA, Endpoint, Rig

INBOX = InboxId("support")
OURS = Number(INBOX, NUMBER, WABA, "sandbox-whatsapp-token", "sandbox-app-secret", "acme")


class Line:
    """The sandbox, our webhook that it delivers to, and our channel that sends to it."""

    def __init__(self, rig: Rig, hook: Hook, channel: WhatsAppChannel) -> None:
        self.rig = rig
        self.hook = hook
        self.channel = channel

    async def received(self, count: int = 1) -> list[MessageReceived]:
        """The contacts' messages, once there are `count`."""
        await until(lambda: len(self._received()) >= count, what=f"{count} messages")
        return self._received()

    def _received(self) -> list[MessageReceived]:
        return [event for event in self.hook.inlet.events if isinstance(event, MessageReceived)]

    def statuses(self) -> list[DeliveryChanged]:
        return [event for event in self.hook.inlet.events if isinstance(event, DeliveryChanged)]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """Everything connected and running."""
    async with Hook(OURS) as hook, Endpoint() as endpoint, aiohttp.ClientSession() as session:
        url = str(hook.client.make_url("/webhooks/whatsapp"))
        rig = Rig(WhatsAppConfig(webhook_url=url, verify_token="verify-me"), 20.0, session, endpoint)
        await rig.start()
        async with WhatsAppChannel(f"{rig.url}/whatsapp", "v26.0", [OURS]) as channel:
            yield Line(rig, hook, channel)
        await rig.stop()


async def test_whatsapp_accepts_our_webhook(line: Line) -> None:
    """The handshake that the app's dashboard makes."""
    assert await line.rig.whatsapp.verify_webhook()


@pytest.mark.parametrize("handle", ["ana", "joao", "lupe", "leila"])
async def test_an_answer_reaches_whoever_wrote(line: Line, handle: str) -> None:
    """The address of an inbound message is what an answer goes to; its statuses name our message and part."""
    customer = line.rig.whatsapp.customer(handle)
    await customer.writes("Is *this* on?")
    (message,) = await line.received()
    assert plain(described(message.content)) == "Is this on?"
    assert message.name == customer.name
    ours = message_id(line.hook.inlet.placed[0].lane, message.id)
    send = Send(
        id=ActionId("e/0"),
        seq=1,
        contact=message.contact,
        inbox=INBOX,
        conversation=ConversationId("1-1"),
        message=ours,
        address=message.address or "",
        body=(Text("Yes!"),),
    )
    wamid = await line.channel.send(send, 1, Outgoing(text="Yes!"))
    await until(lambda: "delivered" in {event.status for event in line.statuses()})
    assert [each.text for each in customer.inbox] == ["Yes!"]
    for event in line.statuses():
        assert (event.contact, event.message, event.part) == (message.contact, ours, 1)
        assert event.id == f"wa:{wamid}:{event.status}"


async def test_a_refusal_that_comes_later_says_why(line: Line) -> None:
    """Outside the window WhatsApp accepts a text and reports the failure by a status."""
    await line.rig.whatsapp.customer("ana").writes("hi")
    (message,) = await line.received()
    send = Send(
        id=ActionId("e/0"),
        seq=1,
        contact=message.contact,
        inbox=INBOX,
        conversation=ConversationId("1-1"),
        message=message_id(line.hook.inlet.placed[0].lane, message.id),
        address="phone:+15550100311",
        body=(Text("Hello?"),),
    )
    await line.channel.send(send, 0, Outgoing(text="Hello?"))
    await until(line.statuses)
    (event,) = line.statuses()
    assert event.status == "failed"
    assert event.failure is not None
    assert event.failure.code == "131047"


async def test_what_was_not_stored_is_delivered_again(line: Line) -> None:
    """While the store is down WhatsApp is told 503; it repeats, and nothing is lost."""
    line.hook.inlet.broken = "append"
    await line.rig.whatsapp.customer("ana").writes("hold on")
    assert "not_stored" in line.hook.counted
    line.hook.inlet.broken = ""
    (message,) = await line.received()
    assert plain(described(message.content)) == "hold on"


async def test_doubled_and_batched_deliveries_keep_the_order(line: Line) -> None:
    """Repeats carry the same ids; the messages of one contact stay in order."""
    line.rig.faults.add(Fault("whatsapp.webhook", "duplicate", times=2))
    customer = line.rig.whatsapp.customer("ana")
    for number in range(5):
        await customer.writes(f"line {number}")
    await line.received(7)
    words = list(dict.fromkeys(plain(described(event.content)) for event in await line.received(7)))
    assert words == [f"line {number}" for number in range(5)]
    assert len({event.id for event in line.hook.inlet.events}) == 5


async def test_a_new_number_stays_the_same_contact(line: Line) -> None:
    """WhatsApp's own message of the change leads from the old number to the new one."""
    customer = line.rig.whatsapp.customer("ana")
    await customer.writes("before")
    await customer.changes_number("34600000177")
    await customer.writes("after")
    before, after = await line.received(2)
    assert before.contact == after.contact
    assert after.phone == "34600000177"
    (change,) = [event for event in line.hook.inlet.events if isinstance(event, ContactChanged)]
    assert (change.contact, change.address) == (before.contact, "phone:+34600000177")


@pytest.mark.parametrize("named", [True, False])
async def test_a_new_user_id_stays_the_same_contact(line: Line, named: bool) -> None:
    """Also where the old id stands only in the text, as until August 2026; the phone is hidden throughout."""
    customer = line.rig.whatsapp.customer("leila")
    await customer.writes("before")
    await customer.changes_user_id(name_previous=named)
    await customer.writes("after")
    before, after = await line.received(2)
    assert before.contact == after.contact
    assert before.address != after.address
