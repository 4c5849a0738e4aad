"""The webhook over a real socket: which bodies become which events, and which answers they get."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from bridge.adapters.base import OutboundRef
from bridge.adapters.whatsapp import content
from bridge.adapters.whatsapp.arrive import signature
from bridge.adapters.whatsapp.numbers import Number
from bridge.content import NO_MARKS, Forwarded, described, kind_of
from bridge.errors import FailureKind
from bridge.events import (
    AccountChanged,
    AnsweredElsewhere,
    ContactAmended,
    ContactChanged,
    ContactReacted,
    ContactsJoined,
    DeliveryChanged,
    MessageReceived,
)
from bridge.markup import plain
from bridge.model import ContactId, InboxId, MessageId, contact_id, lane_of
from tests.adapters.whatsapp.support import (
    BODIES,
    FIXTURES,
    NOW,
    NUMBER_ID,
    SECRET,
    Hook,
    body_of,
    fixture,
    text,
)
from tests.support.waiting import until

MAYA = ("bsuid:acme:US.48213307719920450013", "phone:acme:15550100311")
WAMID = "wamid.HBgLMTU1NTAxMDAzMTEVAgARGBIyRDc2NUVCNjEzNzc2ODg2QUYA"

# (kind, what it says in words)
UNREADABLE = "sent something that the platform does not let us read"
RECEIVED = {
    "audio_file.json": [("audio", "Audio")],
    "audio_voice.json": [("voice", "Voice message")],
    "batch_mixed.json": [("text", "second"), ("text", "first"), ("text", "first"), ("text", "terceira")],
    "button_template_quick_reply.json": [("choice", "Reschedule")],
    "call_connect.json": [("call", "The contact is calling. Calls cannot be taken from here.")],
    "call_terminate.json": [("call", "A call of the contact ended after 1:00")],
    "contacts.json": [
        (
            "contacts",
            (
                "2 contact cards\nInes Duarte; Owner, Duarte Lda; +351 910 000 001 (mobile); +351 220 000 002 (work); "
                "ines@example.com (work); Birthday: 1990-04-02\nPlumber; 112"
            ),
        )
    ],
    "contacts_own_number_shared.json": [
        ("contacts", "The contact shares their own number\nNo name; +33 6 00 00 00 07 (cell)")
    ],
    "document.json": [("document", "Document: fatura março nº 12.pdf\nSegue a fatura")],
    "document_hostile_filename.json": [("document", "Document: ../../etc/passwd\u202efdp.exe")],
    "group_text.json": [("text", "hello group")],
    "image.json": [("image", "Picture\nBox was like this")],
    "image_no_caption_no_url.json": [("image", "Picture")],
    "interactive_button_reply.json": [("choice", "Great 👍")],
    "interactive_call_permission_reply.json": [
        ("call", "The contact was asked whether they may be called, and answered: accept")
    ],
    "interactive_list_reply.json": [("choice", "Billing – Invoices and refunds")],
    "interactive_nfm_reply.json": [("form", "Form\nreason: damaged\nphotos: ")],
    "interactive_without_body.json": [
        ("interactive", "sent something that cannot be shown here (interactive)")
    ],
    "location_pin.json": [("location", "Location\n37.442160, -122.161540")],
    "location_place.json": [
        ("location", "Location\nCafé El Gato\nAv. Corrientes 1234, Buenos Aires\n-34.603970, -58.384320")
    ],
    "order.json": [
        (
            "order",
            "Order\n2 × sku-blue-07 at 19.90 EUR\n1 × sku-red-01 at 5.00 EUR\nTotal: 44.80 EUR\nplease gift-wrap",
        )
    ],
    "sticker_animated.json": [("sticker", "Sticker")],
    "sticker_static.json": [("sticker", "Sticker")],
    "text.json": [("text", "Hi! My parcel still hasn’t arrived 📦 order #4471")],
    "text_bsuid_only.json": [("text", "Bonjour, c'est encore possible de changer l'adresse ?")],
    "text_forwarded.json": [("text", "FYI from my sister")],
    "text_frequently_forwarded.json": [("text", "Win a free phone!!")],
    "text_legacy_no_bsuid.json": [("text", "legacy shape")],
    "text_parent_bsuid.json": [("text", "parent id test")],
    "text_referral_ctwa.json": [("text", "Can I get more info on this?")],
    "text_referred_product.json": [("text", "Is this in stock in blue?")],
    "text_reply.json": [("text", "Yes, that one")],
    "text_reply_to_own_message.json": [("text", "I meant this")],
    "unknown_type.json": [("hologram", "sent something that cannot be shown here (hologram)")],
    "unsupported_131060.json": [("unsupported", UNREADABLE)],
    "unsupported_edit.json": [("edit", "sent something that cannot be shown here (edit)")],
    "unsupported_no_subtype.json": [("unsupported", UNREADABLE)],
    "unsupported_poll.json": [("poll_creation", "sent something that cannot be shown here (poll creation)")],
    "video.json": [("video", "Video\nSee 0:12")],
}
"""What the thread has to say for each fixture in which a contact wrote."""

COUNTED = {
    "unknown_field.json": ["unknown_field"],
    "unknown_type.json": ["unknown_type"],
    "value_errors.json": ["reported_error"],
    "interactive_without_body.json": ["reported_error"],
    "request_welcome.json": ["unused_type"],
    "smb_echo_text.json": ["unmatched_echo"],
    "history_chunk.json": [],
    "history_declined.json": ["history_declined"],
    "history_media.json": ["unused_type"],
    "user_actions.json": [],
    "text.json": [],
}


@pytest.mark.parametrize("name", BODIES)
async def test_every_documented_body_is_accepted_and_says_what_the_contact_wrote(name: str) -> None:
    """Each fixture gets 200, and exactly the messages in it become events, in the order of the body."""
    async with Hook() as hook:
        assert await hook.post((FIXTURES / name).read_bytes()) == 200
        received = [event for event in hook.inlet.events if isinstance(event, MessageReceived)]
        said = [(kind_of(event.content), plain(described(event.content))) for event in received]
        if name == "text_markup_rtl_multiline.json":
            assert len(said) == 1
        else:
            assert said == RECEIVED.get(name, [])
        assert hook.inlet.appends == (1 if hook.inlet.placed else 0)
        ours = [one for one in hook.inlet.placed if not isinstance(one.event, AccountChanged)]
        assert all(placed.lane == lane_of(ContactId(placed.unit)) for placed in ours)
        if name in COUNTED:
            assert hook.counted == COUNTED[name]
        elif name in RECEIVED:
            assert hook.counted == []


@pytest.mark.parametrize(
    "name, emoji",
    [("reaction_add.json", "👍🏽"), ("reaction_remove.json", ""), ("reaction_remove_empty.json", "")],
)
async def test_a_reaction_says_what_it_is_about(name: str, emoji: str) -> None:
    """Of somebody we know; both ways of taking it off are one."""
    async with Hook() as hook:
        await hook.post(fixture("text.json"))
        await hook.post(fixture(name))
        event = hook.inlet.events[-1]
        assert isinstance(event, ContactReacted)
        assert event.about.platform_id.startswith("wamid.")
        assert event.emoji == emoji


@pytest.mark.parametrize(
    "name, words",
    [
        ("edit_text.json", "Hi! My parcel still hasn’t arrived, order #4417 (typo fixed)"),
        ("revoke.json", None),
    ],
)
async def test_an_edit_and_a_deletion_say_what_they_are_about(name: str, words: str | None) -> None:
    """Of somebody we know; the message is named as its own event would be."""
    async with Hook() as hook:
        await hook.post(fixture("text.json"))
        first = hook.inlet.events[0]
        await hook.post(fixture(name))
        event = hook.inlet.events[-1]
        assert isinstance(event, ContactAmended)
        assert event.about.cause == first.id
        assert (plain(described(event.content)) if event.content is not None else None) == words


@pytest.mark.parametrize(
    "name, words",
    [
        ("smb_echo_text.json", "Answered from my phone: it ships today"),
        ("smb_echo_image.json", "Picture\nlabel"),
        ("smb_echo_edit.json", "It ships tomorrow"),
        ("smb_echo_revoke.json", None),
    ],
)
async def test_what_a_colleague_typed_on_the_phone_is_about_the_customer(
    name: str, words: str | None
) -> None:
    """Whose message it was written to is known; it is never theirs."""
    async with Hook() as hook:
        await hook.post(fixture("text.json"))
        await hook.post(fixture(name))
        event = hook.inlet.events[-1]
        assert isinstance(event, AnsweredElsewhere | ContactAmended)
        assert event.contact == hook.inlet.placed[0].unit
        assert (plain(described(event.content)) if event.content is not None else None) == words
        assert not isinstance(event, ContactAmended) or event.ours


async def test_a_reaction_makes_no_contact() -> None:
    """Whoever reacts to something of ours is known; anybody else is counted."""
    async with Hook() as hook:
        await hook.post(fixture("reaction_add.json"))
        assert not hook.inlet.events
        assert hook.counted == ["unused_type"]


async def test_a_text_carries_all_that_is_known_of_its_sender() -> None:
    """Name, phone as WhatsApp spells it, address, aliases with the user id first, and the platform's own time."""
    async with Hook() as hook:
        await hook.post(fixture("text.json"))
        (event,) = hook.inlet.events
        assert isinstance(event, MessageReceived)
        wamid = "wamid.HBgLMTU1NTAxMDAzMTEVAgASGBQzQUNBMERGMkM5NUFBMTQ0QzFEMAA="
        assert (event.id, event.platform_id) == (f"wa:{wamid}", wamid)
        assert (event.inbox, event.name, event.phone) == ("support", "Maya Ortega", "15550100311")
        assert event.address == "phone:+15550100311"
        assert event.aliases == MAYA
        assert event.at == NOW
        assert event.sent_at == datetime(2026, 9, 27, 9, 7, 40, tzinfo=UTC)
        assert event.marks == NO_MARKS
        assert event.quoted is None


async def test_a_contact_with_a_hidden_phone_is_reached_by_user_id() -> None:
    """Without wa_id and from, the user id is alias and address, and the username comes along."""
    async with Hook() as hook:
        await hook.post(fixture("text_bsuid_only.json"))
        (event,) = hook.inlet.events
        assert isinstance(event, MessageReceived)
        assert (event.phone, event.username) == (None, "leila.designs")
        assert event.address == "bsuid:FR.33120096647715528904"
        assert event.aliases == ("bsuid:acme:FR.33120096647715528904",)


async def test_a_username_is_stored_without_its_at_sign() -> None:
    """Some bodies write @name, some name; both are the same username."""
    async with Hook() as hook:
        party = {"wa_id": "34600000101", "profile": {"name": " Ana ", "username": "@ana"}}
        await hook.post(body_of(text(), contacts=[party]))
        (event,) = hook.inlet.events
        assert isinstance(event, MessageReceived)
        assert (event.name, event.username) == ("Ana", "ana")


async def test_a_parent_id_is_kept_but_never_decides_whose_a_message_is() -> None:
    """It spans portfolios: it goes to the contact's record, not into the look-up."""
    async with Hook() as hook:
        await hook.post(fixture("text_parent_bsuid.json"))
        (event,) = hook.inlet.events
        assert isinstance(event, MessageReceived)
        assert event.aliases == (*MAYA, "parent:US.ENT.70550012334498870021")
        assert hook.inlet.claims == [MAYA]


@pytest.mark.parametrize(
    "name, quoted, forwarded",
    [
        ("text_reply.json", WAMID, Forwarded.NO),
        ("text_forwarded.json", None, Forwarded.ONCE),
        ("text_frequently_forwarded.json", None, Forwarded.OFTEN),
    ],
)
async def test_context_tells_quotes_and_forwards(name: str, quoted: str | None, forwarded: Forwarded) -> None:
    """A reply has the id of what it quotes; both kinds of forwarded messages are marked."""
    async with Hook() as hook:
        await hook.post(fixture(name))
        (event,) = hook.inlet.events
        assert isinstance(event, MessageReceived)
        assert event.quoted == content.reference(quoted)
        assert event.marks.forwarded is forwarded


async def test_several_contacts_are_matched_by_id_not_by_position() -> None:
    """Names go with their senders although `contacts` lists them the other way round."""
    async with Hook() as hook:
        parties = [
            {"wa_id": "34600000102", "profile": {"name": "Two"}},
            {"wa_id": "34600000101", "user_id": "ES.1", "profile": {"name": "One"}},
        ]
        await hook.post(body_of(text(), text("wamid.B", **{"from": "34600000102"}), contacts=parties))
        one, two = hook.inlet.events
        assert isinstance(one, MessageReceived)
        assert isinstance(two, MessageReceived)
        assert (one.name, two.name) == ("One", "Two")
        assert one.aliases == ("bsuid:acme:ES.1", "phone:acme:34600000101")


@pytest.mark.parametrize(
    "stamp, expected",
    [
        ("1790500060", datetime(2026, 9, 27, 9, 7, 40, tzinfo=UTC)),
        (1790500060, datetime(2026, 9, 27, 9, 7, 40, tzinfo=UTC)),
        (None, NOW),
        ("soon", NOW),
        ("-5", NOW),
        ("0", NOW),
        ("99999999999999999999", NOW),
        (1e300, NOW),
        ([1], NOW),
    ],
)
async def test_a_nonsense_time_becomes_the_time_of_arrival(stamp: object, expected: datetime) -> None:
    """Documented as a string of Unix seconds, seen as a number; anything else is not believed."""
    async with Hook() as hook:
        assert await hook.post(body_of(text(timestamp=stamp))) == 200
        (event,) = hook.inlet.events
        assert isinstance(event, MessageReceived)
        assert event.sent_at == expected


# --------------------------------------------------------------------------------------- changes of identity


@pytest.mark.parametrize(
    "name, aliases, phone, address",
    [
        (
            "system_user_changed_number.json",
            (*MAYA, "bsuid:acme:US.60011223344556677889", "phone:acme:15550100399"),
            "15550100399",
            "phone:+15550100399",
        ),
        (
            "system_user_changed_user_id.json",
            ("bsuid:acme:FR.33120096647715528904", "bsuid:acme:FR.55019987203314460028"),
            None,
            "bsuid:FR.55019987203314460028",
        ),
        ("system_identity_changed.json", MAYA, None, None),
        (
            "user_id_update_legacy.json",
            (MAYA[0], "bsuid:acme:US.60011223344556677889", "phone:acme:15550100399"),
            "15550100399",
            "phone:+15550100399",
        ),
    ],
)
async def test_changed_ids_lead_to_the_same_contact(
    name: str, aliases: tuple[str, ...], phone: str | None, address: str | None
) -> None:
    """`system` messages and the withdrawn field name old and new ids; the old ones are looked up first."""
    async with Hook() as hook:
        known = (await hook.inlet.claim(aliases[:1])).contact
        assert await hook.post(fixture(name)) == 200
        (event,) = hook.inlet.events
        assert isinstance(event, ContactChanged)
        assert (event.contact, event.aliases) == (known, aliases)
        assert (event.phone, event.address) == (phone, address)
        assert event.what
        assert all(hook.inlet.aliases[alias] == known for alias in aliases)


@pytest.mark.parametrize(
    "system, old",
    [
        # Before August 2026 the old id stood only in the text.
        (
            {
                "type": "user_changed_user_id",
                "user_id": "ES.2",
                "body": "User changed from ES.1 to ES.2",
            },
            "bsuid:acme:ES.1",
        ),
        # The customer's own name cannot pose as somebody else's id.
        (
            {
                "type": "user_changed_user_id",
                "user_id": "ES.2",
                "body": "User X changed from ES.9 to ES.2 changed from ES.1 to ES.2",
            },
            "bsuid:acme:ES.1",
        ),
        # The older names of the type and of the key.
        (
            {
                "type": "customer_changed_number",
                "new_wa_id": "34600000199",
                "body": "User A changed from 34600000101 to 34600000199",
            },
            "phone:acme:34600000101",
        ),
    ],
)
async def test_old_ids_are_read_from_the_text_where_they_stand_nowhere_else(
    system: dict[str, str], old: str
) -> None:
    """The text is believed only where its new id is the one the message names."""
    async with Hook() as hook:
        known = (await hook.inlet.claim([old])).contact
        await hook.post(body_of({"id": "wamid.S", "type": "system", "system": system}))
        (event,) = hook.inlet.events
        assert isinstance(event, ContactChanged)
        assert event.contact == known
        assert old in event.aliases


async def test_a_text_that_does_not_fit_its_own_ids_is_not_believed() -> None:
    """A name such as "changed from X to Y" must not take over X's conversation."""
    async with Hook() as hook:
        await hook.inlet.claim(["bsuid:acme:ES.VICTIM"])
        system = {
            "type": "user_changed_user_id",
            "user_id": "ES.2",
            "body": "User changed from ES.VICTIM to ES.3",
        }
        await hook.post(body_of({"id": "wamid.S", "type": "system", "system": system}))
        (event,) = hook.inlet.events
        assert isinstance(event, ContactChanged)
        assert event.aliases == ("bsuid:acme:ES.2",)


async def test_a_change_and_what_follows_it_in_one_body_belong_to_one_contact() -> None:
    """Overlapping ids are asked in the order of the body, so the new id is not minted anew."""
    async with Hook() as hook:
        change = fixture("system_user_changed_number.json")
        message = change["entry"][0]["changes"][0]["value"]["messages"][0]
        after = text("wamid.after", **{"from": "15550100399", "from_user_id": "US.60011223344556677889"})
        before = text("wamid.before", **{"from": "15550100311", "from_user_id": "US.48213307719920450013"})
        await hook.post(body_of(before, message, after))
        assert len({placed.unit for placed in hook.inlet.placed}) == 1
        assert len(hook.inlet.events) == 3


async def test_two_known_contacts_that_prove_to_be_one_are_both_told() -> None:
    """`ContactsJoined` to both before the message, agreeing on who leads, with ids of their own."""
    async with Hook() as hook:
        by_id = (await hook.inlet.claim(MAYA[:1])).contact
        by_phone = (await hook.inlet.claim(MAYA[1:])).contact
        await hook.post(fixture("text.json"))
        one, two, message = hook.inlet.events
        assert isinstance(one, ContactsJoined)
        assert isinstance(two, ContactsJoined)
        assert isinstance(message, MessageReceived)
        assert message.contact == by_id
        assert {(one.contact, one.other), (two.contact, two.other)} == {(by_id, by_phone), (by_phone, by_id)}
        assert one.leads != two.leads
        assert (one if one.leads else two).contact == min(by_id, by_phone)
        assert one.id != two.id
        assert [placed.unit for placed in hook.inlet.placed] == [by_id, by_phone, by_id]


@pytest.mark.parametrize(
    "first, second",
    [
        ("5551999990042", "555199990042"),
        ("5215500000123", "525500000123"),
        ("5491155550123", "541155550123"),
    ],
)
async def test_spellings_of_one_phone_are_one_contact(first: str, second: str) -> None:
    """Brazil, Mexico and Argentina: whichever spelling comes first, the other finds the same contact."""
    async with Hook() as hook:
        await hook.post(body_of(text("wamid.1", **{"from": first})))
        await hook.post(body_of(text("wamid.2", **{"from": second})))
        one, two = hook.inlet.events
        assert isinstance(one, MessageReceived)
        assert isinstance(two, MessageReceived)
        assert one.contact == two.contact
        assert (one.address, two.address) == (f"phone:+{first}", f"phone:+{second}")


async def test_user_ids_count_within_their_portfolio_only() -> None:
    """The same id under numbers of two portfolios is two contacts."""
    other = Number(InboxId("other"), "77", "88", "token", SECRET, "rival")
    ours = Number(InboxId("support"), NUMBER_ID, "1", "token", SECRET, "acme")
    async with Hook(ours, other) as hook:
        foreign = fixture("text_bsuid_only.json")
        foreign["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "77"
        await hook.post(fixture("text_bsuid_only.json"))
        await hook.post(foreign)
        assert len({placed.unit for placed in hook.inlet.placed}) == 2


# --------------------------------------------------------------------------------------------------- statuses


def status(name: str = "delivered", **more: object) -> dict[str, object]:
    """A status of one of our messages to a phone."""
    return {"id": WAMID, "status": name, "timestamp": "1790500100", "recipient_id": "15550100311"} | more


async def test_a_status_finds_its_message_by_what_we_sent_along() -> None:
    """Our reference names contact, message and part; no look-up is needed."""
    ref = OutboundRef(contact=ContactId("7-abcdef"), message=MessageId("7-0011"), part=2)
    async with Hook() as hook:
        await hook.post(body_of(statuses=[status(biz_opaque_callback_data=ref.encode())]))
        (placed,) = hook.inlet.placed
        event = placed.event
        assert isinstance(event, DeliveryChanged)
        assert (placed.lane, placed.unit) == ("s7", "7-abcdef")
        assert (event.message, event.part, event.status) == ("7-0011", 2, "delivered")
        assert event.id == f"wa:{WAMID}:delivered"


@pytest.mark.parametrize(
    "data",
    [
        "br:v1:9f2c",
        "tl1|99-abcdef|99-0011|0",
        "tl1|x-abc|x-1|0",
        "tl1|7|7|0",
        "tl1|7-a|7-b|²",
        "tl1|" + "9" * 500,
    ],
)
async def test_a_foreign_reference_is_not_believed(data: str) -> None:
    """Another program's data, or of a deployment with more shards: the recipient is looked up instead."""
    async with Hook() as hook:
        known = (await hook.inlet.claim(MAYA)).contact
        await hook.post(body_of(statuses=[status(biz_opaque_callback_data=data)]))
        (event,) = hook.inlet.events
        assert isinstance(event, DeliveryChanged)
        assert (event.contact, event.message) == (known, None)


async def test_a_status_never_mints_a_contact() -> None:
    """A status of somebody else's message to a stranger is counted and dropped."""
    async with Hook() as hook:
        assert await hook.post(fixture("status_delivered.json")) == 200
        assert hook.inlet.events == []
        assert hook.inlet.aliases == {}
        assert hook.counted == ["unmatched_status"]


async def test_a_failed_status_says_why() -> None:
    """Its code is classified like that of an answer; without one it still fails in words."""
    async with Hook() as hook:
        await hook.inlet.claim(MAYA)
        await hook.post(fixture("status_failed_131047.json"))
        await hook.post(body_of(statuses=[status("failed")]))
        closed, bare = hook.inlet.events
        assert isinstance(closed, DeliveryChanged)
        assert isinstance(bare, DeliveryChanged)
        assert closed.failure is not None
        assert (closed.failure.kind, closed.failure.code) == (FailureKind.NEVER, "131047")
        assert bare.failure is not None
        assert bare.failure.words


async def test_each_member_of_a_group_has_a_status_of_their_own() -> None:
    """The participant is part of the event's id where our reference came back."""
    ref = OutboundRef(contact=ContactId("7-abcdef"), message=MessageId("7-0011"), part=0).encode()
    body = fixture("status_group_aggregated.json")
    for each in body["entry"][0]["changes"][0]["value"]["statuses"]:
        each["biz_opaque_callback_data"] = ref
    async with Hook() as hook:
        await hook.post(body)
        assert [event.id for event in hook.inlet.events] == [
            f"wa:{WAMID}:delivered:US.48213307719920450013",
            f"wa:{WAMID}:delivered:BR.90177345561208844731",
        ]


async def test_messages_come_before_statuses() -> None:
    """Whatever the order of the changes, what contacts wrote goes first."""
    async with Hook() as hook:
        await hook.inlet.claim(MAYA)
        body = body_of(statuses=[status()])
        body["entry"] += body_of(text())["entry"]
        await hook.post(body)
        assert [type(event) for event in hook.inlet.events] == [MessageReceived, DeliveryChanged]


async def test_an_unknown_status_is_counted() -> None:
    """A status word of the future costs nothing else."""
    async with Hook() as hook:
        await hook.inlet.claim(MAYA)
        assert await hook.post(body_of(statuses=[status("teleported"), status("read")])) == 200
        assert [event.id for event in hook.inlet.events] == [f"wa:{WAMID}:read"]
        assert hook.counted == ["unknown_status"]


# -------------------------------------------------------------------------------------------------- isolation


@pytest.mark.parametrize(
    "bad",
    [
        "not an object",
        None,
        17,
        {},
        {"id": 5},
        {"id": ""},
        {"id": "wamid.X", "type": "text", "text": {"body": "nobody wrote this"}},
        {"id": "wamid with spaces", "from": "34600000101", "type": "text", "text": {"body": "x"}},
    ],
)
async def test_an_unusable_message_never_costs_its_neighbours(bad: object) -> None:
    """Without id or sender nothing can be kept of a message; those around it arrive, and it is counted."""
    async with Hook() as hook:
        body = body_of()
        body["entry"][0]["changes"][0]["value"]["messages"] = [text("wamid.1"), bad, text("wamid.2")]
        assert await hook.post(body) == 200
        assert [event.id for event in hook.inlet.events] == ["wa:wamid.1", "wa:wamid.2"]
        if bad is not None:
            assert len(hook.counted) == 1


@pytest.mark.parametrize(
    "more, kind",
    [
        ({"text": {"body": 5}}, "unsupported"),
        ({"text": "hello"}, "unsupported"),
        ({"text": None}, "unsupported"),
        ({"context": "yes"}, "text"),
        ({"type": ["text"]}, "unsupported"),
        ({"group_id": {}}, "text"),
        ({"referral": {"headline": 5}}, "text"),
        ({"interactive": 3, "type": "interactive"}, "interactive"),
    ],
)
async def test_of_a_message_that_does_not_fit_the_rest_is_shown(more: dict[str, Any], kind: str) -> None:
    """One bad key costs nothing but itself; id and sender suffice for the thread to say that something came."""
    async with Hook() as hook:
        assert await hook.post(body_of(text("wamid.1"), text("wamid.odd", **more))) == 200
        first, odd = hook.inlet.events
        assert isinstance(first, MessageReceived)
        assert isinstance(odd, MessageReceived)
        assert kind_of(first.content) == "text"
        assert odd.contact == first.contact
        assert kind_of(odd.content) == kind


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value.update(contacts="none"),
        lambda value: value.update(contacts=[3, {"profile": []}]),
        lambda value: value.update(statuses=[{"id": 1}]),
        lambda value: value.update(errors={"code": 1}),
        lambda value: value.update(user_id_update=[7]),
    ],
)
async def test_a_bad_part_of_a_change_never_costs_its_messages(
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    """Contacts, statuses and errors are read apart from messages."""
    async with Hook() as hook:
        body = body_of(text())
        spoil(body["entry"][0]["changes"][0]["value"])
        assert await hook.post(body) == 200
        assert [event.id for event in hook.inlet.events] == ["wa:wamid.A"]
        assert set(hook.counted) == {"malformed"}


async def test_a_bad_entry_or_change_never_costs_the_others() -> None:
    """Every level is read for itself."""
    async with Hook() as hook:
        body = body_of(text())
        body["entry"][0]["changes"] += [
            5,
            {"field": 3},
            {"field": "messages"},
            {"field": "calls", "value": []},
        ]
        body["entry"] += [None, {"changes": "x"}, {}]
        body["entry"] += body_of(text("wamid.B"))["entry"]
        assert await hook.post(body) == 200
        assert [event.id for event in hook.inlet.events] == ["wa:wamid.A", "wa:wamid.B"]


async def test_an_unpaired_surrogate_costs_one_character() -> None:
    """Strict JSON readers refuse the whole body for it; here it becomes a replacement."""
    async with Hook() as hook:
        raw = json.dumps(body_of(text("wamid.1", "a\ud800b"), text("wamid.2", "fine"))).encode()
        assert await hook.post(raw) == 200
        one, two = hook.inlet.events
        assert isinstance(one, MessageReceived)
        assert isinstance(two, MessageReceived)
        assert plain(described(one.content)) == "a?b"
        assert plain(described(two.content)) == "fine"


@pytest.mark.parametrize(
    "price", ["1e1000001", '"1e1000001"', '"-1e1000001"', '"0e1000001"', '"sNaN"', "1e-1000001"]
)
async def test_a_price_beyond_arithmetic_costs_itself_alone(price: str) -> None:
    """The order is shown, and so are the messages beside it."""
    body = json.dumps(fixture("order.json")).replace("19.9", price)
    neighbour = json.dumps(text("wamid.beside"))
    body = body.replace('"messages": [', f'"messages": [{neighbour}, ')
    async with Hook() as hook:
        assert await hook.post(body.encode()) == 200
        beside, order = hook.inlet.events
        assert isinstance(order, MessageReceived)
        shown = plain(described(order.content))
        assert shown.startswith("Order\n2 × sku-blue-07")
        assert len(shown) < 200
        assert "1 × sku-red-01 at 5.00 EUR" in shown
        assert beside.id == "wa:wamid.beside"


async def test_half_a_character_in_a_form_costs_that_character() -> None:
    """A form's answer is JSON in JSON, so it can hold what the body around it could not."""
    answer = r'{"note":"x\ud83d","la\udc00bel":["a\ud83d",{"b":"\udfff"}]}'
    body = fixture("interactive_nfm_reply.json")
    messages = body["entry"][0]["changes"][0]["value"]["messages"]
    messages[0]["interactive"]["nfm_reply"]["response_json"] = answer
    messages.append(text("wamid.beside"))
    async with Hook() as hook:
        assert await hook.post(body) == 200
        form, beside = hook.inlet.events
        assert isinstance(form, MessageReceived)
        assert (
            plain(described(form.content)) == 'Form\nnote: x\ufffd\nla\ufffdbel: ["a\ufffd", {"b": "\ufffd"}]'
        )
        assert beside.id == "wa:wamid.beside"


async def test_a_thousand_updates_are_one_append_and_one_claim_per_contact() -> None:
    """The largest batch WhatsApp sends keeps its order per contact."""
    async with Hook() as hook:
        messages = [text(f"wamid.{n}", f"{n}", **{"from": f"3460000{n % 50:04}"}) for n in range(1000)]
        assert await hook.post(body_of(*messages)) == 200
        assert hook.inlet.appends == 1
        assert len(hook.inlet.claims) == 50
        assert [event.id for event in hook.inlet.events] == [f"wa:wamid.{n}" for n in range(1000)]


async def test_a_repeated_delivery_repeats_the_same_event_ids() -> None:
    """Ids come from their cause, so that the commit recognises a repeat."""
    async with Hook() as hook:
        await hook.post(fixture("batch_mixed.json"))
        once = [event.id for event in hook.inlet.events]
        await hook.post(fixture("batch_mixed.json"))
        assert [event.id for event in hook.inlet.events] == once + once


# ------------------------------------------------------------------------------------------- who is asking


@pytest.mark.parametrize("vector", json.loads((FIXTURES / "signature_vectors.json").read_bytes()))
async def test_signatures_are_those_of_the_vectors(vector: dict[str, str]) -> None:
    """Over the raw bytes, escaped or not; each vector is accepted."""
    raw = (FIXTURES / vector["file"]).read_bytes()
    assert signature(vector["app_secret"], raw) == vector["header"]
    async with Hook() as hook:
        assert await hook.post(raw, vector["header"]) == 200
        assert hook.inlet.events


@pytest.mark.parametrize(
    "header",
    [
        None,
        "sha256=",
        "sha256=" + "0" * 64,
        "sha256=" + "g" * 64,
        "sha256=" + " " * 64,
        "sha1=" + "0" * 40,
        "0" * 64,
        signature("another secret", json.dumps(body_of(text())).encode()),
        signature(SECRET, b"another body"),
        signature(SECRET, json.dumps(body_of(text())).encode())[:-1],
    ],
)
async def test_an_unsigned_body_is_refused_before_it_is_read(header: str | None) -> None:
    """Missing, ill-formed or wrong: 401, and nothing of it reaches the store."""
    async with Hook() as hook:
        assert await hook.post(body_of(text()), header) == 401
        assert await hook.post(b"not json", header) == 401
        assert hook.inlet.placed == []
        assert set(hook.counted) == {"bad_signature"}


async def test_an_unsigned_body_does_not_use_up_the_advice_about_the_secret() -> None:
    """`threadline check` posts one to try; a wrong secret has to be told of afterwards all the same."""
    async with Hook() as hook:
        with structlog.testing.capture_logs() as logs:
            await hook.post(body_of(text()), None)
            await hook.post(body_of(text()), "sha256=" + "0" * 64)
        assert ["app_secret" in one["detail"] for one in logs] == [False, True]


async def test_an_app_speaks_only_for_its_own_numbers() -> None:
    """With two apps, each secret signs for the numbers of its own inboxes."""
    one = Number(InboxId("support"), NUMBER_ID, "1", "token", "secret-one")
    two = Number(InboxId("sales"), "200300400500601", "2", "token", "secret-two")
    async with Hook(one, two) as hook:
        assert await hook.post(body_of(text()), secret="secret-two") == 200
        assert hook.inlet.placed == []
        assert hook.counted == ["unknown_number"]
        assert await hook.post(body_of(text()), secret="secret-one") == 200
        assert len(hook.inlet.placed) == 1


@pytest.mark.parametrize(
    "query, expected",
    [
        ({"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "11 58"}, 200),
        ({"hub.mode": "subscribe", "hub.verify_token": "wrong", "hub.challenge": "1158"}, 403),
        ({"hub.mode": "subscribe", "hub.verify_token": "vérify", "hub.challenge": "1158"}, 403),
        ({"hub.mode": "unsubscribe", "hub.verify_token": "verify-me", "hub.challenge": "1158"}, 403),
        ({}, 403),
    ],
)
async def test_the_handshake_returns_the_challenge_only_for_our_token(
    query: dict[str, str], expected: int
) -> None:
    """200 with the challenge as the whole body in plain text, else 403."""
    async with Hook() as hook, hook.client.get("/webhooks/whatsapp", params=query) as response:
        assert response.status == expected
        if expected == 200:
            assert await response.text() == query["hub.challenge"]
            assert response.content_type == "text/plain"


# --------------------------------------------------------------------------------------------- bad requests


@pytest.mark.parametrize("raw", [b"", b"{", b"hello", b"\xff\xfe", b"[" * 100_000, b'{"object":'])
async def test_signed_text_that_is_no_json_is_told_so(raw: bytes) -> None:
    """400: Meta never signs such a body, so whoever sends it has to see it; there is nothing to store."""
    async with Hook() as hook:
        assert await hook.post(raw) == 400
        assert hook.counted == ["not_json"]


@pytest.mark.parametrize("raw", [b"[]", b"3", b'"x"', b"null", b"{}", b'{"object":"page","entry":[]}'])
async def test_signed_json_about_something_else_is_accepted_and_counted(raw: bytes) -> None:
    """200, or WhatsApp would send it again for a week."""
    async with Hook() as hook:
        assert await hook.post(raw) == 200
        assert "unknown_object" in hook.counted


async def test_ten_megabytes_are_refused() -> None:
    """413 for a body above the limit, announced or not; one just below it is read."""
    async with Hook() as hook:
        assert await hook.post(b" " * 10_000_000) == 413

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 100_000

        async with hook.client.post("/webhooks/whatsapp", data=chunks()) as response:
            assert response.status == 413
        body = json.dumps(body_of(text(words="x" * 2_900_000))).encode()
        assert await hook.post(body) == 200
        assert len(hook.inlet.placed) == 1


@pytest.mark.parametrize("broken", ["claim", "append"])
async def test_what_is_not_stored_is_not_acknowledged(broken: str) -> None:
    """503 while Redis does not answer; the repeat that follows arrives."""
    async with Hook() as hook:
        hook.inlet.broken = broken
        assert await hook.post(body_of(text())) == 503
        assert hook.counted == ["not_stored"]
        hook.inlet.broken = ""
        assert await hook.post(body_of(text())) == 200
        assert len(hook.inlet.placed) == 1


async def test_an_unknown_number_is_accepted_and_counted() -> None:
    """Numbers without an inbox (and the dashboard's test button) get 200."""
    async with Hook() as hook:
        body = body_of(text())
        body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "123456123"
        assert await hook.post(body) == 200
        assert hook.inlet.placed == []
        assert hook.counted == ["unknown_number"]


async def test_each_kind_of_oddity_is_logged_once_and_counted_each_time() -> None:
    """A new field of WhatsApp's neither floods the log nor goes unseen; customers' words and numbers stay out."""
    async with Hook() as hook:
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                await hook.post(fixture("unknown_field.json"))
                await hook.post(fixture("unknown_type.json"))
        assert [(log["what"], log["detail"]) for log in logs] == [
            ("unknown_field", "brand_new_field"),
            ("unknown_type", "hologram"),
        ]
        assert hook.counted == ["unknown_field", "unknown_type"] * 3
        assert "15550100311" not in str(logs)


async def test_the_memory_of_logged_kinds_is_bounded() -> None:
    """Ever new field names are counted, but only so many are remembered and logged."""
    async with Hook() as hook:
        body = body_of()
        body["entry"][0]["changes"] = [{"field": f"field_{n}", "value": {}} for n in range(1500)]
        with structlog.testing.capture_logs() as logs:
            await hook.post(body)
        assert len(hook.counted) == 1500
        assert len(logs) == 1000


async def test_a_second_message_does_not_pass_the_first_one_that_mints_the_contact() -> None:
    """Order within a contact is kept by arrival, also when the first look-up takes longer than the next."""
    async with Hook() as hook:
        hook.inlet.minting.clear()
        first = asyncio.create_task(hook.post(body_of(text("wamid.A"))))
        await until(lambda: hook.inlet.claims, what="the first claim")
        hook.inlet.aliases["phone:acme:34600000101"] = contact_id("phone:acme:34600000101", 16)
        second = asyncio.create_task(hook.post(body_of(text("wamid.B"))))
        other = text("wamid.C") | {"from": "34600000102"}
        hook.inlet.aliases["phone:acme:34600000102"] = contact_id("phone:acme:34600000102", 16)
        assert await hook.post(body_of(other)) == 200
        assert not second.done()
        hook.inlet.minting.set()
        assert (await first, await second) == (200, 200)
        assert [str(one.id) for one in hook.inlet.events] == ["wa:wamid.C", "wa:wamid.A", "wa:wamid.B"]
