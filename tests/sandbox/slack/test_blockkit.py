"""Block Kit: every limit, every type, ids, surfaces; each refusal names its place."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.slack.blockkit.blocks import check_blocks
from bridge.sandbox.slack.blockkit.view import check_view
from bridge.sandbox.slack.errors import SlackError
from tests.support.slack_sandbox import SUPPORT, SlackRig, modal, text_input

Json = dict[str, Any]


def plain(words: str) -> Json:
    """A plain_text object."""
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str) -> Json:
    """An mrkdwn object."""
    return {"type": "mrkdwn", "text": words}


def option(n: int = 0, **more: Any) -> Json:
    """An option."""
    return {"text": plain(f"o{n}"), "value": f"v{n}"} | more


def actions(*elements: Json) -> Json:
    """An actions block."""
    return {"type": "actions", "elements": list(elements)}


def button(**more: Any) -> Json:
    """A button."""
    return {"type": "button", "action_id": "a", "text": plain("Press")} | more


def select(**more: Any) -> Json:
    """A static select."""
    return {"type": "static_select", "action_id": "a", "options": [option()]} | more


def menu(kind: str, **more: Any) -> Json:
    """Any other element."""
    return {"type": kind, "action_id": "a"} | more


CONFIRM = {"title": plain("t"), "text": plain("x"), "confirm": plain("y"), "deny": plain("n")}
SECTION = {"type": "section", "text": mrkdwn("x")}


def refusals(blocks: list[Any], surface: str = "message") -> list[str]:
    """The lines with which the check refuses some blocks; none when it takes them."""
    try:
        check_blocks(blocks, surface)
    except SlackError as error:
        found: list[str] = error.extra["errors"]
        return found
    return []


LIMITS: list[tuple[str, Any, int]] = [
    ("section text", lambda n: {"type": "section", "text": mrkdwn("x" * n)}, 3000),
    ("section field", lambda n: {"type": "section", "fields": [mrkdwn("x" * n)]}, 2000),
    ("section fields", lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}, 10),
    ("header", lambda n: {"type": "header", "text": plain("x" * n)}, 150),
    ("context elements", lambda n: {"type": "context", "elements": [mrkdwn("x")] * n}, 10),
    ("context text", lambda n: {"type": "context", "elements": [mrkdwn("x" * n)]}, 2000),
    ("actions", lambda n: actions(*(button(action_id=f"a{i}") for i in range(n))), 25),
    ("block_id", lambda n: {**SECTION, "block_id": "x" * n}, 255),
    ("action_id", lambda n: actions(button(action_id="x" * n)), 255),
    ("button text", lambda n: actions(button(text=plain("x" * n))), 75),
    ("button value", lambda n: actions(button(value="x" * n)), 2000),
    ("button url", lambda n: actions(button(url="x" * n)), 3000),
    ("options", lambda n: actions(select(options=[option(i) for i in range(n)])), 100),
    ("option text", lambda n: actions(select(options=[option(text=plain("x" * n))])), 75),
    ("option value", lambda n: actions(select(options=[option(value="x" * n)])), 150),
    ("option description", lambda n: actions(select(options=[option(description=plain("x" * n))])), 75),
    ("placeholder", lambda n: actions(select(placeholder=plain("x" * n))), 150),
    ("overflow", lambda n: actions(menu("overflow", options=[option(i) for i in range(n)])), 5),
    ("checkboxes", lambda n: actions(menu("checkboxes", options=[option(i) for i in range(n)])), 10),
    ("radios", lambda n: actions(menu("radio_buttons", options=[option(i) for i in range(n)])), 10),
    ("confirm title", lambda n: actions(button(confirm=CONFIRM | {"title": plain("x" * n)})), 100),
    ("confirm text", lambda n: actions(button(confirm=CONFIRM | {"text": plain("x" * n)})), 300),
    ("confirm deny", lambda n: actions(button(confirm=CONFIRM | {"deny": plain("x" * n)})), 30),
    ("confirm confirm", lambda n: actions(button(confirm=CONFIRM | {"confirm": plain("x" * n)})), 30),
    ("image url", lambda n: {"type": "image", "image_url": "x" * n, "alt_text": "a"}, 3000),
    ("image alt", lambda n: {"type": "image", "image_url": "u", "alt_text": "x" * n}, 2000),
    ("image title", lambda n: {"type": "image", "image_url": "u", "alt_text": "a", "title": plain("x" * n)}, 2000),
    ("input label", lambda n: text_input(label=plain("x" * n)), 2000),
    ("input hint", lambda n: text_input(hint=plain("x" * n)), 2000),
    ("initial value", lambda n: text_input(element={"initial_value": "x" * n}), 3000),
    ("markdown", lambda n: {"type": "markdown", "text": "x" * n}, 12_000),
    ("container title", lambda n: {"type": "container", "title": plain("x" * n), "child_blocks": [SECTION]}, 150),
    ("container children", lambda n: {"type": "container", "title": plain("x"), "child_blocks": [SECTION] * n}, 10),
    ("table rows", lambda n: {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * n}, 100),
    ("table cells", lambda n: {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * n]}, 20),
    ("carousel", lambda n: {"type": "carousel", "elements": [{"type": "card", "title": plain("x")}] * n}, 10),
    ("card body", lambda n: {"type": "card", "body": plain("x" * n)}, 200),
    ("option groups", lambda n: actions(
        menu("static_select", option_groups=[{"label": plain("g"), "options": [option()]}] * n)
    ), 100),
    ("group label", lambda n: actions(
        menu("static_select", option_groups=[{"label": plain("x" * n), "options": [option()]}])
    ), 75),
]  # fmt: skip


@pytest.mark.parametrize("what, make, most", LIMITS, ids=[name for name, _, _ in LIMITS])
def test_limit(what: str, make: Any, most: int) -> None:
    """Exactly the limit passes; one more is refused with a pointer to the place."""
    assert refusals([make(most)]) == []
    errors = refusals([make(most + 1)])
    assert "[json-pointer:/blocks/0/" in errors[0]


@pytest.mark.parametrize(
    "block, part",
    [
        ({"type": "nonsense"}, "unsupported type: nonsense"),
        ({"text": mrkdwn("x")}, "missing required field: type"),
        ({"type": "section"}, "missing required field: text or fields"),
        ({"type": "section", "text": mrkdwn("")}, "must be more than 0 characters"),
        ({"type": "section", "text": {"type": "html", "text": "x"}}, "unsupported type: html"),
        ({"type": "section", "text": mrkdwn("x"), "colour": "red"}, "invalid additional property: colour"),
        ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn"),
        ({"type": "actions", "elements": []}, "no less than 1 items allowed"),
        (actions(text_input()["element"]), "unsupported type: plain_text_input"),
        (actions(button(style="green")), "must be one of: primary, danger"),
        (actions(button(), button()), "`action_id` a already exists"),
        (actions(select(initial_option=option(9))), "initial option is not one of the options"),
        (actions(menu("static_select")), "exactly one of options and option_groups"),
        (actions(select(options=[option(), option()])), "duplicate option value"),
        (actions(menu("datepicker", initial_date="1/2/2026")), "a date as YYYY-MM-DD"),
        (actions(menu("timepicker", initial_time="25:00")), "a time as HH:mm"),
        ({"type": "image", "alt_text": "x"}, "exactly one of image_url and slack_file"),
        ({"type": "input", "label": plain("x"), "element": button()}, "unsupported type: button"),
        ({"type": "alert", "text": plain("x")}, "unsupported type: alert"),
        ({"type": "rich_text", "elements": [{"type": "rich_text_poem", "elements": []}]}, "unsupported type"),
        ("text", "must be an object"),
    ],
)
def test_refusal(block: Any, part: str) -> None:
    """What is wrong is said in words, with the place."""
    errors = refusals([block])
    assert any(part in error for error in errors), errors


def test_block_ids_are_unique() -> None:
    """Two blocks of a message cannot share a block_id."""
    twice = [{**SECTION, "block_id": "b"}, {**SECTION, "block_id": "b"}]
    assert refusals(twice) == ["`block_id` b already exists [json-pointer:/blocks/1/block_id]"]


def test_fifty_in_a_message_and_a_hundred_in_a_view() -> None:
    """A message takes 50 blocks, Home and modals 100."""
    assert refusals([SECTION] * 50) == []
    assert refusals([SECTION] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    for surface in ("home", "modal"):
        assert refusals([SECTION] * 100, surface) == []
        assert refusals([SECTION] * 101, surface)


@pytest.mark.parametrize(
    "kind, surfaces",
    [("markdown", "message"), ("table", "message"), ("container", "message"), ("alert", "modal")],
)
def test_surfaces(kind: str, surfaces: str) -> None:
    """Some blocks stand on one surface only."""
    made: dict[str, Json] = {
        "markdown": {"type": "markdown", "text": "x"},
        "table": {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]},
        "container": {"type": "container", "title": plain("x"), "child_blocks": [SECTION]},
        "alert": {"type": "alert", "text": plain("x")},
    }
    for surface in ("message", "modal", "home"):
        assert (refusals([made[kind]], surface) == []) is (surface == surfaces)


def test_one_table_a_message() -> None:
    """A second table is refused, so is a third chart."""
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    chart = {"type": "data_visualization", "title": "x", "chart": {}}
    assert refusals([table, table])
    assert refusals([chart, chart]) == []
    assert refusals([chart] * 3)


def test_what_slack_fills_in() -> None:
    """Ids left out are given, texts get their defaults, the app's own object stays as it was."""
    given_blocks = [actions({"type": "button", "text": plain("x")}), SECTION]
    before = copy.deepcopy(given_blocks)
    stored = check_blocks(given_blocks, "message")
    assert given_blocks == before
    assert stored[0]["block_id"] != stored[1]["block_id"]
    assert stored[0]["elements"][0]["action_id"]
    assert stored[0]["elements"][0]["text"]["emoji"] is True
    assert stored[1]["text"]["verbatim"] is False


@pytest.mark.parametrize(
    "change, part",
    [
        ({"title": plain("x" * 25)}, "/view/title/text"),
        ({"submit": plain("x" * 25)}, "/view/submit/text"),
        ({"close": plain("x" * 25)}, "/view/close/text"),
        ({"callback_id": "x" * 256}, "/view/callback_id"),
        ({"private_metadata": "x" * 3001}, "/view/private_metadata"),
        ({"external_id": "x" * 256}, "/view/external_id"),
        ({"title": None}, "missing required field: title"),
        ({"type": "home"}, "/view/type"),
        ({"submit": None}, "missing required field: submit"),
        ({"blocks": None}, "/view/blocks"),
        ({"blocks": [{"type": "markdown", "text": "x"}]}, "unsupported type: markdown"),
    ],
)
def test_view_refusals(change: Json, part: str) -> None:
    """Each limit of a modal is refused with its place."""
    with pytest.raises(SlackError) as caught:
        check_view(modal(text_input()) | change, "modal")
    assert caught.value.error == "invalid_arguments"
    assert part in str(caught.value.extra)


def test_view_size() -> None:
    """A view over 250 KB is view_too_large."""
    blocks = [{"type": "section", "text": mrkdwn("x" * 3000)}] * 90
    with pytest.raises(SlackError, match="view_too_large"):
        check_view(modal(*blocks), "modal")


async def test_refusal_over_the_wire(slack: SlackRig) -> None:
    """The body has the recorded form: error, errors, response_metadata.messages."""
    blocks = [{"type": "section", "text": mrkdwn("x" * 3001)}]
    line = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    assert await slack.refused("chat.postMessage", channel=SUPPORT, text="x", blocks=blocks) == {
        "ok": False,
        "error": "invalid_blocks",
        "errors": [line],
        "response_metadata": {"messages": [f"[ERROR] {line}"]},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "element", "options", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_nonsense_never_breaks_the_check(blocks: list[Any]) -> None:
    """Whatever JSON is sent, the answer is acceptance or invalid_blocks."""
    if refusals(blocks):
        with pytest.raises(SlackError, match=r"^invalid_blocks$"):
            check_blocks(blocks, "message")
