"""`/control/slack…`: the people's acts over HTTP, with the same names as the Python handles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bridge.sandbox.blobs import CHUNK, Blob
from bridge.sandbox.control import guarded, read_object, reply, take
from bridge.sandbox.slack.emoji import characters
from bridge.sandbox.slack.errors import RefusedError, SlackError
from bridge.sandbox.slack.files import MOST_BYTES, Attached
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.people import Person
from bridge.sandbox.slack.snapshot import message_state, person_state

if TYPE_CHECKING:
    from bridge.sandbox.slack.sandbox import SlackSandbox

Verb = Callable[[Person, Json], Awaitable[Json]]


def _text(body: Json, name: str) -> str:
    value: str = take(body, name, str, required=True)
    return value


async def _messages(person: Person, body: Json) -> Json:
    thread_ts, blocks = take(body, "thread_ts", str), take(body, "blocks", list)
    if files := take(body, "files", list):
        ts = await person.shares(_text(body, "channel"), thread_ts, files, take(body, "text", str) or "")
    elif thread_ts:
        ts = await person.replies(
            _text(body, "channel"),
            thread_ts,
            _text(body, "text"),
            broadcast=bool(body.get("broadcast")),
            blocks=blocks,
        )
    elif "channel" in body:
        ts = await person.posts(_text(body, "channel"), _text(body, "text"), blocks=blocks)
    else:
        ts = await person.writes_bot(_text(body, "text"))
    return {"ok": True, "ts": ts}


async def _edit(person: Person, body: Json) -> Json:
    await person.edits(_text(body, "channel"), _text(body, "ts"), _text(body, "text"))
    return {"ok": True}


async def _delete(person: Person, body: Json) -> Json:
    await person.deletes(_text(body, "channel"), _text(body, "ts"))
    return {"ok": True}


async def _react(person: Person, body: Json) -> Json:
    await person.reacts(_text(body, "channel"), _text(body, "ts"), _text(body, "name"))
    return {"ok": True}


async def _unreact(person: Person, body: Json) -> Json:
    await person.unreacts(_text(body, "channel"), _text(body, "ts"), _text(body, "name"))
    return {"ok": True}


async def _press(person: Person, body: Json) -> Json:
    action_id, value, block_id = _text(body, "action_id"), body.get("value"), take(body, "block_id", str)
    if view_id := take(body, "view_id", str):
        return await person.acts(view_id, action_id, value, block_id=block_id)
    where = _text(body, "channel"), _text(body, "ts")
    return await person.selects(*where, action_id, value, block_id=block_id)


async def _search(person: Person, body: Json) -> Json:
    where = {name: take(body, name, str) for name in ("view_id", "channel", "ts", "block_id")}
    return await person.searches(_text(body, "action_id"), _text(body, "query"), **where)


async def _slash(person: Person, body: Json) -> Json:
    text, thread_ts = take(body, "text", str) or "", take(body, "thread_ts", str)
    return await person.slash(_text(body, "command"), text, _text(body, "channel"), thread_ts)


async def _shortcut(person: Person, body: Json) -> Json:
    channel, ts = take(body, "channel", str), take(body, "ts", str)
    return await person.shortcut(_text(body, "callback_id"), channel, ts)


async def _submit(person: Person, body: Json) -> Json:
    return await person.submits(_text(body, "view_id"), take(body, "values", dict) or {})


async def _close(person: Person, body: Json) -> Json:
    return await person.closes(_text(body, "view_id"), everything=bool(body.get("everything")))


async def _home(person: Person, body: Json) -> Json:
    await person.opens_home(take(body, "tab", str) or "home")
    return {"ok": True}


VERBS: dict[str, tuple[Verb, tuple[str, ...]]] = {
    "messages": (_messages, ("channel", "text", "thread_ts", "blocks", "broadcast", "files")),
    "edit": (_edit, ("channel", "ts", "text")),
    "delete": (_delete, ("channel", "ts")),
    "react": (_react, ("channel", "ts", "name")),
    "unreact": (_unreact, ("channel", "ts", "name")),
    "press": (_press, ("channel", "ts", "view_id", "block_id", "action_id", "value")),
    "select": (_press, ("channel", "ts", "view_id", "block_id", "action_id", "value")),
    "search": (_search, ("channel", "ts", "view_id", "block_id", "action_id", "query")),
    "slash": (_slash, ("command", "text", "channel", "thread_ts")),
    "shortcut": (_shortcut, ("callback_id", "channel", "ts")),
    "submit": (_submit, ("view_id", "values")),
    "close": (_close, ("view_id", "everything")),
    "home": (_home, ("tab",)),
}
"""What a person can do (`POST /control/slack/<verb>`), and the keys it takes beside `person`."""


def _handler(slack: SlackSandbox, verb: Verb, keys: tuple[str, ...]) -> Callable[..., Any]:
    async def handle(request: web.Request) -> web.Response:
        body = await read_object(request, "person", *keys)
        person = slack.person(_text(body, "person"))
        try:
            return reply(await verb(person, body))
        except RefusedError as error:
            return reply({"ok": False, "error": str(error)})

    return guarded(handle)


async def _administer(slack: SlackSandbox, body: Json) -> Json:
    action = _text(body, "action")
    if action in ("revoke", "uninstall"):
        (slack.activity.revoke if action == "revoke" else slack.activity.uninstall)()
    elif action == "rate_limited":
        slack.delivery.app_rate_limited()
    elif action == "disconnect":
        await slack.hub.disconnect(take(body, "reason", str) or "refresh_requested")
    elif action == "enable_socket_mode":
        slack.hub.enabled = True
    elif action == "usergroup":
        slack.set_usergroup(_text(body, "usergroup"), take(body, "members", list, required=True))
    else:
        _administer_channel(slack, action, body)
    return {"ok": True}


def _administer_channel(slack: SlackSandbox, action: str, body: Json) -> None:
    channel, person = slack.channel(_text(body, "channel")), take(body, "person", str)
    match action:
        case "archive":
            channel.archive(person)
        case "unarchive":
            channel.unarchive(person)
        case "kick":
            channel.kick(person)
        case "invite":
            channel.invite(person)
        case "delete":
            channel.delete(_text(body, "ts"))
        case "change_id":
            channel.change_id(_text(body, "new_id"))
        case "unfurl":
            channel.unfurl(_text(body, "ts"), _text(body, "url"))
        case _:
            raise ValueError(f"action {action!r} is not known")


def _look_routes(slack: SlackSandbox) -> list[web.RouteDef]:
    """What a page reads: the whole state, and the parts of it that a feed entry says have changed."""

    async def state(_: web.Request) -> web.Response:
        return reply({"ok": True, **slack.snapshot()})

    async def messages(request: web.Request) -> web.Response:
        """`?channel=…&ts=…&ts=…`: those of the messages that exist."""
        channel = slack.workspace.channel_for(request.query.get("channel", ""))
        found = [channel.messages[ts] for ts in request.query.getall("ts", []) if ts in channel.messages]
        shown = [message_state(slack.backend, channel, message) for message in found]
        return reply({"ok": True, "messages": shown})

    async def person(request: web.Request) -> web.Response:
        """`?person=…`: one person with ephemeral messages, open modals and Home tab."""
        person_id = slack.workspace.person_id(request.query.get("person", ""))
        return reply({"ok": True, "person": person_state(slack.backend, person_id)})

    async def emoji(_: web.Request) -> web.Response:
        return reply({"ok": True, "emoji": characters(), "custom": sorted(slack.config.custom_emoji)})

    return [
        web.get("/control/slack", guarded(state)),
        web.get("/control/slack/messages", guarded(messages)),
        web.get("/control/slack/person", guarded(person)),
        web.get("/control/slack/emoji", guarded(emoji)),
    ]


def control_routes(slack: SlackSandbox) -> list[web.RouteDef]:
    """The state, every verb of people, and `POST /control/slack/admin {action, …}` for what befalls the app."""

    async def admin(request: web.Request) -> web.Response:
        keys = ("action", "channel", "person", "ts", "url", "new_id", "usergroup", "members", "reason")
        body = await read_object(request, *keys)
        try:
            return reply(await _administer(slack, body))
        except SlackError as error:
            return reply(error.body())

    async def attach(request: web.Request) -> web.Response:
        """`?person=…&name=…`, the body is the file and its `Content-Type` what it is: an id for `files` of a message."""
        query, mime = request.query, request.headers.get("Content-Type", "")
        blob = await Blob.gather(request.content.iter_chunked(CHUNK), MOST_BYTES)
        if blob is None:
            return reply({"ok": False, "error": "the file is larger than Slack takes"})
        file = Attached(query.get("name") or "file", mime, blob, voice=query.get("voice") == "1")
        return reply({"ok": True, "file": slack.person(query.get("person", "")).brings(file)})

    verbs = [
        web.post(f"/control/slack/{name}", _handler(slack, verb, keys))
        for name, (verb, keys) in VERBS.items()
    ]
    return [
        *_look_routes(slack),
        web.post("/control/slack/admin", guarded(admin)),
        web.post("/control/slack/attach", guarded(attach)),
        *verbs,
    ]
