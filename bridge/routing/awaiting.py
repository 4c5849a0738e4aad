"""Texts that could not be sent because the time for free text is over, and that go out once the contact answers."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.model import Agent, Conversation, DeskUser, Draft, Fate, MessageId, MessageRecord, Role
from bridge.routing import labels, lifecycle, notes, outbound, texts
from bridge.routing.turn import Turn

KEEP, DROP = "when_answered", "drop_waiting"
"""Buttons; their token is the message."""
MOST = 20
"""Texts that one conversation keeps."""


def keep(
    turn: Turn, conversation: Conversation, record: MessageRecord, account: DeskUser, agent: Agent
) -> None:
    """A refused text waits for the contact's next message, behind those that wait already."""
    draft = record.draft
    if (
        draft is None
        or record.fate is not Fate.FAILED
        or any(part.fate is not Fate.FAILED for part in record.parts)
    ):
        turn.answer(conversation, account, texts.nothing_to_retry())
        return
    if outbound.can_send(turn, conversation):
        # They have answered meanwhile.
        if outbound.resume(turn, conversation, record, account):
            turn.answer(conversation, account, texts.sending_again())
        return
    if conversation.status in lifecycle.OVER:
        turn.answer(conversation, account, texts.not_active(conversation.status))
        return
    if len(conversation.awaiting) >= MOST:
        turn.answer(conversation, account, texts.too_many_wait(MOST))
        return
    # From here on the conversation has it: nothing can be sent again, edited or taken back by its record.
    turn.keep(replace(record, draft=None))
    now = turn.fresh(conversation)
    others = tuple(one for one in now.awaiting if one.message != draft.message)
    turn.put(replace(now, awaiting=(*others, draft), failed=max(0, now.failed - 1)))
    button = labels.drop_waiting_button(draft.message)
    turn.notice(conversation, texts.waits_for_answer(agent.name, texts.words(draft)), buttons=(button,))


def press_drop(
    turn: Turn, conversation: Conversation, message: MessageId, account: DeskUser, agent: Agent
) -> None:
    """Somebody takes a waiting text back: its author, the assignee, or a lead."""
    draft = find(conversation, message)
    if draft is None:
        turn.answer(conversation, account, texts.settled())
        return
    mine = agent.id in {draft.author, conversation.assignee}
    if not mine and turn.role(agent, conversation.inbox) < Role.LEAD:
        turn.answer(conversation, account, texts.not_yours())
        return
    drop(turn, conversation, draft)
    turn.answer(conversation, account, texts.taken_back(texts.words(draft)))


def find(conversation: Conversation, message: MessageId) -> Draft | None:
    """A text that waits."""
    return next((one for one in conversation.awaiting if one.message == message), None)


def drop(turn: Turn, conversation: Conversation, draft: Draft) -> None:
    """A waiting text stays on the desk for good."""
    now = turn.fresh(conversation)
    turn.put(replace(now, awaiting=tuple(one for one in now.awaiting if one.message != draft.message)))
    notes.stay_internal(turn, conversation, draft)


def change(turn: Turn, conversation: Conversation, draft: Draft) -> None:
    """A waiting text says something else now."""
    now = turn.fresh(conversation)
    kept = tuple(draft if one.message == draft.message else one for one in now.awaiting)
    turn.put(replace(now, awaiting=kept))


def release(turn: Turn, conversation: Conversation) -> None:
    """The contact has answered: what waited goes out, in order, by the same rules as any reply."""
    conversation = turn.fresh(conversation)
    if not conversation.awaiting:
        return
    turn.put(replace(conversation, awaiting=()))
    for draft in conversation.awaiting:
        # It may have waited for weeks: only the words of those who are agents now go out.
        if turn.role(turn.context.roster.get(draft.author), conversation.inbox) < Role.AGENT:
            notes.stay_internal(turn, conversation, draft)
            turn.notice(conversation, texts.waited_in_vain(texts.words(draft)))
        else:
            outbound.submit(turn, turn.fresh(conversation), draft)


def wind_up(turn: Turn, conversation: Conversation) -> None:
    """The conversation ends before they answered."""
    for draft in turn.fresh(conversation).awaiting:
        drop(turn, conversation, draft)
        turn.answer(conversation, draft.account, texts.waiting_dropped(texts.words(draft)), must_arrive=True)
