"""Links to posts in typed words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.slack.answering import linked
from bridge.markup import Bold, Document, Link, Text, bare, text
from bridge.model import Post

TEAM = "https://example-team.slack.com/"
POST = Link(f"{TEAM}archives/C0SUPPORT1/p1795693684699902?thread_ts=1795693684.646295&cid=C0SUPPORT1")
HERE = Post(desk="slack", channel="C0SUPPORT1", id="1795693684.699902")


@pytest.mark.parametrize(
    "body, rest",
    [
        ((POST, Text(" On Friday.")), (Text("On Friday."),)),
        ((Text("On Friday.\n"), POST), (Text("On Friday."),)),
        ((Text(" "), POST, Text(" "), Bold((Text("Yes"),))), (Bold((Text("Yes"),)),)),
        ((POST,), ()),
    ],
)
def test_at_the_edge_it_is_answered(body: Document, rest: Document) -> None:
    """And no part of the words."""
    assert linked(body, TEAM, "C0SUPPORT1") == (rest, HERE)


@pytest.mark.parametrize(
    "body",
    [
        (Text("See "), POST, Text(" there")),
        (Link("https://evil.example/archives/C0SUPPORT1/p1795693684699902"), Text(" x")),
        (Link(f"{TEAM}archives/C0OTHER0001/p1795693684699902"), Text(" x")),
        (Link(f"{TEAM}archives/C0SUPPORT1/p17956"), Text(" x")),
        (Link("https://[broken"), Text(" x")),
        (Bold((POST,)), Text(" x")),
        (),
    ],
)
def test_elsewhere_it_is_part_of_what_is_said(body: Document) -> None:
    """In the middle, of another channel or workspace, or no address of a post at all."""
    assert linked(body, TEAM, "C0SUPPORT1") == (body, None)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=80))
def test_words_stay_as_they_are(words: str) -> None:
    """Whatever they are."""
    rest, found = linked((POST, *text(f" {words}")), TEAM, "C0SUPPORT1")
    assert found == HERE
    assert bare(rest) == bare(text(words))
