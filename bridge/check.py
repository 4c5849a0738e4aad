"""`threadline check`: try everything that the settings name, and say what is wrong and what to do about it.

Nothing is written to Redis, nothing is posted to a channel. No finding holds a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Sequence
from pathlib import Path

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.adapters.http import HttpClient
from bridge.adapters.slack.check import check as check_slack
from bridge.adapters.whatsapp.check import check_webhook
from bridge.errors import Finding, Level, StoreUnavailableError
from bridge.observe import configure_logging
from bridge.parts import (
    host_of,
    lanes,
    numbers,
    open_redis,
    policies,
    slack_desk,
    whatsapp_channel,
    whatsapp_webhook,
)
from bridge.settings import ProcessRole, Settings
from bridge.store import keys
from bridge.store.archive.census import Census
from bridge.store.archive.database import Database
from bridge.store.archive.health import inspect as inspect_archive
from bridge.store.connection import Redis
from bridge.store.health import inspect
from bridge.store.inlet import LiveInlet
from bridge.store.inspection import inspect as inspect_deployment
from bridge.web import build, serve

WEBHOOK = "/webhooks/whatsapp"
_MARKS = {Level.OK: ("✔", "green"), Level.WARNING: ("!", "yellow"), Level.ERROR: ("✘", "red")}
_OURS_TIMEOUT = aiohttp.ClientTimeout(total=3)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - a setting's value, not an address we open


async def check(settings: Settings, console: Console | None = None) -> int:
    """Try everything and print a table; 1 when something has to be mended, else 0."""
    configure_logging("error")
    found = await findings(settings)
    (console or Console()).print(table(found), *_summary(found))
    return 1 if any(one.level is Level.ERROR for one in found) else 0


async def findings(settings: Settings) -> list[Finding]:
    """Everything that was found, the settings first. Takes as long as the slowest answer, at most half a minute."""
    redis, database = open_redis(settings), Database(settings.archive.url)
    try:
        groups = await asyncio.gather(
            _tried("redis", inspect(redis, shards=settings.shards, replicas=settings.redis.replicas)),
            _tried("archive", _archive(database, redis)),
            _tried("deployment", _deployment(settings, database, redis)),
            _tried("whatsapp", _whatsapp(settings)),
            _tried("webhook", _webhook(settings, redis)),
            _tried("slack", _slack(settings)),
        )
    finally:
        await database.close()
        await redis.aclose()
    return [*_settings(settings), _media(settings), *(one for group in groups for one in group)]


def table(found: Sequence[Finding]) -> Table:
    """The findings for people: a mark, what it is about, what is so and what to do."""
    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for one in found:
        mark, colour = _MARKS[one.level]
        # Names come from the platforms: as `Text` nothing in them is taken for markup.
        words = Text(one.found)
        if one.advice:
            words.append(f"\n→ {one.advice}", style="bold")
        shown.add_row(Text(mark, style=colour), Text(one.name), words)
    return shown


def _summary(found: Sequence[Finding]) -> tuple[Text, ...]:
    errors = sum(one.level is Level.ERROR for one in found)
    warnings = sum(one.level is Level.WARNING for one in found)
    if not errors and not warnings:
        return (Text("\nAll is well.", style="green"),)
    counted = [(errors, "to mend"), (warnings, "to look at")]
    return (Text("\n" + ", ".join(f"{count} {what}" for count, what in counted if count) + "."),)


async def _tried(name: str, work: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    """What `work` finds. An answer that nobody foresaw is a finding too: it must not hide the others."""
    try:
        return await work
    except Exception as problem:  # noqa: BLE001 - the top of one check
        advice = "Something else than expected answers there: check the addresses in the settings."
        return [Finding.error(name, f"the check broke off ({type(problem).__name__})", advice)]


def _settings(settings: Settings) -> list[Finding]:
    inboxes = ", ".join(f"{one.id} ({one.mode.value})" for one in settings.inboxes)
    found = [Finding.ok("settings", f"complete; inboxes and their modes: {inboxes}")]
    if settings.pace.scale < 1:
        words = f"pace.scale is {settings.pace.scale:g}: the platforms' limits are not kept"
        found.append(Finding.warning("settings.pace", words, "Leave pace.scale at 1 outside of tests."))
    return found


def _media(settings: Settings) -> Finding:
    """Whether files can be kept on their way, and whether there are links to them."""
    directory = settings.media.directory or Path(tempfile.gettempdir())
    name = "media.directory"
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as problem:
        words = f"{directory} takes no files ({problem.strerror or problem})"
        return Finding.error(
            name, words, "Without it contacts' files cannot be shown. Choose another directory."
        )
    links = "with links" if settings.web.public_url else "without links (web.public_url is not set)"
    return Finding.ok(name, f"{directory}; {links} to files that the desk refuses")


async def _archive(database: Database, redis: Redis) -> Sequence[Finding]:
    workers: list[bytes] = []
    with contextlib.suppress(StoreUnavailableError):  # the check of Redis says so
        workers = await redis("ZRANGE", keys.WORKERS, 0, -1)
    return await inspect_archive(database, {host_of(name.decode()) for name in workers})


async def _deployment(settings: Settings, database: Database, redis: Redis) -> Sequence[Finding]:
    ours = [one.phone_number_id for one in settings.inboxes]
    census = Census(database, settings.shards, {})
    return await inspect_deployment(redis, census, ours, settings.shards, lanes(settings))


async def _whatsapp(settings: Settings) -> Sequence[Finding]:
    channel = whatsapp_channel(settings)
    try:
        return await channel.check()
    finally:
        await channel.close()


async def _slack(settings: Settings) -> Sequence[Finding]:
    slack = settings.slack
    channels = {one.id: one.channel for one in settings.inboxes}
    channels |= {f"alerts.{one.id}": one.admin_channel for one in settings.inboxes if one.admin_channel}
    if slack.admin_channel:
        channels["alerts"] = slack.admin_channel
    async with contextlib.aclosing(HttpClient()) as http:
        return await check_slack(
            slack_desk(settings, http),
            slack.mode.value,
            channels,
            app_token=slack.app_token.get_secret_value() if slack.app_token else None,
            signing_secret=slack.signing_secret.get_secret_value() if slack.signing_secret else None,
        )


# ------------------------------------------------------------------------------ the webhook's way to us


async def _webhook(settings: Settings, redis: Redis) -> list[Finding]:
    """Post a signed delivery in which nothing happens: to the running bridge, else to handlers made for this."""
    address = f"http://{_ANYWHERE.get(settings.web.host, settings.web.host)}:{settings.web.port}"
    if ProcessRole.WEB in settings.roles and settings.web.port and await _answers(f"{address}/healthz"):
        running = Finding.ok("webhook", f"a bridge answers at {address}")
        return [running, *await check_webhook(address + WEBHOOK, numbers(settings))]
    not_running = Finding.ok(
        "webhook", f"no bridge runs at {address}; tried with handlers of its own instead"
    )
    return [not_running, *await _webhook_of_our_own(settings, redis)]


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession(timeout=_OURS_TIMEOUT) as session, session.get(url):
            return True
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


class _NoMetrics:
    """Handlers that live for one check have nothing to show."""

    def render(self) -> bytes:
        return b""


async def _webhook_of_our_own(settings: Settings, redis: Redis) -> list[Finding]:
    hook = whatsapp_webhook(settings, LiveInlet(redis, policies(settings)), lambda _oddity: None)
    app: web.Application = build(
        {("POST", WEBHOOK): hook.post}, {}, _NoMetrics(), settings.web.max_body_bytes
    )
    runner, port = await serve(app, "127.0.0.1", 0)
    try:
        return await check_webhook(f"http://127.0.0.1:{port}{WEBHOOK}", numbers(settings))
    finally:
        await runner.cleanup()
