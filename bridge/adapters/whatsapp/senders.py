"""Who sent a WhatsApp message, and under which ids they are known from now on."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.adapters.whatsapp.ids import Identity, phone_digits, user_id
from bridge.adapters.whatsapp.wire import Message, Party, System

_NAME_LIMIT = 256


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
