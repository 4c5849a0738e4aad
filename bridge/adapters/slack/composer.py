"""The form in which messages are put together: its fields by kind, what the contact will read, and what is wrong. Pure.

One view for all kinds, built anew from what was entered so far whenever that changes, so that the preview and the
limits follow while somebody types. Fields keep their block ids, by which Slack keeps what was typed in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from bridge.adapters.slack.format import escape, from_slack, sections, to_slack_text
from bridge.adapters.slack.ids import DESK
from bridge.adapters.slack.panel import Block, context, cut, mrkdwn, plain
from bridge.content import TemplateMessage, making
from bridge.content.limits import Limits
from bridge.content.making import Composed
from bridge.content.templates import (
    APPROVED,
    MOST_OF_A_LABEL,
    MOST_OF_A_VALUE,
    Slot,
    Template,
    filled,
    problem,
    rendered,
    slots,
)
from bridge.content.unfit import UnfitError
from bridge.markup import Document, is_blank
from bridge.model import Place, Struct, digest

CALLBACK = "tl_compose"
"""`callback_id` of the form."""
KIND, INBOX, KNOWN, PHONE, CHOSEN, CAMPAIGN = "kind", "inbox", "known", "phone", "template", "campaign"
"""Blocks that are there for every kind, or for templates."""
VALUE = "value"
"""`action_id` of every field."""
ANY = "tl:compose"
TEMPLATE = "template"
_CODE = re.compile("`([^`]*)`")
_METADATA_LIMIT = 3000
_INPUT_LIMIT = 3000
_PREVIEW_LIMIT = 2800
_OPTIONS = 100
_PRICES = {
    "marketing": "Marketing: charged per message.",
    "utility": "Utility: free within the 24 hours, else charged.",
    "authentication": "Authentication: charged per message.",
}


class Field(Struct, frozen=True):
    """One thing to type."""

    key: str
    label: str
    hint: str = ""
    lines: bool = False
    most: Callable[[Limits], int] = lambda _limits: _INPUT_LIMIT
    optional: bool = False


class Kind(Struct, frozen=True):
    """One kind of message; `name` is the command that does the same."""

    name: str
    label: str
    fields: tuple[Field, ...]
    made: Callable[[Mapping[str, str]], Composed]


def _lines(typed: str) -> list[str]:
    return [" ".join(line.split()) for line in typed.splitlines() if line.strip()]


def _words(typed: str) -> Document:
    """What was typed, with the markup that Slack's people type."""
    return from_slack(None, escape(typed.strip()))


def _place(values: Mapping[str, str]) -> Composed:
    words = (values["place"], values["name"], "|", values["address"])
    return making.location(" ".join(one for one in words if one.strip()))


def _text(values: Mapping[str, str]) -> Composed:
    body = _words(values["body"])
    if is_blank(body):
        raise UnfitError("The text is missing.")
    return Composed(body=body)


_QUESTION = Field("question", "Question", lines=True, most=lambda limits: limits.question)
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("reply", "Text", (Field("body", "Text", lines=True),), _text),
        Kind(
            "buttons",
            "Question with buttons",
            (_QUESTION, Field("answers", "Answers", "One on each line.", lines=True)),
            lambda values: making.buttons(_words(values["question"]), _lines(values["answers"])),
        ),
        Kind(
            "list",
            "Question with a list",
            (
                Field("question", "Question", lines=True, most=lambda limits: limits.menu_question),
                Field("button", "Label of the button", most=lambda limits: limits.menu_button),
                Field(
                    "answers",
                    "Answers",
                    "One on each line, what it means behind a dash: Oslo – two seats. A line with # in front begins a section.",
                    lines=True,
                ),
            ),
            lambda values: making.menu(
                _words(values["question"]), values["button"], _lines(values["answers"])
            ),
        ),
        Kind(
            "link",
            "Link behind a button",
            (
                Field("body", "Text", lines=True, most=lambda limits: limits.question),
                Field("title", "Label of the button", most=lambda limits: limits.link),
                Field("url", "Web address", most=lambda limits: limits.url),
            ),
            lambda values: making.link(_words(values["body"]), values["title"], values["url"]),
        ),
        Kind(
            "location",
            "Place",
            (
                Field("place", "Where", "Latitude and longitude, or the address of a map."),
                Field("name", "Name", optional=True),
                Field("address", "Address", optional=True),
            ),
            _place,
        ),
        Kind(
            "contact",
            "Contact card",
            (Field("cards", "Contacts", "On each line a name, +number and mail address.", lines=True),),
            lambda values: making.cards(_lines(values["cards"])),
        ),
        Kind(
            "ask-location",
            "Ask for a place",
            (_QUESTION,),
            lambda values: making.ask_location(_words(values["question"])),
        ),
    )
}


class Start(Struct, frozen=True):
    """Where the form was opened and for whom, carried in its `private_metadata`; it may be sent off hours later."""

    ref: str = ""
    """The conversation; empty: somebody is written to first."""
    inboxes: tuple[str, ...] = ()
    """To choose from, where somebody is written to first."""
    channel: str = ""
    thread: str = ""
    handle: str = ""

    def place(self) -> Place | None:
        """Where answers go."""
        if not self.channel:
            return None
        return Place(desk=DESK, channel=self.channel, thread=self.thread or None)

    def encode(self) -> str:
        """As JSON within Slack's 3,000 characters; the handle can be done without."""
        packed = msgspec.json.encode(self).decode()
        if len(packed) > _METADATA_LIMIT:
            packed = msgspec.json.encode(msgspec.structs.replace(self, handle="")).decode()
        return packed

    @classmethod
    def decode(cls, packed: str) -> Start | None:
        """None when it is not one of ours."""
        try:
            return msgspec.json.decode(packed, type=cls)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None


class Shop(Struct, frozen=True):
    """What there is to choose from, and what is allowed."""

    limits: Limits
    templates: tuple[Template, ...] = ()
    inboxes: Mapping[str, str] = {}
    """Names by id."""
    closed: bool = False
    """Nothing but a template can be sent."""
    chosen: str = ""
    """The inbox to begin with."""


class Entered(Struct, frozen=True):
    """What was entered so far."""

    kind: str
    values: Mapping[str, str]
    """By block."""

    def inbox(self, shop: Shop) -> str:
        """The inbox that is written from, where it can be chosen."""
        return self.values.get(INBOX) or shop.chosen or next(iter(shop.inboxes), "")


class Wrong(Exception):  # noqa: N818 - it is shown to people, and ends nothing
    """What is wrong, and in which block."""

    def __init__(self, block: str, words: str) -> None:
        super().__init__(words)
        self.block = block
        # Slack shows it as it is.
        self.words = _CODE.sub("\u201c\\1\u201d", words)


def entered(view: Mapping[str, Any], kind: str = "") -> Entered:
    """Read a view's state."""
    state = (view.get("state") or {}).get("values") or {}
    values: dict[str, str] = {}
    for block, fields in state.items():
        if isinstance(fields, Mapping):
            for field in fields.values():
                value = _value(field)
                if value is not None:
                    values[str(block)] = value
    return Entered(values.get(KIND) or kind or "reply", values)


def _value(field: object) -> str | None:
    if not isinstance(field, Mapping):
        return None
    option = field.get("selected_option")
    value = option.get("value") if isinstance(option, Mapping) else field.get("value")
    return value if isinstance(value, str) else None


# ------------------------------------------------------------------------------------------------- messages


def made(given: Entered, shop: Shop) -> Composed:
    """The message. Raises `Wrong`."""
    if given.kind == TEMPLATE:
        return Composed(body=(), extras=(message(given, shop),))
    kind = KINDS.get(given.kind)
    if kind is None:
        raise Wrong(KIND, "This kind of message is not known any more. Choose another one.")
    values = {field.key: given.values.get(_block(kind, field), "") for field in kind.fields}
    try:
        return making.checked(kind.made(values), shop.limits)
    except UnfitError as problem:
        raise Wrong(_block_of(kind, problem.words), problem.words) from None


def _block_of(kind: Kind, words: str) -> str:
    """The field that words about a mistake name, else the last one, which is the most particular."""
    named = next((one for one in kind.fields if words.lower().startswith(f"the {one.label.lower()}")), None)
    return _block(kind, named or kind.fields[-1])


def _block(kind: Kind, field: Field) -> str:
    return f"{kind.name}:{field.key}"


def message(given: Entered, shop: Shop) -> TemplateMessage:
    """The template, filled. Raises `Wrong`."""
    template = chosen(given, shop)
    if template is None:
        raise Wrong(_picker(given, shop), "Choose a template.")
    wanted = slots(template)
    values = [given.values.get(_slot_block(template, at), "") for at in range(len(wanted))]
    for at, (slot, value) in enumerate(zip(wanted, values, strict=True)):
        if words := problem(slot, value):
            raise Wrong(_slot_block(template, at), words)
    try:
        return filled(template, values, given.values.get(CAMPAIGN, "").strip())
    except UnfitError as unfit:
        raise Wrong(_picker(given, shop), unfit.words) from None


def chosen(given: Entered, shop: Shop) -> Template | None:
    """The template that is chosen, if it is still there."""
    wanted = given.values.get(_picker(given, shop), "")
    return next((one for one in shop.templates if template_id(one) == wanted), None)


def _picker(given: Entered, shop: Shop) -> str:
    """The block with the templates; another inbox has others, so what was chosen there is left behind."""
    return f"{CHOSEN}:{given.inbox(shop)}" if shop.inboxes else CHOSEN


def template_id(template: Template) -> str:
    """A name for it that fits into an option."""
    return digest(f"{template.name}|{template.language}", 8)


def _slot_block(template: Template, at: int) -> str:
    return f"slot:{template_id(template)}:{at}"


def options(shop: Shop, typed: str) -> list[Block]:
    """The templates that can be sent and whose name, language or words hold what was typed."""
    wanted = typed.casefold().split()
    found = [
        one
        for one in shop.templates
        if one.status == APPROVED
        and all(word in f"{one.name} {one.language} {one.category}".casefold() for word in wanted)
    ]
    return [_option(one) for one in found[:_OPTIONS]]


def _option(template: Template) -> Block:
    label = f"{template.name} ({template.language}, {template.category or 'no category'})"
    return {"text": plain(label, 75), "value": template_id(template)}


# ---------------------------------------------------------------------------------------------------- views


def view(start: Start, given: Entered, shop: Shop) -> Block:
    """The form as it is now."""
    first = not start.ref
    blocks: list[Block] = []
    if first:
        blocks += _whom(given, shop)
        given = Entered(TEMPLATE, given.values)
    else:
        blocks.append(_kinds(given))
    if shop.closed and given.kind != TEMPLATE:
        blocks.append(
            context(
                mrkdwn(":warning: The time for free text is over: this would wait until they answer.", 2000)
            )
        )
    if given.kind == TEMPLATE:
        blocks += _template_fields(given, shop)
    else:
        blocks += [*_fields(given, shop), {"type": "divider"}, *_preview(given, shop)]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain("New conversation" if first else "Compose a message", 24),
        "submit": plain("Send", 24),
        "close": plain("Cancel", 24),
        "private_metadata": start.encode(),
        "blocks": blocks,
    }


def _kinds(given: Entered) -> Block:
    options = [{"text": plain(kind.label, 75), "value": kind.name} for kind in KINDS.values()]
    options.append({"text": plain("Template", 75), "value": TEMPLATE})
    return _asking(KIND, "What", _select(options, given.kind), told=True)


def _select(options: Sequence[Block], chosen: str) -> Block:
    element: Block = {"type": "static_select", "options": list(options)}
    first = next((one for one in options if one["value"] == chosen), None)
    return element | {"initial_option": first} if first else element


def _whom(given: Entered, shop: Shop) -> list[Block]:
    blocks = []
    if len(shop.inboxes) > 1:
        options = [{"text": plain(name, 75), "value": key} for key, name in shop.inboxes.items()]
        blocks.append(_asking(INBOX, "From", _select(options, given.inbox(shop)), told=True))
    known = {
        "type": "external_select",
        "placeholder": plain("Type a name or a number", 150),
        "min_query_length": 2,
    }
    phone = {"type": "plain_text_input", "placeholder": plain("+49 170 1234567", 150), "max_length": 40}
    blocks.append(_asking(KNOWN, "To somebody known", known, optional=True))
    blocks.append(_asking(PHONE, "Or to a number, with its country code", phone, optional=True))
    return blocks


def _fields(given: Entered, shop: Shop) -> list[Block]:
    kind = KINDS.get(given.kind) or KINDS["reply"]
    return [
        _asking(
            _block(kind, field),
            field.label,
            _typing(min(field.most(shop.limits), _INPUT_LIMIT), lines=field.lines),
            hint=field.hint,
            optional=field.optional,
            told=True,
        )
        for field in kind.fields
    ]


def _typing(most: int, *, lines: bool = False) -> Block:
    return {
        "type": "plain_text_input",
        "multiline": lines,
        "max_length": most,
        "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]},
    }


def _template_fields(given: Entered, shop: Shop) -> list[Block]:
    if not any(one.status == APPROVED for one in shop.templates):
        words = (
            "There is no template that could be sent. They are made and approved on the contacts' platform, "
            "and read every 15 minutes."
        )
        return [{"type": "section", "text": plain(words, _INPUT_LIMIT)}]
    picker = {
        "type": "external_select",
        "placeholder": plain("Choose one, or type a part of its name", 150),
        "min_query_length": 0,
    }
    template = chosen(given, shop)
    if template is not None:
        picker["initial_option"] = _option(template)
    blocks = [_asking(_picker(given, shop), "Template", picker, told=True)]
    if template is None:
        return blocks
    price = _PRICES.get(template.category)
    if price:
        blocks.append(context(plain(price, 2000)))
    # Above the values, because it says what they are for.
    blocks += _preview(given, shop)
    for at, slot in enumerate(slots(template)):
        blocks.append(
            _asking(_slot_block(template, at), _slot_label(slot), _typing(MOST_OF_A_VALUE), told=True)
        )
    label = {"type": "plain_text_input", "max_length": MOST_OF_A_LABEL}
    hint = "For your own counting: the contact does not see it."
    blocks.append(_asking(CAMPAIGN, "Campaign", label, hint=hint, optional=True))
    return blocks


def _slot_label(slot: Slot) -> str:
    part = {"header": "Heading: ", "button": "Button: "}.get(slot.part, "")
    return cut(f"{part}{slot.name}" if part or not slot.name.isdigit() else f"Value {slot.name}", 200)


def _asking(
    block: str, label: str, element: Block, *, hint: str = "", optional: bool = False, told: bool = False
) -> Block:
    asked: Block = {
        "type": "input",
        "block_id": block,
        "label": plain(label, 2000),
        "optional": optional,
        "element": {"action_id": f"{ANY}:{VALUE}", **element},
    }
    if told:
        asked["dispatch_action"] = True
    return asked | {"hint": plain(hint, 2000)} if hint else asked


def _preview(given: Entered, shop: Shop) -> list[Block]:
    """What the contact reads, or what is still missing."""
    wrong = ""
    shown: Document
    try:
        shown = made(given, shop).whole()
    except Wrong as problem:
        template = chosen(given, shop) if given.kind == TEMPLATE else None
        wrong, shown = problem.words, rendered(template) if template else ()
    blocks: list[Block] = []
    if shown:
        blocks.append(context(plain("The contact reads:", 2000)))
        blocks += sections(cut(to_slack_text(shown), _PREVIEW_LIMIT))
    if wrong:
        blocks.append(context(plain(cut(f"Not yet: {wrong}", 1900), 2000)))
    return blocks
