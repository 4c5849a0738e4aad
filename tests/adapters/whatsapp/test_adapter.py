"""The channel over real sockets, against the sandbox's WhatsApp."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from bridge.actions import Send
from bridge.adapters.base import Bucket, Channel, OutboundRef, Outgoing
from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.adapters.whatsapp.numbers import Number
from bridge.errors import Failure, FailureKind, Level, PlatformError
from bridge.markup import Bold, Text
from bridge.model import ActionId, ContactId, ConversationId, InboxId, MessageId
from bridge.sandbox.faults import Fault
from bridge.sandbox.whatsapp.config import NumberConfig, WhatsAppConfig
from tests.adapters.whatsapp.support import Hook
from tests.support.whatsapp_sandbox import NUMBER, WABA, Endpoint, Rig, Server

INBOX = InboxId("support")
OURS = Number(INBOX, NUMBER, WABA, "sandbox-whatsapp-token", "sandbox-app-secret", "acme")
MAYA = "phone:+15550100311"
LEILA = "bsuid:FR.33120096647715528904"


def a_send(words: str = "Hello", address: str = MAYA, inbox: InboxId = INBOX, **more: Any) -> Send:
    """Staff words on their way to a contact."""
    return Send(
        id=ActionId("e/0"),
        seq=1,
        contact=ContactId("7-abcdef"),
        inbox=inbox,
        conversation=ConversationId("7-66"),
        message=MessageId("7-0011"),
        address=address,
        body=more.pop("body", (Text(words),)),
        **more,
    )


class World:
    """The sandbox, a webhook that records what it sends, and the channel under test."""

    def __init__(self, rig: Rig, channel: WhatsAppChannel) -> None:
        self.rig = rig
        self.channel = channel

    async def written(self, handle: str = "maya") -> str:
        """The contact writes, which opens the service window; the id of what they wrote."""
        return (await self.rig.whatsapp.customer(handle).writes("hi")).id

    async def sent(self, words: str = "Hello", address: str = MAYA) -> str:
        return await self.channel.send(a_send(words, address), 0, Outgoing(text=words))

    async def refused(self, send: Send | None = None) -> Failure:
        with pytest.raises(PlatformError) as caught:
            await self.channel.send(send or a_send(), 0, Outgoing(text="Hello"))
        return caught.value.failure


@pytest.fixture
async def make_world() -> AsyncIterator[Any]:
    """Start a sandbox with any settings changed, and a channel that talks to it."""
    async with Endpoint() as endpoint, aiohttp.ClientSession() as session:
        worlds: list[World] = []

        async def make(
            number: Number = OURS, timeout_s: float = 5.0, scale: float = 20.0, **changes: Any
        ) -> World:
            rig = Rig(replace(WhatsAppConfig(webhook_url=endpoint.url), **changes), scale, session, endpoint)
            await rig.start()
            channel = WhatsAppChannel(f"{rig.url}/whatsapp", "v26.0", [number], timeout_s=timeout_s)
            worlds.append(World(rig, channel))
            return worlds[-1]

        yield make
        for world in worlds:
            await world.channel.close()
            await world.rig.stop()


@pytest.fixture
async def world(make_world: Any) -> World:
    """A sandbox with its usual settings."""
    started: World = await make_world()
    return started


def test_it_is_a_channel() -> None:
    """The contract of `base.Channel`, as the type checker and the performer see it."""
    channel: Channel = WhatsAppChannel("https://graph.facebook.com", "v26.0", [OURS])
    assert (channel.name, channel.capabilities.limits.buttons) == ("whatsapp", 3)


async def test_a_text_reaches_the_contact_and_its_statuses_carry_our_id(world: World) -> None:
    """To a phone: accepted, shown on the customer's phone, and reported with message and part."""
    await world.written()
    wamid = await world.channel.send(a_send(), 3, Outgoing(text="Hello *there*"))
    endpoint = world.rig.endpoint
    await endpoint.until(lambda: "delivered" in endpoint.words_of(wamid))
    message = world.rig.whatsapp.customer("maya").inbox[-1]
    assert (message.id, message.text) == (wamid, "Hello *there*")
    carried = {each["biz_opaque_callback_data"] for each in endpoint.statuses_of(wamid)}
    assert [OutboundRef.decode(each) for each in carried] == [
        OutboundRef(contact=ContactId("7-abcdef"), message=MessageId("7-0011"), part=3)
    ]


async def test_a_contact_with_a_hidden_phone_is_written_to_by_user_id(world: World) -> None:
    """To a business-scoped user id, where no phone is known."""
    await world.written("leila")
    wamid = await world.sent(address=LEILA)
    await world.rig.endpoint.until(lambda: "delivered" in world.rig.endpoint.words_of(wamid))


@pytest.mark.parametrize(
    "words, preview",
    [("see https://example.com/x", True), ("http://example.com", True), ("https is a word", False)],
)
async def test_a_link_asks_for_its_preview(world: World, words: str, preview: bool) -> None:
    """WhatsApp shows one only when asked to."""
    await world.written()
    wamid = await world.sent(words)
    message = world.rig.whatsapp.message(wamid)
    assert message is not None
    assert message.content["preview_url"] is preview


async def test_a_long_text_is_sent_in_parts_in_order(world: World) -> None:
    """Each part is within WhatsApp's limit and accepted by it; nothing is left out."""
    await world.written()
    words = " ".join(f"Sentence number {n} is here." for n in range(400))
    send = a_send(words)
    parts = [one.text for one in world.channel.fitted(send).parts]
    assert len(parts) == 3
    assert all(len(part) <= 4096 for part in parts)
    assert " ".join(parts) == words
    for number, part in enumerate(parts):
        await world.channel.send(send, number, Outgoing(text=part))
    customer = world.rig.whatsapp.customer("maya")
    await world.rig.endpoint.until(lambda: len(customer.inbox) == 3)
    assert sorted(message.text for message in customer.inbox) == sorted(parts)


def test_parts_are_written_in_whatsapps_markup() -> None:
    """The document becomes WhatsApp text; one with nothing to show becomes no message."""
    channel = WhatsAppChannel("https://graph.facebook.com", "v26.0", [OURS])
    assert channel.fitted(a_send(body=(Bold((Text("now"),)),))).parts == (Outgoing(text="*now*"),)
    assert channel.fitted(a_send(body=())).parts == ()


async def test_read_marks_reach_the_contact(world: World) -> None:
    """`mark_read` turns the contact's ticks; a foreign id is refused for good."""
    wamid = await world.written()
    await world.channel.mark_read(INBOX, wamid)
    message = world.rig.whatsapp.message(wamid)
    assert message is not None
    assert message.status == "read"
    with pytest.raises(PlatformError) as caught:
        await world.channel.mark_read(INBOX, "wamid.unknown")
    assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.NEVER, "131009")


# --------------------------------------------------------------------------------------------------- limits


def test_buckets_are_those_of_the_number_and_of_the_pair() -> None:
    """80 a second for the number; one in six seconds, 45 at once, for each contact."""
    channel = WhatsAppChannel("https://graph.facebook.com", "v26.0", [OURS])
    number, pair = channel.buckets(INBOX, MAYA)
    assert number == Bucket(key=f"wa:{NUMBER}", per_s=80.0, burst=80)
    assert (pair.per_s, pair.burst) == (1 / 6, 45)
    assert channel.buckets(INBOX, LEILA)[0] == number
    assert channel.buckets(INBOX, LEILA)[1].key != pair.key


async def test_the_pair_rate_refuses_one_contact_only(make_world: Any) -> None:
    """131056 passes by itself and says that it concerns this contact alone; others are still written to."""
    world: World = await make_world(scale=1.0, pair_burst=2)
    await world.written()
    await world.written("ana")
    await world.sent()
    await world.sent()
    failure = await world.refused()
    assert (failure.kind, failure.code, failure.pair_only) == (FailureKind.RETRY, "131056", True)
    assert await world.sent(address="phone:+34600000101")


async def test_the_throughput_limit_passes_by_itself(make_world: Any) -> None:
    """130429 comes with HTTP 400 and is retried for the whole number."""
    world: World = await make_world(scale=1.0, throughput_per_s=1)
    await world.written()
    await world.refused()
    failure = await world.refused()
    assert (failure.kind, failure.code, failure.pair_only) == (FailureKind.RETRY, "130429", False)


# ------------------------------------------------------------------------------------------------- refusals


async def test_outside_the_window_the_answer_says_so(make_world: Any) -> None:
    """131047 in the answer is final for this text."""
    world: World = await make_world(window_refusal="answer")
    failure = await world.refused()
    assert (failure.kind, failure.code) == (FailureKind.NEVER, "131047")


async def test_a_bad_token_stops_everything(make_world: Any) -> None:
    """190 needs an operator; neither words nor exception show the token."""
    world: World = await make_world(number=replace(OURS, token="EAAG-secret-token"))
    failure = await world.refused()
    assert (failure.kind, failure.code) == (FailureKind.STOP, "190")
    assert "EAAG" not in failure.words
    assert "EAAG" not in repr(replace(OURS, token="EAAG-secret-token"))


async def test_a_number_the_token_cannot_see_stops_everything(make_world: Any) -> None:
    """Graph calls it a parameter error; it is one of the settings."""
    world: World = await make_world(number=replace(OURS, phone_number_id="999999999"))
    failure = await world.refused()
    assert (failure.kind, failure.code) == (FailureKind.STOP, "100/33")


async def test_a_stranger_to_a_test_number_is_refused_with_what_to_do(make_world: Any) -> None:
    """131030 names the list of allowed recipients."""
    numbers = [NumberConfig(NUMBER, "+1 555-010-0200", "Test", allowed_recipients=["34600000101"])]
    world: World = await make_world(numbers=numbers)
    failure = await world.refused()
    assert (failure.kind, failure.code) == (FailureKind.NEVER, "131030")


@pytest.mark.parametrize(
    "address", ["", "15550100311", "phone:abc", "phone:", "bsuid:", "bsuid:a b", "mail:x@y.z"]
)
async def test_an_address_that_is_none_of_ours_is_never_sent_to(world: World, address: str) -> None:
    """No request is made for it."""
    failure = await world.refused(a_send(address=address))
    assert (failure.kind, failure.code) == (FailureKind.NEVER, "address")


async def test_an_inbox_without_a_number_stops(world: World) -> None:
    """An inbox that was taken out of the settings: what waits is kept and somebody is told."""
    failure = await world.refused(a_send(inbox=InboxId("gone")))
    assert (failure.kind, failure.code) == (FailureKind.STOP, "inbox")


# ---------------------------------------------------------------------------------------------- break-downs


@pytest.mark.parametrize("kind, arrived", [("cut_before", False), ("cut_after", True)])
async def test_a_cut_connection_leaves_the_fate_unknown(world: World, kind: str, arrived: bool) -> None:
    """Before or after the effect look the same to us, so neither may simply be repeated."""
    await world.written()
    world.rig.faults.add(Fault("whatsapp.messages.send", kind, times=1))
    failure = await world.refused()
    assert failure.kind is FailureKind.UNKNOWN
    customer = world.rig.whatsapp.customer("maya")
    if arrived:
        await world.rig.endpoint.until(lambda: customer.inbox)
    else:
        wamid = await world.sent("after")
        await world.rig.endpoint.until(lambda: "delivered" in world.rig.endpoint.words_of(wamid))
        assert [message.text for message in customer.inbox] == ["after"]


async def test_a_cut_read_mark_may_be_repeated(world: World) -> None:
    """Marking twice is harmless, so the same break-down is a plain retry."""
    wamid = await world.written()
    world.rig.faults.add(Fault("whatsapp.messages.*", "cut_after", times=1))
    with pytest.raises(PlatformError) as caught:
        await world.channel.mark_read(INBOX, wamid)
    assert caught.value.failure.kind is FailureKind.RETRY
    await world.channel.mark_read(INBOX, wamid)


async def test_no_answer_in_time_leaves_the_fate_unknown(make_world: Any) -> None:
    """The deadline ends before an answer that comes too late."""
    world: World = await make_world(timeout_s=0.2, scale=1.0)
    await world.written()
    world.rig.faults.add(Fault("whatsapp.messages.send", "delay", times=1, params={"seconds": 2}))
    failure = await world.refused()
    assert (failure.kind, failure.code) == (FailureKind.UNKNOWN, "timeout")


async def test_a_refused_connection_certainly_sent_nothing() -> None:
    """Nobody listens: it is safe to try again."""
    server = Server([])
    await server.start()
    await server.stop()
    async with WhatsAppChannel(f"{server.url}/whatsapp", "v26.0", [OURS]) as channel:
        with pytest.raises(PlatformError) as caught:
            await channel.send(a_send(), 0, Outgoing(text="Hello"))
    assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.RETRY, "connection")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"messages":[]}', b'{"messages":[{}]}', b"<html>", b"\xff"])
async def test_a_yes_that_cannot_be_read_leaves_the_fate_unknown(body: bytes) -> None:
    """It went out, but without its id no status can be matched by it."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    server = Server([web.post("/v26.0/{number}/messages", answer)])
    await server.start()
    async with WhatsAppChannel(server.url, "v26.0", [OURS]) as channel:
        with pytest.raises(PlatformError) as caught:
            await channel.send(a_send(), 0, Outgoing(text="Hello"))
    await server.stop()
    assert caught.value.failure.kind is FailureKind.UNKNOWN


async def test_a_redirect_is_not_followed() -> None:
    """The token goes to the API's address and nowhere else."""
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path == "/stolen":
            return web.Response()
        raise web.HTTPTemporaryRedirect("/stolen")

    server = Server([web.post("/{path:.*}", elsewhere)])
    await server.start()
    async with WhatsAppChannel(server.url, "v26.0", [OURS]) as channel:
        with pytest.raises(PlatformError):
            await channel.send(a_send(), 0, Outgoing(text="Hello"))
    await server.stop()
    assert seen == [f"/v26.0/{NUMBER}/messages"]


async def test_many_sends_share_connections(world: World) -> None:
    """Sends one after the other use one connection, and a body is what the API documents."""
    seen: list[tuple[object, dict[str, Any], str]] = []

    async def accept(request: web.Request) -> web.Response:
        seen.append((request.transport, orjson.loads(await request.read()), request.headers["Authorization"]))
        return web.json_response({"messages": [{"id": "wamid.1"}]})

    server = Server([web.post("/v26.0/{number}/messages", accept)])
    await server.start()
    async with WhatsAppChannel(server.url, "v26.0", [OURS]) as channel:
        for _ in range(3):
            assert await channel.send(a_send(), 0, Outgoing(text="Hello")) == "wamid.1"
    await server.stop()
    assert len({id(transport) for transport, _, _ in seen}) == 1
    assert seen[0][1:] == (
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "+15550100311",
            "type": "text",
            "text": {"body": "Hello", "preview_url": False},
            "biz_opaque_callback_data": "tl1|7-abcdef|7-0011|0",
        },
        "Bearer sandbox-whatsapp-token",
    )


# ---------------------------------------------------------------------------------------------------- check


def faults_of(findings: Any) -> list[str]:
    """The names of what does not work; each of them says what to do."""
    bad = [finding for finding in findings if finding.level is not Level.OK]
    assert all(finding.advice and finding.found for finding in bad)
    return [finding.name for finding in bad]


async def test_check_is_content_with_a_sound_set_up(world: World) -> None:
    """Token, number, subscription and both webhook tries."""
    async with Hook(OURS) as hook:
        findings = await world.channel.check(str(hook.client.make_url("/webhooks/whatsapp")))
        assert faults_of(findings) == []
        assert len(findings) == 4
        assert "+1 555-010-0200" in findings[0].found
        assert hook.inlet.placed == []


@pytest.mark.parametrize(
    "number, changes, name, advice",
    [
        (replace(OURS, token="wrong"), {}, "whatsapp.number.support", "whatsapp.access_token"),
        (replace(OURS, phone_number_id="99999"), {}, "whatsapp.number.support", "ids in the settings"),
        (replace(OURS, waba_id="99999"), {}, "whatsapp.subscription.support", "ids in the settings"),
        (OURS, {"subscribed": False}, "whatsapp.subscription.support", "subscribed_apps"),
    ],
)
async def test_check_says_what_to_do(
    make_world: Any, number: Number, changes: dict[str, Any], name: str, advice: str
) -> None:
    """Each fault is named with the setting or the step that repairs it."""
    world: World = await make_world(number=number, **changes)
    findings = await world.channel.check()
    assert faults_of(findings) == [name]
    assert advice in next(finding.advice for finding in findings if finding.level is not Level.OK)


async def test_check_notices_a_server_with_another_secret(world: World) -> None:
    """The round trip of the signature fails, and says where to look."""
    async with Hook(replace(OURS, app_secret="another")) as hook:
        findings = await world.channel.check(str(hook.client.make_url("/webhooks/whatsapp")))
        assert faults_of(findings) == ["webhook.signed"]
        assert "app secret" in findings[2].advice


async def test_check_notices_a_webhook_that_is_not_there(world: World) -> None:
    """Nobody listens at the address."""
    server = Server([])
    await server.start()
    await server.stop()
    assert faults_of(await world.channel.check(server.url)) == ["webhook"]
