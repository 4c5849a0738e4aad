"""What stays of a contact at rest: small, and enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import (
    AgentId,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    InboxId,
    Place,
    Post,
    Status,
)
from bridge.store import stub

AT = datetime(2026, 11, 23, 9, 0, 12, 345678, tzinfo=UTC)
THREAD = Place(desk="slack", channel="C04SUPPORT1", thread="1732352412.123459")
BSUID = "bsuid:1234567890123456:DE.13491208655302741918"
PHONE = "phone:1234567890123456:4915112345678"


def typical() -> Contact:
    """Names, ids and numbers as long as those of the platforms are."""
    conversation = Conversation(
        id=ConversationId("7-166"),
        number=2663,
        inbox=InboxId("support"),
        opened_at=AT,
        episode_at=AT + timedelta(hours=5),
        status=Status.RESOLVED,
        assignee=AgentId("slack:U04BEN0001"),
        tags=("parcel", "vip"),
        thread=THREAD,
        card=Post(desk="slack", channel="C04SUPPORT1", id="1732352412.123459"),
        former=(msgspec.structs.replace(THREAD, thread="1731352412.123459"),),
        card_version=17,
        window_until=AT + timedelta(days=1),
        last_inbound="wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFjNFQjBEMUI5QkQyRjVGQTQzN0Y0AA==",
        last_inbound_at=AT,
    )
    return Contact(
        id=ContactId("7-9f3c0a1b2d4e"),
        name="Anneliese Müller-Hoffmann",
        phone="4915112345678",
        address="phone:+4915112345678",
        aliases=(BSUID, PHONE),
        conversations={InboxId("support"): conversation},
        seq=57,
        resting=AT.replace(microsecond=0) + timedelta(days=8),
    )


def test_the_stub_of_a_typical_contact_is_small() -> None:
    """300 bytes at most, and a dozen and a few once only the archive knows."""
    contact = typical()
    assert len(stub.pack_stub(contact, AT + timedelta(days=8))) <= 300
    assert len(stub.pack_shelved(contact)) <= 20


def test_a_stub_says_who_it_is_and_where_they_are_answered() -> None:
    """Thread, card, status, number, assignee; and name, phone, address and aliases."""
    contact = typical()
    kept = stub.unpack(stub.pack_stub(contact, AT + timedelta(days=8)))
    assert isinstance(kept, stub.Stub)
    back = kept.contact(contact.id)
    for field in ("id", "name", "phone", "address", "aliases", "redirect", "seq", "resting"):
        assert getattr(back, field) == getattr(contact, field), field
    assert back.partial == contact.resting
    (was,), (now,) = contact.conversations.values(), back.conversations.values()
    for field in (
        "id",
        "number",
        "inbox",
        "status",
        "assignee",
        "thread",
        "card",
        "opened_at",
        "card_version",
    ):
        assert getattr(now, field) == getattr(was, field), field
    assert now.window_until is None  # it is over


def test_a_window_that_is_open_stays_open() -> None:
    """A contact that rests early can be answered as before."""
    kept = stub.unpack(stub.pack_stub(typical(), AT))
    assert isinstance(kept, stub.Stub)
    (now,) = kept.conversations
    assert now.window_until == AT + timedelta(days=1)


def test_what_only_the_archive_has_still_tells_people_apart() -> None:
    """A number that was given to somebody else must not join two people."""
    kept = stub.unpack(stub.pack_shelved(typical()))
    assert isinstance(kept, stub.Shelved)
    assert kept.is_other("bsuid:1234567890123456:DE.999")
    assert not kept.is_other(BSUID)
    assert not kept.is_other("bsuid:999:DE.999")
    assert kept.is_other("phone:1234567890123456:4917")


def test_only_a_contact_at_rest_has_a_stub() -> None:
    """A stub says which state the archive has."""
    with pytest.raises(ValueError, match="not at rest"):
        stub.pack_stub(msgspec.structs.replace(typical(), resting=None), AT)


@given(
    name=st.text(max_size=40),
    aliases=st.lists(st.text(max_size=30), max_size=20).map(tuple),
    conversations=st.integers(0, 40),
    status=st.sampled_from(Status),
)
def test_the_three_forms_are_told_apart(
    name: str, aliases: tuple[str, ...], conversations: int, status: Status
) -> None:
    """Whatever is in them."""
    (one,) = typical().conversations.values()
    many = {
        InboxId(f"i{number}"): msgspec.structs.replace(one, inbox=InboxId(f"i{number}"), status=status)
        for number in range(conversations)
    }
    contact = msgspec.structs.replace(typical(), name=name, aliases=aliases, conversations=many)
    assert stub.unpack(msgspec.msgpack.encode(contact)) == contact
    kept = stub.unpack(stub.pack_stub(contact, AT))
    assert isinstance(kept, stub.Stub)
    back = kept.contact(contact.id)
    assert (back.name, back.aliases, list(back.conversations)) == (name, aliases, list(many))
    assert all(now.status is status for now in back.conversations.values())
    assert isinstance(stub.unpack(stub.pack_shelved(contact)), stub.Shelved)
