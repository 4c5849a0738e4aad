"""A contact's file on its way into the thread: fetched, uploaded, and only then shown, at most once.

Fetching and uploading may be repeated, for nobody sees them. Before the file is shown the desk's name of the upload is
written into the attempt's mark, so that whoever comes after a crash asks for the post of that very upload. If it never
appears the upload is taken away before there is another one: then no late post can show the file a second time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn

import structlog

from bridge.actions import Relay
from bridge.adapters.base import NOT_KNOWN, Desk
from bridge.content import Attachment
from bridge.errors import Failure, FailureKind, FenceLostError, PlatformError
from bridge.events import Posted
from bridge.media.names import safe_name
from bridge.media.spool import Spooled
from bridge.model import Place, Post
from bridge.perform.lines import LineRun, Work
from bridge.perform.thread_acts import CUSTOMER, ThreadActs
from bridge.perform.tools import Refused, Tools
from bridge.store import records

log = structlog.get_logger(__name__)

FETCHING, SHOWING, UPLOADING = 0, 1, 2
"""Parts of the work, as the attempt's mark counts their tries."""
FETCH_TRIES = 6
"""With the pauses between them about half a minute, for which the thread waits."""
SHOW_TRIES = 3
APPEARS_WITHIN_S, APPEARS_PER_MB_S, LONGEST_APPEARANCE_S = 15.0, 1.0, 120.0
"""How long a desk may take to show what it has accepted; the larger, the longer."""
SHORTEST_APPEARANCE_S = 3.0
"""Whatever waits are scaled to: giving up too soon would mean to upload it again."""
ANSWERED_WITHIN_S = 300.0
"""How long a desk may refuse to say what came of a file, or to take it away. After that something is said in its stead: a
late post beside it is better than a thread that stands still.
"""
FIRST_LOOK_S, LONGEST_LOOK_S = 0.5, 2.0
PASSES = frozenset({FailureKind.RETRY, FailureKind.LIMITED, FailureKind.UNKNOWN})
NOT_SHOWN = Failure(
    kind=FailureKind.NEVER, code="not_shown", words="the desk took the file several times and never showed it"
)
NOT_TOLD = Failure(
    kind=FailureKind.NEVER,
    code="not_told",
    words="the desk took the file and does not tell whether it shows it; it may still appear",
)
NO_ROOM = Failure(
    kind=FailureKind.LIMITED,
    code="no_room",
    words="the bridge has no room on its disk for the file; tell an administrator",
)


class _Over(Exception):  # noqa: N818 - not an error: it failed, which was reported, or goes on later
    """There is nothing more to do in this round."""


class FileActs:
    """Carries out a `Relay` whose content is a file."""

    def __init__(self, tools: Tools, thread: ThreadActs) -> None:
        self._tools = tools
        self._thread = thread

    async def show(self, run: LineRun, work: Work, action: Relay, file: Attachment) -> None:
        """Make some progress with showing a file; afterwards it stands in the thread, or has failed for good, or the line
        goes on later.
        """
        spot = await self._thread.spot(run, work)
        if spot is None:
            return
        desk, place = spot
        before = await self._posts(run, action)
        try:
            post = await self._shown(run, work, action, file, desk, place)
        except _Over:
            return
        self._tools.metrics.send(desk.name, "file", "ok")
        try:
            known = await self._tools.report(run, work, Posted(**self._tools.base(work), post=post))
        except FenceLostError:
            self._thread.look_after(run, desk, [work], post, before)
            raise
        if not known:
            self._thread.look_after(run, desk, [work], post, before)

    async def _posts(self, run: LineRun, action: Relay) -> tuple[Post, ...]:
        """What the message has by now: one that is fetched again has the notice that stood for it."""
        lane, unit = run.key.lane, run.key.unit
        found = await self._tools.performer.store.message_records(lane, [unit], [action.message], [])
        data = found.get(action.message)
        return records.unpack(action.message, data).posts if data is not None else ()

    async def _shown(
        self, run: LineRun, work: Work, action: Relay, file: Attachment, desk: Desk, place: Place
    ) -> Post:
        tools = self._tools
        if work.mark.open:
            post = await self._appeared(run, work, desk, place)
            if post is not None:
                return post
            await self._start_over(run, work, desk)
        if work.mark.note:
            upload, size = work.mark.note, work.mark.size
        else:
            upload, size = await self._bring(run, work, action, file, desk, place)
        quotes = await self._thread.quotes(run, desk, place, [action])
        quoted = quotes.get(action.id, NOT_KNOWN)
        await self._thread.turn(desk, place.channel, CUSTOMER)
        tools.check(run, work, action)
        try:
            await tools.attempt(
                run,
                [work],
                lambda: desk.show_file(place, action, upload, quoted),
                SHOWING,
                note=upload,
                size=size,
            )
        except Refused as refused:
            await self._thread.refused(run, work, desk, place, refused.failure, fetched=True)
            raise _Over from None
        post = await self._appeared(run, work, desk, place)
        if post is None:
            await self._start_over(run, work, desk)
            raise _Over
        return post

    # ------------------------------------------------------------------------------------- bringing

    async def _bring(
        self, run: LineRun, work: Work, action: Relay, file: Attachment, desk: Desk, place: Place
    ) -> tuple[str, int]:
        """Fetch the file and upload it; what the desk calls it, and its bytes. Neither has a fence: nobody sees anything of it."""
        performer, fetched = self._tools.performer, False
        try:
            async with performer.media.spool.file() as spooled:
                mime = await self._fetched(action, file, spooled)
                fetched = True
                upload = await desk.upload(spooled, safe_name(file.name, file.kind.value, mime), file)
                return upload, spooled.size
        except PlatformError as problem:
            failure = problem.failure
        except OSError:
            log.exception("media.no_room")
            failure, fetched = NO_ROOM, False
        # Outside: whoever waits must not keep others from the room on the disk.
        if fetched:
            await self._not_uploaded(run, work, failure, desk, place)
        else:
            await self._not_fetched(run, work, failure)
        raise _Over

    async def _fetched(self, action: Relay, file: Attachment, spooled: Spooled) -> str:
        """Have the file's bytes written; their type."""
        if file.inline:
            await spooled.take(_once(file.inline.encode("utf-8", "replace")))
            return file.mime
        return await self._tools.performer.channel.fetch(action.inbox, file, spooled)

    async def _not_fetched(self, run: LineRun, work: Work, failure: Failure) -> None:
        tools, name = self._tools, self._tools.performer.channel.name
        tools.metrics.error(name, failure.kind.value)
        await tools.count(run, work, FETCHING)
        most = tools.options.limited_tries if failure.kind is FailureKind.LIMITED else FETCH_TRIES
        if failure.kind in PASSES and work.mark.tries < most:
            await tools.back_off(name, work, failure)
            return
        tools.metrics.send(name, "file", "failed")
        await tools.failed(run, work, failure)
        if failure.kind is FailureKind.STOP:
            await tools.alarm(run, work, name, failure)

    async def _not_uploaded(
        self, run: LineRun, work: Work, failure: Failure, desk: Desk, place: Place
    ) -> None:
        tools = self._tools
        if failure.kind in PASSES:
            # Each try fetches all of the file again, so the pauses between them have to grow.
            await tools.count(run, work, UPLOADING)
        tools.metrics.send(desk.name, "file", "failed")
        await self._thread.refused(run, work, desk, place, failure, fetched=True)

    # -------------------------------------------------------------------------------------- showing

    async def _appeared(self, run: LineRun, work: Work, desk: Desk, place: Place) -> Post | None:
        """The post that shows the upload of the latest attempt; None when it has not appeared in time."""
        tools, upload = self._tools, work.mark.note
        look_s = FIRST_LOOK_S
        until = work.mark.at + max(tools.pace.scaled(appears_within_s(work.mark.size)), SHORTEST_APPEARANCE_S)
        while upload:
            # Looked for once more after the time is up: it may have passed while nobody was looking.
            last = tools.performer.now().timestamp() >= until
            try:
                post = await tools.call(run, lambda: desk.find_file(place, upload))
            except Refused as refused:
                await self._not_told(run, work, desk, refused.failure)
            if post is not None or last:
                tools.metrics.send(desk.name, "look_up", "found" if post else "absent")
                return post
            await tools.nap(look_s)
            look_s = min(look_s * 1.5, LONGEST_LOOK_S)
        return None

    async def _not_told(self, run: LineRun, work: Work, desk: Desk, failure: Failure) -> NoReturn:
        """Whether it is shown is not known, so nothing else may happen before it is, or will never be."""
        tools = self._tools
        tools.metrics.error(desk.name, failure.kind.value)
        until = work.mark.at + tools.pace.scaled(ANSWERED_WITHIN_S)
        if failure.kind in PASSES:
            await tools.back_off(desk.name, work, failure)
        elif failure.kind is FailureKind.NEVER and tools.performer.now().timestamp() >= until:
            tools.metrics.send(desk.name, "file", "failed")
            tools.close(work)
            await tools.failed(run, work, NOT_TOLD, fetched=True)
        else:
            await tools.alarm(run, work, desk.name, failure)
            await tools.nap(tools.options.stopped_s)
        raise _Over

    async def _start_over(self, run: LineRun, work: Work, desk: Desk) -> None:
        """Take the upload away that never appeared; from then on it is as if it had not been. Raises `_Over` when it has
        been often enough.
        """
        tools, mark = self._tools, work.mark
        if mark.note:
            try:
                await tools.call(run, lambda: desk.drop_file(mark.note))
            except Refused as refused:
                await self._not_told(run, work, desk, refused.failure)
        tools.close(work)
        if mark.tries >= SHOW_TRIES:
            await tools.failed(run, work, NOT_SHOWN, fetched=True)
            raise _Over


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def appears_within_s(size: int) -> float:
    """How long a desk may take to show a file of `size` bytes."""
    return min(APPEARS_WITHIN_S + APPEARS_PER_MB_S * size / 1_000_000, LONGEST_APPEARANCE_S)
