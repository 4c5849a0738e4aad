"""What a message says, independent of any platform: words, a file, a place, contact cards, an answer, an order …

A `Content` is one of a closed union of small frozen values (`kinds`), `Marks` is what else is known of a contact's
message; `described` reads any content as words, wherever there is nothing better to show it with.
"""

from bridge.content.described import described, kind_of, told
from bridge.content.kinds import (
    MEDIA_KINDS,
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

__all__ = [
    "MEDIA_KINDS",
    "NO_MARKS",
    "Attachment",
    "Call",
    "Card",
    "Cards",
    "Content",
    "Detail",
    "Form",
    "Forwarded",
    "Item",
    "Location",
    "Marks",
    "MediaKind",
    "Order",
    "Referral",
    "Tapped",
    "Unsupported",
    "Words",
    "described",
    "kind_of",
    "told",
]
