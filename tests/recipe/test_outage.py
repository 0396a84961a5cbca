"""Upstream without one of its faces, slow or refusing; a disk that is full; a lock that is held."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from pypisync.catalog.db.transactions import Catalog
from pypisync.cycle.sync import sync_once
from pypisync.errors import CatalogError, StorageError, Unreachable, UpstreamError
from pypisync.storage import disk
from pypisync.storage.lock import writer_lock
from pypisync.storage.pool import Pool
from tests.recipe.closed import unmet
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, read_tree, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World


def first(world: World) -> None:
    world.publish("app", "1.0", requires=["lib<2", "gone"])
    world.publish("lib", "1.0")
    world.publish("lib", "1.5")
    world.publish("lib", "2.0")
    world.yank("lib", "1.5", reason="broken")
    world.publish("gone", "1.0")


def then(world: World) -> None:
    world.publish("app", "2.0", requires=["lib", "new"])
    world.publish("new", "1.0", metadata=False, requires=["lib<2"])
    world.publish("lib", "2.1")


FIRST = {"app": {"1.0"}, "lib": {"1.0"}, "gone": {"1.0"}}
THEN = {"app": {"2.0"}, "lib": {"1.0", "2.1"}, "new": {"1.0"}}


@pytest.mark.parametrize(
    "missing", ["xmlrpc", "simple", "json_api", "releases_key", "etags", "ranges"]
)
@pytest.mark.parametrize("since", ["always", "later"])
def test_an_upstream_without_one_of_its_faces(
    missing: str, since: str, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    upstream = wired()
    bench = Bench(tmp_path, upstream, {"app": ["latest"]})
    if since == "always":
        setattr(world.faults, missing, False)
    first(world)
    assert bench.sync().exit_code == 0
    assert bench.listed() == FIRST
    setattr(world.faults, missing, False)
    then(world)
    if (missing, since) == ("simple", "later"):
        # A poorer document than the known one settles nothing: it lacks statuses.
        assert set(bench.sync().failed) == {"app", "lib"}
        assert bench.listed() == FIRST
        return
    assert bench.sync().exit_code == 0
    assert bench.listed() == THEN
    assert unmet(tmp_path) == set()
    assert upstream.kind == ("serials" if missing == "xmlrpc" else "changelog")
    before = tree_bytes(tmp_path)
    world.heal()
    bench.upstream = wired()
    assert bench.sync().exit_code == 0
    assert tree_bytes(tmp_path) == before


@pytest.mark.parametrize("since", ["always", "later"])
def test_the_json_api_alone_without_old_releases_takes_nothing_away(
    since: str, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    first(world)
    if since == "later":
        bench.sync()
        assert bench.listed() == FIRST
    world.faults.simple = world.faults.releases_key = False
    then(world)
    bench.upstream = wired()
    bench.sync()
    if since == "later":
        assert bench.listed()["lib"] >= {"1.0"}
    world.heal()
    bench.upstream = wired()
    for name in ("app", "lib", "new"):
        world.role_change(name)
    assert bench.sync().exit_code == 0
    assert bench.listed() == THEN


def test_an_index_that_answers_nothing_about_the_roots_is_said_to_be_none(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    first(world)
    world.faults.xmlrpc = world.faults.simple = world.faults.json_api = False
    with pytest.raises(Unreachable, match="check the endpoint"):
        bench.sync()
    assert bench.query("SELECT outcome FROM v_runs") == [("failed",)]
    world.heal()
    bench.upstream = wired()
    bench.sync()
    bench.sync()
    assert bench.listed() == FIRST


def test_an_upstream_that_is_down_changes_nothing(tmp_path: Path, world: World) -> None:
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]})
    first(world)
    bench.sync()
    before = tree_bytes(tmp_path)
    then(world)
    world.faults.fail("*", "drop")
    with pytest.raises(Unreachable):
        bench.sync()
    assert tree_bytes(tmp_path) == before
    world.heal()
    world.faults.fail("/simple/", 503)
    world.faults.fail("/pypi", 503, times=1)  # the first page of the changelog, and no more
    with pytest.raises(Unreachable):
        bench.sync()
    bench.sync()
    assert bench.listed() == THEN


def test_rate_limits_are_waited_for(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    first(world)
    world.faults.rate_limit(times=2, seconds=40)
    world.faults.retry_after = 40
    for path in ("/simple/lib/", "*/app-1.0-*.whl", "*/gone-*.metadata"):
        world.faults.fail(path, 429, times=2)
    bench = Bench(tmp_path, wired(retries=2), {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    assert bench.listed() == FIRST
    world.faults.rate_limit(times=10, seconds=40)
    assert bench.sync().exit_code == 0
    assert bench.upstream.feeds[0].kind == "serials"


@pytest.mark.parametrize("seed", range(4))
def test_a_bad_day_upstream_heals(seed: int, tmp_path: Path, world: World) -> None:
    """Half of all requests fail; whatever comes of it is closed, and nothing is lost."""
    bench = Bench(tmp_path, MemoryUpstream(world, attempts=2), {"app": ["latest"]})
    first(world)
    bench.sync()
    assert bench.listed() == FIRST
    then(world)
    world.faults.random(seed, 0.5)
    for _ in range(3):
        try:
            bench.sync()
        except UpstreamError:
            continue
        listed = bench.listed()
        assert listed["app"]
        assert unmet(tmp_path) == set()
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed() == THEN


# -- projects that come and go ------------------------------------------------------------------


def test_a_dependency_that_vanishes_and_comes_back(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    first(world)
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, grace=7200)
    bench.sync()
    assert bench.listed() == FIRST
    world.remove_project("gone")
    assert bench.sync().failed == {}
    assert bench.listed().keys() == {"app", "lib"}
    reasons = "SELECT project, requirement, reason FROM v_unmet"
    assert bench.query(reasons) == [("app", "gone", "upstream has no such project")]
    assert bench.query("SELECT status FROM v_projects WHERE name = 'gone'") == [("gone",)]
    world.publish("gone", "1.1", requires=["lib"])
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0", "2.0"}, "gone": {"1.1"}}
    assert bench.unmet() == set()


def test_a_quarantine_hides_at_once_and_ends(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    first(world)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    world.quarantine("gone")
    bench.sync()
    assert bench.listed() == FIRST | {"gone": set()}  # its page says why
    assert bench.query("SELECT status FROM v_projects WHERE name = 'gone'") == [("quarantined",)]
    world.clear_quarantine("gone")
    assert bench.sync().exit_code == 0
    assert bench.listed() == FIRST


@pytest.mark.parametrize("how", ["remove_project", "quarantine"])
def test_without_xmlrpc_too(
    how: str, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    """The root of the simple index no longer names it: that is all there is to see."""
    first(world)
    world.faults.xmlrpc = False
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    bench.sync()
    assert bench.listed() == FIRST
    getattr(world, how)("gone")
    bench.sync()
    bench.sync()  # one answer that it is not there proves nothing
    assert bench.listed().get("gone", set()) == set()


# -- the disk -----------------------------------------------------------------------------------


@contextmanager
def failing(step: str, number: int, code: int) -> Iterator[None]:
    """Let the disk fail at one kind of step, from its so-manieth time on."""
    seen = 0

    def fail(what: str, path: Path) -> None:
        nonlocal seen
        seen += what == step and path.name != ".lock"
        if what == step and seen >= number:
            raise OSError(code, os.strerror(code))

    before, disk.before = disk.before, fail
    try:
        yield
    finally:
        disk.before = before


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("step", ["folder", "open", "write", "sync", "rename"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_fails_stops_the_cycle_and_says_what_to_do(
    step: str, number: int, code: int, tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    first(world)
    bench.sync()
    then(world)
    with failing(step, number, code), pytest.raises(StorageError, match=r"free space|writable"):
        bench.sync()
    read_tree(tmp_path)
    assert unmet(tmp_path) == set()
    assert bench.query("SELECT outcome FROM v_runs ORDER BY run")[-1] == ("failed",)
    assert bench.sync().exit_code == 0
    assert bench.listed() == THEN


def test_the_reserve_is_kept_free(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    first(world)
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    mirror.pool = Pool(tmp_path, reserve=2**60)
    report = sync_once(mirror)
    catalog.close()
    assert report.exit_code == 1
    assert "does not fit" in report.failed["app==1.0"]
    assert bench.listed() == {}
    bench.sync()
    assert bench.listed() == FIRST


@pytest.mark.parametrize("part", ["packages", "simple", ".partial"])
def test_a_file_where_a_folder_should_be(
    part: str, tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    first(world)
    (tmp_path / part).write_text("in the way", encoding="utf-8")
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    with pytest.raises(StorageError, match=f"{part}: something else stands"):
        bench.sync()
    (tmp_path / part).unlink()
    bench.sync()
    assert bench.listed() == FIRST


def test_a_part_that_was_damaged_is_fetched_anew(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    first(world)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    world.faults.fail("*/lib-*.whl", "truncate")
    report = bench.sync()
    assert set(report.held) == {"app==1.0", "lib==1.0"}
    [part] = (tmp_path / ".partial").iterdir()
    part.write_bytes(b"\0" * len(part.read_bytes()))
    world.heal()
    memory = MemoryUpstream(world, attempts=2)
    bench.upstream = memory
    bench.sync()
    assert bench.listed() == FIRST


# -- the database and the lock ------------------------------------------------------------------


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.prepare()
    with catalog.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(CatalogError, match="newer PypiSync"):
        catalog.prepare()
    catalog.close()


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with pytest.raises(CatalogError, match="not a database"):
        catalog.prepare()
    catalog.close()


_HOLD = """
import sys
from pathlib import Path
from pypisync.storage.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_syncs_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StorageError, match=f"pid {other.pid}"), writer_lock(tmp_path):
            pytest.fail("two hold the lock")
        other.communicate("")
    with writer_lock(tmp_path):
        pass
