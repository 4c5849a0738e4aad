"""Phone numbers as people and logs may see them. Pure."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE


def mask_phone(number: str) -> str:
    """Hide a phone number but for its country code and its last four digits: `+34•••••1222`.

    Spaces and punctuation go. A short number keeps its last two digits only.
    """
    plus = "+" if number.lstrip().startswith("+") else ""
    digits = "".join(char for char in number if char.isdecimal())
    starts = () if digits.startswith("0") else (digits[:1], digits[:2], digits[:3])
    prefix = next((one for one in starts if one and int(one) in COUNTRY_CODE_TO_REGION_CODE), "")
    rest = len(digits) - len(prefix)
    shown = 4 if rest > 7 else min(2, rest // 2)
    return f"{plus}{prefix}{'•' * (rest - shown)}{digits[len(digits) - shown :]}"


def without_country(digits: str) -> str | None:
    """The number as people of its country dial it, less any leading zero: `600111222` of `34600111222`. None when it
    cannot be a phone number.
    """
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    return str(phonenumbers.national_significant_number(number))


def international(typed: str) -> str | None:
    """The digits of a number typed with its country code in any spelling: `+34 (600) 111-222`, `0034 600 111 222`,
    `tel:+34-600-111-222`. None when it has none or cannot be a phone number.
    """
    plain = re.sub(r"^[a-z]+:", "", typed.strip(), flags=re.IGNORECASE)
    plus = "+" + plain[2:] if plain.startswith("00") else plain
    if not plus.startswith("+"):
        return None
    try:
        number = phonenumbers.parse(plus)
    except phonenumbers.NumberParseException:
        return None
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def diallable(typed: str) -> str | None:
    """As `international`, for a number that is as long as those of its country are."""
    digits = international(typed)
    if digits is None:
        return None
    # Mexican mobiles were dialled with a 1 until 2019, and many still write it.
    dialled = "52" + digits[3:] if digits.startswith("521") and len(digits) == 13 else digits
    return digits if phonenumbers.is_possible_number(phonenumbers.parse(f"+{dialled}")) else None
