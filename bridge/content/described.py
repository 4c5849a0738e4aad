"""Any content as words: for histories, searches, notifications, and for desks that can show no more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import assert_never

from bridge.content.kinds import (
    Attachment,
    Call,
    Card,
    Cards,
    Content,
    Form,
    Location,
    MediaKind,
    Order,
    Tapped,
    Unsupported,
    Words,
)
from bridge.content.outward import (
    AskLocation,
    Buttons,
    LinkButton,
    Menu,
    Outward,
    StaffFile,
    TemplateMessage,
)
from bridge.markup import Bold, Document, Text, clean, compact, text

MEDIA_WORDS: dict[MediaKind, str] = {
    MediaKind.IMAGE: "Picture",
    MediaKind.VIDEO: "Video",
    MediaKind.AUDIO: "Audio",
    MediaKind.VOICE: "Voice message",
    MediaKind.DOCUMENT: "Document",
    MediaKind.STICKER: "Sticker",
}
_UNREADABLE = frozenset({"", "unsupported", "unknown"})


def kind_of(content: Content) -> str:  # noqa: PLR0911 - one case per kind
    """One word for what a content is: `text`, `image`, `location` …; of what cannot be shown, the platform's own."""
    match content:
        case Words():
            return "text"
        case Attachment():
            return content.kind.value
        case Location():
            return "location"
        case Cards():
            return "contacts"
        case Tapped():
            return "choice"
        case Form():
            return "form"
        case Order():
            return "order"
        case Call():
            return "call"
        case Unsupported():
            return content.kind or "unsupported"
        case _:
            assert_never(content)


def told(content: Content) -> bool:
    """True where the contact said it themselves; false where `described` tells of it in words of ours."""
    return isinstance(content, Words | Tapped)


def described(content: Content) -> Document:  # noqa: PLR0911 - one case per kind
    """What a content says, in words. What comes from outside stands in it literally."""
    match content:
        case Words():
            return content.body
        case Attachment():
            return _attachment(content)
        case Location():
            return compact(_lines("Live location" if content.live else "Location", place_lines(content)))
        case Cards():
            return compact(_cards(content))
        case Tapped():
            return text(" – ".join(filter(None, (content.title, content.description))) or content.id or "…")
        case Form():
            rows = (f"{name}: {value}" for name, value in content.rows)
            return compact(_lines("Form", rows))
        case Order():
            return compact(_lines("Order", order_lines(content)))
        case Call():
            return text(call_words(content))
        case Unsupported():
            return unsupported_words(content)
        case _:
            assert_never(content)


def _lines(head: str, lines: Iterable[str]) -> Iterator[Text | Bold]:
    """A heading of ours and lines from outside below it."""
    yield Bold((Text(head),))
    for line in lines:
        yield Text(f"\n{clean(line)}")


def _attachment(content: Attachment) -> Document:
    name = " ".join(clean(content.name).split())
    what = MEDIA_WORDS[content.kind]
    head = (Bold((Text(f"{what}: {name}" if name else what),)),)
    return compact((*head, Text("\n"), *content.caption)) if content.caption else head


def place_lines(place: Location) -> Iterator[str]:
    """Name, address and coordinates, as far as they are known."""
    yield from (part for part in (place.name, place.address) if part)
    yield f"{place.latitude:.6f}, {place.longitude:.6f}"


def _cards(content: Cards) -> Iterator[Text | Bold]:
    head = "The contact shares their own number" if content.own else "Contact card"
    yield Bold(
        (Text(head if content.own or len(content.cards) == 1 else f"{len(content.cards)} contact cards"),)
    )
    for card in content.cards:
        yield Text("\n" + clean("; ".join((card_name(card), *card_lines(card)))))


def card_name(card: Card) -> str:
    """What to call a contact card that may have no name."""
    return card.name or card.company or "No name"


def card_lines(card: Card) -> Iterator[str]:
    """All that a card says beside its name, a line each."""
    work = ", ".join(part for part in (card.title, card.company) if part and part != card_name(card))
    if work:
        yield work
    for detail in (*card.phones, *card.emails, *card.urls, *card.addresses):
        yield f"{detail.value} ({detail.label.lower()})" if detail.label else detail.value
    if card.birthday:
        yield f"Birthday: {card.birthday}"


def order_lines(order: Order) -> Iterator[str]:
    """A line for each item, the sums in each currency, and the contact's note."""
    for item in order.items:
        price = "" if item.price is None else f" at {amount(item.price)} {item.currency}".rstrip()
        yield f"{item.quantity} × {item.product}{price}"
    for currency, total in order_sums(order).items():
        yield f"Total: {amount(total)} {currency}".rstrip()
    if order.note:
        yield order.note


def order_sums(order: Order) -> dict[str, Decimal]:
    """What an order comes to, by currency; items without a price are not in it."""
    sums: dict[str, Decimal] = {}
    for item in order.items:
        if item.price is not None:
            sums[item.currency] = sums.get(item.currency, Decimal(0)) + item.price * item.quantity
    return sums


def amount(money: Decimal) -> str:
    """Money with two decimal places or more, where it has more: `19.90`."""
    exponent = money.normalize().as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{money:.{min(places, 6)}f}"


def call_words(call: Call) -> str:
    """What a call was, in a sentence."""
    if call.permission:
        return f"The contact was asked whether they may be called, and answered: {clean(call.permission)}"
    who = "The contact is calling" if call.inbound else "The contact is being called"
    if not call.ended:
        return f"{who}. Calls cannot be taken from here."
    what = "A call of the contact" if call.inbound else "A call to the contact"
    if not call.completed:
        return f"{what} ended unanswered"
    if call.duration_s is None:
        return f"{what} ended"
    minutes, seconds = divmod(call.duration_s, 60)
    return f"{what} ended after {minutes}:{seconds:02}"


def unsupported_words(content: Unsupported) -> Document:
    """In place of what cannot be shown."""
    kind = clean(content.kind.replace("_", " "))
    if content.kind in _UNREADABLE:
        said = "sent something that the platform does not let us read"
    else:
        said = f"sent something that cannot be shown here ({kind})"
    words = clean(content.words).strip()
    return text(f"{said}. It came with the text:\n{words}" if words else said)


# ------------------------------------------------------------------------------------------------- to contacts


def whole(body: Document, extras: Iterable[Outward]) -> Document:
    """A message to a contact in words: what was written, and what goes along with it."""
    parts = [body] if body else []
    parts += [sent(one) for one in extras]
    found: list[Document] = [parts[0]] if parts else []
    for part in parts[1:]:
        found += [text("\n"), part]
    return compact(node for document in found for node in document)


def sent(extra: Outward) -> Document:  # noqa: PLR0911 - one case per kind
    """What goes along with the words of a message to a contact, in words."""
    match extra:
        case StaffFile():
            name = " ".join(clean(extra.name).split())
            what = "Voice message" if extra.voice else "File"
            return (Bold((Text(f"{what}: {name}" if name else what),)),)
        case Buttons():
            return text("".join(f"[{clean(title)}] " for title in extra.titles).strip())
        case Menu():
            rows = [row for section in extra.sections for row in section.rows]
            return compact(
                _lines(
                    f"List: {clean(extra.button)}",
                    (" – ".join(filter(None, (row.title, row.description))) for row in rows),
                )
            )
        case LinkButton():
            return text(f"[{clean(extra.title)}] {extra.url}")
        case AskLocation():
            return text("[Send location]")
        case TemplateMessage():
            return extra.words
        case Location() | Cards():
            return described(extra)
        case _:
            assert_never(extra)
