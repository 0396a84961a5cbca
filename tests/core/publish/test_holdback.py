"""Holding back: what is not whole waits with all that needs it, and nothing else waits."""

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.publish.holdback import (
    PlannedRelease,
    ReleaseFile,
    dependencies_first,
    spread,
    unready,
)
from pypisync.core.publish.pages import PageFile
from tests.deep import scaled

RELEASES = range(8)
NEEDS = st.dictionaries(
    st.sampled_from(RELEASES), st.lists(st.sampled_from(RELEASES), max_size=4), max_size=8
)


def stored_file(name: str, admits: int, *, kept: bool = True, stored: bool = True) -> ReleaseFile:
    page = PageFile(name, "1.0", f"packages/{name}", "0" * 64, 1, None, None, None, None, None)
    return ReleaseFile(page, admits, kept, stored)


def wanted(
    *files: ReleaseFile, admits: int = 3, blocked: str = "", selected: bool = True
) -> PlannedRelease:
    return PlannedRelease(1, "a", "1.0", selected, admits, False, blocked, files)


@given(NEEDS, st.sets(st.sampled_from(RELEASES)), st.frozensets(st.sampled_from(RELEASES)))
@settings(max_examples=scaled(300))
def test_what_needs_something_held_is_held_unless_it_is_published(
    needs: Mapping[int, Sequence[int]], held: set[int], published: frozenset[int]
) -> None:
    start = dict.fromkeys(held, "not stored yet")
    labels = {one: f"r{one}" for one in RELEASES}
    found = spread(start, needs, labels, published)
    assert start.items() <= found.items()
    for one in found:
        assert {d for d in needs.get(one, ()) if d not in published} <= found.keys()
    # Nothing waits without a reason: each reason names one that waits, and so on to the first.
    for one in found.keys() - held:
        assert one not in published
        causes = [other for other in found if one in needs.get(other, ())]
        assert found[one] in {f"needs r{cause}, which is held" for cause in causes}
    reached = set(held)
    while (
        more := {d for one in reached for d in needs.get(one, ()) if d not in published} - reached
    ):
        reached |= more
    assert found.keys() == reached


@given(NEEDS)
@settings(max_examples=scaled(300))
def test_what_a_page_needs_comes_before_it(needs: Mapping[int, Sequence[int]]) -> None:
    names = {f"p{one}": [f"p{below}" for below in needs.get(one, ())] for one in RELEASES}
    order = dependencies_first(names, names)
    assert sorted(order) == sorted(names)
    above: dict[str, set[str]] = {}
    for name in names:  # everything that a name leads to
        seen: set[str] = set()
        todo = [name]
        while todo:
            for below in names[todo.pop()]:
                if below not in seen:
                    seen.add(below)
                    todo.append(below)
        above[name] = seen
    for name, leads_to in above.items():
        for below in leads_to:
            if name not in above[below]:  # they do not need each other
                assert order.index(below) < order.index(name)


def test_a_release_is_ready_when_what_is_stored_serves_all_its_targets() -> None:
    linux, windows = stored_file("l.whl", 1), stored_file("w.whl", 2)
    missing = stored_file("w.whl", 2, stored=False)
    assert unready([wanted(linux, windows)], {}) == {}
    assert unready([wanted(linux, missing)], {}) == {1: "not stored yet: w.whl"}
    assert unready([wanted(linux, missing, admits=1)], {}) == {}
    assert unready([wanted(linux, missing, stored_file("any.whl", 3))], {}) == {}
    absent = wanted(stored_file("any.whl", 3, stored=False))
    assert unready([absent], {}) == {1: "not stored yet: any.whl"}


def test_what_is_not_kept_is_not_waited_for() -> None:
    unkept = stored_file("w.whl", 2, kept=False, stored=False)
    assert unready([wanted(stored_file("l.whl", 1), unkept, admits=1)], {}) == {}
    assert unready([wanted(stored_file("l.whl", 1, stored=False), selected=False)], {}) == {}
    assert unready([wanted(stored_file("l.whl", 3), blocked="its needs are unknown")], {}) == {
        1: "its needs are unknown"
    }


def test_of_many_missing_files_three_are_named() -> None:
    files = [stored_file(f"{n}.whl", 3, stored=False) for n in range(5)]
    assert unready([wanted(*files)], {}) == {1: "not stored yet: 0.whl, 1.whl, 2.whl and 2 more"}
