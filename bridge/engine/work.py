"""Between deciding and acting: a committed decision's actions, and where they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bridge.actions import AnyAction
from bridge.model import ActionId, LaneId
from bridge.store.base import Hold, Marks


class ActionSink(Protocol):
    """Who carries out actions (the performer). Called by the engine, on the loop; none of these wait."""

    def begin(
        self, lane: LaneId, unit: str, actions: Sequence[AnyAction], ended: Sequence[ActionId]
    ) -> Marks:
        """About to commit new actions and the end of others: the marks of what will be attempted at once then, so that
        they are written with it. An attempt that is marked and then not made does no harm, it is looked for in vain.
        """

    def submit(
        self,
        lane: LaneId,
        unit: str,
        actions: Sequence[AnyAction],
        ended: Sequence[ActionId],
        marks: Marks = (),
    ) -> None:
        """New or changed pending actions of a unit, the ones that ended, the marks that `begin` gave: just committed."""

    def recover(self, lane: LaneId, unit: str | None) -> None:
        """What is pending may differ from what is known: read it from the store, of one unit or of the whole
        lane when `unit` is None. Until that is done nothing newer of theirs overtakes it.
        """

    def resume(self, lane: LaneId, unit: str, line: str) -> None:
        """A parked line's time has come."""

    def wake(self, lane: LaneId) -> None:
        """Parked lines of the lane whose time has come go on: the answer that named them may have got lost."""

    def take_lane(self, hold: Hold) -> None:
        """The lane is ours (again): `hold` is its latest hold."""

    def drop_lane(self, lane: LaneId) -> None:
        """The lane is no longer ours: forget its lines, start nothing more for it."""

    async def quiesce(self, lane: LaneId, within_s: float) -> bool:
        """Start nothing more for the lane and wait until what is under way has ended. False: something still is."""
