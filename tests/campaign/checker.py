"""The one checker: compares what was seen in the end with what was done. Pure; it knows nothing of how it came about.

- Every message of a customer that the bridge took stands exactly once, whole and in order, in a thread of its own
  customer's conversation. Who was taken for two people at first goes on in one thread.
- Every staff reply reached its customer exactly once, whole and in order; or it visibly failed (a notice with Retry), or
  visibly nobody knows (a question with "It arrived"), or its author is visibly asked what shall become of it.
- No internal word, and nothing that nobody typed, left the desk; nothing reached another customer.
- The furthest receipt of every staff message is what the phone knows.
- Nothing waits in Redis, and every dead letter was announced.
- The archive agrees with all of that (see `memory`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from tests.campaign.memory import disagreements
from tests.campaign.record import (
    Arrived,
    Card,
    Intent,
    Kind,
    Post,
    Receipt,
    Seen,
    Typed,
    Way,
    Whisper,
    Written,
    Wrong,
    plain,
    tokens,
)

REACHED = (Receipt.ACCEPTED, Receipt.DELIVERED, Receipt.READ)
"""Receipts of what WhatsApp took, from the least to the furthest."""
_RANKS = {"accepted": 0, "sent": 0, "delivered": 1, "read": 2}
_ANNOUNCED = "could not be dealt with"
"""What a notice about a dead letter says."""
_CONTINUED = "It is continued in"
"""What the last post says in a thread of somebody who turned out to be known under another name."""


def check(written: Sequence[Written], typed: Sequence[Typed], seen: Seen) -> list[Wrong]:
    """Everything that is wrong; empty when all is well."""
    return [
        *_customers(written, seen),
        *_replies(typed, seen),
        *_strangers(written, typed, seen),
        *_left_over(seen),
        *disagreements(written, typed, seen),
    ]


# ---------------------------------------------------------------------------------------- customers' messages


def _customers(written: Sequence[Written], seen: Seen) -> Iterator[Wrong]:
    cards = {(card.channel, card.ts): card for card in seen.cards}
    places: dict[str, list[tuple[str, int, Post]]] = defaultdict(list)
    for post in seen.posts:
        if post.name:
            for found in tokens(post.text):
                places[found].append((post.ts, post.text.index(found), post))
    for one in written:
        yield from _shown(one, [post for _, _, post in places[one.token]], cards)
    by_chat: dict[tuple[str, str, str], list[Written]] = defaultdict(list)
    for one in written:
        if places[one.token]:
            by_chat[one.customer, one.under, one.channel].append(one)
            if one.last:
                by_chat[one.customer, "", one.channel].append(one)
    for chat in by_chat.values():
        chat.sort(key=lambda one: min((ts, at) for ts, at, _ in places[one.token]))
        yield from _disordered([(one.token, one.way) for one in chat], "in the thread")
    yield from _gone_on(written, places, seen)


def _gone_on(
    written: Sequence[Written], places: dict[str, list[tuple[str, int, Post]]], seen: Seen
) -> Iterator[Wrong]:
    """A customer's last words stand in one thread, and in none that says that it is continued elsewhere."""
    over = {(post.channel, post.thread) for post in seen.posts if not post.name and _CONTINUED in post.text}
    threads: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in written:
        if one.last:
            here = {post.thread for _, _, post in places[one.token]}
            threads[one.customer, one.channel] |= here
            if any((one.channel, thread) in over for thread in here):
                words = (
                    f"{one.customer} wrote {one.text!r}; it stands in a thread that is continued elsewhere"
                )
                yield Wrong(Kind.WRONG_THREAD, one.token, words)
    for (customer, channel), found in threads.items():
        if len(found) > 1:
            words = f"{customer}'s last words stand in {len(found)} threads of {channel}: {sorted(found)}"
            yield Wrong(Kind.WRONG_THREAD, "", words)


def _shown(one: Written, posts: Sequence[Post], cards: dict[tuple[str, str], Card]) -> Iterator[Wrong]:
    if not posts:
        yield Wrong(Kind.LOST, one.token, f"{one.customer} wrote {one.text!r}, and no thread shows it")
    if len(posts) > 1:
        where = ", ".join(f"{post.channel}/{post.ts}" for post in posts)
        yield Wrong(
            Kind.DOUBLED, one.token, f"{one.customer}'s {one.text!r} is shown {len(posts)} times: {where}"
        )
    for post in posts:
        card = cards.get((post.channel, post.thread))
        title = card.title if card else None
        if (post.channel, title, post.name) != (one.channel, one.customer, one.customer):
            words = f"{one.customer} wrote to {one.channel}; shown as {post.name} in a thread of {title} in {post.channel}"
            yield Wrong(Kind.WRONG_THREAD, one.token, words)
        if plain(one.text) not in plain(post.text):
            yield Wrong(Kind.GARBLED, one.token, f"{one.text!r} is shown as {post.text!r}")


def _disordered(shown: Sequence[tuple[str, Way]], where: str) -> Iterator[Wrong]:
    """`shown` in the order in which it was seen."""
    for (first, first_way), (second, second_way) in combinations(shown, 2):
        if second_way.precedes(first_way):
            yield Wrong(
                Kind.OUT_OF_ORDER, second, f"{second} came before {first}, and stands after it {where}"
            )


# -------------------------------------------------------------------------------------------------- replies


def _replies(typed: Sequence[Typed], seen: Seen) -> Iterator[Wrong]:
    by_token: dict[str, list[tuple[int, Arrived]]] = defaultdict(list)
    for at, one in enumerate(seen.arrived):
        for found in set(tokens(one.text)):
            by_token[found].append((at, one))
    by_line: dict[tuple[str, str, str], list[tuple[int, Typed]]] = defaultdict(list)
    for words in typed:
        chat = words.customer, words.channel
        here = [(at, one) for at, one in by_token[words.token] if (one.customer, one.channel) == chat]
        receipts = seen.receipts.get(words.post, frozenset())
        yield from _misdirected(words, [one for _, one in by_token[words.token]])
        if words.intent is Intent.INTERNAL:
            yield from _kept(words, [one for _, one in here], receipts)
            continue
        reached = [(at, one) for at, one in here if one.status != "failed"]
        yield from _sent(words, [one for _, one in reached], receipts, seen)
        if reached and not words.pressed:
            by_line[*chat, words.line].append((reached[0][0], words))
    for sent in by_line.values():
        sent.sort(key=lambda pair: pair[0])
        yield from _disordered([(words.token, words.way) for _, words in sent], "on the phone")


def _misdirected(words: Typed, here: Iterable[Arrived]) -> Iterator[Wrong]:
    for one in here:
        if (one.customer, one.channel) != (words.customer, words.channel):
            to = f"{one.customer} ({one.channel})"
            yield Wrong(Kind.LEAKED, words.token, f"{words.text!r} was for {words.customer} and went to {to}")


def _kept(words: Typed, here: Sequence[Arrived], receipts: frozenset[str]) -> Iterator[Wrong]:
    """Internal words: none leaves, and the receipt says that they stayed."""
    if here:
        yield Wrong(Kind.LEAKED, words.token, f"{words.author}'s internal words reached {here[0].customer}")
    elif not words.given_up and (Receipt.INTERNAL not in receipts or receipts & {*REACHED, Receipt.FAILED}):
        yield Wrong(Kind.WRONG_RECEIPT, words.token, f"internal, but the receipts are {sorted(receipts)}")


def _sent(words: Typed, reached: Sequence[Arrived], receipts: frozenset[str], seen: Seen) -> Iterator[Wrong]:
    """Words that may go out: once and whole, or visibly not."""
    parts = Counter(plain(one.text) for one in reached)
    for text, count in parts.items():
        if count > 1:
            yield Wrong(Kind.DOUBLED, words.token, f"{words.customer} got {text[:80]!r} {count} times")
    if plain(" ".join(parts)) == plain(words.text):
        yield from _receipt_is_true(words, reached, receipts)
        return
    if any(part not in plain(words.text) for part in parts):
        yield Wrong(Kind.GARBLED, words.token, f"{words.text!r} arrived as {list(parts)!r}")
    if not words.given_up and (silence := _silence(words, receipts, seen)):
        got = f"{len(parts)} of its parts" if parts else "nothing of it"
        yield Wrong(
            Kind.SILENT, words.token, f"{words.customer} got {got}: {silence}; receipts {sorted(receipts)}"
        )


def _receipt_is_true(words: Typed, reached: Sequence[Arrived], receipts: frozenset[str]) -> Iterator[Wrong]:
    wanted = REACHED[min(_RANKS[one.status] for one in reached)]
    shown = [one for one in REACHED if one in receipts]
    if not shown or shown[-1] is not wanted:
        words_of_it = f"the phone knows {wanted.name.lower()}, the receipts are {sorted(receipts)}"
        yield Wrong(Kind.WRONG_RECEIPT, words.token, words_of_it)


def _silence(words: Typed, receipts: frozenset[str], seen: Seen) -> str:
    """Why nobody can see that words did not arrive; empty when it can be seen."""
    for receipt, button, silence in (
        (Receipt.FAILED, "retry", "it failed, and nothing offers Retry"),
        (Receipt.UNCERTAIN, "arrived", "it is in doubt, and nobody is asked"),
    ):
        if receipt in receipts:
            return "" if _offered(words, button, seen) else silence
    if receipts & set(REACHED):
        return "the receipt says that it was sent"
    if words.intent is Intent.PUBLIC:
        return "it was meant to go out"
    if Receipt.NEEDS_YOU in receipts and Receipt.INTERNAL not in receipts:
        return "" if _offered(words, "send", seen) else "its author has to choose, and is not asked"
    return "" if Receipt.INTERNAL in receipts else "nothing says what became of it"


def _offered(words: Typed, button: str, seen: Seen) -> bool:
    """Does a post in the thread, or a whisper to the author, offer a button for these words?"""

    def about(one: Post | Whisper) -> bool:
        return button in one.buttons and words.token in one.text

    threads = (post for post in seen.posts if not post.name and post.channel == words.channel)
    whispers = (one for one in seen.whispers if one.person == words.author)
    return any(about(one) for one in threads) or any(about(one) for one in whispers)


# ------------------------------------------------------------------------------------------------- the rest


def _strangers(written: Sequence[Written], typed: Sequence[Typed], seen: Seen) -> Iterator[Wrong]:
    """What reached a phone, or stands in a thread in a customer's name, and nobody said."""
    staff = {one.token for one in typed}
    for one in seen.arrived:
        if staff.isdisjoint(tokens(one.text)):
            yield Wrong(Kind.LEAKED, "", f"{one.customer} got {one.text!r}, which nobody typed")
    customers = {one.token for one in written}
    for post in seen.posts:
        if post.name and customers.isdisjoint(tokens(post.text)):
            yield Wrong(Kind.WRONG_THREAD, "", f"{post.name} never wrote {post.text!r}")


def _left_over(seen: Seen) -> Iterator[Wrong]:
    for key, count in seen.left.waiting.items():
        if count:
            yield Wrong(Kind.LEFT_OVER, "", f"{count} left in {key}")
    announced = sum(_ANNOUNCED in post.text for post in seen.posts if not post.name)
    if seen.left.dead > announced:
        words = f"{seen.left.dead} dead letters, of which {announced} were announced in a thread"
        yield Wrong(Kind.LEFT_OVER, "", words)
