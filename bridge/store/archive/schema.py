"""Which version of the schema a database has, and bringing it up to date.

The steps are alembic's (`migrations`), run in one transaction under the archive's write lock: of several processes
that start at once, one migrates and the others find it done; a step that fails leaves nothing behind. Looking is one
short query, and alembic is loaded only when there is something to do.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import __version__
from bridge.store.archive import index
from bridge.store.archive.database import Database
from bridge.store.archive.tables import settings
from bridge.store.archive.trouble import ArchiveError, Trouble

log = structlog.get_logger(__name__)

VERSION = "0008"
"""The schema that this release reads and writes: the latest step in `migrations/versions`."""
MIGRATION_LOCK_WAIT_S = 60.0
RELEASE = "release"
"""The setting that names the release by which the schema was last migrated."""


async def stored_version(connection: AsyncConnection) -> str | None:
    """The schema's version in the database; None when there is none yet."""
    if connection.dialect.name == "sqlite":
        found = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    else:
        found = "SELECT to_regclass('alembic_version')"
    if (await connection.execute(text(found))).scalar() is None:
        return None
    version: str | None = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    return version


async def check_version(connection: AsyncConnection, where: str) -> None:
    """Raise `ArchiveError` (`OUTDATED`, `NEWER`) when the schema is not the one of this release."""
    version = await stored_version(connection)
    if version == VERSION:
        return
    if version is None or version < VERSION:
        words = f"{where} has not been brought up to date ({_named(version)}, this release wants {VERSION})"
        raise ArchiveError(Trouble.OUTDATED, f"{words}: run `threadline archive migrate`, or start `serve`")
    raise await _newer(connection, where, version)


async def migrate(database: Database) -> str | None:
    """Bring the schema up to date: the version it had (empty for a new database), or None when it was up to date.

    So it does with the full-text index, when that was made with the words of another release; of many messages that
    takes minutes. Raises `ArchiveError`; `NEWER` when a later release migrated it, because then nothing here may write to it.
    """
    if database.path is None or database.path.exists():
        async with database.read() as connection:
            if await _is_current(connection):
                return None
    async with database.write(wait_s=MIGRATION_LOCK_WAIT_S) as connection:
        version = await stored_version(connection)
        if await _is_current(connection):
            return None
        if version is not None and version > VERSION:
            raise await _newer(connection, database.where, version)
        if version != VERSION:
            await connection.run_sync(_upgrade)
        if not await index.is_current(connection):
            log.info("archive.indexed", messages=await index.fill(connection))
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        made = insert(settings).values(name=RELEASE, value=__version__)
        await connection.execute(
            made.on_conflict_do_update(index_elements=["name"], set_={"value": __version__})
        )
    return version or ""


async def _is_current(connection: AsyncConnection) -> bool:
    return await stored_version(connection) == VERSION and await index.is_current(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - slow to load, and hardly ever needed
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", "bridge.store.archive:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _newer(connection: AsyncConnection, where: str, version: str) -> ArchiveError:
    release = (await connection.execute(select(settings.c.value).where(settings.c.name == RELEASE))).scalar()
    by = f"release {release}, schema {version}" if release else f"schema {version}"
    return ArchiveError(
        Trouble.NEWER,
        f"{where} was migrated by a newer release ({by}; this one is {__version__} and knows {VERSION}): upgrade "
        "Threadline, or restore the backup that was made before the upgrade",
    )


def _named(version: str | None) -> str:
    return f"it has schema {version}" if version else "it has no schema"
