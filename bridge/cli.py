"""The command `threadline`."""

from __future__ import annotations

import asyncio
import enum
import json
import os
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import __version__
from bridge.settings import (
    DEFAULT_FILE,
    ProcessRole,
    Settings,
    SettingsError,
    SlackMode,
    explain,
    load_settings,
    settings_file,
)

app = typer.Typer(
    name="threadline",
    help="WhatsApp Business conversations, answered from the threads where your team already works.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

USAGE_ERROR = 2


class Direction(enum.StrEnum):
    """Which way a message went, as it is typed."""

    IN = "in"
    OUT = "out"
    NOTE = "note"


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The settings file. Default: threadline.toml, if it is there."),
]


def main() -> None:
    """Run the command line. Exit codes: 0 well, 1 something failed, 2 the settings or arguments are wrong."""
    app()


def _settings(config: Path | None, **changes: object) -> Settings:
    """Load the settings; say all that is wrong with them at once and exit with 2."""
    try:
        settings = load_settings(config, os.environ)
    except SettingsError as error:
        typer.echo(explain(error), err=True)
        if settings_file(config, os.environ) is None:
            typer.echo(f"No settings file was read: there is no {DEFAULT_FILE} in {Path.cwd()}.", err=True)
        raise typer.Exit(USAGE_ERROR) from None
    return settings.model_copy(update=changes) if changes else settings


def chosen_roles(words: Sequence[str]) -> tuple[ProcessRole, ...]:
    """The roles that `--role` names; they win over those of the settings. Raises `typer.BadParameter`."""
    known = {one.value: one for one in ProcessRole}
    unknown = [one for one in words if one not in known and one != "all"]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is no role; expected web, worker, scheduler or all", param_hint="--role"
        )
    return tuple(ProcessRole) if "all" in words else tuple(known[one] for one in words)


def _run(work: Coroutine[Any, Any, int]) -> None:
    """Run to the end on uvloop where it is installed; exit with what `work` returns."""
    try:
        import uvloop  # noqa: PLC0415 - optional, and only wanted here
    except ImportError:
        raise typer.Exit(asyncio.run(work)) from None
    raise typer.Exit(uvloop.run(work))


@app.command()
def serve(
    config: ConfigOption = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="web, worker, scheduler or all; may be given several times."),
    ] = None,
) -> None:
    """Run the bridge."""
    changes = {"roles": chosen_roles(role)} if role else {}
    from bridge.serve import serve as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config, **changes)))


@app.command()
def check(config: ConfigOption = None) -> None:
    """Try everything the settings name: tokens, scopes, channels, webhook, Redis. Changes nothing."""
    from bridge.check import check as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config)))


@app.command("slack-manifest")
def slack_manifest(
    mode: Annotated[SlackMode, typer.Option(help="How Slack's events shall reach the bridge.")] = (
        SlackMode.SOCKET
    ),
    url: Annotated[
        str | None,
        typer.Option(help="The bridge's public address, for mode http: https://bridge.example.com"),
    ] = None,
) -> None:
    """Print the app manifest to paste into Slack when you create the app."""
    from bridge.adapters.slack.manifest import manifest  # noqa: PLC0415 - keeps --help quick

    if mode is SlackMode.HTTP and not (url and url.startswith("https://")):
        raise typer.BadParameter(
            "mode http needs the address that Slack can reach, e.g. --url https://bridge.example.com",
            param_hint="--url",
        )
    typer.echo(json.dumps(manifest(mode.value, url), indent=2, ensure_ascii=False))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Where the playground is served.")] = 8080,
    bridge_port: Annotated[int, typer.Option(help="Where the bridge itself listens.")] = 8000,
    data: Annotated[
        Path | None, typer.Option(help="Keep the data here; by default it is gone when the demo ends.")
    ] = None,
) -> None:
    """Try it in a browser: sandbox, Valkey and bridge in one process, no account and no key needed."""
    from bridge.demo import demo as run  # noqa: PLC0415 - keeps --help quick

    _run(run(port, bridge_port, data))


@app.command()
def sandbox(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The sandbox's settings (TOML).")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Where it listens.")] = None,
) -> None:
    """Run the sandbox alone: a WhatsApp and a Slack to point a bridge at."""
    from bridge.demo import sandbox as run  # noqa: PLC0415 - keeps --help quick

    _run(run(config, port))


@app.command()
def bench(
    messages: Annotated[
        int, typer.Option(min=100, max=100_000, help="Messages of the capacity measurement.")
    ] = 6000,
    runs: Annotated[int, typer.Option(min=1, max=20, help="Times that everything is measured.")] = 3,
    rate: Annotated[
        float, typer.Option(min=1, max=10_000, help="Messages a second while latency is measured.")
    ] = 500.0,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="One part: relay, acks, replies, stalls, limits, memory, rest, lookups or archive; may be repeated.",
        ),
    ] = None,
    large: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--large", help="Memory at 100,000 conversations, look-ups and searches among a million; slow."
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write all figures to this file.")
    ] = None,
) -> None:
    """Measure capacity, processor time, latency, memory and limits. Loopback only; a few minutes."""
    from bridge import bench as benchmark  # noqa: PLC0415 - keeps --help quick
    from bridge.observe import configure_logging  # noqa: PLC0415 - as above

    unknown = [one for one in only or () if one not in benchmark.PARTS]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is no part; expected {', '.join(benchmark.PARTS)}", param_hint="--only"
        )
    configure_logging("warning")
    options = benchmark.Options(
        parts=tuple(only or benchmark.PARTS),
        load=benchmark.Load(messages=messages, rate=rate),
        runs=runs,
        json=json_file,
    )
    if large:
        options = replace(
            options,
            opened=benchmark.LARGE_OPENED,
            rested=benchmark.LARGE_RESTED,
            known=benchmark.LARGE_KNOWN,
            searched=benchmark.LARGE_SEARCHED,
        )
    _run(benchmark.bench(options))


@app.command()
def verify(
    *,
    since: Annotated[str, typer.Option(help="From when on: 90m, 1d, 7d, or a date.")] = "1d",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds that the archive may take to catch up.")
    ] = 10.0,
    config: ConfigOption = None,
) -> None:
    """Check that every message was shown or sent, once and in order (docs/ledger.md); 1 when not."""
    from bridge.operate.common import instant  # noqa: PLC0415 - keeps --help quick
    from bridge.operate.verify import verify as run  # noqa: PLC0415 - keeps --help quick

    settings, begin = _settings(config), instant(since, "--since")
    assert begin is not None  # noqa: S101 - it has a default
    _run(run(settings, begin, as_json=json_output, wait_s=wait))


replay = typer.Typer(
    help="Dead letters: events that could not be decided. List, show, retry or drop them.",
    no_args_is_help=True,
)
app.add_typer(replay, name="replay")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
LetterArgument = Annotated[str, typer.Argument(metavar="ID", help="From the list, as s7:1700000000000-0.")]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Also what this release cannot read, or what is held back by an older one."),
]


@replay.command("list")
def replay_list(
    *,
    config: ConfigOption = None,
    json_output: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 100,
) -> None:
    """List the dead letters, oldest first."""
    from bridge.operate.replay import show_all  # noqa: PLC0415 - keeps --help quick

    _run(show_all(_settings(config), as_json=json_output, limit=limit))


@replay.command("show")
def replay_show(
    letter: LetterArgument,
    *,
    config: ConfigOption = None,
    json_output: JsonOption = False,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show phone numbers in full.")] = False,
) -> None:
    """Show all of one dead letter, and what can be done about it."""
    from bridge.operate.replay import show  # noqa: PLC0415 - keeps --help quick

    _run(show(_settings(config), letter, as_json=json_output, unmasked=unmasked))


@replay.command("retry")
def replay_retry(
    letters: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="One or several ids.")] = None,
    *,
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Retry all of them, in order.")] = False,
    force: ForceOption = False,
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait for the outcome.")] = 10.0,
) -> None:
    """Put dead letters back under the same event ids, and say what became of them."""
    from bridge.operate.replay import retry  # noqa: PLC0415 - keeps --help quick

    if bool(letters) == everything:
        raise typer.BadParameter("name the dead letters to retry, or say --all", param_hint="ID")
    _run(retry(_settings(config), letters or [], everything=everything, force=force, wait_s=wait))


@replay.command("drop")
def replay_drop(
    letter: LetterArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")],
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: ForceOption = False,
) -> None:
    """Drop a dead letter for good."""
    from bridge.operate.replay import drop  # noqa: PLC0415 - keeps --help quick

    if not reason.strip():
        raise typer.BadParameter("say why, for whoever asks later", param_hint="--reason")
    sure = (lambda _question: True) if yes else typer.confirm
    _run(drop(_settings(config), letter, reason=reason.strip(), force=force, sure=sure))


ContactOption = Annotated[
    str | None,
    typer.Option(
        "--contact",
        metavar="WHO",
        help="A phone number in any spelling, a conversation's number (#1042), an @username, or an id.",
    ),
]


@app.command()
def export(
    contact: ContactOption = None,
    since: Annotated[
        str | None, typer.Option(help="Leave out what happened before: 30d, 12h, or a date.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The file to write; else standard output.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write what the archive knows of a contact, or of all, as JSON Lines (docs/privacy.md)."""
    from bridge.operate.common import instant  # noqa: PLC0415 - keeps --help quick
    from bridge.operate.export import export as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config), contact, instant(since, "--since"), out))


@app.command()
def forget(
    who: Annotated[
        str,
        typer.Argument(
            help="A phone number in any spelling, a conversation's number, an @username, or an id."
        ),
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what there is, and change nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also while a conversation is active or something is being sent.")
    ] = False,
    delete_posts: Annotated[
        bool, typer.Option("--delete-posts", help="Delete the bot's posts about the contact, too.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who asked for it; kept. Default: your login name.")] = None,
    config: ConfigOption = None,
) -> None:
    """Erase a contact from the archive and from Redis, for good (docs/privacy.md)."""
    from bridge.operate.forget import Options, login  # noqa: PLC0415 - keeps --help quick
    from bridge.operate.forget import forget as run  # noqa: PLC0415 - keeps --help quick

    options = Options(
        by=by or login(os.environ, os.getuid()),
        yes=yes,
        dry_run=dry_run,
        force=force,
        delete_posts=delete_posts,
    )
    _run(run(_settings(config), who, options, _typed))


def _typed(question: str) -> str:
    """Ask; whatever is typed."""
    answer: str = typer.prompt(question, default="", show_default=False, prompt_suffix="")
    return answer


campaign = typer.Typer(help="Know what other programs sent to contacts.", no_args_is_help=True)
app.add_typer(campaign, name="campaign")


@campaign.command("import")
def campaign_import(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV in UTF-8 with a heading: phone, template, campaign, sent_at, message_id. `-`: standard input.",
        ),
    ],
    *,
    inbox: Annotated[str, typer.Option(help="The inbox whose number it was sent from.")],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out lines that make no sense, and import the others.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Take in a list of messages that were sent elsewhere: cards and !who show them, with what came back."""
    from bridge.operate.campaign import run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config), source, inbox, skip=skip_bad))


archive = typer.Typer(help="Look after the archive.", no_args_is_help=True)
app.add_typer(archive, name="archive")


@archive.command("status")
def archive_status(config: ConfigOption = None) -> None:
    """Say what the archive holds, and how far it is behind."""
    from bridge.operate.archive import status as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config)))


@archive.command("migrate")
def archive_migrate(config: ConfigOption = None) -> None:
    """Bring the archive up to date with this release; `serve` does the same at its start."""
    from bridge.operate.archive import migrate as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config)))


@archive.command("rebuild")
def archive_rebuild(config: ConfigOption = None) -> None:
    """Make every table anew from the journal. Reading goes on meanwhile, and what happens waits in Redis."""
    from bridge.operate.archive import rebuild as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config)))


@archive.command("prune")
def archive_prune(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Delete now what is older than archive.retention_days, as it is done every night (docs/privacy.md)."""
    from bridge.operate.prune import prune as run  # noqa: PLC0415 - keeps --help quick

    _run(run(_settings(config), dry_run=dry_run))


@app.command()
def search(  # noqa: PLR0913 - one for each option
    words: Annotated[
        str, typer.Argument(help='Words, "a phrase", -left out, begin*. Every one has to be there.')
    ],
    *,
    contact: ContactOption = None,
    inbox: Annotated[list[str] | None, typer.Option(help="Only in this inbox; may be repeated.")] = None,
    direction: Annotated[
        Direction | None, typer.Option(help="Only what came in, went out, or stayed inside as a note.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only later than: 30d, 12h, or a date.")] = None,
    until: Annotated[str | None, typer.Option(help="Only earlier than: 30d, 12h, or a date.")] = None,
    before: Annotated[int | None, typer.Option(help="Go on where the last page ended.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many to show.")] = 20,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Search what was said, and contacts, newest first (docs/search.md)."""
    from bridge.operate.common import instant  # noqa: PLC0415 - keeps --help quick
    from bridge.operate.search import Asked  # noqa: PLC0415 - keeps --help quick
    from bridge.operate.search import search as run  # noqa: PLC0415 - keeps --help quick

    asked = Asked(
        words=words,
        contact=contact,
        inboxes=None if inbox is None else tuple(inbox),  # type: ignore[arg-type]
        direction=None if direction is None else direction.value,
        since=instant(since, "--since"),
        until=instant(until, "--until"),
        before=before,
        limit=limit,
        as_json=json_output,
    )
    _run(run(_settings(config), asked))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
