"""Hold, load, decide, commit: turns events into committed decisions, in order, once."""

from bridge.engine.engine import Engine
from bridge.engine.lane import EngineOptions
from bridge.engine.work import ActionSink

__all__ = ["ActionSink", "Engine", "EngineOptions"]
