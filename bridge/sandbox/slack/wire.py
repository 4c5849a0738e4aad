"""Slack's JSON for messages, people and channels."""

from __future__ import annotations

from bridge.sandbox.slack.config import PersonConfig
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.state import CREATED, Bot, Channel, Message, Workspace

OUTSIDE_TEAM = "T0OUTSIDE1"
"""The team that people with the role `outsider` belong to."""


def team_of(ws: Workspace, user_id: str) -> str:
    """The team that a person belongs to."""
    person = ws.people.get(user_id)
    return OUTSIDE_TEAM if person and person.role == "outsider" else ws.config.team_id


def bot_profile(bot: Bot, team_id: str) -> Json:
    """`bot_profile` of an app's post."""
    return {
        "id": bot.bot_id,
        "app_id": bot.app_id,
        "name": bot.name,
        "icons": {f"image_{n}": f"https://assets.example.com/b{n}.png" for n in (36, 48, 72)},
        "deleted": False,
        "updated": CREATED,
        "team_id": team_id,
    }


def message_json(ws: Workspace, channel: Channel, message: Message) -> Json:
    """A message as it travels inside events and answers, without thread counters, reactions or metadata."""
    if message.bot and message.username is not None:
        body = _customised(message, message.bot)
    elif message.bot:
        body = _app_post(ws, message, message.bot)
    else:
        body = _personal(ws, message)
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
        root = channel.messages[message.thread_ts]
        if message.subtype == "thread_broadcast":
            body["root"] = root_json(ws, channel, root)
        else:
            body["parent_user_id"] = root.author
    if message.files:
        body |= {"subtype": "file_share", "files": message.files, "upload": False, "display_as_bot": False}
    for key in ("blocks", "attachments", "edited"):
        value = getattr(message, key)
        if value:
            body[key] = value
    return body


def _customised(message: Message, bot: Bot) -> Json:
    body: Json = {"type": "message", "subtype": "bot_message", "ts": message.ts}
    body |= {"bot_id": bot.bot_id, "app_id": bot.app_id, "username": message.username}
    if message.icons:
        body["icons"] = message.icons
    body["text"] = message.text
    return body


def _app_post(ws: Workspace, message: Message, bot: Bot) -> Json:
    body: Json = {"user": bot.user_id, "type": "message", "ts": message.ts}
    body |= {"bot_id": bot.bot_id, "app_id": bot.app_id, "text": message.text}
    body |= {"team": ws.config.team_id, "bot_profile": bot_profile(bot, ws.config.team_id)}
    return body


def _personal(ws: Workspace, message: Message) -> Json:
    body: Json = {"user": message.user, "type": "message", "ts": message.ts}
    if message.subtype:
        body["subtype"] = message.subtype
    if message.client_msg_id:
        body["client_msg_id"] = message.client_msg_id
    body["text"] = message.text
    if message.inviter:
        body["inviter"] = message.inviter
    if message.subtype == "tombstone":
        body["hidden"] = True
    elif not message.subtype:
        body["team"] = ws.config.team_id
    person = ws.people.get(message.user or "")
    if person and person.role == "outsider" and message.client_msg_id:
        body |= _from_outside(person)
    return body


def _from_outside(person: PersonConfig) -> Json:
    """What a message by a person of another team (Slack Connect) carries in addition."""
    profile: Json = {"name": person.name, "real_name": person.real_name, "display_name": person.name}
    profile |= {"team": OUTSIDE_TEAM, "is_restricted": False, "is_ultra_restricted": False}
    return {
        "team": OUTSIDE_TEAM,
        "user_team": OUTSIDE_TEAM,
        "source_team": OUTSIDE_TEAM,
        "user_profile": profile,
    }


def thread_counters(message: Message) -> Json:
    """What a root with replies carries in addition; empty without replies."""
    if not message.replies:
        return {}
    return {
        "thread_ts": message.ts,
        "reply_count": len(message.replies),
        "reply_users_count": len(message.repliers),
        "latest_reply": message.replies[-1],
        "reply_users": list(message.repliers),
        "is_locked": False,
    }


def root_json(ws: Workspace, channel: Channel, message: Message) -> Json:
    """A message with its thread counters, as in `message_changed`, `root` and block actions."""
    return message_json(ws, channel, message) | thread_counters(message)


def history_json(ws: Workspace, channel: Channel, message: Message, *, with_metadata: bool) -> Json:
    """A message as `conversations.history` and `conversations.replies` return it."""
    body = root_json(ws, channel, message)
    if message.replies:
        body |= {"subscribed": True, "last_read": message.replies[-1]}
    if message.reactions:
        body["reactions"] = reactions_json(message)
    if with_metadata and message.metadata:
        body["metadata"] = message.metadata
    return body


def reactions_json(message: Message) -> list[Json]:
    """`reactions` of a message."""
    return [{"name": n, "users": list(u), "count": len(u)} for n, u in message.reactions.items()]


def user_json(ws: Workspace, person: PersonConfig, *, with_email: bool) -> Json:
    """A person as `users.info` returns it; the address only with the scope `users:read.email`."""
    real = person.real_name or person.name
    display = person.name if person.display_name is None else person.display_name
    first, _, last = real.partition(" ")
    profile: Json = {
        "title": "",
        "phone": "",
        "skype": "",
        "real_name": real,
        "real_name_normalized": real,
        "display_name": display,
        "display_name_normalized": display,
        "fields": None,
        "status_text": "",
        "status_emoji": "",
        "status_emoji_display_info": [],
        "status_expiration": 0,
        "avatar_hash": person.id.lower(),
        "first_name": first,
        "last_name": last,
        "image_48": f"https://assets.example.com/{person.name}48.png",
        "image_192": f"https://assets.example.com/{person.name}192.png",
        "status_text_canonical": "",
        "team": team_of(ws, person.id),
    }
    if with_email:
        profile["email"] = person.email
    return _account(ws, person.id, person.name, deleted=person.deleted) | {
        "team_id": team_of(ws, person.id),
        "real_name": real,
        "tz": person.tz,
        "tz_label": person.tz_label,
        "tz_offset": person.tz_offset_s,
        "profile": profile,
        "is_admin": person.role in ("admin", "owner"),
        "is_owner": person.role == "owner",
        "is_restricted": person.role in ("guest", "single_guest"),
        "is_ultra_restricted": person.role == "single_guest",
        "is_stranger": person.role == "outsider",
    }


def _account(ws: Workspace, user_id: str, name: str, *, deleted: bool) -> Json:
    return {
        "id": user_id,
        "team_id": ws.config.team_id,
        "name": name,
        "deleted": deleted,
        "color": "9f69e7",
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "updated": CREATED,
        "is_email_confirmed": True,
        "who_can_share_contact_card": "EVERYONE",
    }


def bot_user_json(ws: Workspace) -> Json:
    """The app's own bot user as `users.info` returns it."""
    name = ws.bot.name
    body = _account(ws, ws.bot.user_id, name, deleted=not ws.installed)
    profile = {"real_name": name, "display_name": "", "api_app_id": ws.bot.app_id, "bot_id": ws.bot.bot_id}
    return body | {"real_name": name, "is_bot": True, "tz": "America/Los_Angeles", "profile": profile}


def channel_json(ws: Workspace, channel: Channel, *, members: bool = False) -> Json:
    """A conversation as `conversations.info` returns it."""
    body: Json = {"id": channel.id, "created": CREATED, "is_archived": channel.archived}
    body |= {f"is_{kind}": channel.kind == kind for kind in ("channel", "group", "im", "mpim")}
    body |= {"is_private": channel.private, "is_shared": False, "is_ext_shared": False}
    body |= {"is_org_shared": False, "context_team_id": ws.config.team_id, "updated": CREATED * 1000}
    if channel.kind == "im":
        other = [m for m in channel.members if m != ws.bot.user_id]
        return body | {"user": other[0] if other else ws.bot.user_id, "is_open": True}
    body |= {"name": channel.name, "name_normalized": channel.name, "is_general": channel.name == "general"}
    body |= {"creator": "", "unlinked": 0, "is_member": ws.bot.user_id in channel.members}
    body["topic"] = {"value": channel.topic, "creator": "", "last_set": 0}
    body["purpose"] = {"value": "", "creator": "", "last_set": 0}
    if members:
        body["num_members"] = len(channel.members)
    return body


def channel_label(channel: Channel) -> str:
    """`channel_name` of payloads: Slack hides the name outside public channels."""
    if channel.kind == "channel":
        return channel.name
    return "directmessage" if channel.kind == "im" else "privategroup"
