"""`threadline bench`: what a message costs, beside the least that it could cost on the same machine.

Everything runs on loopback and ends with the command: an embedded Valkey that writes every append to disk, pretended
platforms that answer at once, and under the same load in turn a bare floor and `threadline serve` with its pace off.
"""

from bridge.bench.pairs import Load
from bridge.bench.run import LARGE_KNOWN, LARGE_OPENED, LARGE_RESTED, LARGE_SEARCHED, PARTS, Options, bench

__all__ = [
    "LARGE_KNOWN",
    "LARGE_OPENED",
    "LARGE_RESTED",
    "LARGE_SEARCHED",
    "PARTS",
    "Load",
    "Options",
    "bench",
]
