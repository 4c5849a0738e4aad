"""`!template` and `!templates`: which template is meant, with what values, and what people read of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.content import TemplateMessage
from bridge.content.templates import (
    APPROVED,
    Template,
    UnfitError,
    filled,
    find,
    rendered,
    same_language,
    slots,
)
from bridge.markup import Code, Document, ListBlock, Node, Text, compact, text
from bridge.routing.texts import say

MOST_SHOWN = 40
_NONE = "There are no templates here. They are made and approved on the contacts' platform, and read every 15 minutes."


def read(typed: str, templates: Sequence[Template]) -> TemplateMessage:
    """`<name> [language] <value> | <value> …`. Raises `UnfitError`, in words, for what cannot be sent."""
    words = typed.split(maxsplit=2)
    name = words[0] if words else ""
    language, rest = "", typed.strip()[len(name) :]
    if len(words) > 1 and any(
        one.name == name and same_language(one.language, words[1]) for one in templates
    ):
        language = words[1]
        rest = words[2] if len(words) > 2 else ""
    template = find(templates, name, language)
    if template is None:
        raise UnfitError(_unknown(name, templates))
    values = [one.strip() for one in rest.split("|")] if rest.strip() else []
    return filled(template, values)


def _unknown(name: str, templates: Sequence[Template]) -> str:
    if not templates:
        return _NONE
    return f"There is no template `{name[:60]}`. `!templates` lists those that there are."


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
        return say(_unknown(name, templates))
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
