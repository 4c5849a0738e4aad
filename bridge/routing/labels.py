"""The buttons under what we say: what they are called, and what a press is about."""

from __future__ import annotations

from bridge.model import Button, Token


def choice_buttons(token: Token, *, may_claim: bool) -> tuple[Button, ...]:
    """What an author can do with a text in an unassigned conversation."""
    claim = (Button(name="claim_send", label="Claim & send", token=token, style="primary"),)
    return (
        *(claim if may_claim else ()),
        Button(name="send", label="Send", token=token),
        Button(name="keep", label="Keep internal", token=token),
    )


def undo_button(token: Token) -> Button:
    """Takes a held reply back."""
    return Button(name="undo_hold", label="Undo", token=token)


def compose_button() -> Button:
    """Opens the form in which messages are put together."""
    return Button(name="compose", label="Compose…")


def template_button() -> Button:
    """The same, where nothing but a template can be sent."""
    return Button(name="compose", label="Template…")


def correction_button(message: str) -> Button:
    """Sends what a delivered message was changed into."""
    return Button(name="correct", label="Send correction", token=Token(message), style="primary")


def retry_button(message: str) -> Button:
    """Sends a failed message again."""
    return Button(name="retry", label="Retry", token=Token(message), style="primary")


def when_answered_button(message: str) -> Button:
    """Keeps a refused text until the contact writes."""
    return Button(name="when_answered", label="Send when they answer", token=Token(message))


def drop_waiting_button(message: str) -> Button:
    """Takes such a text back."""
    return Button(name="drop_waiting", label="Don't send", token=Token(message), style="danger")


def fetch_button(message: str) -> Button:
    """Fetches a contact's file again."""
    return Button(name="fetch", label="Retry", token=Token(message), style="primary")


def uncertain_buttons(message: str) -> tuple[Button, ...]:
    """Settle a message of unknown fate."""
    return (
        Button(name="resend", label="Resend", token=Token(message)),
        Button(name="arrived", label="It arrived", token=Token(message)),
    )
