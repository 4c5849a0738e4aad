"""Modals and Home tabs: title, buttons, metadata, size."""

from __future__ import annotations

import orjson

from bridge.sandbox.slack.blockkit.blocks import check_blocks
from bridge.sandbox.slack.blockkit.checks import Report, anything, boolean, may, need, one_of, record, text
from bridge.sandbox.slack.blockkit.objects import plain
from bridge.sandbox.slack.errors import SlackError, invalid_arguments
from bridge.sandbox.slack.jsontypes import Json, JsonValue

MAX_BYTES = 250_000
_COMMON = {
    "blocks": need(anything),
    "private_metadata": may(text(3000, 0)),
    "callback_id": may(text(255, 0)),
    "external_id": may(text(255, 0)),
}
_MODAL = record(
    _COMMON
    | {
        "type": need(one_of(("modal",))),
        "title": need(plain(24)),
        "submit": may(plain(24)),
        "close": may(plain(24)),
        "clear_on_close": may(boolean),
        "notify_on_close": may(boolean),
        "submit_disabled": may(boolean),
    }
)
_HOME = record(_COMMON | {"type": need(one_of(("home",)))})


def check_view(raw: JsonValue, surface: str) -> Json:
    """Check a view for a surface (`modal`, `home`) and return it as Slack stores it.

    Raises `view_too_large` over 250 KB, and `invalid_arguments` with one line for each problem. A modal with input
    blocks needs `submit`.
    """
    if not isinstance(raw, dict):
        raise invalid_arguments("[ERROR] must provide an object [json-pointer:/view]")
    if len(orjson.dumps(raw)) > MAX_BYTES:
        raise SlackError("view_too_large")
    report = Report(surface)
    (_MODAL if surface == "modal" else _HOME)(report, raw, "/view")
    blocks = raw.get("blocks")
    checked: list[Json] = []
    if isinstance(blocks, list):
        try:
            checked = check_blocks(blocks, surface, "/view/blocks")
        except SlackError as error:
            report.errors.extend(error.extra["errors"])
        if surface == "modal" and not raw.get("submit"):
            kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
            if "input" in kinds:
                report.add("missing required field: submit", "/view")
    else:
        report.add("must be an array", "/view/blocks")
    if report.errors:
        raise invalid_arguments(*(f"[ERROR] {line}" for line in report.errors))
    texts = {name: {"emoji": True, **raw[name]} for name in ("title", "submit", "close") if raw.get(name)}
    return {key: value for key, value in raw.items() if value is not None} | texts | {"blocks": checked}
