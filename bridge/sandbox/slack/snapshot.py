"""The whole visible workspace as plain JSON, for the control API and the playground."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice

from bridge.sandbox.slack import mrkdwn, wire
from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.inputs import state_values
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.state import Channel, Message
from bridge.sandbox.slack.views import View

MAX_MESSAGES = 500
"""How many messages of a channel (replies too) a snapshot shows, the newest."""


def snapshot(backend: Backend) -> Json:
    """Team, bot, people (with what only they see), channels with messages, user groups, commands."""
    config, ws = backend.config, backend.ws
    return {
        "team": {"id": config.team_id, "name": config.team_name, "domain": config.team_domain},
        "bot": {"user_id": ws.bot.user_id, "bot_id": ws.bot.bot_id, "name": ws.bot.name},
        "mode": config.mode,
        "sockets": backend.hub.count,
        "installed": ws.installed,
        "people": [person_state(backend, person_id) for person_id in ws.people],
        "channels": [channel_state(backend, channel) for channel in ws.channels.values()],
        "usergroups": [
            {"id": group.id, "handle": group.handle, "users": ws.usergroups[group.id]}
            for group in config.usergroups
        ],
        "commands": [command.command for command in config.commands],
        "shortcuts": [asdict(shortcut) for shortcut in config.shortcuts],
    }


def person_state(backend: Backend, person_id: str) -> Json:
    """One person with what only they see."""
    person = backend.ws.people[person_id]
    home = backend.views.home(person_id)
    return {
        "id": person_id,
        "name": person.name,
        "real_name": person.real_name,
        "role": person.role,
        "presence": person.presence,
        "ephemerals": [item.as_json() for item in backend.ws.ephemerals_of(person_id)],
        "views": [_view(backend, view) for view in backend.views.stack(person_id)],
        "home": _view(backend, home) if home else None,
        "pings": backend.activity.pinged.get(person_id, []),
    }


def _view(backend: Backend, view: View) -> Json:
    return backend.views.as_json(view, state_values(view.blocks, view.state))


def channel_state(backend: Backend, channel: Channel) -> Json:
    """One channel with its newest messages, in order of ts."""
    newest = list(islice(reversed(channel.messages), MAX_MESSAGES))[::-1]
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "archived": channel.archived,
        "members": list(channel.members),
        "messages": [message_state(backend, channel, channel.messages[ts]) for ts in newest],
        "statuses": {
            ts: status for ts in channel.statuses if (status := backend.activity.status(channel, ts))
        },
    }


def message_state(backend: Backend, channel: Channel, message: Message) -> Json:
    """One message as `conversations.history` shows it, with what a reader sees: words, links, pings."""
    words, links = mrkdwn.visible(message.text)
    return wire.history_json(backend.ws, channel, message, with_metadata=True) | {
        "author": message.author,
        "visible": words,
        "links": links,
        "pings": sorted(message.pings),
    }
