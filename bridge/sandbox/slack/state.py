"""The workspace: people, channels, messages, threads, reactions, and what only one person sees."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bridge.sandbox.slack.config import ChannelConfig, PersonConfig, SlackConfig
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json

CREATED = 1_749_990_000
"""When everything in the workspace was made, Unix seconds."""


@dataclass(slots=True)
class Bot:
    """The author of an app's post."""

    user_id: str
    bot_id: str
    app_id: str
    name: str


@dataclass(slots=True)
class Message:
    """One message of a channel. `thread_ts` is set on replies only; `replies` holds their ts, in order."""

    ts: str
    text: str
    user: str | None = None
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    thread_ts: str | None = None
    subtype: str | None = None
    client_msg_id: str | None = None
    bot: Bot | None = None
    username: str | None = None
    icons: Json | None = None
    metadata: Json | None = None
    edited: Json | None = None
    inviter: str | None = None
    replies: list[str] = field(default_factory=list)
    repliers: dict[str, int] = field(default_factory=dict)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    pings: set[str] = field(default_factory=set)
    files: list[Json] = field(default_factory=list)

    @property
    def author(self) -> str:
        """The user id this message counts for in threads (a bot's own user for its posts)."""
        return self.bot.user_id if self.bot else self.user or ""


@dataclass(slots=True)
class Ephemeral:
    """A message that one person sees; `visible` is False where a client would show it nowhere."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] | None
    thread_ts: str | None
    visible: bool
    pings: set[str] = field(default_factory=set)
    attachments: list[Json] | None = None

    def as_json(self) -> Json:
        """What the control API shows."""
        keys = ("ts", "channel", "user", "text", "blocks", "attachments", "thread_ts", "visible")
        return {key: getattr(self, key) for key in keys} | {"pings": sorted(self.pings)}


@dataclass
class Channel:
    """A conversation in Slack's sense: public or private channel, or a direct message."""

    id: str
    name: str
    kind: str
    members: dict[str, None] = field(default_factory=dict)
    archived: bool = False
    topic: str = ""
    messages: dict[str, Message] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    statuses: dict[str, tuple[str, float]] = field(default_factory=dict)
    _last_us: int = 0

    @property
    def private(self) -> bool:
        """Whether only members see it."""
        return self.kind != "channel"

    def next_ts(self, now: float) -> str:
        """A new `ts`, above every earlier one of this channel: `seconds.micros`, fixed width."""
        self._last_us = max(int(now * 1_000_000), self._last_us + 1)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def add(self, message: Message, *, broadcast: bool = False) -> None:
        """Store a message under its thread or in the channel's timeline (or both, when broadcast)."""
        self.messages[message.ts] = message
        if message.thread_ts:
            root = self.messages[message.thread_ts]
            insort(root.replies, message.ts)
            root.repliers[message.author] = root.repliers.get(message.author, 0) + 1
        if not message.thread_ts or broadcast:
            insort(self.timeline, message.ts)

    def drop(self, message: Message) -> None:
        """Forget a message that has no replies."""
        del self.messages[message.ts]
        _discard(self.timeline, message.ts)
        root = self.messages.get(message.thread_ts) if message.thread_ts else None
        if root:
            _discard(root.replies, message.ts)
            left = root.repliers.get(message.author, 0) - 1
            if left > 0:
                root.repliers[message.author] = left
            else:
                root.repliers.pop(message.author, None)
            if root.subtype == "tombstone" and not root.replies:
                # A tombstone only holds its thread together.
                self.drop(root)

    def get(self, ts: str, error: str = "message_not_found") -> Message:
        """The living message at `ts`; raises `SlackError(error)`."""
        message = self.messages.get(ts)
        if message is None or message.subtype == "tombstone":
            raise SlackError(error)
        return message


def _discard(ordered: list[str], ts: str) -> None:
    at = bisect_left(ordered, ts)
    if at < len(ordered) and ordered[at] == ts:
        ordered.pop(at)


@dataclass
class Workspace:
    """All that can be looked up by id or by name; built from the configuration."""

    config: SlackConfig
    now: Callable[[], float]
    people: dict[str, PersonConfig] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    usergroups: dict[str, list[str]] = field(default_factory=dict)
    usergroup_updated: dict[str, int] = field(default_factory=dict)
    ephemerals: dict[str, dict[tuple[str, str], Ephemeral]] = field(default_factory=dict)
    refusal: str = ""
    _by_name: dict[str, str] = field(default_factory=dict)
    _channel_names: dict[str, str] = field(default_factory=dict)
    _dms: dict[frozenset[str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill the indexes from the configuration."""
        for person in self.config.people:
            self.people[person.id] = person
            self._by_name[person.name] = person.id
        for channel in self.config.channels:
            self._add_channel(channel)
        for group in self.config.usergroups:
            self.usergroups[group.id] = [self.person_id(name) for name in group.members]
            self.usergroup_updated[group.id] = CREATED
        self.bot = Bot(self.config.bot_user_id, self.config.bot_id, self.config.app_id, self.config.app_name)

    def _add_channel(self, channel: ChannelConfig) -> None:
        members = [self.person_id(name) for name in channel.members]
        if channel.bot_member:
            members.append(self.config.bot_user_id)
        kind = "group" if channel.private else "channel"
        self.channels[channel.id] = Channel(
            channel.id, channel.name, kind, dict.fromkeys(members), channel.archived, channel.topic
        )
        self._channel_names[channel.name] = channel.id

    @property
    def installed(self) -> bool:
        """Whether the app is in the workspace and its token alive; `refusal` is what the API says when not."""
        return not self.refusal

    def person_id(self, name: str) -> str:
        """The user id of a person given by id or name; raises KeyError naming it."""
        found = name if name in self.people else self._by_name.get(name.removeprefix("@"))
        if found is None:
            raise KeyError(f"no person {name!r} in the workspace")
        return found

    def channel_for(self, name: str) -> Channel:
        """A channel by id, name or #name; raises KeyError naming it."""
        found = self.channels.get(name) or self.channels.get(
            self._channel_names.get(name.removeprefix("#"), "")
        )
        if found is None:
            raise KeyError(f"no channel {name!r} in the workspace")
        return found

    def rename_id(self, channel: Channel, new_id: str) -> str:
        """Give a channel another id (conversion); returns the old one."""
        old = channel.id
        del self.channels[old]
        channel.id = new_id
        self.channels[new_id] = channel
        self._channel_names[channel.name] = new_id
        return old

    def open_dm(self, users: list[str]) -> tuple[Channel, bool]:
        """The direct (or group direct) message of the bot with `users`, and whether it was there already."""
        key = frozenset([*users, self.bot.user_id])
        known = self._dms.get(key)
        if known:
            return self.channels[known], True
        number = len(self._dms) + 1
        kind = "im" if len(users) == 1 else "mpim"
        prefix = "D0" if kind == "im" else "G0"
        channel_id = f"{prefix}{number:04d}" + users[0][-4:]
        channel = Channel(channel_id, "directmessage" if kind == "im" else f"mpdm-{number}", kind)
        channel.members = dict.fromkeys([*users, self.bot.user_id])
        self.channels[channel_id] = channel
        self._dms[key] = channel_id
        return channel, False

    def keep_ephemeral(self, item: Ephemeral) -> None:
        """Show (or replace) an ephemeral message to its person."""
        self.ephemerals.setdefault(item.user, {})[(item.channel, item.ts)] = item

    def ephemerals_of(self, user: str) -> Iterator[Ephemeral]:
        """What has been shown to one person alone, oldest first."""
        yield from self.ephemerals.get(user, {}).values()

    def user_exists(self, user: str) -> bool:
        """Whether the id is a person of the workspace or the app's own bot user."""
        return user in self.people or user == self.bot.user_id
