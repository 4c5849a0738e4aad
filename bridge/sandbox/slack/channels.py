"""The handle of a channel: what is in it, and what an administrator does to it."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sandbox.slack import wire
from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.state import Bot, Channel, Message

TIMEOUT_S = 5.0


class ChannelHandle:
    """One channel (or direct message) of the workspace."""

    def __init__(self, backend: Backend, channel: Channel) -> None:
        """Take the workspace and the channel."""
        self._backend = backend
        self._channel = channel

    @property
    def id(self) -> str:
        """Its current id."""
        return self._channel.id

    @property
    def messages(self) -> list[Message]:
        """The messages outside threads (and replies also sent to the channel), oldest first."""
        return [self._channel.messages[ts] for ts in self._channel.timeline]

    @property
    def members(self) -> list[str]:
        """User ids, the bot's too when it is in."""
        return list(self._channel.members)

    def message(self, ts: str) -> Message | None:
        """One message by its ts."""
        return self._channel.messages.get(ts)

    def thread(self, ts: str) -> list[Message]:
        """A root and its replies, oldest first; empty when there is no such message."""
        root = self._channel.messages.get(ts)
        if root is None:
            return []
        return [root, *(self._channel.messages[reply] for reply in root.replies)]

    def status(self, thread_ts: str) -> str:
        """The status line shown under a thread; empty without one."""
        return self._backend.activity.status(self._channel, thread_ts)

    def everything(self) -> list[Message]:
        """All messages, replies too, in order of ts."""
        return list(self._channel.messages.values())

    async def expects(self, wanted: str | Callable[[Message], bool], timeout_s: float = TIMEOUT_S) -> Message:
        """The newest message (replies too) that holds a text or fulfils a predicate, now or within `timeout_s`.

        Raises TimeoutError with what was there instead.
        """

        def matches(message: Message) -> bool:
            if callable(wanted):
                return wanted(message)
            return wanted in text_of(message)

        def look() -> Message | None:
            return next((m for m in reversed(self._channel.messages.values()) if matches(m)), None)

        try:
            return await self._backend.feed.until(look, timeout_s)
        except TimeoutError:
            seen = [text_of(message)[:120] for message in self.everything()[-8:]]
            raise TimeoutError(f"no such message in #{self._channel.name}; the last are {seen}") from None

    def archive(self, by: str | None = None) -> None:
        """Archive the channel."""
        self._backend.activity.archive(self._channel, self._somebody(by))

    def unarchive(self, by: str | None = None) -> None:
        """Bring it back."""
        self._backend.activity.unarchive(self._channel, self._somebody(by))

    def change_id(self, new_id: str) -> None:
        """Convert it: it goes on under another id."""
        self._backend.activity.change_id(self._channel, new_id)

    def delete(self, ts: str) -> None:
        """Delete any message, as an administrator can; raises `SlackError("message_not_found")`."""
        self._backend.activity.delete(self._channel, self._channel.get(ts))

    def kick(self, user: str | None = None) -> None:
        """Remove a person, or without a name the bot."""
        self._backend.activity.leave(self._channel, self._who(user))

    def invite(self, user: str | None = None, by: str | None = None) -> None:
        """Add a person, or without a name the bot."""
        self._backend.activity.join(self._channel, self._who(user), self._somebody(by))

    def unfurl(self, ts: str, url: str) -> None:
        """Attach a link preview to a message, as Slack does on its own: a change that is no edit."""
        self._backend.activity.unfurl(self._channel, self._channel.get(ts), url)

    def other_bot_posts(self, text: str, thread_ts: str | None = None, name: str = "ci") -> str:
        """Another app writes; returns the ts."""
        bot = Bot("U0OTHERB01", "B0OTHER001", "A0OTHER001", name)
        ts = self._backend.activity.new_ts(self._channel)
        message = Message(ts, text, user=bot.user_id, bot=bot, thread_ts=thread_ts)
        return self._backend.activity.post(self._channel, message).ts

    def as_json(self, ts: str) -> Json:
        """A message as `conversations.history` would show it, metadata included."""
        message = self._channel.get(ts)
        return wire.history_json(self._backend.ws, self._channel, message, with_metadata=True)

    def _who(self, user: str | None) -> str:
        ws = self._backend.ws
        return ws.bot.user_id if user is None else ws.person_id(user)

    def _somebody(self, by: str | None) -> str:
        ws = self._backend.ws
        if by is not None:
            return ws.person_id(by)
        return next((m for m in self._channel.members if m in ws.people), "")


def text_of(message: Message) -> str:
    """All the words of a message: its text and the texts inside its blocks, one per line."""
    lines = [message.text]
    _collect(message.blocks or [], lines)
    return "\n".join(dict.fromkeys(line for line in lines if line))


def _collect(node: JsonValue, lines: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _collect(item, lines)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "text" and isinstance(value, str):
                lines.append(value)
            elif isinstance(value, dict | list):
                _collect(value, lines)
