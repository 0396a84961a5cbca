"""Every kind of index as the upstream of a mirror: what comes out is what PyPI would have given.

A world goes through all kinds of change, and is mirrored from two faces: as PyPI, and as another
kind of index. Wherever that face tells as much, the pages say the same; the versions and the bytes
always do. Without a journal a removal is believed late, so a mirror is synced until it rests.
What a face does not tell is in its ``tells``.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.errors import UpstreamError
from pypisync.upstream.client import HttpUpstream, Settings
from pypisync.upstream.indexes import Indexes
from tests.recipe.mirrors import Bench
from tests.sim.faces import BY_NAME, FACES, PYPI, Face, Told
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World

PACKAGES = {"app": ["2 latest"], "lib": ["latest", "latest<2"], "only-sdist": ["latest"]}
DAY = 86400.0
Pages = dict[str, list[dict[str, Any]]]
KEYS = {
    "requires-python": "requires-python",
    "yanked": "yanked",
    "metadata": "core-metadata",
    "uploaded": "upload-time",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def first_world() -> World:
    world = World()
    world.publish_setuptools_like()
    world.publish("base", "1.0")
    world.publish("base", "2.0+cpu", requires_python=">=3.8")
    world.publish("lib", "1.0", requires=["base"])
    world.publish("lib", "2.0", requires=["base>=2", "Dotted.Name"])
    world.publish("Dotted.Name", "0.1", metadata=False)
    world.publish("app", "1.0", requires=["lib<2"], wheels=["cp311-cp311-manylinux_2_17_x86_64"])
    world.publish("app", "1.1", requires=["lib"], sdist=True)
    world.publish("only-sdist", "3.0", requires=["base"], wheels=(), sdist=True)
    return world


def upload(world: World) -> None:
    world.publish("lib", "2.1", requires=["base>=2", "newcomer"])
    world.publish("newcomer", "1.0", requires_python=">=3.9")


def remove_release(world: World) -> None:
    world.remove_release("app", "1.1")


def remove_file(world: World) -> None:
    [wheel, _] = [file.filename for file in world.project("app").releases["1.1"].files]
    world.remove_file("app", "1.1", wheel)


def remove_project(world: World) -> None:
    world.remove_project("only-sdist")


def ask_for_python(world: World) -> None:
    world.publish("lib", "3.0", requires_python=">=3.13")
    world.publish("lib", "2.2", requires=["base>=2"], requires_python=">=3.9")


def yank(world: World) -> None:
    world.yank("lib", "2.0", "broken <here> & there")


def unyank(world: World) -> None:
    world.yank("lib", "2.0")
    world.unyank("lib", "2.0")


def spell(world: World) -> None:
    world.rename("lib", "LiB")


def quarantine_release(world: World) -> None:
    world.quarantine_release("lib", "2.0")


def clear_release(world: World) -> None:
    world.quarantine_release("lib", "2.0")
    world.clear_release_quarantine("lib", "2.0")


def quarantine(world: World) -> None:
    world.quarantine("only-sdist")


Change = Callable[[World], None]
# Each with the fact that a face must tell for a mirror of it to know.
CHANGES: Mapping[Change, Told | None] = {
    upload: None,
    remove_release: None,
    remove_file: None,
    remove_project: "removal",
    ask_for_python: None,
    yank: "yanked",
    unyank: None,
    spell: None,
    quarantine_release: None,
    clear_release: None,
    quarantine: None,
}


class Site:
    """A world as one kind of index, and a mirror of it."""

    def __init__(self, server: Server, folder: Path, stack: ExitStack) -> None:
        self.server = server
        self.client = stack.enter_context(closing(client(server)))
        self.bench = Bench(folder, self.client, PACKAGES)

    def settle(self) -> None:
        """Sync until all that can vanish has been seen to have vanished: no document is owed."""
        for _ in range(3):
            self.bench.clock += 2 * DAY
            self.bench.sync()
            if self.bench.query("SELECT count(*) FROM pending") == [(0,)]:
                return

    def pages(self) -> Pages:
        """What the pages say of each file."""
        simple = self.bench.folder / "simple"
        return {
            name: json.loads((simple / name / "index.v1_json").read_bytes())["files"]
            for name in self.bench.listed()
        }


def client(server: Server) -> HttpUpstream:
    """A client as a new process has it, which has learnt nothing yet."""
    face = server.face
    root = None if face.folder == "/simple/" else server.root
    has_api = face.xmlrpc or face.legacy
    settings = Settings(server.url, root=root, has_api=has_api, workers=4, retries=1, pace=0)
    return HttpUpstream(settings, sleep=lambda _: None, clock=lambda: 0.0)


def opened(folder: Path, face: Face, stack: ExitStack) -> Site:
    """The first world, and a mirror of it that has yet to be synced."""
    return Site(stack.enter_context(Server(first_world(), face=face)), folder, stack)


class First:
    """A mirror after its first sync: tests of what comes then begin with a copy of it."""

    def __init__(self, folder: Path, face: Face, stack: ExitStack) -> None:
        self.site = opened(folder, face, stack)
        self.site.bench.sync()
        self.site.bench.catalog().close()

    def copied(self, folder: Path, stack: ExitStack) -> Site:
        """The mirror, with the first world at the same address, and what was learnt of it."""
        server, first = self.site.server, self.site.bench
        server.show(first_world())
        site = Site(server, shutil.copytree(first.folder, folder), stack)
        site.bench.clock, site.bench._remembered = first.clock, first._remembered
        for news in self.site.client.news():
            site.client.learn(news)
        return site


def told(pages: Pages, face: Face) -> Pages:
    """The part of it that this face tells; whether a page without files is there is of no use."""
    return {name: [_told(entry, face) for entry in page] for name, page in pages.items() if page}


def _told(entry: dict[str, Any], face: Face) -> dict[str, Any]:
    keys = [key for fact, key in KEYS.items() if fact in face.tells]
    return {key: entry.get(key) or None for key in ["filename", "hashes", "size", *keys]}


Firsts = Callable[[Face], First]
Sites = Callable[[Face], Site]
FromPypi = Callable[[Change | None], Pages]


@pytest.fixture(scope="module")
def firsts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firsts]:
    """For each face a mirror after its first sync, made when it is asked for."""
    with ExitStack() as stack:
        yield cache(lambda face: First(tmp_path_factory.mktemp("first") / "mirror", face, stack))


@pytest.fixture(scope="module")
def from_pypi(firsts: Firsts, tmp_path_factory: pytest.TempPathFactory) -> FromPypi:
    """The pages of a mirror of PyPI's face, after a change or before any."""

    def pages(change: Change | None) -> Pages:
        first = firsts(PYPI)
        if change is None:
            return first.site.pages()
        with ExitStack() as stack:
            site = first.copied(tmp_path_factory.mktemp("pypi") / "mirror", stack)
            change(site.server.world)
            site.settle()
            return site.pages()

    return cache(pages)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Sites]:
    """Mirrors that have yet to be synced."""
    with ExitStack() as stack:
        yield lambda face: opened(tmp_path / "mirror", face, stack)


@pytest.fixture
def synced(firsts: Firsts, tmp_path: Path) -> Iterator[Sites]:
    """Mirrors after their first sync."""
    with ExitStack() as stack:
        yield lambda face: firsts(face).copied(tmp_path / "mirror", stack)


OTHERS = [face for face in FACES if face is not PYPI]
every_face = pytest.mark.parametrize("face", OTHERS, ids=lambda face: face.name)


@every_face
def test_the_first_sync_is_that_from_pypi(face: Face, empty: Sites, from_pypi: FromPypi) -> None:
    site = empty(face)
    assert site.bench.sync().failed == {}
    assert site.bench.unmet() == set()
    assert told(site.pages(), face) == told(from_pypi(None), face) != {}


@pytest.mark.parametrize(
    ("face", "change"),
    [
        pytest.param(face, change, id=f"{face.name}-{change.__name__}")
        for face in OTHERS
        for change, fact in CHANGES.items()
        if fact is None or fact in face.tells
    ],
)
def test_after_a_change_it_is_that_from_pypi(
    face: Face, change: Change, synced: Sites, from_pypi: FromPypi
) -> None:
    site = synced(face)
    change(site.server.world)
    site.settle()
    assert told(site.pages(), face) == told(from_pypi(change), face) != {}


@pytest.mark.parametrize("face", [face for face in OTHERS if "removal" not in face.tells])
def test_a_refusal_is_no_removal(face: Face, synced: Sites) -> None:
    """Who answers 403 for what is not there cannot say that it has gone; the operator is told."""
    site = synced(face)
    before = site.pages()
    remove_project(site.server.world)
    site.settle()
    assert site.pages() == before
    assert "403" in site.bench.sync().failed["only-sdist"]


@every_face
def test_a_name_that_is_not_there_stops_nothing(
    face: Face, empty: Sites, from_pypi: FromPypi
) -> None:
    site = empty(face)
    site.bench.packages = {**PACKAGES, "never-there": ["latest"]}
    failed = site.bench.sync().failed
    site.settle()
    assert [what for what in failed if "never-there" not in what] == []
    assert told(site.pages(), face) == told(from_pypi(None), face)


@every_face
def test_nothing_changed_nothing_written(face: Face, synced: Sites) -> None:
    site = synced(face)
    generation = site.bench.query("SELECT max(id) FROM generations")
    site.bench.upstream = client(site.server)
    files = site.server.requests("file")
    site.settle()
    assert site.bench.query("SELECT max(id) FROM generations") == generation
    assert site.server.requests("file") == files


@every_face
def test_an_outage_takes_nothing_away_and_heals(
    face: Face, synced: Sites, from_pypi: FromPypi
) -> None:
    site = synced(face)
    world = site.server.world
    before = site.pages()
    upload(world)
    for status in (503, 403, 404):
        world.faults.fail("/simple/*", status)
        world.faults.fail("/pypi*", status)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(site.bench, "upstream", client(site.server))
            _try(site.bench)
            _try(site.bench)
        assert site.pages() == before
        world.heal()
    site.settle()
    assert told(site.pages(), face) == told(from_pypi(upload), face)


def _try(bench: Bench) -> None:
    """One cycle, which may fail as a whole."""
    with suppress(UpstreamError):
        bench.sync()


@pytest.mark.parametrize("order", [("nexus", "endpoint"), ("endpoint", "nexus")])
def test_an_empty_page_for_what_is_not_there_is_no_project(
    order: tuple[str, str], tmp_path: Path
) -> None:
    """A Nexus group shows one for every name; one who has a project says so by a serial."""
    public = World()
    for name in ("app", "only-public", "without-files"):
        public.publish(name, "1.0", requires=["nowhere"] if name == "app" else ())
    public.remove_release("without-files", "1.0")
    group = World()
    group.publish("only-group", "1.0")
    with ExitStack() as stack:
        servers = {
            "nexus": stack.enter_context(Server(group, face=BY_NAME["nexus"])),
            "endpoint": stack.enter_context(Server(public)),
        }
        clients = [
            HttpUpstream(
                Settings(
                    servers[name].url,
                    root=servers[name].root if name == "nexus" else None,
                    has_api=name == "endpoint",
                    retries=0,
                    pace=0,
                ),
                name=name,
                sleep=lambda _: None,
            )
            for name in order
        ]
        for client in clients:
            stack.callback(client.close)
        upstream = Indexes(clients, Assignment([Share(name) for name in order]))
        names = ["app", "only-public", "only-group", "without-files", "never-there"]
        bench = Bench(tmp_path, upstream, {name: ["latest"] for name in names})
        failed = bench.sync().failed
        assert bench.listed().keys() == {"app", "only-public", "only-group"}
        assert "upstream has no such project" in failed['root never-there "latest"']
        assert "no file" in failed['root without-files "latest"']
        found = dict(bench.query("SELECT name, index_name FROM projects"))
        assert found == {
            "app": "endpoint",
            "only-public": "endpoint",
            "only-group": "nexus",
            "without-files": "endpoint",
            "never-there": "",
            "nowhere": "",
        }
        public.publish("never-there", "1.0")
        group.publish("nowhere", "1.0")
        bench.sync()
        bench.sync()
        assert {"never-there", "nowhere"} <= bench.listed().keys()


def test_a_quarantined_project_is_looked_for_nowhere_else(tmp_path: Path) -> None:
    """An index that shows no files of a project of its own still has it."""
    own, public = World(), World()
    own.publish("app", "1.0")
    own.quarantine("app")
    public.publish("app", "99")
    indexes = [MemoryUpstream(own, name="own"), MemoryUpstream(public)]
    upstream = Indexes(indexes, Assignment([Share("own"), Share("endpoint")]))
    bench = Bench(tmp_path, upstream, {"app": ["latest"]})
    report = bench.sync()
    assert "quarantined" in report.failed['root app "latest"']
    assert bench.query("SELECT name, index_name FROM projects") == [("app", "own")]
