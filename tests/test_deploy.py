"""What is shipped for Prometheus and Grafana names metrics, labels and pages that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase

from bridge.observe import Metrics

ROOT = Path(__file__).parents[1]
ALERTS = (ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/threadline.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SELECTOR = re.compile(r"(threadline_\w+)(?:\{([^}]*)\})?")
SUFFIX = re.compile(r"_(total|bucket|count|sum)$")
OF_PROMETHEUS = {"job", "instance", "le"}


def labels_by_metric() -> dict[str, set[str]]:
    """The labels of every metric that a process shows."""
    collectors = Metrics().registry._collector_to_names
    found: dict[str, set[str]] = {}
    for collector, names in collectors.items():
        if isinstance(collector, MetricWrapperBase):
            found |= {SUFFIX.sub("", name): set(collector._labelnames) for name in names}
    return found


def expressions() -> list[str]:
    """All queries of the dashboard, and the alert rules as one text."""
    return [target["expr"] for panel in PANELS for target in panel["targets"]] + [ALERTS]


@pytest.mark.parametrize("query", expressions())
def test_queries_name_metrics_and_labels_that_exist(query: str) -> None:
    """A renamed metric must not leave an alert that never fires."""
    known = labels_by_metric()
    for name, selector in SELECTOR.findall(query):
        metric = SUFFIX.sub("", name)
        assert metric in known, f"{name} is no metric"
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector or ""))
        assert used <= known[metric] | OF_PROMETHEUS, f"{name} has no label {used - known[metric]}"


def test_every_alert_says_what_to_do_and_has_a_section() -> None:
    """Whoever is paged finds the alert's name on the page that says what to do."""
    names = re.findall(r"- alert: (\w+)", ALERTS)
    assert len(names) == len(set(names)) > 10
    assert ALERTS.count("action:") == ALERTS.count("summary:") == len(names)
    page = (ROOT / "docs/monitoring.md").read_text("utf-8")
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == names


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    """A dashboard that was edited by hand stays readable."""
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies over {taken[x, y]}"
                assert x < 24
                taken[x, y] = panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"] for panel in PANELS)
