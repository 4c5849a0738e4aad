"""Questions for each engine's full-text index: which documents match, newest first. Pure.

SQLite walks FTS5 from the newest row and stops when there are enough. PostgreSQL has no such walk: its planner
either reads all that match, or walks the table and tests every row. So the newest rows are tested first, which
settles common words, and then GIN is made to find all of what is rarer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bridge.store.archive.query import Clause, Phrase, Query

NEWEST_TESTED = 4_000
"""Messages that PostgreSQL tests one by one before it asks GIN."""
DEEPER_TESTED = 60_000
"""As many for a phrase that was found among those: its words may be far more common than it, and each message that has
them all is one for GIN to test.
"""
DEEPER_AFTER = 2
"""Hits among the newest that promise a full page further down."""

_MATCHES = "words @@ CAST(CAST(:match AS text) AS tsquery)"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Between which messages to look; None: no bound. `floor` and `ceiling` are numbers of documents and do not
    count themselves; `since` and `until` are microseconds, and `until` does not count itself.
    """

    floor: int | None = None
    ceiling: int | None = None
    since: int | None = None
    until: int | None = None

    def given(self) -> dict[str, int]:
        """Those that there are, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    def join(self, key: str, how: str = "JOIN") -> str:
        """What has to be joined to the documents, whose number is `key`, to test them."""
        timed = self.since is not None or self.until is not None
        return f" {how} messages ON messages.seq = {key}" if timed else ""

    def conditions(self, key: str) -> str:
        """What a document has to meet, each preceded by AND."""
        tests = {
            "floor": f"{key} > :floor",
            "ceiling": f"{key} < :ceiling",
            "since": "messages.at >= :since",
            "until": "messages.at < :until",
        }
        return "".join(f" AND {tests[name]}" for name in self.given())


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A question for an index: statements for numbers (`seq`) and what they are given. There are few different ones,
    so whoever runs them can keep what he makes of them.
    """

    statements: tuple[tuple[str, int], ...]
    """To be tried one after the other until one gives as many as were asked for; the last one gives all there are. The
    number: how many the one before has to have found for this one to be worth trying.
    """
    given: dict[str, object]


def newest_messages(dialect: str, query: Query, bounds: Bounds, limit: int, *, rare: bool) -> Lookup:
    """The newest messages that match. `rare`: few can match, so that walking would be a detour."""
    given = {"limit": limit, **bounds.given()}
    if dialect == "sqlite":
        return Lookup(statements=((_fts5_messages(bounds), 0),), given={"match": fts5(query), **given})
    statements = [] if rare else [(_walk(bounds, NEWEST_TESTED), 0)]
    if not rare and _has_phrase(query):
        statements.append((_walk(bounds, DEEPER_TESTED), DEEPER_AFTER))
    return Lookup(statements=(*statements, (_gin(bounds), 0)), given={"match": tsquery(query), **given})


def _has_phrase(query: Query) -> bool:
    return any(len(phrase.words) > 1 for clause in query.wanted for way in clause for phrase in way)


def newest_contacts(dialect: str, query: Query, inboxes: Sequence[str] | None, limit: int) -> Lookup:
    """The newest contacts that match, of those who were met in one of the inboxes, where they are given. Contacts that
    were joined into others do not count.
    """
    met = ""
    given: dict[str, object] = {"limit": limit}
    if inboxes is not None:
        met = (
            " AND EXISTS (SELECT 1 FROM conversations"
            " WHERE conversations.contact = contacts.id AND conversations.inbox IN :inboxes)"
        )
        given["inboxes"] = tuple(inboxes)
    if dialect == "sqlite":
        match, template = fts5(query), _FTS5_CONTACTS
    else:
        match, template = tsquery(query), _GIN_CONTACTS
    return Lookup(statements=((template.format(met=met), 0),), given={"match": match, **given})


# ------------------------------------------------------------------------------------------- statements

_FTS5_CONTACTS = (
    "SELECT contact_words.rowid AS seq FROM contact_words"
    " CROSS JOIN contacts ON contacts.seq = contact_words.rowid"
    " WHERE contact_words MATCH :match AND contacts.merged_into IS NULL{met}"
    " ORDER BY contact_words.rowid DESC LIMIT :limit"
)
_GIN_CONTACTS = (
    f"WITH found AS MATERIALIZED (SELECT seq FROM contact_words WHERE {_MATCHES})"  # noqa: S608 - all of it ours
    " SELECT found.seq FROM found JOIN contacts ON contacts.seq = found.seq"
    " WHERE contacts.merged_into IS NULL{met} ORDER BY found.seq DESC LIMIT :limit"
)


def _fts5_messages(bounds: Bounds) -> str:
    key = "message_words.rowid"
    # CROSS JOIN: in this order, or SQLite might walk the messages and look each of them up.
    return (
        f"SELECT {key} AS seq FROM message_words{bounds.join(key, 'CROSS JOIN')}"  # noqa: S608 - all of it ours
        f" WHERE message_words MATCH :match{bounds.conditions(key)} ORDER BY {key} DESC LIMIT :limit"
    )


def _walk(bounds: Bounds, most: int) -> str:
    """Test the newest documents one by one, until there are enough: the order within is the order without."""
    start = "WHERE seq < :ceiling " if bounds.ceiling is not None else ""
    return (
        f"SELECT recent.seq FROM (SELECT seq, words FROM message_words {start}"  # noqa: S608 - all of it ours
        f"ORDER BY seq DESC LIMIT {most}) AS recent{bounds.join('recent.seq')}"
        f" WHERE {_MATCHES}{bounds.conditions('recent.seq')} ORDER BY recent.seq DESC LIMIT :limit"
    )


def _gin(bounds: Bounds) -> str:
    """Find all documents by the index, which has to be told so: the planner would rather walk the table."""
    return (
        f"WITH found AS MATERIALIZED (SELECT seq FROM message_words WHERE {_MATCHES})"  # noqa: S608 - all of it ours
        f" SELECT found.seq FROM found{bounds.join('found.seq')}"
        f" WHERE TRUE{bounds.conditions('found.seq')} ORDER BY found.seq DESC LIMIT :limit"
    )


# ------------------------------------------------------------------------------------------- languages


def fts5(query: Query) -> str:
    """The query in the language of FTS5."""

    def phrase(one: Phrase) -> str:
        return f'"{" ".join(one.words)}"{" *" if one.prefix else ""}'

    wanted = " AND ".join(_either(one, phrase, " AND ", " OR ") for one in query.wanted)
    unwanted = " OR ".join(_either(one, phrase, " AND ", " OR ") for one in query.unwanted)
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def tsquery(query: Query) -> str:
    """The query as PostgreSQL reads a `tsquery`."""

    def phrase(one: Phrase) -> str:
        *first, last = (f"'{word}'" for word in one.words)
        return "(" + " <-> ".join((*first, last + (":*" if one.prefix else ""))) + ")"

    wanted = [_either(one, phrase, " & ", " | ") for one in query.wanted]
    unwanted = ["!" + _either(one, phrase, " & ", " | ") for one in query.unwanted]
    return " & ".join((*wanted, *unwanted))


def _either(clause: Clause, phrase: Callable[[Phrase], str], every: str, either: str) -> str:
    ways = ["(" + every.join(phrase(one) for one in way) + ")" for way in clause]
    return "(" + either.join(ways) + ")"
