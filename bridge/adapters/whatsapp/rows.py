"""One line of WhatsApp text: cutting it into cells, and writing it so that it is read back as it was meant.

WhatsApp has no escape character, so a literal mark is guarded by a zero-width space where it would find a partner.
Every written row is read again; what would not come out as meant is written without formatting instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby

import msgspec

from bridge.markup import Code, Pre
from bridge.markup.marks import CODE, GUARD, PRE, Cell, Dialect, closes, code_cell, opens, pairs

_URL = r"(?P<url>https?://[^\s<>\u200b]*[^\s<>\u200b*_~`.,;:!?'\")\]}])"
_TOKEN = re.compile(rf"{PRE}|{CODE}|{_URL}|[*_~\n]|[^*_~\n`h]+|.", re.DOTALL)
_PLAIN_CODE = re.compile(rf"[^\s{GUARD}`](?:[^`]*[^\s{GUARD}`])?")
_LITERAL = re.compile(rf"{_URL}|[*_~`]|[^*_~`h]+|.", re.DOTALL)

DIALECT = Dialect(
    quote=re.compile("> "),
    bullet=re.compile(r"[-*] "),
    number=re.compile(r"(?P<number>0|[1-9][0-9]{0,2})\. "),
)


class Token(msgspec.Struct, frozen=True):
    """A cell of a text and where it stands there; offsets in code points."""

    start: int
    end: int
    cell: Cell


class Region(msgspec.Struct, frozen=True):
    """A stretch of text between marks: it begins with `opening` at `start` and ends with `closing` before `end`."""

    start: int
    end: int
    opening: str
    closing: str

    def holds(self, offset: int) -> bool:
        """True when a cut at `offset` would leave the opening mark on one side and the closing mark on the other."""
        return self.start + len(self.opening) <= offset <= self.end - max(1, len(self.closing))


class Form(Enum):
    """How the characters of a run are meant."""

    LITERAL = 1
    CODE = 2
    FIXED = 3
    """A URL: shown as it is, never with a guard in it."""


class Run(msgspec.Struct, frozen=True):
    """Characters in one row with the marks around them, from the outermost."""

    text: str
    form: Form = Form.LITERAL
    styles: tuple[str, ...] = ()


def tokens(text: str) -> list[Token]:
    """`text` in cells, without a gap: code as nodes, marks and line breaks alone, URLs whole."""
    return [Token(found.start(), found.end(), _cell(found)) for found in _TOKEN.finditer(text)]


def _cell(found: re.Match[str]) -> Cell:
    body = found["pre"] if found["pre"] is not None else found["code"]
    return found[0] if body is None else code_cell(found, body)


def token_lines(found: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens of each line, without the line breaks."""
    for is_break, group in groupby(found, key=lambda token: token.cell == "\n"):
        if not is_break:
            yield list(group)


def regions(text: str) -> list[Region]:
    """The stretches between marks in `text`, from the outermost, in order."""
    out = []
    for line in token_lines(tokens(text)):
        start, end = line[0].start, line[-1].end
        if DIALECT.quote.match(text, start):
            out.append(Region(start, end + 1, "> ", ""))
        for token in line:
            if isinstance(token.cell, Pre | Code):
                tick = "```" if text.startswith("```", token.start) else "`"
                out.append(Region(token.start, token.end, tick, tick))
        for opener, closer in pairs([token.cell for token in line]).items():
            mark = text[line[opener].start]
            out.append(Region(line[opener].start, line[closer].end, mark, mark))
    return sorted(out, key=lambda region: (region.start, -region.end))


def write_row(runs: Sequence[Run], prefix: str = "") -> str:
    """One line of text for `runs` (no line breaks in them), after `prefix` (a quote sign, a bullet, a number)."""
    bare = [_Bit(run.text, run.form is Form.FIXED) for run in runs]
    for row in (_unglued(_styled(runs)), bare):
        line = _line(_guard(row), is_start=not prefix)
        if _reads_as(line, row):
            return prefix + line
    every = [
        f"{GUARD}{part}{GUARD}" if part in "*_~`" else part for run in runs for part in _pieces(run.text)
    ]
    return prefix + _line([_Bit(part) for part in every], is_start=not prefix)


def _line(bits: Sequence[_Bit], *, is_start: bool) -> str:
    """The bits as text; a line that would open a quote or a list by accident is guarded at its start."""
    line = "".join(bit.text for bit in bits)
    signs = (DIALECT.quote, DIALECT.bullet, DIALECT.number)
    return GUARD + line if is_start and any(sign.match(line) for sign in signs) else line


class _Bit(msgspec.Struct, frozen=True):
    """A part of a row while it is written: literal text, or something fixed (a mark of ours, code, a URL)."""

    text: str
    fixed: bool = False
    partner: int = 0
    """For a mark of ours: +1 when it opens, -1 when it closes."""


def _styled(runs: Sequence[Run], depth: int = 0) -> list[_Bit]:
    """The runs with their marks, set so that they hug the text."""
    out: list[_Bit] = []
    for style, group in groupby(runs, key=lambda run: run.styles[depth] if depth < len(run.styles) else ""):
        inner = list(group)
        if not style:
            out += [_bit(run) for run in inner]
            continue
        lead, inner, trail = _trim(inner)
        out.append(_Bit(lead))
        if inner:
            out += [_Bit(style, fixed=True, partner=1), *_styled(inner, depth + 1)]
            out.append(_Bit(style, fixed=True, partner=-1))
        out.append(_Bit(trail))
    return [bit for bit in out if bit.text]


def _bit(run: Run) -> _Bit:
    if run.form is Form.CODE and _PLAIN_CODE.fullmatch(run.text):
        return _Bit(f"`{run.text}`", fixed=True)
    return _Bit(run.text, fixed=run.form is Form.FIXED)


def _unglued(row: list[_Bit]) -> list[_Bit]:
    """The row without the marks and backticks that touch a letter or digit outside: these would be shown as they are."""
    edges = ["\n", *(bit.text for bit in row), "\n"]
    glued_before = [edges[at][-1].isalnum() for at in range(len(row))]
    glued_after = [edges[at + 2][0].isalnum() for at in range(len(row))]
    dropped: set[int] = set()
    open_marks: list[int] = []
    for at, bit in enumerate(row):
        if bit.partner > 0:
            open_marks.append(at)
        elif bit.partner < 0:
            opener = open_marks.pop()
            if glued_before[opener] or glued_after[at]:
                dropped |= {opener, at}
    out = []
    for at, bit in enumerate(row):
        if bit.fixed and bit.text[0] == "`" and (glued_before[at] or glued_after[at]):
            out.append(_Bit(bit.text[1:-1]))
        elif at not in dropped:
            out.append(bit)
    return out


def _trim(runs: list[Run]) -> tuple[str, list[Run], str]:
    """White space at either end of a span, and what is between."""
    lead = trail = ""
    while runs and runs[0].form is Form.LITERAL and runs[0].text[:1].isspace():
        text = runs[0].text.lstrip()
        lead += runs[0].text[: len(runs[0].text) - len(text)]
        runs = [msgspec.structs.replace(runs[0], text=text), *runs[1:]] if text else runs[1:]
    while runs and runs[-1].form is Form.LITERAL and runs[-1].text[-1:].isspace():
        text = runs[-1].text.rstrip()
        trail = runs[-1].text[len(text) :] + trail
        runs = [*runs[:-1], msgspec.structs.replace(runs[-1], text=text)] if text else runs[:-1]
    return lead, runs, trail


def _guard(row: Sequence[_Bit]) -> list[_Bit]:
    """The row in small pieces, with a guard inside each literal mark that would find a partner."""
    bits = [
        bit if bit.fixed else _Bit(part, fixed=len(part) > 1)
        for bit in row
        for part in ([bit.text] if bit.fixed else _pieces(bit.text))
    ]
    cells = [bit.text for bit in bits]
    openers, closers = _partners(cells)
    out = []
    for index, bit in enumerate(bits):
        mark = bit.text
        if bit.fixed or mark not in "*_~`":
            out.append(bit)
            continue
        opening = index in openers and any(at > index for at in closers if _same(cells[at], mark))
        closing = index in closers and any(at < index for at in openers if _same(cells[at], mark))
        doubled = mark == "`" and cells[index + 1 : index + 2] == ["`"]
        out.append(_Bit(GUARD * closing + mark + GUARD * (opening or doubled)))
    return out


def _partners(cells: list[str]) -> tuple[list[int], list[int]]:
    """The marks that may open and those that may close a span, code included."""
    marks = [index for index, cell in enumerate(cells) if cell in "*_~`" or cell[0] == "`"]
    return [at for at in marks if opens(cells, at)], [at for at in marks if closes(cells, at)]


def _same(cell: str, mark: str) -> bool:
    return cell[0] == mark


def _pieces(text: str) -> list[str]:
    return [found[0] for found in _LITERAL.finditer(text)]


def _reads_as(line: str, row: Sequence[_Bit]) -> bool:
    """True when a reader of `line` finds exactly the marks and the code that `row` means."""
    found = tokens(line)
    spans = pairs([token.cell for token in found])
    code = [token for token in found if not isinstance(token.cell, str)]
    meant_code = sum(1 for bit in row if bit.fixed and bit.text[0] == "`")
    if len(code) != meant_code or any(isinstance(token.cell, Pre) for token in code):
        return False
    meant = "".join("(" if bit.partner > 0 else ")" for bit in row if bit.partner)
    edges = sorted([(at, "(") for at in spans] + [(at, ")") for at in spans.values()])
    if "".join(sign for _, sign in edges) != meant:
        return False
    shown = "".join(_shown(token.cell) for at, token in enumerate(found) if at not in {at for at, _ in edges})
    wanted = "".join(bit.text.strip("`") if bit.fixed else bit.text for bit in row if not bit.partner)
    return shown.replace(GUARD, "") == wanted.replace(GUARD, "")


def _shown(cell: Cell) -> str:
    return cell if isinstance(cell, str) else getattr(cell, "text", "")
