"""The Graph API's HTTP side: tokens, objects, paths, faults."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import orjson
from aiohttp import web

from bridge.sandbox.faults import Fault, cut
from bridge.sandbox.whatsapp import media, templates
from bridge.sandbox.whatsapp.checks import MarkRead, parse
from bridge.sandbox.whatsapp.errors import GraphError, answer, invalid, no_such_object
from bridge.sandbox.whatsapp.limits import RateWindow
from bridge.sandbox.whatsapp.outbound import Outbound
from bridge.sandbox.whatsapp.world import Number, World

_VERSION = re.compile(r"v\d{1,2}\.\d")
_PREFIX = "/whatsapp/{version}/{object_id}"
_DEFAULT_PAGE = 25

Handler = Callable[[web.Request], Awaitable[web.Response]]


class GraphApi:
    """Routes under `/whatsapp/`. Fault rules know them as `whatsapp.<path>.<verb>`, see `routes`."""

    def __init__(self, world: World, base_url: Callable[[], str]) -> None:
        """Serve `world`; `base_url` names this server, for the links of paged answers."""
        self._world = world
        self._base_url = base_url
        self._outbound = Outbound(world)
        self._management = RateWindow(world.config.management_per_hour, 3_600.0)
        self._throttled_until: dict[str, float] = {}

    def routes(self) -> list[web.RouteDef]:
        """Every path that is played; anything else under `/whatsapp/` is refused as Graph does (2500)."""
        serve = self._serve
        return [
            web.post(f"{_PREFIX}/messages", self._messages),
            web.get(f"{_PREFIX}/message_templates", serve("whatsapp.message_templates.get", self._templates)),
            web.get(f"{_PREFIX}/phone_numbers", serve("whatsapp.phone_numbers.get", self._phone_numbers)),
            web.get(f"{_PREFIX}/subscribed_apps", serve("whatsapp.subscribed_apps.get", self._subscriptions)),
            web.post(f"{_PREFIX}/subscribed_apps", serve("whatsapp.subscribed_apps.post", self._subscribe)),
            web.delete(
                f"{_PREFIX}/subscribed_apps", serve("whatsapp.subscribed_apps.delete", self._unsubscribe)
            ),
            web.post(f"{_PREFIX}/media", serve("whatsapp.media.post", self._upload)),
            web.get(_PREFIX, self._object),
            web.delete(_PREFIX, serve("whatsapp.media.delete", self._delete_media)),
            web.get("/whatsapp_business/attachments/", self._download),
            web.route("*", "/whatsapp/{path:.*}", serve("whatsapp.unknown", self._unknown)),
        ]

    async def _messages(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        name = "read" if isinstance(body, dict) and "status" in body else "send"

        async def act(request: web.Request) -> web.Response:
            number = self._number(request)
            if body is None:
                raise invalid("The request body is not valid JSON.")
            asked = parse(body)
            if isinstance(asked, MarkRead):
                self._outbound.mark_read(number, asked)
                return answer({"success": True})
            return answer(self._outbound.send(number, asked))

        return await self._serve(f"whatsapp.messages.{name}", act)(request)

    async def _object(self, request: web.Request) -> web.StreamResponse:
        """`GET /{id}`: a business number or a file."""
        if request.match_info["object_id"] in self._world.numbers:
            return await self._serve("whatsapp.phone_number.get", self._phone_number)(request)
        return await self._serve("whatsapp.media.get", self._describe_media)(request)

    async def _upload(self, request: web.Request) -> web.Response:
        number = self._number(request)
        return answer({"id": (await self._world.media.upload(number.id, request)).id})

    async def _describe_media(self, request: web.Request) -> web.Response:
        item = self._media(request)
        return answer(media.described(self._world.media_link(item), item))

    async def _delete_media(self, request: web.Request) -> web.Response:
        self._world.media.forget(self._media(request).id)
        return answer({"success": True})

    def _media(self, request: web.Request) -> media.Item:
        number_id = request.query.get("phone_number_id")
        return media.found(
            self._world.media, request.match_info["object_id"], request.method.lower(), number_id
        )

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file: with the token, and while the address is good; else 401 or 404 without a body to speak
        of. The fault `cut_after` breaks off in the middle.
        """
        name, faults = "whatsapp.media.download", self._world.faults
        delay = faults.take(name, "delay")
        if delay is not None:
            await self._world.clock.sleep(float(delay.params["seconds"]))
        fault = faults.take(name, "status", "cut_before", "cut_after")
        if fault is not None and fault.kind == "cut_before":
            cut(request)
        query = request.query
        item = self._world.media.opened(query.get("mid", ""), query.get("ext", ""), query.get("hash", ""))
        response: web.StreamResponse
        if fault is not None and fault.kind == "status":
            response = _plain(fault)
        elif request.headers.get("Authorization") != f"Bearer {self._world.config.access_token}":
            response = web.Response(status=401)
        elif item is None:
            response = web.Response(status=404)
        else:
            response = await media.stream(request, item, breaks=fault is not None)
        self._world.feed.publish("whatsapp.api", name=name, status=response.status)
        return response

    def _serve(self, name: str, handler: Handler) -> Handler:
        async def serve(request: web.Request) -> web.Response:
            faults = self._world.faults
            delay = faults.take(name, "delay")
            if delay is not None:
                await self._world.clock.sleep(float(delay.params["seconds"]))
            fault = faults.take(name, "status", "error", "rate_limit", "cut_before", "cut_after")
            if fault is not None and fault.kind == "cut_before":
                cut(request)
            response = self._instead(name, fault)
            if response is None:
                try:
                    self._authorize(request)
                    response = await handler(request)
                except GraphError as error:
                    response = error.response()
            if fault is not None and fault.kind == "cut_after":
                cut(request)
            self._world.feed.publish("whatsapp.api", name=name, status=response.status)
            return response

        return serve

    def _instead(self, name: str, fault: Fault | None) -> web.Response | None:
        """The answer that a fault puts in the place of the real one."""
        ticks = self._world.clock.ticks()
        if fault is not None and fault.kind == "rate_limit":
            self._throttled_until[name] = ticks + float(fault.params["retry_after"])
        if self._throttled_until.get(name, 0.0) > ticks:
            code = 130429 if name.startswith("whatsapp.messages.") else 80007
            return GraphError(int(fault.params.get("code", code)) if fault is not None else code).response()
        if fault is not None and fault.kind == "error":
            known = {
                key: fault.params[key] for key in ("details", "message", "http_status") if key in fault.params
            }
            return GraphError(int(fault.params.get("code", 131000)), **known).response()
        if fault is not None and fault.kind == "status":
            return _plain(fault)
        return None

    def _authorize(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise GraphError(190, message="An access token is required to request this resource.")
        if token.strip() != self._world.config.access_token:
            raise GraphError(190, message="Error validating access token: Session has expired.", subcode=463)
        version = request.match_info.get("version", "v0.0")
        if not _VERSION.fullmatch(version):
            raise GraphError(2500, message=f"Unknown path components: /{version}")

    def _number(self, request: web.Request) -> Number:
        object_id = request.match_info["object_id"]
        number = self._world.numbers.get(object_id)
        if number is None:
            raise no_such_object(object_id, request.method.lower())
        return number

    def _account(self, request: web.Request) -> str:
        """The WABA id of a management call, counted against its hourly limit."""
        object_id = request.match_info["object_id"]
        if all(number.config.waba_id != object_id for number in self._world.numbers.values()):
            raise no_such_object(object_id, request.method.lower())
        config = self._world.config
        if config.rate_limits and not self._management.take(self._world.clock.ticks()):
            raise GraphError(80007)
        return object_id

    async def _phone_number(self, request: web.Request) -> web.Response:
        shown = _number_fields(self._number(request))
        wanted = [each.strip() for each in request.query.get("fields", "").split(",") if each.strip()]
        for each in wanted:
            if each not in shown:
                raise invalid(
                    f"Tried accessing nonexisting field ({each}) on node type (WhatsAppBusinessPhoneNumber)"
                )
        return answer({key: value for key, value in shown.items() if not wanted or key in {*wanted, "id"}})

    async def _phone_numbers(self, request: web.Request) -> web.Response:
        waba_id = self._account(request)
        rows = [_number_fields(n) for n in self._world.numbers.values() if n.config.waba_id == waba_id]
        return self._page(request, rows)

    async def _templates(self, request: web.Request) -> web.Response:
        waba_id, query = self._account(request), request.query
        rows = templates.rows(
            self._world.config.templates,
            waba_id,
            status=query.get("status", ""),
            name=query.get("name", ""),
            language=query.get("language", ""),
            fields=query.get("fields", ""),
        )
        return self._page(request, rows)

    def _page(self, request: web.Request, rows: list[dict[str, object]]) -> web.Response:
        query = request.query
        try:
            limit = int(query.get("limit", _DEFAULT_PAGE))
        except ValueError:
            limit = 0
        if limit < 1:
            raise invalid("Param limit must be an integer greater than 0.")
        kept = {key: value for key, value in query.items() if key not in {"after", "before", "limit"}}
        link = request.rel_url.with_query({**kept, "limit": str(limit)})
        next_url = f"{self._base_url()}{link}"
        return answer(templates.page(rows, limit, query.get("after", ""), query.get("before", ""), next_url))

    async def _subscriptions(self, request: web.Request) -> web.Response:
        waba_id, config = self._account(request), self._world.config
        if not self._world.webhook.subscribed[waba_id]:
            return answer({"data": []})
        link = f"https://www.facebook.com/games/?app_id={config.app_id}"
        app = {"whatsapp_business_api_data": {"id": config.app_id, "link": link, "name": config.app_name}}
        override = self._world.webhook.overrides.get(waba_id)
        return answer({"data": [app | ({} if override is None else {"override_callback_uri": override})]})

    async def _subscribe(self, request: web.Request) -> web.Response:
        waba_id = self._account(request)
        fields = await _parameters(request)
        url, token = fields.get("override_callback_uri"), fields.get("verify_token")
        if url is None:
            self._world.webhook.overrides.pop(waba_id, None)
        elif not isinstance(url, str) or len(url) > 200 or not isinstance(token, str):
            raise invalid("override_callback_uri (at most 200 characters) needs a verify_token.")
        elif not await self._world.webhook.verify(url, token):
            raise GraphError(
                2200, message="(#2200) Callback verification failed: the challenge was not answered."
            )
        else:
            self._world.webhook.overrides[waba_id] = url
        self._world.webhook.subscribed[waba_id] = True
        return answer({"success": True})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self._world.webhook.subscribed[self._account(request)] = False
        return answer({"success": True})

    async def _unknown(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].partition("/")[2]
        raise GraphError(2500, message=f"Unknown path components: /{path}")


async def _parameters(request: web.Request) -> dict[str, object]:
    """A management call's parameters: JSON body, form or query, as Graph takes them."""
    if request.content_type != "application/json":
        return {**request.query, **await request.post()}
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise invalid("The request body is not valid JSON.")
    return {**request.query, **body}


def _number_fields(number: Number) -> dict[str, object]:
    config = asdict(number.config)
    return {
        "verified_name": config["verified_name"],
        "code_verification_status": "VERIFIED",
        "display_phone_number": config["display_phone_number"],
        "quality_rating": config["quality_rating"],
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "id": number.id,
    }


def _plain(fault: Fault) -> web.Response:
    status = int(fault.params["status"])
    headers = {str(key): str(value) for key, value in dict(fault.params.get("headers", {})).items()}
    body = fault.params.get("body")
    if isinstance(body, str):
        return web.Response(text=body, status=status, headers=headers)
    if body is None:
        unknown = GraphError(1, message="An unknown error has occurred.", is_transient=status >= 500)
        body = unknown.body()
    response = answer(body, status)
    response.headers.update(headers)
    return response
