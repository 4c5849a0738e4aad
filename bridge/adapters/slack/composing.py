"""The doors to the form in which messages are put together (`composer`): opening it, following what is typed, sending it off."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import structs

from bridge.adapters import reaching
from bridge.adapters.base import Inlet, Outreach, Placed
from bridge.adapters.slack import composer
from bridge.adapters.slack.composer import Entered, Shop, Start, Wrong
from bridge.adapters.slack.format import escape
from bridge.adapters.slack.ids import Ref, interaction_event, reply_handle, slash_event
from bridge.adapters.slack.lookups import AGENTS_ONLY, OVER, Lookups
from bridge.adapters.slack.panel import Block, plain
from bridge.adapters.slack.payloads import place_of, who
from bridge.adapters.slack.roster import Names
from bridge.adapters.slack.screens import Json, Screens, Told
from bridge.content import TemplateMessage, templates
from bridge.content.unfit import UnfitError
from bridge.errors import StoreUnavailableError
from bridge.events import DraftBegan, MessageComposed, OutreachBegan
from bridge.markup import one_line
from bridge.model import (
    ContactId,
    Conversation,
    ConversationId,
    DeskUser,
    EventId,
    InboxId,
    Place,
    lane_of,
)

NEW = "new_conversation"
"""`callback_id` of the shortcut."""
_CONTACT = re.compile(r"\d{1,4}-[0-9a-f]{1,64}", re.ASCII)
_SUGGESTED = 50
REDRAWN_EVERY_S = 0.6
MOST_REDRAWS = 10
"""Tries in a row to show one state; then the next thing that is entered is waited for."""
DRAFTING_EVERY = timedelta(seconds=20)
"""WhatsApp shows for 25 s that somebody types."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class Composer:
    """One for the process. What it keeps of open forms is what is not shown yet, and who was said to be drafting."""

    def __init__(
        self,
        inlet: Inlet,
        screens: Screens,
        lookups: Lookups,
        names: Names,
        now: Callable[[], datetime],
        outreach: Outreach,
    ) -> None:
        self._inlet = inlet
        self._screens = screens
        self._lookups = lookups
        self._names = names
        self._now = now
        self._outreach = outreach
        self._drafted: dict[tuple[DeskUser, ConversationId], datetime] = {}
        self._latest: dict[str, Json] = {}
        """By form: what was entered last and is not shown yet."""
        self._followed: set[str] = set()

    # ---------------------------------------------------------------------------------------------- opening

    async def open(self, body: Json, ref: Ref, kind: str = "") -> str:
        """Show the form for a conversation; words for the person where that cannot be. Where the time for free text is over
        it begins with a template.
        """
        found = await self._lookups.conversation(ref)
        if found is None:
            return OVER
        contact, conversation = found
        if not self._lookups.works_in(body, conversation.inbox):
            return AGENTS_ONLY
        known = Ref(contact=contact.id, conversation=conversation.id)
        shop = self._shop_of(conversation)
        start = self._start(body, ref=known.encode())
        given = Entered(kind or (composer.TEMPLATE if shop.closed else "reply"), {})
        await self._screens.open(body, composer.view(start, given, shop))
        await self.drafting(body, known)
        return ""

    async def drafting(self, body: Json, ref: Ref) -> None:
        """Let colleagues and the contact know that somebody writes, once in a while. Nobody waits for it."""
        account = self._names.account(*who(body))
        key, now = (account, ref.conversation), self._now()
        if now - self._drafted.get(key, _NEVER) < DRAFTING_EVERY:
            return
        self._drafted = {one: at for one, at in self._drafted.items() if now - at < DRAFTING_EVERY} | {
            key: now
        }
        began = DraftBegan(
            id=interaction_event(body, "draft"),
            at=now,
            contact=ref.contact,
            conversation=ref.conversation,
            **await self._names.author(*who(body)),
        )
        with contextlib.suppress(StoreUnavailableError):
            await self._inlet.append([Placed(lane=lane_of(ref.contact), unit=ref.contact, event=began)])

    async def begin(self, body: Json) -> str:
        """Show the form for writing to somebody first."""
        mine = self._lookups.inboxes(body)
        if not mine:
            return AGENTS_ONLY
        start = self._start(body, inboxes=tuple(one.id for one in mine))
        given = Entered(composer.TEMPLATE, {})
        await self._screens.open(body, composer.view(start, given, self._shop_for(start, given)))
        return ""

    async def outreach(self, body: Json, line: str) -> Told:
        """`/wa new`: the form, or all of it in one line."""
        if not line.strip():
            return Told(words=await self.begin(body))
        mine = self._lookups.inboxes(body)
        if not mine:
            return Told(words=AGENTS_ONLY)
        try:
            wanted = reaching.read(line)
            inbox = reaching.chosen(wanted.inbox, str(body.get("channel_id") or ""), mine)
            message = templates.typed(wanted.template, self._templates(inbox.id))
        except UnfitError as problem:
            return Told(words=escape(f"Nothing was sent. {problem.words}"))
        place = place_of(body)
        handle = reply_handle(body.get("response_url"), self._now())
        began = await self._began(
            body, slash_event(body), place, handle, inbox.id, message, digits=wanted.digits
        )
        return Told(placed=[began])

    def _start(self, body: Json, *, ref: str = "", inboxes: tuple[str, ...] = ()) -> Start:
        place = place_of(body)
        return Start(
            ref=ref,
            inboxes=inboxes,
            channel=place.channel if place else "",
            thread=(place.thread or "") if place else "",
            handle=reply_handle(body.get("response_url"), self._now()) or "",
        )

    # ------------------------------------------------------------------------------------------- following

    def is_form(self, body: Json) -> bool:
        """Does a payload come from an open form?"""
        return (body.get("view") or {}).get("callback_id") == composer.CALLBACK

    async def follow(self, body: Json) -> None:
        """Something was entered in an open form: show it as it is now.

        Somebody types faster than Slack shows and lets us show (views.update is of tier 4, about 100 a minute), so only the
        latest state is worth an update; but that one is shown in the end.
        """
        view_id = str((body.get("view") or {}).get("id"))
        self._latest[view_id] = body
        if view_id in self._followed:
            return
        self._followed.add(view_id)
        tries = 0
        try:
            while (latest := self._latest.pop(view_id, None)) is not None:
                wait_s = await self._redraw(view_id, latest)
                tries = tries + 1 if wait_s else 0
                if 0 < tries < MOST_REDRAWS:
                    self._latest.setdefault(view_id, latest)
                await asyncio.sleep(max(wait_s, REDRAWN_EVERY_S))
        finally:
            self._followed.discard(view_id)

    async def _redraw(self, view_id: str, body: Json) -> float:
        """Show a form as it is now. Seconds to wait before another try; 0: it is shown, or never will be."""
        read = await self._read(body)
        if read is None:
            return 0.0
        start, given, shop = read
        wait_s = await self._screens.update(view_id, composer.view(start, given, shop))
        ref = Ref.decode(start.ref)
        if ref is not None:
            await self.drafting(body, ref)
        return wait_s

    async def options(self, body: Json) -> list[Block]:
        """What an open form's pickers offer."""
        read = await self._read(body)
        typed, block = str(body.get("value") or ""), str(body.get("block_id") or "")
        if read is None:
            return []
        start, _, shop = read
        if block.startswith(composer.CHOSEN):
            return composer.options(shop, typed)
        if block != composer.KNOWN or not start.inboxes:
            return []
        found = await self._outreach.look_up(typed, tuple(InboxId(one) for one in start.inboxes))
        return [
            {
                "text": plain(f"{one_line(one.name) or 'No name'} ({one_line(one.label)})", 75),
                "value": one.contact,
            }
            for one in found[:_SUGGESTED]
        ]

    async def _read(self, body: Json) -> tuple[Start, Entered, Shop] | None:
        """An open form, as somebody left it. What it says of inboxes is the client's word."""
        view = body.get("view") or {}
        start = Start.decode(str(view.get("private_metadata") or ""))
        if start is None:
            return None
        if not start.ref:
            mine = {one.id for one in self._lookups.inboxes(body)}
            start = structs.replace(start, inboxes=tuple(one for one in start.inboxes if one in mine))
            given = composer.entered(view, composer.TEMPLATE)
            return start, given, self._shop_for(start, given)
        ref = Ref.decode(start.ref)
        found = await self._lookups.conversation(ref) if ref is not None else None
        if found is None:
            return None
        shop = self._shop_of(found[1])
        return start, composer.entered(view), shop

    # -------------------------------------------------------------------------------------------- sending

    async def submission(self, body: Json) -> Told:
        """The form was sent off: an event, or what is wrong with it."""
        view = body.get("view") or {}
        read = await self._read(body)
        if read is None:
            return Told(errors={_first_block(view): OVER})
        start, given, shop = read
        event_id = interaction_event(body, str(view.get("id")))
        try:
            if start.ref:
                return Told(placed=[await self._composed(body, event_id, start, given, shop)])
            return Told(placed=[await self._first_message(body, event_id, start, given, shop)])
        except Wrong as problem:
            return Told(errors={problem.block: problem.words})

    async def _composed(
        self, body: Json, event_id: EventId, start: Start, given: Entered, shop: Shop
    ) -> Placed:
        made = composer.made(given, shop)
        ref = Ref.decode(start.ref)
        assert ref is not None  # noqa: S101 - `_read` found its conversation
        event = MessageComposed(
            id=event_id,
            at=self._now(),
            contact=ref.contact,
            conversation=ref.conversation,
            **await self._names.author(*who(body)),
            place=start.place(),
            reply_handle=start.handle or None,
            command=given.kind,
            body=made.body,
            extras=made.extras,
        )
        return Placed(lane=lane_of(ref.contact), unit=ref.contact, event=event)

    async def _first_message(
        self, body: Json, event_id: EventId, start: Start, given: Entered, shop: Shop
    ) -> Placed:
        known, typed = given.values.get(composer.KNOWN, ""), given.values.get(composer.PHONE, "")
        digits = ""
        if not known or typed.strip():
            try:
                digits = reaching.number(typed)
            except UnfitError as problem:
                words = "Choose somebody, or type a number." if not typed.strip() else problem.words
                raise Wrong(composer.PHONE, words) from None
        message = composer.message(given, shop)
        inbox = InboxId(given.inbox(shop))
        if known and digits:
            raise Wrong(composer.PHONE, "Either somebody known or a number, not both.")
        if known and not self._is_contact(known):
            raise Wrong(composer.KNOWN, "Choose somebody from the list.")
        contact = ContactId(known) if known else None
        place, handle = start.place(), start.handle or None
        return await self._began(
            body, event_id, place, handle, inbox, message, digits=digits, contact=contact
        )

    async def _began(
        self,
        body: Json,
        event_id: EventId,
        place: Place | None,
        handle: str | None,
        inbox: InboxId,
        message: TemplateMessage,
        *,
        digits: str = "",
        contact: ContactId | None = None,
    ) -> Placed:
        reach = self._outreach.reach(inbox, digits) if contact is None else None
        if reach is not None:
            contact = await reaching.contact_of(self._inlet, reach)
        assert contact is not None  # noqa: S101 - chosen, or just found
        event = OutreachBegan(
            id=event_id,
            at=self._now(),
            contact=contact,
            **await self._names.author(*who(body)),
            place=place,
            reply_handle=handle,
            inbox=inbox,
            message=message,
            aliases=reach.aliases if reach else (),
            phone=reach.phone if reach else None,
            address=reach.address if reach else None,
        )
        return Placed(lane=lane_of(contact), unit=contact, event=event)

    # ------------------------------------------------------------------------------------------ looking up

    def _is_contact(self, value: str) -> bool:
        """Can it be one of ours? It is the client's word."""
        shards = self._inlet.policies().shards
        return bool(_CONTACT.fullmatch(value)) and int(value.partition("-")[0]) < shards

    def _templates(self, inbox: InboxId) -> tuple[templates.Template, ...]:
        return self._inlet.policies().templates.get(inbox, ())

    def _shop_of(self, conversation: Conversation) -> Shop:
        until = conversation.window_until
        return Shop(
            limits=self._inlet.policies().limits,
            templates=self._templates(conversation.inbox),
            closed=until is None or until <= self._now(),
        )

    def _shop_for(self, start: Start, given: Entered) -> Shop:
        policies = self._inlet.policies()
        names = {
            one: policies.inboxes[InboxId(one)].name
            for one in start.inboxes
            if InboxId(one) in policies.inboxes
        }
        here = next((one for one in names if policies.inboxes[InboxId(one)].channel == start.channel), "")
        shop = Shop(limits=policies.limits, inboxes=names, chosen=here)
        inbox = InboxId(given.inbox(shop))
        return Shop(limits=policies.limits, templates=self._templates(inbox), inboxes=names, chosen=here)


def _first_block(view: Json) -> str:
    inputs = [block for block in view.get("blocks") or [] if block.get("type") == "input"]
    return str(inputs[0].get("block_id")) if inputs else ""
