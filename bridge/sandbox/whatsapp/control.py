"""`/control/whatsapp…`: the customers' verbs over HTTP.

GET  /control/whatsapp                        numbers, customers with their chats, the webhook and its log
GET  /control/whatsapp/deliveries             the log in full: each body, each attempt
POST /control/whatsapp/webhook                {url?, verify_token?}: handshake, then deliver there
POST /control/whatsapp/account                {field, value, waba_id?}: an account-level webhook
POST /control/whatsapp/customers              {name, id?, phone?, user_id?, username?, hide_phone?,
                                               read_receipts?}
GET  /control/whatsapp/customers/ID
POST /control/whatsapp/customers/ID/messages  {text} or {type, content, extra?}, reply_to?, number_id?
POST /control/whatsapp/customers/ID/call      {duration_s?, number_id?}; without: nobody takes it
POST /control/whatsapp/customers/ID/attach    the body is the file, its `Content-Type` what it is; in the query
                                               kind?, filename?, caption?, flag? (voice, animated: 1), reply_to?,
                                               number_id?
GET  /control/whatsapp/media/ID                the bytes of a file
POST /control/whatsapp/customers/ID/hear      {text, number_id?}: a colleague writes in the business's phone app
POST /control/whatsapp/customers/ID/edit      {message_id, text}
POST /control/whatsapp/customers/ID/delete    {message_id}
POST /control/whatsapp/customers/ID/react     {message_id, emoji?, number_id?}; without emoji: taken back
POST /control/whatsapp/customers/ID/read      {number_id?}; open: the same and stays open
POST /control/whatsapp/customers/ID/leave     {}; offline, online: the phone
POST /control/whatsapp/customers/ID/change_number   {phone, name_previous?}
POST /control/whatsapp/customers/ID/change_user_id  {name_previous?}
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from bridge.sandbox.blobs import CHUNK, Blob, serve
from bridge.sandbox.config import parse
from bridge.sandbox.control import guarded, read_object, reply, take
from bridge.sandbox.whatsapp.config import CustomerConfig
from bridge.sandbox.whatsapp.customer import Customer
from bridge.sandbox.whatsapp.ids import is_wa_id
from bridge.sandbox.whatsapp.kinds import check_content
from bridge.sandbox.whatsapp.media import KINDS, MOST_BYTES, kind_of
from bridge.sandbox.whatsapp.world import World

_ONE = "/control/whatsapp/customers/{customer}"

Verb = Callable[[Customer, web.Request], Awaitable[dict[str, Any]]]


class WhatsAppControl:
    """The routes; every answer is `{"ok": true, …}` or `{"ok": false, "error": what was wrong}`."""

    def __init__(self, world: World, snapshot: Callable[[], dict[str, Any]]) -> None:
        """Act on `world`; `snapshot` builds the whole state."""
        self._world = world
        self._snapshot = snapshot

    def routes(self) -> list[web.RouteDef]:
        """The routes, ready to be mounted."""
        verbs: Mapping[str, Verb] = {
            "messages": _messages,
            "call": _call,
            "tap": _tap,
            "hear": _hear,
            "edit": _edit,
            "delete": _delete,
            "attach": _attach,
            "react": _react,
            "read": _read,
            "open": _open,
            "leave": _leave,
            "offline": _offline,
            "online": _online,
            "change_number": _change_number,
            "change_user_id": _change_user_id,
        }
        return [
            web.get("/control/whatsapp", guarded(self._state)),
            web.post("/control/whatsapp/webhook", guarded(self._webhook)),
            web.get("/control/whatsapp/deliveries", guarded(self._deliveries)),
            web.get("/control/whatsapp/media/{media}", guarded(self._file)),
            web.post("/control/whatsapp/account", guarded(self._account)),
            web.post("/control/whatsapp/customers", guarded(self._join)),
            web.get(_ONE, guarded(self._show)),
            *(web.post(f"{_ONE}/{name}", guarded(self._perform(verb))) for name, verb in verbs.items()),
        ]

    def _perform(self, verb: Verb) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def perform(request: web.Request) -> web.Response:
            return reply({"ok": True, **await verb(self._customer(request), request)})

        return perform

    def _customer(self, request: web.Request) -> Customer:
        handle = request.match_info["customer"]
        try:
            return self._world.customers[handle]
        except KeyError:
            raise LookupError(f"no customer is called {handle!r}") from None

    async def _state(self, _: web.Request) -> web.Response:
        return reply({"ok": True, **self._snapshot()})

    async def _show(self, request: web.Request) -> web.Response:
        return reply({"ok": True, "customer": self._customer(request).shown()})

    async def _deliveries(self, _: web.Request) -> web.Response:
        return reply({"ok": True, "deliveries": [each.shown() for each in self._world.webhook.deliveries]})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        item = self._world.media.get(request.match_info["media"])
        if item is None:
            raise LookupError("WhatsApp has no such file (any more)")
        return await serve(request, item.mime, item.blob)

    async def _join(self, request: web.Request) -> web.Response:
        body = await read_object(
            request, "id", "name", "phone", "user_id", "username", "hide_phone", "read_receipts"
        )
        if not take(body, "name", str, required=True):
            raise ValueError("name must not be empty")
        body.setdefault("id", self._free_handle(body["name"]))
        body.setdefault("phone", self._free_phone())
        customer = add_customer(self._world, parse(CustomerConfig, body, "customer"))
        return reply({"ok": True, "customer": customer.shown()}, 201)

    async def _account(self, request: web.Request) -> web.Response:
        body = await read_object(request, "field", "value", "waba_id")
        field = take(body, "field", str, required=True)
        value = take(body, "value", dict, required=True)
        await self._world.account_says(field, value, take(body, "waba_id", str))
        return reply({"ok": True})

    def _free_handle(self, name: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "customer"
        handle, count = stem, 1
        while handle in self._world.customers:
            count += 1
            handle = f"{stem}-{count}"
        return handle

    def _free_phone(self) -> str:
        """A phone of the range kept for fiction (North America, 555-01xx) that nobody has yet."""
        while True:
            phone = f"1{secrets.randbelow(800) + 200}55501{secrets.randbelow(100):02d}"
            if self._world.known_as(phone) is None:
                return phone

    async def _webhook(self, request: web.Request) -> web.Response:
        """As the app dashboard does: the new url counts only when it answers the handshake."""
        body = await read_object(request, "url", "verify_token")
        config = self._world.config
        url = take(body, "url", str) or config.webhook_url
        token = take(body, "verify_token", str) or config.verify_token
        if not await self._world.webhook.verify(url, token):
            return reply({"ok": False, "error": f"{url} did not answer the handshake with the challenge"})
        config.webhook_url, config.verify_token = url, token
        return reply({"ok": True})


def add_customer(world: World, config: CustomerConfig) -> Customer:
    """Let a person join; `ValueError` when handle, phone or user id are taken or malformed."""
    if not is_wa_id(config.phone):
        raise ValueError(f"phone must be 7 to 15 digits without a plus, not {config.phone!r}")
    if config.hide_phone and not config.username:
        raise ValueError("only people with a username can hide their phone")
    if config.id in world.customers:
        raise ValueError(f"a customer is already called {config.id!r}")
    for alias in (config.phone, config.user_id):
        if alias and world.known_as(alias) is not None:
            raise ValueError(f"{alias} belongs to another customer")
    customer = Customer(config, world)
    world.admit(customer)
    world.feed.publish("whatsapp.customer", customer=customer.id, online=True)
    return customer


async def _messages(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "type", "text", "content", "reply_to", "number_id", "extra")
    kind = take(body, "type", str) or "text"
    content = body.get("content")
    if kind == "text" and content is None:
        content = {"body": take(body, "text", str, required=True)}
    check_content(kind, content)
    message = await customer.sends(
        kind,
        content,
        reply_to=take(body, "reply_to", str),
        number_id=take(body, "number_id", str),
        extra=take(body, "extra", dict),
    )
    return {"message": message.shown()}


async def _tap(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "message_id", "title")
    message_id = take(body, "message_id", str, required=True)
    message = await customer.taps(message_id, take(body, "title", str, required=True))
    return {"message": message.shown()}


async def _call(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "duration_s", "number_id")
    call = await customer.calls(take(body, "duration_s", int), take(body, "number_id", str))
    return {"call": call}


async def _attach(customer: Customer, request: web.Request) -> dict[str, Any]:
    query, mime = request.query, request.headers.get("Content-Type", "application/octet-stream")
    kind = query.get("kind") or kind_of(mime)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    blob = await Blob.gather(request.content.iter_chunked(CHUNK), MOST_BYTES)
    if blob is None:
        raise ValueError("WhatsApp takes files of up to 100 MB")
    message = await customer.attaches(
        kind,
        blob,
        mime,
        caption=query.get("caption") or None,
        filename=(query.get("filename") or "file") if kind == "document" else None,
        flag=query.get("flag") == "1",
        reply_to=query.get("reply_to") or None,
        number_id=query.get("number_id") or None,
    )
    return {"message": message.shown()}


async def _hear(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "text", "number_id")
    text = take(body, "text", str, required=True)
    message = await customer.hears_from_app(text, take(body, "number_id", str))
    return {"message": message.shown()}


async def _edit(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "message_id", "text")
    message_id, text = (take(body, name, str, required=True) for name in ("message_id", "text"))
    message = await customer.edits(message_id, text)
    return {"message": message.shown()}


async def _delete(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "message_id")
    await customer.deletes(take(body, "message_id", str, required=True))
    return {}


async def _react(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "message_id", "emoji", "number_id")
    message_id = take(body, "message_id", str, required=True)
    message = await customer.reacts(message_id, take(body, "emoji", str), take(body, "number_id", str))
    return {"message": message.shown()}


async def _read(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "number_id")
    read = await customer.reads(take(body, "number_id", str))
    return {"read": [each.id for each in read]}


async def _open(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "number_id")
    await customer.opens(take(body, "number_id", str))
    return {"chat_open": True}


async def _leave(customer: Customer, _: web.Request) -> dict[str, Any]:
    await customer.leaves()
    return {"chat_open": False}


async def _offline(customer: Customer, _: web.Request) -> dict[str, Any]:
    await customer.goes_offline()
    return {"online": False}


async def _online(customer: Customer, _: web.Request) -> dict[str, Any]:
    await customer.goes_online()
    return {"online": True}


async def _change_number(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "phone", "name_previous")
    phone = take(body, "phone", str, required=True)
    await customer.changes_number(phone, name_previous=take(body, "name_previous", bool) is not False)
    return {"customer": customer.shown()}


async def _change_user_id(customer: Customer, request: web.Request) -> dict[str, Any]:
    body = await read_object(request, "name_previous")
    await customer.changes_user_id(name_previous=take(body, "name_previous", bool) is not False)
    return {"customer": customer.shown()}
