"""What a WhatsApp message says, in our own words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from bridge.adapters.whatsapp.format import from_whatsapp
from bridge.adapters.whatsapp.ids import is_message_id, message_event
from bridge.adapters.whatsapp.wire import Card as WireCard
from bridge.adapters.whatsapp.wire import (
    CardAddress,
    Context,
    Interactive,
    Media,
    Message,
    Reaction,
    WireCall,
)
from bridge.adapters.whatsapp.wire import Location as Spot
from bridge.adapters.whatsapp.wire import Order as Basket
from bridge.adapters.whatsapp.wire import Referral as Origin
from bridge.content import (
    NO_MARKS,
    Attachment,
    Call,
    Card,
    Cards,
    Content,
    Detail,
    Form,
    Forwarded,
    Item,
    Location,
    Marks,
    MediaKind,
    Order,
    Referral,
    Tapped,
    Unsupported,
    Words,
)
from bridge.markup import bare_emoji, clean
from bridge.model import Reference

UNUSED = frozenset({"request_welcome"})
"""Types that neither open a conversation nor renew the window and that nothing is shown of (yet)."""

_KNOWN = frozenset(
    {
        "audio",
        "button",
        "contacts",
        "document",
        "edit",
        "image",
        "interactive",
        "location",
        "order",
        "reaction",
        "revoke",
        "sticker",
        "text",
        "unknown",
        "unsupported",
        "video",
    }
)
_NAMELESS = frozenset({"", "errors", "text", "unknown", "unsupported"})
"""Types that say nothing about what it is that cannot be shown."""
_WORDS_LIMIT = 4096
"""Characters of any words that come with something other than text. WhatsApp itself allows 1024 in most places."""
_NAME_LIMIT = 256
_EMOJI_LIMIT = 40
"""Code points; a family with skin tones has some fifteen."""
_MOST_CARDS = 257
"""WhatsApp: contact cards in one message."""
_MOST_DETAILS = 30
_MOST_ROWS = 100
_MONEY_DIGITS = 12
"""Before the point, at most."""
_FINEST_MONEY = -6
_MOST_OF_ONE = 10**9
_EPOCH_S = 1_230_768_000
"""2009 in Unix seconds: WhatsApp did not exist earlier, so a timestamp before it is nonsense."""
_AHEAD_S = 86_400
"""How far its clock may be ahead of ours."""

_NO_CONTEXT = Context()


def content_of(message: Message) -> Content:
    """What the message says. What does not fit its own description is `Unsupported`, by its type."""
    if message.type == "text" and message.text is not None:
        return Words(from_whatsapp(message.text.body))
    return _content(message) or Unsupported(*_unreadable(message))


def _content(message: Message) -> Content | None:  # noqa: PLR0911 - one case per type
    match message.type:
        case "image" | "video" | "audio" | "document" | "sticker":
            media: Media | None = getattr(message, message.type)
            return _attachment(MediaKind(message.type), media) if media else None
        case "location":
            return _location(message.location) if message.location else None
        case "contacts":
            return _cards(message.contacts)
        case "interactive":
            return _interactive(message.interactive) if message.interactive else None
        case "button" if message.button and (message.button.text or message.button.payload):
            return Tapped(_words(message.button.text), _words(message.button.payload, _NAME_LIMIT))
        case "order":
            return _order(message.order) if message.order else None
        case _:
            return None


def _unreadable(message: Message) -> tuple[str, str]:
    """The name of what cannot be shown, and any words that came with it."""
    kind = message.type
    if kind in _NAMELESS:
        kind = (message.unsupported.type if message.unsupported else None) or ""
        kind = "unsupported" if kind in _NAMELESS else kind
    return _words(kind, _NAME_LIMIT), ""


def amended_of(message: Message) -> tuple[Reference, Content | None] | None:
    """The message that an `edit` or `revoke` is about, and what it says now (None: deleted). None where that is not said.

    WhatsApp tells of new words only: of a text, or a caption.
    """
    if message.type == "revoke":
        about = reference(message.revoke.original_message_id) if message.revoke else None
        return (about, None) if about is not None else None
    about = reference(message.edit.original_message_id) if message.edit else None
    new = message.edit.message if message.edit else None
    if about is None or new is None:
        return None
    media = new.image or new.video or new.document
    return about, Words(from_whatsapp(_words(new.text.body if new.text else media.caption if media else "")))


def is_known(kind: str) -> bool:
    """True for the types that WhatsApp documents and that become a message here."""
    return kind in _KNOWN


def _words(text: str | None, limit: int = _WORDS_LIMIT) -> str:
    return clean(text).strip()[:limit] if text else ""


def _attachment(kind: MediaKind, media: Media) -> Attachment:
    return Attachment(
        kind=MediaKind.VOICE if media.voice else kind,
        media=media.id or "",
        mime=_words(media.mime_type, _NAME_LIMIT).partition(";")[0].strip().lower(),
        sha256=_words(media.sha256, _NAME_LIMIT),
        name=_words(media.filename, _NAME_LIMIT),
        caption=from_whatsapp(_words(media.caption)),
        animated=bool(media.animated),
    )


def _location(spot: Spot) -> Location | None:
    if not (abs(spot.latitude) <= 90 and abs(spot.longitude) <= 180):
        return None
    name, address, url = (_words(text, _NAME_LIMIT * 4) for text in (spot.name, spot.address, spot.url))
    return Location(spot.latitude, spot.longitude, name, address, url)


# ------------------------------------------------------------------------------------------- contact cards


def _cards(cards: Sequence[WireCard]) -> Cards | None:
    made = tuple(_card(card) for card in cards[:_MOST_CARDS])
    own = bool(cards) and all(card.origin == "contact_request" for card in cards)
    return Cards(made, own=own) if any(card != Card() for card in made) else None


def _card(card: WireCard) -> Card:
    name, org = card.name, card.org
    return Card(
        name=_words(name.formatted_name, _NAME_LIMIT) if name else "",
        phones=_details((one.phone, one.type) for one in card.phones),
        emails=_details((one.email, one.type) for one in card.emails),
        company=_words(org.company, _NAME_LIMIT) if org else "",
        title=_words(org.title, _NAME_LIMIT) if org else "",
        addresses=_details((_address(one), one.type) for one in card.addresses),
        urls=_details((one.url, one.type) for one in card.urls),
        birthday=_words(card.birthday, _NAME_LIMIT),
        given=_words(name.first_name, _NAME_LIMIT) if name else "",
        family=_words(name.last_name, _NAME_LIMIT) if name else "",
    )


def _address(address: CardAddress) -> str:
    parts = (address.street, address.zip, address.city, address.state, address.country)
    return ", ".join(" ".join(part.split()) for part in parts if part and part.strip())


def _details(found: Iterator[tuple[str | None, str | None]]) -> tuple[Detail, ...]:
    made = (Detail(_words(value, _NAME_LIMIT * 4), _words(label, _NAME_LIMIT)) for value, label in found)
    return tuple(detail for detail in made if detail.value)[:_MOST_DETAILS]


# --------------------------------------------------------------------------------------- answers and orders


def _interactive(said: Interactive) -> Content | None:
    if said.nfm_reply is not None:
        return Form(tuple(_rows(said.nfm_reply.response_json or "")))
    if said.call_permission_reply is not None:
        answer = _words(said.call_permission_reply.response, _NAME_LIMIT)
        return Call(ended=False, permission=answer) if answer else None
    choice = said.button_reply or said.list_reply
    if choice is None or not (choice.title or choice.id):
        return None
    return Tapped(_words(choice.title), _words(choice.id, _NAME_LIMIT), _words(choice.description))


def _rows(response: str) -> Iterator[tuple[str, str]]:
    """The fields of a flow's answer, in order; nested ones by their path. What is no JSON is one field."""
    try:
        tree = json.loads(response)
    except (ValueError, RecursionError):
        tree = response
    if not isinstance(tree, dict):
        if tree not in ("", None):
            yield "answer", _words(_value(tree))
        return
    for name, value in list(tree.items())[:_MOST_ROWS]:
        # The token is our own name for the question, which says nothing to people.
        if name != "flow_token":
            yield _words(name, _NAME_LIMIT), _words(_value(value))


def _value(value: object) -> str:
    """A field's value on one line: text as it is, lists with commas, what is nested as JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(one, str | int | float) for one in value):
            return ", ".join(_value(one) for one in value)
        case int() | float():
            return f"{value}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _order(order: Basket) -> Order | None:
    items = tuple(
        Item(
            product=_words(item.product_retailer_id, _NAME_LIMIT) or "?",
            quantity=_quantity(item.quantity),
            price=_price(item.item_price),
            currency=_words(item.currency, 8).upper(),
        )
        for item in order.product_items[:_MOST_ROWS]
    )
    note, catalogue = _words(order.text), _words(order.catalog_id, _NAME_LIMIT)
    return Order(items, note, catalogue) if items or note else None


def _quantity(number: float | None) -> int:
    return int(number) if number is not None and 0 <= number < _MOST_OF_ONE else 1


def _price(price: Decimal | None) -> Decimal | None:
    # Looked at before anything is reckoned: arithmetic refuses exponents that a number may well be written with.
    if price is None or not price.is_finite() or price.adjusted() >= _MONEY_DIGITS:
        return None
    exponent = price.as_tuple().exponent
    return price if isinstance(exponent, int) and exponent >= _FINEST_MONEY else round(price, -_FINEST_MONEY)


def call_of(call: WireCall) -> Call | None:
    """A call of the customer: `connect` when it begins, `terminate` when it ended. None for anything else."""
    if call.direction != "USER_INITIATED" or call.event not in {"connect", "terminate"}:
        return None
    lasted = call.duration
    return Call(
        ended=call.event == "terminate",
        completed=call.status in {None, "COMPLETED"} and lasted != 0,
        duration_s=int(lasted) if lasted is not None and 0 < lasted < _MOST_OF_ONE else None,
    )


# ------------------------------------------------------------------------------------------------- marks


def marks_of(message: Message) -> Marks:
    """What else is known of the message."""
    context = message.context or _NO_CONTEXT
    if context is _NO_CONTEXT and not message.referral and not message.group_id:
        return NO_MARKS
    forwarded = Forwarded.OFTEN if context.frequently_forwarded else Forwarded(int(context.forwarded))
    product = context.referred_product
    return Marks(
        forwarded=forwarded,
        referral=_referral(message.referral) if message.referral else None,
        product=_words(product.product_retailer_id, _NAME_LIMIT) if product else "",
        group=_words(message.group_id, _NAME_LIMIT),
    )


def _referral(origin: Origin) -> Referral:
    return Referral(
        kind=_words(origin.source_type, _NAME_LIMIT),
        id=_words(origin.source_id, _NAME_LIMIT),
        url=_words(origin.source_url),
        headline=_words(origin.headline),
        body=_words(origin.body),
        picture=_words(origin.image_url or origin.thumbnail_url),
        click=_words(origin.ctwa_clid, _NAME_LIMIT * 2),
    )


def quoted_of(message: Message) -> Reference | None:
    """The message that it answers."""
    return reference(message.context.id) if message.context else None


def emoji_of(reaction: Reaction) -> str:
    """The emoji as neighbours compare it; empty where the reaction was taken off."""
    return bare_emoji(reaction.emoji or "")[:_EMOJI_LIMIT]


def reference(wamid: str | None) -> Reference | None:
    """A message that another one is about."""
    return (
        Reference(platform_id=wamid, cause=message_event(wamid)) if wamid and is_message_id(wamid) else None
    )


def instant(timestamp: str | float | None, now: datetime) -> datetime:
    """Unix seconds as WhatsApp writes them (string or number); `now` when they are missing or nonsense."""
    try:
        seconds = int(timestamp or "")
        if _EPOCH_S < seconds < now.timestamp() + _AHEAD_S:
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        pass
    return now
