"""What cannot be sent as it was given."""

from __future__ import annotations


class UnfitError(Exception):
    """Values that do not fit; `words` say why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words
