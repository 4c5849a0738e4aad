"""Refusals in the words and bodies of Meta's Graph API."""

import secrets
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web


@dataclass(frozen=True)
class Known:
    """One documented error: HTTP status of an answer that carries it, title, and what `details` usually says."""

    http_status: int
    title: str
    details: str = ""


# WhatsApp: support/error-codes.
CATALOGUE = {
    0: Known(401, "AuthException"),
    1: Known(400, "API Unknown"),
    2: Known(503, "API Service"),
    3: Known(500, "API Method"),
    4: Known(400, "API Too Many Calls"),
    10: Known(403, "Permission Denied"),
    33: Known(400, "Parameter value is not valid", "The business phone number has been deleted."),
    100: Known(400, "Invalid parameter"),
    190: Known(401, "Error validating access token"),
    200: Known(403, "Permissions error"),
    368: Known(403, "Temporarily blocked for policies violations"),
    80007: Known(400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    130429: Known(400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: Known(400, "User's number is part of an experiment"),
    130497: Known(403, "Business account is restricted from messaging users in this country."),
    131000: Known(500, "Something went wrong"),
    131005: Known(403, "Access denied"),
    131008: Known(400, "Required parameter is missing"),
    131009: Known(400, "Parameter value is not valid"),
    131016: Known(500, "Service unavailable", "A service is temporarily unavailable."),
    131021: Known(400, "Recipient cannot be sender", "The recipient is the sending number itself."),
    131026: Known(400, "Message undeliverable", "Message Undeliverable."),
    131030: Known(
        400,
        "Recipient phone number not in allowed list",
        "Recipient phone number not in allowed list: add it and try again.",
    ),
    131031: Known(403, "Account has been locked"),
    131037: Known(400, "WhatsApp provided number needs display name approval before message can be sent."),
    131042: Known(400, "Business eligibility payment issue"),
    131045: Known(500, "Incorrect certificate"),
    131047: Known(
        400,
        "Re-engagement message",
        "More than 24 hours have passed since the recipient last replied to the sender number.",
    ),
    131048: Known(400, "Spam rate limit hit"),
    131049: Known(400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: Known(400, "User has stopped marketing messages from this business"),
    131051: Known(400, "Message type unknown", "Message type is currently not supported."),
    131052: Known(400, "Media download error"),
    131053: Known(400, "Media upload error", "Unsupported media type."),
    131056: Known(
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages were sent to this recipient in a short time.",
    ),
    131057: Known(500, "Account in maintenance mode"),
    131059: Known(400, "Invalid paging cursor", "The paging cursor is no longer valid."),
    131062: Known(400, "Business-scoped user id not allowed", "This message type needs a phone number."),
    131064: Known(400, "Template classification limit"),
    132000: Known(400, "Number of parameters does not match the expected number of params"),
    132001: Known(404, "Template name does not exist in the translation"),
    132005: Known(400, "Translated text too long"),
    132007: Known(400, "Template format character policy violated"),
    132012: Known(400, "Parameter format does not match format in the created template"),
    132015: Known(400, "Template is paused"),
    132016: Known(400, "Template is disabled"),
    132018: Known(400, "Template parameters are not valid"),
    133004: Known(503, "Server temporarily unavailable"),
    133010: Known(400, "Phone number not registered"),
    135000: Known(400, "Generic user error"),
    137000: Known(400, "Identity key mismatch"),
}

WINDOW_STATUS_DETAILS = "Message failed to send because more than 24 hours have passed since the customer last replied to this number."
"""What a failed status says about the closed service window; the answer of the API words it differently."""

_HREF = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


@dataclass(eq=False)
class GraphError(Exception):
    """A refusal by the Graph API. `message` and `http_status` default to those of the code."""

    code: int
    details: str = ""
    message: str = ""
    http_status: int = 0
    type: str = "OAuthException"
    subcode: int | None = None
    is_transient: bool = False

    def body(self) -> dict[str, Any]:
        """The JSON body: `{"error": {…}}`; `error_data` only for errors of the messaging product."""
        known = CATALOGUE.get(self.code, Known(400, "Unknown error"))
        error: dict[str, Any] = {
            "message": self.message or f"(#{self.code}) {known.title}",
            "type": self.type,
            "code": self.code,
        }
        details = self.details or known.details
        if details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        if self.is_transient:
            error["is_transient"] = True
        return {"error": error}

    def response(self) -> web.Response:
        """The whole HTTP answer."""
        status = self.http_status or CATALOGUE.get(self.code, Known(400, "")).http_status
        return answer(self.body(), status)


def answer(body: object, status: int = 200) -> web.Response:
    """A JSON answer with the content type that the Graph API uses."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers={"Content-Type": "application/json; charset=UTF-8"}
    )


def status_error(code: int, details: str = "") -> dict[str, Any]:
    """The same error as `statuses[].errors` and `messages[].errors` carry it."""
    known = CATALOGUE.get(code, Known(400, "Unknown error"))
    return {
        "code": code,
        "title": known.title,
        "message": known.title,
        "error_data": {"details": details or known.details or known.title},
        "href": _HREF,
    }


def invalid(message: str) -> GraphError:
    """A parameter the API cannot take (100), named in `message`."""
    return GraphError(100, message=f"(#100) {message}")


def missing(name: str) -> GraphError:
    """A parameter of the message that is not there (131008)."""
    return GraphError(131008, details=f"The parameter {name} is required.")


def no_such_object(object_id: str, verb: str) -> GraphError:
    """An object the token cannot see or that does not exist (100, subcode 33)."""
    return GraphError(
        100,
        message=(
            f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be loaded due to missing "
            "permissions, or does not support this operation"
        ),
        type="GraphMethodException",
        subcode=33,
    )
