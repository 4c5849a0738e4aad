"""Texts that wait for the contact's answer."""

from __future__ import annotations

from bridge.actions import Send
from bridge.model import Fate, Receipt, Roster, Status, Token
from bridge.routing.awaiting import DROP, KEEP, MOST
from tests.routing.world import World


def closed() -> World:
    """Ana's conversation, two days after the contact wrote."""
    world = World().start(assignee="ana")
    world.pass_time(2 * 86_400)
    return world


def waiting(world: World) -> int:
    return len(world.conversation.awaiting)


def sent(world: World) -> list[Send]:
    return [one for one in world.last.actions if isinstance(one, Send)]


def test_kept_they_go_out_with_the_next_message_and_only_once() -> None:
    """In order; the refusal does not count as a failure any more."""
    world = closed()
    for words in ("First", "Second"):
        wrote = world.write("ana", words)
        world.press("ana", KEEP, Token(world.message(wrote)))
        assert "when the contact answers" in world.notices()[-1]
    assert (world.conversation.failed, waiting(world)) == (0, 2)
    world.receive("I am back")
    assert world.sends() == ["First", "Second"]
    assert waiting(world) == 0
    world.receive("Hello?")
    assert not sent(world)


def test_only_what_was_refused_can_wait() -> None:
    """Not what went out, nor the same twice."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.sent(world.one(Send), 1)
    world.press("ana", KEEP, Token(world.message(wrote)))
    assert waiting(world) == 0
    world.pass_time(2 * 86_400)
    wrote = world.write("ana", "Later")
    for _ in range(2):
        world.press("ana", KEEP, Token(world.message(wrote)))
    assert waiting(world) == 1


def test_kept_after_they_answered_it_goes_at_once() -> None:
    """There is nothing to wait for."""
    world = closed()
    wrote = world.write("ana", "Later")
    world.receive("I am back")
    world.press("ana", KEEP, Token(world.message(wrote)))
    assert world.sends() == ["Later"]


def test_taken_back_by_author_assignee_or_lead() -> None:
    """Nobody else."""
    world = closed()
    wrote = world.write("ana", "Later")
    message = Token(world.message(wrote))
    world.press("ana", KEEP, message)
    world.press("ben", DROP, message)
    assert waiting(world) == 1
    world.press("lea", DROP, message)
    assert waiting(world) == 0
    assert Receipt.INTERNAL in world.receipts(wrote)
    world.receive("I am back")
    assert not sent(world)


def test_a_conversation_that_ends_drops_them_and_says_so() -> None:
    """A resolved one keeps them: the next message re-opens it."""
    world = closed()
    wrote = world.write("ana", "Later")
    world.press("ana", KEEP, Token(world.message(wrote)))
    world.write("lea", "!resolve")
    assert world.look().status is Status.RESOLVED
    assert waiting(world) == 1
    world.write("lea", "!close")
    assert waiting(world) == 0
    assert any("ended before" in words for words in world.answers())


def test_a_conversation_keeps_only_so_many() -> None:
    """The next one is refused, and stays refused."""
    world = closed()
    typed = []
    for at in range(MOST + 1):
        typed.append(world.write("ana", f"Text {at}"))
        world.press("ana", KEEP, Token(world.message(typed[-1])))
    assert waiting(world) == MOST
    assert world.record(typed[-1]).fate is Fate.FAILED


def test_what_waits_is_nowhere_else() -> None:
    """Retry, an edit or a deleted post after it was taken back find nothing that could be sent, or that they would call sent."""
    world = closed()
    wrote = world.write("ana", "Later")
    message = Token(world.message(wrote))
    world.press("ana", KEEP, message)
    world.press("ana", "retry", message)
    assert "as soon as the contact answers" in world.answers()[0]
    world.press("ana", DROP, message)
    world.edit(wrote, "Something else")
    assert not any("already" in words for words in world.answers())
    world.delete(wrote)
    assert not any("already" in words for words in world.answers())
    world.receive("I am back")
    world.press("ana", "retry", message)
    assert not sent(world)


def test_words_of_somebody_who_is_no_agent_any_more_stay_in() -> None:
    """However long ago they were kept."""
    world = closed()
    wrote = world.write("ana", "Later")
    world.press("ana", KEEP, Token(world.message(wrote)))
    others = tuple(one for one in world.roster.agents if one.id != "ana")
    world.roster = Roster(version=2, agents=others)
    world.receive("I am back")
    assert not sent(world)
    assert "no agent any more" in world.notices()[-1]
