"""The JSON of WhatsApp's webhooks (webhooks/reference/messages), built here and nowhere else; pure."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Update:
    """One message or status on its way to the webhook. `contacts` is empty where Meta leaves the array out."""

    waba_id: str
    metadata: dict[str, str]
    kind: Literal["messages", "statuses", "calls", "message_echoes", "account"]
    item: dict[str, Any]
    contacts: tuple[dict[str, Any], ...] = ()


_FIELDS = {"calls": "calls", "message_echoes": "smb_message_echoes"}
"""The field of changes that bring these; `messages` for all others."""


def envelope(updates: Sequence[Update]) -> dict[str, Any]:
    """One POST body. Neighbours of the same number and kind share a change, neighbours of an account an entry."""
    entries: list[dict[str, Any]] = []
    last: Update | None = None
    for update in updates:
        if last is None or last.waba_id != update.waba_id:
            entries.append({"id": update.waba_id, "changes": []})
            last = None
        changes = entries[-1]["changes"]
        if last is None or not _same_change(last, update):
            if update.kind == "account":
                # Account-level fields name no number: the item holds what the field has for its value.
                changes.append({"value": update.item["value"], "field": update.item["field"]})
                entries[-1]["time"] = update.item["time"]
                last = None
                continue
            value = {"messaging_product": "whatsapp", "metadata": update.metadata}
            changes.append({"value": value, "field": _FIELDS.get(update.kind, "messages")})
        _add(changes[-1]["value"], update)
        last = update
    return {"object": "whatsapp_business_account", "entry": entries}


def _same_change(one: Update, other: Update) -> bool:
    return (one.metadata, one.kind) == (other.metadata, other.kind)


def _add(value: dict[str, Any], update: Update) -> None:
    for contact in update.contacts:
        contacts = value.setdefault("contacts", [])
        if contact not in contacts:
            contacts.append(contact)
    value.setdefault(update.kind, []).append(update.item)


def encode(body: dict[str, Any]) -> bytes:
    r"""The bytes as Meta writes them: no spaces, `\uXXXX` for what is not ASCII, `\/` for a slash."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def sign(body: bytes, app_secret: str) -> str:
    """The value of `X-Hub-Signature-256` for the raw bytes of a body."""
    return "sha256=" + hmac.digest(app_secret.encode(), body, "sha256").hex()


def contact(name: str, wa_id: str | None, user_id: str | None, username: str) -> dict[str, Any]:
    """An element of `contacts`; an id that may not be shown is None and left out, as empty names are."""
    profile = {key: value for key, value in (("name", name), ("username", username)) if value}
    found: dict[str, Any] = {"profile": profile}
    if wa_id is not None:
        found["wa_id"] = wa_id
    if user_id is not None:
        found["user_id"] = user_id
    return found


def inbound(  # one argument per field of the wire
    message_id: str,
    kind: str,
    content: object,
    *,
    timestamp: float,
    wa_id: str | None,
    user_id: str | None,
    context: dict[str, Any] | None,
) -> dict[str, Any]:
    """An element of `messages` written by a customer; an id that may not be shown is None, and its key is left out."""
    item: dict[str, Any] = {}
    if context is not None:
        item["context"] = context
    if wa_id is not None:
        item["from"] = wa_id
    if user_id is not None:
        item["from_user_id"] = user_id
    item |= {"id": message_id, "timestamp": str(int(timestamp)), "type": kind}
    if content is not None:
        item[kind] = content
    return item


def call(  # one argument per field of the wire
    call_id: str, event: str, timestamp: float, wa_id: str | None, user_id: str | None, to: str
) -> dict[str, Any]:
    """An element of `calls` about a call of a customer (webhooks/reference/calls)."""
    item = {"id": call_id, "from": wa_id, "from_user_id": user_id, "to": to, "event": event}
    item |= {"timestamp": str(int(timestamp)), "direction": "USER_INITIATED"}
    return {key: value for key, value in item.items() if value is not None}


def echo(  # one argument per field of the wire
    message_id: str,
    kind: str,
    content: object,
    *,
    timestamp: float,
    sender: str,
    wa_id: str | None,
    user_id: str | None,
) -> dict[str, Any]:
    """An element of `message_echoes`: written in the business's phone app to a customer."""
    item: dict[str, Any] = {"from": sender, "to": wa_id, "to_user_id": user_id, "id": message_id}
    item |= {"timestamp": str(int(timestamp)), "type": kind, kind: content}
    return {key: value for key, value in item.items() if value is not None}


def system(
    message_id: str, timestamp: float, old_wa_id: str | None, content: dict[str, Any]
) -> dict[str, Any]:
    """A `system` message; `from` is the old phone, absent when the phone may not be shown."""
    item: dict[str, Any] = {} if old_wa_id is None else {"from": old_wa_id}
    return item | {"id": message_id, "timestamp": str(int(timestamp)), "type": "system", "system": content}


def status(  # one argument per field of the wire
    message_id: str,
    status: str,
    *,
    timestamp: float,
    recipient_id: str | None,
    recipient_user_id: str | None,
    tag: str | None,
    pricing: dict[str, Any] | None,
    error: dict[str, Any] | None,
) -> dict[str, Any]:
    """An element of `statuses`."""
    item: dict[str, Any] = {"id": message_id, "status": status, "timestamp": str(int(timestamp))}
    optional = {
        "recipient_id": recipient_id,
        "recipient_user_id": recipient_user_id,
        "biz_opaque_callback_data": tag,
        "pricing": pricing,
        "errors": None if error is None else [error],
    }
    return item | {key: value for key, value in optional.items() if value is not None}
