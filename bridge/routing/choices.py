"""Texts whose author has to say what becomes of them: state, so that a restart forgets none; settled once."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bridge.model import Agent, Choice, Conversation, DeskUser, Draft, Receipt, Role, Token
from bridge.routing import awaiting, labels, lifecycle, notes, outbound, texts
from bridge.routing.turn import Turn

BUTTONS = frozenset({"claim_send", "send", "keep"})


def ask(turn: Turn, conversation: Conversation, draft: Draft) -> None:
    """Ask the author of `draft`; again by direct message if no answer comes."""
    conversation = turn.fresh(conversation)
    token = Token(f"choice:{draft.message}")
    choice = Choice(token=token, draft=draft)
    turn.put(replace(conversation, choices=(*conversation.choices, choice)))
    due = turn.now + timedelta(seconds=turn.context.policies.choice_reminder_s)
    turn.timer(conversation.id, "choice", token, due)
    turn.receipt(conversation.inbox, conversation.id, draft.post, Receipt.NEEDS_YOU)
    prompt(turn, conversation, choice)


def prompt(turn: Turn, conversation: Conversation, choice: Choice) -> None:
    """Show the question and its buttons."""
    turn.answer(
        conversation,
        choice.draft.account,
        texts.choice(turn.contact, texts.words(choice.draft)),
        buttons=labels.choice_buttons(choice.token, may_claim=choice.may_claim),
        must_arrive=True,
    )


def remind(turn: Turn, conversation: Conversation, token: Token) -> None:
    """The author did not answer in time: once more, where it cannot be overlooked."""
    choice = _find(conversation, token)
    if choice is None or choice.reminded:
        turn.ignore("stale timer")
        return
    change(turn, conversation, replace(choice, reminded=True))
    turn.direct(
        conversation,
        choice.draft.account,
        texts.choice_again(conversation.number, turn.contact, texts.words(choice.draft)),
        labels.choice_buttons(token, may_claim=choice.may_claim),
    )


def press(
    turn: Turn, conversation: Conversation, agent: Agent, account: DeskUser, button: str, token: Token | None
) -> None:
    """A button of the question was pressed."""
    choice = _find(conversation, token)
    if choice is None:
        turn.answer(conversation, account, texts.settled())
        return
    if choice.draft.author != agent.id:
        turn.answer(conversation, account, texts.not_yours())
        return
    if button == "keep" or turn.role(agent, conversation.inbox) < Role.AGENT:
        keep(turn, conversation, choice)
        return
    if button == "claim_send" and not _claim(turn, conversation, agent, choice):
        return
    settle(turn, conversation, choice)
    outbound.submit(turn, turn.fresh(conversation), choice.draft)


def _claim(turn: Turn, conversation: Conversation, agent: Agent, choice: Choice) -> bool:
    """Take the conversation; not from somebody who was faster. True when it is the author's."""
    if conversation.status in lifecycle.OVER or conversation.assignee == agent.id:
        return True
    if conversation.assignee is not None:
        other = turn.context.roster.get(conversation.assignee)
        asked = replace(choice, may_claim=False)
        change(turn, conversation, asked)
        turn.answer(
            conversation,
            choice.draft.account,
            texts.choice_taken(other.name if other else "Somebody else", texts.words(choice.draft)),
            buttons=labels.choice_buttons(choice.token, may_claim=False),
            must_arrive=True,
        )
        return False
    lifecycle.set_assignee(turn, conversation, agent.id, agent)
    lifecycle.undoable(turn, conversation, agent.id, "the claim")
    return True


def keep(turn: Turn, conversation: Conversation, choice: Choice, draft: Draft | None = None) -> None:
    """The text stays internal (as `draft`, if it changed meanwhile)."""
    settle(turn, conversation, choice)
    notes.stay_internal(turn, conversation, draft or choice.draft)


def settle(turn: Turn, conversation: Conversation, choice: Choice) -> None:
    """The question is answered."""
    conversation = turn.fresh(conversation)
    rest = tuple(one for one in conversation.choices if one.token != choice.token)
    turn.put(replace(conversation, choices=rest))
    turn.clear_timer(choice.token)


def change(turn: Turn, conversation: Conversation, choice: Choice) -> None:
    """The question changed."""
    conversation = turn.fresh(conversation)
    kept = tuple(choice if one.token == choice.token else one for one in conversation.choices)
    turn.put(replace(conversation, choices=kept))


def _find(conversation: Conversation, token: Token | None) -> Choice | None:
    return next((one for one in conversation.choices if one.token == token), None)


def wind_up(turn: Turn, conversation: Conversation) -> None:
    """The conversation ends: what was held goes out now, what waits for a choice or for the contact stays internal."""
    conversation = turn.fresh(conversation)
    awaiting.wind_up(turn, conversation)
    outbound.release_first(turn, conversation, len(conversation.held))
    for choice in turn.fresh(conversation).choices:
        keep(turn, conversation, choice)
        turn.answer(
            conversation,
            choice.draft.account,
            texts.choice_dropped(texts.words(choice.draft)),
            must_arrive=True,
        )
