"""What Redis keeps of a contact: the whole state, a stub of it, or only that the archive has it. Pure.

The first byte tells them apart: a packed `Contact` is a map, a stub is an array, and what is only in the archive begins
with MessagePack's nil.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model import (
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    InboxId,
    Place,
    Post,
    Status,
    Struct,
    digest,
)

_SHELVED = b"\xc0"
_HASH_BYTES = 4
_STATUSES = (Status.ACTIVE, Status.RESOLVED, Status.CLOSED, Status.DELETED)
"""By the number that stands in a stub; only ever added to."""


class StubConversation(Struct, frozen=True, kw_only=True, array_like=True):
    """A conversation, as far as it is needed to go on with it."""

    id: ConversationId
    number: int
    inbox: InboxId
    status: int
    opened_at: datetime
    card_version: int
    thread: tuple[str, str, str] | None = None
    """Desk, channel and thread."""
    card: str | None = None
    """The card's post where it is not the thread's own id."""
    assignee: str | None = None
    window_until: datetime | None = None
    continued: int | None = None
    failed: int = 0


class Stub(Struct, frozen=True, kw_only=True, array_like=True):
    """Who a contact at rest is, and where they were answered last."""

    stored: datetime
    """`Contact.resting` of the state that the archive has."""
    seq: int
    aliases: tuple[str, ...]
    conversations: tuple[StubConversation, ...]
    name: str = ""
    phone: str | None = None
    address: str | None = None
    username: str | None = None
    redirect: str | None = None

    def contact(self, contact: ContactId) -> Contact:
        """The contact as far as the stub says; `partial`, because it says less than the archive."""
        found = [_whole(one) for one in self.conversations]
        return Contact(
            id=contact,
            name=self.name,
            username=self.username,
            phone=self.phone,
            address=self.address,
            aliases=self.aliases,
            conversations={one.inbox: one for one in found},
            redirect=ContactId(self.redirect) if self.redirect else None,
            seq=self.seq,
            resting=self.stored,
            partial=self.stored,
        )


class Shelved(Struct, frozen=True, kw_only=True):
    """Nothing but that the archive has the state, and hashes of the contact's aliases: whose a number is must be
    told from them while it arrives.
    """

    hashes: tuple[tuple[bytes, bytes], ...] = ()
    """Of each alias without its value, and of the whole alias."""

    def is_other(self, alias: str) -> bool:
        """Is this a contact with an alias of the same family as `alias`, but with another value?"""
        family, name = _hashes(alias)
        return any(one == family and other != name for one, other in self.hashes)


_encode = msgspec.msgpack.Encoder().encode
_contact = msgspec.msgpack.Decoder(Contact).decode
_stub = msgspec.msgpack.Decoder(Stub).decode


def family(alias: str) -> str:
    """An alias without its value: aliases of one family and scope that differ are different people's."""
    return alias.rpartition(":")[0]


def pack_stub(contact: Contact, now: datetime) -> bytes:
    """What stays of a contact whose state the archive has. A service window that is over by `now` is left out.

    Raises ValueError for one that is not `resting`.
    """
    if contact.resting is None:
        raise ValueError(f"{contact.id} is not at rest")
    return _encode(
        Stub(
            stored=contact.resting,
            seq=contact.seq,
            aliases=contact.aliases,
            conversations=tuple(_short(one, now) for one in contact.conversations.values()),
            name=contact.name,
            phone=contact.phone,
            address=contact.address,
            username=contact.username,
            redirect=contact.redirect,
        )
    )


def pack_shelved(contact: Contact) -> bytes:
    """What stays when not even the stub is needed."""
    return _SHELVED + b"".join(part for alias in contact.aliases for part in _hashes(alias))


def unpack(data: bytes) -> Contact | Stub | Shelved:
    """A contact's state as it stands in Redis. Raises `msgspec.MsgspecError` on anything else."""
    if data[:1] == _SHELVED:
        step = 2 * _HASH_BYTES
        hashes = (data[at : at + step] for at in range(1, len(data), step))
        return Shelved(hashes=tuple((one[:_HASH_BYTES], one[_HASH_BYTES:]) for one in hashes))
    first = data[0] if data else 0
    return _stub(data) if first & 0xF0 == 0x90 or first == 0xDC else _contact(data)


def _hashes(alias: str) -> tuple[bytes, bytes]:
    def of(text: str) -> bytes:
        return bytes.fromhex(digest(text, _HASH_BYTES))

    return of(family(alias)), of(alias)


def _short(conversation: Conversation, now: datetime) -> StubConversation:
    thread, card, until = conversation.thread, conversation.card, conversation.window_until
    whole = thread is not None and thread.thread is not None
    return StubConversation(
        id=conversation.id,
        number=conversation.number,
        inbox=conversation.inbox,
        status=_STATUSES.index(conversation.status),
        opened_at=conversation.opened_at,
        card_version=conversation.card_version,
        thread=(thread.desk, thread.channel, thread.thread or "") if thread and whole else None,
        card=card.id if card is not None and (thread is None or card.id != thread.thread) else None,
        assignee=conversation.assignee,
        window_until=until if until is not None and until > now else None,
        continued=conversation.continued,
        failed=conversation.failed,
    )


def _whole(short: StubConversation) -> Conversation:
    thread = (
        Place(desk=short.thread[0], channel=short.thread[1], thread=short.thread[2]) if short.thread else None
    )
    card = None
    if thread is not None:
        card = Post(desk=thread.desk, channel=thread.channel, id=short.card or thread.thread or "")
    return Conversation(
        id=short.id,
        number=short.number,
        inbox=short.inbox,
        opened_at=short.opened_at,
        episode_at=short.opened_at,
        status=_STATUSES[short.status],
        assignee=short.assignee,  # type: ignore[arg-type]  # an AgentId, as it was packed
        thread=thread,
        card=card,
        card_version=short.card_version,
        window_until=short.window_until,
        continued=short.continued,
        failed=short.failed,
    )
