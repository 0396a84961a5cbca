"""The alerts and the dashboard ask for metrics that there are."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.db.views import VIEWS
from pypisync.web.metrics import METRICS
from tests.sim.world import World
from tests.web.sites import Site

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


def test_the_container_is_asked_whether_it_lives_past_a_proxy(tmp_path: Path) -> None:
    """A proxy of the environment, by which the index is reached, does not reach the container."""
    steps = (DEPLOY / "Containerfile").read_text("utf-8")
    [words] = re.findall(r"^HEALTHCHECK .*\\\n +CMD (.*)$", steps, re.MULTILINE)
    command = json.loads(words)
    assert command[0] == "python"

    def asked(port: int) -> int:
        ask = [sys.executable, *(word.replace(":8080/", f":{port}/") for word in command[1:])]
        environment = {"http_proxy": "http://127.0.0.1:9", "PATH": os.defpath}
        return subprocess.run(ask, env=environment, stderr=subprocess.PIPE, check=False).returncode

    with Site(tmp_path, World()).running() as site:
        port = int(site.address.rpartition(":")[2])
        assert asked(port) == 0
    assert asked(port) == 1


def test_datasette_shows_the_views_and_hides_the_tables(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'pypisync.sqlite'}")
    catalog.prepare()
    with catalog.begin() as connection:
        tables = set(inspect(connection).get_table_names())
    catalog.close()
    text = (DEPLOY / "datasette.yaml").read_text("utf-8")
    head, _, listed = text.partition("    tables:\n")
    assert head.endswith("databases:\n  pypisync:\n")  # as Datasette calls pypisync.sqlite
    said = re.findall(r"^      (\w+):\n        (.+)", listed, re.MULTILINE)
    assert len(said) == len(re.findall(r"^ +\w+:$", listed, re.MULTILINE))
    shown = {name: json.loads(d.removeprefix("description: ")) for name, d in said if "desc" in d}
    assert shown == {view.name: view.comment for view in VIEWS}
    assert {name for name, what in said if what == "hidden: true"} == tables


def test_prometheus_takes_the_alerts() -> None:
    path = f"{os.environ['PATH']}:{sys.prefix}/programs/usr/bin"
    promtool = shutil.which("promtool", path=path)
    if promtool is None:
        pytest.skip("there is no promtool on this machine: tests/programs.sh fetches it")
    done = subprocess.run(
        [promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
