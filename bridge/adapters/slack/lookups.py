"""Who acts, what they may do, and what a reference names: read-only, for what Slack wants answered within three seconds."""

from __future__ import annotations

from bridge.adapters import reaching
from bridge.adapters.base import Inlet
from bridge.adapters.slack.ids import DESK, Ref
from bridge.adapters.slack.payloads import who
from bridge.adapters.slack.roster import Names
from bridge.adapters.slack.screens import Json
from bridge.model import Agent, Contact, Conversation, InboxId, InboxPolicy, Role

AGENTS_ONLY = "Only agents can do this. Ask an admin to add you."
OVER = "This conversation is over. The contact's later ones are in other threads."


class Lookups:
    """Views of the store as the person sees it who caused a payload."""

    def __init__(self, inlet: Inlet, names: Names) -> None:
        self._inlet = inlet
        self._names = names

    def agent(self, body: Json) -> Agent | None:
        """The person, if they are known."""
        return self._inlet.roster().find(self._names.account(*who(body)))

    def works_in(self, body: Json, inbox: InboxId) -> bool:
        """Is the person an agent of this inbox?"""
        agent = self.agent(body)
        return agent is not None and agent.role_in(inbox) >= Role.AGENT

    def inboxes(self, body: Json) -> list[InboxPolicy]:
        """The inboxes of this desk from which the person may write to contacts."""
        here = [one for one in self._inlet.policies().inboxes.values() if one.desk == DESK]
        return reaching.works_in(self.agent(body), here)

    async def conversation(self, ref: Ref) -> tuple[Contact, Conversation] | None:
        """What a button or form names, also once the contact was joined into another; None when it is over for good."""
        contact = await self._inlet.contact(ref.contact)
        if contact is not None and contact.redirect is not None:
            contact = await self._inlet.contact(contact.redirect)
        found = contact.conversation(ref.conversation) if contact else None
        return (contact, found) if contact and found else None
