"""Which keys have been given their end. Telling Redis once is enough, and asking it costs as much as telling it."""

from __future__ import annotations

from bridge.model import LaneId

MOST = 4096
"""Keys remembered of a lane; when there are more all are told anew."""


class Dated:
    """Keys of lanes that expire, as far as this process has told Redis."""

    def __init__(self) -> None:
        self._told: dict[LaneId, set[bytes]] = {}

    def is_told(self, lane: LaneId, key: bytes) -> bool:
        """Whether Redis knows when the key ends."""
        return key in self._told.get(lane, ())

    def tell(self, lane: LaneId, key: bytes) -> None:
        """It has been told."""
        told = self._told.setdefault(lane, set())
        if len(told) >= MOST:
            told.clear()
        told.add(key)

    def untell(self, lane: LaneId, key: bytes) -> None:
        """It was deleted; whatever is written there again has no end yet."""
        self._told.get(lane, set()).discard(key)

    def forget(self, lane: LaneId) -> None:
        """The lane was somebody else's meanwhile, who may have deleted keys."""
        self._told.pop(lane, None)
