"""The parts of the documents that are made from the code.

`python -m tests.support.generated` writes them between their marks; a test holds the documents to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bridge import commands
from bridge.adapters.base import FROM_CONTACT, TO_CONTACT
from bridge.adapters.slack.adapter import RECEIPTS, SlackDesk
from bridge.adapters.slack.emoji import to_unicode
from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.model import Receipt, Role
from bridge.settings import fields

ROOT = Path(__file__).parents[2]

_FATES = {
    Receipt.INTERNAL: "kept in: only colleagues see it",
    Receipt.NEEDS_YOU: "you are asked what shall become of it",
    Receipt.HELD: "held for some seconds, Undo takes it back",
    Receipt.UNCERTAIN: "nobody can tell whether it arrived; you are asked",
    Receipt.ACCEPTED: "WhatsApp has taken it",
    Receipt.DELIVERED: "delivered to the phone",
    Receipt.READ: "read",
    Receipt.FAILED: "not delivered; the thread says why, with Retry",
}


def _table(*rows: tuple[str, ...]) -> str:
    head, *rest = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])


def receipts() -> str:
    """What each reaction of the bot means."""
    rows = [
        (to_unicode(RECEIPTS[receipt]) or f":{RECEIPTS[receipt]}:", words)
        for receipt, words in _FATES.items()
    ]
    return _table(("receipt", "means"), *rows)


def command_table() -> str:
    """One row for each command."""
    rows = [(f"`{one.shape()}`", one.help, one.role.name.lower(), _doors(one)) for one in commands.COMMANDS]
    return _table(("command", "does", "least role", "also"), *rows)


def _doors(row: commands.Command) -> str:
    doors = [f"`{one}`" for one in row.slash]
    doors += ["button"] if row.card else []
    doors += [row.emoji] if row.emoji else []
    return ", ".join(doors)


def command_details() -> str:
    """Everything about each command."""
    parts = []
    for one in commands.COMMANDS:
        lines = [f"### `{one.shape()}`", "", one.help, "", f"- Example: `!{one.example}`"]
        if one.aliases:
            lines.append("- Also: " + ", ".join(f"`!{alias}`" for alias in one.aliases))
        who = (
            "anybody who sees the thread" if one.role is Role.VIEWER else f"{one.role.name.lower()} and above"
        )
        lines.append(f"- Who may: {who}")
        if one.undoable:
            lines.append("- `!undo` takes it back")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def settings_table() -> str:
    """Every setting with its default and what is expected."""
    rows = []
    for path, field in fields.values():
        name = "inboxes[]." + ".".join(path[1:]) if path[0] in fields.LISTS else ".".join(path)
        default = "needed" if field.is_required() else fields.toml_value(_plain(field.get_default())) or ""
        default = "none" if field.get_default() is None and not field.is_required() else default
        secret = " (secret)" if fields.is_secret(field) else ""
        shown = default if default in {"needed", "none"} else f"`{default}`"
        rows.append((f"`{name}`", shown, f"{field.description}{secret}"))
    return _table(("setting", "default", "expected"), *rows)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return getattr(value, "value", value)


def _capabilities(names: tuple[str, ...], desk: Mapping[str, str], channel: Mapping[str, str]) -> str:
    rows = [(name, channel[name], desk[name]) for name in names]
    return _table(("what", "WhatsApp", "Slack"), *rows)


def from_contact() -> str:
    """What contacts send, and how it is shown."""
    desk, channel = SlackDesk.capabilities, WhatsAppChannel.capabilities
    return _capabilities(FROM_CONTACT, desk.from_contact, channel.from_contact)


def to_contact() -> str:
    """What staff send, how, and what of it arrives."""
    desk, channel = SlackDesk.capabilities, WhatsAppChannel.capabilities
    return _capabilities(TO_CONTACT, desk.to_contact, channel.to_contact)


DOCUMENTS = {
    "README.md": {"receipts": receipts, "commands": command_table},
    "docs/commands.md": {"commands": command_table, "details": command_details},
    "docs/configuration.md": {"settings": settings_table},
    "docs/capabilities.md": {"from-contact": from_contact, "to-contact": to_contact},
}


def filled(name: str) -> str:
    """A document's text with its generated parts as they should be."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for part, make in DOCUMENTS[name].items():
        pattern = re.compile(rf"(<!-- begin {part} -->\n).*?(<!-- end {part} -->)", re.DOTALL)
        places = pattern.findall(text)
        if len(places) != 1:
            raise ValueError(f"{name} has {len(places)} places for {part}, not one")
        begin, end = places[0]
        text = pattern.sub("\0", text).replace("\0", f"{begin}{make()}\n{end}")
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        (ROOT / document).write_text(filled(document), encoding="utf-8")
