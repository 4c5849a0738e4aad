"""The entry: a state, an event and a context in; a decision out. Pure, and total over the closed unions."""

from __future__ import annotations

from typing import assert_never

from bridge.actions import AnyAction, PostNotice, Relay, Send
from bridge.events import (
    AnsweredElsewhere,
    ButtonPressed,
    CampaignImported,
    CardReacted,
    CommandGiven,
    ContactAmended,
    ContactArchived,
    ContactChanged,
    ContactFetched,
    ContactForgotten,
    ContactIdle,
    ContactLaneEvent,
    ContactMerged,
    ContactReacted,
    ContactsJoined,
    DeliveryChanged,
    Done,
    DraftBegan,
    EventBuried,
    Failed,
    HistoryImported,
    JoinProposed,
    JoinSettled,
    MessageComposed,
    MessageReceived,
    ModeChanged,
    OutreachBegan,
    PartSent,
    Posted,
    Result,
    StaffDeleted,
    StaffEdited,
    StaffReacted,
    StaffWrote,
    StubOutlived,
    ThreadOpened,
    ThreadVanished,
    TimeReached,
    Uncertain,
    WindowClosing,
)
from bridge.model import Contact, MessageId, lane_of, message_id
from bridge.routing import (
    amends,
    buttons,
    campaigns,
    choices,
    consequences,
    drafting,
    elsewhere,
    forgetting,
    forms,
    history,
    inbound,
    joins,
    nudges,
    outbound,
    outreach,
    reacting,
    reactions,
    rest,
    results,
    staff,
)
from bridge.routing.decision import Context, Decision, Needs
from bridge.routing.desk import decide_desk
from bridge.routing.turn import Turn

__all__ = ["decide", "decide_desk", "needs"]


def needs(event: ContactLaneEvent, action: AnyAction | None = None) -> Needs:  # noqa: PLR0911 - one case per kind
    """The message records that deciding on `event` takes. For a `Result`, `action` is what it answers."""
    match event:
        case DeliveryChanged():
            messages = (event.message,) if event.message else ()
            return Needs(messages=messages, platform_ids=(event.platform_id,))
        case AnsweredElsewhere():
            return Needs(platform_ids=(event.platform_id,))
        case StaffEdited() | StaffDeleted():
            return Needs(messages=(message_id(lane_of(event.contact), event.cause),))
        case ButtonPressed(token=str(token)) if event.button in buttons.RECORDED:
            return Needs(messages=(MessageId(token),))
        case ContactIdle() | ContactArchived() | StubOutlived() | ContactForgotten():
            return Needs(pending=True)
        case Result() if isinstance(action, Relay | Send | PostNotice):
            return Needs(messages=(action.message,) if action.message else ())
        case _:
            return Needs()


def decide(state: Contact, event: ContactLaneEvent, context: Context) -> Decision:
    """Decide on one event of a contact. Pure; never raises for any event that decodes."""
    turn = Turn(state, event, context)
    if state.redirect is None or not joins.redirected(turn, event, state.redirect):
        _dispatch(turn, event)
    if not isinstance(event, ContactForgotten):
        # Which would tell what changed, and so say again what is to be forgotten.
        consequences.follow(turn)
    return turn.decision()


def _dispatch(turn: Turn, event: ContactLaneEvent) -> None:  # noqa: C901, PLR0912, PLR0915 - one line per event
    match event:
        case MessageReceived():
            inbound.received(turn, event)
        case ContactAmended():
            amends.amended(turn, event)
        case AnsweredElsewhere():
            elsewhere.answered(turn, event)
        case ContactReacted():
            reactions.reacted(turn, event)
        case HistoryImported():
            history.imported(turn, event)
        case CampaignImported():
            campaigns.imported(turn, event)
        case ContactChanged():
            inbound.changed(turn, event)
        case ContactsJoined():
            joins.joined(turn, event)
        case JoinProposed():
            joins.proposed(turn, event)
        case JoinSettled():
            joins.settled(turn, event)
        case ContactMerged():
            joins.merged(turn, event)
        case DeliveryChanged():
            results.delivery_changed(turn, event)
        case StaffWrote():
            staff.wrote(turn, event)
        case StaffEdited():
            staff.edited(turn, event)
        case StaffDeleted():
            staff.deleted(turn, event)
        case CommandGiven():
            buttons.given(turn, event)
        case MessageComposed():
            forms.composed(turn, event)
        case DraftBegan():
            drafting.began(turn, event)
        case OutreachBegan():
            outreach.began(turn, event)
        case ButtonPressed():
            buttons.pressed(turn, event)
        case CardReacted():
            buttons.reacted(turn, event)
        case StaffReacted():
            reacting.reacted(turn, event)
        case ModeChanged():
            inbound.mode_changed(turn, event)
        case ThreadVanished():
            results.vanished(turn, event)
        case ContactIdle() | ContactArchived() | StubOutlived() | ContactFetched():
            rest.follow(turn, event)
        case ContactForgotten():
            forgetting.forgotten(turn, event)
        case WindowClosing():
            nudges.closing(turn, event)
        case EventBuried():
            results.buried(turn, event)
        case TimeReached():
            _time_reached(turn, event)
        case Posted():
            results.posted(turn, event)
        case ThreadOpened():
            results.thread_opened(turn, event)
        case PartSent():
            results.part_sent(turn, event)
        case Done():
            results.done(turn, event)
        case Failed():
            results.failed(turn, event)
        case Uncertain():
            results.uncertain(turn, event)
        case _:
            assert_never(event)


def _time_reached(turn: Turn, event: TimeReached) -> None:
    conversation = turn.conversation(event.conversation)
    if conversation is None:
        turn.ignore("stale timer")
    elif event.timer == "hold":
        outbound.release(turn, conversation, event.token)
    elif event.timer == "choice":
        choices.remind(turn, conversation, event.token)
    else:
        turn.ignore("unknown timer")
