"""The benchmark measures what it says: it finds what is lost, doubled or late, and a small one runs whole."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bridge.bench import Load, Options, acks, archiving, bench, lookups, platforms
from bridge.bench.conversations import late
from bridge.bench.http1 import Framing, Line, request, response
from bridge.bench.load import Outcome, Webhook, judge, webhooks
from bridge.bench.memory import kind_of
from bridge.bench.platforms import REFERENCE, Notes
from bridge.bench.processes import Child, ChildError, cpu_s, free_port
from bridge.bench.report import Figures, percentile, report, table
from tests.support.waiting import until

SMALL = Load(messages=100, rate=100, rate_s=0.5, contacts=20, lines=4, drain_s=20)


def figures(**changes: float) -> Figures:
    """A run in which all went well."""
    pairs = dict.fromkeys(("full_ack_ms", "half_relay_ms", "relay_ms", "ack_ms"), (1.0, 2.0))
    counts = {"lost": 0, "doubled": 0, "out_of_order": 0, "refused": 0}
    costs = {
        "capacity": 1000.0,
        "cpu_ms": 0.5,
        "redis_cpu_ms": 0.1,
        "even_cpu_ms": 0.6,
        "even_redis_cpu_ms": 0.2,
        "calls": 1.0,
        "commands": 9.0,
        "scripts": 2.0,
    }
    return Figures(**(pairs | counts | costs | changes))  # type: ignore[arg-type]  # each has its own kind


def printed(floor: list[Figures], product: list[Figures]) -> str:
    """What a person sees."""
    out = io.StringIO()
    Console(file=out, width=120).print(*report(floor, product, 300))
    return out.getvalue()


# --------------------------------------------------------------------------------------------------- wire


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 30))
def test_messages_are_found_however_the_stream_is_cut(bodies: list[bytes], size: int) -> None:
    """Chunks end anywhere, several messages come at once."""
    stream = b"".join(response(body) for body in bodies)
    framing = Framing()
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [body for chunk in chunks for _, body in framing.feed(chunk)] == bodies


def test_a_request_says_how_long_it_is() -> None:
    """And whether it posts."""
    assert request("/x", b"{}", X_Name="1") == (
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Name: 1\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert request("/log").startswith(b"GET /log ")


async def test_a_line_notices_that_the_other_side_is_gone() -> None:
    """A crashed subject ends the benchmark instead of hanging it."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        line = await Line.open(server.sockets[0].getsockname()[1])
        with pytest.raises(ConnectionError):
            await line.ask(request("/"))


# --------------------------------------------------------------------------------- load and what became of it


def test_each_message_carries_a_reference_that_a_post_shows() -> None:
    """It is how arrivals are found; ids are never used twice."""
    made = webhooks(50, 10, "abcd1234", "secret", random.Random(1))  # noqa: S311 - made-up load
    assert all(REFERENCE.search(one.raw) for one in made)
    assert len({one.reference for one in made}) == 50
    assert {one.contact for one in made} <= set(range(10))


def test_a_post_that_merges_messages_shows_each_of_them_once() -> None:
    """The text stands in the blocks and in the fallback; another post with the same reference is a double."""
    notes = Notes()
    one, two = b"ref-abcd1234-0000001", b"ref-abcd1234-0000002"
    notes.answer(b"POST /api/chat.postMessage HTTP/1.1", b"%b %b | %b" % (one, two, one))
    notes.answer(b"POST /api/chat.postMessage HTTP/1.1", one)
    notes.answer(b"POST /api/chat.update HTTP/1.1", two)
    ((_, body),) = Framing().feed(notes.answer(b"GET /log HTTP/1.1", b""))
    noted = orjson.loads(body)
    assert [reference for reference, _ in noted["seen"]] == [one.decode(), two.decode(), one.decode()]
    assert noted["calls"] == {"chat.postMessage": 2, "chat.update": 1}


@pytest.mark.parametrize(
    "arrivals, lost, doubled, out_of_order",
    [
        (["a1", "b1", "a2"], 0, 0, 0),
        (["b1", "a1", "a2"], 0, 0, 0),
        (["a2", "a1", "b1"], 0, 0, 1),
        (["a1", "a2"], 1, 0, 0),
        (["a1", "b1", "a2", "a1"], 0, 1, 0),
        ([], 3, 0, 0),
    ],
)
def test_the_fate_of_messages_is_counted(
    arrivals: list[str], lost: int, doubled: int, out_of_order: int
) -> None:
    """Order counts within a contact only; what came twice is no news."""
    load = [Webhook("a1", 0, b""), Webhook("b1", 1, b""), Webhook("a2", 0, b"")]
    outcome = Outcome(sent=3, due=dict.fromkeys(["a1", "b1", "a2"], 100))
    judge(load, [(one, 150) for one in arrivals], outcome)
    assert (outcome.lost, outcome.doubled, outcome.out_of_order) == (lost, doubled, out_of_order)
    assert outcome.relays == [50] * len(set(arrivals))


def test_percentiles_are_milliseconds() -> None:
    """Of nanoseconds in rising order; nothing has none."""
    times = [n * 1_000_000 for n in range(1, 101)]
    assert percentile(times, 0.5) == 51
    assert percentile(times, 0.99) == 100
    assert percentile([], 0.5) is None


# ------------------------------------------------------------------------------------------------- report


def test_the_ratio_is_the_median_of_pairs() -> None:
    """Neighbouring runs are compared, because a shared machine is not equally fast all the time."""
    floor = [figures(capacity=1000.0), figures(capacity=500.0), figures(capacity=2000.0)]
    product = [figures(capacity=500.0), figures(capacity=300.0), figures(capacity=500.0)]
    row = next(line for line in printed(floor, product).splitlines() if line.startswith("capacity"))
    assert row.split()[2:] == ["1000", "500", "0.50"]


def test_what_is_not_known_is_a_dash() -> None:
    """Where there is no /proc, and where nothing arrived."""
    unknown = figures(cpu_ms=None, relay_ms=(None, None))  # type: ignore[arg-type]  # as a run without /proc
    text = printed([figures()], [unknown])
    row = next(line for line in text.splitlines() if line.startswith("CPU per message"))
    assert row.split()[-3:] == ["0.500", "-", "-"]


def test_what_went_wrong_is_said() -> None:
    """The worst of the runs, not their median."""
    text = printed([figures()] * 3, [figures(), figures(lost=2), figures()])
    assert "threadline: 2 lost, 0 doubled, 0 out of order, 0 refused" in text
    assert figures(lost=1).wrong
    assert not figures().wrong


# ---------------------------------------------------------------------------------------------- processes


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processor time is read from /proc")
def test_processor_time_of_a_tree_is_read() -> None:
    """Ours has used some; a process that is not there has none."""
    used = cpu_s(os.getpid())
    assert used is not None
    assert used > 0
    assert cpu_s(2**22 + 1) is None


async def test_a_child_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Its last words are in the error."""
    child = await Child.start("broken", ("no_such_module",), free_port(), tmp_path, dict(os.environ))
    with pytest.raises(ChildError, match="no_such_module"):
        await child.listening()
    await child.stop()


def children() -> set[str]:
    """Processes whose parent is this one."""
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return {one.split()[0] for one in stats if one.rpartition(")")[2].split()[1] == str(os.getpid())}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_a_small_benchmark_runs_whole_and_leaves_nothing_behind() -> None:
    """Floor and bridge carry every message once and in order, and all processes end."""
    before, out = children(), io.StringIO()
    code = await bench(Options(("relay",), SMALL, runs=1), Console(file=out, width=120))
    text = out.getvalue()
    assert code == 0, text
    assert "threadline: 0 lost, 0 doubled, 0 out of order, 0 refused" in text
    assert "floor: 0 lost, 0 doubled, 0 out of order, 0 refused" in text
    rows = dict(line.rsplit(maxsplit=3)[:2] for line in text.splitlines() if line.startswith("capacity"))
    assert float(next(iter(rows.values()))) > 0
    assert children() == before


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_replies_go_out_and_figures_are_written(tmp_path: Path) -> None:
    """The other direction carries every reply once; the figures are in the file as well."""
    before, out, file = children(), io.StringIO(), tmp_path / "figures.json"
    options = Options(("replies",), SMALL, json=file)
    code = await bench(options, Console(file=out, width=120))
    assert code == 0, out.getvalue()
    written = orjson.loads(file.read_bytes())
    (replies,) = written["replies"]
    assert replies["figures"]["capacity, replies/s"] > 0
    assert replies["figures"]["lost, doubled or out of order"] == 0
    assert "Slack's event answered at capacity: p50, p99 (ms)" in replies["figures"]
    assert set(written) == {"conditions", "replies"}
    assert children() == before


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_every_webhook_that_is_answered_is_kept() -> None:
    """The web role alone beside the bare ingress: no event is missing in Redis, and both cost something."""
    before, out = children(), io.StringIO()
    section = await acks.measure(SMALL.messages, SMALL.contacts, SMALL.lines, runs=1)
    Console(file=out, width=80).print(table(section))
    figures = {row.name: row.value for row in section.rows}
    assert figures["refused, or answered and not kept"] == 0
    assert not section.failed
    assert figures["Threadline answered: p50"]
    assert "the webhook's answer alone (100 webhooks)" in out.getvalue()
    assert children() == before


async def test_everything_that_is_looked_up_is_found() -> None:
    """Among few and among many; what is not found would be an error."""
    section = await lookups.measure(20, 50, asked=20)
    assert len(section.rows) == 3 * len(lookups.QUESTIONS)
    assert all(row.value for row in section.rows)


async def test_a_small_archive_is_filled_and_searched() -> None:
    """By the archive's own writer and search, beside a bare database."""
    section = await archiving.measure(120, 100, searches=2)
    names = [row.name for row in section.rows]
    assert names[:3] == ["bare aiosqlite + FTS5: messages/s", "archive: messages/s", "  against bare"]
    assert all(row.value for row in section.rows)


async def test_a_call_that_is_to_hang_is_answered_late() -> None:
    """And those on other connections at once."""
    port = free_port()
    serving = asyncio.create_task(platforms.serve(port, 30))
    hanging, other = await opened(port), await opened(port)
    stuck = asyncio.create_task(
        hanging.ask(request("/api/chat.postMessage", b"ref-abcd1234-0000001 stall2000"))
    )
    status, _ = await other.ask(request("/api/chat.postMessage", b"ref-abcd1234-0000002"))
    assert status == 200
    assert not stuck.done()
    assert (await stuck)[0] == 200
    hanging.close()
    other.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def opened(port: int) -> Line:
    """A line to a server that has just been started."""

    async def try_once() -> Line | None:
        with contextlib.suppress(OSError):
            return await Line.open(port)
        return None

    line = await until(try_once, 10, "the platforms to listen")
    assert line is not None
    return line


def test_what_took_too_long_is_counted() -> None:
    """Also what never came."""
    hooks = [Webhook(name, 0, b"") for name in ("a", "b", "c")]
    outcome = Outcome(due={"a": 0, "b": 0, "c": 0}, arrived={"a": 10**8, "b": 3 * 10**8})
    assert late(outcome, hooks, 0.2) == 2


@pytest.mark.parametrize(
    "key, kind",
    [
        ("{s3}:u:3-abc", "state"),
        ("{s3}:journal", "journal (until archived)"),
        ("{desk}:l:ben", "rows of the lists"),
        ("alias:phone:x:1", "aliases"),
        ("thread:slack:C1:1.2", "threads"),
        ("{s3}:in", "streams and the rest"),
    ],
)
def test_keys_are_told_apart_by_what_they_are_for(key: str, kind: str) -> None:
    """Memory is shown by what it is for."""
    assert kind_of(key) == kind
