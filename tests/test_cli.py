"""The command `threadline`, run as people run it: in processes of its own, with an environment and signals."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import sqlite3
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import typer
from typer.core import TyperOption
from typer.testing import CliRunner

import bridge
from bridge.cli import app, chosen_roles
from bridge.demo import demo_environment
from bridge.sandbox.config import SandboxConfig, load_config
from bridge.sandbox.faults import Fault
from bridge.sandbox.server import Sandbox
from bridge.settings import ProcessRole, shipped_config
from bridge.store.deployment import claim
from bridge.store.health import claim_shards
from bridge.store.joined import JoinedRedis
from tests.support.archive import temporary_sqlite
from tests.support.stack import SCALE, Stack, shown
from tests.support.valkey import ValkeyServer, free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[1]
PATIENCE_S = 30.0
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # it is a group
REPLAY = ("list", "show", "retry", "drop")
SECRETS = {
    "THREADLINE_WHATSAPP__ACCESS_TOKEN": "EAAG-deep-secret-one",
    "THREADLINE_WHATSAPP__APP_SECRET": "deep-secret-two",
    "THREADLINE_WHATSAPP__VERIFY_TOKEN": "deep-secret-three",
    "THREADLINE_SLACK__BOT_TOKEN": "xoxb-deep-secret-four",
    "THREADLINE_SLACK__APP_TOKEN": "xapp-deep-secret-five",
}


def complete(redis_url: str = "", port: int = 0) -> dict[str, str]:
    """Settings with nothing missing, for platforms that are not there."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    return SECRETS | {
        "THREADLINE_WHATSAPP__API_URL": nowhere,
        "THREADLINE_SLACK__API_URL": f"{nowhere}/api/",
        "THREADLINE_INBOXES__SUPPORT__NAME": "Support",
        "THREADLINE_INBOXES__SUPPORT__PHONE_NUMBER_ID": "200300400500600",
        "THREADLINE_INBOXES__SUPPORT__WABA_ID": "100200300400500",
        "THREADLINE_INBOXES__SUPPORT__CHANNEL": "C0SUPPORT1",
        "THREADLINE_REDIS__URL": redis_url or f"redis://:deep-secret-six@127.0.0.1:{free_port()}/0",
        "THREADLINE_ARCHIVE__URL": temporary_sqlite(),
        "THREADLINE_WEB__PORT": str(port),
    }


class Command:
    """A running `threadline …` with nothing of this process's environment but the path."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._output: asyncio.Task[bytes] = asyncio.create_task(self._read())
        self._seen = bytearray()

    @classmethod
    async def start(
        cls, *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
    ) -> Command:
        """Run it in `folder`, where no settings file lies about."""
        clean = {
            "PATH": os.environ["PATH"],
            "PYTHONFAULTHANDLER": "1",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
            **(environment or {}),
        }
        words = (sys.executable, "-m", "bridge", *arguments)
        return cls(
            await asyncio.create_subprocess_exec(*words, cwd=folder, env=clean, stdout=PIPE, stderr=STDOUT)
        )

    async def _read(self) -> bytes:
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(65536):
            self._seen += chunk
        return bytes(self._seen)

    @property
    def output(self) -> str:
        """What it printed so far, on both channels."""
        return self._seen.decode()

    async def says(self, words: str) -> None:
        """Wait until it has printed these words."""
        await until(lambda: words in self.output, PATIENCE_S, f"{words!r} in {self.output!r}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ends(self) -> tuple[int, str]:
        """Wait for its end: exit code and all that it printed. No stack trace is ever for people."""
        async with asyncio.timeout(PATIENCE_S):
            await self._output
            code = await self._process.wait()
        assert "Traceback" not in self.output, self.output
        return code, self.output

    async def kill(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._output
        await self._process.wait()


async def run(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command to its end."""
    command = await Command.start(*arguments, folder=folder, environment=environment)
    try:
        return await command.ends()
    finally:
        await command.kill()


@contextlib.asynccontextmanager
async def running(*arguments: str, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Command]:
    """A command that goes on until it is told to stop."""
    command = await Command.start(*arguments, folder=folder, environment=environment)
    try:
        yield command
    finally:
        await command.kill()


async def ready(port: int) -> dict[str, str]:
    """The problems that /readyz names, or {"http": …} while nobody answers."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as got:
            body = await got.json()
    except aiohttp.ClientError as problem:
        return {"http": str(problem)}
    problems: dict[str, str] = body["problems"]
    return problems


# --------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("words", [*((name,) for name in COMMANDS), *(("replay", one) for one in REPLAY)])
def test_every_command_and_option_explains_itself(words: tuple[str, ...]) -> None:
    """`--help` works for each, and says a sentence about the command and each option."""
    shown_help = CliRunner().invoke(app, [*words, "--help"])
    assert shown_help.exit_code == 0
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]  # as above
    assert (command.help or "").split("\n")[0].endswith((".", "…", "needed"))
    options = [one for one in command.params if isinstance(one, TyperOption)]
    assert [one.name for one in options if not one.help] == []


async def test_without_arguments_it_lists_the_commands(tmp_path: Path) -> None:
    """Somebody who types the bare name learns what there is."""
    code, text = await run(folder=tmp_path)
    assert code in {0, 2}  # Click's choice differs between its versions
    assert [name for name in COMMANDS if name not in text] == []


async def test_it_says_that_no_settings_file_was_read(tmp_path: Path) -> None:
    """Somebody in the wrong folder sees why everything is missing; with a file there is nothing to say."""
    code, text = await run("check", folder=tmp_path)
    assert code == 2
    assert f"there is no threadline.toml in {tmp_path}" in text
    (tmp_path / "threadline.toml").write_text("", encoding="utf-8")
    code, text = await run("check", folder=tmp_path)
    assert (code, "No settings file" in text) == (2, False)


async def test_the_version_is_printed(tmp_path: Path) -> None:
    """For reports of defects."""
    assert await run("version", folder=tmp_path) == (0, bridge.__version__ + "\n")


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["serve", "--role", "webb"], "webb"),
        (["serve", "--unknown"], "--unknown"),
        (["serv"], "serv"),
        (["bench", "--messages", "1"], "100"),
        (["slack-manifest", "--mode", "http"], "--url https://"),
        (["slack-manifest", "--mode", "pigeon"], "pigeon"),
        (["demo", "--port", "many"], "--port"),
    ],
)
async def test_wrong_arguments_exit_with_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    """The message names what was wrong."""
    code, text = await run(*arguments, folder=tmp_path, environment=complete())
    assert code == 2
    assert says in text


@pytest.mark.parametrize(
    "words, roles",
    [
        (["worker"], (ProcessRole.WORKER,)),
        (["web", "scheduler"], (ProcessRole.WEB, ProcessRole.SCHEDULER)),
        (["all"], tuple(ProcessRole)),
        (["web", "all"], tuple(ProcessRole)),
    ],
)
def test_roles_on_the_command_line(words: list[str], roles: tuple[ProcessRole, ...]) -> None:
    """They win over those of the settings, `all` too."""
    assert chosen_roles(words) == roles


# ------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("command", ["serve", "check"])
async def test_all_wrong_settings_are_told_at_once(tmp_path: Path, command: str) -> None:
    """Name, what was expected, an example and the variable of each; exit code 2."""
    wrong = complete() | {
        "THREADLINE_SLACK__BOT_TOKEN": "deep-secret-of-another-kind",
        "THREADLINE_WHATSAPP__APP_SECRET": "",
        "THREADLINE_REDIS__URL": "redis://:deep-secret-six@host:port/0",
        "THREADLINE_WEB__PORT": "http",
        "THREADLINE_SLACK__BOTTOKEN": "deep-secret-misplaced",
    }
    code, text = await run(command, folder=tmp_path, environment=wrong)
    assert code == 2
    for name in ("slack.bot_token", "whatsapp.app_secret", "redis.url", "web.port", "BOTTOKEN"):
        assert name in text
    assert "expected" in text
    assert "THREADLINE_WHATSAPP__APP_SECRET" in text
    assert "deep-secret" not in text


async def test_without_any_settings_it_says_which_are_needed(tmp_path: Path) -> None:
    """The first start of somebody who has read nothing."""
    code, text = await run("serve", folder=tmp_path)
    assert code == 2
    assert "whatsapp.access_token" in text
    assert "[[inboxes]]" in text


async def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    code, text = await run("serve", "--config", "nowhere.toml", folder=tmp_path)
    assert code == 2
    assert "nowhere.toml" in text


# ------------------------------------------------------------------------------------- serve does not start


async def test_a_port_that_is_taken(tmp_path: Path, redis_url: str) -> None:
    """Exit code 1, and the address that is not free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, text = await run("serve", folder=tmp_path, environment=complete(redis_url, port))
    assert code == 1
    assert f"127.0.0.1:{port}" in text
    assert "deep-secret" not in text


async def test_redis_that_cannot_be_reached(tmp_path: Path) -> None:
    """Exit code 1 within seconds, with the address and without its password."""
    environment = complete()
    code, text = await run("serve", folder=tmp_path, environment=environment)
    assert code == 1
    where = environment["THREADLINE_REDIS__URL"].rpartition("@")[2].removesuffix("/0")
    assert where in text
    assert "cannot be reached" in text
    assert "deep-secret" not in text


async def test_a_wrong_password_of_redis(tmp_path: Path, restartable_valkey: ValkeyServer) -> None:
    """Words, not a stack trace, and not the password."""
    with contextlib.closing(restartable_valkey.client()) as client:
        client.config_set("requirepass", "right")
    url = f"redis://:deep-secret-six@127.0.0.1:{restartable_valkey.port}/0"
    for command in ("serve", "check"):
        code, text = await run(command, folder=tmp_path, environment=complete(url))
        assert code == 1
        assert "password" in text.lower()
        assert "deep-secret" not in text


async def test_a_database_of_another_number_of_shards(tmp_path: Path, redis_url: str) -> None:
    """It refuses, because half of the contacts would be looked for in wrong places."""
    redis = JoinedRedis(redis_url)
    await claim_shards(redis, 4)
    await redis.aclose()
    code, text = await run("serve", folder=tmp_path, environment=complete(redis_url))
    assert code == 1
    assert "set shards to 4" in text


async def test_an_archive_of_a_newer_release(tmp_path: Path, redis_url: str) -> None:
    """Exit code 1, with that release and what to do, and nothing is written."""
    environment = complete(redis_url)
    with contextlib.closing(
        sqlite3.connect(environment["THREADLINE_ARCHIVE__URL"].removeprefix("sqlite:///"))
    ) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.execute("UPDATE settings SET value = '9.9.9' WHERE name = 'release'")
        raw.commit()
    code, text = await run("serve", folder=tmp_path, environment=environment)
    assert code == 1
    assert "migrated by a newer release (release 9.9.9" in text
    assert "upgrade Threadline, or restore the backup" in text


async def test_an_archive_that_cannot_be_used_is_told_and_waited_for(tmp_path: Path, redis_url: str) -> None:
    """The log says what is wrong with it, and the process goes on trying."""
    garbage = tmp_path / "letter.txt"
    garbage.write_bytes(b"no database " * 500)
    environment = complete(redis_url) | {"THREADLINE_ARCHIVE__URL": f"sqlite:///{garbage}"}
    async with running("serve", folder=tmp_path, environment=environment) as command:
        await command.says("archive.unavailable")
        await command.says("no SQLite database")
        command.signal(signal.SIGTERM)
        code, text = await command.ends()
    assert code == 0, text


async def test_a_redis_of_another_deployment(tmp_path: Path, redis_url: str) -> None:
    """Exit code 1, what to do, and nothing is written."""
    redis = JoinedRedis(redis_url)
    await claim(redis, "theirs", ["2066600001"])
    before = await redis("KEYS", "*")
    code, text = await run("serve", folder=tmp_path, environment=complete(redis_url))
    assert code == 1
    assert "another deployment" in text
    assert "redis.url" in text
    assert await redis("KEYS", "*") == before
    await redis.aclose()


async def test_platforms_that_are_down_do_not_keep_it_from_starting(tmp_path: Path, redis_url: str) -> None:
    """Webhooks have to be taken in meanwhile; /readyz says what is missing, and the log holds no secret."""
    port = free_port()
    environment = complete(redis_url, port) | {"THREADLINE_LOG__LEVEL": "debug"}
    async with running("serve", folder=tmp_path, environment=environment) as command:
        await until(lambda: names(port, "slack"), PATIENCE_S, "Slack's trouble in /readyz")
        command.signal(signal.SIGTERM)
        code, text = await command.ends()
    assert code == 0
    assert "bridge.started" in text
    assert "deep-secret" not in text


async def names(port: int, part: str) -> bool:
    """Whether /readyz complains of this part."""
    return part in await ready(port)


async def is_ready(port: int) -> bool:
    """Whether /readyz complains of nothing."""
    return not await ready(port)


# -------------------------------------------------------------------------------------------- serve, running


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A pretended WhatsApp and Slack, fast; the test sets where its webhooks go."""
    config = load_config(shipped_config("sandbox.toml"))
    config.port, config.scale = 0, SCALE
    config.whatsapp.webhook_url = f"http://127.0.0.1:{free_port()}/webhooks/whatsapp"
    running_one = await Sandbox.start(config)
    yield running_one
    await running_one.stop()


def served(sandbox: Sandbox, redis_url: str) -> tuple[dict[str, str], int]:
    """Settings for a bridge at the address to which the sandbox's webhooks go, and its port."""
    port = urlsplit(sandbox.config.whatsapp.webhook_url).port
    assert port is not None
    fast = {"THREADLINE_PACE__SCALE": str(1 / SCALE), "THREADLINE_LOG__LEVEL": "info"}
    return demo_environment(sandbox, redis_url, temporary_sqlite(), port) | fast, port


def secrets_of(config: SandboxConfig) -> tuple[str, ...]:
    """What may not be printed, of a sandbox's settings."""
    whatsapp, slack = config.whatsapp, config.slack
    return whatsapp.access_token, whatsapp.app_secret, slack.bot_token, slack.app_token


async def test_being_told_to_stop_drains_and_exits_with_0(
    tmp_path: Path, redis_url: str, sandbox: Sandbox, valkey_server: ValkeyServer
) -> None:
    """SIGTERM: what is under way is finished, the lanes are free at once, and the next process goes on."""
    environment, port = served(sandbox, redis_url)
    desk = Stack(sandbox, redis_url, port, {})
    async with running("serve", folder=tmp_path, environment=environment) as command:
        await until(lambda: is_ready(port), PATIENCE_S, "the bridge to be ready")
        await desk.customer("ana").writes("One last thing")
        card = await desk.card("Ana García", timeout_s=PATIENCE_S)
        command.signal(signal.SIGTERM)
        code, text = await command.ends()
    assert code == 0
    assert "bridge.stopped" in text
    assert [secret for secret in secrets_of(sandbox.config) if secret in text] == []
    with contextlib.closing(valkey_server.client()) as client:
        assert client.keys("*:hold") == []
    async with running("serve", folder=tmp_path, environment=environment):
        await desk.in_thread(card, "One last thing", timeout_s=PATIENCE_S)
        thread = desk.channel().thread(card.ts)
        assert sum("One last thing" in shown(one) for one in thread[1:]) == 1


async def test_a_second_signal_ends_it_at_once(tmp_path: Path, redis_url: str, sandbox: Sandbox) -> None:
    """Somebody who presses Ctrl-C twice means it: what is under way is not waited for."""
    environment, port = served(sandbox, redis_url)
    sandbox.faults.add(Fault("slack.chat.postMessage", "delay", times=-1, params={"seconds": 600.0}))
    async with running("serve", folder=tmp_path, environment=environment) as command:
        await until(lambda: is_ready(port), PATIENCE_S, "the bridge to be ready")
        await Stack(sandbox, redis_url, port, {}).customer("ana").writes("Hello?")
        await until(lambda: under_way(port), PATIENCE_S, "a post that waits for Slack")
        command.signal(signal.SIGINT)
        await command.says("bridge.stopping")
        command.signal(signal.SIGINT)
        async with asyncio.timeout(3):
            code, _ = await command.ends()
    assert code == 1


async def under_way(port: int) -> bool:
    """Whether the worker has decided the message and tries to post it."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as got:
        return 'decided_total{kind="MessageReceived"} 1.0' in await got.text()


async def test_roles_in_processes_of_their_own_carry_a_message_both_ways(
    tmp_path: Path, redis_url: str, sandbox: Sandbox
) -> None:
    """Web takes in, worker decides and acts, scheduler reads the roster; they meet in Redis only."""
    environment, port = served(sandbox, redis_url)
    desk = Stack(sandbox, redis_url, port, {})
    async with contextlib.AsyncExitStack() as stack:
        places = {"web": port, "worker": free_port(), "scheduler": free_port()}
        for role, place in places.items():
            own = environment | {"THREADLINE_WEB__PORT": str(place)}
            command = running("serve", "--role", role, folder=tmp_path, environment=own)
            await (await stack.enter_async_context(command)).says("bridge.started")
        for role in ("web", "worker"):
            await until(functools.partial(is_ready, places[role]), PATIENCE_S, f"the {role} to be ready")

        await desk.customer("ana").writes("Is anybody there?")
        card = await desk.card("Ana García", timeout_s=PATIENCE_S)
        await desk.in_thread(card, "Is anybody there?", timeout_s=PATIENCE_S)
        await desk.press("ben", card, "claim")
        await until(lambda: "U0BEN00001" in shown_at(desk, card.ts), PATIENCE_S, "ben on the card")
        await desk.person("ben").replies("support", card.ts, "We are.")
        await desk.customer("ana").expects("We are.", timeout_s=PATIENCE_S)


def shown_at(desk: Stack, ts: str) -> str:
    """What the post at `ts` of the support channel shows now."""
    post = desk.channel().message(ts)
    return shown(post) if post is not None else ""


# ----------------------------------------------------------------------------------------- slack-manifest


async def test_the_manifest_is_json_and_nothing_else(tmp_path: Path) -> None:
    """It can be piped into a file; no settings are needed, for it comes before there are any."""
    code, text = await run("slack-manifest", folder=tmp_path)
    manifest = json.loads(text)
    assert code == 0
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert "chat:write" in manifest["oauth_config"]["scopes"]["bot"]


async def test_the_manifest_for_http_names_our_address(tmp_path: Path) -> None:
    """Slack has to know where to send events."""
    code, text = await run(
        "slack-manifest", "--mode", "http", "--url", "https://bridge.example.com", folder=tmp_path
    )
    assert code == 0
    assert "https://bridge.example.com/webhooks/slack" in text
    assert json.loads(text)["settings"]["socket_mode_enabled"] is False


# ----------------------------------------------------------------------------------------- demo and sandbox


@pytest.fixture
def ports() -> tuple[str, str]:
    """Two free ports, as words."""
    return str(free_port()), str(free_port())


async def test_the_demo_carries_a_message(tmp_path: Path, ports: tuple[str, str]) -> None:
    """No settings, no account: a customer writes through the control API, and a thread is there."""
    page, behind = ports
    arguments = ("demo", "--port", page, "--bridge-port", behind)
    async with (
        running(*arguments, folder=tmp_path, environment={}) as command,
        aiohttp.ClientSession() as http,
    ):
        await command.says(f"http://127.0.0.1:{page}")
        async with http.get(f"http://127.0.0.1:{page}/") as answer:
            assert answer.status == 200
            assert "<html" in await answer.text()
        written = {"text": "Hello from the demo"}
        address = f"http://127.0.0.1:{page}/control/whatsapp/customers/ana/messages"
        async with http.post(address, json=written) as answer:
            assert answer.status < 300, await answer.text()

        async def arrived() -> bool:
            async with http.get(f"http://127.0.0.1:{page}/control/state") as state:
                return json.dumps((await state.json())["slack"]).count("Hello from the demo") > 0

        await until(arrived, PATIENCE_S, "the message in Slack")
        command.signal(signal.SIGINT)
        code, _ = await command.ends()
    assert code == 0


async def test_commands_look_at_the_data_of_a_running_demo(tmp_path: Path, ports: tuple[str, str]) -> None:
    """It writes its settings into the folder of its data, and says with what to name them."""
    page, behind = ports
    arguments = ("demo", "--port", page, "--bridge-port", behind, "--data", str(tmp_path / "kept"))
    file = tmp_path / "kept" / "threadline.toml"
    async with running(*arguments, folder=tmp_path, environment={}) as command:
        await command.says(f"--config {file}")
        code, text = await run("verify", "--since", "1d", "--config", str(file), folder=tmp_path)
        assert code == 0, text
        command.signal(signal.SIGINT)
        assert (await command.ends())[0] == 0


async def test_the_demo_says_which_ports_it_wants(tmp_path: Path, ports: tuple[str, str]) -> None:
    """One of them taken: exit code 1, and how to choose others."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        mine = str(taken.getsockname()[1])
        code, text = await run("demo", "--port", mine, "--bridge-port", ports[0], folder=tmp_path)
    assert code == 1
    assert mine in text
    assert "--bridge-port" in text


async def test_the_sandbox_says_where_to_point_a_bridge(tmp_path: Path, ports: tuple[str, str]) -> None:
    """Both base addresses are printed."""
    async with running("sandbox", "--port", ports[0], folder=tmp_path, environment={}) as command:
        await command.says(f"http://127.0.0.1:{ports[0]}/slack/api/")
        command.signal(signal.SIGTERM)
        assert (await command.ends())[0] == 0


async def test_a_wrong_sandbox_file_exits_with_2(tmp_path: Path) -> None:
    """The setting is named."""
    (tmp_path / "mine.toml").write_text("[slack]\nbot_tokn = 'x'\n")
    code, text = await run("sandbox", "--config", "mine.toml", folder=tmp_path)
    assert code == 2
    assert "slack.bot_tokn" in text
