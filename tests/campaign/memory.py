"""Does the archive agree with what was seen? Pure, and a part of the checker.

- Every customer's message that was shown is there once, whole, with just the posts that show it.
- Every staff message is there once: an internal one as internal and without a delivery; one that reached its customer
  with its fate and with just the messages of WhatsApp that carry it, each as far as the phone knows.
- Nothing else that went in or out is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.campaign.record import (
    Arrived,
    Intent,
    Kind,
    Remembered,
    Seen,
    Typed,
    Written,
    Wrong,
    plain,
    tokens,
)

FATES = {"accepted": "accepted", "sent": "accepted", "delivered": "delivered", "read": "read"}
"""The archive's word for what a phone knows."""
_ORDER = ("accepted", "delivered", "read")


def disagreements(written: Sequence[Written], typed: Sequence[Typed], seen: Seen) -> Iterator[Wrong]:
    """Everything that the archive has differently from how it was; nothing when nobody looked into it."""
    if seen.archive is None:
        return
    rows: dict[tuple[str, bool], list[Remembered]] = defaultdict(list)
    for row in seen.archive:
        for token in dict.fromkeys(tokens(row.text)) or [""]:
            rows[token, row.outbound].append(row)
    posts: dict[str, set[str]] = defaultdict(set)
    for post in seen.posts:
        if post.name:
            for token in tokens(post.text):
                posts[token].add(f"{post.channel}/{post.ts}")
    arrived: dict[str, list[Arrived]] = defaultdict(list)
    for one in seen.arrived:
        for token in set(tokens(one.text)):
            arrived[token].append(one)
    for message in written:
        yield from _inbound(message, rows[message.token, False], posts[message.token])
    for words in typed:
        yield from _outbound(words, rows[words.token, True], arrived[words.token])
    yield from _strangers(written, typed, rows)


def _wrong(token: str, words: str) -> Wrong:
    return Wrong(Kind.ARCHIVE, token, words)


def _inbound(one: Written, rows: Sequence[Remembered], posts: set[str]) -> Iterator[Wrong]:
    if len(rows) != 1:
        yield _wrong(one.token, f"{one.customer}'s message is there {len(rows)} times")
        return
    if plain(one.text) not in plain(rows[0].text):
        yield _wrong(one.token, f"{one.text!r} is there as {rows[0].text!r}")
    if rows[0].posts != posts:
        yield _wrong(one.token, f"it stands in {sorted(posts)}; there: {sorted(rows[0].posts)}")


def _outbound(words: Typed, rows: Sequence[Remembered], arrived: Sequence[Arrived]) -> Iterator[Wrong]:
    reached = {one.id: FATES[one.status] for one in arrived if one.status in FATES}
    certain = reached or words.intent is not Intent.OPEN
    if len(rows) > 1 or (certain and not rows and not words.given_up):
        yield _wrong(words.token, f"{words.author}'s message is there {len(rows)} times")
        return
    for row in rows:
        if not reached:
            if row.fate in _ORDER or not (row.internal or words.intent is not Intent.INTERNAL):
                yield _wrong(words.token, f"nothing of it arrived; there it is {row.fate or 'not internal'}")
            continue
        least = min(reached.values(), key=_ORDER.index)
        whole = plain(" ".join(one.text for one in arrived if one.status in FATES)) == plain(words.text)
        if row.internal or row.fate not in ({least} if whole else {"failed", "uncertain"}):
            what = least if whole else "there in part"
            yield _wrong(words.token, f"it is {what}; there: {'internal' if row.internal else row.fate}")
        parts = {name: fate for name, fate in row.parts.items() if fate != "failed"}
        if parts != reached:
            yield _wrong(words.token, f"WhatsApp took {reached}; there: {parts}")


def _strangers(
    written: Sequence[Written],
    typed: Sequence[Typed],
    rows: Mapping[tuple[str, bool], Sequence[Remembered]],
) -> Iterator[Wrong]:
    """Words to or from customers that nobody said."""
    said = {(one.token, False) for one in written} | {(one.token, True) for one in typed}
    for key, found in rows.items():
        if key not in said:
            for row in found:
                if not row.internal:
                    yield _wrong("", f"nobody said {row.text!r}")
