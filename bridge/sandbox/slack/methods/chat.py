"""chat.*: posting, changing, deleting, showing to one person."""

from __future__ import annotations

from bridge.sandbox.slack import wire
from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.content import read_content, read_metadata
from bridge.sandbox.slack.errors import SlackError, invalid_arguments
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import lookup
from bridge.sandbox.slack.state import Channel, Ephemeral, Message

_IDENTITY = ("username", "icon_url", "icon_emoji")


def _post_message(call: Call) -> Json:
    backend = call.backend
    channel = lookup.target(call)
    who = identity(call)
    content = read_content(call)
    metadata = read_metadata(call) or None
    parent = root(channel, call.get("thread_ts"))
    broadcast = parent is not None and call.flag("reply_broadcast")
    if broadcast:
        # Slack drops a customised name when a reply is also sent to the channel.
        who = {}
    message = Message(
        ts=backend.activity.new_ts(channel),
        text=content.text or "",
        user=backend.ws.bot.user_id,
        blocks=content.blocks,
        attachments=content.attachments,
        thread_ts=parent.ts if parent else None,
        subtype="thread_broadcast" if broadcast else None,
        bot=backend.ws.bot,
        username=who.get("username"),
        icons=icons(who),
        metadata=metadata,
    )
    # Only a plain false for both keeps Slack from fetching links.
    quiet = all(call.get(name) in ("false", "0", "False") for name in ("unfurl_links", "unfurl_media"))
    backend.activity.post(channel, message, broadcast=broadcast, parse=content.parse, unfurl=not quiet)
    body = wire.message_json(backend.ws, channel, message)
    if metadata:
        body["metadata"] = metadata
    return {"channel": channel.id, "ts": message.ts, "message": body}


def identity(call: Call) -> dict[str, str]:
    """The name and picture that a post is to have; raises `missing_scope`."""
    given = {name: value for name in _IDENTITY if (value := call.get(name))}
    if given:
        call.need("chat:write.customize")
        given.setdefault("username", call.backend.ws.bot.name)
    return given


def icons(who: dict[str, str]) -> Json | None:
    """The picture of a post under another name, as messages carry it."""
    if emoji := who.get("icon_emoji"):
        return {"emoji": emoji}
    if url := who.get("icon_url"):
        return {"image_48": url}
    return None


def root(channel: Channel, thread_ts: str | None) -> Message | None:
    """The message that `thread_ts` names; raises `thread_not_found`, `cannot_reply_to_message`."""
    if not thread_ts:
        return None
    parent = channel.messages.get(thread_ts)
    if parent is None:
        raise SlackError("thread_not_found")
    if parent.thread_ts or parent.subtype not in (None, "tombstone"):
        raise SlackError("cannot_reply_to_message")
    return parent


def _own_message(call: Call, refusal: str) -> tuple[Channel, Message]:
    channel = lookup.channel(call)
    message = channel.get(call.want("ts"))
    if message.bot is None or message.bot.bot_id != call.backend.ws.bot.bot_id:
        raise SlackError(refusal)
    return channel, message


def _update(call: Call) -> Json:
    backend = call.backend
    if any(call.get(name) for name in _IDENTITY):
        raise invalid_arguments("[ERROR] username and icon_* cannot be changed")
    channel, message = _own_message(call, "cant_update_message")
    if channel.archived:
        raise SlackError("is_inactive")
    content = read_content(call, updating=True)
    metadata = read_metadata(call)
    changes: Json = {"text": content.text if content.text is not None else message.text}
    if content.blocks is not None:
        changes["blocks"] = content.blocks
    if content.attachments is not None:
        changes["attachments"] = content.attachments
    if metadata is not None:
        changes["metadata"] = metadata or None
    backend.activity.edit(channel, message, changes, backend.ws.bot.user_id, parse=content.parse)
    body = wire.message_json(backend.ws, channel, message)
    if message.metadata:
        body["metadata"] = message.metadata
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": body}


def _delete(call: Call) -> Json:
    channel, message = _own_message(call, "cant_delete_message")
    call.backend.activity.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def _post_ephemeral(call: Call) -> Json:
    ws = call.backend.ws
    channel = lookup.target(call)
    if ws.bot.user_id not in channel.members:
        raise SlackError("not_in_channel")
    user = call.want("user")
    if user not in channel.members or user == ws.bot.user_id:
        raise SlackError("user_not_in_channel")
    if call.get("metadata"):
        raise invalid_arguments("[ERROR] metadata is not allowed on ephemeral messages")
    identity(call)
    content = read_content(call)
    thread_ts = call.get("thread_ts")
    parent = root(channel, thread_ts)
    item = Ephemeral(
        ts=call.backend.activity.new_ts(channel),
        channel=channel.id,
        user=user,
        text=content.text or "",
        blocks=content.blocks,
        thread_ts=thread_ts,
        visible=parent is None or bool(parent.replies),
        pings=call.backend.activity.causes(content.text or "", content.blocks, content.attachments),
        attachments=content.attachments,
    )
    ws.keep_ephemeral(item)
    call.backend.feed.publish("slack.ephemeral", **item.as_json())
    return {"message_ts": item.ts}


def _permalink(call: Call) -> Json:
    channel = lookup.channel(call)
    message = channel.get(call.want("message_ts"))
    place = f"{channel.id}/p{message.ts.replace('.', '')}"
    link = f"https://{call.backend.config.team_domain}.slack.example.com/archives/{place}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


METHODS = (
    Method("chat.postMessage", _post_message, 5, ("chat:write",), paced=True),
    Method("chat.update", _update, 3, ("chat:write",)),
    Method("chat.delete", _delete, 3, ("chat:write",)),
    Method("chat.postEphemeral", _post_ephemeral, 4, ("chat:write",)),
    Method("chat.getPermalink", _permalink, 5, takes_json=False),
)
"""The family's methods."""
