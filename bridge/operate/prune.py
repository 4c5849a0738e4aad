"""`threadline archive prune`: delete what is too old, now."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from bridge.operate.common import Meter, explained, opened
from bridge.parts import retention_policy
from bridge.settings import Settings
from bridge.store.archive.retention import Pruned, would_prune
from bridge.store.archive.retention import prune as delete


async def prune(settings: Settings, *, dry_run: bool) -> int:
    """Delete, or only say what would be; 1 when the archive cannot be used."""
    policy, now = retention_policy(settings), datetime.now(UTC)
    if policy.keeps_all:
        typer.echo("Everything is kept for ever: archive.retention_days is 0, and no inbox says otherwise.")
    with explained():
        async with opened(settings) as database:
            expected = await would_prune(database, policy, now)
            if dry_run:
                typer.echo(f"Would delete {_words(expected)}.")
                return 0
            meter = Meter("pruned", expected.messages + expected.notes)
            try:
                done = await delete(database, policy, now, meter.at)
            finally:
                meter.end()
    typer.echo(f"Deleted {_words(done)}, and {done.facts} facts of the journal.")
    return 0


def _words(what: Pruned) -> str:
    return f"{what.messages} messages and {what.notes} notes of {what.conversations} conversations"
