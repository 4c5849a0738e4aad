"""What people type into a search, what it means, and what it says when it means nothing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.archive.excerpts import excerpt
from bridge.store.archive.query import LONGEST, QueryError, matches, parse
from bridge.store.archive.words import document


@pytest.mark.parametrize(
    "typed, text",
    [
        ("hola", "¡Hola!"),
        ("MUNDO hola", "hola mundo"),
        ('"buenos días"', "muy BUENOS DIAS a todos"),
        ("“buenos dias”", "buenos días"),
        ("ord*", "my order"),
        ('"my ord*"', "my ord and"),
        ('"my ord"*', "my orders"),
        ("hola -adios", "hola"),
        ('hola -"muy tarde"', "hola tarde muy"),
        ("京都", "東京都"),
        ("녕하", "안녕하세요"),
        ("👍", "ok 👍🏽"),
        ("600111222", "600 111 222"),
        ("600-111-222", "600111222"),
        ("600 111 222", "it is 600111222"),
        ("+34 600 111 222", "+34600111222"),
        ("600111222", "+34 600 11 12 22"),
        ("AB1234", "order ab-1234"),
        ("ab-1234", "AB1234"),
        ("Müller - Rechnung & Co", "rechnung muller co"),
        ("foo.bar@example.com", "write to Foo.Bar@example.com please"),
    ],
)
def test_found(typed: str, text: str) -> None:
    """Every word has to be there, in whichever spelling."""
    assert matches(parse(typed), document([text]))


@pytest.mark.parametrize(
    "typed, text",
    [
        ("hola", "holas"),
        ("hola mundo", "hola"),
        ('"buenos dias"', "dias buenos"),
        ("hola -adios", "hola y adiós"),
        ('hola -"muy tarde"', "hola, muy tarde"),
        ("orders", "order"),
        ("都京", "東京都"),
        ("ord*", "word"),
        ("600111223", "600 111 222"),
        ("か", "が"),
    ],
)
def test_not_found(typed: str, text: str) -> None:
    """No stemming, no parts of words, no other order."""
    assert not matches(parse(typed), document([text]))


@pytest.mark.parametrize(
    "typed, start, end, word",
    [
        ("", 0, 0, "nothing"),
        ("  ?! ", 0, 5, "nothing"),
        ("-adios", 0, 6, "leave out"),
        ('hola "muy tar', 5, 13, "nothing ends"),
        ("hola a*", 5, 7, "too short"),
        ('hola "?!"', 5, 9, "no letter"),
        ("x" * (LONGEST + 1), LONGEST, LONGEST + 1, "too long"),
        ("a1 " * 17, 48, 51, "too much"),
        ('"' + "b " * 17 + '"', 0, 36, "too long"),
    ],
)
def test_errors_point_at_the_wrong_part(typed: str, start: int, end: int, word: str) -> None:
    """Somebody sees which part to mend, and what is wrong with it."""
    with pytest.raises(QueryError, match=word) as raised:
        parse(typed)
    assert (raised.value.start, raised.value.end) == (start, end)


def test_an_error_is_shown_under_the_query() -> None:
    """In two lines, as a fixed-width font shows them."""
    with pytest.raises(QueryError) as raised:
        parse("hola\ta*")
    shown, pointer = raised.value.pointed().split("\n")
    assert shown == "hola a*"
    assert pointer.startswith("     ^^ is too short")


def test_of_an_empty_query_nothing_is_underlined() -> None:
    """One line of words, not an arrow below nothing."""
    with pytest.raises(QueryError) as raised:
        parse("  ")
    assert raised.value.pointed() == "the query has nothing to look for"


@given(st.text(alphabet='ab"-* 1東👍\u0301+', max_size=30) | st.text(max_size=40))
def test_any_typing_is_read_or_refused(typed: str) -> None:
    """Whatever is typed gives a query or a `QueryError`, nothing else."""
    with contextlib.suppress(QueryError):
        assert parse(typed).wanted


@given(st.text(min_size=1, max_size=60))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    """Put in quotation marks, a text finds itself."""
    plain = "".join(" " if char in '"“”„«»＂' else char for char in text)
    with contextlib.suppress(QueryError):
        assert matches(parse(f'"{plain}"'), document([text]))


# ---------------------------------------------------------------------------------------------- excerpts


@pytest.mark.parametrize(
    "typed, text, shown",
    [
        ("dia", "Un buen día a todos", "Un buen [día] a todos"),
        ('"buen dia" todos', "Un BUEN DÍA, a todos", "Un [BUEN DÍA], a [todos]"),
        ("京都", "東京都です", "東[京都]です"),
        ("600111222", "Tel. 600-111 222.", "Tel. [600-111 222]."),
        ("e\u0301te\u0301", "un éte\u0301 long", "un [éte\u0301] long"),
        ("fi*", "ﬁn de", "[ﬁn] de"),
        ("👍", "ok 👍🏽 ja", "ok [👍🏽] ja"),
    ],
)
def test_what_was_found_is_marked(typed: str, text: str, shown: str) -> None:
    """In the text as it was received, not as it is compared."""
    assert excerpt(text, parse(typed)).marked("[", "]") == shown


def test_an_excerpt_shows_the_place() -> None:
    """Of a long text the part is shown where something was found, cut between words."""
    found = excerpt("blah " * 4_000 + "needle " + "blah " * 400, parse("needle"), width=80)
    assert found.cut_before
    assert found.cut_after
    assert found.marked("[", "]").startswith("…blah ")
    assert "[needle]" in found.marked("[", "]")
    assert len(found.text) <= 80


@given(
    st.text(alphabet="ab é東\u0301👍\n-1", max_size=300), st.sampled_from(["a", "e", "東", "ab", "👍", "11"])
)
def test_an_excerpt_is_a_part_of_the_text(text: str, word: str) -> None:
    """Places are right: the excerpt is what stands there, and its marks lie within it."""
    found = excerpt(text, parse(word), width=40)
    assert text[found.start :].startswith(found.text)
    assert found.cut_after == (found.start + len(found.text) < len(text))
    ends = [place for mark in found.marks for place in mark]
    assert ends == sorted(set(ends))
    assert all(0 <= place <= len(found.text) for place in ends)
    if matches(parse(word), document([text])):
        assert found.marks
