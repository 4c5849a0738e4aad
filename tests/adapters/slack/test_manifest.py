"""The manifest keeps Slack's limits and asks for exactly what the code uses."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

import bridge.adapters.slack
from bridge import commands
from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.arrive import Arrivals
from bridge.adapters.slack.composing import NEW
from bridge.adapters.slack.interactions import REPLY, SHORTCUT
from bridge.adapters.slack.manifest import EVENT_SCOPES, METHOD_SCOPES, Mode, manifest, scopes
from tests.support.slack_desk import FakeOutreach, MemoryInlet

MODES: list[tuple[Mode, str | None]] = [("socket", None), ("http", "https://bridge.example.com")]


def sources() -> str:
    """All our Slack code but the manifest itself."""
    folder = Path(bridge.adapters.slack.__file__).parent
    return "".join(path.read_text() for path in folder.glob("*.py") if path.name != "manifest.py")


def test_every_method_that_is_called_has_its_scopes() -> None:
    """Neither a method nor a table row is forgotten."""
    called = set(
        re.findall(
            r'"((?:apps|assistant|auth|chat|conversations|files|reactions|usergroups|users|views)\.[\w.]+)"',
            sources(),
        )
    )
    assert called == set(METHOD_SCOPES)


async def test_every_event_has_a_listener_and_every_listener_an_event(
    session: aiohttp.ClientSession, http: HttpClient
) -> None:
    """What we subscribe to is what we handle; `message` comes as one event per kind of channel."""
    arrivals = Arrivals(
        SlackDesk(http, bot_token="xoxb-1"), MemoryInlet(), session, FakeOutreach(), bot_token="xoxb-1"
    )
    subscribed = {name.partition(".")[0] for name in EVENT_SCOPES}
    assert subscribed == set(arrivals.events)


@pytest.mark.parametrize("mode, base_url", MODES)
def test_the_manifest_keeps_slacks_limits(mode: Mode, base_url: str | None) -> None:
    """Lengths and counts as Slack's manifest schema has them."""
    made = manifest(mode, base_url)
    about = made["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 175 <= len(about["long_description"]) <= 4000
    features = made["features"]
    assert len(features["bot_user"]["display_name"]) <= 80
    assert 0 < len(features["slash_commands"]) <= 50
    for command in features["slash_commands"]:
        assert re.fullmatch(r"/[a-z]{1,31}", command["command"])
        assert 0 < len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000
        assert command["should_escape"] is True
    for shortcut in features["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
        assert shortcut["callback_id"] in {SHORTCUT, REPLY, NEW}
    assert len(made["settings"]["event_subscriptions"]["bot_events"]) <= 100
    assert made["oauth_config"]["scopes"]["bot"] == sorted(set(scopes()))


def test_each_mode_has_its_addresses() -> None:
    """Socket Mode needs none; HTTP mode gives one to commands, events and interactivity."""
    socket, http = (manifest(mode, url) for mode, url in MODES)
    assert socket["settings"]["socket_mode_enabled"] is True
    assert "url" not in str(socket)
    ours = "https://bridge.example.com/webhooks/slack"
    assert http["settings"]["socket_mode_enabled"] is False
    assert http["settings"]["event_subscriptions"]["request_url"] == ours
    assert http["settings"]["interactivity"]["request_url"] == ours
    assert {command["url"] for command in http["features"]["slash_commands"]} == {ours}


@pytest.mark.parametrize("address", [None, "", "http://bridge.example.com", "bridge.example.com"])
def test_http_mode_needs_an_https_address(address: str | None) -> None:
    """Slack sends requests nowhere else."""
    with pytest.raises(ValueError, match="https"):
        manifest("http", address)


def test_the_slash_commands_are_those_of_the_table() -> None:
    """The command table is the one source."""
    listed = {command["command"] for command in manifest("socket")["features"]["slash_commands"]}
    assert listed == {slash for row in commands.COMMANDS for slash in row.slash} | {commands.ANY_SLASH}
