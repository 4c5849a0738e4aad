"""A colleague's file on its way to the contact: fetched from the desk and uploaded, before the message that carries it.

Nobody sees any of it, so all of it may be repeated: after a crash it is done again, and nothing is marked but how often it
was tried.
"""

from __future__ import annotations

from collections import OrderedDict

import structlog

from bridge.actions import Send
from bridge.adapters.base import Uploaded
from bridge.content import StaffFile
from bridge.errors import Failure, FailureKind, PlatformError
from bridge.model import ActionId
from bridge.perform.file_acts import NO_ROOM, PASSES
from bridge.perform.lines import LineRun, Work
from bridge.perform.tools import Tools

log = structlog.get_logger(__name__)

TRIES = 6
"""With the pauses between them about half a minute, for which later replies to the contact wait."""
KEPT = 256
"""Uploads that wait for their turn to be sent."""
NO_DESK = Failure(
    kind=FailureKind.NEVER, code="no_desk", words="the desk that has the file is not in the settings any more"
)


class UploadActs:
    """Brings the files of `Send`s to the channel."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._ready: OrderedDict[tuple[ActionId, int], Uploaded] = OrderedDict()

    def forget(self, action: ActionId, part: int) -> None:
        """The part was sent, or will not be."""
        self._ready.pop((action, part), None)

    async def uploaded(
        self, run: LineRun, work: Work, action: Send, part: int, file: StaffFile, *, captioned: bool
    ) -> Uploaded | None:
        """The file as the channel has it. None: it failed for good, which was reported, or is tried again later."""
        ready = self._ready.get((action.id, part))
        if ready is not None:
            return ready
        performer = self._tools.performer
        policy = performer.policies().inboxes.get(action.inbox)
        desk = performer.desks.get(policy.desk) if policy else None
        if desk is None:
            await self._tools.failed(run, work, NO_DESK, part)
            return None
        where, failure = desk.name, NO_ROOM
        try:
            async with performer.media.spool.file() as spooled:
                await desk.fetch_file(file, spooled)
                where = performer.channel.name
                ready = await performer.channel.upload(action.inbox, file, spooled, captioned=captioned)
        except PlatformError as problem:
            failure = problem.failure
        except OSError:
            log.exception("media.no_room")
        if ready is None:
            # Outside: whoever waits must not keep others from the room on the disk.
            await self._failed(run, work, part, where, failure)
            return None
        self._ready[action.id, part] = ready
        if len(self._ready) > KEPT:
            self._ready.popitem(last=False)
        return ready

    async def _failed(self, run: LineRun, work: Work, part: int, where: str, failure: Failure) -> None:
        tools = self._tools
        tools.metrics.error(where, failure.kind.value)
        # Counted apart from the tries to send the part, of which at most the latest is known by now.
        await tools.count(run, work, -1 - part)
        # However it stumbles: nothing has gone to the contact, so trying again costs nothing but time.
        if failure.kind in PASSES and work.mark.tries < TRIES:
            await tools.back_off(where, work, failure)
            return
        tools.metrics.send(where, "file", "failed")
        await tools.failed(run, work, failure, part)
        if failure.kind is FailureKind.STOP:
            await tools.alarm(run, work, where, failure)
