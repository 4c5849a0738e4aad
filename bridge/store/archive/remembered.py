"""A contact as the archive's rows remember it: the state that was stored, or one made from what was projected. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.engine import Row

from bridge.instants import instant
from bridge.model import (
    ENDED_KEPT,
    FORMER_KEPT,
    AgentId,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    InboxId,
    Place,
    Post,
    Priority,
    Status,
)

_contact = msgspec.msgpack.Decoder(Contact).decode


def as_stored(row: Row[Any], states: Sequence[Row[Any]]) -> Contact | None:
    """The state as it was stored, if nothing happened since."""
    for state in states:
        if state.at > row.last_at:
            try:
                found = _contact(state.state)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return None
            return found if found.resting == instant(state.at) else None
    return None


def rebuilt(
    row: Row[Any],
    aliases: tuple[str, ...],
    conversations: Sequence[Row[Any]],
    threads: Sequence[Row[Any]],
    tags: Sequence[Row[Any]],
    windows_s: Mapping[InboxId, float],
) -> Contact:
    """A contact's state, made from what was projected: what people see, but for what was under way."""
    merged = row.merged_into
    current: dict[InboxId, Conversation] = {}
    ended: list[Conversation] = []
    threads = sorted(threads, key=lambda one: one.at)
    for one in sorted(conversations, key=lambda one: one.number):
        conversation = _conversation(
            one,
            [thread for thread in threads if thread.conversation == one.id],
            tuple(tag.tag for tag in tags if tag.conversation == one.id),
            windows_s,
        )
        if merged is not None:
            conversation = msgspec.structs.replace(conversation, continued=0)
        before = current.get(conversation.inbox)
        if before is not None:
            ended.append(before)
        current[conversation.inbox] = conversation
    return Contact(
        id=ContactId(row.id),
        name=row.name,
        username=row.username,
        phone=row.phone,
        address=row.address,
        aliases=aliases,
        conversations=current,
        ended=tuple(ended[-ENDED_KEPT:]),
        redirect=ContactId(merged) if merged else None,
    )


def waiting_since(row: Row[Any]) -> datetime | None:
    """When the contact wrote last, if no answer followed. The first one that waits would be better, and is not known."""
    inbound = row.last_inbound_at
    return instant(inbound) if inbound is not None and (row.last_outbound_at or 0) < inbound else None


def _conversation(
    row: Row[Any], threads: Sequence[Row[Any]], tags: tuple[str, ...], windows_s: Mapping[InboxId, float]
) -> Conversation:
    status = Status(row.status)
    thread = Place(desk=row.desk, channel=row.channel, thread=row.thread) if row.thread else None
    places = [Place(desk=one.desk, channel=one.channel, thread=one.thread) for one in threads]
    cards = {
        Place(desk=one.desk, channel=one.channel, thread=one.thread): Post(
            desk=one.desk, channel=one.channel, id=one.card
        )
        for one in threads
    }
    inbound = instant(row.last_inbound_at) if row.last_inbound_at is not None else None
    window = timedelta(seconds=windows_s.get(InboxId(row.inbox), 86_400.0))
    return Conversation(
        id=ConversationId(row.id),
        number=row.number,
        inbox=InboxId(row.inbox),
        opened_at=instant(row.opened_at),
        episode_at=instant(row.status_at if status is Status.ACTIVE else row.opened_at),
        status=status,
        assignee=AgentId(row.assignee) if row.assignee else None,
        priority=Priority(row.priority),
        tags=tags,
        thread=thread,
        card=cards.get(thread) if thread else None,
        former=tuple(one for one in places if one != thread)[-FORMER_KEPT:],
        waiting_since=waiting_since(row) if status is Status.ACTIVE else None,
        window_until=inbound + window if inbound else None,
        last_inbound_at=inbound,
        previous=ConversationId(row.previous) if row.previous else None,
    )
