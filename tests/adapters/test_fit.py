"""Splitting a text: within the limit, at the best place, losing nothing but white space at the cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.fit import fit, pieces
from tests.support.documents import long_texts, texts

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
THUMB = "\U0001f44d\U0001f3fd"
FLAG = "\U0001f1e7\U0001f1f7"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@given(st.one_of(texts, long_texts), st.integers(1, 60))
def test_parts_keep_the_limit_and_lose_only_white_space(text: str, limit: int) -> None:
    """Every part fits, none is blank, and put together they are the text without some white space."""
    parts = fit(text, limit)
    assert all(0 < len(part) <= limit and part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
    position = 0
    for part in parts:
        position = text.index(part, position) + len(part)


@given(st.one_of(texts, long_texts), st.integers(1, 60))
def test_pieces_keep_the_limit_and_lose_nothing(text: str, limit: int) -> None:
    """Pieces joined are the text."""
    found = pieces(text, limit)
    assert "".join(found) == text
    assert all(0 < len(piece) <= limit for piece in found)


@given(
    st.lists(st.sampled_from((FAMILY, THUMB, FLAG, SCOTLAND, "e\u0301", "a", " ")), max_size=40),
    st.integers(7, 20),
)
def test_no_character_is_torn(characters: list[str], limit: int) -> None:
    """A cut never falls inside what its reader sees as one character, when one fits into a part."""
    rest = [character for character in characters if character != " "]
    for part in fit("".join(characters), limit):
        for character in [c for c in _characters(part) if c != " "]:
            assert character == rest.pop(0)
    assert rest == []


@pytest.mark.parametrize(
    "text,limit,parts",
    [
        ("One two. Three four. Five", 22, ("One two. Three four.", "Five")),
        ("First line here\n\nSecond. And more words", 28, ("First line here", "Second. And more words")),
        ("First line here\nSecond and more words", 28, ("First line here", "Second and more words")),
        ("What? Really! Sure\u2026 then on", 21, ("What? Really! Sure\u2026", "then on")),
        ("He said \u201cgo.\u201d Then left", 18, ("He said \u201cgo.\u201d", "Then left")),
        (
            "\u4f60\u597d\u3002\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff01\u8c22\u8c22",
            11,
            ("\u4f60\u597d\u3002\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff01", "\u8c22\u8c22"),
        ),
        (
            "\u0643\u064a\u0641 \u062d\u0627\u0644\u0643\u061f \u0628\u062e\u064a\u0631 \u0634\u0643\u0631\u0627",
            14,
            (
                "\u0643\u064a\u0641 \u062d\u0627\u0644\u0643\u061f",
                "\u0628\u062e\u064a\u0631 \u0634\u0643\u0631\u0627",
            ),
        ),
        (
            "\u0939\u093e\u0901\u0964 \u0920\u0940\u0915 \u0939\u0948",
            8,
            ("\u0939\u093e\u0901\u0964", "\u0920\u0940\u0915 \u0939\u0948"),
        ),
        ("pi is 3.14159 and more", 12, ("pi is", "3.14159 and", "more")),
        ("one two three", 8, ("one two", "three")),
        ("abcdefgh", 3, ("abc", "def", "gh")),
        ("see https://example.com/abc", 20, ("see", "https://example.com/", "abc")),
        ("\u770b\u770bhttps://example.com/a", 22, ("\u770b\u770b", "https://example.com/a")),
        ("1. abcdefgh i", 9, ("1. abcdef", "gh i")),
        ("a - b", 4, ("a -", "b")),
        ("some code:\n    indented line", 20, ("some code:", "    indented line")),
        ("  lead", 10, ("  lead",)),
        ("  \n ", 10, ()),
        ("", 10, ()),
    ],
)
def test_cuts_fall_at_the_best_place(text: str, limit: int, parts: tuple[str, ...]) -> None:
    """Paragraph, line and sentence ends in many scripts; else a word; else between characters, before a URL."""
    assert fit(text, limit) == parts


def test_a_short_text_is_one_part() -> None:
    """What fits is not touched."""
    assert fit("x" * 4096, 4096) == ("x" * 4096,)


def test_code_points_are_counted() -> None:
    """An emoji outside the first plane counts as one."""
    assert fit("\U0001f600" * 10, 10) == ("\U0001f600" * 10,)


def test_open_marks_are_closed_and_opened_again() -> None:
    """Each part stands by itself: what is open at a cut is closed before it and opened after it."""
    text = "*one two three four*"
    parts = fit(text, 11, lambda offset: (("*", "*"),) if 1 <= offset <= len(text) - 1 else ())
    assert parts == ("*one two*", "*three*", "*four*")


def test_marks_that_would_fill_a_part_are_given_up() -> None:
    """Words go before formatting: a part is never made of marks."""
    parts = fit("abcdefghijkl", 6, lambda _offset: (("<<<", ">>>"),))
    assert "".join(parts) == "abcdefghijkl"


def test_a_long_word_of_combining_marks_is_cut_all_the_same() -> None:
    """A character without end does not hang or pass the limit."""
    parts = fit("a" + "\u0301" * 10_000, 4096)
    assert [len(part) for part in parts] == [4096, 4096, 1809]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    """There is no such part."""
    with pytest.raises(ValueError, match="limit"):
        fit("x", limit)
    with pytest.raises(ValueError, match="limit"):
        pieces("x", limit)


def _characters(text: str) -> list[str]:
    """The characters the property test is made of, read back."""
    out = []
    while text:
        known = (FAMILY, THUMB, FLAG, SCOTLAND, "e\u0301")
        found = next((character for character in known if text.startswith(character)), text[0])
        out.append(found)
        text = text[len(found) :]
    return out
