"""Blocks, and what may stand where: at most 50 in a message, 100 in a modal or on the Home tab."""

from __future__ import annotations

import copy
import secrets
from typing import Any

from bridge.sandbox.slack.blockkit.checks import (
    Check,
    Field,
    Report,
    anything,
    array,
    boolean,
    integer,
    may,
    need,
    one_of,
    record,
    tagged,
    text,
)
from bridge.sandbox.slack.blockkit.elements import ACCESSORY, ACTION, BUTTON, CONTEXT, ELEMENTS, IMAGE, INPUT
from bridge.sandbox.slack.blockkit.objects import IDENTIFIER, SLACK_FILE, URL, any_text, plain
from bridge.sandbox.slack.blockkit.richtext import RICH_TEXT
from bridge.sandbox.slack.errors import invalid_blocks
from bridge.sandbox.slack.jsontypes import Json, JsonValue

_INTERACTIVE = frozenset(ELEMENTS) - {"image"}
MOST = {"message": 50, "modal": 100, "home": 100}


def _block(**fields: Field) -> Check:
    return record({"type": need(text(40)), "block_id": may(IDENTIFIER)} | fields)


def _section_content(report: Report, value: Json, pointer: str) -> None:
    if not value.get("text") and not value.get("fields"):
        report.add("missing required field: text or fields", pointer)


_SECTION = record(
    {
        "type": need(text(40)),
        "block_id": may(IDENTIFIER),
        "text": may(any_text(3000)),
        "fields": may(array(any_text(2000), 10)),
        "accessory": may(ACCESSORY),
        "expand": may(boolean),
    },
    _section_content,
)


def _image_source(report: Report, value: Json, pointer: str) -> None:
    if ("image_url" in value) == ("slack_file" in value):
        report.add("exactly one of image_url and slack_file is required", pointer)


_IMAGE = record(
    {
        "type": need(text(40)),
        "block_id": may(IDENTIFIER),
        "image_url": may(URL),
        "slack_file": may(SLACK_FILE),
        "alt_text": need(text(2000)),
        "title": may(plain(2000)),
    },
    _image_source,
)
_CELL = tagged(
    {
        "raw_text": record({"type": need(text(20)), "text": need(text(3000, 0))}),
        "raw_number": record({"type": need(text(20)), "value": need(anything), "text": may(text(200, 0))}),
        "rich_text": RICH_TEXT,
    }
)
_ROW = array(_CELL, 20)
_CARD = _block(
    title=may(any_text(150)),
    subtitle=may(any_text(150)),
    body=may(any_text(200)),
    hero_image=may(IMAGE),
    icon=may(IMAGE),
    actions=may(array(BUTTON, 5)),
)


def _data_table_rows(report: Report, value: JsonValue, pointer: str) -> None:
    array(_ROW, 101, 1)(report, value, pointer)


_BLOCKS: dict[str, Check] = {
    "section": _SECTION,
    "actions": _block(elements=need(array(ACTION, 25))),
    "context": _block(elements=need(array(CONTEXT, 10))),
    "divider": _block(),
    "header": _block(text=need(plain(150))),
    "image": _IMAGE,
    "input": _block(
        label=need(plain(2000)),
        element=need(INPUT),
        dispatch_action=may(boolean),
        hint=may(plain(2000)),
        optional=may(boolean),
    ),
    "rich_text": RICH_TEXT,
    "video": _block(
        alt_text=need(text(2000)),
        author_name=may(text(50)),
        description=may(plain(200)),
        provider_icon_url=may(URL),
        provider_name=may(text(50)),
        title=need(plain(200)),
        title_url=may(URL),
        thumbnail_url=need(URL),
        video_url=need(URL),
    ),
    "card": _CARD,
    "markdown": _block(text=need(text(12_000))),
    "file": _block(external_id=need(text(255)), source=need(one_of(("remote",)))),
    "table": _block(rows=need(array(_ROW, 100)), column_settings=may(array(anything, 20))),
    "data_table": _block(
        caption=need(text(150)), rows=need(_data_table_rows), page_size=may(integer(1, 100))
    ),
    "data_visualization": _block(title=need(text(50)), chart=need(anything)),
    "plan": _block(title=need(text(150)), tasks=may(array(anything, 50))),
    "task_card": _block(
        task_id=need(text(255)),
        title=need(text(150)),
        status=may(one_of(("pending", "in_progress", "complete", "error"))),
        details=may(RICH_TEXT),
        output=may(RICH_TEXT),
        sources=may(array(anything, 20)),
    ),
    "alert": _block(text=need(any_text(2000)), level=may(text(20))),
    "carousel": _block(elements=need(array(tagged({"card": _CARD}), 10))),
}
_EVERYWHERE = (
    "section",
    "actions",
    "context",
    "divider",
    "header",
    "image",
    "input",
    "rich_text",
    "video",
    "card",
)
_MESSAGE_ONLY = ("markdown", "file", "table", "data_table", "data_visualization", "plan", "task_card")


def _container() -> Check:
    children = tagged(_BLOCKS, (*_EVERYWHERE, *_MESSAGE_ONLY))
    return _block(
        title=need(any_text(150)),
        child_blocks=need(array(children, 10)),
        is_collapsible=may(boolean),
        default_collapsed=may(boolean),
    )


_BLOCKS["container"] = _container()
_ALLOWED = {
    "message": (*_EVERYWHERE, *_MESSAGE_ONLY, "container", "carousel"),
    "modal": (*_EVERYWHERE, "alert"),
    "home": (*_EVERYWHERE, "carousel"),
}
_CHECKS = {surface: tagged(_BLOCKS, kinds) for surface, kinds in _ALLOWED.items()}


def check_blocks(raw: list[Any], surface: str, pointer: str = "/blocks") -> list[Json]:
    """Check blocks for a surface (`message`, `modal`, `home`) and return them as Slack stores them.

    Block and action ids are filled in where the app left them out, and so are the defaults of text objects.

    Raises `SlackError("invalid_blocks")` with one line for each problem.
    """
    report = Report(surface)
    if len(raw) > MOST[surface]:
        report.add(f"no more than {MOST[surface]} items allowed", pointer)
    for index, block in enumerate(raw[: MOST[surface]]):
        _CHECKS[surface](report, block, f"{pointer}/{index}")
    _unique(report, raw, pointer)
    _together(report, raw, pointer)
    if report.errors:
        raise invalid_blocks(report.errors)
    return [_stored(block) for block in raw]


def _unique(report: Report, raw: list[Any], pointer: str) -> None:
    seen: set[str] = set()
    for index, block in enumerate(raw):
        if not isinstance(block, dict):
            continue
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                report.add(f"`block_id` {block_id} already exists", f"{pointer}/{index}/block_id")
            seen.add(block_id)
        actions: set[str] = set()
        elements = block.get("elements")
        for place, element in enumerate(elements if isinstance(elements, list) else []):
            action_id = element.get("action_id") if isinstance(element, dict) else None
            if isinstance(action_id, str) and action_id in actions:
                where = f"{pointer}/{index}/elements/{place}/action_id"
                report.add(f"`action_id` {action_id} already exists for block_id {block_id}", where)
            elif isinstance(action_id, str):
                actions.add(action_id)


def _together(report: Report, raw: list[Any], pointer: str) -> None:
    kinds = [block.get("type") for block in raw if isinstance(block, dict)]
    if kinds.count("table") > 1:
        report.add("only one table block is allowed", pointer)
    if kinds.count("data_visualization") > 2:
        report.add("no more than 2 data_visualization blocks allowed", pointer)
    written = sum(
        len(str(block.get("text", "")))
        for block in raw
        if isinstance(block, dict) and block.get("type") == "markdown"
    )
    if written > 12_000:
        report.add("markdown blocks must be less than 12001 characters in all", pointer)


def _stored(block: Json) -> Json:
    stored: Json = _defaults(copy.deepcopy(block))
    stored.setdefault("block_id", secrets.token_urlsafe(4))
    for element in (*_list(stored.get("elements")), stored.get("accessory"), stored.get("element")):
        if isinstance(element, dict) and element.get("type") in _INTERACTIVE:
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return stored


def _list(value: JsonValue) -> list[Any]:
    return value if isinstance(value, list) else []


def _defaults(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    filled = {key: _defaults(value) for key, value in node.items() if value is not None}
    if filled.get("type") == "plain_text":
        filled.setdefault("emoji", True)
    elif filled.get("type") == "mrkdwn":
        filled.setdefault("verbatim", False)
    return filled
