"""Where the primary is, as Sentinel says."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff

from bridge.errors import StoreUnavailableError
from bridge.store.address import Address

DEFAULT_PORT = 26_379


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A primary that is watched by Sentinel."""

    sentinels: tuple[tuple[str, int], ...]
    """Host and port of each that may be asked."""
    name: str
    """What they call it."""
    password: str | None = None
    """What they themselves want."""


def parse_sentinels(words: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Read `host`, `host:port` or `[address]:port`. Raises ValueError."""
    return tuple(map(_parse, words))


def _parse(word: str) -> tuple[str, int]:
    host, _, port = word.rpartition(":") if ":" in word and not word.endswith("]") else (word, "", "")
    host = host.strip("[]")
    if not host or (port and not port.isdigit()):
        raise ValueError(f"{word!r} is not host:port")
    return host, int(port or DEFAULT_PORT)


async def locate(watched: Watched, address: Address, within_s: float) -> Address:
    """The address of the primary: `address` says how to get in there, Sentinel says where it is.

    Asks one after the other, each for `within_s` seconds. Raises StoreUnavailableError, in words, when nobody names
    one that is up.
    """
    asked = Sentinel(  # type: ignore[no-untyped-call]
        list(watched.sentinels),
        sentinel_kwargs={
            "password": watched.password,
            "socket_connect_timeout": within_s,
            "socket_timeout": within_s,
            "retry": Retry(NoBackoff(), 0),
            "ssl": address.tls,
            **(address.options if address.tls else {}),
        },
    )
    try:
        host, port = await asked.discover_master(watched.name)
    except MasterNotFoundError as error:
        words = f"Sentinel names no primary {watched.name!r} that is up ({error})"
        raise StoreUnavailableError(words) from error
    except (exceptions.RedisError, OSError) as error:
        raise StoreUnavailableError(f"Sentinel does not say where the primary is: {error}") from error
    finally:
        for client in asked.sentinels:
            await client.aclose()
    return msgspec.structs.replace(address, host=host, port=int(port))
