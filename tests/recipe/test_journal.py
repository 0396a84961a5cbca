"""The mirror's own journal and serials through whole cycles: what followers are told."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import journal
from pypisync.cycle import publish, rollback
from tests.deep import scaled
from tests.recipe.mirrors import Bench
from tests.recipe.test_databases import change
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

HOUR = 3600.0
Listed = dict[str, int]


@dataclass
class Follower:
    """What somebody knows of the mirror who was told of it up to a serial."""

    serial: int
    listed: Listed = field(default_factory=dict)

    def hear(self, rows: list[journal.Row]) -> None:
        """Go on by rows of the journal."""
        for name, _, _, action, serial in rows:
            assert serial > self.serial
            self.serial = self.listed[name] = serial
            if action == "remove project":
                del self.listed[name]


def told(bench: Bench, since: int) -> list[journal.Row]:
    """All rows after a serial, a few at a time as a page of the journal has them."""
    rows: list[journal.Row] = []
    with Reader(bench.database) as reader:
        while page := journal.changes(reader, rows[-1][4] if rows else since, 3):
            rows += page
    return rows


def listed(bench: Bench) -> tuple[int, Listed]:
    """What the list of all projects says, in the database and on the disk alike."""
    with Reader(bench.database) as reader:
        newest, names = journal.last_serial(reader), dict(journal.listed(reader))
    file = bench.folder / "simple/index.v1_json"
    if not file.exists():  # nothing was published yet
        return newest, names
    root = json.loads(file.read_bytes())
    assert root["meta"]["_last-serial"] == newest
    assert {one["name"]: one["_last-serial"] for one in root["projects"]} == names
    for name, serial in names.items():
        folder = bench.folder / "simple" / name
        page = json.loads((folder / "index.v1_json").read_bytes())
        assert page["meta"]["_last-serial"] == serial
        assert f"<!--SERIAL {serial}-->" in (folder / "index.html").read_text()
    return newest, names


# A seed does not shrink.
@pytest.mark.long
@settings(max_examples=scaled(2), deadline=None, phases=[Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 2**32), retention=st.sampled_from((0.0, 3 * HOUR)))
def test_from_every_serial_the_journal_leads_to_the_list(
    tmp_path_factory: pytest.TempPathFactory, seed: int, retention: float
) -> None:
    """Rollbacks included, and also where generations are forgotten at once."""
    draw, world = random.Random(seed), World()
    names = ["alpha", "beta", "gamma", "delta"]
    bench = Bench(tmp_path_factory.mktemp("mirror"), MemoryUpstream(world), {})
    bench.retention, bench.clock = retention, 1_800_000_000
    followers: list[Follower] = []
    before = 0
    for step in range(1, 6):
        change(world, draw, step)
        bench.packages = {name: [draw.choice(("latest", ">=0"))] for name in draw.sample(names, 2)}
        kept = [number for (number,) in bench.query("SELECT generation FROM v_generations")]
        if kept and draw.random() < 0.5:
            rollback.to_generation(draw.choice(kept)).give(bench.folder)
        elif draw.random() < 0.7:
            rollback.follow().give(bench.folder)
        number = bench.sync().generation
        newest, now_listed = listed(bench)
        assert (newest > before) == bool(number)
        before = newest
        for follower in followers:
            follower.hear(told(bench, follower.serial))
            assert (follower.serial, follower.listed) == (newest, now_listed)
        followers.append(Follower(newest, dict(now_listed)))
        from_nothing = Follower(0)
        from_nothing.hear(told(bench, 0))
        assert from_nothing.listed == now_listed
    assert before <= bench.clock - 1_577_836_800


@pytest.fixture
def bench(tmp_path: Path, world: World, memory: MemoryUpstream) -> Bench:
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    made = Bench(tmp_path / "mirror", memory, {"app": ["latest"]}, retention=30 * 86400)
    made.sync()
    return made


def test_a_rollback_is_told_as_a_change(bench: Bench, world: World) -> None:
    world.publish("app", "2.0", requires=["lib"])
    bench.sync()
    newest, names = listed(bench)
    rollback.to_generation(1).give(bench.folder)
    bench.sync()
    assert [(name, version, action) for name, version, _, action, _ in told(bench, newest)] == [
        ("app", "2.0", "remove release"),
        ("app", "1.0", "new release"),
        ("app", "1.0", "add py3 file app-1.0-py3-none-any.whl"),
    ]
    assert listed(bench) == (newest + 3, {**names, "app": newest + 3})


def test_what_upstream_changes_besides_the_page_is_not_told(bench: Bench, world: World) -> None:
    before = listed(bench)
    world.role_change("app")
    assert bench.sync().generation == 0
    assert listed(bench) == before


def test_a_generation_is_told_of_when_its_pages_are_written(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then a page that still lists what is to go has a serial that is too low for it."""
    newest, names = listed(bench)
    world.publish("app", "2.0", requires=["lib"])

    def cut_off(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publish, "_write_root", cut_off)
        with pytest.raises(KeyboardInterrupt):
            bench.sync()
    assert told(bench, newest) == []
    with Reader(bench.database) as reader:
        assert dict(journal.listed(reader)) == names
    page = json.loads((bench.folder / "simple/app/index.v1_json").read_bytes())
    assert page["versions"] == ["1.0", "2.0"]
    bench.sync()
    after, now = listed(bench)
    assert told(bench, newest)[-1][4] == after == now["app"]
    assert page["meta"]["_last-serial"] < after


def test_a_database_from_a_backup_tells_no_serial_twice(bench: Bench, world: World) -> None:
    bench.clock = 1_800_000_000
    file = bench.folder / "catalog.sqlite"
    world.publish("app", "2.0", requires=["lib"])
    bench.sync()
    saved = file.read_bytes()
    world.publish("lib", "2.0")
    bench.sync()
    lost, _ = listed(bench)
    bench.catalog().engine.dispose()
    file.write_bytes(saved)
    world.publish("app", "3.0", requires=["lib"])
    bench.sync()
    newest, names = listed(bench)
    assert min(names.values()) > lost
    assert newest > lost
