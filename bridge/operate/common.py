"""What the commands of operators share: opening the archive, saying what is wrong, showing how far something is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.errors import BridgeError
from bridge.settings import Settings
from bridge.spans import since
from bridge.store.archive.database import Database
from bridge.store.archive.schema import check_version

SHOWN_AFTER_S = 1.0
"""What is done sooner needs no bar."""


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The archive of the settings, of this release's schema. Raises `ArchiveError`."""
    database = Database(settings.archive.url)
    try:
        async with database.read() as connection:
            await check_version(connection, database.where)
        yield database
    finally:
        await database.close()


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Say what is wrong in one line, without a stack trace, and exit with 1."""
    try:
        yield
    except BridgeError as problem:
        typer.echo(f"{problem}.", err=True)
        raise typer.Exit(1) from None


def instant(words: str | None, option: str) -> datetime | None:
    """A time as it is typed into `option`. Raises `typer.BadParameter`."""
    if words is None:
        return None
    try:
        return since(words, datetime.now(UTC))
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint=option) from None


def one_line(words: str) -> str:
    """What people wrote, on one line, and without what acts on a terminal."""
    return "".join(char if char.isprintable() else " " for char in words)


class Meter:
    """A bar on standard error for what takes long; nothing where that is no terminal."""

    def __init__(self, what: str, total: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._what = what
        self._total = total
        self._began = time.monotonic()
        self._progress: Progress | None = None

    def at(self, done: int) -> None:
        """So many are done."""
        if self._progress is None:
            if not self._console.is_terminal or time.monotonic() < self._began + SHOWN_AFTER_S:
                return
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.add_task(self._what, total=self._total)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=done)

    def end(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
