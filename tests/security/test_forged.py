"""Values that a client sends back are the client's word: forged ones reach nothing that the person may not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.ids import Ref
from bridge.adapters.slack.modals import Origin
from bridge.sandbox.config import SandboxConfig
from tests.security.strangers import Forger, waiting
from tests.support.stack import shown
from tests.support.talk import FAILED, Shop, Talk, open_shop
from tests.support.valkey import free_port
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def ref_of(talk: Talk) -> Ref:
    """Whose a talk's card is."""
    for block in talk.card.blocks or []:
        for element in block.get("elements", []):
            if element.get("type") == "button":
                ref = Ref.decode(str(element["value"]))
                assert ref is not None
                return ref
    raise AssertionError("the card has no buttons")


async def settled(shop: Shop) -> None:
    """Everything that was stored is decided, and nothing was given up."""

    async def done() -> bool:
        undone, buried, _ = await waiting(shop)
        assert buried == 0
        return undone == 0

    await until(done, 10, "everything to be decided")


NONSENSE = [
    "",
    "|",
    "||",
    "a|b|c",
    "7|7|",
    "7-|7-|",
    "-1-abc|7-66|",
    "99-9f3c0a1b2d4e|99-66|",
    "7-9f3c0a1b2d4e|99-66|",
    "7-9f3c0a1b2d4e|7-x|",
    "7-9f3c0a1b2d4e|7-" + "9" * 5000 + "|",
    "desk|7-66|",
    "7-9f3c0a1b2d4e:in|7-66|",
    "7-{s1}|7-66|",
    "7-9f3c\n0a|7-66|",
    "7-9f3c0a1b2d4e|7-66|" + "x" * 10_000,
    "\u0667-9f|\u0667-66|",
    "7-9f3c0a1b2d4e|7-66|\x00",
]


@pytest.mark.parametrize("value", NONSENSE, ids=range(len(NONSENSE)))
async def test_values_that_we_never_made_are_nothing(shop: Shop, forger: Forger, value: str) -> None:
    """Taken with a 200, and no event is stored: not in any lane, and not in one that nobody reads."""
    talk = await shop.talk()
    before = (await waiting(shop))[2]
    assert await forger.presses("ben", talk, "tl:0:claim", value) == 200
    assert await forger.presses("ben", talk, "tl:0:retry", value) == 200
    assert await forger.chooses("ben", talk, f"priority urgent|{value}") == 200
    assert await forger.chooses("ben", talk, f"details|{value}") == 200
    metadata = msgspec.json.encode(Origin(command="resolve", ref=value)).decode()
    assert await forger.submits("ben", metadata) == 200
    await settled(shop)
    assert len((await waiting(shop))[2]) <= len(before) + 1  # the talk's own shard may have come into use
    assert "Nobody" in talk.shows()


@given(
    st.text(max_size=60) | st.from_regex(r"\d{1,5}-[0-9a-f]{0,20}\|\d{1,5}-\d{0,20}\|.{0,10}", fullmatch=True)
)
async def test_a_value_is_read_whole_or_not_at_all(value: str) -> None:
    """What is read is what we would write, with parts that every deployment can place."""
    ref = Ref.decode(value)
    if ref is not None:
        assert ref.encode() == value
        assert isinstance(ref.within(16), bool)
        assert ref.within(10_000)


async def test_an_unknown_contact_gets_no_state(shop: Shop, forger: Forger) -> None:
    """A well-formed value about somebody who does not exist changes nothing and shows nothing."""
    talk = await shop.talk()
    for button in ("claim", "resolve", "retry", "send", "undo_hold", "reply", "nonsense"):
        assert await forger.presses("ben", talk, f"tl:0:{button}", "3-ffffffffffff|3-77777|choice:x") == 200
    assert await forger.chooses("ben", talk, "details|3-ffffffffffff|3-77777|") == 200
    await settled(shop)
    assert not any(f"#{talk.number}" in shown(one) for one in shop.person("ben").ephemerals)


async def test_a_contact_and_a_conversation_that_do_not_belong_together(shop: Shop, forger: Forger) -> None:
    """Somebody else's contact in front of my conversation, and the other way: neither is touched."""
    mine, other = await shop.talk(), await shop.talk()
    for one, two in ((mine, other), (other, mine)):
        value = f"{ref_of(one).contact}|{ref_of(two).conversation}|"
        assert await forger.presses("ben", mine, "tl:0:claim", value) == 200
        assert await forger.chooses("ben", mine, f"details|{value}") == 200
    await settled(shop)
    assert "Nobody" in mine.shows()
    assert "Nobody" in other.shows()
    assert shop.person("ben").views == []


def over_http(config: SandboxConfig) -> None:
    """Ben is in the support channel alone, and therefore an agent of that inbox alone."""
    config.slack.mode = "http"


@pytest.mark.asyncio(loop_scope="function")
async def test_an_agent_of_one_inbox_cannot_act_in_another(redis_url: str) -> None:
    """From a thread of the own inbox, with the other inbox's conversation in the button, menu, modal or command."""
    async with open_shop(redis_url, arrange=over_http) as shop:
        forger = Forger(shop)
        mine, other = await shop.talk(), await shop.talk(inbox="sales")
        value = ref_of(other).encode()
        origin = msgspec.json.encode(Origin(command="reply", ref=value)).decode()
        values = {"argument": {"value": {"type": "plain_text_input", "value": "forged words"}}}
        assert await forger.presses("ben", mine, "tl:0:claim", value) == 200
        assert await forger.chooses("ben", mine, f"priority urgent|{value}") == 200
        assert await forger.chooses("ben", mine, f"details|{value}") == 200
        assert await forger.submits("ben", origin, values) == 200
        assert await forger.slash("ben", "/wa", f"#{other.number} reply forged words") == 200
        assert await forger.says("ben", other, "!reply forged words") == 200
        await settled(shop)
        await other.heard_nothing_but()
        assert "Urgent" not in other.shows()
        assert "Nobody" in other.shows()
        assert shop.person("ben").views == []
        await mine.claimed_by("ben")


async def test_a_retry_sends_only_what_is_this_contacts(shop: Shop, forger: Forger) -> None:
    """The button's token names a message; naming a failed one of somebody else sends it to nobody."""
    theirs = await shop.talk(assignee="ben")
    shop.goes_wrong("whatsapp.messages.send", "error", code=131026)
    post = await theirs.staff("ben", "Their secret")
    await theirs.receipt(post, FAILED)
    notice = await theirs.thread_shows("Their secret")
    token = next(
        str(element["value"])
        for one in (notice, *shop.channel("support").thread(theirs.card.ts))
        for block in one.blocks or []
        for element in block.get("elements", [])
        if str(element.get("action_id")).endswith(":retry")
    ).rpartition("|")[2]
    shard = token.partition("-")[0]
    mine = await _talk_in(shop, shard)
    forged = f"{ref_of(mine).contact}|{ref_of(mine).conversation}|{token}"
    for button in ("retry", "resend", "arrived"):
        assert await forger.presses("ben", mine, f"tl:0:{button}", forged) == 200
    await settled(shop)
    await mine.heard_nothing_but()
    await theirs.heard_nothing_but()
    await theirs.receipt(post, FAILED)


async def _talk_in(shop: Shop, shard: str) -> Talk:
    """A talk of another contact in a shard, where records of both lie side by side."""
    for _ in range(200):
        talk = await shop.talk(f"in shard {shard}?")
        if ref_of(talk).contact.partition("-")[0] == shard:
            return talk
    raise AssertionError("two hundred contacts, and none in that shard")


async def test_a_choice_is_its_authors(shop: Shop, forger: Forger) -> None:
    """Pressing another's Send, with their token in the button, sends nothing."""
    talk = await shop.talk()
    words = f"Ben's words {talk.number}"
    await talk.staff("ben", words)
    prompt = await talk.told("ben", words)
    value = next(
        str(element["value"])
        for block in prompt.blocks or []
        for element in block.get("elements", [])
        if str(element.get("action_id")).endswith(":send")
    )
    for who in ("carla", "vera", "otto"):
        assert await forger.presses(who, talk, "tl:0:send", value) == 200
        assert await forger.presses(who, talk, "tl:0:claim_send", value) == 200
    await settled(shop)
    await talk.heard_nothing_but()
    assert await forger.presses("ben", talk, "tl:0:send", value) == 200
    await until(lambda: talk.heard[-1:] == [words], 10)


# ------------------------------------------------------------------------------------- private metadata

COMMANDS = [
    "mode everyone",
    "resolve",
    "close",
    "assign vera",
    "reply forged",
    "note hidden",
    "",
    "\n!reply x",
    "|",
]


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
async def test_a_modals_metadata_gives_no_rights(shop: Shop, forger: Forger, command: str) -> None:
    """Whatever command it names, the person who submits it has to be allowed to give it."""
    talk = await shop.talk(inbox="everyone")
    origin = Origin(command=command, ref=ref_of(talk).encode(), channel="C0GENERAL1", args="everyone")
    values = {"argument": {"value": {"type": "plain_text_input", "value": "forged"}}}
    for who in ("vera", "gil", "otto"):
        assert await forger.submits(who, msgspec.json.encode(origin).decode(), values) == 200
    await settled(shop)
    await talk.heard_nothing_but()
    assert "Active" in talk.shows()
    assert talk.said("hidden") + talk.said("forged") == 0


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '{"command": 7}',
        '{"command": "x", "ref": []}',
        "{}" * 1500,
        '"' * 2999,
        "[" * 3000,
    ],
)
async def test_metadata_that_is_none_is_left_aside(shop: Shop, forger: Forger, metadata: str) -> None:
    """Acknowledged, and nothing happens."""
    assert await forger.submits("ben", metadata) == 200
    await settled(shop)


# ------------------------------------------------------------------------------------------ response url


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[str, list[str]]]:
    """A server of somebody else's, and the requests that reached it."""
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}", asked
    await runner.cleanup()


async def test_answers_go_to_slack_only(shop: Shop, forger: Forger, elsewhere: tuple[str, list[str]]) -> None:
    """An address in a payload or a modal that is none of Slack's is never called, and the answer still arrives."""
    base, asked = elsewhere
    talk = await shop.talk()
    value = ref_of(talk).encode()
    origin = Origin(command="who", ref=value, channel=shop.channel().id, handle=f"9999999999|{base}/metadata")
    assert await forger.presses("vera", talk, "tl:0:claim", value, response_url=f"{base}/button") == 200
    assert await forger.chooses("vera", talk, f"details|{value}", response_url=f"{base}/menu") == 200
    assert await forger.slash("vera", "/wa", f"#{talk.number}", response_url=f"{base}/slash") == 200
    assert await forger.submits("ben", msgspec.json.encode(origin).decode()) == 200
    await settled(shop)
    await talk.told("vera", "Only agents")
    await until(lambda: any("Reached at" in shown(one) for one in shop.person("ben").ephemerals), 10)
    assert asked == []


FOREIGN = [
    "https://hooks.slack.com.evil.example/x",
    "https://hooks.slack.com@evil.example/x",
    "https://evil.example/hooks.slack.com/",
    "http://hooks.slack.com/x",
    "https://hooks.slack.com:8443/x",
    "https://hooks.slack.com\\@evil.example/x",
    "https://hooks.slack.com/x\r\nHost: evil",
    "//hooks.slack.com/x",
    "file:///etc/passwd",
    "http://127.0.0.1:6379/",
    "http://169.254.169.254/latest/meta-data",
    "https://slack.com/x",
    "https://\u017flack.com/x",
    "",
]


@pytest.mark.parametrize("url", FOREIGN)
async def test_foreign_addresses_are_not_called(url: str) -> None:
    """Nothing is sent; as if Slack did not take it there any more."""

    class Never:
        def request(self, *_: object, **__: object) -> None:
            raise AssertionError("it was called")

    caller = Caller(Never(), base_url="https://slack.com.example/api/", token="xoxb-1")  # type: ignore[arg-type]
    assert await caller.respond(url, {}) is False


# ------------------------------------------------------------------------------------------------ replay


async def test_a_request_that_is_sent_again_acts_once(shop: Shop, forger: Forger) -> None:
    """Buttons, slash commands, words and modals, each three times with the same ids: one effect."""
    talk = await shop.talk(inbox="everyone")
    value = ref_of(talk).encode()
    for _ in range(3):
        await forger.presses("ben", talk, "tl:0:claim", value, trigger_id="replay.1")
        await forger.slash("ben", "/note", f"#{talk.number} noted once", trigger_id="replay.2")
        await forger.says("ben", talk, "said once", ts="1790000000.000100", event_ts="1790000000.000100")
    await settled(shop)
    await talk.heard_nothing_but("said once")
    assert talk.said("noted once") == 1
    assert (
        sum(
            "is yours" in shown(one)
            for one in shop.person("ben").ephemerals
            if str(talk.number) in shown(one)
        )
        == 1
    )


async def test_many_at_once_act_once(shop: Shop, forger: Forger) -> None:
    """The same at the same time."""
    talk = await shop.talk(inbox="everyone")
    same = {"ts": "1790000001.000100", "event_ts": "1790000001.000100"}
    await asyncio.gather(*(forger.says("ben", talk, "only once", **same) for _ in range(20)))
    await settled(shop)
    await talk.heard_nothing_but("only once")
