"""What a request to `/messages` must look like; pure, refusals are `GraphError`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.whatsapp.errors import GraphError, invalid, missing
from bridge.sandbox.whatsapp.ids import is_user_id


@dataclass(frozen=True)
class Send:
    """A message to be sent: `to` is as written, `content` the object named by `type`."""

    to: str | None
    recipient: str | None
    type: str
    content: Any
    context_id: str | None
    tag: str | None


@dataclass(frozen=True)
class MarkRead:
    """A received message (and all before it) to be marked as read, with or without "typing"."""

    message_id: str
    typing: bool


class Params:
    """One JSON object of a request, with the path by which Meta's errors name it."""

    def __init__(self, value: object, path: str) -> None:
        """Raise `GraphError` when `value` is no object."""
        if not isinstance(value, dict):
            raise invalid(f"Param {path} must be a JSON object.")
        self.value: Mapping[str, object] = value
        self.path = path

    def name(self, key: str) -> str:
        """How errors name this object's `key`."""
        return f"{self.path}['{key}']"

    def only(self, *keys: str) -> None:
        """Refuse any other key."""
        for key in self.value:
            if key not in keys:
                raise invalid(f'Unexpected key "{key}" on param "{self.path}".')

    def string(self, key: str, most: int) -> str:
        """The non-empty string at `key`, at most `most` code points long."""
        found = self.optional(key, most)
        if not found:
            raise missing(self.name(key))
        return found

    def optional(self, key: str, most: int) -> str | None:
        """The string at `key`, or None where there is none."""
        found = self.value.get(key)
        if found is None:
            return None
        if not isinstance(found, str):
            raise invalid(f"Param {self.name(key)} must be a string.")
        if len(found) > most:
            raise invalid(f"Param {self.name(key)} must be at most {most} characters long.")
        return found

    def flag(self, key: str) -> None:
        """Check that `key`, where there is one, holds a boolean."""
        if not isinstance(self.value.get(key, False), bool):
            raise invalid(f"Param {self.name(key)} must be a boolean.")

    def child(self, key: str) -> "Params":
        """The object at `key`."""
        if self.value.get(key) is None:
            raise missing(self.name(key))
        return Params(self.value[key], self.name(key))

    def items(self, key: str, most: int) -> list["Params"]:
        """The objects of the non-empty list at `key`."""
        found = self.value.get(key)
        if not found:
            raise missing(self.name(key))
        if not isinstance(found, list):
            raise invalid(f"Param {self.name(key)} must be a JSON array.")
        if len(found) > most:
            raise invalid(f"Param {self.name(key)} must have at most {most} elements.")
        return [Params(each, f"{self.name(key)}[{at}]") for at, each in enumerate(found)]


def parse(body: object) -> Send | MarkRead:
    """Read the body of `POST /{phone_number_id}/messages`; raises `GraphError`."""
    if not isinstance(body, dict):
        raise invalid("The request body must be a JSON object.")
    product = body.get("messaging_product")
    if product is None:
        raise invalid("The parameter messaging_product is required.")
    if product != "whatsapp":
        raise invalid(f'Param messaging_product must be one of {{WHATSAPP}} - got "{product}".')
    return _mark_read(body) if "status" in body else _send(body)


def _mark_read(body: dict[str, Any]) -> MarkRead:
    if body["status"] != "read":
        raise invalid(f'Param status must be one of {{READ}} - got "{body["status"]}".')
    message_id = body.get("message_id")
    if not isinstance(message_id, str) or not message_id:
        raise invalid("The parameter message_id is required.")
    typing = body.get("typing_indicator")
    if typing is not None:
        kind = Params(typing, "typing_indicator").string("type", 20)
        if kind != "text":
            raise invalid(f"Param typing_indicator['type'] must be one of {{TEXT}} - got \"{kind}\".")
    return MarkRead(message_id, typing is not None)


def _send(body: dict[str, Any]) -> Send:
    kind = _kind(body)
    to, recipient = _addressee(body)
    content = body.get(kind)
    if content is None:
        raise missing(kind)
    _CONTENT[kind](content)
    tag = body.get("biz_opaque_callback_data")
    if tag is not None and (not isinstance(tag, str) or len(tag) > 512):
        raise invalid("Param biz_opaque_callback_data must be a string of at most 512 characters.")
    return Send(to, recipient, kind, content, _context(body, kind), tag)


def _kind(body: dict[str, Any]) -> str:
    kind = body.get("type")
    if kind is None:
        raise invalid("The parameter type is required.")
    if not isinstance(kind, str) or kind not in _CONTENT:
        raise invalid(f'Param type must be one of {{{", ".join(sorted(_CONTENT)).upper()}}} - got "{kind}".')
    return kind


def _addressee(body: dict[str, Any]) -> tuple[str | None, str | None]:
    scope = body.get("recipient_type", "individual")
    if scope != "individual":
        # Groups need an Official Business Account, which the sandbox's numbers are not.
        raise invalid(f'Param recipient_type must be one of {{INDIVIDUAL}} - got "{scope}".')
    to, recipient = body.get("to"), body.get("recipient")
    if to is None and recipient is None:
        raise invalid("The parameter to is required.")
    for name, value in (("to", to), ("recipient", recipient)):
        if value is not None and not isinstance(value, str):
            raise invalid(f"Param {name} must be a string.")
    if to is None and not is_user_id(str(recipient)):
        raise GraphError(131009, details="Parameter 'recipient' is not a valid business-scoped user id.")
    return to, recipient


def _context(body: dict[str, Any], kind: str) -> str | None:
    context = body.get("context")
    if context is None:
        return None
    if kind == "reaction":
        raise invalid("Param context is not allowed for messages of type reaction.")
    params = Params(context, "context")
    params.only("message_id")
    return params.string("message_id", 512)


def _text(value: object) -> None:
    params = Params(value, "text")
    params.only("body", "preview_url")
    params.string("body", 4096)
    params.flag("preview_url")


def _media(kind: str, *extra: str) -> Callable[[object], None]:
    def check(value: object) -> None:
        params = Params(value, kind)
        params.only("id", "link", *extra)
        media_id, link = params.optional("id", 256), params.optional("link", 2048)
        if bool(media_id) == bool(link):
            raise invalid(f"Param {kind} needs either 'id' or 'link'.")
        params.optional("caption", 1024)
        params.flag("voice")

    return check


def _location(value: object) -> None:
    params = Params(value, "location")
    params.only("latitude", "longitude", "name", "address")
    for key, most in (("latitude", 90), ("longitude", 180)):
        try:
            degrees = float(str(params.value[key]))
        except KeyError:
            raise missing(params.name(key)) from None
        except ValueError:
            raise invalid(f"Param {params.name(key)} must be a number.") from None
        if not -most <= degrees <= most:
            raise GraphError(131009, details=f"{key} must lie between -{most} and {most}.")


def _contacts(value: object) -> None:
    for card in Params({"contacts": value}, "message").items("contacts", 257):
        card.child("name").string("formatted_name", 1024)


def _reaction(value: object) -> None:
    params = Params(value, "reaction")
    params.only("message_id", "emoji")
    params.string("message_id", 512)
    if params.optional("emoji", 32) is None:
        raise missing(params.name("emoji"))


def _interactive(value: object) -> None:
    params = Params(value, "interactive")
    kind = params.string("type", 64)
    if kind not in _INTERACTIVE:
        raise invalid(
            f"Param interactive['type'] must be one of {{{', '.join(_INTERACTIVE).upper()}}} - got \"{kind}\"."
        )
    params.only("type", "header", "body", "footer", "action")
    params.child("body").string("text", 4096 if kind == "list" else 1024)
    if params.value.get("footer") is not None:
        params.child("footer").string("text", 60)
    _header(params, kind)
    _INTERACTIVE[kind](params.child("action"))


def _header(params: Params, kind: str) -> None:
    if params.value.get("header") is None:
        return
    header = params.child("header")
    form = header.string("type", 20)
    if kind == "list" and form != "text":
        raise GraphError(131009, details="A list message takes a text header only.")
    if form == "text":
        header.string("text", 60)


def _buttons(action: Params) -> None:
    titles = set()
    for button in action.items("buttons", 3):
        if button.string("type", 20) != "reply":
            raise invalid(f"Param {button.name('type')} must be one of {{REPLY}}.")
        reply = button.child("reply")
        reply.string("id", 256)
        titles.add(reply.string("title", 20))
    if len(titles) != len(action.items("buttons", 3)):
        raise GraphError(131009, details="Button titles must be unique.")


def _list(action: Params) -> None:
    action.string("button", 20)
    sections = action.items("sections", 10)
    rows = 0
    for section in sections:
        section.optional("title", 24)
        if len(sections) > 1:
            section.string("title", 24)
        for row in section.items("rows", 10):
            row.string("id", 200)
            row.string("title", 24)
            row.optional("description", 72)
            rows += 1
    if rows > 10:
        raise GraphError(131009, details="Total row count exceeds 10.")


def _cta_url(action: Params) -> None:
    if action.string("name", 64) != "cta_url":
        raise GraphError(131009, details="action.name must be cta_url.")
    parameters = action.child("parameters")
    parameters.string("display_text", 20)
    parameters.string("url", 2000)


def _named(name: str) -> Callable[[Params], None]:
    def check(action: Params) -> None:
        if action.string("name", 64) != name:
            raise GraphError(131009, details=f"action.name must be {name}.")

    return check


def _template(value: object) -> None:
    params = Params(value, "template")
    params.only("name", "language", "components", "namespace")
    params.string("name", 512)
    params.child("language").string("code", 10)


_INTERACTIVE: Mapping[str, Callable[[Params], None]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _cta_url,
    "location_request_message": _named("send_location"),
    "request_contact_info": _named("request_contact_info"),
}
_CONTENT: Mapping[str, Callable[[object], None]] = {
    "text": _text,
    "image": _media("image", "caption"),
    "video": _media("video", "caption"),
    "audio": _media("audio", "voice"),
    "document": _media("document", "caption", "filename"),
    "sticker": _media("sticker"),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
}
