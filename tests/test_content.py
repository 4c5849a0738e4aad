"""Every content can be packed, named and read as words."""

from decimal import Decimal

import msgspec
import pytest

from bridge.content import (
    Attachment,
    Call,
    Card,
    Cards,
    Content,
    Detail,
    Form,
    Item,
    Location,
    MediaKind,
    Order,
    Tapped,
    Unsupported,
    Words,
    described,
    kind_of,
)
from bridge.markup import Bold, Text, plain, text

CONTENTS: list[tuple[Content, str, str]] = [
    (Words((Bold((Text("Hi"),)),)), "text", "Hi"),
    (Attachment(MediaKind.VOICE, "1"), "voice", "Voice message"),
    (
        Attachment(MediaKind.DOCUMENT, "1", name="a\nb.pdf", caption=text("see")),
        "document",
        "Document: a b.pdf\nsee",
    ),
    (Location(1.5, -2, "Home", live=True), "location", "Live location\nHome\n1.500000, -2.000000"),
    (
        Cards((Card(company="Duarte", emails=(Detail("x@y", "WORK"),)), Card("Plumber"))),
        "contacts",
        "2 contact cards\nDuarte; x@y (work)\nPlumber",
    ),
    (
        Cards((Card(phones=(Detail("+33 6"),)),), own=True),
        "contacts",
        "The contact shares their own number\nNo name; +33 6",
    ),
    (Tapped("Billing", "row-1", "Invoices"), "choice", "Billing – Invoices"),
    (Tapped("", "row-1"), "choice", "row-1"),
    (Form((("reason", "damaged"), ("note", ""))), "form", "Form\nreason: damaged\nnote: "),
    (
        Order((Item("a", 2, Decimal("19.9"), "EUR"), Item("b", 1, Decimal(5), "USD"), Item("c", 1)), "soon"),
        "order",
        "Order\n2 × a at 19.90 EUR\n1 × b at 5.00 USD\n1 × c\nTotal: 39.80 EUR\nTotal: 5.00 USD\nsoon",
    ),
    (Call(ended=False), "call", "The contact is calling. Calls cannot be taken from here."),
    (Call(ended=True, duration_s=65), "call", "A call of the contact ended after 1:05"),
    (Call(ended=True, inbound=False, completed=False), "call", "A call to the contact ended unanswered"),
    (
        Unsupported("poll_creation"),
        "poll_creation",
        "sent something that cannot be shown here (poll creation)",
    ),
    (Unsupported(), "unsupported", "sent something that the platform does not let us read"),
]


@pytest.mark.parametrize("content, kind, words", CONTENTS)
def test_a_content_is_named_read_and_packed(content: Content, kind: str, words: str) -> None:
    """Its kind, its words, and that it survives its journey through Redis."""
    assert kind_of(content) == kind
    assert plain(described(content)) == words
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(content), type=Content) == content


def test_words_from_outside_format_nothing() -> None:
    """Marks in a place's name or in a form stay literal text."""
    for content in (Location(1, 2, "*x*"), Form((("*a*", "_b_"),)), Cards((Card("~z~"),))):
        nodes = described(content)
        assert all(isinstance(node, Text) for node in nodes[1:])
