"""The sandbox's settings: one typed tree with defaults that work, read from TOML."""

import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from bridge.sandbox.slack.config import SlackConfig
from bridge.sandbox.whatsapp.config import WhatsAppConfig

T = TypeVar("T")


@dataclass
class SandboxConfig:
    """Everything the sandbox needs to start.

    `port` 0 takes a free one; `scale` is how many times faster than real its waits and limits run; `seed` fixes the
    dice of its faults.
    """

    host: str = "127.0.0.1"
    port: int = 8081
    scale: float = 1.0
    seed: int = 0
    whatsapp: WhatsAppConfig = field(default_factory=WhatsAppConfig)
    slack: SlackConfig = field(default_factory=SlackConfig)


class ConfigError(ValueError):
    """A setting is wrong; the text names it and says what was expected."""


def load_config(path: Path) -> SandboxConfig:
    """Read a TOML file; what it leaves out keeps its default. Raises `ConfigError`, or `OSError` without the file."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return parse(SandboxConfig, data, "")


def parse(kind: type[T], data: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `kind` from decoded TOML or JSON; raise `ConfigError` naming the first wrong key."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where or 'settings'}: expected a table, not {data!r}")
    hints = typing.get_type_hints(kind)
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # kind is a dataclass by contract
    values = {}
    for key, value in data.items():
        name = f"{where}.{key}" if where else str(key)
        if key not in known:
            raise ConfigError(f"{name}: no such setting; known here: {', '.join(sorted(known))}")
        values[key] = _value(hints[key], value, name)
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{where or 'settings'}: {error}") from error


def _value(hint: object, value: object, name: str) -> object:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _value(next(each for each in arguments if each is not type(None)), value, name)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{name}: expected one of {', '.join(map(repr, arguments))}, not {value!r}")
        return value
    if origin is list and isinstance(value, list):
        return [_value(arguments[0], each, f"{name}[{at}]") for at, each in enumerate(value)]
    if is_dataclass(hint):
        return parse(typing.cast("type[Any]", hint), typing.cast("dict[str, Any]", value), name)
    return value if hint is Any else _plain(typing.cast("type[Any]", origin or hint), value, name)


def _plain(kind: type[Any], value: object, name: str) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{name}: expected {kind.__name__}, not {value!r}")
    return value
