"""`threadline verify`: does everything add up? The archive against what the live store still has in hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge import ledger as books
from bridge.instants import micros
from bridge.ledger import Archived, Inbound, Ledger, Remark, Twice
from bridge.model import LaneId, MessageId
from bridge.observe import configure_logging, mask_text
from bridge.operate.common import explained, opened
from bridge.parts import lanes, open_redis, policies
from bridge.settings import Settings
from bridge.spans import spell
from bridge.store import keys, underway
from bridge.store.archive.audit import audit
from bridge.store.archive.database import Database
from bridge.store.archive.lag import Lag
from bridge.store.connection import Redis
from bridge.store.health import expect_shards
from bridge.store.inlet import LiveInlet

LOOKS = 4
"""At most: one finds what is in neither store, the next whether it still is."""
BETWEEN_LOOKS_S = 1.0
MOST_LINES = 100
"""Of a kind, shown to people; programs get all."""


async def verify(settings: Settings, since: datetime, *, as_json: bool, wait_s: float) -> int:
    """Say whether everything since `since` is accounted for; 1 when it is not, or when that cannot be found out."""
    configure_logging("error")
    with explained():
        redis = open_redis(settings)
        try:
            await expect_shards(redis, settings.shards)
            async with opened(settings) as database:
                account = await _Checker(settings, redis, database, wait_s).account(since)
        finally:
            await redis.aclose()
    if as_json:
        typer.echo(json.dumps(for_programs(account), ensure_ascii=False, indent=2))
    else:
        show(account)
    return 0 if account.balanced else 1


class _Checker:
    """Looks at both stores until what is found is certain."""

    def __init__(self, settings: Settings, redis: Redis, database: Database, wait_s: float) -> None:
        self._shards = settings.shards
        self._lanes = lanes(settings)
        self._redis = redis
        self._database = database
        self._wait_s = wait_s
        self._lag = Lag(redis, self._lanes)
        self._inlet = LiveInlet(redis, policies(settings))

    async def account(self, since: datetime) -> Ledger:
        """The account from `since` to now."""
        until = datetime.now(UTC)
        suspects: set[MessageId] | None = None
        account = await self._look(since, until, None)
        for _ in range(LOOKS - 1):
            missing = {one.message for one in (*account.missing_in, *account.missing_out)}
            if not missing or missing == suspects:
                break
            # What was decided between the looks at the two stores is in neither; it is in one of them soon.
            suspects = missing
            await asyncio.sleep(BETWEEN_LOOKS_S)
            account = await self._look(since, until, suspects)
        return account

    async def _look(self, since: datetime, until: datetime, suspects: set[MessageId] | None) -> Ledger:
        """One look, at the live store first: what it has no more is in the journal by then."""
        live = await underway.look(self._redis, self._lanes)
        archived = await self._archived()
        async with audit(self._database, micros(since), micros(until)) as rows:
            held, choices = await underway.waiting(self._inlet.contact, await rows.active())
            live = replace(live, held=held, choices=choices)
            dropped = await rows.dropped()
            letters = [one for one in dropped if one is not None]
            inbound = Inbound(self._shards, [*live.arriving, *live.buried, *letters])
            async for page in rows.inbound():
                inbound.take(page)
            return books.ledger(
                since,
                until,
                inbound=inbound.end(),
                fates=await rows.fates(),
                open_replies=await rows.open_replies(),
                twice=[_masked(one) for one in await rows.twice()],
                dropped=dropped,
                live=live,
                archived=archived,
                suspects=suspects,
            )

    async def _archived(self) -> Archived:
        """Give the archive some time to reach the end that the journals have now; how far it came."""
        ends = await asyncio.gather(*[self._end(lane) for lane in self._lanes])
        open_ends = [(lane, end) for lane, end in zip(self._lanes, ends, strict=True) if end]
        reached = await asyncio.gather(
            *[self._lag.reached(lane, end, self._wait_s) for lane, end in open_ends]
        )
        behind = frozenset(lane for (lane, _), done in zip(open_ends, reached, strict=True) if not done)
        if not behind:
            return Archived()
        left = await self._lag.behind()
        return Archived(behind=behind, waiting=left.waiting, lag_s=left.lag_s)

    async def _end(self, lane: LaneId) -> str | None:
        last = await self._redis("XREVRANGE", keys.journal(lane), "+", "-", "COUNT", 1)
        return last[0][0].decode() if last else None


def _masked(twice: Twice) -> Twice:
    """A platform's id may hold a phone number."""
    return replace(twice, platform_ids=tuple(mask_text(one) for one in twice.platform_ids))


# ----------------------------------------------------------------------------------------------- in words


def for_programs(account: Ledger) -> dict[str, object]:
    """The account as plain data, with its line and its verdict."""
    plain: dict[str, object] = msgspec.to_builtins(account)
    verdict = {"balanced": account.balanced, "missing": account.missing, "doubled": account.doubled}
    return {"line": books.line(account), **verdict, **plain}


def show(account: Ledger) -> None:
    """The account for people: what was counted, every message that something is wrong with, and the line."""
    console = Console(highlight=False)

    def say(words: str, style: str = "") -> None:
        console.print(Text(words, style=style), soft_wrap=True)

    since, until = (one.strftime("%Y-%m-%d %H:%M:%S UTC") for one in (account.since, account.until))
    say(f"From {since} to {until}\n")
    console.print(_counts(account))
    for title, lines in _remarks(account):
        if lines:
            say(f"\n{title}", "bold")
            console.print(_listed(lines, account.until))
            if len(lines) > MOST_LINES:
                say(f"… and {len(lines) - MOST_LINES:,} more; --json has them all.")
    if account.archived.behind:
        behind = account.archived
        say(
            f"\nThe archive is {spell(behind.lag_s)} behind ({behind.waiting:,} entries of the journal wait): what it "
            "has not is not counted. Run this again once it has caught up, or with a longer --wait; /readyz and the "
            "log of the scheduler say what keeps it.",
            "bold",
        )
    if account.letters:
        say("\nDead letters wait for somebody: threadline replay list", "bold")
    say(f"\n{books.line(account)}", "green" if account.balanced else "red")


def _counts(account: Ledger) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    rows = [
        ("Customers' messages", account.received, True),
        ("  shown", account.shown, True),
        ("    as a placeholder", account.placeholders, False),
        ("  on their way", len(account.arriving), False),
        ("  among the dead letters", account.buried, False),
        ("  dropped with a reason", account.dropped, False),
        ("  not archived yet", len(account.unsettled_in), False),
        ("  missing", len(account.missing_in), True),
        ("Replies", account.replies, True),
        ("  accepted", account.accepted, True),
        ("    delivered", account.delivered, True),
        ("    read", account.read, True),
        ("  failed, and said so", account.failed, False),
        ("  uncertain, and asked about", account.uncertain, False),
        ("  held", account.held, False),
        ("  waiting for their author's choice", account.choices, False),
        ("  on their way", len(account.sending), False),
        ("  not archived yet", len(account.unsettled_out), False),
        ("  missing", len(account.missing_out), True),
        ("Doubled", account.doubled, True),
        ("Out of order", len(account.swapped), True),
        ("Dead letters waiting", account.letters, True),
        ("Dead letters dropped", account.dropped_letters, False),
    ]
    for name, count, always in rows:
        if count or always:
            table.add_row(name, f"{count:,}")
    return table


def _remarks(account: Ledger) -> Sequence[tuple[str, Sequence[Remark]]]:
    return (
        ("Missing from their threads", account.missing_in),
        ("Missing on their way to customers", account.missing_out),
        ("Shown twice", account.doubled_in),
        ("Accepted twice", account.doubled_out),
        ("Out of order", account.swapped),
        ("Not archived yet", (*account.unsettled_in, *account.unsettled_out)),
        ("On their way", (*account.arriving, *account.sending)),
    )


def _listed(lines: Sequence[Remark], until: datetime) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for last in (False, False, False, False, True):
        table.add_column(no_wrap=not last, overflow="fold")
    for one in lines[:MOST_LINES]:
        table.add_row(
            Text(one.message),
            Text(f"#{one.number}" if one.number else ""),
            Text(one.at.strftime("%Y-%m-%d %H:%M:%S")),
            Text(f"{spell((until - one.at).total_seconds())} ago"),
            Text(one.what),
        )
    return table
