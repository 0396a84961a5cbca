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
    assert unready([wanted(windows, linux, stored_file("any.whl", 3, stored=False))], {}) == {}
    absent = wanted(stored_file("any.whl", 3, stored=False))
    assert unready([absent], {}) == {1: "not stored yet: any.whl"}


def test_what_is_not_kept_is_not_waited_for() -> None:
    unkept = stored_file("w.whl", 2, kept=False, stored=False)
    assert unready([wanted(stored_file("l.whl", 1), unkept, admits=1)], {}) == {}
    assert unready([wanted(stored_file("l.whl", 1, stored=False), selected=False)], {}) == {}
    unselected = wanted(stored_file("l.whl", 1, stored=False), selected=False)
    blocked = wanted(stored_file("l.whl", 3), blocked="its needs are unknown")
    assert unready([unselected, blocked], {}) == {1: "its needs are unknown"}


def test_of_many_missing_files_three_are_named() -> None:
    files = [stored_file(f"{n}.whl", 3, stored=False) for n in range(5)]
    for count, more in ((3, ""), (4, " and 1 more"), (5, " and 2 more")):
        told = unready([wanted(*files[:count])], {})
        assert told == {1: f"not stored yet: 0.whl, 1.whl, 2.whl{more}"}


FILES = st.builds(
    stored_file,
    st.sampled_from([f"{n}.whl" for n in "abcdef"]),
    st.integers(0, 7),
    kept=st.booleans(),
    stored=st.booleans(),
)
PLANNED = st.builds(
    lambda files, admits, blocked, selected: wanted(
        *files, admits=admits, blocked=blocked, selected=selected
    ),
    st.lists(FILES, max_size=5),
    st.integers(0, 7),
    st.sampled_from(("", "", "", "nobody says what it requires")),
    st.sampled_from((True, True, True, False)),
)


@given(PLANNED)
@settings(max_examples=scaled(400))
def test_a_release_is_held_for_what_its_targets_lack(planned: PlannedRelease) -> None:
    """Told target by target: each that it admits has to find a stored file, if any is to come."""
    found = unready([planned], {})
    owed = [file for file in planned.files if file.kept and not file.stored]
    there = [file for file in planned.files if file.kept and file.stored]
    unserved = [
        bit
        for bit in range(3)
        if planned.admits >> bit & 1 and not any(file.admits >> bit & 1 for file in there)
    ]
    if not planned.selected:
        assert found == {}
    elif planned.blocked:
        assert found == {1: planned.blocked}
    elif owed and (unserved or not there):
        assert found[1].startswith("not stored yet: ")
        named = found[1].removeprefix("not stored yet: ").partition(" and ")[0].split(", ")
        assert named == [file.page.filename for file in owed[:3]]
        more = len(owed) - 3
        assert found[1].endswith(f" and {more} more") == (more > 0)
    else:
        assert found == {}


def test_a_missing_file_is_named_with_the_reason_why_it_did_not_come() -> None:
    planned = wanted(*(stored_file(f"{n}.whl", 3, stored=False) for n in "ab"))
    absent = {"packages/a.whl": "(it does not fit)", "packages/b.whl": ""}
    assert unready([planned], absent) == {1: "not stored yet: a.whl (it does not fit), b.whl"}
    assert planned.label == "a==1.0"


def test_of_a_release_that_nothing_names_a_question_mark_is_told() -> None:
    assert spread({1: "x"}, {1: [2]}, {}, frozenset()) == {1: "x", 2: "needs ?, which is held"}
    held = {1: "x"}
    spread(held, {1: [2]}, {}, frozenset())
    assert held == {1: "x"}  # what was given stays as it is


@given(NEEDS, st.sets(st.sampled_from(RELEASES)))
@settings(max_examples=scaled(300))
def test_the_order_of_pages_depends_on_nothing_else(
    needs: Mapping[int, Sequence[int]], missing: set[int]
) -> None:
    """Names in a cycle stand together and in their order; names that are not asked for are left."""
    below = {f"p{one}": [f"p{need}" for need in needs.get(one, ())] for one in RELEASES}
    names = [f"p{one}" for one in RELEASES if one not in missing]
    order = dependencies_first(names, below)
    assert order == dependencies_first(reversed(names), {k: v[::-1] * 2 for k, v in below.items()})
    assert sorted(order) == names

    def leads_to(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            fresh = {one for one in below[todo.pop()] if one in names} - seen
            seen |= fresh
            todo += fresh
        return seen

    cycles = {name: {o for o in leads_to(name) if name in leads_to(o)} | {name} for name in names}
    for name in names:
        at = order.index(min(cycles[name]))
        assert order[at : at + len(cycles[name])] == sorted(cycles[name])
