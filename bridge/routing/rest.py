"""Contacts that nobody hears of for long: when they may leave Redis, and how they come back.

The state of a quiet contact is journaled (`ContactStored`); once the archive has it (`ContactArchived`) and nothing
changed meanwhile, a stub stands in its stead, and much later not even that. Whatever wakes the contact is decided on
the state from the archive, so resting changes nothing that anybody sees. While the archive does not answer the stub
goes on alone (`Contact.partial`), and what it does not say is added once it is known (`ContactFetched`).
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from bridge.events import (
    ContactArchived,
    ContactFetched,
    ContactIdle,
    ContactLaneEvent,
    DeliveryChanged,
    Result,
    StubOutlived,
    WindowClosing,
)
from bridge.journal import ContactStored
from bridge.markup import text
from bridge.model import (
    ENDED_KEPT,
    FORMER_KEPT,
    TOUCHES_KEPT,
    AgentId,
    Contact,
    Conversation,
    ConversationId,
    Direction,
    InboxId,
    Place,
    Priority,
    Recent,
    Roster,
    Status,
)
from bridge.routing import texts
from bridge.routing.decision import Form
from bridge.routing.notes import RECENT_LIMIT
from bridge.routing.turn import Turn

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Contact).decode


def wakes(event: ContactLaneEvent, *, known: bool) -> bool:
    """Whether deciding on `event` takes the whole state of a contact at rest. `known`: a message record that it is
    about was found; late news of anything else is ignored whatever the state.
    """
    match event:
        case ContactIdle() | ContactArchived() | ContactFetched() | WindowClosing() | Result():
            return False
        case DeliveryChanged():
            return known
        case _:
            return True


def follow(turn: Turn, event: ContactIdle | ContactArchived | StubOutlived | ContactFetched) -> None:
    """Decide on a step of resting."""
    match event:
        case ContactIdle():
            _idle(turn, event)
        case ContactArchived():
            _archived(turn, event)
        case StubOutlived():
            _outlived(turn, event)
        case ContactFetched():
            _fetched(turn, event)
        case _:
            assert_never(event)


def _idle(turn: Turn, event: ContactIdle) -> None:
    """Have the archive keep the state, if the contact may rest."""
    contact = turn.contact
    why = stays(contact) or _later(contact, event)
    if turn.context.pending:
        why = "busy"
    if why:
        turn.ignore(why)
        return
    turn.contact = stored = replace(contact, resting=event.at)
    stamp = turn.stamp(InboxId(""), ConversationId(""))
    turn.fact(ContactStored(**stamp, state=_encode(stored)))


def stays(contact: Contact) -> str:
    """Why a contact may not rest, in one or two words; empty when it may.

    Pending actions are not part of the state. A join needs no mention: what is under way of it are events, and they
    wake whom they are for.
    """
    if not contact.conversations and contact.redirect is None:
        return "nothing to store"
    if contact.partial is not None:
        return "not whole"
    for one in (*contact.conversations.values(), *contact.ended):
        if one.status is Status.ACTIVE:
            return "active"
        if one.choices or one.held or one.awaiting or one.opening is not None:
            return "busy"
    return ""


def _later(contact: Contact, event: ContactIdle) -> str:
    """The archive may lag behind what the state knows."""
    times = (
        at
        for one in contact.conversations.values()
        for at in (one.opened_at, one.episode_at, one.last_inbound_at, one.healed_at)
        if at is not None
    )
    return "not idle" if any(at > event.since for at in times) else ""


def _archived(turn: Turn, event: ContactArchived) -> None:
    """A stub is enough now, unless something happened since the state was stored."""
    if _still(turn, event.stored):
        turn.form = Form.STUB


def _outlived(turn: Turn, event: StubOutlived) -> None:
    """Nobody wrote for so long that the archive alone may know."""
    if not _still(turn, event.stored):
        return
    contact = turn.contact
    every = (*contact.conversations.values(), *contact.ended)
    places = tuple(one for conversation in every for one in _places(conversation))
    if places:
        turn.forget_threads(places)
    turn.form = Form.SHELVED


def _places(conversation: Conversation) -> tuple[Place, ...]:
    return (*((conversation.thread,) if conversation.thread else ()), *conversation.former)


def _still(turn: Turn, stored: object) -> bool:
    if turn.contact.resting != stored:
        turn.ignore("changed since")
    elif turn.context.pending:
        turn.ignore("busy")
    else:
        return True
    return False


# ----------------------------------------------------------------------------------------------- coming back


def _fetched(turn: Turn, event: ContactFetched) -> None:
    """Add what the stub did not say; what happened since stays."""
    contact = turn.contact
    if contact.partial is None:
        turn.ignore("not asked for")
        return
    try:
        known = _decode(event.state)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        turn.ignore("unreadable")
        return
    if known.resting != contact.partial:
        # The archive was put back to an older one: what it has is not what the stub stood for.
        turn.contact = replace(contact, partial=None)
        turn.ignore("another state")
        return
    now = {one.id for one in (*contact.conversations.values(), *contact.ended)}
    earlier = tuple(one for one in known.ended if one.id not in now)
    ended = tuple(_filled(one, known.conversation(one.id)) for one in contact.ended)
    turn.contact = replace(
        contact,
        conversations={
            inbox: _filled(one, known.conversation(one.id)) for inbox, one in contact.conversations.items()
        },
        ended=(*earlier, *ended)[-ENDED_KEPT:],
        marketing=known.marketing and contact.marketing,
        past=known.past | contact.past,
        touches=tuple(sorted(known.touches + contact.touches, key=lambda one: one.at)[-TOUCHES_KEPT:]),
        partial=None,
    )


def _filled(now: Conversation, known: Conversation | None) -> Conversation:
    """A conversation that went on from its stub, with what the archive knows of it."""
    if known is None:
        return now
    return replace(
        now,
        priority=known.priority if now.priority is Priority.NORMAL else now.priority,
        tags=known.tags + tuple(tag for tag in now.tags if tag not in known.tags),
        former=tuple(dict.fromkeys((*known.former, *now.former)))[-FORMER_KEPT:],
        last_inbound=now.last_inbound or known.last_inbound,
        last_inbound_at=now.last_inbound_at or known.last_inbound_at,
        read_inbound=now.read_inbound or known.read_inbound,
        previous=now.previous or known.previous,
        stuck=now.stuck or known.stuck,
    )


def recalled(
    contact: Contact,
    roster: Roster,
    *,
    at: datetime,
    direction: Direction,
    author: AgentId | None,
    said: str,
    internal: bool,
) -> Recent:
    """Something that was said, as the recent history has it."""
    agent = roster.get(author)
    ours = agent.name if agent else ""
    return Recent(
        at=at,
        direction=direction,
        author=texts.contact_name(contact) if direction is Direction.INBOUND else ours,
        text=texts.excerpt(text(said), RECENT_LIMIT),
        internal=internal,
    )
