"""What people do in Slack becomes events, in both modes, and is stored before it is acknowledged."""

from __future__ import annotations

from bridge.events import StaffDeleted, StaffEdited, StaffEventUnplaced, StaffWrote, ThreadVanished, unpack
from bridge.markup import Bold, Mention, MentionKind, Text, plain
from bridge.model import DESK_LANE, Place, lane_of
from tests.adapters.slack.conftest import MakeRig
from tests.support.slack_desk import CONTACT, CONVERSATION, Rig
from tests.support.waiting import until


async def test_words_in_a_thread_become_one_event_in_the_contacts_shard(any_rig: Rig) -> None:
    """A reply arrives once, with its formatting, its author and where it was written."""
    place = await any_rig.thread()
    ts = await any_rig.sandbox.slack.person("ben").replies("support", place.thread or "", "hello *Maria*")
    await until(lambda: any_rig.inlet.placed)
    [placed] = any_rig.inlet.placed
    wrote = placed.event
    assert isinstance(wrote, StaffWrote)
    assert (placed.lane, placed.unit) == (lane_of(CONTACT), CONTACT)
    assert wrote.id == f"slack:{place.channel}:{ts}"
    assert (wrote.contact, wrote.conversation, wrote.place) == (CONTACT, CONVERSATION, place)
    assert (wrote.author, wrote.author_name) == ("slack:U0BEN00001", "ben")
    assert wrote.body == (Text("hello "), Bold((Text("Maria"),)))
