"""What is exported is what was decided, in order, and no more than was asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bridge.content import Attachment, Forwarded, Marks, MediaKind, Referral
from bridge.journal import (
    AliasesNoted,
    AssigneeNoted,
    CommandNoted,
    ContactNoted,
    DeliveryNoted,
    DroppedNoted,
    Fact,
    MessageNoted,
    PartFate,
    PostNoted,
    PriorityNoted,
    StatusNoted,
    TagsNoted,
    ThreadNoted,
)
from bridge.markup import Bold, Text
from bridge.model import (
    AgentId,
    ContactId,
    ConversationId,
    DeskUser,
    Direction,
    Fate,
    InboxId,
    MessageId,
    Place,
    Post,
    Priority,
    Status,
)
from bridge.store.archive import export
from bridge.store.archive.database import Database
from bridge.store.archive.writer import Writer
from tests.support.archive import CONTACT, CONVERSATION, START, Journal
from tests.support.rows import a_contact, a_conversation, a_message, fill

BEN, ACCOUNT = AgentId("ben"), DeskUser("desk:U1")
NOWHERE: dict[str, Any] = {"conversation": ConversationId(""), "inbox": InboxId("")}


def post(name: str) -> Post:
    """A post in the thread."""
    return Post(desk="desk", channel="C1", id=name)


def a_case(journal: Journal) -> list[Fact]:
    """A conversation in which everything happens."""
    answer = MessageId("3-answer")
    return [
        ContactNoted(**journal.stamp(**NOWHERE), name="Ana", username="ana", phone="34600111222"),
        AliasesNoted(**journal.stamp(**NOWHERE), aliases=("phone:default:34600111222",)),
        journal.opened(),
        journal.said("¡Hola!\n東京 👍", "3-hello"),
        ThreadNoted(
            **journal.stamp(), place=Place(desk="desk", channel="C1", thread="17.1"), card=post("17.1")
        ),
        PostNoted(**journal.stamp(), post=post("17.2"), message=MessageId("3-hello")),
        PostNoted(**journal.stamp(), post=post("17.3")),
        AssigneeNoted(**journal.stamp(), before=None, after=BEN, by=BEN),
        journal.answered("only for us", "3-note", internal=True),
        MessageNoted(
            **journal.stamp(),
            message=answer,
            direction=Direction.OUTBOUND,
            body=(Text("Hi "), Bold((Text("Ana"),))),
            author=BEN,
            account=ACCOUNT,
            post=post("17.4"),
        ),
        DeliveryNoted(
            **journal.stamp(),
            message=answer,
            fate=Fate.READ,
            total=1,
            parts=(PartFate(part=0, fate=Fate.READ, platform_id="wamid.out"),),
        ),
        TagsNoted(**journal.stamp(), before=(), after=("vip",), by=BEN),
        PriorityNoted(**journal.stamp(), before=Priority.NORMAL, after=Priority.HIGH, by=BEN),
        CommandNoted(**journal.stamp(), command="resolve", args=("done",), by=BEN, account=ACCOUNT),
        StatusNoted(**journal.stamp(), before=Status.ACTIVE, after=Status.RESOLVED, by=BEN),
        DroppedNoted(
            **journal.stamp(**NOWHERE), kind="StaffWrote", arrived_at=START, reason="unreadable", data=b"?"
        ),
    ]


async def exported(
    database: Database, contacts: list[ContactId] | None = None, since: datetime | None = None
) -> list[export.Line]:
    """All lines."""
    async with database.read() as connection:
        return [line async for line in export.lines(connection, contacts, since)]


def iso(at: datetime) -> str:
    """As it is written out."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_everything_of_a_contact(database: Database, writer: Writer) -> None:
    """Every kind of line, with the values that the facts had."""
    journal = Journal()
    facts = a_case(journal)
    await writer.write(journal.entries(*facts))
    head, *lines, end = await exported(database)
    at = {type(fact).__name__: iso(fact.at) for fact in facts}
    assert head | {"at": ""} == {"kind": "export", "format": 1, "at": "", "contacts": None, "since": None}
    kinds = ["contact", "dropped", "conversation", "episode", "message", "assignment", "note", "message"]
    assert [line["kind"] for line in lines] == [*kinds, "tags", "priority", "command", "status", "notice"]
    assert end["lines"] == {kind: [line["kind"] for line in lines].count(kind) for kind in end["lines"]}
    contact, dropped, case, episode, hello, assigned, note, answer, tags, urgent, command, status, notice = (
        lines
    )
    assert contact == {
        "kind": "contact",
        "id": CONTACT,
        "name": "Ana",
        "username": "ana",
        "phone": "34600111222",
        "aliases": ["phone:default:34600111222"],
        "merged_into": None,
        "first_at": iso(facts[0].at),
        "last_at": iso(facts[-1].at),
    }
    assert (dropped["event"], dropped["reason"], dropped["arrived_at"]) == (
        "StaffWrote",
        "unreadable",
        iso(START),
    )
    assert (case["number"], case["status"], case["assignee"], case["tags"]) == (
        1059,
        "resolved",
        "ben",
        ["vip"],
    )
    assert case["priority"] == "high"
    assert case["opened_at"] == at["ConversationOpened"]
    (thread,) = case["threads"]
    assert thread == {
        "desk": "desk",
        "channel": "C1",
        "thread": "17.1",
        "card": "17.1",
        "at": at["ThreadNoted"],
    }
    assert (episode["episode"], episode["ended_at"], episode["ended_by"]) == (1, at["StatusNoted"], "ben")
    assert (hello["text"], hello["direction"], hello["formatted"]) == ("¡Hola!\n東京 👍", "in", None)
    assert [(one["post"], one["ours"]) for one in hello["posts"]] == [("17.2", True)]
    assert (assigned["before"], assigned["after"], assigned["by"]) == (None, "ben", "ben")
    assert (note["text"], note["id"]) == ("only for us", "3-note")
    assert (answer["text"], answer["author"], answer["account"]) == ("Hi Ana", "ben", ACCOUNT)
    assert answer["formatted"] is not None
    assert answer["fate"] == "read"
    (delivery,) = answer["deliveries"]
    assert (delivery["part"], delivery["platform_id"]) == (0, "wamid.out")
    assert (delivery["fate"], delivery["read_at"]) == ("read", at["DeliveryNoted"])
    assert [(one["post"], one["ours"]) for one in answer["posts"]] == [("17.4", False)]
    assert (tags["added"], tags["removed"]) == (["vip"], [])
    assert (urgent["before"], urgent["after"]) == ("normal", "high")
    assert (command["command"], command["args"], command["account"]) == ("resolve", ["done"], ACCOUNT)
    assert (status["before"], status["after"]) == ("active", "resolved")
    assert notice["post"] == "17.3"


async def test_only_what_was_asked_for(database: Database, writer: Writer) -> None:
    """One contact, or what happened since; the rest stays where it is."""
    journal = Journal()
    facts = a_case(journal)
    other: dict[str, Any] = {"contact": ContactId("3-other"), "conversation": ConversationId("3-67")}
    facts += [journal.opened(1075, **other), journal.said("later", "3-later", **other)]
    await writer.write(journal.entries(*facts))
    lines = await exported(database, [ContactId("3-other")])
    assert [line["kind"] for line in lines[1:-1]] == ["contact", "conversation", "episode", "message"]
    assert lines[-2]["text"] == "later"
    note = next(fact.at for fact in facts if isinstance(fact, MessageNoted) and fact.internal)
    recent = await exported(database, [CONTACT], since=note)
    said = [line["kind"] for line in recent if "text" in line]
    assert said == ["note", "message"]
    assert not any(line["kind"] == "assignment" for line in recent)
    assert len(await exported(database, since=facts[-1].at + timedelta(seconds=1))) == 2


async def test_a_long_conversation_comes_page_by_page(database: Database) -> None:
    """Every message once and in order, among conversations of every length."""
    sizes = {63: 2 * export.MESSAGES_A_PAGE + 7, 64: 3, 65: export.MESSAGES_A_PAGE, 66: 0, 67: 1}
    said = []
    for number, size in sizes.items():
        said += [
            a_message(number * 100_000 + one, f"{number}/{one}", conversation=f"0-{number}")
            for one in range(size)
        ]
    await fill(
        database,
        people=[a_contact(1, "Ana", id="0-abc")],
        cases=[a_conversation(number, "0-abc") for number in sizes],
        said=said,
    )
    lines = await exported(database)
    assert [line["text"] for line in lines if line["kind"] == "message"] == [row["text"] for row in said]
    assert [line["number"] for line in lines if line["kind"] == "conversation"] == list(sizes)
    assert lines[-1]["lines"]["message"] == len(said)


async def test_contacts_come_page_by_page(database: Database) -> None:
    """Every contact once, with theirs."""
    many = export.CONTACTS_A_PAGE * 2 + 3
    people = [a_contact(n, f"Name {n}", id=f"0-c{n}") for n in range(1, many)]
    cases = [a_conversation(1_000 + n, f"0-c{n}") for n in range(1, many, 2)]
    await fill(database, people=people, cases=cases)
    lines = await exported(database)
    assert [line["id"] for line in lines if line["kind"] == "contact"] == [one["id"] for one in people]
    assert [line["contact"] for line in lines if line["kind"] == "conversation"] == [
        one["contact"] for one in cases
    ]
    assert CONVERSATION not in {line.get("id") for line in lines}


async def test_what_is_more_than_words_comes_with_its_fields(database: Database, writer: Writer) -> None:
    """A place keeps its coordinates, and a message what led the contact here; a plain text has neither."""
    journal = Journal()
    spot = Attachment(MediaKind.IMAGE, "17", mime="image/png", caption=(Text("My cat"),))
    came_by = Marks(Forwarded.OFTEN, Referral(kind="ad", headline="Boots"))
    said = replace(journal.said("Picture", "3-spot"), kind="image", content=spot, marks=came_by)
    await writer.write(journal.entries(journal.opened(), said, journal.said("hello")))
    first, second = [line for line in await exported(database) if line["kind"] == "message"]
    assert (first["content"], first["text"]) == ("image", "Picture")
    assert first["details"] == {
        "content": {"kind": "image", "media": "17", "mime": "image/png", "caption": [["t", "My cat"]]},
        "marks": {"forwarded": 2, "referral": {"kind": "ad", "headline": "Boots"}},
    }
    assert second["details"] is None
