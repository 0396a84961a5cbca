"""What upstream knows to be vulnerable is told to followers, and to whoever approves a bundle."""

from pathlib import Path

from pypisync.catalog.bundles import inventory
from pypisync.core.filters.policy import Policy
from tests.sim.state import Vulnerable
from tests.sim.world import World
from tests.web.sites import Site

KNOWN = Vulnerable("PYSEC-2026-1", ("CVE-2026-7", "GHSA-x"), ("2.0",), "Runs what it is given")


def test_known_vulnerabilities_are_told(tmp_path: Path, world: World) -> None:
    world.publish("s", "1.0")
    world.publish("a-b", "1.0")
    world.state_vulnerabilities("s", "1.0", KNOWN)
    site = Site(tmp_path, world)
    site.bench.bars = Policy(vulnerabilities="report")
    site.bench.sync()
    with site.running():
        [said] = site.get("/pypi/s/json").json()["vulnerabilities"]
        assert (said["id"], said["summary"]) == (KNOWN.id, "Runs what it is given")
        assert (said["aliases"], said["fixed_in"]) == (["CVE-2026-7", "GHSA-x"], ["2.0"])
        # The other was examined as well.
        assert site.get("/pypi/a-b/json").json()["vulnerabilities"] == []
    with site.bench.catalog().begin() as connection:
        listed = {row[0]: row[6] for row in inventory.rows(connection, None, [])}
    assert listed == {"s": "PYSEC-2026-1", "a-b": ""}
