"""The list of all projects, as a cache may hold it from before: nothing begins anew for it."""

from pathlib import Path

import requests

from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench
from tests.recipe.test_brown_out import begin
from tests.recipe.test_feeds import followed
from tests.sim.server import Server
from tests.sim.world import World

JSON = "application/vnd.pypi.simple.v1+json"


def test_a_list_from_before_the_last_change_is_compared(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    begin(world)
    packages = {name: ["latest"] for name in ("app", "stays", "hidden")}
    bench = Bench(tmp_path, wired(), packages)
    bench.sync()
    old = requests.get(f"{server.url}/simple/", headers={"Accept": JSON}, timeout=60).content
    world.publish("lib", "1.3")
    bench.sync()
    assert followed(bench) == "changelog"
    world.faults.xmlrpc = False
    world.faults.body("/simple/", old, headers={"Content-Type": JSON})
    asked = len(server.log.paths("simple"))
    report = bench.sync()
    assert (followed(bench), report.failed) == ("serials", {})
    assert server.log.paths("simple")[asked:] == ["/simple/lib/"]  # by its serial alone
    assert bench.listed()["lib"] == {"1.3"}
    world.heal()
    world.faults.xmlrpc = False
    world.publish("lib", "1.4")
    world.publish("stays", "1.1")
    assert bench.sync().failed == {}
    assert (bench.listed()["lib"], bench.listed()["stays"]) == ({"1.4"}, {"1.1"})
