"""Somebody is writing an answer: colleagues and the contact may know."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.events import DraftBegan
from bridge.model import Role, Status
from bridge.routing import lifecycle
from bridge.routing.turn import Turn


def began(turn: Turn, event: DraftBegan) -> None:
    """Shown in the thread, and as typing to a contact who may see that messages are read."""
    conversation = turn.conversation(event.conversation)
    agent = turn.agent(event.author)
    if conversation is None or conversation.status is not Status.ACTIVE or agent is None:
        turn.ignore("nobody to tell")
        return
    if turn.role(agent, conversation.inbox) < Role.AGENT:
        turn.ignore("no agent")
        return
    if conversation.thread is not None:
        turn.show_drafting(conversation, conversation.thread, agent.name)
    last = conversation.last_inbound
    open_now = lifecycle.window_open(conversation, turn.now)
    if last and open_now and turn.inbox(conversation.inbox).read_receipts:
        turn.mark_read(conversation, last, typing=True)
        turn.put(replace(conversation, read_inbound=last))
