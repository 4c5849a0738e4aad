"""The command table and its parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands import (
    COMMANDS,
    Kind,
    Mistake,
    Parsed,
    closest,
    find,
    for_emoji,
    for_slash,
    parse,
    split_number,
)
from bridge.model import Role
from bridge.routing.handlers import HANDLERS


def test_names_and_aliases_are_unique() -> None:
    """A word means one command."""
    words = [word for row in COMMANDS for word in (row.name, *row.aliases)]
    assert len(words) == len(set(words))


def test_every_row_has_a_function_and_nothing_else_has() -> None:
    """A command is one row and one function; help is answered by the table itself."""
    assert set(HANDLERS) | {"help"} == {row.name for row in COMMANDS}


def test_the_first_set_is_there() -> None:
    """The commands that the product starts with."""
    wanted = "claim assign unassign resolve close reopen tag note reply undo who help mode"
    assert set(wanted.split()) <= {row.name for row in COMMANDS}


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_example_parses(row: object) -> None:
    """What errors and help show as an example works."""
    assert isinstance(row, type(COMMANDS[0]))
    parsed = parse(row.example)
    assert isinstance(parsed, Parsed)
    assert parsed.command is row
    assert row.help.endswith(".")


@pytest.mark.parametrize(
    "line,name,args,text",
    [
        ("claim", "claim", (), ""),
        ("CLAIM", "claim", (), ""),
        ("take", "claim", (), ""),
        ("me", "claim", (), ""),
        ("a me", "assign", ("me",), ""),
        ('assign "Ben Smith"', "assign", ("Ben Smith",), ""),
        ("assign “Ben Smith”", "assign", ("Ben Smith",), ""),
        ("assign „Ben Smith“", "assign", ("Ben Smith",), ""),
        ("assign <@U1>", "assign", ("<@U1>",), ""),
        ("tag", "tag", (), ""),
        ("tag a  -b\tc", "tag", ("a", "-b", "c"), ""),
        ('tag "on hold" vip', "tag", ("on hold", "vip"), ""),
        ("tag don't 5\"", "tag", ("don't", '5"'), ""),
        ("priority URGENT", "priority", ("urgent",), ""),
        ("mode Explicit", "mode", ("explicit",), ""),
        ("r  two\nlines ", "reply", (), "two\nlines"),
        ('note "quotes stay', "note", (), '"quotes stay'),
        ("resolve", "resolve", (), ""),
        ("done Bye!", "resolve", (), "Bye!"),
        ("?", "help", (), ""),
        ("help assign", "help", ("assign",), ""),
        ("  claim  ", "claim", (), ""),
    ],
)
def test_lines(line: str, name: str, args: tuple[str, ...], text: str) -> None:
    """Words, quotes, aliases and texts."""
    parsed = parse(line)
    assert isinstance(parsed, Parsed)
    assert (parsed.command.name, parsed.args, parsed.text) == (name, args, text)


@pytest.mark.parametrize(
    "line,said",
    [
        ("", "No command was given. Example: `!help`"),
        ("clam", "There is no command `!clam`. Did you mean `!claim`?"),
        ("asign @x", "Did you mean `!assign`?"),
        ("xyzzy", "There is no command `!xyzzy`. `!help` lists them all."),
        ("claim now", "`!claim` takes no arguments. Expected: `!claim`. Example: `!claim`"),
        ("assign", "`!assign` needs a person. Expected: `!assign <person>`. Example: `!assign @Ben`"),
        ("assign a b", "`!assign` takes one argument."),
        ("mode all", "`all` is not one of assignee, everyone, explicit."),
        ("mode", "Expected: `!mode <assignee|everyone|explicit>`. Example: `!mode assignee`"),
        ("priority now", "Expected: `!priority <urgent|high|normal|low>`."),
        ('tag "open', "A quotation mark is never closed."),
        ("reply", "`!reply` needs a text."),
        ("note  \n ", "`!note` needs a text."),
    ],
)
def test_mistakes_say_what_was_expected(line: str, said: str) -> None:
    """A wrong line is answered with what is wrong, what was expected, and an example."""
    wrong = parse(line)
    assert isinstance(wrong, Mistake)
    assert said in wrong.words


@pytest.mark.parametrize(
    "word,name",
    [("cliam", "claim"), ("resovle", "resolve"), ("re-open", "reopen"), ("tga", "tag"), ("repl", "reply"), ("claim!", "claim")],
)  # fmt: skip
def test_the_closest_command_is_offered(word: str, name: str) -> None:
    """A slip of the finger finds its command."""
    row = closest(word)
    assert row is not None
    assert row.name == name


@pytest.mark.parametrize(
    "emoji,line",
    [("🙋", "claim"), ("🙋🏽", "claim"), ("🙋‍♀", "claim"), ("✅", "resolve"), ("🔄", "reopen"), ("🚨", "priority urgent"), ("👀", None), ("", None)],
)  # fmt: skip
def test_emoji_on_the_card(emoji: str, line: str | None) -> None:
    """Each stands for a command line, whatever the skin tone; the read receipt's eyes for none."""
    assert for_emoji(emoji) == line


def test_slash_commands() -> None:
    """The doors outside threads."""
    found = {
        slash: row.name for slash in ("/assign", "/resolve", "/tag", "/note") if (row := for_slash(slash))
    }
    assert found == {"/assign": "assign", "/resolve": "resolve", "/tag": "tag", "/note": "note"}
    assert for_slash("/wa") is None


@pytest.mark.parametrize(
    "line,number,rest",
    [("#1042 @Ben", 1042, "@Ben"), ("1042", 1042, ""), (" 1042  a b", 1042, "a b"), ("a 1042", None, "a 1042"), ("10x", None, "10x"), ("", None, "")],
)  # fmt: skip
def test_numbers(line: str, number: int | None, rest: str) -> None:
    """A conversation's number may stand before the arguments."""
    assert split_number(line) == (number, rest)


def test_rights() -> None:
    """Closing is for leads, the mode for admins, help for everybody, the rest for agents."""
    roles = {row.name: row.role for row in COMMANDS}
    assert roles.pop("close") is Role.LEAD
    assert roles.pop("mode") is Role.ADMIN
    assert roles.pop("help") is Role.VIEWER
    assert set(roles.values()) == {Role.AGENT}


@given(st.text())
def test_any_text_parses_to_something(line: str) -> None:
    """The parser never raises."""
    assert isinstance(parse(line), Parsed | Mistake)
    split_number(line)


@given(st.sampled_from(COMMANDS), st.text())
def test_any_arguments_parse_to_something(row: object, rest: str) -> None:
    """Nor with a real command in front; and texts keep every word."""
    assert isinstance(row, type(COMMANDS[0]))
    parsed = parse(f"{row.name} {rest}")
    assert isinstance(parsed, Parsed | Mistake)
    if isinstance(parsed, Parsed) and row.text_argument():
        assert parsed.text.split() == rest.split()


def test_kinds_are_used() -> None:
    """Every kind of argument has a command that takes it, so that adapters can offer the right picker."""
    used = {argument.kind for row in COMMANDS for argument in row.arguments}
    assert used == set(Kind)
    assert find("nothing") is None
