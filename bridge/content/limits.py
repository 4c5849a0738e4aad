"""How much a channel takes of what goes along with words. Data: channels say it, commands and forms keep to it."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Characters, unless it is a number of things."""

    question: int = 1024
    """Words above buttons, above a link, or that ask for a place."""
    menu_question: int = 4096
    buttons: int = 3
    """Answers to tap."""
    button: int = 20
    menu_button: int = 20
    sections: int = 10
    rows: int = 10
    """Answers of a list, in all sections."""
    row: int = 24
    description: int = 72
    section: int = 24
    link: int = 20
    """The label of a link."""
    url: int = 2000
    header: int = 60
    footer: int = 60
    cards: int = 257
