"""What upstream quarantines: off the pages at once, its bytes kept, back without a download."""

from pathlib import Path

import pytest
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import read_status
from pypisync.catalog.queries.why_not import absence
from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.filters.policy import Block, Policy
from pypisync.core.values import moment
from pypisync.cycle import rollback
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

DAY = 86400.0
ALL = {"app": {"1.0"}, "lib": {"1.0", "2.0"}, "base": {"1.0"}}


@pytest.fixture(params=["changelog", "serials", "polling"])
def feed(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def mirrored(tmp_path: Path, world: World, feed: str = "changelog") -> Bench:
    """Three projects, of which one needs both others; what leaves the pages stays for a day."""
    world.faults.xmlrpc = feed == "changelog"
    world.faults.json_api = feed != "polling"
    if feed == "polling":
        world.faults.body("/simple/", b"<html>")
    world.publish("base", "1.0")
    world.publish("lib", "1.0", requires=["base"])
    world.publish("lib", "2.0", requires=["base"])
    world.publish("app", "1.0", requires=["lib"])
    packages = {"app": ["latest"], "lib": [">=1"]}
    bench = Bench(tmp_path, MemoryUpstream(world), packages, grace=DAY)
    assert bench.sync().failed == {}
    assert bench.listed() == ALL
    return bench


def downloads(bench: Bench) -> int:
    upstream = bench.upstream
    assert isinstance(upstream, MemoryUpstream)
    return sum(entry.path.startswith("/packages/") for entry in upstream.log.entries)


def restarted(bench: Bench, world: World) -> None:
    """Go on as a new process, a week later, after the grace of all that is not listed."""
    bench.upstream = MemoryUpstream(world)
    bench.clock += 7 * DAY
    bench.sync()
    bench.clock += 7 * DAY


def test_a_quarantined_project_comes_back_without_a_download(
    feed: str, tmp_path: Path, world: World
) -> None:
    bench = mirrored(tmp_path, world, feed)
    before = tree_bytes(tmp_path)
    world.quarantine("lib")
    report = bench.sync()
    assert not [what for what in report.failed if what == "lib"]
    assert bench.listed() == {"app": {"1.0"}, "lib": set()}
    restarted(bench, world)
    packages = tree_bytes(tmp_path, "packages")
    assert {path for path in packages if "lib" in path} == {
        path for path in before if "lib" in path and path.startswith("packages")
    }
    recorded = bench.query("SELECT path FROM stored")
    assert {f"{path}" for (path,) in recorded} == packages.keys()  # so a check finds no fault
    # What is not quarantined itself, and needed no more, goes as ever.
    assert not [path for path in packages if "base" in path]
    world.clear_quarantine("lib")
    asked = downloads(bench)
    bench.sync()
    assert bench.listed() == ALL
    assert downloads(bench) - asked == 2  # base, and its metadata
    assert bench.query("SELECT * FROM v_quarantined") == []
    bench.clock += 7 * DAY
    bench.sync()
    assert bench.listed() == ALL
    assert tree_bytes(tmp_path, "packages") == {
        path: digest for path, digest in before.items() if path.startswith("packages")
    }


def test_a_quarantined_release_comes_back_without_a_download(tmp_path: Path, world: World) -> None:
    bench = mirrored(tmp_path, world)
    before = tree_bytes(tmp_path)
    world.quarantine_release("lib", "2.0")
    assert bench.sync().failed == {}
    assert bench.listed() == {**ALL, "lib": {"1.0"}}
    restarted(bench, world)
    assert bench.listed() == {**ALL, "lib": {"1.0"}}
    assert tree_bytes(tmp_path, "packages").keys() == {p for p in before if p[:4] == "pack"}
    world.clear_release_quarantine("lib", "2.0")
    asked = downloads(bench)
    bench.sync()
    assert bench.listed() == ALL
    assert downloads(bench) == asked
    assert bench.query("SELECT * FROM v_quarantined") == []


def test_what_is_removed_out_of_quarantine_has_its_grace_and_goes(
    feed: str, tmp_path: Path, world: World
) -> None:
    bench = mirrored(tmp_path, world, feed)
    world.quarantine("lib")
    bench.sync()
    restarted(bench, world)
    world.remove_project("lib")
    bench.clock += 7 * DAY  # a list of names tells nothing: it lacks what is quarantined, too
    for _ in range(3):
        bench.sync()
    assert bench.query("SELECT * FROM v_quarantined") == []
    assert [path for path in tree_bytes(tmp_path, "packages") if "lib" in path]
    bench.clock += 2 * DAY
    bench.sync()
    assert not [path for path in tree_bytes(tmp_path, "packages") if "lib" in path]


def test_a_release_that_is_removed_out_of_quarantine_goes(tmp_path: Path, world: World) -> None:
    bench = mirrored(tmp_path, world)
    world.quarantine_release("lib", "2.0")
    bench.sync()
    world.remove_release("lib", "2.0")
    bench.sync()
    assert bench.query("SELECT * FROM v_quarantined") == []
    bench.clock += 2 * DAY
    bench.sync()
    assert not [path for path in tree_bytes(tmp_path, "packages") if "lib-2.0" in path]


@pytest.mark.parametrize("ill", ["stale", "down", "404"])
@pytest.mark.parametrize("what", ["project", "release"])
def test_the_journals_word_is_enough_while_the_page_is_old_or_away(
    what: str, ill: str, tmp_path: Path, world: World
) -> None:
    bench = mirrored(tmp_path, world)
    version = () if what == "project" else ("2.0",)
    if what == "project":
        world.quarantine("lib")
    else:
        world.quarantine_release("lib", *version)
    if ill == "stale":
        world.faults.stale("lib")
    else:
        world.faults.fail("/*/lib/*", 503 if ill == "down" else 404)
    bench.sync()
    assert bench.listed().get("lib", set()) == (set() if what == "project" else {"1.0"})


@pytest.mark.parametrize("needed", [True, False])
def test_what_could_never_be_read_and_is_quarantined_is_not_there(
    tmp_path: Path, world: World, *, needed: bool
) -> None:
    """What hangs on it is refused from then on, as by a mirror that begins now."""
    world.publish("lib", "1.0")
    world.publish("app", "1.0", requires=["lib"])
    world.faults.fail("/*/lib/*", 403)
    packages = {"app" if needed else "lib": ["latest"]}
    bench = Bench(tmp_path / "mirror", MemoryUpstream(world), packages)
    for _ in range(4):
        bench.sync()
    verdict = "SELECT verdict FROM v_proofs"
    assert bench.query(verdict) == [("blocked",)]
    world.quarantine("lib")
    bench.sync()  # by the journal's word alone
    assert bench.query(verdict) == [("refuted",)]
    world.heal()
    bench.sync()
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), packages)
    fresh.sync()
    assert decided(bench) == decided(fresh)


def test_most_of_the_mirror_in_quarantine_is_no_broken_index(
    feed: str, tmp_path: Path, world: World
) -> None:
    bench = mirrored(tmp_path, world, feed)
    for name in ALL:
        world.quarantine(name)
    bench.sync()
    assert {name: some for name, some in bench.listed().items() if some} == {}
    with Reader(bench.database) as reader:
        found = read_status(reader)
    assert found.broken is None
    assert found.pending is None
    for name in ALL:
        world.clear_quarantine(name)
    bench.sync()
    assert bench.listed() == ALL


def test_it_is_shown_with_its_beginning(tmp_path: Path, world: World) -> None:
    bench = mirrored(tmp_path, world)
    world.quarantine("base")
    world.quarantine_release("lib", "2.0")
    bench.sync()
    since = bench.clock
    bench.sync()
    query = "SELECT project, version, since, files FROM v_quarantined ORDER BY project"
    assert bench.query(query) == [("base", "", since, 1), ("lib", "2.0", since, 1)]
    with Reader(bench.database) as reader:
        assert read_status(reader).quarantined == [("base", since), ("lib==2.0", since)]
        whole = absence(reader, "base", None, FilePolicy()).findings
        one = absence(reader, "lib", Version("2.0"), FilePolicy()).findings
        other = absence(reader, "lib", Version("1.0"), FilePolicy()).findings
    when = "1970-01-12 15:46:40Z"
    assert moment("1970-01-12T15:46:40Z") == since
    assert ("quarantined", f"upstream has quarantined the project, since {when}") in whole
    assert ("quarantined", f"upstream has quarantined this version, since {when}") in one
    assert "quarantined" not in dict(other)


def test_a_frozen_index_does_not_list_it_either(tmp_path: Path, world: World) -> None:
    bench = mirrored(tmp_path, world)
    bench.retention = 100 * DAY
    world.publish("base", "1.1")
    bench.sync()
    rollback.to_generation(1).give(tmp_path)
    bench.sync()
    assert bench.listed() == ALL
    world.quarantine_release("lib", "2.0")
    report = bench.sync()
    assert report.failed == {}
    assert bench.listed() == {**ALL, "lib": {"1.0"}}
    world.clear_release_quarantine("lib", "2.0")
    bench.sync()
    assert bench.listed() == ALL


def test_what_the_policy_blocks_goes_out_of_quarantine_too(tmp_path: Path, world: World) -> None:
    bench = mirrored(tmp_path, world)
    world.quarantine("lib")
    bench.sync()
    restarted(bench, world)
    bench.bars = Policy(block=(Block("no", "lib", ">=2"),))
    bench.sync()
    left = [path for path in tree_bytes(tmp_path, "packages") if "lib" in path]
    assert [path for path in left if "lib-2.0" in path] == []
    assert [path for path in left if "lib-1.0" in path] != []


def test_files_that_vanish_and_come_back_are_kept_for_the_grace(
    tmp_path: Path, world: World
) -> None:
    """An index that tells no quarantine: a release that vanishes was removed, as far as it says."""
    bench = mirrored(tmp_path, world, "polling")
    world.quarantine_release("lib", "2.0")
    bench.sync()
    assert bench.listed() == {**ALL, "lib": {"1.0"}}
    world.clear_release_quarantine("lib", "2.0")
    asked = downloads(bench)
    bench.sync()
    assert bench.listed() == ALL
    assert downloads(bench) == asked


def test_a_file_without_a_stated_hash_comes_back_without_a_download(
    tmp_path: Path, world: World
) -> None:
    world.publish("a", "1.0", hashes=("md5",))
    world.publish("b", "1.0", hashes=())
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"], "b": ["latest"]}, grace=DAY)
    assert bench.sync().failed == {}
    for name in ("a", "b"):
        world.quarantine(name)
    bench.sync()
    restarted(bench, world)
    for name in ("a", "b"):
        world.clear_quarantine(name)
    asked = downloads(bench)
    bench.sync()
    assert bench.listed() == {"a": {"1.0"}, "b": {"1.0"}}
    assert downloads(bench) == asked
