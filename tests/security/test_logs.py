"""What is logged is data: it starts no entry, moves no cursor, reorders no line, and holds no secret."""

from __future__ import annotations

import io
import json
import logging
import re

import aiohttp
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.events import CommandGiven
from bridge.markup import text
from bridge.model import ContactId, ConversationId, DeskUser, EventId
from bridge.observe import configure_logging
from bridge.sandbox.config import SandboxConfig
from bridge.settings import SettingsError, explain, load_settings
from tests.security.door import WHATSAPP, Door, message
from tests.support.slack_desk import AT
from tests.support.talk import Shop, open_shop

HOSTILE = [
    "a\nFAKE level=error",
    "a\r\nFAKE",
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "\x07\x08\x7f",
    "\u202eevil\u2066",
    "\u2028FAKE\u2029",
    "\u200b\ufeff\u00ad",
    "\U000e0041tag",
    "\ud800",
    '","level":"error","x":"',
    "%s %(x)s {x} {0}",
]
ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def written(log_format: str, value: object, *, name: str = "name") -> str:
    """What an entry with a field, a message and an error that all hold `value` looks like."""
    out = io.StringIO()
    configure_logging("debug", log_format, out)
    structlog.get_logger().warning("thing.happened", **{name: value})
    structlog.get_logger().warning("thing.happened", inner={"deep": [value], str(value): 1})
    logging.getLogger("some.library").error("it said %s", value)
    structlog.get_logger().error("thing.failed", exc_info=ValueError(value))
    return out.getvalue()


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["name", "event_id", "detail"])
def test_foreign_text_cannot_act_on_a_terminal_or_make_an_entry(
    restored_logging: None, value: str, name: str
) -> None:
    """In JSON one line is one entry; on the console every line that starts at the margin is one of ours."""
    as_json = written("json", value, name=name)
    assert not ACTS.search(as_json)
    assert len([json.loads(line) for line in as_json.splitlines()]) == 4
    console = written("console", value, name=name)
    assert not ACTS.search(console)
    margins = [line for line in console.splitlines() if line and not line.startswith(" ")]
    assert len(margins) == 4
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[", line) for line in margins)


@given(st.text(alphabet=st.characters(), max_size=60))
def test_no_text_at_all_can(restored_logging: None, value: str) -> None:
    """The same for anything."""
    as_json = written("json", value)
    assert not ACTS.search(as_json)
    assert len([json.loads(line) for line in as_json.split("\n") if line]) == 4
    console = written("console", value)
    assert not ACTS.search(console)
    assert len([line for line in console.split("\n") if line and not line.startswith(" ")]) == 4


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("value", ["\\u001b[31mred", "a\\nFAKE", "\\u202eevil", "\\ud800", "\\u0000"])
async def test_what_a_signed_body_names_is_logged_escaped(door: Door, value: str) -> None:
    """Fields, types and numbers that we do not know are logged by name; their names are the platform's words."""
    for raw in (
        message().replace(b'"messages","value"', f'"{value}","value"'.encode()),
        message().replace(b'"type":"text"', f'"type":"{value}"'.encode()),
        message().replace(b"200300400500600", value.encode()),
    ):
        assert raw != message()
        assert (await door.from_whatsapp(raw)).status == 200
    assert len(door.entries) >= 2
    assert not ACTS.search(door.log)
    assert door.loud() == []


@pytest.mark.asyncio(loop_scope="module")
async def test_paths_and_headers_of_strangers_are_not_logged_at_all(door: Door) -> None:
    """Nobody can write into the log by knocking."""
    marked = "UNIQUE-MARK"
    for head in (
        f"GET /{marked} HTTP/1.1\nHost: x",
        f"GET /healthz?{marked} HTTP/1.1\nHost: {marked}\nUser-Agent: {marked}",
        f"POST {WHATSAPP} HTTP/1.1\nHost: x\nX-Hub-Signature-256: {marked}\nContent-Length: 0",
        f"POST {WHATSAPP} HTTP/1.1\nHost: x\nContent-Encoding: {marked}\nContent-Length: 0",
        f"GET {WHATSAPP}?hub.mode={marked}&hub.verify_token={marked} HTTP/1.1\nHost: x",
        f"{marked} / HTTP/1.1\nHost: x\n{marked}",
        f"GET / HTTP/1.1\nHost: x\nX: {marked}\x00",
    ):
        await door.request(head)
    assert marked not in door.log


# --------------------------------------------------------------------------------------------- secrets

SECRETS = {
    "access_token": "EAAGplantedtoken0123456789",
    "app_secret": "planted-app-secret-01",
    "verify_token": "planted-verify-token-02",
    "bot_token": "xoxb-planted-bot-03",
    "app_token": "xapp-planted-app-04",
    "signing_secret": "planted-signing-secret-05",
}
PHONE = "34611987654"
WORDS = ("my planted question", "our planted answer", "planted and failed")


def plant(config: SandboxConfig) -> None:
    """Give the pretended platforms secrets that can be told from any other text."""
    config.whatsapp.access_token = SECRETS["access_token"]
    config.whatsapp.app_secret = SECRETS["app_secret"]
    config.whatsapp.verify_token = SECRETS["verify_token"]
    config.slack.bot_token = SECRETS["bot_token"]
    config.slack.app_token = SECRETS["app_token"]
    config.slack.signing_secret = SECRETS["signing_secret"]


def _at(needle: str, words: str) -> list[int]:
    """Where the digits of `needle` stand, in groups or not."""
    return [found.start() for found in re.finditer("[ .()-]?".join(map(re.escape, needle)), words)]


def leaks(words: str) -> list[str]:
    """What must not stand in a text, and does."""
    found = [name for name, value in SECRETS.items() if value in words]
    found += [
        f"words: {words[max(at - 200, 0) : at + 40]!r}" for text in WORDS for at in _at(text, words)[:1]
    ]
    if "/slack/response/" in words:
        found.append("response_url")
    found += [f"phone: {words[max(at - 60, 0) : at + 20]!r}" for at in _at(PHONE[2:], words)]
    return found


async def worked(shop: Shop) -> None:
    """A day's work in a minute, with what goes wrong on such a day."""
    customer = shop.newcomer("Nora", phone=PHONE)
    talk = await shop.talk("my planted question", customer, assignee="ben")
    await talk.staff("ben", "our planted answer")
    await talk.hears("our planted answer")
    await shop.person("carla").slash("/tag", f"#{talk.number} web", "general")
    await talk.card_shows("web")
    shop.goes_wrong("slack.chat.postMessage", "error", error="invalid_auth", times=1)
    shop.goes_wrong("slack.views.open", "error", error="expired_trigger_id", times=1)
    shop.goes_wrong("whatsapp.messages.send", "error", code=131026, times=1)
    await talk.press("carla", talk.card, "assign")
    await talk.staff("ben", "planted and failed")
    await talk.thread_shows("planted and failed")
    await shop.posts(b"{}", {"X-Hub-Signature-256": "sha256=" + "0" * 64})
    await shop.posts_signed(b"rubbish")
    await shop.delivers({"id": "wamid.x", "from": PHONE, "type": "text", "text": 7})


@pytest.mark.parametrize("mode", ["socket", "http"])
@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_secret_and_no_number_is_ever_written(
    redis_url: str, restored_logging: None, mode: str, log_format: str
) -> None:
    """At debug level, over a day with errors: neither the log nor what anybody can ask for holds one."""
    out = io.StringIO()
    configure_logging("debug", log_format, out)

    def arrange(config: SandboxConfig) -> None:
        plant(config)
        config.slack.mode = mode  # type: ignore[assignment]

    async with open_shop(redis_url, arrange=arrange) as shop:
        await worked(shop)
        async with aiohttp.ClientSession() as session:
            for path in ("/readyz", "/metrics", "/healthz"):
                async with session.get(f"http://127.0.0.1:{shop.port}{path}") as answer:
                    assert leaks(await answer.text()) == []
        bridge = shop.bridge
        assert bridge is not None
        assert leaks(repr(bridge.settings)) == []
        assert leaks(str(bridge.settings)) == []
        assert leaks(bridge.settings.model_dump_json()) == []
        assert leaks(repr(vars(bridge))) == []
    assert all(
        word in out.getvalue() for word in ("bridge.started", "slack.modal_not_opened", "whatsapp.webhook")
    )
    assert leaks(out.getvalue()) == []


# ------------------------------------------------------------------------------------- settings, reprs


def test_settings_that_are_wrong_are_explained_without_their_secrets() -> None:
    """Whatever is wrong with a secret, its value is not in what is printed."""
    environment = {
        "THREADLINE_WHATSAPP__ACCESS_TOKEN": f" {SECRETS['access_token']} ",
        "THREADLINE_WHATSAPP__APP_SECRET": f"{SECRETS['app_secret']}\n",
        "THREADLINE_WHATSAPP__VERIFY_TOKEN": f" {SECRETS['verify_token']}",
        "THREADLINE_SLACK__BOT_TOKEN": SECRETS["bot_token"].replace("xoxb", "xoxx"),
        "THREADLINE_SLACK__APP_TOKEN": SECRETS["app_token"].replace("xapp", "xxxx"),
        "THREADLINE_SLACK__SIGNING_SECRET": f" {SECRETS['signing_secret']}",
        "THREADLINE_REDIS__URL": "redis://user:planted-password@host:nonsense/0",
        "THREADLINE_SLACK__MODE": "neither",
    }
    with pytest.raises(SettingsError) as caught:
        load_settings(None, environment)
    told = f"{caught.value}\n{caught.value!r}\n{explain(caught.value)}"
    assert "THREADLINE_WHATSAPP__ACCESS_TOKEN" in told
    assert "planted" not in told


def test_a_logged_event_shows_no_answering_address(restored_logging: None) -> None:
    """An event in an error message may hold a response url, with which anybody could speak to that person."""
    event = CommandGiven(
        id=EventId("slack:slash:1"),
        at=AT,
        contact=ContactId("7-1"),
        conversation=ConversationId("7-2"),
        author=DeskUser("slack:U0BEN00001"),
        author_name="Ben",
        place=None,
        reply_handle="1790000000|https://hooks.slack.com/commands/T0TEAM0001/123456/planted-handle",
        line="who",
        body=text("who"),
    )
    assert "planted" not in written("json", event)
    assert "planted" not in written("console", repr(event), name="detail")
