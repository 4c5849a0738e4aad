"""Whom staff can write to first: numbers as the contacts' platform knows them, and contacts that the archive knows."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bridge.adapters.base import Acquaintance, Channel, Reach
from bridge.model import ContactId, InboxId
from bridge.phone import mask_phone
from bridge.store.archive.query import QueryError
from bridge.store.archive.search import ContactHit, Search, SearchTooBroadError
from bridge.store.archive.trouble import ArchiveError

log = structlog.get_logger(__name__)

MOST = 50


class ArchiveOutreach:
    """See `adapters.base.Outreach`."""

    def __init__(self, channel: Channel, search: Search) -> None:
        self._channel = channel
        self._search = search

    def reach(self, inbox: InboxId, digits: str) -> Reach:
        """See `Channel.reach`."""
        return self._channel.reach(inbox, digits)

    async def look_up(self, typed: str, inboxes: tuple[InboxId, ...]) -> Sequence[Acquaintance]:
        """Whoever matches; nobody where the archive is not there, where too little was typed, or too much matches."""
        try:
            found = await self._search.people(typed, inboxes, limit=MOST)
        except QueryError:
            return ()
        except (ArchiveError, SearchTooBroadError) as problem:
            log.warning("outreach.not_looked_up", problem=str(problem))
            return ()
        return [_acquaintance(one) for one in found]


def _acquaintance(hit: ContactHit) -> Acquaintance:
    label = mask_phone(f"+{hit.phone}") if hit.phone else f"@{hit.username}" if hit.username else "no number"
    return Acquaintance(contact=ContactId(hit.contact), name=hit.name, label=label)
