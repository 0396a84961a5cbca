"""Draws of sdists that are built: with what, and what that needs in turn."""

import random
from dataclasses import replace

from tests.differential import odd
from tests.differential.cases import Case, root
from tests.differential.wheels import Release

_SPECIFIERS = ("", "", "<2", ">=2", "==1.0", "<3", ">=3", "!=2.0")


def drawn(number: int, seed: int) -> Case:
    """Returns draw ``number`` of a seed; the same every time."""
    draw = random.Random(f"build {seed} {number}")
    prefix = f"c{number}"
    names = [f"{prefix}-{letter}" for letter in "abcd"]
    releases = []
    for i, name in enumerate(names):
        for version in draw.sample(("1.0", "2.0", "3.0"), draw.choice((1, 2, 3))):
            needs = tuple(_need(draw, one) for one in names[i + 1 :] if draw.random() < 0.45)
            others = [one for one in names if one != name]
            builds = _some(draw, others, (0, 1, 1, 2))
            sdist = draw.random() < 0.25
            releases.append(_release(name, version, needs, builds if sdist else None))
    app = f"{prefix}-app"
    for version in ("1.0", "2.0"):
        needs = _some(draw, names, (0, 0, 0, 1, 1))
        releases.append(_release(app, version, needs, _some(draw, names, (1, 2, 2, 3))))
    told = tuple(f"{one.called} needs {one.requires}, built {one.builds_with}" for one in releases)
    return Case(prefix, tuple(releases), told, (root(app),))


def around(number: int, seed: int) -> Case:
    """Returns an sdist that is built with the root of a draw of oddities."""
    case = (odd.left if number % 3 == 0 else odd.drawn)(number, seed)
    top = f"{case.prefix}-top"
    (line,) = case.asks[0].lines
    release = Release(top, "1.0", sdist="static", builds_with=(line,))
    return replace(case, releases=(*case.releases, release), asks=(root(top),))


def _need(draw: random.Random, name: str) -> str:
    return name + draw.choice(_SPECIFIERS)


def _some(draw: random.Random, names: list[str], counts: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(_need(draw, one) for one in draw.sample(names, draw.choice(counts)))


def _release(
    name: str, version: str, needs: tuple[str, ...], builds: tuple[str, ...] | None
) -> Release:
    if builds is None:
        return Release(name, version, needs)
    return Release(name, version, needs, sdist="static", builds_with=builds)
