"""What a WhatsApp message says, and who sent it, in our own words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bridge.adapters.whatsapp.format import from_whatsapp
from bridge.adapters.whatsapp.ids import Identity, phone_digits, user_id
from bridge.adapters.whatsapp.wire import Card, Context, Message, Party, System
from bridge.markup import Document

UNREADABLE = "unsupported"
"""The kind of messages that WhatsApp does not let us read, or whose content does not fit its own description."""
GROUP = "group"
"""The kind of messages written in a group: an answer would not go there."""

UNUSED = frozenset({"reaction", "request_welcome"})
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
        "revoke",
        "sticker",
        "text",
        "unknown",
        UNREADABLE,
        "video",
    }
)
_NAME_LIMIT = 256
_CAPTION_LIMIT = 4096
_EPOCH_S = 1_230_768_000
"""2009 in Unix seconds: WhatsApp did not exist earlier, so a timestamp before it is nonsense."""
_AHEAD_S = 86_400
"""How far its clock may be ahead of ours."""

_NO_CONTEXT = Context()


class Content(msgspec.Struct, frozen=True, gc=False):
    """The content of a message: `body` for text, otherwise the kind and any words that came with it."""

    kind: str
    body: Document = ()
    caption: str = ""


def content_of(message: Message) -> Content:
    """What the message says."""
    kind = message.type
    if kind == "text" and message.text is not None:
        body = message.text.body
        return Content(GROUP, (), body) if message.group_id else Content("text", from_whatsapp(body))
    caption = _caption(message)[:_CAPTION_LIMIT]
    if message.group_id:
        return Content(GROUP, (), caption)
    if kind in {"text", "unknown"}:
        kind = UNREADABLE
    return Content(kind or UNREADABLE, (), caption)


def is_known(kind: str) -> bool:
    """True for the types that WhatsApp documents and that become a message here."""
    return kind in _KNOWN


def _caption(message: Message) -> str:
    """Any words that came with a message other than text."""
    media = message.image or message.video or message.document
    if media:
        return " – ".join(part for part in (media.caption, media.filename) if part)
    if message.edit and message.edit.message:
        new = message.edit.message
        media = new.image or new.video or new.document
        return new.text.body if new.text else (media.caption if media else None) or ""
    return _place(message) or _cards(message.contacts) or _tapped(message)


def _place(message: Message) -> str:
    place = message.location
    if place is None:
        return ""
    named = ", ".join(part for part in (place.name, place.address) if part)
    return named or f"{place.latitude:.5f}, {place.longitude:.5f}"


def _cards(cards: Sequence[Card]) -> str:
    shown = []
    for card in cards:
        name = card.name.formatted_name if card.name else None
        shown.append(" ".join(part for part in (name, *(each.phone for each in card.phones)) if part))
    return "; ".join(part for part in shown if part)


def _tapped(message: Message) -> str:
    """The words on what was tapped, or what was written to an order."""
    if message.interactive:
        tapped = message.interactive
        choice = tapped.button_reply or tapped.list_reply or tapped.nfm_reply
        said = (choice.title, choice.description, choice.response_json) if choice else ()
        return " – ".join(part for part in said if part)
    words = message.button or message.order
    return (words.text if words else None) or ""


def context_of(message: Message) -> tuple[str | None, bool]:
    """The id of the message it answers, and whether it was forwarded."""
    context = message.context or _NO_CONTEXT
    return context.id or None, context.forwarded or context.frequently_forwarded


def instant(timestamp: str | float | None, now: datetime) -> datetime:
    """Unix seconds as WhatsApp writes them (string or number); `now` when they are missing or nonsense."""
    try:
        seconds = int(timestamp or "")
        if _EPOCH_S < seconds < now.timestamp() + _AHEAD_S:
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        pass
    return now


# --------------------------------------------------------------------------------------------- the sender


def party_of(message: Message, parties: Sequence[Party]) -> Party | None:
    """The entry of `contacts` that describes the sender: by id, since the order of several is not promised."""
    if len(parties) == 1:
        only = parties[0]
        # In a body about one person they belong together even where they share no id.
        if not (message.sender or message.from_user_id) or not (only.wa_id or only.user_id):
            return only
    for party in parties:
        if party.user_id and party.user_id == message.from_user_id:
            return party
    for party in parties:
        if party.wa_id and party.wa_id == message.sender:
            return party
    return None


def sender_of(message: Message, party: Party | None) -> Identity:
    """All ids of the sender that the body shows together."""
    bsuid, phone, parent = message.from_user_id, message.sender, message.from_parent_user_id
    if party is not None:
        bsuid, phone, parent = bsuid or party.user_id, phone or party.wa_id, parent or party.parent_user_id
    return Identity(user_id(bsuid), phone_digits(phone), user_id(parent))


def names_of(party: Party | None) -> tuple[str | None, str | None]:
    """Profile name and username (without the @ that some bodies put before it)."""
    profile = party.profile if party else None
    if profile is None:
        return None, None
    name = profile.name.strip()[:_NAME_LIMIT] if profile.name else None
    username = profile.username.strip().removeprefix("@")[:_NAME_LIMIT] if profile.username else None
    return name or None, username or None


# ----------------------------------------------------------------------------------------- changes of ids

_SYSTEM_WORDS = {
    "user_changed_number": "The contact changed their WhatsApp number. The conversation goes on under the new one.",
    "user_changed_user_id": "The contact's WhatsApp id changed. The conversation goes on under the new one.",
    "customer_identity_changed": "The contact's WhatsApp security code changed: they may have a new phone, or "
    "somebody else has their number.",
}
_SYSTEM_ALIASES = {"customer_changed_number": "user_changed_number"}


def system_words(system: System) -> str | None:
    """What happened, for the thread; None for a kind we do not know."""
    kind = system.type or ""
    return _SYSTEM_WORDS.get(_SYSTEM_ALIASES.get(kind, kind))


def change_of(message: Message, system: System, party: Party | None) -> tuple[Identity, Identity]:
    """The ids of the contact before and after a `system` message. After: what did not change is None.

    Until August 2026 the old user id stood only in the text ("… changed from X to Y"), which also holds the
    customer's own name: it is believed only where its Y is the new id (WhatsApp: business-scoped-user-ids).
    """
    before = sender_of(message, party)
    new_id, new_phone = user_id(system.user_id), phone_digits(system.wa_id or system.new_wa_id)
    old_text, new_text = _from_to(system.body or "")
    old_id = user_id(system.previous_user_id) or before.bsuid
    old_phone = before.phone
    if new_id and new_text == new_id:
        old_id = old_id or user_id(old_text)
    if new_phone and new_text == new_phone:
        old_phone = old_phone or phone_digits(old_text)
    old_parent = user_id(system.previous_parent_user_id) or before.parent
    after = Identity(new_id, new_phone, user_id(system.parent_user_id))
    return Identity(old_id, old_phone, old_parent), after


def _from_to(body: str) -> tuple[str, str]:
    _, _, tail = body.rpartition(" changed from ")
    old, _, new = tail.partition(" to ")
    return old.strip(), new.strip().removesuffix(".")
