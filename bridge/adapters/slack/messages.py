"""Slack's events about posts and reactions, turned into events of ours. Interprets no typed text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import structs

from bridge.adapters.base import Inlet, Placed
from bridge.adapters.slack.adapter import Identity
from bridge.adapters.slack.answering import linked
from bridge.adapters.slack.emoji import to_unicode
from bridge.adapters.slack.format import from_slack
from bridge.adapters.slack.ids import (
    DESK,
    delete_event,
    delivered_event,
    edit_event,
    message_event,
    ts_time,
)
from bridge.adapters.slack.roster import Author, Names
from bridge.content import StaffFile
from bridge.events import (
    CardReacted,
    StaffDeleted,
    StaffEdited,
    StaffEventUnplaced,
    StaffReacted,
    StaffWrote,
    ThreadVanished,
    pack,
)
from bridge.markup import (
    Bold,
    Document,
    Italic,
    ListBlock,
    Mention,
    MentionKind,
    Node,
    Quote,
    Strike,
    bare_emoji,
    clean,
)
from bridge.model import DESK_LANE, DESK_UNIT, ContactId, ConversationId, Place, Post, lane_of

Json = Mapping[str, Any]
ThreadOf = Callable[[str, str], Awaitable[str | None]]

SPOKEN = (None, "file_share", "thread_broadcast", "me_message")
"""Subtypes that are somebody's words; every other one is Slack's own (Slack: message subtypes)."""

_NAME_LIMIT = 255


class MessageReader:
    """Reads `message`, `reaction_added` and `reaction_removed` events."""

    def __init__(self, inlet: Inlet, names: Names, now: Callable[[], datetime], thread_of: ThreadOf) -> None:
        """`thread_of` tells which thread of a channel a post stands in."""
        self._inlet = inlet
        self._thread_of = thread_of
        self._names = names
        self._now = now

    async def message(self, event: Json, identity: Identity) -> list[Placed]:
        """What a `message` event means; nothing for our own posts, other apps' and Slack's own."""
        subtype = event.get("subtype")
        if subtype == "message_changed":
            return await self._changed(event, identity)
        if subtype == "message_deleted":
            return await self._deleted(event, identity)
        if subtype not in SPOKEN or not spoken_by_person(event, identity):
            return []
        return await self._wrote(event, identity)

    async def _wrote(self, event: Json, identity: Identity) -> list[Placed]:
        place = thread_of(event)
        if place is None:
            return []
        post = Post(desk=DESK, channel=place.channel, id=str(event["ts"]))
        body, answers = linked(words(event, identity), identity.team_url, place.channel)
        wrote = StaffWrote(
            id=message_event(post.channel, post.id),
            at=ts_time(post.id) or self._now(),
            contact=ContactId(""),
            conversation=ConversationId(""),
            **await self._author(event),
            place=place,
            post=post,
            body=body,
            answers=answers,
            files=staff_files(event.get("files")),
        )
        return await self._placed(wrote, place, ours=root_is_ours(event, identity))

    async def _changed(self, event: Json, identity: Identity) -> list[Placed]:
        new, old = _object(event.get("message")), _object(event.get("previous_message"))
        channel = str(event.get("channel"))
        if new.get("subtype") == "tombstone":
            return await self._vanished(channel, str(new.get("ts")))
        if new.get("subtype") not in SPOKEN or not spoken_by_person(new, identity) or not is_edit(new, old):
            return []
        place = thread_of(new | {"channel": channel})
        if place is None:
            return []
        ts = str(new["ts"])
        edited = StaffEdited(
            id=edit_event(channel, ts, str(_object(new.get("edited")).get("ts"))),
            at=self._now(),
            contact=ContactId(""),
            conversation=ConversationId(""),
            **await self._author(new),
            place=place,
            post=Post(desk=DESK, channel=channel, id=ts),
            body=linked(words(new, identity), identity.team_url, channel)[0],
            cause=message_event(channel, ts),
        )
        return await self._placed(edited, place, ours=root_is_ours(new, identity))

    async def _deleted(self, event: Json, identity: Identity) -> list[Placed]:
        channel, ts = str(event.get("channel")), str(event.get("deleted_ts"))
        old = _object(event.get("previous_message"))
        place = thread_of(old | {"channel": channel, "ts": ts})
        if place is None:
            return await self._vanished(channel, ts)
        if not spoken_by_person(old, identity):
            return []
        deleted = StaffDeleted(
            id=delete_event(channel, ts),
            at=self._now(),
            contact=ContactId(""),
            conversation=ConversationId(""),
            **await self._author(old),
            place=place,
            post=Post(desk=DESK, channel=channel, id=ts),
            cause=message_event(channel, ts),
        )
        return await self._placed(deleted, place, ours=root_is_ours(old, identity))

    async def _vanished(self, channel: str, ts: str) -> list[Placed]:
        """The root of a thread was deleted; of interest when the thread is one of ours."""
        place = Place(desk=DESK, channel=channel, thread=ts)
        ref = await self._inlet.thread(place)
        if ref is None:
            return []
        vanished = ThreadVanished(
            id=delete_event(channel, ts),
            at=self._now(),
            contact=ref.contact,
            conversation=ref.conversation,
            place=place,
            reason="its first message was deleted",
        )
        return [Placed(lane=lane_of(ref.contact), unit=ref.contact, event=vanished)]

    async def _author(self, message: Json) -> Author:
        """Who wrote a message; in a shared channel it says the team that they are of."""
        team = message.get("user_team") or message.get("source_team")
        return await self._names.author(str(message["user"]), team, message)

    async def reaction(self, body: Json, identity: Identity, *, added: bool) -> list[Placed]:
        """An emoji on, or off, one of our cards, or a post in a thread where the inbox lets it out; others are of no
        interest.
        """
        event = _object(body.get("event"))
        item = _object(event.get("item"))
        user = str(event.get("user") or "")
        if item.get("type") != "message" or user in {"", identity.bot_user}:
            return []
        emoji = to_unicode(str(event.get("reaction") or ""))
        if emoji is None or event.get("item_user", identity.bot_user) != identity.bot_user:
            return []
        place = Place(desk=DESK, channel=str(item.get("channel")), thread=str(item.get("ts")))
        ref = await self._inlet.thread(place)
        if ref is None:
            return await self._reacted(body, user, place, bare_emoji(emoji), added=added)
        reacted = CardReacted(
            id=delivered_event(str(body.get("event_id"))),
            at=self._now(),
            contact=ref.contact,
            conversation=ref.conversation,
            **await self._names.author(user, None),
            place=place,
            emoji=bare_emoji(emoji),
            added=added,
        )
        return [Placed(lane=lane_of(ref.contact), unit=ref.contact, event=reacted)]

    async def _reacted(self, body: Json, user: str, post: Place, emoji: str, *, added: bool) -> list[Placed]:
        """An emoji on a post in a thread. Slack does not say in which, so it is asked, but only for emoji that matter."""
        inboxes = self._inlet.policies().inboxes.values()
        if not any(one.channel == post.channel and emoji in one.reactions for one in inboxes):
            return []
        ts = post.thread or ""
        thread = await self._thread_of(post.channel, ts)
        place = Place(desk=DESK, channel=post.channel, thread=thread)
        ref = await self._inlet.thread(place) if thread else None
        if ref is None:
            return []
        reacted = StaffReacted(
            id=delivered_event(str(body.get("event_id"))),
            at=self._now(),
            contact=ref.contact,
            conversation=ref.conversation,
            **await self._names.author(user, None),
            place=place,
            emoji=emoji,
            added=added,
            answers=Post(desk=DESK, channel=post.channel, id=ts),
        )
        return [Placed(lane=lane_of(ref.contact), unit=ref.contact, event=reacted)]

    async def _placed(
        self, event: StaffWrote | StaffEdited | StaffDeleted, place: Place, *, ours: bool
    ) -> list[Placed]:
        """The event in its contact's shard; in the desk's lane when the thread is ours but not known, or was not a
        moment ago: then what was typed before is still on its way there.
        """
        ref, detoured = await asyncio.gather(self._inlet.thread(place), self._inlet.detoured(place))
        if ref is not None and not detoured:
            known = structs.replace(event, contact=ref.contact, conversation=ref.conversation)
            return [Placed(lane=lane_of(ref.contact), unit=ref.contact, event=known)]
        if ref is None:
            if not ours:
                return []
            await self._inlet.detour(place)
        unplaced = StaffEventUnplaced(id=event.id, at=event.at, place=place, event=pack(event))
        return [Placed(lane=DESK_LANE, unit=DESK_UNIT, event=unplaced)]


def spoken_by_person(message: Json, identity: Identity) -> bool:
    """True when a person typed it: no app's post (ours come in two shapes), and with a user at all."""
    return bool(message.get("user")) and not message.get("bot_id") and not identity.wrote(message)


def thread_of(message: Json) -> Place | None:
    """The thread that a message is a reply in; None for one that stands in the channel itself."""
    thread, ts, channel = message.get("thread_ts"), message.get("ts"), message.get("channel")
    if not (thread and ts and channel) or thread == ts:
        return None
    return Place(desk=DESK, channel=str(channel), thread=str(thread))


def root_is_ours(message: Json, identity: Identity) -> bool:
    """True when the bot posted the root of the thread that `message` is in."""
    root = _object(message.get("root"))
    return message.get("parent_user_id") == identity.bot_user or identity.wrote(root)


def is_edit(new: Json, old: Json) -> bool:
    """False for a `message_changed` that only adds a preview, counts replies or finishes a file."""
    edited = _object(new.get("edited")).get("ts")
    if not edited:
        return False
    return edited != _object(old.get("edited")).get("ts") or new.get("text") != old.get("text")


def words(message: Json, identity: Identity) -> Document:
    """The words of a message, with mentions of the bot marked as such (they open a command)."""
    return _marked(from_slack(message.get("blocks"), message.get("text")), identity.bot_user)


def _marked(nodes: tuple[Node, ...], bot_user: str) -> tuple[Node, ...]:
    return tuple(_marked_node(node, bot_user) for node in nodes)


def _marked_node(node: Node, bot_user: str) -> Node:
    match node:
        case Mention(kind=MentionKind.PERSON) if node.id == bot_user:
            return structs.replace(node, kind=MentionKind.BOT)
        case Bold() | Italic() | Strike() | Quote():
            return type(node)(_marked(node.children, bot_user))
        case ListBlock():
            return structs.replace(node, items=tuple(_marked(item, bot_user) for item in node.items))
        case _:
            return node


def _object(value: object) -> dict[str, Any]:
    """A JSON object; an empty one where Slack sends something else (`previous_message` may be a list)."""
    return value if isinstance(value, dict) else {}


def staff_files(files: object) -> tuple[StaffFile, ...]:
    """The files of a post, as Slack describes them; what is no file object at all is left out. Slack: file object."""
    found = []
    for one in files if isinstance(files, list) else []:
        if not isinstance(one, dict) or not one.get("id"):
            continue
        size = one.get("size")
        found.append(
            StaffFile(
                file=str(one["id"]),
                name=clean(str(one.get("name") or one.get("title") or ""))[:_NAME_LIMIT],
                mime=str(one.get("mimetype") or "").partition(";")[0].strip().lower()[:_NAME_LIMIT],
                size=size if isinstance(size, int) and 0 <= size < 10**12 else None,
                voice=one.get("subtype") == "slack_audio",
            )
        )
    return tuple(found)
