"""Phone numbers in every spelling that people use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.phone import international, without_country


@pytest.mark.parametrize(
    "typed, digits",
    [
        ("+34 600 111 222", "34600111222"),
        ("0034600111222", "34600111222"),
        ("+34 (600) 111-222", "34600111222"),
        ("tel:+34-600-111-222", "34600111222"),
        ("+1 202-555-0123", "12025550123"),
        ("600 111 222", None),
        ("34600111222", None),
        ("+", None),
        ("+34", None),
        ("", None),
        ("+34 six hundred", None),
    ],
)
def test_a_number_with_its_countrys_code(typed: str, digits: str | None) -> None:
    """Digits as a platform writes them; None where there is no country's code, or no number."""
    assert international(typed) == digits


@pytest.mark.parametrize(
    "digits, local",
    [
        ("34600111222", "600111222"),
        ("491701234567", "1701234567"),
        ("12025550123", "2025550123"),
        ("12", None),
    ],
)
def test_a_number_as_its_country_dials_it(digits: str, local: str | None) -> None:
    """Without the country's code."""
    assert without_country(digits) == local


@given(st.text(max_size=30) | st.text(alphabet="+0123456789 ()-", max_size=25))
def test_anything_typed_is_answered(typed: str) -> None:
    """Digits, or None; never an error."""
    found = international(typed)
    assert found is None or found.isdigit()
