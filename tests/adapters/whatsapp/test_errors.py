"""Every error code of the Cloud API has its class and its words."""

import json
from pathlib import Path

import pytest

from bridge.adapters.http import BrokenError, HttpError, SlowError, UnsentError
from bridge.adapters.whatsapp import errors
from bridge.errors import FailureKind
from tests.adapters.whatsapp.support import FIXTURES

R, L, W, S, N = (
    FailureKind.RETRY,
    FailureKind.LIMITED,
    FailureKind.WAIT,
    FailureKind.STOP,
    FailureKind.NEVER,
)

CLASSES = {
    S: "0 3 10 33 190 200 230 299 368 131005 131031 131037 131042 131045 133000 133005 133006 133007 133008 133009 "
    "133010 133015 133016 134011 138000 138017 139000 139999 147001 2388001 2388299 2593109",
    L: "1 131000 135000",
    R: "2 4 17 32 613 80007 130429 131016 131056 131057 131059 133004 134101",
    W: "131048 131049 131064 132069",
    N: "100 130472 130497 131008 131009 131020 131021 131026 131030 131041 131047 131050 131051 131052 131053 131055 "
    "131060 131062 131063 131200 131299 132000 132001 132005 132007 132008 132012 132015 132016 132018 132068 134100 "
    "134102 137000",
}
ALL = [(int(code), kind) for kind, codes in CLASSES.items() for code in codes.split()]


@pytest.mark.parametrize("code, kind", ALL)
def test_each_code_has_its_class_and_plain_words(code: int, kind: FailureKind) -> None:
    """Retry, limited retry, wait, stop and alert, or never; the words name no code and end in a full stop."""
    failure = errors.by_code(code)
    assert (failure.kind, failure.code) == (kind, str(code))
    assert failure.words.endswith(".")
    assert str(code) not in failure.words or code < 1000
    assert "tried again by itself" not in failure.words or kind is R


def test_every_code_we_name_is_in_the_table_of_this_test() -> None:
    """A code added to the table has to be added here too."""
    assert set(errors.BY_CODE) <= {code for code, _ in ALL}


def test_only_the_pair_rate_concerns_one_contact_alone() -> None:
    """Other contacts go on while one has had too many messages."""
    assert [code for code, _ in ALL if errors.by_code(code).pair_only] == [131056]


def test_a_marketing_cap_asks_for_a_day() -> None:
    """WhatsApp: 131049 is not to be tried again within 24 hours."""
    assert errors.by_code(131049).retry_after_s == 86_400


@pytest.mark.parametrize("transient, kind", [(True, R), (False, L)])
def test_an_unknown_code_is_tried_a_few_times_unless_called_transient(
    transient: bool, kind: FailureKind
) -> None:
    """Codes of the future neither stop the number nor run for ever."""
    failure = errors.by_code(999_999, is_transient=transient)
    assert (failure.kind, failure.code) == (kind, "999999")


@pytest.mark.parametrize(
    "name, kind",
    [
        ("error_130429_throughput.json", R),
        ("error_131009_param.json", N),
        ("error_131016_unavailable.json", R),
        ("error_131030_not_allowed.json", N),
        ("error_131047_window.json", N),
        ("error_131056_pair_rate.json", R),
        ("error_132001_template.json", N),
        ("error_190_token.json", S),
        ("error_1_unknown.json", L),
        ("error_80007_waba_rate.json", R),
    ],
)
def test_documented_answers_are_read(name: str, kind: FailureKind) -> None:
    """The bodies as Meta writes them, whatever their HTTP status."""
    answer = json.loads(Path(FIXTURES / "api" / name).read_bytes())
    body = json.dumps(answer["body"]).encode()
    failure = errors.of_answer(answer["http_status"], body, None, repeatable=False)
    assert failure.kind is kind
    assert failure.code in name


@pytest.mark.parametrize(
    "status, body, repeatable, kind",
    [
        # A 5xx without an error body says nothing about the message.
        (500, b"", False, FailureKind.UNKNOWN),
        (502, b"<html>Bad gateway</html>", False, FailureKind.UNKNOWN),
        (504, b'{"error":"timeout"}', False, FailureKind.UNKNOWN),
        (503, b'{"error":{"code":"2"}}', False, FailureKind.UNKNOWN),
        (502, b"", True, R),
        # These were answered before anything was done.
        (429, b"", False, R),
        (401, b"", False, S),
        (403, b"\xff", False, S),
        (404, b"no such page", False, S),
        (400, b"[]", False, L),
        (302, b"", False, L),
        # An error body is a certain refusal, even with a 5xx.
        (500, b'{"error":{"code":131016}}', False, R),
        (500, b'{"error":{"code":424242,"is_transient":true}}', False, R),
        # Graph: the number does not exist or the token cannot see it.
        (400, b'{"error":{"code":100,"error_subcode":33}}', False, S),
        (400, b'{"error":{"code":100,"error_data":"a string"}}', False, N),
    ],
)
def test_answers_without_a_code_are_judged_by_their_status(
    status: int, body: bytes, repeatable: bool, kind: FailureKind
) -> None:
    """Only where it may have happened, and repeating would do it twice, the fate is unknown."""
    assert errors.of_answer(status, body, None, repeatable=repeatable).kind is kind


@pytest.mark.parametrize(
    "header, expected",
    [("7", 7.0), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("9" * 99, None)],
)
def test_what_the_platform_asks_us_to_wait_is_kept(header: str | None, expected: float | None) -> None:
    """`Retry-After` in seconds; anything else leaves the pause to us."""
    body = b'{"error":{"code":130429}}'
    assert errors.of_answer(400, body, header, repeatable=False).retry_after_s == expected
    assert errors.of_answer(429, b"", header, repeatable=False).retry_after_s == expected


@pytest.mark.parametrize(
    "error, kind, code",
    [
        (UnsentError(), R, "connection"),
        (BrokenError(), FailureKind.UNKNOWN, "connection"),
        (SlowError(), FailureKind.UNKNOWN, "timeout"),
    ],
)
def test_a_call_that_broke_down_is_certain_only_before_the_connection(
    error: HttpError, kind: FailureKind, code: str
) -> None:
    """Anything after the connection was made may have reached the platform."""
    failure = errors.of_break_down(error, repeatable=False)
    assert (failure.kind, failure.code) == (kind, code)
    assert errors.of_break_down(error, repeatable=True).kind is R
