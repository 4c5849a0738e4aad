"""Messages to the contact that were put together in a form on the desk."""

from __future__ import annotations

from bridge import commands
from bridge.content.making import Composed, checked
from bridge.content.unfit import UnfitError
from bridge.events import MessageComposed
from bridge.journal import CommandNoted
from bridge.model import Role
from bridge.routing import answers, handlers, lifecycle, speech, texts
from bridge.routing.handlers import Given, Order
from bridge.routing.turn import Turn


def composed(turn: Turn, event: MessageComposed) -> None:
    """By the same rules as the command that would have sent it."""
    conversation = turn.conversation(event.conversation)
    row = commands.find(event.command)
    if conversation is None or row is None:
        words = texts.not_current(turn.number(event.conversation), lifecycle.current_numbers(turn))
        turn.answer(None, event.author, words)
        return
    agent = turn.agent(event.author)
    role = turn.role(agent, conversation.inbox)
    if agent is None or role < Role.AGENT:
        turn.answer(conversation, event.author, answers.viewer())
        return
    made = Composed(body=event.body, extras=event.extras)
    try:
        checked(made, turn.context.policies.limits)
    except UnfitError as problem:
        turn.answer(conversation, event.author, answers.not_sent(problem.words), must_arrive=True)
        return
    kept = speech.scan(made.typed(), mentions=False)
    if kept is not None:
        turn.answer(conversation, event.author, handlers.kept_hint(kept), must_arrive=True)
        return
    given = Given(
        line=event.command,
        account=event.author,
        agent=agent,
        text=event.body,
        answers=event.answers,
        quoted=event.quoted,
    )
    turn.fact(
        CommandNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            command=row.name,
            args=(),
            by=agent.id,
            account=event.author,
        )
    )
    if handlers.send_made(turn, conversation, Order(row=row, by=agent, role=role, given=given), made):
        turn.answer(conversation, event.author, answers.reply_taken())
