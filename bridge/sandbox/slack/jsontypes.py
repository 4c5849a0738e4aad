"""Names for decoded JSON."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""A JSON object."""

JsonValue = Any
"""Any JSON value."""
