"""Meta's own examples of bodies (fixtures/whatsapp/official): the sandbox takes them, and ours are made of the same fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.base import Outgoing
from bridge.adapters.whatsapp.outgoing import body_of
from bridge.content import Filling, StaffFile, TemplateMessage
from bridge.markup import text
from bridge.sandbox.whatsapp.checks import MarkRead, Send, parse
from bridge.sandbox.whatsapp.errors import GraphError
from tests.adapters.whatsapp.test_outgoing import (
    BUTTONS,
    CARD,
    LINK,
    MENU,
    PICTURE,
    SHOP,
    SOUND,
    TEMPLATE,
    upload,
)

EXAMPLES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "whatsapp" / "official" / "sending.json").read_text()
)
FOREIGN = ("Catalog Message", "Flow by", "Product Message", "Order")
"""What a business needs a shop or a flow of its own for: nothing here sends it."""
UNTYPED = {"Send Reply to List Message", "Send Text Message with Preview URL"}
"""Two examples leave out `type`, which the documentation calls required."""
BEYOND = {
    "context.message_id",
    "image.caption",
    "audio.voice",
    "template.components[].parameters[].parameter_name",
    "template.components[].parameters[].coupon_code",
    "template.components[].parameters[].image.id",
    "template.components[].parameters[].text",
}
"""Fields that the documentation has (answers to what is interactive, captions of pictures, voice messages, named
parameters, coupon codes, media by id), and no example.
"""


def ours() -> dict[str, dict[str, Any]]:
    """A body of each kind that we send, as full as it gets."""
    quoted = "wamid.HBgLM"
    document = StaffFile(file="F9", name="a.pdf", mime="application/pdf")
    plain = TemplateMessage(
        name="hello", language="en_US", words=text("x"), fillings=(Filling("body", "Ana"),)
    )
    return {
        "text": body_of(Outgoing(text="See https://a.example", quotes=quoted)),
        "image": body_of(Outgoing(text="Look", extra=PICTURE, quotes=quoted), upload("image")),
        "video": body_of(Outgoing(text="Look", extra=PICTURE, quotes=quoted), upload("video")),
        "document": body_of(Outgoing(text="Look", extra=document), upload("document", name="a.pdf")),
        "audio": body_of(Outgoing(extra=SOUND, quotes=quoted), upload("audio")),
        "voice": body_of(Outgoing(extra=SOUND), upload("voice")),
        "location": body_of(Outgoing(extra=SHOP, quotes=quoted)),
        "contacts": body_of(Outgoing(extra=CARD, quotes=quoted)),
        "buttons": body_of(Outgoing(text="Yes?", extra=BUTTONS, quotes=quoted)),
        "list": body_of(Outgoing(text="Which?", extra=MENU, quotes=quoted)),
        "template": body_of(Outgoing(extra=TEMPLATE)),
        "plain template": body_of(Outgoing(extra=plain)),
    }


def filled(value: Any) -> Any:
    """An example with values in place of what stands for them."""
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one) for one in value]
    if isinstance(value, str):
        known = value.replace("{{Recipient-Phone-Number}}", "+16505551234").replace("http(s)://", "https://")
        known = known.replace("language-and-locale-code", "en_US")
        return known.replace("<", "").replace(">", "")
    return value


def paths(value: object, at: str = "") -> Iterator[tuple[str, type]]:
    """Every field of a body with the type of its value; all elements of a list count as one."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from paths(one, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for one in value:
            yield from paths(one, f"{at}[]")
    else:
        yield at, str if isinstance(value, str) else type(value)


def official(body: dict[str, Any]) -> set[tuple[str, type]]:
    """The fields of all examples of a body's kind, and of an interactive one's."""
    kind, inner = body["type"], (body.get("interactive") or {}).get("type")
    found: set[tuple[str, type]] = set()
    for example in EXAMPLES.values():
        if example.get("type") == kind and (example.get("interactive") or {}).get("type") == inner:
            found |= set(paths(example))
    return found


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_sandbox_reads_metas_examples(name: str) -> None:
    """Those of what needs a shop or a flow are refused in words, and only those."""
    body = filled(EXAMPLES[name])
    if name in UNTYPED or any(word in name for word in FOREIGN):
        with pytest.raises(GraphError):
            parse(body)
    else:
        assert isinstance(parse(body), Send | MarkRead)


@pytest.mark.parametrize("kind", sorted(ours()))
def test_ours_are_made_of_the_same_fields(kind: str) -> None:
    """By name, place and type; what no example shows is listed above, with the reason."""
    body = ours()[kind]
    known = official(body)
    extra = {path for path, value in paths(body) if (path, value) not in known}
    assert extra <= BEYOND, sorted(extra - BEYOND)


def test_kinds_without_an_example() -> None:
    """A link behind a button has none: it is held to the documentation's limits by the sandbox alone."""
    assert not official(body_of(Outgoing(text="Track", extra=LINK)))
