"""WhatsApp markup: read by its boundary rules, written so that it is read as it was meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import markup
from bridge.adapters.base import Loss
from bridge.adapters.whatsapp.format import (
    LOST_EMOJI,
    LOST_MENTION,
    compose,
    from_whatsapp,
    split,
    to_whatsapp,
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

FIXTURES = Path(__file__).parents[2] / "fixtures" / "whatsapp"
NAMES = {"U0ANA00001": "Ana", "C0SUPPORT1": "support"}
GUARD = "\u200b"


def bold(text: str) -> Bold:
    """One bold text."""
    return Bold((Text(text),))


@pytest.mark.parametrize(
    "text,document",
    [
        ("*bold*", (bold("bold"),)),
        ("_it_ ~st~", (Italic((Text("it"),)), Text(" "), Strike((Text("st"),)))),
        ("*_x_*", (Bold((Italic((Text("x"),)),)),)),
        ("(*x*),", (Text("("), bold("x"), Text("),"))),
        ("snake_case_name 2*3*4 a~b~c", (Text("snake_case_name 2*3*4 a~b~c"),)),
        ("5 * 3 * 2", (Text("5 * 3 * 2"),)),
        ("*a\nb*", (Text("*a\nb*"),)),
        ("`c *x*` _y_", (Code("c *x*"), Text(" "), Italic((Text("y"),)))),
        ("see ```x``` ok", (Text("see "), Code("x"), Text(" ok"))),
        ("a\n```\nx\n y\n```\nb", (Text("a\n"), Pre("x\n y"), Text("b"))),
        ("``` ```", (Text("``` ```"),)),
        ("> a\n> b\nc", (Quote((Text("a\nb"),)), Text("c"))),
        (">a", (Text(">a"),)),
        ("- a\n* b", (ListBlock(ordered=False, items=((Text("a"),), (Text("b"),))),)),
        (
            "3. a\n4. b\n9. c",
            (
                ListBlock(ordered=True, items=((Text("a"),), (Text("b"),)), start=3),
                ListBlock(ordered=True, items=((Text("c"),),), start=9),
            ),
        ),
        ("- *a*", (ListBlock(ordered=False, items=((bold("a"),),)),)),
        ("https://x.example/_a_ *b*", (Text("https://x.example/_a_ "), bold("b"))),
        ("*https://x.example*", (bold("https://x.example"),)),
        ("**b**", (Text("*"), bold("b"), Text("*"))),
        ("", ()),
    ],
)
def test_typed_markup_is_read_by_its_boundaries(text: str, document: Document) -> None:
    """A mark counts when it hugs text, is not glued to a word, and closes on its line."""
    assert from_whatsapp(text) == document


def test_the_hostile_fixture_reads_as_its_lines() -> None:
    """Every kind of markup, right-to-left words and desk control syntax, in one message."""
    payload = json.loads((FIXTURES / "text_markup_rtl_multiline.json").read_text())
    body = payload["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"]
    document = from_whatsapp(body)
    assert markup.lines(document) == [
        "urgent",
        "quoted line",
        "item one",
        "old SKU-9",
        "code <b>&amp;",
        "\u05e9\u05dc\u05d5\u05dd @channel <!here> https://example.com/?a=1&b=2",
    ]
    assert [type(node) for node in document] == [Bold, Quote, ListBlock, ListBlock, Pre, Text]


@given(texts)
def test_any_text_keeps_its_words(text: str) -> None:
    """Reading never raises and takes nothing away but marks, line signs and control characters."""
    shown = markup.bare(from_whatsapp(text))
    assert _is_subsequence("".join(shown.split()), "".join(markup.clean(text).split()))


@given(st.one_of(texts, long_texts))
def test_round_trip_keeps_the_plain_text(text: str) -> None:
    """What a contact typed, written back, reads the same."""
    document = from_whatsapp(text)
    again = from_whatsapp(to_whatsapp(document, {}))
    assert _words(markup.plain(again)) == _words(markup.plain(document))


@given(texts)
def test_literal_text_stays_literal(text: str) -> None:
    """What an agent typed as plain characters is never read as markup on the phone."""
    read = from_whatsapp(to_whatsapp(markup.text(text), {}))
    assert all(isinstance(node, Text) for node in read)
    assert markup.bare(read).replace(GUARD, "") == markup.clean(text).replace(GUARD, "")


@given(documents)
def test_any_document_shows_all_its_words(document: Document) -> None:
    """Formatting that WhatsApp cannot show is given up; words and order never are."""
    shown = _words(to_whatsapp(document, {}))
    for node in document:
        if isinstance(node, Text | Code | Pre):
            assert _words(node.text) in shown


@pytest.mark.parametrize(
    "document,text",
    [
        ((bold("now "), Text("go")), "*now* go"),
        ((bold("a\nb"),), "*a*\n*b*"),
        ((Bold((Italic((Text("x"),)), Text(" y"))),), "*_x_ y*"),
        ((Text("un"), bold("believ"), Text("able")), "unbelievable"),
        ((Text("un"), bold("believ"), Text("able "), bold("x")), "unbelievable *x*"),
        ((Text("a"), Code("b"), Text(" "), Code("c")), "ab `c`"),
        ((Bold((Bold((Text("x"),)),)),), "*x*"),
        ((Text("*x*"),), f"*{GUARD}x{GUARD}*"),
        ((Text("5 * 3 snake_case a*b"),), "5 * 3 snake_case a*b"),
        ((Text("- a\n> b\n1. c"),), f"{GUARD}- a\n{GUARD}> b\n{GUARD}1. c"),
        ((Text("hi"), Quote((Text("q\nr"),)), Text("end")), "hi\n> q\n> r\nend"),
        ((ListBlock(ordered=False, items=((Text("a\nb"),), (bold("c"),))),), "- a\n  b\n- *c*"),
        ((ListBlock(ordered=True, items=((Text("a"),), (Text("b"),)), start=4),), "4. a\n5. b"),
        ((Code("x"), Text(" "), Code("a`b")), "`x` a`b"),
        ((Text("a"), Pre("x\ny"), Text("b")), "a\n```x\ny```\nb"),
        ((Link("https://a.example/x", "the order"),), "the order: https://a.example/x"),
        ((Link("https://a.example/x"),), "https://a.example/x"),
        ((Link("https://a.example/", "a.example"),), "https://a.example/"),
        ((Link("http://www.a.example", "www.a.example"),), "http://www.a.example"),
        ((Link("mailto:a@b.example", "a@b.example"),), "a@b.example"),
        ((Link("mailto:a@b.example", "write us"),), "write us: a@b.example"),
        ((Link("tel:+491234", "+49 1234"),), "+49 1234"),
        ((Link("https://a.example/_x_"), Text(" _y")), "https://a.example/_x_ _y"),
        ((Mention(MentionKind.PERSON, "U0ANA00001"), Text("!")), "@Ana!"),
        ((Mention(MentionKind.CHANNEL, "C0SUPPORT1", "old"),), "#support"),
        ((Mention(MentionKind.TEAM, "S1", "@billing"),), "@billing"),
        ((Mention(MentionKind.EVERYONE, "here"),), "@here"),
        ((Emoji("thumbsup::skin-tone-3", "\U0001f44d\U0001f3fc"),), "\U0001f44d\U0001f3fc"),
        ((Text("ok "), Emoji("partyparrot"), Text(" bye")), "ok bye"),
        ((Instant(0, "1 Jan, 09:00"),), "1 Jan, 09:00"),
    ],
)  # fmt: skip
def test_each_node_has_its_form(document: Document, text: str) -> None:
    """What WhatsApp can show is shown; what it would misread is guarded or written plainly."""
    assert to_whatsapp(document, NAMES) == text


def test_losses_are_told() -> None:
    """A custom emoji and a mention without a name are named, so that the author can be told."""
    fitted = compose((Emoji("partyparrot"), Mention(MentionKind.PERSON, "U0NOBODY01")), {})
    assert fitted.parts == ("@colleague",)
    assert fitted.losses == (Loss(LOST_EMOJI, ":partyparrot:"), Loss(LOST_MENTION, "@U0NOBODY01"))


def test_ids_never_reach_a_contact() -> None:
    """A platform id says nothing to a contact; a word stands in for it."""
    kinds = [Mention(kind, "X0SECRET01") for kind in MentionKind if kind is not MentionKind.EVERYONE]
    assert "X0SECRET01" not in to_whatsapp(tuple(kinds), {})


@pytest.mark.parametrize("document", [(), (Text(" \n"),), (Emoji("partyparrot"),), (Text("\u200b"),)])
def test_nothing_visible_is_no_message(document: Document) -> None:
    """WhatsApp refuses an empty body, so there is no part."""
    assert compose(document, {}).parts == ()


@given(long_texts, st.integers(12, 200))
def test_parts_keep_the_limit_and_all_words(text: str, limit: int) -> None:
    """Splitting formatted text adds marks at most; every other character arrives, in order."""
    parts = split(text, limit)
    assert all(len(part) <= limit for part in parts)
    if markup.strip_invisible(text).strip():
        assert _is_subsequence("".join(text.split()), "".join("".join(parts).split()))


def test_bold_goes_on_after_a_cut() -> None:
    """Each part is formatted by itself."""
    parts = split("*" + "word " * 30 + "end*", 100)
    assert len(parts) == 2
    assert all(part.startswith("*word") and part.endswith("*") for part in parts)
    assert all(isinstance(from_whatsapp(part)[0], Bold) for part in parts)


def test_a_quote_and_a_block_go_on_after_a_cut() -> None:
    """A cut quotation is quoted again, a cut block is monospaced again."""
    first, second = split("> " + "word " * 15 + "*" + "bold " * 10 + "end*", 100)
    assert first.startswith("> ")
    assert first.endswith("*")
    assert second.startswith("> *")
    parts = split("```" + "\n".join(["x = 1"] * 30) + "```", 100)
    assert all(part.startswith("```x") and part.endswith("1```") for part in parts)


def test_a_long_answer_is_cut_at_a_sentence() -> None:
    """At 4,096 code points the next part begins with a new sentence."""
    text = "This is a sentence of some length. " * 200
    parts = compose(markup.text(text), {}).parts
    assert len(parts) == 2
    assert all(part.startswith("This") and part.endswith("length.") and len(part) <= 4096 for part in parts)


@pytest.mark.parametrize(
    "text", ["*a " * 20_000, "*_~" * 20_000, "`" * 60_000, "```a " * 12_000, "> " * 30_000, "http://" * 9000]
)
def test_a_hostile_text_is_read_in_linear_time(text: str) -> None:
    """Sixty thousand marks without partners take no longer than a test may."""
    assert markup.bare(from_whatsapp(text)) != ""


def _words(text: str) -> str:
    return "".join(markup.clean(text).replace(GUARD, "").split())


def _is_subsequence(short: str, long: str) -> bool:
    characters = iter(long)
    return all(character in characters for character in short)
