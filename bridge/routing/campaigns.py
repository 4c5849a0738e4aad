"""By what a contact was addressed, or came to us, and what they said to it: templates, advertisements, other programs' messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bridge.content import TemplateMessage, described
from bridge.events import CampaignImported, DeliveryChanged, MessageReceived
from bridge.journal import TouchNoted
from bridge.markup import one_line
from bridge.model import (
    TOUCHES_KEPT,
    Contact,
    Conversation,
    ConversationId,
    InboxId,
    MessageId,
    MessageRecord,
    Touch,
    message_id,
)
from bridge.routing import identity, texts
from bridge.routing.turn import Turn

ANSWERS_WITHIN = timedelta(days=7)
"""So long what a contact writes without quoting is taken for an answer to the latest touch."""
SHOWN_FOR = timedelta(days=30)
"""So long the card tells of a touch."""
_ANSWER_LIMIT = 60
_NAME_LIMIT = 120
_BEGINS = "sent"
"""The status by which another program's message is heard of; a later one may be about what a colleague wrote on the phone, and
that is forgotten after two days.
"""


# ----------------------------------------------------------------------------------------------- addressed


def sent(turn: Turn, inbox: InboxId, record: MessageRecord) -> None:
    """A message of ours was accepted: a template is a touch."""
    for extra in record.draft.extras if record.draft else ():
        if isinstance(extra, TemplateMessage):
            platform_id = record.parts[-1].platform_id if record.parts else ""
            touch = Touch(
                kind="template",
                at=turn.now,
                name=extra.name,
                campaign=extra.campaign,
                platform_id=platform_id,
            )
            _add(turn, inbox, record.conversation, touch)


def elsewhere(turn: Turn, event: DeliveryChanged) -> bool:
    """News of a message that we did not send. False: nothing new."""
    if event.message is not None or event.status != _BEGINS or _find(turn.contact, event.platform_id):
        return False
    current = turn.contact.conversations.get(event.inbox)
    conversation = current.id if current else ConversationId("")
    touch = Touch(kind="elsewhere", at=event.at, platform_id=event.platform_id)
    _add(turn, event.inbox, conversation, touch)
    return True


def typed_elsewhere(turn: Turn, platform_id: str) -> None:
    """A colleague wrote it, on the phone: that is no campaign."""
    kept = tuple(one for one in turn.contact.touches if one.platform_id != platform_id)
    if len(kept) < len(turn.contact.touches):
        turn.contact = replace(turn.contact, touches=kept)


def imported(turn: Turn, event: CampaignImported) -> None:
    """An operator's list says what was sent: it is known better now, or known at all."""
    known = turn.contact
    identity.learn(
        turn, event.inbox, event.aliases, known.phone or event.phone, known.address or event.address
    )
    current = turn.contact.conversations.get(event.inbox)
    conversation = current.id if current else ConversationId("")
    heard = _find(turn.contact, event.platform_id)
    touch = Touch(
        kind="template",
        at=event.sent_at,
        name=event.template,
        campaign=event.campaign,
        platform_id=event.platform_id,
        answer=heard.answer if heard else "",
        answered_at=heard.answered_at if heard else None,
    )
    _add(turn, event.inbox, conversation, touch)


# ------------------------------------------------------------------------------------------------ answered


def answered(turn: Turn, event: MessageReceived, conversation: Conversation) -> None:
    """What the contact wrote may come from an advertisement, or be an answer to what they were sent."""
    message = message_id(turn.lane, event.id)
    said = one_line(texts.excerpt(described(event.content), _ANSWER_LIMIT))
    referral = event.marks.referral
    if referral is not None:
        name = one_line(referral.headline or referral.body or referral.id)[:_NAME_LIMIT]
        came = Touch(kind="ad", at=event.at, name=name, answer=said, answered_at=event.at)
        _add(turn, event.inbox, conversation.id, came, message)
        return
    touch = _meant(turn.contact, event)
    if touch is None:
        return
    answer = replace(touch, answer=said or "…", answered_at=event.at)
    kept = tuple(answer if one is touch else one for one in turn.contact.touches)
    turn.contact = replace(turn.contact, touches=kept)
    _note(turn, event.inbox, conversation.id, answer, message)


def _meant(contact: Contact, event: MessageReceived) -> Touch | None:
    """The touch that a message answers first: the one it quotes, else the latest, where that was lately."""
    if event.quoted is not None:
        quoted = _find(contact, event.quoted.platform_id)
        return quoted if quoted is not None and not quoted.answered_at else None
    latest = contact.touches[-1] if contact.touches else None
    if latest is None or latest.answered_at or event.at - latest.at > ANSWERS_WITHIN:
        return None
    return latest


# --------------------------------------------------------------------------------------------------- shown


def shown(touch: Touch) -> str:
    """A touch in a few words."""
    what = {"ad": "advertisement", "elsewhere": "sent by another program"}.get(touch.kind, "")
    named = " ".join(one for one in (what, f"“{touch.name}”" if touch.name else "") if one)
    return f"{touch.campaign}: {named}" if touch.campaign else named


def latest(contact: Contact, now: datetime) -> str:
    """What the card tells; empty where there is nothing, or nothing of the last weeks."""
    touch = contact.touches[-1] if contact.touches else None
    return shown(touch) if touch is not None and now - touch.at < SHOWN_FOR else ""


def _find(contact: Contact, platform_id: str) -> Touch | None:
    return next((one for one in contact.touches if platform_id and one.platform_id == platform_id), None)


def _add(
    turn: Turn,
    inbox: InboxId,
    conversation: ConversationId,
    touch: Touch,
    answer: MessageId | None = None,
) -> None:
    others = [
        one for one in turn.contact.touches if not touch.platform_id or one.platform_id != touch.platform_id
    ]
    # Lists come later than what they tell of.
    kept = sorted([*others, touch], key=lambda one: one.at)[-TOUCHES_KEPT:]
    turn.contact = replace(turn.contact, touches=tuple(kept))
    _note(turn, inbox, conversation, touch, answer)


def _note(
    turn: Turn,
    inbox: InboxId,
    conversation: ConversationId,
    touch: Touch,
    answer: MessageId | None,
) -> None:
    turn.fact(
        TouchNoted(
            **turn.stamp(inbox, conversation),
            kind=touch.kind,
            sent_at=touch.at,
            name=touch.name,
            campaign=touch.campaign,
            platform_id=touch.platform_id,
            answer=answer,
        )
    )
