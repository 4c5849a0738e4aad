"""reactions.*: emoji on messages, by Slack's names only."""

from __future__ import annotations

import re

from bridge.sandbox.slack import wire
from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.emoji import is_reaction_name
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import lookup
from bridge.sandbox.slack.state import Channel, Message

_TS = re.compile(r"\d+\.\d{6}")


def _item(call: Call) -> tuple[Channel, Message]:
    if not call.get("channel") or not call.get("timestamp"):
        raise SlackError("no_item_specified")
    channel = lookup.channel(call)
    ts = call.want("timestamp")
    if not _TS.fullmatch(ts):
        raise SlackError("bad_timestamp")
    message = channel.get(ts)
    if call.backend.ws.bot.user_id not in channel.members:
        raise SlackError("no_access")
    return channel, message


def _name(call: Call) -> str:
    name = call.want("name").strip(":")
    if not is_reaction_name(name, call.backend.config.custom_emoji):
        raise SlackError("invalid_name")
    return name


def _add(call: Call) -> Json:
    name = _name(call)
    channel, message = _item(call)
    if channel.archived:
        raise SlackError("is_archived")
    bot = call.backend.ws.bot.user_id
    mine = sum(bot in users for users in message.reactions.values())
    if mine >= 23 and bot not in message.reactions.get(name, []):
        raise SlackError("too_many_reactions")
    call.backend.activity.react(channel, message, bot, name)
    return {}


def _remove(call: Call) -> Json:
    name = _name(call)
    channel, message = _item(call)
    call.backend.activity.unreact(channel, message, call.backend.ws.bot.user_id, name)
    return {}


def _get(call: Call) -> Json:
    channel, message = _item(call)
    body = wire.message_json(call.backend.ws, channel, message)
    if message.reactions:
        body["reactions"] = wire.reactions_json(message)
    return {"type": "message", "channel": channel.id, "message": body}


METHODS = (
    Method("reactions.add", _add, 3, ("reactions:write",)),
    Method("reactions.remove", _remove, 2, ("reactions:write",)),
    Method("reactions.get", _get, 3, ("reactions:read",), takes_json=False),
)
"""The family's methods."""
