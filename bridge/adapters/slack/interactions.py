"""Buttons, menus, shortcuts, modals and slash commands, turned into events of ours.

What Slack wants within three seconds (a modal, errors in one, words for a slash command) is answered from read-only
views; the change itself is an event, and routing decides on it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from msgspec import structs

from bridge import commands
from bridge.adapters.base import Inlet, Outreach, Placed
from bridge.adapters.slack import composer, modals, panel
from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.composing import NEW, Composer
from bridge.adapters.slack.format import escape, from_slack
from bridge.adapters.slack.ids import DESK, Ref, interaction_event, reply_handle, slash_event
from bridge.adapters.slack.lookups import AGENTS_ONLY, OVER, Lookups
from bridge.adapters.slack.modals import Origin
from bridge.adapters.slack.panel import cut
from bridge.adapters.slack.payloads import place_of, who
from bridge.adapters.slack.roster import Names
from bridge.adapters.slack.screens import Json, Screens, Told
from bridge.commands import Mistake
from bridge.events import ButtonPressed, CommandGiven
from bridge.markup import Document, clean, plain
from bridge.model import EventId, OpenConversation, Place, Role, lane_of

log = structlog.get_logger(__name__)

SHORTCUT = "conversation_details"
"""`callback_id` of the message shortcut."""
REPLY = "reply_to_message"
"""`callback_id` of the message shortcut that answers a message."""
COMMANDS = (*(slash for row in commands.COMMANDS for slash in row.slash), commands.ANY_SLASH)
"""Slash commands; the manifest registers the same."""

_QUOTED_LIMIT = 300
_EXAMPLES = "/wa assign #1042 @ben, /wa resolve #1042, /wa note #1042 called back, no answer"


class Interactions:
    """Reads interactive payloads and slash commands."""

    def __init__(
        self, inlet: Inlet, caller: Caller, names: Names, now: Callable[[], datetime], outreach: Outreach
    ) -> None:
        self._inlet = inlet
        self._screens = Screens(caller)
        self._names = names
        self._now = now
        self._lookups = Lookups(inlet, names)
        self.composer = Composer(inlet, self._screens, self._lookups, names, now, outreach)

    def _ours(self, ref: Ref | None) -> Ref | None:
        """What a button or modal names, if that can be one of our conversations."""
        return ref if ref is not None and ref.within(self._inlet.policies().shards) else None

    # --------------------------------------------------------------------------------------- buttons

    async def action(self, body: Json) -> list[Placed]:
        """A `block_actions` payload: card and prompt buttons, and the card's menu."""
        placed: list[Placed] = []
        if self.composer.is_form(body):
            return placed
        for action in body.get("actions") or []:
            placed += await self._pressed(body, action)
        return placed

    async def _pressed(self, body: Json, action: Json) -> list[Placed]:
        name = panel.action_name(str(action.get("action_id") or ""))
        if name is None:
            return []
        if name == panel.MENU:
            chosen = str((action.get("selected_option") or {}).get("value") or "")
            entry, named = panel.menu_entry(chosen)
            ref = self._ours(named)
            return await self._chosen(body, entry, ref) if ref is not None else []
        ref = self._ours(Ref.decode(str(action.get("value") or "")))
        if ref is None:
            return []
        if name == "compose":
            await self._screens.say(body, await self.composer.open(body, ref))
            return []
        if name == "assign" and ref.token is None:
            await self._ask(body, "assign", ref)
            return []
        pressed = ButtonPressed(
            id=interaction_event(body, str(action.get("action_id"))),
            at=self._now(),
            contact=ref.contact,
            conversation=ref.conversation,
            **await self._names.author(*who(body)),
            place=place_of(body),
            reply_handle=reply_handle(body.get("response_url"), self._now()),
            button=name,
            token=ref.token,
        )
        return [Placed(lane=lane_of(ref.contact), unit=ref.contact, event=pressed)]

    async def afterwards(self, body: Json) -> None:
        """What follows an act once it is stored and acknowledged: a form shows what was entered, a prompt goes."""
        if self.composer.is_form(body):
            await self.composer.follow(body)
        else:
            await self._put_away(body)

    async def _put_away(self, body: Json) -> None:
        """Once a press on a prompt for one person is stored, take the prompt's buttons away.

        Ephemeral prompts vanish, those in direct messages keep their words; what everybody sees stays.
        """
        pressed = [Ref.decode(str(action.get("value") or "")) for action in body.get("actions") or []]
        if not any(ref is not None and ref.token is not None for ref in pressed):
            return
        payload: dict[str, Any]
        if (body.get("container") or {}).get("is_ephemeral"):
            payload = {"delete_original": True}
        elif str((body.get("channel") or {}).get("id")).startswith("D"):
            message = body.get("message") or {}
            blocks = [block for block in message.get("blocks") or [] if block.get("type") != "actions"]
            payload = {"replace_original": True, "text": message.get("text") or "…", "blocks": blocks}
        else:
            return
        await self._screens.respond(body, payload)

    async def _chosen(self, body: Json, entry: str, ref: Ref) -> list[Placed]:
        """An entry of the card's menu: a modal, or a command at once."""
        if entry == "compose":
            await self._screens.say(body, await self.composer.open(body, ref))
            return []
        if entry == "details":
            await self._details(body, ref)
            return []
        if entry in {"close", "note"}:
            await self._ask(body, entry, ref)
            return []
        handle = reply_handle(body.get("response_url"), self._now())
        event_id = interaction_event(body, entry)
        return [
            await self._given(event_id, body, ref, place_of(body), handle, entry, from_slack(None, entry))
        ]

    # --------------------------------------------------------------------------------------- modals

    async def _ask(self, body: Json, command: str, ref: Ref) -> None:
        origin = self._origin(body, command, ref=ref.encode())
        await self._screens.open(body, modals.command_modal(origin))

    def _origin(self, body: Json, command: str, *, ref: str = "", args: str = "") -> Origin:
        place = place_of(body)
        return Origin(
            command=command,
            ref=ref,
            channel=place.channel if place else "",
            thread=(place.thread or "") if place else "",
            handle=reply_handle(body.get("response_url"), self._now()) or "",
            args=args,
        )

    async def _details(self, body: Json, ref: Ref) -> None:
        found = await self._lookups.conversation(ref)
        if found is None:
            await self._screens.say(body, OVER)
            return
        contact, conversation = found
        if not self._lookups.works_in(body, conversation.inbox):
            await self._screens.say(body, AGENTS_ONLY)
            return
        policy = self._inlet.policies().inboxes.get(conversation.inbox)
        inbox = policy.name if policy else str(conversation.inbox)
        await self._screens.open(body, modals.details_modal(contact, conversation, inbox))

    async def shortcut(self, body: Json) -> None:
        """The message shortcuts: what is known of the conversation whose thread the message is in, or a reply to it. And
        the one that belongs to no message: writing to somebody first.
        """
        name = body.get("callback_id")
        if name == NEW and body.get("type") == "shortcut":
            await self._screens.say(body, await self.composer.begin(body))
            return
        if name not in {SHORTCUT, REPLY} or body.get("type") != "message_action":
            return
        place = place_of(body)
        ref = await self._inlet.thread(place) if place is not None else None
        if ref is None:
            await self._screens.say(body, "This message belongs to no conversation.")
            return
        known = Ref(contact=ref.contact, conversation=ref.conversation)
        if name == SHORTCUT:
            await self._details(body, known)
        elif not self._lookups.works_in(body, ref.inbox):
            await self._screens.say(body, AGENTS_ONLY)
        else:
            await self._reply_to(body, known)

    async def _reply_to(self, body: Json, ref: Ref) -> None:
        """Ask for the words that answer a message of the thread."""
        message = body.get("message") or {}
        ts = str(message.get("ts") or "")
        if ts == str(message.get("thread_ts") or ts):
            await self._screens.say(body, "This is the card. Choose a message of the contact below it.")
            return
        origin = structs.replace(
            self._origin(body, "reply", ref=ref.encode()),
            answers=ts,
            quoted=cut(plain(from_slack(message.get("blocks"), message.get("text"))), _QUOTED_LIMIT),
        )
        await self._screens.open(body, modals.command_modal(origin))
        await self.composer.drafting(body, ref)

    async def submission(self, body: Json) -> Told:
        """A submitted modal: a command, or what is wrong with the input."""
        view = body.get("view") or {}
        if view.get("callback_id") == composer.CALLBACK:
            return await self.composer.submission(body)
        origin = Origin.decode(str(view.get("private_metadata") or ""))
        if view.get("callback_id") != modals.COMMAND or origin is None:
            return Told()
        said = modals.read_submission(view, origin)
        ref = self._ours(said.ref)
        if said.errors or ref is None:
            return Told(errors=said.errors)
        place = (
            Place(desk=DESK, channel=origin.channel, thread=origin.thread or None) if origin.channel else None
        )
        event_id = interaction_event(body, str(view.get("id")))
        return Told(
            placed=[
                await self._given(
                    event_id, body, ref, place, origin.handle or None, said.line, said.body, origin
                )
            ]
        )

    # ------------------------------------------------------------------------------------------- slash

    async def command(self, body: Json) -> Told:
        """A slash command. Slack tells no thread, so the conversation is named by number or chosen."""
        command, number, rest = read_slash(str(body.get("command") or ""), clean(str(body.get("text") or "")))
        if number is None and command == "help":
            return Told(words=help_text(rest))
        if command == "new":
            return await self.composer.outreach(body, rest)
        if commands.find(command) is None:
            mistake = commands.parse(f"{command} {rest}".strip())
            return Told(words=escape(mistake.words) if isinstance(mistake, Mistake) else "")
        if number is None:
            return await self._pick(body, command, rest)
        return await self._on_number(body, command, number, rest)

    async def _on_number(self, body: Json, command: str, number: int, rest: str) -> Told:
        ref = await self._inlet.numbered(number)
        if ref is None:
            return Told(words=f"There is no conversation #{number}.")
        known = Ref(contact=ref.contact, conversation=ref.conversation)
        if command == "compose" or (command == "template" and not rest):
            words = await self.composer.open(body, known, kind="" if command == "compose" else command)
            return Told(words=words)
        argument = modals.asked(command)
        if argument is not None and argument.required and not rest:
            await self._ask(body, command, known)
            return Told()
        line = f"{command} {rest}".strip()
        handle = reply_handle(body.get("response_url"), self._now())
        typed = from_slack(None, line)
        return Told(
            placed=[await self._given(slash_event(body), body, known, place_of(body), handle, line, typed)]
        )

    async def _pick(self, body: Json, command: str, args: str) -> Told:
        """No number: let the person choose among their conversations and those of nobody."""
        agent = self._lookups.agent(body)
        if agent is None or agent.role < Role.AGENT:
            return Told(words=AGENTS_ONLY)
        mine = await self._inlet.open_of(agent.id)
        free = tuple(row for row in await self._inlet.open_of(None) if agent.role_in(row.inbox) >= Role.AGENT)
        choices: tuple[tuple[OpenConversation, ...], ...] = (mine, free)
        if not mine and not free:
            return Told(words="You have no open conversations. Name one by its number, e.g. #1042.")
        origin = self._origin(body, command, args=args)
        if not origin.encode():
            return Told(words="That is too long. Put the number first, e.g. /note #1042 …")
        await self._screens.open(body, modals.command_modal(origin, choices))
        return Told()

    async def _given(
        self,
        event_id: EventId,
        cause: Json,
        ref: Ref,
        place: Place | None,
        handle: str | None,
        line: str,
        body: Document,
        origin: Origin | None = None,
    ) -> Placed:
        given = CommandGiven(
            id=event_id,
            at=self._now(),
            contact=ref.contact,
            conversation=ref.conversation,
            **await self._names.author(*who(cause)),
            place=place,
            reply_handle=handle,
            line=line,
            body=body,
            answers=origin.answered() if origin is not None else None,
            quoted=origin.quoted if origin is not None else "",
        )
        return Placed(lane=lane_of(ref.contact), unit=ref.contact, event=given)


def read_slash(slash: str, text: str) -> tuple[str, int | None, str]:
    """The command, the conversation's number and the rest of a slash command.

    Behind `/wa` the number may stand before or after the command's name; no name means `who`, and nothing at all
    `help`. A number in front always means a conversation, so that it cannot end up in words for a contact.
    """
    row = commands.for_slash(slash)
    if row is not None:
        return row.name, *commands.split_number(text)
    number, text = commands.split_number(text)
    command, rest = commands.split_word(text)
    if number is None and command.lower() != "new":
        number, rest = commands.split_number(rest)
    return (command.lower() or ("help" if number is None else "who")), number, rest.strip()


def help_text(word: str) -> str:
    """What can be done from outside a thread; escaped."""
    row = commands.find(word) if word else None
    rows = (row,) if row is not None else commands.COMMANDS
    lines = [f"• *{escape(one.shape().removeprefix('!'))}*  {escape(one.help)}" for one in rows]
    about = f"From here: {escape(_EXAMPLES)}. Without the number you choose a conversation. In a thread, type an ! in front."
    return "\n".join((*lines, about))
