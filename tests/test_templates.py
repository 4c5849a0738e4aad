"""Templates: what they ask for, whether values fit, how they read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.content import Filling
from bridge.content.templates import Answer, Slot, Template, filled, find, rendered, slots, typed
from bridge.content.unfit import UnfitError
from bridge.markup import Bold, Text, plain, text

ORDER = Template(
    name="order_update",
    language="en_US",
    category="utility",
    header="Order {{1}}",
    header_kind="text",
    body=(Text("Hi "), Bold((Text("{{1}}"),)), Text(", it ships on {{2}}. Yes, {{2}}!")),
    footer="The shop",
    buttons=(Answer("url", "Track", "https://a.example/t/{{1}}"), Answer("quick_reply", "Stop")),
)
PICTURE = Template(name="sale", language="en_US", header_kind="image", body=text("Dear {{first_name}}"))
PAUSED = Template(name="order_update", language="de", body=text("Hallo"), status="PAUSED")


def test_what_is_asked_for_in_the_order_of_reading() -> None:
    """Each value once, however often it is shown."""
    assert slots(ORDER) == [
        Slot("header", "text", "1"),
        Slot("body", "text", "1"),
        Slot("body", "text", "2"),
        Slot("button", "text", "end of the address of “Track”"),
    ]
    assert slots(PICTURE) == [
        Slot("header", "image", "web address of the image"),
        Slot("body", "text", "first_name", key="first_name"),
    ]


def test_filled_it_reads_as_the_contact_sees_it() -> None:
    """With its formatting, footer and buttons."""
    message = filled(ORDER, ["4471", "Maya", "Friday", "4471"])
    assert plain(message.words) == (
        "Order 4471\nHi Maya, it ships on Friday. Yes, Friday!\nThe shop\n[Track] [Stop]"
    )
    assert message.fillings == (
        Filling("header", "4471"),
        Filling("body", "Maya"),
        Filling("body", "Friday"),
        Filling("button", "4471"),
    )
    message = filled(PICTURE, ["https://a.example/x.jpg", "first_name=Ana = B"])
    assert message.fillings == (
        Filling("header", "https://a.example/x.jpg", kind="image"),
        Filling("body", "Ana = B", name="first_name"),
    )


@pytest.mark.parametrize(
    "template, values, words",
    [
        (ORDER, ["1", "2", "3"], "takes 4 values"),
        (ORDER, ["1", "2", "3", "4", "5"], "5 values were given"),
        (ORDER, ["1", " ", "3", "4"], "is empty"),
        (ORDER, ["1", "a\nb", "3", "4"], "line break"),
        (ORDER, ["1", "x" * 1025, "3", "4"], "longer than 1024"),
        (PICTURE, ["sofa.jpg", "Ana"], "web address"),
        (PAUSED, [], "it is paused"),
    ],
)
def test_values_that_do_not_fit(template: Template, values: list[str], words: str) -> None:
    """Each is told by its name."""
    with pytest.raises(UnfitError, match=words):
        filled(template, values)


def test_one_name_in_several_languages() -> None:
    """One that can be sent, unless another is asked for."""
    assert find([PAUSED, ORDER], "order_update") is ORDER
    assert find([PAUSED, ORDER], "order_update", "DE") is PAUSED
    assert find([PAUSED, ORDER], "order_update", "en-us") is ORDER
    assert find([PAUSED], "order_update") is PAUSED
    assert find([PAUSED], "sale") is None


def test_typed_it_is_found() -> None:
    """With a language or without; what looks like one and is none is a value."""
    assert typed("order_update en-US 1 | 2 | 3 | 4", [PAUSED, ORDER]).language == "en_US"
    assert typed("order_update fr | 2 | 3 | 4", [PAUSED, ORDER]).fillings[0].value == "fr"
    for line in ("", "nothing", "sale"):
        with pytest.raises(UnfitError):
            typed(line, [ORDER])


_value = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="{}"), min_size=1, max_size=60
)


@given(st.lists(_value, min_size=4, max_size=4))
def test_every_value_is_read(values: list[str]) -> None:
    """None is lost, none stands in another's place."""
    message = filled(ORDER, values)
    shown = plain(message.words)
    for value in values[:3]:
        assert plain(text(value)) in shown
    assert rendered(ORDER, message.fillings) == message.words
