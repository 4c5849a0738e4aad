"""Turning what is wrong with a tree of settings into problems that a person can act on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from bridge.settings import fields
from bridge.settings.problems import Problem
from bridge.settings.tree import EngineSettings, SlackMode

# Kubernetes gives every container such variables for each service; one named "threadline" has our prefix.
_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$")

_TRUE = {"true", "1", "yes", "on", "t", "y"}
"""What pydantic takes for true in a variable."""

_PLAIN_WORDS = {
    "string_type": "is not text; put it in quotes",
    "string_pattern_mismatch": "does not look right",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "tuple_type": "is not a list",
    "model_type": "is not a table",
    "model_attributes_type": "is not a table",
}


def is_service_link(name: str, value: str) -> bool:
    """True for variables that Kubernetes made for a service that happens to be called like us."""
    return bool(_SERVICE_LINK.search(name)) or (name.endswith("_PORT") and "://" in value)


def from_pydantic(error: ValidationError, tree: Mapping[str, Any]) -> list[Problem]:
    """One problem per finding. Pydantic's own words are used only where ours do not say it better."""
    return [problem for detail in error.errors(include_url=False) for problem in _findings(detail, tree)]


def missing_and_clashing(tree: Mapping[str, Any]) -> list[Problem]:
    """What one field alone cannot know: settings that others make necessary, or contradict."""
    inboxes = tree.get("inboxes")
    return [
        *_slack_needs(_table(tree, "slack")),
        *_none_at_all(inboxes),
        *_twice(inboxes),
        *_cluster(_table(tree, "redis")),
        *_sentinel(_table(tree, "redis")),
        *_deadline(tree),
    ]


def unknown_variable(name: str, path: fields.Path) -> Problem:
    """The problem for a variable with our prefix that sets nothing."""
    return Problem(name, "", _unknown_words(path, env=True), "", "")


def unique(problems: Sequence[Problem]) -> list[Problem]:
    """The problems in their order, without repeats of the same setting and complaint."""
    return list({(one.name, one.wrong): one for one in problems}.values())


# ------------------------------------------------------------------------------------------------- making


def _findings(detail: ErrorDetails, tree: Mapping[str, Any]) -> Iterator[Problem]:
    location, path = _named(detail["loc"])
    field = fields.field_at(path)
    section = fields.section_of(field) if field else None
    kind = detail["type"]
    if field is None:
        yield Problem(fields.toml_name(location), "", _unknown_words(path, env=False), "", "")
    elif kind == "missing" and section is not None and path[-1] not in fields.LISTS:
        # A table that is missing altogether: name what it has to hold.
        for name, inner in section.model_fields.items():
            if inner.is_required():
                yield _problem((*location, name), inner, "is missing", tree)
    else:
        yield _problem(location, field, _words(detail, field), tree)


def _named(loc: Sequence[str | int]) -> tuple[tuple[str | int, ...], fields.Path]:
    """Cut a location behind the setting it is in; give it with and without list positions."""
    location: list[str | int] = []
    path: list[str] = []
    for part in loc:
        if isinstance(part, str):
            path.append(part)
        elif path[-1:] != ["inboxes"]:
            break
        location.append(part)
    return tuple(location), tuple(path)


def _problem(location: Sequence[str | int], field: FieldInfo, wrong: str, tree: Mapping[str, Any]) -> Problem:
    env = fields.env_name(_with_entry_keys(location, tree))
    return Problem(
        name=fields.toml_name(location),
        env=env,
        wrong=wrong,
        expected=field.description or "a table",
        example=_example(str(location[-1]), field),
        file_env=f"{env}_FILE" if fields.is_secret(field) else "",
    )


def _with_entry_keys(location: Sequence[str | int], tree: Mapping[str, Any]) -> list[str | int]:
    entries = tree.get("inboxes")
    named: list[str | int] = []
    for part in location:
        if isinstance(part, int) and isinstance(entries, list) and part < len(entries):
            named.append(fields.entry_key(entries[part]) or part)
        else:
            named.append(part)
    return named


def _example(name: str, field: FieldInfo) -> str:
    if fields.section_of(field) is not None:
        return str(field.examples[0]) if field.examples else f"[{name}]"
    default = None if field.default is PydanticUndefined else field.default
    value = field.examples[0] if field.examples else default
    return "" if value is None else f"{name} = {fields.toml_value(value)}"


def _words(detail: ErrorDetails, field: FieldInfo) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is missing"
    own = _PLAIN_WORDS.get(kind)
    if own is None and kind == "value_error":
        own = detail["msg"].removeprefix("Value error, ")
    if own is None:
        own = detail["msg"].replace("Input should be ", "is not ")
    shown = detail.get("input")
    if fields.is_secret(field) or fields.section_of(field) or not isinstance(shown, str | int | float | bool):
        return own
    return f"{own} (it is {fields.toml_value(shown)[:60]})"


def _unknown_words(path: fields.Path, *, env: bool) -> str:
    close = fields.meant(path)
    if close is None:
        return "is not a setting"
    entry = ("inboxes", "<id>", *close[1:]) if env and close[0] in fields.LISTS else close
    return f"is not a setting; did you mean {fields.env_name(entry) if env else fields.toml_name(close)}?"


# ------------------------------------------------------------------------------------------ cross-checks


def _table(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tree.get(name)
    return table if isinstance(table, dict) else {}


def _slack_needs(slack: Mapping[str, Any]) -> Iterator[Problem]:
    mode = str(slack.get("mode", SlackMode.SOCKET))
    needed = {"socket": "app_token", "http": "signing_secret"}.get(mode)
    if needed is not None and not slack.get(needed):
        field = fields.field_at(("slack", needed))
        if field is not None:
            yield _problem(("slack", needed), field, f'is missing, and slack.mode "{mode}" needs it', {})


def _none_at_all(entries: object) -> Iterator[Problem]:
    field = fields.field_at(("inboxes",))
    if field is not None and entries == []:
        yield _problem(("inboxes",), field, "is empty", {})


def _twice(entries: object) -> Iterator[Problem]:
    tables = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    for name in ("id", "phone_number_id"):
        found = Counter(str(table[name]) for table in tables if name in table)
        for value, count in found.items():
            if count > 1:
                wrong = f'is "{value[:60]}" in {count} inboxes'
                yield Problem(f"inboxes.{name}", "", wrong, "another one in each inbox", "")


def _cluster(redis: Mapping[str, Any]) -> Iterator[Problem]:
    """A cluster has one database, and is reached over the network."""
    field, url = fields.field_at(("redis", "url")), str(redis.get("url", ""))
    if field is None or str(redis.get("cluster", False)).lower() not in _TRUE:
        return
    if url.startswith("unix://"):
        yield _problem(("redis", "url"), field, "is a socket file, and redis.cluster is set", {})
    elif re.search(r"^rediss?://[^/]*/0*[1-9]|[?&]db=0*[1-9]", url):
        wrong = "names a database, and redis.cluster is set: a cluster has no other than 0"
        yield _problem(("redis", "url"), field, wrong, {})


def _sentinel(redis: Mapping[str, Any]) -> Iterator[Problem]:
    """Sentinel watches one primary, which is reached over the network."""
    field = fields.field_at(("redis", "sentinels"))
    if field is None or not redis.get("sentinels"):
        return
    if str(redis.get("cluster", False)).lower() in _TRUE:
        yield _problem(("redis", "sentinels"), field, "is set, and redis.cluster too: a cluster has none", {})
    if str(redis.get("url", "")).startswith("unix://"):
        yield _problem(("redis", "sentinels"), field, "is set, and redis.url is a socket file", {})


def _deadline(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """A send has to end before the hold on its shard does, or two workers could send the same."""
    engine = _table(tree, "engine")
    send = _number(engine.get("send_timeout_s", EngineSettings().send_timeout_s))
    hold = _number(engine.get("hold_ttl_s", EngineSettings().hold_ttl_s))
    field = fields.field_at(("engine", "send_timeout_s"))
    if field is not None and send is not None and hold is not None and send >= hold:
        wrong = f"is {send:g}, which is not less than engine.hold_ttl_s ({hold:g})"
        yield _problem(("engine", "send_timeout_s"), field, wrong, {})


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None
