"""Ids of stream entries, `<ms>-<n>` on Redis time. Pure."""

from __future__ import annotations

_LAST_OF_A_MS = (1 << 64) - 1


def stream_key(entry: str) -> tuple[int, int]:
    """Orders the ids of a stream: milliseconds since 1970, number within these."""
    ms, _, number = entry.partition("-")
    return int(ms), int(number or 0)


def written_ms(entry: str) -> int:
    """When an entry was appended, in milliseconds since 1970."""
    return stream_key(entry)[0]


def before(entry: str) -> str:
    """The largest id before an entry's."""
    ms, number = stream_key(entry)
    return f"{ms}-{number - 1}" if number else f"{ms - 1}-{_LAST_OF_A_MS}"


def after(entry: str) -> str:
    """The smallest id after an entry's."""
    ms, number = stream_key(entry)
    return f"{ms}-{number + 1}"
