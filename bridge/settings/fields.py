"""Walking the tree of settings: names, environment variables, which are secret, what a wrong name meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bridge.settings.tree import Section, Settings

PREFIX = "THREADLINE_"
NESTED = "__"
LISTS = ("inboxes",)
"""Tables that repeat: `[[inboxes]]`. In the environment an entry is named by its id or its position."""

Path = tuple[str, ...]


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds (once or repeated), or None for a value."""
    return next((kind for kind in _kinds(field.annotation) if issubclass(kind, Section)), None)


def is_secret(field: FieldInfo) -> bool:
    """True when the field's value must not be shown."""
    extra = field.json_schema_extra
    marked = isinstance(extra, dict) and bool(extra.get("secret"))
    return marked or any(issubclass(kind, SecretStr) for kind in _kinds(field.annotation))


def _kinds(annotation: Any) -> Iterator[type]:  # noqa: ANN401 - an annotation has no narrower type
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def values(model: type[BaseModel] = Settings, above: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every setting that holds a value, with its path: `("slack", "bot_token")`, `("inboxes", "channel")`."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            yield (*above, name), field
        else:
            yield from values(section, (*above, name))


def field_at(path: Sequence[str]) -> FieldInfo | None:
    """The field that a path without list positions names, or None when there is no such setting."""
    model: type[BaseModel] = Settings
    field: FieldInfo | None = None
    for place, name in enumerate(path):
        field = model.model_fields.get(name)
        if field is None:
            return None
        section = section_of(field)
        if section is None:
            return field if place == len(path) - 1 else None
        model = section
    return field


def env_name(path: Sequence[str | int]) -> str:
    """The environment variable of a path: `THREADLINE_SLACK__BOT_TOKEN`."""
    return PREFIX + NESTED.join(str(part) for part in path).replace("-", "_").upper()


def toml_name(path: Sequence[str | int]) -> str:
    """The path as people write it: `slack.bot_token`, `inboxes[0].channel`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def meant(path: Sequence[str]) -> Path | None:
    """The setting whose path is closest to a wrong one: a misspelling, or the right name at a wrong place."""
    known = {".".join(one): one for one, _ in values()}
    known |= {name: (name,) for name in Settings.model_fields}
    if len(path) > 1 and path[:-1] == path[:1]:
        siblings = {one[-1]: one for one in known.values() if one[:-1] == tuple(path[:-1])}
        close = difflib.get_close_matches(path[-1], siblings, n=1)
        if close:
            return siblings[close[0]]
    elsewhere = [one for one in known.values() if one[-1] == path[-1]]
    if len(elsewhere) == 1:
        return elsewhere[0]
    close = difflib.get_close_matches(".".join(path), known, n=1, cutoff=0.75)
    return known[close[0]] if close else None


def entry_key(entry: object) -> str:
    """How an entry of a repeated table is named in a variable: its id in small letters; empty without one."""
    name = entry.get("id") if isinstance(entry, dict) else None
    return name.lower().replace("-", "_") if isinstance(name, str) else ""


def toml_value(value: object) -> str:
    """A value as it is written in TOML. Only kinds that settings have: text, numbers, booleans, lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
