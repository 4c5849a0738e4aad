"""A world for decisions: settings, people, a contact, and short ways to make events."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from msgspec.structs import replace

from bridge.actions import (
    Action,
    Answer,
    AnyAction,
    OpenThread,
    PostNotice,
    Relay,
    Send,
    ShowReceipt,
)
from bridge.content import StaffFile, Words, described
from bridge.errors import Failure, FailureKind
from bridge.events import (
    ButtonPressed,
    CardReacted,
    CommandGiven,
    ContactLaneEvent,
    DeliveryChanged,
    Done,
    Failed,
    MessageReceived,
    PartSent,
    Posted,
    StaffDeleted,
    StaffEdited,
    StaffWrote,
    ThreadOpened,
    Uncertain,
)
from bridge.markup import Document, bare, text
from bridge.model import (
    ActionId,
    Agent,
    AgentId,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    DeskUser,
    EventId,
    InboxId,
    InboxPolicy,
    MessageId,
    MessageRecord,
    Mode,
    Place,
    Policies,
    Post,
    Receipt,
    Role,
    Roster,
    Token,
    lane_of,
    message_id,
)
from bridge.routing.decide import decide, needs
from bridge.routing.decision import Context, Decision, Timer

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SALES = InboxId("sales")
SUPPORT = InboxId("support")
CONTACT = ContactId("3-abcdef")
A = TypeVar("A", bound=Action)


def account(name: str) -> DeskUser:
    """A person's account on the desk."""
    return DeskUser(f"desk:U-{name}")


def person(name: str, role: Role, inboxes: tuple[InboxId, ...] = ()) -> Agent:
    """Somebody on the desk."""
    return Agent(
        id=AgentId(name),
        name=name.capitalize(),
        role=role,
        accounts=(account(name),),
        inboxes=inboxes,
    )


ANA, BEN = person("ana", Role.AGENT), person("ben", Role.AGENT)
LEA, ADA = person("lea", Role.LEAD), person("ada", Role.ADMIN)
VIC = person("vic", Role.VIEWER)
PEOPLE = (ANA, BEN, LEA, ADA, VIC)

NEVER = Failure(kind=FailureKind.NEVER, code="131026", words="the number is not on the platform")
GONE = Failure(kind=FailureKind.GONE, code="is_archived", words="the channel was archived")


class World:
    """A contact's shard, driven by hand: keeps state, records, pending actions and timers as the store would."""

    def __init__(
        self, *, mode: Mode = Mode.ASSIGNEE, hold_s: float = 0.0, read_receipts: bool = True
    ) -> None:
        self.now = START
        inbox = InboxPolicy(
            id=SALES,
            name="Sales",
            desk="desk",
            channel="C1",
            mode=mode,
            hold_s=hold_s,
            read_receipts=read_receipts,
        )
        other = replace(inbox, id=SUPPORT, name="Support", channel="C2")
        self.policies = Policies(inboxes={SALES: inbox, SUPPORT: other})
        self.roster = Roster(version=1, agents=PEOPLE)
        self.contact = Contact(id=CONTACT)
        self.records: dict[MessageId, MessageRecord] = {}
        self.pending: dict[ActionId, AnyAction] = {}
        self.timers: dict[Token, Timer] = {}
        self.made: list[AnyAction] = []
        self.last = Decision(state=self.contact)
        self.decided_at = self.now
        """When `last` was decided."""
        self.counter = 66
        self._ids = itertools.count(1)

    # ------------------------------------------------------------------------------------- deciding

    def context(self, event: ContactLaneEvent, action: AnyAction | None = None) -> Context:
        """What the engine would hand to `decide`."""
        wanted = needs(event, action)
        found = {one: self.records[one] for one in wanted.messages if one in self.records}
        for record in self.records.values():
            ids = {part.platform_id for part in record.parts} | {record.platform_id}
            if ids & set(wanted.platform_ids):
                found[record.id] = record
        return Context(
            now=self.now,
            policies=self.policies,
            roster=self.roster,
            counter=self.counter,
            messages=found,
            pending=tuple(self.pending),
            action=action,
        )

    def decide(self, event: ContactLaneEvent) -> Decision:
        """Decide and commit."""
        action = self.pending.get(getattr(event, "action", ActionId("")))
        decision = decide(self.contact, event, self.context(event, action))
        self.last = decision
        self.decided_at = self.now
        self.contact = decision.state
        if decision.opened is not None:
            self.counter += 1
        for new in (*decision.actions, *decision.replaced):
            self.pending[new.id] = new
        self.made.extend(decision.actions)
        for ended in decision.done:
            self.pending.pop(ended, None)
        for token in decision.cleared:
            self.timers.pop(token, None)
        for timer in decision.timers:
            self.timers[timer.token] = timer
        for record in decision.messages:
            self.records[record.id] = record
        return decision

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, without firing anything."""
        self.now += timedelta(seconds=seconds)

    def fire(self, token: Token | None = None) -> Decision:
        """Fire a timer (the next one unless told), at its time."""
        timer = self.timers[token] if token else min(self.timers.values(), key=lambda one: one.due)
        self.now = max(self.now, timer.due)
        del self.timers[timer.token]
        return self.decide(timer.event)

    # --------------------------------------------------------------------------------------- events

    def new_id(self, prefix: str) -> EventId:
        """An id that no event had."""
        return EventId(f"{prefix}:{next(self._ids)}")

    def receive(self, words: str = "Hello", **fields: object) -> Decision:
        """The contact writes."""
        event_id = self.new_id("in")
        event = MessageReceived(
            id=event_id,
            at=self.now,
            contact=CONTACT,
            inbox=SALES,
            platform_id=f"wamid-{event_id}",
            content=Words(text(words)),
            sent_at=self.now,
            name="Carla",
            phone="4915112345678",
            address="4915112345678",
            aliases=("phone:p:4915112345678",),
        )
        return self.decide(replace(event, **fields))

    def write(
        self,
        name: str,
        words: str | Document,
        *,
        place: Place | None = None,
        files: int = 0,
        conversation: ConversationId | None = None,
    ) -> StaffWrote:
        """Somebody types in the thread."""
        event_id = self.new_id("desk:C1")
        event = StaffWrote(
            id=event_id,
            at=self.now,
            contact=self.contact.id,
            conversation=conversation or self.conversation.id,
            author=account(name),
            author_name=name,
            place=place or self.conversation.thread or Place(desk="desk", channel="C1", thread="?"),
            post=Post(desk="desk", channel="C1", id=event_id),
            body=text(words) if isinstance(words, str) else words,
            files=tuple(StaffFile(file=f"F{at}", name=f"file-{at}.pdf") for at in range(files)),
        )
        self.decide(event)
        return event

    def edit(self, wrote: StaffWrote, words: str | Document) -> Decision:
        """The author edits a post."""
        return self.decide(
            StaffEdited(
                id=self.new_id("edit"),
                at=self.now,
                contact=CONTACT,
                conversation=wrote.conversation,
                author=wrote.author,
                place=wrote.place,
                post=wrote.post,
                body=text(words) if isinstance(words, str) else words,
                cause=wrote.id,
            )
        )

    def delete(self, wrote: StaffWrote) -> Decision:
        """The author deletes a post."""
        return self.decide(
            StaffDeleted(
                id=self.new_id("delete"),
                at=self.now,
                contact=CONTACT,
                conversation=wrote.conversation,
                author=wrote.author,
                place=wrote.place,
                post=wrote.post,
                cause=wrote.id,
            )
        )

    def press(
        self,
        name: str,
        button: str,
        token: str | None = None,
        value: str | None = None,
        conversation: ConversationId | None = None,
    ) -> Decision:
        """Somebody presses a button."""
        return self.decide(
            ButtonPressed(
                id=self.new_id("press"),
                at=self.now,
                contact=self.contact.id,
                conversation=conversation or self.conversation.id,
                author=account(name),
                place=self.conversation.thread,
                button=button,
                token=Token(token) if token else None,
                value=value,
            )
        )

    def command(self, name: str, line: str, body: Document | None = None) -> Decision:
        """Somebody gives a slash command, from the channel."""
        return self.decide(
            CommandGiven(
                id=self.new_id("slash"),
                at=self.now,
                contact=CONTACT,
                conversation=self.conversation.id,
                author=account(name),
                place=Place(desk="desk", channel="C9"),
                reply_handle="https://example.invalid/secret",
                line=line,
                body=body,
            )
        )

    def react(self, name: str, emoji: str, *, added: bool = True) -> Decision:
        """Somebody puts an emoji on the card, or takes it off."""
        return self.decide(
            CardReacted(
                id=self.new_id("react"),
                at=self.now,
                contact=CONTACT,
                conversation=self.conversation.id,
                author=account(name),
                place=self.conversation.thread,
                emoji=emoji,
                added=added,
            )
        )

    def status(
        self, message: MessageId | None, part: int, status: str, platform_id: str, **more: object
    ) -> Decision:
        """The platform reports on a part, our id with it."""
        event = DeliveryChanged(
            id=self.new_id("status"),
            at=self.now,
            contact=CONTACT,
            inbox=SALES,
            platform_id=platform_id,
            status=status,
            message=message,
            part=part,
        )
        return self.decide(replace(event, **more))

    # -------------------------------------------------------------------------------------- results

    def opened(self, action: OpenThread, thread: str = "T1", channel: str = "C1") -> Decision:
        """The thread was opened."""
        return self.decide(
            ThreadOpened(
                id=EventId(f"{action.id}/r"),
                at=self.now,
                contact=self.contact.id,
                action=action.id,
                place=Place(desk="desk", channel=channel, thread=thread),
                card=Post(desk="desk", channel=channel, id=thread),
            )
        )

    def did(self, action: AnyAction) -> Decision:
        """It was done: the result that fits its kind."""
        base = {
            "id": EventId(f"{action.id}/r"),
            "at": self.now,
            "contact": self.contact.id,
            "action": action.id,
        }
        match action:
            case OpenThread():
                return self.opened(action)
            case Relay() | PostNotice():
                post = Post(desk="desk", channel="C1", id=f"post-{action.id}")
                return self.decide(Posted(**base, post=post))  # type: ignore[arg-type]
            case Send():
                return self.sent(action)
            case _:
                return self.decide(Done(**base))  # type: ignore[arg-type]

    def sent(self, action: Send, parts: int = 1) -> Decision:
        """The platform accepted the next part."""
        part = action.first_part + len(action.sent)
        return self.decide(
            PartSent(
                id=EventId(f"{action.id}/r"),
                at=self.now,
                contact=self.contact.id,
                action=action.id,
                platform_id=f"{action.id}#{part}",
                part=part,
                parts=parts,
            )
        )

    def failed(self, action: AnyAction, failure: Failure = NEVER, part: int = 0) -> Decision:
        """It did not work."""
        event_id = EventId(f"{action.id}/r")
        event = Failed(
            id=event_id, at=self.now, contact=self.contact.id, action=action.id, failure=failure, part=part
        )
        return self.decide(event)

    def unknown(self, action: Send, part: int = 0) -> Decision:
        """Nobody knows whether it worked."""
        event = Uncertain(
            id=EventId(f"{action.id}/r"), at=self.now, contact=self.contact.id, action=action.id, part=part
        )
        return self.decide(event)

    def settle(self) -> None:
        """Carry out everything that is pending, in order, with success."""
        while self.pending:
            self.did(min(self.pending.values(), key=lambda one: one.seq))

    def start(self, words: str = "Hello", assignee: str | None = None) -> World:
        """A conversation with a thread; assigned where told; nothing pending."""
        self.receive(words)
        if assignee:
            self.press(assignee, "claim")
        self.settle()
        self.made.clear()
        return self

    # -------------------------------------------------------------------------------------- looking

    @property
    def conversation(self) -> Conversation:
        """The current conversation of the sales inbox."""
        return self.contact.conversations[SALES]

    def look(self) -> Conversation:
        """`conversation`, read anew: a type checker does not take it for what it was before."""
        return self.conversation

    def all(self, kind: type[A]) -> list[A]:
        """All actions of a kind made so far (or since `start`)."""
        return [one for one in self.made if isinstance(one, kind)]

    def new(self, kind: type[A]) -> list[A]:
        """Actions of a kind that the last decision made."""
        return [one for one in self.last.actions if isinstance(one, kind)]

    def one(self, kind: type[A]) -> A:
        """The one action of a kind that the last decision made."""
        (found,) = self.new(kind)
        return found

    def sends(self) -> list[str]:
        """The words of all messages to the contact, in order."""
        return [bare(one.body) for one in self.all(Send)]

    def receipts(self, wrote: StaffWrote | None = None) -> list[Receipt]:
        """All receipts shown (on one post)."""
        return [one.receipt for one in self.all(ShowReceipt) if wrote is None or one.post == wrote.post]

    def answers(self) -> list[str]:
        """What the last decision told people privately."""
        return [bare(one.body) for one in self.new(Answer)]

    def notices(self) -> list[str]:
        """What the last decision posted in the thread."""
        return [bare(one.body) for one in self.new(PostNotice)]

    def message(self, wrote: StaffWrote) -> MessageId:
        """The message that a staff post became."""
        return message_id(lane_of(self.contact.id), wrote.id)

    def record(self, wrote: StaffWrote) -> MessageRecord:
        """Its record."""
        return self.records[self.message(wrote)]


def bodies(actions: Sequence[Relay | Send | PostNotice]) -> list[str]:
    """Words of actions."""
    return [bare(described(one.content) if isinstance(one, Relay) else one.body) for one in actions]
