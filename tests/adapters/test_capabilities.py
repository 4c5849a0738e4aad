"""Every adapter says of every kind of message what becomes of it."""

from __future__ import annotations

import pytest

from bridge.adapters.base import FROM_CONTACT, TO_CONTACT, Capabilities
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.whatsapp.adapter import WhatsAppChannel

PLACES = [SlackDesk.capabilities, WhatsAppChannel.capabilities]


@pytest.mark.parametrize("place", PLACES, ids=["slack", "whatsapp"])
def test_nothing_is_left_out(place: Capabilities) -> None:
    """Another desk has its table by declaring it."""
    assert tuple(place.from_contact) == FROM_CONTACT
    assert tuple(place.to_contact) == TO_CONTACT
    assert all(words.strip() for table in (place.from_contact, place.to_contact) for words in table.values())
