"""Slack as a desk: carries out single actions with the Web API, and looks posts up again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bridge.actions import Alert, Amend, Answer, DirectMessage, PostNotice, Relay
from bridge.adapters.base import NOT_KNOWN, Bucket, Marker, Quoted
from bridge.adapters.http import HttpClient
from bridge.adapters.slack import errors, panel, posts
from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.emoji import to_name
from bridge.adapters.slack.features import CAPABILITIES
from bridge.adapters.slack.files import SlackFiles
from bridge.adapters.slack.ids import DESK, fresh_url, slack_user, time_ts
from bridge.adapters.slack.roster import People, Profiles, RosterReader
from bridge.adapters.streaming import Streams
from bridge.content import Attachment, StaffFile
from bridge.errors import Failure, FailureKind, PlatformError
from bridge.markup import one_line
from bridge.media.spool import Spooled
from bridge.model import (
    ActionId,
    Agent,
    CardView,
    DeskUser,
    InboxId,
    Place,
    Post,
    Receipt,
    Roster,
    Struct,
    ThreadRef,
)

RECEIPTS: Mapping[Receipt, str] = {
    Receipt.INTERNAL: "lock",
    Receipt.NEEDS_YOU: "question",
    Receipt.HELD: "hourglass_flowing_sand",
    Receipt.UNCERTAIN: "grey_question",
    Receipt.ACCEPTED: "arrow_upper_right",
    Receipt.DELIVERED: "white_check_mark",
    Receipt.READ: "eyes",
    Receipt.FAILED: "x",
}
"""The reaction that stands for each fate (Slack: reactions.add, names without colons)."""

_HARMLESS_REACTIONS = frozenset(
    {
        "already_reacted",
        "too_many_reactions",
        "too_many_emoji",
        "message_not_found",
        "not_reactable",
        "thread_locked",
    }
)
_RECEIPT_NAMES = frozenset(RECEIPTS.values())
_UNREACTABLE = (_HARMLESS_REACTIONS - {"already_reacted"}) | {"invalid_name"}
_REFUSED_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_attachments"})
_EPHEMERAL_FALLS_BACK = frozenset({FailureKind.NEVER, FailureKind.GONE, FailureKind.STOP})
_TOKEN_CODES = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"})
# Slack: "about one message a second per channel"; short bursts pass, but a bucket without one never meets a 429.
POSTS_PER_S = 1.0
_PAGE = 200
_CLOCK_MARGIN = timedelta(seconds=60)
_KEPT = 10_000


class Identity(Struct, frozen=True):
    """Who the bot is (Slack: auth.test)."""

    team: str
    team_url: str
    bot_user: str
    bot_id: str
    name: str
    scopes: frozenset[str] = frozenset()

    def wrote(self, message: Mapping[str, Any]) -> bool:
        """Is `message` a post of this bot? Posts under a customer's name have a `bot_id` and no `user`."""
        return message.get("user") == self.bot_user or message.get("bot_id") == self.bot_id


class SlackDesk:
    """One Slack workspace. Implements `bridge.adapters.base.Desk`."""

    name = DESK
    capabilities = CAPABILITIES

    def __init__(  # noqa: PLR0913 - plain values, so that no settings reach in here
        self,
        http: HttpClient,
        *,
        bot_token: str,
        api_url: str = "https://slack.com/api/",
        people: People | None = None,
        channels: Mapping[InboxId, str] | None = None,
        timeout_s: float = 10.0,
        posts_per_s: float = POSTS_PER_S,
        posts_burst: int = 1,
        roster: Callable[[], Roster] = Roster,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        streams: Streams | None = None,
    ) -> None:
        """Nothing is called before the first use.

        `http` and `streams` are shared and closed by their owner; the members of `channels` are agents of that inbox. `roster` is
        the latest snapshot of the people, whichever process read it: a contact who is called like one is marked.
        """
        self.caller = Caller(http, base_url=api_url, token=bot_token, timeout_s=timeout_s)
        self.profiles = Profiles(self.caller)
        # The API's own host is the operator's word, so it may well be a private one.
        self.streams = streams or Streams({urlsplit(api_url).hostname or ""})
        self._files = SlackFiles(self.caller, self.streams, api_url, bot_token)
        self._roster = RosterReader(self.caller, self.profiles, people or People(), channels or {})
        self._now = now
        self._posts_per_s = posts_per_s
        self._posts_burst = posts_burst
        self._identity: Identity | None = None
        self._direct: dict[str, str] = {}
        self._answered: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._people = roster
        self._named: tuple[Roster | None, frozenset[str]] = (None, frozenset())

    async def identity(self) -> Identity:
        """Who we are; asked once (Slack: auth.test). Raises `PlatformError`."""
        if self._identity is None:
            body, headers = await self.caller.call_with_headers("auth.test")
            scopes = frozenset(
                one.strip() for one in headers.get("x-oauth-scopes", "").split(",") if one.strip()
            )
            self._identity = Identity(
                team=str(body["team_id"]),
                team_url=str(body.get("url") or ""),
                bot_user=str(body["user_id"]),
                bot_id=str(body.get("bot_id") or ""),
                name=str(body.get("user") or "bot"),
                scopes=scopes,
            )
            self.caller.bot_name = self._identity.name
            self.profiles.team = self._identity.team
        return self._identity

    def post_bucket(self, channel: str) -> Bucket:
        """Slack: chat.postMessage takes about one message a second per channel."""
        return Bucket(key=f"{DESK}:post:{channel}", per_s=self._posts_per_s, burst=self._posts_burst)

    # ------------------------------------------------------------------------------------------- thread

    async def open_thread(self, channel: str, card: CardView, marker: Marker) -> tuple[Place, Post]:
        """Post the card; its `ts` names the thread. A channel that cannot take it needs an operator."""
        args = posts.post_args(panel.card_text(card), panel.card(card, await self._former_url(card)))
        try:
            post = await self._post(channel, None, args, marker)
        except PlatformError as error:
            raise _stopped(error) from None
        return Place(desk=DESK, channel=post.channel, thread=post.id), post

    async def relay(
        self, place: Place, relays: Sequence[Relay], marker: Marker, quotes: Mapping[ActionId, Quoted]
    ) -> Post:
        """One post under the contact's name (Slack: chat:write.customize), every message a block of its own."""
        try:
            post = await self._show(place, relays, marker, quotes, pictured=True)
        except PlatformError as error:
            if error.failure.code not in _REFUSED_BLOCKS or not posts.has_pictures(relays):
                raise
            # Slack refuses the whole post for a picture that it cannot fetch.
            post = await self._show(place, relays, marker, quotes, pictured=False)
        self.saw_answer(place)
        return post

    async def _show(
        self,
        place: Place,
        relays: Sequence[Relay],
        marker: Marker,
        quotes: Mapping[ActionId, Quoted],
        *,
        pictured: bool,
    ) -> Post:
        args = posts.post_args(
            posts.relay_text(relays), posts.relay_blocks(relays, quotes, pictured=pictured)
        )
        args |= self._persona(relays[0].author)
        return await self._post(place.channel, place.thread, args, marker)

    def mergeable(self, relays: Sequence[Relay]) -> int:
        """As many as stay readable and within Slack's limits."""
        return posts.mergeable(relays)

    def _persona(self, author: str) -> dict[str, str]:
        return {"username": panel.username(author, self._colleagues()), "icon_emoji": ":speech_balloon:"}

    async def upload(self, file: Spooled, name: str, content: Attachment) -> str:
        """Slack's id of the file, which nobody sees yet."""
        granted = (await self.identity()).scopes
        if granted and (lacking := sorted({"files:read", "files:write"} - granted)):
            raise PlatformError(errors.no_file_scopes(lacking))
        return await self._files.upload(file, name, content)

    async def show_file(self, place: Place, relay: Relay, file: str, quoted: Quoted = NOT_KNOWN) -> None:
        """Ask for the message that shows an uploaded file; it appears some time later."""
        if not isinstance(relay.content, Attachment):
            raise TypeError(relay.content)
        await self._files.show(place, relay, quoted, file, self._persona(relay.author))
        self.saw_answer(place)

    async def find_file(self, place: Place, file: str) -> Post | None:
        """By the file's id (Slack: files.info)."""
        return await self._files.find(place, file)

    async def close(self) -> None:
        """Close the connections for files."""
        await self.streams.aclose()

    async def fetch_file(self, file: StaffFile, into: Spooled) -> None:
        """A colleague's file (Slack: files.info)."""
        await self._files.fetch(file, into)

    async def drop_file(self, file: str) -> None:
        """Delete an upload (Slack: files.delete)."""
        await self._files.delete(file)

    async def notice(self, place: Place, notice: PostNotice, marker: Marker) -> Post:
        """A post of the bot itself, with the person it is for mentioned first."""
        blocks = posts.own_blocks(notice.body)
        text = posts.own_text(notice.body)
        if notice.mention and (user := slack_user(notice.mention)):
            blocks.insert(0, panel.context(panel.mrkdwn(f"<@{user}>", panel.CONTEXT_LIMIT)))
            text = panel.cut(f"<@{user}> {text}", panel.TEXT_LIMIT)
        blocks += panel.buttons(notice.buttons, notice.contact, notice.conversation)
        post = await self._post(place.channel, place.thread, posts.post_args(text, blocks), marker)
        self.saw_answer(place)
        return post

    async def update_card(self, card: Post, view: CardView) -> None:
        """Slack: chat.update takes no username, parses by default, and keeps metadata that is not given."""
        blocks = panel.card(view, await self._former_url(view))
        args = {"text": panel.card_text(view), "blocks": blocks, "parse": "none", "link_names": False}
        await self.caller.call("chat.update", {"channel": card.channel, "ts": card.id, **args})

    async def show_drafting(self, place: Place, who: str) -> None:
        """Under the thread, beside the bot's name; Slack takes it away after two minutes, or when we post. Slack:
        assistant.threads.setStatus, in ordinary threads.
        """
        status = f"sees {panel.cut(one_line(who), 60)} drafting an answer…"
        args = {"channel_id": place.channel, "thread_ts": place.thread, "status": status}
        await self.caller.call("assistant.threads.setStatus", args)

    async def show_receipt(self, post: Post, receipt: Receipt) -> None:
        """Add a reaction; one that is there already, or that a post cannot take, is no failure."""
        args = {"channel": post.channel, "timestamp": post.id, "name": RECEIPTS[receipt]}
        try:
            await self.caller.call("reactions.add", args)
        except PlatformError as error:
            if error.failure.code not in _HARMLESS_REACTIONS:
                raise

    async def amend(self, post: Post, thread: Place | None, amend: Amend, was: str) -> bool:
        """The post as Slack has it, with more blocks: whoever made it may have shown several messages in it."""
        here = thread.thread if thread is not None and thread.channel == post.channel else None
        args = {"channel": post.channel, "ts": here or post.id, "oldest": post.id, "latest": post.id}
        answer = await self.caller.call("conversations.replies", args | {"inclusive": True, "limit": 2})
        found = next((one for one in answer.get("messages") or [] if one.get("ts") == post.id), None)
        identity = await self.identity()
        if found is None or not identity.wrote(found):
            return False
        blocks = posts.amended_blocks(found.get("blocks") or [], amend, was)
        if blocks is None:
            return False
        text = panel.cut(str(found.get("text") or "…"), panel.TEXT_LIMIT)
        new = {"text": text, "blocks": blocks, "parse": "none", "link_names": False}
        await self.caller.call("chat.update", {"channel": post.channel, "ts": post.id, **new})
        return True

    async def react(self, post: Post, emoji: str, *, on: bool) -> bool:
        """As the bot's own reaction: a bot cannot react for somebody else. Receipts are reactions of the bot, too, so their
        emoji cannot stand for a contact's.
        """
        name = to_name(emoji)
        if name is None or name in _RECEIPT_NAMES:
            return False
        args = {"channel": post.channel, "timestamp": post.id, "name": name}
        try:
            await self.caller.call("reactions.add" if on else "reactions.remove", args)
        except PlatformError as error:
            if error.failure.code not in {"already_reacted", "no_reaction"}:
                if error.failure.code in _UNREACTABLE:
                    return False
                raise
        return True

    # ------------------------------------------------------------------------------------------ answers

    async def answer(self, answer: Answer) -> None:
        """Through the response url while it is fresh, else as an ephemeral post, else (`must_arrive`) directly."""
        blocks = posts.own_blocks(answer.body)
        blocks += panel.buttons(answer.buttons, answer.contact, answer.conversation)
        text = posts.own_text(answer.body)
        if await self._respond(answer, text, blocks):
            return
        user = _user(answer.to)
        try:
            await self._ephemeral(user, answer.place, text, blocks)
        except PlatformError as error:
            failure = error.failure
            fails_over = failure.kind in _EPHEMERAL_FALLS_BACK and failure.code not in _TOKEN_CODES
            if not (answer.must_arrive and fails_over):
                raise
            channel = await self._direct_channel(user)
            await self.caller.call("chat.postMessage", {"channel": channel, **posts.post_args(text, blocks)})

    async def _respond(self, answer: Answer, text: str, blocks: list[panel.Block]) -> bool:
        url = fresh_url(answer.reply_handle, self._now())
        if url is None:
            return False
        payload: dict[str, Any] = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": text,
            "blocks": blocks,
        }
        if answer.place.thread is not None and await self._has_answers(answer.place):
            payload["thread_ts"] = answer.place.thread
        return await self.caller.respond(url, payload)

    async def _ephemeral(self, user: str, place: Place, text: str, blocks: list[panel.Block]) -> None:
        # Slack: in a thread without replies an ephemeral post is not shown; in the channel it is.
        in_thread = place.thread is not None and await self._has_answers(place)
        args = posts.post_args(text, blocks)
        del args["unfurl_links"], args["unfurl_media"]
        args |= {"channel": place.channel, "user": user, "thread_ts": place.thread if in_thread else None}
        await self.caller.call("chat.postEphemeral", args)

    def saw_answer(self, place: Place) -> None:
        """Remember that a thread has a reply."""
        if place.thread is not None:
            self._answered[(place.channel, place.thread)] = None
            if len(self._answered) > _KEPT:
                self._answered.popitem(last=False)

    async def _has_answers(self, place: Place) -> bool:
        key = (place.channel, place.thread or "")
        if key not in self._answered:
            args = {"channel": place.channel, "ts": place.thread, "limit": 2}
            try:
                answer = await self.caller.call("conversations.replies", args)
            except PlatformError:
                return False  # then it is shown in the channel, which always works
            if len(answer.get("messages") or []) > 1:
                self.saw_answer(place)
        return key in self._answered

    async def direct(self, message: DirectMessage, marker: Marker) -> None:
        """A direct message, with a link to what it is about."""
        channel = await self._direct_channel(_user(message.to))
        blocks = posts.own_blocks(message.body)
        if message.about is not None and (url := await self._url(message.about)):
            blocks.append(
                panel.context(panel.mrkdwn(posts.link(url, "Open the thread"), panel.CONTEXT_LIMIT))
            )
        blocks += panel.buttons(message.buttons, message.contact, message.conversation)
        args = posts.post_args(posts.own_text(message.body), blocks)
        await self._post(channel, None, args, marker)

    async def alert(self, alert: Alert, channel: str, marker: Marker) -> None:
        """A post in the channel of those who can act."""
        args = posts.post_args(posts.own_text(alert.body), posts.own_blocks(alert.body))
        await self._post(channel, None, args, marker)

    async def _direct_channel(self, user: str) -> str:
        known = self._direct.get(user)
        if known is None:
            answer = await self.caller.call("conversations.open", {"users": user})
            known = self._direct[user] = str(answer["channel"]["id"])
        return known

    # -------------------------------------------------------------------------------------------- look-ups

    async def find(self, place: Place, marker: Marker, since: datetime) -> Post | None:
        """Look through what was posted from shortly before `since` on.

        A `place.channel` that is a person's account stands for the direct messages with them.
        """
        channel = place.channel
        if user := slack_user(DeskUser(channel)):
            channel = await self._direct_channel(user)
        oldest = time_ts(since - _CLOCK_MARGIN)
        identity = await self.identity()
        async for message in self._messages(channel, place.thread, oldest):
            if identity.wrote(message) and posts.carries(message, marker.actions):
                return Post(desk=DESK, channel=channel, id=str(message["ts"]))
        return None

    async def find_thread(self, place: Place) -> ThreadRef | None:
        """The root's metadata; None when the root is gone, not ours or names nothing."""
        args = {"channel": place.channel, "ts": place.thread, "limit": 1, "include_all_metadata": True}
        try:
            answer = await self.caller.call("conversations.replies", args)
        except PlatformError as error:
            if error.failure.kind is FailureKind.GONE:
                return None
            raise
        root: dict[str, Any] = next(iter(answer.get("messages") or []), {})
        identity = await self.identity()
        return posts.thread_ref(root) if root.get("ts") == place.thread and identity.wrote(root) else None

    async def thread_of(self, channel: str, ts: str) -> str | None:
        """The thread that a post stands in; None when it is gone, or no reply. Slack: conversations.replies."""
        try:
            answer = await self.caller.call(
                "conversations.replies", {"channel": channel, "ts": ts, "limit": 1}
            )
        except PlatformError as error:
            if error.failure.kind in {FailureKind.GONE, FailureKind.NEVER}:
                return None
            raise
        found: dict[str, Any] = next(iter(answer.get("messages") or []), {})
        return str(found["thread_ts"]) if found.get("thread_ts") else None

    async def _messages(self, channel: str, thread: str | None, oldest: str) -> AsyncIterator[dict[str, Any]]:
        method = "conversations.history" if thread is None else "conversations.replies"
        cursor: str | None = None
        while True:
            args = {
                "channel": channel,
                "ts": thread,
                "oldest": oldest,
                "inclusive": True,
                "include_all_metadata": True,
                "limit": _PAGE,
                "cursor": cursor,
            }
            answer = await self.caller.call(method, args)
            for message in answer.get("messages") or []:
                yield message
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "") or None
            if cursor is None:
                return

    async def remove(self, post: Post) -> bool:
        """Delete a post of ours and the files that it shows, which Slack would keep (Slack: chat.delete, files.delete; a bot
        cannot delete what people posted). False: it is gone already. Raises `PlatformError`.
        """
        files = await self._files_of(post)
        for file in files:
            await self._files.delete(file)
        try:
            await self.caller.call("chat.delete", {"channel": post.channel, "ts": post.id})
        except PlatformError as problem:
            if problem.failure.kind is FailureKind.GONE:
                # A post that showed nothing but its files went with them.
                return bool(files)
            raise
        return True

    async def _files_of(self, post: Post) -> list[str]:
        """Ids of the files that a post of ours shows."""
        args = {"channel": post.channel, "ts": post.id, "latest": post.id, "inclusive": True, "limit": 1}
        try:
            answer = await self.caller.call("conversations.replies", args)
        except PlatformError as problem:
            if problem.failure.kind is FailureKind.GONE:
                return []
            raise
        identity = await self.identity()
        messages = answer.get("messages") or []
        found = next((one for one in messages if one.get("ts") == post.id and identity.wrote(one)), None)
        return [str(one["id"]) for one in (found or {}).get("files") or [] if isinstance(one.get("id"), str)]

    async def read_roster(self) -> tuple[Agent, ...]:
        """Who works here, with their roles; `roster_problems` says what could not be read."""
        await self.identity()
        return await self._roster.read()

    def _colleagues(self) -> frozenset[str]:
        """All names, as `panel.look` sees them, under which agents and the bot are shown."""
        roster = self._people()
        if self._named[0] is not roster:
            names = [name for agent in roster.agents for name in (agent.name, *agent.also)]
            self._named = (roster, frozenset(panel.look(name) for name in (*names, self.caller.bot_name)))
        return self._named[1]

    @property
    def roster_problems(self) -> tuple[str, ...]:
        """People and groups of the settings that Slack does not know, in words."""
        return self._roster.problems

    # --------------------------------------------------------------------------------------------- inside

    async def _post(self, channel: str, thread: str | None, args: Mapping[str, Any], marker: Marker) -> Post:
        given = {"channel": channel, "thread_ts": thread, "metadata": posts.metadata(marker), **args}
        answer = await self.caller.call("chat.postMessage", given)
        return Post(desk=DESK, channel=str(answer.get("channel") or channel), id=str(answer["ts"]))

    async def _former_url(self, card: CardView) -> str | None:
        return await self._url(card.former) if card.former is not None else None

    async def link(self, post: Post, thread: Place | None) -> str | None:
        """The post's permalink."""
        url = await self._url(Place(desk=post.desk, channel=post.channel, thread=post.id))
        if (
            url is None
            or thread is None
            or thread.channel != post.channel
            or thread.thread in (None, post.id)
        ):
            return url
        return f"{url}?thread_ts={thread.thread}&cid={post.channel}"

    async def _url(self, place: Place) -> str | None:
        """A link that opens a thread or channel in Slack; None when we cannot tell the workspace's address."""
        if place.desk != DESK:
            return None
        try:
            base = (await self.identity()).team_url
        except PlatformError:
            return None
        if not base.startswith("https://"):
            return None
        tail = f"/p{place.thread.replace('.', '')}" if place.thread else ""
        return f"{base.rstrip('/')}/archives/{place.channel}{tail}"


def _user(account: DeskUser) -> str:
    user = slack_user(account)
    if user is None:
        raise PlatformError(
            Failure(
                kind=FailureKind.NEVER, code="user_not_found", words="This person has no account on Slack."
            )
        )
    return user


def _stopped(error: PlatformError) -> PlatformError:
    """A thread that cannot be opened is nothing that a new thread would heal."""
    if error.failure.kind is not FailureKind.GONE:
        return error
    return PlatformError(msgspec.structs.replace(error.failure, kind=FailureKind.STOP))
