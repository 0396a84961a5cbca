"""Bad documents and bad names: that project is set aside and shown, the others go on, it heals."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.why_not import absence
from pypisync.core.filters.file_rules import FilePolicy
from tests.recipe.closed import unmet
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.documents import JSON_V1, simple
from tests.sim.faults import Kind
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World


def page(name: object = "NAME", **changes: object) -> bytes:
    """A page; NAME stands for the project's name."""
    document = {"meta": {"api-version": "1.1"}, "name": name, "files": []} | changes
    return json.dumps(document).encode()


BODIES: dict[str, bytes] = {
    "empty": b"",
    "cut-off": page()[:-2],
    "html": b"<!DOCTYPE html><html><body>It works!</body></html>",
    "nothing": b"null",
    "a-list": b"[]",
    "no-keys": b"{}",
    "files-that-are-an-object": page(files={}),
    "files-that-are-text": page(files="none"),
    "another-project": page(name="good"),
    "another-api": page(meta={"api-version": "2.0"}),
    "nested": b'{"name": ' + b"[" * 100_000,
    "nested-in-a-key": page()[:-1] + b', "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "huge": page(padding="x" * 300_000),
    "a-bomb": gzip.compress(page(padding="MUCH").replace(b"MUCH", b"x" * 20_000_000), 1),
}
EFFECTS: dict[str, int | Kind] = {
    "drop": "drop",
    "truncate": "truncate",
    "corrupt": "corrupt",
    "http-500": 500,
    "http-503": 503,
    "http-429": 429,
    "http-403": 403,
}


def break_all(world: World) -> list[str]:
    """Break one project in every way that there is; their names."""
    for name, body in BODIES.items():
        headers = {"Content-Type": JSON_V1}
        if name == "a-bomb":
            headers["Content-Encoding"] = "gzip"
        said = body.replace(b"NAME", name.encode())
        world.faults.body(f"/simple/{name}/", said, headers=headers)
    for name, effect in EFFECTS.items():
        world.faults.fail(f"/simple/{name}/", effect)
    return sorted({*BODIES, *EFFECTS})


@pytest.mark.parametrize("before", ["mirrored", "new"])
def test_documents_that_cannot_be_read(
    before: str, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    names = [*BODIES, *EFFECTS, "good"]
    bench = Bench(tmp_path, wired(max_document=200_000), {key: ["latest"] for key in names})
    old = {"1.0"} if before == "mirrored" else set()
    if old:
        for name in names:
            world.publish(name, "1.0")
        bench.sync()
    for name in names:
        world.publish(name, "2.0")
    broken = break_all(world)
    for attempt in (1, 2):
        report = bench.sync()
        assert sorted(report.failed) == broken
        assert all(len(reason) > 20 for reason in report.failed.values())
        assert report.exit_code == 1
        kept = dict.fromkeys(broken, old) if old else {}
        assert bench.listed() == kept | {"good": {"2.0"}}
        pending = bench.query("SELECT project, attempts, reason FROM v_pending ORDER BY project")
        assert pending == [(name, attempt, report.failed[name]) for name in broken]
    assert bench.query("SELECT outcome FROM v_runs ORDER BY run DESC")[0] == ("incomplete",)
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {key: {"2.0"} for key in names}
    assert bench.query("SELECT * FROM v_pending") == []


ODD_KEYS: dict[str, Any] = {
    "hashes": {},
    "provenance": {},
    "gpg-sig": {},
    "yanked": {},
    "size": "7",
    "upload-time": 7,
    "requires-python": ["3"],
    "core-metadata": "x",
    "dist-info-metadata": 7,
}


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("every", [True, False], ids=["on all files", "on one"])
def test_a_bad_optional_key_costs_nothing(
    key: str, every: bool, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    for version in ("1.0", "2.0"):
        world.publish("a", version)
    document = simple(world.project("a"), server.url)
    for file in document["files"][0 if every else 1 :]:
        file[key] = ODD_KEYS[key]
    headers = {"Content-Type": JSON_V1}
    world.faults.body("/simple/a/", json.dumps(document).encode(), headers=headers)
    bench = Bench(tmp_path, wired(), {"a": ["latest"]})
    report = bench.sync()
    assert (report.exit_code, bench.listed()) == (0, {"a": {"2.0"}})


def test_what_is_left_out_of_a_page_is_named_with_its_reason(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    for version in ("1.0", "2.0"):
        world.publish("a", version)
    document = simple(world.project("a"), server.url)
    document["files"][1] |= {"url": "ftp://files.test/a", "hashes": {}}
    headers = {"Content-Type": JSON_V1}
    world.faults.body("/simple/a/", json.dumps(document).encode(), headers=headers)
    bench = Bench(tmp_path, wired(), {"a": ["latest"]})
    bench.sync()
    assert bench.listed() == {"a": {"1.0"}}
    left = bench.query("SELECT what, reason FROM v_skipped")
    assert left == [("a-2.0-py3-none-any.whl", "its address cannot be fetched")]
    with Reader(bench.database) as reader:
        said = dict(absence(reader, "a", Version("2.0"), FilePolicy()).findings)
    assert said["no release"] == "upstream lists this version only with what is left out"
    assert said["skipped"] == "a-2.0-py3-none-any.whl: its address cannot be fetched"


def test_a_failure_that_passes_is_not_noticed(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    world.publish("bad", "1.0")
    for path in ("/pypi", "/simple/bad/", "/packages/*/bad-*.whl", "*.metadata"):
        world.faults.fail(path, 503, times=1)
    bench = Bench(tmp_path, wired(), {"bad": ["latest"]})
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"bad": {"1.0"}}


def test_a_document_that_is_always_too_old(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    bench = Bench(tmp_path, wired(), {"good": ["latest"], "bad": ["latest"]})
    for number in range(1, 6):
        world.publish("good", f"{number}.0")
        world.publish("bad", f"{number}.0")
        if number == 1:
            bench.sync()
            continue
        world.faults.stale("bad")
        report = bench.sync()
        assert "serial" in report.failed["bad"]
        assert bench.listed() == {"good": {f"{number}.0"}, "bad": {"1.0"}}
    owed = world.project("bad").serial
    assert bench.query("SELECT project, serial, attempts FROM v_pending") == [("bad", owed, 4)]
    world.heal()
    bench.sync()
    assert bench.listed() == {"good": {"5.0"}, "bad": {"5.0"}}


@pytest.mark.parametrize("broken", ["stale", "fails"])
def test_what_a_broken_project_is_needed_for_waits(
    broken: str, tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib<2"])
    world.publish("lib", "1.0")
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    world.publish("new", "1.0")
    world.publish("lib", "2.0")
    world.publish("app", "2.0", requires=["lib>=1", "new"])
    if broken == "stale":
        world.faults.stale("new")
    world.faults.fail("/simple/new/", 503)
    report = bench.sync()
    assert "app==2.0" in report.held
    assert "new" in report.held["app==2.0"]
    assert bench.query("SELECT release FROM v_held") == [("app==2.0",)]
    assert bench.listed()["app"] == {"1.0"}
    assert unmet(tmp_path) == set()
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"2.0"}, "lib": {"2.0"}, "new": {"1.0"}}
    assert bench.query("SELECT * FROM v_held") == []


# -- one file among others --------------------------------------------------------------------


CHANGES: dict[str, dict[str, object]] = {
    "a-number-as-name": {"filename": 3},
    "no-name": {"filename": ""},
    "out-of-the-folder": {"filename": "../../NAME-1.0-py3-none-any.whl"},
    "absolute": {"filename": "/etc/NAME-1.0-py3-none-any.whl"},
    "backslashes": {"filename": "..\\..\\NAME-1.0-py3-none-any.whl"},
    "nul": {"filename": "NAME-1.0-py3-none-any.whl\0.whl"},
    "a-line-break": {"filename": "NAME-1.0-py3-none\n-any.whl"},
    "over-long": {"filename": f"NAME-1.0+{'x' * 400}-py3-none-any.whl"},
    "no-room-for-metadata": {"filename": f"NAME-1.0+{'x' * 210}-py3-none-any.whl"},
    "another-project": {"filename": "good-9.0-py3-none-any.whl"},
    "another-scheme": {"url": "file:///etc/passwd"},
    "no-address": {"url": "http://"},
    "a-number-as-address": {"url": 5},
}
# What counts as unsaid: the file is taken, its SHA-256 computed.
UNSAID: dict[str, dict[str, object]] = {
    "no-hash": {"hashes": {}},
    "a-hash-too-short": {"hashes": {"sha256": "00"}},
    "hashes-that-are-text": {"hashes": "sha256"},
    "a-size-below-all": {"size": -1},
    "a-size-beyond-all": {"size": 10**30},
    "a-size-that-is-text": {"size": "10"},
    "a-provenance-that-is-empty": {"provenance": {}},
    "a-time-that-is-empty": {"upload-time": "", "requires-python": "", "yanked": None},
}


def test_bad_entries_are_left_out_and_their_pages_go_on(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    for name, change in (CHANGES | UNSAID).items():
        world.publish(name, "1.0")
        world.publish(name, "2.0")
        document = simple(world.project(name), server.url)
        stem = name.replace("-", "_")
        document["files"][0] |= {
            key: value.replace("NAME", stem) if isinstance(value, str) else value
            for key, value in change.items()
        }
        body = json.dumps(document).encode()
        world.faults.body(f"/simple/{name}/", body, headers={"Content-Type": JSON_V1})
    folder = tmp_path / "inside" / "mirror"
    bench = Bench(folder, wired(), {key: [">=0"] for key in CHANGES | UNSAID})
    assert bench.sync().failed == {}
    taken = {key: {"1.0", "2.0"} for key in UNSAID}
    assert bench.listed() == {key: {"2.0"} for key in CHANGES} | taken
    told = {project for (project,) in bench.query("SELECT DISTINCT project FROM v_skipped")}
    assert told == CHANGES.keys()
    assert {path.name for path in tmp_path.iterdir()} == {"inside"}
    assert {path.name for path in folder.parent.iterdir()} == {"mirror"}
    world.heal()
    for name in CHANGES | UNSAID:
        world.role_change(name)
    bench.sync()
    assert bench.listed() == {key: {"1.0", "2.0"} for key in CHANGES | UNSAID}


def test_a_page_of_which_nothing_can_be_used_takes_nothing_away(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    """It settles the project and is told; what is published stays, until a page says otherwise."""
    world.publish("app", "1.0")
    bench = Bench(tmp_path, wired(), {"app": [">=0"]})
    assert bench.sync().exit_code == 0
    document = simple(world.project("app"), server.url)
    document["files"][0]["url"] = "no address"
    document["meta"]["_last-serial"] = world.role_change("app")
    world.faults.body(
        "/simple/app/", json.dumps(document).encode(), headers={"Content-Type": JSON_V1}
    )
    assert bench.sync().failed == {}
    assert bench.listed() == {"app": {"1.0"}}
    [(what, why)] = bench.query("SELECT what, reason FROM v_skipped")
    assert (what, why) == ("app-1.0-py3-none-any.whl", "its address cannot be fetched")
    world.heal()
    world.remove_release("app", "1.0")
    bench.sync()
    assert bench.listed() == {}


FILENAMES = (
    "../../NAME-1.0.tar.gz",
    "/tmp/NAME-1.0.tar.gz",
    "NAME-1.0\0.tar.gz",
    "..\\NAME-1.0.tar.gz",
    f"NAME-{'1' * 400}.tar.gz",
    "NAME-1.0.tar.bz2",
    "NAME-1.0-py2.5.egg",
    "NAME-1.0.exe",
    "NAME-latest.tar.gz",
    "other-1.0.tar.gz",
    "NAME-1.0-py3-none.whl",
    ".",
)


def test_filenames_that_are_none_are_counted(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    names = [f"bad{number}" for number in range(len(FILENAMES))]
    for name, filename in zip(names, FILENAMES, strict=True):
        world.publish(name, "2.0")
        world.add_file(name, "1.0", filename.replace("NAME", name), b"bytes")
    bench = Bench(tmp_path / "mirror", memory, {key: [">=0"] for key in names})
    assert bench.sync().exit_code == 0
    assert bench.listed() == {key: {"2.0"} for key in names}
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]
    skipped = bench.query("SELECT project, reason FROM v_skipped")
    assert sorted(project for project, _ in skipped) == sorted(names)
    assert all(reason for _, reason in skipped)


def test_versions_that_are_none_are_counted(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("bad", "1.0")
    world.publish("bad", "2004d")
    world.publish("bad", "1.0-final-really")
    bench = Bench(tmp_path, memory, {"bad": [">=0"]})
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"bad": {"1.0"}}
    whats = {what for (what,) in bench.query("SELECT what FROM v_skipped WHERE project = 'bad'")}
    assert {"2004d", "1.0-final-really"} <= whats


@pytest.mark.parametrize("source", ["simple", "json"])
def test_two_spellings_of_one_version_are_one_release(
    source: Any, tmp_path: Path, world: World
) -> None:
    world.publish("bad", "1.0")
    world.add_file("bad", "1.0", "bad-1.0.0.tar.gz", b"not an archive")
    world.add_file("bad", "1.0", "Bad-1.tar.gz", b"not an archive either")
    bench = Bench(tmp_path, MemoryUpstream(world, source=source), {"bad": ["latest"]})
    assert bench.sync().exit_code == 0
    assert len(bench.query("SELECT * FROM v_releases")) == 1
    assert len([name for name in tree_bytes(tmp_path) if name.endswith(".gz")]) >= 2


TOO_MUCH: dict[str, str] = {
    "a long number": f"python_version < '{'9' * 5_000}'",
    "a long number before": f"'{'9' * 5_000}' <= python_full_version",
    "a long number listed": f"python_version in '3.8 {'9' * 5_000}'",
    "long": " and ".join(["os_name != 'nt'"] * 3_000),
    "nested": "(os_name != 'nt' and (os_name != 'os2' or " * 30 + "os_name != 'x'" + "))" * 30,
}


@pytest.mark.parametrize("marker", TOO_MUCH.values(), ids=TOO_MUCH)
@pytest.mark.parametrize("where", ["METADATA beside it", "METADATA inside", "build-system"])
def test_a_marker_that_is_too_much_stops_no_other(
    marker: str, where: str, tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    line = f"lib; {marker}"
    if where == "build-system":
        world.publish("bad", "1.0", wheels=(), sdist=True, build_requires=[line])
    else:
        world.publish("bad", "1.0", requires=[line], metadata=where == "METADATA beside it")
    world.publish("lib", "1.0")
    world.publish("good", "1.0")
    bench = Bench(tmp_path, memory, {"bad": ["latest"], "good": ["latest"]})
    report = bench.sync()
    assert bench.listed().keys() >= {"bad", "good"}
    assert report.held == {}
