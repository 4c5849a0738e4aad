"""Staff words on their way to the contact: refused, held, sent, failed, sent again. The only maker of `Send`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from bridge.actions import Send
from bridge.content import TemplateMessage, templates
from bridge.errors import Failure
from bridge.journal import DeliveryNoted, PartFate
from bridge.markup import Bold, Document, Italic, ListBlock, Mention, MentionKind, Node, Quote, Strike
from bridge.model import (
    Button,
    Conversation,
    DeskUser,
    Direction,
    Draft,
    Fate,
    Held,
    InboxId,
    MessageId,
    MessageRecord,
    Part,
    Receipt,
    Sending,
    Token,
)
from bridge.routing import campaigns, labels, lifecycle, notes, texts
from bridge.routing.turn import Turn

NOT_TRIED = "not_tried"
"""`DeliveryNoted.code` of a reply that was refused here and never sent."""

_RECEIPTS = {
    Fate.UNCERTAIN: Receipt.UNCERTAIN,
    Fate.ACCEPTED: Receipt.ACCEPTED,
    Fate.DELIVERED: Receipt.DELIVERED,
    Fate.READ: Receipt.READ,
    Fate.FAILED: Receipt.FAILED,
}


# ------------------------------------------------------------------------------------------- going out


def submit(turn: Turn, conversation: Conversation, draft: Draft) -> bool:
    """Words that `routing.speech`, or their author's choice, let out.

    Refused at once where they cannot arrive, else held or sent. True unless refused.
    """
    conversation = turn.fresh(conversation)
    why = refusal(turn, conversation, draft)
    if why is not None:
        _refuse(turn, conversation, draft, why)
        return False
    hold_s = turn.inbox(conversation.inbox).hold_s
    if hold_s > 0 or conversation.held:
        _hold(turn, conversation, draft, hold_s)
    else:
        send(turn, conversation, draft)
    return True


def can_send(turn: Turn, conversation: Conversation) -> bool:
    """True when words would be taken now."""
    return refusal(turn, conversation) is None


def refusal(turn: Turn, conversation: Conversation, draft: Draft | None = None) -> Document | None:
    """Why nothing, or not this draft, can be sent now, in words; None: it can."""
    if conversation.status in lifecycle.OVER:
        return texts.not_active(conversation.status)
    approved = [one for one in draft.extras if isinstance(one, TemplateMessage)] if draft else []
    if not turn.contact.marketing and any(_is_marketing(turn, conversation.inbox, one) for one in approved):
        return texts.no_marketing()
    if not approved and not lifecycle.window_open(conversation, turn.now):
        return texts.window_closed(conversation.window_until)
    return None if turn.contact.address else texts.no_address()


def _is_marketing(turn: Turn, inbox: InboxId, message: TemplateMessage) -> bool:
    """As the list of templates says."""
    known = templates.find(turn.context.policies.templates.get(inbox, ()), message.name, message.language)
    return known is not None and known.category == "marketing"


def _refuse(turn: Turn, conversation: Conversation, draft: Draft, reason: Document) -> None:
    """Never attempted: kept with a Retry, and its author is told at once."""
    over = conversation.status in lifecycle.OVER
    if over:
        notes.stay_internal(turn, conversation, draft)
    else:
        _keep_failed(turn, conversation, draft, reason)
    buttons = () if over else _once_refused(turn, conversation, draft)
    turn.answer(conversation, draft.account, reason, buttons=buttons, must_arrive=True)


def _once_refused(turn: Turn, conversation: Conversation, draft: Draft) -> tuple[Button, ...]:
    """What can become of a refused text."""
    retry = labels.retry_button(draft.message)
    if lifecycle.window_open(conversation, turn.now):
        return (retry,)
    return (retry, labels.when_answered_button(draft.message), labels.template_button())


def _keep_failed(turn: Turn, conversation: Conversation, draft: Draft, reason: Document) -> None:
    known = turn.record(draft.message)
    counted = known is not None and known.fate is Fate.FAILED
    record = known or _new_record(turn, conversation, draft)
    problem = texts.excerpt(reason, 500)
    turn.keep(replace(record, fate=Fate.FAILED, problem=problem, draft=draft))
    if known is None:
        _said(turn, conversation, draft)
    if not counted:
        stamp = turn.stamp(conversation.inbox, conversation.id)
        turn.fact(DeliveryNoted(**stamp, message=record.id, fate=Fate.FAILED, code=NOT_TRIED, words=problem))
    turn.receipt(conversation.inbox, conversation.id, draft.post, Receipt.FAILED)
    if not counted:
        turn.put(replace(turn.fresh(conversation), failed=turn.fresh(conversation).failed + 1))


def _said(turn: Turn, conversation: Conversation, draft: Draft) -> None:
    notes.said(
        turn,
        conversation,
        draft.message,
        draft.author,
        draft.account,
        draft.body,
        draft.post,
        internal=False,
        extras=draft.extras,
    )


# --------------------------------------------------------------------------------------------- holding


def _hold(turn: Turn, conversation: Conversation, draft: Draft, hold_s: float) -> None:
    """Hold a reply back. One that comes later never goes out earlier, whatever the setting is by then."""
    due = turn.now + timedelta(seconds=hold_s)
    if conversation.held:
        due = max(due, conversation.held[-1].due)
    token = Token(f"hold:{draft.message}")
    held = Held(token=token, draft=draft, due=due)
    turn.put(replace(conversation, held=(*conversation.held, held)))
    turn.timer(conversation.id, "hold", token, due)
    turn.receipt(conversation.inbox, conversation.id, draft.post, Receipt.HELD)
    left_s = round((due - turn.now).total_seconds(), 1)
    turn.answer(
        conversation,
        draft.account,
        texts.held(left_s, texts.words(draft)),
        buttons=(labels.undo_button(token),),
    )


def release(turn: Turn, conversation: Conversation, token: Token) -> None:
    """The time of a held reply has come: it goes out, and those before it, in order."""
    tokens = [one.token for one in conversation.held]
    if token not in tokens:
        turn.ignore("stale timer")
        return
    count = tokens.index(token) + 1
    while count < len(conversation.held) and conversation.held[count].due <= turn.now:
        count += 1
    release_first(turn, conversation, count)


def release_first(turn: Turn, conversation: Conversation, count: int) -> None:
    """Send the first `count` held replies now."""
    due, rest = conversation.held[:count], conversation.held[count:]
    turn.put(replace(turn.fresh(conversation), held=rest))
    for one in due:
        turn.clear_timer(one.token)
        now = turn.fresh(conversation)
        why = refusal(turn, now, one.draft)
        if why is None:
            send(turn, now, one.draft)
        else:
            _refuse(turn, now, one.draft, why)


def cancel(turn: Turn, conversation: Conversation, held: Held) -> None:
    """A held reply is taken back; it stays on the desk."""
    rest = tuple(one for one in turn.fresh(conversation).held if one.token != held.token)
    turn.put(replace(turn.fresh(conversation), held=rest))
    turn.clear_timer(held.token)
    notes.stay_internal(turn, conversation, held.draft)


# --------------------------------------------------------------------------------------------- sending


def send(turn: Turn, conversation: Conversation, draft: Draft) -> None:
    """Send a draft for the first time."""
    known = turn.record(draft.message)
    if known is None:
        _said(turn, conversation, draft)
    record = known or _new_record(turn, conversation, draft)
    _dispatch(turn, conversation, replace(record, draft=draft), draft)
    last = conversation.last_inbound
    if last and last != conversation.read_inbound and turn.inbox(conversation.inbox).read_receipts:
        turn.mark_read(conversation, last)
        turn.put(replace(turn.fresh(conversation), read_inbound=last))


def _new_record(turn: Turn, conversation: Conversation, draft: Draft) -> MessageRecord:
    return MessageRecord(
        id=draft.message,
        conversation=conversation.id,
        direction=Direction.OUTBOUND,
        at=turn.now,
        posts=(draft.post,) if draft.post else (),
        draft=draft,
    )


def _dispatch(turn: Turn, conversation: Conversation, record: MessageRecord, draft: Draft) -> None:
    """Make the `Send` for what of a message is not sent yet."""
    first_part = len(record.parts)
    action = turn.send(conversation, record.id, draft, _names(turn, conversation, draft.body), first_part)
    sending = Sending(action=action.id, seq=action.seq, first_part=first_part)
    turn.keep(replace(record, fate=Fate.PENDING, sending=sending, problem=""))


def _names(turn: Turn, conversation: Conversation, body: Document) -> dict[str, str]:
    """Display names for the people mentioned in `body`: what the contact reads instead of an id."""
    desk = turn.inbox(conversation.inbox).desk
    names = {}
    for mention in _mentions(body):
        agent = turn.context.roster.find(DeskUser(f"{desk}:{mention.id}"))
        name = agent.name if agent else mention.label
        if name:
            names[mention.id] = name
    return names


def _mentions(nodes: tuple[Node, ...]) -> Iterator[Mention]:
    for node in nodes:
        match node:
            case Mention(kind=MentionKind.PERSON):
                yield node
            case Bold() | Italic() | Strike() | Quote():
                yield from _mentions(node.children)
            case ListBlock():
                for item in node.items:
                    yield from _mentions(item)
            case _:
                pass


# ----------------------------------------------------------------------------------------------- fates


def overall(record: MessageRecord) -> Fate:
    """The fate of a whole message: a failed part fails it; else the least of its parts, once all are there."""
    fates = [part.fate for part in record.parts]
    if Fate.FAILED in fates:
        return Fate.FAILED
    if record.total and len(fates) >= record.total:
        return min(fates)
    return Fate.UNCERTAIN if record.fate is Fate.UNCERTAIN else Fate.PENDING


def with_part(record: MessageRecord, index: int, platform_id: str, news: Fate) -> MessageRecord:
    """The record after news of one part.

    Parts before it that nothing was heard of are taken as accepted, because parts are sent one after the other.
    """
    parts = list(record.parts)
    while len(parts) < index:
        parts.append(Part(platform_id="", fate=Fate.ACCEPTED))
    if index == len(parts):
        parts.append(Part(platform_id=platform_id, fate=news))
    else:
        before = parts[index]
        parts[index] = Part(
            platform_id=before.platform_id or platform_id, fate=lifecycle.merged_fate(before.fate, news)
        )
    return replace(record, parts=tuple(parts))


def advance(
    turn: Turn,
    inbox: InboxId,
    before: MessageRecord,
    after: MessageRecord,
    failure: Failure | None = None,
    *,
    tries: int = 1,
) -> MessageRecord:
    """Store a record after news, and let everybody know who should: receipt, notice, card, journal.

    `tries` is how many it took until then.
    """
    fate = overall(after)
    after = turn.keep(replace(after, fate=fate, problem=failure.words if failure else after.problem))
    if _accepted(after) and not _accepted(before):
        _answered(turn, after)
        campaigns.sent(turn, inbox, after)
    parts = _news(before, after)
    if fate is not before.fate or parts:
        turn.fact(
            DeliveryNoted(
                **turn.stamp(inbox, after.conversation),
                message=after.id,
                fate=fate,
                code=failure.code if failure else "",
                words=failure.words if failure else "",
                parts=parts,
                total=after.total,
                tries=tries,
            )
        )
    if fate is before.fate:
        return after
    if fate in _RECEIPTS:
        for post in after.posts:
            turn.receipt(inbox, after.conversation, post, _RECEIPTS[fate])
    _count_failed(turn, after, (fate is Fate.FAILED) - (before.fate is Fate.FAILED))
    if fate is Fate.FAILED:
        _tell_failed(turn, inbox, after)
    elif fate is Fate.UNCERTAIN:
        _tell_uncertain(turn, inbox, after)
    return after


def _news(before: MessageRecord, after: MessageRecord) -> tuple[PartFate, ...]:
    """The parts of a message that something new is known of."""
    known = dict(enumerate(before.parts))
    return tuple(
        PartFate(part=index, fate=part.fate, platform_id=part.platform_id)
        for index, part in enumerate(after.parts)
        if known.get(index) != part
    )


def _accepted(record: MessageRecord) -> bool:
    return any(part.fate in (Fate.ACCEPTED, Fate.DELIVERED, Fate.READ) for part in record.parts)


def _answered(turn: Turn, record: MessageRecord) -> None:
    """The first part was accepted: the contact does not wait any more."""
    conversation = turn.conversation(record.conversation)
    if conversation is None or conversation.waiting_since is None:
        return
    last = conversation.last_inbound_at
    # What the contact wrote while the reply was on its way still waits.
    turn.put(replace(conversation, waiting_since=last if last and last > record.at else None))


def _count_failed(turn: Turn, record: MessageRecord, change: int) -> None:
    conversation = turn.conversation(record.conversation)
    if conversation is not None and change:
        turn.put(replace(conversation, failed=max(0, conversation.failed + change)))


def _where(
    turn: Turn, inbox: InboxId, record: MessageRecord, body: Document
) -> tuple[Conversation, Document] | None:
    """The conversation whose thread can tell people about a message, and the words for it there."""
    own = turn.conversation(record.conversation)
    if own is not None:
        return own, body
    current = turn.contact.conversations.get(inbox)
    if current is None:
        return None
    return current, texts.about(turn.number(record.conversation), body)


def _tell_failed(turn: Turn, inbox: InboxId, record: MessageRecord) -> None:
    body = texts.words(record.draft) if record.draft else None
    where = _where(turn, inbox, record, texts.not_delivered(body, record.problem or "no reason was given"))
    if where is not None:
        buttons = (labels.retry_button(record.id),) if record.draft else ()
        turn.notice(*where, buttons=buttons, mention=record.draft.account if record.draft else None)


def _tell_uncertain(turn: Turn, inbox: InboxId, record: MessageRecord) -> None:
    body = texts.words(record.draft) if record.draft else None
    where = _where(turn, inbox, record, texts.uncertain(body))
    if where is not None:
        buttons = labels.uncertain_buttons(record.id) if record.draft else ()
        turn.notice(*where, buttons=buttons, mention=record.draft.account if record.draft else None)


# ------------------------------------------------------------------------------------------- once more


def resume(turn: Turn, conversation: Conversation, record: MessageRecord, by: DeskUser) -> bool:
    """Send what of a failed or uncertain message did not arrive, from its first such part on.

    False: refused, and `by` was told; the message stays as it was.
    """
    draft = record.draft
    if draft is None:
        turn.answer(conversation, by, texts.forgotten())
        return False
    why = refusal(turn, conversation, draft)
    if why is not None:
        buttons = _once_refused(turn, conversation, draft)
        turn.answer(conversation, by, why, buttons=buttons, must_arrive=True)
        return False
    fates = [part.fate for part in record.parts]
    keep = next((at for at, fate in enumerate(fates) if fate is Fate.FAILED), len(fates))
    gone = tuple(part.platform_id for part in record.parts[keep:] if part.platform_id)
    _count_failed(turn, record, -1 if record.fate is Fate.FAILED else 0)
    shortened = replace(record, parts=record.parts[:keep], superseded=record.superseded + gone)
    _dispatch(turn, turn.fresh(conversation), shortened, draft)
    return True


def give_up(turn: Turn, conversation: Conversation, record: MessageRecord) -> None:
    """The author took back a reply that had failed: it cannot be sent again."""
    turn.keep(replace(record, draft=None))
    _count_failed(turn, record, -1)
    if record.draft is not None:
        notes.stay_internal(turn, conversation, replace(record.draft, post=None))


def follow(turn: Turn, inbox: InboxId, record: MessageRecord) -> None:
    """Bring the pending `Send` of a message in line with the parts that are known to be sent.

    It ends when that is all of them or one failed; else it is told which are done.
    """
    sending = record.sending
    if sending is None:
        return
    fates = [part.fate for part in record.parts]
    if Fate.FAILED in fates or (record.total and len(fates) >= record.total):
        turn.end(sending.action)
        turn.keep(replace(record, sending=None))
        return
    draft = record.draft
    sent = tuple(part.platform_id for part in record.parts[sending.first_part :])
    conversation = turn.conversation(record.conversation)
    if draft is None or not sent:
        return
    turn.replaced[sending.action] = Send(
        id=sending.action,
        seq=sending.seq,
        contact=turn.contact.id,
        inbox=inbox,
        conversation=record.conversation,
        message=record.id,
        address=turn.contact.address or "",
        body=draft.body,
        names=_names(turn, conversation, draft.body) if conversation else {},
        sent=sent,
        first_part=sending.first_part,
        extras=draft.extras,
        answers=draft.answers,
    )


def carry_on(turn: Turn, inbox: InboxId, record: MessageRecord) -> None:
    """A part of unknown fate turned out to have arrived: send what comes after it, if there is more."""
    if record.sending is not None or (record.total and len(record.parts) >= record.total):
        return
    conversation = turn.conversation(record.conversation) or turn.contact.conversations.get(inbox)
    if conversation is not None and record.draft is not None:
        _dispatch(turn, conversation, record, record.draft)


def find_by_platform_id(turn: Turn, platform_id: str) -> tuple[MessageRecord, int] | None:
    """The outbound message, and the index of its part, that has this platform id."""
    for known in turn.context.messages:
        record = turn.record(known)
        for index, part in enumerate(record.parts if record else ()):
            if record is not None and part.platform_id == platform_id:
                return record, index
    return None


def of_message(turn: Turn, message: MessageId | None) -> MessageRecord | None:
    """An outbound message's record."""
    record = turn.record(message) if message else None
    return record if record is not None and record.direction is Direction.OUTBOUND else None
