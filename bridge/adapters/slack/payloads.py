"""What interactive payloads and slash commands have in common: who acts, and where."""

from __future__ import annotations

from bridge.adapters.slack.ids import DESK
from bridge.adapters.slack.screens import Json
from bridge.model import Place


def who(body: Json) -> tuple[str, object]:
    """The user who acted, and the team that Slack says they are of."""
    user = body.get("user") or {}
    return str(user.get("id") or body.get("user_id")), user.get("team_id") or body.get("team_id")


def place_of(body: Json) -> Place | None:
    """Where answers go: the thread it happened in, else the channel; None for a modal or the Home tab."""
    container = body.get("container") or {}
    channel = (body.get("channel") or {}).get("id") or container.get("channel_id") or body.get("channel_id")
    if not channel:
        return None
    message = body.get("message") or {}
    thread = container.get("thread_ts") or message.get("thread_ts")
    is_direct = str(channel).startswith("D")
    if not thread and not is_direct and not container.get("is_ephemeral"):
        # A root without replies carries no thread; its own timestamp names the one it would have.
        thread = container.get("message_ts") or body.get("message_ts")
    return Place(desk=DESK, channel=str(channel), thread=str(thread) if thread else None)
