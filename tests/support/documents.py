"""Documents and texts for property tests: ordinary words mixed with everything that is markup somewhere."""

from __future__ import annotations

from hypothesis import strategies as st

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

_SNIPPETS = (
    *(
        "*",
        "_",
        "~",
        "`",
        "```",
        ">",
        "> ",
        "- ",
        "* ",
        "1. ",
        "2. ",
        "\n",
        "\n\n",
        " ",
        ":",
        "|",
        "&",
        "<",
        ">>>",
    ),
    *(
        "word",
        "Ana",
        "snake_case",
        "2*3",
        "https://example.com/a_b_?q=_1_",
        "http://x.example.",
        "3.14",
        "e.g.",
    ),
    *(
        "<!here>",
        "<@U0ANA00001>",
        "<#C0SUPPORT1|x>",
        "<https://evil.example|bank.example>",
        "@channel",
        ":tada:",
    ),
    *("&lt;", "&amp;", "\u200b", "\u200d", "\u202e", "\u00a0", "\u2028", "\r\n", "\x00", "\ud800", "\ufe0f"),
    *(
        "\U0001f44d\U0001f3fc",
        "\U0001f469\u200d\U0001f467",
        "e\u0301",
        "\U0001f1e7\U0001f1f7",
        "\u0928\u092e\u0938\u094d\u0924\u0947",
    ),
    *(
        "Done. ",
        "\u597d\u3002",
        "\u0645\u0631\u062d\u0628\u0627\u061f ",
        "!",
        "note: ",
        "!close ",
        "// ",
        "\u0e01\u0e33",
    ),
)

texts: st.SearchStrategy[str] = st.one_of(
    st.text(max_size=30), st.lists(st.sampled_from(_SNIPPETS), max_size=12).map("".join)
)
"""Short texts, most of them close to some platform's markup."""

long_texts: st.SearchStrategy[str] = st.lists(
    st.one_of(st.sampled_from(_SNIPPETS), st.text(max_size=20)), min_size=20, max_size=120
).map("".join)

_words = st.one_of(texts, st.sampled_from(("one", "two words", " x ", "a\nb")))
_leaves: st.SearchStrategy[Node] = st.one_of(
    _words.map(Text),
    _words.map(Code),
    st.builds(
        Link, st.sampled_from(("https://example.com/a", "mailto:a@b.example", "tel:+491234", "x")), _words
    ),
    st.builds(Mention, st.sampled_from(MentionKind), st.sampled_from(("U0ANA00001", "here", "x>y")), _words),
    st.sampled_from((Emoji("tada", "\U0001f389"), Emoji("partyparrot"))),
    st.builds(Instant, st.integers(0, 2**31), _words),
)


def _spans(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    children = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(st.builds(Bold, children), st.builds(Italic, children), st.builds(Strike, children))


_inline = st.recursive(_leaves, _spans, max_leaves=5)
_inlines = st.lists(_inline, max_size=3).map(tuple)
_blocks: st.SearchStrategy[Node] = st.one_of(
    _words.map(Pre),
    st.builds(Quote, _inlines),
    st.builds(
        ListBlock,
        st.booleans(),
        st.lists(_inlines, min_size=1, max_size=3).map(tuple),
        st.integers(0, 2),
        st.integers(1, 12),
    ),
)
documents: st.SearchStrategy[Document] = st.lists(st.one_of(_inline, _blocks), max_size=5).map(tuple)
"""Any document, with blocks, spans and leaves of every kind."""
