"""Hiding phone numbers and secrets in whatever is about to be written down, and disarming it. Pure."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from bridge.phone import mask_phone

REMOVED = "[removed]"

# A number with its plus sign may be written with gaps; without one only an unbroken run counts, so that dates
# and versions stay readable.
_PHONE = re.compile(r"\+\d(?:[ ().-]{0,2}\d){6,}|\d{7,}")
_SECRET = re.compile(
    r"\b(?:xox[a-z]|xapp)-[\w-]+"  # Slack: bot, user and app-level tokens
    r"|\bEAA[A-Za-z0-9]{8,}"  # Meta: access tokens
    r"|(?<=://)[^/@\s]+(?=@)"  # user and password in an address
    r"|(?i:(?<=bearer )\S+)"
    r"|(?<=://hooks\.)[\w.-]+/\S+"  # whoever knows a hook's address can post to it
)
# WhatsApp: a message id is base64 that holds the contact's phone number. Events, and the actions and results that
# follow from them (`/0`, `/r`), are named after it.
_MESSAGE_ID = re.compile(r"\bwamid\.[\w+/=-]+", re.ASCII)
_STEP = re.compile(r"r|\d{1,6}", re.ASCII)
# A desk's ids hold instants: seconds with a fraction.
_INSTANT = re.compile(r"(?<!\d)\d{10}\.\d{6}(?!\d)")
_SECRET_FIELD = re.compile(r"token|secret|password|authorization|api_key|signature|cookie", re.IGNORECASE)

# Ids are made of digits too, and are what one searches logs for.
SAFE_FIELDS = frozenset(
    {
        "timestamp",
        "level",
        "logger",
        "action",
        "contact",
        "conversation",
        "entry",
        "event_id",
        "message",
        "number",
        "lane",
        "fence",
        "inbox",
        "phone_number_id",
        "waba_id",
        "channel",
        "thread",
        "post",
        "ts",
        "unit",
    }
)

# Controls but for tab and line feed, marks of direction, line separators, what shows nothing, lone surrogates.
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)

_SHORT = 40
_LARGEST_PLAIN_NUMBER = 99_999_999
_DEEPEST = 6


def mask_text(text: str) -> str:
    """Hide every phone number (a run of seven digits or more) and every token in a text."""
    return _PHONE.sub(lambda found: mask_phone(found[0]), _mask_ids(text))


def _mask_ids(text: str) -> str:
    """Remove tokens; of message ids that hold a phone number show a hash, which one can search for as well."""
    if _may_hold_secret(text):
        text = _SECRET.sub(REMOVED, text)
    return _MESSAGE_ID.sub(_hashed, text) if "wamid." in text else text


def _may_hold_secret(text: str) -> bool:
    """A first look that costs a twentieth of the pattern's: every log line's values come by here."""
    return "xox" in text or "xapp-" in text or "EAA" in text or "://" in text or "bearer " in text.casefold()


def _hashed(found: re.Match[str]) -> str:
    """A message id's hash, and behind it the steps that were counted from the event of that name."""
    whole = name = found[0]
    head, slash, step = name.rpartition("/")
    while slash and _STEP.fullmatch(step):
        name = head
        head, slash, step = name.rpartition("/")
    digest = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
    return f"wamid.#{digest}{whole[len(name) :]}"


def mask_tree(value: object, *, numbers: bool = True, name: str = "") -> object:
    """Plain data for a person who may see everything but phone numbers (and these with `numbers` False).

    Fields that are named like an id keep their digits; how to answer somebody (`reply_handle`) is always removed.
    """
    if name == "reply_handle":
        return REMOVED
    if isinstance(value, Mapping):
        return {key: mask_tree(inner, numbers=numbers, name=str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_tree(inner, numbers=numbers, name=name) for inner in value]
    return _leaf(value, name, numbers=numbers) if isinstance(value, str) else value


def _leaf(value: str, name: str, *, numbers: bool) -> str:
    if not numbers:
        return _SECRET.sub(REMOVED, value)
    return _mask_ids(value) if name in SAFE_FIELDS or _INSTANT.search(value) else mask_text(value)


def clean(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: drop fields that are named like a secret, mask the values of the others.

    Values of `SAFE_FIELDS` lose tokens and message ids that hold a number, but keep their digits.
    """
    secret, safe, others = _sorted(tuple(entry))
    for name in secret:
        del entry[name]
    for name in safe:
        entry[name] = _safe(entry[name])
    for name in others:
        entry[name] = _masked(entry[name], 0)
    return entry


@functools.lru_cache(maxsize=1024)
def _sorted(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The names that are secret, those of `SAFE_FIELDS`, and the others. The same few sets of names come all day."""
    # What begins with `_` is structlog's own bookkeeping, removed before anything is written.
    shown = [name for name in names if not (_is_secret(name) or name.startswith("_"))]
    return (
        tuple(name for name in names if _is_secret(name)),
        tuple(name for name in shown if name in SAFE_FIELDS),
        tuple(name for name in shown if name not in SAFE_FIELDS),
    )


def escape(text: str) -> str:
    """Show what would steer a terminal, reorder what is read or hide in it, instead of letting it act.

    Line breaks and tabs stay; the renderers take care of them.
    """
    return text if text.isascii() and text.isprintable() else _ACTS.sub(_as_escape, text)


def _as_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@functools.lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_FIELD.search(name) is not None


def _safe(value: object) -> object:
    return escape(_mask_ids(value)) if isinstance(value, str) else _masked(value, 0)


@functools.lru_cache(maxsize=1024)
def _word(text: str) -> str:
    """A short text of a log line; names of events, kinds and reasons come again and again."""
    return escape(mask_text(text))


def _masked(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _word(value) if len(value) < _SHORT else escape(mask_text(value))
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_PLAIN_NUMBER else mask_text(str(value))
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {
            escape(mask_text(str(key))): _masked(inner, depth + 1)
            for key, inner in value.items()
            if not _is_secret(str(key))
        }
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        return [_masked(inner, depth + 1) for inner in value]
    return escape(mask_text(repr(value)))
