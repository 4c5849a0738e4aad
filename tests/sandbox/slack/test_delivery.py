"""Events: signatures, acks, retries, faults, sockets."""

import asyncio
import time

import orjson
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier

from bridge.sandbox.faults import Fault
from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import App, HastyClock, SlackRig


async def test_signed_event(make_slack: MakeSlack, app: App) -> None:
    """An HTTP event carries a signature that slack_sdk accepts, over the raw bytes, and no retry headers."""
    slack = await make_slack(mode="http", events_url=app.url)
    await slack.slack.person("ana").posts("support", "hello")
    headers, body = await app.next()
    verifier = SignatureVerifier(slack.slack.config.signing_secret)
    assert verifier.is_valid_request(body, headers)
    assert not verifier.is_valid_request(body + b" ", headers)
    assert abs(int(headers["X-Slack-Request-Timestamp"]) - time.time()) < 5
    assert "X-Slack-Retry-Num" not in headers
    assert orjson.loads(body)["event"]["text"] == "hello"


async def test_retries_at_once_a_minute_and_five(make_slack: MakeSlack, app: App) -> None:
    """Three more tries with the same event_id, their number and reason, after 0 s, 1 min and 5 min."""
    clock = HastyClock()
    slack = await make_slack(clock=clock, mode="http", events_url=app.url)
    app.answers = [web.Response(status=500) for _ in range(4)]
    await slack.slack.person("ana").posts("support", "hello")
    seen = [await app.next() for _ in range(4)]
    assert len({orjson.loads(body)["event_id"] for _, body in seen}) == 1
    assert [h.get("X-Slack-Retry-Num") for h, _ in seen] == [None, "1", "2", "3"]
    assert {h.get("X-Slack-Retry-Reason") for h, _ in seen[1:]} == {"http_error"}
    assert clock.waits == [0, 60, 300]
    lost = await slack.wait("slack.event.lost")
    assert lost["reason"] == "http_error"
    assert app.requests.empty()


async def test_no_retry_header_stops(make_slack: MakeSlack, app: App) -> None:
    """An error with X-Slack-No-Retry: 1 is the last try."""
    slack = await make_slack(clock=HastyClock(), mode="http", events_url=app.url)
    app.answers = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
    await slack.slack.person("ana").posts("support", "hello")
    await slack.slack.delivery.settled()
    assert app.requests.qsize() == 1


async def test_late_ack_is_a_timeout(make_slack: MakeSlack, app: App) -> None:
    """An answer after three seconds counts as http_timeout and the event comes again."""
    slack = await make_slack(scale=30, mode="http", events_url=app.url)
    app.answers = [0.3]
    await slack.slack.person("ana").posts("support", "hello")
    await app.next()
    headers, _ = await app.next()
    assert (headers["X-Slack-Retry-Num"], headers["X-Slack-Retry-Reason"]) == ("1", "http_timeout")


@pytest.mark.parametrize(
    "url, reason",
    [("http://127.0.0.1:9/slack", "connection_failed"), ("not a url", "unknown_error")],
)
async def test_reasons(make_slack: MakeSlack, url: str, reason: str) -> None:
    """An unreachable app has its own reason."""
    slack = await make_slack(clock=HastyClock(), mode="http", events_url=url)
    await slack.slack.person("ana").posts("support", "hello")
    assert (await slack.wait("slack.event.lost"))["reason"] == reason


async def test_url_verification(make_slack: MakeSlack, app: App) -> None:
    """The one-time check wants its challenge back."""
    slack = await make_slack(mode="http", events_url=app.url)
    assert not await slack.slack.delivery.verify_url()
    _, body = await app.next()
    assert orjson.loads(body)["type"] == "url_verification"
    app.answers = ["echo"]
    assert await slack.slack.delivery.verify_url()


async def test_interactions_are_forms(make_slack: MakeSlack, app: App) -> None:
    """In HTTP mode a slash command is a signed form; text answers it, errors are the client's words."""
    slack = await make_slack(mode="http", events_url=app.url, interactivity_url=app.url)
    ana = slack.slack.person("ana")
    app.answers = [web.Response(text="done"), web.Response(status=404)]
    answer = await ana.slash("/wa", "find x", "support")
    assert answer["answer"]["text"] == "done"
    headers, body = await app.next()
    assert SignatureVerifier(slack.slack.config.signing_secret).is_valid_request(body, headers)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b"command=%2Fwa" in body
    failed = await ana.slash("/wa", "x", "support")
    assert failed == {"ok": False, "error": '/wa failed with the error "dispatch_failed"'}


async def test_socket_retry_has_a_new_envelope(make_slack: MakeSlack) -> None:
    """Without an ack the same event comes in a new envelope with retry_attempt and reason."""
    slack = await make_slack(scale=15)
    socket = await slack.socket()
    await socket.frame()
    await slack.slack.person("ana").posts("support", "hello")
    first, second = await socket.frame(), await socket.frame()
    assert (first["retry_attempt"], first["retry_reason"]) == (0, "")
    assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")
    assert first["envelope_id"] != second["envelope_id"]
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    await socket.ack(second)
    await slack.slack.delivery.settled()
    assert (await slack.wait("slack.event.acked"))["attempt"] == 1


async def test_each_payload_goes_to_one_socket(make_slack: MakeSlack) -> None:
    """Two sockets share the events; none sees what the other got."""
    slack = await make_slack(rate_limits=False)
    sockets = [await slack.socket(), await slack.socket()]
    for number, socket in enumerate(sockets, 1):
        assert (await socket.frame())["num_connections"] == number
    got: list[list[str]] = [[], []]

    async def drain(index: int) -> None:
        while True:
            got[index].append((await sockets[index].event())["event_id"])

    readers = [asyncio.create_task(drain(0)), asyncio.create_task(drain(1))]
    for n in range(40):
        await slack.slack.person("ana").posts("support", f"m{n}")
    await slack.slack.delivery.settled()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert len(got[0]) > 0
    assert len(got[1]) > 0
    assert len({*got[0], *got[1]}) == len(got[0]) + len(got[1]) == 40


async def test_address_works_once(slack: SlackRig) -> None:
    """A Socket Mode address opens one connection."""
    socket = await slack.socket()
    with pytest.raises(WSServerHandshakeError, match="404"):
        await slack.session.ws_connect(socket.url)


async def test_eleventh_socket_is_sent_away(slack: SlackRig) -> None:
    """Ten sockets are the most."""
    for _ in range(10):
        await (await slack.socket()).frame()
    assert (await (await slack.socket()).frame())["reason"] == "too_many_websockets"


async def test_a_socket_has_a_life(make_slack: MakeSlack) -> None:
    """It is warned about ten seconds before its end and then refreshed."""
    slack = await make_slack(scale=100, socket_life_s=20.0)
    socket = await slack.socket()
    reasons = [(await socket.frame()).get("reason") for _ in range(3)]
    assert reasons == [None, "warning", "refresh_requested"]
    assert (await socket.connection.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)


async def test_debug_reconnects_shortens_it(slack: SlackRig) -> None:
    """debug_reconnects=true makes connections live about six minutes."""
    ticket = slack.slack.hub.ticket()
    url = f"{slack.url}/slack/socket?ticket={ticket}&debug_reconnects=true"
    connection = await slack.session.ws_connect(url)
    hello = await connection.receive_json()
    assert hello["debug_info"]["approximate_connection_time"] == 360
    await connection.close()


async def test_no_socket_means_no_events(make_slack: MakeSlack) -> None:
    """Without a socket an event fails like an unreachable app, and a later try finds the socket."""
    slack = await make_slack(scale=60)
    await slack.slack.person("ana").posts("support", "hello")
    await slack.wait("slack.event.sent", lambda e: e["attempt"] == 1)
    socket = await slack.socket()
    await socket.frame()
    frame = await socket.frame()
    assert (frame["retry_attempt"], frame["retry_reason"]) == (2, "connection_failed")
    await socket.ack(frame)


async def test_only_channels_with_the_bot_and_subscribed_events(make_slack: MakeSlack) -> None:
    """Channels without the bot and events that are not subscribed stay silent."""
    slack = await make_slack(bot_events=["message.groups", "message.channels"])
    socket = await slack.socket()
    await socket.frame()
    ana = slack.slack.person("ana")
    await ana.posts("general", "not for the bot")
    ts = await ana.posts("support", "first")
    await ana.reacts("support", ts, "eyes")
    slack.slack.channel("support").kick()
    await ana.posts("support", "after the bot left")
    slack.slack.channel("support").invite()
    await ana.posts("support", "back")
    got = [(await socket.event())["event"]["text"] for _ in range(3)]
    assert got == ["first", "<@U0BOT00001> has joined the channel", "back"]


@pytest.mark.parametrize("kind, times", [("duplicate", 2), ("delay", 1), ("reorder", 1)])
async def test_event_faults(make_slack: MakeSlack, kind: str, times: int) -> None:
    """Duplicates come twice under one event_id; held back events come after later ones."""
    slack = await make_slack(scale=10)
    socket = await slack.socket()
    await socket.frame()
    params = {} if kind == "duplicate" else {"seconds": 1}
    slack.faults.add(Fault("slack.event", kind, params=params))
    await slack.slack.person("ana").posts("support", "first")
    await slack.slack.person("ana").posts("support", "second")
    got = [await socket.event() for _ in range(times + 1)]
    texts = [payload["event"]["text"] for payload in got]
    if kind == "duplicate":
        assert sorted(texts) == ["first", "first", "second"]
        assert len({p["event_id"] for p in got if p["event"]["text"] == "first"}) == 1
    else:
        assert texts == ["second", "first"]


async def test_dropped_socket(make_slack: MakeSlack) -> None:
    """A socket cut while it carries an event: the event comes again on another."""
    slack = await make_slack(scale=30)
    first = await slack.socket()
    await first.frame()
    slack.faults.add(Fault("slack.event", "drop_socket"))
    await slack.slack.person("ana").posts("support", "hello")
    await slack.wait("slack.socket.closed")
    second = await slack.socket()
    await second.frame()
    assert (await second.event())["event"]["text"] == "hello"


async def test_events_per_hour(make_slack: MakeSlack) -> None:
    """Over the hour's limit events are dropped and one app_rate_limited says so."""
    slack = await make_slack()
    socket = await slack.socket()
    await socket.frame()
    window = slack.slack.backend.limits._events
    window.limit = 2
    for n in range(4):
        await slack.slack.person("ana").posts("support", f"m{n}")
    kinds = [(await socket.event())["type"] for _ in range(3)]
    assert sorted(kinds) == ["app_rate_limited", "event_callback", "event_callback"]
    await slack.slack.delivery.settled()
    assert len([e for e in slack.feed.entries() if e["kind"] == "slack.event.acked"]) == 3


async def test_socket_mode_switched_off(slack: SlackRig) -> None:
    """link_disabled closes the sockets and no address is given until it is switched on again."""
    socket = await slack.socket()
    await socket.frame()
    await slack.control("admin", action="disconnect", reason="link_disabled")
    assert (await socket.frame())["reason"] == "link_disabled"
    with pytest.raises(SlackApiError, match="forbidden_team"):
        await slack.socket()
    await slack.control("admin", action="enable_socket_mode")
    assert (await (await slack.socket()).frame())["type"] == "hello"
