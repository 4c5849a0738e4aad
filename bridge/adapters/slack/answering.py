"""Which post a person answers: the one that their words link to.

Slack: a post's address is `https://<workspace>/archives/<channel>/p<ts without its dot>`, with the thread in the query.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bridge.adapters.slack.ids import DESK
from bridge.markup import Document, Link, Text, compact
from bridge.model import Post

_PATH = re.compile(r"/archives/(?P<channel>[A-Z0-9]{2,20})/p(?P<stamp>\d{16})/?")


def linked(body: Document, team_url: str, channel: str) -> tuple[Document, Post | None]:
    """Words without the link to a post of the channel that they begin or end with, and that post: it is answered.

    A link in the middle is part of what is said.
    """
    words = _trimmed(body)
    for edge, rest in ((words[:1], words[1:]), (words[-1:], words[:-1])):
        for node in edge:
            post = _post_of(node.url, team_url) if isinstance(node, Link) else None
            if post is not None and post.channel == channel:
                return _trimmed(rest), post
    return body, None


def _trimmed(body: Document) -> Document:
    """Without white space at both ends."""
    nodes = list(body)
    while nodes and isinstance(first := nodes[0], Text):
        nodes[:1] = [Text(said)] if (said := first.text.lstrip()) else []
        if said:
            break
    while nodes and isinstance(last := nodes[-1], Text):
        nodes[-1:] = [Text(said)] if (said := last.text.rstrip()) else []
        if said:
            break
    return compact(nodes)


def _post_of(url: str, team_url: str) -> Post | None:
    try:
        parts, team = urlsplit(url), urlsplit(team_url)
    except ValueError:
        return None
    found = _PATH.fullmatch(parts.path)
    if found is None or not team.hostname or parts.hostname != team.hostname:
        return None
    stamp = found["stamp"]
    return Post(desk=DESK, channel=found["channel"], id=f"{stamp[:10]}.{stamp[10:]}")
