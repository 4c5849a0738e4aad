"""The app refuses what a person could not send."""

import pytest

from bridge.sandbox.whatsapp.kinds import check_content

CARD = {"name": {"formatted_name": "Ines"}}
ITEM = {"product_retailer_id": "a", "quantity": 1, "item_price": 2, "currency": "EUR"}
TAPPED = {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}

GOOD: list[tuple[str, object]] = [
    ("text", {"body": "x" * 4096}),
    ("location", {"latitude": -90, "longitude": 180.0, "name": "Pole"}),
    ("contacts", [CARD] * 257),
    ("contacts", [{"origin": "contact_request", "phones": [{"phone": "+33 6"}]}]),
    ("interactive", TAPPED),
    ("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": "{}"}}),
    ("interactive", {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}}),
    ("button", {"text": "Yes", "payload": "p"}),
    ("order", {"catalog_id": "1", "product_items": [ITEM]}),
    ("hologram", None),
]
BAD: list[tuple[str, object]] = [
    ("text", {"body": ""}),
    ("text", {"body": "x" * 4097}),
    ("text", "hello"),
    ("location", {"latitude": 91, "longitude": 0}),
    ("location", {"latitude": "1", "longitude": 0}),
    ("location", {"latitude": 1, "longitude": 0, "name": 5}),
    ("contacts", []),
    ("contacts", [CARD] * 258),
    ("contacts", [{"phones": [{"phone": "1"}]}]),
    ("contacts", [{"origin": "contact_request"}]),
    ("interactive", {"type": "button"}),
    ("interactive", {"type": "button_reply", "button_reply": {"title": "Yes"}}),
    ("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": "no JSON"}}),
    ("button", {"payload": "p"}),
    ("order", {"catalog_id": "1", "product_items": []}),
    ("order", {"catalog_id": "1", "product_items": [{"quantity": 1}]}),
]


@pytest.mark.parametrize("kind, content", GOOD)
def test_what_the_app_can_send_passes(kind: str, content: object) -> None:
    """Types that are not described here, too: webhooks bring new ones."""
    check_content(kind, content)


@pytest.mark.parametrize("kind, content", BAD)
def test_what_the_app_would_not_send_is_refused(kind: str, content: object) -> None:
    """With words that say what was expected."""
    with pytest.raises(ValueError, match=r"must|needs|shares"):
        check_content(kind, content)
