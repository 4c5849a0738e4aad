"""Message templates: what one asks for, whether values fit it, and how it reads with them. Pure.

A template was approved beforehand by the channel's owner; outside the service window nothing else can be sent. One name may
exist in many languages. (WhatsApp: templates/overview, components.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bridge.content.outward import Filling, TemplateMessage
from bridge.content.unfit import UnfitError
from bridge.markup import (
    Bold,
    Code,
    Document,
    Italic,
    Link,
    ListBlock,
    Node,
    Pre,
    Quote,
    Strike,
    Text,
    compact,
    text,
)

MOST_OF_A_VALUE = 1024
"""Characters of one value."""
MOST_OF_A_LABEL = 60
"""Characters of a campaign's name."""
APPROVED = "APPROVED"
_FIELD = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_UNSENDABLE = re.compile(r"[\n\t]| {5,}")
_NONE = "There are no templates here. They are made and approved on the contacts' platform, and read every 15 minutes."
_CAMPAIGN = re.compile(r'\s*campaign:(?:"([^"]+)"|(\S+))\s*', re.IGNORECASE)
_MEDIA = frozenset({"image", "video", "document"})
_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A button of a template. `kind` is the platform's word in small letters: `quick_reply`, `url`, `copy_code` …"""

    kind: str
    label: str
    url: str = ""


class Template(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A template in one language."""

    name: str
    language: str
    body: Document
    category: str = ""
    """In small letters: `utility`, `marketing`, `authentication`."""
    status: str = APPROVED
    header: str = ""
    """Its text, where it is one."""
    header_kind: str = ""
    """`text`, `image`, `video`, `document`, `location`; empty: none."""
    footer: str = ""
    buttons: tuple[Answer, ...] = ()


class Slot(msgspec.Struct, frozen=True, gc=False):
    """A value that a template asks for."""

    part: str
    kind: str
    name: str
    """For people: the parameter's name or number, or what it is for."""
    key: str = ""
    """The parameter's name where it has one."""
    button: int = 0


def find(templates: Sequence[Template], name: str, language: str = "") -> Template | None:
    """The template of a name; of several languages the first that can be sent, unless one is named."""
    there = [one for one in templates if one.name == name]
    if language:
        there = [one for one in there if same_language(one.language, language)]
    return next((one for one in there if one.status == APPROVED), next(iter(there), None))


def same_language(one: str, other: str) -> bool:
    """`en-US` and `en_US` are the same."""
    return one.replace("-", "_").lower() == other.replace("-", "_").lower()


def slots(template: Template) -> list[Slot]:
    """What has to be given, in the order in which it is read."""
    found: list[Slot] = []
    if template.header_kind in _MEDIA:
        what = f"web address of the {template.header_kind}"
        found.append(Slot("header", template.header_kind, what))
    elif template.header_kind == "location":
        found.append(Slot("header", "location", "latitude,longitude,name"))
    found += [_slot("header", name) for name in _names(template.header)]
    found += [_slot("body", name) for name in _fields(template.body)]
    for at, button in enumerate(template.buttons):
        if button.kind == "url" and _FIELD.search(button.url):
            found.append(Slot("button", "text", f"end of the address of “{button.label}”", button=at))
        elif button.kind == "copy_code":
            found.append(Slot("button", "coupon_code", f"code of “{button.label}”", button=at))
    return found


def _slot(part: str, name: str) -> Slot:
    return Slot(part, "text", name, key="" if name.isdigit() else name)


def _names(words: str) -> list[str]:
    return list(dict.fromkeys(_FIELD.findall(words)))


def _fields(document: Document) -> list[str]:
    return list(dict.fromkeys(name for words in _texts(document) for name in _FIELD.findall(words)))


def _texts(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        match node:
            case Text() | Code() | Pre():
                yield node.text
            case Bold() | Italic() | Strike() | Quote():
                yield from _texts(node.children)
            case ListBlock():
                for item in node.items:
                    yield from _texts(item)
            case Link():
                yield node.url
            case _:
                pass


def filled(template: Template, values: Sequence[str], campaign: str = "") -> TemplateMessage:
    """The message, with values in the order of `slots`, or as `name=value`. Raises `UnfitError`."""
    if len(campaign) > MOST_OF_A_LABEL:
        raise UnfitError(f"The name of the campaign is longer than {MOST_OF_A_LABEL} characters.")
    if template.status != APPROVED:
        state = template.status.lower().replace("_", " ")
        raise UnfitError(f"The template `{template.name}` cannot be sent: it is {state}.")
    wanted = slots(template)
    given = _by_slot(wanted, values)
    if len(given) < len(wanted):
        raise UnfitError(_asks(template, wanted, f"{len(given)} of {len(wanted)} values were given"))
    if len(values) > len(wanted):
        raise UnfitError(_asks(template, wanted, f"{len(values)} values were given"))
    for slot, value in zip(wanted, given, strict=True):
        if wrong := problem(slot, value):
            raise UnfitError(wrong)
    fillings = tuple(
        Filling(part=slot.part, value=value, name=slot.key, kind=slot.kind, button=slot.button)
        for slot, value in zip(wanted, given, strict=True)
    )
    return TemplateMessage(
        name=template.name,
        language=template.language,
        words=rendered(template, fillings),
        fillings=fillings,
        campaign=campaign,
    )


def typed(line: str, templates: Sequence[Template]) -> TemplateMessage:
    """`[campaign:<label>] <name> [language] <value> | <value> …`. Raises `UnfitError`, in words, for what cannot be sent."""
    label = _CAMPAIGN.match(line)
    if label:
        line = line[label.end() :]
    words = line.split(maxsplit=2)
    name = words[0] if words else ""
    language, rest = "", line.strip()[len(name) :]
    if len(words) > 1 and any(
        one.name == name and same_language(one.language, words[1]) for one in templates
    ):
        language = words[1]
        rest = words[2] if len(words) > 2 else ""
    template = find(templates, name, language)
    if template is None:
        raise UnfitError(unknown(name, templates))
    values = [one.strip() for one in rest.split("|")] if rest.strip() else []
    return filled(template, values, (label[1] or label[2]) if label else "")


def unknown(name: str, templates: Sequence[Template]) -> str:
    """Why there is no such template, and what to do."""
    if not templates:
        return _NONE
    return f"There is no template `{name[:60]}`. `!templates` lists those that there are."


def _by_slot(wanted: Sequence[Slot], values: Sequence[str]) -> list[str]:
    keys = {slot.key for slot in wanted if slot.key}
    named: dict[str, str] = {}
    rest: list[str] = []
    for value in values:
        found = _NAMED.fullmatch(value)
        if found and found[1] in keys:
            named[found[1]] = found[2].strip()
        else:
            rest.append(value)
    given = []
    for slot in wanted:
        if slot.key in named:
            given.append(named[slot.key])
        elif rest:
            given.append(rest.pop(0))
    return given


def _asks(template: Template, wanted: Sequence[Slot], why: str) -> str:
    names = ", ".join(slot.name for slot in wanted) or "none"
    return (
        f"The template `{template.name}` ({template.language}) takes {len(wanted)} values ({names}); {why}."
    )


def problem(slot: Slot, value: str) -> str:
    """What is wrong with a value, in words; empty: nothing."""
    if not value.strip():
        return f"The value for `{slot.name}` is empty."
    if len(value) > MOST_OF_A_VALUE:
        return f"The value for `{slot.name}` is longer than {MOST_OF_A_VALUE} characters."
    if _UNSENDABLE.search(value):
        return f"The value for `{slot.name}` has a line break, a tab or more than four spaces in a row."
    if slot.kind in _MEDIA and not value.startswith("https://"):
        return f"The value for `{slot.name}` has to be a web address (https://…)."
    return ""


def rendered(template: Template, fillings: Sequence[Filling] = ()) -> Document:
    """As the contact reads it; what is not filled in stays as `{{1}}`."""
    header = _given(template.header, fillings, "header")
    parts: list[Document] = []
    if template.header_kind in _MEDIA | {"location"}:
        parts.append(text(f"[{template.header_kind}]"))
    elif header:
        parts.append((Bold((Text(header),)),))
    parts.append(_with(template.body, _values(fillings, "body")))
    if template.footer:
        parts.append((Italic((Text(template.footer),)),))
    if template.buttons:
        parts.append(text(" ".join(f"[{one.label}]" for one in template.buttons)))
    nodes: list[Node] = []
    for part in parts:
        nodes += [*([Text("\n")] if nodes else []), *part]
    return compact(nodes)


def _values(fillings: Sequence[Filling], part: str) -> dict[str, str]:
    """By parameter: its name, or its number."""
    mine = [one for one in fillings if one.part == part and one.kind == "text"]
    return {one.name or str(at): one.value for at, one in enumerate(mine, 1)}


def _given(words: str, fillings: Sequence[Filling], part: str) -> str:
    values = _values(fillings, part)
    return _FIELD.sub(lambda found: values.get(found[1], found[0]), words)


def _with(nodes: Sequence[Node], values: Mapping[str, str]) -> Document:
    return tuple(_one_with(node, values) for node in nodes)


def _one_with(node: Node, values: Mapping[str, str]) -> Node:
    match node:
        case Text() | Code() | Pre():
            return type(node)(_FIELD.sub(lambda found: values.get(found[1], found[0]), node.text))
        case Bold() | Italic() | Strike() | Quote():
            return type(node)(_with(node.children, values))
        case ListBlock():
            items = tuple(_with(item, values) for item in node.items)
            return ListBlock(node.ordered, items, node.indent, node.start)
        case _:
            return node
