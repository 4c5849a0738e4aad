"""What everybody does in a round, and what goes wrong meanwhile: drawn from a seed, before anything runs.

The script is the same for the same seed and size; how processes interleave under it is the machine's.
All times are real seconds from the start of the round.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.campaign.record import token

INBOXES: dict[str, dict[str, str]] = {
    "support": {},
    "sales": {},
    "everyone": {"MODE": "everyone"},
    "explicit": {"MODE": "explicit"},
    "held": {"MODE": "everyone", "HOLD_S": "0.8"},
}
"""The inboxes (and channels) of a round by name, with what is set differently for them."""
PEOPLE: dict[str, tuple[str, ...]] = {
    "support": ("ben", "carla", "dana", "gil"),
    "sales": ("carla", "dana"),
    "everyone": ("ben", "carla", "dana", "gil"),
    "explicit": ("ben", "carla", "dana", "gil"),
    "held": ("ben", "carla", "dana", "gil"),
}
"""Who is in which channel. `gil` is a guest: his words never go out. `carla` leads, `dana` is an admin."""
GUEST = "gil"


# ------------------------------------------------------------------------------------------------------ steps


@dataclass(frozen=True)
class Write:
    """A customer writes several messages: one after the other, or all at once. `caption`: as a picture's."""

    at: float
    texts: tuple[str, ...]
    together: bool = False
    caption: bool = False


@dataclass(frozen=True)
class Look:
    """A customer opens the chat and reads."""

    at: float


@dataclass(frozen=True)
class Phone:
    """A customer's phone is switched on or off."""

    at: float
    on: bool


@dataclass(frozen=True)
class Move:
    """A customer gets another phone number; with `known` WhatsApp says who they were before."""

    at: float
    phone: str
    known: bool


class Form(enum.Enum):
    """How staff words are typed."""

    PLAIN = enum.auto()
    LONG = enum.auto()
    """Plain, and longer than one message of WhatsApp holds."""
    REPLY = enum.auto()
    RESOLVE = enum.auto()
    """`!resolve` with last words."""
    MARK = enum.auto()
    SLASHES = enum.auto()
    LATE_MARK = enum.auto()
    """A mark in a line further down keeps the whole text in."""
    MENTION = enum.auto()
    NOTE = enum.auto()
    MISTYPED = enum.auto()
    EDITED = enum.auto()
    """A note from which the mark is edited away."""


INWARD = frozenset(
    {Form.MARK, Form.SLASHES, Form.LATE_MARK, Form.MENTION, Form.NOTE, Form.MISTYPED, Form.EDITED}
)
"""Forms that never leave, whoever types them."""


@dataclass(frozen=True)
class Say:
    """Somebody types words in the thread."""

    at: float
    who: str
    form: Form
    token: str


@dataclass(frozen=True)
class Claim:
    """Somebody presses Claim until the card shows that the conversation is theirs."""

    at: float
    who: str


@dataclass(frozen=True)
class Order:
    """Somebody gives a command, by one of its doors: typed, `/wa`, a button of the card, or an emoji on it."""

    at: float
    who: str
    door: str
    line: str


@dataclass(frozen=True)
class Answer:
    """Somebody presses a button of what only they are shown, if there is one with this name."""

    at: float
    who: str
    button: str


class Ids(enum.Enum):
    """By which of their ids webhooks name a customer."""

    PHONE = enum.auto()
    USER_ID = enum.auto()
    BOTH = enum.auto()


@dataclass(frozen=True)
class Appear:
    """From now on webhooks name a customer by these ids."""

    at: float
    ids: Ids


CustomerStep = Write | Look | Phone | Move | Appear
StaffStep = Say | Claim | Order | Answer


@dataclass(frozen=True)
class Talk:
    """One customer's conversation in one inbox, and what happens in it, in order of time.

    In a `settled` one `owner` has it from the beginning to the end, so that it is known beforehand whose plain words go
    out. In any other everybody takes, passes on, closes and re-opens as they like.

    Who has `last_words` is known first by one id and then by the other only, so that the bridge takes them for two, until
    both are named together. These words are written once all is at rest: by one id, by the other, by both.
    """

    customer: str
    phone: str
    channel: str
    settled: bool
    owner: str
    customer_steps: tuple[CustomerStep, ...]
    staff_steps: tuple[StaffStep, ...]
    last_words: tuple[str, ...] = ()

    @property
    def two_in_one(self) -> bool:
        """Whether the customer is taken for two people at first."""
        return bool(self.last_words)


# ------------------------------------------------------------------------------------------------------ faults


@dataclass(frozen=True)
class Rule:
    """A fault by rule in the sandbox: `times` at most, each match with a probability."""

    at: float
    where: str
    kind: str
    times: int
    probability: float
    params: tuple[tuple[str, float | str], ...] = ()

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.where}: {self.kind.replace('_', ' ')}"


@dataclass(frozen=True)
class Blow:
    """Something befalls a process, Valkey, a worker's connection to it, or the archive, for `seconds`.

    `worker` is the number of the process; -1: all of them. Kinds: `kill`, `pause`, `remove`, `valkey kill`,
    `valkey pause`, `redis cut`, `redis cut after`, `archive locked`, `archive kill` (PostgreSQL's server), `archiver kill` (the
    process that is elected to write the archive, in the middle of a transaction).
    """

    at: float
    kind: str
    worker: int
    seconds: float

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"all workers: {self.kind}" if self.worker < 0 else self.kind


@dataclass(frozen=True)
class Vanish:
    """An admin of the desk deletes the thread of a talk (by its number)."""

    at: float
    talk: int

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "thread deleted"


Fault = Rule | Blow | Vanish


@dataclass(frozen=True)
class Size:
    """How much a round is. `faults` is how often something is made to go wrong, rules counted once each."""

    talks: int = 12
    seconds: float = 12.0
    messages: int = 60
    replies: int = 60
    faults: int = 16
    workers: int = 2
    postgresql: bool = False
    """The archive is a server's, which can be killed, and not a file."""


@dataclass(frozen=True)
class Script:
    """Everything of a round. `workers` processes run from the start."""

    seed: int
    size: Size
    scale: float
    shards: int
    workers: int
    limits: bool
    settles: float
    """The chance that a failed or doubtful reply is taken up again by its author in the end."""
    talks: tuple[Talk, ...] = ()
    faults: tuple[Fault, ...] = field(default=())


# ---------------------------------------------------------------------------------------------------- drawing


_WORDS = (
    "where",
    "is",
    "my",
    "parcel",
    "it",
    "was",
    "due",
    "on",
    "friday",
    "can",
    "you",
    "look",
    "it",
    "up",
    "please",
    "thank",
    "you",
    "señor",
    "你好",
    "🙂",
    "order",
    "4471",
)
_NAMES = ("Ana", "Bob", "Chen", "Dora", "Élise", "Farid", "Greta", "Hugo", "Iris", "João", "Kofi", "Lupe")


def draw(seed: int, size: Size) -> Script:
    """The script of a seed."""
    dice = random.Random(seed)  # noqa: S311 - dice that can be repeated, not secrets
    scale = dice.choice((8.0, 10.0, 12.0))
    numbers = iter(range(1, 100_000))
    words = (f"{token(number)} {_phrase(dice)}" for number in numbers)
    marks = (token(number) for number in numbers)
    talks = [_talk(dice, size, index, words, marks) for index in range(size.talks)]
    return Script(
        seed=seed,
        size=size,
        scale=scale,
        shards=dice.choice((2, 4, 8, 16)),
        workers=size.workers,
        limits=dice.random() < 0.4,
        settles=dice.choice((0.0, 0.5, 1.0)),
        talks=tuple(talks),
        faults=tuple(sorted(_faults(dice, size, scale, talks), key=lambda one: one.at)),
    )


def _phrase(dice: random.Random) -> str:
    return " ".join(dice.choice(_WORDS) for _ in range(dice.randint(1, 8)))


def _talk(dice: random.Random, size: Size, index: int, words: Iterator[str], marks: Iterator[str]) -> Talk:
    channel = dice.choices(tuple(INBOXES), weights=(5, 2, 3, 2, 2))[0]
    people = PEOPLE[channel]
    owner = dice.choice([one for one in people if one != GUEST])
    settled = dice.random() < 0.6
    two_in_one = not settled and dice.random() < 0.5
    return Talk(
        customer=f"{_NAMES[index % len(_NAMES)]} {index}",
        phone=f"3461{index:07d}",
        channel=channel,
        settled=settled,
        owner=owner,
        customer_steps=tuple(
            _customer(
                dice,
                size,
                words,
                other_phone=None if settled or two_in_one else f"3462{index:07d}",
                two_in_one=two_in_one,
            )
        ),
        staff_steps=tuple(_staff(dice, size, people, owner, marks, settled=settled)),
        last_words=tuple(next(words) for _ in Ids) if two_in_one else (),
    )


def _times(dice: random.Random, count: int, seconds: float) -> list[float]:
    return sorted(dice.uniform(0, seconds) for _ in range(count))


def _customer(
    dice: random.Random, size: Size, words: Iterator[str], *, other_phone: str | None, two_in_one: bool
) -> Iterator[CustomerStep]:
    left = max(1, round(size.messages / size.talks))
    steps: list[CustomerStep] = []
    if two_in_one:
        first, second = dice.sample((Ids.PHONE, Ids.USER_ID), 2)
        yield Appear(0.0, first)
        times = (max(at, size.seconds / 4) for at in _times(dice, 2, size.seconds))
        for at, ids in zip(times, (second, Ids.BOTH), strict=True):
            steps += [Appear(at, ids), Write(at, (next(words),))]
        left -= 2
    yield Write(dice.uniform(0, size.seconds / 4), (next(words),))
    left -= 1
    while left > 0:
        count = min(left, dice.choice((1, 1, 1, 2, 3, 6)))
        texts = tuple(next(words) for _ in range(count))
        caption = dice.random() < 0.08
        steps.append(
            Write(dice.uniform(0, size.seconds), texts, together=dice.random() < 0.25, caption=caption)
        )
        left -= count
    steps += [Look(at) for at in _times(dice, dice.randint(0, 3), size.seconds)]
    if dice.random() < 0.2:
        off, on = _times(dice, 2, size.seconds)
        steps += [Phone(off, on=False), Phone(on, on=True)]
    if other_phone is not None and dice.random() < 0.15:
        steps.append(
            Move(dice.uniform(size.seconds / 3, size.seconds), other_phone, known=dice.random() < 0.7)
        )
    yield from sorted(steps, key=lambda one: one.at)


_SETTLED_FORMS = {
    Form.PLAIN: 12,
    Form.LONG: 1,
    Form.REPLY: 4,
    Form.RESOLVE: 1,
    Form.MARK: 2,
    Form.SLASHES: 1,
    Form.LATE_MARK: 1,
    Form.MENTION: 2,
    Form.NOTE: 1,
    Form.MISTYPED: 1,
    Form.EDITED: 1,
}
_HARMLESS = (
    "who",
    "tag vip refund",
    "tag -vip",
    "priority urgent",
    "priority normal",
    "help",
    "resolve",
    "reopen",
)
_WILD = (
    *_HARMLESS,
    "claim",
    "assign me",
    "assign @ben",
    "assign @carla",
    "unassign",
    "close",
    "reopen",
    "undo",
)
_BUTTONS = ("claim", "resolve", "reopen")
_EMOJI = {"claim": "raising_hand", "resolve": "white_check_mark", "reopen": "arrows_counterclockwise"}


def _staff(
    dice: random.Random,
    size: Size,
    people: Sequence[str],
    owner: str,
    marks: Iterator[str],
    *,
    settled: bool,
) -> Iterator[StaffStep]:
    count = max(1, round(size.replies / size.talks))
    steps: list[StaffStep] = []
    for at in _times(dice, count, size.seconds):
        form = dice.choices(tuple(_SETTLED_FORMS), weights=tuple(_SETTLED_FORMS.values()))[0]
        who = owner if dice.random() < 0.7 else dice.choice(people)
        steps.append(Say(at, who, form, next(marks)))
        if not settled and dice.random() < 0.5:
            button = dice.choice(("claim_send", "send", "keep", "undo_hold"))
            steps.append(Answer(at + dice.uniform(0.3, 2.0), who, button))
    lines = _HARMLESS if settled else _WILD
    steps += [_order(dice, at, people, lines) for at in _times(dice, max(1, count // 4), size.seconds)]
    if settled:
        yield Claim(0.0, owner)
    yield from sorted(steps, key=lambda one: one.at)


def _order(dice: random.Random, at: float, people: Sequence[str], lines: Sequence[str]) -> Order:
    line, who = dice.choice(lines), dice.choice(people)
    doors = ["typed", "slash"]
    if line in _BUTTONS:
        doors += ["button", "emoji"]
    door = dice.choice(doors)
    return Order(at, who, door, _EMOJI[line] if door == "emoji" else line)


# ------------------------------------------------------------------------------------------------ drawing faults

_CALLS = {
    "slack.chat.postMessage": 6,
    "slack.chat.update": 2,
    "slack.reactions.add": 2,
    "slack.chat.postEphemeral": 1,
    "slack.conversations.replies": 2,
    "whatsapp.messages.send": 6,
    "whatsapp.messages.read": 1,
}
SEND_TIMEOUT_S = 1.0
"""How long the workers of a round wait for a platform's answer."""
BEYOND_S = 1.03
"""An answer, and its effect, that comes too late: after the call was given up and before it is looked up."""
_SLACK_ERRORS = ("internal_error", "fatal_error", "service_unavailable", "request_timeout")
_WHATSAPP_ERRORS = (130429, 131000, 131016, 131026, 131056)


def _faults(dice: random.Random, size: Size, scale: float, talks: Sequence[Talk]) -> Iterator[Fault]:
    # Where a thread vanishes nobody can know beforehand which words still belong to it.
    open_talks = [index for index, talk in enumerate(talks) if not talk.settled]
    for _ in range(size.faults):
        at = dice.uniform(0.3, size.seconds)
        match dice.choices(("blow", "call", "webhook", "event", "vanish"), weights=(10, 14, 8, 6, 1))[0]:
            case "blow":
                yield _blow(dice, at, size)
            case "vanish" if open_talks:
                yield Vanish(at, dice.choice(open_talks))
            case "call":
                yield _call(dice, at, scale)
            case "webhook":
                yield _webhook(dice, at)
            case _:
                yield _event(dice, at)


_BLOWS = {
    "kill": 6,
    "pause": 2,
    "remove": 2,
    "valkey kill": 2,
    "valkey pause": 1,
    "redis cut": 3,
    "redis cut after": 2,
    "archive locked": 2,
    "archiver kill": 3,
    "archive kill": 4,
}
_LONGEST_S = {
    "pause": 5.0,
    "remove": 3.0,
    "kill": 1.5,
    "valkey kill": 1.5,
    "valkey pause": 1.5,
    "archive locked": 6.0,
    "archiver kill": 1.5,
    "archive kill": 3.0,
}


def _blow(dice: random.Random, at: float, size: Size) -> Blow:
    weights = {kind: weight for kind, weight in _BLOWS.items() if kind != "archive kill" or size.postgresql}
    kind = dice.choices(tuple(weights), weights=tuple(weights.values()))[0]
    everybody = kind == "kill" and dice.random() < 0.2
    worker = -1 if everybody else dice.randrange(size.workers)
    longest = _LONGEST_S.get(kind, 0.4)
    shortest = 3.3 if kind == "pause" and dice.random() < 0.7 else 0.0
    return Blow(at, kind, worker, dice.uniform(shortest, longest))


def _call(dice: random.Random, at: float, scale: float) -> Rule:
    where = dice.choices(tuple(_CALLS), weights=tuple(_CALLS.values()))[0]
    kinds = ("cut_before", "cut_after", "status", "error", "rate_limit", "delay")
    kind = dice.choices(kinds, weights=(2, 4, 2, 2, 2, 2))[0]
    params: tuple[tuple[str, float | str], ...] = ()
    match kind:
        case "status":
            params = (("status", dice.choice((500, 502, 503))),)
        case "error" if where.startswith("slack"):
            params = (("error", dice.choice(_SLACK_ERRORS)),)
        case "error":
            params = (("code", dice.choice(_WHATSAPP_ERRORS)),)
        case "rate_limit":
            params = (("retry_after", dice.choice((1, 5, 20))),)
        case "delay":
            # Real seconds: well within the time that a call has, and a little beyond it.
            params = (("seconds", dice.choice((0.1, 0.5, BEYOND_S)) * scale),)
        case _:
            pass
    return Rule(at, where, kind, dice.randint(1, 4), dice.choice((0.2, 0.5, 1.0)), params)


def _webhook(dice: random.Random, at: float) -> Rule:
    kind = dice.choice(("duplicate", "duplicate", "reorder", "batch", "cut_before", "cut_after", "delay"))
    params: tuple[tuple[str, float | str], ...] = ()
    match kind:
        case "reorder":
            params = (("seconds", dice.choice((1, 5, 20))),)
        case "batch":
            params = (("size", dice.randint(2, 8)), ("seconds", dice.choice((1, 5))))
        case "delay":
            params = (("seconds", dice.choice((1, 5))),)
        case _:
            pass
    return Rule(at, "whatsapp.webhook", kind, dice.randint(1, 6), dice.choice((0.2, 0.5, 1.0)), params)


def _event(dice: random.Random, at: float) -> Rule:
    kind = dice.choice(("duplicate", "duplicate", "reorder", "delay", "drop_socket"))
    seconds = (("seconds", dice.choice((1, 5, 10))),) if kind in {"reorder", "delay"} else ()
    where = "slack.event"
    if kind in {"delay", "drop_socket"} and dice.random() < 0.3:
        where = "slack.interactive"
    times = 1 if kind == "drop_socket" else dice.randint(1, 5)
    return Rule(at, where, kind, times, dice.choice((0.2, 0.5, 1.0)), seconds)
