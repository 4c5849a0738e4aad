"""Buttons, modals, commands with the real Bolt; triggers, response urls, what the client refuses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.sandbox.slack.errors import RefusedError
from tests.sandbox.slack.conftest import MakeSlack
from tests.support.slack_sandbox import SUPPORT, App, SlackRig, buttons, modal, text_input

Json = dict[str, Any]
SELECT = {
    "type": "actions",
    "block_id": "pick",
    "elements": [
        {"type": "external_select", "action_id": "tpl", "min_query_length": 2},
        {
            "type": "checkboxes",
            "action_id": "c",
            "options": [{"text": {"type": "plain_text", "text": x}, "value": x} for x in "ab"],
        },
    ],
}


@pytest.fixture
async def bolt(slack: SlackRig) -> AsyncIterator[AsyncApp]:
    """A Bolt app in Socket Mode on the sandbox."""
    app = AsyncApp(client=slack.client, signing_secret=slack.slack.config.signing_secret)
    handler = AsyncSocketModeHandler(app, slack.slack.config.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt has no annotation here
    await slack.wait("slack.socket.opened")
    yield app
    await handler.close_async()  # type: ignore[no-untyped-call]  # nor here


async def _trigger(slack: SlackRig) -> str:
    """A trigger_id, as a pressed button gives it."""
    return slack.slack.backend.tickets.trigger("U0ANA00001")


async def test_button_to_modal_to_submission(slack: SlackRig, bolt: AsyncApp) -> None:
    """A press opens a modal, a wrong answer keeps it open, a right one closes it."""
    seen: list[Json] = []

    @bolt.action("reply")
    async def pressed(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(text_input()))

    @bolt.view("cb")
    async def submitted(ack: Any, view: Json) -> None:
        seen.append(view["state"]["values"])
        if view["state"]["values"]["note"]["v"]["value"] == "bad":
            await ack(response_action="errors", errors={"note": "No"})
        else:
            await ack()

    root = await slack.card(blocks=[buttons("reply")])
    ana = slack.slack.person("ana")
    assert await ana.presses("support", root, "reply") == {"ok": True}
    view = await ana.expects_view(callback_id="cb")
    assert await ana.submits(view.id) == {
        "ok": False,
        "errors": {"note": "Please complete this required field."},
    }
    assert await ana.submits(view.id, {"v": "bad"}) == {"ok": False, "errors": {"note": "No"}}
    assert ana.views == [view]
    assert await ana.submits(view.id, {"note": {"v": "good"}}) == {"ok": True}
    assert ana.views == []
    assert [values["note"]["v"]["value"] for values in seen] == ["bad", "good"]


async def test_push_update_clear(slack: SlackRig, bolt: AsyncApp) -> None:
    """response_action push stacks (three at most), update replaces, clear closes all."""
    answers: list[Json] = []

    @bolt.view("cb")
    async def submitted(ack: Any) -> None:
        await ack(**answers.pop(0))

    ana = slack.slack.person("ana")
    await slack.client.views_open(trigger_id=await _trigger(slack), view=modal(text_input(optional=True)))
    for number in (2, 3):
        answers.append({"response_action": "push", "view": modal(text_input(f"b{number}", optional=True))})
        assert (await ana.submits(ana.views[-1].id))["ok"]
        assert len(ana.views) == number
    assert ana.views[2].previous == ana.views[1].id
    answers.append({"response_action": "push", "view": modal(text_input(optional=True))})
    assert not (await ana.submits(ana.views[-1].id))["ok"]
    top = ana.views[-1]
    answers.append({"response_action": "update", "view": modal(text_input("new", optional=True))})
    assert (await ana.submits(top.id))["ok"]
    assert (ana.views[-1].id, top.blocks[0]["block_id"]) == (top.id, "new")
    answers.append({"response_action": "clear"})
    assert (await ana.submits(top.id))["ok"]
    assert ana.views == []


async def test_errors_for_unknown_blocks_are_trouble(slack: SlackRig, bolt: AsyncApp) -> None:
    """Field errors may name input blocks only."""

    @bolt.view("cb")
    async def submitted(ack: Any) -> None:
        await ack(response_action="errors", errors={"nowhere": "No"})

    ana = slack.slack.person("ana")
    await slack.client.views_open(trigger_id=await _trigger(slack), view=modal(text_input(optional=True)))
    answer = await ana.submits(ana.views[-1].id)
    assert answer["ok"] is False
    assert "trouble connecting" in answer["error"]


async def test_trigger_rules(make_slack: MakeSlack) -> None:
    """A trigger works once and for three seconds; a made-up one is invalid."""
    slack = await make_slack(scale=10)
    view = modal(text_input())
    trigger = await _trigger(slack)
    await slack.client.views_open(trigger_id=trigger, view=view)
    assert await slack.error("views.open", trigger_id=trigger, view=view) == "exchanged_trigger_id"
    assert await slack.error("views.open", trigger_id="1.2.3", view=view) == "invalid_trigger_id"
    late = await _trigger(slack)
    await slack.slack.backend.clock.sleep(3.2)
    assert await slack.error("views.open", trigger_id=late, view=view) == "expired_trigger_id"
    assert await slack.error("views.open", trigger_id="1.2.3") == "invalid_arguments"


async def test_view_rules(slack: SlackRig) -> None:
    """Stale hashes, taken external ids, unknown views, a push without a modal and Home switched off are refused."""
    first = modal(text_input(), external_id="one")
    ana = slack.slack.person("ana")
    assert await slack.error("views.push", trigger_id=await _trigger(slack), view=first) == "not_found"
    opened = (await slack.client.views_open(trigger_id=await _trigger(slack), view=first))["view"]
    taken = await slack.error("views.push", trigger_id=await _trigger(slack), view=first)
    assert taken == "duplicate_external_id"
    await slack.client.views_update(view_id=opened["id"], hash=opened["hash"], view=first)
    stale = await slack.error("views.update", view_id=opened["id"], hash=opened["hash"], view=first)
    assert stale == "hash_conflict"
    await slack.client.views_update(external_id="one", view=first)
    assert await slack.error("views.update", view_id="V0NONE", view=first) == "not_found"
    assert await slack.error("views.publish", user_id=ana.id, view=first) == "invalid_arguments"
    home = {"type": "home", "blocks": []}
    published = (await slack.client.views_publish(user_id=ana.id, view=home))["view"]
    again = await slack.client.views_publish(user_id=ana.id, view=home, hash=published["hash"])
    assert again["view"]["id"] == published["id"]
    conflict = await slack.error("views.publish", user_id=ana.id, view=home, hash=published["hash"])
    assert conflict == "hash_conflict"
    slack.slack.config.home_tab_enabled = False
    assert await slack.error("views.publish", user_id=ana.id, view=home) == "not_enabled"


async def test_typed_words_stay_where_ids_stay(slack: SlackRig) -> None:
    """An update keeps what was typed under the same block_id and forgets it under a new one."""
    ana = slack.slack.person("ana")
    opened = (await slack.client.views_open(trigger_id=await _trigger(slack), view=modal(text_input("a"))))[
        "view"
    ]
    await ana.types(opened["id"], {"v": "typed"})
    kept = await slack.client.views_update(view_id=opened["id"], view=modal(text_input("a", optional=True)))
    assert kept["view"]["state"]["values"]["a"]["v"]["value"] == "typed"
    reset = await slack.client.views_update(view_id=opened["id"], view=modal(text_input("b")))
    assert reset["view"]["state"]["values"]["b"]["v"]["value"] is None


async def test_silent_app(make_slack: MakeSlack) -> None:
    """Without an answer in three seconds the person sees an error, and nothing is retried."""
    slack = await make_slack(scale=60)
    ana = slack.slack.person("ana")
    assert (await ana.slash("/wa", "x", "support"))["error"] == '/wa failed with the error "dispatch_failed"'
    socket = await slack.socket()
    await socket.frame()
    assert (await ana.slash("/wa", "x", "support"))[
        "error"
    ] == '/wa failed with the error "operation_timeout"'
    frame = await socket.frame()
    assert frame["type"] == "slash_commands"
    with pytest.raises(TimeoutError):
        await socket.connection.receive(timeout=0.2)


async def test_slash_commands(slack: SlackRig, bolt: AsyncApp) -> None:
    """Refused in threads and when unknown; answered to the one person, or in channel; text is escaped or not."""
    got: list[str] = []

    @bolt.command("/assign")
    async def assign(ack: Any, command: Json) -> None:
        got.append(command["text"])
        await ack(text="ok", response_type="in_channel" if "loud" in command["text"] else "ephemeral")

    ana = slack.slack.person("ana")
    root = await slack.card()
    refused = await ana.slash("/assign", "x", "support", thread_ts=root)
    assert refused == {"ok": False, "error": "/assign is not supported in threads. Sorry!"}
    assert not (await ana.slash("/nothing", "x", "support"))["ok"]
    with pytest.raises(RefusedError, match="/assign is not supported in threads"):
        await ana.replies("support", root, "/assign @ben")
    assert got == []
    await ana.slash("/assign", "42 @ben in #support @nobody", "support")
    assert [item.text for item in ana.ephemerals] == ["ok"]
    await ana.slash("/assign", "loud", "support")
    assert slack.slack.channel("support").messages[-1].text == "ok"
    next(c for c in slack.slack.config.commands if c.command == "/assign").should_escape = False
    await ana.slash("/assign", "42 @ben", "support")
    assert got == ["42 <@U0BEN00001|ben> in <#C0SUPPORT1|support> @nobody", "loud", "42 @ben"]


async def test_response_url(slack: SlackRig, bolt: AsyncApp) -> None:
    """Five posts; ephemeral unless in_channel; replace and delete reach the message of the button."""
    urls: list[str] = []

    @bolt.action("claim")
    async def pressed(ack: Any, body: Json) -> None:
        await ack()
        urls.append(body["response_url"])

    root = await slack.card(blocks=[buttons("claim")])
    ana = slack.slack.person("ana")
    await ana.presses("support", root, "claim")
    hook = AsyncWebhookClient(urls[0])
    assert (await hook.send(text="only you")).body == "ok"
    await hook.send(text="all", response_type="in_channel")
    await hook.send(text="changed", replace_original=True)
    assert (await hook.send_dict({"replace_original": False})).body == "no_text"
    channel = slack.slack.channel("support")
    assert [item.text for item in ana.ephemerals] == ["only you"]
    assert [message.text for message in channel.messages] == ["changed", "all"]
    await hook.send(delete_original=True)
    assert [message.text for message in channel.messages] == ["all"]
    over = await hook.send(text="six")
    assert (over.status_code, over.body) == (404, '{"ok": false, "error": "used_url"}')


async def test_response_url_expires(make_slack: MakeSlack, app: App) -> None:
    """After half an hour the address is dead."""
    slack = await make_slack(scale=6_000, mode="http", events_url=app.url)
    tickets = slack.slack.backend.tickets
    url = tickets.response_url("app", tickets.new_target(SUPPORT, "U0ANA00001"), "T0", slack.url)
    await slack.slack.backend.clock.sleep(1_801)
    late = await AsyncWebhookClient(url).send(text="late")
    assert (late.status_code, late.body) == (404, '{"ok": false, "error": "expired_url"}')


async def test_ephemeral_button_replaces_itself(slack: SlackRig, bolt: AsyncApp) -> None:
    """The only way to change an ephemeral message is the response_url of its own button."""
    bodies: list[Json] = []

    @bolt.action("send")
    async def pressed(ack: Any, body: Json, respond: Any) -> None:
        await ack()
        bodies.append(body)
        await respond(text="sent", replace_original=True)

    @bolt.action("drop")
    async def dropped(ack: Any, respond: Any) -> None:
        await ack()
        await respond(delete_original=True)

    ana = slack.slack.person("ana")
    blocks = [buttons("send", "drop")]
    ask: Json = {"channel": SUPPORT, "user": ana.id, "text": "send?", "blocks": blocks}
    first = (await slack.client.chat_postEphemeral(**ask))["message_ts"]
    await ana.presses("support", first, "send")
    assert (await ana.expects_ephemeral("sent")).ts == first
    assert bodies[0]["container"]["is_ephemeral"] is True
    assert "message" not in bodies[0]
    second = (await slack.client.chat_postEphemeral(**ask))["message_ts"]
    await ana.presses("support", second, "drop")
    await slack.wait("slack.ephemeral.deleted")
    assert [item.text for item in ana.ephemerals] == ["sent"]
    with pytest.raises(RefusedError):
        await slack.slack.person("ben").presses("support", first, "send")


async def test_external_select(slack: SlackRig, bolt: AsyncApp) -> None:
    """Options come from the app once enough is typed; one of them can be chosen, others cannot."""
    chosen: list[Json] = []

    @bolt.options("tpl")
    async def options(ack: Any, payload: Json) -> None:
        text = payload["value"]
        await ack(options=[{"text": {"type": "plain_text", "text": text}, "value": text}])

    @bolt.action("tpl")
    async def picked(ack: Any, action: Json) -> None:
        await ack()
        chosen.append(action)

    root = await slack.card(blocks=[SELECT])
    ana = slack.slack.person("ana")
    assert await ana.searches("tpl", "w", channel="support", ts=root) == {"ok": True, "options": []}
    found = await ana.searches("tpl", "wel", channel="support", ts=root)
    assert [option["value"] for option in found["options"]] == ["wel"]
    await ana.selects("support", root, "tpl", "wel")
    assert chosen[0]["selected_option"]["value"] == "wel"
    with pytest.raises(RefusedError, match="no option"):
        await ana.selects("support", root, "tpl", "other")


async def test_selections_are_remembered_per_person(slack: SlackRig, bolt: AsyncApp) -> None:
    """state.values holds what this person chose on the message before."""
    states: list[Json] = []

    @bolt.action("c")
    async def ticked(ack: Any, body: Json) -> None:
        await ack()
        states.append(body["state"]["values"]["pick"]["c"])

    root = await slack.card(blocks=[SELECT])
    await slack.slack.person("ana").selects("support", root, "c", ["a", "b"])
    await slack.slack.person("ben").selects("support", root, "c", ["b"])
    assert [len(state["selected_options"]) for state in states] == [2, 1]


async def test_closing_tells_only_who_asked(slack: SlackRig, bolt: AsyncApp) -> None:
    """view_closed goes out only with notify_on_close; closing the stack says is_cleared."""
    closed: list[bool] = []

    @bolt.view_closed("cb")
    async def shut(ack: Any, body: Json) -> None:
        await ack()
        closed.append(body["is_cleared"])

    ana = slack.slack.person("ana")
    for view in (modal(text_input()), modal(text_input(), notify_on_close=True)):
        await slack.client.views_open(trigger_id=await _trigger(slack), view=view)
        await ana.closes(ana.views[-1].id)
    assert closed == [False]
    for method in ("views_open", "views_push"):
        call = getattr(slack.client, method)
        await call(trigger_id=await _trigger(slack), view=modal(text_input(), notify_on_close=True))
    await ana.closes(ana.views[-1].id, everything=True)
    assert closed == [False, True, True]


async def test_http_mode_with_bolt(make_slack: MakeSlack) -> None:
    """The same app works behind signed HTTP: events, buttons, commands."""
    bolt = AsyncApp(token="xoxb-sandbox-bot", signing_secret="sandbox-signing-secret")
    got: asyncio.Queue[str] = asyncio.Queue()

    @bolt.event("message")
    async def message(event: Json) -> None:
        await got.put(event.get("text", ""))

    @bolt.action("claim")
    async def pressed(ack: Any) -> None:
        await ack()
        await got.put("pressed")

    runner = web.AppRunner(bolt.web_app(path="/slack/events"), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    slack = await make_slack(mode="http", events_url=url)
    bolt.client.base_url = f"{slack.url}/slack/api/"
    root = await slack.card(blocks=[buttons("claim")])
    await slack.slack.person("ana").replies("support", root, "hello")
    async with asyncio.timeout(5):
        assert await got.get() == "hello"
        assert await slack.slack.person("ana").presses("support", root, "claim") == {"ok": True}
        assert await got.get() == "pressed"
    slack.slack.config.signing_secret = "another"
    assert not (await slack.slack.person("ana").presses("support", root, "claim"))["ok"]
    await slack.slack.delivery.stop()
    await runner.cleanup()
