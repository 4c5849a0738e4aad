"""Messages of more than words, as they are typed behind a command."""

from __future__ import annotations

import pytest

from bridge import commands
from bridge.actions import Send
from bridge.adapters.whatsapp.outgoing import LIMITS
from bridge.commands import Mistake
from bridge.content import AskLocation, Buttons, Card, Cards, Detail, LinkButton, Location, Menu, Row, Section
from bridge.content.making import Composed
from bridge.markup import Bold, Document, Link, Text, bare, text
from bridge.model import Receipt
from bridge.routing.composing import COMPOSING, compose
from tests.routing.world import World


def made(name: str, body: str | Document) -> Composed:
    row = commands.find(name)
    assert row is not None
    composed = compose(row, text(body) if isinstance(body, str) else body, LIMITS)
    assert isinstance(composed, Composed), composed
    return composed


def wrong(name: str, body: str) -> str:
    row = commands.find(name)
    assert row is not None
    mistake = compose(row, text(body), LIMITS)
    assert isinstance(mistake, Mistake)
    assert f"Example: `!{row.example}`" in mistake.words
    return mistake.words


@pytest.mark.parametrize("name", sorted(COMPOSING))
def test_every_example_makes_a_message(name: str) -> None:
    """What help shows works."""
    row = commands.find(name)
    assert row is not None
    assert made(name, row.example.partition(" ")[2]).extras


@pytest.mark.parametrize(
    "typed",
    [
        '"Is it ok?" Yes | No',
        "Is it ok? | Yes | No",
        "\u201cIs it ok?\u201d Yes|No",
        '  "Is it ok?"\nYes\n| No |',
        "«Is it ok?» Yes | No",
    ],
)
def test_buttons(typed: str) -> None:
    """The question in quotation marks of any kind, or before the first bar."""
    composed = made("buttons", typed)
    assert bare(composed.body).strip() == "Is it ok?"
    assert composed.extras == (Buttons(titles=("Yes", "No")),)


def test_the_question_keeps_its_formatting() -> None:
    """As any reply does; its answers have none."""
    body: Document = (
        Text('"Is it '),
        Bold((Text("blue"),)),
        Text('?" '),
        Bold((Text("Yes"),)),
        Text(" | No"),
    )
    composed = made("buttons", body)
    assert composed.body == (Text("Is it "), Bold((Text("blue"),)), Text("?"))
    assert composed.extras == (Buttons(titles=("Yes", "No")),)


@pytest.mark.parametrize(
    "typed, words",
    [
        ("Is it ok?", "There is no button"),
        ('"" Yes | No', "The question is missing"),
        ('"Ok?" 1 | 2 | 3 | 4', "There are 4 buttons: at most 3"),
        ('"Ok?" Yes | Yes', "Two buttons say the same"),
        (
            '"Ok?" This title is certainly too long',
            "`This title is certainly too long` is 12 characters too long: at most 20",
        ),
        (f'"{"x" * 1025}" Yes', "is 1 character too long: at most 1024"),
    ],
)
def test_buttons_that_make_no_sense(typed: str, words: str) -> None:
    """What is wrong, by how much, and how it is written."""
    assert words in wrong("buttons", typed)


def test_a_list() -> None:
    """Rows with and without a description, in sections or not."""
    composed = made(
        "list", '"Which?" "Choose" # Sofas | Oslo – two seats | Bergen | # Chairs | Oak - with arms'
    )
    assert composed.extras == (
        Menu(
            button="Choose",
            sections=(
                Section(rows=(Row("Oslo", "two seats"), Row("Bergen")), title="Sofas"),
                Section(rows=(Row("Oak", "with arms"),), title="Chairs"),
            ),
        ),
    )
    assert made("list", "Which? | Choose | A | B").extras == (
        Menu(button="Choose", sections=(Section(rows=(Row("A"), Row("B"))),)),
    )


@pytest.mark.parametrize(
    "typed, words",
    [
        ('"Which?"', "The label of the button is missing"),
        ('"Which?" "Choose"', "There is no row"),
        ('"Which?" "Choose" ' + " | ".join("abcdefghijk"), "There are 11 rows: at most 10"),
        ('"Which?" "Choose" A | A', "Two rows say the same"),
        ('"Which?" "Choose" # One | A | # Two', "The section `Two` has no rows"),
        ('"Which?" "Choose" A | # Two | B', "The section's title is missing"),
        ('"Which?" "Choose" A – ' + "d" * 73, "The description of `A`"),
    ],
)
def test_lists_that_make_no_sense(typed: str, words: str) -> None:
    """Each by its piece."""
    assert words in wrong("list", typed)


def test_a_link() -> None:
    """Typed, or made a link by the desk."""
    assert made("link", '"See it" "Open" https://a.example/x').extras == (
        LinkButton("Open", "https://a.example/x"),
    )
    body: Document = (Text("See it | Open | "), Link("https://a.example/x", "a.example/x"))
    assert made("link", body).extras == (LinkButton("Open", "https://a.example/x"),)
    assert "is no web address" in wrong("link", '"See it" "Open" ftp://a.example')
    assert "is no web address" in wrong("link", '"See it" "Open"')


@pytest.mark.parametrize(
    "typed, place",
    [
        ("52.52, 13.4 Our shop | Main St 1", Location(52.52, 13.4, "Our shop", "Main St 1")),
        ("-33.9;18.4", Location(-33.9, 18.4)),
        ("https://www.google.com/maps/place/X/@52.52,13.40,17z Shop", Location(52.52, 13.4, "Shop")),
        ("https://maps.google.com/?q=52.52,13.40", Location(52.52, 13.4)),
        ("https://www.openstreetmap.org/?mlat=52.52&mlon=13.40#map=16/52/13", Location(52.52, 13.4)),
    ],
)
def test_a_place(typed: str, place: Location) -> None:
    """Coordinates, or the address of a map."""
    assert made("location", typed) == Composed(body=(), extras=(place,))


def test_places_that_make_no_sense() -> None:
    """No coordinates, none on earth, no map."""
    assert "The place is missing" in wrong("location", "Main Street 1")
    assert "A latitude goes from" in wrong("location", "91.0, 13.0")
    assert "names no place" in wrong("location", "https://a.example/x")


def test_contact_cards() -> None:
    """Names, numbers in any spelling, mail addresses; several cards."""
    composed = made("contact", "Ada Byron +49 (30) 123-4567 ada@example.com | Ben 0014155552671")
    assert composed.extras == (
        Cards(
            (
                Card(
                    name="Ada Byron",
                    phones=(Detail("+49301234567"),),
                    emails=(Detail("ada@example.com"),),
                    given="Ada",
                    family="Byron",
                ),
                Card(name="Ben", phones=(Detail("+14155552671"),), given="Ben"),
            )
        ),
    )
    assert "has no name" in wrong("contact", "+49 30 1234567")
    assert "has neither a phone number" in wrong("contact", "Ada Byron 030 1234567")


def test_asking_for_a_place() -> None:
    """The words ask."""
    assert made("ask-location", "Where are you?") == Composed(
        body=text("Where are you?"), extras=(AskLocation(),)
    )


# ---------------------------------------------------------------------------------------------- in a thread


def test_a_question_goes_out_like_a_reply() -> None:
    """From whoever may speak to the contact with `!reply`."""
    world = World().start(assignee="ben")
    wrote = world.write("ana", '!buttons "All right?" Yes | No')
    [send] = [one for one in world.last.actions if isinstance(one, Send)]
    assert (bare(send.body), send.extras) == ("All right?", (Buttons(titles=("Yes", "No")),))
    world.sent(send, 1)
    assert world.receipts(wrote) == [Receipt.ACCEPTED]


@pytest.mark.parametrize(
    "name, typed",
    [
        ("ana", '!buttons "All right?"'),
        ("ana", '!buttons "note: he is difficult" Yes | No'),
        ("ana", '!list "Which?" "Choose" // internal | Row'),
        ("vic", '!buttons "All right?" Yes | No'),
    ],
)
def test_what_makes_no_sense_or_must_not_leave_stays(name: str, typed: str) -> None:
    """Its author is told why; quotation marks hide nothing."""
    world = World().start(assignee="ana")
    wrote = world.write(name, typed)
    assert not [one for one in world.last.actions if isinstance(one, Send)]
    assert world.receipts(wrote) == [Receipt.INTERNAL]
    assert world.answers()
