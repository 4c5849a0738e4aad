"""What a colleague's file is sent to WhatsApp as."""

from __future__ import annotations

import pytest

from bridge.adapters.whatsapp.uploads import Plan, plan

MB = 1024 * 1024
OPUS = b"OggS" + bytes(24) + b"OpusHead"


@pytest.mark.parametrize(
    "mime, size, planned",
    [
        ("image/jpeg", MB, Plan("image", "picture")),
        ("image/png", 5 * MB, Plan("image", "picture")),
        ("image/png", 5 * MB + 1, Plan("document")),
        ("image/webp", 9 * MB, Plan("image", "picture")),
        ("image/heic", 9 * MB, Plan("image", "picture")),
        ("image/gif", MB, Plan("video", "film")),
        ("image/svg+xml", MB, Plan("document")),
        ("video/mp4", 16 * MB, Plan("video")),
        ("video/mp4", 16 * MB + 1, Plan("document")),
        ("video/quicktime", MB, Plan("document")),
        ("audio/mpeg", MB, Plan("audio")),
        ("audio/mpeg", 17 * MB, Plan("document")),
        ("audio/wav", MB, Plan("document")),
        ("audio/ogg", MB, Plan("document")),
        ("application/pdf", 99 * MB, Plan("document")),
        ("application/octet-stream", 1, Plan("document")),
    ],
)
def test_by_type_and_size(mime: str, size: int, planned: Plan) -> None:
    """WhatsApp shows some types up to some size; the rest are documents."""
    assert plan(mime, size, voice=False, captioned=False) == planned


def test_sound() -> None:
    """Ogg is taken with Opus only; what was recorded becomes a voice message; with words it is a document."""
    assert plan("audio/ogg", MB, voice=False, captioned=False, head=OPUS) == Plan("audio")
    assert plan("audio/ogg", MB, voice=True, captioned=False, head=OPUS) == Plan("voice")
    assert plan("audio/mp4", MB, voice=True, captioned=False) == Plan("voice", "voice")
    assert plan("audio/webm", MB, voice=True, captioned=False) == Plan("voice", "voice")
    assert plan("audio/mp4", MB, voice=False, captioned=True) == Plan("document")
