"""An account's message templates, as WhatsApp lists them. (WhatsApp: templates/template-management.)"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from bridge.adapters.whatsapp import errors
from bridge.adapters.whatsapp.caller import GraphCaller
from bridge.adapters.whatsapp.format import from_whatsapp
from bridge.adapters.whatsapp.numbers import Number
from bridge.content.templates import Answer, Template
from bridge.errors import PlatformError

_FIELDS = "name,language,status,category,components"
_PAGE = 100
_MOST_PAGES = 70
"""6,000 templates are the most that WhatsApp keeps of an account."""
_STALE = "131059"
_TRIES = 3


class _Component(msgspec.Struct, frozen=True):
    type: str = ""
    format: str = ""
    text: str = ""
    buttons: list[dict[str, Any]] = []


class _Row(msgspec.Struct, frozen=True):
    name: str
    language: str
    status: str = ""
    category: str = ""
    components: list[_Component] = []


class _Cursors(msgspec.Struct, frozen=True):
    after: str = ""


class _Paging(msgspec.Struct, frozen=True):
    cursors: _Cursors = _Cursors()
    next: str = ""


class _Page(msgspec.Struct, frozen=True):
    data: list[_Row] = []
    paging: _Paging = _Paging()


_decode = msgspec.json.Decoder(_Page).decode


async def read_templates(caller: GraphCaller, number: Number) -> tuple[Template, ...]:
    """All templates of the number's account, whatever their status. Raises `PlatformError`."""
    for _ in range(_TRIES):
        try:
            return tuple([_template(row) for row in await _rows(caller, number)])
        except PlatformError as problem:
            if problem.failure.code != _STALE:
                raise
            # The list changed under our cursor: it is read anew.
    raise PlatformError(errors.unreadable_answer())


async def _rows(caller: GraphCaller, number: Number) -> list[_Row]:
    rows: list[_Row] = []
    after = ""
    for _ in range(_MOST_PAGES):
        path = f"{number.waba_id}/message_templates?fields={_FIELDS}&limit={_PAGE}"
        answer = await caller.get(path + (f"&after={quote(after, safe='')}" if after else ""), number.token)
        try:
            page = _decode(answer)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise PlatformError(errors.unreadable_answer()) from error
        rows += page.data
        after = page.paging.cursors.after
        if not (page.paging.next and after):
            break
    return rows


def _template(row: _Row) -> Template:
    parts = {one.type.upper(): one for one in row.components}
    header, body = parts.get("HEADER", _Component()), parts.get("BODY", _Component())
    buttons = parts.get("BUTTONS", _Component()).buttons
    kind = header.format.lower() if "HEADER" in parts else ""
    return Template(
        name=row.name,
        language=row.language,
        body=from_whatsapp(body.text),
        category=row.category.lower(),
        status=row.status.upper(),
        header=header.text if kind == "text" else "",
        header_kind=kind,
        footer=parts.get("FOOTER", _Component()).text,
        buttons=tuple(
            Answer(str(one.get("type", "")).lower(), str(one.get("text", "")), str(one.get("url", "")))
            for one in buttons
        ),
    )
