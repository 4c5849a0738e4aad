"""Ids and phone numbers as WhatsApp writes them."""

import base64
import re
import secrets

_COUNTRIES = {
    "1": "US", "7": "KZ", "20": "EG", "27": "ZA", "30": "GR", "31": "NL", "32": "BE", "33": "FR", "34": "ES",
    "39": "IT", "44": "GB", "48": "PL", "49": "DE", "52": "MX", "54": "AR", "55": "BR", "56": "CL", "57": "CO",
    "60": "MY", "61": "AU", "62": "ID", "65": "SG", "81": "JP", "90": "TR", "91": "IN", "212": "MA", "234": "NG",
    "254": "KE", "351": "PT", "353": "IE", "380": "UA", "420": "CZ", "971": "AE", "972": "IL",
}  # fmt: skip
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_WRITTEN = re.compile(r"\+?[0-9() -]{5,30}")


def is_user_id(text: str) -> bool:
    """True when `text` has the form of a business-scoped user id, its parent form included."""
    return _BSUID.fullmatch(text) is not None


def is_wa_id(text: str) -> bool:
    """True for 7 to 15 digits without a plus."""
    return re.fullmatch(r"[0-9]{7,15}", text) is not None


def new_user_id(wa_id: str) -> str:
    """A fresh business-scoped user id for a person with this phone; its prefix is the phone's country."""
    country = next((_COUNTRIES[wa_id[:size]] for size in (3, 2, 1) if wa_id[:size] in _COUNTRIES), "ZZ")
    return f"{country}.{secrets.randbelow(9 * 10**19) + 10**19}"


def new_message_id(counterpart: str, *, from_business: bool) -> str:
    """A fresh `wamid.…`: like the real ones it names the customer, the direction and a random part.

    Never seeded: a sandbox started again must not repeat ids that the program under test has seen.
    """
    name = counterpart[:15].encode("ascii")
    mark = secrets.token_hex(9) if from_business else "3A" + secrets.token_hex(9)
    key = mark.upper().encode("ascii")
    direction = 0x11 if from_business else 0x12
    raw = bytes([0x1C, 0x18, len(name)]) + name + bytes([0x15, 2, 0, direction, 0x18, len(key)]) + key + b"\0"
    return "wamid." + base64.b64encode(raw).decode("ascii")


def dialled(written: str, country_code: str) -> str | None:
    """The digits that a written phone number stands for; None when it is no phone number.

    Without a plus the business's own country code is put in front (WhatsApp: Send messages, phone formats).
    """
    text = written.strip()
    if not _WRITTEN.fullmatch(text):
        return None
    digits = re.sub(r"[^0-9]", "", text)
    if not text.startswith("+"):
        digits = country_code + digits
    return digits if 7 <= len(digits) <= 15 else None


def spellings(digits: str) -> set[str]:
    """Every way the same phone may be written: Brazil's ninth digit, Mexico's and Argentina's mobile prefix."""
    found = {digits}
    if digits.startswith("55") and len(digits) == 12:
        found.add(f"{digits[:4]}9{digits[4:]}")
    elif digits.startswith("55") and len(digits) == 13 and digits[4] == "9":
        found.add(digits[:4] + digits[5:])
    for country, mobile in (("52", "521"), ("54", "549")):
        if digits.startswith(mobile) and len(digits) == 13:
            found.add(country + digits[3:])
        elif digits.startswith(country) and len(digits) == 12:
            found.add(mobile + digits[2:])
    return found
