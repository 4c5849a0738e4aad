"""A word to whoever answers, before the time for free text is over and the contact still waits."""

from __future__ import annotations

from datetime import timedelta

from bridge.events import WindowClosing
from bridge.model import Status
from bridge.routing import texts
from bridge.routing.turn import Turn


def closing(turn: Turn, event: WindowClosing) -> None:
    """The archive believes that a contact waits and that the window closes soon; here it is known."""
    conversation = turn.conversation(event.conversation)
    if conversation is None or conversation.status is not Status.ACTIVE:
        turn.ignore("not active")
        return
    until, since = conversation.window_until, conversation.waiting_since
    if until is None or since is None:
        turn.ignore("answered")
        return
    nudge = timedelta(seconds=turn.inbox(conversation.inbox).nudge_s)
    if not timedelta() < until - turn.now <= nudge:
        turn.ignore("not closing")
        return
    assignee = turn.context.roster.get(conversation.assignee)
    account = turn.account(assignee, conversation) if assignee else None
    turn.notice(conversation, texts.window_closing(turn.contact, since, until), mention=account)
