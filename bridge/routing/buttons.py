"""Doors other than typing: buttons, menus, slash commands, and emoji on the card."""

from __future__ import annotations

from msgspec.structs import replace

from bridge import commands
from bridge.events import ButtonPressed, CardReacted, CommandGiven, DeskEvent
from bridge.journal import VerdictNoted
from bridge.model import (
    Agent,
    Conversation,
    Fate,
    InboxId,
    MessageId,
    MessageRecord,
    Priority,
    Role,
    Status,
)
from bridge.routing import answers, awaiting, choices, handlers, lifecycle, outbound, texts
from bridge.routing.turn import Turn

DELIVERY = frozenset({"retry", "resend", "arrived"})
"""Buttons of notices about messages that failed, or of unknown fate; their token is the message."""

FETCH = "fetch"
"""The button of a notice in place of a contact's file; its token is the message."""

CORRECT = "correct"
"""The button of an offer to send what a delivered message was changed into; its token is that message."""

RECORDED = DELIVERY | {FETCH, CORRECT, awaiting.KEEP}
"""Buttons that are decided upon with the record of their message."""


def given(turn: Turn, event: CommandGiven) -> None:
    """A slash command, menu entry or submitted modal."""
    conversation = _conversation(turn, event)
    if conversation is not None:
        handlers.by_line(
            turn, conversation, event.author, event.line, event.body, event.answers, event.quoted
        )


def pressed(turn: Turn, event: ButtonPressed) -> None:
    """A button was pressed; one without a meaning of its own is a command."""
    conversation = _conversation(turn, event)
    if conversation is None:
        return
    if event.button in choices.BUTTONS | DELIVERY | {
        "undo_hold",
        FETCH,
        CORRECT,
        awaiting.KEEP,
        awaiting.DROP,
    }:
        _answered(turn, conversation, event)
        return
    line = f"{event.button} {event.value}" if event.value else event.button
    handlers.by_line(turn, conversation, event.author, line)


def _conversation(turn: Turn, event: DeskEvent) -> Conversation | None:
    found = turn.conversation(event.conversation)
    if found is None:
        words = texts.not_current(turn.number(event.conversation), lifecycle.current_numbers(turn))
        turn.answer(None, event.author, words)
    return found


def _answered(turn: Turn, conversation: Conversation, event: ButtonPressed) -> None:
    """An answer to one of our questions."""
    agent = turn.agent(event.author)
    role = turn.role(agent, conversation.inbox)
    # Whoever asked may keep a text in even when they are no agent any more.
    if agent is None or (role < Role.AGENT and event.button not in choices.BUTTONS):
        turn.answer(conversation, event.author, answers.viewer())
    elif event.button in choices.BUTTONS:
        choices.press(turn, conversation, agent, event.author, event.button, event.token)
    elif event.button in DELIVERY:
        _delivery(turn, conversation, event, agent)
    elif event.button == FETCH:
        _fetch(turn, conversation, event, agent)
    elif event.button == CORRECT:
        _correct(turn, conversation, event, agent)
    elif event.button == awaiting.DROP:
        awaiting.press_drop(turn, conversation, MessageId(event.token or ""), event.author, agent)
    elif event.button == awaiting.KEEP:
        _keep_waiting(turn, conversation, event, agent)
    else:
        _undo_hold(turn, conversation, event, agent)


def _undo_hold(turn: Turn, conversation: Conversation, event: ButtonPressed, agent: Agent) -> None:
    held = next((one for one in conversation.held if one.token == event.token), None)
    if held is None:
        turn.answer(conversation, event.author, texts.settled())
    elif held.draft.author != agent.id:
        turn.answer(conversation, event.author, texts.not_yours())
    else:
        outbound.cancel(turn, conversation, held)
        turn.answer(conversation, event.author, texts.taken_back(texts.words(held.draft)))


def _delivery(turn: Turn, conversation: Conversation, event: ButtonPressed, agent: Agent) -> None:
    record = outbound.of_message(turn, MessageId(event.token or ""))
    # The token is the client's word: it may name a message of somebody else's.
    home = turn.conversation(record.conversation) if record is not None else None
    if record is None or home is None:
        turn.answer(conversation, event.author, texts.forgotten())
        return
    wanted = Fate.FAILED if event.button == "retry" else Fate.UNCERTAIN
    if awaiting.find(home, record.id) is not None:
        turn.answer(conversation, event.author, texts.waits_already())
    elif record.fate is not wanted:
        turn.answer(conversation, event.author, texts.nothing_to_retry())
    elif event.button == "arrived":
        _note_verdict(turn, record, event, agent)
        _arrived(turn, conversation, record, event)
    else:
        home = turn.conversation(record.conversation) or conversation
        if outbound.resume(turn, home, record, event.author):
            _note_verdict(turn, turn.record(record.id) or record, event, agent)
            turn.answer(conversation, event.author, texts.sending_again())


def _correct(turn: Turn, conversation: Conversation, event: ButtonPressed, agent: Agent) -> None:
    """Send what a delivered message was changed into, once."""
    record = outbound.of_message(turn, MessageId(event.token or ""))
    home = turn.conversation(record.conversation) if record is not None else None
    if record is None or home is None:
        turn.answer(conversation, event.author, texts.forgotten())
        return
    draft = record.correction
    if draft is None:
        turn.answer(conversation, event.author, texts.settled())
    elif draft.author != agent.id:
        turn.answer(conversation, event.author, texts.not_yours())
    else:
        turn.keep(replace(record, correction=None))
        if outbound.submit(turn, home, draft):
            earlier = texts.excerpt(texts.words(record.draft)) if record.draft else ""
            turn.notice(home, answers.reply_shown(agent.name, texts.words(draft), earlier))


def _keep_waiting(turn: Turn, conversation: Conversation, event: ButtonPressed, agent: Agent) -> None:
    record = outbound.of_message(turn, MessageId(event.token or ""))
    home = turn.conversation(record.conversation) if record is not None else None
    if record is None or home is None:
        turn.answer(conversation, event.author, texts.forgotten())
    else:
        awaiting.keep(turn, home, record, event.author, agent)


def _fetch(turn: Turn, conversation: Conversation, event: ButtonPressed, agent: Agent) -> None:
    """Show a contact's file after all, below what was said since."""
    record = turn.record(MessageId(event.token or ""))
    home = turn.conversation(record.conversation) if record is not None else None
    if record is None or record.file is None or home is None:
        turn.answer(conversation, event.author, texts.file_forgotten())
    elif record.fate is not Fate.FAILED:
        turn.answer(conversation, event.author, texts.nothing_to_retry())
    else:
        _note_verdict(turn, record, event, agent)
        turn.keep(replace(record, fate=Fate.PENDING))
        turn.ensure_thread(turn.fresh(home))
        turn.add(turn.relay(home, record.id, texts.contact_name(turn.contact), record.file))
        turn.answer(conversation, event.author, texts.fetching_again())


def _note_verdict(turn: Turn, record: MessageRecord, event: ButtonPressed, agent: Agent) -> None:
    """For history. `record` has the parts that are known to be sent."""
    home = turn.conversation(record.conversation)
    inbox = home.inbox if home else InboxId("")
    turn.fact(
        VerdictNoted(
            **turn.stamp(inbox, record.conversation),
            message=record.id,
            verdict=event.button,
            part=len(record.parts),
            by=agent.id,
            account=event.author,
        )
    )


def _arrived(turn: Turn, conversation: Conversation, record: MessageRecord, event: ButtonPressed) -> None:
    after = outbound.with_part(record, len(record.parts), "", Fate.ACCEPTED)
    after = outbound.advance(turn, conversation.inbox, record, after)
    outbound.carry_on(turn, conversation.inbox, after)
    turn.answer(conversation, event.author, texts.noted_arrived())


# ------------------------------------------------------------------------------------------------ emoji


def reacted(turn: Turn, event: CardReacted) -> None:
    """An emoji on the card is a command; taking it off takes the command back, where that makes sense."""
    conversation = turn.conversation(event.conversation)
    line = commands.for_emoji(event.emoji)
    if conversation is None or line is None:
        turn.ignore("no command")
        return
    if not event.added:
        line = _taken_off(turn, conversation, event, line)
    if line is None:
        turn.ignore("nothing to take back")
        return
    handlers.by_line(turn, conversation, event.author, line)


def _taken_off(turn: Turn, conversation: Conversation, event: CardReacted, line: str) -> str | None:
    agent = turn.agent(event.author)
    if line == "claim" and agent is not None and conversation.assignee == agent.id:
        return "unassign"
    if line == "resolve" and conversation.status is Status.RESOLVED:
        return "reopen"
    if line.startswith("priority") and conversation.priority is Priority.URGENT:
        return "priority normal"
    return None
