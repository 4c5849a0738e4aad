"""The small checks that Block Kit specifications are made of; each reports with a JSON pointer, as Slack does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.slack.jsontypes import JsonValue


@dataclass
class Report:
    """What is wrong so far, and what must be unique."""

    surface: str
    errors: list[str] = field(default_factory=list)

    def add(self, message: str, pointer: str) -> None:
        """Note one problem in Slack's form: `message [json-pointer:/…]`."""
        self.errors.append(f"{message} [json-pointer:{pointer}]")


Check = Callable[[Report, Any, str], None]


@dataclass(frozen=True)
class Field:
    """One property of an object."""

    check: Check
    required: bool = False


def need(check: Check) -> Field:
    """A required property."""
    return Field(check, required=True)


def may(check: Check) -> Field:
    """An optional property."""
    return Field(check)


def text(most: int, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if not isinstance(value, str):
            report.add("must provide a string", pointer)
        elif len(value) > most:
            report.add(f"must be less than {most + 1} characters", pointer)
        elif len(value) < least:
            report.add(f"must be more than {least - 1} characters", pointer)

    return check


def boolean(report: Report, value: JsonValue, pointer: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        report.add("must be a boolean", pointer)


def integer(low: int, high: int) -> Check:
    """A whole number between two bounds."""

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            report.add("must be an integer", pointer)
        elif not low <= value <= high:
            report.add(f"must be between {low} and {high}", pointer)

    return check


def number(report: Report, value: JsonValue, pointer: str) -> None:
    """Any number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        report.add("must be a number", pointer)


def one_of(values: Iterable[str]) -> Check:
    """One of some words."""
    allowed = tuple(values)

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if value not in allowed:
            report.add(f"must be one of: {', '.join(allowed)}", pointer)

    return check


def pattern(expression: str, what: str) -> Check:
    """A string of a certain form."""
    compiled = re.compile(expression)

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            report.add(f"must be {what}", pointer)

    return check


def array(item: Check, most: int, least: int = 1) -> Check:
    """A list of `least` to `most` items."""

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if not isinstance(value, list):
            report.add("must be an array", pointer)
            return
        if len(value) > most:
            report.add(f"no more than {most} items allowed", pointer)
        if len(value) < least:
            report.add(f"no less than {least} items allowed", pointer)
        for index, entry in enumerate(value):
            item(report, entry, f"{pointer}/{index}")

    return check


def anything(report: Report, value: JsonValue, pointer: str) -> None:
    """No rule."""


def record(fields: Mapping[str, Field], then: Check | None = None) -> Check:
    """An object with just these properties, and a last look at the whole."""

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if not isinstance(value, dict):
            report.add("must be an object", pointer)
            return
        before = len(report.errors)
        for name in value.keys() - fields.keys():
            report.add(f"invalid additional property: {name}", pointer)
        for name, spec in fields.items():
            entry = value.get(name)
            if entry is not None:
                spec.check(report, entry, f"{pointer}/{name}")
            elif spec.required:
                report.add(f"missing required field: {name}", pointer)
        if then is not None and len(report.errors) == before:
            then(report, value, pointer)

    return check


def tagged(kinds: Mapping[str, Check], allowed: Iterable[str] | None = None) -> Check:
    """An object whose `type` says which check applies; `allowed` narrows the types in this place."""
    names = frozenset(kinds if allowed is None else allowed)

    def check(report: Report, value: JsonValue, pointer: str) -> None:
        if not isinstance(value, dict):
            report.add("must be an object", pointer)
            return
        kind = value.get("type")
        if kind is None:
            report.add("missing required field: type", pointer)
        elif not isinstance(kind, str) or kind not in names or kind not in kinds:
            report.add(f"unsupported type: {kind}", f"{pointer}/type")
        else:
            kinds[kind](report, value, pointer)

    return check
