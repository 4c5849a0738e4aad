"""Every text that people read: answers to staff, notices in threads, alerts. English, short, plain.

Texts are small templates: `` `code` `` and ``*bold*`` in the template are formatting, `{name}` is filled with a
value that is always shown literally, so a hostile name can format nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from bridge.commands import Mistake
from bridge.content import whole
from bridge.markup import (
    Bold,
    Code,
    Document,
    Instant,
    Mention,
    MentionKind,
    Node,
    Text,
    bare,
    clean,
    compact,
    one_line,
    plain,
    text,
)
from bridge.model import Contact, Draft, Place, Status

Value = str | int | Node

_PIECE = re.compile(r"`([^`]+)`|\*([^*\s][^*]*)\*|\{(\w+)\}")
_FIELD = re.compile(r"\{(\w+)\}")
EXCERPT_LIMIT = 80
NAME_LIMIT = 100


def say(template: str, **values: Value) -> Document:
    """The document that a template makes with `values`.

    A field without a value stands as it is, since templates that quote what somebody typed may hold anything.
    """
    nodes: list[Node] = []
    at = 0
    for piece in _PIECE.finditer(template):
        nodes.append(Text(template[at : piece.start()]))
        at = piece.end()
        code, bold, field = piece.groups()
        if code is not None:
            nodes.append(Code(_filled(code, values)))
        elif bold is not None:
            nodes.append(Bold((Text(_filled(bold, values)),)))
        else:
            nodes.append(node(values.get(field, piece[0])))
    nodes.append(Text(template[at:]))
    return compact(nodes)


def _filled(template: str, values: dict[str, Value]) -> str:
    return _FIELD.sub(lambda field: plain((node(values.get(field[1], field[0])),)), template)


def node(value: Value) -> Node:
    """A value as it stands in a document."""
    return Text(clean(str(value))) if isinstance(value, str | int) else value


def maybe_instant(at: datetime | None) -> Instant | None:
    """`instant`, if there is one."""
    return None if at is None else instant(at)


def instant(at: datetime) -> Instant:
    """A point in time that the desk shows in its reader's zone."""
    return Instant(int(at.timestamp()), at.strftime("%Y-%m-%d %H:%M UTC"))


def channel(place: Place) -> Mention:
    """A link to a place's channel."""
    return Mention(MentionKind.CHANNEL, place.channel)


def words(draft: Draft) -> Document:
    """What a message to the contact says, and what goes along with it."""
    return whole(draft.body, draft.extras)


def excerpt(document: Document, limit: int = EXCERPT_LIMIT) -> str:
    """The start of a document, on one line."""
    line = " ".join(bare(document).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


# --------------------------------------------------------------------------------------- about the contact


def contact_name(contact: Contact) -> str:
    """What to call a contact: what they call themselves, as far as it can stand in a sentence of ours."""
    name = one_line(contact.name or "")
    return (name if len(name) <= NAME_LIMIT else f"{name[: NAME_LIMIT - 1].rstrip()}…") or contact_label(
        contact
    )


def contact_label(contact: Contact) -> str:
    """How a contact is reached, for people to read: never a full number."""
    return one_line(contact.label()) or "no number"


def changed(contact: Contact, what: str) -> Document:
    """The contact has a new number or id."""
    return say("*{name}*: {what}", name=contact_name(contact), what=what or "the number or id changed")


PHONE = "a colleague, on the phone"
"""Whose words they are that were written in the platform's app: it does not say."""


def via_phone(body: Document) -> Document:
    """What a colleague wrote to the contact in the platform's own app."""
    return compact((*say("*Via phone*, to the contact: "), *body))


def amended(author: str, now: Document | None, before: str = "") -> Document:
    """The contact edited (`now`) or deleted a message that said `before`, as far as that is known."""
    which = f"“{excerpt((Text(before),))}”" if before else "an earlier message"
    if now is None:
        return say("{author} deleted {which}.", author=author, which=which)
    return compact((*say("{author} edited {which}. It reads now:\n", author=author, which=which), *now))


def reacted(contact: Contact, emoji: str, words: str = "") -> Document:
    """A reaction that cannot be shown on its message: `words` are those of the message, where they are known."""
    name = contact_name(contact)
    what = f"“{excerpt((Text(words),))}”" if words else "an earlier message"
    if not emoji:
        return say("{name} took back their reaction to {what}.", name=name, what=what)
    return say("{name} reacted with {emoji} to {what}.", name=name, emoji=emoji, what=what)


def joined(number: int) -> Document:
    """First words in a conversation that goes on from one of a contact that was joined into this one."""
    return say(
        "This goes on from conversation #{number}: the same person wrote under another number or id.",
        number=number,
    )


def continued(number: int | None) -> Document:
    """Last words in a conversation whose contact was joined into another."""
    where = say("#{number}", number=number) if number else text("a new thread")
    return compact(
        (
            *text(
                "This contact turned out to be one we know under another number or id. It is continued in "
            ),
            *where,
            *text("; what is written here no longer reaches the contact."),
        )
    )


# ------------------------------------------------------------------------------------- words that stay in


def kept_mark(line: int, mark: str) -> Document:
    """A mark for internal text stood further down."""
    return say(
        "Kept internal, all of it: line {line} starts with `{mark}`. "
        "Send what the contact should read as a message of its own.",
        line=line,
        mark=mark,
    )


def kept_mention(line: int) -> Document:
    """A line further down opens by mentioning a colleague."""
    return say(
        "Kept internal, all of it: line {line} starts by mentioning a colleague. "
        "If the contact should read it, send it with `!reply`.",
        line=line,
    )


def kept_command(line: int, word: str) -> Document:
    """A command stood further down."""
    return say(
        "Kept internal, all of it, and nothing was carried out: line {line} starts with `!{word}`. "
        "A command stands at the start of a message of its own; `\\!{word}` is sent as it is.",
        line=line,
        word=word,
    )


def unknown_command(mistake: Mistake) -> Document:
    """A `!word` that is no command."""
    return compact(
        (*say(mistake.words), *say(" Nothing was sent. To send a line that starts with `!`, write `\\!`."))
    )


def mistake(wrong: Mistake) -> Document:
    """A command whose arguments make no sense."""
    return say(wrong.words)


def moved(number: int, place: Place | None) -> Document:
    """Words in a thread that is not the conversation's any more."""
    if place is None:
        return say(
            "Not sent: conversation #{number} gets a new thread in a moment. Write there.", number=number
        )
    return say(
        "Not sent: conversation #{number} has moved to another thread in {channel}. Write there.",
        number=number,
        channel=channel(place),
    )


def not_current(number: int, current: Iterable[int]) -> Document:
    """Words, or an act, in the thread of a conversation that newer ones replaced long ago."""
    now = " and ".join(f"#{one}" for one in current)
    where = (
        f"The contact is answered in {now} now." if now else "The contact's next message starts a new one."
    )
    return say(
        "Conversation #{number} is over, so nothing was sent or changed. {where}", number=number, where=where
    )


def goes_on(number: int | None) -> Document:
    """Somebody acted in a conversation whose contact was joined into another."""
    where = f"conversation #{number}" if number else "another thread"
    return say("Not done: this contact's messages go on in {where}. Write there.", where=where)


def not_active(status: Status) -> Document:
    """Words in a closed or deleted conversation."""
    if status is Status.DELETED:
        return say("Kept internal: this conversation is deleted. An admin can open it again with `!reopen`.")
    return say(
        "Kept internal: this conversation is closed, and the contact's next message starts a new one. "
        "A lead can open it again with `!reopen`."
    )


def window_closing(contact: Contact, since: datetime, until: datetime) -> Document:
    """A reminder while the contact can still be answered freely."""
    return say(
        "*{name}* waits for an answer since {since}. Free text can be sent until {until}, and after that only a template.",
        name=contact_name(contact),
        since=instant(since),
        until=instant(until),
    )


def no_marketing() -> Document:
    """A marketing template to somebody who opted out."""
    return text(
        "Not sent: the contact does not want marketing messages. A utility template, or free text within the 24 hours, "
        "still reaches them."
    )


def window_closed(until: datetime | None) -> Document:
    """Free text outside the service window."""
    since = (
        compact((Text("the time for free text ended "), instant(until)))
        if until is not None
        else text("the contact has not written yet")
    )
    return compact(
        (
            *text("Not sent: "),
            *since,
            *text(
                ", and the platform takes nothing else until the contact writes again, but for approved templates: "
            ),
            Code("!templates"),
            *text(
                " lists them. Reach them another way, or wait for their next message: your text is kept, and "
                "Retry sends it then."
            ),
        )
    )


def no_address() -> Document:
    """There is nothing to send to."""
    return text(
        "Not sent: we know no number or id to send to yet. It comes with the contact's next message; "
        "your text is kept, and Retry sends it then."
    )


def sent_otherwise(remarks: tuple[str, ...]) -> Document:
    """Something went out as something else than what it is."""
    return say("About your message: {why}.", why="; ".join(remarks))


def edit_not_sent() -> Document:
    """An edit made internal text look like a reply."""
    return text(
        "An edit never sends anything: what stayed internal stays internal. To reach the contact, post it as a new message."
    )


def lost_on_the_way(lost: tuple[str, ...]) -> Document:
    """What of a reply the contact's platform has no form for."""
    named = ", ".join(dict.fromkeys(lost))
    return text(f"Your reply went out without what the contact's app cannot show: {named}.")


def edit_too_late() -> Document:
    """An edit made internal what the contact has already."""
    return text("The contact already has the earlier wording; it cannot be changed or taken back.")


def correction(body: Document) -> Document:
    """An edit of what the contact has already."""
    return say(
        "The contact already has the earlier wording; it cannot be changed. Send “{text}” as a correction?",
        text=excerpt(body),
    )


def delete_too_late() -> Document:
    """The post of something sent was deleted."""
    return text("The contact already has this message; deleting it here does not take it back.")


# ------------------------------------------------------------------------------------ choices and holding


def choice(contact: Contact, body: Document) -> Document:
    """What an author is asked in an unassigned conversation."""
    return say(
        "Nobody has this conversation yet. What shall become of “{text}”, should {name} get it?",
        text=excerpt(body),
        name=contact_name(contact),
    )


def choice_again(number: int, contact: Contact, body: Document) -> Document:
    """The question once more, by direct message."""
    return say(
        "Your text in #{number} ({name}) still waits for you: “{text}”",
        number=number,
        name=contact_name(contact),
        text=excerpt(body),
    )


def choice_taken(by: str, body: Document) -> Document:
    """Somebody else took the conversation before the author chose."""
    return say(
        "{by} took this conversation meanwhile, so nothing was sent. Send “{text}” all the same?",
        by=by,
        text=excerpt(body),
    )


def choice_dropped(body: Document) -> Document:
    """A text whose author never chose, in a conversation that ended."""
    return say(
        "“{text}”, which waited for your choice, stays internal: the conversation ended.", text=excerpt(body)
    )


def settled() -> Document:
    """A second press."""
    return text("This was settled already.")


def not_yours() -> Document:
    """Somebody else's prompt."""
    return text("Only the author of the text can choose that. Ask them, or post a text of your own.")


def held(seconds: float, body: Document) -> Document:
    """A reply that can still be taken back."""
    return say("“{text}” goes out in {seconds} s.", text=excerpt(body), seconds=f"{seconds:g}")


def taken_back(body: Document) -> Document:
    """A held reply was taken back."""
    return say("Taken back: “{text}” was not sent.", text=excerpt(body))


def replaced(body: Document) -> Document:
    """A reply that has not gone out yet was edited."""
    return say("Changed before it went out: “{text}”", text=excerpt(body))


# ------------------------------------------------------------------------------------------------ delivery


def not_delivered(body: Document | None, reason: str) -> Document:
    """A reply that did not arrive."""
    what = f"“{excerpt(body)}”" if body else "A reply"
    return say("{what} did not reach the contact: {reason}", what=what, reason=reason)


def uncertain(body: Document | None) -> Document:
    """A reply of which nobody knows whether it arrived."""
    what = f"“{excerpt(body)}”" if body else "A reply"
    return say(
        "Nobody can tell whether {what} reached the contact: the connection broke while it was sent. "
        "Sending it again may show it twice.",
        what=what,
    )


def about(number: int, body: Document) -> Document:
    """A notice about a conversation whose own thread cannot be used."""
    return compact((*say("About #{number}: ", number=number), *body))


def not_shown(author: str, body: Document, reason: str) -> Document:
    """In place of a contact's message that the desk refused."""
    return compact(
        (
            *say(
                "A message of {author} could not be shown as written ({reason}). Its text:\n",
                author=author,
                reason=reason,
            ),
            *text(plain(body)),
        )
    )


def no_file(author: str, body: Document, reason: str) -> Document:
    """In place of a contact's file that could not be shown."""
    # What happened is said by the platform's side in a sentence; it has its own end.
    why = f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
    return compact(
        (*say("{author} sent a file that could not be shown here. {why}\n", author=author, why=why), *body)
    )


def not_posted(number: int, body: Document, reason: str) -> Document:
    """An alert in place of a notice that the desk refused."""
    return say(
        "A notice in #{number} could not be posted ({reason}): “{text}”",
        number=number,
        reason=reason,
        text=excerpt(body, 300),
    )


def nothing_to_retry() -> Document:
    """A button for a message that needs nothing any more."""
    return text("This was dealt with already.")


def forgotten() -> Document:
    """A button for a message whose record has expired."""
    return text("This message is too old to be sent again. Post its text anew.")


def file_forgotten() -> Document:
    """A button for a file whose record has expired."""
    return text("This message is too old for its file to be fetched again. Ask the contact to send it again.")


def sending_again() -> Document:
    """A retry is under way."""
    return text("It is being sent again.")


def noted_arrived() -> Document:
    """Somebody said that an uncertain message arrived."""
    return text("Noted: it arrived.")


# ------------------------------------------------------------------------------------------------- threads


def healed_alert(number: int, place: Place, reason: str) -> Document:
    """To the people with rights: a thread vanished."""
    return say(
        "The thread of #{number} in {channel} cannot be used any more ({reason}). A new one is being opened.",
        number=number,
        channel=channel(place),
        reason=reason,
    )


def stuck_alert(number: int, reason: str) -> Document:
    """To the people with rights: no thread can be opened."""
    return say(
        "No thread can be opened for #{number}: {reason}. Its messages are kept and shown once that works: "
        "check that the channel exists and that the bot is in it.",
        number=number,
        reason=reason,
    )


def buried(kind: str) -> Document:
    """In a thread: something that belongs here is missing."""
    return say(
        "Something here could not be dealt with and was put aside ({kind}); nothing is lost. An admin was told.",
        kind=kind or "unknown",
    )


def buried_alert(number: int | None, kind: str) -> Document:
    """To the people with rights: a dead letter."""
    where = f" of #{number}" if number else ""
    return say(
        "An event{where} ({kind}) failed again and again and lies among the dead letters. "
        "`threadline replay list` shows it; the logs say why.",
        where=where,
        kind=kind or "unknown",
    )


# -------------------------------------------------------------------------- what waits for the contact, or for us


def waits_for_answer(by: str, body: Document) -> Document:
    """For all who read in the thread."""
    return compact((*say("*{by}*'s text goes out when the contact answers: ", by=by), *body))


def too_many_wait(most: int) -> Document:
    """A conversation keeps only so many."""
    return say("{most} texts wait for the contact already. Take one back first.", most=most)


def waited_in_vain(body: Document) -> Document:
    """Its author is no agent any more, now that the contact has answered."""
    return say(
        "Not sent, because its author is no agent any more: “{body}”. Anybody else can send it.",
        body=excerpt(body),
    )


def waits_already() -> Document:
    """Retry of a text that waits for the contact."""
    return text("This text goes out as soon as the contact answers.")


def waiting_dropped(body: Document) -> Document:
    """The conversation ended before they answered."""
    return say(
        "Not sent, because the conversation was ended before the contact answered: “{body}”.",
        body=excerpt(body),
    )


def fetching_again() -> Document:
    """A file is fetched again."""
    return text("The file is being fetched again.")
