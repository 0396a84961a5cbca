"""Bytes and pages are never mixed, whatever paths the addresses of files spell."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from pypisync.catalog.db.pool import Stored, record_stored
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts.record import record_documents, rederive
from pypisync.core.filters.file_rules import Rules
from pypisync.core.standards.model import ENDPOINT, File, ProjectDocument
from pypisync.cycle import sync
from pypisync.cycle.mirror import Mirror
from tests.recipe.mirrors import Bench, read_tree
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

WHEEL = "app-1.0-py3-none-any.whl"
BLOB = f"packages/aa/bb/{'c' * 60}"


def exchange(world: World, filename: str, other: str) -> None:
    """Serve the bytes of another file at the address of this one."""
    old = world.files[filename]
    path = old.path
    old.__dict__["built"] = world.files[other].built
    assert old.path == path


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every link of the pages is followed also between fetching and publishing."""
    publish = sync.publish

    def first_look(mirror: Mirror, *rest: object) -> None:
        read_tree(mirror.pool.root)
        publish(mirror, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sync, "publish", first_look)


@pytest.mark.usefixtures("checked")
@pytest.mark.parametrize("hashes", [("sha256",), ("md5",)])
def test_other_bytes_under_the_same_address(
    hashes: tuple[str, ...], tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, retention=10**9)
    world.publish("app", "1.0", hashes=hashes, metadata=False)
    world.publish("other", "9.0", size_padding=5000)
    first = world.files[WHEEL].built.sha256
    assert bench.sync().exit_code == 0
    exchange(world, WHEEL, "other-9.0-py3-none-any.whl")
    second = world.files[WHEEL].built.sha256
    world.role_change("app")
    for _ in range(2):
        bench.sync()
        assert bench.listed() == {"app": {"1.0"}}
        [(digest,)] = bench.query("SELECT sha256 FROM v_listed WHERE project = 'app'")
        assert digest == second != first
        whole(bench)
        world.role_change("app")
    assert bench.query("SELECT count(DISTINCT path) FROM published") == [(2,)]


@pytest.mark.usefixtures("checked")
def test_other_bytes_come_back_where_a_kept_generation_lists_the_first(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    bench = Bench(tmp_path, memory, {"app": [">=0"]}, retention=10**9)
    world.publish("app", "1.0", metadata=False)
    world.publish("app", "0.9")
    bench.sync()
    files = dict(world.files)
    release = world.project("app").releases["1.0"]
    world.remove_release("app", "1.0")
    bench.sync()
    assert bench.listed() == {"app": {"0.9"}}
    world.files.update(files)
    other = World()
    other.publish("app", "1.0", metadata=False, size_padding=5000)
    world.files[WHEEL].__dict__["built"] = other.files[WHEEL].built
    world._re_project(
        "app", "new release", releases={**world.project("app").releases, "1.0": release}
    )
    assert bench.sync().failed == {}
    assert bench.listed() == {"app": {"0.9", "1.0"}}
    whole(bench)


def whole(bench: Bench) -> None:
    """All that any kept generation lists is on the disk with its hash."""
    for path, digest in bench.query("SELECT path, sha256 FROM published"):
        assert sha256((bench.folder / path).read_bytes()).hexdigest() == digest


# -- what is recorded ---------------------------------------------------------------------------


class Desk:
    """A catalog, and what indexes say of files."""

    def __init__(self, catalog: Catalog, rules: Rules) -> None:
        self._catalog = catalog
        self._rules = rules

    def say(self, project: str, file: File, index: str = ENDPOINT) -> str:
        """Record a document with this one file, twice; returns the path that the file has."""
        with self._catalog.begin() as connection:
            for serial in (1, 2):
                document = ProjectDocument(project, project, serial, (file,), index=index)
                record_documents(connection, [document], self._rules, 1)
            rederive(connection, self._rules, 1)
        return self.paths(file.filename)[project]

    def paths(self, filename: str) -> dict[str, str]:
        """By project, the paths of the files of this name."""
        query = (
            "SELECT p.name, f.path FROM files f JOIN releases r ON r.id = f.release_id "
            "JOIN projects p ON p.id = r.project_id WHERE f.filename = :filename"
        )
        with self._catalog.begin() as connection:
            rows = connection.execute(text(query), {"filename": filename})
            return {row.name: row.path for row in rows}

    def store(self, path: str, digest: str) -> None:
        """The bytes have come."""
        with self._catalog.begin() as connection:
            record_stored(connection, [Stored(path, digest, 1)], 1)


@pytest.fixture
def desk(tmp_path: Path, memory: MemoryUpstream) -> Iterator[Desk]:
    bench = Bench(tmp_path, memory, {})
    bench.sync()
    catalog = bench.catalog()
    yield Desk(catalog, bench.mirror(catalog).rules)
    catalog.close()


def file(filename: str, digest: str, *, index: str = ENDPOINT, stated: str = "") -> File:
    return File(filename, f"http://{index}.test/{BLOB}/{filename}", digest, 1, stated=stated)


@pytest.mark.parametrize(
    "digests", [("1" * 64, "2" * 64), ("", "2" * 64), ("1" * 64, ""), ("", "")]
)
@pytest.mark.parametrize("order", [("foo", "foo-1"), ("foo-1", "foo")])
def test_two_projects_whose_sdists_have_one_name_and_one_path(
    digests: tuple[str, str], order: tuple[str, str], desk: Desk
) -> None:
    """ "foo-1-1.tar.gz" is foo 1-1 and foo-1 1."""
    name = "foo-1-1.tar.gz"
    before = desk.say(order[0], file(name, digests[0]))
    assert before == f"{BLOB}/{name}"
    after = desk.say(order[1], file(name, digests[1], stated="" if digests[1] else "md5:00"))
    assert after != before
    assert desk.say(order[0], file(name, digests[0])) == before
    assert desk.paths(name) == {order[0]: before, order[1]: after}


def test_the_same_bytes_of_two_projects_may_share_a_path(desk: Desk) -> None:
    name = "foo-1-1.tar.gz"
    assert desk.say("foo", file(name, "1" * 64)) == desk.say("foo-1", file(name, "1" * 64))


@pytest.mark.parametrize("stated", ["", "md5:00"])
def test_an_unverified_file_that_moves_to_another_index(stated: str, desk: Desk) -> None:
    """What one index sent is never taken for what the other one has."""
    first = desk.say("app", file(WHEEL, "", stated=stated))
    desk.store(first, "1" * 64)
    second = desk.say("app", file(WHEEL, "", index="company", stated=stated), "company")
    assert second != first
    desk.store(second, "2" * 64)
    assert desk.say("app", file(WHEEL, "", index="company", stated=stated), "company") == second


def test_other_metadata_beside_the_same_wheel(desk: Desk) -> None:
    """A page states the hash of the one beside the wheel that it lists."""
    wheel = file(WHEEL, "1" * 64)
    paths = [
        desk.say("app", replace(wheel, metadata_sha256=digest))
        for digest in (None, "a" * 64, "b" * 64, "b" * 64, "c" * 64)
    ]
    assert paths[0] == paths[1] == f"{BLOB}/{WHEEL}"
    assert paths[2] == paths[3]
    assert len({*paths}) == 3


def test_a_path_that_spells_the_place_of_other_bytes(desk: Desk) -> None:
    """An address may be made up so that it leads to where a file lies by its hash."""
    name = "foo-1-1.tar.gz"
    victim = "ab" * 32
    place = f"packages/{victim[:2]}/{victim[2:4]}/{victim[4:]}"
    hostile = replace(file(name, "6" * 64), url=f"http://hostile.test/{place}/{name}")
    taken = desk.say("foo", hostile)
    desk.store(taken, "6" * 64)
    honest = replace(file(name, victim), url=f"http://endpoint.test/files/{name}")
    assert desk.say("foo-1", honest) != taken


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (f"{BLOB.replace('aa', 'AA')}/app-1.0%2Bcpu-py3-none-any.whl", False),
        (f"{BLOB}/app-1.0%2Bcpu-py3-none-any.whl", True),
        (f"{BLOB}/app-1.0+cpu-py3-none-any.whl", True),
        (f"{BLOB}/app-1.0%252Bcpu-py3-none-any.whl", False),
        (f"{BLOB}/App-1.0%2Bcpu-py3-none-any.whl", False),
        (f"{BLOB.replace('aa', '%61a')}/app-1.0+cpu-py3-none-any.whl", False),
    ],
)
def test_case_and_escapes_never_lead_to_one_path_with_other_bytes(
    url: str, own: bool, desk: Desk
) -> None:
    name = "app-1.0+cpu-py3-none-any.whl"
    other = "app-1.0+cpu-py2-none-any.whl"
    first = desk.say("app", replace(file(name, "1" * 64), url=f"http://a.test/{url}"))
    assert first == (f"{BLOB}/{name}" if own else f"packages/11/11/{'1' * 60}/{name}")
    desk.store(first, "1" * 64)
    second = desk.say("app", replace(file(name, "2" * 64), url=f"http://a.test/{url}"))
    assert second == f"packages/22/22/{'2' * 60}/{name}"
    assert desk.say("app", file(other, "3" * 64)) == f"{BLOB}/{other}"
