"""Who a contact is on WhatsApp: aliases, addresses and the spellings of phone numbers.

An *alias* is what a contact can be recognised by (`bsuid:<portfolio>:<id>`, `phone:<portfolio>:<digits>`,
`parent:<id>`); an *address* is what a message can be sent to (`phone:+<digits>`, `bsuid:<id>`). A business-scoped
user id holds within one business portfolio only, so both are kept apart by portfolio.
"""

from __future__ import annotations

import msgspec

from bridge.model import EventId

_ID_LIMIT = 200
"""WhatsApp: a business-scoped user id is `CC.` and at most 128 characters; longer ones are not ids."""
_WAMID_LIMIT = 512


def user_id(text: str | None) -> str | None:
    """A business-scoped user id as received, or None when it cannot be one."""
    if text and len(text) <= _ID_LIMIT and text.isascii() and text.isprintable() and " " not in text:
        return text
    return None


def phone_digits(text: str | None) -> str | None:
    """The digits of a wa_id (with or without a plus), or None when it is not a phone number."""
    if not text:
        return None
    digits = text.removeprefix("+")
    return digits if 5 <= len(digits) <= 20 and digits.isascii() and digits.isdigit() else None


def is_message_id(text: str) -> bool:
    """True when `text` can be used as the id of a WhatsApp message."""
    return 0 < len(text) <= _WAMID_LIMIT and text.isascii() and text.isprintable() and " " not in text


_OPTIONAL = {"52": "1", "54": "9"}
"""Country codes behind which one digit comes and goes before ten others."""


def phone_variants(digits: str) -> tuple[str, ...]:
    """The spellings under which the same phone appears, the given one first.

    Brazilian mobiles appear with and without the ninth digit, Mexican ones with and without the 1, Argentine ones
    with and without the 9 after the country code (WhatsApp: messages/send-messages, and what the field reports).
    """
    size, other = len(digits), ""
    if size not in {12, 13}:
        return (digits,)
    country, rest = digits[:2], digits[2:]
    # Only mobiles have a ninth digit, and their old eight digits start with 6 to 9; the rest are landlines.
    if country == "55" and rest[-8] in "6789":
        if size == 12:
            other = f"55{rest[:2]}9{rest[2:]}"
        elif rest[2] == "9":
            other = f"55{rest[:2]}{rest[3:]}"
    elif digit := _OPTIONAL.get(country):
        if size == 12:
            other = country + digit + rest
        elif rest[0] == digit:
            other = country + rest[1:]
    return (digits, other) if other else (digits,)


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The ids that stand together in one item of a webhook; each may be missing."""

    bsuid: str | None = None
    phone: str | None = None
    """Digits, without a plus."""
    parent: str | None = None

    def aliases(self, portfolio: str) -> tuple[str, ...]:
        """What to look the contact up by, most reliable first.

        A parent id spans portfolios and so could join people of different portfolios: it is used only where
        nothing else is known (WhatsApp: business-scoped-user-ids).
        """
        found: list[str] = []
        if self.bsuid:
            found.append(f"bsuid:{portfolio}:{self.bsuid}")
        if self.phone:
            found.extend([f"phone:{portfolio}:{digits}" for digits in phone_variants(self.phone)])
        if not found and self.parent:
            found.append(f"parent:{self.parent}")
        return tuple(found)

    def known_as(self, aliases: tuple[str, ...]) -> tuple[str, ...]:
        """`aliases` with the parent id added, for the contact's record."""
        if not self.parent:
            return aliases
        alias = f"parent:{self.parent}"
        return aliases if alias in aliases else (*aliases, alias)

    def address(self) -> str | None:
        """What to send to: the phone exactly as WhatsApp spelled it, else the user id."""
        if self.phone:
            return f"phone:+{self.phone}"
        if self.bsuid or self.parent:
            return f"bsuid:{self.bsuid or self.parent}"
        return None


def recipient(address: str) -> dict[str, str]:
    """The part of a send request that names the recipient of `address`. Raises ValueError on a foreign address.

    WhatsApp: without the plus the business's own country code would be put in front of the number.
    """
    kind, _, value = address.partition(":")
    if kind == "phone" and phone_digits(value):
        return {"to": value}
    if kind == "bsuid" and user_id(value):
        return {"recipient": value}
    raise ValueError("not an address of a WhatsApp contact")


def message_event(wamid: str) -> EventId:
    """Id of the event that a message causes."""
    return EventId(f"wa:{wamid}")


def status_event(wamid: str, status: str, participant: str | None) -> EventId:
    """Id of the event that a status causes; a group message has one for each participant."""
    return EventId(f"wa:{wamid}:{status}:{participant}" if participant else f"wa:{wamid}:{status}")
