"""Prometheus metrics. One object per process, handed to whoever counts; nothing global."""

from __future__ import annotations

import enum
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics import MetricWrapperBase

_PREFIX = "threadline"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_MOST_CHILDREN = 200

_M = TypeVar("_M", bound=MetricWrapperBase)


class Stage(enum.StrEnum):
    """A stretch of a message's road, for `lag`."""

    COMMIT = "arrive_to_commit"
    SHOWN = "arrive_to_shown"
    SENT = "commit_to_sent"


class _Children(Generic[_M]):
    """A metric's children by label values, found with one dictionary look-up on the hot path.

    Some labels come from the platforms (kinds of events); beyond a bound new values count as `other`, so that
    nobody can fill the memory with inventions.
    """

    def __init__(self, metric: _M) -> None:
        self._metric = metric
        self._known: dict[tuple[str, ...], _M] = {}

    def get(self, *labels: str) -> _M:
        child = self._known.get(labels)
        if child is None:
            if not labels:
                child = self._metric
            elif len(self._known) < _MOST_CHILDREN:
                child = self._metric.labels(*labels)
            else:
                return self._metric.labels(*("other" for _ in labels))
            self._known[labels] = child
        return child


class Metrics:
    """Everything that is counted, each under `threadline_…`. All calls are cheap and never wait."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._events = self._counter("events_total", "Events that arrived", "kind", "platform")
        self._decided = self._counter("decided_total", "Events decided and committed", "kind")
        self._ignored = self._counter("ignored_total", "Items left aside on arrival", "kind", "reason")
        self._webhooks = self._counter("webhook_requests_total", "Webhook requests by answer", "status")
        self._retries = self._counter("retries_total", "Calls tried again", "platform", "class")
        self._errors = self._counter("errors_total", "Failures by class", "platform", "class")
        self._sends = self._counter("sends_total", "Actions carried out", "platform", "kind", "result")
        self._dead = self._counter("dead_letters_total", "Events given up after all tries")
        self._lag = self._histogram("lag_seconds", "Time from stage to stage", "stage")
        self._waits = self._histogram("rate_limit_wait_seconds", "Time waited for pace", "platform", "method")
        self._streams = self._gauge("stream_length", "Events not decided yet", "shard")
        self._holds = self._gauge("holds", "Lanes that this process holds")
        self._in_hand = self._gauge("in_hand", "Events and actions in memory")
        self._dead_waiting = self._gauge("dead_letters_waiting", "Events among the dead letters", "shard")
        self._archived = self._counter("archived_total", "Facts written to the archive")
        self._pruned = self._counter("pruned_total", "Rows deleted because they were too old", "what")
        self._archive_waiting = self._gauge("archive_waiting", "Journal entries not archived yet")
        self._archive_lag = self._gauge("archive_lag_seconds", "Age of the oldest fact not archived yet")

    def arrived(self, kind: str, platform: str) -> None:
        """An event was stored."""
        self._events.get(kind, platform).inc()

    def event(self, kind: str, lag_s: float) -> None:
        """An event was decided and committed, `lag_s` after it was stored."""
        self._decided.get(kind).inc()
        self.lag(Stage.COMMIT, lag_s)

    def shown(self, lag_s: float) -> None:
        """A contact's message stands on the desk, `lag_s` after it arrived."""
        self.lag(Stage.SHOWN, lag_s)

    def sent(self, lag_s: float) -> None:
        """The contact's platform took a reply (its first part), `lag_s` after it was decided to go out."""
        self.lag(Stage.SENT, lag_s)

    def ignored(self, kind: str, reason: str) -> None:
        """An item was accepted and left aside."""
        self._ignored.get(kind, reason).inc()

    def webhook(self, status: int) -> None:
        """A webhook request was answered with an HTTP status."""
        self._webhooks.get(str(status)).inc()

    def retry(self, platform: str, failure: str) -> None:
        """A call will be tried again; `failure` is the class (`errors.FailureKind`)."""
        self._retries.get(platform, failure).inc()

    def error(self, platform: str, failure: str) -> None:
        """A call failed; `failure` is the class (`errors.FailureKind`)."""
        self._errors.get(platform, failure).inc()

    def send(self, platform: str, kind: str, result: str) -> None:
        """An action of this kind ended in `result`, such as `done`, `failed`, `uncertain`."""
        self._sends.get(platform, kind, result).inc()

    def dead_letter(self) -> None:
        """An event was put with the dead letters."""
        self._dead.get().inc()

    def dead_letters(self, shard: str, count: int) -> None:
        """So many events of a lane lie among the dead letters."""
        self._dead_waiting.get(shard).set(count)

    def archived(self, facts: int) -> None:
        """Facts were written to the archive."""
        self._archived.get().inc(facts)

    def pruned(self, what: str, rows: int) -> None:
        """Messages, notes or facts were too old to be kept."""
        self._pruned.get(what).inc(rows)

    def archive_behind(self, waiting: int, lag_s: float) -> None:
        """So many journal entries are not archived yet; the oldest was committed `lag_s` seconds ago."""
        self._archive_waiting.get().set(waiting)
        self._archive_lag.get().set(max(lag_s, 0.0))

    def lag(self, stage: Stage, seconds: float) -> None:
        """A message took this long for a stage. Clocks differ between machines, so less than zero counts as 0."""
        self._lag.get(stage).observe(max(seconds, 0.0))

    def rate_limit_wait(self, platform: str, method: str, seconds: float) -> None:
        """A call waited this long for its turn."""
        self._waits.get(platform, method).observe(seconds)

    def stream_length(self, shard: str, length: int) -> None:
        """So many events of a lane are not decided yet."""
        self._streams.get(shard).set(length)

    def holding(self, lanes: int, in_hand: int) -> None:
        """This process holds so many lanes, and has so many events and actions in memory."""
        self._holds.get().set(lanes)
        self._in_hand.get().set(in_hand)

    def render(self) -> bytes:
        """The text that Prometheus scrapes; its type is `content_type`."""
        return generate_latest(self.registry)

    def _counter(self, name: str, words: str, *labels: str) -> _Children[Counter]:
        return _Children(Counter(name, words, labels, namespace=_PREFIX, registry=self.registry))

    def _gauge(self, name: str, words: str, *labels: str) -> _Children[Gauge]:
        return _Children(Gauge(name, words, labels, namespace=_PREFIX, registry=self.registry))

    def _histogram(self, name: str, words: str, *labels: str) -> _Children[Histogram]:
        metric = Histogram(name, words, labels, namespace=_PREFIX, registry=self.registry, buckets=_SECONDS)
        return _Children(metric)
