"""Mentions and links inside mrkdwn, and who is notified by them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.state import Channel, Workspace

ENTITY = re.compile(r"<([^<>\n]+)>")
_MENTION = re.compile(r"@([UW][A-Z0-9]+)(?:\|.*)?$")
_SUBTEAM = re.compile(r"!subteam\^(S[A-Z0-9]+)(?:\|.*)?$")
_BROADCAST = re.compile(r"!(here|channel|everyone)(?:\|.*)?$")
_LINK = re.compile(r"((?:https?|mailto|tel):[^|]*)(?:\|(.*))?$")
_BARE_BROADCAST = re.compile(r"(?<!\w)@(here|channel|everyone)\b")
_BARE_NAME = re.compile(r"(?<!\w)@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)


def escape(text: str) -> str:
    """Slack's three entities, as a client sends them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """Back from the three entities; the ampersand last."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mentions(text: str) -> Iterator[str]:
    """What a mrkdwn text mentions: user ids, user group ids, `!here`, `!channel`, `!everyone`."""
    for entity in ENTITY.findall(text):
        for pattern in (_MENTION, _SUBTEAM):
            if found := pattern.match(entity):
                yield found[1]
        if found := _BROADCAST.match(entity):
            yield f"!{found[1]}"


def named(ws: Workspace, text: str) -> Iterator[str]:
    """What bare `@names` would mention when Slack parses a text fully (`parse=full`, `link_names`)."""
    for word in _BARE_BROADCAST.findall(text):
        yield f"!{word}"
    handles = {group.handle: group.id for group in ws.config.usergroups}
    for word in _BARE_NAME.findall(text):
        if word in handles:
            yield handles[word]
            continue
        try:
            yield ws.person_id(word)
        except KeyError:
            continue


def block_mentions(node: JsonValue) -> Iterator[str]:
    """What Block Kit JSON mentions: mrkdwn and markdown texts are read, plain text and rich text words are not."""
    if isinstance(node, list):
        for item in node:
            yield from block_mentions(item)
    elif isinstance(node, dict):
        match node.get("type"):
            case "mrkdwn" | "markdown":
                yield from mentions(str(node.get("text", "")))
            case "user":
                yield str(node.get("user_id"))
            case "usergroup":
                yield str(node.get("usergroup_id"))
            case "broadcast":
                yield f"!{node.get('range')}"
            case _:
                for value in node.values():
                    if isinstance(value, list | dict):
                        yield from block_mentions(value)


def attachment_mentions(attachments: list[Json]) -> Iterator[str]:
    """What legacy attachments mention: their texts are mrkdwn."""
    for item in attachments:
        for key in ("text", "pretext"):
            yield from mentions(str(item.get(key) or ""))
        for field in item.get("fields") or []:
            yield from mentions(str(field.get("value") or ""))
        yield from block_mentions(item.get("blocks") or [])


def notified(ws: Workspace, channel: Channel, causes: set[str], author: str) -> set[str]:
    """The people whom mentions notify: members of the channel (for `!here` the active ones), never the author."""
    people: set[str] = set()
    members = [m for m in channel.members if m in ws.people]
    for cause in causes:
        if cause == "!here":
            people.update(m for m in members if ws.people[m].presence == "active")
        elif cause.startswith("!"):
            people.update(members)
        elif cause in ws.usergroups:
            people.update(m for m in ws.usergroups[cause] if m in channel.members)
        elif cause in ws.people:
            people.add(cause)
    people.discard(author)
    return people


def visible(text: str) -> tuple[str, list[dict[str, str]]]:
    """A mrkdwn text as a reader sees it, and its links `{url, label}`: a label that hides its url shows here."""
    links: list[dict[str, str]] = []

    def show(found: re.Match[str]) -> str:
        link = _LINK.match(found[1])
        if link:
            url = unescape(link[1])
            label = unescape(link[2]) if link[2] else url
            links.append({"url": url, "label": label})
            return label
        if found[1].startswith("!date^"):
            return found[1].rpartition("|")[2]
        return f"<{found[1]}>"

    return unescape(ENTITY.sub(show, text)), links
