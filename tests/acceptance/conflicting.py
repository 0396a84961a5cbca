"""An upstream of random projects whose requirements contradict each other, the same each time.

Edges go to projects of lower layers for the most part, and some back up, so that there are cycles;
every release draws its own specifiers, extras and markers, and there are pre-releases and yanked
ones, some of which others pin. Many roots install only after backtracking, pip and uv each in an
order of its own and by rules of its own, and some not at all.
"""

import random

from tests.sim.world import World

ROOTS = 200
_LAYERS = (200, 40, 20, 10)  # the roots first
_SPECIFIERS = (
    "", "", "", ">={v}", ">={v}", "<={v}", "<={v}", "=={v}", "!={v}", "~={v}", "<{v}", ">{v}",
    "=={v}.*", ">={v},<{w}", "!={v},!={w}",
)  # fmt: skip
# No upper bounds: of another Python than its own uv looks at lower bounds only.
_PYTHONS = (None,) * 8 + (">=3.8", ">=3.12")
_MARKERS = ("",) * 8 + (
    "; python_version >= '3.11'", "; python_version >= '3.12'",
    "; sys_platform == 'win32'", "; sys_platform == 'linux'",
)  # fmt: skip
_KINDS = ("",) * 20 + ("a1", "b2", "rc1", ".dev3", ".post1")
_EXTRAS = ("x", "y", "x,y")


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
        name: [
            f"{i}.0{draw.choice(_KINDS) if depth else ''}"
            for i in range(1, draw.randint(2, 4) if depth == 0 else draw.randint(4, 9))
        ]
        for depth, layer in enumerate(layers)
        for name in layer
    }
    world = World()
    for depth, layer in enumerate(layers):
        for name in layer:
            below = [one for lower in layers[depth + 1 :] for one in lower]
            beside = [one for one in layer if one != name] if depth else []
            _publish(draw, world, name, versions, below, beside)
    for name in (one for layer in layers[1:] for one in layer):
        for version in versions[name]:
            if draw.random() < 0.12:
                world.yank(name, version)
    return world


def _publish(
    draw: random.Random,
    world: World,
    name: str,
    versions: dict[str, list[str]],
    below: list[str],
    beside: list[str],
) -> None:
    """All releases of a project, the oldest first."""
    usual = draw.sample(below, min(len(below), draw.randint(1, 3)))
    for version in versions[name]:
        pool = list(usual)
        for some, share in ((beside, 0.15), (below, 0.2)):
            if some and draw.random() < share:
                pool.append(draw.choice(some))
        extras: dict[str, list[str]] = {}
        if beside:
            for extra in ("x", "y"):
                more = [draw.choice(below or beside) for _ in range(draw.randint(0, 2))]
                extras[extra] = [_line(draw, one, versions[one]).split(";")[0] for one in more]
            if draw.random() < 0.2:
                extras["x"].append(f"{name}[y]")
        world.publish(
            name,
            version,
            requires=[_line(draw, one, versions[one]) for one in dict.fromkeys(pool)],
            extras=extras,
            requires_python=draw.choice(_PYTHONS) if version > "2" and beside else None,
        )


def _line(draw: random.Random, name: str, versions: list[str]) -> str:
    v, w = sorted(draw.choices(versions, k=2))
    specifier = draw.choice(_SPECIFIERS).format(v=v, w=w)
    if specifier.endswith(".*") and not v.endswith(".0"):
        specifier = ""
    extras = f"[{draw.choice(_EXTRAS)}]" if draw.random() < 0.15 and name.startswith("lib") else ""
    return f"{name}{extras}{specifier}{draw.choice(_MARKERS)}"
