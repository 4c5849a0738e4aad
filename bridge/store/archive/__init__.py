"""The archive in SQL: the journal, append-only, and what is projected from it. SQLite and PostgreSQL, one code."""
