"""`response_url`: five posts in half an hour, to the one who acted unless `in_channel`."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
from aiohttp import web

from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.content import Content, read_content
from bridge.sandbox.slack.errors import SlackError
from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.state import Channel, Ephemeral, Message
from bridge.sandbox.slack.triggers import ResponseTarget


@dataclass
class Body:
    """A JSON body read like a call's arguments."""

    args: Json
    warnings: list[str] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """An argument as text."""
        value = self.args.get(name)
        if value is None or isinstance(value, str):
            return value
        return orjson.dumps(value).decode()

    def decoded(self, name: str, error: str) -> JsonValue:
        """A JSON argument; raises `SlackError(error)` when it is text that is no JSON."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise SlackError(error) from None


class Responses:
    """Takes posts to response urls."""

    def __init__(self, backend: Backend) -> None:
        """Take the workspace."""
        self._backend = backend

    async def handle(self, request: web.Request) -> web.Response:
        """One post: `ok` as text, 404 when the address is used up, 400 for content that Slack refuses."""
        try:
            target = self._backend.tickets.target(request.match_info["key"])
        except SlackError as error:
            return web.json_response(error.body(), status=404)
        try:
            self._apply(target, _body(await request.read()))
        except SlackError as error:
            return web.Response(status=400, text=error.error)
        return web.Response(text="ok")

    def _apply(self, target: ResponseTarget, body: Body) -> None:
        backend = self._backend
        channel = backend.ws.channels.get(target.channel)
        if channel is None:
            raise SlackError("channel_not_found")
        if body.args.get("delete_original") and target.message_ts:
            self._delete_original(channel, target)
            return
        content = read_content(body)
        if body.args.get("replace_original") and target.message_ts:
            self._replace_original(channel, target, content)
        else:
            show(backend, channel, target, content, body)

    def _delete_original(self, channel: Channel, target: ResponseTarget) -> None:
        ts = target.message_ts or ""
        if target.ephemeral:
            self._backend.ws.ephemerals.get(target.user, {}).pop((channel.id, ts), None)
            self._backend.feed.publish("slack.ephemeral.deleted", channel=channel.id, ts=ts, user=target.user)
        else:
            self._backend.activity.delete(channel, self._own(channel, ts))

    def _own(self, channel: Channel, ts: str) -> Message:
        message = channel.get(ts)
        if message.bot is None or message.bot.bot_id != self._backend.ws.bot.bot_id:
            raise SlackError("cant_update_message")
        return message

    def _replace_original(self, channel: Channel, target: ResponseTarget, content: Content) -> None:
        backend, ts = self._backend, target.message_ts or ""
        if target.ephemeral:
            shown = backend.ws.ephemerals.get(target.user, {}).get((channel.id, ts))
            if shown is None:
                raise SlackError("message_not_found")
            shown.text, shown.blocks = content.text or "", content.blocks
            shown.attachments = content.attachments
            backend.feed.publish("slack.ephemeral", **shown.as_json())
            return
        changes: Json = {"text": content.text or "", "blocks": content.blocks}
        changes["attachments"] = content.attachments
        backend.activity.edit(channel, self._own(channel, ts), changes, backend.ws.bot.user_id)


def _body(raw: bytes) -> Body:
    try:
        args = orjson.loads(raw)
    except orjson.JSONDecodeError:
        args = None
    if not isinstance(args, dict):
        raise SlackError("invalid_payload")
    return Body(args)


def show(backend: Backend, channel: Channel, target: ResponseTarget, content: Content, body: Body) -> Json:
    """Show a new answer: to the one person, or with `response_type: in_channel` to all."""
    thread_ts = body.get("thread_ts")
    root = channel.messages.get(thread_ts) if thread_ts else None
    ts = backend.activity.new_ts(channel)
    text = content.text or ""
    if body.get("response_type") == "in_channel":
        message = Message(ts, text, user=backend.ws.bot.user_id, bot=backend.ws.bot)
        message.blocks, message.attachments = content.blocks, content.attachments
        message.thread_ts = root.ts if root else None
        backend.activity.post(channel, message)
        return {"ts": ts, "text": text, "response_type": "in_channel"}
    item = Ephemeral(
        ts=ts,
        channel=channel.id,
        user=target.user,
        text=text,
        blocks=content.blocks,
        thread_ts=thread_ts,
        visible=not thread_ts or bool(root and root.replies),
        pings=backend.activity.causes(text, content.blocks, content.attachments),
        attachments=content.attachments,
    )
    backend.ws.keep_ephemeral(item)
    backend.feed.publish("slack.ephemeral", **item.as_json())
    return {"ts": ts, "text": text, "response_type": "ephemeral"}


def show_answer(backend: Backend, channel: Channel, user: str, answer: Json) -> Json:
    """Show what a slash command's ack carried; content that Slack refuses shows as an error."""
    body = Body(answer)
    try:
        content = read_content(body)
    except SlackError as error:
        return {"error": error.error}
    target = backend.tickets.new_target(channel.id, user)
    return show(backend, channel, target, content, body)
