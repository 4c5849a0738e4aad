"""Who may knock: nothing that is not signed by the right platform, over these very bytes, now, is believed."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlencode

import orjson
import pytest

from bridge.adapters.whatsapp.arrive import signature
from bridge.events import StaffWrote
from bridge.model import Place
from tests.adapters.whatsapp import support as whatsapp
from tests.security.door import OTHER, OTHER_SECRET, SLACK, WHATSAPP, Door, message, reply, to_number
from tests.support.slack_desk import REF

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = message()
GOOD = signature(whatsapp.SECRET, BODY)
HEX = GOOD.removeprefix("sha256=")
HEADER = "X-Hub-Signature-256"

# -------------------------------------------------------------------------------------------- WhatsApp

REFUSED = {
    "empty": "",
    "no prefix": HEX,
    "wrong": "sha256=" + "0" * 64,
    "one digit off": GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
    "too short": GOOD[:-2],
    "too long": GOOD + "00",
    "of another body": signature(whatsapp.SECRET, BODY + b" "),
    "of another secret": signature("guess", BODY),
    "of an empty secret": signature("\0", BODY).replace("\0", ""),
    "prefix in capitals": "SHA256=" + HEX,
    "another hash": "sha1=" + hmac.new(whatsapp.SECRET.encode(), BODY, hashlib.sha1).hexdigest(),
    "sha512 under the right prefix": "sha256="
    + hmac.new(whatsapp.SECRET.encode(), BODY, hashlib.sha512).hexdigest(),
    "spaces inside": f"sha256={HEX[:32]} {HEX[32:]}",
    "full-width digits": "sha256=" + "\uff10".encode().decode("latin-1") * 64,
    "not ASCII": "sha256=" + "é" * 64,
    "no hex": "sha256=" + "z" * 64,
    "two in one": f"{GOOD}, {GOOD}",
    "quoted": f'"{GOOD}"',
    "a null": "null",
    "very long": "sha256=" + "0" * 7000,
}


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED)
async def test_a_whatsapp_body_needs_the_right_signature(door: Door, header: str) -> None:
    """401, nothing stored, nothing in the log that came with it."""
    assert (await door.post(WHATSAPP, BODY, (HEADER, header))).status == 401
    assert door.messages.placed == []
    assert door.loud() == []
    assert "full" not in door.log


async def test_no_signature_is_no_signature(door: Door) -> None:
    """Without the header, with the old one, with a look-alike."""
    for headers in (
        (),
        (("X-Hub-Signature", GOOD),),
        (("X_Hub_Signature_256", GOOD),),
        (("X-Hub-Signature-256-", GOOD),),
    ):
        assert (await door.post(WHATSAPP, BODY, *headers)).status == 401
    assert door.messages.placed == []


async def test_spelling_that_means_the_same_is_taken(door: Door) -> None:
    """Header names know no case, and hexadecimal digits neither; spaces around a value are HTTP's."""
    for at, (name, value) in enumerate(
        [
            (HEADER.lower(), GOOD),
            (HEADER.upper(), GOOD),
            (HEADER, f"sha256={HEX.upper()}"),
            (HEADER, f"  {GOOD}  "),
        ],
        1,
    ):
        assert (await door.post(WHATSAPP, BODY, (name, value))).status == 200
        assert len(door.messages.placed) == at


async def test_of_several_signatures_the_first_counts(door: Door) -> None:
    """A wrong one first is not saved by a right one behind it; none of them lets another body in."""
    wrong = "sha256=" + "0" * 64
    assert (await door.post(WHATSAPP, BODY, (HEADER, wrong), (HEADER, GOOD))).status == 401
    assert (await door.post(WHATSAPP, BODY + b" ", (HEADER, GOOD), (HEADER, GOOD))).status == 401
    assert door.messages.placed == []
    assert (await door.post(WHATSAPP, BODY, (HEADER, GOOD), (HEADER, wrong))).status == 200


async def test_an_app_speaks_for_its_own_numbers_only(door: Door) -> None:
    """A body that another app of ours signed, about a number that is not its own, is counted and left aside."""
    assert (await door.from_whatsapp(to_number(OTHER.phone_number_id), OTHER_SECRET)).status == 200
    assert [placed.event.inbox for placed in door.messages.placed] == [OTHER.inbox]  # type: ignore[union-attr]
    door.forget()
    for number, secret in ((whatsapp.NUMBER_ID, OTHER_SECRET), (OTHER.phone_number_id, whatsapp.SECRET)):
        assert (await door.from_whatsapp(to_number(number), secret)).status == 200
    assert door.messages.placed == []
    assert door.oddities == ["unknown_number", "unknown_number"]


async def test_the_bytes_are_signed_and_not_their_meaning(door: Door) -> None:
    """The same JSON written otherwise is another body; escapes of WhatsApp's kind are taken as they come."""
    escaped = BODY.replace(b"/", b"\\/").replace(b"hello", b"h\\u00e9llo")
    assert escaped != BODY
    assert (await door.post(WHATSAPP, escaped, (HEADER, GOOD))).status == 401
    assert (await door.from_whatsapp(escaped)).status == 200
    assert (await door.post(WHATSAPP, BODY + b"\n", (HEADER, GOOD))).status == 401
    assert len(door.messages.placed) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=verify-me%00&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=VERIFY-ME&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=verify-m%C3%A9&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=%ff&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=wrong&hub.verify_token=verify-me&hub.challenge=1",
        "hub.mode=unsubscribe&hub.verify_token=verify-me&hub.challenge=1",
        "hub.mode=&hub.verify_token=verify-me&hub.challenge=1",
        "hub_mode=subscribe&hub_verify_token=verify-me&hub_challenge=1",
        "hub.verify_token[]=verify-me&hub.mode=subscribe&hub.challenge=1",
    ],
)
async def test_the_handshake_needs_the_verify_token(door: Door, query: str) -> None:
    """403, and the challenge is not repeated."""
    answer = await door.request(f"GET {WHATSAPP}?{query} HTTP/1.1\nHost: x")
    assert answer.status == 403
    assert not answer.raw.endswith(b"1")
    assert door.loud() == []


async def test_a_challenge_is_only_text(door: Door) -> None:
    """What is repeated is never taken for a page or for headers."""
    challenge = "%3Cscript%3Ealert(1)%3C/script%3E%0d%0aSet-Cookie:%20a=b"
    query = f"hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge={challenge}"
    answer = await door.request(f"GET {WHATSAPP}?{query} HTTP/1.1\nHost: x")
    head, _, body = answer.raw.partition(b"\r\n\r\n")
    assert answer.status == 200
    assert b"text/plain" in head
    assert b"nosniff" in head
    assert b"Set-Cookie" not in head
    assert body.startswith(b"<script>")


# ----------------------------------------------------------------------------------------------- Slack

PLACE = Place(desk="slack", channel="C0SUPPORT1", thread="1750000000.000100")


@pytest.fixture
def thread(door: Door) -> Place:
    """A thread of ours, known to the store."""
    door.desk_inlet.threads[PLACE] = REF
    return PLACE


def said(words: str = "hi", ts: str = "1750000060.000300") -> bytes:
    """Ben's words in that thread."""
    return reply(PLACE.channel, PLACE.thread or "", words, ts=ts)


STAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"
BAD_STAMPS = {
    "empty": "",
    "words": "soon",
    "negative": "-1",
    "signed": "+{now}",
    "a fraction": "{now}.0",
    "milliseconds": "{now}000",
    "hexadecimal": "0x{now}",
    "not ASCII": "\u0661",
    "a superscript": "\u00b2",
    "thousands of digits": "9" * 6000,
    "with underscores": "1_790_000_000",
    "with spaces": "{now} {now}",
    "zero": "0",
}


@pytest.mark.parametrize("stamp", BAD_STAMPS.values(), ids=BAD_STAMPS)
async def test_a_slack_request_needs_a_sensible_time(door: Door, thread: Place, stamp: str) -> None:
    """401 for every time that is none, even where the signature was made with it."""
    given = stamp.format(now=int(time.time())).encode().decode("latin-1")
    body = said()
    base = b"v0:" + given.encode("latin-1") + b":" + body
    signed = "v0=" + hmac.new(door.workspace.config.signing_secret.encode(), base, hashlib.sha256).hexdigest()
    assert (await door.post(SLACK, body, (STAMP, given), (SIGNATURE, signed))).status == 401
    assert door.desk_inlet.placed == []
    assert door.loud() == []


@pytest.mark.parametrize("off_s", [-86_400, -360, -310, 310, 360, 86_400])
async def test_old_and_future_requests_are_refused(door: Door, thread: Place, off_s: int) -> None:
    """Outside of five minutes either way a good signature is worth nothing."""
    assert (await door.from_slack(said(), at=time.time() + off_s)).status == 401
    assert door.desk_inlet.placed == []


@pytest.mark.parametrize("off_s", [-270, -30, 30, 270])
async def test_within_five_minutes_a_request_is_taken(door: Door, thread: Place, off_s: int) -> None:
    """Clocks may differ a little."""
    assert (await door.from_slack(said(), at=time.time() + off_s)).status == 200
    assert len(door.desk_inlet.placed) == 1


def slack_variants(door: Door, body: bytes) -> dict[str, tuple[tuple[str, str], ...]]:
    """Headers that are all wrong in one way."""
    (_, stamp), (_, good) = door.slack_headers(body)
    other = hmac.new(b"another-secret", b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    unstamped = hmac.new(door.workspace.config.signing_secret.encode(), body, hashlib.sha256).hexdigest()
    wrong = "v0=" + "0" * 64
    return {
        "none": (),
        "only a time": ((STAMP, stamp),),
        "only a signature": ((SIGNATURE, good),),
        "empty": ((STAMP, stamp), (SIGNATURE, "")),
        "wrong": ((STAMP, stamp), (SIGNATURE, wrong)),
        "capitals": ((STAMP, stamp), (SIGNATURE, "v0=" + good[3:].upper())),
        "another version": ((STAMP, stamp), (SIGNATURE, "v1=" + good[3:])),
        "no version": ((STAMP, stamp), (SIGNATURE, good[3:])),
        "cut": ((STAMP, stamp), (SIGNATURE, good[:-1])),
        "not ASCII": ((STAMP, stamp), (SIGNATURE, "v0=é")),
        "another time": ((STAMP, str(int(stamp) - 1)), (SIGNATURE, good)),
        "another secret": ((STAMP, stamp), (SIGNATURE, f"v0={other}")),
        "without its time": ((STAMP, stamp), (SIGNATURE, f"v0={unstamped}")),
        "a wrong one first": ((STAMP, stamp), (SIGNATURE, wrong), (SIGNATURE, good)),
        "a wrong time first": ((STAMP, str(int(stamp) - 1)), (STAMP, stamp), (SIGNATURE, good)),
        "WhatsApp's": ((STAMP, stamp), (HEADER, signature(door.workspace.config.signing_secret, body))),
    }


async def test_a_slack_request_needs_the_right_signature(door: Door, thread: Place) -> None:
    """Every way to be wrong gets 401 and leaves no trace; the right one gets in."""
    body = said()
    for headers in slack_variants(door, body).values():
        assert (await door.post(SLACK, body, *headers)).status == 401
    assert (await door.post(SLACK, body + b" ", *door.slack_headers(body))).status == 401
    assert door.desk_inlet.placed == []
    assert door.loud() == []
    assert (await door.post(SLACK, body, *door.slack_headers(body))).status == 200
    assert len(door.desk_inlet.placed) == 1


async def test_a_fresh_request_sent_again_changes_nothing(door: Door, thread: Place) -> None:
    """Within the five minutes a recorded request is believed again, under the same id, which the commit refuses."""
    body = said("once")
    headers = door.slack_headers(body)
    for _ in range(3):
        assert (await door.post(SLACK, body, *headers)).status == 200
    assert {placed.event.id for placed in door.desk_inlet.placed} == {"slack:C0SUPPORT1:1750000060.000300"}
    assert all(isinstance(placed.event, StaffWrote) for placed in door.desk_inlet.placed)


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "url_verification", "challenge": "c", "token": "x"},
        {"ssl_check": "1", "token": "x"},
        {"type": "app_rate_limited", "minute_rate_limited": 1},
    ],
)
async def test_nothing_special_comes_without_a_signature(door: Door, payload: dict[str, object]) -> None:
    """Address checks and notices are Slack's as well, so they are signed or refused."""
    for kind, body in (
        ("application/json", orjson.dumps(payload)),
        ("application/x-www-form-urlencoded", urlencode(payload).encode()),
    ):
        answer = await door.post(SLACK, body, kind=kind)
        assert answer.status == 401
        assert answer.raw.endswith(b"\r\n\r\n")
