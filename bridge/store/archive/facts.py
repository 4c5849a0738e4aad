"""Facts as the archiver reads them off a lane's journal, with what the columns of the journal's table say about each. Pure.

What cannot be read says all the same what it can, so that a contact's facts are found whatever release wrote them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from bridge.instants import micros
from bridge.journal import AnyFact, unpack
from bridge.model import LaneId
from bridge.store.archive.changes import Row, storable
from bridge.store.entries import written_ms

UNREADABLE = "unreadable"
"""The kind of a journal row whose bytes say nothing."""
_HASH_BYTES = 16


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """One fact as it stands in a lane's journal. Those of a commit share an entry."""

    lane: LaneId
    entry: str
    """`<ms>-<n>`, on Redis time: the commit."""
    data: bytes


class Read(msgspec.Struct, frozen=True, gc=False):
    """A fact with what the journal's columns say about it."""

    hash: bytes
    fact: AnyFact | None
    header: Row
    """All but its number."""


class _Header(msgspec.Struct):
    """What every kind of fact says."""

    type: str
    at: datetime
    cause: str
    contact: str
    conversation: str


_header_decoder = msgspec.msgpack.Decoder(_Header)


def fact_hash(data: bytes) -> bytes:
    """By what a packed fact is known."""
    return hashlib.blake2b(data, digest_size=_HASH_BYTES).digest()


def read(source: JournalEntry) -> Read:
    """A fact and what the journal's columns say about it."""
    digest = fact_hash(source.data)
    fact = decoded(source.data)
    header: Row = {
        # Python's driver of SQLite takes a bytearray as it is; of bytes it asks how they should be adapted.
        "fact": bytearray(digest),
        "lane": source.lane,
        "entry": source.entry,
        "data": bytearray(source.data),
    }
    if fact is None:
        header |= _told(source)
    else:
        header["kind"] = type(fact).__name__
        header["at"] = micros(fact.at)
        header["cause"] = storable(fact.cause)
        header["contact"] = storable(fact.contact)
        header["conversation"] = storable(fact.conversation)
    return Read(digest, fact, header)


def decoded(data: bytes) -> AnyFact | None:
    """The fact; None when it is of no kind that this release knows."""
    try:
        return unpack(data)
    except (msgspec.MsgspecError, ValueError):
        return None


def _told(source: JournalEntry) -> Row:
    """What a fact that cannot be read says all the same; so a contact's facts are found by later releases' kinds."""
    try:
        found = _header_decoder.decode(source.data)
    except (msgspec.MsgspecError, ValueError):
        at = written_ms(source.entry) * 1000
        return {"kind": UNREADABLE, "at": at, "cause": "", "contact": "", "conversation": ""}
    return {
        "kind": storable(found.type) or UNREADABLE,
        "at": micros(found.at),
        "cause": storable(found.cause),
        "contact": storable(found.contact),
        "conversation": storable(found.conversation),
    }
