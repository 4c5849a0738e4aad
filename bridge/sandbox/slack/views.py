"""Modals and Home tabs: what is open for whom, and what has been typed into it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json

MAX_STACK = 3


@dataclass
class View:
    """One modal or Home tab of one person."""

    id: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str | None = None
    state: dict[str, dict[str, Json]] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """`modal` or `home`."""
        return str(self.body["type"])

    @property
    def blocks(self) -> list[Json]:
        """Its blocks."""
        blocks: list[Json] = self.body["blocks"]
        return blocks


class Views:
    """The stacks of open modals, the Home tabs, and the external ids."""

    def __init__(self, config: SlackConfig, now: Callable[[], float]) -> None:
        """Start with nothing open."""
        self._config = config
        self._now = now
        self._numbers = itertools.count(1)
        self._open: dict[str, View] = {}
        self._stacks: dict[str, list[str]] = {}
        self._homes: dict[str, View] = {}
        self._external: dict[str, str] = {}

    def get(self, view_id: str | None, external_id: str | None = None) -> View:
        """An open view; raises `SlackError("not_found")`."""
        view = self._open.get(view_id or self._external.get(external_id or "", ""))
        if view is None:
            raise SlackError("not_found")
        return view

    def stack(self, user: str) -> list[View]:
        """The open modals of a person, the visible one last."""
        return [self._open[view_id] for view_id in self._stacks.get(user, [])]

    def home(self, user: str) -> View | None:
        """The person's Home tab, once published."""
        return self._homes.get(user)

    def open(self, user: str, body: Json) -> View:
        """Open a first modal; one that was open is replaced, as clients do."""
        self._claim_external(body)
        self.clear(user)
        return self._push(user, body, None)

    def push(self, user: str, body: Json) -> View:
        """Put a modal on top; raises `SlackError` (`push_limit_reached`, `not_found`)."""
        stack = self._stacks.get(user, [])
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= MAX_STACK:
            raise SlackError("push_limit_reached")
        self._claim_external(body)
        return self._push(user, body, self._open[stack[-1]])

    def _push(self, user: str, body: Json, below: View | None) -> View:
        view_id = f"V0{next(self._numbers):08d}"
        root = below.root if below else view_id
        view = View(view_id, user, body, self._hash(), root, below.id if below else None)
        self._open[view_id] = view
        self._stacks.setdefault(user, []).append(view_id)
        if body.get("external_id"):
            self._external[body["external_id"]] = view_id
        return view

    def _claim_external(self, body: Json, own: str | None = None) -> None:
        taken = self._external.get(body.get("external_id") or "")
        if taken is not None and taken != own:
            raise SlackError("duplicate_external_id")

    def update(self, view: View, body: Json, known_hash: str | None) -> None:
        """Replace a view's content; typed values stay where block and action ids stay. Raises `hash_conflict`."""
        if known_hash and known_hash != view.hash:
            raise SlackError("hash_conflict")
        self._claim_external(body, view.id)
        old_external = view.body.get("external_id")
        if old_external:
            self._external.pop(old_external, None)
        if body.get("external_id"):
            self._external[body["external_id"]] = view.id
        view.body = body
        view.hash = self._hash()
        kept = {block.get("block_id") for block in body["blocks"]}
        view.state = {block_id: values for block_id, values in view.state.items() if block_id in kept}

    def publish(self, user: str, body: Json, known_hash: str | None) -> View:
        """Set a person's Home tab; raises `hash_conflict`."""
        view = self._homes.get(user)
        if view is not None:
            self.update(view, body, known_hash)
            return view
        view_id = f"V0{next(self._numbers):08d}"
        view = self._homes[user] = View(view_id, user, body, self._hash(), view_id)
        self._open[view_id] = view
        return view

    def close(self, view: View) -> None:
        """Take the visible modal away; the one below shows again."""
        stack = self._stacks.get(view.user, [])
        if view.id in stack:
            stack.remove(view.id)
        self._forget(view)

    def clear(self, user: str) -> list[View]:
        """Close all modals of a person; returns them, the top one first."""
        closed = [self._open[view_id] for view_id in reversed(self._stacks.pop(user, []))]
        for view in closed:
            self._forget(view)
        return closed

    def _forget(self, view: View) -> None:
        self._open.pop(view.id, None)
        external = view.body.get("external_id")
        if external and self._external.get(external) == view.id:
            del self._external[external]

    def _hash(self) -> str:
        return f"{int(self._now())}.{secrets.token_hex(4)}"

    def as_json(self, view: View, values: Json) -> Json:
        """A view as answers and payloads show it; `values` is its `state.values`."""
        body = view.body
        return {
            "id": view.id,
            "team_id": self._config.team_id,
            "type": view.type,
            "blocks": view.blocks,
            "private_metadata": body.get("private_metadata") or "",
            "callback_id": body.get("callback_id") or "",
            "state": {"values": values},
            "hash": view.hash,
            "title": body.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
            "clear_on_close": bool(body.get("clear_on_close")),
            "notify_on_close": bool(body.get("notify_on_close")),
            "close": body.get("close"),
            "submit": body.get("submit"),
            "previous_view_id": view.previous,
            "root_view_id": view.root,
            "app_id": self._config.app_id,
            "external_id": body.get("external_id") or "",
            "app_installed_team_id": self._config.team_id,
            "bot_id": self._config.bot_id,
        }
