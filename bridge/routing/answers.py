"""What people read in answer to commands."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.commands import COMMANDS, Command
from bridge.content import TemplateMessage
from bridge.markup import Bold, Code, Document, ListBlock, Text, compact, text
from bridge.model import Contact, Mode, Place, Role, Status
from bridge.routing.texts import Value, channel, contact_name, excerpt, node, say


def viewer() -> Document:
    """A viewer gave a command or pressed a button."""
    return text("Only agents of this inbox can do that. An admin can make you one.")


def denied(row: Command, role: Role) -> Document:
    """Somebody without the right."""
    return say("`!{name}` is for {role}s and above.", name=row.name, role=role.name.lower())


def denied_act(what: str, role: Role) -> Document:
    """Somebody without the right to one act."""
    return say("{what} is for {role}s and above.", what=what, role=role.name.lower())


def ended_first(status: Status) -> Document:
    """An act that makes no sense in a conversation that ended."""
    return say("This conversation is {status}. `!reopen` it first.", status=status.value)


def claimed(number: int) -> Document:
    """The actor took it."""
    return say("#{number} is yours.", number=number)


def assigned(number: int, name: str) -> Document:
    """The actor gave it to somebody."""
    return say("#{number} is assigned to {name}.", number=number, name=name)


def assigned_already(number: int, name: str) -> Document:
    """It was theirs already."""
    return say("#{number} is assigned to {name} already.", number=number, name=name)


def unassigned(number: int) -> Document:
    """Nobody has it now."""
    return say("#{number} is assigned to nobody now.", number=number)


def nobody_has_it(number: int) -> Document:
    """There was nobody to take it from."""
    return say("#{number} is assigned to nobody.", number=number)


def given_to_you(by: str, number: int, contact: Contact) -> Document:
    """To a new assignee."""
    return say("{by} assigned #{number} ({name}) to you.", by=by, number=number, name=contact_name(contact))


def taken_from_you(by: str, number: int, contact: Contact, after: str | None) -> Document:
    """To a former assignee."""
    who = f"to {after}" if after else "to nobody"
    return say(
        "{by} assigned #{number} ({name}) {who}; it was yours.",
        by=by,
        number=number,
        name=contact_name(contact),
        who=who,
    )


def no_such_person(word: str) -> Document:
    """Nobody of that name may answer."""
    return say(
        "`{word}` is no agent of this inbox. Expected a mention, a name, or `me`. Example: `!assign me`",
        word=word,
    )


def several_people(word: str, names: Iterable[str]) -> Document:
    """The name fits several."""
    return say("`{word}` may be {names}. Mention the one you mean.", word=word, names=" or ".join(names))


def status_is(number: int, status: Status) -> Document:
    """After a change of status."""
    tail = {
        Status.RESOLVED: "; the contact's next message re-opens it.",
        Status.CLOSED: "; the contact's next message starts a new conversation.",
    }.get(status, ".")
    return say("#{number} is {status}{tail}", number=number, status=status.value, tail=tail)


def status_already(number: int, status: Status) -> Document:
    """Nothing to change."""
    return say("#{number} is {status} already.", number=number, status=status.value)


def another_is_open(number: int) -> Document:
    """A closed conversation cannot be opened beside its successor."""
    return say(
        "The contact's conversation is #{number} now, and two cannot be open in one inbox. Answer there, or close "
        "that one first.",
        number=number,
    )


def not_resolved() -> Document:
    """The last words could not go out."""
    return text("The conversation stays as it was, because its last words could not be sent.")


def tags(number: int, tags: tuple[str, ...]) -> Document:
    """The tags as they are now."""
    return say("Tags of #{number}: {tags}.", number=number, tags=", ".join(tags) or "none")


def bad_tag(word: str) -> Document:
    """Not a tag."""
    return say(
        "`{word}` is no tag: up to 40 letters, digits, `-`, `_` and spaces. Example: `!tag refund -vip`",
        word=word[:60],
    )


def too_many_tags(limit: int) -> Document:
    """Enough is enough."""
    return say("A conversation takes up to {limit} tags.", limit=limit)


def priority_is(number: int, priority: str) -> Document:
    """After a change of priority."""
    return say("#{number} has priority {priority}.", number=number, priority=priority)


def note(by: str, body: Document) -> Document:
    """A note that was not typed in the thread."""
    return compact((*say("Note by *{by}*: ", by=by), *body))


def note_kept() -> Document:
    """Answer to a note from elsewhere."""
    return text("Noted in the thread.")


def reply_shown(by: str, body: Document, quoted: str = "") -> Document:
    """A reply that was not typed in the thread, for those who read there, with what it answers."""
    head = say("*{by}* replied to the contact: ", by=by)
    if quoted:
        head = say("*{by}* replied to “{quoted}”: ", by=by, quoted=excerpt(text(quoted)))
    return compact((*head, *body))


def nothing_to_react_to() -> Document:
    """There is no message to put an emoji on."""
    return text("The contact has not written yet, so there is nothing to react to.")


def no_emoji(typed: str) -> Document:
    """A reaction that is none."""
    return say(
        "`{typed}` is no emoji that goes to contacts. Example: `!react 👍`; `!react off` takes it back.",
        typed=typed[:40],
    )


def reaction_taken(emoji: str) -> Document:
    """Answer to `!react`."""
    return (
        say("{emoji} is on its way to the contact.", emoji=emoji)
        if emoji
        else text("Your reaction is taken back.")
    )


def not_reacted(emoji: str, why: str) -> Document:
    """A reaction that the contact does not see."""
    return say("Your reaction {emoji} did not reach the contact: {why}.", emoji=emoji, why=why.rstrip("."))


def not_sent(why: str) -> Document:
    """A message that makes no sense."""
    return say("Not sent. {why}", why=why)


def outreach(by: str, message: TemplateMessage, *, begun: bool) -> Document:
    """A template that somebody sent first, for those who read in the thread."""
    what = "began this conversation with" if begun else "sends"
    head = say("*{by}* {what} the template `{name}`:", by=by, what=what, name=message.name)
    return compact((*head, Text("\n"), *message.words))


def outreach_began(number: int, contact: Contact, thread: Place | None) -> Document:
    """For the one who did it, where they did it."""
    where = channel(thread) if thread else "its thread"
    return say(
        "#{number} with {name} is yours now, and the template is on its way. Their answer comes into {where}.",
        number=number,
        name=contact_name(contact),
        where=where,
    )


def outreach_goes_on(number: int, contact: Contact, thread: Place | None) -> Document:
    """The same, with somebody who is being answered already."""
    where = channel(thread) if thread else "its thread"
    return say(
        "You are in touch with {name} already: #{number} in {where}. The template was sent there.",
        number=number,
        name=contact_name(contact),
        where=where,
    )


def begin_elsewhere() -> Document:
    """`!new` typed in a thread."""
    return say(
        "This thread is about one contact. To write to another one first, use `/wa new +49 … <template>` or the shortcut *New conversation*."
    )


def compose_offer() -> Document:
    """`!compose` typed in a thread."""
    return text("Put a message together, and see what the contact will read:")


def reply_taken() -> Document:
    """Answer to a reply from elsewhere."""
    return text("On its way to the contact.")


def undone(what: str) -> Document:
    """Taken back."""
    return say("Taken back: {what}.", what=what)


def nothing_to_undo() -> Document:
    """Nothing there, or too late."""
    return text("There is nothing of yours to take back here, or somebody changed the conversation since.")


def mode_chosen(mode: Mode) -> Document:
    """Whose words reach contacts now."""
    return say(f"In this inbox, within a second: {MODE_WORDS[mode]}")


MODE_WORDS: dict[Mode, str] = {
    Mode.ASSIGNEE: "the assignee's plain words reach the contact, everybody else's stay internal.",
    Mode.EVERYONE: "every agent's plain words reach the contact.",
    Mode.EXPLICIT: "only `!reply` reaches the contact.",
}


def who(rows: Iterable[tuple[str, Value]]) -> Document:
    """What is known, one line each."""
    items = tuple((Bold((Text(f"{name}: "),)), node(value)) for name, value in rows)
    return (ListBlock(ordered=False, items=items),)


def ordinal(number: int) -> str:
    """`2nd`, `3rd`, `11th`."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def no_such_message(back: int) -> Document:
    """Asked for the trace of a message that there is not."""
    which = "no message" if back == 1 else f"no {ordinal(back)} last message"
    return say("There is {which} in this conversation.", which=which)


def trace_unknown() -> Document:
    """Asked for the trace of a message that nothing is remembered of."""
    return text(
        "The archive cannot tell now, and the last 48 hours remember no such message. Ask again later."
    )


def archive_away() -> str:
    """Why a trace is not from the archive."""
    return "The archive cannot be read now, so this is what the last 48 hours remember of it, without times."


def archive_behind() -> str:
    """Why a trace is not from the archive."""
    return "The archive is behind, so this is what the last 48 hours remember of it, without times. Ask again later."


def help_all(role: Role) -> Document:
    """Every command that somebody may give."""
    items = tuple((Code(row.shape()), Text(" — "), *say(row.help)) for row in COMMANDS if row.role <= role)
    words = say(
        "Commands stand at the start of a message. Text after `note:`, `private:`, `//`, `;;` or `\\\\` stays internal."
    )
    return (*words, ListBlock(ordered=False, items=items))


def help_one(row: Command) -> Document:
    """One command, explained."""
    words = ", ".join(f"!{alias}" for alias in row.aliases)
    also = f" Also: {words}." if words else ""
    doors = f" Emoji on the card: {row.emoji}." if row.emoji else ""
    return compact(
        (
            Code(row.shape()),
            *say(
                f" — {row.help} For {{role}}s and above.{{also}}{{doors}} Example: `!{{example}}`",
                role=row.role.name.lower(),
                also=also,
                doors=doors,
                example=row.example,
            ),
        )
    )
