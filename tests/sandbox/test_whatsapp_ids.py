"""Ids and phone numbers."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.whatsapp.ids import dialled, is_user_id, new_message_id, new_user_id, spellings


def test_message_ids_are_unique_and_name_the_direction() -> None:
    """Like recorded ids they decode to the customer, the direction and a random part."""
    ids = {new_message_id("15550100311", from_business=True) for _ in range(1_000)}
    assert len(ids) == 1_000
    raw = base64.b64decode(new_message_id("15550100311", from_business=False).removeprefix("wamid."))
    recorded = base64.b64decode("HBgLMTU1NTAxMDAzMTEVAgASGBQzQUNBMERGMkM5NUFBMTQ0QzFEMAA=")
    assert (len(raw), raw[:22]) == (len(recorded), recorded[:22])


@pytest.mark.parametrize(
    "phone, country",
    [("34600000101", "ES"), ("351912000000", "PT"), ("15550100311", "US"), ("99900000", "ZZ")],
)
def test_user_ids_carry_the_country(phone: str, country: str) -> None:
    """The prefix is the phone's country; the form is the documented one."""
    user_id = new_user_id(phone)
    assert user_id.startswith(f"{country}.")
    assert is_user_id(user_id)


@pytest.mark.parametrize("text", ["", "US", "us.1", "US.", "US.1 2", "USA.1", "US." + "1" * 129])
def test_what_is_no_user_id(text: str) -> None:
    """Malformed business-scoped ids are told apart."""
    assert not is_user_id(text)


@pytest.mark.parametrize(
    "written, digits",
    [
        ("+34 600 (000) 101", "34600000101"),
        ("600-000-101", "34600000101"),
        ("+12", None),
        ("+1234567890123456", None),
        ("ana", None),
        ("", None),
        ("34+600000101", None),
    ],
)
def test_dialled(written: str, digits: str | None) -> None:
    """Signs and spaces are dropped; without a plus the own country code comes first; the rest is no phone."""
    assert dialled(written, "34") == digits


@given(st.from_regex(r"(52|521|54|549|55[1-9][1-9]|55[1-9][1-9]9)[0-9]{8,10}", fullmatch=True))
def test_spellings_agree(digits: str) -> None:
    """Whoever is found under one spelling is found under each of them."""
    assert digits in spellings(digits)
    assert all(digits in spellings(other) for other in spellings(digits))
