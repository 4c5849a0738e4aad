"""views.*: modals and Home tabs."""

from __future__ import annotations

from bridge.sandbox.slack.api import Call, Method
from bridge.sandbox.slack.blockkit.view import check_view
from bridge.sandbox.slack.errors import SlackError, missing_field
from bridge.sandbox.slack.inputs import state_values
from bridge.sandbox.slack.jsontypes import Json
from bridge.sandbox.slack.views import View


def _answer(call: Call, view: View) -> Json:
    return {"view": call.backend.views.as_json(view, state_values(view.blocks, view.state))}


def _body(call: Call, surface: str) -> Json:
    raw = call.decoded("view", "invalid_arguments")
    if raw is None:
        raise missing_field("view")
    return check_view(raw, surface)


def _open(call: Call) -> Json:
    body = _body(call, "modal")
    trigger = call.backend.tickets.redeem(call.want("trigger_id"))
    view = call.backend.views.open(trigger.user, body)
    call.backend.feed.publish("slack.view.opened", view_id=view.id, user=view.user)
    return _answer(call, view)


def _push(call: Call) -> Json:
    body = _body(call, "modal")
    trigger = call.backend.tickets.redeem(call.want("trigger_id"))
    view = call.backend.views.push(trigger.user, body)
    call.backend.feed.publish("slack.view.pushed", view_id=view.id, user=view.user)
    return _answer(call, view)


def _update(call: Call) -> Json:
    views = call.backend.views
    if not call.get("view_id") and not call.get("external_id"):
        raise missing_field("view_id")
    view = views.get(call.get("view_id"), call.get("external_id"))
    views.update(view, _body(call, view.type), call.get("hash"))
    call.backend.feed.publish("slack.view.updated", view_id=view.id, user=view.user)
    return _answer(call, view)


def _publish(call: Call) -> Json:
    if not call.backend.config.home_tab_enabled:
        raise SlackError("not_enabled")
    user = call.want("user_id")
    if user not in call.backend.ws.people:
        raise SlackError("user_not_found")
    view = call.backend.views.publish(user, _body(call, "home"), call.get("hash"))
    call.backend.feed.publish("slack.home", view_id=view.id, user=user)
    return _answer(call, view)


METHODS = (
    Method("views.open", _open, 4),
    Method("views.push", _push, 4),
    Method("views.update", _update, 4),
    Method("views.publish", _publish, 4),
)
"""The family's methods."""
