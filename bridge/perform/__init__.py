"""Carrying out actions: in order per line, paced, each at most once as far as the platform lets us know."""

from bridge.perform.performer import Performer
from bridge.perform.sides import PerformOptions

__all__ = ["PerformOptions", "Performer"]
