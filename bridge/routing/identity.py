"""Under what a contact is known, and where they are reached."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.journal import AliasesNoted
from bridge.model import Contact, ConversationId, InboxId
from bridge.routing.turn import Turn


def learn(
    turn: Turn, inbox: InboxId, aliases: tuple[str, ...], phone: str | None, address: str | None
) -> None:
    """Take in what a contact is known under. What an event leaves out is kept."""
    before = turn.contact
    new = tuple(alias for alias in dict.fromkeys(aliases) if alias not in before.aliases)
    turn.contact = replace(
        before,
        aliases=before.aliases + new,
        phone=phone or before.phone,
        address=address or before.address,
    )
    if new:
        turn.fact(_aliases_noted(turn, turn.contact, inbox, new))


def _aliases_noted(turn: Turn, contact: Contact, inbox: InboxId, aliases: tuple[str, ...]) -> AliasesNoted:
    """The fact that a contact is also known under `aliases`."""
    current = contact.conversations.get(inbox)
    return AliasesNoted(
        **turn.stamp(inbox, current.id if current else ConversationId("")),
        aliases=aliases,
    )
