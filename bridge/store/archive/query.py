"""What somebody searches for: from typed text to clauses, and what they mean. Pure.

`words`, `"phrases of words"`, `-left out`, `begin*`: every one has to be there, but for what is left out. A word
that is written in groups (`600-111-222`) is found with and without its separators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from bridge.errors import BridgeError
from bridge.store.archive.words import FEWEST_DIGITS, codes, words

LONGEST = 300
"""Characters of a query."""
MOST_TERMS = 16
"""Terms of a query, and words of a phrase: enough for people, and it bounds what an engine has to do."""
FEWEST_BEFORE_STAR = 2


class QueryError(BridgeError):
    """A query that cannot be searched for. `start` and `end` say which part of it is wrong."""

    def __init__(self, problem: str, query: str, start: int, end: int) -> None:
        super().__init__(problem)
        self.query = query
        self.start = start
        self.end = end

    def pointed(self) -> str:
        """The query with the wrong part underlined, in two lines of a fixed-width font, and what is wrong.

        Of an empty query there is nothing to underline.
        """
        if not self.query.strip():
            return f"the query {self}"
        shown = "".join(" " if char.isspace() else char for char in self.query)
        return f"{shown}\n{' ' * self.start}{'^' * max(1, self.end - self.start)} {self}"


class Phrase(msgspec.Struct, frozen=True):
    """Words that follow each other; with `prefix` the last one is only how a word begins."""

    words: tuple[str, ...]
    prefix: bool = False


Alternative = tuple[Phrase, ...]
"""Phrases that all have to be there."""
Clause = tuple[Alternative, ...]
"""Alternatives of which one has to be there."""


class Query(msgspec.Struct, frozen=True):
    """`wanted`: clauses that all have to be true; `unwanted`: clauses none of which may be."""

    wanted: tuple[Clause, ...]
    unwanted: tuple[Clause, ...] = ()


class _Term(msgspec.Struct, frozen=True, array_like=True):
    """A term as typed, and where."""

    raw: str
    start: int
    end: int
    quoted: bool
    left_out: bool
    prefix: bool


# ---------------------------------------------------------------------------------------------- reading

_QUOTES = str.maketrans(dict.fromkeys("“”„«»＂", '"'))
_term = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<open>")|(?P<word>[^\s"]+))(?P<star>\*?)')


def parse(typed: str) -> Query:
    """Read a query as people type it. Raises `QueryError`."""
    if len(typed) > LONGEST:
        raise QueryError(
            f"is too long: a search has at most {LONGEST} characters", typed, LONGEST, len(typed)
        )
    terms = list(_terms(typed))
    if len(terms) > MOST_TERMS:
        extra = terms[MOST_TERMS]
        raise QueryError(
            f"is too much: a search has at most {MOST_TERMS} words", typed, extra.start, len(typed)
        )
    wanted: list[Clause] = []
    unwanted: list[Clause] = []
    for term in terms:
        (unwanted if term.left_out else wanted).append(_clause(typed, term))
    if not wanted:
        problem = (
            "says only what to leave out: add a word to look for" if unwanted else "has nothing to look for"
        )
        raise QueryError(problem, typed, 0, len(typed))
    return Query(tuple(_with_runs(terms, wanted)), tuple(unwanted))


def _terms(typed: str) -> Iterator[_Term]:
    plain = typed.translate(_QUOTES)
    for match in _term.finditer(plain):
        start, end = match.span()
        if match["open"]:
            raise QueryError('opens a phrase that nothing ends: add a "', typed, start, len(typed))
        quoted = match["phrase"] is not None
        raw = match["phrase"] if quoted else match["word"]
        prefix = bool(match["star"]) if quoted else raw.endswith("*")
        if not quoted and not prefix and not words(raw):
            continue  # A dash between words, an ampersand: nobody looks for those.
        left_out = bool(match["minus"])
        yield _Term(raw, start, end, quoted, left_out, prefix)


def _clause(typed: str, term: _Term) -> Clause:
    found = words(term.raw)
    if not found:
        problem = "has no letter, digit or emoji to look for"
        raise QueryError(problem, typed, term.start, term.end)
    if len(found) > MOST_TERMS:
        raise QueryError(f"is too long: a phrase has at most {MOST_TERMS} words", typed, term.start, term.end)
    if term.prefix and len(found[-1]) < FEWEST_BEFORE_STAR and found[-1].isascii():
        problem = f"is too short: at least {FEWEST_BEFORE_STAR} letters have to stand before *"
        raise QueryError(problem, typed, term.start, term.end)
    alternatives: list[Alternative] = [(Phrase(tuple(found), term.prefix),)]
    if len(found) > 1:
        alternatives += [(Phrase((code,), term.prefix),) for code in codes(term.raw)]
    return tuple(alternatives)


def _with_runs(terms: Sequence[_Term], clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Groups of digits that were typed one after the other may have been written as one number."""
    run: list[Clause] = []
    digits: list[str] = []
    wanted = [term for term in terms if not term.left_out]

    def ended() -> Iterator[Clause]:
        number = "".join(digits)
        if len(run) > 1 and len(number) >= FEWEST_DIGITS:
            apart = tuple(phrase for clause in run for phrase in clause[0])
            yield (apart, (Phrase((number,)),))
        else:
            yield from run

    for term, clause in zip(wanted, clauses, strict=True):
        found = "".join(words(term.raw))
        if found.isdigit() and not term.quoted and not term.prefix:
            run.append(clause)
            digits.append(found)
            continue
        yield from ended()
        run, digits = [], []
        yield clause
    yield from ended()


# ---------------------------------------------------------------------------------------------- meaning


def matches(query: Query, document: Sequence[str]) -> bool:
    """Whether a document (see `words.document`) is what the query asks for: what every engine has to agree with."""

    def holds(clause: Clause) -> bool:
        return any(all(next(_found(one, document), None) is not None for one in way) for way in clause)

    return all(map(holds, query.wanted)) and not any(map(holds, query.unwanted))


def _found(phrase: Phrase, tokens: Sequence[str]) -> Iterator[int]:
    """Where the phrase begins."""
    length = len(phrase.words)
    *first, last = phrase.words
    for index in range(len(tokens) - length + 1):
        end = tokens[index + length - 1]
        same_end = end.startswith(last) if phrase.prefix else end == last
        if same_end and tuple(tokens[index : index + length - 1]) == tuple(first):
            yield index


def occurrences(query: Query, tokens: Sequence[str]) -> list[range]:
    """Which of the tokens are what was looked for, as ranges of their indexes."""
    phrases = {phrase for clause in query.wanted for way in clause for phrase in way}
    return [range(index, index + len(phrase.words)) for phrase in phrases for index in _found(phrase, tokens)]
