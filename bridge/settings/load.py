"""Reading settings: the environment wins over files named in it, and both win over the TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from bridge.settings import fields, review
from bridge.settings.problems import Problem, SettingsError
from bridge.settings.tree import Settings

Tree = dict[str, Any]

CONFIG_VARIABLE = "THREADLINE_CONFIG"
DEFAULT_FILE = Path("threadline.toml")


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check all settings.

    `path` is the TOML file; without it the one named by THREADLINE_CONFIG, or `threadline.toml` if there is
    one. `environ` is the environment to read (`os.environ`). Raises SettingsError with every problem found.
    """
    problems: list[Problem] = []
    tree = _from_file(path, environ, problems)
    unread = list(problems)
    for variables in _variables(environ, problems):
        tree = _overlay(tree, _Environment(variables)())
    problems += review.missing_and_clashing(tree)
    try:
        settings = Settings(**tree)
    except ValidationError as error:
        problems = review.from_pydantic(error, tree) + problems
        if unread:  # what seems to be missing stands most likely in it
            problems = unread + [one for one in problems if not one.wrong.startswith("is missing")]
    else:
        if not problems:
            return settings
    raise SettingsError(review.unique(problems))


def settings_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file that `load_settings` reads; None when there is none. A file that is named need not exist."""
    named = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    return named or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def shipped_config(name: str) -> Path:
    """The path of a file of the project's `config/` folder, in a checkout and in an installed wheel.

    Raises FileNotFoundError when there is no such file.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "_config", package.parent / "config"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"no configuration file named {name} was shipped")


class _Environment(EnvSettingsSource):
    """Variables of our prefix as a tree. Text that is not JSON stays text, for the review to complain about."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in variables.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - as above
        """Decode a list or table; also lists written with commas, which the tree splits."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _from_file(path: Path | None, environ: Mapping[str, str], problems: list[Problem]) -> Tree:
    file = settings_file(path, environ)
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        wrong = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        wrong = f"is not valid TOML: {error}"
    expected = "a TOML file as config/threadline.example.toml shows it"
    problems.append(Problem(str(file), CONFIG_VARIABLE, wrong, expected, "threadline serve --config FILE"))
    return {}


def _variables(environ: Mapping[str, str], problems: list[Problem]) -> tuple[dict[str, str], ...]:
    """Split our variables into layers, the weakest first: whole lists, values from files, plain values."""
    lists: dict[str, str] = {}
    from_files: dict[str, str] = {}
    direct: dict[str, str] = {}
    ours = dict(_ours(environ))
    for name, value in ours.items():
        path = _path(name)
        base = name.removesuffix("_FILE")
        field = fields.field_at(_path(base))
        if fields.field_at(path) is not None:
            (lists if path[-1] in fields.LISTS else direct)[name] = value
        elif field is None or base == name or not fields.is_secret(field):
            problems.append(review.unknown_variable(name, path))
        elif base not in ours:
            text = _read_secret(name, value, problems)
            if text is not None:
                from_files[base] = text
    return lists, from_files, direct


def _ours(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables with our prefix and a value. An empty one counts as not set, as compose files leave them."""
    for given, value in environ.items():
        name = given.upper()
        if (
            name.startswith(fields.PREFIX)
            and name != CONFIG_VARIABLE
            and value
            and not review.is_service_link(name, value)
        ):
            yield name, value


def _path(name: str) -> fields.Path:
    """The path of a variable, without the key that picks an entry of a repeated table."""
    parts = name.removeprefix(fields.PREFIX).lower().split(fields.NESTED)
    if parts[0] in fields.LISTS and len(parts) > 1:
        del parts[1]
    return tuple(parts)


def _read_secret(name: str, file: str, problems: list[Problem]) -> str | None:
    try:
        text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        wrong = f"names {file}, which cannot be read: {reason}"
        problems.append(Problem(name, "", wrong, "the name of a file that holds the secret", ""))
        return None
    return text


def _overlay(below: Tree, above: Tree) -> Tree:
    """Merge two trees; `above` wins. Entries of a repeated table are found by id or position."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if key in fields.LISTS and isinstance(value, dict):
            merged[key] = _overlay_entries(old if isinstance(old, list) else [], value)
        elif isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _overlay(old, value)
        else:
            merged[key] = value
    return merged


def _overlay_entries(entries: list[Any], changes: Tree) -> list[Any]:
    merged = list(entries)
    for key, change in changes.items():
        names = [fields.entry_key(entry) for entry in merged]
        if key in names:
            place = names.index(key)
        elif key.isdecimal() and int(key) < len(merged):
            place = int(key)
        else:
            place = len(merged)
            merged.append({"id": key.replace("_", "-")})
        entry = merged[place]
        both = isinstance(entry, dict) and isinstance(change, dict)
        merged[place] = _overlay(entry, change) if both else change
    return merged
