"""Deciding what happens: pure functions of state, event and context. No I/O, no clock, no dice of its own."""
