"""`!template`: which template is meant, and with what values. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.content import TemplateMessage
from bridge.content.templates import Template, UnfitError, filled, find, same_language


def read(typed: str, templates: Sequence[Template]) -> TemplateMessage:
    """`<name> [language] <value> | <value> …`. Raises `UnfitError`, in words, for what cannot be sent."""
    words = typed.split(maxsplit=2)
    name = words[0] if words else ""
    language, rest = "", typed.strip()[len(name) :]
    if len(words) > 1 and any(
        one.name == name and same_language(one.language, words[1]) for one in templates
    ):
        language = words[1]
        rest = words[2] if len(words) > 2 else ""
    template = find(templates, name, language)
    if template is None:
        raise UnfitError(_unknown(name, templates))
    values = [" ".join(one.split(" ")).strip() for one in rest.split("|")] if rest.strip() else []
    return filled(template, values)


def _unknown(name: str, templates: Sequence[Template]) -> str:
    if not templates:
        return "There are no templates here. They are made and approved on the contacts' platform, and read every 15 minutes."
    return f"There is no template `{name[:60]}`. `!templates` lists those that there are."
