"""The Slack app that we need, as an app manifest (Slack: app manifests)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from bridge import commands
from bridge.adapters.slack.composing import NEW
from bridge.adapters.slack.interactions import COMMANDS, REPLY, SHORTCUT

Mode = Literal["socket", "http"]

METHOD_SCOPES: Mapping[str, tuple[str, ...]] = {
    "apps.connections.open": (),  # the app-level token's connections:write, which no manifest can ask for
    "assistant.threads.setStatus": ("chat:write",),
    "auth.test": (),
    "chat.delete": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write", "chat:write.customize"),
    "chat.update": ("chat:write",),
    "conversations.history": ("channels:history", "groups:history", "im:history", "metadata.message:read"),
    "conversations.info": ("channels:read", "groups:read"),
    "conversations.members": ("channels:read", "groups:read"),
    "conversations.open": ("im:write",),
    "conversations.replies": ("channels:history", "groups:history", "metadata.message:read"),
    "files.completeUploadExternal": ("files:write", "chat:write.customize"),
    "files.delete": ("files:write",),
    "files.getUploadURLExternal": ("files:write",),
    "files.info": ("files:read",),
    "reactions.add": ("reactions:write",),
    "reactions.remove": ("reactions:write",),
    "usergroups.users.list": ("usergroups:read",),
    "users.info": ("users:read",),
    "users.lookupByEmail": ("users:read", "users:read.email"),
    "views.open": (),
    "views.update": (),
}
"""Every Web API method that we call, and the bot scopes it needs."""

EVENT_SCOPES: Mapping[str, tuple[str, ...]] = {
    "app_home_opened": (),
    "app_mention": ("app_mentions:read",),
    "app_uninstalled": (),
    "channel_archive": ("channels:read",),
    "channel_deleted": ("channels:read",),
    "channel_id_changed": ("channels:read",),
    "channel_left": ("channels:read",),
    "group_archive": ("groups:read",),
    "group_deleted": ("groups:read",),
    "group_left": ("groups:read",),
    "member_joined_channel": ("channels:read", "groups:read"),
    "member_left_channel": ("channels:read", "groups:read"),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
    "reaction_added": ("reactions:read",),
    "reaction_removed": ("reactions:read",),
    "subteam_members_changed": ("usergroups:read",),
    "tokens_revoked": (),
}
"""Every event that we subscribe to, and the bot scopes it needs."""

_ABOUT = (
    "Carries customers' WhatsApp conversations into threads of your channels, and your team's answers back. Each "
    "conversation is one thread: its first message shows the state and has the buttons; answers written in it go "
    "to the customer, notes stay inside."
)


def scopes() -> tuple[str, ...]:
    """The bot scopes that methods, events and commands need, sorted."""
    needed = {"commands"}
    for table in (METHOD_SCOPES, EVENT_SCOPES):
        needed.update(scope for wanted in table.values() for scope in wanted)
    return tuple(sorted(needed))


def manifest(mode: Mode, base_url: str | None = None) -> dict[str, Any]:
    """The manifest for Socket Mode, or for signed requests to `base_url` (https, without a path).

    Raises `ValueError` when `mode` is `http` and there is no https address.
    """
    if mode == "http" and not (base_url or "").startswith("https://"):
        raise ValueError("Slack sends requests to an https address only, e.g. https://bridge.example.com")
    url = f"{(base_url or '').rstrip('/')}/webhooks/slack" if mode == "http" else None
    to_us = {"url": url} if url else {}
    request = {"request_url": url} if url else {}
    return {
        "display_information": {
            "name": "Threadline",
            "description": "Answer WhatsApp customers from Slack threads",
            "long_description": _ABOUT,
            "background_color": "#0b3d2e",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "threadline", "always_online": True},
            "slash_commands": [_command(name) | to_us for name in COMMANDS],
            "shortcuts": [
                {
                    "name": "Conversation details",
                    "type": "message",
                    "callback_id": SHORTCUT,
                    "description": "Show the customer and the conversation",
                },
                {
                    "name": "Reply to this",
                    "type": "message",
                    "callback_id": REPLY,
                    "description": "Answer the customer with a quote of this message",
                },
                {
                    "name": "New conversation",
                    "type": "global",
                    "callback_id": NEW,
                    "description": "Write to a customer first, with a template",
                },
            ],
        },
        "oauth_config": {"scopes": {"bot": list(scopes())}},
        "settings": {
            "event_subscriptions": request | {"bot_events": sorted(EVENT_SCOPES)},
            "interactivity": {"is_enabled": True}
            | request
            | ({"message_menu_options_url": url} if url else {}),
            "org_deploy_enabled": False,
            "socket_mode_enabled": mode == "socket",
            "token_rotation_enabled": False,
        },
    }


def _command(slash: str) -> dict[str, Any]:
    row = commands.for_slash(slash)
    about = row.help if row is not None else "Do anything with a conversation, or get help."
    example = row.example.partition(" ")[2] if row is not None else "assign @Ben"
    return {
        "command": slash,
        "description": about,
        "usage_hint": f"#1042 {example}",
        # Slack: with it mentions arrive as ids, without it as bare names that cannot be resolved.
        "should_escape": True,
    }
