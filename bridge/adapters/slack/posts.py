"""What goes into a post: blocks, fallback text, metadata; and reading our own marker back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge.actions import Amend, Relay
from bridge.adapters.base import NOT_KNOWN, Marker, Quoted
from bridge.adapters.slack.contents import content_blocks, has_picture, mark_elements, referral_blocks
from bridge.adapters.slack.format import MAX_POST, escape, fallback, sections, to_slack_text
from bridge.adapters.slack.ids import METADATA_TYPE, short
from bridge.adapters.slack.panel import (
    CONTEXT_LIMIT,
    TEXT_LIMIT,
    Block,
    context,
    cut,
    instant,
    mrkdwn,
    plain,
)
from bridge.content import described
from bridge.markup import Document, bare, one_line
from bridge.markup import plain as shown
from bridge.model import ActionId, ContactId, ConversationId, InboxId, ThreadRef

_MERGED_MESSAGES = 10
_MERGED_CHARACTERS = MAX_POST // 2
_MOST_BLOCKS = 45
"""Slack: 50 in a post."""
_QUOTE_SHOWN = 200


def mergeable(relays: Sequence[Relay]) -> int:
    """How many of `relays`, from the first on, one post can hold and still be read.

    They are the same author's, within a bound that leaves room in Slack's limits for blocks and text.
    """
    characters = blocks = count = 0
    for relay in relays[:_MERGED_MESSAGES]:
        characters += len(bare(described(relay.content)))
        blocks += len(relay_blocks((relay,), {}))
        is_full = characters > _MERGED_CHARACTERS or blocks > _MOST_BLOCKS
        if count and (relay.author != relays[0].author or is_full):
            break
        count += 1
    return max(count, 1)


def relay_blocks(
    relays: Sequence[Relay], quotes: Mapping[ActionId, Quoted], *, pictured: bool = True
) -> list[Block]:
    """Each message as a block of its own, with what has to be said about it above (`quotes`: what it answers). Without pictures unless `pictured`:
    Slack refuses a post with one that it cannot fetch.
    """
    blocks: list[Block] = []
    for relay in relays:
        if relay.marks.referral:
            blocks.extend(referral_blocks(relay.marks.referral, pictured=pictured))
        if said_of_it := hints(relay, quotes.get(relay.id, NOT_KNOWN)):
            blocks.append(context(*said_of_it))
        blocks.extend(content_blocks(relay.content))
    return blocks


def has_pictures(relays: Sequence[Relay]) -> bool:
    """Whether `relay_blocks` names a picture that Slack has to fetch."""
    return any(has_picture(relay.marks.referral) for relay in relays)


def hints(relay: Relay, quoted: Quoted) -> list[Block]:
    """What has to be known of a message beside what it says, as elements of a context block."""
    found: list[Block] = []
    if relay.sent_at is not None:
        found.append(mrkdwn(f"Written {instant(relay.sent_at)}", CONTEXT_LIMIT))
    found += mark_elements(relay.marks)
    if relay.quoted is not None:
        words = cut(one_line(quoted.words), _QUOTE_SHOWN)
        whose = "Answers their own" if quoted.own else "Answers"
        shown = f"{whose}: {words}" if words else "Answers a message that is older than what is known here"
        found.append(plain(shown, CONTEXT_LIMIT))
        if quoted.url:
            found.append(mrkdwn(link(quoted.url, "Show it"), CONTEXT_LIMIT))
    return found


def amended_blocks(old: Sequence[Block], amend: Amend, was: str) -> list[Block] | None:
    """The blocks of a post that shows a contact's message, with what became of that below them. The same again where it
    says so already; None where there is no room.
    """
    name = f"tl_amend_{short(amend.id)}"[:255]
    if any(block.get("block_id") == name for block in old):
        return list(old)
    words = cut(one_line(was), _QUOTE_SHOWN)
    who = "on the phone" if amend.ours else "by the customer"
    what = f"Deleted {who}" if amend.content is None else f"Edited {who}"
    which = plain(f"{what}: {words}" if words else what, CONTEXT_LIMIT)
    below = context(which, mrkdwn(instant(amend.sent_at), CONTEXT_LIMIT), block_id=name)
    new = [*old, below, *(content_blocks(amend.content) if amend.content is not None else ())]
    return new if old and len(new) <= _MOST_BLOCKS else None


def relay_text(relays: Sequence[Relay]) -> str:
    """The fallback text of a relay post: literal."""
    return fallback("\n".join(shown(described(relay.content)) for relay in relays), TEXT_LIMIT) or "…"


def own_blocks(document: Document) -> list[Block]:
    """Words of ours as blocks, with mentions and links that work; at least one block."""
    return sections(to_slack_text(document)) or [context(plain("…", CONTEXT_LIMIT))]


def own_text(document: Document) -> str:
    """Words of ours as the text of a post; never empty."""
    return cut(to_slack_text(document), TEXT_LIMIT) or "…"


def post_args(text: str, blocks: Sequence[Block]) -> dict[str, Any]:
    """What every post of ours has: nothing in it is parsed again, nothing unfurls."""
    return {
        "text": text,
        "blocks": list(blocks),
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def metadata(marker: Marker) -> dict[str, Any]:
    """The marker as message metadata. Members and apps can read it, so it holds opaque ids only."""
    return {
        "event_type": METADATA_TYPE,
        "event_payload": {
            "actions": [short(action) for action in marker.actions],
            "contact": marker.contact,
            "conversation": marker.conversation,
            "inbox": marker.inbox,
        },
    }


def carries(message: Mapping[str, Any], actions: Iterable[str]) -> bool:
    """True when a message of ours carries the mark of one of `actions`."""
    payload = _payload(message)
    marks = payload.get("actions")
    wanted = {short(action) for action in actions}
    return isinstance(marks, list) and not wanted.isdisjoint(str(mark) for mark in marks)


def thread_ref(message: Mapping[str, Any]) -> ThreadRef | None:
    """The conversation that a message of ours names, if it does."""
    payload = _payload(message)
    contact, conversation, inbox = (payload.get(name) for name in ("contact", "conversation", "inbox"))
    if not (contact and conversation and inbox):
        return None
    return ThreadRef(
        contact=ContactId(str(contact)),
        conversation=ConversationId(str(conversation)),
        inbox=InboxId(str(inbox)),
    )


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    data = message.get("metadata") or {}
    payload = data.get("event_payload") if data.get("event_type") == METADATA_TYPE else None
    return payload if isinstance(payload, dict) else {}


def link(url: str, label: str) -> str:
    """A link in mrkdwn; `url` is one that Slack gave us."""
    return f"<{escape(url).replace('|', '%7C')}|{escape(label).replace('|', '/')}>"
