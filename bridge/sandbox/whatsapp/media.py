"""Files at WhatsApp: what customers sent and businesses uploaded, for a while; addresses that expire."""

import base64
import hmac
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, web

from bridge.sandbox.blobs import CHUNK, Blob
from bridge.sandbox.clock import Clock
from bridge.sandbox.whatsapp.errors import GraphError, invalid, no_such_object

URL_S = 300.0
"""How long the address of a file is good (WhatsApp: business-phone-numbers/media)."""
WEBHOOK_LIFE_S = 7 * 86_400.0
UPLOAD_LIFE_S = 30 * 86_400.0
MOST_BYTES = 100 * 1024 * 1024
KEPT = 2_000
KINDS = ("image", "video", "audio", "document", "sticker")

_MB = 1024 * 1024
_MIME = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
UPLOADS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), ("audio", 16 * _MB)),
    **dict.fromkeys(("image/jpeg", "image/png"), ("image", 5 * _MB)),
    **dict.fromkeys(("video/mp4", "video/3gpp"), ("video", 16 * _MB)),
    "image/webp": ("sticker", 500 * 1024),
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        ("document", MOST_BYTES),
    ),
}
"""What a business may upload to be shown as what it is, and how large that may be, in bytes. The rest is a document."""


@dataclass
class Item:
    """One file. `kind` is what it may be sent as; `until_ticks` when the platform forgets it."""

    id: str
    number_id: str
    mime: str
    kind: str
    blob: Blob
    until_ticks: float


class Media:
    """All files of one pretended WhatsApp; the oldest of very many are forgotten."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        self._clock = clock
        self._items: dict[str, Item] = {}
        self._key = secrets.token_bytes(16)

    def add(self, number_id: str, kind: str, mime: str, blob: Blob, life_s: float) -> Item:
        """Keep a file of a number for `life_s` seconds of the platform."""
        media_id = str(secrets.randbelow(9 * 10**15) + 10**15)
        item = Item(media_id, number_id, mime, kind, blob, self._clock.ticks() + life_s)
        self._items[media_id] = item
        if len(self._items) > KEPT:
            del self._items[next(iter(self._items))]
        return item

    def get(self, media_id: str, number_id: str | None = None) -> Item | None:
        """A file that is still kept and, with `number_id`, belongs to that number."""
        item = self._items.get(media_id)
        if item is None or item.until_ticks < self._clock.ticks():
            return None
        return item if number_id in (None, item.number_id) else None

    def forget(self, media_id: str) -> None:
        """Delete a file."""
        self._items.pop(media_id, None)

    def link(self, base_url: str, item: Item) -> str:
        """A fresh address of a file, good for five minutes of the platform."""
        until = int(self._clock.ticks() + URL_S)
        query = f"mid={item.id}&ext={until}&hash={self._hash(item.id, until)}"
        return f"{base_url}/whatsapp_business/attachments/?{query}"

    def opened(self, media_id: str, until: str, given: str) -> Item | None:
        """The file behind an address; None when it expired, was tampered with or is gone."""
        if not until.isdigit() or not hmac.compare_digest(given, self._hash(media_id, int(until))):
            return None
        return self.get(media_id) if int(until) >= self._clock.ticks() else None

    def _hash(self, media_id: str, until: int) -> str:
        digest = hmac.digest(self._key, f"{media_id}:{until}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode()

    async def upload(self, number_id: str, request: web.Request) -> Item:
        """Take in a multipart upload; raises `GraphError` for what Meta refuses."""
        if request.content_type != "multipart/form-data":
            raise invalid("The parameter file is required.")
        try:
            form = await _Form.read(await request.multipart())
        except ConnectionError:
            raise invalid("The upload broke off.") from None  # nobody reads it
        if form.fields.get("messaging_product") != "whatsapp":
            raise invalid("The parameter messaging_product is required.")
        if form.file is None:
            raise invalid("The parameter file is required.")
        if not form.file.size:
            raise GraphError(131053, details="The media file is empty.")
        declared, mime = plain_type(form.fields.get("type", "")), plain_type(form.mime)
        if declared != mime:
            raise invalid(f'Param type must be the type of the file, {mime} - got "{declared}".')
        kind, most = UPLOADS.get(mime, ("document", MOST_BYTES))
        shown = kind if form.file.size <= most else "document"
        return self.add(number_id, shown, form.mime, form.file, UPLOAD_LIFE_S)


@dataclass
class _Form:
    """What a form of an upload holds."""

    fields: dict[str, str]
    file: Blob | None = None
    mime: str = ""

    @classmethod
    async def read(cls, reader: MultipartReader) -> "_Form":
        """All parts; raises `GraphError`."""
        form = cls({})
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise invalid("Nested parts are not supported.")
            if part.name != "file":
                form.fields[part.name or ""] = await part.text()
                continue
            form.mime = part.headers.get("Content-Type", "application/octet-stream")
            if not _MIME.fullmatch(plain_type(form.mime)):
                raise invalid(f"Param file must be a file with one of the supported types, not {form.mime}.")
            form.file = await Blob.gather(_pieces(part), MOST_BYTES)
            if form.file is None:
                raise GraphError(131053, details="The media file is larger than 100 MB.")
        return form


def plain_type(mime: str) -> str:
    """A type without its parameters."""
    return mime.partition(";")[0].strip().lower()


def kind_of(mime: str) -> str:
    """What a phone sends a file of this type as."""
    family = plain_type(mime).partition("/")[0]
    return family if family in {"image", "video", "audio"} else "document"


def described(url: str, item: Item) -> dict[str, object]:
    """The answer of `GET /{media id}`."""
    return {
        "messaging_product": "whatsapp",
        "url": url,
        "mime_type": item.mime,
        "sha256": item.blob.sha256.hex(),
        "file_size": str(item.blob.size),
        "id": item.id,
    }


def found(media: Media, media_id: str, verb: str, number_id: str | None) -> Item:
    """The file with this id; raises `GraphError` (100/33) for one that is gone, or another number's."""
    item = media.get(media_id, number_id)
    if item is None:
        raise no_such_object(media_id, verb)
    return item


async def stream(request: web.Request, item: Item, *, breaks: bool) -> web.StreamResponse:
    """Serve the bytes; `breaks`: only half of them, then the connection is cut."""
    response = web.StreamResponse(headers={"Content-Type": item.mime})
    response.content_length = item.blob.size
    await response.prepare(request)
    sent = 0
    for chunk in item.blob.chunks():
        await response.write(chunk)
        sent += len(chunk)
        if breaks and sent * 2 >= item.blob.size and request.transport is not None:
            request.transport.abort()
            break
    return response


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK):
        yield chunk
