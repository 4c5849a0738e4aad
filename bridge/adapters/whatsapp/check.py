"""What `threadline check` tries of WhatsApp: token, number, subscription, and the way of a webhook back to us."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
import msgspec

from bridge.adapters.whatsapp.arrive import signature
from bridge.adapters.whatsapp.caller import GraphCaller
from bridge.adapters.whatsapp.numbers import Number
from bridge.errors import Failure, FailureKind, Finding, PlatformError

NO_OP = b'{"object":"whatsapp_business_account","entry":[]}'
"""A webhook body in which nothing happens."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class _Shown(msgspec.Struct, frozen=True):
    display_phone_number: str = ""
    verified_name: str = ""
    quality_rating: str = ""


class _Apps(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw] = []


_NEW_ACCESS = (
    "Make a permanent token of a system user with whatsapp_business_messaging and whatsapp_business_management, "
    "and set it as whatsapp.access_token (or as the inbox's access_token)."
)
_ADVICE = {
    "0": _NEW_ACCESS,
    "190": _NEW_ACCESS,
    "http_401": _NEW_ACCESS,
    "100/33": "Check the ids in the settings (not the numbers), and that the token's system user has the account.",
    "connection": "Check whatsapp.api_url, and that this machine reaches it (DNS, firewall, proxy).",
    "timeout": "Check that this machine reaches whatsapp.api_url (firewall, proxy), and try again.",
    "http_404": "Check whatsapp.api_url: it ends before the version.",
}


def _refused(name: str, failure: Failure) -> Finding:
    advice = _ADVICE.get(failure.code)
    if advice is None and failure.kind is FailureKind.STOP:
        advice = "Check the token's permissions and the account in Meta's business settings."
    words = f"{failure.words} (WhatsApp's code: {failure.code})"
    return Finding.error(name, words, advice or "Try again in some minutes.")


async def check_number(caller: GraphCaller, number: Number) -> list[Finding]:
    """Whether the token sees the number, and whether the number's account sends its webhooks to an app."""
    name = f"whatsapp.number.{number.inbox}"
    path = f"{number.phone_number_id}?fields=display_phone_number,verified_name,quality_rating"
    try:
        shown = msgspec.json.decode(await caller.get(path, number.token), type=_Shown)
    except PlatformError as error:
        return [_refused(name, error.failure)]
    except (msgspec.DecodeError, UnicodeError):
        return [_not_graph(name)]
    words = (
        f"{shown.display_phone_number} ({shown.verified_name}), quality {shown.quality_rating or 'unknown'}"
    )
    return [Finding.ok(name, words), await _subscription(caller, number)]


async def _subscription(caller: GraphCaller, number: Number) -> Finding:
    name = f"whatsapp.subscription.{number.inbox}"
    try:
        answer = await caller.get(f"{number.waba_id}/subscribed_apps", number.token)
        apps = msgspec.json.decode(answer, type=_Apps).data
    except PlatformError as error:
        return _refused(name, error.failure)
    except (msgspec.DecodeError, UnicodeError):
        return _not_graph(name)
    if apps:
        return Finding.ok(name, "the account sends its webhooks to an app")
    advice = (
        f"Subscribe your app to the account: POST /{number.waba_id}/subscribed_apps with the access token, and "
        "switch on the field `messages` in the app's webhook settings."
    )
    return Finding.error(name, "no app is subscribed, so no message would arrive", advice)


def _not_graph(name: str) -> Finding:
    return Finding.error(name, "the answer is not that of WhatsApp's API", "Check whatsapp.api_url.")


async def check_webhook(url: str, numbers: Iterable[Number]) -> list[Finding]:
    """Post a body in which nothing happens to our own webhook at `url`: signed (200) and unsigned (401)."""
    secrets = dict.fromkeys(number.app_secret for number in numbers)
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        try:
            signed = [await _post(session, url, signature(secret, NO_OP)) for secret in secrets]
            unsigned = await _post(session, url, None)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            advice = (
                "Start `threadline serve`, and check that the address (with its certificate) leads there."
            )
            return [Finding.error("webhook", f"cannot be reached ({type(error).__name__})", advice)]
    return [_signed(signed), _unsigned(unsigned)]


def _signed(statuses: list[int]) -> Finding:
    if all(status == 200 for status in statuses):
        return Finding.ok("webhook.signed", "a signed delivery is accepted")
    status = next(status for status in statuses if status != 200)
    advice = {
        401: "The running server has another app secret than these settings: restart it, or correct "
        "whatsapp.app_secret.",
        404: "Check the path: it ends in /webhooks/whatsapp.",
        503: "The server cannot store events: check Redis.",
    }.get(status, "See the server's log.")
    return Finding.error("webhook.signed", f"a signed delivery is answered with {status}", advice)


def _unsigned(status: int) -> Finding:
    if status == 401:
        return Finding.ok("webhook.unsigned", "an unsigned delivery is refused")
    advice = "Something else answers at this address: check the proxy in front of the server."
    return Finding.error(
        "webhook.unsigned", f"an unsigned delivery is answered with {status}, not 401", advice
    )


async def _post(session: aiohttp.ClientSession, url: str, signed: str | None) -> int:
    headers = {"Content-Type": "application/json"} | ({"X-Hub-Signature-256": signed} if signed else {})
    async with session.post(url, data=NO_OP, headers=headers, allow_redirects=False) as response:
        await response.read()
        return response.status
