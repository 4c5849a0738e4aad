"""The documents say what is so: tables come from the code, and every name in them exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

from bridge.adapters.slack.adapter import RECEIPTS
from bridge.adapters.slack.emoji import to_unicode
from bridge.bench.report import rows
from bridge.cli import app
from bridge.model import Mode, Receipt
from bridge.observe import Metrics
from bridge.settings import ProcessRole, fields, load_settings
from bridge.store.archive import tables
from tests.support.generated import DOCUMENTS, ROOT, filled

FILES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    *sorted(str(one.relative_to(ROOT)) for one in (ROOT / "docs").glob("*.md")),
]


def text_of(name: str) -> str:
    """A document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def source() -> str:
    """All code of the package."""
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bridge").rglob("*.py"))


# ------------------------------------------------------------------------------------------------ generated


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_parts_are_up_to_date(name: str) -> None:
    """After a change of commands, settings or receipts: `python -m tests.support.generated`."""
    assert text_of(name) == filled(name)


# ------------------------------------------------------------------------------------------ names that exist


@pytest.mark.parametrize("name", FILES)
def test_every_command_line_exists(name: str) -> None:
    """`threadline …` with its options, in texts and examples."""
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    for line in re.findall(r"(?:^|`|bin/)\s*threadline ([a-z][^`\n]*)", text_of(name), flags=re.MULTILINE):
        word, *rest = line.split()
        assert word in known, line
        command = known[word]
        if below := getattr(command, "commands", None):
            assert rest[:1] == [] or rest[0] in below, line
            command = below[rest[0]] if rest else command
        options = {option for one in command.params for option in one.opts}
        assert [one for one in rest if one.startswith("--") and one.split("=")[0] not in options] == [], line


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_a_setting(name: str) -> None:
    """Whoever copies one gets what it says. Inboxes carry an id in the second place."""
    for variable in re.findall(r"\bTHREADLINE_[A-Z_]*[A-Z]\b", text_of(name)):
        path = variable.removeprefix("THREADLINE_").removesuffix("_FILE").lower().split("__")
        path = [path[0], *path[2:]] if path[0] in fields.LISTS else path
        assert variable == "THREADLINE_CONFIG" or fields.field_at(path) is not None, variable


@pytest.mark.parametrize("name", FILES)
def test_every_dotted_setting_exists(name: str) -> None:
    """`web.port`, `slack.admin_channel` and so on."""
    sections = {path[0] for path, _ in fields.values() if len(path) > 1}
    named = re.findall(rf"`((?:{'|'.join(sections)})\.[a-z_]+)`", text_of(name))
    # Names of log events and of files look alike; they have tests of their own.
    missing = [one for one in named if fields.field_at(one.split(".")) is None]
    assert [one for one in missing if f'"{one}"' not in source()] == []


def test_every_metric_is_described_and_exists() -> None:
    """The table of metrics is complete, in both directions."""
    text = text_of("docs/operations.md")
    table = set(re.findall(r"^\| `(threadline_[a-z_]+)`", text, flags=re.MULTILINE))
    kinds = {"counter": "_total"}
    there = {
        family.name + kinds.get(family.type, "")
        for family in Metrics().registry.collect()
        if family.name.startswith("threadline_")
    }
    assert table == there
    assert set(re.findall(r"threadline_[a-z_]+[a-z]", text)) <= there


def test_every_table_of_the_archive_is_described() -> None:
    """Whoever writes a query finds each by its name."""
    described = set(re.findall(r"`(\w+)`", text_of("docs/archive.md")))
    assert {one.name for one in tables.metadata.tables.values()} - described == set()


def test_every_log_event_named_is_one() -> None:
    """What an operator is told to look for is really logged."""
    text = "".join(
        text_of(name) for name in FILES if name != "docs/architecture.md"
    )  # its dots are those of modules
    events = re.findall(
        r"`((?:lanes?|bridge|event|line|store|platform|slack|roster|contact|rest|redis)\.[a-z_]+)`", text
    )
    settings = {".".join(path) for path, _ in fields.values()}
    code = source()
    assert len(events) > 4
    assert [one for one in events if one not in settings and f'"{one}"' not in code] == []


def test_every_part_of_readiness_is_described() -> None:
    """An operator finds each name that /readyz may print."""
    wiring = "".join(
        (ROOT / "bridge" / name).read_text(encoding="utf-8") for name in ("app.py", "readiness.py")
    )
    parts = set(re.findall(r'checks\["(\w+)"\]|"(\w+)": self\.\w+_problem', wiring))
    names = {one or other for one, other in parts}
    assert names >= {"redis", "slack", "archive"}
    assert [one for one in names if f"`{one}`" not in text_of("docs/operations.md")] == []


def test_every_mode_and_role_is_described() -> None:
    """Nothing that can be chosen is left unexplained."""
    assert [one for one in Mode if f"`{one.value}`" not in text_of("README.md")] == []
    assert [one for one in ProcessRole if f"| `{one.value}` |" not in text_of("docs/operations.md")] == []
    assert set(RECEIPTS) == set(Receipt)
    assert all(to_unicode(name) for name in RECEIPTS.values())


@pytest.mark.parametrize("name", FILES)
def test_links_lead_somewhere(name: str) -> None:
    """Files exist, and so do the headings that a link names."""
    for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)", text_of(name)):
        file = (ROOT / name).parent / target if target else ROOT / name
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


# ------------------------------------------------------------------------------------------------ examples


def test_the_example_of_settings_is_complete(tmp_path: Path) -> None:
    """The file and the variables of the README are all that a first start needs."""
    text = text_of("README.md")
    (example,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    # Examples in a list are indented.
    lines = [line.removeprefix("   ") for line in example.splitlines()]
    file = tmp_path / "threadline.toml"
    file.write_text("\n".join(lines))
    tomllib.loads(file.read_text())
    variables = dict(re.findall(r"(THREADLINE_\w+)=(\S+)", text.split("```toml")[1].split("Each secret")[0]))
    assert len(variables) == 5
    settings = load_settings(file, variables)
    assert [one.id for one in settings.inboxes] == ["support"]


def test_the_figures_have_the_names_that_the_benchmark_prints() -> None:
    """What the README quotes can be measured again with `make bench`."""
    readme = text_of("README.md")
    quoted = re.findall(r"^\| ((?:capacity|CPU|webhook)[^|:]*)", readme, flags=re.MULTILINE)
    (rate,) = set(re.findall(r"^\| webhook to post at (\d+)/s", readme, flags=re.MULTILINE))
    printed = [name for name, _, _ in rows(float(rate))]
    assert len(quoted) >= 5
    assert [one for one in quoted if not any(name.startswith(one.strip()) for name in printed)] == []
