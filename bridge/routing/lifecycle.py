"""The life of a conversation: opening, status, hands, service window, threads that vanish; and the ranks of fates."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bridge.journal import AssigneeNoted, ConversationOpened, PriorityNoted, StatusNoted, TagsNoted
from bridge.model import (
    FORMER_KEPT,
    Agent,
    AgentId,
    Conversation,
    Fate,
    InboxId,
    Place,
    Priority,
    Status,
    Undo,
    conversation_id,
    conversation_number,
)
from bridge.routing import answers, texts
from bridge.routing.turn import Turn

OVER = frozenset({Status.CLOSED, Status.DELETED})
"""Statuses that the contact's words never end."""


# ---------------------------------------------------------------------------------------------- opening


def open_conversation(turn: Turn, inbox: InboxId, *, previous: Conversation | None = None) -> Conversation:
    """Start the next conversation of an inbox, and ask for its thread."""
    number_of = turn.context.policies.shards
    new = conversation_id(turn.lane, turn.context.counter)
    conversation = Conversation(
        id=new,
        number=conversation_number(new, number_of),
        inbox=inbox,
        opened_at=turn.now,
        episode_at=turn.now,
        previous=previous.id if previous else turn.contact.past.get(inbox),
    )
    turn.opened = new
    turn.put(conversation)
    turn.fact(
        ConversationOpened(
            **turn.stamp(inbox, new),
            number=conversation.number,
            name=turn.contact.name,
            previous=conversation.previous,
        )
    )
    return turn.ensure_thread(conversation)


def for_inbound(turn: Turn, inbox: InboxId) -> Conversation:
    """The conversation that the contact's words belong to.

    The current one, re-opened if it was resolved; a new one if there is none, or if it is over.
    """
    current = turn.contact.conversations.get(inbox)
    if current is None or current.status in OVER:
        return open_conversation(turn, inbox, previous=current)
    if current.status is Status.RESOLVED:
        current = set_status(turn, current, Status.ACTIVE, None)
        current = turn.put(replace(current, waiting_since=None))
    return turn.ensure_thread(current)


def current_numbers(turn: Turn) -> list[int]:
    """Numbers of the conversations in which the contact is, or was last, answered."""
    return [one.number for one in turn.contact.conversations.values()]


# ------------------------------------------------------------------------------------------- the window


def window_after(conversation: Conversation, written: datetime, window_s: float) -> datetime:
    """The end of the service window after words written then; it never moves back."""
    until = written + timedelta(seconds=window_s)
    return max(until, conversation.window_until) if conversation.window_until else until


def window_open(conversation: Conversation, now: datetime) -> bool:
    """True while free text may be sent."""
    return conversation.window_until is not None and now < conversation.window_until


# ---------------------------------------------------------------------------------------------- changes


def set_status(turn: Turn, conversation: Conversation, status: Status, by: AgentId | None) -> Conversation:
    """Change the status; opening again starts an episode."""
    conversation = turn.fresh(conversation)
    if conversation.status is status:
        return conversation
    turn.fact(
        StatusNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            before=conversation.status,
            after=status,
            by=by,
        )
    )
    episode = turn.now if status is Status.ACTIVE else conversation.episode_at
    # A change by anybody makes older undos pointless: they would take back this change, too.
    return turn.put(replace(conversation, status=status, episode_at=episode, undo={}))


def set_assignee(
    turn: Turn, conversation: Conversation, assignee: AgentId | None, by: Agent | None
) -> Conversation:
    """Change hands, and tell the new and the former assignee unless they did it themselves."""
    conversation = turn.fresh(conversation)
    if conversation.assignee == assignee:
        return conversation
    before = conversation.assignee
    turn.fact(
        AssigneeNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            before=before,
            after=assignee,
            by=by.id if by else None,
        )
    )
    conversation = turn.put(replace(conversation, assignee=assignee, undo={}))
    _tell_hands(turn, conversation, before, by)
    return conversation


def _tell_hands(turn: Turn, conversation: Conversation, before: AgentId | None, by: Agent | None) -> None:
    roster = turn.context.roster
    name = by.name if by else "Somebody"
    new, old = roster.get(conversation.assignee), roster.get(before)
    if new is not None and new != by and (account := turn.account(new, conversation)):
        words = answers.given_to_you(name, conversation.number, turn.contact)
        turn.direct(conversation, account, words)
    if old is not None and old != by and (account := turn.account(old, conversation)):
        after = new.name if new else None
        turn.direct(
            conversation, account, answers.taken_from_you(name, conversation.number, turn.contact, after)
        )


def set_tags(
    turn: Turn, conversation: Conversation, tags: tuple[str, ...], by: AgentId | None
) -> Conversation:
    """Change the tags."""
    conversation = turn.fresh(conversation)
    if conversation.tags == tags:
        return conversation
    turn.fact(
        TagsNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            before=conversation.tags,
            after=tags,
            by=by,
        )
    )
    return turn.put(replace(conversation, tags=tags, undo={}))


def set_priority(
    turn: Turn, conversation: Conversation, priority: Priority, by: AgentId | None
) -> Conversation:
    """Change the priority."""
    conversation = turn.fresh(conversation)
    if conversation.priority is priority:
        return conversation
    turn.fact(
        PriorityNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            before=conversation.priority,
            after=priority,
            by=by,
        )
    )
    return turn.put(replace(conversation, priority=priority, undo={}))


def undoable(turn: Turn, before: Conversation, by: AgentId, what: str) -> None:
    """Let `by` take back what changed since `before`.

    Every change of these fields empties `undo`, so an entry that is there means that nothing changed since.
    """
    now = turn.fresh(before)
    fields = ("status", "assignee", "priority", "tags")
    if all(getattr(before, name) == getattr(now, name) for name in fields):
        return
    entry = Undo(
        what=what,
        at=turn.now,
        status=before.status,
        assignee=before.assignee,
        priority=before.priority,
        tags=before.tags,
    )
    turn.put(replace(now, undo={by: entry}))


# ------------------------------------------------------------------------------------- vanished threads


def heal(turn: Turn, conversation: Conversation, reason: str, *, needed: bool) -> None:
    """The thread is gone: remember it as a former one and, if the conversation needs one now, ask for another.

    While one is on its way already this changes nothing: what failed stays pending behind it.
    """
    conversation = turn.fresh(conversation)
    lost = conversation.thread
    if lost is None:
        if needed:
            turn.ensure_thread(conversation)
        return
    former = (*conversation.former, lost)[-FORMER_KEPT:]
    conversation = turn.put(
        replace(conversation, thread=None, card=None, opening=None, former=former, healed_at=turn.now)
    )
    if needed or conversation.status is Status.ACTIVE:
        conversation = turn.ensure_thread(conversation)
        turn.alert(conversation, texts.healed_alert(conversation.number, lost, reason))


def is_current(conversation: Conversation, place: Place | None) -> bool:
    """True for the thread where the conversation is answered now.

    A thread can be written in as soon as it is visible, which is before its opening is committed: while one is on its
    way, a place of the conversation that is no former one is it.
    """
    if place is None:
        return False
    if conversation.thread is None:
        return conversation.opening is not None and place not in conversation.former
    return place == conversation.thread


# ------------------------------------------------------------------------------------------------ fates


def merged_fate(before: Fate, news: Fate) -> Fate:
    """What is known of a part after some news.

    Fates rise. A failure replaces only what is not known to have arrived; after a failure only proof of arrival
    counts, so that a late `sent` never hides it.
    """
    if news is Fate.FAILED:
        return before if before in (Fate.DELIVERED, Fate.READ) else Fate.FAILED
    if before is Fate.FAILED:
        return news if news in (Fate.DELIVERED, Fate.READ) else Fate.FAILED
    return max(before, news)
