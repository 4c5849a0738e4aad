"""Posts that a worker made although its lane was somebody else's by then.

A process can be frozen for longer than its hold lasts, between its last look at the clock and the moment its request
leaves. Once it wakes the post is made, and no platform can refuse it. If the lane's next holder has shown the message
by then, people see it twice; so whoever finds that it has lost its lane waits until it is written which post shows
the message, and takes its own back if it is another one. Nothing is deleted on a guess: while nothing is written the
post stays, and the next holder may find it by its marker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog

from bridge.adapters.base import Desk
from bridge.errors import PlatformError, StoreUnavailableError
from bridge.model import LaneId, MessageId, Post
from bridge.store import records
from bridge.store.base import LaneStore

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
LOOKS = 180
"""A next holder needs the time of a hold to take the lane, and some more for a look-up and its turn."""


async def take_back(
    store: LaneStore,
    desk: Desk,
    lane: LaneId,
    unit: str,
    messages: Sequence[MessageId],
    post: Post,
    *,
    before: Collection[Post] = (),
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Delete `post`, which shows `messages`, once it is written that other posts show all of them. Posts that were written
    `before` the attempt show something else of them: a notice in a file's stead, say.

    Gives up without deleting after `LOOKS` looks. Never raises for a platform or a store that is away.
    """
    for _ in range(LOOKS):
        await asyncio.sleep(every_s)
        try:
            found = await store.message_records(lane, [unit], messages, [])
            shown = [
                records.unpack(message, found[message]).posts for message in messages if message in found
            ]
            if any(post in posts for posts in shown):
                return
            if len(shown) < len(messages) or not all(set(posts).difference(before) for posts in shown):
                continue
            await desk.remove(post)
        except (PlatformError, StoreUnavailableError) as problem:
            log.debug("stray.not_taken_back", problem=str(problem))
            continue
        log.warning("stray.taken_back", lane=lane, channel=post.channel, post=post.id)
        return
