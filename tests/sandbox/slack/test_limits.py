"""Rate limits: tiers, one post a second and channel, Retry-After, and the scale of time."""

import asyncio

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from bridge.sandbox.slack.limits import POST_BURST, POSTS_PER_MINUTE, TIERS, Limits
from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import SUPPORT, SlackRig


class Ticks:
    """A hand-moved clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("tier", [1, 2, 3, 4])
def test_tier_lets_its_calls_through_and_then_says_how_long(tier: int) -> None:
    """A tier's calls (and a tenth more) pass within a minute; the next waits until the first is a minute old."""
    ticks = Ticks()
    limits = Limits(ticks)
    for _ in range(TIERS[tier] + TIERS[tier] // 10):
        assert limits.call("m", tier) == 0
        ticks.now += 0.1
    wait = limits.call("m", tier)
    assert 0 < wait <= 60
    assert limits.call("other", tier) == 0
    ticks.now += wait
    assert limits.call("m", tier) == 0


def test_one_post_a_second_and_channel() -> None:
    """A channel takes a short burst, then one a second; another channel has its own."""
    ticks = Ticks()
    limits = Limits(ticks)
    for _ in range(POST_BURST):
        assert limits.post("chat.postMessage", "C1") == 0
    assert 0 < limits.post("chat.postMessage", "C1") <= 1
    assert limits.post("chat.postMessage", "C2") == 0
    sent = 0
    for _ in range(100):
        ticks.now += 0.1
        sent += limits.post("chat.postMessage", "C1") == 0
    assert sent == 10


def test_workspace_ceiling() -> None:
    """Over all channels several hundred posts a minute pass."""
    limits = Limits(Ticks())
    results = [limits.post("chat.postMessage", f"C{n}") for n in range(POSTS_PER_MINUTE + 1)]
    assert results[:-1] == [0] * POSTS_PER_MINUTE
    assert results[-1] > 0


async def test_429_with_whole_seconds(slack: SlackRig) -> None:
    """In real time the answer is HTTP 429, ratelimited, Retry-After in whole seconds."""
    for _ in range(POST_BURST):
        await slack.card()
    with pytest.raises(SlackApiError) as caught:
        await slack.card()
    response = caught.value.response
    assert response.status_code == 429
    assert response.data == {"ok": False, "error": "ratelimited"}
    assert response.headers["Retry-After"] == "1"
    assert (await slack.client.auth_test())["ok"]


async def test_retry_after_is_scaled(make_slack: MakeSlack) -> None:
    """With a faster clock the waits are shorter, and after them the call passes."""
    slack = await make_slack(scale=50)
    results = await asyncio.gather(*(slack.card() for _ in range(40)), return_exceptions=True)
    errors = [error for error in results if isinstance(error, SlackApiError)]
    assert 0 < float(errors[0].response.headers["Retry-After"]) <= 0.02


async def test_tier_of_a_method_over_the_wire(slack: SlackRig) -> None:
    """reactions.remove is tier 2: scarce."""
    codes = [
        await slack.error("reactions.remove", channel=SUPPORT, timestamp="1.000000", name="eyes")
        for _ in range(23)
    ]
    assert codes == ["message_not_found"] * 22 + ["ratelimited"]


async def test_the_clients_own_handler_gets_through(make_slack: MakeSlack) -> None:
    """slack_sdk's rate limit handler waits as told and succeeds."""
    slack = await make_slack()
    slack.client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=2))
    for _ in range(POST_BURST + 1):
        await slack.card()
    assert len(slack.slack.channel("support").messages) == POST_BURST + 1
