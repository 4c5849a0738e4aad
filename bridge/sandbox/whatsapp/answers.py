"""What a person can tap below a message of a business, and what their phone then sends."""

from __future__ import annotations

from typing import Any

from bridge.sandbox.whatsapp.world import Message

Json = dict[str, Any]


def answers(message: Message) -> dict[str, tuple[str, Json]]:
    """By title: the type and the object of the message that a tap sends. Empty where there is nothing to tap."""
    if message.type != "interactive" or not message.from_business:
        return {}
    action: Json = message.content.get("action") or {}
    match message.content.get("type"):
        case "button":
            replies = [one["reply"] for one in action["buttons"]]
            return {one["title"]: _interactive("button_reply", one, ("id", "title")) for one in replies}
        case "list":
            rows = [row for section in action["sections"] for row in section["rows"]]
            keys = ("id", "title", "description")
            return {row["title"]: _interactive("list_reply", row, keys) for row in rows}
        case _:
            return {}


def _interactive(kind: str, said: Json, keys: tuple[str, ...]) -> tuple[str, Json]:
    return "interactive", {"type": kind, kind: {key: said[key] for key in keys if key in said}}


def asks_for_place(message: Message) -> bool:
    """Does the message ask where the person is?"""
    return message.type == "interactive" and message.content.get("type") == "location_request_message"
