"""A slip in the configuration does not empty the mirror."""

from pathlib import Path

import pytest

from pypisync.core.filters.policy import Block, Policy
from pypisync.cycle import rollback
from pypisync.errors import ConfigError
from tests.recipe.closed import unmet
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

NAMES = ("a", "b", "c", "d")
ALL = {name: {"1.0"} for name in (*NAMES, "shared", "pair", "lonely")}


def team(tmp_path: Path, memory: MemoryUpstream, world: World, database: str) -> Bench:
    """Seven projects on the pages; half of them may leave in one cycle."""
    for name in NAMES:
        world.publish(name, "1.0", requires=["shared"])
    world.publish("shared", "1.0", requires=["pair"])
    world.publish("pair", "1.0", requires=["shared"])
    world.publish("lonely", "1.0")
    packages = {name: ["latest"] for name in (*NAMES, "lonely")}
    bench = Bench(tmp_path, memory, packages, url=database, dropped_share=0.5)
    assert bench.sync().exit_code == 0
    assert bench.listed() == ALL
    return bench


def test_most_of_the_mirror_stays_until_the_operator_accepts(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = team(tmp_path, memory, world, database)
    before = tree_bytes(tmp_path)
    bench.packages = {"lonely": ["latest"]}
    for _ in range(3):
        report = bench.sync()
        assert report.exit_code == 1
        assert report.failed["removals"].startswith(
            "the configuration asks for 6 of the 7 listed projects no more: they stay"
        )
        assert tree_bytes(tmp_path) == before
    world.publish("lonely", "2.0")  # what is asked for goes on
    assert bench.sync().failed.keys() == {"removals"}
    assert bench.listed() == {**ALL, "lonely": {"2.0"}}
    assert unmet(tmp_path) == set()
    rollback.accept_removals().give(bench.folder)
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"lonely": {"2.0"}}
    # The acceptance was for once.
    bench.packages = {name: ["latest"] for name in NAMES}
    assert bench.sync().exit_code == 0
    bench.packages = {"lonely": ["latest"]}
    assert bench.sync().failed.keys() == {"removals"}


def test_what_came_since_the_refusal_lets_nothing_go(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    """Six of seven is too many, and six of thirteen would not be."""
    bench = team(tmp_path, memory, world, database)
    new = {f"new-{number}": ["latest"] for number in range(6)}
    for name in new:
        world.publish(name, "1.0")
    bench.packages = {"lonely": ["latest"], **new}
    for _ in range(3):
        reason = bench.sync().failed["removals"]
        assert reason.startswith("the configuration asks for 6 of the 7 listed projects no more")
        assert bench.listed() == ALL | {name: {"1.0"} for name in new}
        world.publish("new-0", "1.0", wheels=[f"cp3{world.serial}-none-any"])
    rollback.accept_removals().give(bench.folder)
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"lonely", *new}
    bench.packages = {"lonely": ["latest"], "new-0": ["latest"], "new-1": ["latest"]}
    assert bench.sync().failed["removals"].startswith("the configuration asks for 4 of the 7 ")
    bench.packages |= {"new-2": ["latest"]}  # what is refused is no more than three
    assert bench.sync().exit_code == 0
    assert len(bench.listed()) == 4


def test_what_is_asked_for_again_needs_no_word(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = team(tmp_path, memory, world, database)
    asked, bench.packages = bench.packages, {"lonely": ["latest"]}
    assert bench.sync().failed.keys() == {"removals"}
    bench.packages = asked
    assert bench.sync().exit_code == 0
    assert bench.listed() == ALL
    assert bench.query("SELECT * FROM v_held") == []


def test_what_upstream_takes_away_goes_all_the_same(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = team(tmp_path, memory, world, database)
    bench.packages = {"lonely": ["latest"]}
    assert bench.sync().failed.keys() == {"removals"}
    world.remove_release("a", "1.0")
    assert bench.sync().failed.keys() == {"removals"}
    assert bench.listed() == {name: found for name, found in ALL.items() if name != "a"}


def test_less_than_the_share_goes(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = team(tmp_path, memory, world, database)
    bench.packages = {"d": ["latest"], "lonely": ["latest"]}
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"d", "lonely", "shared", "pair"}


def test_an_acceptance_does_not_outlast_a_cycle_that_publishes_nothing(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    """A cycle without news publishes nothing, and neither does one that stays at a generation."""
    bench = team(tmp_path, memory, world, database)
    rollback.accept_removals().give(bench.folder)
    assert bench.sync().exit_code == 0
    rollback.to_generation(1).give(bench.folder)
    rollback.accept_removals().give(bench.folder)
    assert bench.sync().exit_code == 0
    bench.packages = {"lonely": ["latest"]}
    rollback.follow().give(bench.folder)
    assert bench.sync().failed.keys() == {"removals"}
    assert bench.listed() == ALL


def test_what_a_rollback_has_brought_back_is_let_go_with_another_word(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    """Whoever went back may have done so because of what they had let go."""
    bench = team(tmp_path, memory, world, database)
    bench.retention = 30 * 86400.0
    bench.packages = {"lonely": ["latest"]}
    rollback.accept_removals().give(bench.folder)
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"lonely": {"1.0"}}
    rollback.to_generation(1).give(bench.folder)
    assert bench.sync().exit_code == 0
    assert bench.listed() == ALL
    rollback.follow().give(bench.folder)
    assert bench.sync().failed.keys() == {"removals"}
    assert bench.listed() == ALL
    rollback.accept_removals().give(bench.folder)
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"lonely": {"1.0"}}


@pytest.mark.parametrize(
    "policy", [Policy(freeze_at=1.0), Policy(min_age=10**9), Policy(max_file_size=1)]
)
def test_a_policy_that_bars_most_of_the_mirror_is_confirmed_first(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str, policy: Policy
) -> None:
    bench = team(tmp_path, memory, world, database)
    before = tree_bytes(tmp_path)
    bench.bars = policy
    for _ in range(2):
        with pytest.raises(ConfigError, match="bars all files of 7 of the 7 listed projects"):
            bench.sync()
        assert tree_bytes(tmp_path) == before
    rollback.accept_removals().give(bench.folder)
    bench.sync()
    assert bench.listed() == {}


def test_what_is_blocked_by_name_goes_at_once(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = team(tmp_path, memory, world, database)
    bench.bars = Policy(block=tuple(Block("malware", name) for name in ALL))
    bench.sync()
    assert bench.listed() == {}
    assert tree_bytes(tmp_path, "packages") == {}
