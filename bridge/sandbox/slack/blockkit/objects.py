"""Composition objects: texts, options, confirmations."""

from __future__ import annotations

from bridge.sandbox.slack.blockkit.checks import (
    Check,
    Report,
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
from bridge.sandbox.slack.jsontypes import JsonValue

IDENTIFIER = text(255)
URL = text(3000)


def plain(most: int) -> Check:
    """A `plain_text` object."""
    return tagged({"plain_text": _plain(most)})


def _plain(most: int) -> Check:
    return record({"type": need(text(20)), "text": need(text(most)), "emoji": may(boolean)})


def _mrkdwn(most: int) -> Check:
    return record({"type": need(text(20)), "text": need(text(most)), "verbatim": may(boolean)})


def any_text(most: int) -> Check:
    """A `plain_text` or `mrkdwn` object."""
    return tagged({"plain_text": _plain(most), "mrkdwn": _mrkdwn(most)})


def _option(texts: Check, *, url: bool = False) -> Check:
    fields = {"text": need(texts), "value": need(text(150)), "description": may(any_text(75))}
    return record(fields | ({"url": may(URL)} if url else {}))


OPTION = _option(plain(75))
OVERFLOW_OPTION = _option(plain(75), url=True)
CHOICE_OPTION = _option(any_text(75))
OPTION_GROUP = record({"label": need(plain(75)), "options": need(array(OPTION, 100))})


def _distinct_values(options: Check) -> Check:
    def check(report: Report, value: JsonValue, pointer: str) -> None:
        options(report, value, pointer)
        seen: set[str] = set()
        for index, option in enumerate(value if isinstance(value, list) else []):
            known = option.get("value") if isinstance(option, dict) else None
            if isinstance(known, str) and known in seen:
                report.add(f"duplicate option value: {known}", f"{pointer}/{index}/value")
            elif isinstance(known, str):
                seen.add(known)

    return check


OPTIONS = _distinct_values(array(OPTION, 100))
OVERFLOW_OPTIONS = array(OVERFLOW_OPTION, 5)
CHOICES = array(CHOICE_OPTION, 10)
OPTION_GROUPS = array(OPTION_GROUP, 100)

CONFIRM = record(
    {
        "title": need(plain(100)),
        "text": need(any_text(300)),
        "confirm": need(plain(30)),
        "deny": need(plain(30)),
        "style": may(one_of(("primary", "danger"))),
    }
)
DISPATCH = record(
    {"trigger_actions_on": need(array(one_of(("on_enter_pressed", "on_character_entered")), 2))}
)
FILTER = record(
    {
        "include": may(array(one_of(("im", "mpim", "private", "public")), 4)),
        "exclude_external_shared_channels": may(boolean),
        "exclude_bot_users": may(boolean),
    }
)
SLACK_FILE = record({"id": may(text(255)), "url": may(URL)})
COUNT = integer(1, 100)
