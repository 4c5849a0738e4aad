"""users.* and usergroups.*: who works here."""

from __future__ import annotations

from bridge.sandbox.slack import wire
from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.config import UserGroupConfig
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import lookup
from bridge.sandbox.slack.methods.conversations import paged
from bridge.sandbox.slack.state import CREATED


def _user(call: Call, user_id: str) -> Json:
    ws = call.backend.ws
    if user_id == ws.bot.user_id:
        return wire.bot_user_json(ws)
    return wire.user_json(ws, ws.people[user_id], with_email="users:read.email" in call.scopes)


def _info(call: Call) -> Json:
    user = lookup.person(call)
    found = call.backend.ws.people.get(user)
    if found and found.role == "outsider" and not _shares_channel(call, user):
        raise SlackError("user_not_visible")
    return {"user": _user(call, user)}


def _shares_channel(call: Call, user: str) -> bool:
    bot = call.backend.ws.bot.user_id
    return any(user in c.members and bot in c.members for c in call.backend.ws.channels.values())


def _list(call: Call) -> Json:
    ws = call.backend.ws
    page, cursor = paged(call, [*ws.people, ws.bot.user_id], 1000)
    members = [_user(call, user) for user in page]
    now = int(call.backend.clock.now())
    return {"members": members, "cache_ts": now, "response_metadata": {"next_cursor": cursor}}


def _presence(call: Call) -> Json:
    user = call.get("user") or call.backend.ws.bot.user_id
    if not call.backend.ws.user_exists(user):
        raise SlackError("user_not_found")
    person = call.backend.ws.people.get(user)
    return {"presence": person.presence if person else "active"}


def _paid(call: Call) -> None:
    if not call.backend.config.paid_plan:
        raise SlackError("plan_upgrade_required")


def _group_json(call: Call, group: UserGroupConfig, users: list[str]) -> Json:
    body: Json = {"id": group.id, "team_id": call.backend.config.team_id, "is_usergroup": True}
    body |= {"name": group.name or group.handle, "description": "", "handle": group.handle}
    body |= {"is_external": False, "date_create": CREATED, "date_delete": 0}
    body |= {"date_update": call.backend.ws.usergroup_updated[group.id], "prefs": {}}
    body |= {"user_count": len(users)}
    if call.flag("include_users"):
        body["users"] = users
    return body


def _groups(call: Call) -> Json:
    _paid(call)
    config, ws = call.backend.config, call.backend.ws
    return {"usergroups": [_group_json(call, group, ws.usergroups[group.id]) for group in config.usergroups]}


def _group_users(call: Call) -> Json:
    _paid(call)
    users = call.backend.ws.usergroups.get(call.want("usergroup"))
    if users is None:
        raise SlackError("no_such_subteam")
    return {"users": list(users)}


def _by_email(call: Call) -> Json:
    email = call.want("email").casefold()
    for person in call.backend.ws.people.values():
        if person.email.casefold() == email and not person.deleted:
            return {"user": _user(call, person.id)}
    raise SlackError("users_not_found")


METHODS = (
    Method("users.info", _info, 4, ("users:read",), takes_json=False),
    Method("users.lookupByEmail", _by_email, 3, ("users:read.email",), takes_json=False),
    Method("users.list", _list, 2, ("users:read",), takes_json=False),
    Method("users.getPresence", _presence, 3, ("users:read",), takes_json=False),
    Method("usergroups.list", _groups, 2, ("usergroups:read",), takes_json=False),
    Method("usergroups.users.list", _group_users, 2, ("usergroups:read",), takes_json=False),
)
"""The family's methods."""
