"""How much a channel takes of what goes along with words: its `Capabilities` say it, commands keep to it."""

from __future__ import annotations

import msgspec

_ANY = 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Characters, unless it is a number of things. Where a channel says nothing there is no limit."""

    question: int = _ANY
    """Words above buttons, above a link, or that ask for a place."""
    menu_question: int = _ANY
    buttons: int = _ANY
    """Answers to tap."""
    button: int = _ANY
    menu_button: int = _ANY
    sections: int = _ANY
    rows: int = _ANY
    """Answers of a list, in all sections."""
    row: int = _ANY
    description: int = _ANY
    section: int = _ANY
    link: int = _ANY
    """The label of a link."""
    url: int = _ANY
    cards: int = _ANY
