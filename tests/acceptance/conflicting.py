"""An upstream of random projects whose requirements contradict each other, the same each time.

Edges go to projects of lower layers for the most part, and some back up, so that there are cycles;
every release draws its own specifiers, so that many roots install only after backtracking, pip and
uv each in an order of its own, and some not at all. Left out is where the two admit different
releases: uv takes no yanked release that only a dependency pins, and does take a pre-release when
every final has been ruled out.
"""

import random

from tests.sim.world import World

ROOTS = 200
_LAYERS = (200, 40, 20, 10)  # the roots first
_SPECIFIERS = (
    "", "", "", "", ">={v}", ">={v}", "<={v}", "<={v}", "=={v}.0", "!={v}.0", "~={v}.0",
)  # fmt: skip
_PYTHONS = (None,) * 8 + (">=3.8", ">=3.12", "<3.12")
_MARKERS = ("",) * 8 + ("; python_version >= '3.12'", "; sys_platform == 'win32'")


def names() -> list[str]:
    """The roots."""
    return [f"root-{i}" for i in range(ROOTS)]


def world_of(seed: int) -> World:
    """The world that a seed makes."""
    draw = random.Random(seed)
    layers = [names()] + [
        [f"lib-{depth}-{i}" for i in range(count)] for depth, count in enumerate(_LAYERS[1:], 1)
    ]
    versions = {
        name: list(range(1, draw.randint(2, 4) if depth == 0 else draw.randint(3, 6)))
        for depth, layer in enumerate(layers)
        for name in layer
    }
    world = World()
    for depth, layer in enumerate(layers):
        for name in layer:
            below = [one for lower in layers[depth + 1 :] for one in lower]
            beside = [one for one in layer if one != name] if depth else []
            usual = draw.sample(below, min(len(below), draw.randint(1, 3 if depth < 2 else 2)))
            for version in versions[name]:
                pool = list(usual)
                if beside and draw.random() < 0.1:
                    pool.append(draw.choice(beside))
                world.publish(
                    name,
                    f"{version}.0",
                    requires=[_line(draw, one, versions[one]) for one in dict.fromkeys(pool)],
                    requires_python=draw.choice(_PYTHONS) if version > 1 and depth else None,
                )
    _yank_some(draw, world, [one for layer in layers[1:] for one in layer])
    return world


def _yank_some(draw: random.Random, world: World, among: list[str]) -> None:
    """Yank releases that nothing pins."""
    lines = {
        line.split(";")[0]
        for project in world.projects.values()
        for release in project.releases.values()
        for line in release.requires or ()
    }
    for name in among:
        newest = max(world.project(name).releases)
        if f"{name}=={newest}" not in lines and draw.random() < 0.2:
            world.yank(name, newest)


def _line(draw: random.Random, name: str, versions: list[int]) -> str:
    v = draw.choice(versions)
    specifier = draw.choice(_SPECIFIERS).format(v=v)
    return f"{name}{specifier}{draw.choice(_MARKERS)}"
