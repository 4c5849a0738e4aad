"""Dead letters on a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.markup import plain
from bridge.observe.masking import escape, mask_text
from bridge.operate.replay.letters import Found, iso
from bridge.spans import spell


def listing(found: Sequence[Found], now_ms: int) -> Table:
    """One row for each letter."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("lane", "id", "contact", "kind", "age", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name in {"lane", "id", "age"})
    for one in found:
        table.add_row(
            one.letter.lane,
            one.letter.name,
            _literal(one.contact or ""),
            _literal(one.kind or "cannot be read"),
            spell((now_ms - one.arrived_ms) / 1000),
            _literal(mask_text(one.letter.reason)),
        )
    return table


def details(found: Found, contents: object, contact: str, now_ms: int, *, unmasked: bool) -> Table:
    """Everything about one letter: what it is, then the event field by field."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")

    def row(name: str, value: str) -> None:
        table.add_row(_literal(name), _literal(value))

    row("id", found.letter.name)
    row("contact", contact)
    row("kind", found.kind or "cannot be read")
    row("arrived", f"{iso(found.arrived_ms)} ({spell((now_ms - found.arrived_ms) / 1000)} ago)")
    row("put aside", f"{iso(found.buried_ms)} ({spell((now_ms - found.buried_ms) / 1000)} ago)")
    row("reason", mask_text(found.letter.reason))
    if body := getattr(found.event, "body", None):
        row("words", plain(body) if unmasked else mask_text(plain(body)))
    if not isinstance(contents, dict):
        row("raw", str(contents))
        return table
    for name, value in contents.items():
        if name not in {"type", "body"} and value not in (None, "", [], {}):
            row(f"  {name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return table


def _literal(value: str) -> Text:
    """What people wrote, shown as it is: nothing in it is taken for markup or acts on the terminal."""
    return Text(escape(value))


def say(words: str, *, wrong: bool = False) -> None:
    """A line for people, as it is."""
    Console(stderr=wrong, soft_wrap=True, highlight=False).print(_literal(words))


def show_json(value: object) -> None:
    """For programs."""
    say(json.dumps(value, indent=2))
