"""The handle of a person: what somebody does in a Slack client, and what that somebody sees."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence

from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.channels import TIMEOUT_S, ChannelHandle
from bridge.sandbox.slack.emoji import is_reaction_name
from bridge.sandbox.slack.errors import RefusedError, SlackError
from bridge.sandbox.slack.files import Attached, File
from bridge.sandbox.slack.interactivity import Interactivity
from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.modals import Modals
from bridge.sandbox.slack.state import Channel, Ephemeral, Message
from bridge.sandbox.slack.views import View

_COMMAND = re.compile(r"(/[a-z][\w-]*)(?:\s+(.*))?", re.DOTALL)


class Person:
    """One human.

    Acts that their Slack client would not let through raise `RefusedError` with the client's words;
    interactions answer `{"ok": …, "error"?: …}` with what the person would see.
    """

    def __init__(self, backend: Backend, interactivity: Interactivity, user_id: str) -> None:
        """Take the workspace and who this is."""
        self._backend = backend
        self._interactivity = interactivity
        self._modals = Modals(backend, interactivity)
        self.id = user_id

    @property
    def name(self) -> str:
        """The handle."""
        return self._backend.ws.people[self.id].name

    def _channel(self, name: str) -> Channel:
        channel = self._backend.ws.channel_for(name)
        if self.id not in channel.members:
            raise RefusedError(f"{self.name} is not in #{channel.name}")
        return channel

    # Writing

    async def posts(self, channel: str, text: str, *, blocks: list[Json] | None = None) -> str:
        """Write in a channel; returns the ts.

        A text that starts with a slash is a command to a client: `RefusedError` here, use `slash`. `blocks` replaces what the client makes of the text.
        """
        return self._write(self._channel(channel), text, None, blocks=blocks)

    async def replies(
        self,
        channel: str,
        thread_ts: str,
        text: str,
        *,
        broadcast: bool = False,
        blocks: list[Json] | None = None,
    ) -> str:
        """Write in a thread, with `broadcast` also to the channel; returns the ts."""
        return self._write(self._channel(channel), text, thread_ts, broadcast=broadcast, blocks=blocks)

    async def attaches(
        self, channel: str, thread_ts: str | None, files: Sequence[Attached], text: str = ""
    ) -> str:
        """Write with files attached, in a channel or thread; returns the ts. Slack: subtype `file_share`."""
        made = [self._backend.files.attached(self.id, one) for one in files]
        return self._write(self._channel(channel), text, thread_ts, files=made)

    def brings(self, file: Attached) -> str:
        """Choose a file in the client, as yet unseen by others; its id."""
        return self._backend.files.attached(self.id, file).id

    async def shares(self, channel: str, thread_ts: str | None, ids: Sequence[str], text: str = "") -> str:
        """Write with files that were brought before; returns the ts."""
        found = [self._backend.files.get(one) for one in ids]
        files = [one for one in found if one is not None and one.user == self.id and not one.shares]
        if len(files) != len(ids):
            raise RefusedError("the file is not there any more")
        return self._write(self._channel(channel), text, thread_ts, files=files)

    async def writes_bot(self, text: str) -> str:
        """Write to the bot in a direct message; returns the ts."""
        if not self._backend.config.messages_tab_enabled:
            raise RefusedError("sending messages to this app has been turned off")
        channel, _ = self._backend.ws.open_dm([self.id])
        return self._write(channel, text, None)

    def _write(
        self,
        channel: Channel,
        text: str,
        thread_ts: str | None,
        *,
        broadcast: bool = False,
        blocks: list[Json] | None = None,
        files: Sequence[File] = (),
    ) -> str:
        if channel.archived:
            raise RefusedError(f"#{channel.name} is archived")
        if command := _COMMAND.fullmatch(text):
            where = " is not supported in threads. Sorry!" if thread_ts else " is a command, not a message"
            raise RefusedError(f"{command[1]}{where}")
        root = channel.messages.get(thread_ts) if thread_ts else None
        if thread_ts and (root is None or root.thread_ts):
            raise RefusedError("there is no such thread")
        words, made = self._backend.composer.compose(text)
        if not words and not files:
            raise RefusedError("there is nothing to send")
        message = Message(
            ts=self._backend.activity.new_ts(channel),
            text=words,
            user=self.id,
            blocks=blocks or made,
            thread_ts=thread_ts,
            subtype="thread_broadcast" if broadcast else "file_share" if files else None,
            client_msg_id=str(uuid.uuid4()),
        )
        if files:
            message.blocks = message.blocks if words else []
            message.files = self._backend.files.shown(files, channel, message)
        self._backend.activity.post(channel, message, broadcast=broadcast, unfurl=True)
        return message.ts

    def _own(self, channel: Channel, ts: str) -> Message:
        message = channel.messages.get(ts)
        if message is None or message.subtype == "tombstone":
            raise RefusedError("there is no such message")
        if message.user != self.id or message.bot:
            raise RefusedError("this message is somebody else's")
        return message

    async def edits(self, channel: str, ts: str, text: str) -> None:
        """Change an own message."""
        place = self._channel(channel)
        message = self._own(place, ts)
        words, blocks = self._backend.composer.compose(text)
        if not words:
            raise RefusedError("there is nothing to send")
        self._backend.activity.edit(place, message, {"text": words, "blocks": blocks}, self.id)

    async def deletes(self, channel: str, ts: str) -> None:
        """Delete an own message; admins and owners delete anybody's."""
        place = self._channel(channel)
        if self._backend.ws.people[self.id].role in ("admin", "owner"):
            try:
                message = place.get(ts)
            except SlackError:
                raise RefusedError("there is no such message") from None
        else:
            message = self._own(place, ts)
        self._backend.activity.delete(place, message)

    async def reacts(self, channel: str, ts: str, name: str) -> None:
        """Add a reaction by Slack's name (`+1`, `+1::skin-tone-3`)."""
        self._react(channel, ts, name, self._backend.activity.react)

    async def unreacts(self, channel: str, ts: str, name: str) -> None:
        """Take an own reaction back."""
        self._react(channel, ts, name, self._backend.activity.unreact)

    def _react(
        self, channel: str, ts: str, name: str, do: Callable[[Channel, Message, str, str], None]
    ) -> None:
        place, name = self._channel(channel), name.strip(":")
        if not is_reaction_name(name, self._backend.config.custom_emoji):
            raise RefusedError(f"there is no emoji :{name}:")
        try:
            do(place, place.get(ts), self.id, name)
        except SlackError as error:
            raise RefusedError(error.error) from None

    # Interacting

    async def presses(self, channel: str, ts: str, action_id: str, value: str | None = None) -> Json:
        """Press a button on a message or on an ephemeral message; `value` picks one of several."""
        place = self._channel(channel)
        return await self._interactivity.act(self.id, action_id, value, channel=place, ts=ts)

    async def selects(
        self, channel: str, ts: str, action_id: str, value: JsonValue, *, block_id: str | None = None
    ) -> Json:
        """Choose in a select, overflow, picker or choice group.

        `value` is an option's `value`, a person's or channel's name, or a date; a list for multi selects and
        checkboxes.
        """
        place = self._channel(channel)
        return await self._interactivity.act(
            self.id, action_id, value, channel=place, ts=ts, block_id=block_id
        )

    async def acts(
        self, view_id: str, action_id: str, value: JsonValue = None, *, block_id: str | None = None
    ) -> Json:
        """Press or choose inside a modal or on the Home tab."""
        return await self._interactivity.act(self.id, action_id, value, view_id=view_id, block_id=block_id)

    async def searches(
        self,
        action_id: str,
        query: str,
        *,
        view_id: str | None = None,
        channel: str | None = None,
        ts: str | None = None,
        block_id: str | None = None,
    ) -> Json:
        """Type into an external select; answers `{"ok": True, "options": […]}`."""
        place = self._channel(channel) if channel else None
        return await self._interactivity.suggest(
            self.id, action_id, query, channel=place, ts=ts, view_id=view_id, block_id=block_id
        )

    async def slash(self, command: str, text: str, channel: str, thread_ts: str | None = None) -> Json:
        """Run a slash command; in a thread the client refuses it and the app hears nothing."""
        place = self._channel(channel)
        return await self._interactivity.slash(self.id, command, text, place, thread_ts)

    async def shortcut(self, callback_id: str, channel: str | None = None, ts: str | None = None) -> Json:
        """Run a message shortcut (with channel and ts) or a global one (without)."""
        if channel is None or ts is None:
            return await self._interactivity.global_shortcut(self.id, callback_id)
        return await self._interactivity.message_shortcut(self.id, callback_id, self._channel(channel), ts)

    async def types(self, view_id: str, values: Json) -> None:
        """Fill in parts of a view without submitting it."""
        self._modals.fill(self.id, view_id, values)

    async def submits(self, view_id: str, values: Json | None = None) -> Json:
        """Fill in and submit a modal: `{action_id: value}`, or `{block_id: {action_id: value}}`."""
        return await self._modals.submit(self.id, view_id, values or {})

    async def closes(self, view_id: str, *, everything: bool = False) -> Json:
        """Dismiss a modal, or with `everything` the whole stack."""
        return await self._modals.close(self.id, view_id, everything=everything)

    async def opens_home(self, tab: str = "home") -> None:
        """Open the app's page (`home` or `messages`)."""
        ws = self._backend.ws
        channel, _ = ws.open_dm([self.id])
        inner = {"type": "app_home_opened", "user": self.id, "channel": channel.id, "tab": tab}
        self._backend.activity.emit(inner | {"event_ts": f"{self._backend.clock.now():.6f}"})

    # Seeing

    @property
    def ephemerals(self) -> list[Ephemeral]:
        """What only this person sees now, oldest first; what a client would show nowhere is left out."""
        return [item for item in self._backend.ws.ephemerals_of(self.id) if item.visible]

    @property
    def views(self) -> list[View]:
        """The open modals, the visible one last."""
        return self._backend.views.stack(self.id)

    @property
    def home(self) -> View | None:
        """The Home tab, once the app has published it."""
        return self._backend.views.home(self.id)

    @property
    def dms(self) -> list[Message]:
        """The direct messages with the bot, oldest first."""
        channel, _ = self._backend.ws.open_dm([self.id])
        return ChannelHandle(self._backend, channel).everything()

    @property
    def dm(self) -> ChannelHandle:
        """The direct message with the bot, as a channel."""
        return ChannelHandle(self._backend, self._backend.ws.open_dm([self.id])[0])

    @property
    def pings(self) -> list[Json]:
        """Every notification from a mention: `{channel, ts, causes}`, oldest first."""
        return self._backend.activity.pinged.get(self.id, [])

    async def expects_ephemeral(self, text: str, timeout_s: float = TIMEOUT_S) -> Ephemeral:
        """The newest ephemeral message holding a text (blocks included), now or within `timeout_s`."""

        def look() -> Ephemeral | None:
            found = [e for e in self.ephemerals if text in e.text or text in str(e.blocks or "")]
            return found[-1] if found else None

        return await self._backend.feed.until(look, timeout_s)

    async def expects_view(self, timeout_s: float = TIMEOUT_S, callback_id: str | None = None) -> View:
        """The visible modal (with a `callback_id`, if given), now or within `timeout_s`."""

        def look() -> View | None:
            top = self.views[-1] if self.views else None
            matches = top is not None and callback_id in (None, top.body.get("callback_id"))
            return top if matches else None

        return await self._backend.feed.until(look, timeout_s)
