"""Files on both sides of the page."""

import base64

import pytest
from playwright.async_api import FilePayload, expect

from tests.support.playground import SUPPORT, Stage
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_a_customer_attaches_files_and_sees_them(stage: Stage) -> None:
    """Several at once, in order, the first with the words as its caption; a picture is seen, a document saved."""
    await stage.picks("ana")
    await stage.at("chat-text").fill("The box")
    await stage.at("chat-files").set_input_files(
        [
            FilePayload(name="box.png", mimeType="image/png", buffer=PIXEL),
            FilePayload(name="offer.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4"),
        ]
    )
    await expect(stage.at("bubble-own")).to_have_count(2)
    picture, document = stage.at("bubble-own").nth(0), stage.at("bubble-own").nth(1)
    await expect(picture).to_contain_text("The box")
    shown = picture.locator("img")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 1
    await expect(document.get_by_test_id("file-card")).to_contain_text("offer.pdf")
    await expect(stage.at("chat-text")).to_have_value("")
    await until(lambda: len(stage.endpoint.messages()) == 2)
    first, second = stage.endpoint.messages()
    assert (first["type"], first["image"]["caption"], first["image"]["mime_type"]) == (
        "image",
        "The box",
        "image/png",
    )
    assert (second["type"], second["document"]["filename"]) == ("document", "offer.pdf")


async def test_a_voice_message_and_an_animated_sticker(stage: Stage) -> None:
    """One press records; a WebP goes as a sticker, and says whether it moves."""
    await stage.picks("ana")
    await stage.at("chat-voice").click()
    await expect(stage.at("file-sound")).to_contain_text("Voice message")
    moving = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\x02" + bytes(9)
    await stage.at("chat-files").set_input_files(
        [FilePayload(name="hi.webp", mimeType="image/webp", buffer=moving)]
    )
    await until(lambda: len(stage.endpoint.messages()) == 2)
    voice, sticker = stage.endpoint.messages()
    assert (voice["audio"]["voice"], voice["audio"]["mime_type"]) == (True, "audio/ogg; codecs=opus")
    assert (sticker["type"], sticker["sticker"]["animated"]) == ("sticker", True)


async def test_the_desk_shows_files(stage: Stage) -> None:
    """A picture and a card in a thread, once Slack has shared them."""
    root = await stage.bot.posts_card()
    for name, data in (("box.png", PIXEL), ("offer.pdf", b"%PDF-1.4")):
        await stage.bot.web.files_upload_v2(filename=name, content=data, channel=SUPPORT, thread_ts=root)
    # Both are shared by then; a link that is drawn anew at this very moment takes no click.
    await expect(stage.at("open-thread")).to_contain_text("2 replies")
    await stage.at("open-thread").click()
    files = stage.at("file")
    await expect(files).to_have_count(2)
    await expect(files.filter(has_text="box.png").locator("img")).to_be_visible()
    await expect(files.filter(has_text="offer.pdf").get_by_test_id("file-card")).to_contain_text("8 B")


async def test_a_colleague_attaches_files(stage: Stage) -> None:
    """Several in one post of the thread, with words; the post shows them."""
    root = await stage.bot.posts_card()
    await stage.bot.posts("Hello", thread_ts=root)
    await stage.at("open-thread").click()
    await stage.at("thread-text").fill("Two of them")
    await stage.at("thread-files").set_input_files(
        [
            FilePayload(name="box.png", mimeType="image/png", buffer=PIXEL),
            FilePayload(name="offer.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4"),
        ]
    )
    await expect(stage.at("file")).to_have_count(2)
    post = stage.sandbox.slack.channel(SUPPORT).thread(root)[2]
    assert (post.text, post.subtype) == ("Two of them", "file_share")
    assert [(one["name"], one["mimetype"]) for one in post.files] == [
        ("box.png", "image/png"),
        ("offer.pdf", "application/pdf"),
    ]
    await expect(stage.at("file-picture")).to_be_visible()
    await expect(stage.at("thread-text")).to_have_value("")
