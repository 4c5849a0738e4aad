"""What contacts react with: shown where the message stands, or told of where it cannot be."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.actions import ShowReaction
from bridge.events import ContactReacted, Failed
from bridge.journal import ReactionNoted
from bridge.model import REACTIONS_KEPT, Reaction
from bridge.routing import lifecycle, texts
from bridge.routing.turn import Turn


def reacted(turn: Turn, event: ContactReacted) -> None:
    """One emoji a message: a newer one takes the place of the older. It opens nothing, re-opens nothing and asks for no
    answer.
    """
    contact = turn.contact
    about = event.about.platform_id
    known = next((one for one in contact.reactions if one.platform_id == about), None)
    conversation = contact.conversations.get(event.inbox)
    if conversation is None:
        turn.ignore("no conversation")
        return
    if known is not None and (known.at > event.sent_at or known.emoji == event.emoji):
        turn.ignore("known reaction")
        return
    others = tuple(one for one in contact.reactions if one is not known)
    new = Reaction(platform_id=about, emoji=event.emoji, at=event.sent_at)
    turn.contact = replace(contact, reactions=(*others, new)[-REACTIONS_KEPT:])
    turn.fact(
        ReactionNoted(**turn.stamp(conversation.inbox, conversation.id), platform_id=about, emoji=event.emoji)
    )
    if event.emoji or (known is not None and known.emoji):
        before = known.emoji if known is not None else ""
        turn.show_reaction(conversation, event.about, event.emoji, before)
    elif conversation.thread is not None and conversation.status not in lifecycle.OVER:
        # Which one it was is not known any more, so it cannot be taken off where it stands.
        turn.notice(conversation, texts.reacted(turn.contact, ""))


def not_shown(turn: Turn, action: ShowReaction, event: Failed) -> None:
    """In words instead; one that stands nowhere is gone when it is taken off."""
    turn.end(event.action)
    conversation = turn.conversation(action.conversation)
    if conversation is None or conversation.thread is None or conversation.status in lifecycle.OVER:
        return
    turn.notice(conversation, texts.reacted(turn.contact, action.emoji, event.failure.words))
