"""What a contact costs in Redis is measured on what the bridge would write."""

from __future__ import annotations

from bridge.bench.rest import FORMS, by_form, made_up, writes
from bridge.store import stub


async def test_a_contact_at_rest_costs_a_fraction() -> None:
    """And one that only the archive knows still less."""
    found = await by_form(2_000, 5)
    assert found[FORMS[0]] > found[FORMS[1]] > found[FORMS[2]] > 0


def test_what_is_measured_is_what_the_bridge_reads() -> None:
    """Each form is one that Redis may hold."""
    contact = made_up(7)
    kinds = []
    for form in FORMS:
        record = next(command[2] for command in writes(contact, form, 3) if ":u:" in str(command[1]))
        assert isinstance(record, bytes)
        kinds.append(type(stub.unpack(record[8:])).__name__)
    assert kinds == ["Contact", "Stub", "Shelved"]
