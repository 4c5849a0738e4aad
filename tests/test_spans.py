"""Stretches of time: what is written can be read by people, what people write is understood or explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.spans import since, spell

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "seconds, words",
    [
        (-1, "0 s"),
        (0.04, "0 s"),
        (0.25, "0.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (3700, "61 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 d"),
        (86_400 + 3600, "25 h"),
        (48 * 3600, "2 d"),
        (50 * 3600, "2 d 2 h"),
        (30 * 86_400 + 3600, "30 d"),
    ],
)
def test_spans_are_short_and_need_no_thought(seconds: float, words: str) -> None:
    """Two units at most."""
    assert spell(seconds) == words


@pytest.mark.parametrize(
    "words, at",
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("1d", NOW - timedelta(days=1)),
        (" 7D ", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1.5 h", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-03-28", datetime(2026, 3, 28, tzinfo=UTC)),
        ("2026-03-28T10:00", datetime(2026, 3, 28, 10, tzinfo=UTC)),
        ("2026-03-28T10:00+02:00", datetime(2026, 3, 28, 8, tzinfo=UTC)),
    ],
)
def test_spans_and_dates_are_understood(words: str, at: datetime) -> None:
    """Back from now; dates are UTC unless they say."""
    assert since(words, NOW) == at


@pytest.mark.parametrize(
    "words, says",
    [
        ("", "90m"),
        ("soon", "90m"),
        ("7", "90m"),
        ("1x", "90m"),
        ("d1", "90m"),
        ("2026-02-30", "90m"),
        ("2026-03-30", "has not come yet"),
        ("99999999999d", "longer ago"),
    ],
)
def test_what_cannot_be_read_is_explained(words: str, says: str) -> None:
    """With examples."""
    with pytest.raises(ValueError, match=says):
        since(words, NOW)
