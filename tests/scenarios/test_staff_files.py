"""What colleagues attach in a thread reaches the customer's phone: as what it is where WhatsApp shows it, each once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from bridge.sandbox.blobs import Blob
from bridge.sandbox.slack.files import Attached
from tests.support.files import JPEG, MP4, OGG, PDF
from tests.support.pictures import WAV, moving_gif, picture
from tests.support.stack import shown
from tests.support.talk import DELIVERED, FAILED, LOCK, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")
PHOTO = picture("JPEG", size=(64, 48))


def attached(name: str, mime: str, data: bytes, **how: object) -> Attached:
    return Attached(name, mime, Blob.of(data), **how)  # type: ignore[arg-type] # what tests say of it


SOFA = attached("sofa.jpg", "image/jpeg", PHOTO)
OFFER = attached("Offer 7.pdf", "application/pdf", PDF)


@pytest.fixture(autouse=True)
def nothing_wrong(shop: Shop) -> Iterator[None]:
    """What one test broke is whole again for the next."""
    yield
    shop.sandbox.faults.clear()


async def test_a_picture_with_its_words(shop: Shop) -> None:
    """The words are its caption; the receipt is that of any reply."""
    talk = await shop.talk(assignee="ben")
    post = await talk.attaches("ben", SOFA, text="Is it *this* one?")
    assert await talk.gets_files("image") == [("Is it *this* one?", "", PHOTO)]
    await talk.receipt(post, DELIVERED)


async def test_several_stay_in_order(shop: Shop) -> None:
    """Each is a message of its own; the first has the words; what follows them follows them."""
    talk = await shop.talk(assignee="ben")
    clip = attached("clip.mp4", "video/mp4", MP4)
    voice = attached("audio.ogg", "audio/ogg", OGG)
    await talk.attaches("ben", SOFA, OFFER, clip, voice, text="All of it")
    await talk.staff("ben", "That is all")
    assert await talk.gets_files("image", "document", "video", "audio", "text") == [
        ("All of it", "", PHOTO),
        ("", "Offer 7.pdf", PDF),
        ("", "", MP4),
        ("", "", OGG),
        ("That is all", "", b""),
    ]


async def test_forty_at_once(shop: Shop) -> None:
    """None is lost, none comes twice."""
    talk = await shop.talk(assignee="ben")
    files = [attached(f"{at}.pdf", "application/pdf", PDF + bytes([at])) for at in range(40)]
    post = await talk.attaches("ben", *files)
    got = await talk.gets_files(*["document"] * 40, timeout_s=40)
    assert [one[1] for one in got] == [f"{at}.pdf" for at in range(40)]
    await talk.receipt(post, DELIVERED)


async def test_words_that_no_caption_holds_go_ahead(shop: Shop) -> None:
    """Sound has none, and long words do not fit into one."""
    talk = await shop.talk(assignee="ben")
    await talk.attaches("ben", attached("song.mp3", "audio/mpeg", b"ID3" + bytes(900)), text="Listen")
    await talk.attaches("ben", SOFA, text="word " * 300)
    kinds = [("text", "Listen"), ("audio", ""), ("text", ("word " * 300).strip()), ("image", "")]
    got = await talk.gets_files(*[kind for kind, _ in kinds])
    assert [one[0] for one in got] == [words for _, words in kinds]


async def test_a_file_in_nobodys_conversation_waits_for_its_author(shop: Shop) -> None:
    """As words do: send it, or keep it."""
    talk = await shop.talk()
    await talk.attaches("ben", OFFER)
    prompt = await talk.told("ben", "Offer 7.pdf")
    assert not talk.customer.inbox
    await talk.press("ben", prompt, "claim_send")
    assert (await talk.gets_files("document"))[0][1] == "Offer 7.pdf"


async def test_files_that_stay_in(shop: Shop) -> None:
    """A colleague's, a viewer's and those of a note never leave; nor does the note."""
    talk = await shop.talk(assignee="ben")
    for who, words in (("carla", ""), ("gil", "For you"), ("ben", "note: our price list")):
        post = await talk.attaches(who, OFFER, text=words)
        await talk.receipt(post, LOCK)
    await talk.attaches("carla", OFFER, text="!reply Here it is")
    assert [one[0] for one in await talk.gets_files("document")] == ["Here it is"]


async def test_a_held_file_can_be_taken_back(shop: Shop) -> None:
    """It goes when its time has come, or never."""
    talk = await shop.talk(inbox="held")
    post = await talk.attaches("ben", OFFER, text="Wrong one")
    await talk.told("ben", "Wrong one")
    await talk.staff("ben", "!undo")
    await talk.receipt(post, LOCK)
    await talk.attaches("ben", SOFA, text="Right one")
    assert [one[0] for one in await talk.gets_files("image", timeout_s=30)] == ["Right one"]


@pytest.mark.parametrize("form, mime", [("WEBP", "image/webp"), ("HEIF", "image/heic")])
async def test_pictures_that_whatsapp_does_not_show_are_made_ones_that_it_does(
    shop: Shop, form: str, mime: str
) -> None:
    """A phone's HEIC and the web's WebP become JPEG."""
    talk = await shop.talk(assignee="ben")
    await talk.attaches("ben", attached(f"sofa.{form.lower()}", mime, picture(form)), text="This one")
    [(caption, _, data)] = await talk.gets_files("image")
    assert (caption, data[:3]) == ("This one", b"\xff\xd8\xff")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed here")
async def test_a_gif_plays_and_a_clip_is_a_voice_message(shop: Shop) -> None:
    """What Slack records becomes what WhatsApp plays with a wave."""
    talk = await shop.talk(assignee="ben")
    await talk.attaches("ben", attached("hooray.gif", "image/gif", moving_gif()))
    await talk.attaches("ben", attached("audio_message.m4a", "audio/mp4", WAV, voice=True))
    got = await talk.gets_files("video", "audio")
    assert got[0][2][4:8] == b"ftyp"
    assert got[1][2].startswith(b"OggS")
    assert talk.customer.inbox[1].content["voice"] is True


async def test_without_ffmpeg_the_author_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes as the document it is."""
    monkeypatch.setenv("PATH", "/nonexistent")
    talk = await shop.talk(assignee="ben")
    gif = moving_gif()
    await talk.attaches("ben", attached("hooray.gif", "image/gif", gif))
    assert await talk.gets_files("document") == [("", "hooray.gif", gif)]
    await talk.told("ben", "ffmpeg is not installed")


async def test_what_is_no_picture_goes_as_a_document(shop: Shop) -> None:
    """Whatever its name says; and the author is told why."""
    talk = await shop.talk(assignee="ben")
    await talk.attaches("ben", attached("sofa.jpg", "image/jpeg", JPEG))
    [(_, name, data)] = await talk.gets_files("document")
    assert (name, data) == ("sofa.jpg", JPEG)
    await talk.told("ben", "the picture cannot be read")


async def test_a_name_does_nothing_on_the_phone(shop: Shop) -> None:
    """Folders and direction marks are gone."""
    talk = await shop.talk(assignee="ben")
    await talk.attaches("ben", attached("../../etc/ann\u202egpj.exe.pdf", "application/pdf", PDF))
    assert [one[1] for one in await talk.gets_files("document")] == ["anngpj.exe.pdf"]


@pytest.mark.parametrize(
    "file, reason",
    [
        (attached("empty.pdf", "application/pdf", b""), "the file is empty"),
        (attached("huge.zip", "application/zip", PDF, length=101 * 1024 * 1024), "larger than 100 MB"),
        (
            attached("plan", "application/vnd.google-apps.document", PDF, mode="external"),
            "not stored in Slack",
        ),
        (attached("gone.pdf", "application/pdf", PDF, mode="tombstone"), "does not hand the file out"),
    ],
)
async def test_files_that_cannot_go_say_why(shop: Shop, file: Attached, reason: str) -> None:
    """At once, at the post, and what was written with them goes nowhere either: it was their caption."""
    talk = await shop.talk(assignee="ben")
    post = await talk.attaches("ben", file, text="Here")
    await talk.receipt(post, FAILED)
    await talk.thread_shows(reason)
    assert not talk.customer.inbox


async def test_a_login_page_is_no_file(shop: Shop) -> None:
    """What Slack shows to those without access must not reach a customer."""
    page = {"status": 200, "body": "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"}
    shop.goes_wrong("slack.download", "status", -1, **page)
    talk = await shop.talk(assignee="ben")
    post = await talk.attaches("ben", OFFER)
    await talk.receipt(post, FAILED)
    await talk.thread_shows("login page")
    assert not talk.customer.inbox


@pytest.mark.parametrize(
    "where, kind, how",
    [
        ("slack.download", "status", {"status": 503}),
        ("slack.download", "cut_before", {}),
        ("whatsapp.media.post", "status", {"status": 503}),
        ("whatsapp.media.post", "cut_before", {}),
        ("whatsapp.media.post", "cut_after", {}),
    ],
)
async def test_a_stumble_on_the_way_is_tried_again(
    shop: Shop, where: str, kind: str, how: dict[str, int]
) -> None:
    """Nothing was sent by then, so nothing comes twice."""
    shop.goes_wrong(where, kind, 2, **how)
    talk = await shop.talk(assignee="ben")
    post = await talk.attaches("ben", OFFER, text="Here")
    await talk.staff("ben", "Done")
    assert [one[0] for one in await talk.gets_files("document", "text", timeout_s=30)] == ["Here", "Done"]
    await talk.receipt(post, DELIVERED)


async def test_one_stumble_after_the_other_is_still_no_failure(shop: Shop) -> None:
    """Both platforms have a bad moment: what is tried again does not run out sooner for that."""
    shop.goes_wrong("slack.files.info", "status", 1, status=429)
    shop.goes_wrong("slack.download", "status", 2, status=500)
    shop.goes_wrong("whatsapp.media.post", "status", 1, status=503)
    talk = await shop.talk(assignee="ben")
    post = await talk.attaches("ben", OFFER, text="Here")
    assert [one[0] for one in await talk.gets_files("document", timeout_s=30)] == ["Here"]
    await talk.receipt(post, DELIVERED)


async def test_a_refused_upload_can_be_sent_again(shop: Shop) -> None:
    """The first file arrived, so Retry sends the others only."""
    talk = await shop.talk(assignee="ben")
    shop.goes_wrong("slack.download", "status", -1, status=404)
    post = await talk.attaches("ben", OFFER, SOFA)
    await talk.receipt(post, FAILED)
    notice = await talk.thread_shows("did not reach the contact")
    assert "Offer 7.pdf" in shown(notice)
    shop.sandbox.faults.clear()
    await talk.press("ben", notice, "retry")
    await talk.gets_files("document", "image", timeout_s=30)
    await talk.receipt(post, DELIVERED)
