"""Mirrors of groups: what the tests of requirements files and of lock files share."""

import json
from pathlib import Path

from pypisync.core.standards.requirements import parse
from pypisync.core.wanted.groups import Group, Locked
from pypisync.core.wanted.roots import NamedFile
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

TAGS = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win_amd64", "cp312-cp312-win_amd64")


def bench(folder: Path, world: World, *groups: Group, url: str | None = None) -> Bench:
    return Bench(folder / "mirror", MemoryUpstream(world), {}, groups=groups, url=url)


def asks(*requirements: str, constraints: tuple[str, ...] = ()) -> Group:
    """A group that is resolved."""
    return Group(
        "team.txt",
        resolve=True,
        requirements=tuple(map(parse, requirements)),
        constraints=tuple(map(parse, constraints)),
    )


def lock(*pins: Locked, name: str = "uv.lock") -> Group:
    """A group that is mirrored exactly."""
    return Group(name, resolve=False, locked=pins)


def pin(world: World, name: str, version: str, *endings: str) -> Locked:
    """A pin with the files of the release whose names end so, by their hashes."""
    release = world.project(name).same_release(version)
    assert release is not None
    named = [
        NamedFile(file.filename, file.built.sha256)
        for file in release.files
        if not endings or file.filename.endswith(endings)
    ]
    assert len(named) >= len(endings)
    return Locked(name, version, tuple(named))


def filenames(mirror: Bench) -> dict[str, list[str]]:
    """The files on the pages, by project; every link is followed on the way."""
    mirror.listed()
    found = {}
    for page in sorted(mirror.folder.glob("simple/*/index.v1_json")):
        files = json.loads(page.read_bytes())["files"]
        found[page.parent.name] = sorted(file["filename"] for file in files)
    return found


def rich() -> World:
    """Releases with dependencies, several wheels and sdists."""
    world = World()
    for version in ("1.0", "2.0", "3.0"):
        world.publish("app", version, requires=[f"dep=={version}"], wheels=TAGS, sdist=True)
        world.publish("dep", version)
    world.publish("other", "1.0")
    return world
