"""Presses, selections, commands, shortcuts and modals: the payloads, and what the answers do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.sandbox.slack import wire
from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.delivery import NoAnswerError
from bridge.sandbox.slack.errors import RefusedError
from bridge.sandbox.slack.inputs import State, chosen_value, find, state_values
from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.responses import show_answer
from bridge.sandbox.slack.state import Channel
from bridge.sandbox.slack.views import View

_TYPED = re.compile(r"<@([UW][A-Z0-9]+)>|<#([CGD][A-Z0-9]+)>|(?<!\w)@([\w.-]+)|(?<!\w)#([\w-]+)")


@dataclass
class Place:
    """Where an element is: on a message, on an ephemeral message, or in a view."""

    key: tuple[str, str]
    blocks: list[Json]
    container: Json
    payload: Json
    state: State


class Interactivity:
    """What a Slack client sends for a person, and how it takes the app's answer."""

    def __init__(self, backend: Backend) -> None:
        """Take the workspace."""
        self._backend = backend
        self._states: dict[tuple[str, str, str], State] = {}
        self._offered: dict[tuple[str, str], list[Json]] = {}

    # Payload parts

    def head(self, kind: str, user: str, *, full: bool = True) -> Json:
        """The keys that every interactive payload begins with."""
        config, ws = self._backend.config, self._backend.ws
        name, team = ws.people[user].name, wire.team_of(ws, user)
        who = {"id": user, "username": name, "team_id": team} | ({"name": name} if full else {})
        return {
            "type": kind,
            "user": who,
            "token": config.verification_token,
            "team": {"id": config.team_id, "domain": config.team_domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _stamp(self) -> str:
        return f"{self._backend.clock.now():.6f}"

    def url(self, kind: str, **target: JsonValue) -> str:
        """A new response url; `target` as `Tickets.new_target` takes it."""
        backend = self._backend
        made = backend.tickets.new_target(**target)
        return backend.tickets.response_url(kind, made, backend.config.team_id, backend.base_url())

    async def ask(self, payload: Json, url: str = "") -> Json:
        """Send a payload and return the app's answer; raises `NoAnswerError`."""
        config = self._backend.config
        return await self._backend.delivery.ask(
            "interactive", payload, url or config.interactivity_url or config.events_url
        )

    # Elements

    def _message_place(self, user: str, channel: Channel, ts: str) -> Place:
        ws = self._backend.ws
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel.id}
        where = {"channel": {"id": channel.id, "name": wire.channel_label(channel)}}
        state = self._states.setdefault((user, channel.id, ts), {})
        shown = ws.ephemerals.get(user, {}).get((channel.id, ts))
        if shown is not None:
            if not shown.visible:
                raise RefusedError("this ephemeral message is shown nowhere: its thread has no replies")
            container["is_ephemeral"] = True
            if shown.thread_ts:
                container["thread_ts"] = shown.thread_ts
            return Place((channel.id, ts), shown.blocks or [], container, where, state)
        message = channel.messages.get(ts)
        if message is None or user not in channel.members:
            raise RefusedError("there is no such message")
        container["is_ephemeral"] = False
        if thread_ts := message.thread_ts or (ts if message.replies else None):
            container["thread_ts"] = thread_ts
        body = wire.root_json(ws, channel, message)
        if message.replies:
            body |= {"subscribed": True, "last_read": message.replies[-1]}
        return Place((channel.id, ts), message.blocks or [], container, where | {"message": body}, state)

    def view_place(self, user: str, view_id: str) -> Place:
        """A view on the person's screen as a place for elements."""
        view = self.visible(user, view_id)
        container = {"type": "view", "view_id": view.id}
        return Place(("view", view.id), view.blocks, container, {"view": self.view_json(view)}, view.state)

    def view_json(self, view: View) -> Json:
        """A view with what is typed into it."""
        return self._backend.views.as_json(view, state_values(view.blocks, view.state))

    def visible(self, user: str, view_id: str) -> View:
        """The modal on top or the Home tab; raises `RefusedError` for a view that is neither."""
        stack = self._backend.views.stack(user)
        home = self._backend.views.home(user)
        if stack and stack[-1].id == view_id:
            return stack[-1]
        if home and home.id == view_id:
            return home
        raise RefusedError("this view is not the one on the screen")

    def _place(self, user: str, channel: Channel | None, ts: str | None, view_id: str | None) -> Place:
        if view_id is not None:
            return self.view_place(user, view_id)
        if channel is None or ts is None:
            raise RefusedError("say either a view or a channel and a message")
        return self._message_place(user, channel, ts)

    async def act(
        self,
        user: str,
        action_id: str,
        value: JsonValue,
        *,
        channel: Channel | None = None,
        ts: str | None = None,
        view_id: str | None = None,
        block_id: str | None = None,
    ) -> Json:
        """Press a button or choose in a select, on a message or in a view; the app gets `block_actions`."""
        place = self._place(user, channel, ts, view_id)
        wanted = value if isinstance(value, str) else None
        block, element = find(place.blocks, action_id, wanted, block_id)
        action = self._action(place, block, element, value)
        if block["type"] == "input" and not block.get("dispatch_action"):
            return {"ok": True}
        if view_id is not None:
            place = self.view_place(user, view_id)
        ticket = self._backend.tickets.trigger(user, view_id)
        payload = self.head("block_actions", user) | {"api_app_id": self._backend.config.app_id}
        payload |= {"container": place.container, "trigger_id": ticket, **place.payload}
        if channel is not None:
            payload["state"] = {"values": state_values(place.blocks, place.state)}
            payload["response_url"] = self.url(
                "actions",
                channel=channel.id,
                user=user,
                message_ts=ts,
                ephemeral=bool(place.container.get("is_ephemeral")),
                thread_ts=place.container.get("thread_ts"),
            )
        payload["actions"] = [action]
        try:
            await self.ask(payload)
        except NoAnswerError as error:
            return {"ok": False, "error": error.reason}
        return {"ok": True}

    def _action(self, place: Place, block: Json, element: Json, value: JsonValue) -> Json:
        shown = ("text", "value", "style", "placeholder", "url", "type", "action_id")
        action = {key: element[key] for key in shown if key in element}
        action |= {"block_id": block["block_id"], "action_ts": self._stamp()}
        if element["type"] == "button":
            return action
        if element["type"] == "overflow":
            options = [option for option in element["options"] if option["value"] == value]
            if not options:
                raise RefusedError(f"there is no option with the value {value!r}")
            return action | {"selected_option": options[0]}
        chosen = self.choose(place, element, value)
        place.state.setdefault(block["block_id"], {})[element["action_id"]] = chosen
        return action | {key: item for key, item in chosen.items() if key != "type"}

    def choose(self, place: Place, element: Json, value: JsonValue) -> Json:
        """An element's new state when the person enters `value`; raises `RefusedError`."""
        ws = self._backend.ws
        known = self._offered.get((place.key[1], element["action_id"]), [])
        try:
            return chosen_value(element, value, ws.person_id, lambda name: ws.channel_for(name).id, known)
        except KeyError as error:
            raise RefusedError(str(error)) from None

    async def suggest(
        self,
        user: str,
        action_id: str,
        query: str,
        *,
        channel: Channel | None = None,
        ts: str | None = None,
        view_id: str | None = None,
        block_id: str | None = None,
    ) -> Json:
        """Type into an external select; the app gets `block_suggestion` and its options come back."""
        place = self._place(user, channel, ts, view_id)
        block, element = find(place.blocks, action_id, block_id=block_id)
        if not element["type"].endswith("external_select"):
            raise RefusedError("this select has fixed options")
        if len(query) < element.get("min_query_length", 3):
            return {"ok": True, "options": []}
        config = self._backend.config
        payload = self.head("block_suggestion", user) | {"api_app_id": config.app_id}
        payload |= {"container": place.container, "action_id": action_id, "block_id": block["block_id"]}
        payload |= {"value": query, **place.payload}
        try:
            answer = await self.ask(payload, config.options_url)
        except NoAnswerError as error:
            return {"ok": False, "error": error.reason}
        groups = answer.get("option_groups") or []
        options = answer.get("options") or [option for group in groups for option in group["options"]]
        if len(options) > 100:
            return {"ok": False, "error": "no more than 100 options can be shown"}
        self._offered[(place.key[1], action_id)] = options
        return {"ok": True, "options": options}

    # Slash commands and shortcuts

    async def slash(
        self, user: str, command: str, text: str, channel: Channel, thread_ts: str | None = None
    ) -> Json:
        """Run a slash command; refused in threads by the client, so the app hears nothing."""
        known = next((c for c in self._backend.config.commands if c.command == command), None)
        if known is None:
            return {"ok": False, "error": f"{command} is not a valid command."}
        if thread_ts is not None:
            return {"ok": False, "error": f"{command} is not supported in threads. Sorry!"}
        if user not in channel.members:
            raise RefusedError(f"you are not in #{channel.name}")
        backend, config = self._backend, self._backend.config
        payload = {
            "token": config.verification_token,
            "team_id": config.team_id,
            "team_domain": config.team_domain,
            "channel_id": channel.id,
            "channel_name": wire.channel_label(channel),
            "user_id": user,
            "user_name": backend.ws.people[user].name,
            "command": command,
            "text": self._escaped(text) if known.should_escape else text,
            "api_app_id": config.app_id,
            "is_enterprise_install": "false",
            "response_url": self.url("commands", channel=channel.id, user=user),
            "trigger_id": backend.tickets.trigger(user),
        }
        url = known.url or config.interactivity_url or config.events_url
        try:
            answer = await backend.delivery.ask("slash_commands", payload, url)
        except NoAnswerError as error:
            return {"ok": False, "error": f'{command} failed with the error "{error.reason}"'}
        if not answer:
            return {"ok": True}
        return {"ok": True, "answer": show_answer(backend, channel, user, answer)}

    def _escaped(self, text: str) -> str:
        ws = self._backend.ws

        def entity(found: re.Match[str]) -> str:
            user, channel, name, room = found.groups()
            try:
                if user or name:
                    person = ws.people[ws.person_id(user or name)]
                    return f"<@{person.id}|{person.name}>"
                return f"<#{ws.channel_for(channel or room).id}|{ws.channel_for(channel or room).name}>"
            except KeyError:
                return found[0]

        return _TYPED.sub(entity, text)

    async def message_shortcut(self, user: str, callback_id: str, channel: Channel, ts: str) -> Json:
        """Pick a shortcut from a message's menu; the app gets `message_action`."""
        self._known_shortcut(callback_id, "message")
        message = channel.messages.get(ts)
        if message is None or user not in channel.members:
            raise RefusedError("there is no such message")
        payload = self.head("message_action", user) | {"action_ts": self._stamp()}
        payload |= {"channel": {"id": channel.id, "name": wire.channel_label(channel)}}
        payload |= {"callback_id": callback_id, "trigger_id": self._backend.tickets.trigger(user)}
        payload["response_url"] = self.url("app", channel=channel.id, user=user, message_ts=ts)
        payload |= {"message_ts": ts, "message": wire.root_json(self._backend.ws, channel, message)}
        return await self.simply(payload)

    async def global_shortcut(self, user: str, callback_id: str) -> Json:
        """Run a global shortcut; the app gets `shortcut`, without channel, message or response url."""
        self._known_shortcut(callback_id, "global")
        payload = self.head("shortcut", user, full=False) | {"action_ts": self._stamp()}
        payload |= {"callback_id": callback_id, "trigger_id": self._backend.tickets.trigger(user)}
        return await self.simply(payload)

    def _known_shortcut(self, callback_id: str, kind: str) -> None:
        if not any(s.callback_id == callback_id and s.type == kind for s in self._backend.config.shortcuts):
            raise RefusedError(f"the app has no {kind} shortcut {callback_id!r}")

    async def simply(self, payload: Json) -> Json:
        """Send a payload whose answer does not matter; `{"ok": …}`, with the client's words when it failed."""
        try:
            await self.ask(payload)
        except NoAnswerError as error:
            return {"ok": False, "error": error.reason}
        return {"ok": True}
