"""Bytes of files that people attach and apps upload: small ones in memory, large ones in a file without a name."""

import hashlib
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import IO

from aiohttp import web

IN_MEMORY = 256 * 1024
CHUNK = 64 * 1024


class Blob:
    """Immutable bytes: `size`, `sha256` (digest) and `chunks`. Made by `of`, `sparse` or `gather`."""

    def __init__(self, head: bytes, size: int, sha256: bytes, file: IO[bytes] | None = None) -> None:
        """`head` is all of it, or its beginning; then `file` holds all, or the rest is zeros where there is none."""
        self.head = head
        self.size = size
        self.sha256 = sha256
        self._file = file
        if file is not None:
            weakref.finalize(self, file.close)

    @classmethod
    def of(cls, data: bytes) -> "Blob":
        """These bytes."""
        return cls(data, len(data), hashlib.sha256(data).digest())

    @classmethod
    def sparse(cls, head: bytes, size: int) -> "Blob":
        """`head`, and zeros up to `size`: a large file that takes no room."""
        digest = hashlib.sha256(head)
        for piece in _zeros(size - len(head)):
            digest.update(piece)
        return cls(head, size, digest.digest())

    @classmethod
    async def gather(cls, chunks: AsyncIterator[bytes], most: int) -> "Blob | None":
        """Everything that comes; None once it is more than `most` bytes."""
        file: IO[bytes] | None = None
        digest, size, held = hashlib.sha256(), 0, bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                if file is not None:
                    file.close()
                return None
            digest.update(chunk)
            if file is None:
                held += chunk
                if len(held) > IN_MEMORY:
                    file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the blob
                    file.write(held)
            else:
                file.write(chunk)
        return cls(bytes(held[:IN_MEMORY]), size, digest.digest(), file)

    def chunks(self) -> Iterator[bytes]:
        """All bytes, in pieces."""
        if self._file is not None:
            at = 0
            while at < self.size:
                self._file.seek(at)
                piece = self._file.read(CHUNK)
                at += len(piece)
                yield piece
            return
        for at in range(0, len(self.head), CHUNK):
            yield self.head[at : at + CHUNK]
        yield from _zeros(self.size - len(self.head))

    def read(self) -> bytes:
        """All bytes at once; for small ones."""
        return b"".join(self.chunks())


async def serve(request: web.Request, mime: str, blob: Blob) -> web.StreamResponse:
    """Show a file to a page of the sandbox's own. Somebody made it up, so it may run nothing there."""
    response = web.StreamResponse(
        headers={
            "Content-Type": mime,
            "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; img-src 'self'",
            "X-Content-Type-Options": "nosniff",
        }
    )
    response.content_length = blob.size
    await response.prepare(request)
    for chunk in blob.chunks():
        await response.write(chunk)
    return response


def _zeros(count: int) -> Iterator[bytes]:
    piece = bytes(CHUNK)
    while count > 0:
        yield piece[:count]
        count -= CHUNK
