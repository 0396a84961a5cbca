"""The worlds that the bench mirrors. Sizes stand beside each; everything is deterministic."""

import random

from tests.sim.world import World


def small() -> World:
    """5,000 projects of one release, one or two files each, and a few dependencies."""
    return _small(5_000)


def sixty() -> World:
    """60 projects."""
    return _small(60)


def _small(count: int) -> World:
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
    warm(world)
    return world


def large() -> World:
    """250 files with 400 MB: 60 projects with deep closures, and 20 files of 16 MiB."""
    draw = random.Random(8)
    world = World()
    for i in range(230):
        needs = {draw.randrange(i) for _ in range(min(i, 3))}
        size = 16 * 2**20 if i % 12 == 0 else draw.randrange(20_000, 800_000)
        world.publish(
            f"project-{i}",
            "1.0",
            requires=[f"project-{n}" for n in sorted(needs)],
            size_padding=size,
        )
    warm(world)
    return world


def warm(world: World) -> None:
    """Build every file now, so that the server's work is not counted as the mirror's wait."""
    for project in world.projects.values():
        for release in project.releases.values():
            for file in release.files:
                assert file.built.sha256
