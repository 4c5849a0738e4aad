"""What WhatsApp says about our account, templates and numbers, in plain words for the people who can act. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.markup import Bold, Document, Text, clean, compact

Value = Mapping[str, Any]

_LIMIT = 500
_ADMIN = "Look at the account in WhatsApp Manager."
_TEMPLATE_EVENTS = {
    "APPROVED": "was approved and can be sent",
    "REINSTATED": "can be sent again",
    "UNARCHIVED": "is no longer archived",
    "REJECTED": "was rejected and cannot be sent",
    "PENDING": "is being reviewed",
    "IN_APPEAL": "is being reviewed again after an appeal",
    "FLAGGED": "gets bad feedback; it will be paused if that goes on",
    "PAUSED": "is paused and cannot be sent for now",
    "DISABLED": "was switched off for good and cannot be sent",
    "LOCKED": "is locked and cannot be changed",
    "LIMIT_EXCEEDED": "is over the limit of templates and cannot be sent",
    "ARCHIVED": "is archived and cannot be sent",
    "PENDING_DELETION": "is being deleted",
    "DELETED": "was deleted",
}
_ACCOUNT_EVENTS = {
    "ACCOUNT_VIOLATION": "WhatsApp sees a violation of its policy",
    "ACCOUNT_RESTRICTION": "WhatsApp restricts what the account may do",
    "DISABLED_UPDATE": "The account's ban changed",
    "ACCOUNT_DELETED": "The account was deleted",
    "ACCOUNT_OFFBOARDED": "The number left the API: nothing can be sent or received with it",
    "ACCOUNT_RECONNECTED": "The number is connected again",
    "PARTNER_REMOVED": "The number was disconnected from us in the phone app",
}


def words_of(field: str, value: Value) -> Document | None:
    """What a change says, for people; None for a field that says nothing to them."""
    write = _FIELDS.get(field)
    if write is None:
        return None
    head, rest = write(value)
    return compact((Bold((Text(head),)), Text(f" {rest}".rstrip())))


def preference_of(value: Value) -> tuple[str, bool] | None:
    """What a contact wants of marketing messages, in words that follow their name, and whether they want them; None where it
    is not said.
    """
    if value.get("category") != "marketing_messages":
        return None
    said = {
        "stop": (
            "does not want marketing messages any more: marketing templates to them are not sent",
            False,
        ),
        "resume": ("wants marketing messages again", True),
        "signup": ("signed up for marketing messages", True),
    }
    return said.get(_text(value, "value"))


NOTICED = frozenset(
    {
        "account_alerts",
        "account_review_update",
        "account_update",
        "business_capability_update",
        "message_template_quality_update",
        "message_template_status_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "template_category_update",
    }
)
"""The fields that `words_of` puts into words."""


def _text(value: object, key: str) -> str:
    """A text or number of an object, on one line; empty where there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return " ".join(clean(str(found)).split())[:_LIMIT]


def _plain(code: str) -> str:
    """`TIER_1K`, `FIRST_PAUSE` … as words."""
    return code.replace("_", " ").lower()


def _sentences(*parts: str) -> str:
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def _template(value: Value) -> str:
    name = _text(value, "message_template_name") or _text(value, "message_template_id") or "?"
    language = _text(value, "message_template_language").replace("-", "_")
    return f"Template {name} ({language})" if language else f"Template {name}"


def _template_status(value: Value) -> tuple[str, str]:
    event = _text(value, "event")
    what = _TEMPLATE_EVENTS.get(event, f"is now {_plain(event) or 'changed'}")
    reason = _text(value, "reason")
    info = value.get("rejection_info")
    other = value.get("other_info")
    why = _text(info, "reason") or _text(other, "description")
    why = why or (_plain(reason) if reason not in {"", "NONE"} else "")
    return _template(value), _sentences(what, f"Reason: {why}" if why else "", _text(info, "recommendation"))


def _template_quality(value: Value) -> tuple[str, str]:
    before, now = (_plain(_text(value, f"{name}_quality_score")) for name in ("previous", "new"))
    advice = "It will be paused if that goes on" if now in {"red", "yellow"} else ""
    return _template(value), _sentences(
        f"has {now or 'unknown'} quality now (before: {before or '–'})", advice
    )


def _template_category(value: Value) -> tuple[str, str]:
    before, now = (_plain(_text(value, f"{name}_category")) for name in ("previous", "new"))
    return _template(value), _sentences(f"counts and costs as {now or '?'} now (before: {before or '–'})")


def _number(value: Value) -> str:
    digits = _text(value, "display_phone_number")
    return f"WhatsApp number +{digits.lstrip('+')}" if digits else "WhatsApp number"


def _number_quality(value: Value) -> tuple[str, str]:
    limit = _text(value, "max_daily_conversations_per_business") or _text(value, "current_limit")
    allowed = f"New conversations a day: {_plain(limit)}" if limit else ""
    return _number(value), _sentences(_plain(_text(value, "event")) or "changed", allowed)


def _number_name(value: Value) -> tuple[str, str]:
    decision, name = _plain(_text(value, "decision")), _text(value, "requested_verified_name")
    why = _plain(_text(value, "rejection_reason"))
    why = f"Reason: {why}" if why not in {"", "none"} else ""
    return _number(value), _sentences(
        f"Its name {name} was {decision or 'decided upon'}".replace("  ", " "), why
    )


def _capability(value: Value) -> tuple[str, str]:
    daily = _text(value, "max_daily_conversations_per_business") or _text(
        value, "max_daily_conversation_per_phone"
    )
    numbers = _text(value, "max_phone_numbers_per_business")
    return "WhatsApp account", _sentences(
        f"New conversations a day: {_plain(daily)}" if daily else "Its limits changed",
        f"Numbers: {numbers}" if numbers else "",
    )


def _account(value: Value) -> tuple[str, str]:
    event = _text(value, "event")
    known = _ACCOUNT_EVENTS.get(event, f"WhatsApp reports: {_plain(event) or 'a change'}")
    restrictions = value.get("restriction_info")
    listed = [_restriction(one) for one in restrictions] if isinstance(restrictions, list) else []
    violation = _plain(_text(value.get("violation_info"), "violation_type"))
    ban = _plain(_text(value.get("ban_info"), "waba_ban_state"))
    reason = _plain(_text(value.get("disconnection_info"), "reason"))
    details = [*listed, violation, ban, reason]
    return "WhatsApp account", _sentences(
        ": ".join((known, ", ".join(filter(None, details)))).rstrip(": "), _ADMIN
    )


def _restriction(one: object) -> str:
    kind, until = _plain(_text(one, "restriction_type")), _text(one, "expiration")
    if kind and until.isdecimal() and len(until) <= 10:
        return f"{kind} until {datetime.fromtimestamp(int(until), UTC):%Y-%m-%d %H:%M} UTC"
    return kind


def _account_alert(value: Value) -> tuple[str, str]:
    info = value.get("alert_info")
    severity = _plain(_text(info, "alert_severity"))
    said = _text(info, "alert_description") or _plain(_text(info, "alert_type")) or "it does not say what"
    return f"WhatsApp account, {severity}" if severity else "WhatsApp account", _sentences(said)


def _review(value: Value) -> tuple[str, str]:
    return "WhatsApp account", _sentences(f"Review: {_plain(_text(value, 'decision')) or 'done'}")


def _security(value: Value) -> tuple[str, str]:
    event = _plain(_text(value, "event")) or "something changed"
    return _number(value), _sentences(
        f"Security: {event}", "If none of you did that, change the PIN and look who has access"
    )


_FIELDS: Mapping[str, Callable[[Value], tuple[str, str]]] = {
    "account_alerts": _account_alert,
    "account_review_update": _review,
    "account_update": _account,
    "business_capability_update": _capability,
    "message_template_quality_update": _template_quality,
    "message_template_status_update": _template_status,
    "phone_number_name_update": _number_name,
    "phone_number_quality_update": _number_quality,
    "security": _security,
    "template_category_update": _template_category,
}
