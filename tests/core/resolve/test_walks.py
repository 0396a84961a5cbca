"""A walk that remembers what releases led to, against one that looks at each every time."""

from collections.abc import Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from pypisync.core.resolve.memoized_walk import Walks
from pypisync.core.resolve.target_index import TargetIndex, package, unpacked
from pypisync.core.standards.model import Requirement
from tests.core.closure.test_many_roots import SEVERAL
from tests.core.resolve.drawn import NAMES, indexes
from tests.core.universes import Index, need, target_index
from tests.deep import scaled


def walks(facts: TargetIndex) -> Walks[str]:
    """Walks that take each version which its specifier admits."""

    def look(name: str, pin: int) -> str | None:
        usable = facts.usable(name)
        return usable[pin].release.version if 0 <= pin < len(usable) else None

    def admits(version: str, specifier: str) -> bool:
        return SpecifierSet(specifier).contains(version, prereleases=True)

    return Walks(facts, look, admits)


def plainly(
    facts: TargetIndex, pins: Mapping[str, int], needs: list[Requirement], starts: list[str]
) -> set[str] | None:
    """All packages that are met, and None where a requirement refuses its pin."""
    found: set[str] = set()
    todo = list(starts)
    asked = list(needs)
    while todo or asked:
        while asked:
            one = asked.pop()
            pin = pins.get(one.name, -1)
            usable = facts.usable(one.name)
            if not 0 <= pin < len(usable) or one.fault:
                return None
            version = usable[pin].release.version
            if not SpecifierSet(one.specifier).contains(version, prereleases=True):
                return None
            todo += [package(one.name, extra) for extra in ("", *one.extras)]
        if todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                name, extra = unpacked(node)
                asked += facts.needs(name, pins[name], extra)
    return found


@given(indexes(), SEVERAL, st.randoms(use_true_random=False))
@settings(max_examples=scaled(40))
def test_what_it_remembers_never_tells(
    index: Index, roots: list[Requirement], draw: Random
) -> None:
    facts = target_index(index)
    remembering = walks(facts)
    for _ in range(15):
        pins = {
            name: draw.randrange(len(facts.usable(name)))
            for name in NAMES
            if facts.usable(name) and draw.random() < 0.9
        }
        needs = draw.sample(roots, draw.randint(0, len(roots)))
        starts = [name for name in draw.sample(NAMES, 1) if name in pins and draw.random() < 0.3]
        expected = plainly(facts, pins, needs, starts)
        assert remembering.along(pins, needs, starts) == expected
        assert walks(facts).along(pins, needs, starts) == expected


def test_a_release_is_looked_at_once_for_all_roots() -> None:
    facts = target_index(
        {"a 1": ["b", "c[x]"], "b 1": ["c"], "c 1": ['d; extra == "x"'], "d 1": []}
    )
    asked: list[tuple[str, int]] = []

    def look(name: str, pin: int) -> str | None:
        asked.append((name, pin))
        return "1"

    walk = Walks(facts, look, lambda _version, _specifier: True)
    pins = dict.fromkeys("abcd", 0)
    assert walk.along(pins, (need("a"),)) == {"a", "b", "c", "c[x]", "d"}
    assert sorted(asked) == [("a", 0), ("b", 0), ("c", 0), ("d", 0)]
    asked.clear()
    assert walk.along(pins, (need("a"), need("b"))) == {"a", "b", "c", "c[x]", "d"}
    assert sorted(asked) == [("a", 0), ("b", 0)]  # those that are wanted themselves
    asked.clear()
    assert walk.along(pins, (), ["b"]) == {"b", "c"}
    assert asked == []
