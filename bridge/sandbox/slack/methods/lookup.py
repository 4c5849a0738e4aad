"""Finding channels and people for a method, with Slack's errors and scopes."""

from __future__ import annotations

from bridge.sandbox.slack.api import Call
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.state import Channel

FAMILY = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
"""The scope family of a kind of conversation."""


def any_of(verb: str) -> tuple[str, ...]:
    """The scopes of all kinds of conversation for a verb (`read`, `history`)."""
    return tuple(f"{family}:{verb}" for family in FAMILY.values())


def channel(call: Call, name: str = "channel") -> Channel:
    """The conversation of an argument, if the bot may see it; raises `channel_not_found`."""
    value = call.want(name)
    ws = call.backend.ws
    found = ws.channels.get(value)
    if found is None or (found.private and ws.bot.user_id not in found.members):
        raise SlackError("channel_not_found")
    return found


def channel_with(call: Call, verb: str) -> Channel:
    """The conversation of `channel`, when the token's scope covers its kind; raises `missing_scope`."""
    found = channel(call)
    call.need(f"{FAMILY[found.kind]}:{verb}")
    return found


def target(call: Call, name: str = "channel") -> Channel:
    """Where a post goes: a conversation's id, a channel's name, or a person's id (their direct message).

    Raises `channel_not_found`, `not_in_channel`, `is_archived`, `messages_tab_disabled`.
    """
    value = call.want(name)
    ws = call.backend.ws
    if value in ws.people:
        return _reachable(call, ws.open_dm([value])[0])
    try:
        found = ws.channel_for(value)
    except KeyError:
        raise SlackError("channel_not_found") from None
    member = ws.bot.user_id in found.members
    if not member and found.private:
        raise SlackError("channel_not_found")
    if not member and "chat:write.public" not in call.scopes:
        raise SlackError("not_in_channel")
    if found.archived:
        raise SlackError("is_archived")
    return _reachable(call, found)


def _reachable(call: Call, found: Channel) -> Channel:
    if found.kind == "im" and not call.backend.config.messages_tab_enabled:
        raise SlackError("messages_tab_disabled")
    return found


def person(call: Call, name: str = "user") -> str:
    """A user id that exists; raises `user_not_found`."""
    value = call.want(name)
    if not call.backend.ws.user_exists(value):
        raise SlackError("user_not_found")
    return value
