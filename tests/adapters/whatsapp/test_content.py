"""What is read out of single messages, and the shortcuts of the busiest path."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.whatsapp.format import from_whatsapp
from bridge.adapters.whatsapp.rows import DIALECT, tokens
from bridge.markup import clean
from bridge.markup.marks import read

WORDS = st.text(alphabet=st.sampled_from("ab1 0.>-*_~`\n\r\u2028\u200bhé:/)#\u00a0\t"), max_size=40)


@given(st.one_of(WORDS, st.text(max_size=60)))
def test_a_text_without_marks_is_read_as_the_long_way_would(words: str) -> None:
    """The shortcut for plain texts never changes the document."""
    assert from_whatsapp(words) == read([token.cell for token in tokens(clean(words))], DIALECT)
