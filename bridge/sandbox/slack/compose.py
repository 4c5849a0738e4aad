"""What a Slack client makes of the words a person types: mrkdwn `text` and `rich_text` blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from bridge.sandbox.slack.emoji import emoji_element, unicode_pattern
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.mrkdwn import escape
from bridge.sandbox.slack.state import Workspace

_PRE = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_BULLET = re.compile(r"^\s*[-•*] +(.*)$")
_NUMBER = re.compile(r"^\s*\d+\. +(.*)$")
_QUOTE = re.compile(r"^> ?(.*)$")
_STYLES = {"*": "bold", "_": "italic", "~": "strike"}
_PATTERNS = (
    r"<@(?P<user>[UW][A-Z0-9]+)(?:\|[^>]*)?>",
    r"<#(?P<channel>[CGD][A-Z0-9]+)(?:\|[^>]*)?>",
    r"<!subteam\^(?P<group>S[A-Z0-9]+)(?:\|[^>]*)?>",
    r"<!(?P<range>here|channel|everyone)>",
    r"<(?P<url>(?:https?|mailto|tel):[^|>\s]+)(?:\|(?P<label>[^>]+))?>",
    r"`(?P<code>[^`\n]+)`",
    r"(?<![\w*_~])(?P<mark>[*_~])(?=\S)(?P<styled>[^\n]+?)(?<=\S)(?P=mark)(?!\w)",
    r":(?P<emoji>[a-z0-9_+'-]+):(?::skin-tone-(?P<tone>[2-6]):)?",
    r"(?P<bare>https?://[^\s<>]*[^\s<>.,;:!?'\")\]])",
    r"(?P<mail>\b[\w.+-]+@[\w-]+\.[\w.-]*\w)",
    r"(?<!\w)(?P<phone>\+\d[\d ]{7,16}\d)(?!\w)",
    r"(?<![\w@/.-])(?P<domain>(?:[a-z0-9-]+\.)+(?:com|org|net|io|eu|es|de|fr|it|uk)(?:/[^\s<>]*)?)\b",
    r"(?<!\w)@(?P<name>[a-z0-9][a-z0-9_-]*)",
    r"(?<!\w)#(?P<room>[a-z0-9][a-z0-9_-]*)",
)


@cache
def _inline() -> re.Pattern[str]:
    return re.compile("|".join((*_PATTERNS, f"(?P<char>{unicode_pattern()})")))


class Composer:
    """Turns typed text into the two forms that travel."""

    def __init__(self, ws: Workspace) -> None:
        """Take the workspace whose names and custom emoji the client would complete."""
        self._ws = ws

    def compose(self, typed: str) -> tuple[str, list[Json]]:
        """The mrkdwn `text` (entities escaped) and the blocks: one `rich_text`, or none for no words."""
        texts: list[str] = []
        elements: list[Json] = []
        at = 0
        for found in _PRE.finditer(typed):
            self._lines(typed[at : found.start()].strip("\n"), texts, elements)
            texts.append(f"```{escape(found[1])}```")
            elements.append({"type": "rich_text_preformatted", "elements": [_text(found[1])], "border": 0})
            at = found.end()
        self._lines(typed[at:].strip("\n") if at else typed, texts, elements)
        if not elements:
            return "", []
        return "\n".join(texts), [{"type": "rich_text", "block_id": "rt1", "elements": elements}]

    def _lines(self, typed: str, texts: list[str], elements: list[Json]) -> None:
        if not typed:
            return
        kind, rows = "", list[str]()
        for line in typed.split("\n"):
            next_kind, content = _classify(line)
            if rows and next_kind != kind:
                self._flush(kind, rows, texts, elements)
                rows = []
            kind = next_kind
            rows.append(content)
        self._flush(kind, rows, texts, elements)

    def _flush(self, kind: str, rows: list[str], texts: list[str], elements: list[Json]) -> None:
        if kind in ("bullet", "ordered"):
            items = []
            for number, row in enumerate(rows, 1):
                text, parts = self.inline(row)
                texts.append(("• " if kind == "bullet" else f"{number}. ") + text)
                items.append({"type": "rich_text_section", "elements": parts})
            elements.append({"type": "rich_text_list", "elements": items, "style": kind, "indent": 0})
            return
        text, parts = self.inline("\n".join(rows))
        if kind == "quote":
            texts.append("\n".join(f"&gt; {line}" for line in text.split("\n")))
            elements.append({"type": "rich_text_quote", "elements": parts})
        else:
            texts.append(text)
            elements.append({"type": "rich_text_section", "elements": parts})

    def inline(self, typed: str, style: Json | None = None) -> tuple[str, list[Json]]:
        """One run of text: its mrkdwn and its rich text elements, all with `style`."""
        out: list[str] = []
        parts: list[Json] = []

        def plain(piece: str) -> None:
            if piece:
                out.append(escape(piece))
                if parts and parts[-1]["type"] == "text" and parts[-1].get("style") == (style or None):
                    parts[-1]["text"] += piece
                else:
                    parts.append(_text(piece, style))

        at = 0
        for found in _inline().finditer(typed):
            plain(typed[at : found.start()])
            at = found.end()
            made = self._token(found, style)
            if made is None:
                plain(found[0])
            else:
                out.append(made[0])
                parts.extend(made[1])
        plain(typed[at:])
        return "".join(out), parts

    def _token(self, found: re.Match[str], style: Json | None) -> tuple[str, list[Json]] | None:
        group = found.groupdict()
        if group["code"]:
            return f"`{escape(group['code'])}`", [_text(group["code"], (style or {}) | {"code": True})]
        if group["styled"]:
            mark = group["mark"]
            text, parts = self.inline(group["styled"], (style or {}) | {_STYLES[mark]: True})
            return f"{mark}{text}{mark}", parts
        made = self._entity(group) or self._link(group) or self._name(group)
        if made is None:
            return None
        if style and made[1]["type"] != "emoji":
            made[1]["style"] = style
        return made[0], [made[1]]

    def _entity(self, group: dict[str, str | None]) -> tuple[str, Json] | None:
        if user := group["user"]:
            return f"<@{user}>", {"type": "user", "user_id": user}
        if channel := group["channel"]:
            return f"<#{channel}|>", {"type": "channel", "channel_id": channel}
        if usergroup := group["group"]:
            return f"<!subteam^{usergroup}>", {"type": "usergroup", "usergroup_id": usergroup}
        if wide := group["range"]:
            return f"<!{wide}>", {"type": "broadcast", "range": wide}
        name, tone = group["emoji"], group["tone"]
        if name or group["char"]:
            made = emoji_element(self._ws.config.custom_emoji, name, tone, group["char"])
            if made:
                suffix = f":skin-tone-{made['skin_tone']}:" if "skin_tone" in made else ""
                return f":{made['name']}:{suffix}", made
        return None

    def _link(self, group: dict[str, str | None]) -> tuple[str, Json] | None:
        label: str | None = None
        url = group["url"] or group["bare"]
        if group["url"]:
            label = group["label"]
        elif mail := group["mail"]:
            url, label = f"mailto:{mail}", mail
        elif phone := group["phone"]:
            url, label = f"tel:{phone.replace(' ', '')}", phone
        elif domain := group["domain"]:
            url, label = f"http://{domain}", domain
        if not url:
            return None
        if label:
            return f"<{escape(url)}|{escape(label)}>", {"type": "link", "url": url, "text": label}
        return f"<{escape(url)}>", {"type": "link", "url": url}

    def _name(self, group: dict[str, str | None]) -> tuple[str, Json] | None:
        if room := group["room"]:
            lookups: list[Callable[[], tuple[str, Json] | None]] = [lambda: self._room(room)]
        elif name := group["name"]:
            lookups = [lambda: self._broadcast(name), lambda: self._usergroup(name), lambda: self._user(name)]
        else:
            return None
        return next((made for lookup in lookups if (made := lookup())), None)

    def _room(self, name: str) -> tuple[str, Json] | None:
        try:
            channel = self._ws.channel_for(name).id
        except KeyError:
            return None
        return f"<#{channel}|>", {"type": "channel", "channel_id": channel}

    def _broadcast(self, name: str) -> tuple[str, Json] | None:
        if name not in ("here", "channel", "everyone"):
            return None
        return f"<!{name}>", {"type": "broadcast", "range": name}

    def _usergroup(self, name: str) -> tuple[str, Json] | None:
        for group in self._ws.config.usergroups:
            if group.handle == name:
                return f"<!subteam^{group.id}>", {"type": "usergroup", "usergroup_id": group.id}
        return None

    def _user(self, name: str) -> tuple[str, Json] | None:
        if name == self._ws.bot.name:
            user = self._ws.bot.user_id
        else:
            try:
                user = self._ws.person_id(name)
            except KeyError:
                return None
        return f"<@{user}>", {"type": "user", "user_id": user}


def _classify(line: str) -> tuple[str, str]:
    for kind, pattern in (("quote", _QUOTE), ("bullet", _BULLET), ("ordered", _NUMBER)):
        if found := pattern.match(line):
            return kind, found[1]
    return "section", line


def _text(text: str, style: Json | None = None) -> Json:
    return {"type": "text", "text": text} | ({"style": style} if style else {})
