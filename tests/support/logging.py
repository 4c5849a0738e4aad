"""Logging is global: what a test configures has to go again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import structlog


@contextlib.contextmanager
def logging_restored() -> Iterator[None]:
    """Put back what the tests around it use."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    try:
        yield
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        structlog.reset_defaults()
