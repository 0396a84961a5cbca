"""Wheels that no installer can install, although good METADATA stands beside them.

Installers choose by what stands beside a wheel and open it last. There they stop, and take no other
release: so the root is not proven, from the first publication on.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pypisync.core.standards.model import BROKEN
from pypisync.core.standards.wheel_contents import RULE
from pypisync.cycle import learning, sync
from pypisync.storage import wheels
from tests.recipe.mirrors import Bench
from tests.recipe.scenes import ENVIRONMENT
from tests.sim import dists
from tests.sim.inside_words import INSIDES
from tests.sim.insides import plain
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

Dump = dict[str, list[tuple[Any, ...]]]


def odd(
    world: World,
    word: str,
    version: str = "2.0",
    tag: str = "py3-none-any",
    *,
    beside: bool = True,
) -> str:
    """Publish a release of "lib" whose wheel is so inside. Returns its filename."""
    metadata = f"Metadata-Version: 2.1\nName: lib\nVersion: {version}\nSummary: s\n".encode()
    content = INSIDES[word](plain("lib", version, metadata)).bytes()
    filename = f"lib-{version}-{tag}.whl"
    world.add_file("lib", version, filename, dists.built(content, metadata))
    world.files[filename].serves_metadata = beside
    return filename


@pytest.fixture
def scene(world: World) -> World:
    """An "app" that needs a "lib"."""
    world.publish("lib", "1.0")
    world.publish("app", "1.0", requires=["lib"])
    return world


@pytest.fixture
def bench(tmp_path: Path, memory: MemoryUpstream) -> Bench:
    return Bench(tmp_path / "mirror", memory, {"app": ["latest"]})


def proof(bench: Bench) -> tuple[str, str]:
    """The verdict on "app" that is published, and why."""
    ((verdict, why),) = bench.query("SELECT verdict, why FROM v_proofs WHERE published = 1")
    return verdict, why


def dump(bench: Bench) -> Dump:
    return {
        what: sorted(bench.query(query))
        for what, query in (
            ("proofs", "SELECT subject, targets, verdict, why, published FROM v_proofs"),
            ("pins", "SELECT subject, chosen_by, project, version FROM v_pins"),
            ("releases", "SELECT project, version, knowledge, selected FROM v_releases"),
            ("unmet", "SELECT project, version, requirement, reason FROM v_unmet"),
            ("stops", "SELECT filename, stops_pip, stops_uv FROM v_files WHERE stored = 1"),
        )
    } | {"listed": sorted((name, *sorted(some)) for name, some in bench.listed().items())}


@pytest.mark.parametrize(
    ("word", "who"),
    [
        ("sound", None),
        ("no RECORD", "both"),
        ("a second folder of another project", "both"),
        ("METADATA asks for more", "pip"),
        ("Wheel-Version 1.x", "pip"),
        ("bzip2", "uv"),
        ("bytes in front", "uv"),
    ],
)
def test_a_root_that_leads_to_such_a_wheel_is_not_proven(
    word: str, who: str | None, scene: World, bench: Bench
) -> None:
    filename = odd(scene, word)
    report = bench.sync()
    verdict, why = proof(bench)
    assert verdict == ("proven" if who is None else "blocked")
    assert bench.listed() == {"app": {"1.0"}, "lib": {"2.0"}}
    assert (report.failed.keys() == {"lib==2.0"}) == (who == "both")
    if who is None:
        return
    assert f"{filename}: " in why
    assert ("pip stops" in why, "uv stops" in why) == (who == "pip", who == "uv")
    stops = bench.query(f"SELECT stops_pip, stops_uv FROM v_files WHERE filename = '{filename}'")
    assert [bool(text) for text in stops[0]] == [who != "uv", who != "pip"]
    unmet = bench.query("SELECT requirement FROM v_unmet")
    assert unmet == ([(BROKEN,)] if who == "both" else [])
    again = dump(bench)
    assert bench.sync().exit_code == report.exit_code
    assert dump(bench) == again


def test_it_is_never_published_as_proven(
    scene: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the run ends, and wherever: what is published knows what is in the wheels."""
    odd(scene, "no WHEEL")
    for name in ("look", "publish"):
        with monkeypatch.context() as patch:
            patch.setattr(sync, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                bench.sync()
        assert bench.query("SELECT 1 FROM v_proofs WHERE published = 1") == []
    bench.sync()
    assert proof(bench)[0] == "blocked"


def interrupted(*_: object) -> bool:
    raise KeyboardInterrupt


def test_a_crash_while_wheels_are_looked_into_changes_nothing(
    scene: World, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd(scene, "no WHEEL")
    for place in ("pypisync.storage.wheels.look_into", "pypisync.cycle.look.insides.record"):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            with pytest.raises(KeyboardInterrupt):
                bench.sync()
    bench.sync()
    fresh = Bench(tmp_path / "fresh", bench.upstream, bench.packages)
    fresh.sync()
    assert dump(bench) == dump(fresh)


@pytest.mark.parametrize("word", ["no RECORD", "bzip2", "Wheel-Version 1.x"])
def test_what_comes_later_ends_as_from_scratch(
    word: str, scene: World, bench: Bench, tmp_path: Path
) -> None:
    steps: list[Callable[[], object]] = [
        lambda: odd(scene, word),
        lambda: scene.publish("more", "1.0", requires=["lib<2"]),
        lambda: odd(scene, "sound", "2.1"),
        lambda: scene.yank("lib", "2.1"),
    ]
    verdicts = ["blocked", "blocked", "proven", "blocked"]
    bench.sync()
    assert proof(bench)[0] == "proven"
    for number, (step, verdict) in enumerate(zip(steps, verdicts, strict=True)):
        step()
        bench.sync()
        bench.sync()
        assert proof(bench)[0] == verdict
        fresh = Bench(tmp_path / str(number), bench.upstream, bench.packages)
        fresh.sync()
        mine, its = dump(bench), dump(fresh)
        for what in ("releases", "stops"):  # of what is not wanted any more, more may be known
            mine[what] = its[what] = []
        assert mine == its


def test_only_the_file_that_a_machine_takes_counts(scene: World, bench: Bench) -> None:
    odd(scene, "no RECORD", tag="py3-none-win_amd64")
    odd(scene, "sound", tag="py3-none-manylinux_2_17_x86_64")
    report = bench.sync()
    assert proof(bench) == ("proven", "")
    assert report.exit_code == 0


def test_each_machine_has_its_own_verdict(
    tmp_path: Path, scene: World, memory: MemoryUpstream
) -> None:
    odd(scene, "no RECORD", tag="cp311-cp311-manylinux_2_17_x86_64")
    odd(scene, "sound", tag="cp313-cp313-manylinux_2_17_x86_64")
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, environment=ENVIRONMENT)
    bench.sync()
    rows = bench.query("SELECT targets, verdict FROM v_proofs WHERE published = 1")
    assert {targets.partition(" ")[0]: verdict for targets, verdict in rows} == {
        "3.11": "blocked",
        "3.13": "proven",
    }


def test_an_sdist_beside_it_helps_nobody(scene: World, bench: Bench) -> None:
    scene.publish_setuptools_like()
    scene.publish("lib", "2.0", wheels=(), sdist=True)
    odd(scene, "no RECORD")
    bench.sync()
    assert proof(bench)[0] == "blocked"


def test_without_metadata_beside_it_too(scene: World, bench: Bench) -> None:
    odd(scene, "no RECORD", beside=False)
    bench.sync()
    assert proof(bench)[0] == "blocked"


def test_no_wheel_is_looked_into_twice(
    scene: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = wheels.look_into

    def noted(path: Path, check: Callable[[], object]) -> object:
        seen.append(path.name)
        return real(path, check)

    monkeypatch.setattr(wheels, "look_into", noted)
    odd(scene, "no RECORD")
    for version in ("1.1", "1.2"):
        bench.sync()
        scene.publish("app", version, requires=["lib"])
        odd(scene, "bzip2", f"2.{version[-1]}", beside=False)
    scene.yank("lib", "2.2")
    bench.sync()
    bench.sync()
    assert "lib-2.1-py3-none-any.whl" in seen
    assert sorted(seen) == sorted(set(seen))


def test_a_catalog_of_before_gets_its_wheels_looked_into(
    scene: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd(scene, "no RECORD")
    with monkeypatch.context() as patch:
        patch.setattr(sync, "look", lambda *_: False)
        patch.setattr(learning, "look_meanwhile", lambda _: False)
        bench.sync()
        assert proof(bench)[0] == "proven"
    with closing(sqlite3.connect(bench.folder / "catalog.sqlite")) as database, database:
        database.execute("UPDATE stored SET looked = 0")
    bench.sync()
    assert proof(bench)[0] == "blocked"
    assert bench.query("SELECT DISTINCT looked FROM stored") == [(RULE,)]


@pytest.mark.parametrize("end", ["", ".metadata"])
def test_a_file_that_is_lost_stops_no_cycle(end: str, scene: World, bench: Bench) -> None:
    filename = odd(scene, "no RECORD")
    bench.sync()
    [place] = bench.folder.glob(f"packages/*/*/*/{filename}{end}")
    place.unlink()
    with closing(sqlite3.connect(bench.folder / "catalog.sqlite")) as database, database:
        database.execute("UPDATE stored SET looked = 0")
    bench.sync()
    with closing(sqlite3.connect(bench.folder / "catalog.sqlite")) as database, database:
        found = "SELECT stops_pip FROM stored WHERE path LIKE '%lib-2.0%.whl'"
        assert [bool(why) for (why,) in database.execute(found)] == [end != ""]


def test_metadata_that_comes_after_its_wheel_is_compared_with_it(
    scene: World, bench: Bench
) -> None:
    filename = odd(scene, "METADATA asks for more")
    scene.publish("idle", "1.0")
    scene.files[filename].serves_metadata = False
    bench.sync()
    assert proof(bench)[0] == "proven"
    scene.files[filename].serves_metadata = True
    scene.role_change("lib")
    bench.sync()
    assert proof(bench)[0] == "blocked"
    scene.files[filename].serves_metadata = False
    scene.role_change("lib")
    for _ in range(3):
        bench.sync()
    assert proof(bench)[0] == "proven"
