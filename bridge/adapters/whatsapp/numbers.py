"""The business numbers we answer for, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.model import InboxId


@dataclass(frozen=True, slots=True)
class Number:
    """One business number: the inbox it feeds and what it takes to use it."""

    inbox: InboxId
    phone_number_id: str
    """Opaque; webhooks and sends name the number by it."""
    waba_id: str
    token: str = field(repr=False)
    app_secret: str = field(repr=False)
    portfolio: str = "default"
    """User ids are compared only within one portfolio."""
