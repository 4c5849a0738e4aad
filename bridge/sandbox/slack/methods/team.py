"""auth.test, api.test, apps.connections.open, team.info, emoji.list, assistant.threads.setStatus."""

from __future__ import annotations

from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.errors import SlackError, invalid_arguments
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import lookup


def _api_test(call: Call) -> Json:
    if error := call.get("error"):
        raise SlackError(error, args=call.args)
    return {"args": call.args}


def _auth_test(call: Call) -> Json:
    config = call.backend.config
    return {
        "url": f"https://{config.team_domain}.slack.example.com/",
        "team": config.team_name,
        "user": config.app_name,
        "team_id": config.team_id,
        "user_id": config.bot_user_id,
        "bot_id": config.bot_id,
        "is_enterprise_install": False,
    }


def _connections_open(call: Call) -> Json:
    backend = call.backend
    if backend.config.mode != "socket" or not backend.hub.enabled:
        raise SlackError("forbidden_team")
    base = backend.base_url().replace("http", "ws", 1)
    return {"url": f"{base}/slack/socket?ticket={backend.hub.ticket()}&app_id={backend.config.app_id}"}


def _team_info(call: Call) -> Json:
    config = call.backend.config
    if (call.get("team") or config.team_id) != config.team_id:
        raise SlackError("team_not_found")
    team: Json = {"id": config.team_id, "name": config.team_name, "domain": config.team_domain}
    team |= {"url": f"https://{config.team_domain}.slack.example.com/", "email_domain": "", "icon": {}}
    return {"team": team}


def _emoji_list(call: Call) -> Json:
    now = call.backend.clock.now()
    return {"emoji": dict(call.backend.config.custom_emoji), "cache_ts": f"{now:.6f}"}


def _set_status(call: Call) -> Json:
    backend = call.backend
    channel = lookup.channel(call, "channel_id")
    root = channel.messages.get(call.want("thread_ts"))
    if root is None or root.thread_ts:
        raise SlackError("invalid_thread_ts")
    status = call.get("status")
    if status is None:
        raise invalid_arguments("[ERROR] missing required field: status")
    loading = call.decoded("loading_messages", "invalid_arguments") or []
    if len(loading) > 10:
        raise invalid_arguments("[ERROR] no more than 10 items allowed [json-pointer:/loading_messages]")
    if any(call.get(name) for name in ("username", "icon_url", "icon_emoji")):
        call.need("chat:write.customize")
    backend.activity.set_status(channel, root.ts, status)
    return {}


METHODS = (
    Method("api.test", _api_test, 4, anonymous=True),
    Method("auth.test", _auth_test, 5),
    Method("apps.connections.open", _connections_open, 3, ("connections:write",), app_token=True),
    Method("team.info", _team_info, 3, ("team:read",)),
    Method("emoji.list", _emoji_list, 2, ("emoji:read",), takes_json=False),
    Method("assistant.threads.setStatus", _set_status, 5, ("chat:write", "assistant:write"), paced=True),
)
"""The family's methods."""
