"""What the page of a project says of releases that are not on it."""

import re
from pathlib import Path

from pypisync.core.filters.policy import Block, Policy
from tests.sim.world import World
from tests.web.sites import Site


def test_a_project_says_what_the_policy_bars_of_it(tmp_path: Path) -> None:
    world = World()
    for version in ("1.0", "2.0", "3.0", "4.0rc1"):
        world.publish("app", version)
    world.publish("other", "1.0")
    site = Site(tmp_path, world)
    site.bench.packages = {"app": ["latest"], "other": ["latest"]}
    blocks = (Block("stolen", "app", ">=2,<3"), Block("worse", "app", ">=3"), Block("bad", "other"))
    site.bench.bars = Policy(block=blocks)
    site.bench.sync()
    with site.running():
        said = re.findall(r'"word">Barred</span> (.*)</p>', site.get("/projects/app").text)
        assert said == [
            "3.0 by the policy: blocked: worse",
            "2.0 by the policy: blocked: stolen",
        ]
        assert "Barred</span> 1.0 by the policy: blocked: bad" in site.get("/projects/other").text


def test_a_release_that_is_held_is_wanted_and_not_here(tmp_path: Path) -> None:
    world = World()
    world.publish("app", "1.0", requires=["nothing"])
    world.faults.fail("*/app-1.0-py3-none-any.whl", 503, None)
    site = Site(tmp_path, world)
    site.bench.packages = {"app": ["latest"]}
    site.bench.sync()
    with site.running():
        page = site.get("/projects/app").text
    assert "Why 1.0 is wanted</h2>" in page
    assert "there is no release of nothing; so" in page  # a proof's lines, told apart
