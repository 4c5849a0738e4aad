"""The only wiring: settings in, a running process out. Every other module gets what it needs handed in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, time, timedelta

import aiohttp
import structlog
from aiohttp import web

from bridge.actions import Alert
from bridge.adapters.base import Claim, Inlet, Marker, Placed
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.arrive import Arrivals
from bridge.adapters.slack.roster import People
from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.adapters.whatsapp.arrive import WhatsAppWebhook
from bridge.adapters.whatsapp.numbers import Number
from bridge.engine import Engine, EngineOptions
from bridge.errors import PlatformError, StoreUnavailableError
from bridge.events import RosterRead
from bridge.markup import text
from bridge.model import (
    DESK_LANE,
    DESK_UNIT,
    ActionId,
    CardView,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    EventId,
    InboxId,
    InboxPolicy,
    LaneId,
    Policies,
    Recent,
    Roster,
    shard_lane,
)
from bridge.observe import Metrics, mask_text
from bridge.perform import Performer, PerformOptions
from bridge.perform.pace import Pace
from bridge.routing.cards import card_view
from bridge.routing.decision import Context
from bridge.scheduler import Scheduler
from bridge.settings import InboxSettings, ProcessRole, Settings
from bridge.store import keys
from bridge.store.archive.archiver import Archiver
from bridge.store.archive.census import Census
from bridge.store.archive.database import Database
from bridge.store.archive.history import ArchiveHistory
from bridge.store.archive.lag import Lag
from bridge.store.archive.resting import EVERY_S as REST_EVERY_S
from bridge.store.archive.resting import Resting
from bridge.store.archive.retention import Policy, prune_once
from bridge.store.archive.schema import migrate
from bridge.store.archive.shelf import ArchiveShelf
from bridge.store.archive.trouble import ArchiveError, Trouble
from bridge.store.cluster import ClusterRedis
from bridge.store.connection import Redis
from bridge.store.dead import DeadLetters
from bridge.store.entries import written_ms
from bridge.store.guard import Guard
from bridge.store.inlet import LiveInlet
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.live import LiveStore
from bridge.store.replicated import Copies
from bridge.store.sentinel import Watched, parse_sentinels
from bridge.tracer import Tracer
from bridge.web import Check, Handler, build, serve

log = structlog.get_logger(__name__)

RETENTION_AT = time(3, 30)
"""UTC: night from America's east to Europe, morning in Asia, and rarely busy anywhere."""
ROSTER_EVERY_S = 300.0
ROSTER_RETRY_S = 10.0
PEOPLE_SETTLE_S = 1.0
SNAPSHOT_EVERY_S = 0.5
"""How long a change of the roster or of an inbox's mode takes to be seen everywhere, at most."""
STREAMS_EVERY_S = 5.0
TASK_PAUSE_S = 1.0
TELL_S = 30.0
STREAM_LAG_S = 60.0
"""A lane whose oldest event has waited longer makes the process not ready."""
ARCHIVE_LAG_S = 60.0
"""A journal whose oldest fact has waited longer is told by `/readyz`, which stays ready: the road goes on without."""


# ------------------------------------------------------------------------------- settings, handed on


def inbox_policy(inbox: InboxSettings, settings: Settings) -> InboxPolicy:
    """What routing needs to know of an inbox."""
    return InboxPolicy(
        id=InboxId(inbox.id),
        name=inbox.name,
        desk=inbox.desk,
        channel=inbox.channel,
        mode=inbox.mode,
        hold_s=inbox.hold_s,
        read_receipts=inbox.read_receipts,
        admin_channel=inbox.admin_channel or settings.slack.admin_channel,
        team=inbox.team,
    )


def policies(settings: Settings) -> Policies:
    """What routing needs to know of the settings. Waits scale like every other one."""
    scale = settings.pace.scale
    return Policies(
        shards=settings.shards,
        inboxes={InboxId(one.id): inbox_policy(one, settings) for one in settings.inboxes},
        choice_reminder_s=Policies().choice_reminder_s * scale,
    )


def retention_policy(settings: Settings) -> Policy:
    """How long what was said is kept."""
    inboxes = {
        InboxId(one.id): one.retention_days or None
        for one in settings.inboxes
        if one.retention_days is not None
    }
    return Policy(days=settings.archive.retention_days or None, inboxes=inboxes)


def numbers(settings: Settings) -> list[Number]:
    """The business numbers, each with the credentials it uses."""
    default = settings.whatsapp
    return [
        Number(
            inbox=InboxId(one.id),
            phone_number_id=one.phone_number_id,
            waba_id=one.waba_id,
            token=(one.access_token or default.access_token).get_secret_value(),
            app_secret=(one.app_secret or default.app_secret).get_secret_value(),
            portfolio=one.portfolio or default.portfolio,
        )
        for one in settings.inboxes
    ]


def lanes(settings: Settings) -> tuple[LaneId, ...]:
    """All lanes of the deployment."""
    return (*(shard_lane(shard) for shard in range(settings.shards)), DESK_LANE)


def owner_name() -> str:
    """Names this process among the workers."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def host_of(owner: str) -> str:
    """The machine that a worker of this name runs on."""
    return owner.rsplit("-", 2)[0]


def open_redis(settings: Settings) -> JoinedRedis | ClusterRedis:
    """The Redis of the settings; connects at the first command."""
    redis, timing = settings.redis, Timing(answer_s=settings.redis.timeout_s)
    if redis.cluster:
        return ClusterRedis(redis.url, timing)
    password = redis.sentinel_password
    watched = Watched(
        sentinels=parse_sentinels(redis.sentinels),
        name=redis.sentinel_name,
        password=password.get_secret_value() if password else None,
    )
    return JoinedRedis(redis.url, timing, watched if redis.sentinels else None)


# ---------------------------------------------------------------------------------- the platforms' sides


def slack_desk(
    settings: Settings, session: aiohttp.ClientSession, roster: Callable[[], Roster] = Roster
) -> SlackDesk:
    """The Slack workspace of the settings, on a shared session; `roster` is the latest snapshot of the people."""
    slack, people = settings.slack, settings.agents
    channels = {InboxId(one.id): one.channel for one in settings.inboxes}
    return SlackDesk(
        session,
        bot_token=slack.bot_token.get_secret_value(),
        api_url=slack.api_url,
        people=People(
            agents=people.agents, leads=people.leads, managers=people.managers, admins=people.admins
        ),
        channels=channels if people.from_channel else {},
        timeout_s=settings.engine.send_timeout_s,
        posts_per_s=settings.pace.slack_posts_per_s,
        posts_burst=settings.pace.slack_posts_burst,
        roster=roster,
    )


def whatsapp_channel(settings: Settings) -> WhatsAppChannel:
    """The WhatsApp numbers of the settings."""
    return WhatsAppChannel(
        settings.whatsapp.api_url,
        settings.whatsapp.api_version,
        numbers(settings),
        throughput_per_s=settings.pace.whatsapp_messages_per_s,
        pair_per_s=1 / settings.pace.whatsapp_pair_every_s,
        pair_burst=settings.pace.whatsapp_pair_burst,
    )


def whatsapp_webhook(settings: Settings, inlet: Inlet, count: Callable[[str], None]) -> WhatsAppWebhook:
    """The handlers of WhatsApp's webhook; `count` is told of everything out of the ordinary."""
    return WhatsAppWebhook(
        inlet,
        numbers(settings),
        settings.whatsapp.verify_token.get_secret_value(),
        count,
        max_body=settings.web.max_body_bytes,
    )


# ------------------------------------------------------------------------------------------------ counted


class CountedInlet(LiveInlet):
    """The store's inlet; what it has stored is counted, and nothing is taken in that `check` raises against."""

    def __init__(
        self,
        redis: Redis,
        policies: Policies,
        metrics: Metrics,
        copies: Copies,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(redis, policies, copies=copies)
        self._metrics = metrics
        self._check = check

    async def claim(self, aliases: Sequence[str], *, linked: bool = False) -> Claim:
        """Whose these aliases are; not while Redis may have forgotten it."""
        self._check()
        return await super().claim(aliases, linked=linked)

    async def append(self, events: Sequence[Placed]) -> None:
        """Store, then count by kind and by where it came from: the start of its id."""
        self._check()
        await super().append(events)
        for placed in events:
            self._metrics.arrived(type(placed.event).__name__, placed.event.id.partition(":")[0])


class Bridge:
    """One process with the roles that the settings give it. `start`, then `stop`; both once."""

    def __init__(self, settings: Settings) -> None:
        """Build everything; nothing is connected before `start`."""
        self.settings = settings
        self.metrics = Metrics()
        self.owner = owner_name()
        self.port = settings.web.port
        self._policies = policies(settings)
        self.redis = open_redis(settings)
        copies = Copies(replicas=settings.redis.replicas)
        self.store = LiveStore(
            self.redis,
            shards=settings.shards,
            hold_s=settings.engine.hold_ttl_s,
            alive_s=max(3.0, settings.engine.hold_ttl_s * 2 / 3),
            copies=copies,
            guarded=lanes(settings),
        )
        self.database = Database(settings.archive.url)
        self.guard = self._guard()
        self.inlet = CountedInlet(self.redis, self._policies, self.metrics, copies, self.guard.check)
        self.channel = whatsapp_channel(settings)
        self.lag = Lag(self.redis, lanes(settings))
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._people_changed = asyncio.Event()
        self.arrivals: Arrivals | None = None
        self.engine: Engine | None = None
        self.scheduler: Scheduler | None = None
        self.archiver: Archiver | None = None
        self.resting = self._resting()

    def has(self, role: ProcessRole) -> bool:
        """Whether this is one of the process's roles."""
        return role in self.settings.roles

    # ------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Connect and begin. Raises `ForeignError`, `ShardCountError`, `StoreUnavailableError`, `ArchiveError` (a newer
        release's archive), `OSError` (port taken).
        """
        # No limit: each conversation has one call under way, and those that hang must not keep others waiting.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        desk = slack_desk(self.settings, self._session, self.inlet.roster)
        self.guard.telling(lambda words: self._tell_later(desk, words))
        if self.has(ProcessRole.SCHEDULER):
            await self._migrate()
        await self.guard.settle()
        self._keep("guard", self.guard.watch)
        await self.inlet.refresh()
        self._keep("snapshots", lambda: self.inlet.watch(SNAPSHOT_EVERY_S))
        if self.has(ProcessRole.WORKER):
            self.engine = self._start_engine(desk)
            self._keep("streams", self._measure_streams)
        if self.has(ProcessRole.SCHEDULER):
            self.scheduler = self._start_scheduler(desk)
            self.archiver = self._start_archiver()
        await self._start_web(desk, self._session)
        log.info("bridge.started", roles=[role.value for role in self.settings.roles], port=self.port)

    async def stop(self) -> None:
        """Take in nothing new, finish what is in hand within the drain time, let go of everything."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
        if self.arrivals is not None:
            await self.arrivals.stop()
        if self.scheduler is not None:
            await self.scheduler.stop()
        if self.engine is not None:
            await self.engine.stop()
        if self.archiver is not None:
            await self.archiver.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.channel.close()
        if self._session is not None:
            await self._session.close()
        await self.database.close()
        await self.redis.aclose()
        log.info("bridge.stopped")

    # ----------------------------------------------------------------------------------------- parts

    def _keep(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run something endless until `stop`."""
        self._tasks.append(asyncio.create_task(self._forever(name, loop), name=name))

    async def _forever(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Begin `loop` anew after a defect: else the process would go on with half of its work undone."""
        while True:
            try:
                await loop()
            except Exception:
                log.exception("task.failed", task=name)
                self.metrics.error("bridge", name)
            await asyncio.sleep(TASK_PAUSE_S)

    def _start_engine(self, desk: SlackDesk) -> Engine:
        engine_settings, pace_settings = self.settings.engine, self.settings.pace
        engine: Engine

        def cards(contact: Contact, conversation: Conversation, recent: tuple[Recent, ...]) -> CardView:
            context = Context(
                now=engine.clock.now(),
                policies=self.inlet.policies(),
                roster=self.inlet.roster(),
                counter=0,
                recent=recent,
            )
            return card_view(contact, conversation, context)

        performer = Performer(
            self.store,
            {desk.name: desk},
            self.channel,
            cards,
            self.inlet.policies,
            lambda: engine.clock.now(),  # noqa: PLW0108 - the engine is made further down
            Pace(self.store.take, pace_settings.scale),
            self.metrics,
            PerformOptions(send_timeout_s=engine_settings.send_timeout_s),
            tracer=Tracer(
                self.store,
                ArchiveHistory(self.database),
                lambda lane, within_s: self.lag.caught_up(within_s, [lane]),
                policies=self.inlet.policies,
                roster=self.inlet.roster,
                now=lambda: engine.clock.now(),  # noqa: PLW0108 - as above
                mask=mask_text,
            ),
        )
        engine = Engine(
            self.store,
            performer,
            self.inlet,
            self.metrics,
            lanes(self.settings),
            self.owner,
            EngineOptions(
                max_in_hand=engine_settings.max_in_hand,
                max_in_hand_per_unit=engine_settings.max_in_hand_per_contact,
                tries=engine_settings.tries,
                renew_every_s=engine_settings.hold_ttl_s / 4,
                drain_s=engine_settings.drain_s,
            ),
            ArchiveShelf(self.database),
        )
        performer.attach(engine)
        engine.start()
        return engine

    def _start_scheduler(self, desk: SlackDesk) -> Scheduler:
        scheduler = Scheduler(self.store, self.owner)
        scheduler.every("roster", ROSTER_EVERY_S, lambda _instant: self._keep_reading_roster(desk))
        scheduler.daily("retention", RETENTION_AT, self._prune)
        scheduler.every("rest", REST_EVERY_S, self.resting.fire)
        scheduler.start()
        return scheduler

    def _guard(self) -> Guard:
        settings = self.settings
        windows = {one.id: one.window_s for one in self._policies.inboxes.values()}
        return Guard(
            self.redis,
            Census(self.database, settings.shards, windows),
            numbers=[one.phone_number_id for one in settings.inboxes],
            shards=settings.shards,
            lanes=lanes(settings),
            owner=self.owner,
        )

    def _resting(self) -> Resting:
        archive = self.settings.archive
        return Resting(
            ArchiveShelf(self.database),
            self.inlet.append,
            rest_after=timedelta(days=archive.rest_after_days),
            stub_for=timedelta(days=archive.stub_days),
        )

    async def _tell_later(self, desk: SlackDesk, words: str) -> None:
        """Tell those who can act, without anybody waiting for it."""
        self._tasks.append(asyncio.create_task(self._tell(desk, words), name="tell"))

    async def _tell(self, desk: SlackDesk, words: str) -> None:
        told: set[str] = set()
        for inbox in self._policies.inboxes.values():
            channel = inbox.admin_channel or inbox.channel
            if channel in told:
                continue
            told.add(channel)
            of = {"contact": ContactId(""), "conversation": ConversationId(""), "inbox": inbox.id}
            alert = Alert(id=ActionId("restored/0"), seq=0, body=text(words), **of)  # type: ignore[arg-type]
            with contextlib.suppress(PlatformError, TimeoutError):
                async with asyncio.timeout(TELL_S):
                    await desk.alert(alert, channel, Marker(actions=(), **of))  # type: ignore[arg-type]

    async def _migrate(self) -> None:
        """Bring the archive's schema up to date before anything relies on it.

        A database that is not there is no reason not to start: the archiver says so, and goes on trying.
        """
        try:
            before = await migrate(self.database)
        except ArchiveError as problem:
            if problem.trouble is Trouble.NEWER:
                raise
        else:
            if before is not None:
                log.info("archive.migrated", before=before or None)

    def _start_archiver(self) -> Archiver:
        every = lanes(self.settings)
        archiver = Archiver(self.redis, self.store, self.database, every, self.owner, self.metrics)
        archiver.start()
        return archiver

    async def _prune(self, instant: datetime) -> None:
        """Delete what is too old at a scheduled instant."""
        try:
            done = await prune_once(self.database, retention_policy(self.settings), instant)
        except ArchiveError as problem:
            log.warning("archive.not_pruned", problem=str(problem))
            return
        if done is not None and done.anything:
            counts = {"messages": done.messages, "notes": done.notes, "facts": done.facts}
            log.info("archive.pruned", conversations=done.conversations, **counts)
            for what, rows in counts.items():
                self.metrics.pruned(what, rows)

    async def _keep_reading_roster(self, desk: SlackDesk) -> None:
        """Read the roster; where that fails, soon again: without people nobody's answer goes out."""
        while not await self._try_to_read_roster(desk):  # noqa: ASYNC110 - Slack tells no event for it
            await asyncio.sleep(ROSTER_RETRY_S)

    async def _try_to_read_roster(self, desk: SlackDesk) -> bool:
        try:
            await self._read_roster(desk, datetime.now(UTC).replace(microsecond=0))
        except (PlatformError, StoreUnavailableError) as problem:
            log.warning("roster.not_read", problem=str(problem))
            return False
        return True

    async def _read_roster(self, desk: SlackDesk, instant: datetime) -> None:
        event = RosterRead(
            id=EventId(f"roster:{desk.name}:{instant.timestamp():.0f}"),
            at=instant,
            desk=desk.name,
            agents=await desk.read_roster(),
        )
        await self.inlet.append([Placed(lane=DESK_LANE, unit=DESK_UNIT, event=event)])

    async def _follow_people(self, desk: SlackDesk) -> None:
        """Read the roster again whenever the desk says that people changed; several changes at once count once."""
        while True:
            await self._people_changed.wait()
            await asyncio.sleep(PEOPLE_SETTLE_S)
            self._people_changed.clear()
            await self._try_to_read_roster(desk)

    async def _start_web(self, desk: SlackDesk, session: aiohttp.ClientSession) -> None:
        routes: dict[tuple[str, str], Handler] = {}
        checks: dict[str, Check] = {
            "redis": self._check_redis,
            "deployment": self._check_deployment,
            "streams": self._check_streams,
            "people": self._check_people,
        }
        if self.has(ProcessRole.WEB):
            hook = whatsapp_webhook(
                self.settings, self.inlet, lambda oddity: self.metrics.ignored("webhook", oddity)
            )
            routes["GET", "/webhooks/whatsapp"] = hook.get
            routes["POST", "/webhooks/whatsapp"] = self._counted(hook.post)
            self.arrivals = self._arrivals(desk, session)
            routes["POST", "/webhooks/slack"] = self._counted(self.arrivals.handle)
            await self.arrivals.start()
            self._keep("people", lambda: self._follow_people(desk))
            checks["slack"] = self._check_slack
        app = build(
            routes,
            checks,
            self.metrics,
            self.settings.web.max_body_bytes,
            warnings={"archive": self._check_archive},
        )
        self._runner, self.port = await serve(app, self.settings.web.host, self.settings.web.port)

    def _arrivals(self, desk: SlackDesk, session: aiohttp.ClientSession) -> Arrivals:
        slack = self.settings.slack
        socket_mode = slack.mode == "socket"
        channels = {policy.admin_channel or policy.channel for policy in self._policies.inboxes.values()}
        return Arrivals(
            desk,
            self.inlet,
            session,
            bot_token=slack.bot_token.get_secret_value(),
            api_url=slack.api_url,
            app_token=slack.app_token.get_secret_value() if slack.app_token and socket_mode else None,
            signing_secret=slack.signing_secret.get_secret_value()
            if slack.signing_secret and not socket_mode
            else None,
            admin_channels=tuple(sorted(channels)),
            people_changed=self._people_changed.set,
        )

    def _counted(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            self.metrics.webhook(response.status)
            return response

        return handle

    async def _measure_streams(self) -> None:
        """Show how many events and dead letters wait in each lane; every worker looks at all, for one may be held
        by nobody.
        """
        every = lanes(self.settings)
        dead = DeadLetters(self.redis, every)
        while True:
            with contextlib.suppress(StoreUnavailableError):
                lengths = await asyncio.gather(*[self.redis("XLEN", keys.stream(lane)) for lane in every])
                for lane, length in zip(every, lengths, strict=True):
                    self.metrics.stream_length(lane, length)
                for lane, count in (await dead.waiting()).items():
                    self.metrics.dead_letters(lane, count)
            await asyncio.sleep(STREAMS_EVERY_S)

    # ---------------------------------------------------------------------------------------- readiness

    async def _check_redis(self) -> str | None:
        """Every lane's place has to answer: in a cluster they are on several servers."""
        try:
            await asyncio.gather(*[self.redis("EXISTS", keys.hold(lane)) for lane in lanes(self.settings)])
        except StoreUnavailableError as problem:
            return str(problem)
        return None

    async def _check_deployment(self) -> str | None:
        """Whose Redis it is, and whether it holds what it should."""
        return self.guard.problem

    async def _check_streams(self) -> str | None:
        """Events that wait too long: nobody holds the lane, or whoever does is stuck."""
        waiting = []
        with contextlib.suppress(StoreUnavailableError):  # the check of Redis says so
            now_ms = await self.store.now_ms()
            for lane in lanes(self.settings):
                for entry in await self.store.range(lane, "0-0", 1):
                    age_s = (now_ms - written_ms(entry.id)) / 1000
                    if age_s > STREAM_LAG_S:
                        waiting.append(f"{lane} since {age_s:.0f} s")
        return f"events wait: {', '.join(waiting)}" if waiting else None

    async def _check_archive(self) -> str | None:
        """What is not in the archive yet, once it is noticeable, and why, where this process knows."""
        trouble = self.archiver.trouble if self.archiver is not None else None
        lag_s = 0.0
        with contextlib.suppress(StoreUnavailableError):  # the check of Redis says so
            lag_s = (await self.lag.behind()).lag_s
        if trouble is None and lag_s < ARCHIVE_LAG_S:
            return None
        late = f"behind by {_spoken(lag_s)}"
        return f"{late}: {trouble}" if trouble else late

    async def _check_people(self) -> str | None:
        """Without the roster everybody is a viewer, and nobody's words go out."""
        return None if self.inlet.roster().agents else "the people of the desk have not been read yet"

    async def _check_slack(self) -> str | None:
        return self.arrivals.problem() if self.arrivals is not None else None


def _spoken(seconds: float) -> str:
    """A duration for people: `40 s`, `3 min`, `2 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
