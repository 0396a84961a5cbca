"""Readiness, status and metrics: before the first sync, when all is well, and with faults."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pypisync.catalog.bundles import fed
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import read_status
from pypisync.core.bundles.manifest import Point
from pypisync.core.bundles.succession import Fed
from pypisync.errors import UpstreamError
from pypisync.schedule import parse
from pypisync.status import fresh_until
from pypisync.storage.exports import Exported, Exports
from pypisync.web.counts import alone
from pypisync.web.health import Health
from pypisync.web.metrics import METRICS, Metrics
from tests.cli.running import invoke
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World
from tests.web.sites import Site, small_world

HOUR = parse("1 hour")


def figures(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_before_the_first_sync(tmp_path: Path, world: World) -> None:
    site = Site(tmp_path, world)
    with site.running():
        assert site.get("/healthz").json() == {"alive": True}
        ready = site.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "there is no database yet" in ready.json()["reasons"][0]
        status = site.get("/status.json")
        assert status.status_code == 503
        assert "there is no database yet" in status.json()["error"]
        found = figures(site.get("/metrics").text)
        assert (found["pypisync_catalog_up"], found["pypisync_ready"]) == (0, 0)
        assert site.get("/simple/").status_code == 404
    assert not (tmp_path / "data").exists()  # who only reads makes nothing


def test_the_catalog_is_asked_once_in_a_while(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]})
    clock = 0.0
    health = Health(tmp_path, bench.database, HOUR, now=lambda: clock)
    assert health.read().status is None
    bench.sync()
    assert health.read().status is None
    clock = 2.0
    first = health.read()
    assert first.status is not None
    clock = 3.9
    assert health.read() is first


def test_ready_while_cycles_get_to_their_end(tmp_path: Path, world: World, database: str) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]}, url=database)
    bench.sync()
    clock = bench.clock
    health = Health(tmp_path, database, HOUR, now=lambda: clock)
    status, answer = health.readiness()
    assert (status, answer["ready"], answer["reasons"]) == (200, True, [])
    assert (answer["serial"], answer["completed"]) == (world.serial, bench.clock)
    assert answer["held"] == {"releases": 0, "first": []}
    clock += 3 * 3600
    assert health.readiness()[0] == 200
    clock += 10
    status, answer = health.readiness()
    assert status == 503
    assert answer["reasons"] == [
        "the last completed cycle ended 10810 seconds ago, more than 10800"
    ]
    world.publish("a", "2.0")
    world.faults.fail("/packages/*/a-2.0-*.whl", 404)
    bench.clock = clock
    bench.sync()
    clock = bench.clock
    status, answer = health.readiness()
    assert status == 200  # what was published stays good
    assert answer["failed"]["count"] == 1
    assert answer["failed"]["first"].keys() == {"a-2.0-py3-none-any.whl"}
    assert answer["held"]["releases"] == 1
    [held] = answer["held"]["first"]
    assert (held["release"], held["since"]) == ("a==2.0", bench.clock)
    assert "not stored yet" in held["reason"]


def test_a_cycle_of_a_clock_that_ran_ahead_keeps_no_mirror_fresh(
    tmp_path: Path, world: World
) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]})
    bench.clock += 365 * 86400
    bench.sync()
    bench.clock -= 365 * 86400
    health = Health(tmp_path, bench.database, HOUR, now=lambda: bench.clock)
    assert health.readiness()[0] == 200
    world.faults.fail("*", 503)
    with pytest.raises(UpstreamError):
        bench.sync()
    assert health.readiness()[0] == 200
    bench.clock += 2 * 3600
    with pytest.raises(UpstreamError):
        bench.sync()
    bench.clock += 10
    status, answer = health.readiness()
    assert (status, answer["reasons"]) == (
        503,
        ["the last completed cycle ended 10810 seconds ago, more than 10800"],
    )


def test_not_ready_if_the_pages_are_gone(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]})
    bench.sync()
    health = Health(tmp_path / "elsewhere", bench.database, HOUR, now=lambda: bench.clock)
    assert health.readiness()[1]["reasons"] == ["nothing is published"]


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [("1 hour", 3 * 3600), ("1 min", 3600), ("2 days", 6 * 86400), ("0 6 * * 1-5", None)],
)
def test_how_long_a_cycle_keeps_a_mirror_fresh(schedule: str, seconds: int | None) -> None:
    friday = 1_763_712_000.0  # 2025-11-21 08:00 UTC
    until = fresh_until(parse(schedule), friday)
    if seconds is None:
        assert until > friday + 4 * 86400  # a weekend is no fault
    else:
        assert until == friday + seconds


def test_the_status_is_what_the_command_says(site: Site) -> None:
    answer = site.get("/status.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    said = invoke(site.folder / "pypisync.json5", "status", "--json").json
    changing = {"lag_minutes", "next_run", "free_bytes", "unready"}
    assert answer.json().keys() == said.keys()
    assert [key for key in said if answer.json()[key] != said[key] and key not in changing] == []
    assert said["well"] is (not said["unready"])  # the last cycle was long ago
    assert set(said["last"]["seconds"]) >= {"fetch", "publish"}


def test_metrics_say_what_the_status_says(tmp_path: Path) -> None:
    site = Site(tmp_path, small_world())
    site.bench.sync()
    site.world.publish("a-b", "2.0", requires=["nowhere"])
    site.world.publish("s", "2.0", wheels=(), sdist=True, build_requires=[])
    site.world.faults.fail("/packages/*/s-2.0*", 404)
    site.bench.sync()
    with site.running():
        for path in ("/simple/a-b/", "/simple/a-b/", "/simple/none/", "/simple/", "/x"):
            site.get(path)
        site.get(site.url(site.file("a_b-1.0-py3-none-any.whl")))
        site.get(site.url(site.file("a_b-1.0-py3-none-any.whl.metadata")))
        answer = site.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = figures(answer.text)
    with Reader(site.bench.database) as reader:
        status = read_status(reader)
    assert status.generation is not None
    assert found["pypisync_serial"] == status.serial == site.world.serial
    assert found["pypisync_generation"] == status.generation[0]
    assert found["pypisync_listed_files"] == status.listed["files"] == 3
    assert found["pypisync_listed_bytes"] == status.listed["bytes"]
    assert found["pypisync_held_releases"] == status.held == 1
    assert found["pypisync_lag_serials"] == 0
    assert found["pypisync_read_timestamp_seconds"] == site.bench.clock
    assert found["pypisync_unmet_requirements"] == status.unmet > 0
    assert found["pypisync_run_failed"] == 1
    assert found["pypisync_good_run_timestamp_seconds"] == site.bench.clock - 3600
    assert found["pypisync_completed_run_timestamp_seconds"] == site.bench.clock
    steps = {name.split()[1] for name in found if name.startswith("pypisync_run_step_")}
    assert steps == {"resume", "listen", "settle", "fetch", "publish", "prune"}
    told = {name: count for name, count in found.items() if "run_answers" in name}
    assert told["pypisync_run_answers changelog ok"] == 1
    assert told["pypisync_run_answers project ok"] == 2
    assert told["pypisync_run_answers project gone"] == 1
    assert told["pypisync_run_answers file ok"] == 1
    # Once for what it needs to be built, once more to publish it.
    assert told["pypisync_run_answers file gone"] == 2
    requests = {name: count for name, count in found.items() if "http_requests_total" in name}
    assert requests == {
        "pypisync_http_requests_total project 200": 2,
        "pypisync_http_requests_total project 404": 1,
        "pypisync_http_requests_total index 200": 1,
        "pypisync_http_requests_total other 404": 1,
        "pypisync_http_requests_total file 200": 1,
        "pypisync_http_requests_total metadata 200": 1,
    }


def test_openmetrics_for_who_asks_for_it(site: Site) -> None:
    answer = site.get("/metrics", "application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_every_metric_is_described_and_no_other(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]})
    bench.sync()
    catalog, last = bench.catalog(), Point(1, 1, "0" * 64)
    with catalog.begin() as connection:
        fed.set_fed(connection, Fed("0" * 32, last, 1, bench.clock, bench.clock))
    catalog.close()
    exported = Exported(last, bench.clock, "0" * 64, "", {}, "")
    Exports(tmp_path).reserve(exported)
    Exports(tmp_path).complete(exported)
    metrics = Metrics(Health(tmp_path, bench.database, HOUR, now=lambda: bench.clock), alone())
    metrics.count("file", 200)
    text = metrics.exposition("")[0].decode()
    there = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    there -= {name for name in there if name.endswith("_created")}
    assert set(METRICS) == there
