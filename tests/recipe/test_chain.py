"""Chains of mirrors: each follows the one before it over HTTP, by its journal or its serials."""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread, main_thread

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pypisync.core.standards.filenames import METADATA
from pypisync.cycle import rollback
from pypisync.errors import UpstreamError
from pypisync.upstream.client import HttpUpstream, Settings
from tests.acceptance.serving import serve
from tests.deep import scaled
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_crash import Crash, Points, counted
from tests.recipe.test_databases import change
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World
from tests.web.sites import serving_bench

NAMES = ("alpha", "beta", "gamma", "delta")
ROOTS = [{name: [">=0"] for name in NAMES}, {"alpha": ["latest"], "beta": [">=0"]}]
LAST = {"alpha": ["latest"]}


def follower(address: str) -> HttpUpstream:
    """What a mirror sees of the one at this address."""
    chosen = Settings(endpoint=address, retries=1, pace=0.0, timeout=5.0, workers=2)
    return HttpUpstream(chosen, sleep=lambda _: None)


class InMain(Points):
    """Points of the main thread: a thread that dies alone is not what a kill is."""

    def reach(self, *given: object) -> None:
        """Count it, unless a thread that downloads is there."""
        if current_thread() is main_thread():
            super().reach(*given)


@dataclass
class Chain:
    """A mirror of a world, a mirror of that, and a mirror of that with fewer roots."""

    folder: Path
    world: World = field(default_factory=World)
    links: list[Bench] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["Chain"]:
        """All links served, each to the next."""
        with ExitStack() as served:
            upstream: MemoryUpstream | HttpUpstream = MemoryUpstream(self.world)
            for number, packages in enumerate([*ROOTS, LAST]):
                link = Bench(self.folder / str(number), upstream, packages)
                link.clock = 1_800_000_000
                link.folder.mkdir()
                link.catalog()
                self.links.append(link)
                if number < len(ROOTS):
                    upstream = follower(served.enter_context(serving_bench(link)))
                    served.callback(upstream.close)
            yield self

    def sync(self) -> list[int]:
        """One cycle of each link, from the head on. Returns the generations made."""
        return [link.sync().generation for link in self.links]

    def direct(self, name: str) -> Bench:
        """A new mirror of the world with the roots of the last link."""
        made = Bench(self.folder / name, MemoryUpstream(self.world), LAST)
        made.sync()
        return made


def wanted(bench: Bench) -> dict[str, str]:
    """The whole tree, without what is kept because it is in quarantine."""
    kept = {path for (path,) in bench.query("SELECT path FROM quarantined")}
    found = tree_bytes(bench.folder)
    return {path: there for path, there in found.items() if path.removesuffix(METADATA) not in kept}


# A seed does not shrink.
@pytest.mark.long
@settings(max_examples=scaled(1), deadline=None, phases=[Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_the_end_of_a_chain_is_what_a_direct_mirror_is(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Whatever happens upstream, and also if links are killed at any point and started again."""
    draw = random.Random(seed)
    with Chain(tmp_path_factory.mktemp("chain")).running() as chain:
        for step in range(1, 5):
            change(chain.world, draw, step)
            for link in chain.links:
                with counted(link, InMain(draw.randrange(1, 60))), suppress(Crash):
                    link.sync()
                link.sync()
            direct = chain.direct(f"direct-{step}")
            assert wanted(chain.links[-1]) == wanted(direct)
            assert [link.upstream.feeds[0].kind for link in chain.links] == ["changelog"] * 3
            assert chain.sync() == [0, 0, 0]


def small(folder: Path) -> Chain:
    """A chain whose world has one release of each project."""
    chain = Chain(folder)
    for name in NAMES:
        chain.world.publish(name, "1.0", requires=["delta"] if name != "delta" else ())
    return chain


def test_a_rollback_at_the_head_reaches_the_end_as_a_change(tmp_path: Path) -> None:
    with small(tmp_path).running() as chain:
        head, _, end = chain.links
        head.retention = 30 * 86400
        chain.sync()
        before = tree_bytes(end.folder)
        chain.world.publish("alpha", "2.0", requires=["gamma"])
        chain.sync()
        assert end.listed()["alpha"] == {"2.0"}
        after = tree_bytes(end.folder, "simple")
        rollback.to_generation(1).give(head.folder)
        assert chain.sync() == [3, 3, 3]
        assert tree_bytes(end.folder) == before
        assert chain.sync() == [0, 0, 0]
        rollback.follow().give(head.folder)
        chain.sync()
        assert tree_bytes(end.folder, "simple") == after


def test_what_the_head_drops_is_dropped_at_the_end(tmp_path: Path) -> None:
    """Its journal says so; a page that is merely away is kept at first."""
    with small(tmp_path).running() as chain:
        head, middle, end = chain.links
        end.packages = {"alpha": [">=0"], "gamma": [">=0"]}
        middle.packages = head.packages
        chain.sync()
        assert "gamma" in end.listed()
        head.packages = {name: [">=0"] for name in NAMES if name != "gamma"}
        chain.sync()
        assert "gamma" not in end.listed()


def test_a_link_that_is_away_stops_nothing_and_is_caught_up_with(tmp_path: Path) -> None:
    world = World()
    world.publish("alpha", "1.0", requires=["beta"])
    world.publish("beta", "1.0")
    head = Bench(tmp_path / "head", MemoryUpstream(world), {"alpha": ["latest"]})
    head.sync()
    with serving_bench(head) as address:
        end = Bench(tmp_path / "end", follower(address), {"alpha": ["latest"]})
        end.sync()
    first = tree_bytes(end.folder)
    with pytest.raises(UpstreamError):
        end.sync()
    assert tree_bytes(end.folder) == first
    world.publish("alpha", "2.0", requires=["beta"])
    head.sync()
    with serving_bench(head, int(address.rpartition(":")[2])):
        end.sync()
    assert tree_bytes(end.folder) == tree_bytes(head.folder)


def test_a_head_from_a_backup_is_followed_on(tmp_path: Path) -> None:
    """Whether the next link asks before it publishes again, or only after that."""
    with small(tmp_path).running() as chain:
        head, middle, end = chain.links
        chain.sync()
        saved = (head.folder / "catalog.sqlite").read_bytes()
        chain.world.publish("alpha", "2.0", requires=["gamma"])
        chain.sync()
        for step, early in enumerate((True, False), 3):
            head.catalog().engine.dispose()
            (head.folder / "catalog.sqlite").write_bytes(saved)
            if early:
                middle.sync()
            chain.world.publish("beta", f"{step}.0")
            chain.sync()
            assert middle.listed()["alpha"] == {"2.0"}
            assert middle.listed()["beta"] == {"1.0", *(f"{n}.0" for n in range(3, step + 1))}
            assert end.listed()["alpha"] == {"2.0"}


def test_a_static_tree_is_followed_by_its_serials(tmp_path: Path) -> None:
    """Any web server will do: one request tells what changed, and only that is read."""
    world = World()
    for number in range(8):
        world.publish(f"p{number}", "1.0")
    packages = {f"p{number}": ["latest"] for number in range(8)}
    head = Bench(tmp_path / "head", MemoryUpstream(world), packages, retention=30 * 86400)
    head.sync()
    with serve(head.folder, "json") as root:
        aged(head, 1)
        end = Bench(tmp_path / "end", follower(root.removesuffix("/simple/")), packages)
        end.sync()
        assert end.upstream.feeds[0].kind == "serials"
        first = tree_bytes(end.folder)
        world.publish("p1", "2.0")
        head.sync()
        aged(head, 2)
        report = end.sync()
        assert (report.answers["project ok"], report.changes) == (1, 2)
        assert tree_bytes(end.folder, "simple") == tree_bytes(head.folder, "simple")
        rollback.to_generation(1).give(head.folder)
        head.sync()
        aged(head, 3)
        end.sync()
        assert tree_bytes(end.folder) == first


def aged(bench: Bench, step: int) -> None:
    """Let the pages be of different minutes, for what states their times does it by the second."""
    for path in bench.folder.glob("simple/**/index.*"):
        os.utime(path, (1_700_000_000 + step * 60,) * 2)
