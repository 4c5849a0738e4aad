"""Phone numbers as people and logs may see them. Pure."""

from __future__ import annotations

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
