"""What there is of a contact that is to be forgotten: in the archive, on the desk, and what leads to it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.journal import Tally
from bridge.model import ContactId, ConversationId, Place, Post, Status
from bridge.store.archive import erasing, tables
from bridge.store.archive.people import Person


class Standing(msgspec.Struct, frozen=True):
    """A post of ours on the desk, and the thread it stands in."""

    post: Post
    thread: str | None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that forgetting a contact, with all who were joined into it, takes."""

    person: Person
    tallies: tuple[Tally, ...]
    """Of all of them together, by inbox."""
    active: tuple[int, ...]
    """Numbers of active conversations."""
    aliases: tuple[str, ...]
    threads: tuple[Place, ...]
    conversations: tuple[ConversationId, ...]
    posts: tuple[Standing, ...]
    """Ours: cards, what the contact said, notices."""
    staff_posts: int


async def subject(connection: AsyncConnection, person: Person) -> Subject:
    """What the archive knows of a person."""
    everybody = list(person.everybody)
    cases, threads, posts = tables.conversations, tables.threads, tables.posts
    conversations = (
        await connection.execute(
            select(cases.c.id, cases.c.number, cases.c.status).where(cases.c.contact.in_(everybody))
        )
    ).all()
    places = (
        (await connection.execute(select(threads).where(threads.c.contact.in_(everybody)))).mappings().all()
    )
    ours = (
        select(posts).where(posts.c.contact.in_(everybody), posts.c.ours).order_by(posts.c.at, posts.c.post)
    )
    standing = [
        Standing(Post(desk=row["desk"], channel=row["channel"], id=row["card"]), None) for row in places
    ]
    latest = {row["conversation"]: row["thread"] for row in places}
    for row in (await connection.execute(ours)).mappings():
        post = Post(desk=row["desk"], channel=row["channel"], id=row["post"])
        standing.append(Standing(post, latest.get(row["conversation"])))
    theirs = select(func.count(posts.c.post.distinct())).where(posts.c.contact.in_(everybody), ~posts.c.ours)
    names = select(tables.aliases.c.alias).where(tables.aliases.c.contact.in_(everybody))
    return Subject(
        person=person,
        tallies=await _tallies(connection, everybody),
        active=tuple(sorted(row.number for row in conversations if row.status == Status.ACTIVE.value)),
        aliases=tuple((await connection.execute(names)).scalars()),
        threads=tuple(
            Place(desk=row["desk"], channel=row["channel"], thread=row["thread"]) for row in places
        ),
        conversations=tuple(ConversationId(row.id) for row in conversations),
        posts=tuple(dict.fromkeys(standing)),
        staff_posts=int(await connection.scalar(theirs) or 0),
    )


async def _tallies(connection: AsyncConnection, everybody: Sequence[ContactId]) -> tuple[Tally, ...]:
    by_inbox: dict[str, Tally] = {}
    for contact in everybody:
        for one in await erasing.tallies_of(connection, contact):
            known = by_inbox.get(one.inbox)
            by_inbox[one.inbox] = one if known is None else _sum(known, one)
    if len(by_inbox) > 1:
        by_inbox.pop("", None)
    return tuple(by_inbox.values())


def _sum(one: Tally, two: Tally) -> Tally:
    firsts = [at for at in (one.first_at, two.first_at) if at is not None]
    lasts = [at for at in (one.last_at, two.last_at) if at is not None]
    return Tally(
        inbox=one.inbox,
        conversations=one.conversations + two.conversations,
        episodes=one.episodes + two.episodes,
        messages_in=one.messages_in + two.messages_in,
        messages_out=one.messages_out + two.messages_out,
        notes=one.notes + two.notes,
        first_at=min(firsts, default=None),
        last_at=max(lasts, default=None),
    )
