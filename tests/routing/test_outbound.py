"""Staff words: choices, holding, sending, receipts, failures, edits and deletes."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from bridge.actions import Answer, DirectMessage, MarkRead, PostNotice, Send, ShowReceipt, UpdateCard
from bridge.events import PartSent
from bridge.journal import DeliveryNoted, MessageNoted
from bridge.markup import Mention, MentionKind, Text, bare
from bridge.model import EventId, Fate, Mode, Place, Receipt, Role, Status
from bridge.routing.lifecycle import merged_fate
from tests.routing.world import NEVER, SALES, World, account, person

# ---------------------------------------------------------------------------------------------- sending


def test_the_assignees_words_go_out() -> None:
    """One send, the read receipt for what is answered, and the receipt when all of it was accepted."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello Carla")
    send = world.one(Send)
    assert (bare(send.body), send.address) == ("Hello Carla", "4915112345678")
    assert world.one(MarkRead).platform_id == "wamid-in:1"
    assert world.conversation.waiting_since is not None
    assert not world.receipts(wrote)
    world.did(send)
    assert world.receipts(wrote) == [Receipt.ACCEPTED]
    assert world.look().waiting_since is None
    assert world.record(wrote).fate is Fate.ACCEPTED
    assert not [one for one in world.pending.values() if isinstance(one, Send)]


def test_a_message_is_marked_read_once() -> None:
    """And not at all where the inbox does not want it."""
    world = World().start(assignee="ana")
    world.write("ana", "one")
    world.write("ana", "two")
    assert len(world.all(MarkRead)) == 1
    silent = World(read_receipts=False).start(assignee="ana")
    silent.write("ana", "one")
    assert not silent.all(MarkRead)


def test_others_words_stay_internal() -> None:
    """With a receipt that says so, a fact, and no noise."""
    world = World().start(assignee="ana")
    wrote = world.write("ben", "I would not tell her that")
    assert world.receipts(wrote) == [Receipt.INTERNAL]
    assert not world.new(Send)
    assert not world.new(Answer)
    (fact,) = [one for one in world.last.facts if isinstance(one, MessageNoted)]
    assert fact.internal


@pytest.mark.parametrize("name", ["vic", "eve"])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("words", ["hello", "!reply hello", "!claim", "note: x", "!resolve bye"])
def test_viewers_and_strangers_never_reach_the_contact(name: str, mode: Mode, words: str) -> None:
    """Whatever they type, in every mode; a command is answered."""
    world = World(mode=mode).start()
    before = world.conversation
    wrote = world.write(name, words)
    assert not world.new(Send)
    assert world.receipts(wrote) == [Receipt.INTERNAL]
    assert world.conversation == before
    assert bool(world.answers()) == words.startswith("!")


def test_the_recent_history_names_who_is_no_agent() -> None:
    """A recap says who spoke, by the name that the desk gave."""
    world = World().start()
    world.write("eve", "hello")
    ((_, line),) = world.last.recent
    assert (line.author, line.internal) == ("eve", True)


def test_an_agent_of_another_inbox_is_a_viewer_here() -> None:
    """Roles hold in the inboxes they name."""
    world = World(mode=Mode.EVERYONE).start()
    other = person("zoe", Role.LEAD, inboxes=())
    world.roster = replace(world.roster, agents=(*world.roster.agents, replace(other, inboxes=(SALES,))))
    world.write("zoe", "hello")
    assert world.sends() == ["hello"]
    agents = (*world.roster.agents[:-1], replace(other, inboxes=("elsewhere",)))
    world.roster = replace(world.roster, agents=agents)
    world.write("zoe", "hello again")
    assert world.sends() == ["hello"]


def test_mentioned_colleagues_have_names() -> None:
    """The contact reads a name, not an id."""
    world = World().start(assignee="ana")
    world.write(
        "ana",
        (
            Text("Ask "),
            Mention(MentionKind.PERSON, "U-ben", "benny"),
            Text(" or "),
            Mention(MentionKind.PERSON, "X", "Xenia"),
        ),
    )
    assert world.one(Send).names == {"U-ben": "Ben", "X": "Xenia"}


def test_the_author_hears_what_of_a_reply_could_not_be_sent() -> None:
    """A custom emoji has no form on the contact's phone: it is named, once."""
    world = World().start(assignee="ana")
    world.write("ana", "Done :shipit:")
    send = world.one(Send)
    result = PartSent(
        id=EventId(f"{send.id}/r"),
        at=world.now,
        contact=send.contact,
        action=send.id,
        platform_id="out-1",
        part=0,
        parts=1,
        lost=(":shipit:", ":shipit:"),
    )
    world.decide(result)
    assert world.answers() == ["Your reply went out without what the contact's app cannot show: :shipit:."]


def test_what_the_contact_wrote_while_a_reply_was_on_its_way_still_waits() -> None:
    """An answer ends the waiting for what was there when it was written, not for what came after it."""
    world = World().start(assignee="ana")
    world.write("ana", "It is on its way")
    send = world.one(Send)
    world.pass_time(5)
    world.receive("And the other one?")
    asked_at = world.now
    world.did(send)
    assert world.conversation.waiting_since == asked_at


def test_a_long_message_goes_out_in_parts() -> None:
    """The action goes on with the next part; the receipt waits for the last."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "long")
    send = world.one(Send)
    world.sent(send, 3)
    (again,) = world.last.replaced
    assert isinstance(again, Send)
    assert (again.id, again.seq, again.sent) == (send.id, send.seq, (f"{send.id}#0",))
    assert world.conversation.waiting_since is None
    world.sent(again, 3)
    assert not world.receipts(wrote)
    world.sent(world.last.replaced[0], 3)  # type: ignore[arg-type]
    assert world.receipts(wrote) == [Receipt.ACCEPTED]
    assert [part.platform_id for part in world.record(wrote).parts] == [
        f"{send.id}#{part}" for part in range(3)
    ]


def test_files_go_where_words_would() -> None:
    """With their words or without: out, or not, by who attached them."""
    world = World().start(assignee="ana")
    world.write("ana", "see attached", files=2)
    [send] = [one for one in world.last.actions if isinstance(one, Send)]
    assert (bare(send.body), [one.file for one in send.extras]) == ("see attached", ["F0", "F1"])  # type: ignore[union-attr]
    wrote = world.write("ana", "", files=1)
    [send] = [one for one in world.last.actions if isinstance(one, Send)]
    assert (send.body, len(send.extras)) == ((), 1)
    world.sent(send, 1)
    assert world.receipts(wrote) == [Receipt.ACCEPTED]


def test_files_stay_in_where_words_would() -> None:
    """A colleague's, a viewer's, those of a note; and what was noted says so."""
    world = World().start(assignee="ana")
    for name, words in (("ben", ""), ("vic", ""), ("ana", "note: the contract"), ("ana", "!tag vip")):
        wrote = world.write(name, words, files=1)
        assert not [one for one in world.last.actions if isinstance(one, Send)]
        assert world.receipts(wrote) == [Receipt.INTERNAL]
    noted = [one for one in world.last.facts if isinstance(one, MessageNoted)]
    assert "file-0.pdf" in bare(noted[0].body)


@pytest.mark.parametrize("typed", ["!reply", "!resolve", "!reply Here"])
def test_files_of_a_command_that_speaks_go_out(typed: str) -> None:
    """With its text or in its stead."""
    world = World().start(assignee="ben")
    world.write("ana", typed, files=1)
    [send] = [one for one in world.last.actions if isinstance(one, Send)]
    assert len(send.extras) == 1
    assert "…" not in bare(send.body)


def test_a_file_alone_in_nobodys_conversation_is_asked_about() -> None:
    """As words are; an edit that adds words to it changes what waits, and one that takes them away leaves the file."""
    world = World().start()
    wrote = world.write("ana", "", files=1)
    assert "file-0.pdf" in world.answers()[0]
    world.edit(wrote, "Your contract")
    choice = world.conversation.choices[0]
    assert (bare(choice.draft.body), len(choice.draft.extras)) == ("Your contract", 1)
    world.edit(wrote, "")
    assert world.conversation.choices[0].draft.body == ()


def test_words_in_a_former_thread_are_never_sent() -> None:
    """They are answered with where to write."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "hello", place=Place(desk="desk", channel="C1", thread="T0"))
    assert not world.new(Send)
    assert world.receipts(wrote) == [Receipt.INTERNAL]
    assert "has moved to another thread" in world.answers()[0]
    assert world.one(Answer).must_arrive
    noted = world.write("ana", "// note", place=Place(desk="desk", channel="C1", thread="T0"))
    assert not world.answers()
    assert world.receipts(noted) == [Receipt.INTERNAL]


@pytest.mark.parametrize("words", ["!reply hello", "!resolve bye", "!claim"])
def test_commands_in_a_former_thread_are_not_carried_out(words: str) -> None:
    """Whoever gives them sees an old card."""
    world = World().start()
    before = world.conversation
    world.write("ana", words, place=Place(desk="desk", channel="C1", thread="T0"))
    assert not world.new(Send)
    assert world.conversation == before


@pytest.mark.parametrize("words", ["hello", "!reply hello"])
def test_words_in_a_closed_conversation_stay_internal(words: str) -> None:
    """And it says so."""
    world = World().start(assignee="lea")
    world.write("lea", "!close")
    wrote = world.write("lea", words)
    assert not world.new(Send)
    assert world.receipts(wrote)[0] is Receipt.INTERNAL
    assert "this conversation is closed" in world.answers()[0]


def test_words_after_resolving_still_go_out() -> None:
    """And leave it resolved."""
    world = World().start(assignee="ana")
    world.write("ana", "!resolve")
    world.write("ana", "one more thing")
    assert world.sends() == ["one more thing"]
    assert world.conversation.status is Status.RESOLVED


def test_outside_the_window_nothing_is_attempted() -> None:
    """The author is told at once; the text is kept for a Retry once the contact wrote again."""
    world = World().start(assignee="ana")
    world.pass_time(86_400)
    wrote = world.write("ana", "hello?")
    assert not world.new(Send)
    assert world.receipts(wrote) == [Receipt.FAILED]
    answer = world.one(Answer)
    assert answer.must_arrive
    assert "until the contact writes again" in bare(answer.body)
    button, later, form = answer.buttons
    assert (later.name, form.name) == ("when_answered", "compose")
    world.press("ana", button.name, button.token)
    assert not world.new(Send)
    world.receive("I am back")
    world.press("ana", button.name, button.token)
    assert world.sends() == ["hello?"]
    assert world.conversation.failed == 0


def test_just_inside_the_window_words_go_out() -> None:
    """The last moment counts."""
    world = World().start(assignee="ana")
    world.pass_time(86_399)
    world.write("ana", "hello")
    assert world.sends() == ["hello"]


def test_without_an_address_nothing_is_attempted() -> None:
    """A contact may be known only by an id that cannot be written to."""
    world = World()
    world.receive(address=None, phone=None)
    world.settle()
    world.write("ana", "!reply hello")
    assert not world.new(Send)
    assert "no number or id to send to" in world.answers()[0]


# ---------------------------------------------------------------------------------------------- choices


def test_in_an_unassigned_conversation_the_author_chooses() -> None:
    """Nothing goes out before; it shows on the post and on the card."""
    world = World().start()
    wrote = world.write("ana", "Hello Carla")
    assert not world.new(Send)
    assert world.receipts(wrote) == [Receipt.NEEDS_YOU]
    answer = world.one(Answer)
    assert [one.name for one in answer.buttons] == ["claim_send", "send", "keep"]
    assert answer.must_arrive
    assert len(world.conversation.choices) == 1
    assert world.new(UpdateCard)
    assert len(world.timers) == 1


@pytest.mark.parametrize(
    "button,sent,assignee", [("claim_send", True, "ana"), ("send", True, None), ("keep", False, None)]
)
def test_a_choice_is_settled_once(button: str, sent: bool, assignee: str | None) -> None:
    """A second press, of whichever button, says so."""
    world = World().start()
    world.write("ana", "Hello")
    token = world.conversation.choices[0].token
    world.press("ana", button, token)
    assert world.sends() == (["Hello"] if sent else [])
    assert world.conversation.assignee == assignee
    assert not world.conversation.choices
    assert not world.timers
    for again in ("claim_send", "send", "keep"):
        world.press("ana", again, token)
        assert world.answers() == ["This was settled already."]
        assert not world.new(Send)


def test_only_the_author_may_choose() -> None:
    """Not even a lead."""
    world = World().start()
    world.write("ana", "Hello")
    token = world.conversation.choices[0].token
    for name in ("ben", "lea", "vic", "eve"):
        world.press(name, "send", token)
        assert not world.new(Send)
        assert world.answers()
    assert world.conversation.choices


def test_an_author_who_lost_the_right_can_only_keep() -> None:
    """Rights are looked at when the words would go out."""
    world = World().start()
    world.write("ana", "Hello")
    token = world.conversation.choices[0].token
    agents = tuple(replace(one, role=Role.VIEWER) if one.id == "ana" else one for one in world.roster.agents)
    world.roster = replace(world.roster, agents=agents)
    world.press("ana", "send", token)
    assert not world.new(Send)
    assert not world.conversation.choices


def test_a_choice_is_repeated_once_by_direct_message() -> None:
    """After two minutes, with the same buttons."""
    world = World().start()
    world.write("ana", "Hello")
    token = world.conversation.choices[0].token
    started = world.now
    world.fire(token)
    assert (world.now - started).total_seconds() == 120
    direct = world.one(DirectMessage)
    assert direct.to == account("ana")
    assert {one.token for one in direct.buttons} == {token}
    assert not world.timers
    world.press("ana", "send", token)
    assert world.sends() == ["Hello"]


def test_claim_and_send_does_not_take_from_somebody_faster() -> None:
    """The author is asked again."""
    world = World().start()
    world.write("ana", "Hello")
    token = world.conversation.choices[0].token
    world.press("ben", "claim")
    world.press("ana", "claim_send", token)
    assert not world.sends()
    assert world.conversation.assignee == "ben"
    answer = world.one(Answer)
    assert "Ben took this conversation" in bare(answer.body)
    assert [one.name for one in answer.buttons] == ["send", "keep"]
    world.press("ana", "send", token)
    assert world.sends() == ["Hello"]
    assert world.conversation.assignee == "ben"


def test_closing_settles_what_waits() -> None:
    """Choices stay internal and their author hears of it; what was held goes out first."""
    world = World(hold_s=5).start()
    world.write("ana", "maybe")
    world.write("ben", "!reply surely")
    world.write("lea", "!close")
    assert world.sends() == ["surely"]
    assert not world.conversation.choices
    assert not world.conversation.held
    assert not world.timers
    assert any("stays internal: the conversation ended" in words for words in world.answers())


# ---------------------------------------------------------------------------------------------- holding


def test_a_held_reply_goes_out_when_its_time_comes() -> None:
    """With an Undo until then."""
    world = World(hold_s=5).start(assignee="ana")
    wrote = world.write("ana", "Hello")
    assert not world.sends()
    assert world.receipts(wrote) == [Receipt.HELD]
    assert [one.name for one in world.one(Answer).buttons] == ["undo_hold"]
    world.fire()
    assert world.sends() == ["Hello"]
    assert not world.conversation.held


def test_held_replies_never_overtake() -> None:
    """Not even when the hold is shortened or turned off meanwhile."""
    world = World(hold_s=30).start(assignee="ana")
    world.write("ana", "one")
    inbox = replace(world.policies.inboxes[SALES], hold_s=0.0)
    world.policies = replace(world.policies, inboxes={**world.policies.inboxes, SALES: inbox})
    world.write("ana", "two")
    assert not world.sends()
    assert len({one.due for one in world.conversation.held}) == 1
    world.fire(world.conversation.held[1].token)
    assert world.sends() == ["one", "two"]
    world.write("ana", "three")
    assert world.sends() == ["one", "two", "three"]


@pytest.mark.parametrize("how", ["button", "command", "delete", "edit"])
def test_a_held_reply_can_be_taken_back(how: str) -> None:
    """In four ways, and then it never goes out."""
    world = World(hold_s=5).start(assignee="ana")
    wrote = world.write("ana", "Hello")
    token = world.conversation.held[0].token
    stale = world.timers[token].event
    match how:
        case "button":
            world.press("ana", "undo_hold", token)
        case "command":
            world.write("ana", "!undo")
        case "delete":
            world.delete(wrote)
        case _:
            world.edit(wrote, "// Hello")
    assert "Taken back: “Hello” was not sent." in world.answers()
    assert not world.conversation.held
    assert not world.timers
    world.decide(stale)
    assert not world.sends()
    world.press("ana", "undo_hold", token)
    assert world.answers() == ["This was settled already."]


def test_somebody_else_cannot_take_it_back() -> None:
    """Nor by `!undo`."""
    world = World(hold_s=5).start(assignee="ana")
    world.write("ana", "Hello")
    world.press("lea", "undo_hold", world.conversation.held[0].token)
    world.write("ben", "!undo")
    assert len(world.conversation.held) == 1


def test_undo_takes_the_latest_held_reply_first() -> None:
    """And the earlier one still goes out."""
    world = World(hold_s=5).start(assignee="ana")
    world.write("ana", "one")
    world.write("ana", "two")
    world.write("ana", "!undo")
    world.fire()
    assert world.sends() == ["one"]


def test_an_edit_changes_what_is_held() -> None:
    """As long as it would still go out."""
    world = World(hold_s=5).start(assignee="ana")
    wrote = world.write("ana", "Helo")
    world.edit(wrote, "Hello")
    world.fire()
    assert world.sends() == ["Hello"]


def test_a_held_reply_whose_window_closes_is_refused() -> None:
    """It is looked at when it would go out."""
    world = World(hold_s=5).start(assignee="ana")
    world.pass_time(86_397)
    wrote = world.write("ana", "Hello")
    world.fire()
    assert not world.sends()
    assert world.receipts(wrote) == [Receipt.HELD, Receipt.FAILED]


# ---------------------------------------------------------------------------------------- edits, deletes


@pytest.mark.parametrize("before", ["// x", "@ben x", "!frob x", "x\nnote: y"])
@pytest.mark.parametrize("after", ["Hello", "!reply Hello", "Hello\nthere"])
def test_an_edit_never_turns_internal_text_into_outgoing(before: str, after: str) -> None:
    """The author is told to post it anew."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", before)
    world.edit(wrote, after)
    assert not world.sends()
    assert "An edit never sends anything" in world.answers()[0]


def test_an_edited_choice() -> None:
    """Words for the contact replace it; internal ones settle it."""
    world = World().start()
    wrote = world.write("ana", "Helo")
    world.edit(wrote, "Hello")
    token = world.conversation.choices[0].token
    assert [one.name for one in world.one(Answer).buttons] == ["claim_send", "send", "keep"]
    world.press("ana", "send", token)
    assert world.sends() == ["Hello"]
    second = world.write("ben", "Hm")
    world.edit(second, "// Hm")
    assert not world.conversation.choices
    assert world.receipts(second)[-1] is Receipt.INTERNAL
    assert world.sends() == ["Hello"]


def test_a_deleted_choice_is_settled() -> None:
    """There is nothing left to ask about."""
    world = World().start()
    wrote = world.write("ana", "Hello")
    token = world.conversation.choices[0].token
    world.delete(wrote)
    assert not world.new(ShowReceipt)
    world.press("ana", "send", token)
    assert not world.sends()


def test_what_was_sent_cannot_be_changed() -> None:
    """The author is told; an edit that changes nothing is not worth a word."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Helo")
    world.settle()
    world.edit(wrote, "Helo")
    assert not world.answers()
    world.edit(wrote, "// Hello")
    assert "it cannot be changed" in world.answers()[0]
    assert not world.one(Answer).buttons
    world.delete(wrote)
    assert "does not take it back" in world.answers()[0]
    assert world.sends() == ["Helo"]


def test_what_was_sent_can_be_corrected_once() -> None:
    """By a message that answers the earlier one: the latest wording, by its author, as long as it says something new."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Helo")
    world.settle()
    for words in ("Helo you", "Hello"):
        world.edit(wrote, words)
        assert words in world.answers()[0]
    (button,) = world.one(Answer).buttons
    world.press("ben", button.name, button.token)
    assert "Only the author" in world.answers()[0]
    assert world.sends() == ["Helo"]
    world.press("ana", button.name, button.token)
    assert world.one(Send).answers == wrote.post
    assert "Hello" in bare(world.one(PostNotice).body)
    world.press("ana", button.name, button.token)
    assert "settled already" in world.answers()[0]
    assert world.sends() == ["Helo", "Hello"]


@pytest.mark.parametrize("then", ["edited back", "made internal", "deleted"])
def test_a_correction_that_nobody_wants_any_more(then: str) -> None:
    """The offer goes with its words."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Helo")
    world.settle()
    world.edit(wrote, "Hello")
    (button,) = world.one(Answer).buttons
    match then:
        case "edited back":
            world.edit(wrote, "Helo")
        case "made internal":
            world.edit(wrote, "// Hello")
        case _:
            world.delete(wrote)
    world.press("ana", button.name, button.token)
    assert "settled already" in world.answers()[0]
    assert world.sends() == ["Helo"]


def test_an_edited_failed_reply_is_what_retry_sends() -> None:
    """Or nothing, once it has become internal."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Helo")
    world.failed(world.one(Send))
    world.edit(wrote, "Hello")
    world.press("ana", "retry", world.message(wrote))
    assert world.sends() == ["Helo", "Hello"]
    world.failed(world.one(Send))
    world.edit(wrote, "// Hello")
    world.press("ben", "retry", world.message(wrote))
    assert world.sends() == ["Helo", "Hello"]
    assert world.conversation.failed == 0


# --------------------------------------------------------------------------------------------- failures


def test_a_failure_is_told_in_plain_words_with_a_retry() -> None:
    """In the thread, to its author; on the post and on the card."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.failed(world.one(Send))
    notice = world.one(PostNotice)
    assert bare(notice.body) == f"“Hello” did not reach the contact: {NEVER.words}"
    assert notice.mention == account("ana")
    assert [(one.name, str(one.token)) for one in notice.buttons] == [("retry", str(world.message(wrote)))]
    assert world.receipts(wrote) == [Receipt.FAILED]
    assert world.conversation.failed == 1
    assert world.conversation.waiting_since is not None
    (fact,) = [one for one in world.last.facts if isinstance(one, DeliveryNoted)]
    assert (fact.fate, fact.code) == (Fate.FAILED, "131026")


def test_retry_sends_again_exactly_once_per_failure() -> None:
    """By whichever agent; a second press finds nothing to do."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    first = world.one(Send)
    world.failed(first)
    world.press("ben", "retry", world.message(wrote))
    second = world.one(Send)
    assert (second.message, second.first_part) == (first.message, 0)
    assert second.id != first.id
    world.press("ana", "retry", world.message(wrote))
    assert not world.new(Send)
    world.did(second)
    assert world.record(wrote).fate is Fate.ACCEPTED
    world.press("ana", "retry", world.message(wrote))
    assert not world.new(Send)
    assert world.conversation.failed == 0


@pytest.mark.parametrize("name", ["vic", "eve"])
def test_viewers_cannot_retry(name: str) -> None:
    """Their press is answered."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.failed(world.one(Send))
    world.press(name, "retry", world.message(wrote))
    assert not world.new(Send)
    assert world.answers()


def test_retry_goes_on_with_the_part_that_failed() -> None:
    """What arrived is not sent twice."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "long")
    world.sent(world.one(Send), 3)
    world.failed(world.last.replaced[0], part=1)
    world.press("ana", "retry", world.message(wrote))
    assert world.one(Send).first_part == 1


def test_a_failure_that_comes_minutes_later_is_told_too() -> None:
    """By the status webhook, after it was accepted."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    send = world.one(Send)
    world.did(send)
    world.status(None, 0, "failed", f"{send.id}#0", failure=NEVER)
    assert world.notices()
    assert world.receipts(wrote) == [Receipt.ACCEPTED, Receipt.FAILED]
    world.press("ana", "retry", world.message(wrote))
    again = world.one(Send)
    world.status(world.message(wrote), 0, "failed", f"{send.id}#0", failure=NEVER)
    assert not world.notices()
    world.did(again)
    assert world.record(wrote).fate is Fate.ACCEPTED


def test_a_failed_part_ends_the_send_and_retry_starts_there() -> None:
    """Two sends of one message are never under way."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "long")
    send = world.one(Send)
    world.sent(send, 3)
    world.status(None, 0, "failed", f"{send.id}#0", failure=NEVER)
    assert send.id not in world.pending
    world.press("ana", "retry", world.message(wrote))
    assert world.one(Send).first_part == 0
    assert len([one for one in world.pending.values() if isinstance(one, Send)]) == 1


def test_a_record_that_expired_cannot_be_sent_again() -> None:
    """The agent is told to post it anew."""
    world = World().start(assignee="ana")
    world.press("ana", "retry", "3-unknown")
    assert "too old" in world.answers()[0]


# ------------------------------------------------------------------------------------------ unknown fate


def test_an_unknown_fate_is_asked_about() -> None:
    """In the thread, with both ways out."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.unknown(world.one(Send))
    assert world.receipts(wrote) == [Receipt.UNCERTAIN]
    assert [one.name for one in world.one(PostNotice).buttons] == ["resend", "arrived"]
    assert not [one for one in world.pending.values() if isinstance(one, Send)]


def test_resend() -> None:
    """Once."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.unknown(world.one(Send))
    world.press("ana", "resend", world.message(wrote))
    assert world.one(Send).first_part == 0
    world.press("ana", "resend", world.message(wrote))
    world.press("ana", "arrived", world.message(wrote))
    assert not world.new(Send)
    assert world.answers() == ["This was dealt with already."]


def test_news_of_an_earlier_part_does_not_send_the_uncertain_one_again() -> None:
    """Part 2 is asked about when a late status comes for part 1: it stays asked about, and nothing is sent."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "A long one")
    send = world.one(Send)
    world.status(world.message(wrote), 0, "sent", "out-1")
    world.unknown(send, part=1)
    assert world.record(wrote).fate is Fate.UNCERTAIN
    world.status(world.message(wrote), 0, "delivered", "out-1")
    assert not world.new(Send)
    assert world.record(wrote).fate is Fate.UNCERTAIN
    world.press("ana", "arrived", world.message(wrote))
    assert world.one(Send).first_part == 2


def test_words_in_a_thread_that_is_just_being_opened_are_heard() -> None:
    """It is visible before its opening is committed; a former thread stays former all the same."""
    world = World()
    world.receive()
    world.press("ana", "claim")
    new = Place(desk="desk", channel="C1", thread="T1")
    world.write("ana", "Hello at once", place=new)
    assert world.sends() == ["Hello at once"]


def test_it_arrived() -> None:
    """Then only what is behind it is sent, if there is anything."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.unknown(world.one(Send))
    world.press("ana", "arrived", world.message(wrote))
    rest = world.one(Send)
    assert rest.first_part == 1
    world.failed(rest, replace(NEVER, code="empty"), part=1)
    assert world.record(wrote).fate is Fate.ACCEPTED
    assert world.receipts(wrote) == [Receipt.UNCERTAIN, Receipt.ACCEPTED]
    assert world.conversation.waiting_since is None
    assert not world.notices()


def test_a_status_settles_an_unknown_fate() -> None:
    """Its question is then answered already."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    world.unknown(world.one(Send))
    world.status(world.message(wrote), 0, "delivered", "wamid-x")
    rest = world.one(Send)
    world.failed(rest, replace(NEVER, code="empty"), part=1)
    assert world.record(wrote).fate is Fate.DELIVERED
    world.press("ana", "resend", world.message(wrote))
    assert not world.new(Send)


def test_a_status_that_is_faster_than_the_answer() -> None:
    """The pending send learns of it; the answer, when it comes, ends it."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    send = world.one(Send)
    world.status(world.message(wrote), 0, "delivered", f"{send.id}#0")
    (told,) = world.last.replaced
    assert isinstance(told, Send)
    assert told.sent == (f"{send.id}#0",)
    world.pending[send.id] = send
    world.sent(send)
    assert world.record(wrote).fate is Fate.DELIVERED
    assert send.id not in world.pending
    assert world.receipts(wrote) == [Receipt.DELIVERED]


def test_a_status_settles_a_broken_off_call() -> None:
    """What the performer waits for after a crash: the action goes on behind the part, and ends."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    send = world.one(Send)
    world.status(world.message(wrote), 0, "sent", f"{send.id}#0")
    world.failed(world.pending[send.id], replace(NEVER, code="empty"), part=1)
    assert world.record(wrote).fate is Fate.ACCEPTED
    assert send.id not in world.pending


# ------------------------------------------------------------------------------------------------- fates


FATES = {
    "sent": Fate.ACCEPTED,
    "delivered": Fate.DELIVERED,
    "read": Fate.READ,
    "played": Fate.READ,
    "failed": Fate.FAILED,
}


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
def test_statuses_in_any_order_end_at_the_furthest(order: tuple[str, ...]) -> None:
    """And the receipt never goes back."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    send = world.one(Send)
    world.did(send)
    for status in order:
        world.status(None, 0, status, f"{send.id}#0")
        world.status(None, 0, status, f"{send.id}#0")
    assert world.record(wrote).fate is Fate.READ
    shown = world.receipts(wrote)
    assert shown == sorted(set(shown))


@pytest.mark.parametrize(
    "before,news,after",
    [
        (Fate.ACCEPTED, Fate.FAILED, Fate.FAILED),
        (Fate.PENDING, Fate.FAILED, Fate.FAILED),
        (Fate.UNCERTAIN, Fate.FAILED, Fate.FAILED),
        (Fate.DELIVERED, Fate.FAILED, Fate.DELIVERED),
        (Fate.READ, Fate.FAILED, Fate.READ),
        (Fate.FAILED, Fate.ACCEPTED, Fate.FAILED),
        (Fate.FAILED, Fate.DELIVERED, Fate.DELIVERED),
        (Fate.FAILED, Fate.READ, Fate.READ),
        (Fate.DELIVERED, Fate.ACCEPTED, Fate.DELIVERED),
        (Fate.READ, Fate.DELIVERED, Fate.READ),
        (Fate.ACCEPTED, Fate.READ, Fate.READ),
    ],
)
def test_ranks(before: Fate, news: Fate, after: Fate) -> None:
    """Fates rise; a failure replaces only what is not known to have arrived, and only arrival replaces it."""
    assert merged_fate(before, news) is after


def test_a_message_is_delivered_when_all_its_parts_are() -> None:
    """Not before."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "long")
    send = world.one(Send)
    world.sent(send, 2)
    world.sent(world.last.replaced[0], 2)  # type: ignore[arg-type]
    world.status(None, 0, "delivered", f"{send.id}#0")
    assert world.record(wrote).fate is Fate.ACCEPTED
    world.status(None, 1, "read", f"{send.id}#1")
    assert world.record(wrote).fate is Fate.DELIVERED
    assert world.receipts(wrote) == [Receipt.ACCEPTED, Receipt.DELIVERED]


@pytest.mark.parametrize("status,platform_id", [("read", "never-heard-of"), ("warning", None)])
def test_foreign_statuses_are_ignored(status: str, platform_id: str | None) -> None:
    """Unknown messages and unknown words change nothing."""
    world = World().start(assignee="ana")
    wrote = world.write("ana", "Hello")
    send = world.one(Send)
    world.did(send)
    before = world.record(wrote)
    decision = world.status(None, 0, status, platform_id or f"{send.id}#0")
    assert decision.ignored
    assert not decision.actions
    assert world.record(wrote) == before
