"""Modals: what they ask, what they carry, and how a submitted one is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import field

from bridge import commands
from bridge.adapters.slack.format import from_slack
from bridge.adapters.slack.ids import DESK, Ref
from bridge.adapters.slack.panel import Block, cut, instant, mrkdwn, plain
from bridge.commands import Argument, Kind
from bridge.markup import Document, Mention, MentionKind, Text, clean, one_line
from bridge.model import Contact, Conversation, OpenConversation, Post, Struct

COMMAND = "tl_command"
"""`callback_id` of every modal that ends in a command."""
DETAILS = "tl_details"

_TITLE_LIMIT = 24
_METADATA_LIMIT = 3000
_OPTIONS = 100
_INPUT_LIMIT = 3000

ARGUMENT = "argument"
"""Block that asks for a command's argument."""
_CONVERSATION = "conversation"
_LABELS = {
    Kind.PERSON: "Who takes it?",
    Kind.TAG: "Tags to add; with a minus to remove",
    Kind.CHOICE: "Which one?",
}
_TEXT_LABELS = {"note": "Note for colleagues", "reply": "Text for the contact"}
_TITLES = {
    "unassign": "Give it back",
    "priority": "Set the priority",
    "note": "Add a note",
    "reply": "Reply to the contact",
    "undo": "Take back the last act",
    "who": "Who is it?",
    "mode": "Choose who is heard",
}
"""For commands whose name is no verb to put before "a conversation", within Slack's 24 characters."""
_CONFIRMS = {
    "close": (
        "It is closed for good: the contact's next message starts a new conversation. "
        "To have that message re-open this one, resolve it instead. A lead can take this back with !reopen."
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
    answers: str = ""
    """The post (its ts) that the text answers."""
    quoted: str = ""
    """What that post shows."""

    def answered(self) -> Post | None:
        """The post that the text answers."""
        there = self.channel and self.answers
        return Post(desk=DESK, channel=self.channel, id=self.answers) if there else None

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
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None


class Submitted(Struct, frozen=True):
    """What a submitted modal says; `errors` (by block) are shown to the person and nothing else happens."""

    ref: Ref | None = None
    line: str = ""
    body: Document = ()
    errors: dict[str, str] = field(default_factory=dict)


def asked(command: str) -> Argument | None:
    """The argument of `command` that a modal asks for; None when it needs none."""
    row = commands.find(command)
    argument = row.arguments[0] if row is not None and row.arguments else None
    if argument is None or not (argument.required or argument.kind is Kind.TAG):
        return None
    return argument if argument.kind is not Kind.COMMAND else None


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
    if origin.quoted:
        blocks.append({"type": "context", "elements": [plain(cut(f"“{origin.quoted}”", 2000), 2000)]})
    argument = asked(origin.command) if not origin.args else None
    if argument is not None:
        blocks.append(_argument_input(origin.command, argument))
    if not blocks:
        blocks.append({"type": "section", "text": plain(f"!{origin.command} {origin.args}", _INPUT_LIMIT)})
    name = origin.command.capitalize()
    return {
        "type": "modal",
        "callback_id": COMMAND,
        "title": plain(_TITLES.get(origin.command) or f"{name} a conversation", _TITLE_LIMIT),
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
        "block_id": _CONVERSATION,
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


def _argument_input(command: str, argument: Argument) -> Block:
    element: Block
    match argument.kind:
        case Kind.PERSON:
            element = {"type": "users_select", "placeholder": plain("Choose one", 150)}
        case Kind.CHOICE:
            options = [{"text": plain(one, 75), "value": one} for one in argument.choices]
            element = {"type": "static_select", "placeholder": plain("Choose one", 150), "options": options}
        case Kind.TAG:
            element = {
                "type": "plain_text_input",
                "placeholder": plain("vip -old", 150),
                "max_length": _INPUT_LIMIT,
            }
        case _:
            element = {"type": "plain_text_input", "multiline": True, "max_length": _INPUT_LIMIT}
    label = _LABELS.get(argument.kind) or _TEXT_LABELS.get(command, argument.name.capitalize())
    return {
        "type": "input",
        "block_id": ARGUMENT,
        "label": plain(label, 2000),
        "optional": not argument.required,
        "element": {"action_id": "value", **element},
    }


def read_submission(view: Mapping[str, Any], origin: Origin) -> Submitted:
    """The command that a submitted modal stands for, or what is wrong with the input."""
    values = (view.get("state") or {}).get("values") or {}
    ref = Ref.decode(origin.ref or str(_value(values, _CONVERSATION) or ""))
    if ref is None:
        return Submitted(errors={_CONVERSATION: "Choose a conversation."})
    head = f"{origin.command} {origin.args}".strip()
    argument = asked(origin.command) if not origin.args else None
    if argument is None:
        return Submitted(ref=ref, line=head, body=from_slack(None, head))
    given = clean(str(_value(values, ARGUMENT) or "")).strip()
    if not given:
        if argument.required:
            return Submitted(errors={ARGUMENT: _missing(argument)})
        return Submitted(ref=ref, line=head, body=(Text(head),))
    if argument.kind is Kind.PERSON:
        body = (Text(f"{head} "), Mention(MentionKind.PERSON, given))
        return Submitted(ref=ref, line=f"{head} <@{given}>", body=body)
    return Submitted(ref=ref, line=f"{head} {given}", body=(Text(f"{head} {given}"),))


def _missing(argument: Argument) -> str:
    return "Type something." if argument.kind is Kind.TEXT else "Choose one."


def _value(values: Mapping[str, Any], block: str) -> Any:  # noqa: ANN401 - Slack's value types vary by element
    state = ((values.get(block) or {}).get("value")) or {}
    if chosen := state.get("selected_option"):
        return chosen.get("value")
    return state.get("selected_user") or state.get("value")


def details_modal(contact: Contact, conversation: Conversation, inbox: str) -> Block:
    """What is known of a conversation, for the person who asked."""
    rows = [
        ("Name", one_line(contact.name)),
        ("Reached at", one_line(contact.label())),
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
