"""What can go wrong with a platform, as data.

An adapter maps every platform code to one `Failure` in one place; everybody else only looks at its `kind`::

    PlatformError            the one exception that adapters raise for a platform's refusal
      .failure.kind          RETRY   it passes by itself: again, after `retry_after_s` or a growing pause
                             LIMITED a few tries, then give up
                             WAIT    hours: tell people, offer to try later by hand
                             STOP    nothing will work until an operator acts: alert, keep what waits
                             NEVER   this one will not work: tell the agent why
                             GONE    the place (thread, channel, card) does not exist any more: heal
                             UNKNOWN it may have happened: look it up, never just repeat it

A failure answers four questions: may we try again and when, could it have happened anyway, who should be
told, and in which words. `words` is written for the person who reads it and holds no secret and no number.
"""

from __future__ import annotations

import enum
from typing import Self

import msgspec


class FailureKind(enum.StrEnum):
    """What to do about a failure; see the module's table."""

    RETRY = "retry"
    LIMITED = "limited"
    WAIT = "wait"
    STOP = "stop"
    NEVER = "never"
    GONE = "gone"
    UNKNOWN = "unknown"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refusal or break-down, classified."""

    kind: FailureKind
    code: str
    """The platform's own code, e.g. `131047` or `is_archived`; `timeout`, `connection` for the wire."""
    words: str
    """For people: what happened and what can be done."""
    retry_after_s: float | None = None
    """What the platform asked us to wait."""
    pair_only: bool = False
    """The limit is that of one contact; others are not affected."""


class BridgeError(Exception):
    """Base of our own exceptions."""


class PlatformError(BridgeError):
    """A platform refused, or the call broke down."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.words}")
        self.failure = failure


class StoreUnavailableError(BridgeError):
    """Redis did not take it (unreachable, full, read-only, timed out). Nothing may be promised on its behalf."""


class StoreUnknownError(StoreUnavailableError):
    """The connection broke while commands were under way: they may or may not have been carried out."""


class FenceLostError(BridgeError):
    """Somebody else holds the lane now; everything in hand for it has to be dropped."""


class StaleVersionError(BridgeError):
    """The record changed since it was loaded; load it again and decide anew."""


class ResultRefusedError(BridgeError):
    """A defect keeps a result from being decided; its action stays pending."""


# ------------------------------------------------------------------------------------------ checks


class Level(enum.StrEnum):
    """How bad a finding is: `error` prevents correct work, `warning` weakens a promise."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that `threadline check` tried. Holds no secret, and no whole phone number of a contact."""

    name: str
    """What it is about, such as `redis.appendfsync` or `slack token`."""
    level: Level
    found: str
    advice: str = ""
    """What to do about it; empty when it is well."""

    @classmethod
    def ok(cls, name: str, found: str) -> Self:
        """It is well."""
        return cls(name=name, level=Level.OK, found=found)

    @classmethod
    def warning(cls, name: str, found: str, advice: str) -> Self:
        """It works, and a promise is weaker for it."""
        return cls(name=name, level=Level.WARNING, found=found, advice=advice)

    @classmethod
    def error(cls, name: str, found: str, advice: str) -> Self:
        """It keeps the bridge from working."""
        return cls(name=name, level=Level.ERROR, found=found, advice=advice)
