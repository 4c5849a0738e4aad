"""Reading typed marks: ``*bold*``, ``_italic_``, ``~strike~``, backticks, quoted lines and lists.

WhatsApp and Slack share these marks and the rule for them: a mark counts when it hugs text on its inner side, is not
glued to a letter or digit on its outer side, and finds its partner on the same line; the text between triple
backticks may span lines. What differs (entities, emoji names, which signs open a list) stays with the adapters,
which cut their text into *cells*: a node, a mark (one of `MARKS` alone), or a run of any other characters.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from bridge.markup.nodes import (
    Bold,
    Code,
    Document,
    Italic,
    ListBlock,
    Node,
    Pre,
    Quote,
    Strike,
    Text,
    compact,
)

Cell: TypeAlias = str | Node

MARKS: dict[str, type[Bold | Italic | Strike]] = {"*": Bold, "_": Italic, "~": Strike}

GUARD = "\u200b"
"""Zero-width space: put inside a mark it stops the mark from hugging text, so that both stay literal."""

PRE = r"```(?!`)(?P<pre>.+?)```"
"""Pattern (with DOTALL) of a block between triple backticks."""
CODE = rf"(?<![^\W_])(?<!`)`(?!`)(?P<code>[^\s{GUARD}`](?:[^`\n]*[^\s{GUARD}`])?)`(?!`)(?![^\W_])"
"""Pattern of a code span in a line."""


class Dialect(msgspec.Struct, frozen=True):
    """What opens a quoted line and a list item; `number` has a group ``number``, both may have one ``indent``."""

    quote: re.Pattern[str]
    bullet: re.Pattern[str]
    number: re.Pattern[str]


def code_cell(found: re.Match[str], body: str) -> Cell:
    """The cell for a match of `PRE` or `CODE` whose content reads `body`.

    Triple backticks make a block when they hold a line break or have their line to themselves; blank ones are text.
    """
    if found["pre"] is None:
        return Code(body)
    if not body.strip():
        return found[0]
    source, start, end = found.string, found.start(), found.end()
    alone = source[start - 1 : start] in ("", "\n") and source[end : end + 1] in ("", "\n")
    if alone or "\n" in body:
        return Pre(body.removeprefix("\n").removesuffix("\n"))
    return Code(body)


def pairs(cells: Sequence[Cell]) -> dict[int, int]:
    """Index of each opening mark in one line of cells, with the index of its closing mark. Pairs nest, never cross."""
    closers: dict[str, list[int]] = {mark: [] for mark in MARKS}
    for index, cell in enumerate(cells):
        if isinstance(cell, str) and cell in MARKS and closes(cells, index):
            closers[cell].append(index)
    found: dict[int, int] = {}
    if any(closers.values()):
        _pair(cells, 0, len(cells), closers, found)
    return found


def _pair(
    cells: Sequence[Cell], start: int, end: int, closers: dict[str, list[int]], found: dict[int, int]
) -> None:
    index = start
    while index < end:
        cell = cells[index]
        if isinstance(cell, str) and cell in closers and opens(cells, index):
            ends = closers[cell]
            at = bisect_right(ends, index + 1)
            if at < len(ends) and ends[at] < end:
                found[index] = ends[at]
                inner = {mark: spots for mark, spots in closers.items() if mark != cell}
                _pair(cells, index + 1, ends[at], inner, found)
                index = ends[at]
        index += 1


def opens(cells: Sequence[Cell], index: int) -> bool:
    """True when the mark at `index` may open a span: it hugs what follows and is not glued to what precedes."""
    after = _edge(cells, index + 1, 0)
    return not _edge(cells, index - 1, -1).isalnum() and not _is_gap(after) and after != cells[index]


def closes(cells: Sequence[Cell], index: int) -> bool:
    """True when the mark at `index` may close a span: it hugs what precedes and is not glued to what follows."""
    return not _edge(cells, index + 1, 0).isalnum() and not _is_gap(_edge(cells, index - 1, -1))


def _edge(cells: Sequence[Cell], index: int, side: int) -> str:
    """The character of the cell at `index` that touches its neighbour; beyond the line a line break."""
    if not 0 <= index < len(cells):
        return "\n"
    cell = cells[index]
    # A node stands for something that is neither a letter nor a gap.
    return cell[side] if isinstance(cell, str) else ")"


def _is_gap(character: str) -> bool:
    return character.isspace() or character == GUARD


def inline(cells: Sequence[Cell]) -> list[Node]:
    """One line of cells as nodes."""
    return _inline(cells, 0, len(cells), pairs(cells))


def _inline(cells: Sequence[Cell], start: int, end: int, spans: dict[int, int]) -> list[Node]:
    out: list[Node] = []
    index = start
    while index < end:
        cell = cells[index]
        if not isinstance(cell, str):
            out.append(cell)
        elif index in spans:
            out.append(MARKS[cell](tuple(_inline(cells, index + 1, spans[index], spans))))
            index = spans[index]
        else:
            out.append(Text(cell))
        index += 1
    return out


def split_lines(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """The cells of each line; a line break may stand anywhere in a string cell."""
    line: list[Cell] = []
    for cell in cells:
        if not isinstance(cell, str):
            line.append(cell)
            continue
        first, *others = cell.split("\n")
        if first:
            line.append(first)
        for other in others:
            yield line
            line = [other] if other else []
    yield line


def read(cells: Sequence[Cell], dialect: Dialect) -> Document:
    """The document that a text, cut into cells, stands for."""
    reader = _Reader(dialect)
    for line in split_lines(cells):
        reader.line(line)
    reader.flush(at_end=True)
    return compact(reader.out)


class _Reader:
    """Gathers lines of a kind: plain text, a quotation, a list."""

    def __init__(self, dialect: Dialect) -> None:
        self.out: list[Node] = []
        self._dialect = dialect
        self._plain: list[list[Cell]] = []
        self._quote: list[list[Cell]] = []
        self._list: ListBlock | None = None

    def line(self, cells: list[Cell]) -> None:
        lead = _lead(cells)
        if found := self._dialect.quote.match(lead):
            if not self._quote:
                self.flush()
            self._quote.append(_skip(cells, found.end()))
        elif (found := self._dialect.number.match(lead)) and _has_content(cells, found.end()):
            self._item(found, _skip(cells, found.end()), ordered=True)
        elif (found := self._dialect.bullet.match(lead)) and _has_content(cells, found.end()):
            self._item(found, _skip(cells, found.end()), ordered=False)
        else:
            if not self._plain:
                self.flush()
            self._plain.append(cells)

    def _item(self, found: re.Match[str], cells: list[Cell], *, ordered: bool) -> None:
        groups = found.groupdict()
        indent = len(groups.get("indent") or "") // 4
        number = int(groups["number"]) if ordered else 1
        item = tuple(inline(cells))
        last = self._list
        # Numbers that do not follow on begin a list of their own: they are shown as they were typed.
        if (
            last
            and (last.ordered, last.indent) == (ordered, indent)
            and (not ordered or number == last.start + len(last.items))
        ):
            self._list = ListBlock(ordered, (*last.items, item), indent, last.start)
        else:
            self.flush()
            self._list = ListBlock(ordered, (item,), indent, number)

    def flush(self, *, at_end: bool = False) -> None:
        """Ends what is being gathered; a blank line before a block needs a line break of its own."""
        if self._plain:
            blank_end = not self._plain[-1] and not at_end
            self.out += [*_join(self._plain), *([Text("\n")] if blank_end else [])]
        elif self._quote:
            self.out.append(Quote(tuple(_join(self._quote))))
        elif self._list:
            self.out.append(self._list)
        self._plain, self._quote, self._list = [], [], None


def _join(rows: list[list[Cell]]) -> list[Node]:
    """The nodes of several lines; a monospaced block ends its line by itself."""
    out: list[Node] = []
    for index, row in enumerate(rows):
        is_ended = index == 0 or _ends_in_block(rows[index - 1])
        out += [*([] if is_ended else [Text("\n")]), *inline(row)]
    return out


def _ends_in_block(row: list[Cell]) -> bool:
    return bool(row) and isinstance(row[-1], Pre)


def _lead(cells: list[Cell]) -> str:
    lead = ""
    for cell in cells:
        if not isinstance(cell, str) or len(lead) > 40:
            break
        lead += cell
    return lead


def _skip(cells: list[Cell], count: int) -> list[Cell]:
    """The line without its first `count` characters, which are all in string cells."""
    for index, cell in enumerate(cells):
        size = len(cell) if isinstance(cell, str) else 0
        if isinstance(cell, str) and count and size <= count:
            count -= size
            continue
        return [cell[count:], *cells[index + 1 :]] if isinstance(cell, str) and count else cells[index:]
    return []


def _has_content(cells: list[Cell], start: int) -> bool:
    return any(not isinstance(cell, str) or cell.strip() for cell in _skip(cells, start))
