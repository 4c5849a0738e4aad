"""Faults by rule: what goes wrong, where, and how often."""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NoReturn

from aiohttp import web

KINDS: Mapping[str, tuple[str, ...]] = {
    "delay": ("seconds",),
    "status": ("status",),
    "error": (),
    "rate_limit": ("retry_after",),
    "cut_before": (),
    "cut_after": (),
    "duplicate": (),
    "reorder": ("seconds",),
    "batch": ("size",),
    "drop_socket": (),
    "drop_share": (),
}
"""Every kind of fault and the names of the parameters it cannot do without.

`delay {seconds}` answers late; `status {status, body?, headers?}` answers with that HTTP status; `error {…}` answers
with the platform's own error (Slack: `error`; WhatsApp: `code`, `details?`); `rate_limit {retry_after}` answers as the
platform does when it throttles; `cut_before` closes the connection before any effect, `cut_after` after it, without an
answer; `duplicate` delivers a webhook or event twice; `reorder {seconds}` holds a delivery back behind later ones;
`batch {size}` gathers WhatsApp updates into one delivery; `drop_socket` closes a Socket Mode connection; `drop_share`
never shows a file that Slack has accepted.
"""


@dataclass(frozen=True)
class Fault:
    """One rule.

    `where` is a glob over names such as `slack.chat.postMessage`, `whatsapp.messages.send`, `whatsapp.webhook`;
    `times` is how often it fires (-1: always); `probability` is the chance at each match.
    """

    where: str
    kind: str
    times: int = 1
    probability: float = 1.0
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValueError` that names what is wrong with the rule."""
        if not self.where:
            raise ValueError("where must be a glob such as 'whatsapp.messages.*'")
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.times == 0 or self.times < -1:
            raise ValueError(f"times must be a whole number above 0, or -1 for always, not {self.times!r}")
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability must lie above 0 and up to 1, not {self.probability!r}")
        missing = [name for name in KINDS[self.kind] if name not in self.params]
        if missing:
            raise ValueError(f"kind {self.kind!r} needs params: {', '.join(missing)}")
        for name in KINDS[self.kind]:
            value = self.params[name]
            if not isinstance(value, int | float) or value < 0:
                raise ValueError(f"params.{name} must be a number from 0 on, not {value!r}")


@dataclass
class _Rule:
    fault: Fault
    left: int


class Faults:
    """The rules in force, in the order they were added; the dice are seeded, so a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        """Start without rules."""
        self._rules: dict[int, _Rule] = {}
        self._ids = itertools.count(1)
        self._dice = random.Random(seed)  # noqa: S311  # dice that can be repeated, not secrets

    def add(self, fault: Fault) -> int:
        """Put a rule in force and return its id."""
        rule_id = next(self._ids)
        self._rules[rule_id] = _Rule(fault, fault.times)
        return rule_id

    def remove(self, rule_id: int) -> bool:
        """Take a rule out; False when it was not (or no longer) in force."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Take every rule out."""
        self._rules.clear()

    def take(self, name: str, *kinds: str) -> Fault | None:
        """The first rule that fires for `name`, counted down; None when nothing is to go wrong.

        With `kinds` only rules of these kinds are looked at: a place names those it can act out, so that a wide glob
        is not used up where it has no effect.
        """
        for rule_id, rule in self._rules.items():
            fault = rule.fault
            if kinds and fault.kind not in kinds:
                continue
            if not fnmatchcase(name, fault.where):
                continue
            if fault.probability < 1 and self._dice.random() >= fault.probability:
                continue
            if rule.left > 0:
                rule.left -= 1
                if rule.left == 0:
                    del self._rules[rule_id]
            return fault
        return None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rules in force as plain objects, with their ids and how many times are left."""
        for rule_id, rule in self._rules.items():
            fault = rule.fault
            yield {
                "id": rule_id,
                "where": fault.where,
                "kind": fault.kind,
                "times": rule.left,
                "probability": fault.probability,
                "params": dict(fault.params),
            }


class ConnectionCut(web.HTTPInternalServerError):
    """Ends a handler whose connection is gone: the answer it carries reaches nobody."""


def cut(request: web.Request) -> NoReturn:
    """Close the client's connection at once, without an answer, and end the handler."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionCut
