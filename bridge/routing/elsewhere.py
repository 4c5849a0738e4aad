"""What colleagues write to contacts without us, in the platform's own app."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.content import Words, described, kind_of
from bridge.events import AnsweredElsewhere
from bridge.journal import DeliveryNoted, MessageNoted, PartFate
from bridge.model import Direction, Fate, MessageRecord, Part, message_id
from bridge.routing import campaigns, lifecycle, outbound, texts
from bridge.routing.notes import RECENT_LIMIT
from bridge.routing.turn import Turn


def answered(turn: Turn, event: AnsweredElsewhere) -> None:
    """Shown in the thread and counted as an answer; never sent. It opens no conversation, and ours that come back are
    none.
    """
    conversation = turn.contact.conversations.get(event.inbox)
    if conversation is None or conversation.status in lifecycle.OVER:
        turn.ignore("no conversation")
        return
    if outbound.find_by_platform_id(turn, event.platform_id) is not None:
        turn.ignore("our own")
        return
    campaigns.typed_elsewhere(turn, event.platform_id)
    message = message_id(turn.lane, event.id)
    said = described(event.content)
    turn.notice(conversation, texts.via_phone(said), message=message)
    waiting = turn.fresh(conversation).waiting_since
    if waiting is not None and waiting <= event.sent_at:
        turn.put(replace(turn.fresh(conversation), waiting_since=None))
    turn.keep(
        MessageRecord(
            id=message,
            conversation=conversation.id,
            direction=Direction.OUTBOUND,
            at=event.at,
            parts=(Part(platform_id=event.platform_id),),
            total=1,
            fate=Fate.ACCEPTED,
        )
    )
    line = texts.excerpt(said, RECENT_LIMIT)
    turn.remember(conversation.id, Direction.OUTBOUND, texts.PHONE, line, message)
    stamp = turn.stamp(conversation.inbox, conversation.id)
    turn.fact(
        MessageNoted(
            **stamp,
            message=message,
            direction=Direction.OUTBOUND,
            body=said,
            kind=kind_of(event.content),
            sent_at=event.sent_at,
            content=None if isinstance(event.content, Words) else event.content,
        )
    )
    arrived = PartFate(part=0, fate=Fate.ACCEPTED, platform_id=event.platform_id)
    turn.fact(DeliveryNoted(**stamp, message=message, fate=Fate.ACCEPTED, parts=(arrived,), total=1))
