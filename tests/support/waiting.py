"""Waiting for a condition with a bound, instead of sleeping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def until(condition: Callable[[], Awaitable[T]], timeout_s: float = 5.0, what: str = "") -> T: ...


@overload
async def until(condition: Callable[[], T | None], timeout_s: float = 5.0, what: str = "") -> T: ...


async def until(condition: Callable[[], T | Awaitable[T]], timeout_s: float = 5.0, what: str = "") -> T:
    """Poll `condition` (plain or async) until it is true-like and return its value.

    Raises AssertionError naming `what` when `timeout_s` seconds pass first.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        found = condition()
        value = await found if inspect.isawaitable(found) else found
        if value:
            return value
        if loop.time() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {what or inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.005)


def aside(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a loop of its own, also while one runs here: for what is set up once a session."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
