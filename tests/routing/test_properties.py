"""Random sequences of events, results, failures and changes of the world: what must hold whatever happens."""

from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from bridge.actions import (
    AnyAction,
    ContactAction,
    OpenThread,
    PostNotice,
    Relay,
    Send,
    ShowReceipt,
    UpdateCard,
)
from bridge.content import Attachment, Content, MediaKind, Unsupported, Words
from bridge.events import ContactChanged, StaffWrote, ThreadVanished
from bridge.markup import Bold, Mention, MentionKind, Node, Text, bare
from bridge.model import Direction, Fate, MessageId, MessageRecord, Mode, Place, Role, Status, Token
from tests.routing.world import ADA, ANA, BEN, CONTACT, GONE, LEA, NEVER, SALES, VIC, World

NAMES = ("ana", "ben", "lea", "ada", "vic", "eve")
OVER = (Status.CLOSED, Status.DELETED)
STAYS = (
    "note: {}",
    "// {}",
    ";; {}",
    "\\\\ {}",
    "*private:* {}",
    "> !note {}",
    "!claim {}",
    "!frobnicate {}",
)
GOES = ("{}", "Dear {}", "a // {}", "\\!{}", "a note: {}", "1. {}")
TAG = re.compile(r"w\d+z")


CONTENTS: list[Content | None] = [None, None, Attachment(MediaKind.IMAGE, "1"), Unsupported("poll_creation")]
"""None: words."""


class Conversations(RuleBasedStateMachine):
    """A contact's shard under everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.tags = 0
        self.allowed: set[str] = set()
        self.asked: dict[Token, set[str]] = {}
        self.wrote: list[StaffWrote] = []
        self.received = 0
        self.settled: set[Token] = set()
        self.rendered: dict[str, int] = {}

    @initialize(
        mode=st.sampled_from([Mode.ASSIGNEE, Mode.ASSIGNEE, Mode.EVERYONE, Mode.EXPLICIT]),
        hold_s=st.sampled_from([0.0, 5.0]),
        assignee=st.sampled_from([None, None, "ana"]),
    )
    def begin(self, mode: Mode, hold_s: float, assignee: str | None) -> None:
        self.world = World(mode=mode, hold_s=hold_s).start(assignee=assignee)
        self.received = 1
        self.rendered = {self.world.conversation.id: self.world.conversation.card_version}

    # ------------------------------------------------------------------------------------ the oracle

    def tag(self) -> str:
        self.tags += 1
        return f"w{self.tags}z"

    def may(self, name: str) -> str:
        """What plain words by somebody come to here: `out`, `ask` or `in`. Written apart from `speech`."""
        role = next((one.role for one in self.world.roster.agents if one.id == name), Role.VIEWER)
        conversation = self.world.conversation
        mode = self.world.policies.inboxes[SALES].mode
        if role < Role.AGENT or mode is Mode.EXPLICIT:
            return "in"
        if mode is Mode.EVERYONE or conversation.assignee == name:
            return "out"
        return "in" if conversation.assignee else "ask"

    # -------------------------------------------------------------------------------------- events

    @rule(late_s=st.sampled_from([0, 0, 30, 7_200, 90_000]), content=st.sampled_from(CONTENTS))
    def contact_writes(self, late_s: int, content: Content | None) -> None:
        world = self.world
        before = world.contact
        words = f"from the contact {late_s}"
        sent_at = world.now - timedelta(seconds=late_s)
        world.receive(words, sent_at=sent_at, content=content or Words((Text(words),)))
        self.received += 1
        assert len(world.new(Relay)) == 1
        assert not world.new(Send)
        for one in (*before.conversations.values(), *before.ended):
            after = world.contact.conversation(one.id)
            if after is not None and one.status in OVER:
                assert after.status in OVER
            if after is not None and one.window_until is not None:
                assert after.window_until is not None
                assert after.window_until >= one.window_until
        assert world.conversation.waiting_since is not None
        assert world.conversation.status is Status.ACTIVE

    @rule(name=st.sampled_from(NAMES), lines=st.lists(st.sampled_from(GOES + STAYS), min_size=1, max_size=3))
    def staff_writes(self, name: str, lines: list[str]) -> None:
        self.write(name, lines, None)

    @rule(name=st.sampled_from(NAMES), lines=st.lists(st.sampled_from(GOES + STAYS), min_size=1, max_size=2))
    def staff_replies(self, name: str, lines: list[str]) -> None:
        role = next((one.role for one in self.world.roster.agents if one.id == name), Role.VIEWER)
        tag = self.tag()
        words = "!reply " + "\n".join(line.format(tag) for line in lines)
        if role >= Role.AGENT and not set(lines) & set(STAYS):
            self.allowed.add(tag)
        self.wrote.append(self.world.write(name, words))
        self.checked_receipt(self.wrote[-1])

    @rule(
        name=st.sampled_from(NAMES),
        kind=st.sampled_from([MentionKind.PERSON, MentionKind.TEAM]),
        bold=st.booleans(),
    )
    def staff_mentions(self, name: str, kind: MentionKind, bold: bool) -> None:
        mention: Node = Mention(kind, "U-ben", "Ben")
        opening: Node = Bold((mention,)) if bold else mention
        self.wrote.append(self.world.write(name, (Text("\u200b "), opening, Text(f" look, {self.tag()}"))))
        self.checked_receipt(self.wrote[-1])

    @precondition(lambda self: self.world.conversation.former)
    @rule(name=st.sampled_from(NAMES))
    def staff_writes_in_former_thread(self, name: str) -> None:
        self.wrote.append(self.world.write(name, self.tag(), place=self.world.conversation.former[0]))
        self.checked_receipt(self.wrote[-1])

    def write(self, name: str, lines: list[str], place: Place | None) -> None:
        tag = self.tag()
        words = "\n".join(line.format(tag) for line in lines)
        clean = not set(lines) & set(STAYS)
        may = self.may(name)
        if clean and may == "out":
            self.allowed.add(tag)
        wrote = self.world.write(name, words, place=place)
        self.wrote.append(wrote)
        if clean and may == "ask":
            # Asked only while it could arrive; a refused one waits for a Retry, which is a choice as well.
            self.asked[Token(f"choice:{self.world.message(wrote)}")] = {tag}
            self.asked[Token(self.world.message(wrote))] = {tag}
        self.checked_receipt(wrote)

    def checked_receipt(self, wrote: StaffWrote) -> None:
        """Every staff message has its fate shown, or is under way."""
        new = [one.receipt for one in self.world.new(ShowReceipt) if one.post == wrote.post]
        assert new or any(one.message == self.world.message(wrote) for one in self.world.new(Send))

    @precondition(lambda self: self.wrote)
    @rule(data=st.data(), lines=st.lists(st.sampled_from(GOES + STAYS), min_size=1, max_size=2))
    def staff_edits(self, data: st.DataObject, lines: list[str]) -> None:
        world = self.world
        wrote = data.draw(st.sampled_from(self.wrote))
        message = world.message(wrote)
        tag = self.tag()
        name = wrote.author.removeprefix("desk:U-")
        clean = not set(lines) & set(STAYS)
        if clean and self.may(name) != "in":
            held = any(one.draft.message == message for one in world.conversation.held)
            record = world.records.get(message)
            if held or (record is not None and record.fate is Fate.FAILED):
                self.allowed.add(tag)
            for token in (Token(f"choice:{message}"), Token(message)):
                self.asked.setdefault(token, set()).add(tag)
        sends = len(world.all(Send))
        world.edit(wrote, "\n".join(line.format(tag) for line in lines))
        assert len(world.all(Send)) == sends

    @precondition(lambda self: self.wrote)
    @rule(data=st.data())
    def staff_deletes(self, data: st.DataObject) -> None:
        wrote = data.draw(st.sampled_from(self.wrote))
        sends = len(self.world.all(Send))
        self.world.delete(wrote)
        assert len(self.world.all(Send)) == sends
        assert not any(one.draft.message == self.world.message(wrote) for one in self.world.conversation.held)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), name=st.sampled_from(NAMES), button=st.sampled_from(["claim_send", "send", "keep"]))
    def choice_pressed(self, data: st.DataObject, name: str, button: str) -> None:
        token = data.draw(st.sampled_from(sorted(self.asked)))
        self.press(name, button, token)

    @precondition(lambda self: self.world.conversation.choices)
    @rule(data=st.data(), button=st.sampled_from(["claim_send", "send", "keep"]))
    def author_chooses(self, data: st.DataObject, button: str) -> None:
        choice = data.draw(st.sampled_from(self.world.conversation.choices))
        self.press(choice.draft.author, button, choice.token)

    def press(self, name: str, button: str, token: Token) -> None:
        world = self.world
        choice = next((one for one in world.conversation.choices if one.token == token), None)
        if choice is not None and choice.draft.author == name and button != "keep":
            self.allowed |= set(TAG.findall(bare(choice.draft.body)))
        sends = len(world.all(Send))
        world.press(name, button, token)
        if choice is None or choice.draft.author != name or button == "keep":
            assert len(world.all(Send)) == sends or world.last.state.redirect
        if choice is not None and choice not in world.conversation.choices:
            gone = all(one.token != token for one in world.conversation.choices)
            if gone:
                assert token not in self.settled
                self.settled.add(token)

    @precondition(lambda self: self.world.conversation.held)
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def hold_undone(self, data: st.DataObject, name: str) -> None:
        held = data.draw(st.sampled_from(self.world.conversation.held))
        self.world.press(name, "undo_hold", held.token)
        if (
            held.draft.author == name
            and self.world.roster.agents
            and held not in self.world.conversation.held
        ):
            assert not any(one.message == held.draft.message for one in self.world.new(Send))

    @rule(
        name=st.sampled_from(NAMES),
        line=st.sampled_from(
            [
                "claim", "assign me", "assign @U-ben", "assign ben", "assign nobody", "unassign", "resolve", "close",
                "reopen", "tag vip -old", "priority urgent", "undo", "who", "help", "help assign", "mode explicit",
                "note secret", "frobnicate", "", "assign", "tag \"", "reply // secret", "mode",
            ]
        ),
        door=st.sampled_from(["type", "slash", "button"]),
    )  # fmt: skip
    def commanded(self, name: str, line: str, door: str) -> None:
        world = self.world
        sends = len(world.all(Send))
        held = len(world.conversation.held)
        if door == "type":
            self.wrote.append(world.write(name, "!" + line))
            self.checked_receipt(self.wrote[-1])
        elif door == "slash":
            world.command(name, line)
        else:
            world.press(name, line)
        # Only the replies that were held already may go out, when the conversation is closed.
        assert len(world.all(Send)) - sends <= held

    @rule(
        name=st.sampled_from(NAMES),
        emoji=st.sampled_from(["🙋", "✅", "🔄", "🚨", "🙋🏽", "👀"]),
        added=st.booleans(),
    )
    def reacted(self, name: str, emoji: str, added: bool) -> None:
        self.world.react(name, emoji, added=added)

    # ------------------------------------------------------------------------------------- results

    @precondition(lambda self: self.world.pending)
    @rule(data=st.data(), how=st.sampled_from(["done", "done", "done", "never", "gone", "unknown", "empty"]))
    def result(self, data: st.DataObject, how: str) -> None:
        action = data.draw(st.sampled_from(self.heads()))
        self.perform(action, how)

    def heads(self) -> list[AnyAction]:
        """What the performer may try next: the first action of every line."""
        first: dict[tuple[str, str], AnyAction] = {}
        for action in sorted(
            self.world.pending.values(), key=lambda one: (not isinstance(one, OpenThread), one.seq)
        ):
            first.setdefault((action.line, getattr(action, "conversation", "")), action)
        return list(first.values())

    def perform(self, action: AnyAction, how: str) -> None:
        world = self.world
        conversation = (
            world.contact.conversation(action.conversation) if isinstance(action, ContactAction) else None
        )
        posts = isinstance(action, Relay | PostNotice)
        if posts and conversation is not None and conversation.thread is None:
            how = "gone"  # the performer's answer when there is nowhere to post and no thread on its way
        if isinstance(action, Send):
            self.send_result(action, how)
        elif how == "never":
            world.failed(action, NEVER)
        elif how == "gone":
            world.failed(action, GONE)
        elif isinstance(action, OpenThread):
            world.opened(action, thread=f"T{len(world.made)}")
            if conversation is not None:
                self.rendered[conversation.id] = conversation.opened_version
        else:
            world.did(action)
        if isinstance(action, UpdateCard):
            self.rendered[action.conversation] = max(
                action.version, self.rendered.get(action.conversation, 0)
            )
        if posts and how == "gone":
            assert action.id in world.pending
        if isinstance(action, Relay) and how == "never":
            assert isinstance(world.pending.get(action.id), PostNotice)
        if isinstance(action, OpenThread) and how in {"never", "gone"}:
            assert action.id in world.pending

    def send_result(self, action: Send, how: str) -> None:
        world = self.world
        parts = 1 + int(action.message[-1], 16) % 3
        part = action.first_part + len(action.sent)
        if part >= parts:
            world.failed(action, replace(NEVER, code="empty"), part)
        elif how in {"never", "gone"}:
            world.failed(action, NEVER, part)
        elif how == "unknown":
            world.unknown(action, part)
        else:
            world.sent(action, parts)

    @precondition(
        lambda self: any(one.direction is Direction.OUTBOUND for one in self.world.records.values())
    )
    @rule(
        data=st.data(),
        status=st.sampled_from(["sent", "delivered", "read", "failed", "played", "odd"]),
        part=st.integers(0, 2),
        known=st.booleans(),
    )
    def platform_reports(self, data: st.DataObject, status: str, part: int, known: bool) -> None:
        world = self.world
        message, record = self.outbound(data)
        if part < len(record.parts) and record.parts[part].platform_id:
            platform_id = record.parts[part].platform_id
        elif record.sending is not None and part == len(record.parts):
            platform_id = f"{record.sending.action}#{part}"
        else:
            platform_id = f"unheard-{message}-{part}"
        if platform_id.startswith("unheard") and record.fate is not Fate.UNCERTAIN:
            known = False
        world.status(message if known else None, part, status, platform_id)

    def outbound(self, data: st.DataObject) -> tuple[MessageId, MessageRecord]:
        found = [one.id for one in self.world.records.values() if one.direction is Direction.OUTBOUND]
        message = data.draw(st.sampled_from(found))
        return message, self.world.records[message]

    @precondition(
        lambda self: any(one.direction is Direction.OUTBOUND for one in self.world.records.values())
    )
    @rule(data=st.data(), name=st.sampled_from(NAMES), button=st.sampled_from(["retry", "resend", "arrived"]))
    def delivery_button(self, data: st.DataObject, name: str, button: str) -> None:
        world = self.world
        message, record = self.outbound(data)
        fit = {"retry": Fate.FAILED, "resend": Fate.UNCERTAIN, "arrived": Fate.UNCERTAIN}[button]
        agents = {one.id for one in world.roster.agents if one.role >= Role.AGENT}
        if name in agents and record.fate is fit and button != "arrived":
            self.allowed |= self.asked.get(Token(message), set())
        world.press(name, button, message)
        made = [one for one in world.new(Send) if one.message == message]
        assert len(made) <= 1
        if record.fate is not fit or name not in agents:
            assert not world.new(Send)

    # --------------------------------------------------------------------------------------- world

    @precondition(lambda self: self.world.timers)
    @rule(data=st.data())
    def timer(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.world.timers)))
        stale = self.world.timers[token].event
        self.world.fire(token)
        before = len(self.world.made)
        self.world.decide(stale)
        assert len(self.world.made) == before

    @rule(seconds=st.sampled_from([1, 200, 50_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(mode=st.sampled_from(list(Mode)), hold_s=st.sampled_from([0.0, 5.0]))
    def settings_change(self, mode: Mode, hold_s: float) -> None:
        policies = self.world.policies
        inbox = replace(policies.inboxes[SALES], mode=mode, hold_s=hold_s)
        self.world.policies = replace(policies, inboxes={**policies.inboxes, SALES: inbox})

    @rule(role=st.sampled_from([Role.VIEWER, Role.AGENT]))
    def roster_changes(self, role: Role) -> None:
        agents = (replace(ANA, role=role), BEN, LEA, ADA, VIC)
        self.world.roster = replace(self.world.roster, agents=agents)

    @rule(current=st.booleans())
    def thread_vanishes(self, current: bool) -> None:
        conversation = self.world.conversation
        place = conversation.thread if current else Place(desk="desk", channel="C1", thread="other")
        if place is not None:
            event = ThreadVanished(
                id=self.world.new_id("gone"),
                at=self.world.now,
                contact=CONTACT,
                conversation=conversation.id,
                place=place,
                reason="it was archived",
            )
            self.world.decide(event)

    @rule()
    def contact_changes(self) -> None:
        event = ContactChanged(
            id=self.world.new_id("changed"),
            at=self.world.now,
            contact=CONTACT,
            inbox=SALES,
            aliases=("phone:p:4999",),
            phone="4999",
        )
        self.world.decide(event)
        assert self.world.contact.phone == "4999"

    # ---------------------------------------------------------------------------------- invariants

    @invariant()
    def nothing_internal_leaves(self) -> None:
        """Every word in every `Send` was meant, by an agent, for the contact."""
        for send in self.world.all(Send):
            assert set(TAG.findall(bare(send.body))) <= self.allowed
            assert "secret" not in bare(send.body)

    @invariant()
    def one_relay_per_message(self) -> None:
        """`start` made the first one and forgot it."""
        assert len(self.world.all(Relay)) == max(self.received - 1, 0)

    @invariant()
    def actions_are_in_order(self) -> None:
        """`seq` strictly rises and ids are unique."""
        seqs = [one.seq for one in self.world.made]
        assert seqs == sorted(set(seqs))
        assert not seqs or self.world.contact.seq == max(seqs)
        ids = [one.id for one in self.world.made]
        assert len(ids) == len(set(ids))

    @invariant()
    def threads_are_on_their_way(self) -> None:
        """A conversation that waits for its thread has that pending; an active one has a thread, or waits for it."""
        opening = {one.id for one in self.world.pending.values() if isinstance(one, OpenThread)}
        for one in self.world.contact.conversations.values():
            assert one.opening is None or one.opening in opening
            assert one.thread is not None or one.opening or one.status is not Status.ACTIVE

    @invariant()
    def messages_make_sense(self) -> None:
        """At most one `Send` per message is pending, and the record names it."""
        pending = [one for one in self.world.pending.values() if isinstance(one, Send)]
        assert len({one.message for one in pending}) == len(pending)
        for send in pending:
            sending = self.world.records[send.message].sending
            assert sending is not None
            assert sending.action == send.id
        for record in self.world.records.values():
            if record.sending is not None:
                assert record.sending.action in self.world.pending

    @invariant()
    def failures_are_counted(self) -> None:
        """The card counts the failed messages that somebody can still do something about."""
        for one in self.world.contact.conversations.values():
            failed = [
                record
                for record in self.world.records.values()
                if record.conversation == one.id and record.fate is Fate.FAILED and record.draft is not None
            ]
            assert one.failed == len(failed)

    @invariant()
    def waiting_prompts_have_timers(self) -> None:
        """What is held comes out by itself; what is asked is repeated."""
        for one in self.world.contact.conversations.values():
            for held in one.held:
                assert held.token in self.world.timers
            dues = [held.due for held in one.held]
            assert dues == sorted(dues)
            for choice in one.choices:
                assert choice.reminded or choice.token in self.world.timers
            assert one.status not in OVER or not (one.held or one.choices)

    @invariant()
    def window_closed_means_silence(self) -> None:
        """No send is made outside the service window."""
        conversation = self.world.conversation if self.world.contact.conversations else None
        if conversation and self.world.new(Send) and conversation.window_until:
            assert self.world.decided_at < conversation.window_until

    def teardown(self) -> None:
        """Everything can be carried out in the end, and then the card shows the latest."""
        if not self.world.contact.conversations:
            return
        for _ in range(2_000):
            if not self.world.pending:
                break
            self.perform(min(self.heads(), key=lambda one: one.seq), "done")
        assert not self.world.pending
        assert len(self.world.all(Relay)) == self.received - 1
        conversation = self.world.conversation
        shown = self.rendered.get(conversation.id, 0)
        if conversation.thread is not None:
            assert shown >= conversation.card_version


Conversations.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestConversations = Conversations.TestCase
