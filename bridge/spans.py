"""Stretches of time, as people write and read them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_EXAMPLES = "a span such as 90m, 12h, 1d or 1h30m, or a date such as 2026-03-29 or 2026-03-29T08:00"


def spell(seconds: float) -> str:
    """A span with two units at most: `0.3 s`, `42 s`, `3 min`, `2 h 5 min`, `3 d`. Less than nothing is `0 s`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0", "")
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 120 and whole % 3600 >= 60:
        return f"{minutes} min"
    if hours < 48 and whole % 86_400 >= 60:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 and days < 7 else f"{days} d"


def since(words: str, now: datetime) -> datetime:
    """The instant that `words` name, before or at `now`: a span back from it, or a date (UTC unless it says).

    Raises ValueError, in words for whoever typed it.
    """
    text = words.strip().lower()
    found = _SPAN.findall(text)
    if found and not _SPAN.sub("", text).strip():
        seconds = sum(float(count) * _UNITS[unit] for count, unit in found)
        try:
            return now - timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError(f"{words!r} is longer ago than there are dates; expected {_EXAMPLES}") from None
    try:
        at = datetime.fromisoformat(words.strip())
    except ValueError:
        raise ValueError(f"{words!r} is no time that can be read; expected {_EXAMPLES}") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > now:
        raise ValueError(f"{words!r} has not come yet; expected a time before now")
    return at
