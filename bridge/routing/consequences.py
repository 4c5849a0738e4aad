"""What follows from a change of state, whoever made it: threads that are needed again, cards, rows of the lists."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.events import ConversationNoted
from bridge.journal import ContactNoted
from bridge.model import (
    DESK_LANE,
    DESK_UNIT,
    Contact,
    Conversation,
    ConversationId,
    InboxId,
    OpenConversation,
    Status,
)
from bridge.routing.turn import Turn

CARD_WINDOW_STEP_S = 3600
"""The card is not rendered anew when nothing but the end of the service window moves, by less than this: that happens
only while a contact writes several messages in a row, and the card then shows an instant that is rather too early."""


def follow(turn: Turn) -> None:
    """Add to a decision what its changes ask for; to be called once, when everything else is decided."""
    if turn.contact is not turn.before:
        _note_contact(turn)
        for conversation in (*turn.contact.conversations.values(), *turn.contact.ended):
            _follow(turn, conversation)


def _follow(turn: Turn, conversation: Conversation) -> None:
    was = turn.before.conversation(conversation.id)
    before, now = turn.before, turn.contact
    if was is conversation and (before.name, before.touches) == (now.name, now.touches):
        return
    if was is not None and was.status is not conversation.status is Status.ACTIVE:
        # Its thread may have vanished while nobody needed it.
        conversation = turn.ensure_thread(conversation)
    if was is not None and _face(turn.before, was) != _face(turn.contact, conversation):
        conversation = turn.put(replace(conversation, card_version=conversation.card_version + 1))
    # While a thread is being made its card is rendered from current state; what changed since it was asked for is
    # caught up with as soon as it exists.
    news = was is not None and (was.card_version != conversation.card_version or was.thread is None)
    if news and conversation.thread is not None and conversation.card_version > conversation.opened_version:
        turn.update_card(conversation)
    if was is None or _row_face(turn.before, was) != _row_face(turn.contact, conversation):
        _note(turn, was, conversation)


def _note_contact(turn: Turn) -> None:
    """The journal hears of a changed name, number or address."""
    before, now = turn.before, turn.contact
    if _who(before) != _who(now):
        stamp = turn.stamp(InboxId(""), ConversationId(""))
        turn.fact(
            ContactNoted(**stamp, name=now.name, username=now.username, phone=now.phone, address=now.address)
        )


def _who(contact: Contact) -> tuple[str | None, ...]:
    return contact.name, contact.username, contact.phone, contact.address


def _note(turn: Turn, was: Conversation | None, conversation: Conversation) -> None:
    row = OpenConversation(
        id=conversation.id,
        contact=turn.contact.id,
        number=conversation.number,
        inbox=conversation.inbox,
        name=turn.contact.name,
        status=conversation.status,
        assignee=conversation.assignee,
        waiting_since=conversation.waiting_since,
    )
    before = was.assignee if was else None
    noted = ConversationNoted(id=turn.emit_id(), at=turn.now, row=row, before=before)
    turn.emit(DESK_LANE, DESK_UNIT, noted)


def _face(contact: Contact, conversation: Conversation) -> tuple[object, ...]:
    """What the card shows, for comparison."""
    active = conversation.status is Status.ACTIVE
    until = conversation.window_until
    return (
        contact.name,
        contact.phone,
        contact.username,
        conversation.status,
        conversation.assignee,
        conversation.priority,
        conversation.tags,
        conversation.waiting_since if active else None,
        until and int(until.timestamp() // CARD_WINDOW_STEP_S),
        len(conversation.choices),
        len(conversation.held),
        conversation.failed,
        contact.touches[-1:],
    )


def _row_face(contact: Contact, conversation: Conversation) -> tuple[object, ...]:
    """What lists and loads know; those that are not active stand in no list."""
    active = conversation.status is Status.ACTIVE
    return conversation.status, conversation.assignee, contact.name if active else ""
