"""Refusals of the pretended platform."""

from __future__ import annotations

from bridge.sandbox.slack.jsontypes import Json, JsonValue


class SlackError(Exception):
    """A Web API refusal: `{"ok": false, "error": …}` with optional further top-level keys."""

    def __init__(self, error: str, **extra: JsonValue) -> None:
        """Take Slack's error code and the further keys of the answer's body."""
        super().__init__(error)
        self.error = error
        self.extra = extra

    def body(self) -> Json:
        """The JSON body that Slack would send."""
        return {"ok": False, "error": self.error, **self.extra}


class RefusedError(Exception):
    """A person's act that a Slack client would not let through; the text is what the person sees."""


def missing_field(name: str) -> SlackError:
    """Slack's answer to a call without a required argument."""
    return invalid_arguments(f"[ERROR] missing required field: {name}")


def invalid_arguments(*messages: str) -> SlackError:
    """Slack's `invalid_arguments` with its messages."""
    return SlackError("invalid_arguments", response_metadata={"messages": list(messages)})


def invalid_blocks(errors: list[str], code: str = "invalid_blocks") -> SlackError:
    """Slack's refusal of Block Kit JSON: `errors` and the same lines under `response_metadata.messages`."""
    return SlackError(code, errors=errors, response_metadata={"messages": [f"[ERROR] {e}" for e in errors]})
