"""What `!buttons`, `!list`, `!link`, `!location`, `!contact` and `!ask-location` say: typed words into a message. Pure.

    "Question" A | B | C          the question in quotes, or as the first of the pieces
    "Question" "Button" Row – what it means | # Section | Row
    52.52, 13.40 Name | Address   or the address of a map
    Name +49 30 1234567 mail@example.com | Name …

Every mistake says which piece is wrong, by how much, and how the command is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from bridge.commands import Command, Mistake
from bridge.content import (
    AskLocation,
    Buttons,
    Card,
    Cards,
    Detail,
    LinkButton,
    Location,
    Menu,
    Outward,
    Row,
    Section,
    whole,
)
from bridge.content.limits import Limits
from bridge.markup import Document, Link, Node, bare, drop_prefix, is_blank, keep_prefix, strip_invisible
from bridge.model import Struct
from bridge.phone import international

_QUOTES = {'"': '"', "\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb"}
_DASH = re.compile(r"\s+[-\u2013\u2014]\s+")
_PAIR = re.compile(r"\s*(?P<lat>[+-]?\d{1,3}(?:\.\d+)?)\s*[,;]\s*(?P<lon>[+-]?\d{1,3}(?:\.\d+)?)(?![\d.])\s*")
_AT = re.compile(r"@(?P<lat>-?\d{1,3}\.\d+),(?P<lon>-?\d{1,3}\.\d+)")
_MAIL = re.compile(r"[^\s@|]+@[^\s@|]+\.[^\s@|]+")
_PHONE = re.compile(r"(?:\+|00)[\d][\d\s().\-/]{5,24}\d")
_ADDRESS = re.compile(r"(?:https?://|geo:)[^\s|]+", re.IGNORECASE)
_MAP_KEYS = ("q", "query", "ll", "mlat", "daddr")


class Composed(Struct, frozen=True, kw_only=True):
    """A message to the contact: its words and what they come with."""

    body: Document
    extras: tuple[Outward, ...] = ()

    def whole(self) -> Document:
        """All of it in words."""
        return whole(self.body, self.extras)


class _Wrong(Exception):  # noqa: N818 - a signal inside this module: `words` become a `Mistake`
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def compose(row: Command, body: Document, limits: Limits) -> Composed | Mistake:
    """Read what stands behind the command's name."""
    try:
        return _READERS[row.name](_Words(body), limits)
    except _Wrong as wrong:
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
        found = _ADDRESS.search(self.shown)
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


def _question(words: _Words) -> Document:
    quoted = words.quoted()
    question = quoted if quoted is not None else words.piece()
    if is_blank(question):
        raise _Wrong("The question is missing.")
    return question


# ------------------------------------------------------------------------------------------------- the kinds


def _buttons(words: _Words, limits: Limits) -> Composed:
    body = _question(words)
    return _made(body, Buttons(titles=tuple(words.pieces())), limits)


def _list(words: _Words, limits: Limits) -> Composed:
    body = _question(words)
    quoted = words.quoted()
    button = " ".join(bare(quoted if quoted is not None else words.piece()).split())
    sections: list[Section] = []
    for piece in words.pieces():
        if piece.startswith("#"):
            sections.append(Section(rows=(), title=piece.lstrip("# ")))
            continue
        title, description = (*_DASH.split(piece, maxsplit=1), "")[:2]
        current = sections.pop() if sections else Section(rows=())
        sections.append(Section(rows=(*current.rows, Row(title, description)), title=current.title))
    return _made(body, Menu(button=button, sections=tuple(sections)), limits)


def _link(words: _Words, limits: Limits) -> Composed:
    body = _question(words)
    url = words.address()
    quoted = words.quoted()
    title = " ".join(bare(quoted if quoted is not None else words.piece()).split())
    if url is None:
        rest = words.pieces()
        url = rest[0] if rest else ""
    return _made(body, LinkButton(title=title, url=url), limits)


def _ask_location(words: _Words, limits: Limits) -> Composed:
    quoted = words.quoted()
    body = quoted if quoted is not None else words.piece()
    if is_blank(body):
        raise _Wrong("The question is missing.")
    return _made(body, AskLocation(), limits)


def _location(words: _Words, limits: Limits) -> Composed:
    shown = words.shown
    pair = _PAIR.match(shown)
    url = words.address()
    if pair is not None:
        place, rest = (pair["lat"], pair["lon"]), shown[pair.end() :]
    elif url is not None:
        found = _on_map(url)
        if found is None:
            raise _Wrong("That address names no place on a map.")
        place, rest = found, re.sub(r"\S+://\S+", " ", shown)
    else:
        raise _Wrong("The place is missing: latitude and longitude, or the address of a map.")
    name, address = (*(" ".join(one.split()) for one in rest.split("|", 1)), "")[:2]
    return _made(
        (), Location(latitude=float(place[0]), longitude=float(place[1]), name=name, address=address), limits
    )


def _on_map(url: str) -> tuple[str, str] | None:
    """Latitude and longitude in the address of a map: Google's, Apple's, OpenStreetMap's, `geo:`."""
    if url.lower().startswith("geo:"):
        found = _PAIR.match(url[4:])
        return (found["lat"], found["lon"]) if found else None
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if "mlat" in query and "mlon" in query:
        found = _PAIR.fullmatch(f"{query['mlat'][0]},{query['mlon'][0]}")
        return (found["lat"], found["lon"]) if found else None
    for key in _MAP_KEYS:
        found = _PAIR.fullmatch(query[key][0]) if key in query else None
        if found:
            return found["lat"], found["lon"]
    at = _AT.search(unquote(parts.path))
    return (at["lat"], at["lon"]) if at else None


def _contact(words: _Words, limits: Limits) -> Composed:
    cards = tuple(_card(piece) for piece in words.pieces())
    if not cards:
        raise _Wrong("The contact is missing.")
    return _made((), Cards(cards), limits)


def _card(piece: str) -> Card:
    mails = tuple(Detail(one) for one in _MAIL.findall(piece))
    rest = _MAIL.sub(" ", piece)
    phones = []
    for found in _PHONE.findall(rest):
        digits = international(found)
        if digits is None:
            raise _Wrong(f"`{found.strip()}` is no phone number with its country code.")
        phones.append(Detail(f"+{digits}"))
    name = " ".join(_PHONE.sub(" ", rest).replace(",", " ").split())
    if not name:
        raise _Wrong(f"`{piece[:40]}` has no name.")
    if not phones and not mails:
        raise _Wrong(
            f"`{piece[:40]}` has neither a phone number with its country code (+49 …) nor a mail address."
        )
    given, _, family = name.rpartition(" ")
    return Card(
        name=name, phones=tuple(phones), emails=mails, given=given or family, family=family if given else ""
    )


_READERS: Mapping[str, Callable[[_Words, Limits], Composed]] = {
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "location": _location,
    "contact": _contact,
    "ask-location": _ask_location,
}
COMPOSING = frozenset(_READERS)
"""Commands that make a message to the contact of more than words."""


# -------------------------------------------------------------------------------------------------- limits


def _made(body: Document, extra: Outward, limits: Limits) -> Composed:
    _check(extra, body, limits)
    return Composed(body=body, extras=(extra,))


def _check(extra: Outward, body: Document, limits: Limits) -> None:
    match extra:
        case Buttons():
            _fits("question", bare(body), limits.question)
            _count("button", len(extra.titles), limits.buttons)
            for title in extra.titles:
                _fits("button", title, limits.button)
            _differ("buttons", extra.titles)
        case Menu():
            _check_menu(extra, body, limits)
        case LinkButton():
            _fits("text", bare(body), limits.question)
            _fits("label of the button", extra.title, limits.link)
            if not re.fullmatch(r"https?://[^\s/]+\.[^\s]+", extra.url):
                raise _Wrong(f"`{extra.url[:60] or '…'}` is no web address (https://…).")
            _fits("web address", extra.url, limits.url)
        case AskLocation():
            _fits("question", bare(body), limits.question)
        case Location():
            if abs(extra.latitude) > 90 or abs(extra.longitude) > 180:
                raise _Wrong("A latitude goes from -90 to 90, a longitude from -180 to 180.")
        case Cards():
            _count("contact", len(extra.cards), limits.cards)
        case _:
            pass


def _check_menu(menu: Menu, body: Document, limits: Limits) -> None:
    _fits("question", bare(body), limits.menu_question)
    _fits("label of the button", menu.button, limits.menu_button)
    rows = [row for section in menu.sections for row in section.rows]
    _count("row", len(rows), limits.rows)
    _count("section", len(menu.sections), limits.sections)
    for section in menu.sections:
        if not section.rows:
            raise _Wrong(f"The section `{section.title[:40]}` has no rows.")
        if section.title or len(menu.sections) > 1:
            _fits("section's title", section.title, limits.section)
    for row in rows:
        _fits("row", row.title, limits.row)
        if len(row.description) > limits.description:
            _fits(f"description of `{row.title}`", row.description, limits.description)
    _differ("rows", tuple(row.title for row in rows))


def _fits(what: str, said: str, most: int) -> None:
    if not said.strip():
        raise _Wrong(f"The {what} is missing.")
    if len(said) > most:
        over = len(said) - most
        raise _Wrong(
            f"The {what} `{said[:40]}{'…' if len(said) > 40 else ''}` is {over} character{'s' * (over > 1)} too long: at most {most}."
        )


def _count(what: str, count: int, most: int) -> None:
    if not count:
        raise _Wrong(f"There is no {what}.")
    if count > most:
        raise _Wrong(f"There are {count} {what}s: at most {most}.")


def _differ(what: str, titles: tuple[str, ...]) -> None:
    if len(set(titles)) < len(titles):
        raise _Wrong(f"Two {what} say the same.")
