"""The worlds that the bench mirrors; everything is deterministic."""

import json
import random
from collections.abc import Iterable, Iterator
from hashlib import sha256

from tests.sim.documents import JSON_V1, simple
from tests.sim.state import Project
from tests.sim.world import World

DEEP_LAYERS = 12


def small(count: int = 5_000) -> World:
    """Projects of one release, one or two files each, and a few dependencies."""
    draw = random.Random(7)
    world = World()
    for i in range(count):
        needs = {draw.randrange(i) for _ in range(min(i, draw.randrange(4)))}
        world.publish(
            f"project-{i}",
            "1.0",
            requires=[f"project-{n}>=1.0" for n in sorted(needs)],
            sdist=i % 2 == 0,
            build_requires=[],
        )
    return warm(world)


def mixed(count: int = 5_000) -> World:
    """Projects of one to three releases, 1.6 in the mean, with bounds that sometimes conflict.

    A fifth has sdists only, a tenth has an extra, and some ask for it.
    """
    draw = random.Random(9)
    world = World()
    for i in range(count):
        only_sdists = i % 5 == 4
        extras = {"more": [f"project-{draw.randrange(i)}"]} if i and i % 10 == 1 else None
        for minor in range(draw.choices((1, 2, 3), (6, 2, 2))[0]):
            world.publish(
                f"project-{i}",
                f"1.{minor}",
                requires=_bounded(i, draw),
                extras=extras,
                wheels=() if only_sdists else ("py3-none-any",),
                sdist=only_sdists,
                build_requires=[],
            )
    return warm(world)


def _bounded(i: int, draw: random.Random) -> list[str]:
    """What ``project-i`` requires: up to three that were there before it."""
    bounds = ("", ">=1.0", "~=1.0") * 30 + ("<1.2", "!=1.1", "<=1.1", ">=1.1")
    found = sorted({draw.randrange(i) for _ in range(min(i, draw.randrange(4)))})
    extra = {n: "[more]" if n % 10 == 1 and draw.random() < 0.3 else "" for n in found}
    return [f"project-{n}{extra[n]}{draw.choice(bounds)}" for n in found]


def deep(roots: int = 60) -> World:
    """``root-N`` with closures twelve layers deep, in releases of which most are too new or old.

    Each layer has as many projects as there are roots, each needs four of the layer below.
    """
    draw = random.Random(6)
    world = World()
    for layer in range(DEEP_LAYERS):
        for i in range(roots):
            needs = _below(layer, roots, draw)
            for minor in range(4):
                world.publish(f"layer-{layer}-{i}", f"1.{minor}", requires=needs, build_requires=[])
    for i in range(roots):
        needs = _below(DEEP_LAYERS, roots, draw)
        world.publish(f"root-{i}", "1.0", requires=needs, build_requires=[])
    return warm(world)


def _below(layer: int, roots: int, draw: random.Random) -> list[str]:
    if not layer:
        return []
    bounds = ("", ">=1.1", "<1.3", "!=1.2", "~=1.0")
    return [f"layer-{layer - 1}-{draw.randrange(roots)}{draw.choice(bounds)}" for _ in range(4)]


def late(count: int = 600, milliseconds: int = 25) -> World:
    """The small projects, but every answer comes so late."""
    world = small(count)
    world.faults.fail("*", "slow", seconds=milliseconds / 1000)
    return world


def deep_late(roots: int = 20, milliseconds: int = 25) -> World:
    """The deep closures, but every answer comes so late."""
    world = deep(roots)
    world.faults.fail("*", "slow", seconds=milliseconds / 1000)
    return world


def large(count: int = 230, big: int = 2**24) -> World:
    """By default about 250 files with 400 MB: 20 of 16 MiB, the others some hundred KB."""
    draw = random.Random(8)
    world = World()
    for i in range(count):
        needs = {draw.randrange(i) for _ in range(min(i, 3))}
        size = big if i % 12 == 0 else draw.randrange(big // 800, big // 20)
        world.publish(
            f"project-{i}",
            "1.0",
            requires=[f"project-{n}" for n in sorted(needs)],
            size_padding=size,
        )
    return warm(world)


def full(names: int = 890_000, real: int = 60) -> World:
    """As many names as PyPI has; a few of them are projects, ``project-0`` the first of them.

    Of the others one in ten begins with ``match-``; they have no files.
    """
    world = small(real)
    for i in range(names - real):
        name = f"match-{i:07}" if i % 10 == 0 else f"other-{i:07}"
        world.serial += 1
        world.projects[name] = Project(name, world.serial)
    # The journal knows of the last of them, as it would.
    for i in range(100):
        world.row(f"other-{i * 10 + 1:07}", None, "add Maintainer somebody")
    return world


def huge(files: int = 200_000) -> World:
    """``huge``, with so many files, ten to a release; only those of its newest one can be had."""
    world = World()
    world.publish("huge", "99999.0", build_requires=[])
    world = warm(world)
    page = simple(world.projects["huge"], "../..")
    page["files"] += _listed("huge", files)
    body = json.dumps(page, separators=(",", ":")).encode()
    world.faults.body("/simple/huge/", body, headers={"Content-Type": JSON_V1})
    return world


def _listed(name: str, files: int) -> Iterator[dict[str, object]]:
    for number in range(files):
        version, kind = divmod(number, 10)
        tag = f"cp3{kind + 5}-cp3{kind + 5}-manylinux_2_17_x86_64.manylinux2014_x86_64"
        end = f"-{tag}.whl" if kind else ".tar.gz"
        filename = f"{name}-1.{version}{end}"
        digest = sha256(filename.encode()).hexdigest()
        place = f"packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}"
        metadata = {"sha256": digest[::-1]} if kind else False
        yield {
            "filename": filename,
            "url": f"https://files.test/{place}/{filename}",
            "hashes": {"sha256": digest},
            "size": 10_000 + number,
            "upload-time": f"2025-07-01T12:{number // 60 % 60:02}:{number % 60:02}.123456Z",
            "requires-python": ">=3.8",
            "yanked": False,
            "core-metadata": metadata,
            "data-dist-info-metadata": metadata,
            "provenance": None,
        }


def warm(world: World) -> World:
    """Build every file now, so that the server's work is not counted as the mirror's wait."""
    for project in world.projects.values():
        for release in project.releases.values():
            for file in release.files:
                assert file.built.sha256
    return world


def names(count: int, prefix: str = "project") -> Iterable[str]:
    """The names of projects."""
    return (f"{prefix}-{i}" for i in range(count))
