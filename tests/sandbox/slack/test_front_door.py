"""Tokens, scopes, unknown methods, and the forms in which arguments arrive."""

import orjson
import pytest

from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import SUPPORT, SlackRig

BOT = {"Authorization": "Bearer xoxb-sandbox-bot"}


async def _call(
    slack: SlackRig, method: str, **request: object
) -> tuple[int, dict[str, object], dict[str, str]]:
    url = f"{slack.url}/slack/api/{method}"
    async with slack.session.post(url, **request) as answer:  # type: ignore[arg-type]  # aiohttp's own keywords
        return answer.status, orjson.loads(await answer.read()), dict(answer.headers)


@pytest.mark.parametrize(
    "headers, error",
    [
        ({}, "not_authed"),
        ({"Authorization": "Bearer xoxb-wrong"}, "invalid_auth"),
        ({"Authorization": "Bearer xapp-sandbox-app"}, "not_allowed_token_type"),
    ],
)
async def test_tokens(slack: SlackRig, headers: dict[str, str], error: str) -> None:
    """A call without, with a wrong, or with the other kind of token is refused with HTTP 200."""
    status, body, _ = await _call(slack, "auth.test", headers=headers)
    assert (status, body) == (200, {"ok": False, "error": error})


async def test_socket_address_needs_the_app_token(slack: SlackRig) -> None:
    """apps.connections.open takes the app-level token only, and its scope."""
    _, body, _ = await _call(slack, "apps.connections.open", headers=BOT)
    assert body["error"] == "not_allowed_token_type"
    slack.slack.config.app_scopes.clear()
    _, body, _ = await _call(
        slack, "apps.connections.open", headers={"Authorization": "Bearer xapp-sandbox-app"}
    )
    assert body["error"] == "missing_scope"
    assert body["needed"] == "connections:write"


@pytest.mark.parametrize("method", ["no.such.method", "files.list", "chat.scheduleMessage"])
async def test_unknown_method(slack: SlackRig, method: str) -> None:
    """What the sandbox does not play answers unknown_method."""
    _, body, _ = await _call(slack, method, headers=BOT)
    assert body["error"] == "unknown_method"


async def test_dead_tokens(slack: SlackRig) -> None:
    """A revoked token and a removed app are told apart."""
    slack.slack.activity.revoke()
    assert await slack.error("auth.test") == "token_revoked"
    slack.slack.activity.uninstall()
    assert await slack.error("auth.test") == "account_inactive"


@pytest.mark.parametrize(
    "method, arguments, without, needed",
    [
        ("chat.postMessage", {"channel": SUPPORT, "text": "x"}, "chat:write", "chat:write"),
        (
            "chat.postMessage",
            {"channel": SUPPORT, "text": "x", "username": "Maria"},
            "chat:write.customize",
            "chat:write.customize",
        ),
        (
            "reactions.add",
            {"channel": SUPPORT, "timestamp": "1.0", "name": "+1"},
            "reactions:write",
            "reactions:write",
        ),
        ("conversations.open", {"users": "U0ANA00001"}, "im:write", "im:write"),
    ],
)
async def test_missing_scope(
    make_slack: MakeSlack, method: str, arguments: dict[str, str], without: str, needed: str
) -> None:
    """A method without its scope names what is needed and what the token has."""
    slack = await make_slack()
    slack.slack.config.scopes = [s for s in slack.slack.config.scopes if s not in (without, "mpim:write")]
    body = await slack.refused(method, **arguments)
    assert (body["error"], body["needed"]) == ("missing_scope", needed)
    assert body["provided"].split(",") == sorted(slack.slack.config.scopes)


@pytest.mark.parametrize(
    "method, scope",
    [
        ("conversations.info", "groups:read"),
        ("conversations.members", "groups:read"),
        ("conversations.history", "groups:history"),
    ],
)
async def test_scope_goes_by_kind_of_channel(make_slack: MakeSlack, method: str, scope: str) -> None:
    """Private channels need the groups:* scope; the channels:* one is not enough."""
    slack = await make_slack()
    slack.slack.config.scopes.remove(scope)
    assert await slack.read_error(method, channel=SUPPORT) == "missing_scope"


async def test_scope_headers(slack: SlackRig) -> None:
    """Answers name the token's scopes and those that the method accepts."""
    _, _, headers = await _call(slack, "team.info", headers=BOT)
    assert "chat:write" in headers["x-oauth-scopes"].split(",")
    assert headers["x-accepted-oauth-scopes"] == "team:read"


async def test_forms_of_arguments(slack: SlackRig) -> None:
    """Query string, form body and (where Slack takes it) JSON are all read; a token may be a form argument."""
    wanted = {"channel": SUPPORT, "text": "x"}
    for request in (
        {"params": wanted, "headers": BOT},
        {"data": wanted, "headers": BOT},
        {"data": {**wanted, "token": "xoxb-sandbox-bot"}},
        {"json": wanted, "headers": BOT},
    ):
        _, body, _ = await _call(slack, "chat.postMessage", **request)
        assert body["ok"], body


async def test_json_rules(slack: SlackRig) -> None:
    """JSON takes its token from the header, must be an object, and is not read by form-only methods."""
    wanted = {"channel": SUPPORT, "text": "x", "token": "xoxb-sandbox-bot"}
    _, body, _ = await _call(slack, "chat.postMessage", json=wanted)
    assert body["error"] == "not_authed"
    json = {"Content-Type": "application/json; charset=utf-8", **BOT}
    for raw, error in ((b"{", "invalid_json"), (b"[]", "json_not_object")):
        _, body, _ = await _call(slack, "chat.postMessage", data=raw, headers=json)
        assert body["error"] == error
    _, body, _ = await _call(slack, "users.info", json={"user": "U0ANA00001"}, headers=BOT)
    assert body["error"] == "invalid_arguments"
    assert body["response_metadata"] == {
        "messages": ["[ERROR] missing required field: user"],
        "warnings": ["missing_charset"],
    }
    _, body, _ = await _call(
        slack, "chat.postMessage", data=b"x", headers={"Content-Type": "text/plain", **BOT}
    )
    assert body["error"] == "invalid_post_type"


async def test_missing_charset_warning(slack: SlackRig) -> None:
    """JSON without a charset is taken with the warning missing_charset."""
    headers = {"Content-Type": "application/json", **BOT}
    _, body, _ = await _call(slack, "auth.test", data=b"{}", headers=headers)
    assert (body["ok"], body["warning"]) == (True, "missing_charset")
    assert body["response_metadata"] == {"warnings": ["missing_charset"]}


async def test_api_test(slack: SlackRig) -> None:
    """api.test needs no token and plays the error it is given."""
    _, body, _ = await _call(slack, "api.test", data={"foo": "bar"})
    assert body == {"ok": True, "args": {"foo": "bar"}}
    _, body, _ = await _call(slack, "api.test", data={"error": "boom"})
    assert body["error"] == "boom"
