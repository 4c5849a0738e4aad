"""What a card shows."""

from __future__ import annotations

from bridge.model import (
    CardView,
    Contact,
    Conversation,
    InboxPolicy,
    Recent,
    Status,
    conversation_number,
)
from bridge.routing import campaigns, texts
from bridge.routing.decision import Context


def card_view(contact: Contact, conversation: Conversation, context: Context) -> CardView:
    """The card of a conversation, from its state as it is now."""
    policies = context.policies
    inbox = policies.inboxes.get(conversation.inbox) or InboxPolicy(
        id=conversation.inbox, name=conversation.inbox, desk="", channel=""
    )
    assignee = context.roster.get(conversation.assignee)
    accounts = assignee.accounts if assignee else ()
    account = next((one for one in accounts if one.startswith(f"{inbox.desk}:")), None)
    active = conversation.status is Status.ACTIVE
    former = conversation.former[-1] if conversation.former else None
    previous = conversation.previous
    return CardView(
        contact=contact.id,
        conversation=conversation.id,
        version=conversation.card_version,
        number=conversation.number,
        inbox=inbox.name,
        name=texts.contact_name(contact),
        contact_label=texts.contact_label(contact),
        status=conversation.status,
        assignee=assignee.name if assignee else conversation.assignee,
        assignee_account=account,
        priority=conversation.priority,
        tags=conversation.tags,
        mode=inbox.mode,
        opened_at=conversation.opened_at,
        waiting_since=conversation.waiting_since if active else None,
        window_until=conversation.window_until,
        needs_you=len(conversation.choices),
        held=len(conversation.held),
        awaiting=len(conversation.awaiting),
        failed=conversation.failed,
        previous_number=conversation_number(previous, policies.shards) if previous else None,
        recap=_recap(conversation, context),
        former=former,
        campaign=campaigns.latest(contact, context.now),
    )


def _recap(conversation: Conversation, context: Context) -> tuple[Recent, ...]:
    """The latest lines of the thread that is gone."""
    healed_at = conversation.healed_at
    if healed_at is None:
        return ()
    before = tuple(line for line in context.recent if line.at <= healed_at)
    return before[-context.policies.recap_messages :]
