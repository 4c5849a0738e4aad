"""What a contact sends, as Block Kit: places with a map, contact cards, answers, orders, where they came from. Pure.

All of it comes from outside and is shown as ``rich_text`` or ``plain_text``: nothing in it can ping, format or pass for
words of ours. The only labelled links are to a map, whose address is made here of two numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from bridge.adapters.slack.format import MAX_POST, to_rich_text
from bridge.adapters.slack.panel import CONTEXT_LIMIT, Block, context, cut, mrkdwn, plain
from bridge.content import (
    Attachment,
    Call,
    Card,
    Cards,
    Content,
    Form,
    Forwarded,
    Location,
    Marks,
    Order,
    Referral,
    Tapped,
    Unsupported,
    Words,
    described,
)
from bridge.content.described import amount, card_lines, card_name, order_sums
from bridge.markup import Bold, Document, ListBlock, Node, Text, bare, compact, one_line

_ROWS = 40
"""Lines of a list, and cards of a message, that are shown; a desk is no place to read more."""
_LINE = 500
_URL_LIMIT = 3000
_ALT_LIMIT = 200
_FORWARDED = {Forwarded.ONCE: "Forwarded", Forwarded.OFTEN: "Forwarded many times"}


def content_blocks(content: Content) -> list[Block]:  # noqa: PLR0911 - one case per kind
    """A message's content; at least one block, cut with a mark where it is more than a post can hold."""
    match content:
        case Unsupported() | Call():
            return [context(plain(one_line(bare(described(content))) or "…", CONTEXT_LIMIT))]
        case Location():
            return [*_rich(described(content)), _map(content)]
        case Attachment():
            unseen = context(plain("WhatsApp names no file that could be shown.", CONTEXT_LIMIT))
            return [*_rich(described(content)), unseen]
        case Tapped():
            return [*_rich(described(content)), context(plain("Tapped, not typed", CONTEXT_LIMIT))]
        case Cards():
            return _rich(_cards(content))
        case Form():
            return _rich(_form(content))
        case Order():
            return _rich(_order(content))
        case Words():
            return _rich(content.body)


def _rich(document: Document) -> list[Block]:
    """Literal blocks within what one post can hold."""
    blocks: list[Block] = to_rich_text(document)
    most = MAX_POST // 3000
    if len(blocks) > most:
        cut_off = context(plain("… cut here: the message is longer than Slack shows.", CONTEXT_LIMIT))
        return [*blocks[:most], cut_off]
    return blocks or [context(plain("…", CONTEXT_LIMIT))]


def _map(place: Location) -> Block:
    url = f"https://www.google.com/maps/search/?api=1&amp;query={place.latitude:.6f}%2C{place.longitude:.6f}"
    return context(mrkdwn(f"<{url}|Open the map>", CONTEXT_LIMIT))


# ----------------------------------------------------------------------------------------------------- lists


def _list(items: Iterable[tuple[Node, ...]], what: str) -> Iterator[Node]:
    """A list of at most `_ROWS` items, and how many more there are."""
    rows = list(items)
    if rows:
        yield ListBlock(ordered=False, items=tuple(rows[:_ROWS]))
    if len(rows) > _ROWS:
        yield Text(f"… and {len(rows) - _ROWS} more {what}")


def _cards(content: Cards) -> Document:
    nodes: list[Node] = []
    if content.own:
        nodes.append(Text("The contact shares their own number:"))
    shown = content.cards[:_ROWS]
    for card in shown:
        nodes += (Text("\n" if nodes else ""), *_card(card))
    if len(content.cards) > len(shown):
        nodes.append(Text(f"\n… and {len(content.cards) - len(shown)} more contact cards"))
    return compact(nodes)


def _card(card: Card) -> Iterator[Node]:
    yield Bold((Text(cut(one_line(card_name(card)) or "No name", _LINE)),))
    yield from _list(((Text(cut(one_line(line), _LINE)),) for line in card_lines(card)), "lines")


def _form(content: Form) -> Document:
    """Name and value in a line each: Slack has no tables in posts of the Web API."""
    rows = (
        (Bold((Text(f"{cut(one_line(name), 100) or '…'}: "),)), Text(cut(one_line(value), _LINE) or "–"))
        for name, value in content.rows
    )
    return compact((Bold((Text("Form"),)), *_list(rows, "answers")))


def _order(content: Order) -> Document:
    rows = (
        (
            Text(f"{item.quantity} × {cut(one_line(item.product), 200)}"),
            Text("" if item.price is None else f" at {amount(item.price)} {item.currency}".rstrip()),
        )
        for item in content.items
    )
    nodes: list[Node] = [Bold((Text("Order"),)), *_list(rows, "items")]
    for currency, total in order_sums(content).items():
        nodes += (Bold((Text(f"Total: {amount(total)} {currency}".rstrip()),)), Text("\n"))
    if content.note:
        nodes.append(Text(content.note))
    return compact(nodes)


# ----------------------------------------------------------------------------------------------------- marks


def mark_elements(marks: Marks) -> Iterator[Block]:
    """Short hints about a message, for the line above it."""
    if marks.group:
        yield plain("Written in a group: an answer goes to this person alone", CONTEXT_LIMIT)
    if marks.forwarded:
        yield plain(_FORWARDED[marks.forwarded], CONTEXT_LIMIT)
    if marks.product:
        yield plain(f"About the product {cut(one_line(marks.product), _LINE)}", CONTEXT_LIMIT)


def referral_blocks(referral: Referral, *, pictured: bool) -> list[Block]:
    """The advertisement or post that the contact came from: its words, its address, and its picture if `pictured`."""
    what = {"ad": "an advertisement", "post": "a post"}.get(referral.kind, "a link")
    words = [Bold((Text(f"Came from {what}"),))]
    lines = [cut(one_line(part), _LINE) for part in (referral.headline, referral.body, referral.url) if part]
    blocks = _rich(compact((*words, *(Text(f"\n{line}") for line in lines))))
    if pictured and has_picture(referral):
        alt = cut(one_line(referral.headline or referral.body) or "Picture of the advertisement", _ALT_LIMIT)
        blocks.append({"type": "image", "image_url": referral.picture, "alt_text": alt})
    return blocks


def has_picture(referral: Referral | None) -> bool:
    """Whether it has a picture that Slack may be told to fetch: by https, from a named host."""
    if referral is None or not 0 < len(referral.picture) <= _URL_LIMIT:
        return False
    try:
        parts = urlsplit(referral.picture)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not any(c.isspace() for c in referral.picture)
