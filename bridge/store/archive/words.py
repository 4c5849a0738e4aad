"""What of a text is indexed and looked for: its words, the same on every engine. Pure.

The engines' own tokenizers disagree about everything that is not plain ASCII, so both are given tokens that are made
here. Letters are compared without case, accents and width; a script that is written without spaces (Han, kana,
Hangul, Thai …) gives one token a character, so that parts of a run are found; so does an emoji. Nothing is
stemmed. A number written in groups (`600 111 222`, `AB-1234`) is found with and without its separators.

Whatever changes here changes what is in an index, so `VERSION` goes up with it, and the archive indexes anew.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bridge.phone import without_country

VERSION = 1
"""Of the tokens that this module makes."""
MOST_WORDS = 16_000
"""Tokens of a text that are indexed: PostgreSQL counts positions up to 16,383."""
LONGEST_WORD = 64
"""Characters of a token that are compared; nobody types more of a word, and engines have their limits."""
MARK = "\ue000"
"""Begins a mark, a token that says what a document is instead of what it says. No text yields it."""
FEWEST_DIGITS = 6
LONGEST_CODE = 32
MOST_CODES = 1_000
"""Digits from which on groups of them count as one number; characters of what is joined; such numbers in a text."""
_FAR = LONGEST_WORD // 2

# Canonical combining classes of what may be left out: Hebrew and Arabic points, and the generic ones above, below,
# attached. Vowel signs and tones of other scripts tell words apart and stay.
_ACCENT_CLASSES = frozenset({*range(10, 37), *range(200, 241)})
_SINGLE_LETTERS = dict(
    zip("øłđħŧıðþæœĳ", ("o", "l", "d", "h", "t", "i", "d", "th", "ae", "oe", "ij"), strict=True)
)
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007)),
    *((0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303B), (0x3041, 0x3096), (0x3099, 0x309A)),
    *((0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x3105, 0x312F), (0x31A0, 0x31BF)),
    *((0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    *((0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFF)),
)
"""Thai and Lao, Myanmar, Khmer, Hangul, Han, kana, Bopomofo: first and last code point of each range."""
_SKIN_TONES = range(0x1F3FB, 0x1F400)


class Word(msgspec.Struct, frozen=True, array_like=True):
    """A token and where it stands in the text: `text[start:end]`."""

    token: str
    start: int
    end: int


# ---------------------------------------------------------------------------------------------- folding


def _is_unspaced(code: int) -> bool:
    return any(first <= code <= last for first, last in _UNSPACED)


def _fold(char: str) -> str:
    """A character as it is compared, with spaces around what is a token of its own; a space for what is none."""
    code, category = ord(char), unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.digit(char))
    if code in _SKIN_TONES or category in {"Mn", "Me", "Cf"}:
        # Variation selectors, joiners and skin tones go with the accents: none of them makes another word.
        return char if category == "Mn" and _tells_apart(char) else ""
    if category == "So":
        return f" {char} "
    if category[0] not in "LNM":
        return " "
    folded = _letters(char)
    return f" {folded} " if _is_unspaced(code) else folded


def _tells_apart(mark: str) -> bool:
    return unicodedata.combining(mark) not in _ACCENT_CLASSES and not 0xFE00 <= ord(mark) <= 0xFE0F


def _letters(char: str) -> str:
    apart = unicodedata.normalize("NFKD", char.casefold())
    kept = "".join(one for one in apart if unicodedata.combining(one) not in _ACCENT_CLASSES)
    return unicodedata.normalize("NFKC", "".join(_SINGLE_LETTERS.get(one, one) for one in kept))


class _Folding(dict[int, str]):
    """For `str.translate`: works out each character once."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = _fold(char)
        if len(folded) > 1 and not _is_unspaced(code):
            # What a character stands for may fall apart again (a ligature of a letter and a mark).
            folded = "".join(one if one == " " else _fold(one) for one in folded)
        self[code] = folded
        return folded


_folding = _Folding()
_ascii_words = re.compile(r"[a-z0-9]+")


def words(text: str) -> list[str]:
    """The tokens of a text, in order: what its words are compared by."""
    if text.isascii():
        found = _ascii_words.findall(text.lower())
    else:
        found = unicodedata.normalize("NFKC", text).translate(_folding).split()
    return [one[:LONGEST_WORD] for one in found[:MOST_WORDS]]


# ------------------------------------------------------------------------------------------------ codes

# Most texts have neither, which is quickly seen.
_maybe_groups = re.compile(r"\+\d|\d[\s().\-/–]{1,3}\d")
_maybe_signed = re.compile(r"[^\W_][-–._/#][^\W_]")
_numbers = re.compile("[0-9](?:.*[0-9])?", re.DOTALL)  # From a text's first digit to its last.
# Groups of digits with what people put between them, and words with digits in them held together by signs.
_groups = re.compile(r"(?<![^\W_])\+?\(?\d+(?:[\s().\-/–]{1,3}\d+)*(?![^\W_])")
_signed = re.compile(r"(?<![^\W_])(?=[-–._/#\d]*[^\W\d_])[^\W_]+(?:[-–._/#][^\W_]+)+(?![^\W_])")


def codes(text: str) -> list[str]:
    """Numbers and codes of a text without their separators, where they were written with some: `600111222` for
    `600-111 222`. A phone number with its country code gives the one without it, too.
    """
    return [one.token for one in _codes(text)]


def _around_digits(text: str) -> tuple[int, int]:
    """The part of a text that all its codes are in. None is without a digit, and most texts are."""
    if not text.isascii():
        return 0, len(text)  # What is a digit is a longer story there.
    coded = text.encode("ascii")
    numbers = None if len(coded.translate(None, b"0123456789")) == len(coded) else _numbers.search(text)
    if numbers is None:
        return 0, 0
    end = text.find(" ", numbers.end())
    return text.rfind(" ", 0, numbers.start()) + 1, len(text) if end < 0 else end


def _codes(text: str) -> list[Word]:
    start, end = _around_digits(text)
    if start == end:
        return []
    found: dict[str, Word] = {}
    for maybe, pattern in ((_maybe_groups, _groups), (_maybe_signed, _signed)):
        if maybe.search(text, start, end):
            for match in pattern.finditer(text, start, end):
                for form in _joined(match.group()):
                    found.setdefault(form, Word(form, *match.span()))
    return list(found.values())[:MOST_CODES]


def _joined(raw: str) -> Iterator[str]:
    """The forms in which a number or code is found without what stands between its groups."""
    groups = words(raw)
    if len(groups) < 2 and not raw.startswith("+"):
        return  # It is a word as it stands.
    joined = "".join(groups)
    digits = sum(map(str.isdigit, joined))
    if not digits or len(joined) > LONGEST_CODE or (joined.isdigit() and digits < FEWEST_DIGITS):
        return
    if len(groups) > 1:
        yield joined
    if raw.startswith("+") and (national := without_country(joined)):
        yield national


# -------------------------------------------------------------------------------------------- documents


@functools.lru_cache(maxsize=8192)
def mark(kind: str, value: str) -> str:
    """The token that says that a document is of this `kind` (one letter) and `value`, e.g. of a contact."""
    return MARK + kind + value.translate(_mark_signs)


class _MarkSigns(dict[int, str]):
    """What engines take for a separator is spelled out, so that a mark is one token and stays itself."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        spelled = char if char in "abcdefghijklmnopqrstuvwxyz0123456789" else f"\ue001{code:x}\ue002"
        self[code] = spelled
        return spelled


_mark_signs = _MarkSigns()


def document(texts: Iterable[str], marks: Iterable[str] = ()) -> list[str]:
    """What an index holds of a message or a contact: the tokens of its texts in order, then joined codes and
    marks. A lone `MARK` stands in between, so that no phrase reaches across.
    """
    found: list[str] = []
    extra: dict[str, None] = {}
    for text in texts:
        if found:
            found.append(MARK)
        found += words(text)
        extra.update(dict.fromkeys(codes(text)))
    tail: list[str] = []
    for one in (*extra, *marks):
        tail += (MARK, one)
    return found[: MOST_WORDS - len(tail)] + tail


def spelled(texts: Sequence[str], marks: Iterable[str] = ()) -> str:
    """`document` in one string, for an index that parts it at ASCII signs and takes capital letters for small ones. To
    such an index plain text says the same as its tokens do.
    """
    if len(texts) != 1 or not _is_plain(texts[0]):
        return " ".join(document(texts, marks))
    found = [texts[0]]
    for one in (*codes(texts[0]), *marks):
        found += (MARK, one)
    return " ".join(found)


def _is_plain(text: str) -> bool:
    """Whether nothing of it would be changed or cut before it is indexed."""
    if not text.isascii() or len(text) > MOST_WORDS:
        return False
    # A word that is too long reaches over one of these places, and far to one side of it.
    for at in range(LONGEST_WORD, len(text), LONGEST_WORD + 1):
        if " " not in text[at - _FAR : at] or (at + _FAR < len(text) and " " not in text[at : at + _FAR]):
            return False
    return True


# -------------------------------------------------------------------------------------------- positions


def located(text: str) -> tuple[list[Word], list[Word]]:
    """The tokens and the codes of a text with their places in it, to mark what was found."""
    if text.isascii():
        plain = _ascii_words.finditer(text.lower())
        found = [Word(one.group()[:LONGEST_WORD], *one.span()) for one in plain]
    else:
        found = list(_located(*_normalized(text)))
    return found[:MOST_WORDS], _codes(text)


def _located(normal: str, places: Sequence[tuple[int, int]]) -> Iterator[Word]:
    token, begin, end, alone = "", 0, 0, False
    for char, (start, stop) in zip(normal, places, strict=True):
        folded = _folding[ord(char)]
        if not folded:
            # A joiner, an accent: belongs to what it stands behind.
            end = stop
            continue
        if token and (alone or folded.startswith(" ")):
            yield Word(token[:LONGEST_WORD], begin, end)
            token = ""
        alone = folded.startswith(" ")
        for piece in folded.split():
            if token and alone:
                yield Word(token[:LONGEST_WORD], begin, end)
                token = ""
            if not token:
                begin = start
            token, end = token + piece, stop
    if token:
        yield Word(token[:LONGEST_WORD], begin, end)


def _normalized(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text in the normal form that is compared, and for each of its characters the piece of `text` it is from."""
    if unicodedata.is_normalized("NFKC", text):
        return text, [(index, index + 1) for index in range(len(text))]
    normal, places = "", []
    for start, end in _pieces(text):
        piece = unicodedata.normalize("NFKC", text[start:end])
        normal += piece
        places += [(start, end)] * len(piece)
    whole = unicodedata.normalize("NFKC", text)
    # A sequence that joins across what was taken for a border: then all of it is one piece.
    return (normal, places) if normal == whole else (whole, [(0, len(text))] * len(whole))


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for index in range(1, len(text)):
        if not _joins(text[index]):
            yield start, index
            start = index
    if text:
        yield start, len(text)


@functools.lru_cache(maxsize=4096)
def _joins(char: str) -> bool:
    """Whether a character may become one with what stands before it."""
    head = unicodedata.normalize("NFKD", char)[0]
    return unicodedata.category(head)[0] == "M" or 0x1160 <= ord(head) <= 0x11FF
