"""The WhatsApp side as a channel: what can be sent, how fast, and the calls that do it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec
import orjson

from bridge.actions import Send
from bridge.adapters.base import Bucket, Fitted, OutboundRef, Outgoing, Reach, Uploaded
from bridge.adapters.streaming import Streams
from bridge.adapters.whatsapp import errors
from bridge.adapters.whatsapp.caller import GraphCaller
from bridge.adapters.whatsapp.check import check_number, check_webhook
from bridge.adapters.whatsapp.features import CAPABILITIES
from bridge.adapters.whatsapp.ids import Identity, recipient
from bridge.adapters.whatsapp.media import MEDIA_HOSTS, MediaFetcher
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.outgoing import body_of, fit
from bridge.adapters.whatsapp.templates import read_templates
from bridge.adapters.whatsapp.uploads import Uploader
from bridge.content import Attachment, StaffFile
from bridge.content.templates import Template
from bridge.errors import Finding, PlatformError
from bridge.media.spool import Spooled
from bridge.model import InboxId

THROUGHPUT_PER_S = 80.0
"""WhatsApp: throughput; messages a second and number (20 for numbers that are also used in the phone app)."""
PAIR_PER_S = 1 / 6
"""WhatsApp: about-the-platform; to one contact one message in 6 s …"""
PAIR_BURST = 45
"""… and so many at once, borrowed from the future. What WhatsApp then refuses (131056) is sent a little later."""


class _SentMessage(msgspec.Struct, frozen=True):
    id: str


class _Accepted(msgspec.Struct, frozen=True):
    messages: list[_SentMessage]


_decode_accepted = msgspec.json.Decoder(_Accepted).decode


class WhatsAppChannel:
    """Sends through WhatsApp's Cloud API (`base.Channel`). Use as a context manager, or `close` it at the end."""

    name = "whatsapp"
    capabilities = CAPABILITIES

    def __init__(
        self,
        api_url: str,
        api_version: str,
        numbers: Iterable[Number],
        *,
        throughput_per_s: float = THROUGHPUT_PER_S,
        pair_per_s: float = PAIR_PER_S,
        pair_burst: int = PAIR_BURST,
        timeout_s: float = 20.0,
        media_hosts: Collection[str] = MEDIA_HOSTS,
    ) -> None:
        self._caller = GraphCaller(api_url, api_version, timeout_s)
        # The API's own host is the operator's word, so it may well be a private one.
        self._streams = Streams({urlsplit(api_url).hostname or ""})
        self._media = MediaFetcher(self._caller, self._streams, api_url, media_hosts)
        self._uploads = Uploader(self._streams, api_url, api_version)
        self._numbers = {number.inbox: number for number in numbers}
        self._throughput_per_s = throughput_per_s
        self._pair_per_s = pair_per_s
        self._pair_burst = pair_burst

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._caller.close()
        await self._streams.aclose()

    def reach(self, inbox: InboxId, digits: str) -> Reach:
        """By every spelling of the number; sent to as it was typed, until they write and show which one is theirs."""
        identity = Identity(phone=digits)
        aliases = identity.aliases(self._number(inbox).portfolio)
        return Reach(aliases=aliases, address=f"phone:+{digits}", phone=digits)

    def fitted(self, send: Send) -> Fitted:
        """See `outgoing.fit`."""
        return fit(send)

    def buckets(self, inbox: InboxId, address: str) -> tuple[Bucket, ...]:
        """The throughput of the number, and the rate to this one contact."""
        number = self._number(inbox).phone_number_id
        return (
            Bucket(
                key=f"wa:{number}", per_s=self._throughput_per_s, burst=max(1, int(self._throughput_per_s))
            ),
            Bucket(key=f"wa:{number}:{address}", per_s=self._pair_per_s, burst=self._pair_burst),
        )

    async def send(self, send: Send, part: int, outgoing: Outgoing, uploaded: Uploaded | None = None) -> str:
        """Send one part; its wamid.

        Our message id and the part travel in `biz_opaque_callback_data` and come back in the statuses. Raises
        `PlatformError`, with `UNKNOWN` where it may have gone out although no answer came. WhatsApp: messages.
        """
        number = self._number(send.inbox)
        try:
            to = recipient(send.address)
        except ValueError as error:
            raise PlatformError(errors.misaddressed()) from error
        ref = OutboundRef(contact=send.contact, message=send.message, part=part)
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **to,
            **body_of(outgoing, uploaded),
            "biz_opaque_callback_data": ref.encode(),
        }
        answer = await self._caller.post(
            f"{number.phone_number_id}/messages", number.token, orjson.dumps(body), repeatable=False
        )
        try:
            return _decode_accepted(answer).messages[0].id
        except (msgspec.DecodeError, UnicodeError, IndexError) as error:
            raise PlatformError(errors.unreadable_answer()) from error

    async def upload(self, inbox: InboxId, file: StaffFile, spooled: Spooled, *, captioned: bool) -> Uploaded:
        """Bring a colleague's file to WhatsApp. Raises `PlatformError`, `OSError`. WhatsApp: media."""
        return await self._uploads.upload(self._number(inbox), file, spooled, captioned=captioned)

    async def templates(self, inbox: InboxId) -> tuple[Template, ...]:
        """The templates of the number's account. Raises `PlatformError`."""
        return await read_templates(self._caller, self._number(inbox))

    async def fetch(self, inbox: InboxId, attachment: Attachment, into: Spooled) -> str:
        """Fetch a file that a contact sent to this inbox. Raises `PlatformError`. WhatsApp: media."""
        return await self._media.fetch(self._number(inbox), attachment, into)

    async def react(self, inbox: InboxId, address: str, platform_id: str, emoji: str) -> None:
        """React to a message. Raises `PlatformError`. WhatsApp: messages/reaction-messages."""
        number = self._number(inbox)
        try:
            to = recipient(address)
        except ValueError as error:
            raise PlatformError(errors.misaddressed()) from error
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **to,
            "type": "reaction",
            "reaction": {"message_id": platform_id, "emoji": emoji},
        }
        path = f"{number.phone_number_id}/messages"
        await self._caller.post(path, number.token, orjson.dumps(body), repeatable=True)

    async def mark_read(self, inbox: InboxId, platform_id: str, *, typing: bool = False) -> None:
        """Show the contact that we read up to this message, and with `typing` for 25 s that we write. Raises
        `PlatformError`. WhatsApp: messages, typing indicators.
        """
        number = self._number(inbox)
        body: dict[str, object] = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": platform_id,
        }
        if typing:
            body["typing_indicator"] = {"type": "text"}
        await self._caller.post(
            f"{number.phone_number_id}/messages", number.token, orjson.dumps(body), repeatable=True
        )

    async def check(self, webhook_url: str | None = None) -> list[Finding]:
        """What works and what does not, with what to do: every number, and our webhook where its url is given."""
        found = [
            finding
            for number in self._numbers.values()
            for finding in await check_number(self._caller, number)
        ]
        return found + (await check_webhook(webhook_url, self._numbers.values()) if webhook_url else [])

    def _number(self, inbox: InboxId) -> Number:
        number = self._numbers.get(inbox)
        if number is None:
            raise PlatformError(errors.no_number(inbox))
        return number
