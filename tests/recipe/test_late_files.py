"""Files that come later than the requirements were read: the best of them speaks in the end."""

from pathlib import Path

import pytest

from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

KINDS = {
    "wheel": {"metadata": False},
    "wheel-and-sdist": {"metadata": False, "sdist": True},
    "wheel-and-claim": {"metadata": False, "claim": ["other"]},
    "metadata": {},
    "metadata-and-claim": {"claim": ["other"]},
    "sdist": {"wheels": (), "sdist": True, "claim": []},
}
ASKED = {
    "wheel": "/packages/*.whl",
    "sdist": "/packages/*.tar.gz",
    "all": "/packages/*",
}


@pytest.mark.parametrize("what", ["corrupt", 404, 503])
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_failed_once_speaks_when_it_has_come(
    what: str | int, asked: str, kind: str, tmp_path: Path, world: World
) -> None:
    world.publish_setuptools_like()
    world.publish("lib", "1.0")
    world.publish("other", "1.0")
    world.publish("app", "1.0", requires=["lib"], **KINDS[kind])  # type: ignore[arg-type]
    bench = Bench(tmp_path / "followed", MemoryUpstream(world), {"app": ["latest"]})
    if isinstance(what, int):
        world.faults.fail(ASKED[asked], what)
    else:
        world.faults.corrupt(ASKED[asked])
    bench.sync()
    world.heal()
    for name in world.projects:
        world.role_change(name)  # a file that was gone is asked for again with the next change
    bench.sync()  # once is enough
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.sync()
    assert decided(bench) == decided(fresh)
    known = "SELECT version, knowledge FROM v_releases WHERE project = 'app'"
    assert bench.query(known) == fresh.query(known)
