"""Message records as Redis keeps them: those of a contact and a day together, in a hash that stays small. Pure.

A hash whose fields and values have at most 64 bytes is stored as one compact string. So a record leaves out what its key
and its defaults tell, and a longer one stands in several fields. It is written anew, on the day of the news, whenever
something becomes of the message; the newest day's is the one that counts. A day's hash expires as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bridge.content import Attachment
from bridge.instants import instant, micros
from bridge.model import (
    ConversationId,
    Direction,
    Draft,
    Fate,
    MessageId,
    MessageRecord,
    Part,
    Post,
    Sending,
    Struct,
)

DAY_S = 86_400
LOOK_AHEAD_S = 600
"""So long before a day begins it is looked at, too: the lane's last holder may have been a little ahead."""
CHUNK = 64
"""Most bytes of a field's value that a small hash may have, by Redis's default."""
MOST_CHUNKS = 8
"""A longer record stands in one field, whatever that does to its hash."""
_DIRECTIONS = tuple(Direction)
_FIELD = 9
"""Bytes of a record's field; one that leads to a record has one less."""
_STAMP = 17
"""Length of `1700000000.000100`."""

Stamp = int | str
PackedPost = tuple[str, str, Stamp]


class _Packed(Struct, frozen=True, array_like=True):
    """A record without its id. What is most often as it was made up comes last, for that is left out."""

    conversation: int | str
    """Its counter where it is of the message's shard, which is always."""
    direction: int
    at: int
    """Microseconds since 1970."""
    posts: tuple[PackedPost, ...] = ()
    platform_id: str | None = None
    fate: Fate = Fate.PENDING
    total: int = 0
    parts: tuple[tuple[str, Fate], ...] = ()
    sending: Sending | None = None
    draft: Draft | None = None
    superseded: tuple[str, ...] = ()
    problem: str = ""
    file: Attachment | None = None
    correction: Draft | None = None


_FIRST_OPTIONAL = 3
_DEFAULTS = tuple(getattr(_Packed(0, 0, 0), name) for name in _Packed.__struct_fields__[_FIRST_OPTIONAL:])
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(record: MessageRecord) -> bytes:
    """A record without its id."""
    shard, dash, counter = record.conversation.partition("-")
    same = shard == record.id.partition("-")[0] and counter.isdecimal() and str(int(counter)) == counter
    values: list[Any] = [
        int(counter) if dash and same else record.conversation,
        _DIRECTIONS.index(record.direction),
        micros(record.at),
        tuple((post.desk, post.channel, _short(post.id)) for post in record.posts),
        record.platform_id,
        record.fate,
        record.total,
        tuple((part.platform_id, part.fate) for part in record.parts),
        record.sending,
        record.draft,
        record.superseded,
        record.problem,
        record.file,
        record.correction,
    ]
    for default in reversed(_DEFAULTS):
        if values[-1] != default:
            break
        values.pop()
    return _encode(values)


def unpack(message: MessageId, data: bytes) -> MessageRecord:
    """The record of `message`. Raises `msgspec.MsgspecError`."""
    packed = _decode(data)
    owner = packed.conversation
    return MessageRecord(
        id=message,
        conversation=ConversationId(
            f"{message.partition('-')[0]}-{owner}" if isinstance(owner, int) else owner
        ),
        direction=_DIRECTIONS[packed.direction],
        at=instant(packed.at),
        posts=tuple(
            Post(desk=desk, channel=channel, id=_long(stamp)) for desk, channel, stamp in packed.posts
        ),
        platform_id=packed.platform_id,
        parts=tuple(Part(platform_id=name, fate=fate) for name, fate in packed.parts),
        total=packed.total,
        sending=packed.sending,
        superseded=packed.superseded,
        fate=packed.fate,
        draft=packed.draft,
        problem=packed.problem,
        file=packed.file,
        correction=packed.correction,
    )


def _short(stamp: str) -> Stamp:
    """A post's id that is a time, `<10 digits>.<6 digits>`, as a number."""
    seconds, dot, rest = stamp.partition(".")
    if len(stamp) == _STAMP and len(rest) == 6 and dot and stamp.isascii():
        digits = seconds + rest
        if digits.isdigit() and digits[0] != "0":
            return int(digits)
    return stamp


def _long(stamp: Stamp) -> str:
    return stamp if isinstance(stamp, str) else f"{stamp // 1_000_000}.{stamp % 1_000_000:06d}"


# ------------------------------------------------------------------------------------------------- layout


def day_of(now_s: float) -> int:
    """The day whose hash takes what is written at `now_s` (Redis time)."""
    return int(now_s) // DAY_S


def days_of(now_s: float, life_s: int) -> list[int]:
    """The days in whose hashes a record may be that was written up to `life_s` seconds ago, the newest first."""
    return list(range(day_of(now_s + LOOK_AHEAD_S), day_of(now_s - life_s) - 1, -1))


def expires_in(now_s: float, life_s: int) -> int:
    """In how many seconds a day's hash may go: what the day's last second brings lives for `life_s`, too."""
    return DAY_S - int(now_s) % DAY_S + life_s


def lead_field(platform_id: str) -> bytes:
    """The field that leads from a platform's id to a message's."""
    return _digest(platform_id)


def fields_of(message: str) -> list[bytes]:
    """The fields that a record may stand in, the first first."""
    digest = _digest(message)
    return [digest + bytes((index,)) for index in range(MOST_CHUNKS)]


def split(message: str, data: bytes) -> list[tuple[bytes, bytes]]:
    """A packed record as fields and values. The first value begins with how many fields there are."""
    count = -(-(len(data) + 1) // CHUNK)
    if count > MOST_CHUNKS:
        return [(_digest(message) + b"\0", b"\1" + data)]
    data = bytes((count,)) + data
    digest = _digest(message)
    return [(digest + bytes((at,)), data[at * CHUNK : (at + 1) * CHUNK]) for at in range(count)]


def join(values: Sequence[bytes | None]) -> bytes | None:
    """A packed record from the values of `fields_of`; None: it is not there."""
    first = values[0]
    if first is None:
        return None
    return (first + b"".join(_there(values[1 : first[0]])))[1:]


def every(fields: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """All packed records of a day's hash."""
    for field, value in fields.items():
        if len(field) == _FIELD and not field[-1]:
            rest = (fields.get(field[:-1] + bytes((at,))) for at in range(1, MOST_CHUNKS))
            data = join((value, *rest))
            if data is not None:
                yield data


def _there(values: Iterable[bytes | None]) -> Iterable[bytes]:
    return (value for value in values if value is not None)


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
