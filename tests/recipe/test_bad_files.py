"""Files and metadata that are wrong or missing: what needs them waits, what is published stays."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.recipe.closed import unmet
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim import dists
from tests.sim.documents import JSON_V1, simple
from tests.sim.faults import Kind
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World

NEW_LIB = "*/lib-2.0-py3-none-any.whl"


class Chain:
    """A mirror of 1.0 of app, mid and lib; then 2.0 comes, all at once."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world = world
        self.bench = Bench(folder, MemoryUpstream(world), {"app": ["latest"], "other": ["latest"]})
        self.publish("1.0")
        self.bench.sync()
        self.publish("2.0")

    def publish(self, version: str) -> None:
        self.world.publish("other", version)
        self.world.publish("lib", version)
        self.world.publish("mid", version, requires=[f"lib=={version}"])
        self.world.publish("app", version, requires=[f"mid=={version}"])

    def assert_held(self, *held: str) -> None:
        report = self.bench.sync()
        assert sorted(report.held) == sorted(held)
        assert report.exit_code == 1
        shown = self.bench.query("SELECT release, reason FROM v_held")
        assert dict(shown) == report.held
        assert all(report.held.values())
        old = {"app": {"1.0"}, "mid": {"1.0"}, "lib": {"1.0"}}
        listed = self.bench.listed()
        assert "2.0" in listed["other"]
        for name, versions in old.items():
            assert versions <= listed[name]
        assert unmet(self.bench.folder) == set()

    def assert_healed(self) -> None:
        self.world.heal()
        report = self.bench.sync()
        assert report.exit_code == 0, report
        assert self.bench.listed() == {name: {"2.0"} for name in ("app", "mid", "lib", "other")}
        assert self.bench.query("SELECT * FROM v_held") == []


@pytest.mark.parametrize("effect", ["drop", "truncate", "corrupt", 404, 410, 500, 403])
def test_a_file_that_does_not_come_holds_what_needs_it(
    effect: int | Kind, tmp_path: Path, world: World
) -> None:
    chain = Chain(tmp_path, world)
    world.faults.fail(NEW_LIB, effect)
    for _ in range(2):
        chain.assert_held("app==2.0", "lib==2.0", "mid==2.0")
    assert set(chain.bench.sync().failed) == {"lib-2.0-py3-none-any.whl"}
    chain.assert_healed()


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("effect", ["drop", "truncate", 500])
def test_metadata_that_does_not_come_holds_what_needs_it(
    effect: int | Kind, tmp_path: Path, world: World
) -> None:
    chain = Chain(tmp_path, world)
    world.faults.fail(f"{NEW_LIB}.metadata", effect)
    for _ in range(2):
        chain.assert_held("app==2.0", "lib==2.0", "mid==2.0")
    chain.assert_healed()


@pytest.mark.usefixtures("all_large")
def test_each_release_of_a_chain_may_fail_in_turn(tmp_path: Path, world: World) -> None:
    chain = Chain(tmp_path, world)
    world.faults.fail("*/app-2.0-*", 503)
    world.faults.fail("*/mid-2.0-*.metadata", 503)
    world.faults.fail("*/lib-2.0-*", 503)
    chain.assert_held("app==2.0")  # nobody knows yet what app needs
    world.heal()
    world.faults.fail("*/mid-2.0-*.metadata", 503)
    world.faults.fail("*/lib-2.0-*.whl", 503)
    chain.assert_held("app==2.0", "mid==2.0")
    world.heal()
    world.faults.fail("*/lib-2.0-*.whl", 503)
    chain.assert_held("app==2.0", "lib==2.0", "mid==2.0")
    chain.assert_healed()


@pytest.mark.parametrize("asked", ["/pypi/app/2.0/json", "*/app-2.0-*.whl"])
def test_requirements_that_cannot_be_asked_for_are_waited_for(
    tmp_path: Path, world: World, asked: str
) -> None:
    """Without .metadata they are asked of the wheel, and of the JSON API if it has no parts."""
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]})
    world.publish("app", "1.0")
    bench.sync()
    world.publish("lib", "1.0")
    world.publish("app", "2.0", requires=["lib"], metadata=False, size_padding=2_000_000)
    world.faults.no_range()
    world.faults.fail(asked, 503)
    report = bench.sync()
    assert set(report.held) == {"app==2.0"}
    assert "app==2.0" in report.failed
    assert bench.listed() == {"app": {"1.0"}}
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"2.0"}, "lib": {"1.0"}}


def test_a_size_that_does_not_fit(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    bench = Bench(tmp_path, wired(), {"small": ["latest"], "large": ["latest"], "fine": ["latest"]})
    for name, wrong in (("small", -1), ("large", 1), ("fine", 0)):
        world.publish(name, "1.0")
        document = simple(world.project(name), server.url)
        document["files"][0]["size"] += wrong
        body = json.dumps(document).encode()
        world.faults.body(f"/simple/{name}/", body, headers={"Content-Type": JSON_V1})
    report = bench.sync()
    assert set(report.held) == {"small==1.0", "large==1.0"}
    assert set(report.failed) == {"small-1.0-py3-none-any.whl", "large-1.0-py3-none-any.whl"}
    assert bench.listed() == {"fine": {"1.0"}}
    world.heal()
    world.role_change("small")
    world.role_change("large")
    assert bench.sync().exit_code == 0
    assert bench.listed() == {name: {"1.0"} for name in ("fine", "large", "small")}


def test_one_of_two_wheels_is_missing(tmp_path: Path, world: World) -> None:
    """What serves every target is published; the rest follows."""
    bench = Bench(tmp_path, MemoryUpstream(world), {"lib": ["latest"]})
    world.publish("lib", "1.0", wheels=["py3-none-any", "cp311-cp311-win_amd64"])
    world.publish("lib", "2.0", wheels=["py3-none-any", "cp311-cp311-manylinux_2_17_x86_64"])
    world.faults.fail("*/lib-2.0-cp311-*.whl", 404)
    report = bench.sync()
    assert report.held == {}
    assert set(report.failed) == {"lib-2.0-cp311-cp311-manylinux_2_17_x86_64.whl"}
    assert files(bench) == {"lib-2.0-py3-none-any.whl"}
    world.heal()
    assert bench.sync().exit_code == 0
    assert len(files(bench)) == 2


def files(bench: Bench, name: str = "lib") -> set[str]:
    """The file names on a page."""
    page = json.loads((bench.folder / "simple" / name / "index.v1_json").read_bytes())
    return {file["filename"] for file in page["files"]}


# -- metadata -----------------------------------------------------------------------------------


def metadata_listed(bench: Bench, name: str) -> bool:
    page = json.loads((bench.folder / "simple" / name / "index.v1_json").read_bytes())
    return any(file.get("core-metadata") for file in page["files"])


@pytest.mark.parametrize("pattern", ["*/lib-1.0*", "*/lib-2.0.tar.gz*"])
def test_a_file_that_no_installer_needs_is_not_waited_for(
    pattern: str, tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("lib", "1.0")
    world.publish("lib", "2.0", sdist=True, build_requires=[])
    world.publish("app", "1.0", requires=["lib"])
    world.faults.fail(pattern, 403)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}, "lib": {"2.0"}}


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("effect", [404, "corrupt"])
def test_metadata_that_is_missing_or_wrong_is_asked_for_elsewhere(
    effect: int | Kind, tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    world.faults.fail("*/app-*.metadata", effect)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    report = bench.sync()
    assert report.held == {}
    assert list(report.failed) == ["app-1.0-py3-none-any.whl.metadata"]
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert unmet(tmp_path) == set()
    assert not metadata_listed(bench, "app")
    assert bench.query("SELECT source FROM v_releases WHERE project = 'app'") == [("wheel",)]


def odd_wheel(
    name: str, metadata: bytes, *, folder: str = "", method: int = zipfile.ZIP_STORED
) -> dists.Built:
    """A wheel whose METADATA, and what is served beside it, are these bytes."""
    buffer = io.BytesIO()
    about = f"{folder or f'{name}-1.0'}.dist-info"
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr(f"{about}/RECORD", f"{about}/METADATA,,\n{about}/RECORD,,\n")
    return dists.built(buffer.getvalue(), metadata)


GARBAGE = {
    "empty": b"",
    "bytes": bytes(range(256)),
    "html": b"<html><body>Not here</body></html>",
    "no-version": b"Metadata-Version: 2.1\nName: x\nRequires-Dist: lib\n",
}


def test_metadata_that_is_garbage(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    """It is stored and listed, for upstream states its hash; what it needs nobody else can say."""
    world.publish("lib", "1.0")
    for name, metadata in GARBAGE.items():
        stem = name.replace("-", "_")
        filename = f"{stem}-1.0-py3-none-any.whl"
        world.add_file(name, "1.0", filename, odd_wheel(stem, metadata), requires=["lib"])
        silent = f"silent_{stem}"
        world.add_file(silent, "1.0", f"{silent}-1.0-py3-none-any.whl", odd_wheel(silent, metadata))
    roots = [*GARBAGE, *(f"silent-{name}" for name in GARBAGE)]
    bench = Bench(tmp_path, memory, {name: ["latest"] for name in roots})
    report = bench.sync()
    assert report.held == {}
    assert bench.listed() == {name: {"1.0"} for name in roots}
    assert set(bench.query("SELECT knowledge FROM v_releases")) == {("unavailable",)}
    shown = {name: why for name, _, why in unreadable(bench)}
    assert shown.keys() == {*roots}
    assert report.failed == {f"{name}==1.0": why for name, why in shown.items()}
    assert report.exit_code == bench.sync().exit_code == 1


def unreadable(bench: Bench) -> list[tuple[str, str, str]]:
    """What v_unmet shows of METADATA that cannot be read."""
    return bench.query(
        "SELECT project, version, reason FROM v_unmet WHERE requirement = 'METADATA'"
    )


LINES = (
    "lib >= ",
    "lib (>=1",
    "lib; python_version",
    "lib; python_version < ",
    "lib; nonsense == 'x'",
    "???",
    "-e .",
    "lib >= latest",
    "lib @ https://example.test/lib-1.0-py3-none-any.whl",
    "lib @ file:///etc/passwd",
    "x" * 5000 + " ><",
    "lib" + "[a]" * 50,
    "lib; " + "(" * 500 + "python_version > '3'" + ")" * 500,
)


def test_requirements_that_mean_nothing_are_shown_and_the_rest_is_followed(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("lib", "1.0")
    world.publish("fine", "1.0")
    names = [f"odd{number}" for number in range(len(LINES))]
    for name, line in zip(names, LINES, strict=True):
        world.publish(name, "1.0", requires=[line, "fine"])
    bench = Bench(tmp_path, memory, {name: ["latest"] for name in names})
    report = bench.sync()
    assert report.failed == report.held == {}
    listed = bench.listed()
    assert listed.keys() - {"lib"} == {*names, "fine"}
    shown = dict(bench.query("SELECT project, reason FROM v_unmet"))
    # packaging itself reads the last one, and so may we
    assert set(names[:-1]) <= shown.keys() <= set(names)
    assert all(shown.values())


# -- archives -----------------------------------------------------------------------------------


def tar(members: list[tarfile.TarInfo | tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


PYPROJECT = b'[build-system]\nrequires = ["builder"]\n'
SDISTS: dict[str, bytes] = {
    "no-archive": b"this is no archive",
    "nothing": b"",
    "cut-off": tar([("x-1.0/PKG-INFO", b"Name: x\n" * 100)])[:60],
    "links": tar(
        [link("x-1.0/PKG-INFO", "/etc/passwd"), link("x-1.0/pyproject.toml", "/etc/hosts")]
    ),
    "hard-links": tar([link("x-1.0/PKG-INFO", "/etc/passwd", tarfile.LNKTYPE)]),
    "devices": tar([link("x-1.0/pyproject.toml", "", tarfile.FIFOTYPE)]),
    "bad-toml": tar([("x-1.0/pyproject.toml", b"[build-system\nrequires")]),
    "no-list": tar([("x-1.0/pyproject.toml", b"[build-system]\nrequires = 5\n")]),
}
GOOD_SDISTS: dict[str, bytes] = {
    "escapes": tar(
        [("../../escaped", b"x"), ("/tmp/escaped", b"x"), ("x-1.0/pyproject.toml", PYPROJECT)]
    ),
    "doubles": tar(
        [("x-1.0/pyproject.toml", PYPROJECT), ("y-1.0/pyproject.toml", b"no"), ("x-1.0/x", b"")]
    ),
}


def test_sdists_with_hostile_members(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    world.publish("builder", "1.0")
    world.publish("setuptools", "80.0")
    for name, content in (SDISTS | GOOD_SDISTS).items():
        world.add_file(name, "1.0", f"{name.replace('-', '_')}-1.0.tar.gz", content)
    bench = Bench(
        tmp_path / "in" / "mirror", memory, {name: ["latest"] for name in SDISTS | GOOD_SDISTS}
    )
    report = bench.sync()
    assert report.held == {}
    damaged = {"no-archive", "nothing", "cut-off", "links", "hard-links", "devices"}
    assert report.failed.keys() == {f"{name}==1.0" for name in damaged}
    assert bench.listed().keys() == {*SDISTS, *GOOD_SDISTS, "builder"} | (
        {"setuptools"} & bench.listed().keys()
    )
    assert list(tmp_path.rglob("*escaped*")) == []
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"mirror"}
    unknown = "SELECT project FROM v_releases WHERE knowledge = 'unavailable'"
    assert set(SDISTS) <= {name for (name,) in bench.query(unknown)}
    built = "SELECT project FROM v_unmet WHERE kind = 'build'"
    bad = {name for (name,) in bench.query(built)}
    assert bad & set(GOOD_SDISTS) == set()
    assert {"no-archive", "nothing", "cut-off", "links", "bad-toml", "no-list"} <= bad


def test_wheels_that_are_no_archive(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    contents = {"text": b"this is no archive", "nothing": b"", "tarball": tar([("x", b"x")])}
    for name, content in contents.items():
        world.add_file(name, "1.0", f"{name}-1.0-py3-none-any.whl", content)
    bench = Bench(tmp_path, memory, {name: ["latest"] for name in contents})
    assert bench.sync().failed.keys() == {f"{name}==1.0" for name in contents}
    assert bench.listed() == {name: {"1.0"} for name in contents}
    known = bench.query("SELECT DISTINCT knowledge FROM v_releases")
    assert known == [("unavailable",)]


def test_nothing_is_left_of_a_failed_file(tmp_path: Path, world: World) -> None:
    bench = Bench(tmp_path, MemoryUpstream(world), {"lib": ["latest"]})
    world.publish("lib", "1.0")
    world.faults.corrupt("*.whl")
    bench.sync()
    assert [name for name in tree_bytes(tmp_path, "packages") if name.endswith(".whl")] == []
    assert list((tmp_path / ".partial").glob("*")) == []


@pytest.mark.usefixtures("all_large")
def test_metadata_that_was_damaged_on_its_way_comes_with_the_next_cycle(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0")
    world.faults.corrupt("*/app-*.metadata")
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}}
    world.heal()
    assert bench.sync().exit_code == 0
    assert metadata_listed(bench, "app")
