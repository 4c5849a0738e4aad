"""What is indexed of a text: the same whatever way it was typed in, and always findable again."""

from __future__ import annotations

import contextlib
import sqlite3
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.archive.words import (
    LONGEST_WORD,
    MARK,
    MOST_WORDS,
    codes,
    document,
    located,
    mark,
    spelled,
    words,
)

# Scripts, signs, digits of other scripts, combining marks, emoji with everything they join with, and broken pieces.
_PIECES = [
    "a",
    "Ä",
    "ß",
    "ﬁ",
    "İ",
    "ς",
    "ø",
    "7",
    "１",
    "٣",
    "東",
    "か",
    "が",
    "ｶ",
    "ﾞ",
    "한",
    "\u1112\u1161\u11ab",
]
_PIECES += [
    "ส",
    "ั",
    "क",
    "ि",
    "ش",
    "\u064e",
    "\u0301",
    "\u20e3",
    "👍",
    "🏽",
    "\u200d",
    "\ufe0f",
    "🇪",
    "🇸",
    " ",
    "-",
]
_PIECES += ["\n", "+", "'", ".", "_", "\x00", "\ud800", MARK, "\u0345", "ǆ", "½", "…", "Ǖ", "\u1e9b\u0323"]
texts = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join) | st.text(max_size=40)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Hola MÚNDO, straße", "hola mundo strasse"),
        ("Kraków Øresund Łódź", "krakow oresund lodz"),
        ("don't l’heure", "don t l heure"),
        ("東京都に", "東 京 都 に"),
        ("ｶﾞｷ がき", "ガ キ が き"),
        ("안녕 hello", "안 녕 hello"),
        ("abc東def", "abc 東 def"),
        ("สวัสดี", "ส ว ั ส ด ี"),
        ("कुमार", "कुमार"),
        ("شَمْس", "شمس"),
        ("ok👍🏽👩‍🚀!", "ok 👍 👩 🚀"),
        ("1️⃣ １２ ٣٤", "1 12 34"),
        ("tel. 600-111", "tel 600 111"),
        ("x\x00y\ud800z", "x y z"),
        (" ?! … ", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    """Case, accents and width do not count; scripts without spaces, and emoji, give a token each."""
    assert words(text) == expected.split()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("600 111 222", ["600111222"]),
        ("(600) 111-222", ["600111222"]),
        ("+34 600 111 222.", ["34600111222", "600111222"]),
        ("+34600111222", ["600111222"]),
        ("Order AB-1234/X please", ["ab1234x"]),
        ("2024-11-25", ["20241125"]),
        ("12 34", []),
        ("600111222", []),
        ("well-known", []),
        ("1 2 3 4 5 6 7 8 9 " * 5, []),
        ("https://shop.example.com/very/long/way/to/an/item/12345", []),
    ],
)
def test_codes(text: str, expected: list[str]) -> None:
    """A number in groups is found as one; what is too short, too long, or no number is left alone."""
    assert codes(text) == expected


@given(texts)
def test_a_words_words_are_itself(text: str) -> None:
    """What was found can be looked for: tokens fold to themselves."""
    found = words(text)
    assert words(" ".join(found)) == found


@given(texts)
def test_normal_forms_count_as_one(text: str) -> None:
    """A text is found whichever way a keyboard composed it."""
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))


@given(texts)
def test_tokens_suit_every_engine(text: str) -> None:
    """No token has a space, a quote or a sign that an engine reads as something else; all can be stored."""
    for token in words(text):
        assert 0 < len(token) <= LONGEST_WORD
        assert all(char.isalnum() or ord(char) > 127 for char in token)
        assert not any(char.isspace() or char in {"\x00", MARK} for char in token)
        token.encode()


@given(texts)
def test_places_belong_to_the_same_tokens(text: str) -> None:
    """Marking what was found uses the same words as finding it, in order, at places that are in the text."""
    found, _ = located(text)
    assert [word.token for word in found] == words(text)
    starts = [word.start for word in found]
    assert starts == sorted(starts)
    assert all(0 <= word.start < word.end <= len(text) for word in found)


@given(texts)
def test_a_place_reads_as_its_token(text: str) -> None:
    """Where each token stands in the text, that token is to be read."""
    for word in located(text)[0]:
        assert word.token in "".join(words(text[word.start : word.end]))


@given(st.text(alphabet="0123456789 -.()+", max_size=40), st.integers())
def test_codes_are_findable_words(text: str, seed: int) -> None:
    """A joined number is one token, as somebody types it without separators."""
    for code in codes(text):
        assert words(code) == [code]


def test_a_document_is_bounded() -> None:
    """However long a text is, its marks are in the document, and the document within the engines' limits."""
    made = document(["x " * 20_000 + "600-111-222 " * 5_000], [mark("c", "7-ab")])
    assert len(made) <= MOST_WORDS
    assert made[-1] == mark("c", "7-ab")


@given(st.text("ab01 -+._/#()\n\t", max_size=40))
def test_where_a_text_is_plain_makes_no_difference_to_codes(text: str) -> None:
    """Of plain text only a part is looked through."""
    assert codes(text) == codes(text + " \u00e9")


@given(st.text(max_size=20), st.text(max_size=20))
def test_marks_are_told_apart(one: str, two: str) -> None:
    """Two values never give the same mark, and no text gives one."""
    assert (mark("c", one) == mark("c", two)) == (one == two)
    assert mark("c", one) not in words(f"{one} {MARK}c{one}")


def test_no_phrase_reaches_across() -> None:
    """The end of one text and the beginning of the next do not stand beside each other."""
    assert document(["a b", "c"], ["m"]) == ["a", "b", MARK, "c", MARK, "m"]


_ascii_texts = st.text(string.printable + "\x00\x1f\x7f", max_size=40)
_long_texts = st.builds(
    lambda piece, times: piece * times, st.sampled_from(["ab", "A1-", "7 "]), st.integers(1, 90)
)


_words_somewhere = st.builds(
    lambda at, length, rest: "a " * at + "x" * length + rest,
    st.integers(0, 70),
    st.integers(60, 70),
    st.sampled_from(["", " a", "-b" * 40]),
)


@given(
    st.one_of(
        _ascii_texts,
        _long_texts,
        _words_somewhere,
        st.text(max_size=20).filter(lambda one: one.isprintable()),
    )
)
def test_what_is_spelled_out_is_the_document(text: str) -> None:
    """SQLite's index makes the same tokens of it, at the same places."""
    marks = [mark("c", "7-ab"), mark("d", "in")]
    assert _indexed(spelled([text], marks)) == list(enumerate(document([text], marks)))


def test_what_is_spelled_out_is_bounded() -> None:
    """As the document is."""
    for long in ("x " * 20_000 + "600-111-222 " * 5_000, "x" * 40_000, "600-111-222 " * 1_300):
        assert _indexed(spelled([long], ["m"])) == list(enumerate(document([long], ["m"])))


def _indexed(words: str) -> list[tuple[int, str]]:
    """The tokens of SQLite's index with their places."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute(
            "CREATE VIRTUAL TABLE w USING fts5(words, content='', columnsize=0, tokenize='ascii')"
        )
        database.execute("CREATE VIRTUAL TABLE v USING fts5vocab(w, instance)")
        database.execute("INSERT INTO w(rowid, words) VALUES (1, ?)", (words,))
        return database.execute("SELECT offset, term FROM v ORDER BY offset").fetchall()
