"""What a file may be called: nothing that a name could do to whoever saves or reads it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from bridge.media.types import ENDINGS, RUNS

MOST = 120
"""Characters of a name, its ending included."""
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_ENDING = re.compile(r"\.([A-Za-z0-9]{1,8})$")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_UNNAMED: Mapping[str, str] = {
    "image": "picture",
    "video": "video",
    "audio": "audio",
    "voice": "voice-message",
    "document": "document",
    "sticker": "sticker",
}
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode's control, invisible and direction characters, and its line ends."""
_JOINERS = frozenset({"\u200d", "\u200c"})


def safe_name(given: str, kind: str, mime: str) -> str:
    """A name for a file of `kind` (`image`, `document` …) whose bytes are `mime`, made of the one it was `given`.

    Folders, control characters, invisible and direction-changing ones go; a name that is empty then gets an own one.
    An ending that would hide what the bytes are does not stand alone: a program is called `invoice.pdf.exe`.
    """
    name = given.replace("\\", "/").rpartition("/")[2]
    name = "".join(one for one in unicodedata.normalize("NFC", name) if _is_shown(one))
    name = " ".join(_FORBIDDEN.sub("_", name).split()).strip(" .")
    if not name:
        name = _UNNAMED.get(kind, "file")
    if _RESERVED.match(name):
        name = f"_{name}"
    true = ENDINGS.get(mime)
    found = _ENDING.search(name)
    ending = found[1] if found else ""
    if (
        true
        and ending.lower() != true
        and (not ending or (mime in RUNS and ending.lower() not in _same(true)))
    ):
        return f"{_cut(name, MOST - len(true) - 1)}.{true}"
    if len(name) > MOST and ending:
        return f"{_cut(name[: -len(ending) - 1], MOST - len(ending) - 1)}.{ending}"
    return _cut(name, MOST)


def _is_shown(one: str) -> bool:
    return one in _JOINERS or unicodedata.category(one) not in _HIDDEN


def _cut(name: str, most: int) -> str:
    return name[:most].rstrip(" .\u200d\u200c") or "file"


def _same(ending: str) -> tuple[str, ...]:
    """Other endings that say the same."""
    return {
        "html": ("htm", "xhtml"),
        "sh": ("bash", "py", "pl", "rb"),
        "bin": ("so", "dylib", "class", "elf"),
    }.get(ending, ("dll", "com", "scr", "sys") if ending == "exe" else ())
