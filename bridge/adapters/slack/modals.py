"""Modals: what they ask, what they carry, and how a submitted one is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import field

from bridge.adapters.slack.ids import Ref
from bridge.adapters.slack.panel import Block, cut, instant, mrkdwn, one_line, plain
from bridge.markup import Document, Mention, MentionKind, Text, clean
from bridge.model import Contact, Conversation, OpenConversation, Struct

COMMAND = "tl_command"
"""`callback_id` of every modal that ends in a command."""
DETAILS = "tl_details"

_TITLE_LIMIT = 24
_METADATA_LIMIT = 3000
_OPTIONS = 100
_INPUT_LIMIT = 3000

_ASKS = {
    "assign": "person",
    "note": "words",
    "reply": "words",
    "tag": "tags",
}
_CONFIRMS = {
    "close": (
        "A closed conversation never opens again: the contact's next message starts a new one. "
        "To have it re-open, resolve it instead."
    ),
    "resolve": "The conversation is marked as resolved. The contact's next message re-opens it.",
}


class Origin(Struct, frozen=True):
    """Where a modal was opened, carried in its `private_metadata`; it may be submitted hours later."""

    command: str
    ref: str = ""
    channel: str = ""
    thread: str = ""
    handle: str = ""
    args: str = ""

    def encode(self) -> str:
        """As JSON within Slack's 3,000 characters; what can be done without goes first."""
        text = msgspec.json.encode(self).decode()
        if len(text) > _METADATA_LIMIT:
            text = msgspec.json.encode(msgspec.structs.replace(self, handle="")).decode()
        return text if len(text) <= _METADATA_LIMIT else ""

    @classmethod
    def decode(cls, text: str) -> Origin | None:
        """None when it is not one of ours."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError:
            return None


class Submitted(Struct, frozen=True):
    """What a submitted modal says; `errors` (by block) are shown to the person and nothing else happens."""

    ref: Ref | None = None
    line: str = ""
    body: Document = ()
    errors: dict[str, str] = field(default_factory=dict)


def needs_argument(command: str) -> bool:
    """True when `command` wants a person, words or tags that a modal can ask for."""
    return command in _ASKS


def command_modal(origin: Origin, choices: Sequence[Sequence[OpenConversation]] = ((), ())) -> Block:
    """The modal that completes `origin.command`.

    It asks for the conversation where `origin.ref` is empty (out of `choices`: mine, and those of nobody), and for
    the command's argument where `origin.args` is empty.
    """
    blocks: list[Block] = []
    if not origin.ref:
        blocks.append(_conversation_input(choices))
    elif origin.command in _CONFIRMS:
        blocks.append({"type": "section", "text": plain(_CONFIRMS[origin.command], _INPUT_LIMIT)})
    if not origin.args and origin.command in _ASKS:
        blocks.append(_argument_input(origin.command))
    name = origin.command.capitalize()
    return {
        "type": "modal",
        "callback_id": COMMAND,
        "title": plain(f"{name} a conversation" if len(name) < 8 else name, _TITLE_LIMIT),
        "submit": plain(name, _TITLE_LIMIT),
        "close": plain("Cancel", _TITLE_LIMIT),
        "private_metadata": origin.encode(),
        "blocks": blocks,
    }


def _conversation_input(choices: Sequence[Sequence[OpenConversation]]) -> Block:
    labels = ("My conversations", "Assigned to nobody")
    groups = [
        {"label": plain(label, 75), "options": [_option(row) for row in rows[:_OPTIONS]]}
        for label, rows in zip(labels, choices, strict=False)
        if rows
    ]
    return {
        "type": "input",
        "block_id": "conversation",
        "label": plain("Conversation", 2000),
        "element": {
            "type": "static_select",
            "action_id": "value",
            "placeholder": plain("Choose one", 150),
            "option_groups": groups,
        },
    }


def _option(row: OpenConversation) -> Block:
    ref = Ref(contact=row.contact, conversation=row.id)
    label = f"#{row.number} {one_line(row.name)}".strip()
    return {"text": plain(label, 75), "value": ref.encode()[:150]}


def _argument_input(command: str) -> Block:
    ask = _ASKS[command]
    if ask == "person":
        element: Block = {
            "type": "users_select",
            "action_id": "value",
            "placeholder": plain("Choose one", 150),
        }
        label = "Who takes it?"
    elif ask == "tags":
        element = {"type": "plain_text_input", "action_id": "value", "placeholder": plain("vip -old", 150)}
        label = "Tags to add; with a minus to remove"
    else:
        element = {"type": "plain_text_input", "action_id": "value", "multiline": True}
        label = "Note for colleagues" if command == "note" else "Text for the contact"
    if element["type"] == "plain_text_input":
        element["max_length"] = _INPUT_LIMIT
    return {"type": "input", "block_id": ask, "label": plain(label, 2000), "element": element}


def read_submission(view: Mapping[str, Any], origin: Origin) -> Submitted:
    """The command that a submitted modal stands for, or what is wrong with the input."""
    values = (view.get("state") or {}).get("values") or {}
    ref = Ref.decode(origin.ref or str(_value(values, "conversation") or ""))
    if ref is None:
        return Submitted(errors={"conversation": "Choose a conversation."})
    head = f"{origin.command} {origin.args}".strip()
    ask = _ASKS.get(origin.command)
    if ask is None or origin.args:
        return Submitted(ref=ref, line=head, body=(Text(head),))
    given = _value(values, ask)
    if ask == "person":
        if not given:
            return Submitted(errors={ask: "Choose a person."})
        body = (Text(f"{head} "), Mention(MentionKind.PERSON, str(given)))
        return Submitted(ref=ref, line=f"{head} <@{given}>", body=body)
    words = clean(str(given or "")).strip()
    if not words:
        return Submitted(errors={ask: "Type something."})
    line = f"{head} {words}"
    return Submitted(ref=ref, line=line, body=(Text(line),))


def _value(values: Mapping[str, Any], block: str) -> Any:  # noqa: ANN401 - Slack's value types vary by element
    state = ((values.get(block) or {}).get("value")) or {}
    if chosen := state.get("selected_option"):
        return chosen.get("value")
    return state.get("selected_user") or state.get("value")


def details_modal(contact: Contact, conversation: Conversation, label: str, inbox: str) -> Block:
    """What is known of a conversation, for the person who asked. `label` is the masked number or username."""
    rows = [
        ("Name", one_line(contact.name)),
        ("Reached at", one_line(label)),
        ("Inbox", one_line(inbox)),
        ("Status", conversation.status.value),
        ("Priority", conversation.priority.value),
        ("Tags", ", ".join(one_line(tag) for tag in conversation.tags)),
    ]
    instants = [
        ("Opened", conversation.opened_at),
        ("Waiting since", conversation.waiting_since),
        ("Free text until", conversation.window_until),
    ]
    lines = [f"{name}: {value}" for name, value in rows if value]
    dates = [f"{name}: {instant(at)}" for name, at in instants if at is not None]
    return {
        "type": "modal",
        "callback_id": DETAILS,
        "title": plain(f"Conversation #{conversation.number}", _TITLE_LIMIT),
        "close": plain("Close", _TITLE_LIMIT),
        "blocks": [
            {"type": "section", "text": plain(cut("\n".join(lines), 3000), 3000)},
            {"type": "section", "text": mrkdwn("\n".join(dates), 3000)},
        ],
    }
