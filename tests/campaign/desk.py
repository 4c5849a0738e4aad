"""Reads the sandbox's Slack as a person would: cards, posts, whispers, receipts."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.sandbox.server import Sandbox
from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.state import Ephemeral, Message
from tests.campaign.record import Card, Post, Whisper
from tests.campaign.script import INBOXES, PEOPLE, Talk


def title(message: Message) -> str:
    """The customer that a card is about; empty for what is no card."""
    header = next((block for block in message.blocks or [] if block["type"] == "header"), None)
    return str(header["text"]["text"]) if header and message.bot and not message.thread_ts else ""


def newest_card(sandbox: Sandbox, talk: Talk) -> Message | None:
    """The last card of a talk's customer in its channel."""
    found = (
        one for one in reversed(sandbox.slack.channel(talk.channel).messages) if title(one) == talk.customer
    )
    return next(found, None)


def buttons(message: Message | Ephemeral) -> frozenset[str]:
    """The names of a post's buttons and menus."""
    return frozenset(_action_names(list(message.blocks or [])))


def _action_names(node: JsonValue) -> Iterator[str]:
    if isinstance(node, dict):
        action = node.get("action_id")
        if isinstance(action, str):
            yield action.rpartition(":")[2]
        for value in node.values():
            yield from _action_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _action_names(value)


def words(message: Message | Ephemeral) -> str:
    """What a client shows of a post: its blocks, or its text where it has none."""
    return "\n".join(_block_words(list(message.blocks))) if message.blocks else message.text


def _block_words(blocks: list[Json]) -> Iterator[str]:
    for block in blocks:
        pieces = list(_leaves(block))
        if pieces:
            yield "".join(pieces)


def _leaves(node: JsonValue) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield str(node["text"])
        for value in node.values():
            yield from _leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value)


def cards(sandbox: Sandbox) -> tuple[Card, ...]:
    """All cards of all channels."""
    return tuple(
        Card(channel, one.ts, title(one))
        for channel in INBOXES
        for one in sandbox.slack.channel(channel).messages
        if title(one)
    )


def posts(sandbox: Sandbox) -> tuple[Post, ...]:
    """All posts of the bot in threads, in order of time by channel."""
    return tuple(
        Post(channel, one.thread_ts, one.ts, one.username or "", words(one), buttons(one))
        for channel in INBOXES
        for one in sorted(sandbox.slack.channel(channel).everything(), key=lambda one: one.ts)
        if one.bot and one.thread_ts
    )


def whispers(sandbox: Sandbox) -> tuple[Whisper, ...]:
    """What each person alone was shown, and their direct messages."""
    found: list[Whisper] = []
    for name in sorted({name for names in PEOPLE.values() for name in names}):
        person = sandbox.slack.person(name)
        mine: list[Message | Ephemeral] = [*person.ephemerals, *(one for one in person.dms if one.bot)]
        found += [Whisper(name, words(one), buttons(one)) for one in mine]
    return tuple(found)


def post_id(channel: str, ts: str) -> str:
    """What a staff post is called: a ts alone is unique in its channel only."""
    return f"{channel}/{ts}"


def receipts(sandbox: Sandbox) -> dict[str, frozenset[str]]:
    """The bot's reactions by staff post (`post_id`)."""
    bot = sandbox.slack.workspace.bot.user_id
    return {
        post_id(channel, one.ts): frozenset(name for name, users in one.reactions.items() if bot in users)
        for channel in INBOXES
        for one in sandbox.slack.channel(channel).everything()
        if not one.bot
    }
