"""What was said before the bridge: it goes to the archive, into a conversation that is over, and to no desk."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bridge.content import Words, described, kind_of
from bridge.events import HistoryImported, PastMessage
from bridge.journal import ConversationOpened, DeliveryNoted, MessageNoted, PartFate, StatusNoted
from bridge.markup import Document, text
from bridge.model import (
    ENDED_KEPT,
    Conversation,
    ConversationId,
    Direction,
    InboxId,
    Status,
    conversation_id,
    conversation_number,
    message_id,
)
from bridge.routing import identity
from bridge.routing.turn import Turn

PLACEHOLDER = "file"
"""`MessageNoted.kind` of a message of which no more is known."""
_NO_MORE: Document = text("[a file]")


def imported(turn: Turn, event: HistoryImported) -> None:
    """Facts, and no action: nothing is shown, nothing is counted as an answer, no time for free text begins."""
    if not event.messages:
        turn.ignore("empty")
        return
    known = turn.contact
    identity.learn(
        turn, event.inbox, event.aliases, known.phone or event.phone, known.address or event.address
    )
    turn.contact = replace(turn.contact, username=known.username or event.username)
    first = min(one.sent_at for one in event.messages)
    conversation = turn.contact.past.get(event.inbox) or _open(turn, event.inbox, first)
    for message in event.messages:
        _note(turn, event.inbox, conversation, message)


def _open(turn: Turn, inbox: InboxId, at: datetime) -> ConversationId:
    new = conversation_id(turn.lane, turn.context.counter)
    number = conversation_number(new, turn.context.policies.shards)
    made = Conversation(id=new, number=number, inbox=inbox, opened_at=at, episode_at=at, status=Status.CLOSED)
    turn.opened = new
    contact = turn.contact
    turn.contact = replace(
        contact, past={**contact.past, inbox: new}, ended=(*contact.ended, made)[-ENDED_KEPT:]
    )
    stamp = {**turn.stamp(inbox, new), "at": at}
    turn.fact(ConversationOpened(**stamp, number=number, name=contact.name))  # type: ignore[arg-type]
    turn.fact(StatusNoted(**stamp, before=Status.ACTIVE, after=Status.CLOSED))  # type: ignore[arg-type]
    return new


def _note(turn: Turn, inbox: InboxId, conversation: ConversationId, past: PastMessage) -> None:
    message = message_id(turn.lane, past.about.cause)
    stamp = {**turn.stamp(inbox, conversation), "at": past.sent_at}
    content = past.content
    turn.fact(
        MessageNoted(
            **stamp,  # type: ignore[arg-type]
            message=message,
            direction=Direction.OUTBOUND if past.ours else Direction.INBOUND,
            body=_NO_MORE if content is None else described(content),
            kind=PLACEHOLDER if content is None else kind_of(content),
            platform_id=None if past.ours else past.about.platform_id,
            sent_at=past.sent_at,
            content=None if content is None or isinstance(content, Words) else content,
            imported=True,
        )
    )
    if past.ours:
        part = PartFate(part=0, fate=past.fate, platform_id=past.about.platform_id)
        turn.fact(
            DeliveryNoted(**stamp, message=message, fate=past.fate, parts=(part,), total=1, imported=True)  # type: ignore[arg-type]
        )
