"""Draws are the same every time, and have what they are for."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.differential import builds, graphs, machines, odd
from tests.differential.cases import Case

DRAWS = 60


@pytest.mark.parametrize(
    "drawn", [odd.left, builds.around, *(one.drawn for one in (odd, graphs, machines, builds))]
)
def test_a_draw_is_the_same_every_time(drawn: Callable[[int, int], Case]) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    for number in range(3):
        assert drawn(number, seed) == drawn(number, seed)
    assert drawn(0, seed) != drawn(1, seed)


def test_graphs_have_all_that_they_are_for() -> None:
    found = Counter[str]()
    for number in range(DRAWS):
        case = graphs.drawn(number, 1)
        asks, releases = case.asks, case.releases
        keys = [ask.key for ask in asks if ask.key]
        files = Counter((one.project, one.version) for one in releases)
        yanked = {(o.project, o.version) for o in releases if dict(o.entry).get("yanked")}
        found.update(
            {
                "several roots": len(keys) > 1,
                "extras of roots": any("[" in key for key in keys),
                "groups": any(len(ask.lines) > 1 for ask in asks),
                "constraints": any(ask.constraints for ask in asks),
                "extras of requirements": any("[" in n for one in releases for n in one.requires),
                "partial yanks": any(files[one] > 1 for one in yanked),
                "chains": any("," in need for one in releases for need in one.requires),
            }
        )
    assert min(found.values()) > 5, found


def test_machines_are_asked_for_elsewhere() -> None:
    asks = [ask for number in range(DRAWS) for ask in machines.drawn(number, 1).asks]
    targets = {ask.elsewhere.target for ask in asks if ask.elsewhere}
    assert len(targets) == 15
