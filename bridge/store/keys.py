"""Every key that the live store uses, built in one place.

A lane's keys carry its tag (`{s7}`), so that all a commit touches is in one slot of a cluster. What belongs to
no lane (aliases, threads, limits) has no tag and is never touched by the same script as a lane.
"""

from __future__ import annotations

from bridge.model import DESK_LANE, DESK_UNIT, AgentId, ContactId, ConversationId, LaneId, Place, lane_of

WORKERS = "workers"
"""Sorted set of workers by the Redis time (ms) up to which they count as alive."""
SHARDS = "threadline:shards"
"""The number of shards this database was begun with."""
DEPLOYMENT = "threadline:deployment"
"""Whose database this is: a packed `deployment.Marker`."""
RESTORING = "threadline:restoring"
"""Who rebuilds lost data from the archive now; expires."""


def begun(lane: LaneId) -> str:
    """The deployment's id. Written when a lane is begun or has been rebuilt, so where it is missing the lane's data
    is, too, and nobody may work it.
    """
    return f"{{{lane}}}:begun"


def stream(lane: LaneId) -> str:
    """Stream of waiting events; fields `u` (unit) and `e` (packed event)."""
    return f"{{{lane}}}:in"


def hold(lane: LaneId) -> str:
    """String `<owner>:<fence>`, expires with the hold."""
    return f"{{{lane}}}:hold"


def fence(lane: LaneId) -> str:
    """Counter of the holds there have been."""
    return f"{{{lane}}}:fence"


def barrier(lane: LaneId) -> str:
    """Written before `WAIT`, so that the wait covers everything that anybody wrote into the lane so far."""
    return f"{{{lane}}}:barrier"


def unit(lane: LaneId, name: str) -> str:
    """A unit's record: 8-byte big-endian version, then the packed state."""
    return f"{{{lane}}}:u:{name}"


def contact(contact_id: ContactId) -> str:
    """A contact's record in its shard."""
    return unit(lane_of(contact_id), contact_id)


def templates() -> str:
    """The message templates of all inboxes; see `store.templates`."""
    return f"{{{DESK_LANE}}}:templates"


def desk_record() -> str:
    """The record of the desk lane."""
    return unit(DESK_LANE, DESK_UNIT)


def actions(lane: LaneId, name: str) -> str:
    """Hash of a unit's pending actions by id; the attempt mark of action `x` is field `!x`."""
    return f"{{{lane}}}:a:{name}"


def busy(lane: LaneId) -> str:
    """Set of units that have pending actions."""
    return f"{{{lane}}}:busy"


def due(lane: LaneId) -> str:
    """Sorted set of timer tokens by Redis time in milliseconds."""
    return f"{{{lane}}}:due"


def timers(lane: LaneId) -> str:
    """Hash timer token -> unit, NUL, packed event."""
    return f"{{{lane}}}:timers"


def parked(lane: LaneId) -> str:
    """Sorted set of parked lines (unit, NUL, line) by Redis time in milliseconds."""
    return f"{{{lane}}}:parked"


def seen(lane: LaneId, period: int) -> str:
    """Over how many sets the events decided in a period are spread (periods: see `decided.py`)."""
    return f"{{{lane}}}:seen:{period}"


def seen_set(lane: LaneId, period: int, number: int) -> str:
    """Set of 64-bit hashes of events decided in a period."""
    return f"{{{lane}}}:seen:{period}:{number:x}"


def messages(lane: LaneId, name: str, day: int) -> str:
    """Hash of a unit's message records of a day (since 1970, Redis time) and of what leads to them: see `records.py`."""
    return f"{{{lane}}}:m:{name}:{day}"


def recent(lane: LaneId, conversation: str) -> str:
    """List of a conversation's last lines, oldest first."""
    return f"{{{lane}}}:r:{conversation}"


def journal(lane: LaneId) -> str:
    """Stream of facts; one entry a commit, each fact in a field `f`."""
    return f"{{{lane}}}:journal"


def dead(lane: LaneId) -> str:
    """Stream of dead letters; fields `u`, `e`, `id` (where it stood in the stream) and `why`."""
    return f"{{{lane}}}:dead"


def tries(lane: LaneId) -> str:
    """Hash stream entry -> how often it was tried."""
    return f"{{{lane}}}:tries"


def counter(lane: LaneId) -> str:
    """The last conversation counter used."""
    return f"{{{lane}}}:n"


def number(lane: LaneId, conversation: str) -> str:
    """The packed `ThreadRef` of a conversation."""
    return f"{{{lane}}}:num:{conversation}"


def numbered(conversation: ConversationId) -> str:
    """The same, by the id alone."""
    return number(lane_of(conversation), conversation)


def rows(agent: AgentId | str | None, lane: LaneId = DESK_LANE) -> str:
    """Hash conversation -> packed row: an agent's list; empty or None: of those without an assignee."""
    return f"{{{lane}}}:l:{agent or ''}"


def alias(name: str) -> str:
    """The contact that an alias belongs to."""
    return f"alias:{name}"


def thread(place: Place) -> str:
    """The packed `ThreadRef` of a thread."""
    return f"thread:{place.desk}:{place.channel}:{place.thread}"


def detour(place: Place) -> str:
    """There while staff words of a thread go through the desk's lane."""
    return f"detour:{place.desk}:{place.channel}:{place.thread}"


def pace(bucket: str) -> str:
    """A shared limit: the time (us) at which its next slot after the reserved ones comes."""
    return f"pace:{bucket}"
