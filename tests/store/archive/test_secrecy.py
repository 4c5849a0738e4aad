"""What goes into the archive does not come out in an error's text, which is logged."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy import text

from bridge.store.archive.database import Database

WORDS = "planted words of a customer"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO nowhere (words) VALUES (:words)",
        "INSERT INTO journal (nothing) VALUES (:words)",
        "SELECT :words FROM journal WHERE nothing = :words",
    ],
)
async def test_an_error_repeats_no_words(database: Database, statement: str) -> None:
    """Neither the statement's values nor anything of them is in the error or in its trace."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the engine raises
        async with database.write() as connection:
            await connection.execute(text(statement), {"words": WORDS})
    told = "".join(traceback.format_exception(caught.value))
    assert "INSERT" in told or "SELECT" in told or "archive" in told
    assert WORDS not in told
