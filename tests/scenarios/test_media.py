"""What customers attach is seen in the thread: the files themselves, with their words, in order, each once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import aiohttp
import pytest

from bridge.sandbox.blobs import Blob
from bridge.sandbox.slack.state import Message
from tests.support.files import (
    JPEG,
    MP4,
    OGG,
    PDF,
    PNG,
    WEBP,
    file_posts,
    files_are_shown,
    files_shown,
    kinds_of_posts,
)
from tests.support.stack import shown
from tests.support.talk import Shop, Talk
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def nothing_wrong(shop: Shop) -> Iterator[None]:
    """What one test broke is whole again for the next."""
    yield
    shop.sandbox.faults.clear()


async def test_a_picture_stands_in_the_thread_with_its_caption(shop: Shop) -> None:
    """The very bytes, under the customer's name, and what they wrote to it; text after it stays after it."""
    talk = await shop.talk()
    await talk.customer.attaches("image", JPEG, "image/jpeg", caption="The box was like *this*")
    await talk.customer.writes("Can you see it?")
    await talk.thread_shows("Can you see it?")
    (file,) = files_shown(talk)
    assert (file.name, file.mime, file.data) == ("picture.jpg", "image/jpeg", JPEG)
    post = file_posts(talk)[0]
    assert post.username == talk.customer.name
    assert "The box was like" in str(post.blocks)
    assert kinds_of_posts(talk)[-2:] == ["file", "words"]


async def test_three_in_a_row_stay_in_order(shop: Shop) -> None:
    """Slack shows files late and not always in turn; the thread is in order all the same."""
    talk = await shop.talk()
    for at, data in enumerate((JPEG, PNG, JPEG + b"3")):
        await talk.customer.attaches("image", data, "image/jpeg", caption=f"Number {at}")
    await talk.customer.writes("That was all")
    await talk.thread_shows("That was all")
    assert [one.data for one in files_shown(talk)] == [JPEG, PNG, JPEG + b"3"]
    assert kinds_of_posts(talk)[-4:] == ["file", "file", "file", "words"]
    # The bytes say what it is, whatever the phone said.
    assert [one.name for one in files_shown(talk)] == ["picture.jpg", "picture.png", "picture.jpg"]


async def test_a_contact_card_is_a_file_for_address_books(shop: Shop) -> None:
    """With all that it says in words; where Slack does not take it, the words are there all the same. One's own number is
    no file.
    """
    talk = await shop.talk()
    cards = [{"name": {"formatted_name": "Inês; Duarte"}, "phones": [{"phone": "+351 910 000 001"}]}]
    await talk.customer.sends("contacts", cards)
    await files_are_shown(talk, 1)
    (file,) = files_shown(talk)
    assert file.name == "Inês; Duarte.vcf"
    assert "FN:Inês\\; Duarte\r\nTEL:+351 910 000 001\r\n".encode() in file.data
    assert "+351 910 000 001" in str(file_posts(talk)[0].blocks)
    shop.goes_wrong("slack.files.getUploadURLExternal", "error", error="file_uploads_disabled")
    await talk.customer.sends(
        "contacts", [{"name": {"formatted_name": "Ben"}, "phones": [{"phone": "+49 1"}]}]
    )
    notice = await talk.thread_shows("Ben; +49 1")
    await talk.press("carla", notice, "fetch")
    await files_are_shown(talk, 2)


async def test_every_kind_of_file_is_what_it_is(shop: Shop) -> None:
    """A voice message plays, a sticker is a picture, a document keeps its name."""
    talk = await shop.talk()
    ana = talk.customer
    await ana.attaches("audio", OGG, "audio/ogg; codecs=opus", flag=True)
    await ana.attaches("audio", OGG, "audio/ogg")
    await ana.attaches("video", MP4, "video/mp4", caption="See for yourself")
    await ana.attaches("document", PDF, "application/pdf", filename="Invoice 7.pdf", caption="The invoice")
    await ana.attaches("sticker", WEBP, "image/webp")
    await ana.attaches("sticker", WEBP, "image/webp", flag=True)
    await files_are_shown(talk, 6)
    assert [(one.title, one.name, one.mime) for one in files_shown(talk)] == [
        ("Voice message", "voice-message.ogg", "audio/ogg"),
        ("audio.ogg", "audio.ogg", "audio/ogg"),
        ("video.mp4", "video.mp4", "video/mp4"),
        ("Invoice 7.pdf", "Invoice 7.pdf", "application/pdf"),
        ("Sticker", "sticker.webp", "image/webp"),
        ("Sticker", "sticker.webp", "image/webp"),
    ]
    posts = file_posts(talk)
    assert "The invoice" in str(posts[3].blocks)
    assert ["Animated sticker" in str(one.blocks) for one in posts[4:]] == [False, True]


async def test_forty_at_once_are_all_there_in_order(shop: Shop) -> None:
    """A customer who sends a whole album: each picture once, in turn, and others are served meanwhile."""
    talk, other = await shop.talk(), await shop.talk()
    pictures = [JPEG + bytes([at]) for at in range(40)]
    await asyncio.gather(*(talk.customer.attaches("image", one, "image/jpeg") for one in pictures))
    await other.customer_writes("And I only have a question")
    await files_are_shown(talk, 40, timeout_s=90)
    order = [
        message.content["id"]
        for message in talk.customer.chats[_number(shop)].messages
        if message.type == "image"
    ]
    assert len(order) == 40
    found = files_shown(talk)
    assert sorted(one.data for one in found) == sorted(pictures)
    assert len({one.data for one in found}) == 40


async def test_a_file_with_a_hostile_name_cannot_do_anything(shop: Shop) -> None:
    """Folders, control characters and turned-around text go; what runs says so; nothing pings."""
    talk = await shop.talk()
    names = [
        "../../etc/passwd\u202efdp.exe",
        "<!channel> \x07report\r\n.pdf",
        "C:\\temp\\x.docx",
        "CON",
        "a" * 400 + ".pdf",
    ]
    for name in names:
        await talk.customer.attaches("document", PDF, "application/pdf", filename=name)
    await talk.customer.attaches("document", b"MZ" + bytes(100), "application/pdf", filename="invoice.pdf")
    await files_are_shown(talk, 6)
    assert [one.name for one in files_shown(talk)] == [
        "passwdfdp.exe",
        "_!channel_ report.pdf",
        "x.docx",
        "_CON.pdf",
        "a" * 116 + ".pdf",
        "invoice.pdf.exe",
    ]
    assert shop.person("ben").pings == []


async def test_hostile_captions_stay_words(shop: Shop) -> None:
    """Whatever a caption says, nobody is called and nothing is formatted or linked."""
    talk = await shop.talk()
    words = "<!channel> <@U0BEN00001> <https://evil.example|bank.com> :tada:"
    await talk.customer.attaches("image", JPEG, "image/jpeg", caption=words)
    await files_are_shown(talk, 1)
    assert shop.person("ben").pings == []
    assert "<!channel>" in str(file_posts(talk)[0].blocks)


# ------------------------------------------------------------------------------------------- what goes wrong


async def test_an_address_that_has_died_is_asked_for_again(shop: Shop) -> None:
    """404 at the download: a fresh address, and nobody notices anything."""
    talk = await shop.talk()
    shop.goes_wrong("whatsapp.media.download", "status", status=404)
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    await files_are_shown(talk, 1)
    assert talk.said("could not be shown") == 0


@pytest.mark.parametrize(
    "where, kind, params",
    [
        ("whatsapp.media.get", "error", {"code": 131016}),
        ("whatsapp.media.download", "cut_after", {}),
        ("whatsapp.media.download", "cut_before", {}),
        ("whatsapp.media.download", "status", {"status": 503}),
    ],
)
async def test_what_passes_by_itself_is_waited_for(
    shop: Shop, where: str, kind: str, params: dict[str, object]
) -> None:
    """A break-down or two: the file comes a little later, and what was said after it stays after it."""
    talk = await shop.talk()
    shop.goes_wrong(where, kind, 2, **params)
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    await talk.customer.writes("Did it arrive?")
    await talk.thread_shows("Did it arrive?")
    assert [one.data for one in files_shown(talk)] == [JPEG]
    assert kinds_of_posts(talk)[-2:] == ["file", "words"]


async def test_a_file_that_cannot_be_had_leaves_a_place_with_retry(shop: Shop) -> None:
    """The thread waits a while, then says so in its turn and goes on; Retry shows the file once, later."""
    talk = await shop.talk()
    shop.goes_wrong("whatsapp.media.get", "error", -1, code=131016)
    await talk.customer.attaches("image", JPEG, "image/jpeg", caption="Look")
    await talk.customer.writes("Well?")
    place = await talk.thread_shows("could not be shown here", 30)
    assert "WhatsApp is not available" in shown(place)
    assert "Look" in shown(place)
    await talk.thread_shows("Well?")
    shop.sandbox.faults.clear()
    await talk.press("ben", place, "fetch")
    await files_are_shown(talk, 1)
    assert files_shown(talk)[0].data == JPEG
    await talk.press("ben", place, "fetch")
    await talk.told("ben", "dealt with already")
    await talk.customer_writes("Good")
    assert len(file_posts(talk)) == 1


async def test_others_are_served_while_a_file_cannot_be_had(shop: Shop) -> None:
    """One conversation waits for WhatsApp; another one does not."""
    talk, other = await shop.talk(), await shop.talk()
    shop.goes_wrong("whatsapp.media.get", "error", -1, code=131016)
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    await talk.customer.writes("Behind the picture")
    await other.customer_writes("Nobody waits for that")
    assert talk.said("Behind the picture") == 0
    shop.sandbox.faults.clear()
    await talk.thread_shows("Behind the picture", 30)


async def test_ids_that_lead_nowhere_are_final(shop: Shop) -> None:
    """Forgotten by WhatsApp, another number's, or no id at all: said at once, with what to do."""
    talk = await shop.talk()
    real = shop.sandbox.whatsapp.media
    foreign = real.add("200300400500601", "image", "image/jpeg", Blob.of(JPEG), 100_000.0)
    for media in ("12345", foreign.id, "../../me", "1?fields=access_token"):
        await talk.customer.sends("image", {"id": media, "mime_type": "image/jpeg", "sha256": "x"})
    await until(lambda: talk.said("keeps files for 7 days") == 4, 10, "four words about four files")
    assert shop.calls("whatsapp.api", name="whatsapp.media.download") >= 0
    assert file_posts(talk) == []


@pytest.mark.parametrize(
    "kind, data, mime, words",
    [
        ("image", b"MZ\x90\0" + bytes(300), "image/jpeg", "no image file"),
        ("image", b"", "image/jpeg", "empty file"),
        ("video", b"plain words, no video", "video/mp4", "no video file"),
    ],
)
async def test_what_is_no_such_file_is_not_shown_as_one(
    shop: Shop, kind: str, data: bytes, mime: str, words: str
) -> None:
    """The bytes decide."""
    talk = await shop.talk()
    await talk.customer.attaches(kind, data, mime)
    await talk.thread_shows(words, 30)
    assert file_posts(talk) == []


async def test_a_login_page_is_no_file(shop: Shop) -> None:
    """HTML with a 200 in place of the bytes: tried a few times, then said. Retry works when it is over."""
    talk = await shop.talk()
    page = {
        "status": 200,
        "body": "<!DOCTYPE html><title>Log in</title>",
        "headers": {"Content-Type": "text/html"},
    }
    shop.goes_wrong("whatsapp.media.download", "status", -1, **page)
    await talk.customer.attaches("document", PDF, "application/pdf", filename="a.pdf")
    place = await talk.thread_shows("a web page instead of the file", 30)
    shop.sandbox.faults.clear()
    await talk.press("ben", place, "fetch")
    await files_are_shown(talk, 1)


async def test_101_mb_are_refused_before_they_are_fetched(shop: Shop) -> None:
    """By what WhatsApp says of it; not a byte is downloaded."""
    talk = await shop.talk()
    before = shop.calls("whatsapp.api", name="whatsapp.media.download")
    await talk.customer.attaches("video", Blob.sparse(MP4, 101 * 1024 * 1024), "video/mp4")
    await talk.thread_shows("larger than 100 MB")
    assert shop.calls("whatsapp.api", name="whatsapp.media.download") == before


async def test_nobody_but_staff_fetches_again(shop: Shop) -> None:
    """A viewer's press changes nothing."""
    talk = await shop.talk()
    await talk.customer.sends("image", {"id": "777", "mime_type": "image/jpeg"})
    place = await talk.thread_shows("keeps files for 7 days")
    await talk.press("gil", place, "fetch")
    await talk.told("gil", "Only agents")


# --------------------------------------------------------------------------------------- where Slack refuses


def link_of(place: Message) -> str:
    """The address of a placeholder's link."""
    found = [word for block in str(place.blocks).split("<") for word in [block.partition("|")[0]]]
    return next(one for one in found if one.startswith("http"))


@pytest.mark.parametrize(
    "error, words",
    [
        ("file_uploads_disabled", "do not allow files"),
        ("file_type_not_allowed", "do not allow this type"),
        ("storage_limit_reached", "storage for files is full"),
        ("file_upload_size_restricted", "takes no file of this size"),
        ("missing_scope", "lacks the scope"),
    ],
)
async def test_a_file_that_slack_refuses_is_there_by_a_link(shop: Shop, error: str, words: str) -> None:
    """The agent reads why, and gets the very bytes by a link, as something to save that can do nothing."""
    talk = await shop.talk()
    shop.goes_wrong("slack.files.getUploadURLExternal", "error", error=error, needed="files:write")
    await talk.customer.attaches("document", PDF, "application/pdf", filename="Invoice é.pdf")
    place = await talk.thread_shows(words)
    url = link_of(place)
    status, headers, data = await shop.gets(url)
    assert (status, data) == (200, PDF)
    assert headers["Content-Disposition"].startswith("attachment; filename=")
    assert "filename*=UTF-8''Invoice%20%C3%A9.pdf" in headers["Content-Disposition"]
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["Cache-Control"] == "private, no-store"
    await talk.customer_writes("Thank you")


async def test_browsers_that_pause_hold_up_no_thread(shop: Shop) -> None:
    """As many downloads as there is room for stand still; a customer's picture is shown all the same."""
    talk = await shop.talk()
    shop.goes_wrong("slack.files.getUploadURLExternal", "error", error="file_uploads_disabled")
    await talk.customer.attaches("document", PDF + bytes(24 << 20), "application/pdf", filename="Plan.pdf")
    url = link_of(await talk.thread_shows("do not allow files"))
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(read_bufsize=4096))
        for _ in range(shop.settings().media.transfers):
            answer = await stack.enter_async_context(session.get(url))
            assert answer.status == 200
        await talk.customer.attaches("image", JPEG, "image/jpeg")
        await files_are_shown(talk, 1)


async def test_a_link_is_for_one_file_and_ends_with_it(shop: Shop) -> None:
    """Changed by a letter, or cut off: 404. When WhatsApp has forgotten the file: 410, in words."""
    talk = await shop.talk()
    shop.goes_wrong("slack.files.getUploadURLExternal", "error", error="file_uploads_disabled")
    message = await talk.customer.attaches("image", JPEG, "image/jpeg")
    url = link_of(await talk.thread_shows("do not allow files"))
    for wrong in (
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        url[:-9],
        url + "x",
        url.rpartition("/")[0] + "/%00",
    ):
        assert (await shop.gets(wrong))[0] == 404, wrong
    shop.sandbox.whatsapp.media.forget(message.content["id"])
    status, _, data = await shop.gets(url)
    assert (status, b"7 days" in data) == (410, True)


async def test_a_share_that_never_comes_is_made_again_and_shown_once(shop: Shop) -> None:
    """Slack says ok and shows nothing: the upload is taken away, and another one is shown."""
    talk = await shop.talk()
    shop.goes_wrong("slack.share", "drop_share")
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    await talk.customer.writes("After it")
    await talk.thread_shows("After it", 30)
    assert [one.data for one in files_shown(talk)] == [JPEG]
    assert kinds_of_posts(talk)[-2:] == ["file", "words"]


async def test_a_share_that_comes_late_is_waited_for(shop: Shop) -> None:
    """Slower than usual, and text behind it."""
    talk = await shop.talk()
    shop.goes_wrong("slack.share", "delay", seconds=8)
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    await talk.customer.writes("After it")
    await talk.thread_shows("After it", 30)
    assert kinds_of_posts(talk)[-2:] == ["file", "words"]
    assert len(file_posts(talk)) == 1


@pytest.mark.parametrize("kind", ["cut_after", "cut_before"])
@pytest.mark.parametrize("where", ["slack.files.completeUploadExternal", "slack.upload", "slack.files.info"])
async def test_calls_that_break_off_show_a_file_once(shop: Shop, where: str, kind: str) -> None:
    """With their effect or without it: one post in the end."""
    talk = await shop.talk()
    shop.goes_wrong(where, kind)
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    await talk.customer.writes("After it")
    await talk.thread_shows("After it", 30)
    assert [one.data for one in files_shown(talk)] == [JPEG]


async def test_bytes_that_slack_does_not_take_end_in_a_link(shop: Shop) -> None:
    """The place for bytes does not work, the rest of Slack does: after some tries the agent has a link."""
    talk = await shop.talk()
    shop.goes_wrong("slack.upload", "status", -1, status=500)
    await talk.customer.attaches("image", JPEG, "image/jpeg")
    place = await talk.thread_shows("did not take the file", 30)
    shop.sandbox.faults.clear()
    assert (await shop.gets(link_of(place)))[2] == JPEG


async def test_a_reaction_and_a_search_find_the_message_of_a_file(shop: Shop) -> None:
    """The post belongs to the message like any other: `!trace` leads to it."""
    talk: Talk = await shop.talk(assignee="ben")
    await talk.customer.attaches("document", PDF, "application/pdf", filename="Offer.pdf")
    await files_are_shown(talk, 1)

    async def told() -> str:
        # The desk shows the file a moment before the bridge has learned that it does.
        before = len(ben.ephemerals)
        await talk.staff("ben", "!trace")
        await until(lambda: len(ben.ephemerals) > before, 10, "an answer")
        return next((one for one in map(shown, ben.ephemerals[before:]) if "Shown" in one), "")

    ben = shop.person("ben")
    assert "document" in await until(told, 30, "a trace of a message that is shown")


async def test_later_news_of_a_file_finds_its_post(shop: Shop) -> None:
    """Deleted, quoted, reacted to: on the post that shows the file, which stays."""
    talk = await shop.talk()
    message = await talk.customer.attaches("image", JPEG, "image/jpeg", caption="The box")
    await files_are_shown(talk, 1)
    post = file_posts(talk)[0]
    await talk.customer.writes("This one", reply_to=message.id)
    answer = await talk.thread_shows("This one")
    assert "The box" in shown(answer)
    await talk.customer.reacts(message.id, "👍")
    await talk.receipt(post.ts, "+1")
    await talk.customer.deletes(message.id)
    marked = await talk.thread_shows("Deleted by the customer")
    assert (marked.ts, len(marked.files)) == (post.ts, 1)


def _number(shop: Shop) -> str:
    return shop.sandbox.config.whatsapp.numbers[0].phone_number_id
