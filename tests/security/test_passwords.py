"""Passwords in addresses stay out of everything that a program prints when it cannot get through."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from bridge.demo import demo_environment
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.server import Sandbox
from bridge.settings import SettingsError, explain, load_settings
from tests.support.valkey import free_port

PASSWORD = "planted-password"
COMMANDS = [
    ["serve"],
    ["check"],
    ["replay", "list"],
    ["search", "hello"],
    ["export", "--contact", "#1042"],
]


async def environment(redis: str, archive: str) -> dict[str, str]:
    """Settings whose Redis and archive are at these addresses."""
    sandbox = await Sandbox.start(SandboxConfig(port=0))
    try:
        settings = demo_environment(sandbox, redis, archive, free_port())
    finally:
        await sandbox.stop()
    settings |= {"THREADLINE_LOG__LEVEL": "debug"}
    return {key: value for key, value in os.environ.items() if not key.startswith("THREADLINE_")} | settings


async def output(command: list[str], env: dict[str, str]) -> str:
    """All that a command prints, within half a minute."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        *command,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(30):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        out, _ = await process.communicate()
    return out.decode(errors="replace")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
async def test_a_server_that_is_not_there(command: list[str]) -> None:
    """Neither Redis nor PostgreSQL can be reached: whatever is said about it holds no password."""
    nowhere = f"127.0.0.1:{free_port()}"
    archive = f"postgresql://user:{PASSWORD}@{nowhere}/threadline"
    said = await output(command, await environment(f"redis://user:{PASSWORD}@{nowhere}/0", archive))
    assert said.strip()
    assert PASSWORD not in said
    assert "Traceback" not in said


def told(variables: dict[str, str]) -> str:
    """What these settings look like, or what is said about them."""
    try:
        return repr(load_settings(None, variables))
    except SettingsError as error:
        return f"{error} {error!r} {explain(error)}"


@pytest.mark.parametrize(
    "address",
    [
        "redis://user:planted-password@host:nonsense/0",
        "redis://user:planted-password@host/nonsense",
        "http://user:planted-password@host/0",
        "redis://user:planted-password@[::/0",
        "postgresql://user:planted-password@[::/0",
        "postgresql://user:planted-password@host:nonsense/0",
        "mysql://user:planted-password@host/0",
        "planted-password",
    ],
)
async def test_an_address_that_is_none(redis_url: str, address: str) -> None:
    """The complaint about an address does not repeat it."""
    for env in (await environment(address, "sqlite:///x.db"), await environment(redis_url, address)):
        ours = {key: value for key, value in env.items() if key.startswith("THREADLINE_")}
        assert PASSWORD not in told(ours)


async def test_settings_show_no_address_with_a_password(redis_url: str) -> None:
    """Neither as text nor in an error's text."""
    env = await environment(
        f"redis://user:{PASSWORD}@host/0", f"postgresql://user:{PASSWORD}@host/threadline"
    )
    settings = load_settings(
        None, {key: value for key, value in env.items() if key.startswith("THREADLINE_")}
    )
    for words in (repr(settings), str(settings), f"{settings.redis} {settings.archive}"):
        assert PASSWORD not in words
