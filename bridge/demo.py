"""`threadline demo` and `threadline sandbox`: everything on one machine, no account, no key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console

from bridge.app import Bridge
from bridge.commands import COMMANDS
from bridge.embedded import EmbeddedError, EmbeddedValkey
from bridge.observe import configure_logging
from bridge.sandbox.config import ConfigError, SandboxConfig, load_config
from bridge.sandbox.server import Sandbox
from bridge.serve import told_to_stop
from bridge.settings import Settings, load_settings, shipped_config
from bridge.store.archive.trouble import ArchiveError

log = structlog.get_logger(__name__)


def demo_environment(sandbox: Sandbox, redis_url: str, archive_url: str, port: int) -> dict[str, str]:
    """Variables for a bridge that talks to `sandbox`. Everything but addresses and secrets is as shipped."""
    config = sandbox.config
    numbers, slack = config.whatsapp.numbers, config.slack
    environment = {
        "THREADLINE_WHATSAPP__API_URL": f"{sandbox.url}/whatsapp",
        "THREADLINE_WHATSAPP__ACCESS_TOKEN": config.whatsapp.access_token,
        "THREADLINE_WHATSAPP__APP_SECRET": config.whatsapp.app_secret,
        "THREADLINE_WHATSAPP__VERIFY_TOKEN": config.whatsapp.verify_token,
        "THREADLINE_SLACK__API_URL": f"{sandbox.url}/slack/api/",
        "THREADLINE_SLACK__BOT_TOKEN": slack.bot_token,
        "THREADLINE_SLACK__APP_TOKEN": slack.app_token,
        "THREADLINE_REDIS__URL": redis_url,
        "THREADLINE_ARCHIVE__URL": archive_url,
        "THREADLINE_WEB__PORT": str(port),
        "THREADLINE_WEB__PUBLIC_URL": f"http://127.0.0.1:{port}",
        "THREADLINE_LOG__LEVEL": "warning",
        "THREADLINE_AGENTS__LEADS": "carla@example.com",
        "THREADLINE_AGENTS__ADMINS": "dana@example.com",
    }
    inboxes = zip(numbers, (one for one in slack.channels if one.bot_member), strict=False)
    for index, (number, channel) in enumerate(inboxes):
        inbox = f"THREADLINE_INBOXES__{index}"
        environment |= {
            f"{inbox}__ID": channel.name,
            f"{inbox}__NAME": number.verified_name,
            f"{inbox}__PHONE_NUMBER_ID": number.phone_number_id,
            f"{inbox}__WABA_ID": number.waba_id,
            f"{inbox}__CHANNEL": channel.id,
        }
    return environment


def demo_settings(sandbox: Sandbox, redis_url: str, archive_url: str, port: int) -> Settings:
    """The settings that `demo_environment` describes."""
    return load_settings(None, demo_environment(sandbox, redis_url, archive_url, port))


def demo_file(environment: Mapping[str, str]) -> str:
    """The same settings as a TOML file, for the operator's commands. The secrets in it are the sandbox's."""
    settings = load_settings(None, environment).model_dump(mode="json", exclude_unset=True)
    sections: dict[str, list[str]] = {}
    for variable, written in environment.items():
        *section, key = variable.removeprefix("THREADLINE_").lower().split("__")
        known: Any = settings
        for name in section:
            known = known[int(name) if name.isdigit() else name]
        # A secret is known by its asterisks only.
        value = written if isinstance(known[key], str) else known[key]
        title = f"[[{section[0]}]]" if len(section) > 1 else f"[{section[0]}]"
        sections.setdefault(f"{title}{' # ' + section[1] if len(section) > 1 else ''}", []).append(
            f"{key} = {json.dumps(value)}"
        )
    bodies = ("\n".join((title, *lines)) for title, lines in sections.items())
    return "# The demo's settings; written anew whenever it starts.\n\n" + "\n\n".join(bodies) + "\n"


def command_hints() -> list[dict[str, str]]:
    """The command table as the playground shows it."""
    return [{"name": row.name, "usage": row.shape(), "help": row.help} for row in COMMANDS]


def _sandbox_config(path: Path | None, port: int | None) -> SandboxConfig:
    config = load_config(path or shipped_config("sandbox.toml"))
    if path is None:
        # Used in the phone app, too, so that edits and deletions are told.
        config.whatsapp.numbers[0].coexistence = True
    if port is not None:
        config.port = port
    return config


async def demo(port: int, bridge_port: int, data: Path | None) -> int:
    """Run sandbox, Valkey and bridge until told to stop. 1 when something does not start."""
    console = Console(soft_wrap=True)
    configure_logging("warning")
    stop = told_to_stop()
    async with contextlib.AsyncExitStack() as stack:
        directory = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="threadline-")))
        valkey = EmbeddedValkey(directory)
        config = _sandbox_config(None, port)
        config.whatsapp.webhook_url = f"http://127.0.0.1:{bridge_port}/webhooks/whatsapp"
        try:
            await valkey.start()
            stack.push_async_callback(valkey.stop)
            sandbox = await Sandbox.start(config)
            stack.push_async_callback(sandbox.stop)
            archive_url = f"sqlite:///{(directory / 'archive.sqlite3').resolve()}"
            environment = demo_environment(sandbox, valkey.url, archive_url, bridge_port)
            file = directory / "threadline.toml"
            await asyncio.to_thread(file.write_text, demo_file(environment), encoding="utf-8")
            bridge = Bridge(load_settings(None, environment))
            stack.push_async_callback(bridge.stop)
            await bridge.start()
            sandbox.bridge.connect(f"http://127.0.0.1:{bridge.port}", command_hints())
        except (EmbeddedError, ArchiveError) as problem:
            console.print(f"[red]{problem}[/red]")
            return 1
        except OSError as problem:
            console.print(f"[red]{_port_taken(problem, port, bridge_port)}[/red]")
            return 1
        console.print(f"\n  [bold]Threadline[/bold] is running. Open [bold cyan]{sandbox.url}[/bold cyan]\n")
        console.print("  Write as a customer on the left: a thread appears in the team's Slack on the right.")
        console.print("  There press Claim on its card and answer in the thread. Ctrl-C ends the demo.\n")
        console.print(f"  Operators' commands meanwhile: threadline verify --config {file}\n")
        await stop.wait()
        console.print("  Stopping …")
    return 0


def _port_taken(problem: OSError, *ports: int) -> str:
    return (
        f"A port is not free ({problem.strerror or problem}); the demo wants {ports[0]} and {ports[1]}. "
        "Choose others with --port and --bridge-port."
    )


async def sandbox(config_path: Path | None, port: int | None) -> int:
    """Run the sandbox alone until told to stop."""
    console = Console(soft_wrap=True)
    stop = told_to_stop()
    try:
        config = _sandbox_config(config_path, port)
        running = await Sandbox.start(config)
    except ConfigError as problem:
        console.print(f"[red]{problem}[/red]")
        return 2
    except OSError as problem:
        console.print(f"[red]The sandbox does not start: {problem}[/red]")
        return 1
    console.print(f"The sandbox listens at {running.url}")
    console.print(f"  whatsapp.api_url = {running.url}/whatsapp")
    console.print(f"  slack.api_url    = {running.url}/slack/api/")
    await stop.wait()
    await running.stop()
    return 0
