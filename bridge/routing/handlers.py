"""What the commands do: one function per row of `bridge.commands`, and the way there that all doors share."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from bridge import commands
from bridge.commands import Command, Mistake, Parsed
from bridge.content import StaffFile, templates
from bridge.content.making import Composed
from bridge.content.unfit import UnfitError
from bridge.events import ModeChosen
from bridge.journal import CommandNoted
from bridge.markup import Document, bare, bare_emoji, is_blank, is_emoji, one_line
from bridge.model import (
    DESK_LANE,
    DESK_UNIT,
    Agent,
    Conversation,
    DeskUser,
    Draft,
    Mode,
    Post,
    Priority,
    Role,
    Status,
    Struct,
    Touch,
    message_id,
)
from bridge.routing import (
    answers,
    campaigns,
    choices,
    labels,
    lifecycle,
    notes,
    outbound,
    reacting,
    speech,
    templating,
    texts,
)
from bridge.routing.composing import COMPOSING, compose
from bridge.routing.people import find_agent
from bridge.routing.speech import Kept
from bridge.routing.turn import Turn

_TAG = re.compile(r"[\w][\w \-]{0,39}")
TAGS_LIMIT = 20


class Given(Struct, frozen=True, kw_only=True):
    """A command line as it was given, by whichever door."""

    line: str
    account: DeskUser
    agent: Agent | None
    text: Document = ()
    """The text that the command takes, with formatting."""
    post: Post | None = None
    """The staff post it was typed in; None for the other doors."""
    typed: Document = ()
    """All that was typed, for the journal."""
    files: tuple[StaffFile, ...] = ()
    """What was attached."""
    answers: Post | None = None
    """The post that is answered."""
    quoted: str = ""
    """What that post shows, where it was not linked to."""

    def speaks(self) -> bool:
        """Is there anything in it for the contact?"""
        return bool(self.files) or not is_blank(self.text)


class Order(Struct, frozen=True, kw_only=True):
    """A command that makes sense, by somebody who may give it."""

    row: Command
    by: Agent
    role: Role
    given: Given
    args: tuple[str, ...] = ()


Handler = Callable[[Turn, Conversation, Order], None]


def run(turn: Turn, conversation: Conversation, given: Given) -> None:
    """Carry out a command line, or tell its author what is wrong with it."""
    role = turn.role(given.agent, conversation.inbox)
    parsed = commands.parse(_with_files(given))
    order = _order(turn, conversation, given, role, parsed)
    if order is None:
        _stay(turn, conversation, given)
        return
    if not (order.row.name in _OUTGOING and given.speaks()):
        _stay(turn, conversation, given)
    turn.fact(
        CommandNoted(
            **turn.stamp(conversation.inbox, conversation.id),
            command=order.row.name,
            args=order.args,
            by=order.by.id,
            account=given.account,
        )
    )
    HANDLERS[order.row.name](turn, conversation, order)


def _with_files(given: Given) -> str:
    """The command line; files stand in for a text that the command would miss."""
    row = commands.find(commands.split_word(given.line)[0])
    speaking = row is not None and row.name in _SPEAKING
    return f"{given.line} …" if speaking and given.files and is_blank(given.text) else given.line


def _order(
    turn: Turn, conversation: Conversation, given: Given, role: Role, parsed: Parsed | Mistake
) -> Order | None:
    if isinstance(parsed, Parsed) and parsed.command.name == "help":
        turn.answer(conversation, given.account, _help(parsed, role))
        return None
    if given.agent is None or role < Role.AGENT:
        turn.answer(conversation, given.account, answers.viewer())
        return None
    if isinstance(parsed, Mistake):
        turn.answer(conversation, given.account, texts.mistake(parsed))
        return None
    if role < parsed.command.role:
        turn.answer(conversation, given.account, answers.denied(parsed.command, parsed.command.role))
        return None
    return Order(row=parsed.command, by=given.agent, role=role, given=given, args=parsed.args)


def _help(parsed: Parsed, role: Role) -> Document:
    if not parsed.args:
        return answers.help_all(role)
    word = parsed.args[0].lstrip("!/")
    row = commands.find(word)
    if row is not None:
        return answers.help_one(row)
    wrong = commands.parse(word or "?")
    return texts.mistake(wrong) if isinstance(wrong, Mistake) else answers.help_all(role)


def _stay(turn: Turn, conversation: Conversation, given: Given) -> None:
    """A typed command is itself a staff message: it stays on the desk, and its receipt says so."""
    if given.post is not None:
        author = given.agent.id if given.agent else None
        notes.internal(turn, conversation, author, given.account, given.typed, given.post, given.files)


def by_line(
    turn: Turn,
    conversation: Conversation,
    account: DeskUser,
    line: str,
    body: Document | None = None,
    answers: Post | None = None,
    quoted: str = "",
) -> None:
    """Carry out a command from a door other than typing: a slash command, a button, a menu, an emoji."""
    word, rest = commands.split_word(line)
    row = commands.find(word)
    agent = turn.agent(account)
    text = _text_of(word, rest, body) if body is not None else speech.plain_line(line)
    if body is not None and text is not body:
        line = speech.command_line(body) or line
    if row is not None and row.name in _OUTGOING:
        checked = speech.with_text(row, line, text)
        if isinstance(checked, Kept):
            turn.answer(conversation, account, kept_hint(checked))
            return
        text = checked.body
    if row is not None and row.text_argument() is not None and not rest and not is_blank(text):
        line = f"{line} …"
    run(
        turn,
        conversation,
        Given(line=line, account=account, agent=agent, text=text, answers=answers, quoted=quoted),
    )


def _text_of(word: str, rest: str, body: Document) -> Document:
    """The text in a body, which is either the text alone, or the whole command line."""
    shown = speech.command_line(body)
    first, after = commands.split_word(shown)
    # Without a text on the line, a body that says more than the command's name is the text.
    alone = shown.split() == rest.split() if rest else bool(after)
    return body if alone or first.lower() != word.lower() else speech.after_word(body)


def words_of(turn: Turn, ordered: speech.Ordered, role: Role) -> Composed | None:
    """What a command by somebody of this role would send to the contact; None when that is nothing."""
    parsed = commands.parse(ordered.line)
    if isinstance(parsed, Mistake) or parsed.command.name not in _OUTGOING:
        return None
    if is_blank(ordered.body) or role < max(parsed.command.role, Role.AGENT):
        return None
    if parsed.command.name in _SPEAKING:
        return Composed(body=ordered.body)
    if parsed.command.name not in COMPOSING:
        return None  # an edited template is given anew
    composed = compose(parsed.command, ordered.body, turn.context.policies.limits)
    if isinstance(composed, Mistake) or speech.scan(composed.typed(), mentions=False) is not None:
        return None
    return composed


def kept_hint(kept: Kept) -> Document:
    """What to tell the author of words that were kept in although they may have been meant for the contact."""
    match kept.why:
        case speech.Why.MENTION:
            return texts.kept_mention(kept.line)
        case speech.Why.COMMAND:
            return texts.kept_command(kept.line, kept.found)
        case speech.Why.UNKNOWN:
            return texts.unknown_command(kept.mistake or Mistake(words="That is no command."))
        case _:
            return texts.kept_mark(kept.line, kept.found)


# ---------------------------------------------------------------------------------------------- hands


def _claim(turn: Turn, conversation: Conversation, order: Order) -> None:
    _assign_to(turn, conversation, order, order.by)


def _assign(turn: Turn, conversation: Conversation, order: Order) -> None:
    found = find_agent(turn, conversation, order.args[0], order.by)
    if not isinstance(found, Agent):
        turn.answer(conversation, order.given.account, found)
        return
    if found != order.by and order.role < Role.LEAD:
        words = answers.denied_act("Assigning to others", Role.LEAD)
        turn.answer(conversation, order.given.account, words)
        return
    _assign_to(turn, conversation, order, found)


def _assign_to(turn: Turn, conversation: Conversation, order: Order, agent: Agent) -> None:
    account = order.given.account
    if conversation.status in lifecycle.OVER:
        turn.answer(conversation, account, answers.ended_first(conversation.status))
        return
    if conversation.assignee == agent.id:
        turn.answer(conversation, account, answers.assigned_already(conversation.number, agent.name))
        return
    lifecycle.set_assignee(turn, conversation, agent.id, order.by)
    lifecycle.undoable(turn, conversation, order.by.id, f"the assignment to {agent.name}")
    mine = agent.id == order.by.id
    number = conversation.number
    turn.answer(
        conversation, account, answers.claimed(number) if mine else answers.assigned(number, agent.name)
    )


def _unassign(turn: Turn, conversation: Conversation, order: Order) -> None:
    account = order.given.account
    if conversation.assignee is None:
        turn.answer(conversation, account, answers.nobody_has_it(conversation.number))
        return
    if conversation.assignee != order.by.id and order.role < Role.LEAD:
        turn.answer(conversation, account, answers.denied_act("Taking it from others", Role.LEAD))
        return
    lifecycle.set_assignee(turn, conversation, None, order.by)
    lifecycle.undoable(turn, conversation, order.by.id, "giving it back")
    turn.answer(conversation, account, answers.unassigned(conversation.number))


# --------------------------------------------------------------------------------------------- status


def _resolve(turn: Turn, conversation: Conversation, order: Order) -> None:
    _end(turn, conversation, order, Status.RESOLVED)


def _close(turn: Turn, conversation: Conversation, order: Order) -> None:
    _end(turn, conversation, order, Status.CLOSED)


def _end(turn: Turn, conversation: Conversation, order: Order, status: Status) -> None:
    """Resolve or close, after last words if there are some; without them when these cannot go out."""
    account = order.given.account
    if order.given.speaks() and not _speak(turn, conversation, order):
        turn.answer(conversation, account, answers.not_resolved())
        return
    before = turn.fresh(conversation)
    if before.status is status:
        turn.answer(conversation, account, answers.status_already(before.number, status))
        return
    if before.status in lifecycle.OVER:
        turn.answer(conversation, account, answers.ended_first(before.status))
        return
    if status is Status.CLOSED:
        choices.wind_up(turn, before)
    lifecycle.set_status(turn, before, status, order.by.id)
    lifecycle.undoable(turn, before, order.by.id, f"marking it as {status.value}")
    turn.answer(conversation, account, answers.status_is(before.number, status))


def _reopen(turn: Turn, conversation: Conversation, order: Order) -> None:
    account = order.given.account
    if conversation.status is Status.ACTIVE:
        turn.answer(conversation, account, answers.status_already(conversation.number, Status.ACTIVE))
        return
    least = {Status.CLOSED: Role.LEAD, Status.DELETED: Role.ADMIN}.get(conversation.status, Role.AGENT)
    if order.role < least:
        what = f"Opening a {conversation.status.value} conversation"
        turn.answer(conversation, account, answers.denied_act(what, least))
        return
    current = turn.contact.conversations.get(conversation.inbox)
    if current is not None and current.id != conversation.id:
        if current.status not in lifecycle.OVER:
            turn.answer(conversation, account, answers.another_is_open(current.number))
            return
        turn.bring_back(conversation)
    lifecycle.set_status(turn, conversation, Status.ACTIVE, order.by.id)
    lifecycle.undoable(turn, conversation, order.by.id, "opening it again")
    turn.ensure_thread(turn.fresh(conversation))
    turn.answer(conversation, account, answers.status_is(conversation.number, Status.ACTIVE))


# ----------------------------------------------------------------------------------------- attributes


def _tag(turn: Turn, conversation: Conversation, order: Order) -> None:
    account = order.given.account
    tags = list(conversation.tags)
    for word in order.args:
        removes = word.startswith(("-", "−", "–"))
        name = " ".join((word[1:] if removes else word.lstrip("+#")).split()).lower()
        if not _TAG.fullmatch(name):
            turn.answer(conversation, account, answers.bad_tag(word))
            return
        if removes:
            tags = [one for one in tags if one != name]
        elif name not in tags:
            tags.append(name)
    if len(tags) > TAGS_LIMIT:
        turn.answer(conversation, account, answers.too_many_tags(TAGS_LIMIT))
        return
    lifecycle.set_tags(turn, conversation, tuple(tags), order.by.id)
    lifecycle.undoable(turn, conversation, order.by.id, "the change of tags")
    turn.answer(conversation, account, answers.tags(conversation.number, tuple(tags)))


def _priority(turn: Turn, conversation: Conversation, order: Order) -> None:
    account = order.given.account
    if conversation.status in lifecycle.OVER:
        turn.answer(conversation, account, answers.ended_first(conversation.status))
        return
    lifecycle.set_priority(turn, conversation, Priority(order.args[0]), order.by.id)
    lifecycle.undoable(turn, conversation, order.by.id, "the change of priority")
    turn.answer(conversation, account, answers.priority_is(conversation.number, order.args[0]))


def _mode(turn: Turn, conversation: Conversation, order: Order) -> None:
    mode = Mode(order.args[0])
    event = ModeChosen(id=turn.emit_id(), at=turn.event.at, inbox=conversation.inbox, mode=mode.value)
    turn.emit(DESK_LANE, DESK_UNIT, event)
    turn.answer(conversation, order.given.account, answers.mode_chosen(mode))


# --------------------------------------------------------------------------------------------- words


def _note(turn: Turn, conversation: Conversation, order: Order) -> None:
    given = order.given
    if given.post is not None:
        return  # it stands in the thread already, with its receipt
    turn.notice(conversation, answers.note(order.by.name, given.text))
    message = message_id(turn.lane, turn.event.id)
    notes.said(
        turn,
        conversation,
        message,
        order.by.id,
        given.account,
        given.text,
        given.post,
        internal=True,
    )
    turn.answer(conversation, given.account, answers.note_kept())


def _reply(turn: Turn, conversation: Conversation, order: Order) -> None:
    if _speak(turn, conversation, order) and order.given.post is None:
        turn.answer(conversation, order.given.account, answers.reply_taken())


def _compose(turn: Turn, conversation: Conversation, order: Order) -> None:
    """A message of more than words; one that makes no sense stays in."""
    given = order.given
    composed = compose(order.row, given.text, turn.context.policies.limits)
    kept = None if isinstance(composed, Mistake) else speech.scan(composed.typed(), mentions=False)
    if isinstance(composed, Mistake):
        _stay(turn, conversation, given)
        turn.answer(conversation, given.account, texts.mistake(composed))
    elif kept is not None:
        # Quotation marks hid it from the look at the command's own lines.
        _stay(turn, conversation, given)
        turn.answer(conversation, given.account, kept_hint(kept))
    elif send_made(turn, conversation, order, composed) and given.post is None:
        turn.answer(conversation, given.account, answers.reply_taken())


def _speak(turn: Turn, conversation: Conversation, order: Order) -> bool:
    """Send a command's text to the contact."""
    return send_made(turn, conversation, order, Composed(body=order.given.text, extras=order.given.files))


def send_made(turn: Turn, conversation: Conversation, order: Order, composed: Composed) -> bool:
    """Send a message to the contact. What was not typed in the thread is shown there, for the others."""
    given = order.given
    draft = Draft(
        message=message_id(turn.lane, turn.event.id),
        author=order.by.id,
        account=given.account,
        body=composed.body,
        post=given.post,
        extras=composed.extras,
        answers=given.answers,
    )
    if not outbound.submit(turn, conversation, draft):
        return False
    if given.post is None:
        turn.notice(conversation, answers.reply_shown(order.by.name, texts.words(draft), given.quoted))
    return True


def _template(turn: Turn, conversation: Conversation, order: Order) -> None:
    """One that is approved, with its values; one that makes no sense stays in."""
    given = order.given
    mine = turn.context.policies.templates.get(conversation.inbox, ())
    try:
        message = templates.typed(bare(given.text), mine)
    except UnfitError as problem:
        _stay(turn, conversation, given)
        turn.answer(conversation, given.account, templating.refused(problem.words))
        return
    if send_made(turn, conversation, order, Composed(body=(), extras=(message,))):
        if given.post is not None:
            turn.notice(conversation, templating.shown(order.by.name, message))
        else:
            turn.answer(conversation, given.account, answers.reply_taken())


def _templates(turn: Turn, conversation: Conversation, order: Order) -> None:
    mine = turn.context.policies.templates.get(conversation.inbox, ())
    name = order.args[0] if order.args else ""
    turn.answer(conversation, order.given.account, templating.listed(mine, name))


def _react(turn: Turn, conversation: Conversation, order: Order) -> None:
    typed, account = order.args[0], order.given.account
    emoji = "" if typed.lower() == "off" else bare_emoji(typed)
    if emoji and not is_emoji(emoji):
        turn.answer(conversation, account, answers.no_emoji(typed))
    elif reacting.react(turn, conversation, account, emoji, order.given.answers):
        turn.answer(conversation, account, answers.reaction_taken(emoji))


def _undo(turn: Turn, conversation: Conversation, order: Order) -> None:
    account = order.given.account
    mine = [one for one in conversation.held if one.draft.author == order.by.id]
    if mine:
        outbound.cancel(turn, conversation, mine[-1])
        turn.answer(conversation, account, texts.taken_back(texts.words(mine[-1].draft)))
        return
    entry = conversation.undo.get(order.by.id)
    if entry is None or not _may_return(turn, conversation, entry.status):
        turn.answer(conversation, account, answers.nothing_to_undo())
        return
    if entry.status in lifecycle.OVER and conversation.status not in lifecycle.OVER:
        choices.wind_up(turn, conversation)
    lifecycle.set_status(turn, conversation, entry.status, order.by.id)
    lifecycle.set_assignee(turn, conversation, entry.assignee, order.by)
    lifecycle.set_priority(turn, conversation, entry.priority, order.by.id)
    lifecycle.set_tags(turn, conversation, entry.tags, order.by.id)
    turn.put(replace(turn.fresh(conversation), undo={}))
    turn.answer(conversation, account, answers.undone(entry.what))


def _may_return(turn: Turn, conversation: Conversation, status: Status) -> bool:
    """A conversation that a newer one replaced stays over."""
    current = turn.contact.conversations.get(conversation.inbox)
    return status in lifecycle.OVER or (current is not None and current.id == conversation.id)


# -------------------------------------------------------------------------------------------- knowing


def _who(turn: Turn, conversation: Conversation, order: Order) -> None:
    contact, inbox = turn.contact, turn.inbox(conversation.inbox)
    assignee = turn.context.roster.get(conversation.assignee)
    rows: list[tuple[str, texts.Value | None]] = [
        ("Name", texts.contact_name(contact)),
        ("Reached at", texts.contact_label(contact)),
        ("Username", one_line(f"@{contact.username}") if contact.username else None),
        ("Conversation", f"#{conversation.number} in {inbox.name}"),
        ("Team", inbox.team),
        ("Status", conversation.status.value),
        ("Assigned to", assignee.name if assignee else "nobody"),
        ("Priority", conversation.priority.value),
        ("Tags", ", ".join(conversation.tags) or None),
        ("Opened", texts.instant(conversation.opened_at)),
        ("Waiting since", texts.maybe_instant(conversation.waiting_since)),
        ("Free text until", texts.maybe_instant(conversation.window_until)),
        ("Before it", f"#{turn.number(conversation.previous)}" if conversation.previous else None),
    ]
    if not contact.marketing:
        rows.append(("Marketing", "does not want it"))
    rows += [("Campaign", _campaign(one)) for one in reversed(contact.touches)]
    known = [(name, value) for name, value in rows if value is not None]
    turn.answer(conversation, order.given.account, answers.who(known))


def _campaign(touch: Touch) -> str:
    said = f", answered “{touch.answer}”" if touch.answer else ""
    return f"{campaigns.shown(touch)}, {touch.at:%Y-%m-%d}{said}"


def _trace(turn: Turn, conversation: Conversation, order: Order) -> None:
    back = int(order.args[0]) if order.args else 1
    turn.show_trace(conversation, order.given.account, back, message_id(turn.lane, turn.event.id))


def _compose_form(turn: Turn, conversation: Conversation, order: Order) -> None:
    """A form opens only at a press."""
    turn.answer(
        conversation, order.given.account, answers.compose_offer(), buttons=(labels.compose_button(),)
    )


def _new(turn: Turn, conversation: Conversation, order: Order) -> None:
    """Another contact's conversation cannot begin in this one's thread."""
    turn.answer(conversation, order.given.account, answers.begin_elsewhere())


_SPEAKING = frozenset({"reply", "resolve", "close"})
"""Commands whose text goes to the contact as it is."""
_OUTGOING = _SPEAKING | COMPOSING | {"template"}
"""Commands whose text goes to the contact."""

# `help` is for everybody, so it is answered before rights are looked at.
HANDLERS: dict[str, Handler] = {
    "claim": _claim,
    "assign": _assign,
    "unassign": _unassign,
    "resolve": _resolve,
    "close": _close,
    "reopen": _reopen,
    "tag": _tag,
    "priority": _priority,
    "note": _note,
    "reply": _reply,
    **dict.fromkeys(COMPOSING, _compose),
    "template": _template,
    "templates": _templates,
    "react": _react,
    "undo": _undo,
    "who": _who,
    "trace": _trace,
    "compose": _compose_form,
    "new": _new,
    "mode": _mode,
}
