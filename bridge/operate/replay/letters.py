"""What a dead letter says, and what may be done with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from bridge import events
from bridge.engine.chain import kind_of
from bridge.journal import DroppedNoted
from bridge.model import (
    DESK_LANE,
    ContactId,
    ConversationId,
    EventId,
    InboxId,
    MessageId,
    Struct,
    message_id,
)
from bridge.observe.masking import mask_tree
from bridge.store.dead import Letter
from bridge.store.entries import stream_key, written_ms


class Found(Struct, frozen=True, kw_only=True):
    """A dead letter, and what this release can read of it."""

    letter: Letter
    kind: str
    event: events.AnyEvent | None
    """None when this release cannot read it."""

    @property
    def arrived_s(self) -> float:
        """When it arrived: as the event says, else when it was appended to the stream (Unix seconds)."""
        if self.event is not None:
            return self.event.at.timestamp()
        return written_ms(self.letter.entry) / 1000

    @property
    def arrived_ms(self) -> int:
        """`arrived_s` in whole milliseconds."""
        return int(self.arrived_s * 1000)

    @property
    def buried_ms(self) -> int:
        """When it was put aside."""
        return written_ms(self.letter.id)

    @property
    def order(self) -> tuple[float, tuple[int, int]]:
        """Sorts letters as they arrived, whatever was put back and put aside again meanwhile."""
        return self.arrived_s, stream_key(self.letter.id)

    @property
    def contact(self) -> ContactId | None:
        """Whom it is about; None in the desk's own lane."""
        return None if self.letter.lane == DESK_LANE else ContactId(self.letter.unit)

    @property
    def message(self) -> MessageId | None:
        """The contact's message that is not shown because of it."""
        received = isinstance(self.event, events.MessageReceived)
        return message_id(self.letter.lane, self.event.id) if self.event and received else None


def read(letter: Letter) -> Found:
    """What this release makes of a letter."""
    try:
        event = events.unpack(letter.event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        event = None
    return Found(letter=letter, kind=kind_of(letter.event), event=event)


def held_back_by(found: Found, others: Iterable[Found]) -> Found | None:
    """The letter that has to be put back before this one: the oldest of the same contact, where that is older."""
    mine = [one for one in others if (one.letter.lane, one.letter.unit) == _unit(found)]
    return min((one for one in mine if one.order < found.order), key=lambda one: one.order, default=None)


def _unit(found: Found) -> tuple[str, str]:
    return found.letter.lane, found.letter.unit


def why_not(found: Found, others: Iterable[Found]) -> str | None:
    """Why a letter should not be put back now while `others` lie there, too; None: it may be."""
    if found.event is None:
        return (
            "this release cannot read it, so it would be put aside again. Retry it with --force if the release "
            "of the workers can, or drop it"
        )
    before = held_back_by(found, others)
    if before is None:
        return None
    return (
        f"held back: {before.letter.name} of the same contact came before it. Retry both, or --all, and they "
        "go back in order; --force ignores the order"
    )


def dropped(found: Found, now: datetime, reason: str) -> DroppedNoted:
    """The fact that a letter was dropped."""
    return DroppedNoted(
        at=now,
        cause=EventId(f"dropped:{found.letter.name}"),
        contact=found.contact or ContactId(""),
        conversation=ConversationId(getattr(found.event, "conversation", "")),
        inbox=InboxId(getattr(found.event, "inbox", "")),
        kind=found.kind,
        arrived_at=datetime.fromtimestamp(found.arrived_ms / 1000, UTC),
        reason=reason,
        message=found.message,
        data=found.letter.event,
    )


def summary(found: Found, now_ms: int) -> dict[str, Any]:
    """A letter for programs, without what is in it."""
    return {
        "id": found.letter.name,
        "lane": found.letter.lane,
        "contact": found.contact,
        "kind": found.kind or None,
        "readable": found.event is not None,
        "arrived": iso(found.arrived_ms),
        "put_aside": iso(found.buried_ms),
        "age_s": round((now_ms - found.arrived_ms) / 1000, 1),
        "reason": found.letter.reason,
    }


def contents(found: Found, *, unmasked: bool) -> object:
    """The event as plain data: as this release reads it, else as far as it can be taken apart, else as text.

    Phone numbers are masked unless `unmasked`; how to answer somebody for the next minutes is always removed.
    """
    return mask_tree(_plain(found), numbers=not unmasked)


def _plain(found: Found) -> object:
    if found.event is not None:
        return msgspec.to_builtins(found.event, str_keys=True)
    try:
        return msgspec.to_builtins(msgspec.msgpack.decode(found.letter.event), str_keys=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        return found.letter.event.decode("utf-8", "backslashreplace")


def iso(ms: int) -> str:
    """An instant for programs."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def advice(found: Found, before: Found | None, *, decided: bool) -> list[str]:
    """What an operator can do about a letter."""
    name = found.letter.name
    if decided:
        return [
            f"It was decided meanwhile, under the same id: threadline replay retry {name} clears it away."
        ]
    if found.event is None:
        words = (
            "This release cannot read it: it comes from a newer or an older one. Retry it with --force once the "
            "workers run a release that can, or drop it with --force."
        )
        return [words]
    lines = []
    if before is not None:
        lines.append(f"{before.letter.name} of the same contact came before it and has to be put back first.")
    lines.append(f"Once the reason is mended: threadline replay retry {name}")
    if found.message is not None:
        lines.append("Its message then appears at the end of the thread, after what was written since.")
    lines.append(f'If it must never be decided: threadline replay drop {name} --reason "…"')
    return lines
