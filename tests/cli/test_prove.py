"""``prove`` over real mirrors of a simulated world; real uv and pip install what it prints."""

import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.pylock import Pylock

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.listed_index import holdings, roots
from pypisync.core.budget import Budget
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.wanted.groups import Asked
from tests.acceptance import clients
from tests.acceptance.clients import uv
from tests.acceptance.serving import serve
from tests.cli.running import Done, configure, fork, invoke, snapshot
from tests.recipe.mirrors import LINUX, Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

NATIVE = ("cp311-cp311-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64")
TWO = {**LINUX, "python_version": ["3.11", "3.13"]}


def mirror(folder: Path, world: World, **packages: list[str]) -> tuple[Bench, Path]:
    """A mirror after one sync, and the configuration by which commands read it."""
    bench = Bench(folder / "data", MemoryUpstream(world), packages, environment=TWO)
    bench.sync()
    config = configure(
        folder, database="sqlite:///data/catalog.sqlite", packages=packages, environment=TWO
    )
    return bench, config


@pytest.fixture
def app(world: World) -> World:
    """A world whose newest releases do not fit together."""
    world.publish("app", "1.0", requires=["core[fast]", "leaf<2"])
    world.publish("core", "2.0", requires=["leaf>=1"], extras={"fast": ["speed"]}, sdist=True)
    world.publish("leaf", "1.0")
    world.publish("leaf", "2.0")
    world.publish("speed", "1.0", wheels=NATIVE)
    world.publish("old", "1.0", wheels=["cp311-cp311-manylinux_2_17_x86_64"])
    world.publish("torn", "1.0", requires=["leaf>=2", "core", "app"])
    return world


def verdicts(done: Done) -> dict[tuple[str, str], str]:
    """The verdict by root and target."""
    return {(line[0], line[1]): line[2] for line in done.lines if len(line) == 4}


@pytest.mark.parametrize("helps", [True, False])
def test_what_a_build_needs_is_proven(tmp_path: Path, world: World, *, helps: bool) -> None:
    world.publish("app", "1.0", wheels=(), sdist=True, build_requires=["tools", "plugin"])
    world.publish("tools", "2.0", requires=["core>=2"])
    world.publish("plugin", "1.0", requires=["core<2"])
    for version in ("1.0", "2.0"):
        world.publish("core", version)
    if helps:
        world.publish("tools", "1.0")
    _, config = mirror(tmp_path, world, app=["latest"])
    done = invoke(config, "prove")
    assert set(verdicts(done).values()) == {"proven" if helps else "blocked"}
    assert done.code == (0 if helps else 1)


def test_each_target_has_the_requirements_of_its_own_wheel(tmp_path: Path, world: World) -> None:
    """Together the two would refute what installs (tensorflow-cpu 2.19)."""
    for wheel, need in zip(NATIVE, ("lib<2", "lib>=2"), strict=True):
        world.publish("a", "1.0", requires=[need, f"for-{wheel[:5]}"], wheels=[wheel])
        world.publish(f"for-{wheel[:5]}", "1.0", wheels=[wheel])
    world.publish("lib", "1.0")
    world.publish("lib", "2.0")
    bench, config = mirror(tmp_path, world, a=["latest"])
    assert bench.listed()["lib"] == {"1.0", "2.0"}
    rows = bench.query("SELECT DISTINCT subject, verdict FROM v_proofs")
    assert rows == [("a", "proven")]
    found = {
        one["target"]: {pin["project"]: pin["version"] for pin in one["pins"]}
        for one in invoke(config, "prove", "--json").json
    }
    assert found == {
        "3.11 linux-x86_64": {"a": "1.0", "for-cp311": "1.0", "lib": "1.0"},
        "3.13 linux-x86_64": {"a": "1.0", "for-cp313": "1.0", "lib": "2.0"},
    }


def test_every_root_on_every_target(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, app=["latest"], old=[">=1"])
    before = snapshot(tmp_path)
    done = invoke(config, "prove")
    assert (done.code, done.err) == (1, "")
    assert verdicts(done) == {
        ("app", "3.11 linux-x86_64"): "proven",
        ("app", "3.13 linux-x86_64"): "proven",
        ("old>=1", "3.11 linux-x86_64"): "proven",
        ("old>=1", "3.13 linux-x86_64"): "refuted",
    }
    assert ["app", "3.11 linux-x86_64", "proven", "4"] in done.lines
    assert done.out.splitlines()[-3:] == [
        "old>=1 on 3.13 linux-x86_64 is refuted:",
        (
            '  because the root requires "old>=1", and no file of old (1.0) can be used here:'
            " its wheels are for CPython 3.11, the target has CPython 3.13"
        ),
        "  so old>=1 cannot be installed",
    ]
    assert invoke(config, "prove", "--target", "3.11 linux-x86_64").code == 0
    assert snapshot(tmp_path) == before


def test_what_pips_own_search_does_not_come_to_is_blocked(tmp_path: Path, world: World) -> None:
    """Only lib 2.0rc1 itself names a pre-release of lib, and pip reads it once it has chosen."""
    world.publish("lib", "2.0rc1", requires=["lib>=2.0rc1"])
    world.publish("lib", "3.0", requires=["leaf>=2"])
    world.publish("leaf", "1.0")
    bench, config = mirror(tmp_path, world, lib=["latest", ">=1"])
    assert bench.listed()["lib"] >= {"3.0"}
    recorded = bench.query("SELECT DISTINCT verdict FROM v_proofs WHERE subject = 'lib'")
    done = invoke(config, "prove", "--json")
    assert {(one["verdict"],) for one in done.json} == set(recorded)
    assert done.code == 1


def test_the_pins_of_one_root(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, app=["latest"], old=["latest"])
    done = invoke(config, "prove", "App", "--target", "3.13 linux-x86_64")
    assert done.code == 0
    pins = [line for line in done.lines if len(line) == 3]
    assert pins == [
        ["app", "1.0", "app-1.0-py3-none-any.whl"],
        ["core[fast]", "2.0", "core-2.0-py3-none-any.whl"],
        ["leaf", "1.0", "leaf-1.0-py3-none-any.whl"],
        ["speed", "1.0", f"speed-1.0-{NATIVE[1]}.whl"],
    ]
    answer = invoke(config, "prove", "app", "--json").json
    assert [one["verdict"] for one in answer] == ["proven", "proven"]
    assert [pin["version"] for pin in answer[0]["pins"]] == ["1.0", "2.0", "1.0", "1.0"]


def test_a_closure_without_an_open_edge_that_does_not_install(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, torn=["latest"])
    done = invoke(config, "prove", "torn")
    assert done.code == 1
    assert set(verdicts(done).values()) == {"refuted"}
    assert "so torn 1.0 cannot be installed" in done.out
    assert 'app 1.0 requires "leaf<2"' in done.out


def test_what_was_published_is_what_counts(tmp_path: Path, app: World) -> None:
    """A release that upstream has and the mirror does not is no help; a held one neither."""
    bench, config = mirror(tmp_path, app, app=["latest"])
    app.publish("app", "2.0", requires=["new"])
    app.publish("new", "1.0")
    app.faults.fail("/packages/*/new-1.0-*.whl", 503)
    bench.sync()
    done = invoke(config, "prove", "app")
    assert done.code == 0
    for target in ("3.11 linux-x86_64", "3.13 linux-x86_64"):
        head = done.lines.index([f"app on {target}:"])
        assert done.lines[head + 1] == ["app", "1.0", "app-1.0-py3-none-any.whl"]


def test_real_uv_installs_the_printed_requirements(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, app=["latest"])
    done = fork(config, "prove", "app", "--target", "3.11 linux-x86_64", "--requirements")
    assert (done.code, done.err) == (0, "")
    client = tmp_path / "client"
    client.mkdir()
    (client / "requirements.txt").write_text(done.out, encoding="utf-8")
    with serve(tmp_path / "data", "json") as index:
        uv(client, "pip", "install", "--require-hashes", "-r", "requirements.txt",
           "--no-build", "--default-index", index, "--python-version", "3.11",
           "--python-platform", "x86_64-manylinux_2_28", "--target", "target")  # fmt: skip
    assert installed(client / "target") == EXPECTED


EXPECTED = {"app": "1.0", "core": "2.0", "leaf": "1.0", "speed": "1.0"}


def installed(folder: Path) -> dict[str, str]:
    """The version of every project in a folder."""
    return {found.name: found.version for found in distributions(path=[str(folder)])}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the lock is for Python 3.11 alone")
@pytest.mark.parametrize("client", ["uv", "pip"])
def test_real_clients_install_the_printed_pylock(tmp_path: Path, app: World, client: str) -> None:
    _, config = mirror(tmp_path, app, app=["latest"])
    here = "3.11 linux-x86_64"
    folder = tmp_path / "client"
    folder.mkdir()
    with serve(tmp_path / "data", "json") as index:
        url = index.removesuffix("simple/")
        done = invoke(config, "prove", "app", "--target", here, "--pylock", "--url", url)
        assert (done.code, done.err) == (0, "")
        lock = Pylock.from_dict(tomllib.loads(done.out))
        assert {package.name: str(package.version) for package in lock.packages} == EXPECTED
        (folder / "pylock.toml").write_text(done.out, encoding="utf-8")
        if client == "uv":
            uv(folder, "pip", "sync", "pylock.toml", "--no-build", "--python", sys.executable,
               "--target", "target")  # fmt: skip
        else:
            command = [sys.executable, "-m", "pip", "install", "--isolated", "--no-cache-dir"]
            command += ["--disable-pip-version-check", "-r", "pylock.toml", "--target", "target"]
            ended = clients.run(command, folder)
            assert ended.returncode == 0, ended.stderr
    assert installed(folder / "target") == EXPECTED


def test_the_pylock_points_to_the_folder_without_an_address(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, app=["latest"])
    done = invoke(config, "prove", "app", "--target", "3.13 linux-x86_64", "--pylock")
    lock = Pylock.from_dict(tomllib.loads(done.out))
    for package in lock.packages:
        for wheel in package.wheels or ():
            assert wheel.url is not None
            assert Path(wheel.url.removeprefix("file://")).is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), '"nobody" is not a root of the mirror'),
        (("other.txt",), 'nor a requirements file of the configuration: "pypisync proofs" lists'),
        (("a b",), "is not a project"),
        (("--target", "3.13 beos"), "is not a proof target"),
        (("app", "--json", "--pylock"), "give one of them"),
        (("app", "--requirements"), "2 proofs: name one root"),
    ],
)
def test_what_cannot_be_asked(
    tmp_path: Path, app: World, arguments: tuple[str, ...], said: str
) -> None:
    _, config = mirror(tmp_path, app, app=["latest"])
    done = invoke(config, "prove", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_lock_of_what_is_refuted_is_no_lock(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, torn=["latest"])
    done = invoke(config, "prove", "torn", "--target", "3.13 linux-x86_64", "--requirements")
    assert (done.code, done.out) == (1, "")
    assert "so torn 1.0 cannot be installed" in done.err


def test_a_proof_that_breaks_off_ends_only_itself(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("crafted", "1.0")
    world.publish("other", "1.0")
    _, config = mirror(tmp_path, world, crafted=["latest"], other=["latest"])
    prove = Prover.prove

    def crash(self: Prover, wanted: Asked, budget: Budget, name: str = "") -> Proof:
        if name == "crafted":
            raise RecursionError("maximum recursion depth exceeded")
        return prove(self, wanted, budget, name)

    monkeypatch.setattr(Prover, "prove", crash)
    done = invoke(config, "prove", "--json")
    assert done.code == 1
    assert {(row["root"], row["verdict"]) for row in done.json} == {
        ("crafted", "undecided"), ("other", "proven")
    }  # fmt: skip
    [why] = {line for row in done.json for line in row["why"]}
    assert why == "the search broke off: RecursionError: maximum recursion depth exceeded"


def test_a_spent_budget_is_undecided(tmp_path: Path, app: World) -> None:
    _, config = mirror(tmp_path, app, torn=["latest"])
    target = ("--target", "3.13 linux-x86_64")
    done = invoke(config, "prove", "torn", *target, "--budget", "0", "--json")
    assert done.code == 1
    assert {one["verdict"] for one in done.json} == {"undecided"}


def test_the_facts_are_read_from_both_databases(tmp_path: Path, app: World, database: str) -> None:
    packages = {"app[x]": ["latest<3", "1.0"], "old": [">=1"]}
    Bench(tmp_path, MemoryUpstream(app), packages, environment=TWO, url=database).sync()
    with Reader(database) as reader:
        found = roots(reader)
        held = holdings(reader, ["app", "nobody"])
        assert [one.text for one in roots(reader, "old")] == ["old>=1"]
    assert [one.text for one in found] == ["app[x]==1.0", "app[x]<3", "old>=1"]
    assert held.releases.keys() == {"app", "core", "leaf", "speed"}
    (core,) = held.releases["core"]
    assert core.known
    assert [file.tags is None for file in core.files] == [False, True]
    assert {need.name for need in core.needs} == {"leaf", "speed"}
