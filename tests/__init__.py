"""The tests mirror `bridge/`; what several of them need stands in `tests.support`."""
