"""Instants as the archive keeps them: whole microseconds since 1970, UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """An aware datetime as the archive keeps it; exact."""
    past = at - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def instant(stored: int) -> datetime:
    """The inverse of `micros`: an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=stored)
