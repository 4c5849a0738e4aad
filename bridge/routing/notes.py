"""What was said, for the journal and the recent history; and words that stay on the desk."""

from __future__ import annotations

from bridge.content import Outward, whole
from bridge.events import DeskEvent
from bridge.journal import MessageNoted
from bridge.markup import Document
from bridge.model import (
    AgentId,
    Conversation,
    DeskUser,
    Direction,
    Draft,
    MessageId,
    Post,
    Receipt,
    message_id,
)
from bridge.routing import texts
from bridge.routing.turn import Turn

RECENT_LIMIT = 500
"""Characters of a message that the recent history keeps."""


def said(  # noqa: PLR0913 - all that the journal says of words
    turn: Turn,
    conversation: Conversation,
    message: MessageId,
    author: AgentId | None,
    account: DeskUser,
    body: Document,
    post: Post | None,
    *,
    internal: bool,
    extras: tuple[Outward, ...] = (),
) -> None:
    """Staff said something: to the contact, or among themselves."""
    agent = turn.context.roster.get(author)
    body = whole(body, extras)
    line = texts.excerpt(body, RECENT_LIMIT)
    name = agent.name if agent else _name_of_viewer(turn)
    turn.remember(conversation.id, Direction.OUTBOUND, name, line, message, internal=internal)
    turn.fact(
        MessageNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            message=message,
            direction=Direction.OUTBOUND,
            body=body,
            internal=internal,
            extras=extras,
            author=author,
            account=account,
            post=post,
        )
    )


def _name_of_viewer(turn: Turn) -> str:
    """Whose words they are when it is no agent's, as the desk calls them; empty when it does not say."""
    return turn.event.author_name if isinstance(turn.event, DeskEvent) else ""


def internal(
    turn: Turn,
    conversation: Conversation,
    author: AgentId | None,
    account: DeskUser,
    body: Document,
    post: Post | None,
    extras: tuple[Outward, ...] = (),
) -> None:
    """Words typed just now that stay on the desk; their receipt says so."""
    turn.receipt(conversation.inbox, conversation.id, post, Receipt.INTERNAL)
    message = message_id(turn.lane, turn.event.id)
    said(turn, conversation, message, author, account, body, post, internal=True, extras=extras)


def stay_internal(turn: Turn, conversation: Conversation, draft: Draft) -> None:
    """Words that were on their way stay on the desk for good."""
    turn.receipt(conversation.inbox, conversation.id, draft.post, Receipt.INTERNAL)
    said(
        turn,
        conversation,
        draft.message,
        draft.author,
        draft.account,
        draft.body,
        draft.post,
        internal=True,
        extras=draft.extras,
    )
