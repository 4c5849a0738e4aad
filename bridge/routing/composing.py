"""What `!buttons`, `!list`, `!link`, `!location`, `!contact` and `!ask-location` say: typed words into a message. Pure.

    "Question" A | B | C          the question in quotes, or as the first of the pieces
    "Question" "Button" Row – what it means | # Section | Row
    52.52, 13.40 Name | Address   or the address of a map
    Name +49 30 1234567 mail@example.com | Name …

Every mistake says which piece is wrong, by how much, and how the command is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.commands import Command, Mistake
from bridge.content import making
from bridge.content.limits import Limits
from bridge.content.making import Composed
from bridge.content.unfit import UnfitError
from bridge.markup import Document, Link, Node, bare, drop_prefix, keep_prefix, strip_invisible

_QUOTES = {'"': '"', "\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb"}


def compose(row: Command, body: Document, limits: Limits) -> Composed | Mistake:
    """Read what stands behind the command's name."""
    try:
        return making.checked(_READERS[row.name](_Words(body)), limits)
    except UnfitError as wrong:
        return Mistake(words=f"{wrong.words} Expected: `{row.shape()}`. Example: `!{row.example}`")


# --------------------------------------------------------------------------------------------- reading words


class _Words:
    """Words that are taken from the front, with their formatting where that is kept."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.shown = strip_invisible(bare(document))

    def quoted(self) -> Document | None:
        """What stands between quotation marks at the front, taken; None where there are none, or no end."""
        start = len(self.shown) - len(self.shown.lstrip())
        close = _QUOTES.get(self.shown[start : start + 1])
        end = self.shown.find(close, start + 1) if close else -1
        if end < 0:
            return None
        return self._taken(start + 1, end, end + 1)

    def piece(self) -> Document:
        """What stands before the next bar, taken."""
        end = self.shown.find("|")
        stop = len(self.shown) if end < 0 else end
        return self._taken(0, stop, stop + 1)

    def _taken(self, start: int, stop: int, following: int) -> Document:
        found = keep_prefix(drop_prefix(self._document, start), stop - start)
        self._document = drop_prefix(self._document, following)
        self.shown = strip_invisible(bare(self._document))
        return found

    def pieces(self) -> list[str]:
        """The rest, cut at its bars, without formatting; empty ones are left out."""
        return [" ".join(one.split()) for one in self.shown.split("|") if one.strip()]

    def address(self) -> str | None:
        """The first web address in it, as it leads and not as it is shown."""
        found = making.ADDRESS.search(self.shown)
        return _first_url(self._document) or (found[0] if found else None)


def _first_url(nodes: tuple[Node, ...]) -> str | None:
    for node in nodes:
        if isinstance(node, Link):
            return node.url
        inner = getattr(node, "children", ())
        found = _first_url(inner) if inner else None
        if found:
            return found
    return None


def _asked(words: _Words) -> Document:
    """What stands in quotation marks at the front, else the first piece."""
    quoted = words.quoted()
    return quoted if quoted is not None else words.piece()


# ------------------------------------------------------------------------------------------------- the kinds


def _buttons(words: _Words) -> Composed:
    question = _asked(words)
    return making.buttons(question, words.pieces())


def _list(words: _Words) -> Composed:
    question, button = _asked(words), bare(_asked(words))
    return making.menu(question, button, words.pieces())


def _link(words: _Words) -> Composed:
    body = _asked(words)
    url, title = words.address(), bare(_asked(words))
    return making.link(body, title, url or next(iter(words.pieces()), ""))


def _ask_location(words: _Words) -> Composed:
    return making.ask_location(_asked(words))


def _location(words: _Words) -> Composed:
    url = words.address()
    # A map's address may be hidden behind other words.
    return making.location(words.shown if url is None or url in words.shown else f"{url} {words.shown}")


def _contact(words: _Words) -> Composed:
    return making.cards(words.pieces())


_READERS: Mapping[str, Callable[[_Words], Composed]] = {
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "location": _location,
    "contact": _contact,
    "ask-location": _ask_location,
}
COMPOSING = frozenset(_READERS)
"""Commands that make a message to the contact of more than words."""
