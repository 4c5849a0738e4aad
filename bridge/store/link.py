"""One connection to Redis: the commands of one loop turn leave in one write, replies are handed out in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import hiredis

from bridge.errors import StoreUnavailableError, StoreUnknownError
from bridge.store.address import Address
from bridge.store.connection import Arg, reply_error

_MORE = object()
_SECOND_LOOK_S = 0.05


def pack(args: tuple[Arg, ...]) -> bytes:
    """A command as it travels. Raises TypeError for what is no text, bytes or number."""
    packed: bytes = hiredis.pack_command(args)  # type: ignore[arg-type]  # its stub means one argument
    return packed


class Link(asyncio.Protocol):
    """A connection that serves many callers. `on_lost` is called once, when it can take no more commands."""

    def __init__(self, name: str, on_lost: Callable[[Link], None], stall_s: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._on_lost = on_lost
        self._stall_s = stall_s
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._transport: asyncio.Transport | None = None
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._buffer: list[bytes] = []
        self._writable: asyncio.Future[None] | None = None
        self._progress_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.usable = False
        self.born_at = self._loop.time()

    @property
    def congested(self) -> bool:
        """True while the server does not keep up with what we write; then new commands should wait."""
        return self._writable is not None

    async def writable(self) -> None:
        """Wait until the server keeps up, or the connection is gone."""
        if self._writable is not None:
            await asyncio.shield(self._writable)

    def send(self, packed: bytes) -> asyncio.Future[Any]:
        """Queue a packed command; it leaves at the end of this loop turn."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._buffer:
            self._loop.call_soon(self._flush)
        if not self._pending:
            self._progress_at = self._loop.time()
        self._buffer.append(packed)
        self._pending.append(future)
        return future

    def close(self) -> None:
        """Drop the connection now; what is under way has an unknown outcome."""
        self._lose("the connection was closed")

    # ------------------------------------------------------------------------------- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start serving."""
        # uvloop's transports are none of asyncio's classes, so nothing is checked here.
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """Hand replies to their callers, in order."""
        self._progress_at = self._loop.time()
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _MORE:
                self._settle(reply)
        except (hiredis.ProtocolError, IndexError):
            self._lose("what came was not the Redis protocol")
        if not self.usable and not self._pending:
            self._lose("the connection was given up")

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whatever is under way."""
        self._lose(str(exc) if exc is not None else "the server closed the connection")

    def pause_writing(self) -> None:
        """Let new commands wait."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let them go on."""
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    # ------------------------------------------------------------------------------------------ inside

    def _settle(self, reply: object) -> None:
        future = self._pending.popleft()
        if isinstance(reply, hiredis.ReplyError):
            error = reply_error(str(reply))
            if str(reply).startswith("READONLY"):
                # After a failover the old primary keeps its connections: the next one may reach the new one.
                self._retire()
            if not future.done():
                future.set_exception(error)
        elif not future.done():
            future.set_result(reply)

    def _retire(self) -> None:
        if self.usable:
            self.usable = False
            self._on_lost(self)

    def _flush(self) -> None:
        buffer, self._buffer = self._buffer, []
        if self._transport is None or not buffer:
            return
        if self._watch is None and self._stall_s is not None:
            self._watch = self._loop.call_later(self._stall_s, self._look)
        self._transport.write(b"".join(buffer))

    def _look(self, *, again: bool = False) -> None:
        """Give the connection up when nothing came for `stall_s` although something is under way."""
        self._watch = None
        if self._transport is None or self._stall_s is None or not self._pending:
            return
        left = self._progress_at + self._stall_s - self._loop.time()
        if left <= 0 and again:
            self._lose(f"no answer within {self._stall_s:g} s")
        elif left <= 0:
            # Perhaps it was us who slept: what has come meanwhile is read before the second look.
            self._watch = self._loop.call_later(_SECOND_LOOK_S, partial(self._look, again=True))
        else:
            self._watch = self._loop.call_later(left, self._look)

    def _lose(self, reason: str) -> None:
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.abort()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.resume_writing()
        self._fail_pending(reason)
        self._retire()

    def _fail_pending(self, reason: str) -> None:
        unsent, self._buffer = len(self._buffer), []
        sent = len(self._pending) - unsent
        for index, future in enumerate(self._pending):
            if future.done():
                continue
            if index < sent:
                future.set_exception(
                    StoreUnknownError(f"Redis at {self._name} was lost on the way: {reason}")
                )
            else:
                future.set_exception(StoreUnavailableError(f"Redis at {self._name} was lost: {reason}"))
        self._pending.clear()


async def open_link(
    address: Address, on_lost: Callable[[Link], None], *, connect_s: float, stall_s: float | None
) -> Link:
    """Connect, authenticate, select the database and see that the server serves.

    Raises StoreUnavailableError, in words, when that does not come about within `connect_s` seconds.
    """
    loop = asyncio.get_running_loop()
    link: Link | None = None

    def make() -> Link:
        return Link(str(address), on_lost, stall_s)

    try:
        async with asyncio.timeout(connect_s):
            if address.path is not None:
                _, link = await loop.create_unix_connection(make, address.path)
            else:
                context = address.tls_context()
                _, link = await loop.create_connection(make, address.host, address.port, ssl=context)
            await _greet(link, address)
    except TimeoutError:
        _drop(link)
        raise StoreUnavailableError(f"Redis at {address} did not answer within {connect_s:g} s") from None
    except (OSError, ValueError) as error:
        # ValueError: a host name that cannot be one.
        _drop(link)
        raise StoreUnavailableError(f"Redis at {address} cannot be reached: {error}") from error
    except BaseException:
        _drop(link)
        raise
    return link


def _drop(link: Link | None) -> None:
    if link is not None:
        link.close()


async def _greet(link: Link, address: Address) -> None:
    commands: list[tuple[Arg, ...]] = []
    if address.password is not None:
        user = (address.username,) if address.username else ()
        commands.append(("AUTH", *user, address.password))
    if address.database:
        commands.append(("SELECT", address.database))
    # A server that loads its data, or wants a password, says so now and not at the first command.
    commands.append(("PING",))
    await asyncio.gather(*[link.send(pack(command)) for command in commands])
