"""What Slack shows of contacts' messages, and how staff send there. Data, for people and documents."""

from __future__ import annotations

from bridge.adapters.base import Capabilities

_FILE = (
    "in the thread under the contact's name, with caption and file name; refused ones get a link that expires"
)

CAPABILITIES = Capabilities(
    from_contact={
        "text": "with its formatting, in as many posts as it takes; nobody is pinged by it",
        "picture": _FILE,
        "video": _FILE,
        "audio": _FILE,
        "voice message": "as a file that plays",
        "document": _FILE,
        "sticker": "as a picture; moving ones as their file",
        "place": "name, address, coordinates and a link to a map",
        "contact card": "all that it says, readable, with a .vcf file for address books",
        "tapped answer": "the answer, with the question it answers",
        "form": "its answers as a table",
        "order": "its items, prices and note",
        "call": "that it was made, taken or missed",
        "kind nobody knows": "by its name",
        "quote": "what it answers, with a link to that post; older ones say so",
        "reaction": "on the post; as words where Slack has no such emoji",
        "edit": "below the old words, marked",
        "deletion": "marked; the old words stay",
        "forwarding mark": "above the words",
        "advertisement": "its words, picture and link above the message; on the card",
        "group message": "who wrote it and that it is of a group, in the writer's own thread",
        "new number or id": "a notice in the thread",
    },
    to_contact={
        "text": "typed in the thread, by the inbox's mode; `!reply`; Compose",
        "picture": "attached in the thread",
        "video": "attached in the thread",
        "audio": "attached in the thread",
        "voice message": "recorded in Slack",
        "document": "attached in the thread",
        "place": "`!location`, Compose",
        "contact card": "`!contact`, Compose",
        "buttons": "`!buttons`, Compose",
        "list": "`!list`, Compose",
        "link behind a button": "`!link`, Compose",
        "question for a place": "`!ask-location`, Compose",
        "template": "`!template`, Compose, `/wa new`",
        "quote": "the shortcut *Reply to this*, or a link to the post at the beginning or end",
        "reaction": "`!react`, or an emoji of the inbox's list",
        "edit": "edited in the thread: changes what is held, else is offered as a correction",
        "deletion": "deleted in the thread: takes back what is held",
    },
)
