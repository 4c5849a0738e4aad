"""Modals: filling in, submitting, closing, and what the app's answers do."""

from __future__ import annotations

from bridge.sandbox.slack.backend import Backend
from bridge.sandbox.slack.blockkit.view import check_view
from bridge.sandbox.slack.delivery import NoAnswerError
from bridge.sandbox.slack.errors import RefusedError, SlackError
from bridge.sandbox.slack.inputs import SLOTS, State, complaints, state_values
from bridge.sandbox.slack.interactivity import Interactivity
from bridge.sandbox.slack.jsontypes import Json, JsonValue
from bridge.sandbox.slack.views import View


class Modals:
    """What a Slack client does with the modals on a person's screen."""

    def __init__(self, backend: Backend, acts: Interactivity) -> None:
        """Take the workspace and the payloads' common parts."""
        self._backend = backend
        self._acts = acts

    def fill(self, user: str, view_id: str, values: Json) -> View:
        """Type into a view without submitting: `{action_id: value}` or `{block_id: {action_id: value}}`."""
        place = self._acts.view_place(user, view_id)
        view = self._acts.visible(user, view_id)
        for key, value in _flat(values, {str(block.get("block_id")) for block in view.blocks}):
            block_id, action_id = key
            for block in view.blocks:
                element = block.get("element")
                if element and action_id == element["action_id"] and block_id in (None, block["block_id"]):
                    chosen = self._acts.choose(place, element, value)
                    view.state.setdefault(block["block_id"], {})[action_id] = chosen
                    break
            else:
                raise RefusedError(f"there is no input with action_id {action_id!r}")
        return view

    async def submit(self, user: str, view_id: str, values: Json) -> Json:
        """Fill in and submit a modal; `{"ok": False, "errors": {block_id: text}}` keeps it open."""
        view = self.fill(user, view_id, values)
        if view.type != "modal" or not view.body.get("submit"):
            raise RefusedError("this view has no submit button")
        entered = state_values(view.blocks, view.state)
        if wrong := complaints(view.blocks, entered):
            return {"ok": False, "errors": wrong}
        payload = self._acts.head("view_submission", user) | {"api_app_id": self._backend.config.app_id}
        payload |= {"trigger_id": self._backend.tickets.trigger(user, view.id)}
        payload |= {
            "view": self._acts.view_json(view),
            "response_urls": self._response_urls(user, view, entered),
        }
        try:
            answer = await self._acts.ask(payload)
        except NoAnswerError:
            return {"ok": False, "error": "We had some trouble connecting. Try again?"}
        return self._after_submit(view, answer)

    def _response_urls(self, user: str, view: View, entered: State) -> list[Json]:
        urls = []
        for block in view.blocks:
            element = block.get("element") or {}
            if element.get("response_url_enabled"):
                chosen = entered[block["block_id"]][element["action_id"]].get(SLOTS[element["type"]][0])
                if chosen:
                    url = self._acts.url("app", channel=chosen, user=user)
                    ids = {"block_id": block["block_id"], "action_id": element["action_id"]}
                    urls.append(ids | {"channel_id": chosen, "response_url": url})
        return urls

    def _after_submit(self, view: View, answer: Json) -> Json:
        views = self._backend.views
        trouble = {"ok": False, "error": "We had some trouble connecting. Try again?"}
        match answer.get("response_action"):
            case None:
                views.close(view)
                self._backend.feed.publish("slack.view.closed", view_id=view.id, user=view.user)
            case "clear":
                views.clear(view.user)
                self._backend.feed.publish("slack.view.closed", view_id=view.id, user=view.user)
            case "errors":
                errors = answer.get("errors") or {}
                inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
                if not errors or not set(errors) <= inputs:
                    return trouble
                return {"ok": False, "errors": errors}
            case "update" | "push" as action:
                try:
                    self._show_next(view, action, check_view(answer.get("view"), "modal"))
                except SlackError as error:
                    return trouble | {"details": error.body()}
            case _:
                return trouble
        return {"ok": True}

    def _show_next(self, view: View, action: str, body: Json) -> None:
        views = self._backend.views
        if action == "update":
            views.update(view, body, None)
            self._backend.feed.publish("slack.view.updated", view_id=view.id, user=view.user)
        else:
            pushed = views.push(view.user, body)
            self._backend.feed.publish("slack.view.pushed", view_id=pushed.id, user=view.user)

    async def close(self, user: str, view_id: str, *, everything: bool = False) -> Json:
        """Dismiss the visible modal (or with `everything` the whole stack); `view_closed` goes out if asked for."""
        view = self._acts.visible(user, view_id)
        if view.type != "modal":
            raise RefusedError("the Home tab cannot be closed")
        views = self._backend.views
        shut = [view]
        if everything or view.body.get("clear_on_close"):
            shut = views.clear(user)
        else:
            views.close(view)
        for each in shut:
            self._backend.feed.publish("slack.view.closed", view_id=each.id, user=user)
            if each.body.get("notify_on_close"):
                payload = self._acts.head("view_closed", user) | {"api_app_id": self._backend.config.app_id}
                payload |= {"view": self._acts.view_json(each), "is_cleared": len(shut) > 1 or everything}
                await self._acts.simply(payload)
        return {"ok": True}


def _flat(values: Json, block_ids: set[str]) -> list[tuple[tuple[str | None, str], JsonValue]]:
    pairs: list[tuple[tuple[str | None, str], JsonValue]] = []
    for key, value in values.items():
        if key in block_ids and isinstance(value, dict):
            pairs += [((key, action_id), entered) for action_id, entered in value.items()]
        else:
            pairs.append(((None, key), value))
    return pairs
