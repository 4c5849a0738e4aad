"""Links to contacts' files: signed, so that nobody makes up others, and good for a while. Pure.

A link says what to fetch, until when, and nothing else; whoever has it may open it, like any link to a file.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime, timedelta

import msgspec

from bridge.content import Attachment, MediaKind
from bridge.model import InboxId

PATH = "/media/"
_SIGNATURE = 32


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What a link is for."""

    until: int
    """Unix seconds."""
    inbox: InboxId
    media: str
    kind: MediaKind
    mime: str
    name: str

    def attachment(self) -> Attachment:
        """The file to fetch."""
        return Attachment(kind=self.kind, media=self.media, mime=self.mime, name=self.name)


class BadLinkError(Exception):
    """Not a link of ours, or one of other settings."""


class LinkExpiredError(Exception):
    """It was one of ours."""


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Ticket)


class Links:
    """Makes and reads links below `base_url` (without a slash at its end), good for `life`."""

    def __init__(self, base_url: str, secret: str, life: timedelta) -> None:
        """`secret` is the same in all processes; what is signed here is signed under a key of its own."""
        self._base = base_url.rstrip("/") + PATH
        self._key = hmac.digest(secret.encode(), b"threadline: links to files", "sha256")
        self._life = life

    def make(self, inbox: InboxId, file: Attachment, now: datetime) -> str:
        """An address for a file, good from `now` on for a while."""
        until = int((now + self._life).timestamp())
        ticket = Ticket(until, inbox, file.media, file.kind, file.mime, file.name[:200])
        body = _encode(ticket)
        signed = hmac.digest(self._key, body, "sha256") + body
        return self._base + base64.urlsafe_b64encode(signed).decode().rstrip("=")

    def read(self, signed: str, now: datetime) -> Ticket:
        """What the last part of an address is for. Raises `BadLinkError`, `LinkExpiredError`."""
        try:
            raw = base64.b64decode(signed + "=" * (-len(signed) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadLinkError from None
        signature, body = raw[:_SIGNATURE], raw[_SIGNATURE:]
        if not hmac.compare_digest(signature, hmac.digest(self._key, body, "sha256")):
            raise BadLinkError
        try:
            ticket = _decoder.decode(body)
        except msgspec.MsgspecError:
            raise BadLinkError from None
        if ticket.until < now.timestamp():
            raise LinkExpiredError
        return ticket
