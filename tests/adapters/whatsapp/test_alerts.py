"""What WhatsApp says about our account reaches people in plain words."""

from __future__ import annotations

import json

import pytest

from bridge.adapters.whatsapp import alerts
from bridge.events import AccountChanged, ContactChanged
from bridge.markup import plain
from bridge.model import DESK_LANE
from tests.adapters.whatsapp.support import BODIES, FIXTURES, Hook, fixture

SAID = {
    "account_alerts.json": "WhatsApp account, informational More activity is needed before the limit can grow.",
    "account_update_restriction.json": "WhatsApp account WhatsApp restricts what the account may do: "
    "restricted biz initiated messaging until 2026-10-04 09:06 UTC. Look at the account in WhatsApp Manager.",
    "business_capability.json": "WhatsApp account New conversations a day: 2000. Numbers: 2.",
    "phone_number_quality.json": "WhatsApp number +15550100200 throughput upgrade. New conversations a day: "
    "tier unlimited.",
    "template_category.json": "Template order_update (en_US) counts and costs as marketing now (before: utility).",
    "template_quality.json": "Template order_update (en_US) has yellow quality now (before: green). "
    "It will be paused if that goes on.",
    "template_status_approved.json": "Template order_update (en_US) was approved and can be sent.",
    "template_status_paused.json": "Template order_update (en_US) is paused and cannot be sent for now. "
    "Reason: Paused for low quality.",
    "template_status_rejected.json": "Template order_update (en_US) was rejected and cannot be sent. "
    "Reason: Two placeholders touch each other. Put words between them.",
}


@pytest.mark.parametrize("name", SAID)
async def test_what_the_account_hears_is_put_into_words_once(name: str) -> None:
    """In the desk's lane, for the inboxes of the account; a repeated delivery is the same event."""
    async with Hook() as hook:
        for _ in range(2):
            assert await hook.post((FIXTURES / name).read_bytes()) == 200
        one, two = hook.inlet.placed
        assert isinstance(one.event, AccountChanged)
        assert plain(one.event.body) == SAID[name]
        assert one.lane == DESK_LANE
        assert one.event.inboxes
        assert one.event.id == two.event.id
        assert hook.counted == []


async def test_a_marketing_opt_out_is_the_contacts_and_an_alert() -> None:
    """Of somebody we know; anybody else is counted."""
    async with Hook() as hook:
        await hook.post(fixture("user_preferences_stop.json"))
        assert hook.counted == ["unused_type"]
        await hook.post(fixture("text.json"))
        await hook.post(fixture("user_preferences_stop.json"))
        event = hook.inlet.events[-1]
        assert isinstance(event, ContactChanged)
        assert event.alert
        assert event.what.startswith("does not want marketing messages any more")


@pytest.mark.parametrize("field", sorted(alerts.NOTICED))
@pytest.mark.parametrize(
    "value",
    [
        {},
        {"event": 5, "alert_info": [], "restriction_info": "x", "ban_info": None},
        {"restriction_info": [{"restriction_type": "X", "expiration": "²²"}]},
    ],
)
def test_whatever_is_missing_there_are_words(field: str, value: dict[str, object]) -> None:
    """Shapes change; somebody has to look all the same."""
    words = alerts.words_of(field, value)
    assert words is not None
    assert len(plain(words)) > len(field) / 2


def test_every_documented_alert_has_words() -> None:
    """No fixture of an account's field goes unheard."""
    found = set()
    for name in BODIES:
        body = json.loads((FIXTURES / name).read_bytes())
        changes = [change for entry in body.get("entry", []) for change in entry.get("changes", [])]
        found |= {change["field"] for change in changes if "template" in change["field"]}
        found |= {
            change["field"] for change in changes if change["field"].startswith(("account", "business"))
        }
    assert found <= alerts.NOTICED
