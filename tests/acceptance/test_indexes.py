"""Two indexes and a folder in one mirror: dependency confusion tried, and real pip and uv.

The mirror is made by the command line; both indexes are asked over HTTP, and their logs are the
evidence of what they were asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.clients import CLIENTS, Client, install, try_install
from tests.acceptance.serving import serve
from tests.cli.running import Done, configure, invoke
from tests.sim import dists
from tests.sim.server import Server
from tests.sim.world import World

CORE = "acme-core"  # on the company's index
TOOLS = "acme-tools"  # in the folder
PRIVATE = (CORE, TOOLS, "acme-nowhere")


@dataclass
class Site:
    """Two indexes, a folder, and the mirror of all."""

    folder: Path
    company: World
    public: World
    servers: dict[str, Server]

    def put(self, name: str, version: str, *requires: str) -> None:
        """Put a wheel into the folder of one's own packages."""
        dist = dists.dist(name, version, requires, None, None, 0)
        file = self.folder / "wheels" / dists.wheel_filename(dist, "py3-none-any")
        file.write_bytes(dists.build_wheel(dist, "py3-none-any").content)

    def sync(self, **keys: object) -> Done:
        vendor = {"name": "vendor", "address": f"{self.servers['company'].url}/simple/"}
        given = {
            "indexes": [
                {"name": "own", "folder": "wheels", "projects": [TOOLS]},
                vendor | {"projects": ["acme-*", "torch"]},
            ],
            "reserved": ["acme-*"],
            "packages": {"app": ["latest"], "torch": ["latest"]},
            "packages_re": {"acme-.*": ["latest"]},
        }
        config = configure(self.folder, self.servers["public"].url, **(given | keys))
        return invoke(config, "sync")

    def asked(self, server: str) -> list[str]:
        return [entry.path for entry in self.servers[server].log.entries]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    company, public = World(), World()
    (tmp_path / "wheels").mkdir()
    with Server(company) as first, Server(public) as second:
        site = Site(tmp_path, company, public, {"company": first, "public": second})
        company.publish(CORE, "1.2", requires=[TOOLS, "requests"])
        company.publish("torch", "2.9.0+cpu")
        company.publish("requests", "99")  # not what this index is for
        site.put(TOOLS, "0.3")
        for name in PRIVATE:
            public.publish(name, "99")
        public.publish("torch", "2.9.0", requires=["nvidia-stuff"])
        public.publish("requests", "2.0")
        public.publish("app", "1.0", requires=[CORE, "torch==2.9.0"])
        yield site


def test_no_private_name_reaches_the_public_index(site: Site) -> None:
    done = site.sync()
    assert done.code == 0, done.out + done.err
    site.public.publish(CORE, "100")
    site.put(TOOLS, "0.4", "acme-nowhere")
    site.company.publish(CORE, "1.3", requires=[TOOLS])
    assert site.sync().code in (0, 1)
    asked = site.asked("public")
    assert [path for path in asked if "acme" in path or "torch" in path] == []
    assert any("/requests/" in path for path in asked)
    assert [path for path in site.asked("company") if "requests" in path or TOOLS in path] == []
    sql = "SELECT DISTINCT project, version, index_name FROM v_files WHERE listed = 1"
    rows = invoke(site.folder / "pypisync.json5", "query", f"{sql} ORDER BY 1, 2").lines
    # The newest of the folder's needs what nobody has, so the one before it is there as well.
    assert [row for row in rows if row[0] != "project"] == [
        [CORE, "1.3", "vendor"],
        [TOOLS, "0.3", "own"],
        [TOOLS, "0.4", "own"],
        ["app", "1.0", "endpoint"],
        ["torch", "2.9.0+cpu", "vendor"],
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_install_from_all_of_them_by_the_one_mirror(
    client: Client, site: Site, tmp_path: Path
) -> None:
    done = site.sync()
    assert done.code == 0, done.out + done.err
    with serve(site.folder / "data", "json") as address:
        found = install(client, address, tmp_path / "client", "app")
        assert found == {
            "app": "1.0", CORE: "1.2", TOOLS: "0.3", "requests": "2.0", "torch": "2.9.0+cpu",
        }  # fmt: skip
        assert try_install(client, address, tmp_path / "no", "acme-nowhere").returncode != 0


def test_what_changes_on_each_of_them_arrives(site: Site) -> None:
    site.sync()
    site.put(TOOLS, "0.5")
    site.company.publish("torch", "2.9.1+cpu")
    site.public.publish("requests", "2.1")
    assert site.sync().code == 0
    before = [len(site.asked(server)) for server in site.servers]
    again = site.sync()
    assert again.code == 0
    # Nothing new: one question each, for the changes.
    assert [len(site.asked(s)) - n for s, n in zip(site.servers, before, strict=True)] == [1, 1]
    pages = site.folder / "data/simple"
    for name, version in ((TOOLS, "0.5"), ("torch", "2.9.0"), ("requests", "2.1")):
        assert version in (pages / name / "index.html").read_text()
    (site.folder / "wheels").rename(site.folder / "elsewhere")
    away = site.sync()
    assert away.code == 2  # the configuration names a folder that is not there
    assert TOOLS in (pages / "index.html").read_text()


def test_commands_say_which_index_something_is_from(site: Site) -> None:
    site.sync()
    config = site.folder / "pypisync.json5"
    assert f"{CORE} 1.2: from the index vendor" in invoke(config, "why", CORE).out
    assert "requests 2.0: from the index endpoint" in invoke(config, "why", "requests").out
    assert "it may come from vendor" in invoke(config, "why-not", "acme-nowhere").out
    assert "from the index vendor" in invoke(config, "why-not", "torch==3").out
    assert "it may come from endpoint" in invoke(config, "why-not", "requests==3").out
    assert "endpoint: 2, own: 1, vendor: 2" in invoke(config, "status").out
    assert invoke(config, "status", "--json").json["indexes"]["own"] == 1
