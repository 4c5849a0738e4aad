"""What the pretended Slack workspace looks like before anybody does anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DEFAULT_SCOPES: tuple[str, ...] = (
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "commands",
    "emoji:read",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:read",
    "im:write",
    "metadata.message:read",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
)
"""Scopes of the bot token unless the configuration says otherwise."""

DEFAULT_BOT_EVENTS: tuple[str, ...] = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_id_changed",
    "channel_rename",
    "channel_unarchive",
    "group_archive",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
    "subteam_members_changed",
    "tokens_revoked",
    "user_change",
)
"""Event subscriptions of the app unless the configuration says otherwise."""

Role = Literal["member", "guest", "single_guest", "admin", "owner", "outsider"]
"""A person's standing; `guest` is restricted to some channels, `single_guest` to one, `outsider` comes from another
team by Slack Connect."""


@dataclass
class PersonConfig:
    """One human of the workspace; `name` is the handle used everywhere in tests and the control API."""

    id: str
    name: str
    real_name: str = ""
    role: Role = "member"
    display_name: str | None = None
    email: str = ""
    tz: str = "Europe/Madrid"
    tz_label: str = "Central European Time"
    tz_offset_s: int = 3600
    presence: Literal["active", "away"] = "active"
    deleted: bool = False


@dataclass
class ChannelConfig:
    """One channel; `members` are names of people, `bot_member` says whether the app was invited."""

    id: str
    name: str
    private: bool = False
    members: list[str] = field(default_factory=list)
    bot_member: bool = True
    archived: bool = False
    topic: str = ""


@dataclass
class UserGroupConfig:
    """One user group (Slack: subteam); `members` are names of people."""

    id: str
    handle: str
    name: str = ""
    members: list[str] = field(default_factory=list)


@dataclass
class SlashCommandConfig:
    """One slash command of the app; `url` matters in HTTP mode only (empty: the interactivity url)."""

    command: str
    url: str = ""
    should_escape: bool = True


@dataclass
class ShortcutConfig:
    """One shortcut of the app, on a message or global."""

    callback_id: str
    type: Literal["message", "global"] = "message"
    name: str = ""


def _people() -> list[PersonConfig]:
    return [
        PersonConfig("U0BEN00001", "ben", "Ben Agent", email="ben@example.com"),
        PersonConfig("U0CARLA001", "carla", "Carla Lead", email="carla@example.com"),
        PersonConfig("U0DANA0001", "dana", "Dana Admin", role="admin", email="dana@example.com"),
        PersonConfig("U0GIL00001", "gil", "Gil Guest", role="guest", email="gil@partner.example"),
    ]


def _channels() -> list[ChannelConfig]:
    everyone = ["ben", "carla", "dana"]
    return [
        ChannelConfig("C0SUPPORT1", "support", private=True, members=[*everyone, "gil"]),
        ChannelConfig("C0SALES001", "sales", private=True, members=["carla", "dana"]),
        ChannelConfig("C0GENERAL1", "general", members=everyone, bot_member=False),
    ]


def _usergroups() -> list[UserGroupConfig]:
    return [
        UserGroupConfig("S0AGENTS01", "agents", "Support agents", ["ben", "carla"]),
        UserGroupConfig("S0LEADS001", "leads", "Support leads", ["carla"]),
    ]


def _commands() -> list[SlashCommandConfig]:
    words = ("assign", "resolve", "tag", "note", "inbox", "search", "wa")
    return [SlashCommandConfig(f"/{word}") for word in words]


def _shortcuts() -> list[ShortcutConfig]:
    return [
        ShortcutConfig("conversation_details", "message", "Conversation details"),
        ShortcutConfig("reply_to_message", "message", "Reply to this"),
        ShortcutConfig("new_conversation", "global", "New conversation"),
    ]


@dataclass
class SlackConfig:
    """Workspace, app, tokens and how events reach the app.

    `mode` is `socket` (no url needed) or `http` (signed POSTs to `events_url`, `interactivity_url` and
    `options_url`; an empty one of the latter two falls back to the one before it). `ack_s` is how long the app may take to
    answer; where clocks run fast, a machine that does not is given more. `share_after_s` is how long after
    `files.completeUploadExternal` its message appears, give or take a half of it.
    """

    team_id: str = "T0TEAM0001"
    team_name: str = "Example Team"
    team_domain: str = "example-team"
    app_id: str = "A0APP00001"
    app_name: str = "threadline"
    bot_user_id: str = "U0BOT00001"
    bot_id: str = "B0BOT00001"
    bot_token: str = "xoxb-sandbox-bot"  # noqa: S105  # a made-up secret of a pretended platform
    app_token: str = "xapp-sandbox-app"  # noqa: S105  # made up too
    signing_secret: str = "sandbox-signing-secret"  # noqa: S105  # made up too
    verification_token: str = "sandbox-verification-token"  # noqa: S105  # made up too
    mode: Literal["socket", "http"] = "socket"
    events_url: str = ""
    interactivity_url: str = ""
    options_url: str = ""
    scopes: list[str] = field(default_factory=lambda: list(DEFAULT_SCOPES))
    app_scopes: list[str] = field(default_factory=lambda: ["connections:write"])
    bot_events: list[str] = field(default_factory=lambda: list(DEFAULT_BOT_EVENTS))
    people: list[PersonConfig] = field(default_factory=_people)
    channels: list[ChannelConfig] = field(default_factory=_channels)
    usergroups: list[UserGroupConfig] = field(default_factory=_usergroups)
    commands: list[SlashCommandConfig] = field(default_factory=_commands)
    shortcuts: list[ShortcutConfig] = field(default_factory=_shortcuts)
    custom_emoji: dict[str, str] = field(default_factory=dict)
    paid_plan: bool = True
    home_tab_enabled: bool = True
    messages_tab_enabled: bool = True
    rate_limits: bool = True
    socket_life_s: float = 18_060.0
    ack_s: float = 3.0
    share_after_s: float = 0.6
