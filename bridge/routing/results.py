"""What came of our actions, and what the platform reports of what we sent."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.actions import (
    Amend,
    Answer,
    AnyAction,
    Emit,
    EraseTraces,
    MoveAliases,
    OpenThread,
    PostNotice,
    Relay,
    Send,
    SendReaction,
    ShowReaction,
    UpdateCard,
)
from bridge.content import Attachment, described
from bridge.errors import Failure, FailureKind
from bridge.events import (
    DeliveryChanged,
    Done,
    EventBuried,
    Failed,
    PartSent,
    Posted,
    ThreadOpened,
    ThreadVanished,
    Uncertain,
)
from bridge.journal import DeliveryNoted, PartFate, PostNoted, ThreadNoted
from bridge.model import Fate, MessageRecord
from bridge.routing import (
    amends,
    campaigns,
    forgetting,
    labels,
    lifecycle,
    outbound,
    reacting,
    reactions,
    texts,
)
from bridge.routing.turn import Turn

FATES = {
    "sent": Fate.ACCEPTED,
    "delivered": Fate.DELIVERED,
    "read": Fate.READ,
    "played": Fate.READ,
    "failed": Fate.FAILED,
}
NO_REASON = Failure(kind=FailureKind.NEVER, code="", words="the platform gave no reason")
NOTHING_LEFT = "empty"
"""`Failure.code` of a `Send` that was asked to go on behind its last part."""


def thread_opened(turn: Turn, event: ThreadOpened) -> None:
    """The conversation has a thread."""
    turn.end(event.action)
    action = turn.context.action
    if not isinstance(action, OpenThread):
        return
    conversation = turn.conversation(action.conversation)
    if conversation is not None:
        turn.put(replace(conversation, thread=event.place, card=event.card, opening=None, stuck=False))
        stamp = turn.stamp(conversation.inbox, conversation.id)
        turn.fact(ThreadNoted(**stamp, place=event.place, card=event.card))


def posted(turn: Turn, event: Posted) -> None:
    """Something stands on the desk; a contact's message is found by its post from now on."""
    turn.end(event.action)
    action = turn.context.action
    if not isinstance(action, Relay | PostNotice | Amend) or event.post is None:
        return
    message = action.message
    stamp = turn.stamp(action.inbox, action.conversation)
    turn.fact(PostNoted(**stamp, post=event.post, message=message, tries=event.tries))
    if message is not None:
        record = turn.record(message)
        if record is not None and event.post not in record.posts:
            turn.keep(replace(record, posts=(*record.posts, event.post)))


def done(turn: Turn, event: Done) -> None:
    """It is done. For a `Send`: nothing of the message is left to send."""
    turn.end(event.action)
    action = turn.context.action
    if isinstance(action, Send):
        _complete(turn, action)
    elif isinstance(action, EraseTraces):
        forgetting.erased(turn)
    elif isinstance(action, OpenThread) and (conversation := turn.conversation(action.conversation)):
        # Nothing to open it in (the inbox left the settings): the next message asks again.
        turn.put(replace(conversation, opening=None))


def _complete(turn: Turn, action: Send) -> None:
    record = outbound.of_message(turn, action.message)
    if record is not None:
        after = replace(record, total=len(record.parts), sending=None)
        outbound.advance(turn, action.inbox, record, after)


def part_sent(turn: Turn, event: PartSent) -> None:
    """The platform accepted a part; the action goes on with the next one, or ends with the last."""
    action = turn.context.action
    record = outbound.of_message(turn, action.message) if isinstance(action, Send) else None
    if not isinstance(action, Send) or record is None:
        turn.end(event.action)
        return
    after = outbound.with_part(record, event.part, event.platform_id, Fate.ACCEPTED)
    after = replace(after, total=event.parts)
    after = outbound.advance(turn, action.inbox, record, after, tries=event.tries)
    if event.part + 1 >= event.parts and after.sending is None:
        turn.end(event.action)
    outbound.follow(turn, action.inbox, after)
    conversation = turn.conversation(record.conversation)
    if event.lost and record.draft is not None and conversation is not None:
        turn.answer(conversation, record.draft.account, texts.lost_on_the_way(event.lost))
    if event.remarks and record.draft is not None and conversation is not None:
        turn.answer(conversation, record.draft.account, texts.sent_otherwise(event.remarks))


def delivery_changed(turn: Turn, event: DeliveryChanged) -> None:
    """The platform reports on something we sent, in any order, repeatedly, and sometimes before its own answer."""
    news = FATES.get(event.status)
    found = _reported(turn, event)
    if news is None or found is None:
        if not campaigns.elsewhere(turn, event):
            turn.ignore("unknown status" if news is None else "unknown message")
        if news is not None:
            _note_second(turn, event, news)
        return
    record, index = found
    after = outbound.with_part(record, index, event.platform_id, news)
    if after.parts == record.parts:
        turn.ignore("nothing new")
        return
    failure = (event.failure or NO_REASON) if news is Fate.FAILED else None
    # Only news of the very part that people are asked about settles the question; an earlier part's late status
    # says nothing about it, and going on because of that would send the part again.
    settles = record.fate is Fate.UNCERTAIN and index >= len(record.parts)
    after = outbound.advance(turn, event.inbox, record, after, failure)
    outbound.follow(turn, event.inbox, after)
    if settles and news is not Fate.FAILED:
        outbound.carry_on(turn, event.inbox, after)


def _reported(turn: Turn, event: DeliveryChanged) -> tuple[MessageRecord, int] | None:
    """The message and the part that a status is about; None for what we do not know, or have sent again since."""
    found = outbound.find_by_platform_id(turn, event.platform_id)
    if found is not None:
        return found
    record = outbound.of_message(turn, event.message)
    if record is None or event.platform_id in record.superseded:
        return None
    known = record.parts[event.part].platform_id if event.part < len(record.parts) else ""
    return None if known else (record, event.part)


def _note_second(turn: Turn, event: DeliveryChanged, news: Fate) -> None:
    """Another of the platform's messages than the one we know carries this part: it was sent twice. That changes
    nothing, but history has to know.
    """
    record = outbound.of_message(turn, event.message)
    if record is None or event.platform_id in record.superseded or event.part >= len(record.parts):
        return
    parts = (PartFate(part=event.part, fate=news, platform_id=event.platform_id),)
    stamp = turn.stamp(event.inbox, record.conversation)
    turn.fact(
        DeliveryNoted(
            **stamp,
            message=record.id,
            fate=record.fate,
            words=record.problem,
            parts=parts,
            total=record.total,
        )
    )


# --------------------------------------------------------------------------------------------- failures


def failed(turn: Turn, event: Failed) -> None:
    """An action did not work and will not by itself."""
    action = turn.context.action
    if action is None:
        turn.end(event.action)
        return
    match action:
        case Send():
            _send_failed(turn, action, event)
        case OpenThread():
            _open_failed(turn, action, event.failure)
        case Relay() | PostNotice():
            _post_failed(turn, action, event)
        case UpdateCard():
            _card_failed(turn, action, event.failure)
        case Amend():
            amends.not_amended(turn, action, event)
        case SendReaction():
            reacting.failed(turn, action, event)
        case ShowReaction():
            reactions.not_shown(turn, action, event)
        case Answer():
            _answer_failed(turn, action, event.failure)
        case Emit() | MoveAliases():
            turn.ignore("kept pending")
        case _:
            turn.end(event.action)


def _send_failed(turn: Turn, action: Send, event: Failed) -> None:
    record = outbound.of_message(turn, action.message)
    if record is None:
        turn.end(event.action)
        return
    if event.failure.code == NOTHING_LEFT and record.parts:
        turn.end(event.action)
        _complete(turn, action)
        return
    if event.part < len(record.parts):
        _status_was_faster(turn, action, record)
        return
    turn.end(event.action)
    after = outbound.with_part(record, event.part, "", Fate.FAILED)
    after = replace(after, sending=None)
    outbound.advance(turn, action.inbox, record, after, event.failure, tries=event.tries)


def _status_was_faster(turn: Turn, action: Send, record: MessageRecord) -> None:
    """A status knows the part whose call broke off: the action goes on behind it, or ends."""
    outbound.follow(turn, action.inbox, record)
    if action.id not in turn.replaced:
        turn.end(action.id)


def _open_failed(turn: Turn, action: OpenThread, failure: Failure) -> None:
    """No thread can be opened: everything for it stays pending, and those with rights are told once."""
    conversation = turn.conversation(action.conversation)
    if conversation is None:
        turn.end(action.id)
        return
    turn.ignore("kept pending")
    if not conversation.stuck:
        turn.put(replace(conversation, stuck=True))
        turn.alert(conversation, texts.stuck_alert(conversation.number, failure.words))


def _post_failed(turn: Turn, action: Relay | PostNotice, event: Failed) -> None:
    conversation, failure = turn.conversation(action.conversation), event.failure
    if conversation is None:
        turn.end(action.id)
        return
    if failure.kind is FailureKind.GONE:
        lifecycle.heal(turn, conversation, failure.words, needed=True)
        turn.ignore("kept pending")
        return
    if isinstance(action, Relay):
        turn.replaced[action.id] = _instead(turn, action, event)
        return
    turn.end(action.id)
    turn.alert(conversation, texts.not_posted(conversation.number, action.body, failure.words))


def _instead(turn: Turn, action: Relay, event: Failed) -> PostNotice:
    """In its stead and in its turn, in words that nothing can be wrong with. A file can be fetched again."""
    said, why = described(action.content), event.failure.words
    file = action.content if isinstance(action.content, Attachment) and action.content.media else None
    record = turn.record(action.message)
    if file is not None and record is not None:
        turn.keep(replace(record, fate=Fate.FAILED, file=file))
    return PostNotice(
        id=action.id,
        seq=action.seq,
        contact=action.contact,
        inbox=action.inbox,
        conversation=action.conversation,
        body=texts.not_shown(action.author, said, why)
        if file is None
        else texts.no_file(action.author, said, why),
        message=action.message,
        buttons=() if file is None else (labels.fetch_button(action.message),),
        file=file if event.fetched and not (file and file.inline) else None,
    )


def _card_failed(turn: Turn, action: UpdateCard, failure: Failure) -> None:
    """A card that vanished took its thread with it. An update older than the thread says nothing about it."""
    turn.end(action.id)
    conversation = turn.conversation(action.conversation)
    if conversation is None or failure.kind is not FailureKind.GONE:
        return
    if action.version > conversation.opened_version:
        lifecycle.heal(turn, conversation, failure.words, needed=False)


def _answer_failed(turn: Turn, action: Answer, failure: Failure) -> None:
    turn.end(action.id)
    conversation = turn.conversation(action.conversation)
    if action.must_arrive and conversation is not None and failure.kind is not FailureKind.UNKNOWN:
        turn.notice(conversation, action.body, action.buttons, action.to)


def uncertain(turn: Turn, event: Uncertain) -> None:
    """Nobody knows whether a part arrived: its people are asked."""
    action: AnyAction | None = turn.context.action
    if not isinstance(action, Send):
        turn.ignore("kept pending")
        return
    record = outbound.of_message(turn, action.message)
    if record is not None and event.part < len(record.parts):
        _status_was_faster(turn, action, record)
        return
    turn.end(event.action)
    if record is not None:
        after = replace(record, sending=None, fate=Fate.UNCERTAIN)
        outbound.advance(turn, action.inbox, record, after)


def buried(turn: Turn, event: EventBuried) -> None:
    """Something could not be decided: the threads where the contact is answered say so, and those with rights know."""
    current = [one for one in turn.contact.conversations.values() if one.status not in lifecycle.OVER]
    for conversation in current:
        turn.notice(conversation, texts.buried(event.kind))
    number = current[0].number if current else None
    turn.alert(current[0] if current else None, texts.buried_alert(number, event.kind))


def vanished(turn: Turn, event: ThreadVanished) -> None:
    """The desk says that a thread is gone."""
    conversation = turn.conversation(event.conversation)
    if not (conversation is not None and lifecycle.is_current(conversation, event.place)):
        turn.ignore("not current")
        return
    lifecycle.heal(turn, conversation, event.reason, needed=False)
