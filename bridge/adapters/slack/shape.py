"""What Slack's payloads look like, as far as we read them.

Lenient on keys that we do not know, strict on those we use: a payload that does not fit is refused as a whole before
anything acts on it. Blocks and the texts in a message are not described here, since whatever reads them takes any
JSON (`reading`).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from bridge.model import Struct

# Ids, timestamps, tickets and addresses: never spaces, controls, or anything else that is no ASCII.
_Id = Annotated[str, msgspec.Meta(pattern=r"^[!-~]*$", max_length=500)]
_Url = Annotated[str, msgspec.Meta(pattern=r"^[!-~]*$", max_length=4000)]
_Json = dict[str, Any]


class _Named(Struct, frozen=True):
    """A user, channel or team."""

    id: _Id | None = None
    team_id: _Id | None = None


class _Item(Struct, frozen=True):
    """`event.item` of a reaction."""

    type: str | None = None
    channel: _Id | None = None
    ts: _Id | None = None


class _Edited(Struct, frozen=True):
    ts: _Id | None = None


class _Message(Struct, frozen=True):
    """A message, on its own or inside of an event."""

    subtype: str | None = None
    channel: _Id | _Json | None = None
    channel_type: str | None = None
    user: _Id | _Json | None = None
    bot_id: _Id | None = None
    ts: _Id | None = None
    thread_ts: _Id | None = None
    event_ts: _Id | None = None
    deleted_ts: _Id | None = None
    user_team: _Id | None = None
    source_team: _Id | None = None
    edited: _Edited | None = None


class _Event(_Message, frozen=True):
    """`event` of an `event_callback`."""

    type: str = ""
    message: _Message | None = None
    # Slack: a list where a deleted root had replies.
    previous_message: _Message | list[Any] | None = None
    item: _Item | None = None
    item_user: _Id | None = None
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
    selected_user: _Id | None = None
    selected_option: _Option | None = None


class _State(Struct, frozen=True):
    values: dict[str, dict[str, _Input]] | None = None


class _View(Struct, frozen=True):
    id: _Id | None = None
    callback_id: str | None = None
    private_metadata: str | None = None
    state: _State | None = None


class _Container(Struct, frozen=True):
    is_ephemeral: bool | None = None
    channel_id: _Id | None = None
    message_ts: _Id | None = None
    thread_ts: _Id | None = None


class _Grant(Struct, frozen=True):
    """One of `authorizations[]`."""

    team_id: _Id | None = None


class _Payload(Struct, frozen=True):
    """Everything that comes: events, interactions and commands."""

    type: str | None = None
    team_id: _Id | None = None
    event_id: _Id | None = None
    event: _Event | None = None
    authorizations: list[_Grant] | None = None
    user: _Named | None = None
    channel: _Named | None = None
    team: _Named | None = None
    container: _Container | None = None
    message: _Posted | None = None
    message_ts: _Id | None = None
    actions: list[_Action] | None = None
    action_ts: _Id | None = None
    view: _View | None = None
    callback_id: str | None = None
    trigger_id: _Id | None = None
    response_url: _Url | None = None
    command: str | None = None
    text: str | None = None
    user_id: _Id | None = None
    channel_id: _Id | None = None


def misfit(body: object) -> str | None:
    """What about a payload does not fit, in msgspec's words; None when all that we read of it does."""
    try:
        msgspec.convert(body, _Payload)
    except (msgspec.ValidationError, RecursionError) as error:
        return str(error)[:200]
    return None
