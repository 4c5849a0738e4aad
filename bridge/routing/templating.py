"""`!template` and `!templates`: what people read of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.content import TemplateMessage
from bridge.content.templates import APPROVED, Template, rendered, slots, unknown
from bridge.markup import Code, Document, ListBlock, Node, Text, compact, text
from bridge.routing.texts import say

MOST_SHOWN = 40


def refused(why: str) -> Document:
    """`!template` that makes no sense."""
    return compact(
        (
            *say(f"Not sent. {why} Example: "),
            Code("!template order_update en_US 4471 | Maya | Friday"),
        )
    )


def shown(by: str, message: TemplateMessage) -> Document:
    """What a template says, for those who read in the thread."""
    head = say(
        "*{by}* sends the template `{name}` ({language}):",
        by=by,
        name=message.name,
        language=message.language,
    )
    return compact((*head, Text("\n"), *message.words))


def listed(templates: Sequence[Template], name: str) -> Document:
    """The templates of an inbox, or one of them with what it takes."""
    found = [one for one in templates if not name or one.name == name]
    if not found:
        return say(unknown(name, templates))
    if name:
        return _whole(found)
    items = tuple(
        compact((Code(one.name), *say(" ({language}, {about})", language=one.language, about=_about(one))))
        for one in found[:MOST_SHOWN]
    )
    more = len(found) - len(items)
    tail = text(f"\n… and {more} more: name one to see it.") if more > 0 else ()
    return compact((*say("*Templates*"), ListBlock(ordered=False, items=items), *tail))


def _whole(found: Sequence[Template]) -> Document:
    nodes: list[Node] = []
    for one in found:
        takes = ", ".join(slot.name for slot in slots(one)) or "nothing"
        nodes += say(
            "*{name}* ({language}, {about})", name=one.name, language=one.language, about=_about(one)
        )
        nodes += [Text("\n"), *rendered(one), Text(f"\nTakes: {takes}\n")]
    return compact(nodes)


def _about(template: Template) -> str:
    price = {
        "marketing": "marketing: charged per message",
        "utility": "utility: charged outside the 24 hours",
        "authentication": "authentication: charged per message",
    }.get(template.category, template.category)
    state = "" if template.status == APPROVED else f", {template.status.lower()}: cannot be sent"
    return price + state
