"""What WhatsApp tells of contacts' messages, and what it takes. Data, for people and documents."""

from __future__ import annotations

from bridge.adapters.base import Capabilities
from bridge.adapters.whatsapp.outgoing import LIMITS

CAPABILITIES = Capabilities(
    limits=LIMITS,
    from_contact={
        "text": "up to 4,096 characters, with its markup",
        "picture": "JPEG or PNG, up to 5 MB",
        "video": "MP4 or 3GP, up to 16 MB",
        "audio": "up to 16 MB",
        "voice message": "Ogg Opus",
        "document": "any type, up to 100 MB",
        "sticker": "WebP, still or moving",
        "place": "with name and address where it has them",
        "contact card": "one or several",
        "tapped answer": "of buttons, lists and templates",
        "form": "the answers of a flow",
        "order": "from a catalogue",
        "call": "that there was one; calls themselves go on on the phone",
        "kind nobody knows": "a code that says why",
        "quote": "the id of what it answers",
        "reaction": "the emoji; none when it is taken off",
        "edit": "for numbers that are used in the phone app, too",
        "deletion": "for numbers that are used in the phone app, too",
        "forwarding mark": "once, or many times",
        "advertisement": "when they come by a click-to-WhatsApp ad",
        "group message": "with the group's id",
        "new number or id": "when the platform tells",
    },
    to_contact={
        "text": "in parts of 4,096 characters",
        "picture": "JPEG, PNG; HEIC and WebP are made into them, the rest goes as a document",
        "video": "MP4, 3GP up to 16 MB; GIFs become films where ffmpeg is installed, the rest goes as a document",
        "audio": "AAC, AMR, MP3, M4A, Ogg Opus up to 16 MB; the rest goes as a document",
        "voice message": "Ogg Opus, where ffmpeg is installed; else as audio",
        "document": "any type, up to 100 MB",
        "place": "as a place",
        "contact card": "as contact cards",
        "buttons": f"up to {LIMITS.buttons}, of {LIMITS.button} characters",
        "list": f"up to {LIMITS.rows} rows of {LIMITS.row} characters, in {LIMITS.sections} sections",
        "link behind a button": f"label of {LIMITS.link} characters",
        "question for a place": "one tap answers",
        "template": "approved ones, inside and outside the 24 hours",
        "quote": "as a quote; not in templates",
        "reaction": "one of ours on each message",
        "edit": "not possible",
        "deletion": "not possible",
    },
)
