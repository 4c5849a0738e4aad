"""WhatsApp's files: what customers send, what the business uploads, addresses that expire."""

from __future__ import annotations

import io
from typing import Any

import pytest
from aiohttp import ClientPayloadError, FormData

from bridge.sandbox.blobs import Blob
from bridge.sandbox.faults import Fault
from tests.support.waiting import until
from tests.support.whatsapp_sandbox import NUMBER, MakeRig, Rig

TOKEN = {"Authorization": "Bearer sandbox-whatsapp-token"}
PICTURE = b"\xff\xd8\xff\xe0" + bytes(2000)


async def upload(rig: Rig, data: bytes, mime: str, product: str | None = "whatsapp") -> tuple[int, Any]:
    """`POST /{number}/media`; status and body."""
    form = FormData()
    if product is not None:
        form.add_field("messaging_product", product)
    form.add_field("type", mime)
    form.add_field("file", io.BytesIO(data), filename="file", content_type=mime)
    async with rig.session.post(f"{rig.url}/whatsapp/v23.0/{NUMBER}/media", data=form, headers=TOKEN) as got:
        return got.status, await got.json(content_type=None)


async def look_up(rig: Rig, media: str, **query: str) -> tuple[int, Any]:
    """`GET /{media}`; status and body."""
    async with rig.session.get(f"{rig.url}/whatsapp/v23.0/{media}", params=query, headers=TOKEN) as got:
        return got.status, await got.json(content_type=None)


async def download(rig: Rig, url: str, *, token: bool = True) -> tuple[int, bytes, str]:
    """Status, bytes and type behind an address."""
    async with rig.session.get(url, headers=TOKEN if token else {}) as got:
        return got.status, await got.read(), got.content_type


async def test_what_a_customer_sends_can_be_fetched_with_the_token(rig: Rig) -> None:
    """The webhook names type, hash and id; the id leads to an address, and that to the bytes, for the token only."""
    ana = rig.whatsapp.customer("ana")
    await ana.attaches("image", PICTURE, "image/jpeg", caption="The box")
    await rig.endpoint.until(rig.endpoint.messages)
    (message,) = rig.endpoint.messages()
    image = message["image"]
    assert (message["type"], image["caption"], image["mime_type"]) == ("image", "The box", "image/jpeg")
    status, found = await look_up(rig, image["id"], phone_number_id=NUMBER)
    assert (status, found["file_size"], found["mime_type"]) == (200, str(len(PICTURE)), "image/jpeg")
    assert await download(rig, found["url"]) == (200, PICTURE, "image/jpeg")
    assert (await download(rig, image["url"]))[0] == 200
    assert (await download(rig, found["url"], token=False))[0] == 401


async def test_a_voice_note_and_a_sticker_say_what_they_are(rig: Rig) -> None:
    """`voice` and `animated` are there whether true or not; a document has its name."""
    ana = rig.whatsapp.customer("ana")
    await ana.attaches("audio", b"OggS", "audio/ogg; codecs=opus", flag=True)
    await ana.attaches("sticker", b"RIFF", "image/webp")
    await ana.attaches("document", b"%PDF", "application/pdf", filename="../a.pdf")
    await rig.endpoint.until(lambda: len(rig.endpoint.messages()) == 3)
    audio, sticker, document = rig.endpoint.messages()
    assert (audio["audio"]["voice"], sticker["sticker"]["animated"]) == (True, False)
    assert document["document"]["filename"] == "../a.pdf"


async def test_ids_and_addresses_expire_and_belong_to_a_number(make_rig: MakeRig) -> None:
    """Another number's id, a tampered address and one older than five minutes lead nowhere."""
    rig = await make_rig(scale=5_000.0)
    await rig.whatsapp.customer("ana").attaches("image", PICTURE, "image/jpeg")
    await rig.endpoint.until(rig.endpoint.messages)
    media = rig.endpoint.messages()[0]["image"]["id"]
    status, body = await look_up(rig, media, phone_number_id="200300400500601")
    assert (status, body["error"]["code"], body["error"]["error_subcode"]) == (400, 100, 33)
    _, found = await look_up(rig, media)
    assert (await download(rig, found["url"].replace("mid=", "mid=9")))[0] == 404

    async def expired() -> bool:
        return (await download(rig, found["url"]))[0] == 404

    await until(expired)
    rig.whatsapp.media.forget(media)
    assert (await look_up(rig, media))[0] == 400


async def test_a_large_file_takes_no_room_here(rig: Rig) -> None:
    """101 MB of zeros behind a head, for programs that must refuse them."""
    blob = Blob.sparse(PICTURE, 101 * 1024 * 1024)
    await rig.whatsapp.customer("ana").attaches("video", blob, "video/mp4")
    await rig.endpoint.until(rig.endpoint.messages)
    _, found = await look_up(rig, rig.endpoint.messages()[0]["video"]["id"])
    assert found["file_size"] == str(101 * 1024 * 1024)
    assert len(blob.head) == len(PICTURE)


async def test_faults_of_a_download(rig: Rig) -> None:
    """A login page in place of the file, and a connection that breaks in the middle."""
    await rig.whatsapp.customer("ana").attaches("image", PICTURE * 200, "image/jpeg")
    await rig.endpoint.until(rig.endpoint.messages)
    url = rig.endpoint.messages()[0]["image"]["url"]
    page = {
        "status": 200,
        "body": "<!DOCTYPE html><title>Log in</title>",
        "headers": {"Content-Type": "text/html"},
    }
    rig.faults.add(Fault("whatsapp.media.download", "status", params=page))
    assert (await download(rig, url))[2] == "text/html"
    rig.faults.add(Fault("whatsapp.media.download", "cut_after"))
    with pytest.raises(ClientPayloadError):
        await download(rig, url)
    assert len((await download(rig, url))[1]) == len(PICTURE) * 200


async def test_an_upload_is_sent_by_its_id(rig: Rig) -> None:
    """What was uploaded can be sent as its kind or as a document, and as nothing else."""
    status, body = await upload(rig, PICTURE, "image/jpeg")
    assert status == 200
    status, _ = await rig.send("+15550100311", type="image", image={"id": body["id"], "caption": "Here"})
    assert status == 200
    assert (await rig.send("+15550100311", type="document", document={"id": body["id"]}))[0] == 200
    status, refused = await rig.send("+15550100311", type="video", video={"id": body["id"]})
    assert (status, refused["error"]["code"]) == (400, 131053)


@pytest.mark.parametrize(
    "data, mime, product, code",
    [
        (b"GIF89a", "image", "whatsapp", 100),
        (b"", "image/png", "whatsapp", 131053),
        pytest.param(bytes(100 * 1024 * 1024 + 1), "image/png", "whatsapp", 131053, id="too large"),
        (PICTURE, "image/jpeg", None, 100),
        (PICTURE, "image/jpeg", "facebook", 100),
    ],
)
async def test_uploads_that_meta_refuses(
    rig: Rig, data: bytes, mime: str, product: str | None, code: int
) -> None:
    """What is no type, nothing in it, too much in it, no product."""
    status, body = await upload(rig, data, mime, product)
    assert (status, body["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    "data, mime",
    [
        (b"GIF89a", "image/gif"),
        pytest.param(bytes(5 * 1024 * 1024 + 1), "image/png", id="a large picture"),
        (b"PK", "application/zip"),
    ],
)
async def test_what_whatsapp_does_not_show_is_a_document(rig: Rig, data: bytes, mime: str) -> None:
    """Types that it has no place for, and pictures over their limit."""
    status, body = await upload(rig, data, mime)
    assert status == 200
    status, refused = await rig.send("+15550100311", type="image", image={"id": body["id"]})
    assert (status, refused["error"]["code"]) == (400, 131053)
    status, _ = await rig.send("+15550100311", type="document", document={"id": body["id"], "filename": "a"})
    assert status == 200


async def test_an_upload_can_be_deleted(rig: Rig) -> None:
    """Afterwards its id is nobody's."""
    _, body = await upload(rig, PICTURE, "image/jpeg")
    async with rig.session.delete(f"{rig.url}/whatsapp/v23.0/{body['id']}", headers=TOKEN) as got:
        assert await got.json(content_type=None) == {"success": True}
    assert (await look_up(rig, body["id"]))[0] == 400
