"""A crash at any point of an export or import, then another try, ends as if there had been none.

Every change to the disk and every commit is a point, as in :mod:`tests.recipe.test_crash`.
"""

import shutil
from pathlib import Path

import pytest

from tests.bundles.links import Link, linked, pages
from tests.recipe.closed import unmet
from tests.recipe.mirrors import read_tree
from tests.recipe.test_crash import Crash, Photographs, Points, counted, restore
from tests.sim.world import World

PARTS = 2  # so that no worker has one that takes long
every_part = pytest.mark.parametrize("part", range(PARTS))
pytestmark = pytest.mark.long


@pytest.fixture
def link(memory_path: Path, world: World) -> Link:
    """An inside with one bundle; outside there is news."""
    world.publish("app", "1.0", requires=["lib<2"])
    world.publish("lib", "1.0")
    made = linked(memory_path, world, {"app": ["latest"]})
    made.outside.sync()
    made.carry()
    world.publish("app", "2.0", requires=["new"])
    world.publish("new", "1.0", wheels=(), sdist=True, build_requires=[])
    made.outside.sync()
    return made


@every_part
def test_an_import_that_is_cut_off(link: Link, part: int) -> None:
    """What it has left at any point is what a power cut leaves."""
    place = link.made()
    start = link.inside.folder
    points = Photographs(start)
    with counted(link.inside, points):
        link.import_(place)
    outside = link.known()
    link.check(outside)
    after = pages(link.inside)
    assert len(points.taken) > 60
    for number, picture in points.taken[part::PARTS]:
        restore(picture, start)
        read_tree(start)  # every link works, with its hash
        assert unmet(start) == set(), number
        link.import_(link.media)  # where bundles are passed over that are here already
        link.check(outside)
        assert pages(link.inside) == after
        stored = {path for (path,) in link.inside.query("SELECT path FROM stored")}
        there = {str(p.relative_to(start)) for p in start.glob("packages/**/*") if p.is_file()}
        assert there == stored, number
        assert not list((start / ".partial").iterdir()), number


@every_part
def test_an_export_that_is_cut_off(link: Link, part: int, memory_path: Path) -> None:
    records = link.outside.folder / ".exports"
    shutil.copytree(records, memory_path / "records")
    points = Points()
    with counted(link.outside, points):
        link.made()
    whole = contents(link.media)
    for number in range(part + 1, points.seen + 1, PARTS):
        shutil.rmtree(records)
        shutil.copytree(memory_path / "records", records)
        for path in link.media.iterdir():
            if "000002" in path.name:
                path.unlink()
        with pytest.raises(Crash), counted(link.outside, Points(number)):
            link.made()
        complete = {name for name in contents(link.media) if name.endswith(".json")}
        assert all(contents(link.media)[name] == whole[name] for name in complete)
        made = link.export()
        assert contents(link.media) == whole, number
        assert made is not None or whole.keys() == contents(link.media).keys()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
