"""The project's own files keep their promises: pins, commands, and nothing that belongs to one machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import bridge

ROOT = Path(__file__).parents[1]
TEXT = {
    ".cfg",
    ".css",
    ".editorconfig",
    ".html",
    ".ini",
    ".js",
    ".json",
    ".lua",
    ".md",
    ".py",
    ".sh",
    ".toml",
}
TEXT |= {".txt", ".yaml", ".yml", ""}


def tracked() -> list[Path]:
    """The files that belong to the project; without git (an unpacked archive) everything but hidden folders."""
    git = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if git.returncode == 0:
        names = [name for name in git.stdout.decode().split("\0") if name]
    else:
        files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = [str(path) for path in files if not path.parts[0].startswith(".")]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """The text of every tracked file by name, but for this one, which names what it looks for."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8", errors="replace")
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
    }


def makefile() -> str:
    """The Makefile's text."""
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    """Package to version, of one requirements file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE))


# --------------------------------------------------------------------------------------------- every file


@pytest.mark.parametrize(
    "pattern",
    [
        r"pypi\.org|pythonhosted|\bpypi\b.*://|--(extra-)?index-url|--find-links",
        r"registry\.npmjs|registry\.yarnpkg",
        r"/work/(main|shared)|\.\./shared|/opt/(pypi|wheels)|/tmp/brief",
        r"/home/[a-z]+/|/Users/[a-z]+/",
    ],
)
def test_no_file_names_a_registry_or_one_machine(pattern: str) -> None:
    """Where packages come from is the user's setting, and paths of one machine work on no other."""
    assert [name for name, text in texts().items() if re.search(pattern, text)] == []


def test_there_is_no_lock_file_of_one_tool() -> None:
    """The hashed requirements are the only pins."""
    names = {path.name for path in tracked()}
    assert names.isdisjoint({"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"})


def test_nothing_that_a_run_leaves_behind_is_kept() -> None:
    """Caches, databases and secrets stay out of the history."""
    left = re.compile(r"(^|/)(\.venv|__pycache__|\.mypy_cache|node_modules)/|\.(pyc|rdb|aof|sqlite3)$")
    names = [str(path.relative_to(ROOT)) for path in tracked()]
    assert [name for name in names if left.search(name) or name == "threadline.toml"] == []


# -------------------------------------------------------------------------------------------------- pins


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_pin_has_hashes_and_nothing_else(name: str) -> None:
    """A hash for each file, no option lines, no comments: any registry or mirror can serve them."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    line = re.compile(
        r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
    )
    assert [one for one in text.splitlines() if not line.fullmatch(one)] == []
    assert len(pins(name)) > 40


def test_what_runs_is_what_was_tested() -> None:
    """The test environment has the same version of everything that the demo runs with."""
    assert pins("run.txt").items() <= pins("dev.txt").items()


def test_every_dependency_is_pinned() -> None:
    """A dependency added to pyproject.toml needs `make pins`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    run = [*project["dependencies"], *extras["embedded"], *extras["fast"], *extras["checkout"]]
    dev = [one for one in extras["dev"] if not one.startswith("threadline")]
    name = re.compile(r"[A-Za-z0-9._-]+")
    for wanted, file in ((run, "run.txt"), (run + dev, "dev.txt")):
        names = {found[0] for one in wanted if (found := name.match(one))}
        assert names - pins(file).keys() == set()


# ---------------------------------------------------------------------------------------------- commands


def test_every_make_target_is_documented() -> None:
    """`make` alone lists each target with what it does."""
    phony = re.search(r"^\.PHONY: (.+)$", makefile(), flags=re.MULTILINE)
    assert phony is not None
    documented = dict(re.findall(r"^([a-z]+):.*## (.+)$", makefile(), flags=re.MULTILINE))
    assert set(phony[1].split()) == set(documented)
    assert {"demo", "test", "fmt", "bench", "help"} <= set(documented)


def test_make_alone_shows_the_list() -> None:
    """The default target sets nothing up and tells what there is."""
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"make demo +\S+", shown)
    assert re.search(r"make test +\S+", shown)


def test_make_test_runs_every_check() -> None:
    """What continuous integration relies on is all behind one command."""
    recipe = makefile().split("\ntest:", 1)[1].split("\n\n", 1)[0]
    for command in ("ruff format --check", "ruff check", "mypy", "pytest"):
        assert command in recipe


def test_continuous_integration_runs_make_test() -> None:
    """`.ci/run` adds a browser and nothing else to what everybody runs."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").rstrip().endswith("\nmake test")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_a_make_command_in_the_documents_exists(name: str) -> None:
    """Nobody is sent to a target that is not there."""
    targets = set(re.findall(r"^([a-z]+):", makefile(), flags=re.MULTILINE))
    text = (ROOT / name).read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^|\s{2})make ([a-z]+)", text, flags=re.MULTILINE)) - targets == set()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"])
def test_links_in_the_documents_lead_somewhere(name: str) -> None:
    """A relative link points to a file of the project."""
    file = ROOT / name
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", file.read_text(encoding="utf-8"))
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_the_changelog_knows_this_version_or_what_comes_next() -> None:
    """A release without an entry would leave users guessing."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE) or f"## [{bridge.__version__}]" in text


def test_the_licence_is_complete() -> None:
    """Apache-2.0, as pyproject.toml says."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
