"""Whose events are: the contacts behind the aliases of a webhook body, in as few waits on the store as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from bridge.adapters.base import Claim, Inlet, Placed
from bridge.events import AnyEvent, ContactsJoined
from bridge.model import ContactId, EventId, lane_of


class Draft(msgspec.Struct, frozen=True):
    """An event that only lacks its contact.

    With `contact` set it is known. Otherwise `aliases` lead to it; a contact is minted for them unless `unmatched`
    is set, which is called when nobody is known under them.
    """

    make: Callable[..., AnyEvent]
    """Makes the event; takes `contact`."""
    cause: str
    aliases: tuple[str, ...]
    contact: ContactId | None = None
    unmatched: Callable[[], None] | None = None
    linked: bool = False
    """The platform says itself that all the aliases, old and new, are one person's."""


_Key = tuple[tuple[str, ...], bool, bool]
"""Aliases, whether a contact may be minted for them, and whether they are linked."""


async def settle(inlet: Inlet, drafts: Sequence[Draft]) -> list[Placed]:
    """The events of `drafts`, in order, placed in their contacts' lanes. Raises `StoreUnavailableError`.

    Where two contacts turn out to be one person, both hear so before the event that showed it.
    """
    claims = await _claims(inlet, drafts)
    placed: list[Placed] = []
    joined: set[frozenset[ContactId]] = set()
    for draft in drafts:
        contact = draft.contact
        if contact is None:
            claim = claims[_key(draft)]
            if claim is None:
                if draft.unmatched:
                    draft.unmatched()
                continue
            contact = claim.contact
            if claim.joins is not None and (pair := frozenset((contact, claim.joins))) not in joined:
                joined.add(pair)
                placed += _joins(contact, claim.joins, draft)
        placed.append(Placed(lane=lane_of(contact), unit=contact, event=draft.make(contact=contact)))
    return placed


def _joins(contact: ContactId, other: ContactId, draft: Draft) -> list[Placed]:
    """The news to both. The smaller id leads, so that opposite findings agree on who does."""
    at = draft.make(contact=contact).at
    return [
        Placed(
            lane=lane_of(one),
            unit=one,
            # Both may be in one shard, which remembers each id once.
            event=ContactsJoined(
                id=EventId(f"wa:{draft.cause}:join:{one}"), at=at, contact=one, other=two, leads=one < two
            ),
        )
        for one, two in ((contact, other), (other, contact))
    ]


async def _claims(inlet: Inlet, drafts: Sequence[Draft]) -> dict[_Key, Claim | None]:
    """One answer for each set of aliases.

    Sets that overlap are asked one after the other, in the order of the body, so that a change of ids in it is
    known before what follows; the rest is asked at once.
    """
    if len(drafts) == 1:
        (only,) = drafts
        key = _key(only)
        return {key: await _ask(inlet, key)} if only.contact is None else {}
    waves: list[list[_Key]] = []
    wave_of: dict[str, int] = {}
    seen: set[_Key] = set()
    for draft in drafts:
        key = _key(draft)
        if draft.contact is not None or key in seen:
            continue
        seen.add(key)
        at = 1 + max((wave_of.get(alias, -1) for alias in draft.aliases), default=-1)
        for alias in draft.aliases:
            wave_of[alias] = at
        if at == len(waves):
            waves.append([])
        waves[at].append(key)
    answers: dict[_Key, Claim | None] = {}
    for wave in waves:
        if len(wave) == 1:
            answers[wave[0]] = await _ask(inlet, wave[0])
        else:
            found = await asyncio.gather(*(_ask(inlet, key) for key in wave))
            answers.update(zip(wave, found, strict=True))
    return answers


def _key(draft: Draft) -> _Key:
    return draft.aliases, draft.unmatched is None, draft.linked


async def _ask(inlet: Inlet, key: _Key) -> Claim | None:
    aliases, mint, linked = key
    if mint:
        return await inlet.claim(aliases, linked=linked)
    known = await inlet.known(aliases)
    return Claim(contact=known) if known is not None else None
