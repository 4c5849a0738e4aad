"""Who hears what: every mark, on every line, under every disguise, in every mode, for every role."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.markup import (
    Bold,
    Code,
    Document,
    Emoji,
    Italic,
    Link,
    ListBlock,
    Mention,
    MentionKind,
    Pre,
    Quote,
    Strike,
    Text,
    bare,
    compact,
    text,
)
from bridge.model import Mode, Role
from bridge.routing.speech import Asked, Kept, Ordered, Speaker, Spoken, Why, judge, unescape

MARKS = ("note:", "Note:", "NOTE :", "private:", "Private:", "//", ";;", "\\\\", "!note ", "!NOTE ")
DISGUISES: dict[str, Callable[[str], Document]] = {
    "plain": lambda mark: (Text(f"{mark} secret"),),
    "spaces": lambda mark: (Text(f"   {mark} secret"),),
    "tab": lambda mark: (Text(f"\t{mark} secret"),),
    "no-break space": lambda mark: (Text(f"\u00a0{mark} secret"),),
    "zero width": lambda mark: (Text(f"\u200b{mark[0]}\u200d{mark[1:]} secret"),),
    "bom": lambda mark: (Text(f"\ufeff{mark} secret"),),
    "bidi": lambda mark: (Text(f"\u202e{mark} secret"),),
    "soft hyphen": lambda mark: (Text(f"{mark[0]}\u00ad{mark[1:]} secret"),),
    "variation": lambda mark: (Text(f"{mark[0]}\ufe0f{mark[1:]} secret"),),
    "bold": lambda mark: (Bold((Text(mark),)), Text(" secret")),
    "bold inside": lambda mark: (Text(mark[0]), Bold((Text(mark[1:]),)), Text(" secret")),
    "italic all": lambda mark: (Italic((Text(f"{mark} secret"),)),),
    "strike": lambda mark: (Strike((Bold((Text(mark),)),)), Text("secret")),
    "code": lambda mark: (Code(f"{mark} secret"),),
    "block": lambda mark: (Pre(f"{mark} secret"),),
    "quote": lambda mark: (Quote((Text(f"{mark} secret"),)),),
    "list": lambda mark: (ListBlock(ordered=False, items=((Text(f"{mark} secret"),),)),),
    "numbers": lambda mark: (ListBlock(ordered=True, items=((Text("a"),), (Text(f"{mark} secret"),))),),
    "typed quote": lambda mark: (Text(f"> {mark} secret"),),
    "typed bold": lambda mark: (Text(f"*{mark}* secret"),),
    "typed bullet": lambda mark: (Text(f"- {mark} secret"),),
    "typed number": lambda mark: (Text(f"1. {mark} secret"),),
    "link": lambda mark: (Link("https://x.test", f"{mark} secret"),),
}  # fmt: skip
FULL_WIDTH = {"note:": "note：", "//": "／／", ";;": "；；", "!note ": "！note "}

ASSIGNEE = Speaker(role=Role.AGENT, mode=Mode.ASSIGNEE, assigned=True, is_assignee=True)
EVERYONE = Speaker(role=Role.AGENT, mode=Mode.EVERYONE)
UNASSIGNED = Speaker(role=Role.AGENT, mode=Mode.ASSIGNEE)


def speakers() -> list[Speaker]:
    """Everybody in every mode and situation."""
    return [
        Speaker(role=role, mode=mode, assigned=assigned, is_assignee=assignee)
        for role, mode, (assigned, assignee) in itertools.product(
            Role, Mode, [(False, False), (True, False), (True, True)]
        )
    ]


def lets_out(verdict: object) -> bool:
    """True for words that could reach the contact."""
    return isinstance(verdict, Spoken | Asked) or (isinstance(verdict, Ordered) and is_reply(verdict))


def is_reply(order: Ordered) -> bool:
    """A command whose text goes out."""
    return order.line.split()[0].lower() in {"reply", "r", "resolve", "done", "solve", "close", "c"}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_mark_on_any_line_keeps_everything_in(mark: str, disguise: str, line: int) -> None:
    """Whatever the formatting and the invisible characters around it, and whoever writes in whatever mode."""
    before: Document = (Text("Hello there\n" * line),) if line else ()
    body = (*before, *DISGUISES[disguise](mark))
    for speaker in speakers():
        verdict = judge(body, speaker)
        assert not lets_out(verdict), (speaker, verdict)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_mark_below_the_first_line_comes_with_a_hint(mark: str, line: int) -> None:
    """The author may have meant the rest for the contact; at the start they know."""
    verdict = judge(text("Hello\n" * (line - 1) + f"{mark} secret"), ASSIGNEE)
    if mark.lower().startswith("!note") and line == 1:
        assert isinstance(verdict, Ordered)
        return
    assert isinstance(verdict, Kept)
    assert verdict.why is Why.MARK
    assert verdict.line == line
    assert verdict.hint == (line > 1)


@pytest.mark.parametrize("mark,wide", FULL_WIDTH.items())
def test_full_width_signs_are_marks(mark: str, wide: str) -> None:
    """Input methods for Chinese and Japanese type these."""
    assert not lets_out(judge(text(f"Hello\n{wide} secret"), EVERYONE)), mark


@pytest.mark.parametrize(
    "words",
    [
        "Hello",
        "Please note: we close at five",
        "see https://example.test//a",
        "a // b",
        "either;; or",
        "C:\\\\dir",
        "that is private: yes",
        "Notes: none",
        "notebook",
        "wow!",
        "wow !claim",
        "mail me at ana@example.test",
        "5 / 2",
        "; really",
        "\\ backslash",
        "/ slash",
        "* Hello",
        "1. First\n2. Second",
        "Hello\n\n\nWorld",
        "🙂",
    ],
)
def test_words_that_only_look_like_marks_go_out(words: str) -> None:
    """A mark counts at the start of a line and nowhere else."""
    verdict = judge(text(words), ASSIGNEE)
    assert isinstance(verdict, Spoken)
    assert verdict.body == text(words)


MODES = [
    (Mode.ASSIGNEE, False, False, Asked),
    (Mode.ASSIGNEE, True, False, Kept),
    (Mode.ASSIGNEE, True, True, Spoken),
    (Mode.EVERYONE, False, False, Spoken),
    (Mode.EVERYONE, True, False, Spoken),
    (Mode.EVERYONE, True, True, Spoken),
    (Mode.EXPLICIT, False, False, Kept),
    (Mode.EXPLICIT, True, False, Kept),
    (Mode.EXPLICIT, True, True, Kept),
]


@pytest.mark.parametrize("role", [Role.AGENT, Role.LEAD, Role.MANAGER, Role.ADMIN])
@pytest.mark.parametrize("mode,assigned,mine,expected", MODES)
def test_plain_words_by_mode(role: Role, mode: Mode, assigned: bool, mine: bool, expected: type) -> None:
    """The three modes; a higher role makes no difference to whose words go out."""
    speaker = Speaker(role=role, mode=mode, assigned=assigned, is_assignee=mine)
    assert isinstance(judge(text("Hello"), speaker), expected)


@pytest.mark.parametrize("mode,assigned,mine,expected", MODES)
@pytest.mark.parametrize("words", ["Hello", "Hello\nthere", "\\!x", "note: x", "@ben x"])
def test_viewers_never_speak(words: str, mode: Mode, assigned: bool, mine: bool, expected: type) -> None:
    """In no mode, and not even as the assignee (who may have been one before)."""
    speaker = Speaker(role=Role.VIEWER, mode=mode, assigned=assigned, is_assignee=mine)
    verdict = judge(text(words), speaker)
    assert isinstance(verdict, Kept)
    assert not verdict.hint


@pytest.mark.parametrize("mode", Mode)
def test_reply_goes_out_in_every_mode(mode: Mode) -> None:
    """`!reply` is how somebody else than the assignee, or anybody in explicit mode, speaks."""
    speaker = Speaker(role=Role.AGENT, mode=mode, assigned=True)
    verdict = judge((Text("!reply Hello "), Bold((Text("you"),))), speaker)
    assert verdict == Ordered(line="reply Hello you", body=(Text("Hello "), Bold((Text("you"),))))


@pytest.mark.parametrize("command", ["reply", "r", "resolve", "done", "close"])
@pytest.mark.parametrize(
    "rest", ["// x", "Hello\nnote: x", "Hello\n!claim", "Hello\n *;;* x", "!note x", "private: x"]
)
def test_marks_inside_the_text_of_a_command_keep_it_in(command: str, rest: str) -> None:
    """A reply with a note in it is a contradiction: it stays, with a hint."""
    verdict = judge(text(f"!{command} {rest}"), ASSIGNEE)
    assert isinstance(verdict, Kept)
    assert verdict.hint


def test_a_reply_may_open_with_a_mention() -> None:
    """Whoever writes `!reply` has said where the words go."""
    body = (Text("!reply "), Mention(MentionKind.PERSON, "U1", "Ben"), Text(" will call you"))
    verdict = judge(body, ASSIGNEE)
    assert isinstance(verdict, Ordered)
    assert bare(verdict.body) == "@Ben will call you"


@pytest.mark.parametrize("kind", [MentionKind.PERSON, MentionKind.TEAM, MentionKind.EVERYONE])
@pytest.mark.parametrize("before", ["", " ", "\u200b", "\n", "> ", "- ", "*"])
def test_opening_with_a_mention_is_internal(kind: MentionKind, before: str) -> None:
    """Talk to a colleague is not talk to the contact."""
    verdict = judge((Text(before), Mention(kind, "U1", "Ben"), Text(" can you look?")), ASSIGNEE)
    assert isinstance(verdict, Kept)
    assert verdict.why is Why.MENTION
    assert not verdict.hint


def test_a_typed_at_sign_is_a_mention() -> None:
    """Whether the platform resolved it or not."""
    assert isinstance(judge(text("@ben can you look?"), ASSIGNEE), Kept)


def test_a_line_further_down_that_opens_with_a_mention_keeps_everything_in() -> None:
    """With a hint, because it may have been meant for the contact."""
    body = (Text("Hello\n"), Bold((Mention(MentionKind.PERSON, "U1", "Ben"),)), Text(" look at this"))
    verdict = judge(body, ASSIGNEE)
    assert isinstance(verdict, Kept)
    assert (verdict.why, verdict.line, verdict.hint) == (Why.MENTION, 2, True)


def test_a_mention_inside_a_line_goes_out() -> None:
    """The contact then reads the colleague's name."""
    body = (Text("My colleague "), Mention(MentionKind.PERSON, "U1", "Ben"), Text(" will call"))
    assert judge(body, ASSIGNEE) == Spoken(body=body)


@pytest.mark.parametrize(
    "words,line",
    [
        ("!claim", "claim"),
        ("  !claim", "claim"),
        ("\n\n!claim", "claim"),
        ("! claim", "claim"),
        ("！claim", "claim"),
        ("\u200b!\u200bclaim", "claim"),
        ("!tag a\n-b", "tag a\n-b"),
        ("> !claim", "claim"),
        ("!CLAIM", "CLAIM"),
    ],
)
@pytest.mark.parametrize("speaker", speakers(), ids=str)
def test_a_command_at_the_start(words: str, line: str, speaker: Speaker) -> None:
    """Whoever types it in whatever mode; rights are looked at later."""
    verdict = judge(text(words), speaker)
    assert isinstance(verdict, Ordered)
    assert verdict.line == line


def test_formatting_does_not_hide_a_command() -> None:
    """Bold and code look the same to a reader."""
    for body in [
        (Bold((Text("!claim"),)),),
        (Text("!"), Italic((Text("claim"),))),
        (Code("!claim"),),
        (Pre("!claim"),),
    ]:
        assert judge(body, ASSIGNEE) == Ordered(line="claim")


def test_people_in_a_command_go_by_id() -> None:
    """Names are not unique; what the platform sent is."""
    body = (Text("!assign"), Mention(MentionKind.PERSON, "U1", "Ben Smith"))
    verdict = judge(body, ASSIGNEE)
    assert isinstance(verdict, Kept | Ordered)
    spaced = judge((Text("!assign "), Mention(MentionKind.PERSON, "U1", "Ben Smith")), ASSIGNEE)
    assert isinstance(spaced, Ordered)
    assert spaced.line.split() == ["assign", "@U1"]


def test_mentioning_the_bot_is_a_door_of_its_own() -> None:
    """`@bot claim` is `!claim`."""
    bot = Mention(MentionKind.BOT, "B1", "Threadline")
    assert judge((bot, Text(" claim")), ASSIGNEE) == Ordered(line="claim")
    assert judge((Text(" "), Bold((bot,)), Text(" reply Hi")), ASSIGNEE) == Ordered(
        line="reply Hi", body=text("Hi")
    )
    unknown = judge((bot, Text(" hello, contact")), EVERYONE)
    assert isinstance(unknown, Kept)
    assert unknown.why is Why.UNKNOWN
    below = judge((Text("Hello\n"), bot, Text(" claim")), EVERYONE)
    assert isinstance(below, Kept)


@pytest.mark.parametrize(
    "words", ["!foo", "!", "!!", "!!thanks", "!123", "! hello", "!{x}", "!`x`", "!\u00e9"]
)
@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("speaker", speakers(), ids=str)
def test_a_line_with_an_exclamation_mark_never_leaves(words: str, line: int, speaker: Speaker) -> None:
    """Command or not, on whichever line."""
    verdict = judge(text("Hello\n" * line + words), speaker)
    assert isinstance(verdict, Kept)
    if speaker.role >= Role.AGENT:
        assert verdict.hint
    if line == 0 and speaker.role >= Role.AGENT:
        assert verdict.why is Why.UNKNOWN
        assert verdict.mistake is not None


def test_the_closest_command_is_offered() -> None:
    """A slip of the finger is answered with what was meant."""
    verdict = judge(text("!clam"), ASSIGNEE)
    assert isinstance(verdict, Kept)
    assert verdict.mistake is not None
    assert "Did you mean `!claim`?" in verdict.mistake.words


@pytest.mark.parametrize("line", [1, 2])
@pytest.mark.parametrize("word", ["claim", "resolve", "reply Hello", "assign me"])
def test_a_command_below_the_first_line_is_not_carried_out(word: str, line: int) -> None:
    """All of it stays in, with a hint."""
    verdict = judge(text("Hello\n" * line + f"!{word}"), ASSIGNEE)
    assert isinstance(verdict, Kept)
    assert (verdict.why, verdict.line, verdict.hint) == (Why.COMMAND, line + 1, True)


@pytest.mark.parametrize(
    "body,sent",
    [
        (text("\\!important"), text("!important")),
        (text("Hello\n\\!important\n\\! x"), text("Hello\n!important\n! x")),
        (text("  \\!x \\!y"), text("  !x \\!y")),
        ((Bold((Text("\\!x"),)), Text(" y")), (Bold((Text("!x"),)), Text(" y"))),
        ((Text("\\"), Bold((Text("!x"),))), (Bold((Text("!x"),)),)),
        ((Quote((Text("a\n\\!b"),)), Text("\\!c")), (Quote((Text("a\n!b"),)), Text("!c"))),
        ((ListBlock(ordered=False, items=((Text("\\!a"),), (Text("b"),))),), (ListBlock(ordered=False, items=((Text("!a"),), (Text("b"),))),)),
        ((Emoji("wave", "👋"), Text("\n\\!a")), (Emoji("wave", "👋"), Text("\n!a"))),
        ((Link("https://x.test"), Text("\n\\!a")), (Link("https://x.test"), Text("\n!a"))),
        ((Pre("\\!a"),), (Pre("!a"),)),
        (text("> \\!a"), text("> !a")),
        (text("\u200b\\!a"), text("\u200b!a")),
        (text("a \\!b"), text("a \\!b")),
    ],
)  # fmt: skip
def test_a_backslash_lets_an_exclamation_mark_out(body: Document, sent: Document) -> None:
    """The backslash itself is not sent, and nothing else changes."""
    assert judge(body, ASSIGNEE) == Spoken(body=compact(sent))


def test_the_escape_works_in_a_reply() -> None:
    """As in plain words."""
    assert judge(text("!reply \\!x\n\\!y"), ASSIGNEE) == Ordered(line="reply \\!x\n\\!y", body=text("!x\n!y"))


@pytest.mark.parametrize("body", [(), text("  \n "), text("\u200b\u2060"), (Bold((Text(" "),)),)])
def test_nothing_visible_is_nothing(body: Document) -> None:
    """Empty words go nowhere."""
    verdict = judge(body, ASSIGNEE)
    assert isinstance(verdict, Kept)
    assert verdict.why is Why.EMPTY


WORDS = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
LEAVES = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Code, WORDS),
    st.builds(Pre, WORDS),
    st.builds(Link, st.just("https://x.test"), WORDS),
    st.builds(Mention, st.sampled_from(MentionKind), st.just("U1"), st.sampled_from(["", "Ben"])),
)
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Bold, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Quote, st.lists(inner, max_size=3).map(tuple)),
        st.builds(
            ListBlock,
            ordered=st.booleans(),
            items=st.lists(st.lists(inner, max_size=2).map(tuple), max_size=3).map(tuple),
        ),
    ),
    max_leaves=8,
)
DOCUMENTS = st.lists(NODES, max_size=4).map(lambda nodes: compact(tuple(nodes)))


@given(DOCUMENTS, st.sampled_from(speakers()))
def test_any_document_gets_a_verdict(body: Document, speaker: Speaker) -> None:
    """It never raises, and viewers' words never leave."""
    verdict = judge(body, speaker)
    assert isinstance(verdict, Kept | Ordered | Asked | Spoken)
    if speaker.role < Role.AGENT:
        assert not isinstance(verdict, Asked | Spoken)


@given(DOCUMENTS, st.sampled_from(MARKS), DOCUMENTS)
def test_a_marked_line_anywhere_keeps_any_document_in(before: Document, mark: str, after: Document) -> None:
    """With a line of its own, whatever stands around it."""
    body = compact((*before, Text("\n"), Pre(f"{mark} secret"), *after))
    for speaker in (ASSIGNEE, EVERYONE, UNASSIGNED):
        verdict = judge(body, speaker)
        assert not lets_out(verdict)


@given(DOCUMENTS)
def test_unescaping_only_takes_backslashes(body: Document) -> None:
    """Every other character stays, in order."""
    assert bare(unescape(body)).replace("\\", "") == bare(body).replace("\\", "")
