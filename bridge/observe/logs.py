"""Setting up structlog: one line per happening, with a fixed name and fields.

The name says what happened to what, in constant words (`lane.taken`); everything that varies is a field::

    log = structlog.get_logger()
    log.warning("event.buried", lane=lane, conversation=id, event_id=event.id, error=words)

Every decided event is one line, so what a line costs counts: see docs/performance.md before adding a step.
"""

from __future__ import annotations

import functools
import logging
import sys
import textwrap
import time
from collections.abc import MutableMapping, Sequence
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from bridge.observe.masking import clean


def configure_logging(level: str, log_format: str = "auto", stream: TextIO | None = None) -> None:
    """Send our logs and those of the libraries to `stream` (standard error) in one form.

    `level` is `debug`, `info`, `warning` or `error`; `log_format` is `json`, `console`, or `auto`: console on a
    terminal and JSON elsewhere. In both, phone numbers are masked, secrets removed, and characters that would act on
    a terminal are shown escaped. Call it once, at start.
    """
    out = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = log_format == "json" or (log_format == "auto" and not out.isatty())
    structlog.configure(
        processors=[*_shared(), *_rendering(as_json, out)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _configure_libraries(number, as_json, out)


def _shared() -> Sequence[Processor]:
    return [
        structlog.processors.add_log_level,
        _stamped,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        clean,
    ]


def _stamped(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the time, UTC, in ISO 8601 with microseconds; of lines of the same second all but those is written once."""
    second, micros = divmod(time.time_ns() // 1000, 1_000_000)
    entry["timestamp"] = f"{_second(second)}.{micros:06d}Z"
    return entry


@functools.lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _rendering(as_json: bool, out: TextIO) -> Sequence[Processor]:  # noqa: FBT001 - two ways, decided above
    if as_json:
        return [structlog.processors.JSONRenderer(serializer=_dumps)]
    return [_on_own_lines, structlog.dev.ConsoleRenderer(colors=out.isatty())]


def _on_own_lines(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Only an entry starts at the start of a line: foreign words in a message or an error cannot pass for one."""
    entry["event"] = str(entry.get("event", "")).replace("\n", "\\n")
    for name in ("exception", "stack"):
        if isinstance(entry.get(name), str):
            entry[name] = textwrap.indent(entry[name], "    ")
    return entry


def _dumps(entry: Any, **_options: Any) -> str:  # noqa: ANN401 - structlog's own signature
    return orjson.dumps(entry, default=repr).decode()


def _configure_libraries(level: int, as_json: bool, out: TextIO) -> None:  # noqa: FBT001 - as above
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.PositionalArgumentsFormatter(),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_shared(),
                *_rendering(as_json, out),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Only libraries use the standard loggers, and at INFO they tell every request and reconnect.
    root.setLevel(max(level, logging.WARNING))
