"""`threadline export`: a contact, or everything, as JSON Lines."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson
import typer

from bridge.errors import BridgeError
from bridge.operate.common import Meter, explained, opened
from bridge.settings import Settings
from bridge.store.archive import export as archive
from bridge.store.archive.people import find_person

_OURS_ALONE = 0o600
"""A file full of personal data is nobody else's to read."""


class NotWrittenError(BridgeError):
    """The file cannot be written; the words say why."""


async def export(settings: Settings, who: str | None, since: datetime | None, out: Path | None) -> int:
    """Write the lines to `out`, or to standard output. 1 when the archive cannot be read, or nobody is `who`."""
    with explained():
        async with opened(settings) as database, database.read() as connection:
            contacts = None if who is None else (await find_person(connection, who)).everybody
            meter = Meter("exported", await archive.expected(connection, contacts, since))
            lines = archive.lines(connection, contacts, since)
            try:
                if out is None:
                    return await _to_stdout(lines, meter)
                count = await _to_file(lines, meter, out)
            finally:
                meter.end()
    typer.echo(f"{count} messages and notes are in {out}.", err=True)
    return 0


async def _to_stdout(lines: AsyncGenerator[archive.Line], meter: Meter) -> int:
    try:
        await _write(lines, sys.stdout.buffer.write, meter)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough. What Python would still flush at the end has nowhere to go, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


async def _to_file(lines: AsyncGenerator[archive.Line], meter: Meter, out: Path) -> int:
    """Into a file beside `out` first, so that what has the name is whole."""
    beside = out.with_name(out.name + ".part")
    try:
        with _new(beside) as file:
            count = await _write(lines, file.write, meter)
        beside.replace(out)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise NotWrittenError(f"{out} cannot be written: {problem.strerror}") from None
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return count


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OURS_ALONE), "wb")


async def _write(lines: AsyncGenerator[archive.Line], write: Callable[[bytes], object], meter: Meter) -> int:
    count = 0
    async with aclosing(lines) as every:
        async for line in every:
            write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            if line["kind"] in {"message", "note"}:
                count += 1
                meter.at(count)
    return count
