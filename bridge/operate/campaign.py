"""`threadline campaign import`: tell contacts' conversations what another program sent them."""

from __future__ import annotations

import asyncio
import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from bridge.adapters import reaching
from bridge.adapters.base import Placed
from bridge.content.templates import MOST_OF_A_LABEL
from bridge.errors import BridgeError
from bridge.events import CampaignImported
from bridge.model import EventId, InboxId, LaneId, digest, lane_of
from bridge.operate.common import Meter, explained, one_line
from bridge.parts import lanes, open_redis, policies, whatsapp_channel
from bridge.phone import diallable
from bridge.settings import Settings
from bridge.store import keys
from bridge.store.connection import Redis
from bridge.store.health import expect_shards
from bridge.store.inlet import LiveInlet

COLUMNS = ("phone", "template", "campaign", "sent_at", "message_id")
NEEDED = ("phone", "template", "sent_at")
AT_ONCE = 200
MOST_WAITING = 5_000
"""Events that may wait in the streams before more are added: customers' messages go through the same ones."""
LOOK_EVERY_S = 0.2
SHOWN = 20
_LONGEST = 512


class Line(msgspec.Struct, frozen=True):
    """A line of the list that makes sense."""

    digits: str
    template: str
    campaign: str
    sent_at: datetime
    message_id: str


class Wrong(msgspec.Struct, frozen=True):
    """One that does not; lines are counted from 1, with the heading."""

    line: int
    words: str


class NotImportedError(BridgeError):
    """Nothing was imported; the words say why and what to do."""


async def run(settings: Settings, source: Path, inbox: str, *, skip: bool) -> int:
    """Import a list. 1 where it could not be, or not all of it."""
    with explained():
        if all(one.id != inbox for one in settings.inboxes):
            names = ", ".join(one.id for one in settings.inboxes)
            raise NotImportedError(f"there is no inbox {inbox!r}; there are: {names}")
        found, wrong = read(_text(source))
        for one in wrong[:SHOWN]:
            typer.echo(f"line {one.line}: {one_line(one.words)}", err=True)
        if len(wrong) > SHOWN:
            typer.echo(f"… and {len(wrong) - SHOWN} more lines", err=True)
        if wrong and not skip:
            raise NotImportedError(
                f"{len(wrong)} of {len(wrong) + len(found)} lines make no sense, so nothing was imported: mend them, or say --skip-bad"
            )
        redis = open_redis(settings)
        try:
            # Never on the wrong database: its lanes would be nobody's.
            await expect_shards(redis, settings.shards)
            await _tell(settings, redis, InboxId(inbox), found)
        finally:
            await redis.aclose()
    typer.echo(f"Imported {len(found)} messages." + (f" {len(wrong)} lines were left out." if wrong else ""))
    return 1 if wrong else 0


def _text(source: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if str(source) == "-" else source.read_bytes()
    except OSError as problem:
        raise NotImportedError(f"{source} cannot be read: {problem.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise NotImportedError(
            f"{source} is not UTF-8 (byte {problem.start}): save it as CSV in UTF-8"
        ) from None


# ------------------------------------------------------------------------------------------------- reading


def read(text: str) -> tuple[list[Line], list[Wrong]]:
    """Read a list with a heading, its columns in any order, separated by commas, semicolons or tabs. Raises
    `NotImportedError` without a heading that makes sense.
    """
    heading = text.split("\n", 1)[0]
    separator = max(",;\t", key=heading.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [one.strip().lower().replace(" ", "_") for one in next(rows, [])]
    missing = [one for one in NEEDED if one not in names]
    if missing:
        raise NotImportedError(
            f"the first line has to name the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}"
        )
    found: list[Line] = []
    wrong: list[Wrong] = []
    for number, values in _numbered(rows, wrong):
        if not any(value.strip() for value in values):
            continue
        row = dict(zip(names, (value.strip() for value in values), strict=False))
        try:
            found.append(_line(row))
        except ValueError as problem:
            wrong.append(Wrong(number, str(problem)))
    return found, wrong


def _numbered(rows: Iterable[list[str]], wrong: list[Wrong]) -> Iterator[tuple[int, list[str]]]:
    number = 1
    try:
        for number, values in enumerate(rows, 2):
            yield number, values
    except csv.Error as problem:
        wrong.append(Wrong(number + 1, f"is no CSV from here on: {problem}"))


def _line(row: dict[str, str]) -> Line:
    digits = diallable(row.get("phone", "")) or diallable("+" + row.get("phone", ""))
    if digits is None:
        raise ValueError("the phone is no number with its country code")
    template, campaign = row.get("template", ""), row.get("campaign", "")
    if not template:
        raise ValueError("the template is missing")
    if len(template) > _LONGEST:
        raise ValueError(f"the template's name is longer than {_LONGEST} characters")
    if len(campaign) > MOST_OF_A_LABEL:
        raise ValueError(f"the campaign's name is longer than {MOST_OF_A_LABEL} characters")
    message_id = row.get("message_id", "")
    if len(message_id) > _LONGEST or not message_id.isascii() or " " in message_id:
        raise ValueError("the message id is none")
    return Line(digits, template, campaign, _instant(row.get("sent_at", "")), message_id)


def _instant(typed: str) -> datetime:
    """ISO 8601 (UTC unless it says) or seconds since 1970. Raises ValueError in words."""
    problem = f"sent_at is no time: {typed[:40]!r}; expected 2026-03-29T08:00:00Z"
    try:
        at = (
            datetime.fromtimestamp(int(typed), UTC)
            if typed.isdecimal() and len(typed) <= 11
            else datetime.fromisoformat(typed)
        )
    except (ValueError, OverflowError, OSError):
        raise ValueError(problem) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > datetime.now(UTC):
        raise ValueError(f"sent_at lies in the future: {typed[:40]}")
    return at.astimezone(UTC)


# ------------------------------------------------------------------------------------------------- telling


async def _tell(settings: Settings, redis: Redis, inbox: InboxId, found: Sequence[Line]) -> None:
    inlet, every = LiveInlet(redis, policies(settings)), lanes(settings)
    channel = whatsapp_channel(settings)
    meter, done = Meter("imported", len(found)), 0
    try:
        for start in range(0, len(found), AT_ONCE):
            some = found[start : start + AT_ONCE]
            reaches = [channel.reach(inbox, one.digits) for one in some]
            contacts = [await reaching.contact_of(inlet, one) for one in reaches]
            now = datetime.now(UTC)
            await inlet.append(
                [
                    Placed(
                        lane=lane_of(contact),
                        unit=contact,
                        event=CampaignImported(
                            id=_event_id(inbox, one),
                            at=now,
                            contact=contact,
                            inbox=inbox,
                            template=one.template,
                            campaign=one.campaign,
                            sent_at=one.sent_at,
                            platform_id=one.message_id,
                            aliases=reach.aliases,
                            phone=reach.phone,
                            address=reach.address,
                        ),
                    )
                    for one, reach, contact in zip(some, reaches, contacts, strict=True)
                ]
            )
            done += len(some)
            meter.at(done)
            await _room(redis, every)
    finally:
        meter.end()
        await channel.close()


def _event_id(inbox: InboxId, line: Line) -> EventId:
    """The same for the same line, so that a list that is imported twice changes nothing."""
    said = f"{line.digits}|{line.template}|{line.campaign}|{line.sent_at.isoformat()}|{line.message_id}"
    return EventId(f"campaign:{inbox}:{digest(said)}")


async def _room(redis: Redis, every: Sequence[LaneId]) -> None:
    """Wait until few enough events wait in the streams."""
    while True:
        lengths = await asyncio.gather(*[redis("XLEN", keys.stream(lane)) for lane in every])
        if sum(int(one) for one in lengths) <= MOST_WAITING:
            return
        await asyncio.sleep(LOOK_EVERY_S)
