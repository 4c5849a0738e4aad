"""What is wrong with the settings, in words for the person who starts the program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One wrong or missing setting. Never holds the value of a secret."""

    name: str
    """As in the TOML file: `slack.bot_token`; or the file's name when it cannot be read."""
    env: str
    """The environment variable that sets the same; empty when there is none."""
    wrong: str
    """What is wrong, to be read after the name: `is missing`."""
    expected: str
    example: str
    """How it would be written in the file."""
    file_env: str = ""
    """For a secret: the variable that names a file with its value."""

    def __str__(self) -> str:
        lines = [f"{self.name} {self.wrong}"]
        if self.expected:
            lines.append(f"    expected  {self.expected}")
        if self.example:
            lines.append(f"    example   {self.example}")
        if self.env:
            other = f" (or {self.file_env}, the name of a file that holds it)" if self.file_env else ""
            lines.append(f"    or set    {self.env}{other}")
        return "\n".join(lines)


class SettingsError(Exception):
    """The settings cannot be used. Carries every problem, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{one.name} {one.wrong}" for one in problems))


def explain(error: SettingsError) -> str:
    """The text to print, without a stack trace, before leaving with exit code 2."""
    count = len(error.problems)
    head = "One setting needs your attention:" if count == 1 else f"{count} settings need your attention:"
    return "\n\n".join([head, *(str(one) for one in error.problems)]) + "\n"
