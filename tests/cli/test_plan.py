"""What a sync would change, compared with what the next sync then does change."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings

from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.publication.plan import Amount, Plan, difference
from pypisync.core.wanted.groups import Group, Locked
from pypisync.core.wanted.roots import NamedFile
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.listen import listen
from pypisync.cycle.report import Report
from pypisync.cycle.settle import settle
from pypisync.storage.pool import Pool
from tests.cli.running import configure, invoke, snapshot
from tests.deep import scaled
from tests.recipe.mirrors import LINUX, Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.strategies import Op, build, histories, universes
from tests.sim.world import World


def plan(bench: Bench) -> Plan:
    """As the command does it, on a mirror that exists."""
    catalog = Catalog(bench.database, dry=True)
    try:
        with TemporaryDirectory() as scratch:
            mirror = bench.mirror(catalog)
            pool, mirror.pool = mirror.pool, Pool(Path(scratch))
            since, report = mirror.now(), Report()
            listen(mirror, report)
            with Incoming(mirror, ahead=False) as incoming:
                settle(mirror, report, incoming)
            with catalog.begin() as connection:
                return difference(connection, since, pool.has)
    finally:
        catalog.close()


def listed(bench: Bench) -> dict[tuple[str, str], dict[str, int]]:
    """The files on the pages and their sizes, by release."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, version, path, size in bench.query(
        "SELECT project, version, path, size FROM v_listed"
    ):
        found.setdefault((name, version), {})[path] = size
    return found


@given(universes(max_size=8), histories(max_size=5))
@settings(deadline=None, max_examples=scaled(25))
def test_a_plan_says_what_the_next_sync_does(before: list[Op], changes: list[Op]) -> None:
    world = build(before)
    with TemporaryDirectory() as folder:
        packages = {"alpha": ["latest"], "beta[fast]": [">=1"], "eta": ["1.0"]}
        bench = Bench(Path(folder), MemoryUpstream(world), packages)
        sdists = tuple(NamedFile(f"gamma-{version}.tar.gz") for version in ("1.0", "2.0"))
        pins = (
            Locked("gamma", "1.0", sdists[:1]),
            Locked("gamma", "2.0", sdists[1:]),
            Locked("eta", "1.1"),
        )
        bench.groups = [Group("uv.lock", resolve=False, locked=pins)]
        bench.sync()
        old = listed(bench)
        stored = {path for (path,) in bench.query("SELECT path FROM stored")}
        build(changes, world)
        planned = plan(bench)
        assert listed(bench) == old
        report = bench.sync()
        new = listed(bench)
    if report.held or any(project.status == "quarantined" for project in world.projects.values()):
        return  # a plan takes for granted that everything can be fetched
    labels = {f"{name}=={version}" for name, version in new.keys() - old.keys()}
    assert set(planned.added) == labels
    labels = {f"{name}=={version}" for name, version in old.keys() - new.keys()}
    assert set(planned.removed) == labels
    had = {path: size for files in old.values() for path, size in files.items()}
    has = {path: size for files in new.values() for path, size in files.items()}
    came, went = has.keys() - had.keys(), had.keys() - has.keys()
    assert (planned.add.files, planned.add.bytes) == (len(came), sum(has[p] for p in came))
    assert planned.fetch.files == len(came - stored)
    assert (planned.remove.files, planned.remove.bytes) == (len(went), sum(had[p] for p in went))
    assert sum(amount.files for amount in planned.roots.values()) == planned.add.files
    assert sum(amount.releases for amount in planned.roots.values()) == planned.add.releases


def test_by_root_and_by_what_is_there(tmp_path: Path, database: str) -> None:
    world = World()
    world.publish("common", "1.0")
    world.publish("one", "1.0", requires=["common", "mine[x]"])
    world.publish("mine", "1.0", extras={"x": ["deep"]})
    world.publish("deep", "1.0")
    world.publish("two", "1.0", requires=["common", "mine"])
    packages = {"one": ["latest"], "two": ["latest"]}
    bench = Bench(tmp_path, MemoryUpstream(world), packages, url=database)
    bench.environment = {**LINUX, "extra": []}  # an extra comes only where it is asked for
    bench.catalog()
    found = plan(bench)
    assert {root: amount.releases for root, amount in found.roots.items()} == {
        "": 2, "one": 2, "two": 1
    }  # fmt: skip
    assert found.fetch.files == found.add.files == 5
    bench.sync()
    bench.packages = {"two": ["latest"]}
    found = plan(bench)
    assert found.removed == ["deep==1.0", "one==1.0"]
    assert (found.add.files, found.fetch.files, found.remove.files) == (0, 0, 2)


def test_unknown_sizes_are_counted_apart() -> None:
    amount = Amount()
    for size in (5, None, 7):
        amount.add(size)
    assert (amount.files, amount.bytes, amount.unknown) == (3, 12, 1)


def test_the_command(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0", requires=["gone-for-ever"])
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    assert invoke(config, "sync").code == 0
    world.publish("a", "2.0")
    before = snapshot(tmp_path)
    done = invoke(config, "plan")
    assert (done.code, done.err) == (0, "")
    assert ["added", "a==2.0"] in done.lines
    assert ["removed", "a==1.0"] in done.lines
    assert ["a", "1", "1"] in [line[:3] for line in done.lines]
    answer = invoke(config, "plan", "--json").json
    assert [entry["root"] for entry in answer["roots"]] == ["a"]
    assert (answer["unmet"], answer["serial"]) == ([], world.serial)
    assert snapshot(tmp_path) == before


def test_a_plan_says_which_roots_would_not_be_proven(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0", requires=["gone-for-ever"])
    world.publish("b", "1.0", requires=["c>1"])
    world.publish("c", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    assert invoke(config, "sync").code == 0
    config = configure(tmp_path, server.url, packages={"a": ["latest"], "b": ["latest"]})
    done = invoke(config, "plan")
    [line] = [line for line in done.lines if line[0] == "unproven"]  # a is on record already
    assert line[1::2] == ["b", "refuted"]
    [found] = invoke(config, "plan", "--json").json["unproven"]
    assert (found["subject"], found["verdict"]) == ("b", "refuted")
    assert 'b 1.0 requires "c>1"' in found["why"]


def test_what_cannot_be_read_exits_with_1(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    world.faults.fail("/simple/a/", 500)
    world.faults.fail("/pypi/a/json", 500)
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    done = invoke(config, "plan", "--json")
    assert done.code == 1
    assert done.json["failed"].keys() == {"a"}
    assert not (tmp_path / "data").exists()


def test_whom_a_plan_waits_for_is_told_meanwhile(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    world.faults.fail("/simple/a/", 500, times=1)
    upstream = {"pace": 0, "retries": 1}
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, upstream=upstream)
    done = invoke(config, "plan")
    assert (done.code, done.err) == (0, f"retry: {server.url} in 1 s: HTTP 500\n")
