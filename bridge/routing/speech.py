"""Who hears what: decides whether staff words go out to the contact. Nothing else does.

`judge` reads the words as a person sees them (without formatting and invisible characters) and says one of

    Kept      they stay on the desk, and why
    Ordered   they are a command
    Asked     their author has to choose
    Spoken    they go out

In doubt words stay in: an agent who sees "internal" on a reply sends it again, but nothing takes back internal
talk that a contact has read.
"""

from __future__ import annotations

import enum
import re

from msgspec.structs import replace

from bridge import commands
from bridge.commands import Mistake
from bridge.markup import (
    Bold,
    Code,
    Document,
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
    clean,
    compact,
    drop_prefix,
    is_blank,
    line_opening,
    lines,
    opening_mention,
    strip_invisible,
    text,
    visible,
)
from bridge.model import Mode, Role, Struct

_MARK = re.compile(r"(?:note|private)\s*:|//|;;|\\\\|!\s*note\b", re.IGNORECASE)
_PLAIN: Document = (Text("-"),)
_MENTION = re.compile(r"@\s*\S")


class Why(enum.Enum):
    """Why words stay in."""

    EMPTY = enum.auto()
    VIEWER = enum.auto()
    MARK = enum.auto()
    MENTION = enum.auto()
    COMMAND = enum.auto()
    """A line below the first is a command, or starts like one."""
    UNKNOWN = enum.auto()
    """The first line starts with `!` and is no command."""
    OTHERS = enum.auto()
    """Somebody else is the assignee."""
    EXPLICIT = enum.auto()
    """Only `!reply` goes out."""


class Speaker(Struct, frozen=True, kw_only=True):
    """What matters about the author, and about the conversation they speak in."""

    role: Role
    mode: Mode
    assigned: bool = False
    """Is the conversation assigned to anybody?"""
    is_assignee: bool = False


class Kept(Struct, frozen=True, kw_only=True, tag=True):
    """They stay on the desk.

    `line` (from 1) and `found` say what kept them; `hint` whether the author should be told, because they may have
    meant the contact to read it.
    """

    why: Why
    line: int = 0
    found: str = ""
    hint: bool = False
    mistake: Mistake | None = None


class Ordered(Struct, frozen=True, kw_only=True, tag=True):
    """A command. `line` is what follows the `!`, mentions as `@<id>`; `body` its text with formatting."""

    line: str
    body: Document = ()


class Asked(Struct, frozen=True, kw_only=True, tag=True):
    """The author has to say what becomes of them."""

    body: Document


class Spoken(Struct, frozen=True, kw_only=True, tag=True):
    """They go out."""

    body: Document


Verdict = Kept | Ordered | Asked | Spoken


def judge(body: Document, speaker: Speaker) -> Verdict:
    """Decide on words typed in a conversation's thread."""
    if is_blank(body):
        return Kept(why=Why.EMPTY)
    order = ordered(body)
    if speaker.role < Role.AGENT:
        return order if isinstance(order, Ordered) else Kept(why=Why.VIEWER)
    if order is not None:
        return order
    kept = scan(body)
    if kept is not None:
        return kept
    return _by_mode(body, speaker)


def heard(speaker: Speaker) -> Verdict:
    """What becomes of plain words of this author: of files without words, too, and of reactions."""
    return judge(_PLAIN, speaker)


def _by_mode(body: Document, speaker: Speaker) -> Verdict:
    if speaker.mode is Mode.EXPLICIT:
        return Kept(why=Why.EXPLICIT)
    if speaker.mode is Mode.EVERYONE or speaker.is_assignee:
        return Spoken(body=unescape(body))
    return Kept(why=Why.OTHERS) if speaker.assigned else Asked(body=unescape(body))


def scan(body: Document, *, mentions: bool = True) -> Kept | None:
    """The first line of words for the contact that must not leave; None when all may.

    With `mentions` a line that opens by mentioning somebody counts, too.
    """
    first = True
    for number, line in enumerate(lines(body), 1):
        opening = line_opening(line)
        if not opening.strip():
            continue
        kept = _kept_line(opening, number, first=first, mentions=mentions)
        if kept is not None:
            return kept
        first = False
    return None


def _kept_line(opening: str, number: int, *, first: bool, mentions: bool) -> Kept | None:
    mark = _MARK.match(opening)
    if mark:
        return Kept(why=Why.MARK, line=number, found=mark[0], hint=not first)
    if opening.startswith("!"):
        word, _ = commands.split_word(opening[1:])
        return Kept(why=Why.COMMAND, line=number, found=word, hint=True)
    if mentions and _MENTION.match(opening):
        return Kept(why=Why.MENTION, line=number, hint=not first)
    return None


# ----------------------------------------------------------------------------------------------- commands


def ordered(body: Document) -> Ordered | Kept | None:
    """The command that the words start with, by `!` or by mentioning the bot; None when they start otherwise."""
    start = _command_start(body)
    if start is None:
        return None
    rest = drop_prefix(body, start)
    line = command_line(rest)
    word, _ = commands.split_word(line)
    row = commands.find(word)
    if row is None:
        wrong = commands.parse(line)
        mistake = wrong if isinstance(wrong, Mistake) else None
        return Kept(why=Why.UNKNOWN, line=1, found=word, hint=True, mistake=mistake)
    return with_text(row, line, after_word(rest))


def with_text(row: commands.Command, line: str, body: Document) -> Ordered | Kept:
    """A command with `body` as its text, unless a line of a text for the contact must not leave."""
    if row.text_argument() is None or row.name == "note":
        return Ordered(line=line, body=body)
    kept = scan(body, mentions=False)
    if kept is not None:
        return replace(kept, hint=True)
    return Ordered(line=line, body=unescape(body))


def command_line(body: Document) -> str:
    """Words as a command line: without formatting, people by their opaque id (`@U1`).

    That is how `commands.parse` and the look-up of people take them.
    """
    shown = "\n".join(strip_invisible(line) for line in lines(_by_id(body)))
    return shown.strip()


def _by_id(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(_one_by_id(node) for node in nodes)


def _one_by_id(node: Node) -> Node:
    match node:
        case Mention(kind=MentionKind.PERSON):
            # Spaces on both sides: a mention is a word of its own, whatever it was typed against.
            return Text(f" @{node.id} ")
        case Bold() | Italic() | Strike() | Quote():
            return type(node)(_by_id(node.children))
        case ListBlock():
            return replace(node, items=tuple(_by_id(item) for item in node.items))
        case _:
            return node


def after_word(rest: Document) -> Document:
    """Words without the first one, with formatting."""
    shown = strip_invisible("\n".join(lines(rest)))
    word = re.match(r"\s*\S*\s*", shown)
    return drop_prefix(rest, word.end() if word else 0)


def _command_start(body: Document) -> int | None:
    """How many visible characters stand before a command's name; None when the words start otherwise."""
    passed = 0
    for line in lines(body):
        shown = strip_invisible(line)
        opening = line_opening(line)
        if not opening.strip():
            passed += len(shown) + 1
            continue
        passed += len(shown) - len(opening)
        if opening.startswith("!"):
            return passed + 1
        bot = opening_mention(body)
        if bot is not None and bot.kind is MentionKind.BOT:
            return passed + len(strip_invisible(visible(bot)))
        return None
    return None


# ---------------------------------------------------------------------------------------------- escaping


def unescape(body: Document) -> Document:
    r"""Without the backslash of every line that starts with `\!`."""
    doomed: set[int] = set()
    at = 0
    for line in lines(body):
        if line_opening(line).startswith("\\!"):
            doomed.add(at + _first_backslash(line))
        at += len(line)
    return compact(_Eraser(doomed).nodes(body)) if doomed else body


def _first_backslash(line: str) -> int:
    return next(at for at, sign in enumerate(line) if strip_invisible(sign) == "\\")


class _Eraser:
    """Rebuilds a document without certain characters, counted as `lines` shows them, line breaks left out."""

    def __init__(self, doomed: set[int]) -> None:
        self._doomed = doomed
        self._at = 0

    def nodes(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(self._node(node) for node in nodes)

    def _node(self, node: Node) -> Node:
        match node:
            case Bold() | Italic() | Strike() | Quote():
                return type(node)(self.nodes(node.children))
            case ListBlock():
                return replace(node, items=tuple(self.nodes(item) for item in node.items))
            case Text() | Code() | Pre():
                return replace(node, text=self._text(node.text))
            case Link():
                return replace(node, label=self._text(node.label)) if node.label else self._skip(node)
            case _:
                return self._skip(node)

    def _skip(self, node: Node) -> Node:
        self._at += len(clean(visible(node)).replace("\n", ""))
        return node

    def _text(self, value: str) -> str:
        kept = []
        for sign in clean(value):
            if sign == "\n":
                kept.append(sign)
                continue
            if self._at not in self._doomed:
                kept.append(sign)
            self._at += 1
        return "".join(kept)


def plain_line(line: str) -> Document:
    """The text of a command line that came without formatting."""
    return text(commands.split_word(line)[1])
