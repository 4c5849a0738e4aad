"""What a message says, independent of any platform: words, a file, a place, contact cards, an answer, an order …

A `Content` is one of a closed union of small frozen values (`kinds`), `Marks` is what else is known of a contact's
message. `Outward` is what staff can send beside words. `described` and `sent` read them as words, wherever there is nothing
better to show them with.
"""

from bridge.content.described import described, kind_of, sent, told, whole
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
from bridge.content.outward import (
    AskLocation,
    Buttons,
    Filling,
    LinkButton,
    Menu,
    Outward,
    Row,
    Section,
    StaffFile,
    TemplateMessage,
)

__all__ = [
    "MEDIA_KINDS",
    "NO_MARKS",
    "AskLocation",
    "Attachment",
    "Buttons",
    "Call",
    "Card",
    "Cards",
    "Content",
    "Detail",
    "Filling",
    "Form",
    "Forwarded",
    "Item",
    "LinkButton",
    "Location",
    "Marks",
    "MediaKind",
    "Menu",
    "Order",
    "Outward",
    "Referral",
    "Row",
    "Section",
    "StaffFile",
    "Tapped",
    "TemplateMessage",
    "Unsupported",
    "Words",
    "described",
    "kind_of",
    "sent",
    "told",
    "whole",
]
