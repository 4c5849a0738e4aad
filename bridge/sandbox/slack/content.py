"""The content arguments of posts: text, blocks, attachments, metadata, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import orjson

from bridge.sandbox.slack.blockkit.blocks import check_blocks
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json, JsonValue

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN = 12_000
MAX_ATTACHMENTS = 100
MAX_BLOCKS_BYTES = 130_000
"""Size of one message's blocks beyond which Slack says `msg_blocks_too_long` (the real figure is unpublished)."""
MAX_METADATA_BYTES = 8_192
"""Size of metadata beyond which Slack says `metadata_too_large` (the real figure is unpublished)."""


class Arguments(Protocol):
    """Where arguments come from: a Web API call or a body posted to a `response_url`."""

    warnings: list[str]

    def get(self, name: str) -> str | None:
        """An argument as text."""

    def decoded(self, name: str, error: str) -> JsonValue:
        """A JSON argument."""


@dataclass(slots=True)
class Content:
    """Checked content; None means "not given" (an update keeps what was)."""

    text: str | None
    blocks: list[Json] | None
    attachments: list[Json] | None
    parse: bool


def read_content(call: Arguments, *, updating: bool = False) -> Content:
    """Read and check text, blocks and attachments.

    Raises `no_text`, `msg_too_long` (updates over 4,000 characters), `invalid_blocks`, `invalid_blocks_format`,
    `msg_blocks_too_long`, `too_many_attachments`, `markdown_text_conflict`, `invalid_attachments`. Longer texts of
    new posts are cut at 40,000 characters with the warning `message_truncated`.
    """
    text = call.get("text")
    blocks = _blocks(call)
    attachments = _attachments(call)
    markdown = call.get("markdown_text")
    if markdown is not None:
        if text or blocks:
            raise SlackError("markdown_text_conflict")
        if len(markdown) > MAX_MARKDOWN:
            raise SlackError("msg_too_long")
        text = markdown
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if text and updating and len(text) > MAX_UPDATE_TEXT:
        raise SlackError("msg_too_long")
    if text and len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        call.warnings.append("message_truncated")
    return Content(text, blocks, attachments, _parses(call, updating=updating))


def _parses(call: Arguments, *, updating: bool) -> bool:
    parse = call.get("parse") or ("client" if updating else "none")
    return parse in ("full", "client") or call.get("link_names") in ("1", "true", "True")


def _blocks(call: Arguments) -> list[Json] | None:
    raw = call.decoded("blocks", "invalid_blocks_format")
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise SlackError("invalid_blocks_format")
    checked = check_blocks(raw, "message")
    if len(orjson.dumps(checked)) > MAX_BLOCKS_BYTES:
        raise SlackError("msg_blocks_too_long")
    return checked


def _attachments(call: Arguments) -> list[Json] | None:
    raw = call.decoded("attachments", "invalid_attachments")
    if raw is None:
        return None
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise SlackError("invalid_attachments")
    if len(raw) > MAX_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    made = []
    for number, item in enumerate(raw, 1):
        entry = {"id": number, "fallback": str(item.get("text") or "[no preview available]"), **item}
        if isinstance(item.get("blocks"), list):
            entry["blocks"] = check_blocks(item["blocks"], "message", f"/attachments/{number - 1}/blocks")
        made.append(entry)
    return made


def read_metadata(call: Arguments) -> Json | None:
    """The `metadata` argument: None when not given, `{}` to remove it.

    Raises `invalid_metadata_format`, `invalid_metadata_schema`, `metadata_too_large`. Values are strings, numbers,
    booleans, or one level of objects or arrays of them.
    """
    raw = call.decoded("metadata", "invalid_metadata_format")
    if raw is None:
        return None
    if raw == {}:
        return {}
    if not isinstance(raw, dict) or set(raw) - {"event_type", "event_payload"}:
        raise SlackError("invalid_metadata_format")
    kind, payload = raw.get("event_type"), raw.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise SlackError("invalid_metadata_format")
    for value in payload.values():
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in inner):
            raise SlackError("invalid_metadata_schema")
    if len(orjson.dumps(raw)) > MAX_METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return raw
