"""The form's views: within Slack's limits whatever is entered, and what they make of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.slack import composer
from bridge.adapters.slack.composer import KINDS, Entered, Shop, Start, Wrong, made, view
from bridge.adapters.whatsapp.outgoing import LIMITS
from bridge.content import Cards, Location, Menu
from bridge.content.templates import Answer, Template
from bridge.markup import text
from bridge.sandbox.slack.blockkit.view import check_view

TEMPLATES = (
    Template(
        name="order_update",
        language="en_US",
        category="utility",
        header="Order {{1}}",
        header_kind="text",
        body=text("Hi {{name}}, it ships on {{day}}"),
        buttons=(Answer("url", "Track", "https://a.example/{{1}}"),),
    ),
    Template(name="x" * 500, language="de", category="marketing", header_kind="image", body=text("y" * 1024)),
    Template(name="paused", language="de", body=text("Hallo"), status="PAUSED"),
)
SHOP = Shop(limits=LIMITS, templates=TEMPLATES)
ONGOING = Start(ref="7-9f|7-66|", channel="C1", thread="1.2", handle="https://hooks.slack.com/x")
BLOCKS = [f"{kind.name}:{field.key}" for kind in KINDS.values() for field in kind.fields]
SLOTS = [f"slot:{composer.template_id(one)}:{at}" for one in TEMPLATES for at in range(5)]
TYPED = st.text(max_size=60) | st.sampled_from(
    ["52.5, 13.4", "https://a.example", "Ada +49 30 1234567", "\n\n"]
)
ANY = st.dictionaries(
    st.sampled_from([*BLOCKS, *SLOTS, "phone", "known", "campaign", "template"]),
    TYPED | st.sampled_from([composer.template_id(one) for one in TEMPLATES]),
)


@given(st.sampled_from([*KINDS, "template", "nothing like it"]), ANY, st.booleans())
def test_every_view_is_within_slacks_limits(kind: str, values: dict[str, str], closed: bool) -> None:
    """Block Kit refuses a whole view for one text that is too long or empty."""
    shop = Shop(limits=LIMITS, templates=TEMPLATES, closed=closed)
    check_view(view(ONGOING, Entered(kind, values), shop), "modal")
    check_view(view(ONGOING, Entered(kind, values), Shop(limits=LIMITS)), "modal")
    several = Shop(limits=LIMITS, templates=TEMPLATES, inboxes={"a": "A" * 80, "b": "B"})
    check_view(view(Start(inboxes=("a", "b")), Entered(kind, values), several), "modal")


@given(st.sampled_from([*KINDS, "template"]), ANY)
def test_what_is_wrong_is_said_at_a_field_that_is_there(kind: str, values: dict[str, str]) -> None:
    """Slack shows an error only at an input of the view."""
    given_ = Entered(kind, values)
    shown = {block.get("block_id") for block in view(ONGOING, given_, SHOP)["blocks"]}
    problem = wrong_with(given_)
    assert problem is None or (problem.block in shown and problem.words)


def wrong_with(entered: Entered) -> Wrong | None:
    """What is wrong, if anything is."""
    try:
        made(entered, SHOP)
    except Wrong as problem:
        return problem
    return None


def test_lists_places_and_cards() -> None:
    """One entry on a line."""
    menu = made(
        Entered(
            "list",
            {
                "list:question": "Which?",
                "list:button": "Choose",
                "list:answers": "# Here\nOslo – two seats\n\n  Bergen \n# There\nRome",
            },
        ),
        SHOP,
    ).extras[0]
    assert isinstance(menu, Menu)
    assert [(one.title, [row.title for row in one.rows]) for one in menu.sections] == [
        ("Here", ["Oslo", "Bergen"]),
        ("There", ["Rome"]),
    ]
    place = made(
        Entered(
            "location", {"location:place": "https://maps.google.com/?q=52.5,13.4", "location:name": "Shop"}
        ),
        SHOP,
    ).extras[0]
    assert isinstance(place, Location)
    assert (place.latitude, place.name) == (52.5, "Shop")
    cards = made(Entered("contact", {"contact:cards": "Ada +49 30 1234567\nBen b@a.example"}), SHOP).extras[0]
    assert isinstance(cards, Cards)
    assert [one.name for one in cards.cards] == ["Ada", "Ben"]


def test_pickers_offer_what_can_be_sent() -> None:
    """Found by parts of name and language; no more than Slack shows."""
    assert [one["text"]["text"][:12] for one in composer.options(SHOP, "")] == ["order_update", "x" * 12]
    assert len(composer.options(SHOP, "upd EN_us")) == 1
    assert not composer.options(SHOP, "paused")
    many = Shop(limits=LIMITS, templates=tuple(Template(f"t{at}", "en", text("a")) for at in range(300)))
    assert len(composer.options(many, "")) == 100


@pytest.mark.parametrize("packed", ["", "{", "[]", '{"ref": 1}', "[" * 10_000, "\ud800"])
def test_metadata_of_others_is_none(packed: str) -> None:
    """It comes back from a client."""
    assert Start.decode(packed) is None
    assert Start.decode(ONGOING.encode()) == ONGOING
