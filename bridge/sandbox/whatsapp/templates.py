"""The message templates of an account: listing with cursors, and what a send must fill in."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bridge.sandbox.whatsapp.checks import Params
from bridge.sandbox.whatsapp.config import TemplateConfig
from bridge.sandbox.whatsapp.errors import GraphError, invalid, missing

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_UNSENDABLE = re.compile(r"[\n\t]| {5,}")
_SHOWN = ("name", "language", "status", "category", "id", "parameter_format", "components")


def page(
    rows: Sequence[dict[str, Any]], limit: int, after: str, before: str, next_url: str
) -> dict[str, Any]:
    """One page of a Graph listing. Raises `GraphError` 131059 for a cursor that points nowhere (any more)."""
    start = 0
    if after:
        start = _position(rows, after) + 1
    elif before:
        start = max(0, _position(rows, before) - limit)
    shown = rows[start : start + limit]
    body: dict[str, Any] = {"data": list(shown)}
    if shown:
        body["paging"] = {"cursors": {"before": _cursor(shown[0]), "after": _cursor(shown[-1])}}
        if start + limit < len(rows):
            body["paging"]["next"] = f"{next_url}&after={body['paging']['cursors']['after']}"
    return body


def _cursor(row: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"QVFI{row['id']}".encode()).decode().rstrip("=")


def _position(rows: Sequence[dict[str, Any]], cursor: str) -> int:
    for at, row in enumerate(rows):
        if _cursor(row) == cursor:
            return at
    raise GraphError(131059)


def rows(
    templates: Iterable[TemplateConfig], waba_id: str, *, status: str, name: str, language: str, fields: str
) -> list[dict[str, Any]]:
    """The account's templates that match the filters (empty: any), with the fields asked for."""
    wanted = [each.strip() for each in fields.split(",") if each.strip()] or list(_SHOWN)
    unknown = [each for each in wanted if each not in _SHOWN]
    if unknown:
        raise invalid(
            f"Tried accessing nonexisting field ({unknown[0]}) on node type (WhatsAppMessageTemplate)"
        )
    found = []
    for each in templates:
        if each.waba_id != waba_id or (status and each.status != status.upper()):
            continue
        if (name and each.name != name) or (language and each.language != language):
            continue
        row = asdict(each)
        found.append({key: row[key] for key in dict.fromkeys([*wanted, "id"])})
    return found


def check(content: dict[str, Any], templates: Iterable[TemplateConfig], waba_id: str) -> TemplateConfig:
    """The template that a send names, once its values fit; raises `GraphError` (132000 and following)."""
    name, code = content["name"], content["language"]["code"]
    template = next(
        (t for t in templates if t.waba_id == waba_id and t.name == name and t.language == code), None
    )
    if template is None or template.status in {"REJECTED", "PENDING"}:
        raise GraphError(132001, details=f"template name ({name}) does not exist in {code}")
    if template.status == "PAUSED":
        raise GraphError(132015)
    if template.status == "DISABLED":
        raise GraphError(132016)
    components = content.get("components") or []
    given = {str(each.value.get("type", "")).lower(): each for each in _components(components)}
    for part in ("HEADER", "BODY"):
        _fill(template, part, given.get(part.lower()))
    return template


def _components(value: object) -> list[Params]:
    return Params({"components": value}, "template").items("components", 20) if value else []


def _fill(template: TemplateConfig, part: str, given: Params | None) -> None:
    declared = next((each for each in template.components if each["type"] == part), {})
    wanted = list(dict.fromkeys(_VARIABLE.findall(declared.get("text", ""))))
    values = given.items("parameters", 100) if given is not None and given.value.get("parameters") else []
    texts = [each for each in values if each.value.get("type") == "text"]
    if len(texts) != len(wanted):
        raise GraphError(
            132000,
            details=f"{part.lower()}: number of localizable_params ({len(texts)}) does not match the expected "
            f"number of params ({len(wanted)})",
        )
    for each in texts:
        text = each.string("text", 1024)
        if _UNSENDABLE.search(text):
            raise GraphError(
                132018, details="Param text cannot have new-line/tab characters or more than 4 spaces."
            )
        if template.parameter_format == "NAMED" and each.value.get("parameter_name") not in wanted:
            raise GraphError(132012, details=f"{part.lower()}: Parameter name is missing or unknown")
    if declared.get("format") in {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"} and not values:
        raise missing("components")


def rendered(template: TemplateConfig, content: dict[str, Any]) -> str:
    """How a template reads on a phone, with the values of a send."""
    given = {str(each.get("type", "")).lower(): each for each in content.get("components") or []}
    lines = []
    for part in template.components:
        parameters = (given.get(part["type"].lower()) or {}).get("parameters") or []
        texts = [each for each in parameters if each.get("type") == "text"]
        named = {each.get("parameter_name") or str(at): each["text"] for at, each in enumerate(texts, 1)}
        lines.append(_read(part, named))
    return "\n".join(lines)


def _read(part: dict[str, Any], named: dict[str, str]) -> str:
    if part["type"] == "BUTTONS":
        return " ".join(f"[{each.get('text', '')}]" for each in part.get("buttons", []))
    if part.get("format") in {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}:
        return f"[{part['format'].lower()}]"
    return _VARIABLE.sub(lambda found: named.get(found[1], found[0]), str(part["text"]))
