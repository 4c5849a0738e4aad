"""The archive's tables: the journal, and its projections.

Only the journal is written by hand, so to speak: every other table here could be emptied and made anew from it, row
for row. Instants are integers, microseconds since 1970 in UTC: both engines keep them exactly, compare them quickly,
and know no time zone to get wrong. Text is stored as received.

`seq` numbers the journal in the order in which the archiver wrote it, which is the order of decisions within a lane.
A row that one fact makes has that fact's `seq`, so that a rebuild gives it the same one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
    select,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite's own row number is only what an INTEGER PRIMARY KEY column names; BIGINT would be a second one.
Seq = BigInteger().with_variant(Integer(), "sqlite")

journal = Table(
    "journal",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("fact", LargeBinary, nullable=False),  # 16-byte hash of `data`
    Column("lane", Text, nullable=False),
    Column(
        "entry", Text, nullable=False
    ),  # where it stood in the lane's journal, `<ms>-<n>`: ms is the commit's time
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("conversation", Text, nullable=False),  # empty for what concerns the contact alone
    Column("data", LargeBinary, nullable=False),  # the packed fact
    Index(None, "contact"),
    Index(None, "at", "fact", unique=True),  # a fact is there once; its time is part of what the hash is of
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("entry", Text, nullable=False),  # everything up to here is archived
    Column("at", BigInteger, nullable=False),  # when that was written
)

settings = Table(
    "settings",  # of the archive itself: which deployment it belongs to, which projection it holds
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# ------------------------------------------------------------------------------------------- projections

contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("username", Text),
    Column("phone", Text),  # digits
    Column("address", Text),  # what to send to, as the contact-side adapter spells it
    Column("merged_into", Text),  # the contact that this one was joined into
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),  # the latest fact about it but for `ContactStored`
    # The fact that made it, and its document in the full-text index. Negative: of the contact that it was joined
    # into, when that was heard of first.
    Column("seq", BigInteger, nullable=False),
    Index(None, "phone"),
    Index(None, "merged_into"),
    Index(None, "last_at"),
    Index(None, "seq", unique=True),
)

contact_states = Table(
    "contact_states",  # whole states, as of the latest `ContactStored`: what a stub in Redis stands for
    metadata,
    Column("contact", Text, primary_key=True),
    Column(
        "at", BigInteger, nullable=False
    ),  # of that fact; later than the contact's `last_at`: it is at rest
    Column("seq", BigInteger, nullable=False),  # that fact
    Column("state", LargeBinary, nullable=False),  # the packed `model.Contact`
    Index(None, "seq", unique=True),
)

aliases = Table(
    "aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("contact", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "contact"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("assignee", Text),
    Column("priority", Text, nullable=False),
    Column("previous", Text),
    Column("desk", Text),  # where it is answered now
    Column("channel", Text),
    Column("thread", Text),
    Column("episode", Integer, nullable=False),  # the latest one, from 1
    Column("opened_at", BigInteger, nullable=False),
    Column("status_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),  # the latest message either way, notes not counted
    Column("last_inbound_at", BigInteger),
    Column("last_outbound_at", BigInteger),
    Index(None, "number"),
    Index(None, "contact"),
    Index(None, "status", "last_at"),
)

threads = Table(
    "threads",  # every thread that a conversation had
    metadata,
    Column("desk", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("thread", Text, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("card", Text, nullable=False),  # the post that is its root
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("episode", Integer, primary_key=True),  # from 1
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # the last resolve (or close)
    Column("ended_by", Text),
    Column("first_inbound_at", BigInteger),
    Column(
        "first_answer_at", BigInteger
    ),  # the first message by a person that the contact's platform accepted
    Column("first_answer_by", Text),
    Index(None, "started_at"),
)

messages = Table(
    "messages",  # what contact and staff said; `internal` are the notes, which only staff see
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("conversation", Text, nullable=False),
    Column("episode", Integer, nullable=False),  # of the conversation; 0 where its opening is not known
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("direction", Text, nullable=False),  # `in` or `out`
    Column("internal", Boolean, nullable=False),
    Column("kind", Text, nullable=False),
    Column("author", Text),  # an agent; none for the contact, and for staff who are no agents
    Column("account", Text),  # the desk account of whoever wrote it
    Column("text", Text, nullable=False),
    Column("body", LargeBinary),  # the formatted text, packed; none where it is the text alone
    Column(
        "content", LargeBinary
    ),  # what it says beyond words, and its marks, packed; none where that is nothing
    Column("platform_id", Text),  # inbound
    Column("at", BigInteger, nullable=False),  # when it arrived, or was decided to go out
    Column("sent_at", BigInteger),  # the platform's time of writing, of what was written there
    Column("fate", SmallInteger),  # outbound: `model.Fate` of the whole
    Column("parts", SmallInteger),  # outbound: how many there are, once that is known
    Column("code", Text),  # outbound: why it failed
    Column("problem", Text),  # the same in words
    # Said before the bridge: `at` is when, and nothing was shown or sent here.
    Column("imported", Boolean, nullable=False, server_default=false()),
    Index(None, "conversation", "seq"),
    Index(None, "at"),
)

deliveries = Table(
    "deliveries",  # the platform's messages that carry an outbound message
    metadata,
    Column("message", Text, primary_key=True),
    Column("part", Integer, primary_key=True),  # from 0
    Column(
        "platform_id", Text, primary_key=True
    ),  # a part sent again has another one; empty while none is known
    Column("contact", Text, nullable=False),
    Column("fate", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),  # the latest news
    Column("accepted_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("read_at", BigInteger),
    Column("failed_at", BigInteger),
    Index(None, "contact"),
)

posts = Table(
    "posts",  # what stands on the desk, and which message it shows: many-to-many
    metadata,
    Column("desk", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("post", Text, primary_key=True),
    Column("message", Text, primary_key=True),  # empty for a notice
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("ours", Boolean, nullable=False),  # posted by the bridge; else typed by staff
    Column("at", BigInteger, nullable=False),
    Index(None, "message"),
    Index(None, "contact"),
)

assignments = Table(
    "assignments",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("by", Text),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
    Index(None, "at"),
)

status_changes = Table(
    "status_changes",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("by", Text),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
    Index(None, "at"),
)

priority_changes = Table(
    "priority_changes",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("by", Text),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
)

tag_changes = Table(
    "tag_changes",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("added", JSON, nullable=False),
    Column("removed", JSON, nullable=False),
    Column("by", Text),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
)

tags = Table(
    "tags",  # those that a conversation has now
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("contact", Text, nullable=False),
    Index(None, "tag"),
)

commands = Table(
    "commands",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("args", JSON, nullable=False),
    Column("by", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
    Index(None, "at"),
)

verdicts = Table(
    "verdicts",  # what people said becomes of a message that failed, or whose fate nobody knows
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("verdict", Text, nullable=False),  # `retry`, `resend`, `arrived`
    Column("part", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "message"),
)

reactions = Table(
    "reactions",  # what contacts put on messages, and took off
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("platform_id", Text, nullable=False),  # of the message
    Column("emoji", Text, nullable=False),  # empty: taken off
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
)

touches = Table(
    "touches",  # by what contacts were addressed, or came to us; with `answer`, what they said to it
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),  # empty where there was none
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("kind", Text, nullable=False),  # `template`, `ad` or `elsewhere`
    Column("name", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("platform_id", Text, nullable=False),
    Column("answer", Text),  # a message
    Column("sent_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "contact"),
    Index(None, "campaign", "sent_at"),
)

dropped = Table(
    "dropped",  # dead letters that an operator dropped
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),  # empty where the event does not say; the inbox likewise
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("cause", Text, nullable=False),  # names the dead letter
    Column("kind", Text, nullable=False),  # of the event
    Column("arrived_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text),  # the contact's message that is not shown because of it
    Column("data", LargeBinary, nullable=False),  # the event as it was packed
    Column("at", BigInteger, nullable=False),
    Index(None, "contact"),
    Index(None, "at"),
)

pruned = Table(
    "pruned",  # how much was said in a conversation that was too old to be kept
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("until", BigInteger, nullable=False),  # what was said before then is gone
    Column("messages_in", Integer, nullable=False),
    Column("messages_out", Integer, nullable=False),
    Column("notes", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation"),
)

forgotten = Table(
    "forgotten",  # what remains of contacts that were forgotten: nothing that says who they were
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("inbox", Text, primary_key=True),  # empty where there was no conversation
    Column("by", Text, nullable=False),  # who asked for it
    Column("at", BigInteger, nullable=False),
    Column("conversations", Integer, nullable=False),
    Column("episodes", Integer, nullable=False),
    Column("messages_in", Integer, nullable=False),
    Column("messages_out", Integer, nullable=False),
    Column("notes", Integer, nullable=False),
    Column("first_at", BigInteger),
    Column("last_at", BigInteger),
)


def said_by(contacts: Sequence[str]) -> ColumnElement[bool]:
    """Which messages are about these contacts. A message has the number of the fact that made it, and facts are found by
    contact: another index would be one more to write for every message.
    """
    return messages.c.seq.in_(select(journal.c.seq).where(journal.c.contact.in_(contacts)))


PROJECTIONS: tuple[Table, ...] = (
    *(contacts, contact_states, aliases, conversations, threads, episodes, messages, deliveries, posts),
    *(
        assignments,
        status_changes,
        priority_changes,
        tag_changes,
        tags,
        commands,
        verdicts,
        reactions,
        touches,
        dropped,
    ),
    *(pruned, forgotten),
)
"""What `rebuild` empties and makes anew from the journal, in an order in which a reader finds what it refers to."""
