"""The full-text index: one document a message and one a contact."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQLITE = (
    # `ascii` parts at ASCII signs alone, and the tokens have none; sizes of documents are for ranking only.
    "CREATE VIRTUAL TABLE message_words USING fts5(words, content='', columnsize=0, tokenize='ascii')",
    "CREATE VIRTUAL TABLE contact_words USING fts5(words, columnsize=0, tokenize='ascii')",
)
# What is not sorted in yet is read through by every search, so only little of it (kB) may pile up.
_GIN = "CREATE INDEX ix_{0}_words ON {0} USING gin (words) WITH (gin_pending_list_limit = 256)"
_POSTGRESQL = (
    "CREATE TABLE message_words (seq BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
    _GIN.format("message_words"),
    "CREATE TABLE contact_words (seq BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
    _GIN.format("contact_words"),
)


def upgrade() -> None:
    """Make it, empty: `schema.migrate` fills it with the words of its release."""
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
