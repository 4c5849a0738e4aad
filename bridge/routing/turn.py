"""One decision in the making: collects what changes, then gives it back as a `Decision`.

The functions of routing write into a `Turn` instead of passing half-built decisions around. It lives for one
`decide` and touches nothing outside, so deciding stays pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from msgspec.structs import replace

from bridge import events
from bridge.actions import (
    Alert,
    Amend,
    Answer,
    AnyAction,
    DirectMessage,
    Emit,
    EraseTraces,
    ForgetThreads,
    MarkRead,
    MoveAliases,
    OpenThread,
    PostNotice,
    Relay,
    Send,
    SendReaction,
    ShowDrafting,
    ShowReaction,
    ShowReceipt,
    ShowTrace,
    UpdateCard,
)
from bridge.content import Content
from bridge.events import ContactEvent, Event, StaffEvent
from bridge.journal import AnyFact
from bridge.markup import Document
from bridge.model import (
    ENDED_KEPT,
    ActionId,
    Agent,
    Button,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    DeskUser,
    Direction,
    Draft,
    EventId,
    InboxId,
    InboxPolicy,
    LaneId,
    MessageId,
    MessageRecord,
    Place,
    Post,
    Receipt,
    Recent,
    Reference,
    Role,
    Token,
    conversation_number,
    lane_of,
)
from bridge.routing.decision import Context, Decision, Form, Timer

Owner = Conversation | None


class _Head(TypedDict):
    """What every action of a contact begins with."""

    id: ActionId
    seq: int
    contact: ContactId
    inbox: InboxId
    conversation: ConversationId


class Stamp(TypedDict):
    """What every fact begins with."""

    at: datetime
    cause: EventId
    contact: ContactId
    conversation: ConversationId
    inbox: InboxId


class Turn:
    """Collects one decision. `contact` is the state as changed so far."""

    def __init__(self, state: Contact, event: ContactEvent, context: Context) -> None:
        self.before = state
        self.contact = state
        self.event = event
        self.context = context
        self.now = context.now
        self.lane: LaneId = lane_of(state.id)
        self.actions: list[AnyAction] = []
        self.replaced: dict[ActionId, AnyAction] = {}
        self.done: list[ActionId] = []
        self.timers: dict[Token, Timer] = {}
        self.cleared: dict[Token, None] = {}
        self.records: dict[MessageId, MessageRecord] = {}
        self.recent: list[tuple[ConversationId, Recent]] = []
        self.facts: list[AnyFact] = []
        self.opened: ConversationId | None = None
        self.form = Form.WHOLE
        self.ignored: str | None = None
        # An action may have several results (its parts, a failure that leaves it pending) under one event id, so
        # their actions are counted on from the contact's; other events are decided once and count from 0.
        self._index = state.seq if isinstance(event, events.Result) else 0
        self._seq = state.seq

    # ------------------------------------------------------------------------------------------- reading

    def inbox(self, inbox: InboxId) -> InboxPolicy:
        """The settings of an inbox; defaults for one that was taken out of the settings."""
        known = self.context.policies.inboxes.get(inbox)
        return known or InboxPolicy(id=inbox, name=inbox, desk="", channel="")

    def conversation(self, conversation: ConversationId) -> Conversation | None:
        """A conversation as changed so far."""
        return self.contact.conversation(conversation)

    def fresh(self, conversation: Conversation) -> Conversation:
        """The same conversation as changed so far."""
        return self.contact.conversation(conversation.id) or conversation

    def agent(self, account: DeskUser) -> Agent | None:
        """The agent behind a desk account."""
        return self.context.roster.find(account)

    def role(self, agent: Agent | None, inbox: InboxId) -> Role:
        """What somebody may do in an inbox; whoever is not known is a viewer."""
        return agent.role_in(inbox) if agent is not None else Role.VIEWER

    def number(self, conversation: ConversationId) -> int:
        """The number people type for a conversation."""
        return conversation_number(conversation, self.context.policies.shards)

    def account(self, agent: Agent, conversation: Conversation) -> DeskUser | None:
        """An agent's account on the desk of a conversation."""
        prefix = f"{self.inbox(conversation.inbox).desk}:"
        return next((one for one in agent.accounts if one.startswith(prefix)), None)

    def record(self, message: MessageId) -> MessageRecord | None:
        """A message's record as changed so far."""
        return self.records.get(message) or self.context.messages.get(message)

    def place(self, conversation: Owner) -> Place:
        """Where to answer the person who caused this event."""
        event = self.event
        if isinstance(event, StaffEvent) and event.place is not None:
            return event.place
        if isinstance(event, events.StaffWrote | events.StaffEdited | events.StaffDeleted):
            return Place(desk=event.post.desk, channel=event.post.channel)
        if conversation is not None and conversation.thread is not None:
            return conversation.thread
        inbox = self.inbox(conversation.inbox) if conversation is not None else None
        return Place(desk=inbox.desk, channel=inbox.channel) if inbox else Place(desk="", channel="")

    # ------------------------------------------------------------------------------------------- changing

    def put(self, conversation: Conversation) -> Conversation:
        """Store a changed (or new current) conversation."""
        contact = self.contact
        if any(one.id == conversation.id for one in contact.ended):
            kept = tuple(conversation if one.id == conversation.id else one for one in contact.ended)
            self.contact = replace(contact, ended=kept)
            return conversation
        current = contact.conversations.get(conversation.inbox)
        if current is not None and current.id != conversation.id:
            contact = replace(contact, ended=(*contact.ended, current)[-ENDED_KEPT:])
        self.contact = replace(
            contact, conversations={**contact.conversations, conversation.inbox: conversation}
        )
        return conversation

    def bring_back(self, conversation: Conversation) -> Conversation:
        """Make a replaced conversation the current one of its inbox again."""
        kept = tuple(one for one in self.contact.ended if one.id != conversation.id)
        self.contact = replace(self.contact, ended=kept)
        return self.put(conversation)

    def keep(self, record: MessageRecord) -> MessageRecord:
        """Store a message record."""
        self.records[record.id] = record
        return record

    def remember(
        self,
        conversation: ConversationId,
        direction: Direction,
        author: str,
        text: str,
        message: MessageId,
        *,
        internal: bool = False,
    ) -> None:
        """Add a line to the conversation's recent history."""
        line = Recent(
            at=self.event.at,
            direction=direction,
            author=author,
            text=text,
            internal=internal,
            message=message,
        )
        self.recent.append((conversation, line))

    def fact(self, fact: AnyFact) -> None:
        """Add a fact to the journal."""
        self.facts.append(fact)

    def stamp(self, inbox: InboxId, conversation: ConversationId) -> Stamp:
        """What a fact that follows from this event begins with."""
        return Stamp(
            at=self.event.at,
            cause=self.event.id,
            contact=self.contact.id,
            conversation=conversation,
            inbox=inbox,
        )

    def timer(self, conversation: ConversationId, kind: str, token: Token, due: datetime) -> None:
        """Have `TimeReached` come at `due`."""
        event = events.TimeReached(
            id=EventId(f"timer:{token}:{int(due.timestamp() * 1000)}"),
            at=due,
            contact=self.contact.id,
            conversation=conversation,
            timer=kind,
            token=token,
        )
        self.cleared.pop(token, None)
        self.timers[token] = Timer(token=token, due=due, event=event)

    def clear_timer(self, token: Token) -> None:
        """Take a timer back."""
        self.timers.pop(token, None)
        self.cleared[token] = None

    def end(self, action: ActionId) -> None:
        """A pending action ends."""
        if action not in self.done:
            self.done.append(action)

    def ignore(self, why: str) -> None:
        """Nothing was done, and why."""
        self.ignored = why

    # -------------------------------------------------------------------------------------------- actions

    def next_id(self) -> ActionId:
        """The id of the next action."""
        self._index += 1
        return ActionId(f"{self.event.id}/{self._index - 1}")

    def next_seq(self) -> int:
        """The number of the next action."""
        self._seq += 1
        return self._seq

    def add(self, action: AnyAction) -> None:
        """Add an action made with `next_id` and `next_seq`."""
        self.actions.append(action)

    def _head(self, conversation: Conversation) -> _Head:
        return self._head_of(conversation.inbox, conversation.id)

    def _head_of(self, inbox: InboxId, conversation: ConversationId) -> _Head:
        return _Head(
            id=self.next_id(),
            seq=self.next_seq(),
            contact=self.contact.id,
            inbox=inbox,
            conversation=conversation,
        )

    def ensure_thread(self, conversation: Conversation) -> Conversation:
        """Ask for a thread unless there is one, or one is on its way."""
        if conversation.thread is not None or conversation.opening is not None:
            return conversation
        action = OpenThread(
            **self._head(conversation),
        )
        self.add(action)
        version = conversation.card_version + 1
        return self.put(
            replace(conversation, opening=action.id, card_version=version, opened_version=version)
        )

    def relay(self, conversation: Conversation, message: MessageId, author: str, content: Content) -> Relay:
        """A `Relay`, not yet added: the caller completes it and calls `add`."""
        return Relay(
            **self._head(conversation),
            message=message,
            author=author,
            content=content,
        )

    def amend(
        self, conversation: Conversation, message: MessageId, author: str, event: events.ContactAmended
    ) -> None:
        """Say on the post of a contact's message what became of it."""
        self.add(
            Amend(
                **self._head(conversation),
                message=message,
                about=event.about,
                author=author,
                content=event.content,
                sent_at=event.sent_at,
                ours=event.ours,
            )
        )

    def notice(
        self,
        conversation: Conversation,
        body: Document,
        buttons: tuple[Button, ...] = (),
        mention: DeskUser | None = None,
        message: MessageId | None = None,
    ) -> None:
        """A post of ours in the thread; a thread is asked for when there is none. `message`: what it shows."""
        self.ensure_thread(self.fresh(conversation))
        self.add(
            PostNotice(
                **self._head(conversation),
                body=body,
                buttons=buttons,
                mention=mention,
                message=message,
            )
        )

    def send(
        self,
        conversation: Conversation,
        message: MessageId,
        draft: Draft,
        names: dict[str, str],
        first_part: int,
    ) -> Send:
        """A message to the contact. Only `routing.outbound` calls this."""
        action = Send(
            **self._head(conversation),
            message=message,
            address=self.contact.address or "",
            body=draft.body,
            names=names,
            first_part=first_part,
            extras=draft.extras,
            answers=draft.answers,
        )
        self.add(action)
        return action

    def send_reaction(
        self,
        conversation: Conversation,
        emoji: str,
        answers: Post | None,
        platform_id: str,
        by: DeskUser,
    ) -> None:
        """React to a message of the contact. Only `routing.reacting` calls this."""
        self.add(
            SendReaction(
                **self._head(conversation),
                address=self.contact.address or "",
                emoji=emoji,
                answers=answers,
                platform_id="" if answers else platform_id,
                by=by,
            )
        )

    def mark_read(self, conversation: Conversation, platform_id: str, *, typing: bool = False) -> None:
        """Tell the contact that their message was read, and with `typing` that an answer is being written."""
        self.add(MarkRead(**self._head(conversation), platform_id=platform_id, typing=typing))

    def show_drafting(self, conversation: Conversation, place: Place, who: str) -> None:
        """Show colleagues that somebody is writing."""
        self.add(ShowDrafting(**self._head(conversation), place=place, who=who))

    def update_card(self, conversation: Conversation) -> None:
        """Have the card rendered anew."""
        self.add(UpdateCard(**self._head(conversation), version=conversation.card_version))

    def show_reaction(self, conversation: Conversation, about: Reference, emoji: str, before: str) -> None:
        """Show the contact's reaction in place of the one before."""
        self.add(ShowReaction(**self._head(conversation), about=about, emoji=emoji, before=before))

    def receipt(
        self, inbox: InboxId, conversation: ConversationId, post: Post | None, receipt: Receipt
    ) -> None:
        """Show the fate of a staff message; nothing to show it on for words from a command."""
        if post is None:
            return
        self.add(
            ShowReceipt(
                **self._head_of(inbox, conversation),
                post=post,
                receipt=receipt,
            )
        )

    def answer(
        self,
        conversation: Owner,
        to: DeskUser,
        body: Document,
        *,
        buttons: tuple[Button, ...] = (),
        must_arrive: bool = False,
        place: Place | None = None,
    ) -> None:
        """Tell one person something."""
        event = self.event
        handle = event.reply_handle if isinstance(event, StaffEvent) and event.author == to else None
        self.add(
            Answer(
                id=self.next_id(),
                seq=self.next_seq(),
                contact=self.contact.id,
                inbox=conversation.inbox if conversation else InboxId(""),
                conversation=conversation.id if conversation else ConversationId(""),
                to=to,
                place=place or self.place(conversation),
                body=body,
                buttons=buttons,
                reply_handle=handle,
                must_arrive=must_arrive,
            )
        )

    def show_trace(self, conversation: Conversation, to: DeskUser, back: int, asked: MessageId) -> None:
        """Tell one person what happened to the `back`-th last message; `asked` is not counted."""
        event = self.event
        handle = event.reply_handle if isinstance(event, StaffEvent) and event.author == to else None
        self.add(
            ShowTrace(
                **self._head(conversation),
                to=to,
                place=self.place(conversation),
                back=back,
                asked=asked,
                thread=self.fresh(conversation).thread,
                reply_handle=handle,
            )
        )

    def direct(
        self, conversation: Conversation, to: DeskUser, body: Document, buttons: tuple[Button, ...] = ()
    ) -> None:
        """A direct message about a conversation."""
        self.add(
            DirectMessage(
                **self._head(conversation),
                to=to,
                body=body,
                buttons=buttons,
                about=self.fresh(conversation).thread,
            )
        )

    def alert(self, conversation: Owner, body: Document) -> None:
        """Tell the people with rights."""
        some_inbox = next(iter(self.context.policies.inboxes), InboxId(""))
        self.add(
            Alert(
                id=self.next_id(),
                seq=self.next_seq(),
                contact=self.contact.id,
                inbox=conversation.inbox if conversation else some_inbox,
                conversation=conversation.id if conversation else ConversationId(""),
                body=body,
            )
        )

    def emit(self, lane: LaneId, unit: str, event: Event) -> None:
        """Append an event to another lane's stream."""
        self.add(
            Emit(
                id=self.next_id(),
                seq=self.next_seq(),
                contact=self.contact.id,
                to=lane,
                unit=unit,
                event=events.pack(event),
            )
        )

    def emit_id(self) -> EventId:
        """The id for an event that the next action emits."""
        return EventId(f"{self.event.id}/{self._index}")

    def move_aliases(self, aliases: tuple[str, ...]) -> None:
        """Point aliases at this contact."""
        self.add(
            MoveAliases(id=self.next_id(), seq=self.next_seq(), contact=self.contact.id, aliases=aliases)
        )

    def forget_threads(self, places: tuple[Place, ...]) -> None:
        """Let go of what leads from threads to this contact."""
        self.add(
            ForgetThreads(id=self.next_id(), seq=self.next_seq(), contact=self.contact.id, places=places)
        )

    def erase(
        self, event: events.ContactForgotten, aliases: tuple[str, ...], places: tuple[Place, ...]
    ) -> None:
        """Take out of Redis what the state does not reach."""
        known = dict.fromkeys((*_conversations(self.before), *event.conversations))
        self.add(
            EraseTraces(
                id=self.next_id(),
                seq=self.next_seq(),
                contact=self.contact.id,
                aliases=aliases,
                places=places,
                conversations=tuple(known),
            )
        )

    # --------------------------------------------------------------------------------------------- finish

    def decision(self) -> Decision:
        """Everything collected."""
        contact = self.contact
        if self._seq != contact.seq:
            contact = replace(contact, seq=self._seq)
        if contact is not self.before and contact.resting == self.before.resting is not None:
            # What the archive was given is not the state any more.
            contact = replace(contact, resting=None)
        return Decision(
            state=contact,
            actions=tuple(self.actions),
            done=tuple(self.done),
            replaced=tuple(self.replaced.values()),
            timers=tuple(self.timers.values()),
            cleared=tuple(self.cleared),
            messages=tuple(self.records.values()),
            recent=tuple(self.recent),
            facts=tuple(self.facts),
            opened=self.opened,
            form=self.form,
            forgotten=self._forgotten(),
            unnumbered=_conversations(contact) if self.form is Form.SHELVED else (),
            ignored=self.ignored,
        )

    def _forgotten(self) -> tuple[ConversationId, ...]:
        """Conversations whose recent history nobody will ask for: those that are no longer in the state."""
        before = _conversations(self.before)
        if self.form is not Form.WHOLE:
            return before
        if self.contact is self.before:
            return ()
        now = _conversations(self.contact)
        return tuple(one for one in before if one not in now)


def _conversations(contact: Contact) -> tuple[ConversationId, ...]:
    return tuple(one.id for one in (*contact.conversations.values(), *contact.ended))
