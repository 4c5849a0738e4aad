"""What no reader foresaw costs nothing but itself."""

from msgspec.structs import replace

from bridge.adapters.base import OutboundRef, Placed
from bridge.adapters.whatsapp import wire
from bridge.adapters.whatsapp.broken import packable
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.reader import Oddity, Reader
from bridge.adapters.whatsapp.whose import settle
from bridge.content import Content, Form, Unsupported, Words
from bridge.events import (
    AnsweredElsewhere,
    AnyEvent,
    ContactAmended,
    ContactReacted,
    MessageReceived,
)
from bridge.model import EventId, InboxId, MessageId, Reference, contact_id, lane_of
from tests.adapters.whatsapp.support import (
    NOW,
    NUMBER_ID,
    SALES,
    SUPPORT,
    Hook,
    MemoryInlet,
    body_of,
    fixture,
    text,
)

MAYA = contact_id("phone:acme:15550100311", 16)
HALF = "x\ud83d"
"""Half a character, which no text can be packed with."""


def no_shards() -> int:
    """As a defect would."""
    raise ZeroDivisionError


async def test_an_item_that_breaks_its_reader_is_shown_as_unreadable_beside_the_others() -> None:
    """Of a contact and of a colleague; a status is left out. Each is counted, with what it raised."""
    ids = {"type": "order", "order": wire.Order(product_items=[wire.OrderItem(quantity="many")])}  # type: ignore[arg-type]
    bad = wire.Message(id="wamid.bad", sender="15550100311", **ids)  # type: ignore[arg-type]
    echo = wire.Message(id="wamid.echo", to="15550100311", **ids)  # type: ignore[arg-type]
    stray = wire.Message(id="wamid.stray", **ids)  # type: ignore[arg-type]
    good = wire.Message(id="wamid.good", type="text", sender="15550100311", text=wire.Text("hello"))
    ref = OutboundRef(MAYA, MessageId("7-a"), 0).encode()
    status = wire.Status(id="wamid.ours", status="read", biz_opaque_callback_data=ref)
    value = wire.Value(
        metadata=wire.Metadata(NUMBER_ID),
        messages=[bad, stray, good],
        message_echoes=[echo],
        statuses=[status],
    )
    odd: list[tuple[Oddity, str]] = []
    reader = Reader({NUMBER_ID: SUPPORT}, no_shards, lambda what, detail: odd.append((what, detail)))
    drafts = reader.drafts(wire.Reading(wire.OBJECT, [wire.Change("messages", value)]), NOW)
    events = [one.event for one in await settle(MemoryInlet(), drafts)]
    assert [(one.id, type(one)) for one in events] == [
        ("wa:wamid.bad", MessageReceived),
        ("wa:wamid.good", MessageReceived),
        ("wa:wamid.echo", AnsweredElsewhere),
    ]
    assert [content_of(one) for one in events[::2]] == [Unsupported("order")] * 2
    assert isinstance(content_of(events[1]), Words)
    assert odd == [
        (Oddity.MALFORMED, "messages: TypeError"),
        (Oddity.NO_SENDER, "order"),
        (Oddity.MALFORMED, "message_echoes: TypeError"),
        (Oddity.MALFORMED, "statuses: ZeroDivisionError"),
    ]


def content_of(event: AnyEvent) -> Content | None:
    """What somebody says in it."""
    assert isinstance(event, MessageReceived | AnsweredElsewhere)
    return event.content


async def test_answers_nested_ever_deeper_are_all_there() -> None:
    """At some depth, which depends on the stack, one can be read but not written again."""
    reply = fixture("interactive_nfm_reply.json")["entry"][0]["changes"][0]["value"]["messages"][0]
    depths = range(900, 1020)
    messages = []
    for depth in depths:
        answered = {"name": "flow", "response_json": "[" * depth + "]" * depth}
        interactive = {"type": "nfm_reply", "nfm_reply": answered}
        messages.append(reply | {"id": f"wamid.{depth}", "interactive": interactive})
    async with Hook() as hook:
        assert await hook.post(body_of(*messages)) == 200
        assert [event.id for event in hook.inlet.events] == [f"wa:wamid.{depth}" for depth in depths]


async def test_an_event_that_cannot_be_packed_costs_no_other() -> None:
    """Not even where its own inbox is what cannot be written."""
    unwritable = Number(
        InboxId(HALF), SALES.phone_number_id, SALES.waba_id, SALES.token, SALES.app_secret, "acme"
    )
    body, other = body_of(text("wamid.first"), text("wamid.last")), body_of(text("wamid.lost"))
    lost = other["entry"][0]["changes"][0]
    lost["value"]["metadata"]["phone_number_id"] = SALES.phone_number_id
    body["entry"][0]["changes"].insert(0, lost)
    async with Hook(SUPPORT, unwritable) as hook:
        assert await hook.post(body) == 200
        assert [event.id for event in hook.inlet.events] == ["wa:wamid.first", "wa:wamid.last"]
        assert await hook.post(other) == 200
        assert len(hook.inlet.events) == 2
        assert hook.counted == ["malformed"] * 2


def received(said: Content, name: str | None = None) -> MessageReceived:
    """A message of Maya's."""
    return MessageReceived(
        id=EventId("wa:wamid.b"),
        contact=MAYA,
        at=NOW,
        sent_at=NOW,
        inbox=SUPPORT.inbox,
        platform_id="wamid.b",
        content=said,
        name=name,
    )


async def test_words_that_cannot_be_packed_become_unreadable_ones() -> None:
    """Of a contact and of a colleague; of what says nothing, nothing stays. The rest is as it was."""
    about = Reference(platform_id="wamid.a", cause=EventId("wa:wamid.a"))
    form = Form((("note", HALF),))
    good = received(Form((("note", "x"),)), "Maya")
    elsewhere = AnsweredElsewhere(
        id=EventId("wa:c"),
        contact=MAYA,
        at=NOW,
        sent_at=NOW,
        inbox=SUPPORT.inbox,
        platform_id="c",
        content=form,
    )
    edited = ContactAmended(
        id=EventId("wa:d"), contact=MAYA, at=NOW, sent_at=NOW, inbox=SUPPORT.inbox, about=about, content=form
    )
    reacted = ContactReacted(
        id=EventId("wa:e"), contact=MAYA, at=NOW, sent_at=NOW, inbox=SUPPORT.inbox, about=about, emoji=HALF
    )
    events: list[AnyEvent] = [
        received(form, "Maya"),
        good,
        received(Form(()), HALF),
        elsewhere,
        edited,
        reacted,
    ]
    placed = [Placed(lane=lane_of(MAYA), unit=MAYA, event=event) for event in events]
    broken: list[str] = []
    assert [one.event for one in packable(placed, broken.append)] == [
        received(Unsupported("form")),
        good,
        received(Unsupported("form")),
        replace(elsewhere, content=Unsupported("form")),
        replace(edited, content=Unsupported("form")),
    ]
    assert broken == [
        f"{type(one).__name__}: UnicodeEncodeError" for one in (good, good, elsewhere, edited, reacted)
    ]
