"""A message to a contact as WhatsApp takes it: which messages it becomes, in order, and the body of each. Pure."""

from __future__ import annotations

from typing import Any

from bridge.actions import Send
from bridge.adapters.base import Fitted, Outgoing
from bridge.adapters.whatsapp.format import TEXT_LIMIT, compose


def fit(send: Send) -> Fitted:
    """The messages that `send` becomes: WhatsApp markup, at most 4,096 characters each. The first one quotes."""
    texts, losses = compose(send.body, send.names, TEXT_LIMIT)
    parts = tuple(Outgoing(text=one, quotes=send.quotes if at == 0 else "") for at, one in enumerate(texts))
    return Fitted(parts, losses)


def body_of(outgoing: Outgoing, _media: str) -> dict[str, Any]:
    """What a message's body says beside whom it goes to. WhatsApp: messages."""
    text = outgoing.text
    context = {"context": {"message_id": outgoing.quotes}} if outgoing.quotes else {}
    return {
        "type": "text",
        "text": {"body": text, "preview_url": "https://" in text or "http://" in text},
        **context,
    }
