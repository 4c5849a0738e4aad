"""The templates of all inboxes, as last read from the contacts' platform: a snapshot that every process sees. It is that
platform's own, so losing it costs nothing but until it is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from bridge.content.templates import Template
from bridge.model import InboxId
from bridge.store import keys
from bridge.store.connection import Redis

Templates = Mapping[InboxId, tuple[Template, ...]]

_DIGEST = 8
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[InboxId, tuple[Template, ...]]).decode


class TemplateShelf:
    """Puts and reads the snapshot. Raises `StoreUnavailableError`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._seen = b""

    async def put(self, templates: Templates) -> None:
        """Replace the snapshot."""
        data = _encode(dict(templates))
        await self._redis("SET", keys.templates(), hashlib.blake2b(data, digest_size=_DIGEST).digest() + data)

    async def changed(self) -> Templates | None:
        """The snapshot, where it is another one than last time (a look costs 8 bytes). Raises `MsgspecError`."""
        digest = await self._redis("GETRANGE", keys.templates(), 0, _DIGEST - 1)
        if digest == self._seen:
            return None
        data = await self._redis("GET", keys.templates())
        self._seen = digest
        return _decode(data[_DIGEST:]) if data else {}
