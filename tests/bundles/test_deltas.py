"""Deltas over a changing world: after each the inside is as the outside."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import generations
from pypisync.catalog.queries.why import reasons
from pypisync.errors import BundleError
from tests.bundles.copies import copied
from tests.bundles.links import Link, everything, linked, pages
from tests.recipe.test_databases import change
from tests.recipe.test_equality import CONFIGURATIONS, ENVIRONMENT
from tests.recipe.test_rollback import order
from tests.sim.world import World


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_twenty_deltas(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    draw = random.Random(seed)
    world = World()
    link = linked(tmp_path, world, {})
    link.outside.environment = ENVIRONMENT
    if kind == "postgresql":
        prepared = request.getfixturevalue("postgres").prepared
        link.outside.url, link.inside.url = prepared(), prepared()
    imported = 0
    at: dict[int, dict[str, str]] = {}
    for step in range(21):
        for more in range(draw.randrange(1, 3)):  # several cycles may lie between two bundles
            if draw.random() < 0.8:
                change(world, draw, 2 * step + more)
            link.outside.packages = CONFIGURATIONS[draw.randrange(4)]
            link.outside.sync()
        if not link.outside.query("SELECT id FROM generations"):
            continue  # the draw has brought nothing that is wanted yet
        report = link.carry()
        imported += report is not None
        link.check()
        at[link.inside.query("SELECT max(id) FROM generations")[0][0]] = pages(link.inside)
    assert imported > 10
    numbers = [number for (number,) in link.inside.query("SELECT id FROM generations")]
    assert numbers == sorted(at)
    with Reader(link.inside.database) as inside, Reader(link.outside.database) as outside:
        for old, new in pairwise(numbers):
            differs = generations.difference(outside, old, new)
            # A verdict that changes while the pages stay counts from the generation's beginning.
            here = replace(generations.difference(inside, old, new), proofs=differs.proofs)
            assert here == differs
        for name, version in sorted(link.outside.selection()):
            one = Version(version)
            assert reasons(inside, name, one) == reasons(outside, name, one)


@pytest.fixture
def link(tmp_path: Path, world: World) -> Link:
    return copied(first_bundle, tmp_path, world)


def first_bundle(folder: Path, world: World) -> Link:
    """An inside with the first bundle."""
    world.publish("app", "1.0", requires=["lib<2"])
    world.publish("lib", "1.0")
    made = linked(folder, world, {"app": ["latest"]})
    made.outside.sync()
    made.carry()
    return made


def next_state(link: Link, world: World, version: str) -> None:
    world.publish("app", version, requires=["lib"])
    world.publish(f"new-{version[0]}", "1.0")
    link.outside.sync()


def test_the_same_states_give_the_same_bytes(link: Link, world: World, tmp_path: Path) -> None:
    next_state(link, world, "2.0")
    base = None
    first, again = link.export(base), link.export(base, to=tmp_path / "again")
    assert first is not None
    assert again is not None
    assert first[1] == again[1]
    for part in first[1].parts:
        here, there = link.media / part.name, tmp_path / "again" / part.name
        assert here.read_bytes() == there.read_bytes()
    assert first[0].read_bytes() == again[0].read_bytes()


def test_without_news_no_bundle_is_written(link: Link) -> None:
    before = sorted(link.media.iterdir())
    link.outside.sync()
    assert link.export() is None
    assert sorted(link.media.iterdir()) == before


def test_importing_twice_changes_nothing(link: Link, world: World) -> None:
    next_state(link, world, "2.0")
    made = link.made()
    link.import_(made)
    before = everything(link.inside)
    assert link.import_(made) == [None]
    assert everything(link.inside) == before


def test_the_outside_going_back_comes_through(link: Link, world: World) -> None:
    first = pages(link.inside)
    next_state(link, world, "2.0")
    link.carry()
    order(link.outside, 1)
    link.outside.sync()
    link.carry()
    assert pages(link.inside) == pages(link.outside) == first
    order(link.outside, None)
    next_state(link, world, "3.0")
    link.carry()
    link.check()


def test_a_lost_bundle_is_told_by_name(link: Link, world: World) -> None:
    next_state(link, world, "2.0")
    lost = link.made()
    next_state(link, world, "3.0")
    later = link.made()
    before = everything(link.inside)
    with pytest.raises(BundleError, match=rf"{later.name}.*missing: bundle 2: next comes bundle 2"):
        link.import_(later)
    assert everything(link.inside) == before
    link.import_(later, lost)  # both named: in their order
    link.check()


def test_a_folder_with_all_bundles_is_taken_in_as_far_as_it_goes(
    link: Link, world: World, tmp_path: Path
) -> None:
    next_state(link, world, "2.0")
    link.made()
    next_state(link, world, "3.0")
    link.made()
    assert [report is not None for report in link.import_(link.media)] == [False, True, True]
    link.check()
    fresh = Link(link.outside, linked(tmp_path / "x", World(), {}).inside, link.media)
    fresh.import_(link.media)
    fresh.check()


def test_one_that_was_overtaken_is_refused(link: Link, world: World) -> None:
    next_state(link, world, "2.0")
    second = link.made()
    link.import_(second)
    next_state(link, world, "3.0")
    link.carry()
    before = everything(link.inside)
    with pytest.raises(BundleError, match=f"{second.name}: already overtaken"):
        link.import_(second)
    assert everything(link.inside) == before


def test_one_from_another_mirror_is_refused(link: Link, world: World, tmp_path: Path) -> None:
    other = linked(tmp_path / "other", world, {"lib": ["latest"]})
    other.outside.sync()
    foreign = other.made()
    before = everything(link.inside)
    with pytest.raises(BundleError, match=f"{foreign.name}: from another mirror"):
        link.import_(foreign)
    with pytest.raises(BundleError, match="follows an index by itself"):
        Link(link.outside, other.outside, link.media).import_(link.export(None)[0])  # type: ignore[index]
    assert everything(link.inside) == before


def test_a_full_one_brings_what_media_have_lost(link: Link, world: World) -> None:
    next_state(link, world, "2.0")
    link.made()
    next_state(link, world, "3.0")
    full = link.export(None)
    assert full is not None
    link.import_(full[0])
    link.check()
    next_state(link, world, "4.0")
    link.carry()
    link.check()


def test_a_fed_mirror_asks_no_index(link: Link) -> None:
    before = everything(link.inside)
    with pytest.raises(BundleError, match=r"feed this one.*next comes bundle 2"):
        link.inside.sync()
    assert everything(link.inside) == before


def test_verdicts_change_while_the_pages_stay(link: Link) -> None:
    """Roots come and go whose files are listed anyway: no generation, but bundles."""
    for packages in (["app", "lib"], ["app"], ["lib", "app"], ["app"]):
        link.outside.packages = {name: ["latest"] for name in packages}
        link.outside.sync()
        assert link.carry() is not None
        link.check()
    link.outside.packages = {"app": ["latest"], "lib": ["latest"]}  # as it was
    link.outside.sync()
    full = link.export(None)
    assert full is not None
    link.import_(full[0])
    link.check()
    orphans = "published_proof_id NOT IN (SELECT id FROM published_proofs)"
    assert link.inside.query(f"SELECT * FROM published_pins WHERE {orphans}") == []


def test_a_mirror_without_a_project_has_its_lists_inside(tmp_path: Path) -> None:
    world = World()
    world.publish("app", "1.0")
    link = linked(tmp_path, world, {"app": ["latest"]})
    link.outside.sync()
    world.remove_project("app")
    link.outside.sync()
    assert link.outside.listed() == {}
    report = link.carry()
    assert report is not None
    link.check()
    assert pages(link.inside) != {}
    world.publish("app", "2.0")
    link.outside.sync()
    link.carry()
    link.check()
