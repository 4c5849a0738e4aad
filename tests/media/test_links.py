"""Links to files: only ours, only for what they were made for, only for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.content import Attachment, MediaKind
from bridge.media.links import BadLinkError, LinkExpiredError, Links
from bridge.model import InboxId

NOW = datetime(2026, 9, 27, 9, tzinfo=UTC)
FILE = Attachment(kind=MediaKind.DOCUMENT, media="123", mime="application/pdf", name="Offer é.pdf")
INBOX = InboxId("support")


def links(secret: str = "s", days: float = 7) -> Links:
    """Links of a deployment."""
    return Links("https://bridge.example.com/", secret, timedelta(days=days))


def test_a_link_leads_to_its_file() -> None:
    """Everything that is needed to fetch it is in it."""
    url = links().make(INBOX, FILE, NOW)
    assert url.startswith("https://bridge.example.com/media/")
    ticket = links().read(url.rpartition("/")[2], NOW + timedelta(days=6.9))
    assert (ticket.inbox, ticket.attachment()) == (INBOX, FILE)


def test_a_link_ends() -> None:
    """After its days it is an expired one, not an unknown one."""
    signed = links().make(INBOX, FILE, NOW).rpartition("/")[2]
    with pytest.raises(LinkExpiredError):
        links().read(signed, NOW + timedelta(days=7, seconds=1))


def test_no_other_link_is_ours() -> None:
    """A changed letter anywhere, another secret, nothing, or nonsense."""
    signed = links().make(INBOX, FILE, NOW).rpartition("/")[2]
    wrong = [
        signed[:at] + ("A" if signed[at] != "A" else "B") + signed[at + 1 :] for at in range(len(signed) - 1)
    ]
    for one in (*wrong, "", "x", "é", signed[:-4], signed + "AAAA", "====", signed * 3):
        with pytest.raises(BadLinkError):
            links().read(one, NOW)
    with pytest.raises(BadLinkError):
        links("another").read(signed, NOW)
