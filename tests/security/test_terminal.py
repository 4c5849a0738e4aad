"""What operators read on a terminal: a contact's words there steer nothing."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bridge import events
from bridge.content import Attachment, MediaKind
from bridge.markup import text
from bridge.model import ContactId, EventId, InboxId, LaneId
from bridge.operate.replay.letters import read
from bridge.operate.replay.shown import details, listing
from bridge.operate.search import show
from bridge.store.archive.excerpts import Excerpt
from bridge.store.archive.search import ContactHit, Hit, Page
from bridge.store.dead import Letter
from tests.support.slack_desk import AT

ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "[red]red[/red] [link=https://evil.example]x[/link]",
    "\u202eevil",
    "\r\x08x",
]


def letter(words: str) -> Letter:
    """A dead letter with a contact's words and name in it."""
    event = events.MessageReceived(
        id=EventId("wa:wamid.x"),
        at=AT,
        contact=ContactId("7-9f"),
        inbox=InboxId("support"),
        platform_id="wamid.x",
        content=Attachment(MediaKind.DOCUMENT, words, name=words, caption=text(words)),
        sent_at=AT,
        name=words,
        username=words,
    )
    return Letter(
        lane=LaneId("s7"),
        id="1700000000000-0",
        unit="7-9f",
        event=events.pack(event),
        entry="1700000000000-0",
        reason=words,
    )


def page(words: str) -> Page:
    """Results of a search, full of a contact's and a colleague's words."""
    hits = tuple(
        Hit(
            seq=1,
            message="7-m",
            conversation="7-66",
            number=1063,
            contact="7-9f",
            name=words,
            inbox="support",
            direction=direction,
            author=words,
            at=AT,
            excerpt=Excerpt(text=words, start=0, cut_before=False, cut_after=False, marks=((0, len(words)),)),
            thread=None,
        )
        for direction in ("in", "out", "note")
    )
    person = ContactHit(contact="7-9f", name=words, username=words, phone="34600000001", last_at=AT)
    return Page(hits=hits, before=None, contacts=(person,))


def printed(words: str) -> str:
    """The list, all of the letter, and what a search finds, as a terminal without colours gets it."""
    found = read(letter(words))
    out = io.StringIO()
    console = Console(file=out, width=200, highlight=False)
    console.print(listing([found], 1_700_000_100_000))
    contents = msgspec.to_builtins(found.event)
    console.print(details(found, contents, words, 1_700_000_100_000, unmasked=True))
    show(console, page(words))
    return out.getvalue()


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_a_dead_letter_steers_no_terminal(words: str) -> None:
    """Escape sequences, marks of direction and the printer's own markup are shown as they are."""
    assert not ACTS.search(printed(words))
    if words.startswith("[red]"):
        assert "[red]red[/red]" in printed(words)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_none_ever_does(words: str) -> None:
    """For any words."""
    assert not ACTS.search(printed(words))
