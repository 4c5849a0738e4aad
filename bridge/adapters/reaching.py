"""Writing to somebody first: what is typed for it, in which inbox, and whose event that makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bridge import commands
from bridge.adapters.base import Inlet, Reach
from bridge.content.unfit import UnfitError
from bridge.model import Agent, ContactId, InboxPolicy, Role, Struct
from bridge.phone import diallable

_NUMBER = re.compile(r"[+\d().\-/\u00a0]+")
_INBOX = re.compile(r"in:(\S+)", re.IGNORECASE)
_ROW = commands.find("new")
_EXAMPLE = f"Example: `{commands.ANY_SLASH} {_ROW.example}`" if _ROW else ""


class Wanted(Struct, frozen=True):
    """What somebody typed behind `new`."""

    digits: str
    inbox: str
    """Empty where none was named."""
    template: str
    """The rest: the template and its values."""


def read(line: str) -> Wanted:
    """`<+phone> [in:<inbox>] [campaign:<label>] <template> …`. Raises `UnfitError`."""
    words = line.split()
    count = next((at for at, word in enumerate(words) if not _NUMBER.fullmatch(word)), len(words))
    digits = number(" ".join(words[:count]))
    rest = line.strip()
    for word in words[:count]:
        rest = rest.removeprefix(word).lstrip()
    named = _INBOX.match(rest)
    if named:
        rest = rest[named.end() :].lstrip()
    if not rest:
        raise UnfitError(f"The template is missing. {_EXAMPLE}")
    return Wanted(digits, named[1] if named else "", rest)


def number(typed: str) -> str:
    """The digits of a phone number typed with its country code. Raises `UnfitError`."""
    digits = diallable(typed)
    if digits is None:
        shown = f"`{typed[:40]}` is no phone number" if typed.strip() else "The phone number is missing"
        raise UnfitError(f"{shown}: it begins with + and the country code. {_EXAMPLE}")
    return digits


def works_in(agent: Agent | None, inboxes: Iterable[InboxPolicy]) -> list[InboxPolicy]:
    """The inboxes in which somebody may write to contacts."""
    return [one for one in inboxes if agent is not None and agent.role_in(one.id) >= Role.AGENT]


def chosen(named: str, channel: str, mine: Sequence[InboxPolicy]) -> InboxPolicy:
    """The inbox that is meant: the one named, else the one of the channel where it was typed, else the only one. Raises
    `UnfitError`.
    """
    names = ", ".join(f"in:{one.id}" for one in mine)
    if named:
        found = [one for one in mine if named.lower() in {one.id, one.name.lower()}]
        if not found:
            raise UnfitError(f"You work in no inbox `{named[:40]}`. Those are: {names}")
        return found[0]
    here = [one for one in mine if one.channel == channel]
    if len(here or mine) != 1:
        raise UnfitError(f"Say from which inbox, behind the number: {names}")
    return (here or list(mine))[0]


async def contact_of(inlet: Inlet, reach: Reach) -> ContactId:
    """Whose number this is; a new contact where nobody is known by it."""
    known = await inlet.known(reach.aliases)
    return known if known is not None else (await inlet.claim(reach.aliases)).contact
