"""From a webhook body to drafts of events: everything but whose they are."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from bridge.adapters.base import OutboundRef, Placed
from bridge.adapters.whatsapp import alerts, content, errors, history, senders, wire
from bridge.adapters.whatsapp.broken import bare
from bridge.adapters.whatsapp.ids import (
    Identity,
    is_message_id,
    message_event,
    phone_digits,
    status_event,
    user_id,
)
from bridge.adapters.whatsapp.numbers import Number
from bridge.adapters.whatsapp.whose import Draft
from bridge.events import (
    AccountChanged,
    AnsweredElsewhere,
    ContactAmended,
    ContactChanged,
    ContactReacted,
    DeliveryChanged,
    MessageReceived,
)
from bridge.model import DESK_LANE, DESK_UNIT, EventId, InboxId, digest


class Oddity(enum.StrEnum):
    """Whatever is out of the ordinary at the webhook; the names of its counters."""

    BAD_HANDSHAKE = "bad_handshake"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """A body that was compressed, broke off, took too long or was no HTTP."""
    BAD_SIGNATURE = "bad_signature"
    NOT_JSON = "not_json"
    NOT_STORED = "not_stored"
    MALFORMED = "malformed"
    """An item that does not fit its description, or breaks its reader; the others of its body were taken."""
    UNKNOWN_OBJECT = "unknown_object"
    UNKNOWN_FIELD = "unknown_field"
    UNUSED_FIELD = "unused_field"
    UNKNOWN_NUMBER = "unknown_number"
    UNKNOWN_TYPE = "unknown_type"
    UNUSED_TYPE = "unused_type"
    NO_SENDER = "no_sender"
    UNKNOWN_STATUS = "unknown_status"
    UNMATCHED_STATUS = "unmatched_status"
    """A status of a message that was not sent by us, to somebody we do not know."""
    UNMATCHED_ECHO = "unmatched_echo"
    """Something that a colleague wrote in the phone app to somebody we do not know, or that says nothing."""
    HISTORY_DECLINED = "history_declined"
    """The business chose in the phone app not to share what was said before."""
    REPORTED_ERROR = "reported_error"
    """An error that WhatsApp reports about the number and not about a message."""


_T = TypeVar("_T")
Notify = Callable[[Oddity, str], None]

_UNUSED_FIELDS = frozenset(
    {
        "flows",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "message_template_components_update",
        "smb_app_state_sync",
    }
)
"""Fields that WhatsApp documents and nothing of ours reads yet."""

_PREFERENCES = "user_preferences"
_STATUSES = frozenset({"sent", "delivered", "read", "played", "failed"})
_REF_LIMIT = 100


class Reader:
    """Reads bodies about the numbers of one app. `shards` gives the number of shards of the deployment."""

    def __init__(self, numbers: Mapping[str, Number], shards: Callable[[], int], odd: Notify) -> None:
        self._numbers = numbers
        self._shards = shards
        self._odd = odd

    def drafts(self, reading: wire.Reading, now: datetime) -> list[Draft]:
        """All events of a body: what contacts did, in order, then what became of our messages."""
        for where in reading.bad:
            self._odd(Oddity.MALFORMED, where)
        if reading.object != wire.OBJECT:
            self._odd(Oddity.UNKNOWN_OBJECT, reading.object)
            return []
        values = list(self._values(reading.changes))
        drafts = [draft for number, value in values for draft in self._of_contacts(number, value, now)]
        for notice in reading.notices:
            if notice.field == _PREFERENCES:
                drafts += self._preferences(notice, now)
            elif notice.field == history.FIELD:
                drafts += self._history(notice, now)
        for number, value in values:
            for status in value.statuses:
                drafts += self._safely("statuses", partial(self._status, number, status, now))
            for problem in value.errors:
                self._odd(Oddity.REPORTED_ERROR, f"{problem.code}: {errors.by_code(problem.code).words}")
        return drafts

    def announcements(self, reading: wire.Reading, now: datetime) -> list[Placed]:
        """What the people with rights have to know of the account."""
        placed: list[Placed] = []
        for notice in reading.notices if reading.object == wire.OBJECT else ():
            placed += self._safely(notice.field, partial(self._announced, notice, now))
        return placed

    def _announced(self, notice: wire.Notice, now: datetime) -> Placed | None:
        words = alerts.words_of(notice.field, notice.value)
        if words is None:
            return None
        event = AccountChanged(
            id=EventId(f"wa:account:{digest(_spelt(notice))}"),
            at=now,
            inboxes=self._of_account(notice.account),
            body=words,
        )
        return Placed(lane=DESK_LANE, unit=DESK_UNIT, event=event)

    def _safely(self, where: str, *ways: Callable[[], _T | None]) -> Iterator[_T]:
        """What the first of `ways` to read an item that does not break makes of it, if anything; see `broken`."""
        for way in ways:
            try:
                made = way()
            except Exception as problem:  # noqa: BLE001 - whatever it is, the others of its body have to go on
                self._odd(Oddity.MALFORMED, f"{where}: {type(problem).__name__}")
                continue
            if made is not None:
                yield made
            return

    def _of_account(self, account: str) -> tuple[InboxId, ...]:
        """The inboxes of an account; of one that we do not know by its id, all of its app's."""
        mine = [number.inbox for number in self._numbers.values() if number.waba_id == account]
        return tuple(mine or (number.inbox for number in self._numbers.values()))

    def _preferences(self, notice: wire.Notice, now: datetime) -> Iterator[Draft]:
        """Who wants marketing messages, and who no more."""
        number = self._named(notice)
        said = notice.value.get("user_preferences")
        if number is None or not isinstance(said, list):
            self._odd(Oddity.UNKNOWN_NUMBER if number is None else Oddity.MALFORMED, notice.field)
            return
        for one in said:
            yield from self._safely(notice.field, partial(self._preference, number, notice, one, now))

    def _history(self, notice: wire.Notice, now: datetime) -> list[Draft]:
        """What was said before the bridge."""
        number = self._named(notice)
        if number is None:
            self._odd(Oddity.UNKNOWN_NUMBER, notice.field)
            return []
        if history.declined(notice.value):
            self._odd(Oddity.HISTORY_DECLINED, number.inbox)
        try:
            return list(history.drafts(number, notice.value, now, partial(self._odd, Oddity.UNUSED_TYPE)))
        except Exception as problem:  # noqa: BLE001 - whatever it is, the others of its body have to go on
            self._odd(Oddity.MALFORMED, f"{notice.field}: {type(problem).__name__}")
            return []

    def _named(self, notice: wire.Notice) -> Number | None:
        """The number that a change is about."""
        metadata = notice.value.get("metadata")
        return self._numbers.get(str(metadata.get("phone_number_id"))) if isinstance(metadata, dict) else None

    def _preference(self, number: Number, notice: wire.Notice, one: object, now: datetime) -> Draft | None:
        what = alerts.preference_of(one) if isinstance(one, dict) else None
        if what is None or not isinstance(one, dict):
            self._odd(Oddity.MALFORMED, "user_preferences")
            return None
        bsuid, phone = one.get("user_id"), one.get("wa_id")
        who = Identity(
            user_id(bsuid if isinstance(bsuid, str) else None),
            phone_digits(phone if isinstance(phone, str) else None),
        )
        aliases = who.aliases(number.portfolio)
        make = partial(
            ContactChanged,
            id=EventId(f"wa:preference:{digest(_spelt(notice) + repr(one))}"),
            at=now,
            inbox=number.inbox,
            aliases=who.known_as(aliases),
            what=what[0],
            marketing=what[1],
            alert=True,
        )
        unmatched = partial(self._odd, Oddity.UNUSED_TYPE, notice.field)
        return Draft(make, notice.field, aliases, None, unmatched) if aliases else None

    def _values(self, changes: list[wire.Change]) -> Iterator[tuple[Number, wire.Value]]:
        """The changes that concern our numbers."""
        for change in changes:
            if change.field in alerts.NOTICED or change.field in {_PREFERENCES, history.FIELD}:
                continue
            if change.field not in wire.READ:
                known = change.field in _UNUSED_FIELDS
                self._odd(Oddity.UNUSED_FIELD if known else Oddity.UNKNOWN_FIELD, change.field)
                continue
            metadata = change.value.metadata
            number = self._numbers.get(metadata.phone_number_id) if metadata else None
            if number is None:
                named = metadata.phone_number_id if metadata else "none"
                self._odd(Oddity.UNKNOWN_NUMBER, f"phone_number_id {named}: no inbox names it")
            else:
                yield number, change.value

    # ------------------------------------------------------------------------------------------- contacts

    def _of_contacts(self, number: Number, value: wire.Value, now: datetime) -> Iterator[Draft]:
        for message in value.messages:
            yield from self._safely(
                "messages",
                partial(self._said, number, message, value.contacts, now),
                partial(self._unread, number, message, value.contacts, now),
            )
        for echo in value.message_echoes:
            yield from self._safely(
                "message_echoes",
                partial(self._echo, number, echo, now),
                partial(self._echo, number, bare(echo), now),
            )
        for call in value.calls:
            yield from self._safely("calls", partial(self._call, number, call, value.contacts, now))
        for update in value.user_id_update:
            yield from self._safely("user_id_update", partial(self._id_update, number, update, now))

    def _said(
        self, number: Number, message: wire.Message, parties: Sequence[wire.Party], now: datetime
    ) -> Draft | None:
        if not is_message_id(message.id):
            self._odd(Oddity.MALFORMED, "messages.id")
            return None
        if message.type in content.UNUSED:
            self._odd(Oddity.UNUSED_TYPE, message.type)
            return None
        return self._reader(message)(number, message, senders.party_of(message, parties), now)

    def _unread(
        self, number: Number, message: wire.Message, parties: Sequence[wire.Party], now: datetime
    ) -> Draft | None:
        """A message that broke its reader: that it came."""
        return self._message(number, bare(message), senders.party_of(message, parties), now)

    def _reader(
        self, message: wire.Message
    ) -> Callable[[Number, wire.Message, wire.Party | None, datetime], Draft | None]:
        if message.type == "system" and message.system:
            return self._change
        if message.type == "reaction":
            return self._reaction
        if content.amended_of(message) is not None:
            return self._amended
        return self._message

    def _amended(
        self, number: Number, message: wire.Message, party: wire.Party | None, now: datetime
    ) -> Draft | None:
        """Only numbers that the phone app uses, too, hear of it (coexistence). It makes no contact."""
        found = content.amended_of(message)
        aliases = senders.sender_of(message, party).aliases(number.portfolio)
        if found is None or not aliases:
            self._odd(Oddity.NO_SENDER, message.type)
            return None
        about, said = found
        make = partial(
            ContactAmended,
            id=message_event(message.id),
            at=now,
            inbox=number.inbox,
            about=about,
            content=said,
            sent_at=content.instant(message.timestamp, now),
        )
        return Draft(make, message.id, aliases, None, partial(self._odd, Oddity.UNUSED_TYPE, message.type))

    def _echo(self, number: Number, echo: wire.Message, now: datetime) -> Draft | None:
        """A colleague wrote in the phone app (coexistence): `to` is the customer. It makes no contact."""
        if not is_message_id(echo.id):
            self._odd(Oddity.MALFORMED, "message_echoes.id")
            return None
        aliases = Identity(user_id(echo.to_user_id), phone_digits(echo.to)).aliases(number.portfolio)
        unmatched = partial(self._odd, Oddity.UNMATCHED_ECHO, echo.type)
        if not aliases or echo.type == "reaction":
            unmatched()
            return None
        sent_at = content.instant(echo.timestamp, now)
        amended = content.amended_of(echo)
        make: Callable[..., ContactAmended | AnsweredElsewhere]
        if amended is not None:
            about, said = amended
            make = partial(ContactAmended, about=about, content=said, ours=True, sent_at=sent_at)
        else:
            said = content.content_of(echo)
            make = partial(AnsweredElsewhere, platform_id=echo.id, content=said, sent_at=sent_at)
        make = partial(make, id=message_event(echo.id), at=now, inbox=number.inbox)
        return Draft(make, echo.id, aliases, None, unmatched)

    def _reaction(
        self, number: Number, message: wire.Message, party: wire.Party | None, now: datetime
    ) -> Draft | None:
        """It makes no contact: who reacts to something of ours is known."""
        about = content.reference(message.reaction.message_id) if message.reaction else None
        if message.reaction is None or about is None:
            self._odd(Oddity.MALFORMED, "messages.reaction")
            return None
        aliases = senders.sender_of(message, party).aliases(number.portfolio)
        if not aliases:
            self._odd(Oddity.NO_SENDER, message.type)
            return None
        make = partial(
            ContactReacted,
            id=message_event(message.id),
            at=now,
            inbox=number.inbox,
            about=about,
            emoji=content.emoji_of(message.reaction),
            sent_at=content.instant(message.timestamp, now),
        )
        return Draft(make, message.id, aliases, None, partial(self._odd, Oddity.UNUSED_TYPE, message.type))

    def _message(
        self, number: Number, message: wire.Message, party: wire.Party | None, now: datetime
    ) -> Draft | None:
        sender = senders.sender_of(message, party)
        aliases = sender.aliases(number.portfolio)
        if not aliases:
            self._odd(Oddity.NO_SENDER, message.type)
            return None
        if not content.is_known(message.type):
            self._odd(Oddity.UNKNOWN_TYPE, message.type)
        name, username = senders.names_of(party)
        make = partial(
            MessageReceived,
            id=message_event(message.id),
            at=now,
            inbox=number.inbox,
            platform_id=message.id,
            content=content.content_of(message),
            sent_at=content.instant(message.timestamp, now),
            name=name,
            username=username,
            phone=sender.phone,
            address=sender.address(),
            aliases=sender.known_as(aliases),
            quoted=content.quoted_of(message),
            marks=content.marks_of(message),
        )
        return Draft(make, message.id, aliases)

    def _call(
        self, number: Number, call: wire.WireCall, parties: Sequence[wire.Party], now: datetime
    ) -> Draft | None:
        """The customer calls, or their call ended. Calls of the business are not made from here."""
        said = content.call_of(call)
        if said is None:
            self._odd(Oddity.UNUSED_TYPE, f"calls/{call.event}/{call.direction}")
            return None
        caller = wire.Message(id=call.id, sender=call.sender, from_user_id=call.from_user_id)
        party = senders.party_of(caller, parties)
        sender = senders.sender_of(caller, party)
        aliases = sender.aliases(number.portfolio)
        if not aliases:
            self._odd(Oddity.NO_SENDER, "calls")
            return None
        name, username = senders.names_of(party)
        make = partial(
            MessageReceived,
            id=EventId(f"wa:call:{digest(call.id)}:{call.event[:20]}"),
            at=now,
            inbox=number.inbox,
            platform_id="",
            content=said,
            sent_at=content.instant(call.timestamp, now),
            name=name,
            username=username,
            phone=sender.phone,
            address=sender.address(),
            aliases=sender.known_as(aliases),
        )
        return Draft(make, call.id, aliases)

    def _change(
        self, number: Number, message: wire.Message, party: wire.Party | None, now: datetime
    ) -> Draft | None:
        """A `system` message: the contact has other ids now."""
        system = message.system or wire.System()
        before, after = senders.change_of(message, system, party)
        words = senders.system_words(system)
        if words is None:
            self._odd(Oddity.UNKNOWN_TYPE, f"system/{system.type}")
            words = "WhatsApp reports that something about the contact changed."
        return self._changed(number, message_event(message.id), (before, after), words, now)

    def _id_update(self, number: Number, update: wire.UserIdUpdate, now: datetime) -> Draft | None:
        old, new = update.user_id.previous, update.user_id.current
        before = Identity(user_id(old))
        after = Identity(user_id(new), phone_digits(update.wa_id))
        words = senders.system_words(wire.System(type="user_changed_user_id")) or ""
        return self._changed(
            number, EventId(f"wa:user_id_update:{digest(f'{old}>{new}')}"), (before, after), words, now
        )

    def _changed(
        self, number: Number, event: EventId, ids: tuple[Identity, Identity], words: str, now: datetime
    ) -> Draft | None:
        before, after = ids
        # The old ids first: they are the ones under which the contact is known.
        found = before.aliases(number.portfolio)
        found += tuple(alias for alias in after.aliases(number.portfolio) if alias not in found)
        if not found:
            self._odd(Oddity.NO_SENDER, "system")
            return None
        make = partial(
            ContactChanged,
            id=event,
            at=now,
            inbox=number.inbox,
            aliases=after.known_as(before.known_as(found)),
            phone=after.phone,
            address=after.address(),
            what=words,
        )
        return Draft(make, event, found, linked=True)

    # ------------------------------------------------------------------------------------------- statuses

    def _status(self, number: Number, status: wire.Status, now: datetime) -> Draft | None:
        if not is_message_id(status.id):
            self._odd(Oddity.MALFORMED, "statuses.id")
            return None
        if status.status not in _STATUSES:
            self._odd(Oddity.UNKNOWN_STATUS, status.status)
            return None
        ref = self._ref(status.biz_opaque_callback_data)
        participant = status.recipient_participant_user_id or status.recipient_participant_id
        failed = status.status == "failed"
        make = partial(
            DeliveryChanged,
            id=status_event(status.id, status.status, participant),
            at=now,
            inbox=number.inbox,
            platform_id=status.id,
            status=status.status,
            message=ref.message if ref else None,
            part=ref.part if ref else 0,
            failure=errors.of_status([problem.code for problem in status.errors]) if failed else None,
        )
        if ref:
            return Draft(make, status.id, (), ref.contact)
        recipient = Identity(user_id(status.recipient_user_id), phone_digits(status.recipient_id))
        aliases = recipient.aliases(number.portfolio)
        unmatched = partial(self._odd, Oddity.UNMATCHED_STATUS, status.status)
        if not aliases or status.recipient_type == "group":
            unmatched()
            return None
        return Draft(make, status.id, aliases, None, unmatched)

    def _ref(self, text: str | None) -> OutboundRef | None:
        """Our own reference, or None when another program (or a deployment with more shards) made it."""
        if not text or len(text) > _REF_LIMIT or not text.isascii():
            return None
        ref = OutboundRef.decode(text)
        if ref is None:
            return None
        shard, _, name = ref.contact.partition("-")
        return ref if name and shard.isdigit() and int(shard) < self._shards() else None


def _spelt(notice: wire.Notice) -> str:
    """The same for a repeated delivery, another for the same change at another time."""
    return "|".join((notice.account, notice.field, notice.at, json.dumps(notice.value, sort_keys=True)))
