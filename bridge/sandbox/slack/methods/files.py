"""files.*: the external upload flow, looking files up, deleting them."""

from __future__ import annotations

from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.blockkit.blocks import check_blocks
from bridge.sandbox.slack.errors import SlackError, invalid_arguments
from bridge.sandbox.slack.files import MOST_BYTES, File
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.methods import lookup
from bridge.sandbox.slack.methods.chat import icons, identity, root
from bridge.sandbox.slack.state import Message

_MOST_ALT = 1_000


def _get_upload_url(call: Call) -> Json:
    name, alt = call.want("filename"), call.get("alt_txt") or ""
    try:
        length = int(call.want("length"))
    except ValueError:
        raise invalid_arguments("[ERROR] length must be a number") from None
    if length < 1:
        raise invalid_arguments("[ERROR] must be greater than 0 [json-pointer:/length]")
    if length > MOST_BYTES:
        raise SlackError("file_upload_size_restricted")
    if len(alt) > _MOST_ALT:
        raise SlackError("alt_txt_too_large")
    file = call.backend.files.begin(name, length, alt)
    return {"upload_url": f"{call.backend.base_url()}/slack/upload/{file.key}", "file_id": file.id}


def _complete(call: Call) -> Json:
    backend = call.backend
    files = _named(call)
    if call.get("channel_id") is None:
        return {"files": [backend.files.as_json(file, shares=True) for file in files]}
    channel = lookup.target(call, "channel_id")
    who = identity(call)
    parent = root(channel, call.get("thread_ts"))
    comment = call.get("initial_comment") or ""
    message = Message(
        ts="",
        text=comment,
        user=backend.ws.bot.user_id,
        blocks=None if comment else _blocks(call),
        thread_ts=parent.ts if parent else None,
        bot=backend.ws.bot,
        username=who.get("username"),
        icons=icons(who),
    )
    backend.files.share(files, channel, message)
    return {"files": [backend.files.as_json(file, shares=True) for file in files]}


def _named(call: Call) -> list[File]:
    given = call.decoded("files", "invalid_arguments")
    if not isinstance(given, list) or not given:
        raise invalid_arguments("[ERROR] missing required field: files")
    files = []
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise invalid_arguments("[ERROR] missing required field: id [json-pointer:/files/0]")
        file = call.backend.files.get(one["id"])
        if file is None or file.blob is None:
            raise SlackError("file_not_found")
        file.title = str(one.get("title") or file.name)
        files.append(file)
    return files


def _blocks(call: Call) -> list[Json] | None:
    """Slack takes nothing but rich text here."""
    raw = call.decoded("blocks", "invalid_blocks_format")
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise SlackError("invalid_blocks_format")
    if any(not isinstance(one, dict) or one.get("type") != "rich_text" for one in raw):
        raise SlackError("invalid_blocks")
    return check_blocks(raw, "message")


def _found(call: Call) -> File:
    file = call.backend.files.get(call.want("file"))
    if file is None:
        raise SlackError("file_not_found")
    return file


def _info(call: Call) -> Json:
    body = call.backend.files.as_json(_found(call), shares=True)
    return {"file": body, "comments": [], "response_metadata": {"next_cursor": ""}}


def _delete(call: Call) -> Json:
    call.backend.files.delete(_found(call))
    return {}


METHODS = (
    Method("files.getUploadURLExternal", _get_upload_url, 4, ("files:write",), takes_json=False),
    Method("files.completeUploadExternal", _complete, 4, ("files:write",)),
    Method("files.info", _info, 4, ("files:read",), takes_json=False),
    Method("files.delete", _delete, 3, ("files:write",)),
)
"""The family's methods."""
