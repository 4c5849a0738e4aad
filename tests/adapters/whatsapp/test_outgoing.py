"""What a message to a contact becomes at WhatsApp: which messages, in which order, and the body of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import commands
from bridge.actions import Send
from bridge.adapters.base import Outgoing, Uploaded
from bridge.adapters.whatsapp.outgoing import CAPTION_LIMIT, LIMITS, body_of, fit
from bridge.content import (
    AskLocation,
    Buttons,
    Card,
    Cards,
    Detail,
    Filling,
    LinkButton,
    Location,
    Menu,
    Outward,
    Row,
    Section,
    StaffFile,
    TemplateMessage,
)
from bridge.content.making import Composed
from bridge.markup import Document, text
from bridge.model import ActionId, ContactId, ConversationId, InboxId, MessageId
from bridge.routing.composing import COMPOSING, compose
from bridge.sandbox.whatsapp.checks import Send as Checked
from bridge.sandbox.whatsapp.checks import parse

PICTURE = StaffFile(file="F1", name="sofa.jpg", mime="image/jpeg")
SOUND = StaffFile(file="F2", name="note.m4a", mime="audio/mp4")
BUTTONS = Buttons(titles=("Yes", "No"))
MENU = Menu(
    button="Choose",
    sections=(
        Section(title="Sofas", rows=(Row("Two seats", "Blue"), Row("Three seats"))),
        Section(title="Chairs", rows=(Row("Oak"),)),
    ),
)
LINK = LinkButton(title="Track it", url="https://shop.example.com/t/1")
SHOP = Location(latitude=52.5, longitude=13.25, name="Shop", address="Main St 1")
CARD = Cards(
    (
        Card(
            name="Ada Byron",
            phones=(Detail("+49 30 1234567", "work"), Detail("+49 151 0000000", "private")),
            emails=(Detail("ada@example.com", "work"),),
            urls=(Detail("https://example.com"),),
            addresses=(Detail("Main St 1, 10115 Berlin", "home"),),
            company="Byron Ltd",
            title="Engineer",
            birthday="1985-12-10",
            given="Ada",
            family="Byron",
        ),
    )
)
TEMPLATE = TemplateMessage(
    name="order_shipped",
    language="en_US",
    words=text("Your order 17 is on its way."),
    fillings=(
        Filling("header", "4490709327384033", kind="image"),
        Filling("body", "Ana", name="first_name"),
        Filling("body", "17", name="order"),
        Filling("button", "t/17", button=0),
        Filling("button", "SAVE10", kind="coupon_code", button=1),
    ),
)


def a_send(body: Document = (), *extras: Outward) -> Send:
    return Send(
        id=ActionId("e/0"),
        seq=1,
        contact=ContactId("1-c"),
        inbox=InboxId("support"),
        conversation=ConversationId("1-1"),
        message=MessageId("1-m"),
        address="phone:+15550100311",
        body=body,
        extras=extras,
    )


def fitted(body: str, *extras: Outward) -> list[tuple[str, Outward | None]]:
    parts = fit(a_send(text(body) if body else (), *extras)).parts
    return [(part.text, part.extra) for part in parts]


def upload(kind: str, media: str = "77", name: str = "") -> Uploaded:
    return Uploaded(media=media, kind=kind, name=name)


def checked(outgoing: Outgoing, uploaded: Uploaded | None = None) -> Any:
    """What the message is, once a server as strict as WhatsApp has read it."""
    read = parse({"messaging_product": "whatsapp", "to": "+15550100311", **body_of(outgoing, uploaded)})
    assert isinstance(read, Checked)
    assert read.context_id == (outgoing.quotes or None)
    return read.content


# ------------------------------------------------------------------------------------------------- fitting


def test_words_become_the_caption_of_the_first_file() -> None:
    """The others come without."""
    other = StaffFile(file="F3", name="b.pdf", mime="application/pdf")
    assert fitted("Look", PICTURE, other) == [("Look", PICTURE), ("", other)]
    assert fitted("", PICTURE) == [("", PICTURE)]


def test_words_go_ahead_of_what_can_hold_none() -> None:
    """Sound, places and cards have no caption."""
    for extra in (SOUND, SHOP, CARD, StaffFile(file="F4", voice=True)):
        assert fitted("Listen", extra) == [("Listen", None), ("", extra)]


def test_words_too_long_for_a_caption_go_ahead_whole() -> None:
    """In one text, not in pieces of a caption's size."""
    words = "word " * 400
    assert fitted(words, PICTURE) == [(words.strip(), None), ("", PICTURE)]
    assert fitted("x" * CAPTION_LIMIT, PICTURE) == [("x" * CAPTION_LIMIT, PICTURE)]


def test_the_end_of_long_words_asks() -> None:
    """What comes before goes ahead."""
    ahead, question = fitted("First sentence. " * 70, BUTTONS)
    assert (ahead[1], question[1]) == (None, BUTTONS)
    assert len(question[0]) <= 1024
    assert fitted("x" * 4096, MENU) == [("x" * 4096, MENU)]
    assert fitted("", BUTTONS) == [("…", BUTTONS)]


def test_a_template_shows_no_quote() -> None:
    """Everything else does."""
    assert "context" not in body_of(Outgoing(extra=TEMPLATE, quotes="wamid.1"))
    assert body_of(Outgoing(text="Yes", quotes="wamid.1"))["context"] == {"message_id": "wamid.1"}


@given(
    st.text(max_size=9000), st.lists(st.sampled_from([PICTURE, SOUND, BUTTONS, MENU, SHOP, CARD]), max_size=4)
)
def test_nothing_is_left_out_and_nothing_too_long(words: str, extras: list[Outward]) -> None:
    """Every extra once, in order; every message is one that WhatsApp takes."""
    parts = fit(a_send(text(words), *extras)).parts
    assert [part.extra for part in parts if part.extra is not None] == extras
    assert parts == fit(a_send(text(words), *extras)).parts
    for part in parts:
        checked(part, upload("image") if part.extra == PICTURE else upload("audio"))


# -------------------------------------------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    "kind, body",
    [
        ("image", {"type": "image", "image": {"id": "77", "caption": "Look"}}),
        ("video", {"type": "video", "video": {"id": "77", "caption": "Look"}}),
        (
            "document",
            {"type": "document", "document": {"id": "77", "caption": "Look", "filename": "sofa.jpg"}},
        ),
    ],
)
def test_a_file_is_sent_as_what_it_was_uploaded_as(kind: str, body: dict[str, Any]) -> None:
    """Only documents have names."""
    made = Outgoing(text="Look", extra=PICTURE)
    assert body_of(made, upload(kind, name="sofa.jpg")) == body
    checked(made, upload(kind, name="sofa.jpg"))


def test_sound_and_voice() -> None:
    """A voice message says that it is one."""
    assert checked(Outgoing(extra=SOUND), upload("audio", "5")) == {"id": "5"}
    assert checked(Outgoing(extra=SOUND), upload("voice", "5")) == {"id": "5", "voice": True}


def test_buttons() -> None:
    """Answers are told apart by their place."""
    content = checked(Outgoing(text="Is it blue?", extra=Buttons(titles=("Yes", "No"))))
    assert content == {
        "type": "button",
        "body": {"text": "Is it blue?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "tl-1", "title": "Yes"}},
                {"type": "reply", "reply": {"id": "tl-2", "title": "No"}},
            ]
        },
    }


def test_a_list() -> None:
    """Rows are counted through all sections."""
    content = checked(Outgoing(text="Which one?", extra=MENU, quotes="wamid.9"))
    assert content["action"] == {
        "button": "Choose",
        "sections": [
            {
                "title": "Sofas",
                "rows": [
                    {"id": "tl-1", "title": "Two seats", "description": "Blue"},
                    {"id": "tl-2", "title": "Three seats"},
                ],
            },
            {"title": "Chairs", "rows": [{"id": "tl-3", "title": "Oak"}]},
        ],
    }


def test_a_link_and_a_question_for_a_place() -> None:
    """Both are questions whose words are their body."""
    content = checked(Outgoing(text="It is on its way", extra=LINK))
    assert content["action"]["parameters"] == {
        "display_text": "Track it",
        "url": "https://shop.example.com/t/1",
    }
    content = checked(Outgoing(text="Where are you?", extra=AskLocation()))
    assert content == {
        "type": "location_request_message",
        "body": {"text": "Where are you?"},
        "action": {"name": "send_location"},
    }


def test_a_place() -> None:
    """With what is known of it."""
    assert checked(Outgoing(extra=SHOP)) == {
        "latitude": 52.5,
        "longitude": 13.25,
        "name": "Shop",
        "address": "Main St 1",
    }
    assert checked(Outgoing(extra=Location(latitude=0.0, longitude=-1.5))) == {
        "latitude": 0.0,
        "longitude": -1.5,
    }


def test_contact_cards() -> None:
    """Kinds that WhatsApp does not know are left out; every card has a name."""
    [card] = checked(Outgoing(extra=CARD))
    assert card == {
        "name": {"formatted_name": "Ada Byron", "first_name": "Ada", "last_name": "Byron"},
        "phones": [{"phone": "+49 30 1234567", "type": "WORK"}, {"phone": "+49 151 0000000"}],
        "emails": [{"email": "ada@example.com", "type": "WORK"}],
        "urls": [{"url": "https://example.com"}],
        "addresses": [{"street": "Main St 1, 10115 Berlin", "type": "HOME"}],
        "org": {"company": "Byron Ltd", "title": "Engineer"},
        "birthday": "1985-12-10",
    }
    [bare] = checked(Outgoing(extra=Cards((Card(phones=(Detail("+49 1"),)),))))
    assert bare["name"] == {"formatted_name": "+49 1", "first_name": "+49 1"}


def test_a_template() -> None:
    """Header, body by name, and buttons by their place."""
    assert checked(Outgoing(extra=TEMPLATE)) == {
        "name": "order_shipped",
        "language": {"code": "en_US"},
        "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": "4490709327384033"}}]},
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "Ana", "parameter_name": "first_name"},
                    {"type": "text", "text": "17", "parameter_name": "order"},
                ],
            },
            {
                "type": "button",
                "sub_type": "url",
                "index": "0",
                "parameters": [{"type": "text", "text": "t/17"}],
            },
            {
                "type": "button",
                "sub_type": "copy_code",
                "index": "1",
                "parameters": [{"type": "coupon_code", "coupon_code": "SAVE10"}],
            },
        ],
    }
    plain = TemplateMessage(name="hello_world", language="en_US", words=text("Hello"))
    assert checked(Outgoing(extra=plain)) == {"name": "hello_world", "language": {"code": "en_US"}}


@given(st.sampled_from(sorted(COMPOSING)), st.text(max_size=300))
def test_whatever_is_typed_behind_a_command_is_taken_or_a_mistake(name: str, typed: str) -> None:
    """Nothing breaks, and what is made is within what WhatsApp takes."""
    row = commands.find(name)
    assert row is not None
    composed = compose(row, text(typed), LIMITS)
    if isinstance(composed, Composed):
        for part in fit(a_send(composed.body, *composed.extras)).parts:
            checked(part)
