"""Redis over one shared connection, the one that production uses.

redis-py's client costs about 70 us of CPU a command when commands come from many tasks; joining what one loop
turn brings into one write costs a few. Blocking reads have connections of their own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence

import msgspec

from bridge.errors import BridgeError, StoreUnavailableError, StoreUnknownError
from bridge.store.address import Address, parse_address
from bridge.store.connection import Arg, Reply, Script
from bridge.store.link import Link, open_link, pack
from bridge.store.sentinel import Watched, locate


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds, in seconds."""

    answer_s: float = 5.0
    """Without any answer for so long the connection is taken for lost."""
    connect_s: float = 2.0
    patience_s: float = 1.5
    """How long after a loss commands wait for a new connection; later ones fail at once."""
    first_pause_s: float = 0.02
    longest_pause_s: float = 1.0
    steady_s: float = 5.0
    """A connection that lived so long starts the pauses anew."""


class JoinedRedis:
    """See `connection.Redis`. Belongs to one event loop; connects at the first command."""

    spread = False

    def __init__(
        self, where: str | Address, timing: Timing | None = None, watched: Watched | None = None
    ) -> None:
        """With `watched`, Sentinel is asked before each new connection which server it has to be. Raises ValueError
        when the address cannot be read.
        """
        self._address = parse_address(where) if isinstance(where, str) else where
        self._watched = watched
        self._timing = timing or Timing()
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._dialing: asyncio.Task[None] | None = None
        self._down_since: float | None = None
        self._failures = 0
        self._reason = ""
        self._idle: list[Link] = []
        self._waiting: set[Link] = set()
        self._opening: set[asyncio.Task[Link]] = set()
        self._closed = False

    def __call__(self, *args: Arg) -> Awaitable[Reply]:
        """Run one command; it is on its way with this turn's others when the connection stands."""
        link = self._link
        if link is not None and not link.congested:
            return link.send(pack(args))
        return self._later(pack(args))

    async def batch(self, commands: Sequence[Sequence[Arg]]) -> list[Reply]:
        """Run commands in order, in one write."""
        replies = await self.replies(commands)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def replies(self, commands: Sequence[Sequence[Arg]]) -> list[Reply | BaseException]:
        """Like `batch`, with each refusal in its place among the replies."""
        packed = [pack(tuple(command)) for command in commands]
        link = await self._ready()
        return await asyncio.gather(*map(link.send, packed), return_exceptions=True)

    async def blocking(self, *args: Arg, wait_s: float, asking: bool = False) -> Reply:
        """Run a command that waits, on a connection of its own; `asking`: as `connection.RedirectError` wants."""
        link = await self._borrow()
        self._waiting.add(link)
        try:
            async with asyncio.timeout(wait_s + self._timing.answer_s):
                sent = [link.send(pack(one)) for one in ((("ASKING",), args) if asking else (args,))]
                *_, reply = await asyncio.gather(*sent)
        except TimeoutError:
            link.close()
            raise StoreUnknownError(f"Redis at {self._address} did not answer in time") from None
        except asyncio.CancelledError:
            # The answer may still come; nobody else may get it.
            link.close()
            raise
        finally:
            self._waiting.discard(link)
            if link.usable and not self._closed:
                self._idle.append(link)
        return reply

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed

    def script(self, source: str) -> Script:
        """A Lua script to be called by its hash."""
        return Script(self, source)

    async def aclose(self) -> None:
        """Close everything."""
        self._closed = True
        if self._dialing is not None:
            self._dialing.cancel()
            await asyncio.gather(self._dialing, return_exceptions=True)
        for opening in self._opening:
            opening.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for link in (self._link, *self._idle, *self._waiting):
            if link is not None:
                link.close()
        self._idle.clear()
        self._up.set()

    # ------------------------------------------------------------------------------------------ inside

    async def _borrow(self) -> Link:
        """A connection for one caller alone."""
        while True:
            self._check_open()
            while self._idle:
                link = self._idle.pop()
                if link.usable:
                    return link
            if self._watched is not None:
                # Only with a connection of the shared kind is it known where the primary is.
                await self._ready()
            # In a task of its own, so that closing ends it also where nobody waits for it any more.
            opening = asyncio.get_running_loop().create_task(
                open_link(self._address, _ignore, connect_s=self._timing.connect_s, stall_s=None)
            )
            self._opening.add(opening)
            opening.add_done_callback(self._opened)
            await asyncio.wait((opening,))
            self._check_open()
            opening.result()

    def _opened(self, opening: asyncio.Task[Link]) -> None:
        self._opening.discard(opening)
        if opening.cancelled() or opening.exception() is not None:
            return
        if self._closed:
            opening.result().close()
        else:
            self._idle.append(opening.result())

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the connection to Redis was closed")

    async def _later(self, packed: bytes) -> Reply:
        link = await self._ready()
        return await link.send(packed)

    async def _ready(self) -> Link:
        """A connection that takes commands; waits within the bound for one that comes back."""
        loop = asyncio.get_running_loop()
        while True:
            self._check_open()
            if self._link is not None:
                if not self._link.congested:
                    return self._link
                await self._link.writable()
                continue
            if self._down_since is None:
                self._go_down(loop.time())
            left = self._patience_left(loop.time())
            if left <= 0:
                raise StoreUnavailableError(self._reason or f"Redis at {self._address} cannot be reached")
            try:
                async with asyncio.timeout(left):
                    await self._up.wait()
            except TimeoutError:
                continue

    def _patience_left(self, now: float) -> float:
        return (self._down_since if self._down_since is not None else now) + self._timing.patience_s - now

    def _go_down(self, now: float) -> None:
        self._link = None
        self._down_since = now
        self._up.clear()
        if not self._closed:
            self._dialing = asyncio.get_running_loop().create_task(self._dial())

    def _on_lost(self, link: Link) -> None:
        if link is not self._link:
            return
        now = asyncio.get_running_loop().time()
        if now - link.born_at >= self._timing.steady_s:
            self._failures = 0
        self._go_down(now)

    def _go_to(self, address: Address) -> None:
        """From now on everything happens there; a read at a former primary would wait for what never comes."""
        if address != self._address:
            self._address = address
            for link in (*self._idle, *self._waiting):
                link.close()
            self._idle.clear()

    async def _dial(self) -> None:
        """Connect, however long it takes, with growing pauses of random length between the tries."""
        timing = self._timing
        # Closing cancels this as well, which is lost where a library takes it for a time-out of its own.
        while not self._closed:
            if self._failures:
                pause_s = min(timing.longest_pause_s, timing.first_pause_s * 2.0 ** min(self._failures, 16))
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            # Counted before the try: a connection that is lost at once must not be tried again without pause.
            self._failures += 1
            try:
                if self._watched is not None:
                    self._go_to(await locate(self._watched, self._address, timing.connect_s))
                link = await open_link(
                    self._address, self._on_lost, connect_s=timing.connect_s, stall_s=timing.answer_s
                )
            except BridgeError as error:
                self._reason = str(error)
                continue
            except Exception as error:  # noqa: BLE001 - without this loop nobody would ever connect again
                self._reason = f"Redis at {self._address} cannot be reached ({type(error).__name__})"
                continue
            if link.usable:
                self._link = link
                self._down_since = None
                self._up.set()
                return


def _ignore(link: Link) -> None:
    """A waiting read's own caller learns of the loss by its exception."""
