"""Files into a thread by Slack's external upload flow: bytes first, then a message that appears some time later.

Slack: files.getUploadURLExternal, files.completeUploadExternal. The last step answers before its message is there, and
that message can carry no metadata. What leads from an upload to its message is the file's id alone, so whoever asks
for the message has to have written that id down before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bridge.actions import Relay
from bridge.adapters.base import Quoted
from bridge.adapters.http import HttpError, UnsentError
from bridge.adapters.slack import errors
from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.contents import referral_blocks
from bridge.adapters.slack.format import from_mrkdwn, to_rich_text
from bridge.adapters.slack.ids import DESK
from bridge.adapters.slack.panel import Block
from bridge.adapters.slack.posts import hints
from bridge.adapters.streaming import Streams
from bridge.content import Attachment, MediaKind, StaffFile
from bridge.errors import Failure, FailureKind, PlatformError
from bridge.markup import Document, Text, text
from bridge.media.spool import Spooled, TooLargeError
from bridge.media.types import sniff
from bridge.model import Place, Post

_TITLES: Mapping[MediaKind, str] = {MediaKind.VOICE: "Voice message", MediaKind.STICKER: "Sticker"}
_NO_BYTES = frozenset({"tombstone", "hidden_by_limit", "list", "canvas"})
_HOSTS = (".slack.com", ".slack-gov.com")


class SlackFiles:
    """Uploads, shows, finds and deletes files. `streams` is closed by its owner."""

    def __init__(self, caller: Caller, streams: Streams, api_url: str, token: str) -> None:
        self._token = token
        self._caller = caller
        self._streams = streams
        self._api = urlsplit(api_url)

    async def upload(self, file: Spooled, name: str, content: Attachment) -> str:
        """Bring the bytes to Slack, where nobody sees them yet; the file's id. Raises `PlatformError`."""
        args: dict[str, Any] = {"filename": name, "length": file.size, "alt_txt": _alt(content)}
        answer = await self._call("files.getUploadURLExternal", args)
        url, file_id = str(answer.get("upload_url") or ""), str(answer.get("file_id") or "")
        if not file_id or not self._is_slacks(url):
            raise PlatformError(errors.no_place_for_file())
        headers = {"Content-Type": "application/octet-stream"}
        try:
            # Whoever has this address may put bytes there, so no token goes along.
            status, _ = await self._streams.post(url, headers, file.chunks(), file.size)
        except UnsentError:
            raise PlatformError(errors.file_not_taken("connection")) from None
        except HttpError as error:
            raise PlatformError(errors.file_not_taken(type(error).__name__)) from None
        if status != 200:
            raise PlatformError(errors.file_not_taken(f"http_{status}"))
        return file_id

    async def show(
        self, place: Place, relay: Relay, quoted: Quoted, file_id: str, who: Mapping[str, str]
    ) -> None:
        """Ask for the message that shows an uploaded file. Not repeatable: each time is a message of its own."""
        title = title_of(relay)
        args: dict[str, Any] = {
            "files": [{"id": file_id, **({"title": title} if title else {})}],
            "channel_id": place.channel,
            "thread_ts": place.thread,
            "blocks": comment(relay, quoted) or None,
            **who,
        }
        await self._call("files.completeUploadExternal", args)

    async def find(self, place: Place, file_id: str) -> Post | None:
        """The message in `place` that shows a file; None while there is none. Raises `PlatformError`."""
        try:
            answer = await self._call("files.info", {"file": file_id})
        except PlatformError as problem:
            if problem.failure.code in {"file_not_found", "file_deleted"}:
                return None
            raise
        shares = (answer.get("file") or {}).get("shares") or {}
        for side in ("private", "public"):
            for share in (shares.get(side) or {}).get(place.channel) or []:
                if place.thread is None or share.get("thread_ts") in (place.thread, None):
                    return Post(desk=DESK, channel=place.channel, id=str(share["ts"]))
        return None

    async def delete(self, file_id: str) -> None:
        """Take an upload away, so that its message cannot appear any more. Repeatable. Raises `PlatformError`."""
        try:
            await self._call("files.delete", {"file": file_id})
        except PlatformError as problem:
            if problem.failure.code not in {"file_not_found", "file_deleted"}:
                raise

    async def fetch(self, file: StaffFile, into: Spooled) -> None:
        """Write a colleague's file into `into`. Raises `PlatformError`. Slack: files.info, and its `url_private`, which
        wants the token; whoever has none is shown the login page.
        """
        described = (await self._call("files.info", {"file": file.file})).get("file") or {}
        if str(described.get("mode")) == "external" or described.get("is_external"):
            raise PlatformError(errors.file_elsewhere())
        if str(described.get("mode")) in _NO_BYTES or described.get("file_access", "visible") != "visible":
            raise PlatformError(errors.file_closed())
        size = described.get("size")
        if isinstance(size, int) and size > into.most_bytes:
            raise PlatformError(errors.file_too_large(into.most_bytes))
        url = str(described.get("url_private_download") or described.get("url_private") or "")
        if not self._is_slacks(url):
            raise PlatformError(errors.file_closed())
        await self._download(url, into)
        page = sniff(into.head) == "text/html" and not str(described.get("mimetype")).startswith("text/")
        if page:
            raise PlatformError(errors.file_page())
        if isinstance(size, int) and size != into.size:
            raise PlatformError(errors.file_not_given("size"))

    async def _download(self, url: str, into: Spooled) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._streams.get(url, headers) as answer:
                if answer.status == 429:
                    wait = answer.headers.get("Retry-After", "")
                    raise errors.limited(float(wait) if wait.isdecimal() else 1.0)
                if 300 <= answer.status < 400:
                    # Slack sends those without access to its login page.
                    raise PlatformError(errors.file_page())
                if answer.status in {403, 404, 410}:
                    raise PlatformError(errors.file_closed())
                if answer.status != 200:
                    raise PlatformError(errors.file_not_given(f"http_{answer.status}"))
                await into.take(answer.chunks)
        except TooLargeError:
            raise PlatformError(errors.file_too_large(into.most_bytes)) from None
        except UnsentError:
            raise errors.unreachable() from None
        except HttpError as error:
            raise PlatformError(errors.file_not_given(type(error).__name__)) from None

    async def _call(self, method: str, args: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await self._caller.call(method, args)
        except PlatformError as problem:
            if problem.failure.code in errors.NO_FILES:
                # Words can still be posted, so the conversation must not stop for it.
                failure = problem.failure
                raise PlatformError(
                    Failure(kind=FailureKind.NEVER, code=failure.code, words=failure.words)
                ) from None
            raise

    def _is_slacks(self, url: str) -> bool:
        """May a customer's bytes go there?"""
        parts, api = urlsplit(url), self._api
        if (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
            return True
        return parts.scheme == "https" and (parts.hostname or "").endswith(_HOSTS)


def comment(relay: Relay, quoted: Quoted) -> list[Block]:
    """What is said with a file: what has to be known of it, then its caption. Rich text, which Slack takes literally."""
    content = relay.content
    said = [
        from_mrkdwn(str(one["text"])) if one["type"] == "mrkdwn" else text(str(one["text"]))
        for one in hints(relay, quoted)
    ]
    if isinstance(content, Attachment) and content.kind is MediaKind.STICKER and content.animated:
        said.append(text("Animated sticker"))
    if isinstance(content, Attachment) and content.caption:
        said.append(content.caption)
    document: Document = ()
    for part in said:
        document = (*document, Text("\n"), *part) if document else part
    blocks = to_rich_text(document)
    if relay.marks.referral:
        # Its picture is left out: Slack takes nothing but rich text here.
        origin = referral_blocks(relay.marks.referral, pictured=False)
        blocks = [one for one in origin if one["type"] == "rich_text"] + blocks
    return blocks


def title_of(relay: Relay) -> str | None:
    """What stands above a file; None for its name."""
    return _TITLES.get(relay.content.kind) if isinstance(relay.content, Attachment) else None


def _alt(content: Attachment) -> str | None:
    """For those who cannot see it (Slack: at most 1,000 characters)."""
    if content.kind not in (MediaKind.IMAGE, MediaKind.STICKER):
        return None
    return (
        "A sticker that the contact sent"
        if content.kind is MediaKind.STICKER
        else "A picture that the contact sent"
    )
