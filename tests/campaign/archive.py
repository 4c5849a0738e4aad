"""Looks into the archive of a round, and locks it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import defaultdict
from pathlib import Path

from bridge.model import Fate
from tests.campaign.record import Remembered
from tests.campaign.script import INBOXES

FILE = "archive.sqlite3"
_NAMES = {f"C0{name.upper()}1": name for name in INBOXES}


def remembered(folder: Path) -> tuple[Remembered, ...]:
    """All messages of the archive in a round's folder, with their posts and deliveries."""
    with contextlib.closing(sqlite3.connect(folder / FILE)) as database:
        posts: dict[str, set[str]] = defaultdict(set)
        for message, channel, post in database.execute("SELECT message, channel, post FROM posts WHERE ours"):
            posts[message].add(f"{_NAMES.get(channel, channel)}/{post}")
        parts: dict[str, dict[str, str]] = defaultdict(dict)
        for message, name, fate in database.execute("SELECT message, platform_id, fate FROM deliveries"):
            parts[message][name] = Fate(fate).name.lower()
        rows = database.execute("SELECT id, text, direction, internal, fate FROM messages ORDER BY seq")
        return tuple(
            Remembered(
                text=text,
                outbound=direction == "out",
                internal=bool(internal),
                fate="" if fate is None else Fate(fate).name.lower(),
                posts=frozenset(posts[name]),
                parts=parts[name],
            )
            for name, text, direction, internal, fate in rows
        )


def joined(folder: Path) -> int:
    """How many contacts were joined into another one."""
    with contextlib.closing(sqlite3.connect(folder / FILE)) as database:
        (count,) = database.execute("SELECT count(*) FROM contacts WHERE merged_into IS NOT NULL").fetchone()
        return int(count)


async def locked(folder: Path, seconds: float) -> None:
    """Keep everybody else from writing for a while, as a backup or a careless tool would."""
    with contextlib.closing(sqlite3.connect(folder / FILE, timeout=0, isolation_level=None)) as database:
        with contextlib.suppress(sqlite3.OperationalError):  # the archiver writes just now
            database.execute("BEGIN EXCLUSIVE")
        await asyncio.sleep(seconds)
