"""What staff react with to what the contact said: by command, or with an emoji that the inbox lets out."""

from __future__ import annotations

from bridge.actions import SendReaction
from bridge.events import Failed, StaffReacted
from bridge.journal import CommandNoted
from bridge.model import Conversation, DeskUser, Post
from bridge.routing import outbound, speech
from bridge.routing.answers import not_reacted, nothing_to_react_to
from bridge.routing.people import speaker
from bridge.routing.turn import Turn


def react(
    turn: Turn, conversation: Conversation, account: DeskUser, emoji: str, answers: Post | None
) -> bool:
    """React to the contact's last message, or to the one that stands in a post; no emoji takes it off. False: refused,
    and `account` was told.
    """
    refusal = outbound.refusal(turn, conversation)
    if refusal is None and answers is None and conversation.last_inbound is None:
        refusal = nothing_to_react_to()
    if refusal is not None:
        turn.answer(conversation, account, refusal)
        return False
    turn.send_reaction(conversation, emoji, answers, conversation.last_inbound or "", account)
    return True


def reacted(turn: Turn, event: StaffReacted) -> None:
    """An emoji of the inbox's list, put on a post in the thread or taken off it: it goes out where plain words would."""
    conversation = turn.conversation(event.conversation)
    if conversation is None or event.emoji not in turn.inbox(conversation.inbox).reactions:
        turn.ignore("stays here")
        return
    agent = turn.agent(event.author)
    verdict = speech.heard(speaker(turn, conversation, agent))
    if agent is None or not isinstance(verdict, speech.Spoken):
        turn.ignore("stays here")
        return
    emoji = event.emoji if event.added else ""
    if react(turn, conversation, event.author, emoji, event.answers):
        # Another door of the command.
        turn.fact(
            CommandNoted(
                **turn.stamp(conversation.inbox, conversation.id),
                command="react",
                args=(emoji or "off",),
                by=agent.id,
                account=event.author,
            )
        )


def failed(turn: Turn, action: SendReaction, event: Failed) -> None:
    """Whoever reacted is told why the contact does not see it."""
    turn.end(event.action)
    conversation = turn.conversation(action.conversation)
    if conversation is not None:
        turn.answer(conversation, action.by, not_reacted(action.emoji, event.failure.words))
