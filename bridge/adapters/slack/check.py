"""What `threadline check` tries of Slack: tokens, scopes, the signing secret, channels and people."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.errors import APP_LEVEL_ADVICE, APP_TOKEN_CODES
from bridge.adapters.slack.manifest import Mode, scopes
from bridge.errors import Failure, FailureKind, Finding, PlatformError

_COPY_IT = "Copy the signing secret (Basic Information, App Credentials) and set it as slack.signing_secret."


async def check(
    desk: SlackDesk,
    mode: Mode,
    channels: Mapping[str, str],
    *,
    app_token: str | None = None,
    signing_secret: str | None = None,
) -> tuple[Finding, ...]:
    """Try everything that this mode needs; a refusal is a finding, not an exception.

    `channels`: ids of the channels by what each is for (an inbox's id, `alerts`).
    """
    try:
        identity = await desk.identity()
    except PlatformError as error:
        return (
            Finding.error("slack.token", error.failure.words, "Check slack.bot_token and slack.api_url."),
        )
    findings = [
        Finding.ok("slack.token", f"the bot is @{identity.name}"),
        _scopes(identity.scopes),
        await _app_token(desk, app_token) if mode == "socket" else _secret(signing_secret),
    ]
    for purpose, channel in channels.items():
        findings.append(await _channel(desk, purpose, channel))
    findings.append(await _people(desk))
    return tuple(findings)


def _then(failure: Failure) -> str:
    """What to do after a refusal whose words say already what has to be mended, if anything has to be."""
    if failure.kind in {FailureKind.STOP, FailureKind.NEVER, FailureKind.GONE}:
        return "Then run `threadline check` again."
    return "Try again in some minutes."


def _scopes(granted: frozenset[str]) -> Finding:
    missing = sorted(set(scopes()) - granted)
    if missing:
        advice = (
            "Add them under OAuth & Permissions (or update the app's manifest) and install the app again."
        )
        return Finding.error("slack.scopes", f"the token lacks {', '.join(missing)}", advice)
    return Finding.ok("slack.scopes", "all there")


async def _app_token(desk: SlackDesk, token: str | None) -> Finding:
    name = "slack.app_token"
    if not token:
        return Finding.error(
            name, "Socket Mode needs an app-level token, and there is none.", APP_LEVEL_ADVICE
        )
    try:
        await desk.caller.call("apps.connections.open", token=token)
    except PlatformError as error:
        if error.failure.code in APP_TOKEN_CODES:
            return Finding.error(name, f"Slack does not accept it ({error.failure.code}).", APP_LEVEL_ADVICE)
        return Finding.error(name, error.failure.words, _then(error.failure))
    return Finding.ok(name, "Socket Mode can connect")


def _secret(signing_secret: str | None) -> Finding:
    name = "slack.signing_secret"
    if not signing_secret:
        return Finding.error(
            name, "Requests from Slack cannot be told from forged ones without it.", _COPY_IT
        )
    return Finding.ok(
        name, "set (Slack cannot be asked whether it is right; a wrong one refuses every event)"
    )


async def _channel(desk: SlackDesk, purpose: str, channel: str) -> Finding:
    name = f"slack.channel.{purpose}"
    try:
        answer = await desk.caller.call("conversations.info", {"channel": channel})
    except PlatformError as error:
        return Finding.error(
            name, f"{channel}: {error.failure.words}", "Check the channel's id in the settings."
        )
    found = answer.get("channel") or {}
    shown = f"#{found.get('name')}"
    if found.get("is_archived"):
        return Finding.error(name, f"{shown} is archived.", "Unarchive it, or choose another channel.")
    if not found.get("is_member"):
        return Finding.error(
            name, f"The bot is not in {shown}.", f"Type there: /invite @{desk.caller.bot_name}"
        )
    return Finding.ok(name, shown)


async def _people(desk: SlackDesk) -> Finding:
    name = "slack.people"
    try:
        agents = await desk.read_roster()
    except PlatformError as error:
        return Finding.error(name, error.failure.words, _then(error.failure))
    if desk.roster_problems:
        return Finding.error(
            name, "; ".join(desk.roster_problems), "Correct the lists under agents in the settings."
        )
    if not agents:
        advice = "Name people under agents in the settings, or add them to the inboxes' channels."
        return Finding.error(name, "Nobody may answer.", advice)
    return Finding.ok(name, f"{len(agents)} may answer")
