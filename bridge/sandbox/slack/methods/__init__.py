"""The Web API methods, by family."""

from __future__ import annotations

from bridge.sandbox.slack.api import Method
from bridge.sandbox.slack.methods import chat, conversations, files, people, reactions, team, views

METHODS: dict[str, Method] = {
    method.name: method
    for family in (team, chat, conversations, files, people, reactions, views)
    for method in family.METHODS
}
"""Every method by name; what is not here answers `unknown_method`."""
