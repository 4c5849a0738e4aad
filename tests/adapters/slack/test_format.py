"""Slack text: both forms of a typed message read the same, and nobody's words are ever more than words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import markup
from bridge.adapters.slack.format import (
    MAX_BLOCK,
    escape,
    fallback,
    from_mrkdwn,
    from_slack,
    literal,
    sections,
    to_rich_text,
    to_slack_text,
)
from bridge.markup import (
    Bold,
    Code,
    Document,
    Emoji,
    Instant,
    Italic,
    Link,
    ListBlock,
    Mention,
    MentionKind,
    Pre,
    Quote,
    Strike,
    Text,
)
from tests.support.documents import documents, long_texts, texts

FIXTURES = Path(__file__).parents[2] / "fixtures" / "slack"
ANA = Mention(MentionKind.PERSON, "U0ANA00001")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _shaped(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON that is nearly a rich_text block."""
    kinds = st.sampled_from(
        [
            *(
                "rich_text",
                "rich_text_section",
                "rich_text_list",
                "rich_text_quote",
                "rich_text_preformatted",
            ),
            *(
                "text",
                "link",
                "emoji",
                "user",
                "usergroup",
                "channel",
                "broadcast",
                "date",
                "color",
                "canvas",
            ),
        ]
    )
    keys = (
        "elements",
        "text",
        "url",
        "name",
        "user_id",
        "style",
        "indent",
        "offset",
        "unicode",
        "skin_tone",
        "timestamp",
    )
    fields = dict.fromkeys(keys, value | texts)
    return st.fixed_dictionaries({"type": kinds | value}, optional=fields)


shaped_json = st.recursive(
    json_values, lambda inner: _shaped(inner) | st.lists(_shaped(inner), max_size=3), max_leaves=8
)


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FIXTURES.glob("event_*.json")):
        event = json.loads(path.read_text()).get("event", {})
        message = event.get("message", event)
        if message.get("blocks") and message.get("text") and not message.get("bot_id"):
            yield path.stem, message


@pytest.mark.parametrize("name,message", list(_messages()))
def test_both_forms_of_a_typed_message_read_the_same(name: str, message: dict[str, Any]) -> None:
    """The rich_text blocks and the mrkdwn text of one message give one document."""
    assert from_slack(message["blocks"], "") == from_slack(None, message["text"]), name
    assert not markup.is_blank(from_slack(message["blocks"], message["text"]))


def test_the_rich_fixture_reads_as_its_nodes() -> None:
    """Mentions, channel, group, link, entities, emoji with its tone and bold, each as itself."""
    event = json.loads((FIXTURES / "event_message_rich_text.json").read_text())["event"]
    assert from_slack(event["blocks"], event["text"]) == (
        Mention(MentionKind.PERSON, "U0BEN00001"),
        Text(" see "),
        Mention(MentionKind.CHANNEL, "C0SUPPORT1"),
        Text(" and "),
        Mention(MentionKind.TEAM, "S0GROUP001"),
        Text(" or "),
        Link("https://example.com/a?b=1&c=2", "the order"),
        Text(" 5 < 6 & ok "),
        Emoji("thumbsup::skin-tone-3", "\U0001f44d\U0001f3fc"),
        Text(" "),
        Bold((Text("now"),)),
    )


@pytest.mark.parametrize(
    "text,document",
    [
        ("<@U0ANA00001|ana> hi", (Mention(MentionKind.PERSON, "U0ANA00001", "ana"), Text(" hi"))),
        ("<#C0SUPPORT1|support>", (Mention(MentionKind.CHANNEL, "C0SUPPORT1", "support"),)),
        ("<!subteam^S0GROUP001|@billing>", (Mention(MentionKind.TEAM, "S0GROUP001", "billing"),)),
        ("<!here> <!channel|channel>", (Mention(MentionKind.EVERYONE, "here"), Text(" "), Mention(MentionKind.EVERYONE, "channel"))),
        ("<https://a.example/?x=1&amp;y=2>", (Link("https://a.example/?x=1&y=2"),)),
        ("<http://a.example|a.example>", (Link("http://a.example", "a.example"),)),
        ("<mailto:a@b.example|a@b.example>", (Link("mailto:a@b.example", "a@b.example"),)),
        ("<tel:+491234|+49 1234>", (Link("tel:+491234", "+49 1234"),)),
        ("<!date^1750000000^{date} {time}^https://a.example|15 June>", (Instant(1750000000, "15 June"),)),
        ("<!foo> <> a < b", (Text("<!foo> <> a < b"),)),
        ("&amp;lt; &lt;b&gt; &amp;amp;", (Text("&lt; <b> &amp;"),)),
        (":tada: :partyparrot: 10:30:45", (
            Emoji("tada", "\U0001f389"), Text(" "), Emoji("partyparrot"), Text(" 10:30:45"),
        )),
        ("*b* _i_ ~s~ `c <https://a.example> &amp; *x*`", (
            Bold((Text("b"),)), Text(" "), Italic((Text("i"),)), Text(" "), Strike((Text("s"),)), Text(" "),
            Code("c https://a.example & *x*"),
        )),
        ("*<@U0ANA00001>*: go", (Bold((ANA,)), Text(": go"))),
        ("snake_case 2*3*4", (Text("snake_case 2*3*4"),)),
        ("```a\n&lt;b```", (Pre("a\n<b"),)),
        ("hi\n&gt; q\n&gt;r\nend", (Text("hi"), Quote((Text("q\nr"),)), Text("end"))),
        ("\u2022 a\n    \u25e6 b\n1. c", (
            ListBlock(ordered=False, items=((Text("a"),),)),
            ListBlock(ordered=False, items=((Text("b"),),), indent=1),
            ListBlock(ordered=True, items=((Text("c"),),)),
        )),
    ],
)  # fmt: skip
def test_mrkdwn_is_read(text: str, document: Document) -> None:
    """Entities, emoji names, marks, quotes and lists; the ampersand is unescaped last."""
    assert from_mrkdwn(text) == document


def _section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def _words(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"style": style} if style else {})


@pytest.mark.parametrize(
    "elements,document",
    [
        (
            [_section(_words("a ", bold=True), _words("b", bold=True, italic=True))],
            (Bold((Text("a "), Italic((Text("b"),)))),),
        ),
        ([_section(_words("x", code=True, strike=True))], (Strike((Code("x"),)),)),
        ([_section(_words("a\n")), _section(_words("b"))], (Text("a\nb"),)),
        ([_section(_words("a")), _section(_words("b"))], (Text("a\nb"),)),
        (
            [{"type": "rich_text_quote", "elements": [_words("q")]}, _section(_words("a"))],
            (Quote((Text("q"),)), Text("a")),
        ),
        ([{"type": "rich_text_preformatted", "elements": [_words("a\n*b*")]}], (Pre("a\n*b*"),)),
        (
            [
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "indent": 1,
                    "offset": 2,
                    "elements": [_section(_words("a"))],
                }
            ],
            (ListBlock(ordered=True, items=((Text("a"),),), indent=1, start=3),),
        ),
        (
            [{"type": "rich_text_list", "style": "bullet", "border": 1, "elements": [_section(_words("a"))]}],
            (Quote((ListBlock(ordered=False, items=((Text("a"),),)),)),),
        ),
        ([_section({"type": "broadcast", "range": "here"})], (Mention(MentionKind.EVERYONE, "here"),)),
        (
            [_section({"type": "date", "timestamp": 5, "format": "{date}", "fallback": "then"})],
            (Instant(5, "then"),),
        ),
        ([_section({"type": "color", "value": "#ff0000"})], (Text("#ff0000"),)),
        ([_section({"type": "emoji", "name": "newer", "unicode": "1faea"})], (Emoji("newer", "\U0001faea"),)),
        ([_section({"type": "emoji", "name": "partyparrot"})], (Emoji("partyparrot"),)),
    ],
)
def test_rich_text_is_read(elements: list[dict[str, Any]], document: Document) -> None:
    """Each part and element of a rich_text block has its node."""
    assert from_slack([{"type": "rich_text", "elements": elements}], "") == document


def test_the_text_is_read_when_the_blocks_hold_something_unknown() -> None:
    """Words are never lost to an element of tomorrow: Slack's own text form has them."""
    blocks = [{"type": "rich_text", "elements": [_section(_words("see "), {"type": "canvas", "id": "F1"})]}]
    assert from_slack(blocks, "see Plan") == (Text("see Plan"),)


@pytest.mark.parametrize(
    "blocks", [None, [], [{"type": "section"}], "x", [{"type": "rich_text", "elements": []}]]
)
def test_the_text_is_read_when_there_are_no_words_in_blocks(blocks: object) -> None:
    """Posts without rich_text have their text."""
    assert from_slack(blocks, "*hi*") == (Bold((Text("hi"),)),)


@given(json_values | shaped_json, json_values | texts)
def test_any_json_is_read_without_raising(blocks: object, text: object) -> None:
    """What comes in is a document that can be shown and stored, whatever its shape was."""
    for document in (from_slack(blocks, text), from_slack([blocks], text)):
        markup.lines(document)
        markup.plain(document).encode()


@given(texts)
def test_mrkdwn_shows_no_more_than_was_typed(text: str) -> None:
    """Literal words, once escaped by Slack, are read back with all their characters or fewer marks."""
    shown = "".join(markup.bare(from_mrkdwn(escape(text))).split())
    assert len(shown) <= len("".join(markup.clean(text).split())) + 8 * text.count(":")


def _walk(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(child)


@given(documents)
def test_rich_text_holds_words_and_honest_links_alone(document: Document) -> None:
    """Whatever a document holds, its blocks cannot mention, and a link shows where it leads."""
    blocks = to_rich_text(document)
    kinds = {element["type"] for element in _walk(blocks) if "type" in element}
    assert kinds <= {
        *("rich_text", "rich_text_section", "rich_text_quote", "rich_text_preformatted", "rich_text_list"),
        *("text", "link", "date"),
    }
    for element in _walk(blocks):
        assert element.get("type") != "link" or "text" not in element
        assert element.get("type") != "text" or element["text"]


@given(texts | long_texts)
def test_a_contacts_words_arrive_whole_and_literal(text: str) -> None:
    """Nothing is parsed, nothing is lost (only the two characters that reverse the reading are)."""
    shown = "".join(
        element.get("text") or element.get("url") or "" for element in _walk(to_rich_text(markup.text(text)))
    )
    assert shown == re.sub("[\u202d\u202e]", "", markup.clean(text))


@given(texts)
def test_rich_text_reads_back_as_the_same_lines(text: str) -> None:
    """What we post for a short text is what an eye reads in the text."""
    document = from_slack(to_rich_text(markup.text(text)), "")
    expected = re.sub("[\u202d\u202e]", "", markup.clean(text))
    assert markup.bare(document) == ("" if markup.is_blank(document) and not document else expected)


@pytest.mark.parametrize(
    "text,links",
    [
        ("go to https://a.example/x?y=1, now", ["https://a.example/x?y=1"]),
        ("(https://a.example)", ["https://a.example"]),
        ("https://bank.example@evil.example", []),
        ("https://ex\u00e4mple.com", []),
        ("javascript:alert(1) ftp://x", []),
        ("<https://evil.example|bank.example>", ["https://evil.example|bank.example"]),
    ],
)
def test_only_honest_addresses_become_links(text: str, links: list[str]) -> None:
    """An address in the words can be followed, when it leads where it seems to."""
    found = [
        element["url"] for element in _walk(to_rich_text(markup.text(text))) if element.get("type") == "link"
    ]
    assert found == links


@given(st.lists(documents, min_size=1, max_size=3), st.integers(1, 150))
def test_blocks_keep_the_limits(parts: list[Document], times: int) -> None:
    """However long it is, each block is one that Slack takes."""
    document = tuple(node for part in parts for node in part) * times
    for block in to_rich_text(document[:1500]):
        assert 0 < _size(block) <= MAX_BLOCK
        assert 0 < len(block["elements"]) <= 1000


def test_a_long_message_is_cut_between_words() -> None:
    """A text of 4,096 characters becomes two blocks, whole words each, nothing lost."""
    text = ("lorem ipsum " * 400)[:4096]
    blocks = to_rich_text(markup.text(text))
    words = [element["text"] for element in _walk(blocks) if element.get("type") == "text"]
    assert len(blocks) == 2
    assert "".join(words) == text
    assert words[0].endswith("m ")


def test_a_list_that_is_cut_goes_on_counting() -> None:
    """The second half of a long numbered list begins where the first ended."""
    items = tuple((Text("word " * 20),) for _ in range(60))
    parts = [
        element
        for element in _walk(to_rich_text((ListBlock(ordered=True, items=items),)))
        if "style" in element
    ]
    assert len(parts) > 1
    assert parts[0].get("offset", 0) == 0
    assert parts[1]["offset"] == len(parts[0]["elements"])


@given(texts | long_texts)
def test_the_fallback_cannot_mention_link_or_format(text: str) -> None:
    """The text beside the blocks is parsed by Slack: what stands in it must read as plain words."""
    out = fallback(text, 200)
    assert len(out) <= 200
    assert "<" not in out
    assert ">" not in out
    assert re.search(r"&(?!amp;|lt;|gt;)", out) is None
    assert re.search(r"@(here|channel|everyone)", out) is None
    assert all(isinstance(node, Text | ListBlock) for node in from_mrkdwn(out))


@given(texts)
def test_literal_shows_every_character(text: str) -> None:
    """Guards are invisible; without them the text is what it was."""
    shown = markup.plain(from_mrkdwn(literal(text)))
    assert _joined(shown) == _joined(markup.clean(text))


def test_the_fallback_is_cut_with_an_ellipsis() -> None:
    """A long text is shortened, escapes counted and never torn."""
    assert fallback("<" * 100, 20) == "&lt;&lt;&lt;&lt;\u2026"
    assert fallback("short") == "short"


@pytest.mark.parametrize(
    "document,text",
    [
        ((Text("a < b & c *x* :tada: @here"),), "a &lt; b &amp; c *\u200bx\u200b* :\u200btada: @\u200bhere"),
        ((ANA, Text(" hi")), "<@U0ANA00001> hi"),
        ((Mention(MentionKind.TEAM, "S0GROUP001"),), "<!subteam^S0GROUP001>"),
        ((Mention(MentionKind.CHANNEL, "C0SUPPORT1"),), "<#C0SUPPORT1>"),
        ((Mention(MentionKind.EVERYONE, "here"),), "<!here>"),
        ((Mention(MentionKind.PERSON, "U1> <!here", "x"),), "@x"),
        ((Bold((Text("a "),)), Text("b")), "*a* b"),
        ((Italic((Text("a\nb"),)),), "_a_\n_b_"),
        ((Code("x < y"),), "`x &lt; y`"),
        ((Text("a"), Pre("x"), Text("b")), "a\n```\nx\n```\nb"),
        ((Text("a\n"), Quote((Text("x\ny"),)), Text("b")), "a\n> x\n> y\nb"),
        ((ListBlock(ordered=True, items=((Text("a"),), (Text("b"),)), start=2),), "2. a\n3. b"),
        (
            (Link("https://a.example/?x=1&y=2|<z>", "see | <here>"),),
            "<https://a.example/?x=1&amp;y=2%7C%3Cz%3E|see \u00a6 &lt;here&gt;>",
        ),
        ((Link("https://a.example"),), "<https://a.example>"),
        ((Link("javascript:x", "y"),), "y (javascript:x)"),
        ((Emoji("tada", "\U0001f389"), Emoji("a b", "\U0001f389")), ":tada:\U0001f389"),
        ((Instant(5, "then"),), "<!date^5^{date_short_pretty} {time}|then>"),
        ((), ""),
    ],
)
def test_our_texts_become_mrkdwn(document: Document, text: str) -> None:
    """Mentions, links and dates work in our texts; literal text in them stays literal."""
    assert to_slack_text(document) == text


@given(
    documents.map(
        lambda document: tuple(
            node for node in document if isinstance(node, Text | Bold | Code | Pre | Quote)
        )
    )
)
def test_literal_text_in_ours_never_mentions(document: Document) -> None:
    """A name or word inside a text of ours cannot smuggle an entity in: only real nodes make one."""
    texts_only = tuple(node for node in document if isinstance(node, Text | Code | Pre))
    assert "<" not in to_slack_text(texts_only)


def test_long_mrkdwn_becomes_several_sections() -> None:
    """A section takes 3,000 characters."""
    made = sections("word " * 1000)
    assert [block["type"] for block in made] == ["section", "section"]
    assert "".join(block["text"]["text"] for block in made) == "word " * 1000
    assert all(len(block["text"]["text"]) <= MAX_BLOCK for block in made)


def test_escape_makes_exactly_three_entities() -> None:
    """Slack knows no other."""
    assert escape("<&>\"'*") == "&lt;&amp;&gt;\"'*"


def _joined(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


def _size(block: dict[str, Any]) -> int:
    return sum(
        len(element.get("text") or element.get("url") or element.get("fallback") or "")
        for element in _walk(block)
    )
