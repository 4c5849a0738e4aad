"""What adapters use of the store: `adapters.base.Inlet`, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from bridge import events as wire
from bridge.adapters.base import Claim, Placed
from bridge.errors import BridgeError
from bridge.model import (
    AgentId,
    Contact,
    ContactId,
    DeskState,
    InboxId,
    LaneId,
    Mode,
    OpenConversation,
    Place,
    Policies,
    Roster,
    Status,
    ThreadRef,
    contact_id,
    conversation_of_number,
)
from bridge.store import keys, stub
from bridge.store.commit import VERSION_BYTES
from bridge.store.connection import Redis, Reply, script_source
from bridge.store.live import read_record
from bridge.store.replicated import Copies, replicated
from bridge.store.templates import Templates, TemplateShelf

_TEMPLATES_EVERY = 4
_log = structlog.get_logger(__name__)

_desk_decoder = msgspec.msgpack.Decoder(DeskState)
_thread_decoder = msgspec.msgpack.Decoder(ThreadRef)
_row_decoder = msgspec.msgpack.Decoder(OpenConversation)

DETOUR_S = 60
"""How long words of a thread go through the desk's lane once one had to: until that one has surely got through."""


class LiveInlet:
    """See `adapters.base.Inlet`.

    `policies` are those of the settings; modes chosen from chat and the roster
    come from the desk lane, as of the last `refresh`. `append` returns only once the wanted `copies` of the events
    exist, too.
    """

    def __init__(self, redis: Redis, policies: Policies, *, copies: Copies | None = None) -> None:
        self._redis = redis
        self._settings = policies
        self._copies = copies or Copies()
        self._append = redis.script(script_source("append"))
        self._version = b""
        self._roster = Roster()
        self._policies = policies
        self._templates = TemplateShelf(redis)
        self._looked = 0

    # ------------------------------------------------------------------------------------------ contacts

    async def claim(self, aliases: Sequence[str], *, linked: bool = False) -> Claim:
        """Whose these aliases are. One round trip and no write when all are known and agree.

        What an alias leads to changes only by a join, or when a number is given to somebody else, so whoever
        sees two answers sees them for good: of two claims that race, at least one reports the join. Raises
        ValueError without any alias.
        """
        if not aliases:
            raise ValueError("a contact needs at least one alias")
        found = await self._leads(aliases)
        if found[0] is not None and found.count(found[0]) == len(found):
            return Claim(contact=found[0])
        answers = {name: owner for name, owner in zip(aliases, found, strict=True) if owner is not None}
        if not linked and len(set(found)) > 1:
            passed_on = await self._passed_on(aliases[0], answers)
            answers = {name: owner for name, owner in answers.items() if name not in passed_on}
        else:
            passed_on = frozenset()
        owner = next(iter(answers.values()), None) or contact_id(aliases[0], self._settings.shards)
        missing = [name for name in aliases if name not in answers and name not in passed_on]
        if missing and missing[0] == aliases[0]:
            # The first alone, because its answer is the one that the others shall point to.
            answers[missing[0]] = owner = await self._set_if_absent(missing[0], owner)
            missing = missing[1:]
        if missing:
            settled = await asyncio.gather(*[self._set_if_absent(name, owner) for name in missing])
            answers.update(zip(missing, settled, strict=True))
        first = answers[aliases[0]]
        await asyncio.gather(*[self._redis("SET", keys.alias(name), first) for name in passed_on])
        joins = (answers[name] for name in aliases if name in answers and answers[name] != first)
        return Claim(contact=first, joins=next(joins, None))

    async def _passed_on(self, first: str, answers: Mapping[str, ContactId]) -> frozenset[str]:
        """Aliases that lead to somebody who has another alias of the first one's family: the number is theirs no
        more, and joining the two would show one person's words to another."""
        family = stub.family(first)
        owners = {owner for name, owner in answers.items() if owner != answers.get(first)}
        kept = await asyncio.gather(*[self._kept(owner) for owner in owners])
        strangers = {owner for owner, one in zip(owners, kept, strict=True) if _is_other(one, first)}
        return frozenset(
            name for name, owner in answers.items() if owner in strangers and stub.family(name) != family
        )

    async def known(self, aliases: Sequence[str]) -> ContactId | None:
        """The contact that the first known alias belongs to, as `claim` would say; one round trip where that alias is
        the first of all.
        """
        found = await self._leads(aliases)
        if not found or found[0] is not None or found.count(None) == len(found):
            return found[0] if found else None
        answers = {name: owner for name, owner in zip(aliases, found, strict=True) if owner is not None}
        passed_on = await self._passed_on(aliases[0], answers)
        return next((owner for name, owner in answers.items() if name not in passed_on), None)

    async def _leads(self, aliases: Sequence[str]) -> list[ContactId | None]:
        names = [keys.alias(name) for name in aliases]
        if self._redis.spread or not names:
            found = await asyncio.gather(*[self._redis("GET", name) for name in names])
        else:
            found = await self._redis("MGET", *names)
        return [None if owner is None else ContactId(owner.decode()) for owner in found]

    async def _set_if_absent(self, alias: str, owner: ContactId) -> ContactId:
        before = await self._redis("SET", keys.alias(alias), owner, "NX", "GET")
        return owner if before is None else ContactId(before.decode())

    async def contact(self, contact: ContactId) -> Contact | None:
        """A contact as last committed; one at rest as far as its stub says, None where even that is gone."""
        kept = await self._kept(contact)
        if isinstance(kept, stub.Stub):
            return kept.contact(contact)
        return kept if isinstance(kept, Contact) else None

    async def _kept(self, contact: ContactId) -> Contact | stub.Stub | stub.Shelved | None:
        data = read_record(await self._redis("GET", keys.contact(contact))).data
        return None if data is None else stub.unpack(data)

    # ------------------------------------------------------------------------------------------ events

    async def append(self, events: Sequence[Placed]) -> None:
        """Store events durably: all of a lane or none, every lane in the same round trip."""
        lanes: dict[LaneId, list[str | bytes]] = {}
        for placed in events:
            lanes.setdefault(placed.lane, []).extend((placed.unit, wire.pack(placed.event)))
        if not lanes:
            return
        if len(lanes) == 1:
            ((lane, fields),) = lanes.items()
            await self._append_lane(lane, fields)
        else:
            await asyncio.gather(*[self._append_lane(lane, fields) for lane, fields in lanes.items()])

    async def _append_lane(self, lane: LaneId, fields: Sequence[str | bytes]) -> None:
        if len(fields) == 2:
            await self._redis("XADD", keys.stream(lane), "*", "u", fields[0], "e", fields[1])
        else:
            await self._append((keys.stream(lane),), fields)
        await replicated(self._redis, lane, self._copies)

    # ------------------------------------------------------------------------------------------ looking up

    async def thread(self, place: Place) -> ThreadRef | None:
        """What a thread stands for."""
        return _thread(await self._redis("GET", keys.thread(place)))

    async def detour(self, place: Place) -> None:
        """Let what is typed in a thread go through the desk's lane for a while."""
        await self._redis("SET", keys.detour(place), "", "EX", DETOUR_S)

    async def detoured(self, place: Place) -> bool:
        """True while it does."""
        return bool(await self._redis("EXISTS", keys.detour(place)))

    async def numbered(self, number: int) -> ThreadRef | None:
        """The conversation with this number."""
        if number < 0:
            return None
        conversation = conversation_of_number(number, self._settings.shards)
        return _thread(await self._redis("GET", keys.numbered(conversation)))

    async def open_of(self, agent: AgentId | None) -> tuple[OpenConversation, ...]:
        """An agent's active conversations, longest waiting first, those that wait for nothing last."""
        packed = await self._redis("HVALS", keys.rows(agent))
        rows = [row for row in map(_row_decoder.decode, packed) if row.status is Status.ACTIVE]
        return tuple(sorted(rows, key=_waiting))

    # ------------------------------------------------------------------------------------------ snapshots

    def roster(self) -> Roster:
        """The people, as of the last refresh."""
        return self._roster

    def policies(self) -> Policies:
        """The settings with the modes chosen from chat, as of the last refresh."""
        return self._policies

    async def refresh(self) -> bool:
        """Look whether the desk lane's state or the templates changed (8 bytes each), and read them if so. True: something
        did.
        """
        version, read = await asyncio.gather(
            self._redis("GETRANGE", keys.desk_record(), 0, VERSION_BYTES - 1), self._new_templates()
        )
        if read is not None:
            self._settings = msgspec.structs.replace(self._settings, templates=read)
            self._policies = msgspec.structs.replace(self._policies, templates=read)
        if version == self._version:
            return read is not None
        record = read_record(await self._redis("GET", keys.desk_record()))
        state = DeskState() if record.data is None else _desk_decoder.decode(record.data)
        self._roster = state.roster
        self._policies = _with_modes(self._settings, state.modes, record.version)
        self._version = record.version.to_bytes(VERSION_BYTES, "big") if record.version else b""
        return True

    async def _new_templates(self) -> Templates | None:
        """What there is new; they change rarely, so they are not looked at each time."""
        self._looked += 1
        return await self._templates.changed() if self._looked % _TEMPLATES_EVERY == 1 else None

    async def watch(self, every_s: float = 1.0) -> None:
        """Refresh until cancelled. While Redis does not answer the last snapshot stands."""
        well = True
        while True:
            try:
                await self.refresh()
                well = True
            except BridgeError as error:
                if well:
                    _log.warning("snapshot.not_refreshed", error=str(error))
                well = False
            except msgspec.MsgspecError as error:
                _log.error("snapshot.unreadable", error=str(error))
            await asyncio.sleep(every_s)


def _is_other(kept: Contact | stub.Stub | stub.Shelved | None, alias: str) -> bool:
    """Is this a contact with an alias of the same family as `alias`, but with another value?"""
    if kept is None:
        return False
    if isinstance(kept, stub.Shelved):
        return kept.is_other(alias)
    family = stub.family(alias)
    return any(stub.family(name) == family and name != alias for name in kept.aliases)


def _thread(stored: Reply) -> ThreadRef | None:
    return None if stored is None else _thread_decoder.decode(stored)


def _waiting(row: OpenConversation) -> tuple[bool, float, int]:
    since: datetime | None = row.waiting_since
    return since is None, 0.0 if since is None else since.timestamp(), row.number


def _with_modes(settings: Policies, modes: Mapping[InboxId, Mode], version: int) -> Policies:
    inboxes = {
        name: msgspec.structs.replace(inbox, mode=modes.get(name, inbox.mode))
        for name, inbox in settings.inboxes.items()
    }
    return msgspec.structs.replace(settings, inboxes=inboxes, version=settings.version + version)
