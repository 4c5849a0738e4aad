"""The only wiring: settings in, a running process out. Every other module gets what it needs handed in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, time, timedelta

import aiohttp
import structlog
from aiohttp import web

from bridge.actions import Alert
from bridge.adapters.base import Claim, Marker, Placed
from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.arrive import Arrivals
from bridge.content import Attachment
from bridge.engine import Engine, EngineOptions
from bridge.errors import PlatformError, StoreUnavailableError
from bridge.events import AccountChanged
from bridge.markup import text
from bridge.media.door import MediaDoor
from bridge.media.links import PATH as MEDIA_PATH
from bridge.model import (
    ActionId,
    CardView,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    InboxId,
    Policies,
    Recent,
)
from bridge.observe import Metrics, mask_text
from bridge.outreach import ArchiveOutreach
from bridge.parts import (
    lanes,
    media_links,
    media_spool,
    open_redis,
    owner_name,
    policies,
    retention_policy,
    slack_desk,
    whatsapp_channel,
    whatsapp_webhook,
)
from bridge.perform import Performer, PerformOptions
from bridge.perform.pace import Pace
from bridge.perform.sides import Media
from bridge.readiness import Readiness
from bridge.recall import Recall
from bridge.roster import RosterReader
from bridge.routing.cards import card_view
from bridge.routing.decision import Context
from bridge.scheduler import Scheduler
from bridge.settings import ProcessRole, Settings
from bridge.store import keys
from bridge.store.archive.archiver import Archiver
from bridge.store.archive.census import Census
from bridge.store.archive.closing import EVERY_S as NUDGE_EVERY_S
from bridge.store.archive.closing import Closing
from bridge.store.archive.database import Database
from bridge.store.archive.history import ArchiveHistory
from bridge.store.archive.lag import Lag
from bridge.store.archive.resting import EVERY_S as REST_EVERY_S
from bridge.store.archive.resting import Resting
from bridge.store.archive.retention import prune_once
from bridge.store.archive.schema import migrate
from bridge.store.archive.search import Search
from bridge.store.archive.shelf import ArchiveShelf
from bridge.store.archive.trouble import ArchiveError, Trouble
from bridge.store.connection import Redis
from bridge.store.dead import DeadLetters
from bridge.store.guard import Guard
from bridge.store.inlet import LiveInlet
from bridge.store.live import LiveStore
from bridge.store.replicated import Copies
from bridge.store.templates import TemplateShelf
from bridge.templates import EVERY_S as TEMPLATES_EVERY_S
from bridge.templates import TemplateReader
from bridge.tracer import Tracer
from bridge.web import Handler, build, serve

log = structlog.get_logger(__name__)

RETENTION_AT = time(3, 30)
"""UTC: night from America's east to Europe, morning in Asia, and rarely busy anywhere."""
ROSTER_EVERY_S = 300.0
SNAPSHOT_EVERY_S = 0.5
"""How long a change of the roster or of an inbox's mode takes to be seen everywhere, at most."""
STREAMS_EVERY_S = 5.0
TASK_PAUSE_S = 1.0
TELL_S = 30.0


def _no_link(_inbox: InboxId, _file: Attachment, _now: datetime) -> str | None:
    """No browser reaches us."""
    return None


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
        self.account_changed = asyncio.Event()
        """Set when the contacts' platform says that something of an account changed."""

    async def claim(self, aliases: Sequence[str], *, linked: bool = False) -> Claim:
        """Whose these aliases are; not while Redis may have forgotten it."""
        self._check()
        return await super().claim(aliases, linked=linked)

    async def append(self, events: Sequence[Placed]) -> None:
        """Store, then count by kind and by where it came from: the start of its id."""
        self._check()
        await super().append(events)
        if any(isinstance(placed.event, AccountChanged) for placed in events):
            self.account_changed.set()
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
        self._links = media_links(settings)
        self.lag = Lag(self.redis, lanes(settings))
        self._http = HttpClient()
        self._session: aiohttp.ClientSession | None = None
        self._desk: SlackDesk | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._people_changed = asyncio.Event()
        self.arrivals: Arrivals | None = None
        self.engine: Engine | None = None
        self.scheduler: Scheduler | None = None
        self.archiver: Archiver | None = None
        self.resting = self._resting()
        self.closing = Closing(self.database, self.inlet.append, self._policies.inboxes.values())
        self.readiness = Readiness(
            self.redis,
            self.store,
            self.guard,
            self.lag,
            lanes(settings),
            roster=self.inlet.roster,
            archiver=lambda: self.archiver,
        )

    def has(self, role: ProcessRole) -> bool:
        """Whether this is one of the process's roles."""
        return role in self.settings.roles

    # ------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Connect and begin. Raises `ForeignError`, `ShardCountError`, `StoreUnavailableError`, `ArchiveError` (a newer
        release's archive), `OSError` (port taken).
        """
        # For what bolt does; calls are made with `_http`.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        desk = self._desk = slack_desk(self.settings, self._http, self.inlet.roster)
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
        if self._desk is not None:
            await self._desk.close()
        if self._session is not None:
            await self._session.close()
        await self._http.aclose()
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

        history = ArchiveHistory(self.database)
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
            recall=Recall(self.store, history),
            media=Media(media_spool(self.settings), self._links.make if self._links else _no_link),
            tracer=Tracer(
                self.store,
                history,
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
        scheduler, reader = Scheduler(self.store, self.owner), RosterReader(desk, self.inlet)
        scheduler.every("roster", ROSTER_EVERY_S, lambda _instant: reader.read())
        templates = TemplateReader(self.channel, TemplateShelf(self.redis), self._policies.inboxes)
        scheduler.every("templates", TEMPLATES_EVERY_S, lambda _instant: templates.read())
        self._keep("templates", lambda: templates.follow(self.inlet.account_changed))
        scheduler.daily("retention", RETENTION_AT, self._prune)
        scheduler.every("rest", REST_EVERY_S, self.resting.fire)
        scheduler.every("nudges", NUDGE_EVERY_S, self.closing.fire)
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

    async def _start_web(self, desk: SlackDesk, session: aiohttp.ClientSession) -> None:
        routes: dict[tuple[str, str], Handler] = {}
        checks = self.readiness.checks()
        if self.has(ProcessRole.WEB):
            hook = whatsapp_webhook(
                self.settings, self.inlet, lambda oddity: self.metrics.ignored("webhook", oddity)
            )
            routes["GET", "/webhooks/whatsapp"] = hook.get
            routes["POST", "/webhooks/whatsapp"] = self._counted(hook.post)
            self.arrivals = self._arrivals(desk, session)
            if self._links is not None:
                spool = media_spool(self.settings)
                door = MediaDoor(self._links, self.channel.fetch, spool, lambda: datetime.now(UTC))
                routes["GET", f"{MEDIA_PATH}{{signed}}"] = door.get
            routes["POST", "/webhooks/slack"] = self._counted(self.arrivals.handle)
            await self.arrivals.start()
            reader = RosterReader(desk, self.inlet)
            self._keep("people", lambda: reader.follow(self._people_changed))
            checks["slack"] = self._slack_problem
        app = build(
            routes,
            checks,
            self.metrics,
            self.settings.web.max_body_bytes,
            warnings=self.readiness.warnings(),
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
            ArchiveOutreach(self.channel, Search(self.database)),
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

    async def _slack_problem(self) -> str | None:
        return self.arrivals.problem() if self.arrivals is not None else None
