"""Which agent a word means, and what matters about whoever speaks."""

from __future__ import annotations

from bridge.markup import Document
from bridge.model import Agent, Conversation, DeskUser, Role
from bridge.routing import answers, speech
from bridge.routing.turn import Turn


def find_agent(turn: Turn, conversation: Conversation, word: str, me: Agent) -> Agent | Document:
    """The agent of this inbox that `word` means: `me`, a mention (`@<id>`), an account, an id, or a name.

    When that is nobody, or several: what to tell whoever asked.
    """
    if word.lower() in {"me", "@me"}:
        return me
    name = word.strip("<>@ ").partition("|")[0].strip()
    agents = [
        agent for agent in turn.context.roster.agents if turn.role(agent, conversation.inbox) >= Role.AGENT
    ]
    desk = turn.place(conversation).desk or turn.inbox(conversation.inbox).desk
    accounts = {DeskUser(name), DeskUser(f"{desk}:{name}")}
    exact = [agent for agent in agents if agent.id == name or accounts & set(agent.accounts)]
    found = exact or _named(agents, name.casefold())
    if not found:
        return answers.no_such_person(word[:60])
    if len(found) > 1:
        return answers.several_people(word[:60], sorted(agent.name for agent in found))
    return found[0]


def _named(agents: list[Agent], name: str) -> list[Agent]:
    """Those with this full name; else those with it among their names."""
    full = [agent for agent in agents if agent.name.casefold() == name]
    return full or [agent for agent in agents if name in agent.name.casefold().split()]


def speaker(turn: Turn, conversation: Conversation, agent: Agent | None) -> speech.Speaker:
    """What `speech` has to know of an author."""
    return speech.Speaker(
        role=turn.role(agent, conversation.inbox),
        mode=turn.inbox(conversation.inbox).mode,
        assigned=conversation.assignee is not None,
        is_assignee=agent is not None and conversation.assignee == agent.id,
    )
