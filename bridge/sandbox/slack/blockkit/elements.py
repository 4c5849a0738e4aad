"""Block elements: buttons, selects, inputs, pickers."""

from __future__ import annotations

from bridge.sandbox.slack.blockkit.checks import (
    Check,
    Field,
    Report,
    array,
    boolean,
    integer,
    may,
    need,
    one_of,
    pattern,
    record,
    tagged,
    text,
)
from bridge.sandbox.slack.blockkit.objects import (
    CHOICE_OPTION,
    CHOICES,
    CONFIRM,
    COUNT,
    DISPATCH,
    FILTER,
    IDENTIFIER,
    OPTION,
    OPTION_GROUPS,
    OPTIONS,
    OVERFLOW_OPTIONS,
    SLACK_FILE,
    URL,
    any_text,
    plain,
)
from bridge.sandbox.slack.blockkit.richtext import RICH_TEXT
from bridge.sandbox.slack.jsontypes import Json

_KIND = need(text(40))
_DATE = pattern(r"\d{4}-\d{2}-\d{2}", "a date as YYYY-MM-DD")
_TIME = pattern(r"([01]\d|2[0-3]):[0-5]\d", "a time as HH:mm")
_USER = pattern(r"[UW][A-Z0-9]+", "a valid user id")
_CHANNEL = pattern(r"[CDG][A-Z0-9]+", "a valid conversation id")


def _image_source(report: Report, value: Json, pointer: str) -> None:
    if ("image_url" in value) == ("slack_file" in value):
        report.add("exactly one of image_url and slack_file is required", pointer)


IMAGE = record(
    {
        "type": _KIND,
        "image_url": may(URL),
        "slack_file": may(SLACK_FILE),
        "alt_text": need(text(2000)),
    },
    _image_source,
)


def _element(**fields: Field) -> Check:
    base = {"type": _KIND, "action_id": may(IDENTIFIER)}
    return record(base | fields)


def _menu(**fields: Field) -> Check:
    common = {"placeholder": may(plain(150)), "confirm": may(CONFIRM), "focus_on_load": may(boolean)}
    return _element(**common, **fields)


def _static(**fields: Field) -> Check:
    base = {"placeholder": may(plain(150)), "confirm": may(CONFIRM), "focus_on_load": may(boolean)}
    base |= {"type": _KIND, "action_id": may(IDENTIFIER)}
    return record(
        base | {"options": may(OPTIONS), "option_groups": may(OPTION_GROUPS)} | fields, _initial_known
    )


def _initial_known(report: Report, value: Json, pointer: str) -> None:
    if ("options" in value) == ("option_groups" in value):
        report.add("exactly one of options and option_groups is required", pointer)
        return
    groups = value.get("option_groups") or [{"options": value.get("options")}]
    known = {option["value"] for group in groups for option in group["options"]}
    initial = value.get("initial_options") or [o for o in [value.get("initial_option")] if o]
    for option in initial:
        if option["value"] not in known:
            report.add("initial option is not one of the options", pointer)


def _choice_known(report: Report, value: Json, pointer: str) -> None:
    known = {option["value"] for option in value["options"]}
    for option in value.get("initial_options") or [o for o in [value.get("initial_option")] if o]:
        if option["value"] not in known:
            report.add("initial option is not one of the options", pointer)


def _typed(**fields: Field) -> Check:
    common = {"placeholder": may(plain(150)), "focus_on_load": may(boolean)}
    return _element(**common, dispatch_action_config=may(DISPATCH), **fields)


_MANY = may(COUNT)
_CONVERSATIONS = {"default_to_current_conversation": may(boolean), "filter": may(FILTER)}
_BUTTON = _element(
    text=need(plain(75)),
    value=may(text(2000)),
    url=may(URL),
    style=may(one_of(("primary", "danger"))),
    confirm=may(CONFIRM),
    accessibility_label=may(text(75)),
)
_CHOICE = {"options": need(CHOICES), "confirm": may(CONFIRM), "focus_on_load": may(boolean)}


def _choices(**fields: Field) -> Check:
    base = {"type": _KIND, "action_id": may(IDENTIFIER)}
    return record(base | _CHOICE | fields, _choice_known)


ELEMENTS: dict[str, Check] = {
    "button": _BUTTON,
    "checkboxes": _choices(initial_options=may(array(CHOICE_OPTION, 10))),
    "radio_buttons": _choices(initial_option=may(CHOICE_OPTION)),
    "overflow": _element(options=need(OVERFLOW_OPTIONS), confirm=may(CONFIRM)),
    "static_select": _static(initial_option=may(OPTION)),
    "multi_static_select": _static(initial_options=may(array(OPTION, 100)), max_selected_items=_MANY),
    "external_select": _menu(initial_option=may(OPTION), min_query_length=may(integer(0, 150))),
    "multi_external_select": _menu(
        initial_options=may(array(OPTION, 100)),
        min_query_length=may(integer(0, 150)),
        max_selected_items=_MANY,
    ),
    "users_select": _menu(initial_user=may(_USER)),
    "multi_users_select": _menu(initial_users=may(array(_USER, 100)), max_selected_items=_MANY),
    "conversations_select": _menu(
        initial_conversation=may(_CHANNEL), response_url_enabled=may(boolean), **_CONVERSATIONS
    ),
    "multi_conversations_select": _menu(
        initial_conversations=may(array(_CHANNEL, 100)), max_selected_items=_MANY, **_CONVERSATIONS
    ),
    "channels_select": _menu(initial_channel=may(_CHANNEL), response_url_enabled=may(boolean)),
    "multi_channels_select": _menu(initial_channels=may(array(_CHANNEL, 100)), max_selected_items=_MANY),
    "datepicker": _menu(initial_date=may(_DATE)),
    "timepicker": _menu(initial_time=may(_TIME), timezone=may(text(100))),
    "datetimepicker": _element(
        initial_date_time=may(integer(10**9, 10**10 - 1)), confirm=may(CONFIRM), focus_on_load=may(boolean)
    ),
    "plain_text_input": _typed(
        initial_value=may(text(3000)),
        multiline=may(boolean),
        min_length=may(integer(0, 3000)),
        max_length=may(integer(1, 3000)),
    ),
    "number_input": _typed(
        is_decimal_allowed=need(boolean),
        initial_value=may(text(100)),
        min_value=may(text(100)),
        max_value=may(text(100)),
    ),
    "email_text_input": _typed(initial_value=may(text(3000))),
    "url_text_input": _typed(initial_value=may(text(3000))),
    "rich_text_input": _typed(initial_value=may(tagged({"rich_text": RICH_TEXT}))),
    "file_input": _element(filetypes=may(array(text(20), 100)), max_files=may(integer(1, 10))),
    "image": IMAGE,
}
"""Every element by its `type`."""

_SELECTS = tuple(name for name in ELEMENTS if name.endswith("_select"))
_PICKERS = ("datepicker", "timepicker")
_CLICKS = ("button", "overflow", "checkboxes", "radio_buttons")
ACCESSORY = tagged(ELEMENTS, (*_CLICKS, *_SELECTS, *_PICKERS, "image"))
ACTION = tagged(ELEMENTS, (*_CLICKS, *_SELECTS, *_PICKERS, "datetimepicker"))
_TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input")
INPUT = tagged(
    ELEMENTS,
    (*_TYPED, "checkboxes", "radio_buttons", *_SELECTS, *_PICKERS, "datetimepicker", "file_input"),
)
BUTTON = tagged(ELEMENTS, ("button",))
CONTEXT = tagged({**{k: any_text(2000) for k in ("plain_text", "mrkdwn")}, "image": IMAGE})
