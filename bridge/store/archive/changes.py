"""What the archive's rows are made from and what changes of them: the shapes between the projection and the writer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from bridge.content import NO_MARKS, Content, Marks
from bridge.journal import AliasesNoted, AnyFact, ContactStored, DeliveryNoted, ErasureNoted, MessageNoted
from bridge.markup import Document, Text

Row = dict[str, Any]
Part = tuple[str, int, str]
"""Message, part, and the platform's id: the key of a delivery."""

_body_encoder = msgspec.msgpack.Encoder()
_body_decoder: msgspec.msgpack.Decoder[Document] = msgspec.msgpack.Decoder(Document)


class Noted(msgspec.Struct, frozen=True, gc=False):
    """A fact with its number in the journal."""

    seq: int
    fact: AnyFact


class Wanted(msgspec.Struct):
    """Keys of the stored rows that a batch builds on."""

    contacts: set[str] = msgspec.field(default_factory=set)
    conversations: set[str] = msgspec.field(default_factory=set)
    """Their episodes are wanted, too."""
    messages: set[str] = msgspec.field(default_factory=set)
    sent: set[str] = msgspec.field(default_factory=set)
    """Messages whose deliveries are wanted."""


class Stored(msgspec.Struct):
    """The rows that `Wanted` names, as far as there are any, by their keys. Projecting changes them."""

    contacts: dict[str, Row] = msgspec.field(default_factory=dict)
    conversations: dict[str, Row] = msgspec.field(default_factory=dict)
    episodes: dict[tuple[str, int], Row] = msgspec.field(default_factory=dict)
    messages: dict[str, Row] = msgspec.field(default_factory=dict)
    deliveries: dict[Part, Row] = msgspec.field(default_factory=dict)


class Reworded(msgspec.Struct, frozen=True):
    """A stored message whose words changed: `INDEXED_OF_MESSAGE` before and after."""

    before: Row
    after: Row


class Changes(msgspec.Struct):
    """What a batch changes. Rows are complete where nothing else is said; those of one table have distinct keys."""

    contacts: dict[str, Row] = msgspec.field(default_factory=dict)
    """New or changed; `aliases`, `conversations`, `episodes`, `deliveries` likewise."""
    heard: dict[str, Row] = msgspec.field(default_factory=dict)
    """Stored contacts of whom no more than `TIMES_OF_CONTACT` changed."""
    aliases: dict[str, Row] = msgspec.field(default_factory=dict)
    """Claims: the stored row stays when its `at` is later; `states` likewise."""
    states: dict[str, Row] = msgspec.field(default_factory=dict)
    """Rows of `contact_states`."""
    conversations: dict[str, Row] = msgspec.field(default_factory=dict)
    talked: dict[str, Row] = msgspec.field(default_factory=dict)
    """Stored conversations of which no more than `TIMES_OF_CONVERSATION` changed."""
    episodes: dict[tuple[str, int], Row] = msgspec.field(default_factory=dict)
    messages: dict[str, Row] = msgspec.field(default_factory=dict)
    """New ones."""
    fates: dict[int, Row] = msgspec.field(default_factory=dict)
    """News of stored messages: `of` (its `seq`), `fate`, `parts`, `code`, `problem`."""
    rewritten: dict[int, Row] = msgspec.field(default_factory=dict)
    """Stored messages that were noted again: `of` (its `seq`) and what `MESSAGE_WORDS` names."""
    deliveries: dict[Part, Row] = msgspec.field(default_factory=dict)
    threads: dict[tuple[str, ...], Row] = msgspec.field(default_factory=dict)
    """Left alone when there already; `posts` likewise."""
    posts: dict[tuple[str, ...], Row] = msgspec.field(default_factory=dict)
    tags: dict[str, list[Row]] = msgspec.field(default_factory=dict)
    """By conversation: all that it has now."""
    logs: dict[str, list[Row]] = msgspec.field(default_factory=dict)
    """New rows of the tables that only grow, by the table's name."""
    renamed: dict[str, Row] = msgspec.field(default_factory=dict)
    """Those of `contacts` whose name, username or number is new."""
    reworded: list[Reworded] = msgspec.field(default_factory=list)


INDEXED_OF_MESSAGE = ("seq", "conversation", "contact", "inbox", "direction", "internal", "text")
"""The columns of a message that the full-text index is made from."""
MESSAGE_WORDS = ("internal", "kind", "author", "account", "text", "body", "content")
"""The columns of a message that a second `MessageNoted` about it replaces."""


TIMES_OF_CONTACT = ("first_at", "last_at")
"""The columns of a contact that every fact about it may change."""
TIMES_OF_CONVERSATION = ("last_at", "last_inbound_at", "last_outbound_at")
"""The columns of a conversation that a message changes."""


def storable(text: str) -> str:
    """`text` as both engines can keep it: PostgreSQL knows no NUL in a text."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def packed_body(body: Document) -> bytes | None:
    """Formatted text for the column `body`; None where the plain text says it all."""
    if len(body) == 1 and type(body[0]) is Text:
        return None  # As most are.
    return None if all(isinstance(node, Text) for node in body) else _body_encoder.encode(body)


def unpacked_body(body: bytes) -> Document:
    """The inverse of `packed_body`, where there is one."""
    return _body_decoder.decode(body)


class Beyond(msgspec.Struct, frozen=True, array_like=True):
    """What there is to a message beyond its words, as it stands in the column `content`."""

    content: Content | None = None
    marks: Marks = NO_MARKS


_beyond_encoder = msgspec.msgpack.Encoder()
_beyond_decoder = msgspec.msgpack.Decoder(Beyond)


def packed_content(content: Content | None, marks: Marks) -> bytes | None:
    """What there is to a message beyond its words; None where there is nothing."""
    return None if content is None and marks == NO_MARKS else _beyond_encoder.encode(Beyond(content, marks))


def unpacked_content(content: bytes | None) -> Beyond:
    """The inverse of `packed_content`."""
    return Beyond() if content is None else _beyond_decoder.decode(content)


def wanted_by(facts: Iterable[AnyFact]) -> Wanted:
    """The stored rows that these facts build on."""
    keys = Wanted()
    for fact in facts:
        if isinstance(fact, ContactStored | ErasureNoted):
            continue
        keys.contacts.add(fact.contact)
        keys.conversations.add(fact.conversation)
        if isinstance(fact, MessageNoted):
            keys.messages.add(fact.message)
        elif isinstance(fact, DeliveryNoted):
            keys.messages.add(fact.message)
            keys.sent.add(fact.message)
        elif isinstance(fact, AliasesNoted) and fact.merged is not None:
            keys.contacts.add(fact.merged)
    keys.contacts.discard("")
    keys.conversations.discard("")
    return keys
