"""What happened to one message, hop by hop: from facts, or from its record, to words for whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bridge import commands
from bridge.journal import (
    AnyFact,
    CommandNoted,
    DeliveryNoted,
    MessageNoted,
    PartFate,
    PostNoted,
    VerdictNoted,
)
from bridge.markup import Bold, Code, Document, Link, ListBlock, Node, Text, bare, compact
from bridge.model import (
    AgentId,
    ConversationId,
    Direction,
    Fate,
    MessageId,
    MessageRecord,
    Post,
    Recent,
    Roster,
    Struct,
    lane_of,
    message_id,
)
from bridge.routing import answers, texts
from bridge.spans import spell

MOST_HOPS = 60
"""Shown of one message; the latest ones."""
_FATES = {
    Fate.ACCEPTED: "Accepted",
    Fate.DELIVERED: "Delivered",
    Fate.READ: "Read",
    Fate.FAILED: "Failed",
    Fate.UNCERTAIN: "Nobody can tell whether it arrived",
}
_VERDICTS = {"retry": "Retry", "resend": "Resend", "arrived": "It arrived", "fetch": "Retry"}


class Committed(Struct, frozen=True, kw_only=True):
    """A fact, and when it was committed (Unix milliseconds)."""

    ms: int
    fact: AnyFact


class Hop(Struct, frozen=True, kw_only=True):
    """One step of a message's road."""

    what: str
    at: datetime | None
    """None: when is not known (any more)."""
    detail: str = ""
    platform_id: str = ""
    post: Post | None = None


class Trace(Struct, frozen=True, kw_only=True):
    """A message's road, in the order in which it was committed: platforms' clocks differ from ours and cut seconds."""

    message: MessageId
    number: int
    """That of its conversation."""
    back: int
    """Which message it is, counted from the end."""
    direction: Direction
    author: str
    """Whose words they are, where they are not the contact's."""
    internal: bool
    words: str
    """How it begins."""
    hops: tuple[Hop, ...]
    whole: bool = True
    """False: what became of it is not remembered."""


# ------------------------------------------------------------------------------------------------ which one


def chosen(
    told: Iterable[Committed], conversation: ConversationId, back: int, asked: MessageId
) -> MessageId | None:
    """The `back`-th last message of a conversation; commands that stay inside are no messages of anybody."""
    found: dict[MessageId, MessageNoted] = {}
    ordered = set()
    for one in told:
        fact = one.fact
        if fact.conversation != conversation:
            continue
        if isinstance(fact, MessageNoted):
            found[fact.message] = fact
        elif isinstance(fact, CommandNoted) and fact.command != "note":
            ordered.add(fact.cause)
    names = [
        name
        for name, fact in found.items()
        if name != asked and not (fact.internal and fact.cause in ordered)
    ]
    return names[-back] if len(names) >= back else None


def remembered(lines: Sequence[Recent], back: int, asked: MessageId) -> Recent | None:
    """The same, from the recent history."""
    known: dict[MessageId, Recent] = {
        line.message: line for line in lines if line.message and line.message != asked and not _ordered(line)
    }
    return list(known.values())[-back] if len(known) >= back else None


def _ordered(line: Recent) -> bool:
    """A command that was typed."""
    if not (line.internal and line.text.startswith("!")):
        return False
    row = commands.find(commands.split_word(line.text[1:])[0])
    return row is not None and row.name != "note"


# ------------------------------------------------------------------------------------------------ its road


def traced(
    told: Sequence[Committed], message: MessageId, number: int, back: int, roster: Roster
) -> Trace | None:
    """The road of a message as the facts tell it; None when they do not know it."""
    noted = [one for one in told if isinstance(one.fact, MessageNoted) and one.fact.message == message]
    if not noted:
        return None
    latest = noted[-1].fact
    assert isinstance(latest, MessageNoted)  # noqa: S101 - selected above
    hops = [hop for one in told for hop in _hops(one, message, first=one is noted[0], roster=roster)]
    return Trace(
        message=message,
        number=number,
        back=back,
        direction=latest.direction,
        author=_person(latest.author, roster),
        internal=latest.internal,
        words=texts.excerpt(latest.body),
        hops=tuple(hops),
    )


def _person(agent: AgentId | None, roster: Roster) -> str:
    known = roster.get(agent)
    return known.name if known else agent or "somebody who is no agent"


def _hops(one: Committed, message: MessageId, *, first: bool, roster: Roster) -> list[Hop]:
    fact = one.fact
    match fact:
        case MessageNoted() if fact.message == message:
            return _noted(fact, _instant(one.ms), first=first, roster=roster)
        case PostNoted() if fact.message == message:
            return [Hop(what="Shown", at=fact.at, post=fact.post, detail=_after(fact.tries))]
        case DeliveryNoted() if fact.message == message:
            return _delivered(fact)
        case VerdictNoted() if fact.message == message:
            who = _person(fact.by, roster)
            where = f", from part {fact.part + 1} on" if fact.part and fact.verdict != "arrived" else ""
            return [Hop(what=f"{_VERDICTS.get(fact.verdict, fact.verdict)}, says {who}{where}", at=fact.at)]
        case _:
            return []


def _noted(fact: MessageNoted, committed: datetime, *, first: bool, roster: Roster) -> list[Hop]:
    if fact.direction is Direction.INBOUND:
        kind = "" if fact.kind == "text" else fact.kind
        return [
            *([Hop(what="Written by the contact", at=fact.sent_at)] if fact.sent_at else []),
            Hop(what="Arrived", at=fact.at, detail=kind, platform_id=fact.platform_id or ""),
            Hop(what="Committed", at=committed),
        ]
    if not first:
        what = "Stays on the desk" if fact.internal else "Let out"
        return [Hop(what=what, at=fact.at)]
    who = _person(fact.author, roster)
    # Words that were held, or waited for their author's choice, were noted only when that was over.
    own = message_id(lane_of(fact.message), fact.cause) == fact.message
    door = "Typed" if fact.post else "Given by command"
    began = Hop(what=f"{door} by {who}" if own else f"Let out, by {who}", at=fact.at, post=fact.post)
    return [
        began,
        Hop(what="Committed: stays on the desk" if fact.internal else "Committed to go out", at=committed),
    ]


def _delivered(fact: DeliveryNoted) -> list[Hop]:
    several = fact.total > 1 or any(part.part for part in fact.parts)
    hops = [_part(fact, part, several=several) for part in fact.parts]
    if not any(part.fate is fact.fate for part in fact.parts) and fact.fate in {Fate.FAILED, Fate.UNCERTAIN}:
        hops.append(Hop(what=_FATES[fact.fate], at=fact.at, detail=_reason(fact)))
    return hops


def _part(fact: DeliveryNoted, part: PartFate, *, several: bool) -> Hop:
    what = _FATES.get(part.fate, "On its way")
    if several:
        of = f" of {fact.total}" if fact.total else ""
        what = f"{what}: part {part.part + 1}{of}"
    reason = _reason(fact) if part.fate is Fate.FAILED else ""
    detail = ", ".join(filter(None, (_after(fact.tries), reason)))
    return Hop(what=what, at=fact.at, detail=detail, platform_id=part.platform_id)


def _after(tries: int) -> str:
    """Said where the first try was not enough."""
    return f"after {tries} tries" if tries > 1 else ""


def _reason(fact: DeliveryNoted) -> str:
    return f"{fact.words} ({fact.code})" if fact.code and fact.words else fact.words or fact.code


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def from_record(record: MessageRecord, line: Recent, number: int, back: int) -> Trace:
    """As much of a message's road as the live store remembers of it: where it stands, not when it came there."""
    inbound = record.direction is Direction.INBOUND
    began = Hop(
        what="Arrived" if inbound else "Noted",
        at=record.at,
        platform_id=record.platform_id or "",
        post=None if inbound else next(iter(record.posts), None),
    )
    shown = [Hop(what="Shown", at=None, post=post) for post in record.posts] if inbound else []
    parts = [
        Hop(
            what=_FATES.get(part.fate, "On its way") + (f": part {at + 1}" if len(record.parts) > 1 else ""),
            at=None,
            platform_id=part.platform_id,
            detail=record.problem if part.fate is Fate.FAILED else "",
        )
        for at, part in enumerate(record.parts)
    ]
    if not inbound and not parts and record.fate in _FATES:
        parts = [Hop(what=_FATES[record.fate], at=None, detail=record.problem)]
    return Trace(
        message=record.id,
        number=number,
        back=back,
        direction=record.direction,
        author=line.author or _person(None, Roster()),
        internal=line.internal,
        words=texts.excerpt((Text(line.text),)),
        hops=(began, *shown, *parts),
    )


def from_line(line: Recent, message: MessageId, number: int, back: int) -> Trace:
    """The same where only the recent history remembers it: a note, or what is older than its record."""
    return Trace(
        message=message,
        number=number,
        back=back,
        direction=line.direction,
        author=line.author or _person(None, Roster()),
        internal=line.internal,
        words=texts.excerpt((Text(line.text),)),
        hops=(Hop(what="Noted", at=line.at),),
        whole=False,
    )


# ------------------------------------------------------------------------------------------------ in words


def document(
    trace: Trace,
    now: datetime,
    links: Mapping[Post, str],
    mask: Callable[[str], str],
    notes: Sequence[str] = (),
) -> Document:
    """The trace for one person: platform ids masked by `mask`, posts linked where `links` knows them."""
    which = "last message" if trace.back == 1 else f"{answers.ordinal(trace.back)} last message"
    kind = ", internal" if trace.internal else ""
    head = texts.say(
        "*The {which} of #{number}*, by {author}{kind}: {words}",
        which=which,
        number=trace.number,
        author="the contact" if trace.direction is Direction.INBOUND else trace.author,
        kind=kind,
        words=trace.words or "(no words)",
    )
    hops = trace.hops[-MOST_HOPS:]
    items = []
    before: datetime | None = None
    for hop in hops:
        items.append(_item(hop, before, links, mask))
        before = hop.at or before
    if missing := _missing(trace):
        waits = f" ({spell((now - before).total_seconds())} since)" if before else ""
        items.append((Text(f"{missing}{waits}"),))
    if len(hops) < len(trace.hops):
        notes = (*notes, f"The latest {len(hops)} of {len(trace.hops)} steps are shown.")
    below = tuple(node for note in notes for node in (Text(f"\n{note}"),))
    return compact((*head, ListBlock(ordered=False, items=tuple(items)), *below))


def _item(
    hop: Hop, before: datetime | None, links: Mapping[Post, str], mask: Callable[[str], str]
) -> tuple[Node, ...]:
    nodes: list[Node] = [Bold((Text(hop.what),))]
    if hop.at is not None:
        nodes += [Text(" "), texts.instant(hop.at)]
        if before is not None:
            nodes.append(Text(f", {spell((hop.at - before).total_seconds())} later"))
    if hop.platform_id:
        nodes += [Text(" "), Code(mask(hop.platform_id))]
    if hop.post is not None:
        url = links.get(hop.post)
        nodes += [Text(" "), Link(url, "post") if url else Code(hop.post.id)]
    if hop.detail:
        nodes.append(Text(f": {bare((Text(mask(hop.detail)),))}"))
    return tuple(nodes)


def _missing(trace: Trace) -> str:
    """What should have happened and has not, in words; empty where the road is at its end."""
    whats = [hop.what for hop in trace.hops]
    if trace.internal or not trace.whole:
        return ""
    if trace.direction is Direction.INBOUND:
        return "" if "Shown" in whats else "Not shown yet"
    # A retry begins anew, so what was known before it does not count.
    begun = max((at for at, what in enumerate(whats) if what.startswith(("Retry", "Resend"))), default=0)
    settled = tuple(_FATES.values())
    return "" if any(what.startswith(settled) for what in whats[begun:]) else "Not accepted yet"
