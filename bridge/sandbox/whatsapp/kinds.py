"""What the app lets a person send, beside text: bounds of each type's object as webhooks show it. Pure."""

import json
from collections.abc import Callable, Mapping
from typing import Any

_MOST_CARDS = 257


def check_content(kind: str, content: object) -> None:
    """Raise `ValueError`, saying what the app would not have sent; types that are not described here pass."""
    check = _CHECKS.get(kind)
    if check is not None:
        check(content)


def _object(content: object, what: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"content must be an object: {what}")  # noqa: TRY004 - answered as a bad request
    return content


def _text(content: object) -> None:
    body = _object(content, '{"body": "…"}').get("body")
    if not isinstance(body, str) or not 1 <= len(body) <= 4_096:
        raise ValueError("text must have 1 to 4096 characters, as in the app")


def _location(content: object) -> None:
    place = _object(content, '{"latitude": 52.5, "longitude": 13.4, "name"?, "address"?, "url"?}')
    for name, most in (("latitude", 90), ("longitude", 180)):
        value = place.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= most:
            raise ValueError(f"{name} must be a number from -{most} to {most}")
    for name in ("name", "address", "url"):
        if not isinstance(place.get(name, ""), str):
            raise ValueError(f"{name} must be a text")  # noqa: TRY004 - answered as a bad request


def _contacts(content: object) -> None:
    if not isinstance(content, list) or not 1 <= len(content) <= _MOST_CARDS:
        raise ValueError(f"content must be a list of 1 to {_MOST_CARDS} contact cards")
    for card in content:
        named = _object(card, '{"name": {"formatted_name": "…"}, "phones"?: […]}').get("name")
        if card.get("origin") == "contact_request":
            if not card.get("phones"):
                raise ValueError("whoever shares their own number shares a phone")
        elif not isinstance(named, dict) or not named.get("formatted_name"):
            raise ValueError("a contact card needs name.formatted_name")


def _interactive(content: object) -> None:
    answer = _object(content, '{"type": "button_reply", "button_reply": {"id": "…", "title": "…"}}')
    kind = answer.get("type")
    if kind not in {"button_reply", "list_reply", "nfm_reply", "call_permission_reply"}:
        raise ValueError("type must be button_reply, list_reply, nfm_reply or call_permission_reply")
    said = _object(answer.get(kind), f"its {kind}")
    if kind == "nfm_reply":
        try:
            json.loads(said.get("response_json") or "")
        except ValueError as error:
            raise ValueError("response_json must be JSON in a text") from error
    elif kind != "call_permission_reply" and not (said.get("id") and said.get("title")):
        raise ValueError(f"{kind} needs id and title")


def _button(content: object) -> None:
    if not _object(content, '{"payload": "…", "text": "…"}').get("text"):
        raise ValueError("a template's quick reply needs its text")


def _order(content: object) -> None:
    order = _object(content, '{"catalog_id": "…", "product_items": […], "text"?}')
    items = order.get("product_items")
    if not order.get("catalog_id") or not isinstance(items, list) or not items:
        raise ValueError("an order needs catalog_id and at least one of product_items")
    for item in items:
        fields = _object(item, '{"product_retailer_id", "quantity", "item_price", "currency"}')
        missing = {"product_retailer_id", "quantity", "item_price", "currency"} - fields.keys()
        if missing:
            raise ValueError(f"an item of an order needs {', '.join(sorted(missing))}")


_CHECKS: Mapping[str, Callable[[object], None]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
}
