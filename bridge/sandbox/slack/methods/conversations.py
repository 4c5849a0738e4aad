"""conversations.*: channels, members, and reading back what was said."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from typing import Any

from bridge.sandbox.slack import wire
from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import lookup
from bridge.sandbox.slack.state import Channel

_TYPES = {"public_channel": "channel", "private_channel": "group", "mpim": "mpim", "im": "im"}
_TS = re.compile(r"\d{1,12}(\.\d{1,6})?")


def _info(call: Call) -> Json:
    channel = lookup.channel_with(call, "read")
    return {"channel": wire.channel_json(call.backend.ws, channel, members=call.flag("include_num_members"))}


def _list(call: Call) -> Json:
    ws = call.backend.ws
    wanted = (call.get("types") or "public_channel").split(",")
    kinds = [_TYPES.get(kind.strip()) for kind in wanted]
    if None in kinds:
        raise SlackError("invalid_types")
    for kind in kinds:
        call.need(f"{lookup.FAMILY[str(kind)]}:read")
    found = [
        channel
        for channel in ws.channels.values()
        if channel.kind in kinds
        and (not channel.private or ws.bot.user_id in channel.members)
        and not (channel.archived and call.flag("exclude_archived"))
    ]
    page, cursor = paged(call, [wire.channel_json(ws, channel, members=True) for channel in found], 100)
    return {"channels": page, "response_metadata": {"next_cursor": cursor}}


def paged(call: Call, items: list[Any], default: int) -> tuple[list[Any], str]:
    """One page of `items` by `cursor` and `limit` (1 to 1,000), and the next cursor; raises `invalid_cursor`."""
    limit = call.number("limit", default, 1, 1000)
    start = 0
    if cursor := call.get("cursor"):
        place = _uncursor(cursor)
        if not place.isdigit() or int(place) > len(items):
            raise SlackError("invalid_cursor")
        start = int(place)
    end = start + limit
    return items[start:end], _cursor(str(end)) if end < len(items) else ""


def _cursor(place: str) -> str:
    return base64.b64encode(f"next:{place}".encode()).decode()


def _uncursor(cursor: str) -> str:
    try:
        kind, _, place = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if kind != "next":
        raise SlackError("invalid_cursor")
    return place


def _members(call: Call) -> Json:
    channel = lookup.channel_with(call, "read")
    page, cursor = paged(call, list(channel.members), 100)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def _span(call: Call, order: list[str]) -> tuple[int, int]:
    """The index range of `order` (rising ts) that `oldest`, `latest` and `inclusive` leave."""
    oldest, latest = _ts(call, "oldest"), _ts(call, "latest")
    inclusive = call.flag("inclusive")
    low = (bisect_left if inclusive else bisect_right)(order, oldest) if oldest else 0
    high = (bisect_right if inclusive else bisect_left)(order, latest) if latest else len(order)
    return low, max(low, high)


def _ts(call: Call, name: str) -> str:
    value = call.get(name)
    if not value or value == "0":
        return ""
    if value == "now" and name == "latest":
        return ""
    if not _TS.fullmatch(value):
        raise SlackError(f"invalid_ts_{name}")
    seconds, _, micros = value.partition(".")
    return f"{int(seconds):010d}.{micros:0<6}"


def _readable(call: Call) -> Channel:
    channel = lookup.channel_with(call, "history")
    if call.backend.ws.bot.user_id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _with_metadata(call: Call) -> bool:
    return call.flag("include_all_metadata") and "metadata.message:read" in call.scopes


def _history(call: Call) -> Json:
    channel = _readable(call)
    ws, with_metadata = call.backend.ws, _with_metadata(call)
    limit = call.number("limit", 100, 1, 999)
    low, high = _span(call, channel.timeline)
    if cursor := call.get("cursor"):
        high = min(high, bisect_left(channel.timeline, _uncursor(cursor)))
    start = max(low, high - limit)
    page = [channel.messages[ts] for ts in reversed(channel.timeline[start:high])]
    messages = [wire.history_json(ws, channel, message, with_metadata=with_metadata) for message in page]
    more = start > low
    body: Json = {"messages": messages, "has_more": more, "pin_count": 0}
    if more:
        body["response_metadata"] = {"next_cursor": _cursor(channel.timeline[start])}
    return body


def _replies(call: Call) -> Json:
    channel = _readable(call)
    ws, with_metadata = call.backend.ws, _with_metadata(call)
    root = channel.messages.get(call.want("ts"))
    if root is None:
        raise SlackError("thread_not_found")
    limit = call.number("limit", 1000, 1, 1000)
    low, high = _span(call, root.replies)
    if cursor := call.get("cursor"):
        low = max(low, bisect_left(root.replies, _uncursor(cursor)))
    # The root comes first on every page and counts as one of its messages.
    end = min(high, low + max(1, limit - 1))
    page = [root, *(channel.messages[ts] for ts in root.replies[low:end])]
    messages = [wire.history_json(ws, channel, message, with_metadata=with_metadata) for message in page]
    cursor = _cursor(root.replies[end]) if end < high else ""
    return {"messages": messages, "has_more": end < high, "response_metadata": {"next_cursor": cursor}}


def _open(call: Call) -> Json:
    ws = call.backend.ws
    if known := call.get("channel"):
        channel = ws.channels.get(known)
        if channel is None:
            raise SlackError("channel_not_found")
        return {"channel": {"id": channel.id}, "no_op": True, "already_open": True}
    users = [user.strip() for user in (call.get("users") or "").split(",") if user.strip()]
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > 8:
        raise SlackError("too_many_users")
    call.need("im:write" if len(users) == 1 else "mpim:write")
    for user in users:
        if user not in ws.people:
            raise SlackError("user_not_found")
        if ws.people[user].deleted:
            raise SlackError("user_disabled")
    if not call.backend.config.messages_tab_enabled:
        raise SlackError("messages_tab_disabled")
    channel, known_already = ws.open_dm(users)
    if known_already:
        return {"channel": {"id": channel.id}, "no_op": True, "already_open": True}
    return {"channel": {"id": channel.id}}


def _join(call: Call) -> Json:
    ws = call.backend.ws
    channel = lookup.channel(call)
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    body: Json = {}
    if ws.bot.user_id in channel.members:
        call.warnings.append("already_in_channel")
    else:
        call.backend.activity.join(channel, ws.bot.user_id)
    return body | {"channel": wire.channel_json(ws, channel)}


def _invite(call: Call) -> Json:
    ws = call.backend.ws
    channel = lookup.channel(call)
    if channel.kind not in ("channel", "group"):
        raise SlackError("method_not_supported_for_channel_type")
    wide = "channels:manage" if channel.kind == "channel" else "groups:write"
    call.need(wide, f"{lookup.FAMILY[channel.kind]}:write.invites")
    if ws.bot.user_id not in channel.members:
        raise SlackError("not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")
    users = [user.strip() for user in call.want("users").split(",")]
    for user in users:
        if user == ws.bot.user_id:
            raise SlackError("cant_invite_self")
        if user not in ws.people:
            raise SlackError("user_not_found")
        if user in channel.members:
            raise SlackError("already_in_channel")
    for user in users:
        call.backend.activity.join(channel, user, ws.bot.user_id)
    return {"channel": wire.channel_json(ws, channel)}


_INVITES = ("channels:manage", "groups:write", "channels:write.invites", "groups:write.invites")
METHODS = (
    Method("conversations.info", _info, 3, lookup.any_of("read"), takes_json=False),
    Method("conversations.list", _list, 2, lookup.any_of("read"), takes_json=False),
    Method("conversations.members", _members, 4, lookup.any_of("read"), takes_json=False),
    Method("conversations.history", _history, 3, lookup.any_of("history")),
    Method("conversations.replies", _replies, 3, lookup.any_of("history"), takes_json=False),
    Method("conversations.open", _open, 3, ("im:write", "mpim:write")),
    Method("conversations.join", _join, 3, ("channels:join",)),
    Method("conversations.invite", _invite, 3, _INVITES),
)
"""The family's methods."""
