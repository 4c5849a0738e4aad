"""The sandbox's one source of time: real instants, scaled waits."""

import asyncio
import time


class Clock:
    """Real instants and waits that run `scale` times faster than on the real platforms.

    Instants are never scaled, because signatures, message timestamps and Slack's `ts` are compared with real
    clocks. Durations (expiries, retry delays, rate windows, `Retry-After`) are.
    """

    def __init__(self, scale: float = 1.0) -> None:
        """Take the factor; raise `ValueError` unless it is above zero."""
        if not scale > 0:
            raise ValueError(f"scale must be above 0, not {scale!r}")
        self.scale = scale

    def now(self) -> float:
        """Real time, in seconds since the Unix epoch."""
        return time.time()

    def scaled(self, seconds: float) -> float:
        """How many real seconds the platform's `seconds` last here."""
        return seconds / self.scale

    def ticks(self) -> float:
        """A monotonic count of the platform's seconds; it runs `scale` times faster than real time.

        Compare it with the platforms' documented durations directly: rate windows and expiries need no scaling then.
        """
        return time.monotonic() * self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of the platform's time."""
        await asyncio.sleep(self.scaled(seconds))
