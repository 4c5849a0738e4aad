"""The contact's line: staff words on their way out. Never twice, never silently not at all."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from bridge.actions import Send, SendReaction
from bridge.content import StaffFile
from bridge.errors import Failure, FailureKind
from bridge.events import PartSent, Uncertain
from bridge.model import Post
from bridge.perform.file_acts import PASSES
from bridge.perform.lines import LineRun, Work
from bridge.perform.tools import Refused, Tools
from bridge.perform.upload_acts import UploadActs

NOTHING_TO_SEND = Failure(
    kind=FailureKind.NEVER, code="empty", words="there is nothing in this message that can be sent"
)
NOT_QUOTED = "it was sent without the quote, because what you answered is no message that is still known"
NO_MESSAGE = Failure(
    kind=FailureKind.NEVER,
    code="no_message",
    words="what stands there is no message of theirs that is still known",
)
REPLY = 0
"""Urgency at a contact's limit: there is only one kind."""


class ContactActs:
    """Carries out `Send`, part by part."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._uploads = UploadActs(tools)

    async def send(self, run: LineRun, work: Work, action: Send) -> None:
        """Send the next part of a message, or wait for the fate of the one that was under way."""
        channel = self._tools.performer.channel
        fitted = channel.fitted(action)
        parts = fitted.parts
        part = action.first_part + len(action.sent)
        if part >= len(parts):
            await self._tools.failed(run, work, NOTHING_TO_SEND, part)
            return
        if work.mark.open and work.mark.part == part:
            await self._await_fate(run, work, part)
            return
        outgoing, uploaded, remarks = parts[part], None, []
        if action.answers is not None and part == 0:
            quotes = await self._quoted(run, action.answers)
            outgoing = msgspec.structs.replace(outgoing, quotes=quotes)
            remarks = [] if quotes else [NOT_QUOTED]
        if isinstance(outgoing.extra, StaffFile):
            uploaded = await self._uploads.uploaded(
                run, work, action, part, outgoing.extra, captioned=bool(outgoing.text)
            )
            if uploaded is None:
                return
            remarks += [uploaded.remark] if uploaded.remark else []
        for bucket in channel.buckets(action.inbox, action.address):
            waited_s = await self._tools.pace.turn(bucket, REPLY)
            if waited_s > 0:
                self._tools.metrics.rate_limit_wait(channel.name, "send", waited_s)
        self._tools.check(run, work, action)
        try:
            platform_id = await self._tools.attempt(
                run, [work], lambda: channel.send(action, part, outgoing, uploaded), part
            )
        except Refused as refused:
            await self._refused(run, work, refused.failure, part)
            return
        await self._tools.report(
            run,
            work,
            PartSent(
                **self._tools.base(work),
                platform_id=platform_id,
                part=part,
                parts=len(parts),
                lost=tuple(loss.detail for loss in fitted.losses) if part == 0 else (),
                remarks=tuple(remarks),
            ),
        )
        self._uploads.forget(action.id, part)
        self._tools.metrics.send(channel.name, "send", "ok")

    async def react(self, run: LineRun, work: Work, action: SendReaction) -> None:
        """Put an emoji on a message of the contact. Once more does no harm."""
        tools, channel = self._tools, self._tools.performer.channel
        platform_id = action.platform_id
        if action.answers is not None:
            platform_id = await self._quoted(run, action.answers)
        if not platform_id:
            await tools.failed(run, work, NO_MESSAGE)
            return
        for bucket in channel.buckets(action.inbox, action.address):
            await tools.pace.turn(bucket, REPLY)
        tools.check(run, work, action)
        try:
            await tools.call(
                run, lambda: channel.react(action.inbox, action.address, platform_id, action.emoji)
            )
        except Refused as refused:
            await tools.count(run, work)
            if refused.failure.kind in PASSES and work.mark.tries < tools.options.give_up_after:
                await tools.back_off(channel.name, work, refused.failure)
                return
            tools.metrics.send(channel.name, "react", "failed")
            await tools.failed(run, work, refused.failure)
        else:
            tools.metrics.send(channel.name, "react", "ok")
            await tools.done(run, work)

    async def _quoted(self, run: LineRun, answers: Post) -> str:
        """What the platform calls the message that is answered; empty where that is not known (any more)."""
        contact = await self._tools.state(run)
        found = await self._tools.performer.recall.standing(contact, answers)
        return found or ""

    async def _refused(self, run: LineRun, work: Work, failure: Failure, part: int) -> None:
        tools = self._tools
        name = tools.performer.channel.name
        tools.metrics.error(name, failure.kind.value)
        tries = work.mark.tries
        match failure.kind:
            case FailureKind.UNKNOWN:
                return  # the mark is open: the next round waits for the fate
            case FailureKind.RETRY if tries < tools.options.give_up_after:
                await tools.back_off(name, work, failure)
            case FailureKind.LIMITED if tries < tools.options.limited_tries:
                await tools.back_off(name, work, failure)
            case _:
                tools.metrics.send(name, "send", "failed")
                self._uploads.forget(work.action.id, part)
                await tools.failed(run, work, failure, part)
                if failure.kind is FailureKind.STOP:
                    await tools.alarm(run, work, name, failure)

    async def _await_fate(self, run: LineRun, work: Work, part: int) -> None:
        """An attempt was made and its outcome is not known: a status that carries our id settles it (routing
        then ends or replaces the action). If none comes in time, people are asked.
        """
        tools = self._tools
        since = tools.performer.now().timestamp() - work.mark.at
        left_s = tools.pace.scaled(tools.options.unknown_wait_s) - since
        if left_s > 0:
            work.changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await work.changed.wait()
                return
        tools.metrics.send(tools.performer.channel.name, "send", "uncertain")
        await tools.report(run, work, Uncertain(**tools.base(work), part=part))
