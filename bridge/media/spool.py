"""Where a file is while it goes from one platform to another: on disk, in a file without a name, never in memory.

A process that dies leaves nothing behind, because the file has no name. How many are there at once is bounded, and so
how much disk they take: `most_files` times `most_bytes`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, TypeVar

from bridge.media.types import HEAD

T = TypeVar("T")

MOST_BYTES = 100 * 1024 * 1024
"""Of a file, where the settings say nothing else."""
CHUNK = 256 * 1024
"""Bytes that are held in memory of a file, at most."""


class TooLargeError(Exception):
    """More bytes came than a file may have."""


class Spooled:
    """One file: written once with `take`, then read any number of times with `chunks`."""

    def __init__(self, file: IO[bytes], most_bytes: int, directory: Path | None = None) -> None:
        self._file = file
        self.most_bytes = most_bytes
        self.directory = directory
        """Where there is room for what is made of it."""
        self._digest = hashlib.sha256()
        self.size = 0
        self.head = b""
        """Its first bytes, enough to tell what it is."""

    @property
    def sha256(self) -> bytes:
        """Of all that was taken in."""
        return self._digest.digest()

    async def take(self, chunks: AsyncIterator[bytes]) -> None:
        """Write all of `chunks`, in the place of what was there. Raises `TooLargeError`, `OSError` (disk full)."""
        await asyncio.to_thread(self._begin)
        held = bytearray()
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self.most_bytes:
                raise TooLargeError
            held += chunk
            if len(held) >= CHUNK:
                await asyncio.to_thread(self._write, bytes(held))
                held.clear()
        await asyncio.to_thread(self._write, bytes(held))

    async def chunks(self) -> AsyncIterator[bytes]:
        """All bytes, from the beginning, in pieces of `CHUNK`."""
        at = 0
        while at < self.size:
            piece = await asyncio.to_thread(self._read, at)
            if not piece:
                raise OSError("the spooled file is shorter than what was written")
            at += len(piece)
            yield piece

    def read(self, how: Callable[[IO[bytes]], T]) -> T:
        """Let `how` read the whole file from its beginning; blocks, so call it in a thread."""
        self._file.seek(0)
        return how(self._file)

    def _begin(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._digest, self.size, self.head = hashlib.sha256(), 0, b""

    def _write(self, piece: bytes) -> None:
        if len(self.head) < HEAD:
            self.head = (self.head + piece)[:HEAD]
        self._digest.update(piece)
        self._file.write(piece)
        self._file.flush()

    def _read(self, at: int) -> bytes:
        self._file.seek(at)
        return self._file.read(CHUNK)


class Spool:
    """A bounded number of files at once, in `directory` (None: the system's for temporary files)."""

    def __init__(self, most_bytes: int, *, most_files: int = 4, directory: Path | None = None) -> None:
        self.most_bytes = most_bytes
        self._directory = directory
        self._free = asyncio.Semaphore(most_files)

    def _new(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._directory)

    @contextlib.asynccontextmanager
    async def file(self) -> AsyncIterator[Spooled]:
        """An empty file, once there is room for one; gone afterwards. Raises `OSError`."""
        async with self._free:
            file = await asyncio.to_thread(self._new)
            try:
                yield Spooled(file, self.most_bytes, self._directory)
            finally:
                await asyncio.to_thread(file.close)
