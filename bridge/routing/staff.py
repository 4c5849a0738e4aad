"""What staff typed, edited and deleted in threads."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.content import Outward, StaffFile
from bridge.content.making import Composed
from bridge.events import StaffDeleted, StaffEdited, StaffWrote
from bridge.markup import Document, is_blank
from bridge.model import (
    Agent,
    Choice,
    Conversation,
    Draft,
    Fate,
    Held,
    InboxId,
    MessageId,
    MessageRecord,
    Receipt,
    Role,
    message_id,
)
from bridge.routing import (
    answers,
    awaiting,
    choices,
    handlers,
    labels,
    lifecycle,
    notes,
    outbound,
    speech,
    texts,
)
from bridge.routing.handlers import Given
from bridge.routing.people import speaker
from bridge.routing.speech import Asked, Kept, Ordered, Spoken, Why
from bridge.routing.turn import Turn


def wrote(turn: Turn, event: StaffWrote) -> None:
    """Words typed in a thread."""
    conversation = turn.conversation(event.conversation)
    if conversation is None:
        turn.receipt(_any_inbox(turn), event.conversation, event.post, Receipt.INTERNAL)
        words = texts.not_current(turn.number(event.conversation), lifecycle.current_numbers(turn))
        turn.answer(None, event.author, words)
        return
    agent = turn.agent(event.author)
    author = speaker(turn, conversation, agent)
    verdict = _judged(event.body, author, files=bool(event.files))
    if author.role >= Role.AGENT and not lifecycle.is_current(conversation, event.place):
        _internal(turn, conversation, event, agent)
        if not _meant_inside(verdict):
            # The thread may be gone, and with it the place where the answer would be seen.
            words = texts.moved(conversation.number, conversation.thread)
            turn.answer(conversation, event.author, words, must_arrive=True)
        return
    match verdict:
        case Kept():
            _internal(turn, conversation, event, agent)
            _explain(turn, conversation, event, author, verdict)
        case Ordered():
            given = Given(
                line=verdict.line,
                account=event.author,
                agent=agent,
                text=verdict.body,
                post=event.post,
                typed=event.body,
                files=event.files,
                answers=event.answers,
            )
            handlers.run(turn, conversation, given)
        case Asked() | Spoken():
            _outgoing(turn, conversation, event, verdict, agent)


def _judged(body: Document, author: speech.Speaker, *, files: bool) -> speech.Verdict:
    """Files without words are spoken of as plain words would be."""
    if not (files and is_blank(body)):
        return speech.judge(body, author)
    match speech.heard(author):
        case Asked():
            return Asked(body=())
        case Spoken():
            return Spoken(body=())
        case verdict:
            return verdict


def _any_inbox(turn: Turn) -> InboxId:
    return next(iter(turn.contact.conversations), InboxId(""))


def _meant_inside(verdict: speech.Verdict) -> bool:
    """True for words that their author knows to be internal."""
    return isinstance(verdict, Kept) and not verdict.hint and verdict.why in {Why.MARK, Why.MENTION}


def _internal(turn: Turn, conversation: Conversation, event: StaffWrote, agent: Agent | None) -> None:
    author = agent.id if agent else None
    notes.internal(turn, conversation, author, event.author, event.body, event.post, event.files)


def _explain(
    turn: Turn, conversation: Conversation, event: StaffWrote, author: speech.Speaker, kept: Kept
) -> None:
    """Tell the author why words stayed in, where they may have expected otherwise."""
    if author.role < Role.AGENT:
        if kept.hint:
            turn.answer(conversation, event.author, answers.viewer())
        return
    if kept.hint:
        turn.answer(conversation, event.author, handlers.kept_hint(kept))


def _outgoing(
    turn: Turn, conversation: Conversation, event: StaffWrote, verdict: Asked | Spoken, agent: Agent | None
) -> None:
    if agent is None:
        return
    draft = Draft(
        message=message_id(turn.lane, event.id),
        author=agent.id,
        account=event.author,
        body=verdict.body,
        post=event.post,
        extras=event.files,
        answers=event.answers,
    )
    if isinstance(verdict, Asked) and outbound.can_send(turn, conversation):
        choices.ask(turn, conversation, draft)
    else:
        outbound.submit(turn, conversation, draft)


# ------------------------------------------------------------------------------------------------ edits


def edited(turn: Turn, event: StaffEdited) -> None:
    """A staff post was edited: what has not gone out yet changes with it; nothing that was internal goes out."""
    conversation = turn.conversation(event.conversation)
    if conversation is None:
        turn.ignore("not current")
        return
    message = message_id(turn.lane, event.cause)
    choice, held = _waiting(conversation, message)
    record = outbound.of_message(turn, message)
    waits = awaiting.find(conversation, message)
    found = choice or held or record
    extras = found.draft.extras if found is not None and found.draft is not None else ()
    files = tuple(one for one in extras if isinstance(one, StaffFile))
    said = _words_for_contact(turn, conversation, event, files=files)
    if choice is not None:
        _edit_choice(turn, conversation, choice, event, said)
    elif held is not None:
        _edit_held(turn, conversation, held, event, said)
    elif waits is not None:
        _edit_waiting(turn, conversation, waits, event, said)
    elif record is not None:
        _edit_sent(turn, conversation, record, event, said)
    elif said is not None:
        turn.answer(conversation, event.author, texts.edit_not_sent())
    else:
        turn.ignore("internal")


def _words_for_contact(
    turn: Turn, conversation: Conversation, event: StaffEdited, *, files: tuple[Outward, ...]
) -> Composed | None:
    """What the contact would get, were the edited text typed anew; None when it would stay in."""
    agent = turn.agent(event.author)
    verdict = _judged(event.body, speaker(turn, conversation, agent), files=bool(files))
    match verdict:
        case Asked() | Spoken():
            return Composed(body=verdict.body, extras=files)
        case Ordered():
            made = handlers.words_of(turn, verdict, turn.role(agent, conversation.inbox))
            return made if made is None or made.extras else replace(made, extras=files)
        case _:
            return None


def _waiting(conversation: Conversation, message: MessageId) -> tuple[Choice | None, Held | None]:
    choice = next((one for one in conversation.choices if one.draft.message == message), None)
    held = next((one for one in conversation.held if one.draft.message == message), None)
    return choice, held


def _says(draft: Draft, said: Composed) -> bool:
    return (draft.body, draft.extras) == (said.body, said.extras)


def _saying(draft: Draft, said: Composed) -> Draft:
    return replace(draft, body=said.body, extras=said.extras)


def _as_typed(draft: Draft, event: StaffEdited) -> Draft:
    """A draft that stays in for good: what stands on the desk is what was said."""
    files = tuple(one for one in draft.extras if isinstance(one, StaffFile))
    return replace(draft, body=event.body, extras=files)


def _edit_choice(
    turn: Turn, conversation: Conversation, choice: Choice, event: StaffEdited, said: Composed | None
) -> None:
    if said is None:
        choices.keep(turn, conversation, choice, _as_typed(choice.draft, event))
        turn.answer(conversation, event.author, texts.taken_back(texts.words(choice.draft)))
    elif not _says(choice.draft, said):
        changed = replace(choice, draft=_saying(choice.draft, said))
        choices.change(turn, conversation, changed)
        choices.prompt(turn, conversation, changed)


def _edit_held(
    turn: Turn, conversation: Conversation, held: Held, event: StaffEdited, said: Composed | None
) -> None:
    if said is None:
        outbound.cancel(turn, conversation, replace(held, draft=_as_typed(held.draft, event)))
        turn.answer(conversation, event.author, texts.taken_back(texts.words(held.draft)))
    elif not _says(held.draft, said):
        changed = replace(held, draft=_saying(held.draft, said))
        kept = tuple(changed if one.token == held.token else one for one in conversation.held)
        turn.put(replace(conversation, held=kept))
        buttons = (labels.undo_button(held.token),)
        turn.answer(conversation, event.author, texts.replaced(texts.words(changed.draft)), buttons=buttons)


def _edit_waiting(
    turn: Turn, conversation: Conversation, draft: Draft, event: StaffEdited, said: Composed | None
) -> None:
    if said is None:
        awaiting.drop(turn, conversation, _as_typed(draft, event))
        turn.answer(conversation, event.author, texts.taken_back(texts.words(draft)))
    elif not _says(draft, said):
        changed = _saying(draft, said)
        awaiting.change(turn, conversation, changed)
        turn.answer(conversation, event.author, texts.replaced(texts.words(changed)))


def _edit_sent(
    turn: Turn, conversation: Conversation, record: MessageRecord, event: StaffEdited, said: Composed | None
) -> None:
    if record.draft is not None and said is not None and _says(record.draft, said):
        if record.correction is not None:
            turn.keep(replace(record, correction=None))
        turn.ignore("nothing new")
    elif _nothing_went_out(record):
        _edit_failed(turn, conversation, record, event, said)
    elif said is None:
        turn.keep(replace(record, correction=None))
        turn.answer(conversation, event.author, texts.edit_too_late())
    else:
        _offer_correction(turn, conversation, record, event, said)


def _offer_correction(
    turn: Turn, conversation: Conversation, record: MessageRecord, event: StaffEdited, said: Composed
) -> None:
    """The contact has the earlier wording for good; the new one can follow it, as an answer to it."""
    agent = turn.agent(event.author)
    if agent is None:
        turn.ignore("no agent")
        return
    files = record.draft.extras if record.draft else ()
    draft = Draft(
        message=message_id(turn.lane, event.id),
        author=agent.id,
        account=event.author,
        body=said.body,
        extras=tuple(one for one in said.extras if one not in files),
        answers=event.post,
    )
    turn.keep(replace(record, correction=draft))
    turn.answer(
        conversation,
        event.author,
        texts.correction(texts.words(draft)),
        buttons=(labels.correction_button(record.id),),
        must_arrive=True,
    )


def _nothing_went_out(record: MessageRecord) -> bool:
    return record.fate is Fate.FAILED and all(part.fate is Fate.FAILED for part in record.parts)


def _edit_failed(
    turn: Turn, conversation: Conversation, record: MessageRecord, event: StaffEdited, said: Composed | None
) -> None:
    """A failed reply waits for its Retry: that sends the new words, or nothing once they are internal."""
    if record.draft is None:
        turn.ignore("internal")
    elif said is None:
        outbound.give_up(turn, conversation, record)
        turn.answer(conversation, event.author, texts.taken_back(texts.words(record.draft)))
    else:
        draft = _saying(record.draft, said)
        turn.keep(replace(record, draft=draft))
        turn.answer(conversation, event.author, texts.replaced(texts.words(draft)))


# ---------------------------------------------------------------------------------------------- deletes


def deleted(turn: Turn, event: StaffDeleted) -> None:
    """A staff post was deleted: what has not gone out yet never does."""
    conversation = turn.conversation(event.conversation)
    if conversation is None:
        turn.ignore("not current")
        return
    message = message_id(turn.lane, event.cause)
    choice, held = _waiting(conversation, message)
    record = outbound.of_message(turn, message)
    if choice is not None:
        choices.keep(turn, conversation, choice, replace(choice.draft, post=None))
    elif held is not None:
        outbound.cancel(turn, conversation, replace(held, draft=replace(held.draft, post=None)))
        turn.answer(conversation, event.author, texts.taken_back(texts.words(held.draft)))
    elif (waits := awaiting.find(conversation, message)) is not None:
        awaiting.drop(turn, conversation, replace(waits, post=None))
        turn.answer(conversation, event.author, texts.taken_back(texts.words(waits)))
    elif record is None or record.draft is None:
        turn.ignore("internal")
    elif _nothing_went_out(record):
        outbound.give_up(turn, conversation, record)
    else:
        turn.keep(replace(record, correction=None))
        turn.answer(conversation, event.author, texts.delete_too_late())
