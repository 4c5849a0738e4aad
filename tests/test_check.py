"""`threadline check`: each thing that can be wrong is named, with what to do, and no secret is shown."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable

import pytest
from rich.console import Console

from bridge.check import check, findings
from bridge.demo import demo_environment
from bridge.errors import Finding, Level
from bridge.sandbox.config import SandboxConfig, load_config
from bridge.sandbox.server import Sandbox
from bridge.settings import Settings, load_settings, shipped_config
from bridge.store.health import claim_shards
from bridge.store.joined import JoinedRedis
from tests.support.archive import temporary_sqlite
from tests.support.stack import running_stack
from tests.support.valkey import ValkeyServer, free_port

Change = Callable[[SandboxConfig, dict[str, str]], object]


class Rig:
    """A pretended WhatsApp and Slack that can be broken, and settings for them that can be wrong."""

    def __init__(self, redis_url: str) -> None:
        self.config = load_config(shipped_config("sandbox.toml"))
        self.config.port = 0
        self.environment: dict[str, str] = {}
        self.redis_url = redis_url
        self.archive_url = temporary_sqlite()

    @contextlib.asynccontextmanager
    async def running(self, change: Change = lambda _config, _environment: None) -> AsyncIterator[Settings]:
        """Start the sandbox; `change` breaks it before, and the settings of the program after the start."""
        sandbox = Sandbox(self.config)
        right = demo_environment(sandbox, self.redis_url, self.archive_url, free_port())
        self.environment = dict(right)
        change(self.config, self.environment)
        sandbox = await Sandbox.start(self.config)
        try:
            for name in ("WHATSAPP", "SLACK"):
                variable = f"THREADLINE_{name}__API_URL"
                if self.environment[variable] == right[variable]:
                    self.environment[variable] = demo_environment(
                        sandbox, self.redis_url, self.archive_url, 1
                    )[variable]
            yield load_settings(None, self.environment)
        finally:
            await sandbox.stop()

    def secrets(self) -> list[str]:
        """All that must not be shown."""
        hidden = ("TOKEN", "SECRET")
        return [value for name, value in self.environment.items() if name.endswith(hidden)]


@pytest.fixture
def rig(redis_url: str) -> Rig:
    """All well, until a test says otherwise."""
    return Rig(redis_url)


def wrong(found: list[Finding], level: Level = Level.ERROR) -> dict[str, str]:
    """The findings of a level by name; each says what to do."""
    bad = [one for one in found if one.level is level]
    assert all(one.found and one.advice for one in bad)
    return {one.name: f"{one.found} {one.advice}" for one in bad}


async def printed(settings: Settings) -> tuple[int, str]:
    """The exit code and what a person sees."""
    out = io.StringIO()
    code = await check(settings, Console(file=out, width=240))
    return code, out.getvalue()


def environment(**changes: str) -> Change:
    """Settings that differ, by the end of their variable: `WHATSAPP__ACCESS_TOKEN="expired"`."""
    return lambda _config, variables: variables.update({f"THREADLINE_{k}": v for k, v in changes.items()})


def no_app_scopes(config: SandboxConfig, _variables: dict[str, str]) -> None:
    """The app-level token was made without connections:write."""
    config.slack.app_scopes = []


def not_subscribed(config: SandboxConfig, _variables: dict[str, str]) -> None:
    """No app gets the account's webhooks."""
    config.whatsapp.subscribed = False


def lacks_scope(config: SandboxConfig, _variables: dict[str, str]) -> None:
    """The app was installed before the manifest grew."""
    config.slack.scopes.remove("reactions:write")


def bot_left(config: SandboxConfig, variables: dict[str, str]) -> None:
    """The settings name a channel that the bot was never invited to."""
    del config
    variables["THREADLINE_INBOXES__0__CHANNEL"] = "C0GENERAL1"


# ------------------------------------------------------------------------------------------------- all well


async def test_a_sound_set_up_has_nothing_to_mend(rig: Rig) -> None:
    """Settings, Redis, archive, WhatsApp, webhook and Slack are all tried; the exit code is 0."""
    async with rig.running() as settings:
        found = await findings(settings)
        assert wrong(found) == wrong(found, Level.WARNING) == {}
        tried = {one.name.partition(".")[0] for one in found}
        expected = {"settings", "media", "redis", "archive", "deployment", "whatsapp", "webhook", "slack"}
        assert tried == expected
        code, text = await printed(settings)
    assert code == 0
    assert "All is well." in text
    assert text.count("✔") == len(found)


async def test_looking_changes_nothing(rig: Rig, valkey_server: ValkeyServer) -> None:
    """Redis stays empty and nothing is posted, so it can be run against production at any time."""
    async with rig.running() as settings:
        await check(settings, Console(file=io.StringIO()))
    with contextlib.closing(valkey_server.client()) as client:
        assert client.keys("*") == []


# --------------------------------------------------------------------------------------- one thing is wrong


@pytest.mark.parametrize(
    "change, name, says",
    [
        (
            environment(WHATSAPP__ACCESS_TOKEN="EAAG-expired-token"),
            "whatsapp.number.support",
            "whatsapp.access_token",
        ),
        (environment(INBOXES__0__PHONE_NUMBER_ID="99999"), "whatsapp.number.support", "ids in the settings"),
        (environment(INBOXES__0__WABA_ID="99999"), "whatsapp.subscription.support", "ids in the settings"),
        (not_subscribed, "whatsapp.subscription.support", "subscribed_apps"),
        (environment(SLACK__BOT_TOKEN="xoxb-wrong"), "slack.token", "slack.bot_token"),
        (environment(SLACK__APP_TOKEN="xapp-wrong"), "slack.app_token", "connections:write"),
        (no_app_scopes, "slack.app_token", "connections:write"),
        (lacks_scope, "slack.scopes", "reactions:write"),
        (bot_left, "slack.channel.support", "/invite @threadline"),
        (environment(INBOXES__0__CHANNEL="C0NOWHERE1"), "slack.channel.support", "C0NOWHERE1"),
        (environment(SLACK__ADMIN_CHANNEL="C0GENERAL1"), "slack.channel.alerts", "/invite"),
        (environment(AGENTS__AGENTS="nobody@example.com"), "slack.people", "nobody@example.com"),
    ],
)
async def test_each_fault_is_named_with_what_to_do(rig: Rig, change: Change, name: str, says: str) -> None:
    """The finding names the setting or the step that mends it, the exit code is 1, and no secret is shown."""
    async with rig.running(change) as settings:
        bad = wrong(await findings(settings))
        code, text = await printed(settings)
    assert says in bad[name]
    assert code == 1
    assert "✘" in text
    assert "to mend" in text
    assert [secret for secret in rig.secrets() if secret in text] == []


async def test_nobody_who_may_answer_is_a_fault(rig: Rig) -> None:
    """Without people every word stays inside, and nobody would know why."""
    empty = environment(AGENTS__FROM_CHANNEL="false", AGENTS__LEADS="", AGENTS__ADMINS="")
    async with rig.running(empty) as settings:
        assert "agents" in wrong(await findings(settings))["slack.people"]


async def test_http_mode_needs_no_app_token(rig: Rig) -> None:
    """The signing secret takes its place; whether it is right Slack cannot be asked."""
    http = environment(SLACK__MODE="http", SLACK__SIGNING_SECRET="made-up-secret", SLACK__APP_TOKEN="")
    async with rig.running(http) as settings:
        found = await findings(settings)
    assert wrong(found) == {}
    assert "slack.signing_secret" in {one.name for one in found}


async def test_platforms_that_cannot_be_reached_hide_nothing_else(rig: Rig) -> None:
    """Redis is still looked at when neither platform answers."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    gone = environment(WHATSAPP__API_URL=nowhere, SLACK__API_URL=f"{nowhere}/api/")
    async with rig.running(gone) as settings:
        found = await findings(settings)
    bad = wrong(found)
    assert "whatsapp.api_url" in bad["whatsapp.number.support"]
    assert "slack.api_url" in bad["slack.token"]
    assert "redis.version" in {one.name for one in found}


async def test_something_else_at_an_address_is_a_finding(rig: Rig) -> None:
    """A web page instead of the API is reported, not a stack trace."""
    async with rig.running() as settings:
        page = settings.whatsapp.api_url.removesuffix("/whatsapp")
        other = environment(WHATSAPP__API_URL=page, SLACK__API_URL=f"{page}/elsewhere/api/")
        async with rig.running(other) as wrongly:
            bad = wrong(await findings(wrongly))
    assert "whatsapp.number.support" in bad
    assert "slack.token" in bad


# ---------------------------------------------------------------------------------------------------- Redis


async def test_redis_that_is_down(rig: Rig) -> None:
    """One finding says so; the password in its address stays hidden."""
    rig.redis_url = f"redis://somebody:deep-secret@127.0.0.1:{free_port()}/0"
    async with rig.running() as settings:
        assert "cannot be reached" in wrong(await findings(settings))["redis"]
        code, text = await printed(settings)
    assert code == 1
    assert "deep-secret" not in text


@pytest.mark.parametrize(
    "name, value, finding, level, code",
    [
        ("maxmemory-policy", "allkeys-lru", "redis.maxmemory-policy", Level.ERROR, 1),
        ("appendonly", "no", "redis.appendonly", Level.ERROR, 1),
        ("appendfsync", "everysec", "redis.appendfsync", Level.WARNING, 0),
    ],
)
async def test_redis_that_may_lose_messages(
    restartable_valkey: ValkeyServer, name: str, value: str, finding: str, level: Level, code: int
) -> None:
    """What loses messages is an error; what weakens a promise is a warning, with which one may go on."""
    rig = Rig(restartable_valkey.url)
    with contextlib.closing(restartable_valkey.client()) as client:
        client.config_set(name, value)
    async with rig.running() as settings:
        assert list(wrong(await findings(settings), level)) == [finding]
        assert (await printed(settings))[0] == code


async def test_another_number_of_shards(rig: Rig) -> None:
    """The number is chosen once, and the database remembers it."""
    redis = JoinedRedis(rig.redis_url)
    await claim_shards(redis, 4)
    await redis.aclose()
    async with rig.running() as settings:
        assert "set shards to 4" in wrong(await findings(settings))["redis.shards"]


async def test_pace_off_is_worth_a_warning(rig: Rig) -> None:
    """It belongs to tests: in production the platforms would refuse posts."""
    async with rig.running(environment(PACE__SCALE="0")) as settings:
        found = await findings(settings)
    assert wrong(found) == {}
    assert list(wrong(found, Level.WARNING)) == ["settings.pace"]


# --------------------------------------------------------------------------------------------- the webhook


async def test_a_running_bridge_is_asked_itself(redis_url: str) -> None:
    """The signed delivery goes to the process that runs; one with another app secret is found out."""
    async with running_stack(redis_url) as stack:
        settings = stack.settings()
        found = {one.name: one for one in await findings(settings)}
        assert "a bridge answers" in found["webhook"].found
        assert found["webhook.signed"].level is found["webhook.unsigned"].level is Level.OK

        changed = settings.whatsapp.model_copy(
            update={"app_secret": type(settings.whatsapp.app_secret)("no")}
        )
        bad = wrong(await findings(settings.model_copy(update={"whatsapp": changed})))
    assert "app secret" in bad["webhook.signed"]


async def test_another_server_at_our_address_is_found_out(rig: Rig) -> None:
    """Whatever listens there accepts deliveries that nobody signed."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    async with other, rig.running(environment(WEB__PORT=str(port))) as settings:
        bad = wrong(await findings(settings))
    assert "proxy" in bad["webhook.unsigned"]


async def test_a_directory_that_takes_no_files(rig: Rig) -> None:
    """Contacts' files have to be kept somewhere on their way."""

    def change(_config: SandboxConfig, environment: dict[str, str]) -> None:
        environment["THREADLINE_MEDIA__DIRECTORY"] = "/nowhere/at/all"

    async with rig.running(change) as settings:
        found = wrong(await findings(settings))
    assert list(found) == ["media.directory"]
    assert "/nowhere/at/all takes no files" in found["media.directory"]
