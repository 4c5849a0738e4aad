"""What we show on Slack, as Block Kit: the card, buttons under posts, recaps. Pure.

Whatever a contact or an agent typed is shown literally (`plain_text`, `rich_text`) or escaped, so that nothing in
it can ping, format or spoof a link (Slack: formatting text). Every builder keeps Block Kit's limits for any input.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bridge.adapters.base import CARD_BUTTONS
from bridge.adapters.slack.format import escape, fallback
from bridge.adapters.slack.ids import Ref, slack_user
from bridge.markup import clean, one_line
from bridge.model import Button, CardView, ContactId, ConversationId, Direction, Mode, Recent, Status

Block = dict[str, Any]

ACTION_PREFIX = "tl"
MENU = "menu"
"""Name of the card's overflow menu."""

HEADER_LIMIT = 150
FIELD_LIMIT = 2000
CONTEXT_LIMIT = 2000
LABEL_LIMIT = 75
USERNAME_LIMIT = 80
TEXT_LIMIT = 4000
"""Slack: chat.update refuses more."""

_BUTTONS_IN_BLOCK = 25
_TAGS_SHOWN = 20
_RECAP_LINES = 10
_RECAP_TEXT_LIMIT = 300

_MODES = {
    Mode.ASSIGNEE: "the assignee's words go out",
    Mode.EVERYONE: "every agent's words go out",
    Mode.EXPLICIT: "only !reply goes out",
}
_MENU_LABELS = {
    "close": "Close…",
    "priority urgent": "Priority: urgent",
    "priority normal": "Priority: normal",
    "note": "Add note…",
    "details": "Details…",
    "compose": "Compose…",
}


# ----------------------------------------------------------------------------------------------------- text


def cut(text: str, limit: int) -> str:
    """`text` within `limit` characters, with an ellipsis where something was left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def plain(text: str, limit: int) -> Block:
    """A `plain_text` object; `text` must hold something visible."""
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


def mrkdwn(text: str, limit: int) -> Block:
    """A `mrkdwn` object of a text whose foreign parts are escaped already."""
    return {"type": "mrkdwn", "text": cut(text, limit), "verbatim": True}


def literal(text: str, *, bold: bool = False) -> Block:
    """A `rich_text` element that shows `text` as it is."""
    element: Block = {"type": "text", "text": text}
    return element | {"style": {"bold": True}} if bold else element


def instant(at: datetime) -> str:
    """A point in time that every reader sees in their own zone (Slack: date formatting)."""
    fallback = at.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def context(*elements: Block, block_id: str | None = None) -> Block:
    """A `context` block."""
    block: Block = {"type": "context", "elements": list(elements)}
    return block | {"block_id": block_id} if block_id else block


def username(name: str, taken: Iterable[str] = ()) -> str:
    """The name a contact's words are posted under. One that looks like a colleague's (`taken`, `look`ed at) says so."""
    shown = cut(one_line(name), USERNAME_LIMIT - 12) or "Customer"
    return f"{shown} (customer)" if look(shown) in taken else shown


def look(name: str) -> str:
    """A name as a hasty reader sees it: letters of another size, width or style are the same letters."""
    return unicodedata.normalize("NFKC", one_line(name)).casefold()


# -------------------------------------------------------------------------------------------------- buttons


def action_name(action_id: str) -> str | None:
    """The button's or menu's name that an `action_id` of ours carries; None for anything else."""
    prefix, _, rest = action_id.partition(":")
    index, _, name = rest.partition(":")
    return name if prefix == ACTION_PREFIX and index.isdigit() and name else None


def _action_id(index: int, name: str) -> str:
    return f"{ACTION_PREFIX}:{index}:{name}"[:255]


def buttons(items: Sequence[Button], contact: ContactId, conversation: ConversationId) -> list[Block]:
    """The `actions` blocks of a prompt's buttons; empty when it has none."""
    made = [_button(index, item, contact, conversation) for index, item in enumerate(items)]
    return [
        {"type": "actions", "block_id": f"tl_buttons_{at}", "elements": made[at : at + _BUTTONS_IN_BLOCK]}
        for at in range(0, len(made), _BUTTONS_IN_BLOCK)
    ]


def _button(index: int, item: Button, contact: ContactId, conversation: ConversationId) -> Block:
    block: Block = {
        "type": "button",
        "action_id": _action_id(index, item.name),
        "text": plain(one_line(item.label) or item.name, LABEL_LIMIT),
        "value": Ref(contact=contact, conversation=conversation, token=item.token).encode(),
    }
    if item.style in {"primary", "danger"}:
        block["style"] = item.style
    if item.confirm:
        block["confirm"] = {
            "title": plain("Are you sure?", 100),
            "text": plain(clean(item.confirm).strip() or "This cannot be taken back.", 300),
            "confirm": plain(one_line(item.label) or item.name, 30),
            "deny": plain("Cancel", 30),
        }
    return block


# ----------------------------------------------------------------------------------------------------- card


def card(view: CardView, former_url: str | None = None) -> list[Block]:
    """The card's blocks. `former_url` leads to the thread that this one replaces."""
    blocks: list[Block] = [
        {"type": "header", "block_id": "tl_name", "text": plain(_title(view), HEADER_LIMIT)},
        context(plain(_subtitle(view), CONTEXT_LIMIT), block_id="tl_who"),
        {"type": "section", "block_id": "tl_state", "fields": _fields(view)},
    ]
    if attention := _attention(view):
        blocks.append(context(mrkdwn(attention, CONTEXT_LIMIT), block_id="tl_attention"))
    if view.recap or view.former:
        blocks.append(_recap(view.recap, former_url))
    blocks.append({"type": "actions", "block_id": "tl_actions", "elements": _actions(view)})
    return blocks


def card_text(view: CardView) -> str:
    """The card for notifications and clients without blocks; escaped."""
    words = f"{_title(view)} · {_subtitle(view)} · {view.status.value}"
    return fallback(words, TEXT_LIMIT)


def _title(view: CardView) -> str:
    return one_line(view.name) or one_line(view.contact_label) or f"#{view.number}"


def _subtitle(view: CardView) -> str:
    parts = [f"#{view.number}", one_line(view.contact_label), one_line(view.inbox)]
    if view.previous_number is not None:
        parts.append(f"continues #{view.previous_number}")
    return " · ".join(part for part in parts if part)


def _fields(view: CardView) -> list[Block]:
    rows = [
        ("Status", view.status.value.capitalize()),
        ("Assignee", _assignee(view)),
        ("Priority", view.priority.value.capitalize()),
        ("Tags", _tags(view.tags)),
        ("Opened", instant(view.opened_at)),
        ("Who is heard", _MODES[view.mode]),
    ]
    if view.waiting_since is not None:
        rows.append(("Waiting since", instant(view.waiting_since)))
    if view.window_until is not None:
        rows.append(("Free text until", instant(view.window_until)))
    if view.campaign:
        rows.append(("Campaign", escape(cut(one_line(view.campaign), 150))))
    return [mrkdwn(f"*{name}*\n{value}", FIELD_LIMIT) for name, value in rows]


def _assignee(view: CardView) -> str:
    user = slack_user(view.assignee_account) if view.assignee_account else None
    if user and user.isalnum():
        return f"<@{user}>"
    name = one_line(view.assignee or "")
    return escape(cut(name, 100)) if name else "Nobody"


def _tags(tags: Sequence[str]) -> str:
    shown = [
        f"`{escape(cut(one_line(tag), 60).replace('`', ''))}`" for tag in tags[:_TAGS_SHOWN] if one_line(tag)
    ]
    if len(tags) > _TAGS_SHOWN:
        shown.append(f"and {len(tags) - _TAGS_SHOWN} more")
    return " ".join(shown) or "None"


def _attention(view: CardView) -> str:
    parts = []
    if view.needs_you:
        parts.append(f":question: {view.needs_you} waiting for their author's choice")
    if view.held:
        parts.append(f":hourglass_flowing_sand: {view.held} held back for a moment")
    if view.awaiting:
        parts.append(f":mailbox_with_mail: {view.awaiting} sent when they answer")
    if view.failed:
        parts.append(f":x: {view.failed} not delivered")
    return "   ".join(parts)


def _recap(recap: Sequence[Recent], former_url: str | None) -> Block:
    head: list[Block] = [literal("The former thread is gone. ", bold=True)]
    if former_url:
        head.append({"type": "link", "url": former_url, "text": "Where it was"})
    elements: list[Block] = [{"type": "rich_text_section", "elements": head}]
    for line in recap[-_RECAP_LINES:]:
        note = " (internal)" if line.internal else ""
        author = one_line(line.author) or ("Customer" if line.direction is Direction.INBOUND else "Agent")
        said = [
            literal(f"{cut(author, 80)}{note}: ", bold=True),
            literal(cut(one_line(line.text), _RECAP_TEXT_LIMIT) or "…"),
        ]
        elements.append({"type": "rich_text_section", "elements": [*said, literal("\n")]})
    if len(elements) > 1:
        elements[0]["elements"].append(literal("\n"))
    return {"type": "rich_text", "block_id": "tl_recap", "elements": elements}


def _actions(view: CardView) -> list[Block]:
    value = Ref(contact=view.contact, conversation=view.conversation).encode()
    names: list[tuple[str, str]]
    if view.status is Status.ACTIVE:
        names = list(CARD_BUTTONS.items())
    elif view.status is Status.RESOLVED:
        names = [
            *((name, label) for name, label in CARD_BUTTONS.items() if name != "resolve"),
            ("reopen", "Reopen"),
        ]
    else:
        names = [("reopen", "Reopen")]
    made: list[Block] = []
    for index, (name, label) in enumerate(names):
        block = {
            "type": "button",
            "action_id": _action_id(index, name),
            "text": plain(label, LABEL_LIMIT),
            "value": value,
        }
        # What nobody has done yet stands out.
        stands_out = index == 0 and view.assignee is None
        made.append(block | {"style": "primary"} if stands_out else block)
    made.append(_menu(len(names), view, value))
    return made


def _menu(index: int, view: CardView, value: str) -> Block:
    """The overflow menu: at most five entries (Slack: overflow), none of which acts destructively at once."""
    entries = ["compose", "note", "details"]
    if view.status in {Status.ACTIVE, Status.RESOLVED}:
        urgent = view.priority.value == "urgent"
        entries = [*entries, "priority normal" if urgent else "priority urgent", "close"]
    return {
        "type": "overflow",
        "action_id": _action_id(index, MENU),
        "options": [
            {"text": plain(_MENU_LABELS[entry], LABEL_LIMIT), "value": f"{entry}|{value}"[:150]}
            for entry in entries
        ],
    }


def menu_entry(value: str) -> tuple[str, Ref | None]:
    """The chosen entry of the overflow menu and whose card it is on."""
    entry, _, ref = value.partition("|")
    return entry, Ref.decode(ref)
