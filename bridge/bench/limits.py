"""The platforms' limits as the physical limit: how much of what they allow is used, and who has to wait for whom.

Time is scaled, as `pace.scale` scales it: nothing else differs from a deployment.
"""

from __future__ import annotations

from bridge.bench import conversations, load
from bridge.bench.load import Outcome, Webhook, reference_of
from bridge.bench.report import Row, Section, percentile
from bridge.bench.stand import SECRET, standing

SCALE = 0.25
"""One post a second and channel becomes one every 250 ms: short, and long beside what a post itself takes."""
POST_S = 1.0
PAIR_S = 6.0
PAIR_BURST = 45


async def burst(messages: int) -> Section:
    """One contact writes a great deal at once; somebody else writes for the first time in the middle of it."""
    async with standing("bridge", {"PACE__SCALE": str(SCALE)}) as stand:
        await conversations.opened(stand, 2)
        before = conversations.tag()
        flood = [load.written(reference_of(before, n), 0, SECRET) for n in range(messages)]
        middle = messages // 2
        other = load.written(reference_of(before, messages), 1, SECRET)
        newcomer = load.written(reference_of(before, messages + 1), 2, SECRET)
        # One line for each contact, so that the others are not queued behind the burst on their way to us.
        hooks = [*flood[:middle], other, newcomer, *flood[middle:]]
        outcome = await load.drive(*stand.ports, hooks, lines=3, rate=None, drain_s=120.0)
    slot_s = POST_S * SCALE
    posts = outcome.calls.get("chat.postMessage", 0)
    arrived = [at for hook in flood if (at := outcome.arrived.get(hook.reference)) is not None]
    took_s = (max(arrived) - min(arrived)) / 1e9
    rows = (
        Row("posts made, of those the limit allowed meanwhile", 100 * (posts - 1) * slot_s / took_s, "%", 1),
        Row("messages a post", messages / posts, "", 1),
        Row("burst drained, in posts' time", took_s / slot_s, "slots", 0),
        Row("another's next message, in posts' time", _slots(outcome, other, slot_s), "slots", 1),
        Row("a new contact's first message, in posts' time", _slots(outcome, newcomer, slot_s), "slots", 1),
        Row("lost, doubled or out of order", outcome.wrong, "", 0),
    )
    title = f"one post a second and channel: a burst of {messages} messages (time x {SCALE:g})"
    return Section(title, rows, failed=bool(outcome.wrong))


def _slots(outcome: Outcome, hook: Webhook, slot_s: float) -> float:
    return (outcome.arrived[hook.reference] - outcome.due[hook.reference]) / 1e9 / slot_s


async def pair(throttled: int, others: int = 20) -> Section:
    """One contact gets more replies than a pair may; others get theirs as if nothing was."""
    async with standing("bridge", {"PACE__SCALE": str(SCALE)}) as stand:
        threads = await conversations.opened(stand, others + 1)
        calm = conversations.replies(threads, [1 + n % others for n in range(4 * others)])
        alone = await load.drive(*stand.ports, calm, lines=others + 1, rate=20.0, drain_s=60.0)
        steady = [1 + n % others for n in range(4 * others)]
        mixed = conversations.replies(threads, [*[0] * throttled, *steady])
        outcome = await load.drive(*stand.ports, mixed, lines=others + 1, rate=20.0, drain_s=120.0)
    one = [outcome.arrived[hook.reference] for hook in mixed if hook.contact == 0]
    rest = [hook for hook in mixed if hook.contact != 0]
    took_s = (max(one) - min(one)) / 1e9
    allowed_s = (throttled - PAIR_BURST) * PAIR_S * SCALE
    took = sorted(outcome.arrived[hook.reference] - outcome.due[hook.reference] for hook in rest)
    rows = (
        Row("replies to one contact, of those the limit allowed meanwhile", 100 * allowed_s / took_s, "%", 1),
        Row("others' replies before: p50", percentile(alone.relays, 0.5), "ms", 1),
        Row("  p99", percentile(alone.relays, 0.99), "ms", 1),
        Row("others' replies meanwhile: p50", percentile(took, 0.5), "ms", 1),
        Row("  p99", percentile(took, 0.99), "ms", 1),
        Row("others that took over 200 ms", 100 * conversations.late(outcome, rest, 0.2) / len(rest), "%", 2),
        Row("lost, doubled or out of order", outcome.wrong + alone.wrong, "", 0),
    )
    title = f"one message in 6 s and pair: {throttled} replies to one contact (time x {SCALE:g})"
    return Section(title, rows, failed=bool(outcome.wrong + alone.wrong))
