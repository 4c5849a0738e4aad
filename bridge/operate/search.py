"""`threadline search`: what the archive knows of some words."""

from __future__ import annotations

from datetime import datetime

import msgspec
import orjson
from rich.console import Console
from rich.text import Text

from bridge.model import InboxId
from bridge.operate.common import explained, one_line, opened
from bridge.phone import mask_phone
from bridge.settings import Settings
from bridge.store.archive.people import find_person
from bridge.store.archive.query import QueryError
from bridge.store.archive.search import ContactHit, Hit, Page, Scope, Search


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    words: str
    contact: str | None = None
    inboxes: tuple[InboxId, ...] | None = None
    direction: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 20
    as_json: bool = False


async def search(settings: Settings, asked: Asked, console: Console | None = None) -> int:
    """Print what is found. 1 when nothing is, when the query cannot be read, or the archive."""
    console = console or Console()
    with explained():
        async with opened(settings) as database:
            scope = Scope(
                inboxes=asked.inboxes, direction=asked.direction, since=asked.since, until=asked.until
            )
            if asked.contact is not None:
                async with database.read() as connection:
                    scope = msgspec.structs.replace(
                        scope, contact=(await find_person(connection, asked.contact)).contact
                    )
            try:
                page = await Search(database).find(asked.words, scope, before=asked.before, limit=asked.limit)
            except QueryError as problem:
                Console(stderr=True).print(problem.pointed(), markup=False, highlight=False, soft_wrap=True)
                return 1
    if asked.as_json:
        console.file.write(orjson.dumps(page, default=msgspec.to_builtins).decode() + "\n")
    else:
        show(console, page)
    return 0 if page.hits or page.contacts else 1


def show(console: Console, page: Page) -> None:
    """A page for people."""
    for person in page.contacts:
        console.print(_person(person), soft_wrap=True)
    for hit in page.hits:
        console.print(_hit(hit), soft_wrap=True)
    if page.before is not None:
        console.print(f"There is more: add --before {page.before}", style="dim", highlight=False)
    if not page.hits and not page.contacts:
        console.print("Nothing was found.", highlight=False)


def _person(person: ContactHit) -> Text:
    known = [mask_phone(f"+{person.phone}")] if person.phone else []
    known += [f"@{one_line(person.username)}"] if person.username else []
    return Text.assemble(
        ("contact ", "dim"), one_line(person.name) or "?", f" {' '.join(known)} ", (person.contact, "dim")
    )


def _hit(hit: Hit) -> Text:
    number = f"#{hit.number}" if hit.number is not None else hit.conversation
    who = one_line((hit.name if hit.direction == "in" else hit.author) or "staff")
    shown = Text.assemble(
        (f"{hit.at:%Y-%m-%d %H:%M} ", "dim"), (f"{number} ", "bold"), (f"{hit.direction} {who}: ", "cyan")
    )
    at = 0
    found = hit.excerpt
    for begin, end in found.marks:
        shown.append(one_line(found.text[at:begin]))
        shown.append(one_line(found.text[begin:end]), "bold reverse")
        at = end
    shown.append(one_line(found.text[at:]))
    return shown
