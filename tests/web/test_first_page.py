"""What the first page says of a daemon that does not do what it was told."""

import re
from pathlib import Path

import pytest

from pypisync.catalog.bundles import fed
from pypisync.errors import UpstreamError
from pypisync.storage import orders
from tests.sim.world import World
from tests.web.sites import Site


def alarms(site: Site) -> list[str]:
    page = site.get("/").text
    return re.findall(
        r'<li class="grave">\s*<span class="word">Problem</span>\s*(.*?)\s*</li>', page
    )


def test_a_configuration_and_a_bundle_that_are_refused(tmp_path: Path, world: World) -> None:
    world.publish("s", "1.0")
    site = Site(tmp_path, world)
    site.bench.sync()
    orders.refuse(site.tree, "listen: a fault")
    with site.bench.catalog().begin() as connection:
        fed.set_refusal(connection, "bundle 2 is missing")
    with site.running():
        said = alarms(site)
        assert "The daemon does not use the configuration as it is: listen: a fault" in said
        assert "No bundle can be imported: bundle 2 is missing" in said
        assert "pypisync_bundle_refused 1.0" in site.get("/metrics").text
        assert site.get("/status.json").json()["well"] is False


def test_a_cycle_that_failed(tmp_path: Path, world: World) -> None:
    world.publish("s", "1.0")
    site = Site(tmp_path, world)
    site.bench.sync()
    world.faults.fail("/simple/")
    world.faults.fail("/pypi")
    with pytest.raises(UpstreamError):
        site.bench.sync()
    with site.running():
        assert "The last cycle failed." in alarms(site)
    world.heal()
    site.bench.sync()
    with site.running():
        assert "The last cycle failed." not in alarms(site)
