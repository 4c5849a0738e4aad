"""Everything that changes the workspace, with the events the app gets for it."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sandbox.feed import Feed
from bridge.sandbox.slack import mrkdwn, wire
from bridge.sandbox.slack.delivery import Delivery
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.state import Channel, Message, Workspace

_MESSAGE_EVENTS = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}
STATUS_S = 120.0
"""How long a thread status stays without being cleared."""
_LAST_WORDS = frozenset({"app_uninstalled", "tokens_revoked"})
"""Events that still go out when the token is dead."""


class Activity:
    """Posts, edits, reactions, membership: state first, then the event, then the feed."""

    def __init__(self, ws: Workspace, delivery: Delivery, feed: Feed, ticks: Callable[[], float]) -> None:
        """Take the workspace, where its news go, and a monotonic count of platform seconds."""
        self._ws = ws
        self._ticks = ticks
        self._delivery = delivery
        self._feed = feed
        self._subscribed = frozenset(ws.config.bot_events)
        self.pinged: dict[str, list[Json]] = {}

    def emit(self, inner: Json, channel: Channel | None = None) -> None:
        """Send an event to the app if it subscribed to it and may see the channel."""
        name = str(inner["type"])
        if name == "message" and channel is not None:
            name = _MESSAGE_EVENTS[channel.kind]
        if name not in self._subscribed or not (self._ws.installed or name in _LAST_WORDS):
            return
        if channel is not None and self._ws.bot.user_id not in channel.members:
            return
        self._delivery.event(inner)

    def new_ts(self, channel: Channel) -> str:
        """A fresh `ts` of the channel."""
        return channel.next_ts(self._ws.now())

    def _message_event(self, channel: Channel, body: Json, event_ts: str) -> None:
        tail = {"channel": channel.id, "event_ts": event_ts, "channel_type": channel.kind}
        self.emit(body | tail, channel)

    def post(
        self,
        channel: Channel,
        message: Message,
        *,
        broadcast: bool = False,
        parse: bool = False,
        unfurl: bool = False,
    ) -> Message:
        """Add a message, notify whom it mentions, tell the app.

        `parse`: bare `@names` mention too. `unfurl`: Slack fetches the first web link and attaches a preview,
        which the app sees as a `message_changed` that is no edit.
        """
        channel.add(message, broadcast=broadcast)
        if message.bot:
            channel.statuses.pop(message.thread_ts or "", None)
        causes = self._notify(channel, message, parse=parse)
        body = wire.message_json(self._ws, channel, message)
        self._message_event(channel, body, message.ts)
        if self._ws.bot.user_id in causes and not message.bot and channel.kind in ("channel", "group"):
            mention = {k: v for k, v in body.items() if k not in ("subtype", "root")}
            mention |= {"type": "app_mention", "channel": channel.id, "event_ts": message.ts}
            self.emit(mention, channel)
        self._publish("slack.message", channel, message)
        if unfurl:
            links = [link["url"] for link in mrkdwn.visible(message.text)[1]]
            if web := next((url for url in links if url.startswith("http")), None):
                self.unfurl(channel, message, web)
        return message

    def unfurl(self, channel: Channel, message: Message, url: str) -> None:
        """Attach a link preview to a message."""
        preview = {"id": 1, "from_url": url, "fallback": "Example", "service_name": "Example"}
        preview |= {"title": "Example", "title_link": url, "text": "page text"}
        self.edit(channel, message, {"attachments": [*(message.attachments or []), preview]}, None)

    def _publish(self, kind: str, channel: Channel, message: Message) -> None:
        self._feed.publish(
            kind,
            channel=channel.id,
            ts=message.ts,
            thread_ts=message.thread_ts,
            user=message.author,
            bot=message.bot is not None,
            username=message.username,
            text=message.text,
        )

    def causes(self, text: str, blocks: list[Json] | None, attachments: list[Json] | None) -> set[str]:
        """Every mention in a message's texts."""
        found = set(mrkdwn.mentions(text)) | set(mrkdwn.block_mentions(blocks or []))
        return found | set(mrkdwn.attachment_mentions(attachments or []))

    def _notify(self, channel: Channel, message: Message, *, parse: bool) -> set[str]:
        causes = self.causes(message.text, message.blocks, message.attachments)
        if parse:
            causes |= set(mrkdwn.named(self._ws, message.text))
        # A change notifies only those whom the message did not mention before.
        fresh = causes - message.pings
        message.pings = causes
        for person in sorted(mrkdwn.notified(self._ws, channel, fresh, message.author)):
            note = {"channel": channel.id, "ts": message.ts, "causes": sorted(fresh)}
            self.pinged.setdefault(person, []).append(note)
            self._feed.publish("slack.ping", person=person, **note)
        return causes

    def edit(
        self, channel: Channel, message: Message, changes: Json, editor: str | None, *, parse: bool = False
    ) -> None:
        """Change fields of a message; with `editor` it counts as an edit, without as an unfurl or the like."""
        previous = self._full(channel, message)
        event_ts = self.new_ts(channel)
        for key, value in changes.items():
            setattr(message, key, value)
        if editor is not None:
            message.edited = {"user": editor, "ts": f"{event_ts.partition('.')[0]}.000000"}
        self._notify(channel, message, parse=parse)
        self._changed(channel, self._full(channel, message), previous, event_ts)
        self._publish("slack.message.changed", channel, message)

    def _full(self, channel: Channel, message: Message) -> Json:
        body = wire.root_json(self._ws, channel, message)
        body.pop("root", None)
        return body

    def _changed(self, channel: Channel, now: Json, before: Json, event_ts: str) -> None:
        if now.get("user") != "USLACKBOT":
            team = self._ws.config.team_id
            now = {"source_team": team, "user_team": team} | now
        body: Json = {
            "type": "message",
            "subtype": "message_changed",
            "message": now,
            "previous_message": before,
        }
        body |= {"channel": channel.id, "hidden": True, "ts": event_ts}
        self._message_event(channel, body, event_ts)

    def delete(self, channel: Channel, message: Message) -> None:
        """Delete a message: with replies it leaves a tombstone, without it is gone."""
        event_ts = self.new_ts(channel)
        before: Json = self._full(channel, message)
        if message.replies:
            before |= {"subscribed": True, "last_read": message.replies[-1]}
            _bury(message)
            self._changed(channel, self._full(channel, message), before, event_ts)
        else:
            channel.drop(message)
            body: Json = {"type": "message", "subtype": "message_deleted", "previous_message": before}
            body |= {"channel": channel.id, "hidden": True, "deleted_ts": message.ts, "ts": event_ts}
            self._message_event(channel, body, event_ts)
        self._feed.publish("slack.message.deleted", channel=channel.id, ts=message.ts)

    def set_status(self, channel: Channel, thread_ts: str, status: str) -> None:
        """Show a line under a thread until the bot's next post, an empty status, or two minutes have passed."""
        if status:
            channel.statuses[thread_ts] = (status, self._ticks() + STATUS_S)
        else:
            channel.statuses.pop(thread_ts, None)
        self._feed.publish("slack.status", channel=channel.id, thread_ts=thread_ts, status=status)

    def status(self, channel: Channel, thread_ts: str) -> str:
        """The line shown under a thread now; empty without one."""
        status, until = channel.statuses.get(thread_ts, ("", 0.0))
        return status if self._ticks() < until else ""

    def react(self, channel: Channel, message: Message, user: str, name: str) -> None:
        """Add a reaction; raises `SlackError` (`already_reacted`, `too_many_emoji`)."""
        users = message.reactions.get(name, [])
        if user in users:
            raise SlackError("already_reacted")
        if not users and len(message.reactions) >= 50:
            raise SlackError("too_many_emoji")
        message.reactions.setdefault(name, []).append(user)
        self._reaction("reaction_added", channel, message, user, name)

    def unreact(self, channel: Channel, message: Message, user: str, name: str) -> None:
        """Take a reaction back; raises `SlackError("no_reaction")`."""
        users = message.reactions.get(name, [])
        if user not in users:
            raise SlackError("no_reaction")
        users.remove(user)
        if not users:
            del message.reactions[name]
        self._reaction("reaction_removed", channel, message, user, name)

    def _reaction(self, kind: str, channel: Channel, message: Message, user: str, name: str) -> None:
        inner: Json = {"type": kind, "user": user, "reaction": name}
        inner["item"] = {"type": "message", "channel": channel.id, "ts": message.ts}
        if message.author:
            inner["item_user"] = message.author
        inner["event_ts"] = self.new_ts(channel)
        self.emit(inner, channel)
        self._feed.publish(f"slack.{kind}", channel=channel.id, ts=message.ts, user=user, name=name)

    def join(self, channel: Channel, user: str, inviter: str | None = None) -> None:
        """Add a member, with the join message and event."""
        channel.members[user] = None
        event_ts = self.new_ts(channel)
        inner: Json = {"type": "member_joined_channel", "user": user, "channel": channel.id}
        inner |= {"channel_type": "C" if channel.kind == "channel" else "G", "team": self._ws.config.team_id}
        if inviter:
            inner["inviter"] = inviter
        self.emit(inner | {"event_ts": event_ts}, channel)
        text = f"<@{user}> has joined the channel"
        note = Message(event_ts, text, user=user, subtype="channel_join", inviter=inviter)
        channel.add(note)
        self._message_event(channel, wire.message_json(self._ws, channel, note), event_ts)
        self._feed.publish("slack.member.joined", channel=channel.id, user=user)

    def leave(self, channel: Channel, user: str) -> None:
        """Remove a member; the app hears of its own removal, then nothing more of the channel."""
        event_ts = self.new_ts(channel)
        inner = {"type": "member_left_channel", "user": user, "channel": channel.id}
        inner |= {"channel_type": "C" if channel.kind == "channel" else "G", "team": self._ws.config.team_id}
        self.emit(inner | {"event_ts": event_ts}, channel)
        channel.members.pop(user, None)
        self._feed.publish("slack.member.left", channel=channel.id, user=user)

    def archive(self, channel: Channel, user: str) -> None:
        """Archive a channel; a private one reports `group_archive`."""
        channel.archived = True
        kind = "channel_archive" if channel.kind == "channel" else "group_archive"
        inner = {"type": kind, "channel": channel.id, "user": user, "is_moved": 0}
        self.emit(inner | {"event_ts": self.new_ts(channel)}, channel)
        self._feed.publish("slack.channel.archived", channel=channel.id)

    def unarchive(self, channel: Channel, user: str) -> None:
        """Bring an archived channel back."""
        channel.archived = False
        kind = "channel_unarchive" if channel.kind == "channel" else "group_unarchive"
        self.emit(
            {"type": kind, "channel": channel.id, "user": user, "event_ts": self.new_ts(channel)}, channel
        )
        self._feed.publish("slack.channel.unarchived", channel=channel.id)

    def change_id(self, channel: Channel, new_id: str) -> None:
        """Convert a channel: it goes on under another id."""
        old = self._ws.rename_id(channel, new_id)
        inner = {"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": new_id}
        self.emit(inner | {"event_ts": self.new_ts(channel)}, channel)
        self._feed.publish("slack.channel.id_changed", old=old, new=new_id)

    def change_usergroup(self, group_id: str, members: list[str]) -> None:
        """Set the members of a user group."""
        before = self._ws.usergroups[group_id]
        added = [m for m in members if m not in before]
        removed = [m for m in before if m not in members]
        self._ws.usergroups[group_id] = list(members)
        now = self._ws.now()
        inner: Json = {
            "type": "subteam_members_changed",
            "subteam_id": group_id,
            "team_id": self._ws.config.team_id,
            "date_previous_update": self._ws.usergroup_updated[group_id],
            "date_update": int(now),
            "added_users": added,
            "added_users_count": str(len(added)),
            "removed_users": removed,
            "removed_users_count": str(len(removed)),
            "event_ts": f"{now:.6f}",
        }
        self._ws.usergroup_updated[group_id] = int(now)
        self.emit(inner)
        self._feed.publish("slack.usergroup.changed", usergroup=group_id, users=members)

    def revoke(self) -> None:
        """Revoke the bot token: the API refuses it from now on."""
        self._ws.refusal = "token_revoked"
        inner = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self._ws.bot.user_id]}}
        self.emit(inner | {"event_ts": f"{self._ws.now():.6f}"})
        self._feed.publish("slack.tokens_revoked")

    def uninstall(self) -> None:
        """Remove the app from the workspace: both events, and the token is dead."""
        self.revoke()
        self._ws.refusal = "account_inactive"
        self.emit({"type": "app_uninstalled", "event_ts": f"{self._ws.now():.6f}"})
        self._feed.publish("slack.app_uninstalled")


def _bury(message: Message) -> None:
    message.subtype = "tombstone"
    message.text = "This message was deleted."
    message.user = "USLACKBOT"
    message.bot = None
    message.username = message.icons = message.blocks = message.attachments = None
    message.client_msg_id = message.metadata = message.edited = None
    message.reactions = {}
