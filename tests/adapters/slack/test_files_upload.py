"""Files into a thread, against the pretended workspace: bytes, words, look-ups, refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.actions import Relay
from bridge.adapters.base import NOT_KNOWN
from bridge.adapters.slack.files import comment
from bridge.content import Attachment, Forwarded, Marks, MediaKind, Referral
from bridge.errors import FailureKind, PlatformError
from bridge.markup import Bold, Text, text
from bridge.media.spool import Spool
from bridge.model import ActionId, MessageId, Place, Post
from bridge.sandbox.faults import Fault
from bridge.sandbox.slack.config import DEFAULT_SCOPES
from tests.adapters.slack.conftest import MakeRig
from tests.support.files import JPEG
from tests.support.slack_desk import AT, CONTACT, CONVERSATION, INBOX, Rig
from tests.support.waiting import until

PICTURE = Attachment(kind=MediaKind.IMAGE, media="1", mime="image/jpeg", caption=text("The box"))


def relay(content: Attachment = PICTURE, **changes: object) -> Relay:
    """A file of the contact."""
    return Relay(
        id=ActionId("wa:wamid.1/0"),
        seq=1,
        contact=CONTACT,
        inbox=INBOX,
        conversation=CONVERSATION,
        message=MessageId("7-1"),
        author="Maria <!here>",
        content=content,
        **changes,  # type: ignore[arg-type]
    )


async def upload(rig: Rig, name: str = "picture.jpg", content: Attachment = PICTURE) -> str:
    """Bring a picture to Slack."""

    async def data() -> AsyncIterator[bytes]:
        yield JPEG

    async with Spool(100_000).file() as file:
        await file.take(data())
        return await rig.desk.upload(file, name, content)


async def found(rig: Rig, place: Place, file: str) -> Post:
    """The post that shows a file, once it is there."""
    posts: list[Post] = []

    async def look() -> bool:
        post = await rig.desk.find_file(place, file)
        posts.extend([post] if post else [])
        return bool(posts)

    await until(look, 10, "the file's post")
    return posts[0]


async def test_a_file_is_shown_with_its_words_and_found_by_its_id(rig: Rig) -> None:
    """Under the contact's name, pinging nobody; the post is the one that can be deleted again."""
    place = await rig.thread()
    file = await upload(rig)
    assert await rig.desk.find_file(place, file) is None
    await rig.desk.show_file(place, relay(), file)
    post = await found(rig, place, file)
    shown = rig.sandbox.slack.channel("support").as_json(post.id)
    assert shown["thread_ts"] == place.thread
    assert shown["files"][0]["name"] == "picture.jpg"
    assert "The box" in str(shown["blocks"])
    assert rig.sandbox.slack.person("ben").pings == []
    assert await rig.desk.remove(post)
    assert rig.sandbox.slack.backend.files.get(file) is None, "the file went with its post"
    assert not await rig.desk.remove(post)


async def test_an_upload_that_is_dropped_is_never_shown(rig: Rig) -> None:
    """Dropped between asking for the post and its appearing; dropping it again is no failure."""
    place = await rig.thread()
    rig.sandbox.faults.add(Fault("slack.share", "delay", params={"seconds": 3}))
    late, file = await upload(rig), await upload(rig)
    await rig.desk.show_file(place, relay(), late)
    await rig.desk.drop_file(late)
    await rig.desk.drop_file(late)
    await rig.desk.show_file(place, relay(), file)
    await found(rig, place, file)
    await rig.sandbox.slack.delivery.settled()
    assert await rig.desk.find_file(place, late) is None
    assert len(rig.sandbox.slack.channel("support").thread(place.thread or "")) == 2


async def test_files_need_both_scopes(make_rig: MakeRig) -> None:
    """One to show them, one to see that they are shown; words go on without."""
    rig = await make_rig(scopes=[one for one in DEFAULT_SCOPES if one != "files:read"])
    with pytest.raises(PlatformError) as caught:
        await upload(rig)
    assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.NEVER, "missing_scope")
    assert "files:read" in caught.value.failure.words


@pytest.mark.parametrize(
    "where, kind, params, expected",
    [
        ("slack.files.getUploadURLExternal", "error", {"error": "file_uploads_disabled"}, FailureKind.NEVER),
        ("slack.files.getUploadURLExternal", "error", {"error": "missing_scope"}, FailureKind.NEVER),
        ("slack.files.getUploadURLExternal", "error", {"error": "invalid_auth"}, FailureKind.STOP),
        ("slack.files.getUploadURLExternal", "cut_after", {}, FailureKind.RETRY),
        ("slack.upload", "status", {"status": 500}, FailureKind.LIMITED),
        ("slack.upload", "cut_after", {}, FailureKind.LIMITED),
    ],
)
async def test_what_a_failed_upload_means(
    rig: Rig, where: str, kind: str, params: dict[str, object], expected: FailureKind
) -> None:
    """Refused for good, stopped, or to be tried again: nothing was shown in any case."""
    rig.sandbox.faults.add(Fault(where, kind, params=params))
    with pytest.raises(PlatformError) as caught:
        await upload(rig)
    assert caught.value.failure.kind is expected


async def test_a_post_that_was_asked_for_without_an_answer_is_unknown(rig: Rig) -> None:
    """It may appear."""
    place = await rig.thread()
    file = await upload(rig)
    rig.sandbox.faults.add(Fault("slack.files.completeUploadExternal", "cut_after"))
    with pytest.raises(PlatformError) as caught:
        await rig.desk.show_file(place, relay(), file)
    assert caught.value.failure.kind is FailureKind.UNKNOWN
    await found(rig, place, file)


def test_the_words_with_a_file_are_literal() -> None:
    """What has to be known first, then the caption; rich text alone, because Slack takes nothing else there."""
    marks = Marks(
        forwarded=Forwarded.ONCE,
        referral=Referral(kind="ad", headline="<!channel> Sale", url="https://a.example"),
    )
    sticker = Attachment(kind=MediaKind.STICKER, media="1", animated=True, caption=(Bold((Text("<@U1>"),)),))
    blocks = comment(relay(sticker, marks=marks, sent_at=AT), NOT_KNOWN)
    assert {one["type"] for one in blocks} == {"rich_text"}
    words = str(blocks)
    for part in ("<!channel> Sale", "Forwarded", "Animated sticker", "<@U1>", "Written"):
        assert part in words
    assert "'type': 'user'" not in words
    assert "broadcast" not in words
    assert comment(relay(Attachment(kind=MediaKind.IMAGE, media="1")), NOT_KNOWN) == []
