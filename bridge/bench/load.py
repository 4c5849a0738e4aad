"""Signed webhooks from pretended contacts and agents, and what became of them."""

from __future__ import annotations

import asyncio
import collections
import hmac
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from bridge.bench.http1 import Line, request
from bridge.bench.platforms import CHANNEL

CONTACTS_PATH = "/webhooks/whatsapp"
DESK_PATH = "/webhooks/slack"
PHONE_NUMBER_ID = "106540352242922"
WABA_ID = "102290129340398"
_WORDS = (
    "Hello, I ordered two chairs last week and only one has come. Could you please look where the other one is? "
    "You have my address already."
)
_POLL_S = 0.02


@dataclass(frozen=True)
class Webhook:
    """One delivery with one message."""

    reference: str
    contact: int
    raw: bytes


@dataclass
class Outcome:
    """What became of a load. Times in nanoseconds; `relays` from when a webhook was due to when its post arrived."""

    sent: int = 0
    refused: int = 0
    acks: list[int] = field(default_factory=list)
    relays: list[int] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    seconds: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    """When each was due, by reference (monotonic nanoseconds)."""
    arrived: dict[str, int] = field(default_factory=dict)
    """When each arrived first."""
    threads: dict[str, str] = field(default_factory=dict)
    """The thread in which a message was shown, by its reference."""

    @property
    def wrong(self) -> int:
        """Messages that fared badly."""
        return self.lost + self.doubled + self.out_of_order + self.refused

    @property
    def per_s(self) -> float:
        """Messages a second, from the first webhook to the last post."""
        return (self.sent - self.lost) / self.seconds if self.seconds else 0.0


def webhooks(count: int, contacts: int, tag: str, secret: str, dice: random.Random) -> list[Webhook]:
    """Build and sign `count` deliveries ahead of the measured time. `tag`: eight small letters or digits."""
    return [written(reference_of(tag, n), dice.randrange(contacts), secret) for n in range(count)]


def reference_of(tag: str, number: int) -> str:
    """What the `number`-th message of a load carries in its text."""
    return f"ref-{tag}-{number:07d}"


def written(reference: str, contact: int, secret: str, extra: str = "") -> Webhook:
    """A contact wrote; `extra` is added to the words."""
    digits = f"1650{contact:07d}"
    message = {
        "from": digits,
        "id": f"wamid.{reference}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": f"{_WORDS} {reference}{extra}"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID},
        "contacts": [{"profile": {"name": f"Contact {contact}"}, "wa_id": digits, "user_id": f"US.{digits}"}],
        "messages": [message],
    }
    entry = {"id": WABA_ID, "changes": [{"value": value, "field": "messages"}]}
    body = orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})
    signed = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    headers = {"Content_Type": "application/json", "X_Hub_Signature_256": signed}
    return Webhook(reference, contact, request(CONTACTS_PATH, body, **headers))


def replied(reference: str, contact: int, thread: str, stamp: str, secret: str) -> Webhook:
    """An agent wrote in the contact's thread; `stamp` is the `ts` of their post."""
    words = f"Thank you for writing. The second chair is on its way and comes tomorrow. {reference}"
    shown = {"type": "rich_text_section", "elements": [{"type": "text", "text": words}]}
    event = {
        "type": "message",
        "user": "U0BENCH001",
        "team": "T0BENCH001",
        "channel": CHANNEL,
        "channel_type": "channel",
        "ts": stamp,
        "event_ts": stamp,
        "thread_ts": thread,
        "parent_user_id": "U0BENCHBOT",
        "text": words,
        "blocks": [{"type": "rich_text", "block_id": "b1", "elements": [shown]}],
    }
    us = {"team_id": "T0BENCH001", "user_id": "U0BENCHBOT", "is_bot": True, "is_enterprise_install": False}
    body = orjson.dumps(
        {
            "type": "event_callback",
            "team_id": "T0BENCH001",
            "api_app_id": "A0BENCH001",
            "event_id": f"Ev{reference}",
            "event_time": int(time.time()),
            "event": event,
            "authorizations": [us],
        }
    )
    now = str(int(time.time()))
    signed = hmac.digest(secret.encode(), b"v0:%b:%b" % (now.encode(), body), "sha256").hex()
    headers = {
        "Content_Type": "application/json",
        "X_Slack_Request_Timestamp": now,
        "X_Slack_Signature": f"v0={signed}",
    }
    return Webhook(reference, contact, request(DESK_PATH, body, **headers))


async def acknowledged(port: int, load: Sequence[Webhook], lines: int) -> Outcome:
    """Send all of `load` as fast as it is answered, and wait for no more than the answers."""
    opened = [await Line.open(port) for _ in range(lines)]
    outcome = Outcome(sent=len(load))
    shares: list[list[tuple[int, Webhook]]] = [[] for _ in opened]
    for place, webhook in enumerate(load):
        shares[webhook.contact % lines].append((place, webhook))
    try:
        await asyncio.gather(
            *(_send(line, share, 0, None, outcome) for line, share in zip(opened, shares, strict=True))
        )
    finally:
        for line in opened:
            line.close()
    outcome.acks.sort()
    return outcome


async def drive(
    port: int, platforms: int, load: Sequence[Webhook], *, lines: int, rate: float | None, drain_s: float
) -> Outcome:
    """Send all of `load` and wait until it has arrived, at most `drain_s` seconds after the last answer.

    Without `rate` each line sends its next webhook as soon as the last is answered; with it they are due evenly
    spaced, and times count from when each was due. A contact keeps to one line, so that its order is defined.
    """
    opened = [await Line.open(port) for _ in range(lines)]
    log = await Line.open(platforms)
    outcome = Outcome(sent=len(load))
    shares: list[list[tuple[int, Webhook]]] = [[] for _ in opened]
    for place, webhook in enumerate(load):
        shares[webhook.contact % lines].append((place, webhook))
    try:
        begun = time.monotonic_ns()
        await asyncio.gather(
            *(_send(line, share, begun, rate, outcome) for line, share in zip(opened, shares, strict=True))
        )
        arrivals = await _arrivals(log, outcome, drain_s)
    finally:
        for line in (*opened, log):
            line.close()
    judge(load, arrivals, outcome)
    outcome.seconds = (max((at for _, at in arrivals), default=begun) - begun) / 1e9
    return outcome


async def _send(
    line: Line,
    share: Sequence[tuple[int, Webhook]],
    begun: int,
    rate: float | None,
    outcome: Outcome,
) -> None:
    for place, webhook in share:
        due = time.monotonic_ns()
        if rate is not None:
            due = begun + int(place * 1e9 / rate)
            await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
        outcome.due[webhook.reference] = due
        status, _ = await line.ask(webhook.raw)
        outcome.acks.append(time.monotonic_ns() - due)
        outcome.refused += status != 200


async def _arrivals(log: Line, outcome: Outcome, drain_s: float) -> list[tuple[str, int]]:
    """Every arrival of ours in the order in which it was noted, repeated ones too."""
    arrivals: list[tuple[str, int]] = []
    missing = set(outcome.due)
    calls: collections.Counter[str] = collections.Counter()
    deadline = time.monotonic() + drain_s
    while True:
        _, body = await log.ask(request("/log"))
        notes = orjson.loads(body)
        calls.update(notes["calls"])
        outcome.threads.update(notes["threads"])
        arrivals += [(reference, at) for reference, at in notes["seen"] if reference in outcome.due]
        missing.difference_update(reference for reference, _ in notes["seen"])
        if not missing or time.monotonic() > deadline:
            outcome.calls = dict(calls)
            return arrivals
        await asyncio.sleep(_POLL_S)


def judge(load: Sequence[Webhook], arrivals: Sequence[tuple[str, int]], outcome: Outcome) -> None:
    """Count what is lost, doubled and out of order, and how long each took."""
    place = {webhook.reference: (webhook.contact, n) for n, webhook in enumerate(load)}
    first = outcome.arrived
    latest: dict[int, int] = {}
    for reference, at in arrivals:
        if reference in first:
            outcome.doubled += 1
            continue
        first[reference] = at
        contact, n = place[reference]
        outcome.out_of_order += n < latest.get(contact, -1)
        latest[contact] = max(n, latest.get(contact, -1))
    outcome.lost = len(load) - len(first)
    outcome.relays = sorted(at - outcome.due[reference] for reference, at in first.items())
    outcome.acks.sort()
