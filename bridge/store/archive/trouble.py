"""What can be wrong with the archive's database, in words that say what to do.

Drivers say it in codes: SQLite by the name of its result, PostgreSQL by SQLSTATE, the network by `OSError`. What is
none of these is a mistake of ours and is raised as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bridge.errors import BridgeError


class Trouble(enum.StrEnum):
    """Why the database does not take or give what was asked; also the class under which it is counted."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read_only"
    CORRUPT = "corrupt"
    UNREACHABLE = "unreachable"
    PASSWORD = "password"  # noqa: S105 - the name of a class of failures
    PERMISSION = "permission"
    MISSING = "missing"
    OUTDATED = "outdated"
    NEWER = "newer"


class ArchiveError(BridgeError):
    """The archive's database is not fit for use now; the words say why and what to do.

    `trouble` is its class. What was asked has not been done, or (`UNREACHABLE` only) it is not known whether a
    commit arrived; everything the archive writes may be written again.
    """

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


_SQLITE = {
    "SQLITE_BUSY": Trouble.LOCKED,
    "SQLITE_LOCKED": Trouble.LOCKED,
    "SQLITE_FULL": Trouble.FULL,
    "SQLITE_READONLY": Trouble.READ_ONLY,
    "SQLITE_PERM": Trouble.PERMISSION,
    "SQLITE_AUTH": Trouble.PERMISSION,
    "SQLITE_CANTOPEN": Trouble.MISSING,
    "SQLITE_CORRUPT": Trouble.CORRUPT,
    "SQLITE_NOTADB": Trouble.CORRUPT,
    "SQLITE_IOERR": Trouble.UNREACHABLE,
    "SQLITE_PROTOCOL": Trouble.LOCKED,
}
_IOERR_FULL = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE")
"""What a full disk looks like where SQLite cannot tell it from a broken one."""

_STATES = {
    "25006": Trouble.READ_ONLY,
    "28": Trouble.PASSWORD,
    "3D000": Trouble.MISSING,
    "42501": Trouble.PERMISSION,
    "53100": Trouble.FULL,
    "53": Trouble.UNREACHABLE,
    "55P03": Trouble.LOCKED,
    "40": Trouble.LOCKED,
    "57": Trouble.UNREACHABLE,
    "08": Trouble.UNREACHABLE,
    "58": Trouble.UNREACHABLE,
    "XX001": Trouble.CORRUPT,
    "XX002": Trouble.CORRUPT,
}

_SQLITE_WORDS = {
    Trouble.LOCKED: "another program keeps {where} locked: end it, or wait until it is done",
    Trouble.FULL: "the disk of {where} is full: make room, everything waits in Redis meanwhile",
    Trouble.READ_ONLY: "{where} may only be read: give the bridge the right to write the file and its folder",
    Trouble.PERMISSION: "the bridge may not use {where}: correct the rights of the file and its folder",
    Trouble.MISSING: "{where} cannot be opened: see that its folder exists and that the bridge may write the file and its folder",
    Trouble.CORRUPT: "{where} is damaged or no SQLite database: restore it from a backup, or name another file",
    Trouble.UNREACHABLE: "{where} cannot be read or written: look at the disk and its log",
}
_POSTGRESQL_WORDS = {
    Trouble.LOCKED: "another program keeps {where} locked: end it, or wait until it is done",
    Trouble.FULL: "the disk of {where} is full: make room, everything waits in Redis meanwhile",
    Trouble.READ_ONLY: "{where} takes no writes now: point archive.url at the primary, or end its read-only mode",
    Trouble.PERMISSION: "the user of archive.url lacks a permission in {where}: make it the owner of the database",
    Trouble.PASSWORD: "{where} does not accept the user or password of archive.url: correct them",
    Trouble.MISSING: "there is no such database as {where}: create it (CREATE DATABASE), or correct archive.url",
    Trouble.CORRUPT: "{where} reports damaged data: look at its log, and restore it from a backup",
    Trouble.UNREACHABLE: "{where} cannot be reached: start PostgreSQL, or correct archive.url",
}


def explain(error: BaseException, where: str) -> ArchiveError | None:
    """The error in our words; None when it is a mistake of ours. `where` names the database, without a password."""
    for cause in _causes(error):
        name = getattr(cause, "sqlite_errorname", None)
        if isinstance(name, str):
            return _words(_of_sqlite(name), where, _SQLITE_WORDS, str(cause))
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return _words(_of_state(state), where, _POSTGRESQL_WORDS, str(cause))
    if isinstance(error, PendingRollbackError):
        return None
    if any(_is_of_the_way(cause) for cause in _causes(error)):
        return _words(Trouble.UNREACHABLE, where, _POSTGRESQL_WORDS, _first_line(error))
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, the innermost last."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        original = cause.orig if isinstance(cause, DBAPIError) else None
        cause = original or cause.__cause__ or cause.__context__


def _is_of_the_way(cause: BaseException) -> bool:
    """Refused, cut, timed out, or the driver's own word for a connection that is gone."""
    if isinstance(cause, OSError | TimeoutError | PoolTimeoutError):
        return True
    return isinstance(cause, DBAPIError) and cause.connection_invalidated


def _of_sqlite(name: str) -> Trouble | None:
    if name in _IOERR_FULL:
        return Trouble.FULL
    return next((trouble for start, trouble in _SQLITE.items() if name.startswith(start)), None)


def _of_state(state: str) -> Trouble | None:
    return _STATES.get(state) or _STATES.get(state[:2])


def _words(
    trouble: Trouble | None, where: str, texts: dict[Trouble, str], detail: str
) -> ArchiveError | None:
    if trouble is None:
        return None
    return ArchiveError(trouble, f"{texts[trouble].format(where=where)} ({_shortened(detail)})")


def _first_line(error: BaseException) -> str:
    last = list(_causes(error))[-1]
    return str(last).partition("\n")[0] or type(last).__name__


def _shortened(detail: str) -> str:
    line = detail.partition("\n")[0].strip()
    return line if len(line) <= 200 else line[:199] + "…"
