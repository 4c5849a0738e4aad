"""Interactive elements: finding them in blocks, and what their values look like in `state.values`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bridge.sandbox.slack.errors import RefusedError
from bridge.sandbox.slack.jsontypes import Json, JsonValue

State = dict[str, dict[str, Json]]

SLOTS: dict[str, tuple[str, str]] = {
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "checkboxes": ("selected_options", "initial_options"),
    "radio_buttons": ("selected_option", "initial_option"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "file_input": ("files", ""),
}
"""For each element with a value: its key in `state.values`, and the element's own key for a first value."""

TEXTS = ("plain_text_input", "number_input", "email_text_input", "url_text_input")


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every (block, interactive element), in order."""
    for block in blocks:
        inner = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
        for element in inner:
            if isinstance(element, dict) and "action_id" in element:
                yield block, element
        for child in block.get("child_blocks") or []:
            yield from elements([child])


def find(
    blocks: list[Json], action_id: str, value: str | None = None, block_id: str | None = None
) -> tuple[Json, Json]:
    """The block and element with an action id; raises `RefusedError`.

    Where several share it, a button's value or the block's id tells which.
    """
    for block, element in elements(blocks):
        if element["action_id"] != action_id or block_id not in (None, block.get("block_id")):
            continue
        if value is None or element["type"] != "button" or element.get("value") == value:
            return block, element
    raise RefusedError(f"there is nothing to press with action_id {action_id!r}")


def state_values(blocks: list[Json], state: State) -> State:
    """`state.values`: for every element that holds a value what was chosen, else its first value, else null."""
    values: State = {}
    for block, element in elements(blocks):
        slot = SLOTS.get(element["type"])
        if slot is None:
            continue
        chosen = state.get(block["block_id"], {}).get(element["action_id"])
        if chosen is None or chosen["type"] != element["type"]:
            chosen = _first_value(element, *slot)
        values.setdefault(block["block_id"], {})[element["action_id"]] = chosen
    return values


def _first_value(element: Json, slot: str, initial: str) -> Json:
    value = element.get(initial)
    if value is None and (slot.endswith("s") or slot == "files"):
        value = []
    made = {"type": element["type"], slot: value}
    if element["type"] == "timepicker" and "timezone" in element:
        made["timezone"] = element["timezone"]
    return made


def chosen_value(
    element: Json,
    value: JsonValue,
    user_id: Callable[[str], str],
    channel_id: Callable[[str], str],
    known: list[Json],
) -> Json:
    """What an element's state becomes when a person enters `value`.

    Options are given by their `value` (lists for multi selects and checkboxes), people and channels by name or id,
    texts as text. `known` are the options an external select has been offered. Raises `RefusedError`.
    """
    kind = str(element["type"])
    slot, _ = SLOTS[kind]
    made = _first_value(element, slot, "")
    if isinstance(value, dict) and kind != "rich_text_input":
        made[slot] = value
    elif slot == "selected_option":
        made[slot] = None if value is None else _option(element, str(value), known)
    elif slot == "selected_options":
        made[slot] = [_option(element, str(item), known) for item in value]
    elif slot in ("selected_user", "selected_conversation", "selected_channel"):
        translate = user_id if slot == "selected_user" else channel_id
        made[slot] = None if value is None else translate(value)
    elif slot in ("selected_users", "selected_conversations", "selected_channels"):
        translate = user_id if slot == "selected_users" else channel_id
        made[slot] = [translate(item) for item in value]
    else:
        made[slot] = value or None
    most = element.get("max_selected_items")
    if most and isinstance(made[slot], list) and len(made[slot]) > most:
        raise RefusedError(f"no more than {most} can be chosen")
    return made


def _option(element: Json, value: str, known: list[Json]) -> Json:
    groups = element.get("option_groups") or []
    options = [*(element.get("options") or []), *known]
    options += [option for group in groups for option in group["options"]]
    for option in options:
        if option.get("value") == value:
            return dict(option)
    raise RefusedError(f"there is no option with the value {value!r}")


def complaints(blocks: list[Json], values: State) -> dict[str, str]:
    """What the client itself refuses before submitting, by block id: empty required inputs, lengths."""
    wrong: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        slot = SLOTS[element["type"]][0]
        value = values.get(block["block_id"], {}).get(element["action_id"], {}).get(slot)
        if not value:
            if not block.get("optional"):
                wrong[block["block_id"]] = "Please complete this required field."
        elif element["type"] == "plain_text_input":
            if len(value) < element.get("min_length", 0):
                wrong[block["block_id"]] = f"Please enter at least {element['min_length']} characters."
            elif len(value) > element.get("max_length", 3000):
                wrong[block["block_id"]] = (
                    f"Please enter no more than {element.get('max_length', 3000)} characters."
                )
    return wrong
