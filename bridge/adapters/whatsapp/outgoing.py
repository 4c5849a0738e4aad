"""A message to a contact as WhatsApp takes it: which messages it becomes, in order, and the body of each. Pure.

Words and what goes along with them share a message where WhatsApp lets them: the caption of the first file, the body of
a question. Where it does not, or where they are too long for that, the words go ahead as messages of their own.
(WhatsApp: messages, templates/components.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from bridge.actions import Send
from bridge.adapters.base import Fitted, Outgoing, Uploaded
from bridge.adapters.whatsapp.format import TEXT_LIMIT, compose
from bridge.content import (
    AskLocation,
    Buttons,
    Card,
    Cards,
    Detail,
    Filling,
    LinkButton,
    Location,
    Menu,
    Outward,
    StaffFile,
    TemplateMessage,
)
from bridge.content.limits import Limits

CAPTION_LIMIT = 1024
LIMITS = Limits(
    question=1024,
    menu_question=4096,
    buttons=3,
    button=20,
    menu_button=20,
    sections=10,
    rows=10,
    row=24,
    description=72,
    section=24,
    link=20,
    url=2000,
    cards=257,
)
"""WhatsApp: messages/interactive-*, messages/contacts-messages. Of the length of a web address it says nothing."""
NO_WORDS = "…"
"""The body of a question that came without words: WhatsApp wants some."""

_VCARD_KINDS = frozenset({"HOME", "WORK", "CELL", "MAIN", "IPHONE"})

Body = dict[str, Any]


# ------------------------------------------------------------------------------------------------- fitting


def fit(send: Send) -> Fitted:
    """The messages that `send` becomes."""
    first = send.extras[0] if send.extras else None
    limit = _room_for_words(first)
    joint = compose(send.body, send.names, limit) if limit else None
    if joint is None or (isinstance(first, StaffFile) and len(joint.parts) > 1):
        # A long caption is better read as one text than in pieces of a caption's size.
        joint = compose(send.body, send.names, TEXT_LIMIT)
        ahead, with_first = joint.parts, ""
    elif first is None:
        ahead, with_first = joint.parts, ""
    else:
        ahead, with_first = joint.parts[:-1], joint.parts[-1] if joint.parts else ""
    parts = [Outgoing(text=one) for one in ahead]
    for at, extra in enumerate(send.extras):
        words = with_first if at == 0 else ""
        parts.append(Outgoing(text=words or (NO_WORDS if _needs_words(extra) else ""), extra=extra))
    return Fitted(tuple(parts), joint.losses)


def _room_for_words(extra: Outward | None) -> int:
    """How many characters fit into the message of `extra`, or of mere words; 0: none."""
    match extra:
        case None | Menu():
            return TEXT_LIMIT if extra is None else LIMITS.menu_question
        case StaffFile():
            return 0 if extra.voice or extra.mime.startswith("audio/") else CAPTION_LIMIT
        case Buttons() | LinkButton() | AskLocation():
            return LIMITS.question
        case Location() | Cards() | TemplateMessage():
            return 0
        case _:
            assert_never(extra)


def _needs_words(extra: Outward) -> bool:
    return isinstance(extra, Buttons | Menu | LinkButton | AskLocation)


# -------------------------------------------------------------------------------------------------- bodies


def body_of(outgoing: Outgoing, uploaded: Uploaded | None = None) -> Body:
    """What a message's body says beside whom it goes to."""
    # WhatsApp shows no quote on a template.
    quotes = outgoing.quotes and not isinstance(outgoing.extra, TemplateMessage)
    context = {"context": {"message_id": outgoing.quotes}} if quotes else {}
    return {**_content(outgoing, uploaded), **context}


def _content(outgoing: Outgoing, uploaded: Uploaded | None) -> Body:
    words, extra = outgoing.text, outgoing.extra
    match extra:
        case None:
            return _of("text", {"body": words, "preview_url": "https://" in words or "http://" in words})
        case StaffFile():
            return _file(words, uploaded or Uploaded(media=""))
        case Buttons() | Menu() | LinkButton() | AskLocation():
            return _of("interactive", _interactive(extra, words))
        case Location():
            return _of("location", _place(extra))
        case Cards():
            return _of("contacts", [_card(card) for card in extra.cards])
        case TemplateMessage():
            return _of("template", _template(extra))
        case _:
            assert_never(extra)


def _of(kind: str, content: object) -> Body:
    return {"type": kind, kind: content}


def _file(caption: str, uploaded: Uploaded) -> Body:
    kind, content = uploaded.kind, {"id": uploaded.media, **_given(caption=caption)}
    if kind == "document":
        return _of(kind, content | {"filename": uploaded.name})
    return _of("audio", content | {"voice": True}) if kind == "voice" else _of(kind, content)


def _interactive(extra: Buttons | Menu | LinkButton | AskLocation, words: str) -> Body:
    body: Body = {"body": {"text": words}}
    match extra:
        case Buttons():
            buttons = [
                {"type": "reply", "reply": {"id": answer_id(at), "title": title}}
                for at, title in enumerate(extra.titles)
            ]
            return {"type": "button", **body, "action": {"buttons": buttons}}
        case Menu():
            return {"type": "list", **body, "action": {"button": extra.button, "sections": _sections(extra)}}
        case LinkButton():
            parameters = {"display_text": extra.title, "url": extra.url}
            return {"type": "cta_url", **body, "action": {"name": "cta_url", "parameters": parameters}}
        case AskLocation():
            return {"type": "location_request_message", **body, "action": {"name": "send_location"}}
        case _:
            assert_never(extra)


def answer_id(at: int) -> str:
    """What the answer says beside its title. The message that it answers comes along, so its place there is enough."""
    return f"tl-{at + 1}"


def _sections(menu: Menu) -> list[Body]:
    found, at = [], 0
    for section in menu.sections:
        rows = []
        for row in section.rows:
            rows.append({"id": answer_id(at), "title": row.title} | _given(description=row.description))
            at += 1
        found.append(_given(title=section.title) | {"rows": rows})
    return found


def _place(place: Location) -> Body:
    return {"latitude": place.latitude, "longitude": place.longitude} | _given(
        name=place.name, address=place.address
    )


def _card(card: Card) -> Body:
    name = card.name or card.company or next((one.value for one in card.phones), NO_WORDS)
    given = card.given or ("" if card.family else name)
    body: Body = {"name": {"formatted_name": name} | _given(first_name=given, last_name=card.family)}
    lists = {
        "phones": [_detail("phone", one) for one in card.phones],
        "emails": [_detail("email", one) for one in card.emails],
        "urls": [_detail("url", one) for one in card.urls],
        "addresses": [_detail("street", one) for one in card.addresses],
    }
    body |= {key: found for key, found in lists.items() if found}
    if org := _given(company=card.company, title=card.title):
        body["org"] = org
    return body | _given(birthday=card.birthday)


def _detail(key: str, detail: Detail) -> Body:
    kind = detail.label.upper()
    return {key: detail.value} | _given(type=kind if kind in _VCARD_KINDS else "")


def _given(**fields: str) -> Body:
    """Those that say something."""
    return {key: value for key, value in fields.items() if value}


# ------------------------------------------------------------------------------------------------ templates


def _template(template: TemplateMessage) -> Body:
    body: Body = {"name": template.name, "language": {"code": template.language}}
    components: list[Body] = []
    for part in ("header", "body"):
        fillings = [one for one in template.fillings if one.part == part]
        if fillings:
            components.append({"type": part, "parameters": [_parameter(one) for one in fillings]})
    components += [_button(one) for one in template.fillings if one.part == "button"]
    if components:
        body["components"] = components
    return body


def _parameter(filling: Filling) -> Body:
    kind = filling.kind
    if kind == "text":
        return {"type": "text", "text": filling.value} | _given(parameter_name=filling.name)
    if kind == "location":
        return {"type": kind, kind: _at(filling.value)}
    by = "link" if filling.value.startswith(("https://", "http://")) else "id"
    return {"type": kind, kind: {by: filling.value}}


def _at(value: str) -> Body:
    """`latitude,longitude,name`, as `Filling` has it."""
    latitude, longitude, name, address = (*value.split(",", 3), "", "", "", "")[:4]
    return {"latitude": latitude, "longitude": longitude} | _given(name=name, address=address)


_BUTTON_SORTS: Mapping[str, str] = {"text": "url", "coupon_code": "copy_code"}
"""The sort of button that a filling's kind belongs to."""


def _button(filling: Filling) -> Body:
    return {
        "type": "button",
        "sub_type": _BUTTON_SORTS[filling.kind],
        "index": str(filling.button),
        "parameters": [{"type": filling.kind, filling.kind: filling.value}],
    }
