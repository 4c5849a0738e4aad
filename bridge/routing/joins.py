"""Two contacts that turn out to be one person.

The contact that leads waits for the other's state (`JoinProposed`) and settles who goes on: the one with an open
conversation, the leading one when both or none have. The loser ends its open conversations, forwards every later
event to the winner under the same id, and sends what it was known under (`ContactMerged`); the winner rewrites the
aliases last, when nothing can get lost any more.

From then on the platform brings to the winner also what it brings once more, and only the loser's shard knows that it
was shown. So the winner asks: words written before the join, or right after it, go to the loser under the same id, where
a repetition ends like any other, and what is new there comes back under another id.

What was decided is remembered by a whole shard. Where both live in one, a repetition ends before either sees it, and
nothing may be passed on under the id that it came with.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bridge import events
from bridge.events import (
    ContactEvent,
    ContactMerged,
    ContactsJoined,
    DeskEvent,
    JoinProposed,
    JoinSettled,
    MessageReceived,
)
from bridge.journal import AliasesNoted
from bridge.model import (
    REACTIONS_KEPT,
    TOUCHES_KEPT,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    EventId,
    InboxId,
    Status,
    lane_of,
)
from bridge.routing import choices, lifecycle, notes, texts
from bridge.routing.turn import Turn

ALIASES_MOVED = timedelta(minutes=1)
"""By then after a join nothing new comes to the loser any more."""
REPEATED_FOR = timedelta(days=8)
"""For so long a platform may bring a message once more."""


def joined(turn: Turn, event: ContactsJoined) -> None:
    """We and another contact are one person. The leading one waits; the other one sends its state."""
    if event.other == turn.contact.id:
        turn.ignore("joined already")
        return
    if event.leads:
        turn.ignore("waits for the other")
        return
    proposal = JoinProposed(id=turn.emit_id(), at=turn.now, contact=event.other, other=turn.contact)
    turn.emit(lane_of(event.other), event.other, proposal)


def proposed(turn: Turn, event: JoinProposed) -> None:
    """The leading contact decides who goes on."""
    other = event.other
    if other.id == turn.contact.id:
        turn.ignore("joined already")
        return
    if _has_open(other) and not _has_open(turn.contact):
        _lose(turn, other.id, _numbers(other))
        return
    settled = JoinSettled(
        id=turn.emit_id(),
        at=turn.now,
        contact=other.id,
        winner=turn.contact.id,
        continued=_numbers(turn.contact),
    )
    turn.emit(lane_of(other.id), other.id, settled)


def settled(turn: Turn, event: JoinSettled) -> None:
    """The other contact goes on instead of this one."""
    if event.winner == turn.contact.id:
        turn.ignore("joined already")
        return
    _lose(turn, event.winner, event.continued)


def _has_open(contact: Contact) -> bool:
    return any(one.status is Status.ACTIVE for one in contact.conversations.values())


def asks(turn: Turn, event: MessageReceived) -> bool:
    """Ask a contact that was joined into this one about words that may have been shown from there. False: no need."""
    formers = (
        one
        for one, at in turn.contact.joined.items()
        if event.sent_at <= at + ALIASES_MOVED and lane_of(one) != turn.lane
    )
    former = next(formers, None)
    if event.asked or former is None:
        return False
    turn.emit(lane_of(former), former, replace(event, contact=former, asked=True))
    turn.ignore("the joined contact is asked")
    return True


def _numbers(contact: Contact) -> dict[InboxId, int]:
    open_ones = contact.conversations.items()
    return {inbox: one.number for inbox, one in open_ones if one.status not in lifecycle.OVER}


def _lose(turn: Turn, winner: ContactId, continued: dict[InboxId, int]) -> None:
    """End what is open, hand over what is known, and forward everything from now on."""
    known = turn.contact
    for conversation in known.conversations.values():
        if conversation.status in lifecycle.OVER:
            continue
        number = continued.get(conversation.inbox, 0)
        choices.wind_up(turn, conversation)
        if conversation.thread is not None or conversation.opening is not None:
            turn.notice(conversation, texts.continued(number or None))
        lifecycle.set_status(turn, conversation, Status.CLOSED, None)
        turn.put(replace(turn.fresh(conversation), continued=number))
    turn.contact = replace(turn.contact, redirect=winner)
    merged = ContactMerged(id=turn.emit_id(), at=turn.now, contact=winner, loser=replace(known, ended=()))
    turn.emit(lane_of(winner), winner, merged)


def _lately(now: datetime, joined: dict[ContactId, datetime]) -> dict[ContactId, datetime]:
    """Those joins of which the platform may still repeat what was written before."""
    return {one: at for one, at in joined.items() if now - at < REPEATED_FOR}


def merged(turn: Turn, event: ContactMerged) -> None:
    """The other contact became part of this one: take over what it was known under, and what was open there."""
    loser = event.loser
    own = turn.contact
    new = tuple(alias for alias in loser.aliases if alias not in own.aliases)
    turn.contact = replace(
        own,
        name=own.name or loser.name,
        username=own.username or loser.username,
        phone=own.phone or loser.phone,
        address=own.address or loser.address,
        aliases=own.aliases + new,
        marketing=own.marketing and loser.marketing,
        past=loser.past | own.past,
        touches=tuple(sorted(loser.touches + own.touches, key=lambda one: one.at)[-TOUCHES_KEPT:]),
        reactions=(loser.reactions + own.reactions)[-REACTIONS_KEPT:],
        joined=_lately(turn.now, own.joined | loser.joined | {loser.id: turn.now}),
    )
    left = {inbox: one for inbox, one in loser.conversations.items() if one.status is Status.ACTIVE}
    rest = _take_over(turn, left)
    turn.fact(
        AliasesNoted(
            **turn.stamp(InboxId(""), ConversationId("")),
            aliases=new,
            merged=loser.id,
        )
    )
    if rest:
        # One decision opens one conversation; the others follow in an event of their own.
        more = ContactMerged(
            id=turn.emit_id(), at=turn.now, contact=own.id, loser=replace(loser, conversations=rest)
        )
        turn.emit(turn.lane, own.id, more)
    else:
        turn.move_aliases(loser.aliases)


def _take_over(turn: Turn, left: dict[InboxId, Conversation]) -> dict[InboxId, Conversation]:
    """Go on with conversations of the joined contact; those that another decision has to open are returned."""
    rest: dict[InboxId, Conversation] = {}
    for inbox, theirs in left.items():
        mine = turn.contact.conversations.get(inbox)
        if mine is None or mine.status in lifecycle.OVER:
            if turn.opened is not None:
                rest[inbox] = theirs
                continue
            mine = lifecycle.open_conversation(turn, inbox, previous=mine)
            mine = turn.put(
                replace(mine, assignee=theirs.assignee, priority=theirs.priority, tags=theirs.tags)
            )
            turn.notice(mine, texts.joined(theirs.number))
        _carry_over(turn, mine, theirs)
    return rest


def _carry_over(turn: Turn, mine: Conversation, theirs: Conversation) -> None:
    """What the contact is owed, and when free text ends, hold for the person and not for the number."""
    if mine.status is Status.RESOLVED and theirs.waiting_since is not None:
        mine = lifecycle.set_status(turn, mine, Status.ACTIVE, None)
        mine = replace(mine, waiting_since=None)
    waits = [at for at in (mine.waiting_since, theirs.waiting_since) if at is not None]
    windows = [at for at in (mine.window_until, theirs.window_until) if at is not None]
    turn.put(
        replace(
            mine,
            waiting_since=min(waits, default=None),
            window_until=max(windows, default=None),
            last_inbound=mine.last_inbound or theirs.last_inbound,
            last_inbound_at=mine.last_inbound_at or theirs.last_inbound_at,
        )
    )


# -------------------------------------------------------------------------------------------- forwarding


def forward(turn: Turn, event: ContactEvent, winner: ContactId) -> None:
    """Pass an event on to the contact that goes on, under the same id where another shard decides it.

    Words always get another one: under their own the winner may have asked about them already, and would take them for
    a repetition.
    """
    if isinstance(event, MessageReceived):
        event = replace(event, asked=True)
    to = lane_of(winner)
    on = to == turn.lane or isinstance(event, MessageReceived)
    turn.emit(to, winner, replace(event, contact=winner, id=EventId(f"{event.id}:on") if on else event.id))


def redirected(turn: Turn, event: ContactEvent, winner: ContactId) -> bool:
    """Deal with an event of a contact that was joined into another.

    False: it is about what is still to be done here (a pending action, a message sent from here) and is decided as
    ever.
    """
    match event:
        case events.Result() | events.TimeReached() | events.ThreadVanished():
            return False
        case (
            events.ContactIdle()
            | events.ContactArchived()
            | events.StubOutlived()
            | events.ContactForgotten()
            | events.WindowClosing()
        ):
            return False
        case events.ContactFetched():
            return False
        case events.DeliveryChanged() if turn.context.messages:
            return False
        case events.StaffEdited() | events.StaffDeleted() if turn.conversation(event.conversation):
            return False
        case DeskEvent() if conversation := turn.conversation(event.conversation):
            _point_on(turn, conversation, event)
        case _:
            forward(turn, event, winner)
    return True


def _point_on(turn: Turn, conversation: Conversation, event: DeskEvent) -> None:
    """Staff acted where the contact is no longer answered: say where that is."""
    if isinstance(event, events.StaffWrote):
        agent = turn.agent(event.author)
        author = agent.id if agent else None
        notes.internal(turn, conversation, author, event.author, event.body, event.post)
    if turn.agent(event.author) is not None:
        turn.answer(conversation, event.author, texts.goes_on(conversation.continued))
