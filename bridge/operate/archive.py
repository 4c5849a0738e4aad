"""`threadline archive status`, `migrate` and `rebuild`."""

from __future__ import annotations

import typer

from bridge.operate.common import Meter, explained, opened
from bridge.parts import lanes, open_redis
from bridge.settings import Settings
from bridge.spans import spell
from bridge.store.archive.database import Database
from bridge.store.archive.holdings import holdings
from bridge.store.archive.lag import Lag
from bridge.store.archive.schema import VERSION
from bridge.store.archive.schema import migrate as bring_up_to_date
from bridge.store.archive.writer import Writer


async def status(settings: Settings) -> int:
    """Say what the archive holds and how far behind Redis it is; 1 when one of them cannot be asked."""
    redis = open_redis(settings)
    try:
        with explained():
            async with opened(settings) as database:
                typer.echo(f"{database.where}: schema {VERSION}")
                for words in await _held(database):
                    typer.echo(words)
            behind = await Lag(redis, lanes(settings)).behind()
    finally:
        await redis.aclose()
    if not behind.waiting:
        typer.echo("Nothing waits to be archived.")
    else:
        typer.echo(f"{behind.waiting} commits wait to be archived, the oldest for {spell(behind.lag_s)}.")
    return 0


async def _held(database: Database) -> list[str]:
    held = await holdings(database)
    if held.latest is None:
        return ["It is empty."]
    counted = f"{held.facts:,} facts, {held.messages:,} messages and notes, {held.contacts:,} contacts"
    return [f"{counted}; the latest is of {held.latest:%F %T} UTC"]


async def migrate(settings: Settings) -> int:
    """Bring the schema and the full-text index up to date, as `serve` does at its start; 1 when that fails."""
    database = Database(settings.archive.url)
    try:
        with explained():
            before = await bring_up_to_date(database)
    finally:
        await database.close()
    if before is None:
        typer.echo(f"{database.where} was up to date (schema {VERSION}).")
    else:
        typer.echo(f"{database.where} has schema {VERSION} now{f', before {before}' if before else ''}.")
    return 0


async def rebuild(settings: Settings) -> int:
    """Make every table but the journal anew from the journal; 1 when the archive cannot be used."""
    with explained():
        async with opened(settings) as database:
            meter: Meter | None = None

            def progress(done: int, total: int) -> None:
                nonlocal meter
                meter = meter or Meter("rebuilt", total)
                meter.at(done)

            try:
                facts = await Writer(database).rebuild(progress)
            finally:
                if meter is not None:
                    meter.end()
    typer.echo(f"Rebuilt from {facts:,} facts.")
    return 0
