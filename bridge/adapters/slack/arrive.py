"""How Slack's events reach us: Bolt, over a Socket Mode connection or signed HTTP requests.

Whatever arrives is stored (`Inlet.append`) before it is acknowledged. When it cannot be stored nothing is
acknowledged, Slack delivers again, and the id of the event makes the repeat harmless.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import orjson
import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bridge.adapters.base import Inlet, Outreach, Placed
from bridge.adapters.body import UnreadableError, read_body
from bridge.adapters.slack.adapter import Identity, SlackDesk
from bridge.adapters.slack.interactions import Interactions
from bridge.adapters.slack.messages import MessageReader, thread_of
from bridge.adapters.slack.roster import Names
from bridge.adapters.slack.shape import misfit
from bridge.adapters.slack.socketmode import SocketConnection
from bridge.errors import PlatformError, StoreUnavailableError

log = structlog.get_logger(__name__)

Json = Mapping[str, Any]
EventHandler = Callable[[Json, Identity], Awaitable[list[Placed]]]

MAX_BODY = 1024 * 1024
"""Bytes of a request's body that are read (Slack: a view has at most 250 KB)."""

_ANSWERED_KEPT = 1000
_ANYTHING = re.compile(".*")
# What reading a payload of another shape than Slack's raises, in the SDK too.
_BENT = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
_STAMP = re.compile(r"\d{1,12}", re.ASCII)
_HELP = (
    "I carry messages between customers and your team. Work in the threads of your channel: answer there, type "
    "!help for what you can do, or use /wa with a conversation's number from anywhere."
)


class Arrivals:
    """Receives everything Slack sends. `start` and `stop` belong to Socket Mode, `handle` to HTTP mode."""

    def __init__(  # noqa: PLR0913 - plain values, so that no settings reach in here
        self,
        desk: SlackDesk,
        inlet: Inlet,
        session: aiohttp.ClientSession,
        outreach: Outreach,
        *,
        bot_token: str,
        api_url: str = "https://slack.com/api/",
        app_token: str | None = None,
        signing_secret: str | None = None,
        admin_channels: tuple[str, ...] = (),
        people_changed: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        ping_s: float = 5.0,
    ) -> None:
        """With an `app_token` it connects by Socket Mode; with a `signing_secret` it takes signed requests.

        `people_changed` is called when Slack says that groups or channels have other members now.
        """
        self._desk = desk
        self._inlet = inlet
        self._verifier = SignatureVerifier(signing_secret) if signing_secret else None
        self._admin_channels = admin_channels
        self._people_changed = people_changed
        names = Names(inlet, desk.profiles)
        self._messages = MessageReader(inlet, names, now, desk.thread_of)
        self._interactions = Interactions(inlet, desk.caller, names, now, outreach)
        self._orders = _Orders()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._fatal: str | None = None
        self._running: asyncio.Task[None] | None = None
        logger = logging.getLogger("threadline.slack")
        logger.setLevel(logging.CRITICAL)  # below it, the SDK prints bodies and secret addresses
        client = AsyncWebClient(
            token=bot_token, base_url=api_url, session=session, retry_handlers=[], logger=logger
        )
        self._client = client
        self.app = AsyncApp(
            client=client,
            logger=logger,
            authorize=self._authorizer(),
            process_before_response=True,
            # On raw bytes, before anything is parsed: `handle`.
            request_verification_enabled=False,
            # It would hide that somebody deleted a card; own posts are told apart in `MessageReader`.
            ignoring_self_events_enabled=False,
            ignoring_self_assistant_message_events_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        self._socket = (
            SocketConnection(desk, self.app, client, logger, app_token, self._tracked, ping_s)
            if app_token
            else None
        )
        self.events: dict[str, EventHandler] = self._event_handlers()
        self._listen()

    # ------------------------------------------------------------------------------------- listeners

    def _event_handlers(self) -> dict[str, EventHandler]:
        """What is done with each event that the app is subscribed to (the manifest names the same)."""
        return {
            "message": self._on_message,
            "app_mention": _ignored,  # the same post comes as `message` too
            "app_home_opened": _ignored,
            "reaction_added": lambda body, who: self._messages.reaction(body, who, added=True),
            "reaction_removed": lambda body, who: self._messages.reaction(body, who, added=False),
            "channel_archive": self._on_trouble,
            "group_archive": self._on_trouble,
            "channel_deleted": self._on_trouble,
            "group_deleted": self._on_trouble,
            "channel_left": self._on_trouble,
            "group_left": self._on_trouble,
            "channel_id_changed": self._on_trouble,
            "tokens_revoked": self._on_trouble,
            "app_uninstalled": self._on_trouble,
            "member_joined_channel": self._on_people,
            "member_left_channel": self._on_people,
            "subteam_members_changed": self._on_people,
        }

    def _listen(self) -> None:
        for name in self.events:
            self.app.event(name)(self._listener(self.events[name]))
        # An event without a listener is refused, which Slack counts as a failure and repeats.
        self.app.event(_ANYTHING)(self._listener(_ignored))
        self.app.command(_ANYTHING)(self._on_command)
        self.app.action(_ANYTHING)(self._on_action)
        self.app.shortcut(_ANYTHING)(self._on_shortcut)
        self.app.view(_ANYTHING)(self._on_view)
        self.app.view_closed(_ANYTHING)(_acknowledge)
        self.app.options(_ANYTHING)(self._on_options)
        self.app.error(_on_error)

    def _listener(self, handler: EventHandler) -> Callable[..., Awaitable[None]]:
        async def listen(body: dict[str, Any]) -> None:
            self._fatal = None  # an event arrives, so the app is installed (again)
            await self._store(await handler(body, await self._desk.identity()))

        return listen

    async def _store(self, placed: list[Placed]) -> None:
        if placed:
            await self._inlet.append(placed)

    async def _on_message(self, body: Json, identity: Identity) -> list[Placed]:
        event = body.get("event") or {}
        if event.get("channel_type") in {"im", "mpim"}:
            if self._first(body):
                self._greet(event, identity)
            return []
        if (place := thread_of(event)) is not None:
            self._desk.saw_answer(place)
        return await self._messages.message(event, identity)

    async def _on_people(self, body: Json, identity: Identity) -> list[Placed]:
        event = body.get("event") or {}
        if event.get("type") == "member_left_channel" and event.get("user") == identity.bot_user:
            return await self._on_trouble(body, identity)
        self._people_changed()
        return []

    async def _on_trouble(self, body: Json, identity: Identity) -> list[Placed]:
        """Something that only people with rights can mend. What waits stays stored meanwhile."""
        event = body.get("event") or {}
        words = trouble(event, identity)
        log.error("slack.trouble", kind=event.get("type"), words=words)
        if event.get("type") in {"tokens_revoked", "app_uninstalled"}:
            self._fatal = words
            return []
        gone = event.get("channel")
        first = self._first(body)
        for channel in self._admin_channels:
            if first and channel != gone:
                self._background(self._tell(channel, words))
        return []

    def _first(self, body: Json) -> bool:
        """Is this the first time that an event comes here? What follows is not stored, so no commit tells repeats."""
        event_id = str(body.get("event_id"))
        if event_id in self._answered:
            return False
        self._answered[event_id] = None
        if len(self._answered) > _ANSWERED_KEPT:
            self._answered.popitem(last=False)
        return True

    def _greet(self, event: Json, identity: Identity) -> None:
        """Answer a person who writes to the bot, so that nobody thinks a contact reads it."""
        spoken = event.get("subtype") is None and event.get("user") and not event.get("bot_id")
        if event.get("channel_type") == "im" and spoken and not identity.wrote(event):
            self._background(self._tell(str(event.get("channel")), _HELP))

    async def _tell(self, channel: str, words: str) -> None:
        try:
            await self._desk.caller.call("chat.postMessage", {"channel": channel, "text": words})
        except PlatformError as error:
            log.warning("slack.not_told", channel=channel, code=error.failure.code)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        answer = await self._interactions.command(body)
        await self._store(answer.placed)
        await (ack(text=answer.words, response_type="ephemeral") if answer.words else ack())

    async def _on_action(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._store(await self._interactions.action(body))
        await ack()
        self._background(self._interactions.afterwards(body))

    async def _on_shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._interactions.shortcut(body)
        await ack()

    async def _on_options(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack(options=await self._interactions.composer.options(body))

    async def _on_view(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        answer = await self._interactions.submission(body)
        await self._store(answer.placed)
        await (ack(response_action="errors", errors=answer.errors) if answer.errors else ack())

    # ---------------------------------------------------------------------------------------- dispatch

    def _authorizer(self) -> Callable[[], Awaitable[AuthorizeResult]]:
        async def authorize() -> AuthorizeResult:
            identity = await self._desk.identity()
            return AuthorizeResult(
                enterprise_id=None,
                team_id=identity.team,
                bot_user_id=identity.bot_user,
                bot_id=identity.bot_id,
                bot_token=self._client.token,
            )

        return authorize

    async def _dispatch(self, request: AsyncBoltRequest) -> BoltResponse:
        """Let Bolt handle one request. What belongs to one thread is handled in the order of arrival."""
        if (wrong := misfit(request.body)) is not None:
            return _refused(wrong)
        if request.body.get("type") == "app_rate_limited":
            log.error("slack.events_dropped", minute=request.body.get("minute_rate_limited"))
            return BoltResponse(status=200)
        async with self._orders.turn(_order_key(request.body)):
            try:
                identity = await self._desk.identity()
            except PlatformError as error:
                # Bolt would answer 200 to what it cannot authorise, and the event would be lost.
                log.warning("slack.not_identified", code=error.failure.code)
                return BoltResponse(status=503)
            if not concerns(request.body, identity.team):
                log.warning("slack.another_workspace", team=request.body.get("team_id"))
                return BoltResponse(status=200)
            try:
                return await self.app.async_dispatch(request)
            except _BENT as error:
                # What our listeners raise goes to `_on_error`.
                return _refused(type(error).__name__)

    async def _tracked(self, request: AsyncBoltRequest) -> BoltResponse:
        task = asyncio.get_running_loop().create_task(self._dispatch(request))
        self._keep(task)
        # A request that is cut off must not leave an event half handled.
        return await asyncio.shield(task)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep(asyncio.get_running_loop().create_task(work))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    # -------------------------------------------------------------------------------------------- HTTP

    async def handle(self, request: web.Request) -> web.Response:
        """`POST /webhooks/slack`: events, interactivity and commands.

        401 without a valid signature of the last five minutes over the raw bytes, 413 over 1 MiB (and what else
        `adapters.body` refuses), 400 for what is not Slack's format, 5xx when the event could not be stored.
        """
        try:
            raw = await read_body(request, MAX_BODY)
        except UnreadableError as problem:
            return problem.answer()
        if not self._signed(raw, request.headers):
            return web.Response(status=401)
        try:
            bolt_request = _bolt_request(raw, request)
        except _BENT as error:
            log.warning("slack.malformed", wrong=type(error).__name__)
            return web.Response(status=400)
        return await to_aiohttp_response(await self._tracked(bolt_request))

    def _signed(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        signature = headers.get("X-Slack-Signature", "")
        if self._verifier is None or not (_STAMP.fullmatch(stamp) and signature.isascii()):
            return False
        try:
            return bool(self._verifier.is_valid(body=raw, timestamp=stamp, signature=signature))
        except UnicodeDecodeError:  # Slack signs and sends UTF-8 only
            return False

    # -------------------------------------------------------------------------------------------- socket

    def problem(self) -> str | None:
        """Why Slack's events do not reach us at the moment, in words; None when all is well."""
        return self._fatal or (self._socket.problem if self._socket is not None else None)

    async def start(self) -> None:
        """Connect, and stay connected, in the background. Does nothing in HTTP mode."""
        if self._socket is not None:
            self._running = asyncio.get_running_loop().create_task(self._socket.run())

    async def stop(self, patience_s: float = 5.0) -> None:
        """Finish what is under way, within `patience_s`, then close the connection."""
        if self._under_way:
            _, late = await asyncio.wait(set(self._under_way), timeout=patience_s)
            for task in late:
                task.cancel()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None


class _Orders:
    """A turn for each key, granted in the order of asking."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for the turn; keys that nobody holds or waits for are forgotten."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)


def _order_key(body: Json) -> str:
    """What must not overtake each other: everything about one thread (an edit belongs to the post's)."""
    event = body.get("event")
    if not isinstance(event, dict):
        return str(body.get("trigger_id"))
    inner = event.get("message") or event.get("previous_message") or event
    inner = inner if isinstance(inner, dict) else event
    return f"{event.get('channel')}|{inner.get('thread_ts') or inner.get('ts') or event.get('event_ts')}"


def _refused(wrong: str) -> BoltResponse:
    """The answer to what Slack never sends; to be sent again would not help."""
    log.warning("slack.malformed", wrong=wrong)
    return BoltResponse(status=400, headers={"X-Slack-No-Retry": "1"})


def _is_ours(error: Exception) -> bool:
    """Was code of ours at work? Else Bolt stumbled over the payload while it looked for who wants it."""
    frames = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(name.startswith("bridge.") for name in frames)


def concerns(body: Json, team: str) -> bool:
    """False for an event of another workspace that has installed the same app: its people are not ours."""
    grants = body.get("authorizations") or []
    teams = [body.get("team_id"), *(grant.get("team_id") for grant in grants)]
    return "event" not in body or body.get("team_id") is None or team in teams


def trouble(event: Json, identity: Identity) -> str:
    """What an event about a channel or the app itself means, and what to do, in words."""
    channel = f"<#{event.get('channel')}>"
    match event.get("type"):
        case "channel_archive" | "group_archive":
            return f"{channel} was archived. Unarchive it, or choose another channel for its inbox."
        case "channel_deleted" | "group_deleted":
            return f"The channel {event.get('channel')} was deleted. Choose another channel for its inbox."
        case "channel_left" | "group_left" | "member_left_channel":
            return f"The bot was removed from {channel}. Type there: /invite @{identity.name}"
        case "channel_id_changed":
            old, new = event.get("old_channel_id"), event.get("new_channel_id")
            return f"Slack gave the channel {old} the new id {new}. Write it into the inbox's settings."
        case _:
            return "The app was removed from the workspace or its token was revoked. Install it again."


async def _ignored(_body: Json, _identity: Identity) -> list[Placed]:
    return []


async def _acknowledge(ack: AsyncAck) -> None:
    await ack()


async def _on_error(error: Exception) -> BoltResponse:
    """Not stored, so not acknowledged. An error's own text may hold a body, so its kind and place are logged."""
    if isinstance(error, StoreUnavailableError):
        log.warning("slack.not_stored")
        return BoltResponse(status=503)
    if isinstance(error, _BENT) and not _is_ours(error):
        return _refused(type(error).__name__)
    where = traceback.format_tb(error.__traceback__)
    log.error("slack.handler_failed", error=type(error).__name__, where="".join(where))
    return BoltResponse(status=500)


def _bolt_request(raw: bytes, request: web.Request) -> AsyncBoltRequest:
    """Raises `ValueError` for what is neither JSON nor a form with one of the fields that Slack sends."""
    text = raw.decode()
    if request.content_type == "application/json":
        parsed: Any = orjson.loads(text)
    else:
        form = parse_qs(text)
        parsed = orjson.loads(form["payload"][0]) if "payload" in form else form
    if not isinstance(parsed, dict) or not parsed:
        raise ValueError("no object")
    headers: dict[str, str | Sequence[str]] = dict(request.headers.items())
    return AsyncBoltRequest(body=text, query=request.query_string, headers=headers)
