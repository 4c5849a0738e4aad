"""Finding a Chromium for the tests that drive the playground."""

import os
import shutil
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)


def find_chromium() -> Path | None:
    """The browser named by the variable CHROMIUM, else the first that is installed; None without one."""
    named = os.environ.get("CHROMIUM")
    found = next((path for name in (named, *_NAMES) if name and (path := shutil.which(name))), None)
    if found is not None:
        return Path(found)
    return next((place for place in _PLACES if place.exists()), None)
