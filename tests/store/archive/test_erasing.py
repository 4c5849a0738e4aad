"""What is forgotten or too old is gone from every table, stays gone, and its numbers stay."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from bridge.journal import (
    AliasesNoted,
    CommandNoted,
    ContactNoted,
    ContactStored,
    DeliveryNoted,
    DroppedNoted,
    ErasureNoted,
    Fact,
    PartFate,
    PostNoted,
    StatusNoted,
)
from bridge.model import (
    AgentId,
    ContactId,
    ConversationId,
    DeskUser,
    Fate,
    InboxId,
    MessageId,
    Post,
    Status,
)
from bridge.store.archive import retention
from bridge.store.archive.database import Database
from bridge.store.archive.erasing import tidy
from bridge.store.archive.retention import Policy, Pruned, prune, prune_once, would_prune
from bridge.store.archive.search import Search
from bridge.store.archive.writer import Writer
from tests.support.archive import (
    CONTACT,
    CONVERSATION,
    START,
    Journal,
    everything,
    in_batches,
    new_sqlite,
    rows,
)

OTHER: dict[str, Any] = {"contact": ContactId("3-0ther"), "conversation": ConversationId("3-67")}
NOWHERE: dict[str, Any] = {"conversation": ConversationId(""), "inbox": InboxId("")}
BEN, ACCOUNT = AgentId("ben"), DeskUser("desk:U1")
SECRETS = ("secret", "Ana", "34600111222", CONTACT, CONVERSATION, "wamid")


def a_life(journal: Journal, dice: random.Random) -> list[Fact]:
    """What a contact and staff do, some of it with Ana and some with somebody else."""
    facts: list[Fact] = []
    for who, number, case in ((CONTACT, 1059, CONVERSATION), (OTHER["contact"], 1075, OTHER["conversation"])):
        of: dict[str, Any] = {"contact": who, "conversation": case}
        name = "Ana" if who == CONTACT else "Ben"
        facts += [
            journal.opened(number, **of),
            ContactNoted(**journal.stamp(**of | NOWHERE), name=name, phone="34600111222"),
            AliasesNoted(**journal.stamp(**of | NOWHERE), aliases=(f"phone:default:{name}",)),
        ]
        for one in range(dice.randint(3, 9)):
            message = f"3-{name}{one}"
            said = journal.said(f"secret {name} {one}", message, **of)
            facts += [said, PostNoted(**journal.stamp(**of), post=_post(message), message=MessageId(message))]
            if dice.random() < 0.5:
                answer = journal.answered(f"answer secret {one}", f"{message}a")
                facts.append(_of(answer, of))
                facts.append(_delivered(journal, of, f"{message}a", Fate.READ))
            if dice.random() < 0.3:
                facts.append(_of(journal.answered("secret note", f"{message}n", internal=True), of))
            if dice.random() < 0.4:
                facts.append(
                    CommandNoted(**journal.stamp(**of), command="tag", args=("vip",), by=BEN, account=ACCOUNT)
                )
            if dice.random() < 0.3:
                facts.append(_status(journal, of, Status.ACTIVE, Status.RESOLVED))
                facts.append(_status(journal, of, Status.RESOLVED, Status.ACTIVE))
        facts.append(ContactStored(**journal.stamp(**of | NOWHERE), state=b"secret state"))
        facts.append(_status(journal, of, Status.ACTIVE, Status.RESOLVED))
    return facts


def _of(fact: Fact, of: dict[str, Any]) -> Fact:
    return msgspec.structs.replace(fact, **of)


def _post(name: str) -> Post:
    return Post(desk="desk", channel="C1", id=name)


def _delivered(journal: Journal, of: dict[str, Any], message: str, fate: Fate) -> DeliveryNoted:
    parts = (PartFate(part=0, fate=fate, platform_id=f"wamid.{message}"),)
    return DeliveryNoted(**journal.stamp(**of), message=MessageId(message), fate=fate, total=1, parts=parts)


def _status(journal: Journal, of: dict[str, Any], before: Status, after: Status) -> StatusNoted:
    return StatusNoted(**journal.stamp(**of), before=before, after=after, by=BEN)


def asked(journal: Journal, contact: ContactId = CONTACT) -> ErasureNoted:
    """Somebody asks for a contact to be forgotten."""
    return ErasureNoted(**journal.stamp(contact=contact, **NOWHERE), by="mia")


async def rebuilt_is_the_same(database: Database, writer: Writer) -> None:
    """A rebuild from the journal gives what is there, row for row."""
    async with database.read() as connection:
        before = await everything(connection)
    await writer.rebuild()
    async with database.read() as connection:
        assert await everything(connection) == before


async def everything_said(database: Database) -> str:
    """All that any table holds, also of the index, as one text."""
    async with database.read() as connection:
        found = await everything(connection, journal=True)
        if not database.is_sqlite:
            for table in ("message_words", "contact_words"):
                found[table] = list(await connection.execute(text(f"SELECT words::text FROM {table}")))  # noqa: S608
    return repr(found)


@pytest.mark.parametrize("seed", range(3))
async def test_a_contact_is_forgotten(database: Database, writer: Writer, seed: int) -> None:
    """In every table and in the journal, whatever batches the facts come in; others and the numbers stay."""
    dice = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    journal = Journal()
    life = a_life(journal, dice)
    said = [one for one in life if type(one).__name__ == "MessageNoted" and one.contact == CONTACT]
    facts = [*life, asked(journal), journal.said("after", "3-after", **OTHER)]
    for batch in in_batches(journal.entries(*facts), dice.choice([1, 7, 500])):
        await writer.write(batch)
    stored = await everything_said(database)
    for secret in ("Ana", "3-Ana", CONTACT, f"'{CONVERSATION}'"):
        assert secret not in stored
    assert "secret Ben 0" in stored
    (tally,) = await rows(database, "forgotten")
    assert (tally["by"], tally["inbox"], tally["conversations"]) == ("mia", "support", 1)
    assert tally["messages_in"] + tally["messages_out"] + tally["notes"] == len(said)
    assert tally["episodes"] == 1 + sum(
        isinstance(one, StatusNoted) and one.contact == CONTACT and one.after is Status.ACTIVE for one in life
    )
    hits = (await Search(database).find("secret", limit=100)).hits
    assert {hit.contact for hit in hits} == {OTHER["contact"]}
    assert (await Search(database).find("ana")).contacts == ()
    await rebuilt_is_the_same(database, writer)


async def test_nothing_comes_back(database: Database, writer: Writer) -> None:
    """The same batches once more, as after a crash, change nothing; what comes later is a new life."""
    journal = Journal()
    entries = journal.entries(*a_life(journal, random.Random(1)), asked(journal))  # noqa: S311 - a draw
    await writer.write(entries)
    once = await everything_said(database)
    assert (await writer.write(entries)).facts == 0
    for batch in in_batches(entries, 5):
        assert (await writer.write(batch)).facts == 0
    assert await everything_said(database) == once
    new_life: dict[str, Any] = {"contact": CONTACT, "conversation": ConversationId("3-99")}
    again = [journal.opened(1600, **new_life), journal.said("hello again", "3-again", **new_life)]
    await writer.write(journal.entries(*again))
    assert [row["id"] for row in await rows(database, "conversations")] == ["3-67", "3-99"]
    assert len(await rows(database, "forgotten")) == 1
    await rebuilt_is_the_same(database, writer)


async def test_those_joined_are_forgotten_in_any_order(database: Database, writer: Writer) -> None:
    """The contact and those who were joined into it each have a fact of their own."""
    for order in ((CONTACT, OTHER["contact"]), (OTHER["contact"], CONTACT)):
        journal = Journal()
        joined = AliasesNoted(
            **journal.stamp(**NOWHERE), aliases=("phone:default:x",), merged=OTHER["contact"]
        )
        life = [*a_life(journal, random.Random(2)), joined]  # noqa: S311 - a draw
        await writer.write(journal.entries(*life, *(asked(journal, one) for one in order)))
        assert await rows(database, "contacts") == []
        assert await rows(database, "aliases") == []
        await rebuilt_is_the_same(database, writer)


async def test_a_contact_without_a_conversation(database: Database, writer: Writer) -> None:
    """That somebody asked is kept all the same; asking about nobody does no harm."""
    journal = Journal()
    named = ContactNoted(**journal.stamp(**NOWHERE), name="Ana")
    await writer.write(journal.entries(named, asked(journal), asked(journal, ContactId("3-never"))))
    assert await rows(database, "contacts") == []
    assert [(row["inbox"], row["by"]) for row in await rows(database, "forgotten")] == [("", "mia")] * 2


async def test_nothing_is_left_in_the_file(tmp_path: Path) -> None:
    """Of SQLite also what was only marked as free; PostgreSQL clears its files by itself, later."""
    database = Database(new_sqlite(tmp_path))
    writer, journal = Writer(database), Journal()
    await writer.write(journal.entries(*a_life(journal, random.Random(3)), asked(journal)))  # noqa: S311 - a draw
    await tidy(database)
    await database.close()
    stored = await asyncio.to_thread(whole, tmp_path)
    assert b"secret Ben" in stored
    assert b"secret Ana" not in stored
    assert b"3-Ana" not in stored


def whole(folder: Path) -> bytes:
    """All bytes of all files of a folder."""
    return b"".join(one.read_bytes() for one in folder.iterdir())


# ------------------------------------------------------------------------------------------- retention

LATER = START + timedelta(days=100)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_too_old_goes(database: Database, writer: Writer, seed: int) -> None:
    """Messages and what belongs to them, in batches of any size; numbers and decisions stay, also in a rebuild."""
    dice = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    journal = Journal()
    life = a_life(journal, dice)
    journal.now = START + timedelta(days=50)
    fresh = [journal.said("fresh secret", "3-fresh"), _delivered(journal, {}, "3-Ana0a", Fate.READ)]
    await writer.write(journal.entries(*life, *fresh))
    before = {table: await rows(database, table) for table in ("conversations", "episodes", "status_changes")}
    contacts = await rows(database, "contacts")
    said = await rows(database, "messages")
    policy = Policy(days=60)
    expected = await would_prune(database, policy, LATER)
    done = await prune(database, policy, LATER, batch=dice.choice([1, 3, 500]))
    assert done.facts > 0
    assert (done.messages, done.notes, done.conversations) == (
        expected.messages,
        expected.notes,
        expected.conversations,
    )
    assert done.messages + done.notes == len(said) - 1
    assert [row["id"] for row in await rows(database, "messages")] == ["3-fresh"]
    for table in ("posts", "commands", "deliveries"):
        assert await rows(database, table) == []
    for table, known in before.items():
        assert await rows(database, table) == known
    assert await rows(database, "contacts") == contacts
    counted = await rows(database, "pruned")
    assert sum(row["messages_in"] + row["messages_out"] + row["notes"] for row in counted) == len(said) - 1
    stored = await everything_said(database)
    assert "secret Ana" not in stored
    assert "answer secret" not in stored
    assert [hit.message for hit in (await Search(database).find("secret")).hits] == ["3-fresh"]
    assert not (await prune(database, policy, LATER)).anything
    await rebuilt_is_the_same(database, writer)


async def test_active_conversations_are_left_alone(database: Database, writer: Writer) -> None:
    """However old; and without a policy nothing goes."""
    journal = Journal()
    await writer.write(journal.entries(journal.opened(), journal.said("old secret")))
    assert await prune(database, Policy(days=30), LATER) == Pruned()
    await writer.write(journal.entries(_status(journal, {}, Status.ACTIVE, Status.CLOSED)))
    assert await prune(database, Policy(), LATER) == Pruned()
    assert (await prune(database, Policy(days=30), LATER)).messages == 1


async def test_an_inbox_may_differ(database: Database, writer: Writer) -> None:
    """Longer, shorter, or for ever."""
    journal = Journal()
    facts: list[Fact] = []
    for number, inbox in enumerate(("support", "sales", "legal"), 1):
        of: dict[str, Any] = {"conversation": ConversationId(f"3-{number}"), "inbox": InboxId(inbox)}
        facts += [journal.opened(number, **of), journal.said(inbox, **of)]
        facts.append(_status(journal, of, Status.ACTIVE, Status.CLOSED))
    await writer.write(journal.entries(*facts))
    policy = Policy(days=30, inboxes={InboxId("sales"): 200, InboxId("legal"): None})
    assert (await prune(database, policy, LATER)).messages == 1
    assert [row["text"] for row in await rows(database, "messages")] == ["sales", "legal"]
    policy = Policy(inboxes={InboxId("sales"): 20})
    assert (await prune(database, policy, LATER)).messages == 1
    assert [row["text"] for row in await rows(database, "messages")] == ["legal"]


async def test_messages_of_one_instant_go_together(database: Database, writer: Writer) -> None:
    """A batch that ends between them would never end."""
    journal = Journal()
    facts = [journal.opened()]
    facts += [_of(journal.said(f"m{one}", f"3-m{one}"), {"at": START}) for one in range(7)]  # type: ignore[misc]
    await writer.write(journal.entries(*facts, _status(journal, {}, Status.ACTIVE, Status.CLOSED)))
    assert (await prune(database, Policy(days=30), LATER, batch=2)).messages == 7


async def test_husks_go_in_the_end(database: Database, writer: Writer) -> None:
    """Long after nothing can be written again; numbers of facts are not given twice."""
    journal = Journal()
    await writer.write(journal.entries(journal.opened(), journal.said("x"), asked(journal)))
    assert {row["kind"] for row in await rows(database, "journal")} == {"erased", "ErasureNoted"}
    await prune(database, Policy(), START + timedelta(days=retention.HUSKS_DAYS - 1))
    assert len(await rows(database, "journal")) == 3
    await prune(database, Policy(), LATER)
    assert [row["seq"] for row in await rows(database, "journal")] == [3]


async def test_times_are_utc() -> None:
    """A policy counts whole days back from the instant it is run for."""
    ((cutoff, _),) = Policy(days=2).cutoffs(datetime(2026, 3, 3, 2, tzinfo=UTC))
    assert cutoff == datetime(2026, 3, 1, 2, tzinfo=UTC)


async def test_a_scheduled_instant_counts_once(database: Database, writer: Writer) -> None:
    """Whoever is elected next looks first whether it was done."""
    journal = Journal()
    facts = [journal.opened(), journal.said("old"), _status(journal, {}, Status.ACTIVE, Status.CLOSED)]
    await writer.write(journal.entries(*facts))
    policy = Policy(days=30)
    done = await prune_once(database, policy, LATER)
    assert done is not None
    assert done.messages == 1
    assert await prune_once(database, policy, LATER) is None
    assert await prune_once(database, policy, LATER - timedelta(days=1)) is None
    assert await prune_once(database, policy, LATER + timedelta(days=1)) == Pruned()


async def test_what_was_in_dropped_letters_goes(database: Database, writer: Writer) -> None:
    """That one was dropped, when and why, stays."""
    journal = Journal()
    letter = DroppedNoted(
        **journal.stamp(**NOWHERE), kind="StaffWrote", arrived_at=START, reason="typed twice", data=b"secret"
    )
    await writer.write(journal.entries(letter))
    await prune(database, Policy(), LATER)
    assert "secret" in await everything_said(database)
    await prune(database, Policy(days=30), LATER)
    assert "secret" not in await everything_said(database)
    (row,) = await rows(database, "dropped")
    assert (row["reason"], row["data"]) == ("typed twice", b"")
    assert (await writer.write(journal.entries(letter))).facts == 0
    await rebuilt_is_the_same(database, writer)
