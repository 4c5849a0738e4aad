"""Slack's files: the external upload flow, shares that come late, and downloads that want a token."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from bridge.sandbox.blobs import CHUNK, Blob, serve
from bridge.sandbox.faults import cut
from bridge.sandbox.slack.filetypes import type_of
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.state import Channel, Message

if TYPE_CHECKING:
    from bridge.sandbox.slack.backend import Backend

MOST_BYTES = 1024 * 1024 * 1024
KEPT = 2_000


@dataclass(slots=True)
class Share:
    """Where a file is shown, once it is."""

    channel: str
    ts: str
    thread_ts: str | None
    private: bool


@dataclass(frozen=True, slots=True)
class Attached:
    """What a person attaches. `mime` is what Slack takes it for, `length` what Slack says of its size where that is wrong."""

    name: str
    mime: str
    blob: Blob
    voice: bool = False
    mode: str = "hosted"
    length: int | None = None


@dataclass(slots=True)
class File:
    """One file of the workspace. `blob` is None until its bytes came, `completed` once a message was asked for."""

    id: str
    name: str
    length: int
    user: str
    created: int
    key: str
    alt: str = ""
    title: str = ""
    blob: Blob | None = None
    completed: bool = False
    shares: list[Share] = field(default_factory=list)
    mime: str = ""
    voice: bool = False
    mode: str = "hosted"


class Files:
    """All files; the oldest of very many are forgotten."""

    def __init__(self, backend: Backend, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """Take the workspace, and what runs work until the sandbox stops."""
        self._backend = backend
        self._spawn = spawn
        self._files: dict[str, File] = {}
        self._keys: dict[str, str] = {}
        self._dice = random.Random(1)  # noqa: S311  # how late a share comes

    def begin(self, name: str, length: int, alt: str) -> File:
        """Give out an id and a one-use place to put the bytes."""
        number = f"F0{secrets.token_hex(4).upper()}"
        file = File(
            number,
            name,
            length,
            self._backend.ws.bot.user_id,
            int(self._backend.clock.now()),
            secrets.token_urlsafe(24),
            alt,
        )
        self._files[file.id] = file
        self._keys[file.key] = file.id
        if len(self._files) > KEPT:
            del self._files[next(iter(self._files))]
        return file

    def attached(self, user: str, given: Attached) -> File:
        """A file that a person brought along; nobody sees it before it is `shown`."""
        file = self.begin(given.name, given.blob.size if given.length is None else given.length, "")
        file.user, file.blob, file.completed = user, given.blob, True
        file.mime, file.voice, file.mode = given.mime, given.voice, given.mode
        return file

    def shown(self, files: Sequence[File], channel: Channel, message: Message) -> list[Json]:
        """The files as the message that shows them has them."""
        for file in files:
            file.shares.append(Share(channel.id, message.ts, message.thread_ts, channel.private))
        return [self.as_json(file) for file in files]

    def get(self, file_id: str) -> File | None:
        """A file that was not deleted."""
        return self._files.get(file_id)

    def delete(self, file: File) -> None:
        """Take a file away, from its messages too: those that showed nothing else go with it."""
        self._files.pop(file.id, None)
        ws, activity = self._backend.ws, self._backend.activity
        for share in file.shares:
            channel = ws.channels.get(share.channel)
            message = channel.messages.get(share.ts) if channel else None
            if channel is None or message is None:
                continue
            left = [one for one in message.files if one["id"] != file.id]
            if left or message.text:
                activity.edit(channel, message, {"files": left}, None)
            else:
                activity.delete(channel, message)

    def share(self, files: list[File], channel: Channel, message: Message) -> None:
        """Have the message appear, a while later (Slack does so behind its answer, and not always in order)."""
        for file in files:
            file.completed = True
        self._spawn(self._appear(files, channel, message))

    async def _appear(self, files: list[File], channel: Channel, message: Message) -> None:
        backend = self._backend
        late = backend.config.share_after_s
        fault = backend.faults.take("slack.share", "delay", "drop_share")
        if fault is not None and fault.kind == "drop_share":
            return
        extra = float(fault.params["seconds"]) if fault is not None else 0.0
        await backend.clock.sleep(late * self._dice.uniform(0.5, 1.5) + extra)
        alive = [file for file in files if file.id in self._files]
        if not alive or (message.thread_ts and message.thread_ts not in channel.messages):
            return
        message.ts = backend.activity.new_ts(channel)
        for file in alive:
            file.shares.append(Share(channel.id, message.ts, message.thread_ts, channel.private))
        message.files = [self.as_json(file) for file in alive]
        backend.activity.post(channel, message)

    def as_json(self, file: File, *, shares: bool = False) -> Json:
        """A file as messages and `files.info` show it; only the latter says where it is shared."""
        config, base = self._backend.config, self._backend.base_url()
        known = type_of(file.name)
        processed = bool(file.shares)
        where = f"{base}/slack/files/{config.team_id}-{file.id}"
        body: Json = {
            "id": file.id,
            "created": file.created,
            "timestamp": file.created,
            "name": file.name,
            "title": file.title or file.name,
            "mimetype": (file.mime or known.mime) if processed else "",
            "filetype": known.name if processed else "",
            "pretty_type": known.pretty if processed else "",
            "user": file.user,
            "user_team": config.team_id,
            "editable": False,
            "size": file.length,
            "mode": file.mode,
            "is_external": file.mode == "external",
            "external_type": "gdrive" if file.mode == "external" else "",
            "is_public": any(not share.private for share in file.shares),
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": f"{where}/{file.id}",
            "url_private_download": f"{where}/download/{file.id}",
            "permalink": f"https://{config.team_domain}.slack.example.com/files/{file.user}/{file.id}",
            "file_access": "visible",
        }
        if file.voice:
            body["subtype"] = "slack_audio"
        if file.alt:
            body["alt_txt"] = file.alt
        if shares:
            body |= self._shares(file)
        return body

    def _shares(self, file: File) -> Json:
        found: Json = {}
        for share in file.shares:
            side = found.setdefault("private" if share.private else "public", {})
            entry: Json = {"ts": share.ts, "reply_count": 0, "reply_users": [], "reply_users_count": 0}
            entry |= {"team_id": self._backend.config.team_id, "share_user_id": file.user}
            if share.thread_ts:
                entry["thread_ts"] = share.thread_ts
            side.setdefault(share.channel, []).append(entry)
        rooms = [share.channel for share in file.shares]
        return {"shares": found, "channels": [], "groups": rooms, "ims": []}

    def routes(self) -> list[web.RouteDef]:
        """Where bytes are put and fetched."""
        return [
            web.post("/slack/upload/{key}", self._put),
            web.get("/slack/files/{where}/{tail:.*}", self._fetch),
            web.get("/control/slack/files/{file}", self._show),
        ]

    async def _put(self, request: web.Request) -> web.StreamResponse:
        faults = self._backend.faults
        delay = faults.take("slack.upload", "delay")
        if delay is not None:
            await self._backend.clock.sleep(float(delay.params["seconds"]))
        fault = faults.take("slack.upload", "status", "cut_before", "cut_after")
        if fault is not None and fault.kind == "cut_before":
            cut(request)
        if fault is not None and fault.kind == "status":
            return web.Response(status=int(fault.params["status"]), text=str(fault.params.get("body", "")))
        file = self._files.get(self._keys.get(request.match_info["key"], ""))
        if file is None or file.completed:
            return web.Response(status=404, text="no such upload")
        blob = await Blob.gather(_raw(request), MOST_BYTES)
        if blob is None or blob.size != file.length:
            return web.Response(status=400, text="the length is not the one that was announced")
        file.blob = blob
        if fault is not None:
            cut(request)
        self._backend.feed.publish("slack.uploaded", file=file.id, size=blob.size)
        return web.Response(text=f"OK - {blob.size}")

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        """The bytes; without a token that may read files Slack shows its login page, and says 200."""
        config = self._backend.config
        file = self._files.get(request.match_info["where"].rpartition("-")[2])
        authorised = request.headers.get("Authorization") == f"Bearer {config.bot_token}"
        if not authorised or "files:read" not in config.scopes:
            page = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body></body></html>"
            return web.Response(text=page, content_type="text/html")
        if file is None or file.blob is None:
            return web.Response(status=404)
        faults = self._backend.faults
        fault = faults.take("slack.download", "status", "cut_before")
        if fault is not None and fault.kind == "cut_before":
            cut(request)
        if fault is not None:
            return web.Response(status=int(fault.params["status"]), text=str(fault.params.get("body", "")))
        return await serve(request, file.mime or type_of(file.name).mime, file.blob)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.match_info["file"])
        if file is None or file.blob is None:
            return web.Response(status=404)
        return await serve(request, type_of(file.name).mime, file.blob)


async def _raw(request: web.Request) -> AsyncIterator[bytes]:
    """The bytes of an upload: the body itself, or the first file of a form."""
    if request.content_type != "multipart/form-data":
        async for chunk in request.content.iter_chunked(CHUNK):
            yield chunk
        return
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if isinstance(part, BodyPartReader) and part.filename is not None:
            while piece := await part.read_chunk(CHUNK):
                yield piece
            return
