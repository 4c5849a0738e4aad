"""A world whose contact may rest: states go to an archive and come back the way the engine does it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from bridge.actions import ForgetThreads
from bridge.engine.decider import decode, packed_state
from bridge.events import (
    ContactArchived,
    ContactFetched,
    ContactIdle,
    ContactLaneEvent,
    StubOutlived,
)
from bridge.journal import ContactStored
from bridge.model import Contact, EventId, lane_of
from bridge.routing import rest
from bridge.routing.decision import Decision
from bridge.store.base import Record
from tests.routing.world import CONTACT, World


class RestingWorld(World):
    """`kept` is what Redis has of the contact while it is at rest; `shelf` what the archive has; `away` says that the
    archive does not answer.
    """

    kept: bytes | None = None
    shelf: bytes | None = None
    away: bool = False
    rests: int = 0

    def decide(self, event: ContactLaneEvent) -> Decision:
        """As the engine decides on a contact that may be at rest."""
        record = Record(version=1, data=self.kept or msgspec.msgpack.encode(self.contact))
        loaded = decode(lane_of(CONTACT), CONTACT, record)
        whole = self.contact
        if self.kept is None:
            loaded = msgspec.structs.replace(loaded, state=whole)
        elif rest.wakes(event, known=bool(self.context(event).messages)) and self.can_ask():
            assert self.shelf is not None
            found = msgspec.msgpack.decode(self.shelf, type=Contact)
            loaded = msgspec.structs.replace(loaded, state=found)
        assert isinstance(loaded.state, Contact)
        self.contact = loaded.state
        decision = super().decide(event)
        self.made = [one for one in self.made if not isinstance(one, ForgetThreads)]
        kept = packed_state(decision, self.now, loaded)
        at_rest = kept is loaded.stub or decision.form is not decision.form.WHOLE
        self.kept = kept if at_rest else None
        if at_rest:
            self.contact = whole
        for fact in decision.facts:
            if isinstance(fact, ContactStored):
                self.shelf = fact.state
        return decision

    def can_ask(self) -> bool:
        """Whether the archive answers; without so much as a stub everything waits for it."""
        return not self.away or self.kept is None or self.kept[:1] == b"\xc0"

    # --------------------------------------------------------------------------------------- steps of resting

    def goes_idle(self, *, since_s: float = 0.0) -> Decision:
        """The archive says that nothing happened for long."""
        self.rests += 1
        return self.decide(
            ContactIdle(
                id=EventId(f"idle:{self.rests}"),
                at=self.now + timedelta(seconds=self.rests),
                contact=CONTACT,
                since=self.now - timedelta(seconds=since_s),
            )
        )

    def is_archived(self) -> Decision:
        """The archive has the state."""
        event_id = EventId(f"archived:{self.rests}")
        return self.decide(
            ContactArchived(id=event_id, at=self.now, contact=CONTACT, stored=self.stored_at())
        )

    def is_outlived(self) -> Decision:
        """And has had it for long."""
        event_id = EventId(f"outlived:{self.rests}")
        decision = self.decide(
            StubOutlived(id=event_id, at=self.now, contact=CONTACT, stored=self.stored_at())
        )
        for action in list(self.pending.values()):
            if isinstance(action, ForgetThreads):
                self.did(action)
        return decision

    def is_fetched(self) -> Decision:
        """The archive answers at last."""
        assert self.shelf is not None
        event_id = EventId(f"fetched:{self.rests}")
        return self.decide(ContactFetched(id=event_id, at=self.now, contact=CONTACT, state=self.shelf))

    def stored_at(self) -> datetime:
        """When that was."""
        resting = self.stored().resting
        assert resting is not None
        return resting

    def stored(self) -> Contact:
        """The state that the archive has."""
        assert self.shelf is not None
        return msgspec.msgpack.decode(self.shelf, type=Contact)
