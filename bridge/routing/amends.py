"""Messages that contacts edit or delete after they were shown."""

from __future__ import annotations

from bridge.actions import Amend, PostNotice
from bridge.content import Words, described
from bridge.events import ContactAmended, Failed
from bridge.journal import MessageNoted
from bridge.model import Direction, message_id
from bridge.routing import texts
from bridge.routing.notes import RECENT_LIMIT
from bridge.routing.turn import Turn

EDITED, DELETED = "edit", "revoke"
"""Kinds of the messages that the journal has of such changes."""


def amended(turn: Turn, event: ContactAmended) -> None:
    """Said on the post that shows the message, in the conversation of today. It opens nothing and asks for no answer."""
    conversation = turn.contact.conversations.get(event.inbox)
    if conversation is None:
        turn.ignore("no conversation")
        return
    message = message_id(turn.lane, event.id)
    author = texts.PHONE.capitalize() if event.ours else texts.contact_name(turn.contact)
    direction = Direction.OUTBOUND if event.ours else Direction.INBOUND
    turn.amend(conversation, message, author, event)
    said = texts.amended(author, described(event.content) if event.content is not None else None)
    turn.remember(conversation.id, direction, author, texts.excerpt(said, RECENT_LIMIT), message)
    turn.fact(
        MessageNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            message=message,
            direction=direction,
            body=said,
            internal=event.ours,
            kind=DELETED if event.content is None else EDITED,
            sent_at=event.sent_at,
            content=None if isinstance(event.content, Words) else event.content,
        )
    )


def not_amended(turn: Turn, action: Amend, event: Failed) -> None:
    """A notice in its stead and in its turn; `event`'s words are those of the message, where they are known."""
    conversation = turn.conversation(action.conversation)
    if conversation is None:
        turn.end(action.id)
        return
    turn.ensure_thread(conversation)
    said = described(action.content) if action.content is not None else None
    turn.replaced[action.id] = PostNotice(
        id=action.id,
        seq=action.seq,
        contact=action.contact,
        inbox=action.inbox,
        conversation=action.conversation,
        body=texts.amended(action.author, said, event.failure.words),
        message=action.message,
    )
