"""The markup tree: what the eye reads in it, and what taking a prefix away leaves."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import markup
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
    Node,
    Pre,
    Quote,
    Strike,
    Text,
)
from tests.support.documents import documents, texts

ANA = Mention(MentionKind.PERSON, "U0ANA00001", "Ana")

# Each shows "note: x" on a line of its own, somewhere.
HIDING_PLACES: list[Document] = [
    (Text("note: x"),),
    (Text("hi\nnote: x"),),
    (Text("hi\r\nnote: x"),),
    (Text("hi\u2028note: x"),),
    (Text("hi "), Bold((Text("there\nnote: x"),))),
    (Bold((Italic((Strike((Text("note: x"),)),)),)),),
    (Bold((Text("no"),)), Italic((Text("te: "),)), Text("x")),
    (Text("hi"), Quote((Text("note: x"),))),
    (Quote((Text("a\nnote: x"),)),),
    (ListBlock(ordered=False, items=((Text("a"),), (Text("note: x"),))),),
    (ListBlock(ordered=True, items=((Text("a\nnote: x"),),)),),
    (Text("hi"), Pre("a\nnote: x\nb"), Text("c")),
    (Pre("a"), Text("note: x")),
    (Quote((ListBlock(ordered=False, items=((Text("note: x"),),)),)),),
    (Text("a\n"), Code("note: x")),
    (Emoji("tada", "\U0001f389"), Text("\nnote: x")),
]


@pytest.mark.parametrize("document", HIDING_PLACES)
def test_every_line_is_seen_wherever_it_hides(document: Document) -> None:
    """Quotes, items, blocks and lines inside a span each count as lines, without their signs."""
    assert "note: x" in markup.lines(document)


@given(documents)
def test_lines_hold_every_visible_character(document: Document) -> None:
    """Nothing a leaf shows is missing from the lines, and nothing is added."""
    shown = "".join("".join(markup.clean(markup.visible(leaf)).split("\n")) for leaf in _leaves(document))
    assert "".join(markup.lines(document)) == shown


@given(documents)
def test_lines_have_no_line_break_in_them(document: Document) -> None:
    """A line is one line for every reader of line breaks."""
    assert all(len(line.splitlines()) <= 1 for line in markup.lines(document))


@given(documents)
def test_bare_is_the_lines_in_one_string(document: Document) -> None:
    """However it is found: a line of plain characters is not laid out at all."""
    assert markup.bare(document) == "\n".join(markup.lines(document))


@given(documents)
def test_plain_shows_the_same_lines_with_their_signs(document: Document) -> None:
    """`plain` adds quote signs, bullets and numbers before a line, and changes nothing else."""
    lines = markup.lines(document)
    rows = markup.plain(document).split("\n") if lines else []
    assert len(rows) == len(lines)
    assert all(row.endswith(line) for row, line in zip(rows, lines, strict=True))


def test_plain_reads_like_the_page() -> None:
    """Blocks stand on lines of their own, with the signs a reader knows."""
    document: Document = (
        Text("Hi"),
        Quote((Text("a\n\nb"),)),
        ListBlock(ordered=True, items=((Text("c\nd"),), (Bold((Text("e"),)),)), start=3),
        ListBlock(ordered=False, items=((Text("f"),),), indent=1),
        Text("end "),
        ANA,
    )
    assert markup.plain(document) == "Hi\n> a\n>\n> b\n3. c\n   d\n4. e\n  \u2022 f\nend @Ana"


@given(documents)
def test_a_document_survives_packing(document: Document) -> None:
    """Every document that an adapter lets through is packed and read back as it was."""
    clean = markup.compact(_cleaned(node) for node in document)
    packed = msgspec.msgpack.encode(clean)
    assert msgspec.msgpack.decode(packed, type=Document) == clean
    assert msgspec.json.decode(msgspec.json.encode(clean), type=Document) == clean


def test_a_short_message_packs_small() -> None:
    """The tree costs a few bytes over its words: every recent message is kept in memory."""
    assert len(msgspec.msgpack.encode(markup.text("Hello there"))) == len("Hello there") + 5


@given(documents)
def test_compact_changes_nothing_visible(document: Document) -> None:
    """Joining texts and dropping empty nodes leaves the same lines, and doing it twice is doing it once."""
    tidy = markup.compact(document)
    assert markup.compact(tidy) == tidy
    assert "".join(markup.lines(tidy)) == "".join(markup.lines(document))


@given(texts)
def test_strip_invisible_maps_each_character_to_one_or_none(text: str) -> None:
    """Offsets into what rules match are counts of visible characters."""
    assert markup.strip_invisible(text) == "".join(markup.strip_invisible(character) for character in text)
    assert all(len(markup.strip_invisible(character)) <= 1 for character in text)


@pytest.mark.parametrize(
    "typed,matched",
    [
        ("n\u00adote:", "note:"),
        ("\u200b\u200e\u2066note:\u2069", "note:"),
        ("\ufeffnote\ufe0f:", "note:"),
        ("note\uff1ax", "note:x"),
        ("\uff01reply\u3000hi", "!reply hi"),
        ("\u00a0\u2003note:", "  note:"),
        ("\u3164note:", " note:"),
        ("plain", "plain"),
    ],
)
def test_rules_see_through_invisible_and_look_alike_characters(typed: str, matched: str) -> None:
    """Zero-width, bidi and selector characters vanish; odd spaces and full-width signs become the usual ones."""
    assert markup.strip_invisible(typed) == matched


@pytest.mark.parametrize(
    "line",
    [
        "note: x",
        "> note: x",
        "- note: x",
        "* note: x",
        "1. note: x",
        "\u2022 note: x",
        ">>> *note: x",
        "\u200b > note: x",
        "~_note: x",
        "|| note: x",
    ],
)
def test_typed_signs_before_a_mark_are_passed_over(line: str) -> None:
    """A person who types the quote or bullet sign means the same as one who presses the button."""
    assert markup.line_opening(line) == "note: x"


@pytest.mark.parametrize("line", ["!close", "// x", ";; x", "\\\\ x", "-x", "12 apples", "\\!close", ""])
def test_signs_that_mean_something_are_kept(line: str) -> None:
    """Marks of our own, and words that only begin like a list, are left alone."""
    assert markup.line_opening(line) == line


@pytest.mark.parametrize(
    "document,mention",
    [
        ((ANA, Text(" look")), ANA),
        ((Text(" \u200b\n"), Bold((ANA,))), ANA),
        ((ListBlock(ordered=False, items=((ANA,),)),), ANA),
        ((Text("hi "), ANA), None),
        ((Text("hi\n"), ANA), None),
        ((Emoji("tada", "\U0001f389"), ANA), None),
        ((), None),
    ],
)
def test_the_opening_mention_is_the_first_thing_visible(document: Document, mention: Mention | None) -> None:
    """White space, invisible characters and formatting do not hide a mention; words before it do."""
    assert markup.opening_mention(document) == mention


def test_line_mentions_are_asked_of_every_line() -> None:
    """A colleague addressed on the second line is addressed."""
    ben = Mention(MentionKind.PERSON, "U0BEN00001")
    document = (Text("hi\n"), ANA, Text(" and "), ben, Quote((Text(" "), ben)))
    assert markup.line_mentions(document) == [ANA, ben]


@pytest.mark.parametrize(
    "document,count,rest",
    [
        ((Text("!reply "), Bold((Text("hi"),))), 7, (Bold((Text("hi"),)),)),
        ((Bold((Text("note: a"),)), Text("b")), 6, (Bold((Text("a"),)), Text("b"))),
        ((Text("\u200bno\u00adte: a"),), 6, (Text("a"),)),
        ((Text("!x "), ANA, Text(" y")), 3, (ANA, Text(" y"))),
        ((Text("!x "), ANA, Text(" y")), 4, (Text(" y"),)),
        ((Link("https://a.example", "note: see"),), 6, (Link("https://a.example", "see"),)),
        ((Quote((Text("ab"),)), Text("c")), 3, (Text("c"),)),
        (
            (ListBlock(ordered=True, items=((Text("a"),), (Text("b"),)), start=1),),
            1,
            (ListBlock(ordered=True, items=((Text("b"),),), start=2),),
        ),
        ((Text("abc"),), 99, ()),
        ((Text("abc"),), 0, (Text("abc"),)),
    ],
)
def test_drop_prefix_keeps_the_formatting_of_the_rest(document: Document, count: int, rest: Document) -> None:
    """A mark is taken off by its visible length; what is only partly in it and has no parts goes whole."""
    assert markup.drop_prefix(document, count) == rest


@given(documents, st.integers(0, 40))
def test_drop_prefix_counts_what_rules_match(document: Document, count: int) -> None:
    """Dropping n leaves what the matched text shows after n characters, for whatever formatting is around it."""
    texts_only = markup.compact(_as_text(node) for node in document)
    before = markup.strip_invisible(markup.bare(texts_only))
    after = markup.strip_invisible(markup.bare(markup.drop_prefix(texts_only, count)))
    assert after.strip("\n") == before[count:].strip("\n")


@given(documents, st.integers(0, 40))
def test_keep_prefix_is_what_drop_prefix_takes_off(document: Document, count: int) -> None:
    """The two together show all of it, each character once."""
    texts_only = markup.compact(_as_text(node) for node in document)
    shown = markup.strip_invisible(markup.bare(texts_only))
    kept = markup.strip_invisible(markup.bare(markup.keep_prefix(texts_only, count)))
    assert kept.strip("\n") == shown[:count].strip("\n")


@pytest.mark.parametrize(
    "document", [(), (Text(" \n\u200b\u2800"),), (Bold((Text("\ufeff"),)),), (Quote(()),)]
)
def test_blank_is_what_shows_nothing(document: Document) -> None:
    """White space and invisible characters are no message."""
    assert markup.is_blank(document)


@pytest.mark.parametrize("node", [Text("x"), Emoji("partyparrot"), ANA, Code("x"), Instant(0, "then")])
def test_what_shows_something_is_not_blank(node: Node) -> None:
    """An emoji, a mention or a date alone is a message."""
    assert not markup.is_blank((node,))


@given(st.text())
def test_cleaned_text_can_be_sent(text: str) -> None:
    """No control characters, one kind of line break, nothing that UTF-8 refuses."""
    cleaned = markup.clean(text)
    cleaned.encode()
    assert "\r" not in cleaned
    assert "\x00" not in cleaned
    assert markup.clean(cleaned) == cleaned


def test_text_makes_a_literal_document() -> None:
    """A plain string becomes one node, nothing becomes no node."""
    assert markup.text("*a*\r\nb") == (Text("*a*\nb"),)
    assert markup.text("") == ()


def _leaves(nodes: Document) -> list[Node]:
    out: list[Node] = []
    for node in nodes:
        match node:
            case Bold() | Italic() | Strike() | Quote():
                out += _leaves(node.children)
            case ListBlock():
                out += [leaf for item in node.items for leaf in _leaves(item)]
            case _:
                out.append(node)
    return out


def _cleaned(node: Node) -> Node:
    """The node with all its strings cleaned, as adapters make it."""
    (document,) = msgspec.convert([_clean_value(msgspec.to_builtins(node))], Document)
    cleaned: Node = document
    return cleaned


def _clean_value(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_clean_value(item) for item in value]
    return markup.clean(value) if isinstance(value, str) else value


def _as_text(node: Node) -> Node:
    """The node with every leaf turned to text, which has as many parts as characters."""
    match node:
        case Bold() | Italic() | Strike() | Quote():
            return type(node)(tuple(_as_text(child) for child in node.children))
        case ListBlock():
            items = tuple(tuple(_as_text(child) for child in item) for item in node.items)
            return ListBlock(node.ordered, items, node.indent, node.start)
        case Pre():
            return node
        case _:
            return Text(markup.visible(node))
