"""Whether the archive's database is fit for use; for `threadline check`. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import Finding
from bridge.store.archive.database import Database
from bridge.store.archive.schema import VERSION, check_version, stored_version
from bridge.store.archive.trouble import ArchiveError, Trouble

_SHARED = ("nfs", "cifs", "smb", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "glusterfs", "ceph", "afs", "9p")
"""File systems of networks, whose locks SQLite cannot rely on."""


async def inspect(database: Database, hosts: AbstractSet[str] = frozenset()) -> list[Finding]:
    """Look at reachability, schema and rights. `hosts` are those on which processes of the bridge run."""
    try:
        found = [await _schema(database)]
    except ArchiveError as problem:
        return [_finding(problem)]
    return [*found, *_shared_file(database, hosts)]


async def _schema(database: Database) -> Finding:
    if database.path is not None and not database.path.exists():
        folder = database.path.absolute().parent
        if not folder.is_dir():
            return Finding.error("archive", f"there is no folder {folder}", "make it, or correct archive.url")
        return Finding.ok("archive", f"a new archive, which `threadline serve` makes: {database.where}")
    async with database.read() as connection:
        version = await stored_version(connection)
        if version is not None:
            await check_version(connection, database.where)
        rows = 0 if version is None else await _rows(connection)
    async with database.write():
        pass  # the lock is taken, and nothing is written
    if version is None:
        return Finding.ok(
            "archive", f"an empty database, in which `threadline serve` makes the tables: {database.where}"
        )
    return Finding.ok("archive", f"schema {VERSION}, {rows:,} facts: {database.where}")


async def _rows(connection: AsyncConnection) -> int:
    """The number of the last fact: as good as a count, and free."""
    return (await connection.execute(text("SELECT max(seq) FROM journal"))).scalar() or 0


def _finding(problem: ArchiveError) -> Finding:
    """The error's words up to the colon say what is, those behind it what to do."""
    what, _, advice = str(problem).partition(": ")
    if problem.trouble is Trouble.OUTDATED:
        return Finding.warning("archive", what, advice)
    return Finding.error("archive", what, advice)


def _shared_file(database: Database, hosts: AbstractSet[str]) -> Iterator[Finding]:
    if database.path is None:
        return
    advice = "use PostgreSQL (archive.url), or one host and a local disk"
    kind = _file_system(database.path.absolute())
    if kind is not None and kind.startswith(_SHARED):
        yield Finding.warning("archive.disk", f"SQLite on a file system of the network ({kind})", advice)
    if len(hosts) > 1:
        several = ", ".join(sorted(hosts))
        yield Finding.warning("archive.hosts", f"SQLite, and the bridge runs on {several}", advice)


def _file_system(path: Path) -> str | None:
    """The kind of file system a path is on; None where nobody says."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    mounts = {Path(fields[1]): fields[2] for fields in map(str.split, lines) if len(fields) > 2}
    return next((mounts[one] for one in (path, *path.parents) if one in mounts), None)
