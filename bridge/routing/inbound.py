"""What the contact did: wrote, or changed number or id."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bridge.actions import Relay
from bridge.content import Call, Cards, Content, Words, described, kind_of, vcard
from bridge.events import ContactChanged, MessageReceived, ModeChanged
from bridge.journal import MessageNoted
from bridge.model import (
    Conversation,
    Direction,
    MessageRecord,
    message_id,
)
from bridge.routing import awaiting, campaigns, identity, joins, lifecycle, texts
from bridge.routing.notes import RECENT_LIMIT
from bridge.routing.turn import Turn


def received(turn: Turn, event: MessageReceived) -> None:
    """The contact wrote: exactly one `Relay`, in the conversation it belongs to."""
    if joins.asks(turn, event):
        return
    identity.learn(turn, event.inbox, event.aliases, event.phone, event.address)
    contact = turn.contact
    turn.contact = replace(
        contact, name=event.name or contact.name, username=event.username or contact.username
    )
    conversation = lifecycle.for_inbound(turn, event.inbox)
    # A platform clock that runs ahead must not lengthen the window.
    written = min(event.sent_at, event.at)
    waiting = conversation.waiting_since
    inbox = turn.inbox(event.inbox)
    conversation = turn.put(
        replace(
            conversation,
            waiting_since=waiting if _needs_no_answer(event.content) else min(waiting or written, written),
            window_until=lifecycle.window_after(conversation, written, inbox.window_s),
            last_inbound=event.platform_id or conversation.last_inbound,
            last_inbound_at=event.at,
        )
    )
    _relay(turn, event, conversation, written)
    campaigns.answered(turn, event, conversation)
    awaiting.release(turn, conversation)


def _needs_no_answer(content: Content) -> bool:
    """True for a call that somebody took, or that is only beginning."""
    return isinstance(content, Call) and (content.completed or not content.ended)


def _relay(turn: Turn, event: MessageReceived, conversation: Conversation, written: datetime) -> None:
    message = message_id(turn.lane, event.id)
    author = texts.contact_name(turn.contact)
    said = described(event.content)
    late = (event.at - written).total_seconds() > turn.context.policies.late_after_s
    content = event.content
    if isinstance(content, Cards) and content.cards and not content.own:
        # What an address book opens, with what it says in words.
        content = vcard.file_of(content)
    relay: Relay = replace(
        turn.relay(conversation, message, author, content),
        sent_at=written if late else None,
        marks=event.marks,
        quoted=event.quoted,
    )
    turn.add(relay)
    turn.keep(
        MessageRecord(
            id=message,
            conversation=conversation.id,
            direction=Direction.INBOUND,
            at=event.at,
            platform_id=event.platform_id or None,
        )
    )
    turn.remember(conversation.id, Direction.INBOUND, author, texts.excerpt(said, RECENT_LIMIT), message)
    turn.fact(
        MessageNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            message=message,
            direction=Direction.INBOUND,
            body=said,
            kind=kind_of(event.content),
            platform_id=event.platform_id or None,
            sent_at=event.sent_at,
            content=None if isinstance(event.content, Words) else event.content,
            marks=event.marks,
        )
    )


def changed(turn: Turn, event: ContactChanged) -> None:
    """The contact has a new number or id: remember both, and say so where they are being answered."""
    identity.learn(turn, event.inbox, event.aliases, event.phone, event.address)
    if event.marketing is not None:
        turn.contact = replace(turn.contact, marketing=event.marketing)
    current = turn.contact.conversations.get(event.inbox)
    if current is not None and current.status not in lifecycle.OVER:
        turn.notice(current, texts.changed(turn.contact, event.what))
    if event.alert and current is not None:
        turn.alert(current, texts.about(current.number, texts.changed(turn.contact, event.what)))


def mode_changed(turn: Turn, event: ModeChanged) -> None:
    """The card of the inbox's conversation is rendered anew."""
    conversation = turn.contact.conversations.get(event.inbox)
    if conversation is None:
        turn.ignore("no conversation")
        return
    turn.put(replace(conversation, card_version=conversation.card_version + 1))
