"""Message records come back as they were, and those of a contact and a day stay one compact value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.content import Attachment, MediaKind
from bridge.instants import instant
from bridge.markup import Text
from bridge.model import (
    ActionId,
    AgentId,
    ConversationId,
    DeskUser,
    Direction,
    Draft,
    Fate,
    LaneId,
    MessageId,
    MessageRecord,
    Part,
    Post,
    Sending,
)
from bridge.store import keys, records
from bridge.store.base import Commit, Hold, MessageWrite
from bridge.store.connection import Redis
from bridge.store.live import LiveStore

LANE = LaneId("s1")
AT = datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=UTC)
WAMID = "wamid.HBgLMTY1MDM4NzkwMDAVAgASGBQzQTAyRkE1QzQxM0E2RkJGQUQA"

words = st.text(max_size=90)
stamps = st.one_of(
    words,
    st.from_regex(r"[0-9]{9,11}\.[0-9]{5,7}", fullmatch=True),
    st.integers(0, 10**17).map(lambda one: f"{one // 10**6}.{one % 10**6:06d}"),
)
posts = st.builds(Post, desk=words, channel=words, id=stamps)
parts = st.builds(Part, platform_id=words, fate=st.sampled_from(Fate))
drafts = st.builds(
    Draft,
    message=words.map(MessageId),
    author=words.map(AgentId),
    account=words.map(DeskUser),
    body=words.map(lambda one: (Text(one),)),
    post=st.none() | posts,
)
files = st.builds(
    Attachment,
    kind=st.sampled_from(MediaKind),
    media=words,
    mime=words,
    name=words,
    caption=words.map(lambda one: (Text(one),)),
    size=st.none() | st.integers(0, 1 << 40),
    animated=st.booleans(),
)
everything = st.builds(
    MessageRecord,
    id=st.builds(
        lambda shard, rest: MessageId(f"{shard}-{rest}"), st.integers(0, 20), st.text("0123456789abcdef")
    ),
    conversation=st.one_of(
        words,
        st.builds(lambda shard, n: f"{shard}-{n}", st.integers(0, 20), st.integers(0, 1 << 40)),
        st.just("1-007"),
    ).map(ConversationId),
    direction=st.sampled_from(Direction),
    at=st.integers(-(10**15), 10**16).map(instant),
    posts=st.lists(posts, max_size=3).map(tuple),
    platform_id=st.none() | words,
    parts=st.lists(parts, max_size=3).map(tuple),
    total=st.integers(0, 300),
    sending=st.none()
    | st.builds(Sending, action=words.map(ActionId), seq=st.integers(0, 99), first_part=st.integers(0, 9)),
    superseded=st.lists(words, max_size=2).map(tuple),
    fate=st.sampled_from(Fate),
    draft=st.none() | drafts,
    problem=words,
    file=st.none() | files,
    correction=st.none() | drafts,
)
FULL = MessageRecord(
    id=MessageId("1-0f"),
    conversation=ConversationId("1-7"),
    direction=Direction.OUTBOUND,
    at=AT,
    posts=(Post(desk="slack", channel="C1", id="1700000000.000100"),),
    platform_id=WAMID,
    parts=(Part(platform_id="p", fate=Fate.READ),),
    total=3,
    sending=Sending(action=ActionId("a"), seq=2, first_part=1),
    superseded=("q",),
    fate=Fate.FAILED,
    draft=Draft(
        message=MessageId("1-0f"), author=AgentId("g"), account=DeskUser("slack:U1"), body=(Text("Hi"),)
    ),
    problem="no",
    correction=Draft(
        message=MessageId("1-1f"), author=AgentId("g"), account=DeskUser("slack:U1"), body=(Text("Ho"),)
    ),
    file=Attachment(kind=MediaKind.DOCUMENT, media="m", mime="application/pdf", name="offer.pdf", size=7),
)
"""No field is as it is made up."""


@given(everything)
def test_a_record_comes_back_as_it_was(record: MessageRecord) -> None:
    """Whatever is left out of it."""
    assert records.unpack(record.id, records.pack(record)) == record


@pytest.mark.parametrize("field", MessageRecord.__struct_fields__)
def test_no_field_is_forgotten(field: str) -> None:
    """Also one that a later release adds: `FULL` has to have it, and it has to come back."""
    made_up = {one.name: one.default for one in msgspec.structs.fields(MessageRecord)}
    assert getattr(FULL, field) != made_up[field]
    assert getattr(records.unpack(FULL.id, records.pack(FULL)), field) == getattr(FULL, field)


@given(st.binary(min_size=1, max_size=800))
def test_a_record_of_any_length_is_put_together_again(data: bytes) -> None:
    """No value is longer than a compact hash may have, unless it would take too many."""
    fields = dict(records.split("m", data))
    assert records.join([fields.get(one) for one in records.fields_of("m")]) == data
    assert len(fields) == 1 or all(len(value) <= records.CHUNK for value in fields.values())


@given(st.binary(min_size=1, max_size=700), st.binary(min_size=1, max_size=700))
def test_what_a_longer_one_left_does_not_count(before: bytes, data: bytes) -> None:
    """A record is written over the one before, whose other fields stay."""
    fields = dict(records.split("m", before)) | dict(records.split("m", data))
    assert records.join([fields.get(one) for one in records.fields_of("m")]) == data


@given(st.integers(1_700_000_000, 1_900_000_000), st.integers(0, 48 * 3600), st.integers(-300, 300))
def test_a_record_is_found_and_there_for_two_days(written: int, later_s: int, skew_s: int) -> None:
    """Also by one whose clock is a little behind, or ahead."""
    life_s = 48 * 3600
    day = records.day_of(written)
    assert day in records.days_of(written + later_s + min(skew_s, 0), life_s) or later_s + skew_s > life_s
    assert records.expires_in(written, life_s) > life_s
    assert (written + records.expires_in(written, life_s)) == (day + 1) * 86_400 + life_s


class SetClock:
    """Redis time as the test says."""

    def __init__(self) -> None:
        self.at = AT.timestamp()

    def now_s(self) -> float:
        return self.at


def posted(number: int) -> MessageRecord:
    """A contact's message that was shown."""
    return MessageRecord(
        id=MessageId(f"1-{number:016x}"),
        conversation=ConversationId("1-4711"),
        direction=Direction.INBOUND,
        at=AT,
        platform_id=WAMID,
        posts=(Post(desk="slack", channel="C0123456789", id="1700000000.000100"),),
    )


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(redis: Redis, clock: SetClock) -> LiveStore:
    """A store whose days the test sets."""
    return LiveStore(redis, clock=clock)


async def write(store: LiveStore, hold: Hold, event: str, *messages: MessageWrite) -> None:
    """Commit message records."""
    record = await store.load(LANE, "u")
    await store.commit(
        Commit(hold=hold, unit="u", version=record.version, state=b"", event_id=event, messages=messages)
    )


async def held(store: LiveStore) -> Hold:
    """The lane, held."""
    hold = await store.acquire(LANE, "me")
    assert hold is not None
    return hold


async def test_a_day_of_a_contact_is_one_compact_value(
    store: LiveStore, clock: SetClock, redis: Redis
) -> None:
    """A hundred messages with ids as long as they are in reality."""
    hold = await held(store)
    for number in range(100):
        record = posted(number)
        await write(store, hold, str(number), MessageWrite(id=record.id, data=records.pack(record)))
    name = keys.messages(LANE, "u", records.day_of(clock.at))
    assert await redis("OBJECT", "ENCODING", name) == b"listpack"
    found = await store.message_records(LANE, ["v", "u"], [posted(99).id, posted(100).id], [])
    assert {records.unpack(MessageId(key), data) for key, data in found.items()} == {posted(99)}


async def test_the_newest_record_counts_and_lasts(store: LiveStore, clock: SetClock, redis: Redis) -> None:
    """News of a message keeps it for two more days; then it is gone, also where its key is not."""
    hold = await held(store)
    await write(store, hold, "1", MessageWrite(id="m", data=b"old " * 40, platform_ids=("p",)))
    clock.at += 40 * 3600
    await write(store, hold, "2", MessageWrite(id="m", data=b"new"))
    assert await store.message_records(LANE, ["u"], [], ["p"]) == {"m": b"new"}
    clock.at += 47 * 3600
    assert await store.message_records(LANE, ["u"], ["m"], []) == {"m": b"new"}
    clock.at += timedelta(days=2).total_seconds()
    assert await store.message_records(LANE, ["u"], ["m"], ["p"]) == {}
    for day in (0, 2):
        ttl = await redis("TTL", keys.messages(LANE, "u", records.day_of(AT.timestamp()) + day))
        assert 48 * 3600 < ttl <= 72 * 3600


@given(
    st.dictionaries(
        st.text("0123456789abcdef-", min_size=3, max_size=20), st.binary(max_size=900), max_size=12
    )
)
def test_all_records_of_a_day_are_found_without_their_names(stored: dict[str, bytes]) -> None:
    """What leads to them does not count."""
    fields = dict(pair for name, data in stored.items() for pair in records.split(name, data))
    fields |= {records.lead_field(name): b"lead" for name in stored}
    assert sorted(records.every(fields)) == sorted(stored.values())
