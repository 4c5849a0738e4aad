"""The command behind `make soak`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tests.campaign.soak import soak


def main(
    minutes: Annotated[float, typer.Option(min=0, max=1440, help="No round begins after that.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="The first round's; the others count on from it.")] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="End after so many rounds, if not before.")
    ] = None,
) -> None:
    """Play rounds of the crash campaign and say what was survived. Exit code 1 when anything was wrong."""
    raise typer.Exit(asyncio.run(soak(minutes, seed, rounds)))


typer.run(main)
