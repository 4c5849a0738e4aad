"""What the search benchmark measures is really searched for, in an archive that is really filled."""

from __future__ import annotations

from bridge.bench.search import fill, measure, queries, texts, vocabulary
from bridge.store.archive.database import Database
from bridge.store.archive.search import Search
from tests.support.archive import rows

COUNT = 300


async def test_it_fills_and_measures(database: Database) -> None:
    """Every kind of query is timed; what has to be found is found."""
    done: list[int] = []
    assert await fill(database, COUNT, done.append) > 0
    assert done[-1] == COUNT
    said = await rows(database, "messages")
    assert len(said) == COUNT
    assert len({row["conversation"] for row in said}) > 1
    hits = (await Search(database).find(f'"{said[-1]["text"]}"'[:200].rsplit(" ", 1)[0] + '"')).hits
    assert [hit.message for hit in hits] == [said[-1]["id"]]
    timings = {one.kind: one for one in await measure(database, COUNT, 3)}
    assert set(timings) == set(queries(1, COUNT))
    assert timings["common word"].hits > 0
    assert timings["nothing"].hits == 0
    assert all(0 < one.p50_ms <= one.p99_ms and one.count == 3 for one in timings.values())


def test_the_same_archive_every_time() -> None:
    """Figures of two runs are about the same texts and queries, and words are as common as people's."""
    words = vocabulary()
    said = list(texts(500, words))
    assert said == list(texts(500, words))
    assert queries(5, COUNT) == queries(5, COUNT)
    common, rare = (sum(word in text.split() for text in said) for word in (words[0], words[3_000]))
    assert common > 200
    assert rare < 20
