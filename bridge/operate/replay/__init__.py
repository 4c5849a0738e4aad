"""`threadline replay`: what an operator does with dead letters. List, show, put back, or drop with a reason.

An event that failed again and again was put aside, its thread was told, and the events behind it went on. Once
the reason is mended (usually by an update) it is put back under the same event id, so that the commit's
deduplication still holds; or it is dropped, and the journal keeps why.
"""

from bridge.operate.replay.commands import drop, retry, show, show_all

__all__ = ["drop", "retry", "show", "show_all"]
