"""A Redis or Valkey cluster: `connection.Redis` over one joined connection for each primary.

redis-py finds out who has which slots. It does not carry the commands: its cluster client cannot tell a command
that never left from one whose answer got lost, sends `ASKING` and the command it is for over two connections, and
costs seven times the processor time once several tasks send (170 us a command against 24). What a node refuses
because a slot is elsewhere (`MOVED`, `ASK`) was certainly not carried out and follows at once; everything else goes
to the caller, and the slots are looked at anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec

from bridge.errors import StoreUnavailableError, StoreUnknownError
from bridge.store.address import Address, parse_address
from bridge.store.connection import Arg, RedirectError, Redis, Reply, Script
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.slots import SLOTS, slot_of
from bridge.store.topology import Topology, Where, discover

MOST_REDIRECTS = 5
LOOK_EVERY_S = 0.25
"""The slots are looked at this often at most."""
KEEP_ASKED_S = 30.0
"""A node without slots that took over something lately is about to get some."""


class _Send(Protocol):
    """Sends a command, or several, to a node; `asking`: with `ASKING` ahead of each."""

    def __call__(self, node: JoinedRedis, *, asking: bool) -> Awaitable[Reply]: ...


class ClusterRedis:
    """See `connection.Redis`. Belongs to one event loop; connects at the first command."""

    spread = True

    def __init__(self, url: str, timing: Timing | None = None) -> None:
        """`url` is that of any node. Raises ValueError when the address cannot be read or names no cluster's node."""
        self._address = parse_address(url)
        if self._address.database:
            raise ValueError("a Redis cluster has no database but 0: remove the number from the address")
        if self._address.path is not None:
            raise ValueError("a Redis cluster cannot be reached through a socket file: name host and port")
        self._timing = timing or Timing()
        self._topology: Topology | None = None
        self._moved: dict[int, Where] = {}
        """Slots that nodes said to be elsewhere since the last look."""
        self._asked: dict[Where, float] = {}
        self._nodes: dict[Where, JoinedRedis] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -LOOK_EVERY_S
        self._reason = ""
        self._closed = False

    def __call__(self, *args: Arg) -> Awaitable[Reply]:
        """Run one command."""

        async def send(node: JoinedRedis, *, asking: bool) -> Reply:
            if not asking:
                return await node(*args)
            _, reply = await node.batch([("ASKING",), args])
            return reply

        return self._run(slot_of(args), send)

    async def batch(self, commands: Sequence[Sequence[Arg]]) -> list[Reply]:
        """Run commands in order, in one write, on the node of their keys. Raises ValueError for several slots."""
        slots = {slot for command in commands if (slot := slot_of(command)) is not None}
        if len(slots) > 1:
            raise ValueError("the commands of a batch have keys in several slots")
        keyed = [slot_of(command) is not None for command in commands]

        async def send(node: JoinedRedis, *, asking: bool) -> list[Reply]:
            # ASKING holds for one command, so each gets its own.
            packed = [
                one for command in commands for one in ((("ASKING",), command) if asking else (command,))
            ]
            replies = (await node.replies(packed))[1 if asking else 0 :: 2 if asking else 1]
            return _whole(replies, keyed)

        replies: list[Reply] = await self._run(next(iter(slots), None), send)
        return replies

    async def blocking(self, *args: Arg, wait_s: float) -> Reply:
        """Run a command that waits, on a connection of its own."""
        return await self._run(
            slot_of(args), lambda node, *, asking: node.blocking(*args, wait_s=wait_s, asking=asking)
        )

    def script(self, source: str) -> Script:
        """A Lua script to be called by its hash."""
        return Script(self, source)

    async def primaries(self) -> dict[str, Redis]:
        """Every primary by its address, for looking at each. Raises StoreUnavailableError."""
        topology = await self._known()
        return {f"{host}:{port}": self._node((host, port)) for host, port in topology.primaries}

    async def covers_all(self) -> bool:
        """Whether every slot has a primary. Raises StoreUnavailableError."""
        return len((await self._known()).owners) == SLOTS

    async def aclose(self) -> None:
        """Close everything."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await asyncio.gather(*[node.aclose() for node in self._nodes.values()])

    # ------------------------------------------------------------------------------------------ running

    async def _run(self, slot: int | None, send: _Send) -> Reply:
        if slot is None:
            return await self._anywhere(send)
        where, asking = await self._owner(slot), False
        for _ in range(MOST_REDIRECTS):
            node = self._node(where)
            try:
                return await send(node, asking=asking)
            except RedirectError as elsewhere:
                where, asking = (elsewhere.host or where[0], elsewhere.port), elsewhere.only_now
                self._remember(elsewhere.slot, where, only_now=asking)
            except StoreUnavailableError as problem:
                self._look_again()
                if isinstance(problem, StoreUnknownError) or self._closed or not node.closed:
                    raise
                # It left the cluster while the command waited for a connection to it.
                where, asking = await self._owner(slot), False
        raise StoreUnavailableError("the nodes of the Redis cluster do not agree on who has a slot")

    async def _anywhere(self, send: _Send) -> Reply:
        """A command without a key: what is down or full is passed over while nothing was sent."""
        problem: StoreUnavailableError | None = None
        for where in (await self._known()).primaries:
            try:
                return await send(self._node(where), asking=False)
            except StoreUnknownError:
                self._look_again()
                raise
            except StoreUnavailableError as refused:
                problem = refused
                self._look_again()
        raise problem or StoreUnavailableError("the Redis cluster has no primary that serves")

    # ------------------------------------------------------------------------------------- who has what

    async def _owner(self, slot: int) -> Where:
        topology = await self._known()
        where = self._moved.get(slot) or topology.owners.get(slot)
        if where is None:
            self._look_again()
            raise StoreUnavailableError("a part of the Redis cluster is down: nobody has some of the slots")
        return where

    def _node(self, where: Where) -> JoinedRedis:
        node = self._nodes.get(where)
        if node is None or node.closed:
            if self._closed:
                raise StoreUnavailableError("the connection to Redis was closed")
            address: Address = msgspec.structs.replace(self._address, host=where[0], port=where[1])
            node = self._nodes[where] = JoinedRedis(address, self._timing)
        return node

    def _remember(self, slot: int, where: Where, *, only_now: bool) -> None:
        if only_now:
            self._asked[where] = asyncio.get_running_loop().time()
        else:
            self._moved[slot] = where
            self._look_again()

    async def _known(self) -> Topology:
        """The slots as last seen; found out at the first command."""
        if self._topology is None and not self._closed:
            self._look_again()
            if self._looking is not None:
                await asyncio.shield(self._looking)
        if self._topology is None:
            raise StoreUnavailableError(self._reason or "the connection to Redis was closed")
        return self._topology

    def _look_again(self) -> None:
        """Find out anew who has which slots, one look at a time."""
        if not self._closed and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._looked_at + LOOK_EVERY_S - loop.time())
        known = (*self._topology.primaries, *self._topology.replicas) if self._topology else ()
        try:
            topology = await discover(self._address, known, self._timing.connect_s)
        except StoreUnavailableError as problem:
            self._reason = str(problem)
            return
        finally:
            self._looked_at = loop.time()
        self._topology, self._moved = topology, {}
        await self._let_go({*topology.primaries, *topology.replicas})

    async def _let_go(self, members: set[Where]) -> None:
        """Close connections to nodes that are no part of the cluster any more."""
        now = asyncio.get_running_loop().time()
        self._asked = {where: at for where, at in self._asked.items() if now - at < KEEP_ASKED_S}
        gone = [where for where in self._nodes if where not in members and where not in self._asked]
        await asyncio.gather(*[self._nodes.pop(where).aclose() for where in gone])


def _whole(replies: Sequence[Reply | BaseException], keyed: Sequence[bool]) -> list[Reply]:
    """The replies of a batch. Raises RedirectError when the node carried out none of its keyed commands, and
    StoreUnknownError when the slot moved in its midst.
    """
    sent_on = [
        isinstance(reply, RedirectError) for reply, counts in zip(replies, keyed, strict=True) if counts
    ]
    if any(sent_on) and not all(sent_on):
        raise StoreUnknownError("the Redis cluster moved these keys in the midst of several commands")
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
    return list(replies)
