"""Who is meant: a contact by whatever somebody knows of them, with all who were joined into them."""

from __future__ import annotations

import re

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import BridgeError
from bridge.model import ContactId
from bridge.phone import international, mask_phone, without_country
from bridge.store.archive.tables import aliases, contacts, conversations

MOST_SHOWN = 10
FEWEST_PHONE_DIGITS = 7
"""Fewer digits are the number of a conversation."""
MOST_JOINS = 100
"""Joins in a row that are followed; more can only be a ring."""


class WhoIsMeantError(BridgeError):
    """Nobody is, or several may be. Says what can be given instead."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as the archive knows it."""

    contact: ContactId
    """The one that goes on, where several were joined."""
    everybody: tuple[ContactId, ...]
    """That one first, then those joined into it."""
    name: str
    username: str | None
    phone: str | None
    """Digits."""

    def label(self) -> str:
        """For people: the name, and a masked number or @username, as far as they are known."""
        number = mask_phone(f"+{self.phone}") if self.phone else ""
        username = f"@{self.username}" if self.username else ""
        known = ", ".join(one for one in (number, username) if one)
        return f"{self.name or 'without a name'} ({known or self.contact})"


async def find_person(connection: AsyncConnection, who: str) -> Person:
    """The contact that `who` names: a phone in any spelling, `#1042` (a conversation's number), the id of a contact or
    a conversation, or `@username`. Raises `WhoIsMeantError`.
    """
    named = who.strip()
    found = await _candidates(connection, named)
    if not found:
        raise WhoIsMeantError(
            f"nobody in the archive is {named!r}: give a phone number with its country code, the number of a"
            " conversation (#1042), an @username, or the id of a contact"
        )
    if len(found) > 1:
        several = [(await person(connection, one)) for one in found[:MOST_SHOWN]]
        shown = "; ".join(f"{one.contact}: {one.label()}" for one in several)
        more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
        raise WhoIsMeantError(f"{named!r} may be {len(found)} contacts, give the id of one: {shown}{more}")
    return await person(connection, found[0])


async def person(connection: AsyncConnection, contact: ContactId) -> Person:
    """What the archive knows of a contact, or of the one it was joined into."""
    everybody = await joined_contacts(connection, contact)
    row = (await connection.execute(select(contacts).where(contacts.c.id == everybody[0]))).mappings().first()
    return Person(
        contact=everybody[0],
        everybody=everybody,
        name=row["name"] if row else "",
        username=row["username"] if row else None,
        phone=row["phone"] if row else None,
    )


async def joined_contacts(connection: AsyncConnection, contact: ContactId) -> tuple[ContactId, ...]:
    """Everybody who was joined with a contact: first the one that goes on, then the others."""
    winner = contact
    for _ in range(MOST_JOINS):
        above = select(contacts.c.merged_into).where(contacts.c.id == winner)
        into = (await connection.execute(above)).scalar_one_or_none()
        if into is None:
            break
        winner = ContactId(into)
    everybody = {winner: None}
    newest = [winner]
    while newest:
        below = select(contacts.c.id).where(contacts.c.merged_into.in_(newest)).order_by(contacts.c.id)
        found = (await connection.execute(below)).scalars().all()
        newest = [ContactId(one) for one in found if one not in everybody]
        everybody.update(dict.fromkeys(newest))
    return (*everybody, contact) if contact not in everybody else tuple(everybody)


async def _candidates(connection: AsyncConnection, named: str) -> list[ContactId]:
    digits = re.sub(r"\D", "", named)
    if named.startswith("@"):
        return await _contacts(connection, func.lower(contacts.c.username) == named[1:].lower())
    if named.startswith("#"):
        return await _of_number(connection, digits)
    if re.fullmatch(r"\d+-[0-9a-f]+", named):
        by_id = await _contacts(connection, contacts.c.id == named) or await _of_conversation(
            connection, named
        )
        if by_id:
            return by_id
    if len(digits) < FEWEST_PHONE_DIGITS:
        return await _of_number(connection, digits)
    return await _of_phone(connection, named, digits)


async def _of_phone(connection: AsyncConnection, named: str, digits: str) -> list[ContactId]:
    whole = international(named) or digits
    exact = await _contacts(connection, contacts.c.phone.in_({whole, digits}))
    if not exact:
        known = or_(*(aliases.c.alias.like(f"phone:%:{one}") for one in {whole, digits}))
        rows = (await connection.execute(select(aliases.c.contact).where(known))).scalars().all()
        exact = await _unjoined(connection, [ContactId(one) for one in rows])
    if exact or named.startswith("+"):
        return exact
    # As people of its country dial it: then the country has to come from what is known.
    local = digits.lstrip("0")
    maybe = select(contacts.c.id, contacts.c.phone).where(contacts.c.phone.like(f"%{local}"))
    rows = (await connection.execute(maybe)).all()
    same = [ContactId(row.id) for row in rows if without_country(row.phone) == local]
    return await _unjoined(connection, same)


async def _of_number(connection: AsyncConnection, digits: str) -> list[ContactId]:
    if not digits:
        return []
    numbered = select(conversations.c.contact).where(conversations.c.number == int(digits))
    rows = (await connection.execute(numbered)).scalars().all()
    return await _unjoined(connection, [ContactId(one) for one in rows])


async def _of_conversation(connection: AsyncConnection, named: str) -> list[ContactId]:
    owner = select(conversations.c.contact).where(conversations.c.id == named)
    rows = (await connection.execute(owner)).scalars().all()
    return await _unjoined(connection, [ContactId(one) for one in rows])


async def _contacts(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[ContactId]:
    rows = (await connection.execute(select(contacts.c.id).where(condition))).scalars().all()
    return await _unjoined(connection, [ContactId(one) for one in rows])


async def _unjoined(connection: AsyncConnection, found: list[ContactId]) -> list[ContactId]:
    """Those that go on, each once."""
    winners = [(await joined_contacts(connection, one))[0] for one in found[: 10 * MOST_SHOWN]]
    return list(dict.fromkeys(winners))
