"""Fitting a message into what a platform takes: parts, in order, and what was lost on the way.

Lengths are code points, which is how the platforms state their limits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

OpenMarks = Callable[[int], tuple[tuple[str, str], ...]]
"""For an offset into the text: the marks open there, from the outermost, each as (how it opens, how it closes)."""

URL = re.compile(r"[a-z][a-z0-9+.-]{1,15}://[^\s<>\u200b]+", re.IGNORECASE)

_CLOSERS = "\"'\u2019\u201d\u00bb)\\]\u300d\u300f\u3011\uff09*_~"
_SENTENCE_END = re.compile(
    # Scripts that put a space after a sentence need it here (3.14, example.com); the others do not.
    rf"(?<![.!?\u2026\u061f\u06d4\u0964\u0965\u1362\u104b])[.!?\u2026\u061f\u06d4\u0964\u0965\u1362\u104b]+[{_CLOSERS}]*(?=\s)"
    rf"|[\u3002\uff01\uff1f\uff0e\uff61]+[{_CLOSERS}]*"
)
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\d{1,3}\.$")
_LIST_SIGN = re.compile(r"(?:[-*>\u2022]|\d{1,3}\.)\s")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_LINE = re.compile(r"\n")
_SPACE = re.compile(r"\s+")

# How much of a part must be filled for a cut of that kind to be worth it.
_KINDS: tuple[tuple[re.Pattern[str], float], ...] = (
    (_PARAGRAPH, 0.5),
    (_LINE, 0.5),
    (_SENTENCE_END, 0.3),
    (_SPACE, 0.0),
)
_LOOK_BACK = 256
"""Farthest a cut moves back to keep a character whole; longer clusters are made to break things."""


def fit(text: str, limit: int, open_marks: OpenMarks | None = None) -> tuple[str, ...]:
    """`text` in parts of at most `limit` code points, in order; no part is blank.

    Cuts at the end of a paragraph, a line or a sentence; else between words; else between whole characters, outside
    URLs where that is possible. Only white space at a cut is lost. Marks that `open_marks` reports open at a cut are
    closed there and opened again in the next part. Raises ValueError when `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    if len(text) <= limit:
        return (text,) if text.strip() else ()
    return tuple(_parts(text, limit, open_marks or _no_marks))


def pieces(text: str, limit: int) -> tuple[str, ...]:
    """`text` cut as `fit` does it, with every character kept: the pieces joined are the text again."""
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    out = []
    start = 0
    while len(text) - start > limit:
        end = _cut(text, start, limit)
        while end < start + limit and text[end].isspace() and _is_boundary(text, end + 1):
            end += 1
        out.append(text[start:end])
        start = end
    return (*out, text[start:]) if text[start:] else tuple(out)


def _no_marks(_offset: int) -> tuple[tuple[str, str], ...]:
    return ()


def _parts(text: str, limit: int, open_marks: OpenMarks) -> Iterator[str]:
    start, opened = _skip_space(text, 0), ""
    while start < len(text):
        if len(opened) + len(text) - start <= limit:
            yield opened + text[start:].rstrip()
            return
        end, closing, reopening = _end_of_part(text, start, limit - len(opened), open_marks)
        yield opened + text[start:end].rstrip() + closing
        start, opened = _skip_space(text, end), reopening


def _end_of_part(text: str, start: int, room: int, open_marks: OpenMarks) -> tuple[int, str, str]:
    """Where the part ends, what closes it and what opens the next. Marks are given up where they would fill it."""
    end = _cut(text, start, room)
    marks = open_marks(end)
    closing = _closing(marks)
    if len(closing) > 0:
        end = _cut(text, start, max(1, room - len(closing)))
        marks = open_marks(end)
        closing = _closing(marks)
    opening = "".join(mark for mark, _ in marks)
    if end - start + len(closing) > room or 4 * len(opening) > room:
        return _cut(text, start, room), "", ""
    return end, closing, opening


def _closing(marks: tuple[tuple[str, str], ...]) -> str:
    return "".join(mark for _, mark in reversed(marks))


def _skip_space(text: str, start: int) -> int:
    """Past the white space at a cut, but not past the indentation of the line that follows it."""
    found = _SPACE.match(text, start)
    if not found:
        return start
    last_break = found[0].rfind("\n")
    blank_rest = found.end() == len(text)
    return start + last_break + 1 if last_break >= 0 and not blank_rest else found.end()


def _cut(text: str, start: int, room: int) -> int:
    """The best offset in ``start + 1 ..= start + room`` to cut at."""
    stop = start + room
    for pattern, fill in _KINDS:
        floor = start + max(1, int(room * fill))
        if pattern is _SENTENCE_END:
            spots = [found.end() for found in pattern.finditer(text, start, min(len(text), stop + 1))]
        else:
            spots = [found.start() for found in pattern.finditer(text, start, min(len(text), stop + 1))]
        for spot in reversed(spots):
            if spot < floor:
                break
            if spot <= stop and _is_good(text, start, spot, is_line=pattern in (_PARAGRAPH, _LINE)):
                return spot
    return _hard_cut(text, start, stop)


def _is_good(text: str, start: int, spot: int, *, is_line: bool) -> bool:
    """No character torn, nothing blank before it, and the next part does not begin like a list by accident."""
    if not text[start:spot].strip() or not _is_boundary(text, spot):
        return False
    rest = _skip_space(text, spot)
    if is_line or not _is_boundary(text, rest):
        return is_line
    return not _LIST_SIGN.match(text, rest) and not _LIST_NUMBER.search(text, max(start, spot - 8), spot)


def _hard_cut(text: str, start: int, stop: int) -> int:
    """A cut inside a word: before a URL rather than in it, and never inside a character if it can be helped."""
    for found in URL.finditer(text, start, stop + 1):
        if start < found.start() <= stop < found.end() and _is_boundary(text, found.start()):
            stop = found.start()
            break
    for spot in range(stop, max(start, stop - _LOOK_BACK), -1):
        if _is_boundary(text, spot):
            return spot
    return stop


def _is_boundary(text: str, spot: int) -> bool:
    """True when no character, as its reader sees it, spans `spot` (the rules of Unicode's grapheme clusters)."""
    if spot <= 0 or spot >= len(text):
        return True
    before, after = text[spot - 1], text[spot]
    if before.isascii() and after.isascii():
        return before != "\r" or after != "\n"
    return not (
        _extends(after)
        or before == "\u200d"
        or (0xD800 <= ord(before) < 0xDC00 <= ord(after) < 0xE000)
        or (unicodedata.combining(before) == 9 and unicodedata.category(after) == "Lo")
        or _is_one_syllable(before, after)
        or (_is_flag_letter(before) and _is_flag_letter(after) and _odd_flag_letters(text, spot))
    )


def _extends(character: str) -> bool:
    """Combining marks, joiners, selectors, skin tones, emoji tags, and two vowels that Unicode counts as letters."""
    code = ord(character)
    return (
        unicodedata.category(character)[0] == "M"
        or character in "\u200c\u200d\u0e33\u0eb3"
        or 0x1F3FB <= code <= 0x1F3FF
        or 0xE0020 <= code <= 0xE007F
    )


def _is_one_syllable(before: str, after: str) -> bool:
    """True when two Hangul letters stand in one block: a leading consonant and what follows, or a later part."""
    first, second = ord(before), ord(after)
    is_leading = 0x1100 <= first <= 0x115F or 0xA960 <= first <= 0xA97C
    is_later = 0x1160 <= second <= 0x11FF or 0xD7B0 <= second <= 0xD7FB
    if is_later:
        return is_leading or 0x1160 <= first <= 0x11FF or 0xAC00 <= first <= 0xD7FB
    return is_leading and (
        0x1100 <= second <= 0x115F or 0xA960 <= second <= 0xA97C or 0xAC00 <= second <= 0xD7A3
    )


def _is_flag_letter(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _odd_flag_letters(text: str, spot: int) -> bool:
    """True when `spot` stands between the two letters of one flag."""
    first = spot
    while first > 0 and _is_flag_letter(text[first - 1]):
        first -= 1
    return (spot - first) % 2 == 1
