"""Going back to a generation, staying there, and following upstream again."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import generations
from pypisync.core.filters.policy import Block, Policy
from pypisync.core.publish import pages
from pypisync.cycle import rollback
from pypisync.cycle.mirror import Silent
from pypisync.cycle.repair import repair
from pypisync.cycle.verify import Check
from tests.recipe.closed import unmet
from tests.recipe.mirrors import Bench, read_tree, tree_bytes
from tests.recipe.test_crash import Photographs, counted, moved, restore
from tests.recipe.test_databases import change
from tests.recipe.test_equality import CONFIGURATIONS, ENVIRONMENT, decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

DAY = 86400.0


def simple(bench: Bench) -> dict[str, str]:
    """Every page's hash, by its path."""
    return tree_bytes(bench.folder, "simple")


def order(bench: Bench, number: int | None) -> None:
    """What ``pypisync rollback`` leaves for the process that writes."""
    wanted = rollback.follow() if number is None else rollback.to_generation(number)
    wanted.give(bench.folder)


def three(world: World) -> None:
    """A second state: one release is replaced, a project comes, another goes."""
    world.publish("app", "2.0", requires=["new"])
    world.publish("new", "1.0", wheels=(), sdist=True, build_requires=[])
    world.remove_release("app", "1.0")


@pytest.fixture
def bench(tmp_path: Path, world: World, memory: MemoryUpstream) -> Bench:
    """A mirror with one generation, which it keeps."""
    world.publish("app", "1.0", requires=["lib<2"])
    world.publish("lib", "1.0")
    made = Bench(tmp_path / "mirror", memory, {"app": ["latest"]}, retention=30 * DAY)
    made.sync()
    return made


def test_the_index_goes_back_and_stays_until_it_may_follow(bench: Bench, world: World) -> None:
    first = simple(bench)
    three(world)
    bench.sync()
    newest = simple(bench)
    order(bench, 1)
    assert bench.sync().generation == 3
    assert simple(bench) == first
    assert bench.query("SELECT repeats, files FROM generations WHERE id = 3") == [(1, 2)]

    world.publish("app", "3.0")
    for _ in range(3):
        report = bench.sync()
        assert (report.generation, report.exit_code) == (0, 0)
        assert simple(bench) == first
    order(bench, None)
    assert bench.sync().generation == 4
    assert bench.listed() == {"app": {"3.0"}}
    order(bench, 2)
    bench.sync()
    assert simple(bench) == newest


@pytest.mark.parametrize("frozen", [False, True])
def test_a_lost_metadata_file_is_announced_no_more(
    bench: Bench, world: World, *, frozen: bool
) -> None:
    """The wheel stays: who wants to know what it needs opens it."""
    if frozen:
        order(bench, 1)
        bench.sync()
    lost = next(bench.folder.glob("packages/**/app-*.metadata"))
    lost.unlink()
    world.faults.fail("*.metadata", 404, None)
    catalog = bench.reopened()
    check = Check(catalog, bench.folder, Silent(), rehash=True)
    faults = list(check.all())
    assert [fault.kind for fault in faults] == ["missing"]
    assert repair(bench.mirror(catalog), check, faults).left == []
    [file] = json.loads((bench.folder / "simple/app/index.v1_json").read_bytes())["files"]
    assert "core-metadata" not in file
    assert list(Check(catalog, bench.folder, Silent(), rehash=True).all()) == []
    catalog.close()


def test_the_newest_can_be_frozen(bench: Bench, world: World) -> None:
    first = simple(bench)
    order(bench, 1)
    three(world)
    assert bench.sync().generation == 0
    assert simple(bench) == first
    order(bench, None)
    bench.sync()
    assert bench.listed() == {"app": {"2.0"}, "new": {"1.0"}}


def test_what_follows_a_rollback_is_what_a_new_mirror_has(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    three(world)
    bench.sync()
    order(bench, 1)
    bench.sync()
    world.publish("lib", "1.5")
    bench.sync()
    order(bench, None)
    bench.sync()
    fresh = Bench(tmp_path / "fresh", bench.upstream, bench.packages)
    fresh.sync()
    found, wanted = decided(bench), decided(fresh)
    for one in (found, wanted):
        one["tree"] = {path: h for path, h in one["tree"].items() if path.startswith("simple/")}
    assert found == wanted


def test_without_upstream_it_goes_back_all_the_same(bench: Bench, world: World) -> None:
    first = simple(bench)
    three(world)
    bench.sync()
    order(bench, 1)
    world.faults.fail("*", 503, None)
    with pytest.raises(Exception, match="503"):
        bench.sync()
    assert simple(bench) == first


def test_what_cannot_be_done_is_said_and_changes_nothing(bench: Bench, world: World) -> None:
    three(world)
    bench.sync()
    newest = simple(bench)
    with bench.catalog().begin() as connection:
        connection.exec_driver_sql("DELETE FROM stored WHERE path LIKE '%/app-1.0-%.whl'")
    order(bench, 1)
    report = bench.sync()
    [(what, reason)] = report.failed.items()
    assert what == "order index 1"
    assert "app-1.0-py3-none-any.whl" in reason
    order(bench, 7)
    assert bench.sync().failed == {"order index 7": "there is no generation 7"}
    rollback.Order("index", "nonsense").give(bench.folder)
    assert bench.sync().failed == {"order index nonsense": "not an order"}
    assert simple(bench) == newest


def test_a_file_that_is_lost_meanwhile_leaves_the_pages(bench: Bench, world: World) -> None:
    three(world)
    world.remove_project("lib")
    bench.sync()
    order(bench, 1)
    bench.sync()
    [lost] = bench.folder.glob("packages/*/*/*/lib-1.0-*.whl")
    with bench.catalog().begin() as connection:
        connection.exec_driver_sql("DELETE FROM stored WHERE path LIKE '%/lib-1.0-%.whl'")
    lost.unlink()
    report = bench.sync()
    assert set(report.failed) == {lost.name}
    assert bench.listed() == {"app": {"1.0"}}


def test_what_the_policy_bars_stays_away(bench: Bench, world: World) -> None:
    world.publish("lib", "1.5")
    bench.sync()
    order(bench, 1)
    bench.sync()
    bench.bars = Policy(block=(Block("bad", name="lib", specifier="==1.0"),))
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}}
    assert not list(bench.folder.glob("packages/*/*/*/lib-1.0-*"))
    order(bench, None)
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.5"}}
    order(bench, 1)
    # It stands in the way of nothing: all else of the generation can be had.
    assert set(bench.sync().failed) == {"lib-1.0-py3-none-any.whl"}
    assert bench.listed() == {"app": {"1.0"}}


def test_a_crash_at_every_point_of_a_rollback(memory_path: Path) -> None:
    world = World()
    world.publish("app", "1.0", requires=["lib<2"])
    world.publish("lib", "1.0")
    upstream = MemoryUpstream(world)
    start = Bench(memory_path / "start", upstream, {"app": ["latest"]}, retention=DAY)
    start.sync()
    first = simple(start)
    three(world)
    start.sync()
    order(start, 1)
    calm = moved(start, memory_path / "calm", memory_path)
    points = Photographs(calm.folder)
    with counted(calm, points):
        calm.sync()
    assert points.seen > 20
    assert len(points.taken) > 20
    for number, picture in points.taken:
        bench = replace(calm, folder=memory_path / "crashed")
        restore(picture, bench.folder)
        read_tree(bench.folder)
        assert unmet(bench.folder) == set(), f"point {number}"
        bench.sync()
        assert simple(bench) == first, f"point {number}"
        assert bench.query("SELECT id, repeats FROM generations") == [(1, None), (2, None), (3, 1)]


@pytest.mark.parametrize(("seed", "kind"), [(1, "sqlite"), (2, "sqlite"), (3, "postgresql")])
def test_every_generation_is_remembered_as_it_was(
    tmp_path: Path, seed: int, kind: str, request: pytest.FixtureRequest
) -> None:
    draw = random.Random(seed)
    world = World()
    bench = Bench(
        tmp_path / "mirror",
        MemoryUpstream(world),
        CONFIGURATIONS[0],
        environment=ENVIRONMENT,
        retention=5 * 3600,
    )
    if kind == "postgresql":
        bench.url = request.getfixturevalue("postgres").prepared()
    was: dict[int, dict[str, tuple[bytes, bytes]]] = {}
    proven: dict[int, set[object]] = {}
    most = 0
    for step in range(14):
        if step == 0 or draw.random() < 0.6:
            change(world, draw, step)
        bench.packages = CONFIGURATIONS[draw.randrange(4)]
        if was and draw.random() < 0.3:
            order(bench, draw.choice([None, *was]))
        bench.sync()
        bench.listed()
        if was and draw.random() < 0.3:
            rollback.named(f"n{step % 3}", draw.choice(list(was))).give(bench.folder)
        with Reader(bench.database) as reader:
            kept = [found.number for found in generations.all_generations(reader)]
            was[kept[0]] = on_disk(bench)
            frozen = bench.query("SELECT 1 FROM generations WHERE frozen IS NOT NULL")
            proven[kept[0]] = proofs_at(reader, kept[0]) if frozen else published_proofs(bench)
            most = max(most, len(kept))
            was = {number: state for number, state in was.items() if number in kept}
            for number, state in was.items():
                assert as_served(reader, number) == state, (step, number)
                assert proofs_at(reader, number) == proven[number], (step, number)
            check_counts(reader)
        check_pool(bench)
    assert most > 3


def on_disk(bench: Bench) -> dict[str, tuple[bytes, bytes]]:
    """The pages as they are published, by project ("": the list of all)."""
    found = {}
    for page in bench.folder.glob("simple/**/index.v1_json"):
        name = "" if page.parent.name == "simple" else page.parent.name
        found[name] = (page.read_bytes(), page.with_name("index.html").read_bytes())
    return found


def as_served(reader: Reader, number: int) -> dict[str, tuple[bytes, bytes]]:
    """The pages as the rows say that they were."""
    names, serial = generations.index(reader, number)
    found = {"": (pages.root_json(names, serial), pages.root_html([name for name, _ in names]))}
    for name, _ in names:
        page = generations.page(reader, number, name)
        assert page is not None
        found[name] = (pages.project_json(page), pages.project_html(page))
    return found


def published_proofs(bench: Bench) -> set[object]:
    """The verdicts that are published: subject, targets, verdict, how many pins."""
    pins = "(SELECT count(*) FROM proof_pins i WHERE i.proof_id = p.id)"
    rows = bench.query(
        f"SELECT s.text, p.targets, p.verdict, {pins} FROM proofs p"
        " JOIN subjects s ON s.id = p.subject_id WHERE p.published"
    )
    return set(rows)


def proofs_at(reader: Reader, number: int) -> set[object]:
    """The same, as a generation is remembered."""
    rows = reader.rows(
        "SELECT subject, targets, verdict, (SELECT count(*) FROM published_pins i"
        " WHERE i.published_proof_id = p.id) FROM published_proofs p"
        " WHERE first <= ? AND (last IS NULL OR last >= ?)",
        number,
        number,
    )
    return set(map(tuple, rows))


def check_counts(reader: Reader) -> None:
    """What a generation is said to list is what it lists."""
    for found in generations.all_generations(reader):
        names, _ = generations.index(reader, found.number)
        whole = [
            page for name, _ in names if (page := generations.page(reader, found.number, name))
        ]
        files = [file for page in whole for file in page.files]
        assert found.listed == {
            "projects": len(names),
            "releases": len({(p.name, file.version) for p in whole for file in p.files}),
            "files": len(files),
            "bytes": sum(file.size for file in files),
        }


def check_pool(bench: Bench) -> None:
    """The pool holds what generations list, what is wanted or quarantined, and nothing else."""
    listed = {path for (path,) in bench.query("SELECT DISTINCT path FROM published")}
    wanted = bench.query(
        "SELECT f.path FROM files f JOIN selected s ON s.release_id = f.release_id WHERE f.kept"
    )
    wanted += bench.query("SELECT path FROM quarantined")
    has = {
        str(path.relative_to(bench.folder)).removesuffix(".metadata")
        for path in bench.folder.glob("packages/*/*/*/*")
    }
    assert listed <= has
    assert has <= listed | {path for (path,) in wanted}
