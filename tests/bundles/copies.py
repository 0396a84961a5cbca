"""What many tests of bundles begin with: made once in a process, and copied for each of them."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.bundles.links import Link
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

Make = Callable[[Path, World], Link]
# Of a world: all but its locks and its faults, of which there are none yet.
_STATE = (
    "serial", "edition", "projects", "previous", "files", "journal", "_serials", "_seconds",
    "_noise",
)  # fmt: skip


def copied(make: Make, folder: Path, world: World) -> Link:
    """What ``make`` makes of an empty world and folder; the world becomes as that one is then."""
    place, model, link = _made(make)
    shutil.copytree(place, folder, symlinks=True, dirs_exist_ok=True)
    vars(world).update(deepcopy({name: getattr(model, name) for name in _STATE}))
    outside = _moved(link.outside, folder / "outside", world)
    return replace(
        link,
        outside=outside,
        inside=_moved(link.inside, folder / "inside", World()),
        media=folder / "media",
    )


@cache
def _made(make: Make) -> tuple[Path, World, Link]:
    place = Path(tempfile.mkdtemp(prefix="pypisync-test-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    world = World()
    link = make(place, world)
    for bench in (link.outside, link.inside):
        bench.reopened()  # what is copied is whole
    return place, world, link


def _moved(bench: Bench, folder: Path, world: World) -> Bench:
    moved = replace(bench, folder=folder, upstream=MemoryUpstream(world))
    moved._remembered = bench._remembered
    return moved
