"""Names of things on Slack, as the rest of the bridge knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.model import AgentId, ContactId, ConversationId, DeskUser, EventId, Struct, Token, digest

DESK = "slack"
"""Name of this desk in `Place`, `Post` and `DeskUser`."""

METADATA_TYPE = "threadline"
"""`event_type` of the metadata on our posts (Slack: message metadata)."""

_HANDLE_LIFE_S = 29 * 60
# What comes back on a button is the client's word, so it has to look like what `Ref.encode` makes.
_REF = re.compile(
    r"(?P<contact>\d{1,4}-[0-9a-f]{1,64})\|(?P<conversation>\d{1,4}-\d{1,15})\|(?P<token>[!-~]{0,200})",
    re.ASCII,
)
_TS = re.compile(r"\d{1,10}(?:\.\d{1,6})?", re.ASCII)


class Ref(Struct, frozen=True):
    """What the value of a button and a modal's private metadata say: whose it is, and which prompt."""

    contact: ContactId
    conversation: ConversationId
    token: Token | None = None

    def encode(self) -> str:
        """`contact|conversation|token`; the token may be empty."""
        return f"{self.contact}|{self.conversation}|{self.token or ''}"

    @classmethod
    def decode(cls, value: str) -> Ref | None:
        """None when the value was not made by `encode`."""
        found = _REF.fullmatch(value)
        if found is None:
            return None
        token = Token(found["token"]) if found["token"] else None
        contact, conversation = ContactId(found["contact"]), ConversationId(found["conversation"])
        return cls(contact=contact, conversation=conversation, token=token)

    def within(self, shards: int) -> bool:
        """Can both have been made in a deployment of so many shards? Others have no lane to be decided in."""
        return all(int(one.partition("-")[0]) < shards for one in (self.contact, self.conversation))


def desk_user(user: str, team: object = None, home: str = "") -> DeskUser:
    """The account of Slack user `user` (`U…` or `W…`).

    Slack: a user id holds within its workspace only. So somebody of a `team` that is not `home`, where both are
    known, is another person than the one with this id here.
    """
    foreign = isinstance(team, str) and team and home and team != home
    return DeskUser(f"{DESK}:{user}@{team}" if foreign else f"{DESK}:{user}")


def slack_user(account: DeskUser) -> str | None:
    """The Slack user id of an account, or None when it belongs to another desk."""
    desk, _, user = account.partition(":")
    return (user.partition("@")[0] or None) if desk == DESK else None


def agent_id(account: DeskUser) -> AgentId:
    """The agent that an account stands for until accounts are linked to each other."""
    return AgentId(f"a-{digest(account, 6)}")


def message_event(channel: str, ts: str) -> EventId:
    """Id of a post's first appearance; an `app_mention` of the same post gives the same id."""
    return EventId(f"{DESK}:{channel}:{ts}")


def edit_event(channel: str, ts: str, edited_ts: str) -> EventId:
    """Id of one edit of a post."""
    return EventId(f"{DESK}:{channel}:{ts}:edit:{edited_ts}")


def delete_event(channel: str, ts: str) -> EventId:
    """Id of a post's deletion."""
    return EventId(f"{DESK}:{channel}:{ts}:delete")


def delivered_event(event_id: str) -> EventId:
    """Id of an event that has nothing better than Slack's own `event_id`, which retries repeat."""
    return EventId(f"{DESK}:event:{event_id}")


def slash_event(body: Mapping[str, Any]) -> EventId:
    """Id of a slash command, from its `trigger_id`."""
    return EventId(f"{DESK}:slash:{digest(str(body.get('trigger_id')))}")


def interaction_event(body: Mapping[str, Any], part: str) -> EventId:
    """Id of one act on a button, menu, shortcut or modal; `part` tells acts of one payload apart."""
    user = (body.get("user") or {}).get("id")
    cause = body.get("trigger_id") or f"{body.get('action_ts')}|{user}"
    return EventId(f"{DESK}:act:{digest(f'{cause}|{user}|{part}')}")


def ts_time(ts: str) -> datetime | None:
    """The instant of a Slack timestamp (`seconds.micros`); None for anything else."""
    seconds, _, micros = ts.partition(".")
    if not _TS.fullmatch(ts):
        return None
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int((micros + "000000")[:6]))


def time_ts(at: datetime) -> str:
    """The Slack timestamp of an instant."""
    at = at.astimezone(UTC)
    return f"{int(at.timestamp())}.{at.microsecond:06d}"


def short(action: str) -> str:
    """An action's id as it stands in metadata, which every member can read.

    A contact-side platform's ids may hold a phone number, so only a hash of them is shown.
    """
    return digest(action)


def reply_handle(response_url: str | None, now: datetime) -> str | None:
    """A reply handle for a `response_url`, with its expiry (Slack: 30 minutes)."""
    return f"{int(now.timestamp()) + _HANDLE_LIFE_S}|{response_url}" if response_url else None


def fresh_url(handle: str | None, now: datetime) -> str | None:
    """The `response_url` of a reply handle, or None when there is none or it has expired."""
    expiry, _, url = (handle or "").partition("|")
    return url if expiry.isdigit() and int(expiry) > now.timestamp() and url else None
