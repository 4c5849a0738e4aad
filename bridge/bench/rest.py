"""What a contact costs in Redis: with an open conversation, at rest, and long after that.

Keys and values are written as the bridge writes them, on a Valkey of its own, for contacts with names, ids and numbers as long as those of the platforms; what expires by itself (message
records, decided events) is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bridge.bench.report import Row, Section
from bridge.embedded import EmbeddedValkey
from bridge.model import (
    RECENT_KEPT,
    AgentId,
    Contact,
    Conversation,
    Direction,
    InboxId,
    Place,
    Post,
    Recent,
    Status,
    ThreadRef,
    contact_id,
    conversation_id,
    conversation_number,
    lane_of,
)
from bridge.store import keys, stub
from bridge.store.commit import version_bytes
from bridge.store.connection import Arg
from bridge.store.joined import JoinedRedis

SHARDS = 16
RECENT = 10
"""Recent lines of an open conversation."""
FORMS = ("open", "at rest", "in the archive only")
_AT = datetime(2026, 11, 23, 9, 0, 12, 345678, tzinfo=UTC)
_LINE = "Good morning, I would like to know when my parcel will arrive, it was announced for yesterday."
_BATCH = 500
_encode = msgspec.msgpack.Encoder().encode


def made_up(number: int) -> Contact:
    """The `number`-th contact: who wrote once or twice, was answered, and is settled."""
    digits = f"4915{number:09d}"
    portfolio = "1234567890123456"
    aliases = (f"bsuid:{portfolio}:DE.{10**19 + number}", f"phone:{portfolio}:{digits}")
    name = contact_id(aliases[0], SHARDS)
    own = conversation_id(lane_of(name), 63 + number)
    thread = Place(desk="slack", channel="C04SUPPORT1", thread=f"1732{number:06d}.123459")
    conversation = Conversation(
        id=own,
        number=conversation_number(own, SHARDS),
        inbox=InboxId("support"),
        opened_at=_AT,
        episode_at=_AT,
        status=Status.RESOLVED,
        assignee=AgentId("slack:U04BEN0001"),
        thread=thread,
        card=Post(desk=thread.desk, channel=thread.channel, id=thread.thread or ""),
        card_version=7,
        opened_version=1,
        window_until=_AT + timedelta(days=1),
        last_inbound=f"wamid.HBgN{number:012d}FQIAEhgWM0VCMEQxQjlCRDJGNUZBNDM3RjQA==",
        last_inbound_at=_AT,
    )
    return Contact(
        id=name,
        name="Anneliese Müller-Hoffmann",
        phone=digits,
        address=f"phone:+{digits}",
        aliases=aliases,
        conversations={conversation.inbox: conversation},
        seq=14,
        resting=_AT.replace(microsecond=0) + timedelta(days=8),
    )


def writes(contact: Contact, form: str, lines: int) -> Iterator[tuple[Arg, ...]]:
    """The commands that leave in Redis what the bridge has of a contact in this form, with so many recent lines."""
    (conversation,) = contact.conversations.values()
    lane = lane_of(contact.id)
    for alias in contact.aliases:
        yield ("SET", keys.alias(alias), contact.id)
    yield ("SET", keys.contact(contact.id), version_bytes(9) + _state(contact, form))
    if form == FORMS[2] or conversation.thread is None:
        return
    ref = _encode(ThreadRef(contact=contact.id, conversation=conversation.id, inbox=conversation.inbox))
    yield ("SET", keys.thread(conversation.thread), ref)
    yield ("SET", keys.numbered(conversation.id), ref)
    if form == FORMS[0]:
        line = Recent(at=_AT, direction=Direction.INBOUND, author=contact.name, text=_LINE)
        for _ in range(min(lines, RECENT_KEPT)):
            yield ("RPUSH", keys.recent(lane, conversation.id), _encode(line))


def _state(contact: Contact, form: str) -> bytes:
    if form == FORMS[0]:
        return _encode(msgspec.structs.replace(contact, resting=None))
    if form == FORMS[1]:
        return stub.pack_stub(contact, _AT + timedelta(days=8))
    return stub.pack_shelved(contact)


async def per_contact(redis: JoinedRedis, form: str, contacts: int, lines: int) -> float:
    """Bytes of Redis's memory for each of so many contacts, written into an empty database."""
    before = await _used(redis)
    commands: list[tuple[Arg, ...]] = []
    for number in range(contacts):
        commands += writes(made_up(number), form, lines)
        if len(commands) > _BATCH:
            await redis.batch(commands)
            commands = []
    if commands:
        await redis.batch(commands)
    return (await _used(redis) - before) / contacts


async def _used(redis: JoinedRedis) -> int:
    info = (await redis("INFO", "memory")).decode()
    return int(info.partition("used_memory:")[2].partition("\r")[0])


async def by_form(contacts: int, lines: int) -> dict[str, float]:
    """Bytes for each contact by form, each on a Valkey of its own."""
    found = {}
    for form in FORMS:
        with tempfile.TemporaryDirectory(prefix="threadline-rest-") as folder:
            valkey = EmbeddedValkey(Path(folder))
            await valkey.start()
            redis = JoinedRedis(valkey.url)
            try:
                found[form] = await per_contact(redis, form, contacts, lines)
            finally:
                await redis.aclose()
                await valkey.stop()
    return found


async def measure(contacts: int, lines: int = RECENT) -> Section:
    """After so many contacts of each form, with so many recent lines while open."""
    rows = [
        Row(f"{form}: bytes each", size, "B", 0) for form, size in (await by_form(contacts, lines)).items()
    ]
    return Section(f"Redis, {contacts} contacts with {lines} recent lines while open", tuple(rows))
