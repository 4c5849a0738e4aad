"""From facts to the rows of every table but the journal. Pure: what is stored comes in, what changes goes out.

`changes.wanted_by` names the stored rows that a batch of facts builds on, what `begin` gives applies the facts to them in order. Cutting
the same facts into other batches gives the same rows, which is why a rebuild from the journal equals the first run.

Order holds within a lane only. All facts of a conversation and of a message are of one lane; of two contacts that
were joined each has its own, so what is said about the other one (`merged`, aliases) must come out alike in either
order: a contact that is not known yet is made from what is said about it, and of two claims to an alias the later wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bridge.instants import micros
from bridge.journal import (
    AliasesNoted,
    AnyFact,
    AssigneeNoted,
    CommandNoted,
    ContactNoted,
    ContactStored,
    ConversationOpened,
    DeliveryNoted,
    DroppedNoted,
    ErasureNoted,
    MessageNoted,
    PostNoted,
    PriorityNoted,
    PruningNoted,
    ReactionNoted,
    StatusNoted,
    TagsNoted,
    ThreadNoted,
    TouchNoted,
    VerdictNoted,
)
from bridge.markup import plain
from bridge.model import ACCEPTED_FATES, Direction, Fate, Priority, Status
from bridge.store.archive.changes import (
    INDEXED_OF_MESSAGE,
    TIMES_OF_CONVERSATION,
    Changes,
    Noted,
    Reworded,
    Row,
    Stored,
    packed_body,
    packed_content,
    storable,
)

HISTORY_PLACEHOLDER = "file"
"""`MessageNoted.kind` of a past message of which no more is known (`routing.history`)."""
_STAMPS = {
    Fate.ACCEPTED: "accepted_at",
    Fate.DELIVERED: "delivered_at",
    Fate.READ: "read_at",
    Fate.FAILED: "failed_at",
}


def begin(stored: Stored) -> _Projector:
    """Start from the stored rows that a batch builds on: then `apply` its facts, in order, and ask for `changes`."""
    return _Projector(stored)


class _Projector:
    """Applies facts, in order, to the stored rows they build on (which it changes)."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._changes = Changes()
        self._heard: set[str] = set()
        self._talked: set[str] = set()
        self._reworded: dict[str, Row] = {}
        """What the full-text index has of messages that were noted again."""

    def apply(self, noted: Iterable[Noted]) -> None:
        """Apply more facts."""
        for one in noted:
            self._apply(one.seq, one.fact)

    def _apply(self, seq: int, fact: AnyFact) -> None:
        at = micros(fact.at)
        if fact.contact and not isinstance(fact, ContactStored | ErasureNoted | PruningNoted):
            self._contact(fact.contact, seq, at)
        _HANDLERS[type(fact)](self, seq, at, fact)

    def changes(self) -> Changes:
        """What has to be written."""
        for message, before in self._reworded.items():
            row = self._stored.messages[message]
            after = {name: row[name] for name in INDEXED_OF_MESSAGE}
            if after != before:
                self._changes.reworded.append(Reworded(before, after))
        for contact in self._heard - self._changes.contacts.keys():
            self._changes.heard[contact] = self._stored.contacts[contact]
        for conversation in self._talked - self._changes.conversations.keys():
            self._changes.talked[conversation] = self._stored.conversations[conversation]
        return self._changes

    # --------------------------------------------------------------------------------------- contacts

    def _contact(self, contact: str, seq: int, at: int) -> Row:
        """The contact's row, made if it is new, with the time of this fact."""
        row = self._stored.contacts.get(contact)
        if row is None:
            row = {
                "id": storable(contact),
                "name": "",
                "username": None,
                "phone": None,
                "address": None,
                "merged_into": None,
                "first_at": at,
                "last_at": at,
                "seq": seq,
            }
            self._stored.contacts[contact] = self._changes.contacts[contact] = row
        elif at > row["last_at"]:
            row["last_at"] = at
            self._heard.add(contact)
        elif at < row["first_at"]:
            row["first_at"] = at
            self._heard.add(contact)
        return row

    def _rename(self, contact: str, **known: str | None) -> None:
        row = self._stored.contacts[contact]
        row.update({name: value and storable(value) for name, value in known.items()})
        self._changes.contacts[contact] = self._changes.renamed[contact] = row

    def contact_noted(self, _seq: int, _at: int, fact: ContactNoted) -> None:
        if fact.contact:
            self._rename(
                fact.contact,
                name=fact.name,
                username=fact.username,
                phone=fact.phone,
                address=fact.address,
            )

    def contact_stored(self, seq: int, at: int, fact: ContactStored) -> None:
        before = self._changes.states.get(fact.contact)
        if before is None or before["at"] <= at:
            self._changes.states[fact.contact] = {
                "contact": fact.contact,
                "at": at,
                "seq": seq,
                "state": fact.state,
            }

    def aliases_noted(self, seq: int, at: int, fact: AliasesNoted) -> None:
        for alias in fact.aliases:
            name = storable(alias)
            claimed = self._changes.aliases.get(name)
            if claimed is None or claimed["at"] <= at:
                self._changes.aliases[name] = {"alias": name, "contact": storable(fact.contact), "at": at}
        if fact.merged is not None:
            row = self._contact(fact.merged, -seq, at)
            row["merged_into"] = storable(fact.contact)
            self._changes.contacts[fact.merged] = row

    # ---------------------------------------------------------------------------------- conversations

    def _conversation(self, conversation: str) -> Row | None:
        """The conversation's row, about to change."""
        row = self._stored.conversations.get(conversation)
        if row is not None:
            self._changes.conversations[conversation] = row
        return row

    def opened(self, _seq: int, at: int, fact: ConversationOpened) -> None:
        before = self._stored.conversations.get(fact.conversation)
        row = {
            "id": storable(fact.conversation),
            "number": fact.number,
            "contact": storable(fact.contact),
            "inbox": storable(fact.inbox),
            "status": Status.ACTIVE.value,
            "assignee": None,
            "priority": Priority.NORMAL.value,
            "previous": fact.previous,
            "desk": None,
            "channel": None,
            "thread": None,
            "episode": 0 if before is None else before["episode"],
            "opened_at": at,
            "status_at": at,
            "last_at": at,
            "last_inbound_at": None,
            "last_outbound_at": None,
        }
        self._stored.conversations[fact.conversation] = row
        self._changes.conversations[fact.conversation] = row
        if fact.contact and fact.name and not self._stored.contacts[fact.contact]["name"]:
            self._rename(fact.contact, name=fact.name)
        self._begin_episode(row, at)

    def _begin_episode(self, conversation: Row, at: int) -> None:
        conversation["episode"] += 1
        key = (conversation["id"], conversation["episode"])
        self._stored.episodes[key] = self._changes.episodes[key] = {
            "conversation": key[0],
            "episode": key[1],
            "contact": conversation["contact"],
            "inbox": conversation["inbox"],
            "started_at": at,
            "ended_at": None,
            "ended_by": None,
            "first_inbound_at": None,
            "first_answer_at": None,
            "first_answer_by": None,
        }

    def _episode(self, conversation: str, episode: int) -> Row | None:
        """An episode's row, about to change."""
        row = self._stored.episodes.get((conversation, episode))
        if row is not None:
            self._changes.episodes[conversation, episode] = row
        return row

    def status_noted(self, seq: int, at: int, fact: StatusNoted) -> None:
        self._log(
            "status_changes", seq, at, fact, before=fact.before.value, after=fact.after.value, by=fact.by
        )
        row = self._conversation(fact.conversation)
        if row is None:
            return
        row["status"], row["status_at"] = fact.after.value, at
        if fact.after is Status.ACTIVE:
            self._begin_episode(row, at)
            return
        episode = self._episode(fact.conversation, row["episode"])
        if episode is not None and episode["ended_at"] is None:
            episode["ended_at"], episode["ended_by"] = at, fact.by

    def assignee_noted(self, seq: int, at: int, fact: AssigneeNoted) -> None:
        self._log("assignments", seq, at, fact, before=fact.before, after=fact.after, by=fact.by)
        row = self._conversation(fact.conversation)
        if row is not None:
            row["assignee"] = fact.after

    def priority_noted(self, seq: int, at: int, fact: PriorityNoted) -> None:
        self._log(
            "priority_changes", seq, at, fact, before=fact.before.value, after=fact.after.value, by=fact.by
        )
        row = self._conversation(fact.conversation)
        if row is not None:
            row["priority"] = fact.after.value

    def tags_noted(self, seq: int, at: int, fact: TagsNoted) -> None:
        added = [tag for tag in fact.after if tag not in fact.before]
        removed = [tag for tag in fact.before if tag not in fact.after]
        self._log("tag_changes", seq, at, fact, added=_listed(added), removed=_listed(removed), by=fact.by)
        conversation, contact = storable(fact.conversation), storable(fact.contact)
        self._changes.tags[conversation] = [
            {"conversation": conversation, "tag": tag, "contact": contact}
            for tag in dict.fromkeys(storable(tag) for tag in fact.after)
        ]

    def thread_noted(self, _seq: int, at: int, fact: ThreadNoted) -> None:
        desk, channel, thread = fact.place.desk, fact.place.channel, fact.place.thread or fact.card.id
        self._changes.threads.setdefault(
            (desk, channel, thread),
            {
                "desk": desk,
                "channel": channel,
                "thread": thread,
                "conversation": fact.conversation,
                "contact": fact.contact,
                "card": fact.card.id,
                "at": at,
            },
        )
        row = self._conversation(fact.conversation)
        if row is not None:
            row["desk"], row["channel"], row["thread"] = desk, channel, thread

    def command_noted(self, seq: int, at: int, fact: CommandNoted) -> None:
        args = _listed(fact.args)
        self._log(
            "commands", seq, at, fact, command=fact.command, args=args, by=fact.by, account=fact.account
        )

    def verdict_noted(self, seq: int, at: int, fact: VerdictNoted) -> None:
        self._log(
            "verdicts",
            *(seq, at, fact),
            message=fact.message,
            verdict=fact.verdict,
            part=fact.part,
            by=fact.by,
            account=fact.account,
        )

    def reaction_noted(self, seq: int, at: int, fact: ReactionNoted) -> None:
        self._log(
            "reactions",
            *(seq, at, fact),
            platform_id=storable(fact.platform_id),
            emoji=storable(fact.emoji),
        )

    def touch_noted(self, seq: int, at: int, fact: TouchNoted) -> None:
        self._log(
            "touches",
            *(seq, at, fact),
            kind=fact.kind,
            name=storable(fact.name),
            campaign=storable(fact.campaign),
            platform_id=storable(fact.platform_id),
            answer=fact.answer,
            sent_at=micros(fact.sent_at),
        )

    def dropped_noted(self, seq: int, at: int, fact: DroppedNoted) -> None:
        self._log(
            "dropped",
            *(seq, at, fact),
            cause=storable(fact.cause),
            kind=storable(fact.kind),
            arrived_at=micros(fact.arrived_at),
            reason=storable(fact.reason),
            message=fact.message,
            data=fact.data,
        )

    def pruning_noted(self, seq: int, at: int, fact: PruningNoted) -> None:
        """The rows are gone already (`erasing.prune`); what they had told stays."""
        self._log(
            "pruned",
            *(seq, at, fact),
            until=micros(fact.until),
            messages_in=fact.messages_in,
            messages_out=fact.messages_out,
            notes=fact.notes,
        )
        contact = self._stored.contacts.get(fact.contact)
        if contact is not None and fact.contact_last_at is not None:
            contact["last_at"] = max(contact["last_at"], micros(fact.contact_last_at))
            self._changes.contacts[fact.contact] = contact
        conversation = self._conversation(fact.conversation)
        if conversation is not None:
            for name in TIMES_OF_CONVERSATION:
                kept = getattr(fact, name)
                conversation[name] = conversation[name] if kept is None else micros(kept)
        for one in fact.episodes:
            episode = self._episode(fact.conversation, one.episode)
            if episode is not None:
                episode["first_inbound_at"] = one.first_inbound_at and micros(one.first_inbound_at)
                episode["first_answer_at"] = one.first_answer_at and micros(one.first_answer_at)
                episode["first_answer_by"] = one.first_answer_by

    def erasure_noted(self, seq: int, at: int, fact: ErasureNoted) -> None:
        """The rows are gone already (`erasing.erase`); their numbers stay."""
        rows = [
            {
                "seq": seq,
                "inbox": storable(one.inbox),
                "by": storable(fact.by),
                "at": at,
                "conversations": one.conversations,
                "episodes": one.episodes,
                "messages_in": one.messages_in,
                "messages_out": one.messages_out,
                "notes": one.notes,
                "first_at": one.first_at and micros(one.first_at),
                "last_at": one.last_at and micros(one.last_at),
            }
            for one in fact.tallies
        ]
        self._changes.logs.setdefault("forgotten", []).extend(rows)

    def _log(self, table: str, seq: int, at: int, fact: AnyFact, **more: object) -> None:
        row = {
            "seq": seq,
            "conversation": storable(fact.conversation),
            "contact": storable(fact.contact),
            "inbox": storable(fact.inbox),
            "at": at,
            **more,
        }
        self._changes.logs.setdefault(table, []).append(row)

    # --------------------------------------------------------------------------------------- messages

    def message_noted(self, seq: int, at: int, fact: MessageNoted) -> None:
        inbound = fact.direction is Direction.INBOUND
        conversation = self._stored.conversations.get(fact.conversation)
        known = self._stored.messages.get(fact.message)
        if known is None:
            self._new_message(seq, at, fact, conversation)
        elif not fact.imported or (known["imported"] and known["kind"] == HISTORY_PLACEHOLDER):
            # What comes with the past knows no more than what was noted here, but for what a placeholder stands for.
            self._rewrite(fact, known)
        if fact.imported:
            return
        if fact.post is not None:
            self._post(fact, at, fact.post.desk, fact.post.channel, fact.post.id, fact.message, ours=False)
        if conversation is None or fact.internal:
            return
        conversation["last_at"] = max(conversation["last_at"], at)
        conversation["last_inbound_at" if inbound else "last_outbound_at"] = at
        self._talked.add(fact.conversation)
        if inbound:
            episode = self._stored.episodes.get((fact.conversation, conversation["episode"]))
            if episode is not None and episode["first_inbound_at"] is None:
                episode["first_inbound_at"] = at
                self._changes.episodes[fact.conversation, conversation["episode"]] = episode

    def _new_message(self, seq: int, at: int, fact: MessageNoted, conversation: Row | None) -> None:
        outbound = fact.direction is Direction.OUTBOUND and not fact.internal
        row = {
            "seq": seq,
            "id": storable(fact.message),
            "conversation": storable(fact.conversation),
            "episode": 0 if conversation is None else conversation["episode"],
            "contact": storable(fact.contact),
            "inbox": storable(fact.inbox),
            "direction": fact.direction.value,
            "internal": fact.internal,
            "kind": storable(fact.kind),
            "author": fact.author,
            "account": fact.account,
            "text": storable(plain(fact.body)),
            "body": packed_body(fact.body),
            "content": packed_content(fact.content, fact.marks),
            "platform_id": fact.platform_id and storable(fact.platform_id),
            "at": at,
            "sent_at": None if fact.sent_at is None else micros(fact.sent_at),
            "fate": int(Fate.PENDING) if outbound else None,
            "parts": None,
            "code": None,
            "problem": None,
            "imported": fact.imported,
        }
        self._stored.messages[fact.message] = self._changes.messages[fact.message] = row

    def _rewrite(self, fact: MessageNoted, row: Row) -> None:
        words = {
            "internal": fact.internal,
            "kind": storable(fact.kind),
            "author": fact.author,
            "account": fact.account,
            "text": storable(plain(fact.body)),
            "body": packed_body(fact.body),
            "content": packed_content(fact.content, fact.marks),
        }
        if fact.message not in self._changes.messages:
            self._reworded.setdefault(fact.message, {name: row[name] for name in INDEXED_OF_MESSAGE})
            self._changes.rewritten[row["seq"]] = {"of": row["seq"], **words}
        row.update(words)

    def posted(self, _seq: int, at: int, fact: PostNoted) -> None:
        self._post(fact, at, fact.post.desk, fact.post.channel, fact.post.id, fact.message or "", ours=True)

    def _post(
        self, fact: AnyFact, at: int, desk: str, channel: str, post: str, message: str, *, ours: bool
    ) -> None:
        self._changes.posts.setdefault(
            (desk, channel, post, message),
            {
                "desk": desk,
                "channel": channel,
                "post": post,
                "message": message,
                "conversation": fact.conversation,
                "contact": fact.contact,
                "ours": ours,
                "at": at,
            },
        )

    def delivery_noted(self, _seq: int, at: int, fact: DeliveryNoted) -> None:
        row = self._stored.messages.get(fact.message)
        if fact.imported and (row is None or not row["imported"]):
            return
        for part in fact.parts:
            self._part(fact, at, part.part, storable(part.platform_id), part.fate)
        if row is None:
            return
        news = {
            "fate": int(fact.fate),
            "parts": fact.total or row["parts"],
            "code": storable(fact.code) or None,
            "problem": storable(fact.words) or None,
        }
        row.update(news)
        if fact.message not in self._changes.messages:
            self._changes.fates[row["seq"]] = {"of": row["seq"], **news}
        if fact.fate in ACCEPTED_FATES and _is_a_persons(row) and not row["internal"]:
            self._answered(row, at)

    def _answered(self, message: Row, at: int) -> None:
        """A person's words were accepted: the clock of the episode they were said in stops."""
        episode = self._stored.episodes.get((message["conversation"], message["episode"]))
        if episode is not None and episode["first_answer_at"] is None:
            episode["first_answer_at"], episode["first_answer_by"] = at, message["author"]
            self._changes.episodes[message["conversation"], message["episode"]] = episode

    def _part(self, fact: DeliveryNoted, at: int, part: int, platform_id: str, fate: Fate) -> None:
        key = (fact.message, part, platform_id)
        row = self._stored.deliveries.get(key)
        if row is None:
            row = self._stored.deliveries[key] = {
                "message": fact.message,
                "part": part,
                "platform_id": platform_id,
                "contact": fact.contact,
                "accepted_at": None,
                "delivered_at": None,
                "read_at": None,
                "failed_at": None,
            }
        row["fate"], row["at"] = int(fate), at
        stamp = _STAMPS.get(fate)
        if stamp is not None and row[stamp] is None:
            row[stamp] = at
        self._changes.deliveries[key] = row


def _is_a_persons(row: Row) -> bool:
    """An agent's words, or those that a colleague wrote in the platform's own app: only these have its time."""
    return row["author"] is not None or (row["sent_at"] is not None and not row["imported"])


def _listed(values: Iterable[str]) -> list[str]:
    """A column of type JSON."""
    return [storable(value) for value in values]


_HANDLERS: dict[type[AnyFact], Callable[[_Projector, int, int, Any], None]] = {
    AliasesNoted: _Projector.aliases_noted,
    AssigneeNoted: _Projector.assignee_noted,
    CommandNoted: _Projector.command_noted,
    ContactNoted: _Projector.contact_noted,
    ContactStored: _Projector.contact_stored,
    ConversationOpened: _Projector.opened,
    DeliveryNoted: _Projector.delivery_noted,
    DroppedNoted: _Projector.dropped_noted,
    ErasureNoted: _Projector.erasure_noted,
    MessageNoted: _Projector.message_noted,
    PostNoted: _Projector.posted,
    PriorityNoted: _Projector.priority_noted,
    PruningNoted: _Projector.pruning_noted,
    ReactionNoted: _Projector.reaction_noted,
    TouchNoted: _Projector.touch_noted,
    StatusNoted: _Projector.status_noted,
    TagsNoted: _Projector.tags_noted,
    ThreadNoted: _Projector.thread_noted,
    VerdictNoted: _Projector.verdict_noted,
}
