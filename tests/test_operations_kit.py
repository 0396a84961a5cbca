"""The alerts and the dashboard ask for metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pypisync.web.metrics import METRICS

DEPLOY = Path(__file__).parents[1] / "deploy"
ALERTS = DEPLOY / "prometheus-alerts.yaml"


def named(text: str) -> set[str]:
    return set(re.findall(r"\bpypisync_[a-z_]+", text))


def test_alerts_and_dashboard_name_metrics_that_there_are() -> None:
    assert named("\n".join(re.findall("expr: (.*)", ALERTS.read_text("utf-8")))) <= METRICS.keys()
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert named("\n".join(asked)) <= METRICS.keys()
    assert len(asked) > 15


def test_every_panel_has_a_place_of_its_own() -> None:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_alerts() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
