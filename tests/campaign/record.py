"""What a round of the campaign was told and what it saw, as plain values: all that the checker knows.

Every message has a token, a word that occurs in no other message, so that it is known again wherever it turns up.
Times are Unix seconds. `channel` names an inbox and the channel of the same name where it is answered.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\bk\d{5}\b")


def token(number: int) -> str:
    """The `number`-th token; none is part of another."""
    return f"k{number:05d}"


def tokens(text: str) -> list[str]:
    """All tokens in a text, in order."""
    return _TOKEN.findall(text)


def plain(text: str) -> str:
    """A text with every gap made one space, as far as it matters for being whole."""
    return " ".join(text.split())


class Receipt(enum.StrEnum):
    """The reactions with which the bot says what became of a staff message, by Slack's names for them."""

    NEEDS_YOU = "question"
    HELD = "hourglass_flowing_sand"
    INTERNAL = "lock"
    UNCERTAIN = "grey_question"
    FAILED = "x"
    ACCEPTED = "arrow_upper_right"
    DELIVERED = "white_check_mark"
    READ = "eyes"


# ----------------------------------------------------------------------------------------------- what was done


@dataclass(frozen=True)
class Way:
    """When a message was first brought to the bridge, and when the bridge first said that it has it.

    `began` None: it was never brought. `taken` None: the bridge never said so. What was taken before something else
    began must be dealt with before it; `body` and `index` say the same of messages that came in one request.
    """

    began: float | None = None
    taken: float | None = None
    body: int | None = None
    index: int = 0

    def precedes(self, other: Way) -> bool:
        """True when the bridge had to deal with this one before the other."""
        if self.body is not None and self.body == other.body:
            return self.index < other.index
        return self.taken is not None and other.began is not None and self.taken < other.began


@dataclass(frozen=True)
class Written:
    """A customer's message. `under` are the ids that it was brought under: nobody knows at first that two of them are one
    person, so only what came under the same ones has an order.

    `last` is what was written once all was at rest. By then it is known who is who: it stands in order, whatever it came
    under, and in the one thread that goes on.
    """

    token: str
    customer: str
    channel: str
    text: str
    way: Way = field(default_factory=Way)
    under: str = ""
    last: bool = False


class Intent(enum.Enum):
    """What staff words are meant for."""

    PUBLIC = enum.auto()
    """The customer: by everything that was known when they were typed they go out."""
    INTERNAL = enum.auto()
    """Colleagues: they must never leave, whatever happens."""
    OPEN = enum.auto()
    """It depends on what others do at that moment. Whatever becomes of them, the receipt must say so."""


@dataclass(frozen=True)
class Typed:
    """Words of staff in a thread; `text` is the part that the customer gets, if they get it. `post` names the post."""

    token: str
    customer: str
    channel: str
    author: str
    text: str
    intent: Intent
    post: str
    way: Way = field(default_factory=Way)
    line: str = ""
    """Words of different lines, as of a customer who was taken for two people, have no order among each other."""
    pressed: bool = False
    """Somebody pressed a button about it later (Send, Retry, Resend): then it goes out in the order of the presses."""
    given_up: bool = False
    """Slack gave up bringing it to the bridge, as it does after three retries; nobody can do better than that."""


# ----------------------------------------------------------------------------------------------- what was seen


@dataclass(frozen=True)
class Card:
    """The root of a thread. `title` is the customer whose conversation it shows."""

    channel: str
    ts: str
    title: str


@dataclass(frozen=True)
class Post:
    """A post of the bot in a thread. `name` is the customer it speaks for; empty: the bot itself."""

    channel: str
    thread: str
    ts: str
    name: str
    text: str
    buttons: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Whisper:
    """What only one person was shown: beside a thread, or in a direct message."""

    person: str
    text: str
    buttons: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Arrived:
    """A message that WhatsApp took from the business for a customer, in the order they were taken.

    `status` is what the phone knows of it: `accepted`, `sent`, `delivered`, `read`, `failed`.
    """

    customer: str
    channel: str
    text: str
    status: str
    id: str = ""
    """WhatsApp's id of it."""


@dataclass(frozen=True)
class Remembered:
    """A message as the archive has it. `fate` and the fates of its `parts` (by WhatsApp's id) are words in small letters.

    `posts` are the posts of the bot that show it (`<channel>/<ts>`).
    """

    text: str
    outbound: bool
    internal: bool = False
    fate: str = ""
    posts: frozenset[str] = frozenset()
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """What is left in Redis in the end: what waits (key to how much), and how many dead letters there are."""

    waiting: Mapping[str, int] = field(default_factory=dict)
    dead: int = 0


@dataclass(frozen=True)
class Seen:
    """Everything that customers, staff and operators can see in the end."""

    cards: tuple[Card, ...] = ()
    posts: tuple[Post, ...] = ()
    whispers: tuple[Whisper, ...] = ()
    arrived: tuple[Arrived, ...] = ()
    receipts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The bot's reactions by staff post."""
    left: Left = field(default_factory=Left)
    archive: tuple[Remembered, ...] | None = None
    """What the archive remembers; None: nobody looked."""


# ------------------------------------------------------------------------------------------------- what is wrong


class Kind(enum.StrEnum):
    """The ways in which a round can go wrong."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    WRONG_THREAD = "wrong thread"
    LEAKED = "leaked"
    SILENT = "silently undelivered"
    GARBLED = "garbled"
    WRONG_RECEIPT = "wrong receipt"
    LEFT_OVER = "left over"
    ARCHIVE = "archive disagrees"


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong; `token` is empty where it is about no single message."""

    kind: Kind
    token: str
    words: str
