"""What WhatsApp's webhooks say, as far as we use it.

Lenient on keys we do not know, strict on those we use, and item by item: a body that fits the models as a whole is
decoded at once; in any other, each change, contact, message and status is read for itself, so that one bad item
never costs the others. Of a message of which something does not fit, the rest is still read, so that the thread can
say that something came. (WhatsApp: webhooks/reference/messages.)
"""

from __future__ import annotations

import contextlib
import json
import re
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

READ = frozenset({"calls", "messages", "smb_message_echoes", "user_id_update"})
"""The fields of changes whose values are read."""
OBJECT = "whatsapp_business_account"
"""The `object` of every body that concerns WhatsApp."""


class NotJsonError(ValueError):
    """The body is no JSON at all."""


class Wire(msgspec.Struct, frozen=True, gc=False):
    """Base of the models. Keys that are not named are skipped."""


class Profile(Wire, frozen=True):
    """`contacts[].profile`: chosen by the customer, so hostile."""

    name: str | None = None
    username: str | None = None


class Party(Wire, frozen=True):
    """One of `contacts[]`. `wa_id` is absent where the number may not be shown."""

    profile: Profile | None = None
    wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None


class Text(Wire, frozen=True):
    """`messages[].text`."""

    body: str


class Media(Wire, frozen=True):
    """`messages[].image`, `video`, `audio`, `document` and `sticker`. `sha256` is base64."""

    id: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    caption: str | None = None
    filename: str | None = None
    voice: bool | None = None
    animated: bool | None = None


class Location(Wire, frozen=True):
    """`messages[].location`."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None
    url: str | None = None


class CardName(Wire, frozen=True):
    """`messages[].contacts[].name`."""

    formatted_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class CardOrg(Wire, frozen=True):
    """`messages[].contacts[].org`."""

    company: str | None = None
    title: str | None = None


class CardPhone(Wire, frozen=True):
    """`messages[].contacts[].phones[]`."""

    phone: str | None = None
    type: str | None = None
    wa_id: str | None = None


class CardEmail(Wire, frozen=True):
    """`messages[].contacts[].emails[]`."""

    email: str | None = None
    type: str | None = None


class CardUrl(Wire, frozen=True):
    """`messages[].contacts[].urls[]`."""

    url: str | None = None
    type: str | None = None


class CardAddress(Wire, frozen=True):
    """`messages[].contacts[].addresses[]`."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    type: str | None = None


class Card(Wire, frozen=True):
    """One of `messages[].contacts[]`, a contact card that was sent. `name` is missing where the contact shared
    their own number (`origin` is then `contact_request`).
    """

    name: CardName | None = None
    org: CardOrg | None = None
    phones: list[CardPhone] = []
    emails: list[CardEmail] = []
    urls: list[CardUrl] = []
    addresses: list[CardAddress] = []
    birthday: str | None = None
    origin: str | None = None


class Choice(Wire, frozen=True):
    """What was tapped: `button_reply`, `list_reply` or `nfm_reply`."""

    id: str | None = None
    title: str | None = None
    description: str | None = None
    response_json: str | None = None


class CallPermission(Wire, frozen=True):
    """`messages[].interactive.call_permission_reply`."""

    response: str | None = None


class Interactive(Wire, frozen=True):
    """`messages[].interactive`."""

    button_reply: Choice | None = None
    list_reply: Choice | None = None
    nfm_reply: Choice | None = None
    call_permission_reply: CallPermission | None = None


class Button(Wire, frozen=True):
    """`messages[].button`: a quick reply of a template."""

    text: str | None = None
    payload: str | None = None


class OrderItem(Wire, frozen=True):
    """`messages[].order.product_items[]`."""

    product_retailer_id: str | None = None
    quantity: int | float | None = None
    item_price: Decimal | None = None
    currency: str | None = None


class Order(Wire, frozen=True):
    """`messages[].order`."""

    catalog_id: str | None = None
    text: str | None = None
    product_items: list[OrderItem] = []


class Unreadable(Wire, frozen=True):
    """`messages[].unsupported`: the type that WhatsApp does not pass on."""

    type: str | None = None


class Referral(Wire, frozen=True):
    """`messages[].referral`: the advertisement or post that the customer came from."""

    source_url: str | None = None
    source_id: str | None = None
    source_type: str | None = None
    headline: str | None = None
    body: str | None = None
    image_url: str | None = None
    thumbnail_url: str | None = None
    ctwa_clid: str | None = None


class Product(Wire, frozen=True):
    """`messages[].context.referred_product`."""

    product_retailer_id: str | None = None


class System(Wire, frozen=True):
    """`messages[].system`: the customer changed number or id. `new_wa_id` is an older spelling of `wa_id`."""

    type: str | None = None
    body: str | None = None
    wa_id: str | None = None
    new_wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    previous_user_id: str | None = None
    previous_parent_user_id: str | None = None


class Reaction(Wire, frozen=True):
    """`messages[].reaction`. Without `emoji`, or with an empty one, it was taken off."""

    message_id: str
    emoji: str | None = None


class Context(Wire, frozen=True):
    """`messages[].context`. A forwarded message has no `id`."""

    id: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False
    referred_product: Product | None = None


class Edited(Wire, frozen=True):
    """`messages[].edit.message`: the new content."""

    text: Text | None = None
    image: Media | None = None
    video: Media | None = None
    document: Media | None = None


class Edit(Wire, frozen=True):
    """`messages[].edit`."""

    original_message_id: str | None = None
    message: Edited | None = None


class Revoke(Wire, frozen=True):
    """`messages[].revoke`."""

    original_message_id: str | None = None


class Problem(Wire, frozen=True):
    """One of any `errors[]`. `error_data` is an object or a string."""

    code: int


class Message(Wire, frozen=True):
    """One of `messages[]`. `timestamp` is Unix seconds, documented as a string."""

    id: str
    type: str = "unknown"
    sender: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    from_parent_user_id: str | None = None
    to: str | None = None
    to_user_id: str | None = None
    timestamp: str | int | float | None = None
    group_id: str | None = None
    context: Context | None = None
    referral: Referral | None = None
    errors: list[Problem] = []
    text: Text | None = None
    image: Media | None = None
    video: Media | None = None
    audio: Media | None = None
    document: Media | None = None
    sticker: Media | None = None
    unsupported: Unreadable | None = None
    location: Location | None = None
    contacts: list[Card] = []
    interactive: Interactive | None = None
    button: Button | None = None
    order: Order | None = None
    system: System | None = None
    reaction: Reaction | None = None
    edit: Edit | None = None
    revoke: Revoke | None = None


class Status(Wire, frozen=True):
    """One of `statuses[]`."""

    id: str
    status: str
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    recipient_type: str | None = None
    recipient_participant_id: str | None = None
    recipient_participant_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    errors: list[Problem] = []


class WireCall(Wire, frozen=True):
    """One of `calls[]`. `direction` is `USER_INITIATED` where the customer called."""

    id: str
    event: str
    direction: str | None = None
    sender: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    timestamp: str | int | float | None = None
    status: str | None = None
    duration: int | float | None = None


class ChangedId(Wire, frozen=True):
    """`user_id_update[].user_id`."""

    previous: str
    current: str


class UserIdUpdate(Wire, frozen=True):
    """One of `user_id_update[]`, a field that was documented for some months of 2026."""

    user_id: ChangedId
    wa_id: str | None = None


class Metadata(Wire, frozen=True):
    """`value.metadata`: the business number that the change is about."""

    phone_number_id: str


class Value(Wire, frozen=True):
    """`changes[].value`."""

    metadata: Metadata | None = None
    contacts: list[Party] = []
    messages: list[Message] = []
    statuses: list[Status] = []
    errors: list[Problem] = []
    user_id_update: list[UserIdUpdate] = []
    calls: list[WireCall] = []
    message_echoes: list[Message] = []


class Change(Wire, frozen=True):
    """One of `entry[].changes[]`."""

    field: str
    value: Value


class Entry(Wire, frozen=True):
    """One of `entry[]`."""

    changes: list[Change] = []


class Body(Wire, frozen=True):
    """A whole POST."""

    object: str
    entry: list[Entry] = []


class Notice(Wire, frozen=True):
    """A change of a field that is not about messages, as it came."""

    account: str
    field: str
    value: dict[str, Any]
    at: str
    """What tells it from the same one at another time; empty where the body has none."""


class Reading(Wire, frozen=True):
    """What a body said. `bad` names the items that could not be read, with where they stood."""

    object: str
    changes: list[Change]
    notices: list[Notice] = []
    """Changes of other fields than `READ`."""
    bad: tuple[str, ...] = ()


_DEEPEST = 64
"""WhatsApp's own bodies are nested some ten levels deep."""
_MOST_DIGITS = 100
_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)

_decode = msgspec.json.Decoder(Body).decode
_T = TypeVar("_T")


def read(body: bytes) -> Reading:
    """Read a webhook body, as much of it as can be read. Raises `NotJsonError`."""
    try:
        whole = _decode(body)
    except Exception:  # noqa: BLE001 - whatever does not fit as a whole is read item by item
        return _Salvage().body(_load(body))
    entries = whole.entry
    changes = entries[0].changes if len(entries) == 1 else [one for each in entries for one in each.changes]
    if all(change.field in READ for change in changes):
        return Reading(whole.object, changes)
    return Reading(whole.object, changes, _notices(_load(body)))


def _notices(tree: object) -> list[Notice]:
    """The changes of a parsed body that `READ` does not name, as far as they have a shape at all."""
    found = []
    for entry in _objects(tree, "entry"):
        stamp = entry.get("time")
        for change in _objects(entry, "changes"):
            field, value = change.get("field"), change.get("value")
            if isinstance(field, str) and field not in READ and isinstance(value, dict):
                found.append(Notice(str(entry.get("id", "")), field, value, str(stamp or "")))
    return found


def _objects(holder: object, key: str) -> list[dict[str, Any]]:
    items = holder.get(key) if isinstance(holder, dict) else None
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _load(body: bytes) -> object:
    """Parse what strict readers refuse too.

    Bad UTF-8 and unpaired surrogates become replacement characters, what is nested beyond all sense becomes null, and
    numbers of hundreds of digits become infinite: none of them may cost the items beside them.
    """
    text = body.decode("utf-8", "replace")
    try:
        try:
            tree = json.loads(text, parse_int=_number)
        except RecursionError:
            tree = json.loads(_flattened(text), parse_int=_number)
        clean = json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(clean)
    except (ValueError, RecursionError) as error:
        raise NotJsonError("the body is not JSON") from error


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _flattened(text: str) -> str:
    """JSON with null in place of every object and list deeper than `_DEEPEST`."""
    kept: list[str] = []
    depth = start = 0
    for found in _STRUCTURE.finditer(text):
        sign = found[0]
        if sign in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept += (text[start : found.start()], "null")
        elif sign in "]}":
            if depth == _DEEPEST + 1:
                start = found.end()
            depth -= 1
    return "".join(kept) + (text[start:] if depth <= _DEEPEST else "")


class _Salvage:
    """Reads a parsed body item by item and remembers what it could not read."""

    def __init__(self) -> None:
        self.bad: list[str] = []

    def body(self, tree: object) -> Reading:
        """Everything that can be read of a body."""
        changes: list[Change] = []
        for entry in self._list(self._dict(tree, "body"), "entry"):
            for change in self._list(self._dict(entry, "entry"), "changes"):
                read_change = self._change(self._dict(change, "changes"))
                if read_change:
                    changes.append(read_change)
        kind = tree.get("object") if isinstance(tree, dict) else None
        return Reading(kind if isinstance(kind, str) else "", changes, _notices(tree), tuple(self.bad))

    def _change(self, change: dict[str, Any]) -> Change | None:
        field = change.get("field")
        if not isinstance(field, str):
            if change:
                self.bad.append("changes.field")
            return None
        # What other fields hold is not ours to judge, and shares names with what we read.
        if field not in READ:
            return Change(field, Value())
        value = self._dict(change.get("value"), "value")
        return Change(
            field,
            Value(
                metadata=self._one(value.get("metadata"), Metadata, "metadata"),
                contacts=self._items(value, "contacts", Party),
                messages=self._messages(value, "messages"),
                statuses=self._items(value, "statuses", Status),
                errors=self._items(value, "errors", Problem),
                user_id_update=self._items(value, "user_id_update", UserIdUpdate),
                calls=self._items(value, "calls", WireCall),
                message_echoes=self._messages(value, "message_echoes"),
            ),
        )

    def _messages(self, value: dict[str, Any], key: str) -> list[Message]:
        found = []
        for item in self._list(value, key):
            message = self._one(item, Message, key)
            if message is None:
                message = _bare(item)
            if message:
                found.append(message)
        return found

    def _items(self, value: dict[str, Any], key: str, kind: type[_T]) -> list[_T]:
        read_items = (self._one(item, kind, key) for item in self._list(value, key))
        return [item for item in read_items if item is not None]

    def _one(self, item: object, kind: type[_T], where: str) -> _T | None:
        if item is None:
            return None
        try:
            return msgspec.convert(item, kind)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the other items have to go on
            self.bad.append(where)
            return None

    def _list(self, holder: dict[str, Any], key: str) -> list[Any]:
        items = holder.get(key)
        if isinstance(items, list):
            return items
        if items is not None:
            self.bad.append(key)
        return []

    def _dict(self, item: object, where: str) -> dict[str, Any]:
        if isinstance(item, dict):
            return item
        self.bad.append(where)
        return {}


_PIECES = tuple((field.encode_name, field.name, field.type) for field in msgspec.structs.fields(Message))


def message_of(item: object) -> Message | None:
    """A parsed message, as much of it as fits; None where not even its id does."""
    try:
        return msgspec.convert(item, Message)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the rest of it may fit
        return _bare(item)


def _bare(item: object) -> Message | None:
    """As much of a message as fits; None where not even its id does."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return None
    fitting: dict[str, Any] = {}
    for key, name, kind in _PIECES:
        if key in item:
            with contextlib.suppress(Exception):
                fitting[name] = msgspec.convert(item[key], kind)
    return Message(**fitting)
