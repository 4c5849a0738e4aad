"""Logs that can be searched and shared, and metrics that cost next to nothing."""

import ast
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.observe import Metrics, Stage, configure_logging, mask_text
from bridge.observe.masking import mask_tree
from bridge.phone import mask_phone

PACKAGE = Path(__file__).parents[1] / "bridge"


@pytest.fixture
def logged() -> Callable[[], list[dict[str, Any]]]:
    """JSON logging at INFO into memory; call it for the entries."""
    out = io.StringIO()
    configure_logging("info", "json", out)
    return lambda: [json.loads(line) for line in out.getvalue().splitlines()]


# ------------------------------------------------------------------------------------------------- masking


@pytest.mark.parametrize(
    "number, masked",
    [
        ("+34600111222", "+34•••••1222"),
        ("34600111222", "34•••••1222"),
        ("+1 (650) 555-0123", "+1••••••0123"),
        ("+354 611 1234", "+354•••••34"),
        ("5511987654321", "55•••••••4321"),
        ("0600111222", "••••••1222"),
        ("", ""),
        ("+", "+"),
    ],
)
def test_a_masked_number_shows_country_and_end(number: str, masked: str) -> None:
    """Enough to tell two contacts apart, not enough to call one."""
    assert mask_phone(number) == masked


@given(st.text(alphabet="0123456789", min_size=7, max_size=15), st.text(alphabet="abc :", max_size=5))
def test_no_run_of_seven_digits_survives(digits: str, around: str) -> None:
    """Wherever a number stands in a text, most of it is hidden."""
    text = mask_text(f"{around}{digits}{around}+{digits}{around}")
    assert not re.search(r"\d{7,}", text)
    assert digits not in text


@pytest.mark.parametrize(
    "text",
    ["2026-11-23T03:16:11", "version 26.0", "127.0.0.1:8000", "#1042", "code 131047", "wait 3.25 s"],
)
def test_what_is_no_number_of_a_person_stays_readable(text: str) -> None:
    """Dates, versions, addresses and error codes are what one reads logs for."""
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "token xoxb-12-geheim",
        "xapp-1-geheim-2",
        "EAAGgeheim12345",
        "redis://user:geheim@host/0",
        "Authorization: Bearer geheim",
    ],
)
def test_tokens_are_removed_from_any_text(text: str) -> None:
    """An error of a library may quote the request it made."""
    assert "geheim" not in mask_text(text)


def test_plain_data_is_masked_but_for_what_ids_are_made_of() -> None:
    """Whoever looks at an event sees its words and ids, and no number; a secret way to answer never."""
    tree = {
        "contact": "7-9f3c01234567",
        "post": {"channel": "C1", "id": "1700000000.000100"},
        "aliases": ["phone:1:34600111222"],
        "body": [["t", "Call +34 600 111 222"]],
        "reply_handle": "https://secret",
        "files": 2,
    }
    masked = mask_tree(tree)
    assert masked == {
        **tree,
        "aliases": ["phone:1:34•••••1222"],
        "body": [["t", "Call +34•••••1222"]],
        "reply_handle": "[removed]",
    }
    assert mask_tree(tree, numbers=False) == {**tree, "reply_handle": "[removed]"}


WAMID = "wamid.HBgLMTU1NTAxMDAzMTEVAgARGBI0ODhBMzk3QzY3NEVBMDY4REIA"
"""Base64 of, among others, the phone number 15550100311."""


@pytest.mark.parametrize("field", ["event_id", "action", "problem"])
@pytest.mark.parametrize(
    "shape", ["wa:{}", "wa:{}==", "wa:{}:read", "wa:{}/0", "wa:{}==/0/r/12", "see wa:{}, twice"]
)
def test_message_ids_show_no_phone_number(
    logged: Callable[[], list[dict[str, Any]]], field: str, shape: str
) -> None:
    """Whoever reads the log could decode the number; what is around the id stays, and equal ids stay equal."""
    structlog.get_logger().info("line.waits", **{field: shape.format(WAMID)})
    structlog.get_logger().info("line.waits", **{field: shape.format(WAMID)})
    first, second = (entry[field] for entry in logged())
    assert first == second
    assert "HBgL" not in first
    assert "MTU1NTAx" not in first
    before, _, after = shape.partition("{}")
    assert first.startswith(before)
    assert first.endswith(after.replace("==", ""))


# ---------------------------------------------------------------------------------------------------- logs


def test_an_entry_has_a_name_and_fields(logged: Callable[[], list[dict[str, Any]]]) -> None:
    """Ids are kept as they are: they are what one searches for."""
    bound = structlog.get_logger().bind(conversation="7-66", event_id="slack:C0SUP:1749990000.000100")
    bound.info("message.sent", tries=2, took_s=0.25)
    (entry,) = logged()
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "message.sent",
        "level": "info",
        "conversation": "7-66",
        "event_id": "slack:C0SUP:1749990000.000100",
        "tries": 2,
        "took_s": 0.25,
    }


def test_nothing_personal_or_secret_is_written(logged: Callable[[], list[dict[str, Any]]]) -> None:
    """Fields, nested values, other objects, exceptions and the name itself are all cleaned."""

    class Contact:
        def __repr__(self) -> str:
            return "Contact(phone='34600111222')"

    try:
        int("no route to +34 600 111 222 with xoxb-geheim")
    except ValueError:
        structlog.get_logger().exception(
            "calling 34600111222",
            contact=Contact(),
            phone=34600111222,
            who={"phones": ["34600111222"], "bot_token": "geheim"},
            access_token="geheim",
            conversation="xoxb-geheim",
        )
    (entry,) = logged()
    written = json.dumps(entry, ensure_ascii=False)
    assert "600111222" not in written.replace(" ", "")
    assert "geheim" not in written
    assert entry["phone"] == "34•••••1222"
    assert "ValueError" in entry["exception"]


def test_libraries_log_in_the_same_form_and_only_what_matters(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    """Their routine chatter is left out, their warnings are cleaned like ours."""
    logging.getLogger("slack_bolt.AsyncApp").info("routine")
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("slack_sdk.web").warning("posting to %s with %s", "34600111222", "xoxb-geheim")
    (entry,) = logged()
    assert entry["event"] == "posting to 34•••••1222 with [removed]"
    assert (entry["level"], entry["logger"]) == ("warning", "slack_sdk.web")


def test_the_level_is_respected() -> None:
    """What is less severe than asked for is not written."""
    out = io.StringIO()
    configure_logging("warning", "json", out)
    structlog.get_logger().info("not.this")
    structlog.get_logger().warning("but.this")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["but.this"]


def test_the_console_form_is_for_people() -> None:
    """One readable line, cleaned the same way."""
    out = io.StringIO()
    configure_logging("info", "console", out)
    structlog.get_logger().info("message.sent", to="34600111222")
    assert re.search(r"\[info +\] message\.sent +to=34•••••1222", out.getvalue())


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a logger in the package, with its place."""
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr=level)) if level in levels:
                    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                    if name.strip("_") in {"log", "logger"}:
                        yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node


def test_every_log_call_has_a_fixed_name_and_fields() -> None:
    """Names are constant words, `what.happened`, so that they can be searched, counted and alerted on."""
    bad = [
        place
        for place, call in log_calls()
        if len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or not re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", str(call.args[0].value))
    ]
    assert bad == []


# ------------------------------------------------------------------------------------------------- metrics


def test_each_thing_counted_appears_under_its_name() -> None:
    """The names and labels that dashboards rely on."""
    metrics = Metrics()
    metrics.arrived("MessageReceived", "whatsapp")
    metrics.event("MessageReceived", 0.02)
    metrics.ignored("poll", "unknown_type")
    metrics.webhook(200)
    metrics.retry("slack", "retry")
    metrics.error("slack", "gone")
    metrics.send("whatsapp", "Send", "done")
    metrics.dead_letter()
    metrics.shown(0.2)
    metrics.sent(0.04)
    metrics.rate_limit_wait("slack", "chat.postMessage", 1.5)
    metrics.stream_length("s7", 3)
    metrics.holding(17, 5)
    text = metrics.render().decode()
    for line in (
        'threadline_events_total{kind="MessageReceived",platform="whatsapp"} 1.0',
        'threadline_decided_total{kind="MessageReceived"} 1.0',
        'threadline_lag_seconds_bucket{le="0.025",stage="arrive_to_commit"} 1.0',
        'threadline_ignored_total{kind="poll",reason="unknown_type"} 1.0',
        'threadline_webhook_requests_total{status="200"} 1.0',
        'threadline_retries_total{class="retry",platform="slack"} 1.0',
        'threadline_errors_total{class="gone",platform="slack"} 1.0',
        'threadline_sends_total{kind="Send",platform="whatsapp",result="done"} 1.0',
        "threadline_dead_letters_total 1.0",
        'threadline_lag_seconds_bucket{le="0.25",stage="arrive_to_shown"} 1.0',
        'threadline_lag_seconds_bucket{le="0.05",stage="commit_to_sent"} 1.0',
        'threadline_rate_limit_wait_seconds_sum{method="chat.postMessage",platform="slack"} 1.5',
        'threadline_stream_length{shard="s7"} 3.0',
        "threadline_holds 17.0",
        "threadline_in_hand 5.0",
    ):
        assert line in text


def test_two_objects_do_not_share_counts() -> None:
    """Nothing is global, so tests and two bridges in one process do not mix."""
    Metrics().dead_letter()
    assert "threadline_dead_letters_total 0.0" in Metrics().render().decode()


def test_invented_labels_cannot_fill_the_memory() -> None:
    """Kinds come from outside; beyond a bound they are counted together."""
    metrics = Metrics()
    for number in range(1000):
        metrics.ignored(f"kind{number}", "unknown_type")
    lines = [
        one for one in metrics.render().decode().splitlines() if one.startswith("threadline_ignored_total{")
    ]
    assert len(lines) == 201
    assert 'threadline_ignored_total{kind="other",reason="other"} 800.0' in lines


def test_a_clock_that_runs_behind_counts_as_no_lag() -> None:
    """A negative time would break the histogram's sum."""
    metrics = Metrics()
    metrics.lag(Stage.COMMIT, -3)
    assert 'threadline_lag_seconds_sum{stage="arrive_to_commit"} 0.0' in metrics.render().decode()
