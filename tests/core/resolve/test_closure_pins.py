"""Which pins the closure selects by itself: those of the best release for a requirement alone."""

from collections.abc import Mapping

from msgspec.structs import replace

from pypisync.core.resolve.closure_pins import ClosureChoices
from tests.core.universes import Index, need, target_index

BOTH = 0b11  # environments


def called(index: Index, pins: Mapping[str, int], *wanted: str, **only: int) -> set[str]:
    """The projects of these pins that are selected; ``only``: where a release is usable, by name.

    Two environments, of which a root is to have one release for both.
    """
    facts = target_index(index)
    number = 0
    for name, releases in facts.offers.releases.items():
        found = []
        for one in releases:
            number += 1
            mask = only.get(f"{name}{one.version}", BOTH)
            found.append(replace(one, id=number, admits=(mask, mask, 0)))
        facts.offers.releases[name] = found
    lines = tuple(map(need, wanted))
    selected = ClosureChoices(facts.asking(lines), BOTH, (BOTH,)).called(lines, pins)
    return {name for name in pins if name in selected}


def test_the_pins_of_all_roots_and_what_they_need() -> None:
    index: Index = {"a 1": ["c"], "b 1": ["d"], "c 1": [], "d 1": [], "d 2": []}
    pins = {"a": 0, "b": 0, "c": 0, "d": 1}
    assert called(index, pins, "a", "b") == {"a", "b", "c", "d"}
    assert called(index, {**pins, "d": 0}, "a", "b") == {"a", "b", "c"}
    assert called(index, {"a": 0, "c": 0}, "a", "b") == {"a", "c"}  # nothing is pinned of "b"


def test_what_the_extras_of_a_root_need() -> None:
    index: Index = {"a 1": ['b; extra == "x"', 'c; extra == "y"'], "b 1": [], "c 1": []}
    pins = {"a": 0, "b": 0, "c": 0}
    assert called(index, pins, "a[x]") == {"a", "b"}
    assert called(index, pins, "a[x,y]") == {"a", "b", "c"}


def test_all_that_is_asked_of_a_root_counts_together() -> None:
    index: Index = {"a 1": [], "a 2": [], "a 3": []}
    assert called(index, {"a": 1}, "a<3", "a>1") == {"a"}
    assert called(index, {"a": 0}, "a<3", "a>1") == set()


def test_a_root_has_one_release_for_all_environments_and_a_requirement_one_for_each() -> None:
    """The newest is for one environment alone."""
    index: Index = {"a 1": [], "a 2": [], "b 1": ["a"]}
    assert called(index, {"a": 0}, "a", a2=0b01) == set()
    assert called(index, {"a": 1}, "a", a2=0b01) == {"a"}
    assert called(index, {"b": 0, "a": 0}, "b", a2=0b01) == {"a", "b"}
