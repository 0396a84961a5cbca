"""The simulated index itself: what it publishes, what its journal says, what it answers."""

import base64
import csv
import hashlib
import io
import itertools
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from packaging.metadata import Metadata
from packaging.utils import canonicalize_name, parse_wheel_filename

from pypisync.core.standards.model import ProjectDocument, Unchanged
from pypisync.errors import Gone, Malformed, Stale, Unreachable
from pypisync.upstream.api import FileAsk, ProjectAsk
from pypisync.upstream.documents import parse_legacy, parse_simple
from pypisync.upstream.session import Reply
from tests.deep import scaled
from tests.sim import rpc, strategies
from tests.sim.asks import asked
from tests.sim.documents import JSON_V1, Documents
from tests.sim.memory import BASE, MemoryUpstream
from tests.sim.strategies import Op
from tests.sim.world import World


class Shelf:
    """A deposit and its only part, in memory."""

    def __init__(self, held: bytes = b"", sha256: str = "") -> None:
        self.held = held
        self.sha256 = sha256
        self.offset = len(held)
        self.restarted = self.committed = self.closed = False

    def part(self, ask: FileAsk) -> "Shelf":
        self.sha256 = ask.sha256
        return self

    def write(self, chunk: bytes) -> None:
        self.held += chunk

    def restart(self) -> None:
        self.held, self.restarted = b"", True

    def whole(self) -> bool:
        return hashlib.sha256(self.held).hexdigest() == self.sha256

    def commit(self) -> str:
        digest = hashlib.sha256(self.held).hexdigest()
        if digest != self.sha256:
            raise Malformed("wrong bytes")
        self.committed = True
        return digest

    def close(self) -> None:
        self.closed = True


def document(upstream: MemoryUpstream, name: str, serial: int = 0) -> ProjectDocument:
    found = asked(upstream, ProjectAsk(name, serial))
    assert isinstance(found, ProjectDocument), found
    return found


def failure(upstream: MemoryUpstream, name: str, serial: int = 0) -> type[object]:
    found = asked(upstream, ProjectAsk(name, serial))
    return type(found)


def actions(world: World, since: int) -> list[tuple[str | None, str | None, str | None]]:
    return [(row.name, row.version, row.action) for row in world.changes(since)]


def test_wheels_are_valid_and_the_same_each_time() -> None:
    builds = []
    for _ in range(2):
        world = World()
        world.publish(
            "A.b",
            "1.0",
            requires=["c>=1; python_version < '3'"],
            extras={"fast": ["d ; os_name == 'nt' or os_name == 'posix'"]},
            requires_python=">=3.9",
            wheels=["2-py2.py3-none-any"],
            size_padding=5000,
        )
        [stored] = world.files.values()
        builds.append(stored.built.content)
    assert builds[0] == builds[1]
    assert len(builds[0]) > 5000
    assert parse_wheel_filename(stored.filename)[2] == (2, "")
    with zipfile.ZipFile(io.BytesIO(builds[0])) as archive:
        assert archive.testzip() is None
        record = archive.read("a_b-1.0.dist-info/RECORD").decode()
        for path, digest, size in csv.reader(io.StringIO(record)):
            if digest:
                content = archive.read(path)
                made = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
                assert digest == f"sha256={made.decode()}"
                assert int(size) == len(content)
        assert len(record.splitlines()) == len(archive.namelist())
        text = archive.read("a_b-1.0.dist-info/METADATA")
        wheel = archive.read("a_b-1.0.dist-info/WHEEL")
    assert b"Tag: py2-none-any\nTag: py3-none-any" in wheel
    assert text == stored.metadata
    metadata = Metadata.from_email(text)
    assert metadata.provides_extra == ["fast"]
    assert [str(requirement) for requirement in metadata.requires_dist or []] == [
        'c>=1; python_version < "3"',
        'd; (os_name == "nt" or os_name == "posix") and extra == "fast"',
    ]


@pytest.mark.parametrize(
    ("kind", "version", "dynamic", "requires"),
    [
        ("static", "2.2", False, True),
        ("dynamic", "2.2", True, False),
        ("mixed", "2.6", True, True),
        ("none", "1.1", False, False),
    ],
)
def test_sdists_state_their_metadata_in_four_ways(
    kind: str, version: str, dynamic: bool, requires: bool
) -> None:
    world = World()
    options = {"sdist_metadata": kind, "build_requires": ["hatchling"]}
    world.publish("a", "1", requires=["b"], wheels=(), sdist=True, **options)  # type: ignore[arg-type]
    content = world.files["a-1.tar.gz"].built.content
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
        info = archive.extractfile("a-1/PKG-INFO")
        project = archive.extractfile("a-1/pyproject.toml")
        assert info is not None
        assert project is not None
        text, toml = info.read().decode(), project.read().decode()
    assert "a-1/_build/sim_backend.py" in names
    assert 'requires = ["hatchling"]' in toml
    assert f"Metadata-Version: {version}\n" in text
    assert ("Dynamic: Requires-Dist" in text) is dynamic
    assert ("Requires-Dist: b" in text.replace("Dynamic: Requires-Dist", "")) is requires
    assert world.project("a").releases["1"].requires == (("b",) if requires else None)


def test_the_journal_says_what_warehouse_says() -> None:
    world = World(steps=(1, 5))
    start = world.serial
    world.publish("Foo", "1.0", wheels=["cp312-cp312-win_amd64"], sdist=True)
    world.yank("foo", "1.0", "bad")
    world.unyank("foo", "1.0")
    world.quarantine_release("foo", "1.0")
    world.clear_release_quarantine("foo", "1.0")
    world.quarantine("foo")
    world.clear_quarantine("foo")
    world.role_change("foo", "jos\u00e9")
    world.archive("foo")
    world.remove_file("foo", "1.0", "foo-1.0.tar.gz")
    world.remove_release("foo", "1.0")
    world.remove_project("foo")
    world.create("FOO")
    world.row(None, None, None)
    assert actions(world, start) == [
        ("Foo", None, "create"),
        ("Foo", "1.0", "new release"),
        ("Foo", "1.0", "add cp312 file foo-1.0-cp312-cp312-win_amd64.whl"),
        ("Foo", "1.0", "add source file foo-1.0.tar.gz"),
        ("Foo", "1.0", "yank release"),
        ("Foo", "1.0", "unyank release"),
        ("Foo", "1.0", "release quarantined"),
        ("Foo", "1.0", "release quarantine cleared"),
        ("Foo", None, "project quarantined"),
        ("Foo", None, "project quarantine cleared"),
        ("Foo", None, "add Maintainer jos\u00e9"),
        ("Foo", "1.0", "remove file foo-1.0.tar.gz"),
        ("Foo", "1.0", "remove release"),
        ("Foo", None, "remove project"),
        ("FOO", None, "create"),
        (None, None, None),
    ]
    serials = [row.serial for row in world.changes(start)]
    assert {b - a for a, b in itertools.pairwise(serials)} == {1, 5}
    assert world.project("foo").serial == serials[-2]
    assert rpc.sanitised("add jos\u00e9\n\x00") == "add jos&#233;"


def test_an_upload_in_another_spelling_renames_and_a_filename_is_used_once() -> None:
    world = World()
    world.publish("foo-bar", "1.0")
    world.publish("Foo_Bar", "1.0.0", wheels=["cp311-abi3-win32"])
    project = world.project("foo.bar")
    assert project.display == "Foo_Bar"
    assert [len(release.files) for release in project.releases.values()] == [2]
    world.remove_project("foo-bar")
    with pytest.raises(ValueError, match="used before"):
        world.publish("foo-bar", "1.0")
    assert world.projects == {}


def test_the_clock_is_its_own() -> None:
    world = World()
    world.publish("a", "1")
    world.noise(1000)
    world.publish("a", "2")
    world.publish("a", "3", uploaded="2020-02-02")
    uploads = [file.uploaded for file in world.files.values()]
    assert uploads == ["2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z", "2020-02-02T00:00:00Z"]
    assert world.changes(0)[0].timestamp == 1767225601


def test_a_real_file_is_served_as_it_is(tmp_path: Path) -> None:
    source = World()
    source.publish("x", "1.5", requires=["y"], requires_python=">=3.7", sdist=True)
    world = World()
    for stored in source.files.values():
        path = tmp_path / stored.filename
        path.write_bytes(stored.built.content)
        world.add_real_file(path)
    assert world.project("x").releases["1.5"].requires == ("y",)
    ours, theirs = [
        [(file.sha256, file.metadata_sha256) for file in document(MemoryUpstream(w), "x").files]
        for w in (world, source)
    ]
    assert ours == theirs


def test_memory_answers_conditionally_and_counts(world: World, memory: MemoryUpstream) -> None:
    world.publish("a", "1")
    world.quarantine("a")
    found = document(memory, "a")
    assert (found.status, found.files) == ("quarantined", ())
    world.clear_quarantine("a")
    before = document(memory, "a")
    world.archive("a", "done")
    after = document(memory, "a")
    assert before.serial == after.serial
    assert (after.status, after.status_reason) == ("archived", "done")
    assert before.validators != after.validators
    same = asked(memory, ProjectAsk("a", 0, after.validators))
    assert same == Unchanged("a", after.serial)
    assert memory.requests("simple") == 4
    assert memory.requests() == 4


def test_old_documents_are_stale_and_late_404s_cannot_be_told(world: World) -> None:
    memory = MemoryUpstream(world)
    world.publish("a", "1")
    world.faults.stale("a", times=2)  # by both APIs
    assert failure(memory, "a", world.serial) is Gone
    world.publish("a", "2")
    world.faults.stale("A", times=1)
    assert failure(memory, "a", world.serial) is Stale
    assert len(document(memory, "a", world.serial).files) == 2
    world.faults.stuck("a")
    assert failure(memory, "a", world.serial) is Stale
    assert len(document(memory, "a").files) == 2


def test_faults_become_the_errors_of_a_client(world: World) -> None:
    memory = MemoryUpstream(world)
    world.publish("a", "1")
    for effect, error in [
        (503, Unreachable),
        ("drop", Unreachable),
        ("truncate", Unreachable),
        ("corrupt", Malformed),
    ]:
        world.faults.fail("/simple/a/", effect, times=1)  # type: ignore[arg-type]
        assert failure(memory, "a") is error
    world.faults.fail("*/a/*", 404, times=2)
    assert failure(memory, "a") is Gone
    world.faults.body("/simple/*", b"{}", times=1)
    assert failure(memory, "a") is Malformed
    world.faults.rate_limit(1)
    world.faults.fail("/simple/", 503, times=1)
    with pytest.raises(Unreachable):
        memory.serial()
    world.faults.fail("*", 500, times=1)
    assert MemoryUpstream(world, attempts=2).serial() == world.serial


def test_random_faults_are_the_same_each_time() -> None:
    runs = []
    for _ in range(2):
        world = World()
        for i in range(30):
            world.publish(f"p{i}", "1")
        world.faults.random(seed=7, rate=0.3)
        memory = MemoryUpstream(world)
        runs.append([failure(memory, f"p{i}") for i in range(30)])
    assert runs[0] == runs[1]
    assert 3 < sum(kind is not ProjectDocument for kind in runs[0]) < 20


def test_memory_downloads_resumes_and_restarts(world: World, memory: MemoryUpstream) -> None:
    world.publish("a", "1", size_padding=300_000)
    [file] = document(memory, "a").files
    ask = FileAsk(file.url, "a", file.sha256, file.size)
    shelf = Shelf()
    world.faults.fail("*.whl", "truncate", times=1)
    error = asked(memory, ask, shelf)
    assert isinstance(error, Unreachable)
    assert 100_000 < len(shelf.held) < 200_000
    assert (shelf.closed, shelf.committed) == (True, False)
    again = Shelf(shelf.held)
    assert asked(memory, ask, again) is None
    assert (again.committed, again.restarted) == (True, False)
    world.faults.no_range()
    once_more = Shelf(shelf.held)
    assert asked(memory, ask, once_more) is None
    assert once_more.restarted
    world.faults.corrupt("*.whl")
    error = asked(memory, ask, Shelf())
    assert isinstance(error, Malformed)
    metadata = FileAsk(file.url + ".metadata", "a.metadata", file.metadata_sha256 or "")
    world.remove_project("a")  # the bytes stay
    assert asked(memory, metadata, Shelf()) is None
    assert (memory.requests("file"), memory.requests("metadata")) == (4, 1)


def test_without_xmlrpc_the_root_tells_what_changed(world: World, memory: MemoryUpstream) -> None:
    world.publish("A", "1")
    world.publish("b", "1")
    world.publish("c", "1")
    since = world.serial
    world.yank("A", "1")
    world.quarantine("b")
    world.faults.xmlrpc = False
    assert memory.serial() == world.serial
    assert [(change.name, change.action) for change in memory.changes(since)] == [
        ("A", "simple index"),
        ("", "simple index"),
    ]
    assert memory.names() == {"a": world.serial - 1, "c": since}
    assert memory.requests("root") == 3


def without_bytes(document: ProjectDocument) -> ProjectDocument:
    """The document with the digest of its content alone: in memory there are no bytes."""
    known = document.validators
    return replace(document, validators=replace(known, digest=known.digest.partition(".")[0]))


@settings(max_examples=scaled(60))
@given(strategies.universes(4, max_size=10), strategies.histories(4))
def test_memory_says_what_the_documents_say(universe: list[Op], history: list[Op]) -> None:
    world = strategies.build([*universe, *history])
    documents = Documents(world, BASE)
    by_simple = MemoryUpstream(world)
    for name, project in world.projects.items():
        by_json = MemoryUpstream(world, source="json")
        page = documents.project_json(project)
        headers = {"Content-Type": JSON_V1, "ETag": page.etag}
        found = parse_simple(name, Reply(200, BASE, headers, page.body))
        assert document(by_simple, name) == without_bytes(found)
        legacy = documents.legacy(project)
        if legacy is None:
            assert document(by_json, name).status is not None
        else:
            reply = Reply(200, BASE, {"ETag": legacy.etag}, legacy.body)
            assert document(by_json, name) == without_bytes(parse_legacy(name, reply))


@settings(max_examples=scaled(60))
@given(strategies.universes(4), strategies.histories(4, max_size=20))
def test_serials_follow_the_journal(universe: list[Op], history: list[Op]) -> None:
    world = strategies.build(universe)
    for op in history:
        before, edition = world.serial, world.edition
        if op.apply(world):
            assert world.edition > edition
            for row in world.changes(before):
                assert canonicalize_name(row.name or "") == canonicalize_name(op.args[0])
        else:
            assert world.serial == before
    last: dict[str, int] = {}
    for row in world.changes(0):
        last[canonicalize_name(row.name or "")] = row.serial
    assert {name: project.serial for name, project in world.projects.items()} == {
        name: serial for name, serial in last.items() if name in world.projects
    }
