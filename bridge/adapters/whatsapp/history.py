"""What a number brings along from the phone app (coexistence): webhooks of the field `history`, read into the past.

Up to 180 days, in chunks that come in any order and may be repeated. Files come as placeholders, and those of the last 14 days
once more as messages. (WhatsApp: history webhooks.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from bridge.adapters.whatsapp import content, wire
from bridge.adapters.whatsapp.ids import Identity, is_message_id, message_event, phone_digits, user_id
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.whose import Draft
from bridge.events import HistoryImported, PastMessage
from bridge.model import EventId, Fate, Reference, digest

FIELD = "history"
AT_ONCE = 50
"""Messages of one event."""
_PLACEHOLDER = "media_placeholder"
_FATES = {
    "ERROR": Fate.FAILED,
    "PENDING": Fate.ACCEPTED,
    "SENT": Fate.ACCEPTED,
    "DELIVERED": Fate.DELIVERED,
    "READ": Fate.READ,
    "PLAYED": Fate.READ,
}
_NOTHING = frozenset({"reaction", "system", "ephemeral"})
"""Types that say nothing by themselves."""

Odd = Callable[[str], None]
"""Told what could not be read."""


def declined(value: Mapping[str, Any]) -> bool:
    """The business chose in the app not to share it."""
    return any(isinstance(one.get("errors"), list) for one in _objects(value, "history"))


def drafts(number: Number, value: Mapping[str, Any], now: datetime, odd: Odd) -> Iterator[Draft]:
    """Events of a change of the field."""
    ours = phone_digits((value.get("metadata") or {}).get("display_phone_number"))
    for phase in _objects(value, "history"):
        for thread in _objects(phase, "threads"):
            context = thread.get("context")
            context = context if isinstance(context, dict) else {}
            phone = _text(context.get("wa_id")) or _text(thread.get("id"))
            whom = Identity(user_id(_text(context.get("user_id"))), phone_digits(phone))
            items = _objects(thread, "messages")
            yield from _of(number, whom, items, ours, now, odd, _text(context.get("username")))
    for item in _objects(value, "messages"):
        whose = _text(item.get("from"))
        mine = phone_digits(whose) == ours
        other = item.get("to") if mine else whose
        bsuid = _text(item.get("to_user_id" if mine else "from_user_id"))
        whom = Identity(user_id(bsuid), phone_digits(_text(other)))
        yield from _of(number, whom, [item], ours, now, odd, None)


def _of(
    number: Number,
    whom: Identity,
    items: Sequence[Mapping[str, Any]],
    ours: str | None,
    now: datetime,
    odd: Odd,
    username: str | None,
) -> Iterator[Draft]:
    aliases = whom.aliases(number.portfolio)
    if not aliases:
        # WhatsApp names nobody with a file of ours; its placeholder stays what it is.
        odd(f"{FIELD}: of nobody")
        return
    found = [one for item in items if (one := _message(item, ours, now, odd)) is not None]
    for start in range(0, len(found), AT_ONCE):
        some = tuple(found[start : start + AT_ONCE])
        ids = "|".join(f"{one.about.platform_id}{one.content is None}" for one in some)
        make = partial(
            HistoryImported,
            id=EventId(f"wa:history:{digest(ids)}"),
            at=now,
            inbox=number.inbox,
            messages=some,
            aliases=whom.known_as(aliases),
            phone=whom.phone,
            address=whom.address(),
            username=username,
        )
        yield Draft(make, some[0].about.platform_id, aliases)


def _message(item: Mapping[str, Any], ours: str | None, now: datetime, odd: Odd) -> PastMessage | None:
    message = wire.message_of(item)
    if message is None or not is_message_id(message.id):
        odd(f"{FIELD}: no message")
        return None
    if message.type in _NOTHING or content.amended_of(message) is not None:
        return None
    context = item.get("history_context")
    status = _text(context.get("status")) if isinstance(context, dict) else None
    sent_by = phone_digits(_text(item.get("from")))
    return PastMessage(
        about=Reference(platform_id=message.id, cause=message_event(message.id)),
        sent_at=min(content.instant(message.timestamp, now), now),
        content=None if message.type == _PLACEHOLDER else content.content_of(message),
        ours=sent_by is not None and sent_by == ours,
        fate=_FATES.get(status or "", Fate.ACCEPTED),
    )


def _objects(holder: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    items = holder.get(key)
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
