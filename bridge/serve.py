"""`threadline serve`: run a process until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import structlog

from bridge.app import Bridge
from bridge.errors import StoreUnavailableError
from bridge.observe import configure_logging
from bridge.settings import Settings
from bridge.store.archive.trouble import ArchiveError
from bridge.store.deployment import ForeignError
from bridge.store.health import ShardCountError

log = structlog.get_logger(__name__)

COLLECT_AFTER = 20_000
"""New objects before the collector looks for cycles among them; Python's own 700 is a few messages' worth."""


def told_to_stop() -> asyncio.Event:
    """Set when the process gets SIGTERM or SIGINT; a second signal ends it at once."""
    stop = asyncio.Event()

    def told() -> None:
        if stop.is_set():
            sys.exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    return stop


def settle_in() -> None:
    """Spare the collector what was built at start and lives as long as the process, and let it look less often.

    The values of the road are not its business (`model.Struct`); what is left are tasks and futures, of which hardly
    one is part of a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def serve(settings: Settings) -> int:
    """Run the bridge; 0 after an orderly stop, 1 when it could not start (the log says why)."""
    configure_logging(settings.log.level, settings.log.format)
    stop = told_to_stop()
    bridge = Bridge(settings)
    try:
        await bridge.start()
    except (StoreUnavailableError, ForeignError, ShardCountError, ArchiveError) as problem:
        log.error("bridge.not_started", problem=str(problem))  # noqa: TRY400 - the words say it all
        await bridge.stop()
        return 1
    except OSError as problem:
        where = f"{settings.web.host}:{settings.web.port}"
        log.error("bridge.not_started", problem=f"cannot listen on {where}: {problem.strerror}")  # noqa: TRY400
        await bridge.stop()
        return 1
    settle_in()
    await stop.wait()
    log.info("bridge.stopping")
    await bridge.stop()
    return 0
