"""The command language, as data: one row per command, read by every door.

The same rows parse what is typed, check who may, print the help and register with the platforms. What a command
does stands in `bridge.routing.handlers`, one function per row.
"""

from __future__ import annotations

import difflib
import enum
import re

from bridge.model import Mode, Priority, Role, Struct


class Kind(enum.StrEnum):
    """What an argument is."""

    PERSON = "person"
    """A mention, `me`, a name, or an account."""
    TAG = "tag"
    """`vip`, `+vip` or `-vip`."""
    CHOICE = "choice"
    """One of `Argument.choices`."""
    COMMAND = "command"
    """The name of a command."""
    NAME = "name"
    """The name of something that the deployment has."""
    EMOJI = "emoji"
    """One emoji, or `off`."""
    COUNT = "count"
    """A whole number from 1 to `MOST_COUNTED`."""
    TEXT = "text"
    """All the rest, with its formatting and line breaks."""


MOST_COUNTED = 50
"""The largest number that a `Kind.COUNT` takes."""


class Argument(Struct, frozen=True, kw_only=True):
    """One argument of a command."""

    name: str
    kind: Kind
    required: bool = True
    many: bool = False
    choices: tuple[str, ...] = ()


class Command(Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    help: str
    """One line, for people."""
    example: str
    """A whole command line without the `!`."""
    role: Role = Role.AGENT
    """The least role that may give it. Some acts ask for more: assigning others, opening what is closed."""
    aliases: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    undoable: bool = False
    slash: tuple[str, ...] = ()
    """Slash commands that stand for it."""
    card: str | None = None
    """Name of the card's button."""
    emoji: str | None = None
    """Put on the card, it stands for the command."""

    def text_argument(self) -> Argument | None:
        """The argument that takes the rest of the text, if there is one."""
        return next((one for one in self.arguments if one.kind is Kind.TEXT), None)

    form: str = ""
    """How its text is written, where that has a form of its own."""

    def usage(self) -> str:
        """The shape of the command, e.g. `!assign <person>`."""
        return " ".join(("!" + self.name, *(_shape(one) for one in self.arguments)))

    def shape(self) -> str:
        """`usage`, with the form of its text where that has one."""
        return f"!{self.name} {self.form}" if self.form else self.usage()


def _shape(argument: Argument) -> str:
    name = "|".join(argument.choices) or argument.name
    name += " …" if argument.many else ""
    return f"<{name}>" if argument.required else f"[{name}]"


_TEXT = Argument(name="text", kind=Kind.TEXT)
_MAYBE_TEXT = Argument(name="text", kind=Kind.TEXT, required=False)

COMMANDS: tuple[Command, ...] = (
    Command(
        name="claim",
        help="Take the conversation: it is assigned to you.",
        example="claim",
        aliases=("take", "me"),
        undoable=True,
        card="claim",
        emoji="🙋",
    ),
    Command(
        name="assign",
        help="Assign the conversation to yourself with `me`; leads and above to anybody.",
        example="assign @Ben",
        aliases=("a",),
        arguments=(Argument(name="person", kind=Kind.PERSON),),
        undoable=True,
        slash=("/assign",),
        card="assign",
    ),
    Command(
        name="unassign",
        help="Give the conversation back: it is assigned to nobody.",
        example="unassign",
        aliases=("drop",),
        undoable=True,
    ),
    Command(
        name="resolve",
        help="Mark as resolved; the contact's next message re-opens it. With a text, that goes to the contact first.",
        example="resolve Glad to help. Have a nice day!",
        aliases=("done", "solve"),
        arguments=(_MAYBE_TEXT,),
        undoable=True,
        slash=("/resolve",),
        card="resolve",
        emoji="✅",
    ),
    Command(
        name="close",
        help="Close for good; the contact's next message starts a new conversation.",
        example="close",
        role=Role.LEAD,
        aliases=("c",),
        arguments=(_MAYBE_TEXT,),
        undoable=True,
    ),
    Command(
        name="reopen",
        help="Open a resolved conversation again; a lead may open a closed one.",
        example="reopen",
        undoable=True,
        emoji="🔄",
    ),
    Command(
        name="tag",
        help="Add tags, remove them with a minus, or list them.",
        example="tag refund -vip",
        aliases=("tags", "label"),
        arguments=(Argument(name="tag", kind=Kind.TAG, required=False, many=True),),
        undoable=True,
        slash=("/tag",),
    ),
    Command(
        name="priority",
        help="Say how soon the conversation wants an answer.",
        example="priority urgent",
        aliases=("p",),
        arguments=(Argument(name="priority", kind=Kind.CHOICE, choices=tuple(Priority)),),
        undoable=True,
    ),
    Command(
        name="note",
        help="A note for colleagues; it never goes to the contact.",
        example="note Called back, no answer.",
        aliases=("n",),
        arguments=(_TEXT,),
        slash=("/note",),
    ),
    Command(
        name="reply",
        help="Send a text to the contact, in every mode.",
        example="reply Hello, how can we help?",
        aliases=("r",),
        arguments=(_TEXT,),
    ),
    Command(
        name="react",
        help="React to the contact's last message, or to the one you link to; `off` takes it back.",
        example="react 👍",
        aliases=("emoji",),
        arguments=(Argument(name="emoji", kind=Kind.EMOJI),),
    ),
    Command(
        name="buttons",
        help="Ask the contact a question with up to three answers to tap.",
        example='buttons "Is Friday all right?" Yes | No | Another day',
        aliases=("ask",),
        arguments=(_TEXT,),
        form='"<question>" <answer> | <answer> | <answer>',
    ),
    Command(
        name="list",
        help="Ask the contact a question with up to ten answers in a list; `#` begins a section.",
        example='list "Which sofa?" "Choose" # In stock | Oslo – two seats | Bergen – three seats',
        aliases=("menu",),
        arguments=(_TEXT,),
        form='"<question>" "<button>" <answer> – <description> | <answer> …',
    ),
    Command(
        name="link",
        help="Send the contact a text with a web address behind a button.",
        example='link "Your parcel is on its way." "Track it" https://shop.example.com/t/17',
        arguments=(_TEXT,),
        form='"<text>" "<label>" <web address>',
    ),
    Command(
        name="location",
        help="Send the contact a place: latitude and longitude, or the address of a map.",
        example="location 52.5200, 13.4050 Our shop | Main Street 1, Berlin",
        aliases=("place",),
        arguments=(_TEXT,),
        form="<latitude>, <longitude> <name> | <address>",
    ),
    Command(
        name="contact",
        help="Send the contact one or more contact cards: a name with phone numbers and mail addresses each.",
        example="contact Ada Byron +49 30 1234567 ada@example.com | Ben Smith +1 415 555 2671",
        aliases=("card",),
        arguments=(_TEXT,),
        form="<name> <+phone> <mail> | <name> <+phone> …",
    ),
    Command(
        name="ask-location",
        help="Ask the contact where they are; one tap answers.",
        example='ask-location "Where shall we deliver to?"',
        aliases=("where",),
        arguments=(_TEXT,),
        form='"<question>"',
    ),
    Command(
        name="template",
        help="Send an approved template; once the time for free text is over nothing else can be sent.",
        example="template order_update en_US 4471 | Maya | Friday",
        arguments=(_TEXT,),
        form="<name> [language] <value> | <value> …",
    ),
    Command(
        name="templates",
        help="List the templates that can be sent from here, or show one with the values that it takes.",
        example="templates order_update",
        arguments=(Argument(name="name", kind=Kind.NAME, required=False),),
    ),
    Command(
        name="compose",
        help="Put a message together in a form that shows what the contact will read: text, buttons, a template and more.",
        example="compose",
        aliases=("write",),
    ),
    Command(
        name="new",
        help="Write to somebody first, with a template; their answer comes into a thread. From outside of threads: `/wa new`.",
        example="new +49 170 1234567 order_update en_US 4471 | Maya | Friday",
        arguments=(_MAYBE_TEXT,),
        form="<+phone> [in:<inbox>] [campaign:<label>] <template> [language] <value> | <value> …",
    ),
    Command(
        name="undo",
        help="Take back a reply that is still held, else your last change of this conversation.",
        example="undo",
        aliases=("u",),
    ),
    Command(
        name="who",
        help="What is known of the contact and the conversation.",
        example="who",
        aliases=("info", "profile"),
    ),
    Command(
        name="trace",
        help="Follow the last message, yours or the contact's, or the n-th last: every step with its time and id.",
        example="trace 2",
        aliases=("hops",),
        arguments=(Argument(name="n", kind=Kind.COUNT, required=False),),
    ),
    Command(
        name="help",
        help="List the commands, or explain one.",
        example="help assign",
        aliases=("h", "?"),
        role=Role.VIEWER,
        arguments=(Argument(name="command", kind=Kind.COMMAND, required=False),),
    ),
    Command(
        name="mode",
        help="Choose whose plain words reach the contact in this inbox.",
        example="mode assignee",
        role=Role.ADMIN,
        arguments=(Argument(name="mode", kind=Kind.CHOICE, choices=tuple(Mode)),),
    ),
)

ANY_SLASH = "/wa"
"""The slash command that takes any command line."""

URGENT_EMOJI = "🚨"
"""Put on the card: priority urgent; taken off: normal."""

_BY_WORD: dict[str, Command] = {word: row for row in COMMANDS for word in (row.name, *row.aliases)}
_BY_EMOJI: dict[str, str] = {row.emoji: row.name for row in COMMANDS if row.emoji} | {
    URGENT_EMOJI: "priority urgent"
}
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}
_COUNT = re.compile("[1-9]|[1-4][0-9]|50", re.ASCII)
_NUMBER = re.compile(r"\s*#?(\d{1,12})(?=\s|$)\s*")


class Parsed(Struct, frozen=True, kw_only=True):
    """A command line that makes sense. `text` is the raw remainder where the command takes a text."""

    command: Command
    args: tuple[str, ...] = ()
    text: str = ""


class Mistake(Struct, frozen=True, kw_only=True):
    """A command line that does not. `words` says what was expected, with an example."""

    words: str


def find(word: str) -> Command | None:
    """The row that a word (name or alias, any case) names."""
    return _BY_WORD.get(word.lower())


def for_slash(slash: str) -> Command | None:
    """The row that a slash command such as `/assign` stands for; None for `/wa` and for foreign ones."""
    return next((row for row in COMMANDS if slash in row.slash), None)


def for_emoji(emoji: str) -> str | None:
    """The command line that an emoji on the card stands for. Skin tone and gender do not matter."""
    return _BY_EMOJI.get(emoji[:1])


def closest(word: str) -> Command | None:
    """The command whose name or alias looks most like `word`; None when nothing comes near."""
    names = [name for name in _BY_WORD if len(name) > 1]
    near = difflib.get_close_matches(word.lower().strip("!.,:;?"), names, n=1, cutoff=0.5)
    return _BY_WORD[near[0]] if near else None


def split_number(line: str) -> tuple[int | None, str]:
    """A conversation's number at the start of a line (`#1042 @Ben`, `1042 @Ben`), and the rest."""
    match = _NUMBER.match(line)
    return (int(match[1]), line[match.end() :]) if match else (None, line.strip())


def split_word(line: str) -> tuple[str, str]:
    """The first word of a command line and what follows it, line breaks included."""
    word, _, rest = _first_word(line.strip())
    return word, rest


def _first_word(line: str) -> tuple[str, str, str]:
    match = re.match(r"(\S*)(\s*)", line)
    assert match is not None  # noqa: S101 - every part may be empty, so it always matches
    return match[1], match[2], line[match.end() :]


def parse(line: str) -> Parsed | Mistake:
    """Read a command line as typed after the `!`: `name arguments…`; quotes keep words together."""
    word, rest = split_word(line)
    row = find(word)
    if row is None:
        return _unknown(word)
    if row.text_argument() is not None:
        return _with_text(row, rest)
    args = _words(rest)
    if args is None:
        return _expected(row, "A quotation mark is never closed.")
    return _checked(row, args)


def _unknown(word: str) -> Mistake:
    near = closest(word) if word else None
    if not word:
        return Mistake(words="No command was given. Example: `!help`")
    hint = f"Did you mean `!{near.name}`?" if near else "`!help` lists them all."
    return Mistake(words=f"There is no command `!{word[:40]}`. {hint}")


def _expected(row: Command, problem: str) -> Mistake:
    return Mistake(words=f"{problem} Expected: `{row.shape()}`. Example: `!{row.example}`")


def _with_text(row: Command, rest: str) -> Parsed | Mistake:
    argument = row.text_argument()
    if argument is not None and argument.required and not rest.strip():
        return _expected(row, f"`!{row.name}` needs a text.")
    return Parsed(command=row, text=rest)


def _checked(row: Command, args: tuple[str, ...]) -> Parsed | Mistake:
    wanted = row.arguments
    needed = sum(one.required for one in wanted)
    if len(args) < needed:
        return _expected(row, f"`!{row.name}` needs a {wanted[len(args)].name}.")
    if len(args) > len(wanted) and not (wanted and wanted[-1].many):
        return _expected(row, f"`!{row.name}` takes {_counted(len(wanted))}.")
    for argument, value in zip(wanted, args, strict=False):
        if argument.choices and value.lower() not in argument.choices:
            return _expected(row, f"`{value[:40]}` is not one of {', '.join(argument.choices)}.")
        if argument.kind is Kind.COUNT and not _COUNT.fullmatch(value):
            return _expected(row, f"`{value[:40]}` is no number from 1 to {MOST_COUNTED}.")
    if wanted and wanted[0].choices:
        args = tuple(value.lower() for value in args)
    return Parsed(command=row, args=args)


def _counted(count: int) -> str:
    return {0: "no arguments", 1: "one argument"}.get(count, f"{count} arguments")


def _words(rest: str) -> tuple[str, ...] | None:
    """Words, with quoted ones kept together; None when a quotation mark is never closed."""
    found: list[str] = []
    at = 0
    while at < len(rest):
        if rest[at].isspace():
            at += 1
            continue
        # A quotation mark groups only at the start of a word, so that an apostrophe or inch sign stays itself.
        close = _QUOTES.get(rest[at])
        end = _word_end(rest, at) if close is None else rest.find(close, at + 1)
        if end < 0:
            return None
        word = rest[at:end] if close is None else rest[at + 1 : end]
        if word:
            found.append(word)
        at = end if close is None else end + 1
    return tuple(found)


def _word_end(rest: str, at: int) -> int:
    while at < len(rest) and not rest[at].isspace():
        at += 1
    return at
