"""What of a release belongs to which of its nodes, and what a root calls for."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from pypisync.core.closure.candidates import Candidate
from pypisync.core.closure.edges import edges, groups_of, root_calls_for
from pypisync.core.closure.model import ClassKey, EdgeFact, ReleaseFacts, RootState
from pypisync.core.environments.targets import targets
from pypisync.core.wanted.selector import parse_selector
from tests.core.closure.memory_graph import TARGETS, key_of
from tests.deep import scaled

MARKERS = (
    "", "os_name == 'nt'", "extra == 'x'", "extra == 'y' and os_name == 'nt'",
    "extra == 'x' or extra == 'y'", "extra != 'x'", "'z' in extra",
)  # fmt: skip


def facts(markers: Sequence[str], kinds: Sequence[str] = ()) -> ReleaseFacts:
    """A release with a requirement for each marker."""
    drawn = [
        EdgeFact(i, 2, kinds[i] if kinds else "runtime", "", marker, (), "")
        for i, marker in enumerate(markers)
    ]
    return ReleaseFacts(1, "1.0", 15, 15, True, ("x", "y"), tuple(drawn))


@given(
    st.lists(st.sampled_from(MARKERS), max_size=6),
    st.sampled_from(("", "x", "y", "z")),
    st.lists(st.sampled_from(("runtime", "runtime", "build")), min_size=6, max_size=6),
)
@settings(max_examples=scaled(200))
def test_what_can_belong_to_an_extra_is_found_by_its_marker(
    markers: list[str], extra: str, kinds: list[str]
) -> None:
    release = facts(markers, kinds)
    found = [edge.id for edge in release.edges_of(extra)]
    if not extra:
        assert found == list(range(len(markers)))
        return
    environment = {"os_name": "nt", "python_version": "3.9"}
    must = {
        i
        for i, marker in enumerate(markers)
        if "extra" in marker
        and kinds[i] == "runtime"
        and Marker(marker).evaluate({**environment, "extra": extra})
        and not Marker(marker).evaluate({**environment, "extra": "other"})
    }
    may = {i for i, m in enumerate(markers) if "extra" in m and kinds[i] == "runtime"}
    assert must <= set(found) <= may
    assert len(found) == len(set(found))
    assert release.edges_of(extra) == release.edges_of(extra)


def test_what_follows_one_that_belongs_to_no_extra_is_found() -> None:
    release = facts(["", "extra == 'x'", "os_name == 'nt'", "extra == 'x'"])
    assert [edge.id for edge in release.edges_of("x")] == [1, 3]
    built = facts(["extra == 'x'"] * 2, ["build", "runtime"])
    assert [edge.id for edge in built.edges_of("x")] == [1]


def test_facts_that_were_looked_at_are_the_same_facts() -> None:
    one, other = facts(["extra == 'x'"]), facts(["extra == 'x'"])
    one.edges_of("x")
    one.provided(frozenset("x"))
    assert one == other
    assert repr(one) == repr(other)


def test_of_the_named_extras_a_release_provides_some() -> None:
    release = facts([])
    assert list(release.provided(None)) == ["x", "y"]
    assert set(release.provided(frozenset(("y", "z")))) == {"y"}
    assert set(release.provided(frozenset(("y", "x")))) == {"x", "y"}
    assert set(release.provided(frozenset())) == set()


@pytest.mark.parametrize(
    ("kind", "builds", "only", "mask"),
    [
        ("runtime", 0, None, 15),
        ("runtime", 0, 5, 5),
        ("runtime", 3, 0, 0),
        ("build", 3, None, 3),
        ("build", 3, 9, 1),
        ("build", 0, None, 0),
    ],
)
def test_a_requirement_counts_where_its_file_is_taken(
    kind: str, builds: int, only: int | None, mask: int
) -> None:
    edge = EdgeFact(7, 2, kind, "<2", "", ("e",), "", only)
    release = ReleaseFacts(1, "1.0", 15, builds, True, (), (edge,))
    expected = {7: ClassKey(2, "<2", ("e",), mask)} if mask else {}
    assert dict(edges(TARGETS, release, "")) == expected
    assert dict(edges(TARGETS, release, "x")) == {}


def test_a_build_of_itself_is_another_release() -> None:
    """Only at run time "a" means the release that is installed: what builds it is apart."""
    own = EdgeFact(7, 1, "build", "<2", "", (), "")
    release = ReleaseFacts(1, "1.0", 15, 15, True, (), (own,))
    assert dict(edges(TARGETS, release, "")) == {7: ClassKey(1, "<2", (), 15)}


def test_the_extras_of_the_configuration_are_asked_for_and_no_others() -> None:
    edge = EdgeFact(7, 2, "runtime", "", "extra == 'x'", (), "")
    release = ReleaseFacts(1, "1.0", 15, 0, True, ("x",), (edge,))
    environment = {"python_version": ["3.9", "3.12"], "sys_platform": ["linux", "win32"]}
    for extras, found in ((None, {7}), (["x", "y"], {7}), (["y"], set()), ([], set())):
        some = targets({**environment, **({} if extras is None else {"extra": extras})})
        assert dict(edges(some, release, "")).keys() == found
        assert dict(edges(some, release, "x")).keys() == {7}


def test_an_extra_that_is_not_asked_for_rules_nothing_in_or_out() -> None:
    """Installed by itself, a release has the requirements of "no extra" too."""
    edge = EdgeFact(7, 2, "runtime", "", "extra != 'x'", (), "")
    release = ReleaseFacts(1, "1.0", 15, 0, True, ("x",), (edge,))
    assert dict(edges(TARGETS, release, "")) == {7: ClassKey(2, "", (), 15)}


def root(selector: str, *, marker: str = "", pinned: bool = False) -> RootState:
    return RootState(1, 1, parse_selector(selector), (), marker, pinned=pinned)


ONE = Candidate(11, key_of("1.0"), "1.0", False, 15, 15)
TWO = Candidate(22, key_of("2.0"), "2.0", False, 3, 3)


@pytest.mark.parametrize(
    ("wanted", "pinnable", "expected"),
    [
        (root("latest"), {}, ((22, 11), 0)),
        (root("latest>2"), {}, ((), 15)),
        (root("latest", marker="sys_platform == 'linux'"), {}, ((22, 11), 0)),
        (root("latest>2", marker="sys_platform == 'linux'"), {}, ((), 5)),
        (root("latest>2", marker="python_version < '3.10'"), {}, ((), 3)),
        (root("latest", marker="python_version < '3.10'"), {}, ((22,), 0)),
        (root("latest", marker="os_name == 'java'"), {}, ((), 0)),
        # a pin: exactly that one, whatever the rules keep of it
        (root("1.0", pinned=True), {key_of("1.0"): 99}, ((99,), 0)),
        (root("1.0.0", pinned=True), {key_of("1.0"): 99}, ((99,), 0)),
        (root("1.0", pinned=True), {}, ((), 15)),
        (root("1.0"), {key_of("1.0"): 99}, ((11,), 0)),
    ],
)
def test_what_a_root_calls_for(
    wanted: RootState, pinnable: dict[bytes, int], expected: tuple[tuple[int, ...], int]
) -> None:
    chosen, unmet = root_calls_for(wanted, TARGETS, [TWO, ONE], pinnable)
    assert (chosen, unmet) == expected


@given(st.sampled_from(("", "sys_platform == 'linux'", "python_version < '3.10'", "os_name=='x'")))
def test_the_groups_of_a_root_are_those_where_its_marker_holds(marker: str) -> None:
    found = groups_of(root("latest", marker=marker), TARGETS)
    holding = sum(
        1 << i
        for i, one in enumerate(TARGETS.all)
        if not marker
        or Marker(marker).evaluate({"os_name": "posix", **one.values, "python_version": one.minor})
    )
    assert list(found) == [group & holding for group in TARGETS.groups if group & holding]
