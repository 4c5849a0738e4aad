"""What a person sees at once: modals, and words for them alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from msgspec import field

from bridge.adapters.base import Placed
from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.panel import Block, plain
from bridge.errors import FailureKind, PlatformError
from bridge.model import Struct

log = structlog.get_logger(__name__)

Json = Mapping[str, Any]

_TIMEOUT_S = 2.5
"""Slack: a `trigger_id` is good for three seconds."""
_AGAIN_S, _LONGEST_S = 2.0, 60.0


class Told(Struct, frozen=True):
    """What to store, and what to say at once: words to the person, or errors by block of a modal."""

    placed: list[Placed] = field(default_factory=list)
    words: str = ""
    errors: dict[str, str] = field(default_factory=dict)


class Screens:
    """Calls of Slack's that answer somebody who acts. What Slack refuses is logged, and the person sees it too."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def open(self, body: Json, view: Block) -> None:
        """Show a modal."""
        args = {"trigger_id": body.get("trigger_id"), "view": view}
        try:
            await self._caller.call("views.open", args, timeout_s=_TIMEOUT_S)
        except PlatformError as error:
            log.warning("slack.modal_not_opened", code=error.failure.code)
            await self.respond(body, _words(error.failure.words))

    async def update(self, view_id: str, view: Block) -> float:
        """Show a modal as it is now; one that was closed meanwhile stays so. Seconds to wait, where it may go better
        then.
        """
        try:
            await self._caller.call("views.update", {"view_id": view_id, "view": view}, timeout_s=_TIMEOUT_S)
        except PlatformError as error:
            log.info("slack.modal_not_updated", code=error.failure.code)
            if error.failure.kind is FailureKind.RETRY:
                return min(error.failure.retry_after_s or _AGAIN_S, _LONGEST_S)
        return 0.0

    async def say(self, body: Json, words: str) -> None:
        """Words for the person alone, if there are any; lost when Slack does not take them, which the person sees too.

        Who acted nowhere in particular (a shortcut of no message) gets them in a modal.
        """
        if words and not body.get("response_url") and body.get("trigger_id"):
            blocks = [{"type": "section", "text": plain(words, 3000)}]
            title, close = plain("Threadline", 24), plain("Close", 24)
            await self.open(body, {"type": "modal", "title": title, "close": close, "blocks": blocks})
        elif words:
            await self.respond(body, _words(words))

    async def respond(self, body: Json, payload: dict[str, Any]) -> None:
        """Answer where the person acted."""
        url = body.get("response_url")
        if not url:
            return
        try:
            await self._caller.respond(str(url), payload)
        except PlatformError as error:
            log.warning("slack.not_told", code=error.failure.code)


def _words(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "replace_original": False, "text": text}
