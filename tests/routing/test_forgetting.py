"""Forgetting a contact is decided on the state alone: what goes, what ends, and what is said of it."""

from __future__ import annotations

import msgspec
import pytest

from bridge.actions import EraseTraces, Send
from bridge.events import ContactForgotten
from bridge.journal import ContactNoted, ErasureNoted, pack, unpack
from bridge.model import Contact, ContactId, Mode, Place
from bridge.routing.decision import Form
from tests.routing.world import CONTACT, World


def asked(world: World, **more: object) -> ContactForgotten:
    """An operator asks."""
    event = ContactForgotten(id=world.new_id("forget"), at=world.now, contact=CONTACT, by="mia")
    return msgspec.structs.replace(event, **more)


def talked(**how: object) -> World:
    """A world in which both sides talked, and nothing is under way."""
    world = World(mode=Mode.EVERYONE, **how)  # type: ignore[arg-type]
    world.receive("hello")
    world.settle()
    return world


def test_the_state_goes_and_one_fact_remains() -> None:
    """What leads to the contact goes by an action; nothing says again who it was."""
    world = talked()
    known = world.contact
    world.pending.clear()
    decision = world.decide(
        asked(world, force=True, aliases=("phone:x:1",), places=(Place(desk="d", channel="c"),))
    )
    assert decision.state == Contact(id=CONTACT, seq=decision.state.seq)
    (fact,) = decision.facts
    assert isinstance(fact, ErasureNoted)
    assert not any(isinstance(one, ContactNoted) for one in decision.facts)
    erase = decision.actions[-1]
    assert isinstance(erase, EraseTraces)
    assert set(erase.aliases) == {"phone:x:1", *known.aliases}
    (conversation,) = known.conversations.values()
    assert erase.conversations == (conversation.id,)
    assert conversation.thread in erase.places
    assert Place(desk="d", channel="c") in erase.places
    assert decision.forgotten == (conversation.id,)


@pytest.mark.parametrize("force", [False, True])
def test_an_active_conversation_asks_for_insistence(force: bool) -> None:
    """Then timers and what is pending end with it."""
    world = talked(hold_s=30.0)
    world.write("ben", "on my way")
    timers, pending = set(world.timers), set(world.pending)
    assert timers
    decision = world.decide(asked(world, force=force))
    if not force:
        assert decision.ignored == "active"
        assert decision.facts == ()
        return
    assert set(decision.cleared) >= timers
    assert set(decision.done) == pending
    assert not any(isinstance(one, Send) for one in world.pending.values())


def test_the_record_goes_when_nothing_leads_there() -> None:
    """Unless the contact wrote again meanwhile."""
    for again in (False, True):
        world = talked()
        world.decide(asked(world, force=True))
        (erase,) = [one for one in world.pending.values() if isinstance(one, EraseTraces)]
        if again:
            world.receive("hello again")
        decision = world.did(erase)
        assert decision.form is (Form.WHOLE if again else Form.GONE)
        assert erase.id not in world.pending


def test_one_who_was_joined_is_forgotten_too() -> None:
    """It is not passed on to the other one."""
    world = talked()
    world.contact = msgspec.structs.replace(world.contact, redirect=ContactId("3-other"), conversations={})
    world.pending.clear()
    decision = world.decide(asked(world))
    assert isinstance(decision.facts[0], ErasureNoted)
    assert decision.state.redirect is None


def test_the_fact_outlives_a_release() -> None:
    """As every fact it is read as it was packed."""
    world = talked()
    (fact,) = world.decide(asked(world, force=True)).facts
    assert unpack(pack(fact)) == fact
