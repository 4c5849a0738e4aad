"""Conversations that staff begin: a template to somebody who has not written, or not for long."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.content.making import Composed
from bridge.events import OutreachBegan
from bridge.journal import CommandNoted
from bridge.model import Agent, Conversation, Draft, Role, Status, message_id
from bridge.routing import answers, handlers, identity, lifecycle, outbound, speech, texts
from bridge.routing.turn import Turn

COMMAND = "new"


def began(turn: Turn, event: OutreachBegan) -> None:
    """One commit: the conversation, its thread, and the template on its way."""
    agent = turn.agent(event.author)
    if agent is None or turn.role(agent, event.inbox) < Role.AGENT:
        turn.answer(None, event.author, answers.viewer())
        return
    kept = speech.scan(Composed(body=(), extras=(event.message,)).typed(), mentions=False)
    if kept is not None:
        turn.answer(None, event.author, handlers.kept_hint(kept), must_arrive=True)
        return
    known = turn.contact
    if not (known.address or event.address):
        turn.answer(None, event.author, texts.no_address())
        return
    # What the contact wrote from is surer than what somebody typed.
    identity.learn(
        turn, event.inbox, event.aliases, known.phone or event.phone, known.address or event.address
    )
    current = turn.contact.conversations.get(event.inbox)
    active = current is not None and current.status is Status.ACTIVE
    conversation = _conversation(turn, event, agent)
    turn.fact(
        CommandNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            command=COMMAND,
            args=(event.message.name,),
            by=agent.id,
            account=event.author,
        )
    )
    draft = Draft(
        message=message_id(turn.lane, event.id),
        author=agent.id,
        account=event.author,
        body=(),
        extras=(event.message,),
    )
    if not outbound.submit(turn, conversation, draft):
        return
    shown = answers.outreach(agent.name, event.message, begun=not active)
    turn.notice(conversation, shown, mention=None if active else event.author)
    words = answers.outreach_goes_on if active else answers.outreach_began
    where = turn.fresh(conversation).thread
    answer = words(conversation.number, turn.contact, where)
    turn.answer(conversation, event.author, answer, must_arrive=True)


def _conversation(turn: Turn, event: OutreachBegan, agent: Agent) -> Conversation:
    """The one that goes on, or a new one, which is the agent's."""
    current = turn.contact.conversations.get(event.inbox)
    if current is None or current.status in lifecycle.OVER:
        made = lifecycle.open_conversation(turn, event.inbox, previous=current)
        return lifecycle.set_assignee(turn, made, agent.id, agent)
    if current.status is Status.RESOLVED:
        current = lifecycle.set_status(turn, current, Status.ACTIVE, agent.id)
        current = turn.put(replace(current, waiting_since=None))
        current = turn.ensure_thread(current)
        if current.assignee is None:
            current = lifecycle.set_assignee(turn, current, agent.id, agent)
    return current
