"""The part of a text that shows why it was found. Pure; places are those of the text as it was received."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.store.archive.query import Query, occurrences
from bridge.store.archive.words import located

_PIECE = 4_000
_OVERLAP = 500
"""A long text is looked through in pieces: what is found first is shown, the rest need not be read."""


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """`text[start:end]` of a message. `marks` are places within the excerpt, in order, that do not touch."""

    text: str
    start: int
    cut_before: bool
    cut_after: bool
    marks: tuple[tuple[int, int], ...] = ()

    def marked(self, before: str, after: str) -> str:
        """The excerpt with something put around what was found, and with dots where it was cut."""
        shown, at = "…" if self.cut_before else "", 0
        for begin, end in self.marks:
            shown += self.text[at:begin] + before + self.text[begin:end] + after
            at = end
        return shown + self.text[at:] + ("…" if self.cut_after else "")


def excerpt(text: str, query: Query, width: int = 160) -> Excerpt:
    """About `width` characters around the first thing found; the beginning where nothing is (found by its codes)."""
    offset = 0
    spans: list[tuple[int, int]] = []
    while True:
        spans = [
            (begin + offset, end + offset) for begin, end in _spans(text[offset : offset + _PIECE], query)
        ]
        if spans or offset + _PIECE >= len(text):
            break
        offset += _PIECE - _OVERLAP
    first = spans[0][0] if spans else 0
    start = _cut(text, max(0, min(first - width // 4, len(text) - width)), first)
    end = min(len(text), start + width)
    end = max(_cut_end(text, end, start), min(spans[0][1], start + 2 * width) if spans else 0)
    inside = [(max(begin, start), min(stop, end)) for begin, stop in spans if begin < end and stop > start]
    return Excerpt(
        text=text[start:end],
        start=start,
        cut_before=start > 0,
        cut_after=end < len(text),
        marks=tuple((begin - start, stop - start) for begin, stop in inside),
    )


def _spans(text: str, query: Query) -> list[tuple[int, int]]:
    """What was found, in order; what overlaps is one."""
    found, codes = located(text)
    places = [
        (found[hit.start].start, found[hit.stop - 1].end)
        for hit in occurrences(query, [word.token for word in found])
    ]
    looked_for = {
        phrase.words[0]
        for clause in query.wanted
        for way in clause
        for phrase in way
        if len(phrase.words) == 1
    }
    places += [(code.start, code.end) for code in codes if code.token in looked_for]
    return _merged(sorted(places))


def _merged(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in places:
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _cut(text: str, start: int, first: int) -> int:
    """A beginning between words, where there is one before what was found."""
    if start == 0:
        return 0
    return next((at + 1 for at in range(start, first) if text[at].isspace()), start)


def _cut_end(text: str, end: int, start: int) -> int:
    if end >= len(text):
        return len(text)
    floor = max(start, end - 20)
    return next((at for at in range(end, floor, -1) if text[at].isspace()), end)
