"""Slack's external upload flow: real bytes, shares that come late, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.faults import Fault
from bridge.sandbox.slack.config import DEFAULT_SCOPES
from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import SUPPORT, SlackRig
from tests.support.waiting import until

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(500)


async def uploaded(slack: SlackRig, data: bytes = PICTURE, name: str = "receipt.png") -> str:
    """Steps one and two; the file's id."""
    answer = await slack.client.files_getUploadURLExternal(filename=name, length=len(data))
    async with slack.session.post(str(answer["upload_url"]), data=data) as put:
        assert put.status == 200, await put.text()
    return str(answer["file_id"])


async def info(slack: SlackRig, file_id: str) -> dict[str, Any]:
    """What `files.info` says of a file."""
    file: dict[str, Any] = (await slack.client.files_info(file=file_id))["file"]
    return file


async def shared(slack: SlackRig, file_id: str) -> dict[str, Any]:
    """The file's share in the support channel, once it is there."""
    # Asked for once it is there: how often may be asked is limited.
    files = slack.slack.backend.files

    def is_there() -> bool:
        file = files.get(file_id)
        return file is not None and bool(file.shares)

    await until(is_there, 10, "the file in its channel")
    share: dict[str, Any] = (await info(slack, file_id))["shares"]["private"][SUPPORT][0]
    return share


async def test_a_file_is_shown_in_the_thread_a_while_after_the_answer(make_slack: MakeSlack) -> None:
    """The answer to the last step knows neither type nor place; `files.info` does, once the message is there."""
    slack = await make_slack(scale=20)
    root = await slack.card()
    file_id = await uploaded(slack)
    answer = await slack.client.files_completeUploadExternal(
        files=[{"id": file_id, "title": "Receipt"}],
        channel_id=SUPPORT,
        thread_ts=root,
        initial_comment="look",
    )
    (said,) = answer["files"]
    assert (said["shares"], said["mimetype"], said["title"]) == ({}, "", "Receipt")
    share = await shared(slack, file_id)
    assert share["thread_ts"] == root
    message = slack.slack.channel("support").as_json(share["ts"])
    assert (message["subtype"], message["text"], message["bot_id"]) == ("file_share", "look", "B0BOT00001")
    (file,) = message["files"]
    assert (file["id"], file["mimetype"], file["size"]) == (file_id, "image/png", len(PICTURE))


async def test_the_sdk_uploads_in_one_call(make_slack: MakeSlack) -> None:
    """`files_upload_v2` of the real client, which sends the bytes in its own way."""
    slack = await make_slack(scale=20)
    root = await slack.card()
    answer = await slack.client.files_upload_v2(
        filename="notes.txt", content="hello", channel=SUPPORT, thread_ts=root
    )
    file_id = str(answer["file"]["id"])
    await shared(slack, file_id)
    config = slack.slack.config
    url = (await info(slack, file_id))["url_private"]
    async with slack.session.get(url, headers={"Authorization": f"Bearer {config.bot_token}"}) as got:
        assert (got.status, await got.read()) == (200, b"hello")


async def test_bytes_without_a_token_or_scope_are_a_login_page(make_slack: MakeSlack) -> None:
    """Slack answers 200 with HTML, which a careless program takes for the file."""
    slack = await make_slack(scopes=[one for one in DEFAULT_SCOPES if one != "files:read"])
    file_id = await uploaded(slack)
    url = slack.slack.backend.files.as_json(slack.slack.backend.files.get(file_id))["url_private"]  # type: ignore[arg-type]
    token = {"Authorization": f"Bearer {slack.slack.config.bot_token}"}
    for headers in ({}, token):
        async with slack.session.get(url, headers=headers) as got:
            assert (got.status, got.content_type) == (200, "text/html")


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"length": 5}, "invalid_arguments"),
        ({"filename": "a.png", "length": 0}, "invalid_arguments"),
        ({"filename": "a.png", "length": 2 * 1024**3}, "file_upload_size_restricted"),
        ({"filename": "a.png", "length": 1, "alt_txt": "x" * 1001}, "alt_txt_too_large"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused_at_once(
    slack: SlackRig, arguments: dict[str, Any], error: str
) -> None:
    """By name, by length, by description."""
    assert await slack.read_error("files.getUploadURLExternal", **arguments) == error


async def test_a_message_needs_files_that_were_uploaded_and_a_place(slack: SlackRig) -> None:
    """Unknown ids, bytes that never came, a channel without the bot, a thread that is not there."""
    method = "files.completeUploadExternal"
    begun = await slack.client.files_getUploadURLExternal(filename="a.png", length=3)
    file_id = await uploaded(slack)
    files = [{"id": file_id}]
    assert await slack.error(method, channel_id=SUPPORT) == "invalid_arguments"
    assert await slack.error(method, files=[{"id": "F0NO"}], channel_id=SUPPORT) == "file_not_found"
    unfilled = [{"id": begun["file_id"]}]
    assert await slack.error(method, files=unfilled, channel_id=SUPPORT) == "file_not_found"
    assert await slack.error(method, files=files, channel_id="C0NOWHERE") == "channel_not_found"
    assert await slack.error(method, files=files, channel_id=SUPPORT, thread_ts="1.2") == "thread_not_found"
    blocks = [{"type": "divider"}]
    assert await slack.error(method, files=files, channel_id=SUPPORT, blocks=blocks) == "invalid_blocks"


async def test_the_length_is_the_one_that_was_announced(slack: SlackRig) -> None:
    """Fewer or more bytes than announced are no upload; nor is a second one."""
    answer = await slack.client.files_getUploadURLExternal(filename="a.png", length=4)
    async with slack.session.post(str(answer["upload_url"]), data=b"abc") as put:
        assert put.status == 400
    async with slack.session.post(f"{slack.url}/slack/upload/nothing", data=b"abcd") as put:
        assert put.status == 404


async def test_without_the_scope_nothing_is_uploaded(make_slack: MakeSlack) -> None:
    """`missing_scope` names what is needed."""
    slack = await make_slack(scopes=["chat:write"])
    body = await slack.refused("files.getUploadURLExternal", filename="a.png", length=1)
    assert (body["error"], body["needed"]) == ("missing_scope", "files:write")


async def test_a_deleted_file_takes_its_message_along(make_slack: MakeSlack) -> None:
    """One that is deleted before it is shown never appears; one that showed nothing else is gone."""
    slack = await make_slack(scale=20)
    root = await slack.card()
    late, file_id = await uploaded(slack), await uploaded(slack)
    slack.faults.add(Fault("slack.share", "delay", params={"seconds": 5}))
    for one in (late, file_id):
        await slack.client.files_completeUploadExternal(
            files=[{"id": one}], channel_id=SUPPORT, thread_ts=root
        )
    await slack.client.files_delete(file=late)
    ts = (await shared(slack, file_id))["ts"]
    await slack.client.files_delete(file=file_id)
    support = slack.slack.channel("support")
    await until(lambda: [one.ts for one in support.thread(root)] == [root], 10, f"{ts} to go")


async def test_a_share_may_never_come(make_slack: MakeSlack) -> None:
    """Slack says ok and shows nothing: the fault `drop_share`."""
    slack = await make_slack(scale=20)
    root = await slack.card()
    lost, file_id = await uploaded(slack), await uploaded(slack)
    slack.faults.add(Fault("slack.share", "drop_share"))
    for one in (lost, file_id):
        await slack.client.files_completeUploadExternal(
            files=[{"id": one}], channel_id=SUPPORT, thread_ts=root
        )
    await shared(slack, file_id)
    assert (await info(slack, lost))["shares"] == {}
    await until(lambda: len(slack.slack.channel("support").thread(root)) == 2)
