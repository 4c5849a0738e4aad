"""Files on their way: on the disk, bounded, whole, and gone afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.media.spool import CHUNK, Spool, Spooled, TooLargeError


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """These bytes, one after the other."""
    for part in parts:
        yield part


async def all_of(file: Spooled) -> bytes:
    """Everything in a file."""
    return b"".join([chunk async for chunk in file.chunks()])


async def test_what_goes_in_comes_out() -> None:
    """In pieces of any size, more than once, with its size, hash and beginning; a second taking replaces the first."""
    data = bytes(range(256)) * 5000
    async with Spool(10_000_000).file() as file:
        await file.take(pieces(b"something else"))
        await file.take(pieces(data[:3], b"", data[3 : CHUNK + 9], data[CHUNK + 9 :]))
        assert (file.size, file.head, file.sha256) == (len(data), data[:512], hashlib.sha256(data).digest())
        assert await all_of(file) == data
        assert await all_of(file) == data


async def test_an_empty_file_is_one() -> None:
    """Nothing in, nothing out."""
    async with Spool(10).file() as file:
        await file.take(pieces())
        assert (file.size, await all_of(file)) == (0, b"")


async def test_too_much_is_refused_while_it_comes() -> None:
    """Not after it has filled the disk."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield bytes(1000)

    async with Spool(10_000).file() as file:
        with pytest.raises(TooLargeError):
            await file.take(endless())
    assert taken == 11_000


async def test_only_so_many_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    """Whoever comes next waits; no file ever has a name."""
    spool = Spool(100, most_files=1, directory=tmp_path)

    async def next_one() -> int:
        async with spool.file() as file:
            return file.size

    async with spool.file() as file:
        await file.take(pieces(b"x"))
        assert not any(os.scandir(tmp_path))
        waiting = asyncio.ensure_future(next_one())
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting == 0
