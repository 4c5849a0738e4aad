"""Every error of the Cloud API, classified: what it is called here, what to do, and what an agent reads.

The same codes come in answers and in `failed` statuses (WhatsApp: support/error-codes). WhatsApp throttles with
HTTP 400, so the code decides and the HTTP status only where there is no code.
"""

from __future__ import annotations

import msgspec

from bridge.adapters.http import HttpError, SlowError, UnsentError
from bridge.errors import Failure, FailureKind

_RETRY, _LIMITED, _WAIT = FailureKind.RETRY, FailureKind.LIMITED, FailureKind.WAIT
_STOP, _NEVER, _UNKNOWN = FailureKind.STOP, FailureKind.NEVER, FailureKind.UNKNOWN

_BUSY = "WhatsApp is not available at the moment. It is tried again by itself."
_SLOW = "WhatsApp asks us to send more slowly. It is tried again by itself."
_ADMIN = "Nothing is sent until an administrator has put it right; what waits is kept."
_TOKEN = f"WhatsApp does not accept our access token: it is wrong, expired or revoked. {_ADMIN}"
_RIGHTS = f"Our access token lacks a permission for this number (whatsapp_business_messaging). {_ADMIN}"
_LOCKED = f"WhatsApp has restricted or locked the business account. {_ADMIN}"
_UNREGISTERED = f"The business number is not registered with the Cloud API. {_ADMIN}"
_SET_UP = f"The business number's set-up at WhatsApp is not complete or was changed. {_ADMIN}"
_INVALID = "WhatsApp refused the message as invalid. Change it and send it again; tell an administrator if it persists."
_TEMPLATE = "The template does not fit its approved form. Check the values and choose it again."
_TEMPLATE_GONE = "The template is not approved, paused or disabled. Choose another one."
_ODD = "WhatsApp could not process the message. It was tried a few times; try again later."
_MARKETING = "WhatsApp refuses this kind of marketing message. Write an ordinary message instead."
_GROUP = "WhatsApp refused the message because of the rules for groups."


def _f(code: int, kind: FailureKind, words: str, retry_after_s: float | None = None, **more: bool) -> Failure:
    return Failure(kind=kind, code=str(code), words=words, retry_after_s=retry_after_s, **more)


_ROWS = (
    # Access and account.
    _f(0, _STOP, _TOKEN),
    _f(190, _STOP, _TOKEN),
    _f(3, _STOP, _RIGHTS),
    _f(10, _STOP, _RIGHTS),
    _f(131005, _STOP, _RIGHTS),
    _f(33, _STOP, f"The business number no longer exists at WhatsApp. {_ADMIN}"),
    _f(368, _STOP, _LOCKED),
    _f(131031, _STOP, _LOCKED),
    _f(131037, _STOP, f"The business number's display name has not been approved yet. {_ADMIN}"),
    _f(131042, _STOP, f"There is a problem with the account's payment method at WhatsApp. {_ADMIN}"),
    _f(131045, _STOP, _UNREGISTERED),
    _f(133010, _STOP, _UNREGISTERED),
    *(_f(code, _STOP, _SET_UP) for code in (133000, 133005, 133006, 133007, 133008, 133009, 133016)),
    _f(133015, _STOP, _SET_UP, 300.0),
    _f(134011, _STOP, f"The payment terms have not been accepted at WhatsApp. {_ADMIN}"),
    # The service itself.
    _f(1, _LIMITED, _ODD),
    _f(131000, _LIMITED, _ODD),
    _f(135000, _LIMITED, _ODD),
    _f(2, _RETRY, _BUSY),
    _f(131016, _RETRY, _BUSY),
    _f(133004, _RETRY, _BUSY),
    _f(131057, _RETRY, "WhatsApp is working on the business number. It is tried again by itself.", 60.0),
    # Rates.
    *(_f(code, _RETRY, _SLOW, 60.0) for code in (4, 17, 32, 613, 80007)),
    _f(130429, _RETRY, _SLOW),
    # WhatsApp asks for pauses of 4^n seconds here, so it names none: the performer's pause grows.
    _f(
        131056,
        _RETRY,
        "Many messages went to this contact in a short time. WhatsApp lets the next one through a little later; "
        "it is sent by itself.",
        pair_only=True,
    ),
    _f(
        131048,
        _WAIT,
        "WhatsApp limits this number because messages were blocked or reported as spam. Try again in some hours.",
    ),
    _f(
        131064,
        _WAIT,
        "WhatsApp limits this account because of how templates were classified. Try again later.",
    ),
    _f(132069, _WAIT, "WhatsApp limits this flow. Try again in some hours."),
    _f(
        131049,
        _WAIT,
        "WhatsApp chose not to deliver it, to limit what this contact gets from businesses. Try again tomorrow "
        "at the earliest, or wait until they write.",
        86_400.0,
    ),
    _f(
        134101,
        _RETRY,
        "The template is still being prepared at WhatsApp. It is tried again by itself.",
        600.0,
    ),
    _f(131059, _RETRY, "WhatsApp's list has changed meanwhile. It is read again by itself."),
    # The contact.
    _f(
        131026,
        _NEVER,
        "WhatsApp could not deliver it: the contact has no WhatsApp on this number, an old version, has not accepted "
        "its terms, or blocks us. Reach them another way.",
    ),
    _f(
        131047,
        _NEVER,
        "More than 24 hours have passed since the contact last wrote, so WhatsApp takes no free text. Send an "
        "approved template, or wait until they write.",
    ),
    _f(
        131030,
        _NEVER,
        "The business number is a test number and this contact is not on its list. Add them to the allowed "
        "recipients, then send it again.",
    ),
    _f(
        131021,
        _NEVER,
        "The contact's number is our own business number. A message to oneself cannot be sent.",
    ),
    _f(130472, _NEVER, "WhatsApp holds back marketing messages to this contact. Wait until they write."),
    _f(130497, _NEVER, "WhatsApp does not allow this business to write to contacts in this country."),
    _f(131050, _NEVER, "The contact has stopped marketing messages from us. Only other messages reach them."),
    _f(
        131062,
        _NEVER,
        "This kind of message needs the contact's phone number, which we do not know. Ask for it.",
    ),
    _f(
        137000,
        _NEVER,
        "The contact's WhatsApp security code has changed. Make sure that it is still them, then send it again.",
    ),
    # The message.
    *(_f(code, _NEVER, _INVALID) for code in (100, 131008, 131009)),
    _f(131051, _NEVER, "WhatsApp does not support this kind of message. Send it in another form."),
    _f(
        131052,
        _NEVER,
        "WhatsApp could not provide the contact's file, or it is too large. Ask them to send it again.",
    ),
    _f(131053, _NEVER, "WhatsApp refused the file. Send it in another format, or smaller."),
    _f(131060, _NEVER, "The content is only visible in the WhatsApp Business app on the phone. Look there."),
    *(_f(code, _NEVER, _MARKETING) for code in (131055, 131063, 134100, 134102)),
    *(_f(code, _NEVER, _TEMPLATE) for code in (132000, 132005, 132007, 132008, 132012, 132018)),
    *(_f(code, _NEVER, _TEMPLATE_GONE) for code in (132001, 132015, 132016)),
    _f(132068, _NEVER, "WhatsApp has blocked this flow. Write an ordinary message instead."),
    *(_f(code, _NEVER, _GROUP) for code in (131020, 131041)),
)

BY_CODE = {int(row.code): row for row in _ROWS}
"""One failure for every single code we know."""

_OPERATOR = f"WhatsApp reports a problem that only an administrator can solve. {_ADMIN}"

_RANGES: tuple[tuple[range, FailureKind, str], ...] = (
    (range(200, 300), _STOP, _RIGHTS),
    (range(131200, 131300), _NEVER, _GROUP),
    # Calls, flows and block list, usernames, template creation, coexistence.
    (range(138000, 140000), _STOP, _OPERATOR),
    (range(147000, 148000), _STOP, _OPERATOR),
    (range(2388000, 2389000), _STOP, _OPERATOR),
    (range(2593000, 2594000), _STOP, _OPERATOR),
)

_MISSING_OBJECT = 33
"""Graph: subcode of code 100 when the number itself does not exist or the token cannot see it."""


def by_code(code: int, *, is_transient: bool = False) -> Failure:
    """The failure that an error code stands for. An unknown one is retried when WhatsApp calls it transient."""
    known = BY_CODE.get(code)
    if known:
        return known
    for codes, kind, words in _RANGES:
        if code in codes:
            return _f(code, kind, words)
    return _f(code, _RETRY, _BUSY) if is_transient else _f(code, _LIMITED, _ODD)


class _ErrorBody(msgspec.Struct, frozen=True):
    code: int
    error_subcode: int | None = None
    is_transient: bool | None = None


class _Refusal(msgspec.Struct, frozen=True):
    error: _ErrorBody


_decode_refusal = msgspec.json.Decoder(_Refusal).decode


def of_answer(status: int, body: bytes, retry_after: str | None, *, repeatable: bool) -> Failure:
    """The failure that an HTTP answer other than 2xx stands for.

    Without an error body, a 5xx to a call that is not `repeatable` leaves open whether it happened.
    """
    try:
        error = _decode_refusal(body).error
    except (msgspec.DecodeError, UnicodeError):
        return _of_status(status, _seconds(retry_after), repeatable=repeatable)
    if error.code == 100 and error.error_subcode == _MISSING_OBJECT:
        return Failure(kind=_STOP, code="100/33", words=BY_CODE[33].words)
    found = by_code(error.code, is_transient=bool(error.is_transient))
    pause_s = _seconds(retry_after)
    return msgspec.structs.replace(found, retry_after_s=pause_s) if pause_s is not None else found


def _of_status(status: int, pause_s: float | None, *, repeatable: bool) -> Failure:
    code = f"http_{status}"
    if status == 429:
        return Failure(kind=_RETRY, code=code, words=_SLOW, retry_after_s=pause_s)
    if status in {401, 403}:
        return Failure(kind=_STOP, code=code, words=_TOKEN)
    if status == 404:
        words = f"There is no WhatsApp API at the address in the settings (whatsapp.api_url). {_ADMIN}"
        return Failure(kind=_STOP, code=code, words=words)
    if status >= 500:
        return _repeat(code, pause_s) if repeatable else _open(code)
    return Failure(kind=_LIMITED, code=code, words=_ODD)


def _seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds; a date is left to our own pause."""
    return float(header) if header and header.isascii() and header.isdigit() and len(header) < 7 else None


def _open(code: str) -> Failure:
    return Failure(
        kind=_UNKNOWN,
        code=code,
        words="WhatsApp did not answer, so the message may or may not have gone out. Ask the contact or send it again.",
    )


def _repeat(code: str, pause_s: float | None = None) -> Failure:
    return Failure(kind=_RETRY, code=code, words=_BUSY, retry_after_s=pause_s)


def of_break_down(error: HttpError, *, repeatable: bool) -> Failure:
    """The failure when no answer came: certain only when no connection was ever made."""
    if isinstance(error, UnsentError):
        return _repeat("connection")
    code = "timeout" if isinstance(error, SlowError) else "connection"
    return _repeat(code) if repeatable else _open(code)


def unreadable_answer() -> Failure:
    """WhatsApp said yes to a send in words we cannot read: it may have happened, but we do not know its id."""
    return _open("answer")


def of_status(codes: list[int]) -> Failure:
    """The failure that a `failed` status reports; it holds the first code that came with it."""
    if codes:
        return by_code(codes[0])
    return Failure(kind=_NEVER, code="failed", words="WhatsApp could not deliver it and does not say why.")


def of_media(failure: Failure) -> Failure:
    """What a refusal means where a file was asked for: an id that is not known is the file's trouble, not the number's."""
    if failure.code in {"100", "100/33", "131009", "131052", "http_404"}:
        return media_gone()
    return failure


def media_gone() -> Failure:
    """The file's id leads nowhere, or belongs to another number."""
    return Failure(
        kind=_NEVER,
        code="media_gone",
        words="WhatsApp does not have this file (any more): it keeps files for 7 days. Ask the contact to send it again.",
    )


def media_too_large(most_bytes: int) -> Failure:
    """More bytes than are taken."""
    most = f"{most_bytes / (1024 * 1024):g} MB"
    return Failure(
        kind=_NEVER,
        code="media_too_large",
        words=f"The file is larger than {most}. Ask the contact for a smaller one, or for a link to it.",
    )


def media_empty() -> Failure:
    """No bytes at all."""
    words = "WhatsApp gave an empty file. Try again, or ask the contact to send it again."
    return Failure(kind=_LIMITED, code="media_empty", words=words)


def media_page() -> Failure:
    """A web page came, as where somebody has to log in."""
    words = "WhatsApp gave a web page instead of the file. Try again; tell an administrator if it persists."
    return Failure(kind=_LIMITED, code="media_page", words=words)


def media_not(kind: str, found: str | None) -> Failure:
    """The bytes are not what they are said to be."""
    shown = f"looks like {found}" if found else "looks like nothing we know"
    words = f"What came is no {kind} file: it {shown}. Ask the contact to send it as a document."
    return Failure(kind=_NEVER, code="media_type", words=words)


def media_elsewhere() -> Failure:
    """The file's address is none of WhatsApp's, so the token must not go there."""
    words = "The file's address is not one of WhatsApp's, so it is not opened. Tell an administrator (whatsapp.media_hosts)."
    return Failure(kind=_NEVER, code="media_elsewhere", words=words)


def media_slow() -> Failure:
    """The bytes trickle."""
    words = "WhatsApp delivered the file too slowly. Try again later."
    return Failure(kind=_NEVER, code="media_slow", words=words)


def media_broken() -> Failure:
    """Fewer or more bytes than announced, an address that dies at once, an answer that cannot be read."""
    return Failure(
        kind=_RETRY, code="media_broken", words="WhatsApp did not give the whole file. Try again later."
    )


def file_empty() -> Failure:
    """A colleague's file without a byte."""
    return Failure(
        kind=_NEVER, code="file_empty", words="the file is empty, and WhatsApp takes no empty files"
    )


def file_too_large() -> Failure:
    """More than WhatsApp takes of anything."""
    words = (
        "the file is larger than 100 MB, the most that WhatsApp takes; send a smaller one, or a link to it"
    )
    return Failure(kind=_NEVER, code="file_too_large", words=words)


def file_not_taken() -> Failure:
    """The bytes did not get there whole. Nothing was sent, so they can be brought again."""
    return Failure(kind=_LIMITED, code="file_not_taken", words="WhatsApp did not take the file's bytes")


def misaddressed() -> Failure:
    """We could not even make the request."""
    words = "We know no number or WhatsApp id to send to. Wait until the contact writes again."
    return Failure(kind=_NEVER, code="address", words=words)


def no_number(inbox: str) -> Failure:
    """The inbox is not (any more) in the settings."""
    return Failure(
        kind=_STOP, code="inbox", words=f"The settings name no WhatsApp number for inbox {inbox}. {_ADMIN}"
    )
