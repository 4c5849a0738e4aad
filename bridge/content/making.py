"""Messages of more than words, made from what people say of them: buttons, lists, links, places, contact cards. Pure.

Both doors come here: a typed command, read by `routing.composing`, and the fields of a form on a desk. Whatever makes no sense, or
is more than the channel takes, raises `UnfitError`: which piece is wrong, and by how much.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from bridge.content.described import whole
from bridge.content.kinds import Card, Cards, Detail, Location
from bridge.content.limits import Limits
from bridge.content.outward import (
    AskLocation,
    Buttons,
    LinkButton,
    Menu,
    Outward,
    Row,
    Section,
    TemplateMessage,
)
from bridge.content.unfit import UnfitError
from bridge.markup import Document, bare, is_blank, text
from bridge.phone import international

_DASH = re.compile(r"\s+[-\u2013\u2014]\s+")
_PAIR = re.compile(r"\s*(?P<lat>[+-]?\d{1,3}(?:\.\d+)?)\s*[,;]\s*(?P<lon>[+-]?\d{1,3}(?:\.\d+)?)(?![\d.])\s*")
_AT = re.compile(r"@(?P<lat>-?\d{1,3}\.\d+),(?P<lon>-?\d{1,3}\.\d+)")
_MAIL = re.compile(r"[^\s@|]+@[^\s@|]+\.[^\s@|]+")
_PHONE = re.compile(r"(?:\+|00)[\d][\d\s().\-/]{5,24}\d")
ADDRESS = re.compile(r"(?:https?://|geo:)[^\s|]+", re.IGNORECASE)
"""A web address in a text."""
_MAP_KEYS = ("q", "query", "ll", "mlat", "daddr")


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """A message to the contact: its words and what they come with."""

    body: Document
    extras: tuple[Outward, ...] = ()

    def whole(self) -> Document:
        """All of it in words."""
        return whole(self.body, self.extras)

    def typed(self) -> Document:
        """What its author wrote of it: of a template the values alone, for its words were approved beforehand."""
        mine = tuple(one for one in self.extras if not isinstance(one, TemplateMessage))
        values = [
            filling.value
            for one in self.extras
            if isinstance(one, TemplateMessage)
            for filling in one.fillings
        ]
        return (*whole(self.body, mine), *text("".join(f"\n{value}" for value in values)))


def _one_line(words: str) -> str:
    return " ".join(words.split())


def buttons(question: Document, titles: Sequence[str]) -> Composed:
    """A question with answers to tap."""
    return Composed(body=_question(question), extras=(Buttons(titles=tuple(titles)),))


def menu(question: Document, button: str, lines: Sequence[str]) -> Composed:
    """A question with answers in a list: `title – what it means`; `# title` begins a section."""
    sections: list[Section] = []
    for line in lines:
        if line.startswith("#"):
            sections.append(Section(rows=(), title=line.lstrip("# ")))
            continue
        title, description = (*_DASH.split(line, maxsplit=1), "")[:2]
        current = sections.pop() if sections else Section(rows=())
        sections.append(Section(rows=(*current.rows, Row(title, description)), title=current.title))
    return Composed(
        body=_question(question), extras=(Menu(button=_one_line(button), sections=tuple(sections)),)
    )


def link(body: Document, title: str, url: str) -> Composed:
    """Words with a web address behind a button."""
    return Composed(body=_question(body), extras=(LinkButton(title=_one_line(title), url=url.strip()),))


def ask_location(question: Document) -> Composed:
    """A question for the contact's place."""
    return Composed(body=_question(question), extras=(AskLocation(),))


def _question(question: Document) -> Document:
    if is_blank(question):
        raise UnfitError("The question is missing.")
    return question


def location(typed: str) -> Composed:
    """A place: `latitude, longitude name | address`, or the address of a map with a name and an address behind it."""
    pair = _PAIR.match(typed)
    url = ADDRESS.search(typed)
    if pair is not None:
        place, rest = (pair["lat"], pair["lon"]), typed[pair.end() :]
    elif url is not None:
        found = _on_map(url[0])
        if found is None:
            raise UnfitError("That address names no place on a map.")
        place, rest = found, ADDRESS.sub(" ", typed)
    else:
        raise UnfitError("The place is missing: latitude and longitude, or the address of a map.")
    name, address = (*(_one_line(one) for one in rest.split("|", 1)), "")[:2]
    where = Location(latitude=float(place[0]), longitude=float(place[1]), name=name, address=address)
    return Composed(body=(), extras=(where,))


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


def cards(lines: Sequence[str]) -> Composed:
    """Contact cards: a name with phone numbers and mail addresses each."""
    found = tuple(_card(line) for line in lines)
    if not found:
        raise UnfitError("The contact is missing.")
    return Composed(body=(), extras=(Cards(found),))


def _card(piece: str) -> Card:
    mails = tuple(Detail(one) for one in _MAIL.findall(piece))
    rest = _MAIL.sub(" ", piece)
    phones = []
    for found in _PHONE.findall(rest):
        digits = international(found)
        if digits is None:
            raise UnfitError(f"`{found.strip()}` is no phone number with its country code.")
        phones.append(Detail(f"+{digits}"))
    name = " ".join(_PHONE.sub(" ", rest).replace(",", " ").split())
    if not name:
        raise UnfitError(f"`{piece[:40]}` has no name.")
    if not phones and not mails:
        raise UnfitError(
            f"`{piece[:40]}` has neither a phone number with its country code (+49 …) nor a mail address."
        )
    given, _, family = name.rpartition(" ")
    return Card(
        name=name, phones=tuple(phones), emails=mails, given=given or family, family=family if given else ""
    )


# -------------------------------------------------------------------------------------------------- limits


def checked(made: Composed, limits: Limits) -> Composed:
    """The same message, if the channel takes it."""
    for extra in made.extras:
        _check(extra, made.body, limits)
    return made


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
                raise UnfitError(f"`{extra.url[:60] or '…'}` is no web address (https://…).")
            _fits("web address", extra.url, limits.url)
        case AskLocation():
            _fits("question", bare(body), limits.question)
        case Location():
            if abs(extra.latitude) > 90 or abs(extra.longitude) > 180:
                raise UnfitError("A latitude goes from -90 to 90, a longitude from -180 to 180.")
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
            raise UnfitError(f"The section `{section.title[:40]}` has no rows.")
        if section.title or len(menu.sections) > 1:
            _fits("section's title", section.title, limits.section)
    for row in rows:
        _fits("row", row.title, limits.row)
        if len(row.description) > limits.description:
            _fits(f"description of `{row.title}`", row.description, limits.description)
    _differ("rows", tuple(row.title for row in rows))


def _fits(what: str, said: str, most: int) -> None:
    if not said.strip():
        raise UnfitError(f"The {what} is missing.")
    if len(said) > most:
        over = len(said) - most
        raise UnfitError(
            f"The {what} `{said[:40]}{'…' if len(said) > 40 else ''}` is {over} character{'s' * (over > 1)} too long: at most {most}."
        )


def _count(what: str, count: int, most: int) -> None:
    if not count:
        raise UnfitError(f"There is no {what}.")
    if count > most:
        raise UnfitError(f"There are {count} {what}s: at most {most}.")


def _differ(what: str, titles: tuple[str, ...]) -> None:
    if len(set(titles)) < len(titles):
        raise UnfitError(f"Two {what} say the same.")
