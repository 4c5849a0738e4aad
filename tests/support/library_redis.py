"""Redis through redis-py: the reference that the implementations of `connection.Redis` are held to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import redis.asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bridge.errors import StoreUnavailableError, StoreUnknownError
from bridge.store.connection import Arg, Reply, Script, reply_error


class LibraryRedis:
    """See `connection.Redis`: a pool of redis-py connections, one command at a time on each."""

    spread = False

    def __init__(
        self, url: str, *, connections: int = 16, answer_s: float = 5.0, connect_s: float = 2.0
    ) -> None:
        """Raises ValueError when the address cannot be read."""
        self._answer_s = answer_s
        # redis-py's own retries would carry out a command twice, so there are none.
        self._pool = aioredis.BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=answer_s,
            protocol=2,
            socket_connect_timeout=connect_s,
            retry=Retry(NoBackoff(), 0),
        )

    def __call__(self, *args: Arg) -> Awaitable[Reply]:
        """Run one command."""
        return self._one(args, self._answer_s)

    async def batch(self, commands: Sequence[Sequence[Arg]]) -> list[Reply]:
        """Run commands in order, in one write."""
        replies = await self._run([tuple(command) for command in commands], self._answer_s)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def blocking(self, *args: Arg, wait_s: float) -> Reply:
        """Run a command that waits; every call has a connection of its own anyway."""
        return await self._one(args, wait_s + self._answer_s)

    def script(self, source: str) -> Script:
        """A Lua script to be called by its hash."""
        return Script(self, source)

    async def aclose(self) -> None:
        """Close everything."""
        await self._pool.disconnect()

    async def _one(self, args: tuple[Arg, ...], timeout_s: float) -> Reply:
        (reply,) = await self._run([args], timeout_s)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _run(self, commands: list[tuple[Arg, ...]], timeout_s: float) -> list[Reply]:
        try:
            connection: aioredis.Connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        except exceptions.AuthenticationError as error:
            raise reply_error(f"WRONGPASS {error}") from error
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            raise StoreUnavailableError(f"Redis cannot be reached: {error}") from error
        try:
            async with asyncio.timeout(timeout_s):
                await connection.send_packed_command(connection.pack_commands(commands))
                return [await self._read(connection) for _ in commands]
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError, TimeoutError) as error:
            await connection.disconnect(nowait=True)
            raise StoreUnknownError(f"Redis was lost on the way: {error}") from error
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)

    @staticmethod
    async def _read(connection: aioredis.Connection) -> Reply:
        try:
            return await connection.read_response(disable_decoding=True)
        except exceptions.RedisError as error:
            if isinstance(error, exceptions.ResponseError) or error.status_code:
                return reply_error(_words(error))
            raise


def _words(error: exceptions.RedisError) -> str:
    """The reply as it came: redis-py takes the first word off where it has a class for it."""
    code = error.status_code
    return f"{code} {error}" if code else str(error)
