"""Contact cards as files: what an address book reads is what the card said."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bridge.content import Card, Cards, Detail, described
from bridge.content.vcard import file_of, written
from bridge.markup import clean

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
DETAILS = st.lists(
    st.builds(Detail, WORDS, st.sampled_from(["", "work", "Home", "ünïcode"])), max_size=2
).map(tuple)
CARDS = st.builds(
    Card,
    name=WORDS,
    phones=DETAILS,
    emails=DETAILS,
    company=WORDS,
    title=WORDS,
    addresses=DETAILS,
    urls=DETAILS,
    birthday=WORDS,
    given=WORDS,
    family=WORDS,
)


def test_a_card() -> None:
    """Every part in its place."""
    card = Card(
        name="Ada Byron",
        phones=(Detail("+49 30 1234567", "work"),),
        emails=(Detail("ada@example.com"),),
        company="Byron; Sons, Ltd",
        addresses=(Detail("Main St 1, 10115 Berlin", "home"),),
        birthday="1985-12-10",
        given="Ada",
        family="Byron",
    )
    assert written(Cards((card,))).splitlines() == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "N:Byron;Ada;;;",
        "FN:Ada Byron",
        "ORG:Byron\\; Sons\\, Ltd",
        "TEL;TYPE=WORK:+49 30 1234567",
        "EMAIL:ada@example.com",
        "ADR;TYPE=HOME:;;Main St 1\\, 10115 Berlin;;;;",
        "BDAY:1985-12-10",
        "END:VCARD",
    ]


def test_the_file_says_what_is_in_it() -> None:
    """For those who only read the thread."""
    one, two = Card(name="Ada"), Card(company="Shop")
    assert file_of(Cards((one,))).name == "Ada.vcf"
    both = file_of(Cards((one, two)))
    assert (both.name, both.caption) == ("2 contacts.vcf", described(Cards((one, two))))


@given(st.lists(CARDS, min_size=1, max_size=3))
def test_whatever_a_card_says_is_one_line_of_it(cards: list[Card]) -> None:
    """Nothing that somebody writes into a card begins a line of its own; long lines are folded, and read the same."""
    text = written(Cards(tuple(cards)))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    lines = re.sub(r"\r\n ", "", text).split("\r\n")
    assert lines.count("BEGIN:VCARD") == lines.count("END:VCARD") == len(cards)
    names = [line for line in lines if line.startswith("FN:")]
    assert len(names) == len(cards)
    read = names[0].removeprefix("FN:")
    read = read.replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
    if cards[0].name and "\\" not in cards[0].name:
        assert " ".join(read.split()) == " ".join(clean(cards[0].name).split())
