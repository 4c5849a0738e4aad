"""Contact cards as a file that address books open: vCard 3.0 (RFC 2426). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.content.described import card_name, described
from bridge.content.kinds import Attachment, Card, Cards, Detail, MediaKind
from bridge.markup import clean

MIME = "text/vcard"
_LINE = 75
"""Octets of a line, after which it is folded."""


def file_of(cards: Cards) -> Attachment:
    """A file with all of the cards, which says in words what is in them."""
    one = card_name(cards.cards[0]) if len(cards.cards) == 1 else f"{len(cards.cards)} contacts"
    return Attachment(
        kind=MediaKind.DOCUMENT,
        media=MIME,
        mime=MIME,
        name=f"{one}.vcf",
        caption=described(cards),
        inline=written(cards),
    )


def written(cards: Cards) -> str:
    """All cards, one after the other."""
    lines = [line for card in cards.cards for line in _lines(card)]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _lines(card: Card) -> Iterator[str]:
    yield "BEGIN:VCARD"
    yield "VERSION:3.0"
    family, given = (card.family, card.given) if card.family or card.given else ("", card_name(card))
    yield f"N:{_value(family)};{_value(given)};;;"
    yield f"FN:{_value(card_name(card))}"
    if card.company:
        yield f"ORG:{_value(card.company)}"
    if card.title:
        yield f"TITLE:{_value(card.title)}"
    for detail in card.phones:
        yield f"TEL{_type(detail)}:{_value(detail.value)}"
    for detail in card.emails:
        yield f"EMAIL{_type(detail)}:{_value(detail.value)}"
    for detail in card.addresses:
        # It is on one line, so all of it is taken for the street.
        yield f"ADR{_type(detail)}:;;{_value(detail.value)};;;;"
    for detail in card.urls:
        yield f"URL:{_value(detail.value)}"
    if card.birthday:
        yield f"BDAY:{_value(card.birthday)}"
    yield "END:VCARD"


def _type(detail: Detail) -> str:
    label = "".join(one for one in detail.label.upper() if one.isascii() and one.isalpha())
    return f";TYPE={label}" if label else ""


def _value(said: str) -> str:
    kept = clean(said).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return " ".join(kept.split("\r")).replace("\n", "\\n")


def _folded(line: str) -> str:
    """In pieces of whole characters, each but the first behind a space."""
    pieces: list[str] = []
    piece, size = "", 0
    for one in line:
        octets = len(one.encode("utf-8", "replace"))
        if size + octets > _LINE - bool(pieces):
            pieces.append(piece)
            piece, size = "", 0
        piece += one
        size += octets
    return "\r\n ".join((*pieces, piece))
