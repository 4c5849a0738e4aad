"""Which post a person answers or reacts to: links to posts in typed words, and the threads of posts. Slack says neither.

Slack: a post's address is `https://<workspace>/archives/<channel>/p<ts without its dot>`, with the thread in the query.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bridge.adapters.slack.ids import DESK, message_event
from bridge.markup import Document, Link, Node, Text, compact, is_blank
from bridge.model import Answered, Post

_PATH = re.compile(r"/archives/(?P<channel>[A-Z0-9]{2,20})/p(?P<stamp>\d{16})/?")


def answered(channel: str, ts: str) -> Answered:
    """The message that stands in a post."""
    return Answered(post=Post(desk=DESK, channel=channel, id=ts), cause=message_event(channel, ts))


def linked(body: Document, team_url: str, channel: str) -> tuple[Document, Answered | None]:
    """Words without the link to a post of the channel that they begin or end with, and that post: it is answered.

    A link in the middle is part of what is said.
    """
    for at in (0, -1):
        rest = _without(body, at)
        node = body[at] if body else None
        if rest is not None and isinstance(node, Link):
            found = _post_of(node.url, team_url)
            if found is not None and found[0] == channel:
                return rest, answered(*found)
            continue
        # White space around it does not count.
        inner = compact(body[1:] if at == 0 else body[:-1]) if body and is_blank((body[at],)) else ()
        if inner and isinstance(inner[at], Link):
            found = _post_of(inner[at].url, team_url)  # type: ignore[union-attr] # a link
            if found is not None and found[0] == channel:
                return _without(inner, at) or (), answered(*found)
    return body, None


def _without(body: Document, at: int) -> Document | None:
    if not body:
        return None
    rest: tuple[Node, ...] = body[1:] if at == 0 else body[:-1]
    if not rest:
        return ()
    edge = rest[0] if at == 0 else rest[-1]
    if isinstance(edge, Text):
        said = edge.text.lstrip() if at == 0 else edge.text.rstrip()
        edged: tuple[Node, ...] = (Text(said),) if said else ()
        rest = (*edged, *rest[1:]) if at == 0 else (*rest[:-1], *edged)
    return compact(rest)


def _post_of(url: str, team_url: str) -> tuple[str, str] | None:
    try:
        parts, team = urlsplit(url), urlsplit(team_url)
    except ValueError:
        return None
    found = _PATH.fullmatch(parts.path)
    if found is None or not team.hostname or parts.hostname != team.hostname:
        return None
    stamp = found["stamp"]
    return found["channel"], f"{stamp[:10]}.{stamp[10:]}"
