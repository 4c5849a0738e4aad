"""A contact that is to be forgotten: the state goes at once, what leads to it and what was said right after.

The journal's fact, the last one about this life, has the archive take out everything before it. Whoever writes after
that is a new contact, even under the same id.
"""

from __future__ import annotations

from bridge.events import ContactForgotten, ConversationNoted
from bridge.journal import ErasureNoted
from bridge.model import (
    DESK_LANE,
    DESK_UNIT,
    Contact,
    Conversation,
    ConversationId,
    InboxId,
    OpenConversation,
    Place,
    Status,
)
from bridge.routing.decision import Form
from bridge.routing.turn import Turn


def forgotten(turn: Turn, event: ContactForgotten) -> None:
    """Forget the contact, unless somebody still talks to them and nobody insists."""
    contact = turn.contact
    every = (*contact.conversations.values(), *contact.ended)
    if not event.force:
        if any(one.status is Status.ACTIVE for one in every):
            turn.ignore("active")
            return
        if turn.context.pending:
            turn.ignore("busy")
            return
    for action in turn.context.pending:
        turn.end(action)
    for conversation in every:
        _wind_up(turn, conversation)
    places = tuple(dict.fromkeys((*event.places, *(one for case in every for one in _places(case)))))
    aliases = tuple(dict.fromkeys((*event.aliases, *contact.aliases)))
    turn.contact = Contact(id=contact.id, seq=contact.seq)
    turn.erase(event, aliases, places)
    turn.fact(ErasureNoted(**turn.stamp(InboxId(""), ConversationId("")), by=event.by))


def _wind_up(turn: Turn, conversation: Conversation) -> None:
    """Nothing is to come of the conversation any more, and no list names it."""
    for token in (*(one.token for one in conversation.choices), *(one.token for one in conversation.held)):
        turn.clear_timer(token)
    if conversation.status is not Status.ACTIVE:
        return
    row = OpenConversation(
        id=conversation.id,
        contact=turn.contact.id,
        number=conversation.number,
        inbox=conversation.inbox,
        name="",
        status=Status.DELETED,
        assignee=conversation.assignee,
    )
    noted = ConversationNoted(id=turn.emit_id(), at=turn.now, row=row, before=conversation.assignee)
    turn.emit(DESK_LANE, DESK_UNIT, noted)


def _places(conversation: Conversation) -> tuple[Place, ...]:
    return (*((conversation.thread,) if conversation.thread else ()), *conversation.former)


def erased(turn: Turn) -> None:
    """What led to the contact is gone: so is the record, unless there is a new life in it."""
    if turn.contact == Contact(id=turn.contact.id, seq=turn.contact.seq):
        turn.form = Form.GONE
