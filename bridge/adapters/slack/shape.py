"""What Slack's payloads look like, as far as we read them.

Lenient on keys that we do not know, strict on those we use: a payload that does not fit is refused as a whole before
anything acts on it. Blocks and the texts in a message are not described here, since whatever reads them takes any
JSON (`reading`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from bridge.model import Struct

# Ids, timestamps, tickets and addresses: never spaces, controls, or anything else that is no ASCII. They are looked
# at after the decoding: patterns in msgspec's own types crashed the interpreter at its end, about one time in three.
_ID = re.compile(r"[!-~]*")
_LONGEST_ID, _LONGEST_URL = 500, 4000
_WORDS = frozenset(
    {"action_id", "callback_id", "channel_type", "command", "private_metadata", "reaction", "subtype", "text"}
    | {"type", "value"}
)
"""Fields that hold words; every other string here is an id or an address."""
_Json = dict[str, Any]


class _Named(Struct, frozen=True):
    """A user, channel or team."""

    id: str | None = None
    team_id: str | None = None


class _Item(Struct, frozen=True):
    """`event.item` of a reaction."""

    type: str | None = None
    channel: str | None = None
    ts: str | None = None


class _Edited(Struct, frozen=True):
    ts: str | None = None


class _Message(Struct, frozen=True):
    """A message, on its own or inside of an event."""

    subtype: str | None = None
    channel: str | _Json | None = None
    channel_type: str | None = None
    user: str | _Json | None = None
    bot_id: str | None = None
    ts: str | None = None
    thread_ts: str | None = None
    event_ts: str | None = None
    deleted_ts: str | None = None
    user_team: str | None = None
    source_team: str | None = None
    edited: _Edited | None = None


class _Event(_Message, frozen=True):
    """`event` of an `event_callback`."""

    type: str = ""
    message: _Message | None = None
    # Slack: a list where a deleted root had replies.
    previous_message: _Message | list[Any] | None = None
    item: _Item | None = None
    item_user: str | None = None
    reaction: str | None = None


class _Posted(_Message, frozen=True):
    """The message that was acted on."""

    blocks: list[_Json] | None = None


class _Option(Struct, frozen=True):
    value: str | None = None


class _Action(Struct, frozen=True):
    """One of `actions[]`."""

    action_id: str | None = None
    value: str | None = None
    selected_option: _Option | None = None


class _Input(Struct, frozen=True):
    """What was entered into one element of a modal."""

    value: str | None = None
    selected_user: str | None = None
    selected_option: _Option | None = None


class _State(Struct, frozen=True):
    values: dict[str, dict[str, _Input]] | None = None


class _View(Struct, frozen=True):
    id: str | None = None
    callback_id: str | None = None
    private_metadata: str | None = None
    state: _State | None = None


class _Container(Struct, frozen=True):
    is_ephemeral: bool | None = None
    channel_id: str | None = None
    message_ts: str | None = None
    thread_ts: str | None = None


class _Grant(Struct, frozen=True):
    """One of `authorizations[]`."""

    team_id: str | None = None


class _Payload(Struct, frozen=True):
    """Everything that comes: events, interactions and commands."""

    type: str | None = None
    team_id: str | None = None
    event_id: str | None = None
    event: _Event | None = None
    authorizations: list[_Grant] | None = None
    user: _Named | None = None
    channel: _Named | None = None
    team: _Named | None = None
    container: _Container | None = None
    message: _Posted | None = None
    message_ts: str | None = None
    actions: list[_Action] | None = None
    action_ts: str | None = None
    view: _View | None = None
    callback_id: str | None = None
    trigger_id: str | None = None
    response_url: str | None = None
    command: str | None = None
    text: str | None = None
    user_id: str | None = None
    channel_id: str | None = None


def misfit(body: object) -> str | None:
    """What about a payload does not fit, in a few words; None when all that we read of it does."""
    try:
        payload = msgspec.convert(body, _Payload)
    except (msgspec.ValidationError, RecursionError) as error:
        return str(error)[:200]
    wrong = next((name for name, value in _ids(payload) if not _is_id(name, value)), None)
    return None if wrong is None else f"`{wrong}` is neither an id nor an address"


def _ids(node: Struct) -> Iterator[tuple[str, str]]:
    """The strings that should be ids or addresses, with their fields' names. What is any JSON is not looked into."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, str) and name not in _WORDS:
            yield name, value
        for inner in _inside(value):
            yield from _ids(inner)


def _inside(value: object) -> Iterator[Struct]:
    """The structures directly inside of a field's value; `state.values` has them two dictionaries deep."""
    if isinstance(value, Struct):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, Struct))
    elif isinstance(value, dict):
        for block in value.values():
            if isinstance(block, dict):
                yield from (one for one in block.values() if isinstance(one, Struct))


def _is_id(name: str, value: str) -> bool:
    longest = _LONGEST_URL if name == "response_url" else _LONGEST_ID
    return len(value) <= longest and _ID.fullmatch(value) is not None
