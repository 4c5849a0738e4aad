"""The ledger of a period: in = shown, out = accepted, nothing missing, nothing doubled, and in order. Pure.

What came in and what went out is counted from the archive's rows; what is still on its way is known to the live store
alone. A message that is in neither place where it should be is missing. Instants are as in
`bridge.instants`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from bridge.instants import instant, micros
from bridge.model import (
    ACCEPTED_FATES,
    ConversationId,
    Fate,
    LaneId,
    MessageId,
    Struct,
    conversation_number,
    lane_of,
)
from bridge.spans import spell

# ----------------------------------------------------------------------------------------------- what goes in


class Shown(Struct, frozen=True, kw_only=False):
    """A contact's message with one of the posts that show it; one row for each post, one without where none does."""

    message: MessageId
    conversation: ConversationId
    at: int
    """When it arrived."""
    plain: bool
    """False: what is shown stands for something that cannot be."""
    place: str | None = None
    """The desk and channel of the post."""
    post: str | None = None
    """Ids of one place that are longer, or come later in the alphabet, are of later posts."""
    posted_at: int | None = None
    """When that was committed: the parts of one post have one time."""
    again: bool = False
    """It is a file that somebody had fetched again after it could not be shown."""


class Sent(Struct, frozen=True, kw_only=False):
    """A reply that may still be on its way: it is pending, or was sent again after the latest news of it."""

    message: MessageId
    conversation: ConversationId
    at: int
    """When it was decided to go out."""
    fate: int


class Twice(Struct, frozen=True, kw_only=False):
    """A part of a reply that the platform accepted more than once without anybody having it sent again."""

    message: MessageId
    conversation: ConversationId
    at: int
    part: int
    platform_ids: tuple[str, ...]


class Undecided(Struct, frozen=True, kw_only=False):
    """A contact's message that is stored and not decided: in a lane, or among the dead letters, or dropped."""

    message: MessageId
    at: int


class UnderWay(Struct, frozen=True, kw_only=True):
    """What the live store has in hand."""

    arriving: tuple[Undecided, ...] = ()
    showing: frozenset[MessageId] = frozenset()
    """Messages of contacts whose post is pending."""
    sending: frozenset[MessageId] = frozenset()
    """Replies of which something is still to be sent."""
    held: int = 0
    choices: int = 0
    """Texts that wait for their author's choice."""
    letters: int = 0
    """Dead letters, of whatever kind."""
    buried: tuple[Undecided, ...] = ()
    """Those that are contacts' messages."""


class Archived(Struct, frozen=True, kw_only=True):
    """How far the archive has come."""

    behind: frozenset[LaneId] = frozenset()
    """Lanes whose journal it has not reached the end of (as of when the live store was looked at)."""
    waiting: int = 0
    """Entries that it has not."""
    lag_s: float = 0.0
    """Age of the oldest of them."""


# ----------------------------------------------------------------------------------------------- what comes out


class Remark(Struct, frozen=True, kw_only=True):
    """A message that something is to be said about."""

    message: MessageId
    conversation: ConversationId | None
    number: int | None
    """The conversation's, as people type it."""
    at: datetime
    what: str


class Ledger(Struct, frozen=True, kw_only=True):
    """The account of a period. Every message of it is in exactly one of the counts of its side."""

    since: datetime
    until: datetime

    received: int
    shown: int
    placeholders: int
    """Of those shown: what cannot be shown, and words of ours stand for it."""
    arriving: tuple[Remark, ...]
    buried: int
    """Messages among the dead letters."""
    dropped: int
    """Messages that an operator dropped."""

    replies: int
    accepted: int
    delivered: int
    """Of those accepted; `read`: of those delivered."""
    read: int
    failed: int
    """Visibly, with a reason."""
    uncertain: int
    """Visibly, with a question."""
    held: int
    choices: int
    sending: tuple[Remark, ...]

    missing_in: tuple[Remark, ...]
    missing_out: tuple[Remark, ...]
    doubled_in: tuple[Remark, ...]
    doubled_out: tuple[Remark, ...]
    swapped: tuple[Remark, ...]
    """Shown before a message that came earlier."""
    unsettled_in: tuple[Remark, ...]
    unsettled_out: tuple[Remark, ...]
    """Nothing can be said about them before the archive has reached the end of their lanes' journals."""
    letters: int
    dropped_letters: int
    """In the period, of whatever kind."""
    archived: Archived

    @property
    def missing(self) -> int:
        """Messages that are nowhere."""
        return len(self.missing_in) + len(self.missing_out)

    @property
    def doubled(self) -> int:
        """Messages that arrived more than once."""
        return len(self.doubled_in) + len(self.doubled_out)

    @property
    def balanced(self) -> bool:
        """Everything is accounted for, and nobody has to do anything about it."""
        wrong = self.missing or self.doubled or self.swapped or self.letters
        return not (wrong or self.unsettled_in or self.unsettled_out or self.archived.behind)


class Inbound:
    """Goes through the contacts' messages, in the order in which they were decided, and keeps what is remarkable."""

    def __init__(self, shards: int, elsewhere: Iterable[Undecided] = ()) -> None:
        """`elsewhere` are messages that were seen undecided (on their way, among the dead letters, dropped); those
        that turn out to be decided count as such.
        """
        self.shards = shards
        self.elsewhere = {one.message: one for one in elsewhere}
        self.messages = 0
        self.placeholders = 0
        self.unshown: list[Shown] = []
        self.doubled: list[Remark] = []
        self.swapped: list[Remark] = []
        self._rows: list[Shown] = []
        """Those of the message that the last row was about."""
        self._last: dict[tuple[ConversationId, str | None], tuple[int, str, MessageId]] = {}

    def take(self, rows: Iterable[Shown]) -> None:
        """The next rows; all rows of a message follow each other."""
        held = self._rows
        for row in rows:
            if held and row.message != held[0].message:
                self._end(held)
                held.clear()
            held.append(row)

    def end(self) -> Inbound:
        """There are no more."""
        if self._rows:
            self._end(self._rows)
            self._rows = []
        return self

    def _end(self, rows: list[Shown]) -> None:
        """All rows of a message. Nearly always there is one, so that comes first."""
        row = rows[0]
        self.messages += 1
        if self.elsewhere:
            self.elsewhere.pop(row.message, None)
        if row.post is None:
            self.unshown.append(row)
            return
        if not row.plain:
            self.placeholders += 1
        if len(rows) > 1:
            times = len({one.posted_at for one in rows})
            if times > 1 and not row.again:
                posts = ", ".join(one.post or "" for one in rows)
                self.doubled.append(self.remark(row, f"shown {times} times: {posts}"))
            row = min(rows, key=lambda one: (one.place or "", len(one.post or ""), one.post or ""))
        self._in_turn(row, row.post or "")

    def _in_turn(self, row: Shown, post: str) -> None:
        """Whether a message stands below those that came before it."""
        key = row.conversation, row.place
        last = self._last.get(key)
        size = len(post)
        if last is not None and (size < last[0] or (size == last[0] and post < last[1])):
            self.swapped.append(self.remark(row, f"shown before {last[2]}, which came earlier"))
            return
        self._last[key] = size, post, row.message

    def remark(self, row: Shown | Sent | Twice, what: str) -> Remark:
        """What is to be said about a message."""
        return _remark(row.message, row.conversation, row.at, what, self.shards)


def _remark(
    message: MessageId, conversation: ConversationId | None, at: int, what: str, shards: int
) -> Remark:
    number = conversation_number(conversation, shards) if conversation else None
    return Remark(message=message, conversation=conversation, number=number, at=instant(at), what=what)


def ledger(  # noqa: PLR0913 - everything that an account is made of, named
    since: datetime,
    until: datetime,
    *,
    inbound: Inbound,
    fates: Mapping[int, int],
    open_replies: Sequence[Sent],
    twice: Sequence[Twice],
    dropped: Sequence[Undecided | None],
    live: UnderWay,
    archived: Archived,
    suspects: Collection[MessageId] | None = None,
) -> Ledger:
    """The account of a period.

    `fates` counts the replies of the period by `model.Fate`; `open_replies` are those of them that may be on their
    way. `dropped` are the letters that were dropped, None for each that was no message of a contact. The live store
    and the archive are looked at one after the other, so what was decided in between is in neither: only messages
    among `suspects` (that were in neither before, too) are called missing, unless that is None.
    """
    start, end = micros(since), micros(until)
    shards = inbound.shards
    elsewhere = [one for one in inbound.elsewhere.values() if start <= one.at < end]
    buried = {one.message for one in live.buried}
    thrown = {one.message for one in dropped if one is not None}
    received = inbound.messages + len(elsewhere)
    waiting = [one for one in elsewhere if one.message not in buried | thrown]
    arriving = [_remark(one.message, None, one.at, "not decided yet", shards) for one in waiting]
    sides = _Sides(archived, suspects, shards)
    into = sides.sorted(inbound.unshown, live.showing, "decided, not shown yet")
    out = sides.sorted(open_replies, live.sending, "not accepted yet")
    counts = {fate: fates.get(int(fate), 0) for fate in Fate}
    for one in open_replies:
        counts[Fate(one.fate)] -= 1
    return Ledger(
        since=since,
        until=until,
        received=received,
        shown=inbound.messages - len(inbound.unshown),
        placeholders=inbound.placeholders,
        arriving=(*arriving, *into.under_way),
        buried=sum(one.message in buried for one in elsewhere),
        dropped=sum(one.message in thrown - buried for one in elsewhere),
        replies=sum(fates.values()) + live.held + live.choices,
        accepted=sum(counts[fate] for fate in ACCEPTED_FATES),
        delivered=counts[Fate.DELIVERED] + counts[Fate.READ],
        read=counts[Fate.READ],
        failed=counts[Fate.FAILED],
        uncertain=counts[Fate.UNCERTAIN],
        held=live.held,
        choices=live.choices,
        sending=tuple(out.under_way),
        missing_in=tuple(into.missing),
        missing_out=tuple(out.missing),
        doubled_in=tuple(inbound.doubled),
        doubled_out=tuple(
            inbound.remark(one, f"part {one.part + 1} accepted as {', '.join(one.platform_ids)}")
            for one in twice
        ),
        swapped=tuple(inbound.swapped),
        unsettled_in=tuple(into.unsettled),
        unsettled_out=tuple(out.unsettled),
        letters=live.letters,
        dropped_letters=len(dropped),
        archived=archived,
    )


class _Sorted(Struct, frozen=True, kw_only=True):
    """Messages that are not where they should be in the end."""

    under_way: list[Remark]
    missing: list[Remark]
    unsettled: list[Remark]


class _Sides:
    """Tells what is on its way from what is missing."""

    def __init__(self, archived: Archived, suspects: Collection[MessageId] | None, shards: int) -> None:
        self._archived = archived
        self._suspects = suspects
        self._shards = shards

    def sorted(self, rows: Iterable[Shown | Sent], under_way: Collection[MessageId], words: str) -> _Sorted:
        """Which of `rows`, neither shown nor accepted, are what."""
        found = _Sorted(under_way=[], missing=[], unsettled=[])
        for row in rows:
            if row.message in under_way:
                into, what = found.under_way, words
            elif lane_of(row.message) in self._archived.behind:
                into, what = found.unsettled, "the archive has not come that far"
            elif self._suspects is not None and row.message not in self._suspects:
                into, what = found.under_way, words
            else:
                into, what = found.missing, "decided, and nothing is pending for it"
            into.append(_remark(row.message, row.conversation, row.at, what, self._shards))
        return found


# ----------------------------------------------------------------------------------------------- in one line


def line(account: Ledger) -> str:
    """The account in one line: `1 d: in 1,204 = shown 1,204 · out 873 = accepted 871 + failed 2 · missing 0 · …`."""
    into = [
        ("shown", account.shown),
        ("on their way", len(account.arriving)),
        ("dead letters", account.buried),
        ("dropped", account.dropped),
        ("not archived", len(account.unsettled_in)),
        ("missing", len(account.missing_in)),
    ]
    out = [
        ("accepted", account.accepted),
        ("failed", account.failed),
        ("uncertain", account.uncertain),
        ("held", account.held),
        ("waiting for a choice", account.choices),
        ("on their way", len(account.sending)),
        ("not archived", len(account.unsettled_out)),
        ("missing", len(account.missing_out)),
    ]
    more = [("out of order", len(account.swapped)), ("dead letters", account.letters)]
    parts = [
        f"in {account.received:,} = {_sum(into)}",
        f"out {account.replies:,} = {_sum(out)}",
        f"missing {account.missing:,}",
        f"doubled {account.doubled:,}",
        *(f"{name} {count:,}" for name, count in more if count),
    ]
    return f"{spell((account.until - account.since).total_seconds())}: {' · '.join(parts)}"


def _sum(terms: Sequence[tuple[str, int]]) -> str:
    """The first term, and those of the others that are there."""
    return " + ".join(f"{name} {count:,}" for at, (name, count) in enumerate(terms) if count or at == 0)
