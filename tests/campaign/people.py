"""The people of a round: customers with their phones and staff in Slack, each doing what the script says."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.sandbox.slack.errors import RefusedError
from bridge.sandbox.slack.people import Person
from bridge.sandbox.slack.state import Ephemeral, Message
from bridge.sandbox.whatsapp.config import CustomerConfig
from bridge.sandbox.whatsapp.customer import Customer
from tests.campaign import desk
from tests.campaign.record import Intent, tokens
from tests.campaign.script import (
    GUEST,
    INWARD,
    Answer,
    Appear,
    Claim,
    CustomerStep,
    Form,
    Ids,
    Look,
    Move,
    Order,
    Phone,
    Say,
    StaffStep,
    Talk,
    Write,
)
from tests.campaign.stage import NUMBERS, Stage
from tests.support.files import JPEG
from tests.support.stack import action_id, shown

THREAD_S = 30.0
"""How long staff wait for a thread to appear before they do something else."""
CLAIM_S = 2.5
CLAIMS = 12
"""How long somebody looks at the card after pressing Claim, and how often they press."""
LONG_TEXT = 4_500
"""Characters of a long reply: more than one message of WhatsApp holds."""


@dataclass
class Sent:
    """A customer's message as it was sent: `id` is WhatsApp's, `under` the ids that its webhook names."""

    token: str
    text: str
    id: str
    under: str
    last: bool = False
    """It was written once all was at rest."""


@dataclass
class Spoken:
    """Staff words as they were typed: `text` is what the customer gets of them, `ts` the post in `thread`."""

    token: str
    author: str
    text: str
    intent: Intent
    ts: str
    thread: str
    pressed: bool = False
    """Somebody pressed a button about it later."""


class Speaking:
    """One talk of the script, carried out. `sent` and `spoken` are what was really said."""

    def __init__(self, stage: Stage, talk: Talk, start: float) -> None:
        self.talk = talk
        self.sent: list[Sent] = []
        self.spoken: list[Spoken] = []
        self.missed = 0
        """Steps for which there was no thread, or that Slack's client refused."""
        self._stage = stage
        self._start = start
        self._claimed = False
        config = CustomerConfig(talk.phone, talk.customer, talk.phone)
        self.customer: Customer = stage.sandbox.whatsapp.add_customer(config)

    @property
    def number_id(self) -> str:
        """The business number that the customer writes to."""
        return NUMBERS[self.talk.channel]

    async def run(self) -> None:
        """Both sides at once, to the end."""
        await asyncio.gather(self._customers_side(), self._staffs_side())

    async def _wait_for(self, at: float) -> None:
        left = self._start + at - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    # ------------------------------------------------------------------------------------ the customer

    async def _customers_side(self) -> None:
        for step in self.talk.customer_steps:
            await self._wait_for(step.at)
            await self._customer_does(step)

    async def _customer_does(self, step: CustomerStep) -> None:
        match step:
            case Write(together=True):
                await asyncio.gather(*(self._write(text, caption=step.caption) for text in step.texts))
            case Write():
                for text in step.texts:
                    await self._write(text, caption=step.caption)
            case Look():
                await self.customer.reads(self.number_id)
            case Move():
                await self.customer.changes_number(step.phone, name_previous=step.known)
            case Phone(on=True):
                await self.customer.goes_online()
            case Phone():
                await self.customer.goes_offline()
            case Appear():
                self._appear(step.ids)

    def _appear(self, ids: Ids) -> None:
        self.customer.hide_phone, self.customer.hide_user_id = ids is Ids.USER_ID, ids is Ids.PHONE

    async def last_words(self) -> None:
        """Who was taken for two people at first writes under each name, and under both."""
        for ids, text in zip(Ids, self.talk.last_words, strict=False):
            self._appear(ids)
            await self._write(text, last=True)

    async def _write(self, text: str, *, caption: bool = False, last: bool = False) -> None:
        under = f"{self.customer.shown_wa_id} {self.customer.shown_user_id}"
        if caption:
            message = await self.customer.attaches(
                "image", JPEG, "image/jpeg", caption=text, number_id=self.number_id
            )
        else:
            message = await self.customer.writes(text, number_id=self.number_id)
        self.sent.append(Sent(tokens(text)[0], text, message.id, under, last))

    # --------------------------------------------------------------------------------------- the staff

    async def _staffs_side(self) -> None:
        for step in self.talk.staff_steps:
            await self._wait_for(step.at)
            card = await self._card()
            if card is None:
                self.missed += 1
                continue
            with contextlib.suppress(RefusedError):
                await self._staff_does(step, card)

    async def _card(self) -> Message | None:
        """The newest card of the customer in the channel, now or soon."""
        sandbox = self._stage.sandbox
        with contextlib.suppress(TimeoutError):
            return await sandbox.feed.until(lambda: desk.newest_card(sandbox, self.talk), THREAD_S)
        return None

    async def _staff_does(self, step: StaffStep, card: Message) -> None:
        match step:
            case Say():
                await self._say(step, card)
            case Claim():
                await self._claim(step, card)
            case Order():
                await self._order(step, card)
            case Answer():
                await self._answer(step)

    async def _say(self, step: Say, card: Message) -> None:
        typed, text = _words(step, self.talk.customer)
        intent = self._intent(step)
        person = self._stage.sandbox.slack.person(step.who)
        ts = await person.replies(self.talk.channel, card.ts, typed)
        self.spoken.append(Spoken(step.token, step.who, text, intent, ts, card.ts))
        if step.form is Form.EDITED:
            await person.edits(self.talk.channel, ts, text)

    def _intent(self, step: Say) -> Intent:
        """What has to become of words, as far as it does not depend on what others do at the same time."""
        if step.form in INWARD or step.who == GUEST:
            return Intent.INTERNAL
        if not self.talk.settled:
            return Intent.OPEN
        if step.form in {Form.REPLY, Form.RESOLVE} or self.talk.channel in {"everyone", "held"}:
            return Intent.PUBLIC
        if self.talk.channel == "explicit":
            return Intent.INTERNAL
        if not self._claimed:
            return Intent.OPEN
        return Intent.PUBLIC if step.who == self.talk.owner else Intent.INTERNAL

    async def _claim(self, step: Claim, card: Message) -> None:
        person = self._stage.sandbox.slack.person(step.who)
        for _ in range(CLAIMS):
            await person.presses(self.talk.channel, card.ts, action_id(card, "claim"))
            with contextlib.suppress(TimeoutError):
                await self._stage.sandbox.feed.until(lambda: f"<@{person.id}>" in shown(card), CLAIM_S)
                self._claimed = True
                return
        self.missed += 1

    async def _order(self, step: Order, card: Message) -> None:
        person = self._stage.sandbox.slack.person(step.who)
        channel = self.talk.channel
        match step.door:
            case "typed":
                await person.replies(channel, card.ts, f"!{step.line}")
            case "slash":
                number = re.search(r"#(\d+)", shown(card))
                assert number is not None, shown(card)
                await person.slash("/wa", f"{number[0]} {step.line}", channel)
            case "emoji":
                await person.reacts(channel, card.ts, step.line)
            case _:
                with contextlib.suppress(AssertionError):  # the card shows another status, and no such button
                    await person.presses(channel, card.ts, action_id(card, step.line))

    async def _answer(self, step: Answer) -> None:
        """Press a button on the newest whisper about words of this talk that has it."""
        await self.press_whisper(step.who, step.button, self.spoken)

    # ----------------------------------------------------------------------------- buttons about words

    async def press_whisper(self, who: str, button: str, about: Sequence[Spoken]) -> bool:
        """Somebody presses a button on the newest of their whispers about some words. False: there is none."""
        person = self._stage.sandbox.slack.person(who)
        for one in reversed(person.ephemerals):
            words = _meant(one, button, about)
            if words is not None:
                await self._press(person, one.channel, one, button, words)
                return True
        return False

    async def press_notice(self, who: str, button: str, about: Spoken) -> bool:
        """Somebody presses a button on the newest notice about some words. False: there is none."""
        posts = self._stage.sandbox.slack.channel(self.talk.channel).everything()
        for one in reversed(posts):
            if one.bot and one.thread_ts and _meant(one, button, [about]):
                await self._press(
                    self._stage.sandbox.slack.person(who), self.talk.channel, one, button, about
                )
                return True
        return False

    async def _press(
        self, person: Person, channel: str, post: Message | Ephemeral, button: str, words: Spoken
    ) -> None:
        words.pressed = True
        with contextlib.suppress(RefusedError):
            await person.presses(channel, post.ts, action_id(post, button))


def _meant(post: Message | Ephemeral, button: str, about: Sequence[Spoken]) -> Spoken | None:
    """Which of some words a post with that button is about."""
    if button not in desk.buttons(post):
        return None
    found = tokens(shown(post))
    return next((words for words in about if words.token in found), None)


_TYPED = {
    Form.REPLY: "!reply {text}",
    Form.RESOLVE: "!resolve {text}",
    Form.MARK: "note: {text}",
    Form.SLASHES: "// {text}",
    Form.LATE_MARK: "{text}\nprivate: {text}",
    Form.MENTION: "@carla {text}",
    Form.NOTE: "!note {text}",
    Form.MISTYPED: "!rpely {text}",
    Form.EDITED: ";; {text}",
}
"""What is typed around the text; all else is the text alone."""


def _words(step: Say, customer: str) -> tuple[str, str]:
    """What is typed, and what of it the customer gets if they get it."""
    text = f"{step.token} about that, {customer.partition(' ')[0]}"
    if step.form is Form.LONG:
        sentence = f"{step.token} this is a long story. "
        text = (sentence * (LONG_TEXT // len(sentence) + 1)).strip()
    return _TYPED.get(step.form, "{text}").format(text=text), text
