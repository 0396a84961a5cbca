"""PubGrub's search on plain puzzles: what it decides breaks no rule, and it fails only rightly."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve.pubgrub import (
    ANY,
    ROOT,
    Impossible,
    Incompatibility,
    PubGrubPackage,
    Search,
    some,
)
from tests.deep import scaled

PLACES = 3  # of each node; one more state is "absent"
NODES = tuple(PubGrubPackage(name) for name in "abcd")
EVERY = (1 << PLACES) - 1
A, B, C, D = NODES

# A version of the one node needs one of these versions of the other.
Need = tuple[PubGrubPackage, int, PubGrubPackage, int]
Puzzle = tuple[Sequence[Need], Sequence[tuple[PubGrubPackage, int]]]

NEEDS = st.tuples(
    st.sampled_from(NODES), st.integers(0, PLACES - 1), st.sampled_from(NODES), st.integers(0, 7)
).filter(lambda need: need[0] != need[2])
WANTED = st.lists(
    st.tuples(st.sampled_from(NODES), st.integers(1, 7)), min_size=1, max_size=3,
    unique_by=lambda one: one[0],
)  # fmt: skip
PUZZLES = st.tuples(st.lists(NEEDS, max_size=14), WANTED)


def solve(puzzle: Puzzle, budget: Budget | None = None) -> dict[PubGrubPackage, int]:
    """Decide on the newest places that are left, until nothing is. Raises Impossible."""
    needs, wanted = puzzle
    search = Search(budget or Budget(10_000))
    search.add(Incompatibility({ROOT: ~some(1)}))
    node = ROOT
    decided: set[tuple[PubGrubPackage, int]] = set()
    while True:
        search.propagate(node)
        following = search.next(lambda one: (-NODES.index(one) if one in NODES else 1,))
        if following is None:
            break
        node = following
        if node == ROOT:
            search.depend(ROOT, 0, 1, [(other, places) for other, places in wanted])
            continue
        places = (search.term(node) >> 1) & EVERY
        if not places:
            search.add(Incompatibility({node: search.term(node)}))
            continue
        place = places.bit_length() - 1
        if (node, place) in decided:
            search.decide(node, place)
            continue
        decided.add((node, place))
        mine = [(o, p) for n, at, o, p in needs if (n, at) == (node, place)]
        search.depend(node, place, 1 << place, mine)
    return {
        node: search.term(node).bit_length() - 2
        for node in NODES
        if node in search.known and search.known[node].decided
    }


def is_solution(puzzle: Puzzle, chosen: Mapping[PubGrubPackage, int]) -> bool:
    """Whether what is wanted and all that is needed is there, in the right versions."""
    needs, wanted = puzzle
    return all(node in chosen and places >> chosen[node] & 1 for node, places in wanted) and all(
        other in chosen and places >> chosen[other] & 1
        for node, place, other, places in needs
        if chosen.get(node) == place
    )


def solutions(puzzle: Puzzle) -> Iterator[dict[PubGrubPackage, int]]:
    """All there are."""
    for states in itertools.product((None, *range(PLACES)), repeat=len(NODES)):
        chosen = {n: at for n, at in zip(NODES, states, strict=True) if at is not None}
        if is_solution(puzzle, chosen):
            yield chosen


@given(PUZZLES)
@settings(max_examples=scaled(250))
def test_a_solution_is_found_exactly_when_there_is_one(puzzle: Puzzle) -> None:
    try:
        found = solve(puzzle)
    except Impossible:
        assert not list(solutions(puzzle))
    else:
        assert is_solution(puzzle, found)
        needs, wanted = puzzle  # and nothing is there that nothing asks for
        asked = {node for node, _ in wanted} | {
            other for node, place, other, _ in needs if found.get(node) == place
        }
        assert found.keys() == asked


@given(PUZZLES)
@settings(max_examples=scaled(100))
def test_where_nothing_conflicts_the_newest_of_all_are_taken(puzzle: Puzzle) -> None:
    needs, wanted = puzzle
    free: Puzzle = [(n, at, o, EVERY) for n, at, o, _ in needs], [(n, EVERY) for n, _ in wanted]
    assert set(solve(free).values()) == {PLACES - 1}


def test_every_step_counts_against_the_budget() -> None:
    puzzle: Puzzle = [(A, 2, B, 1), (B, 0, A, 3)], [(A, 7)]
    budget = Budget(10_000)
    solve(puzzle, budget)
    used = budget.used
    assert used > 4
    solve(puzzle, Budget(used))
    with pytest.raises(Spent):
        solve(puzzle, Budget(used - 1))


def test_a_node_is_any_until_something_is_known_of_it() -> None:
    search = Search(Budget())
    assert search.term(A) == ANY
    search.add(Incompatibility({A: ~some(0b011)}))
    search.propagate(A)
    assert search.term(A) == some(0b011)
    search.add(Incompatibility({A: some(0b001)}))
    search.propagate(A)
    assert search.term(A) == some(0b010)


def test_a_dependency_forbids_its_user_together_with_everything_else() -> None:
    """a at 1 needs b at 0 or 1: the terms deny both the other places and absence."""
    search = Search(Budget())
    search.add(Incompatibility({A: ~some(0b010)}))
    search.propagate(A)
    assert search.next(lambda _: (0,)) == A
    assert search.depend(A, 1, 0b010, [(B, 0b011)]) is None
    assert search.incompatibilities[-1] == Incompatibility(
        {A: some(0b010), B: ~some(0b011)}, (A, B)
    )
    search.propagate(A)
    assert search.term(A) == some(0b010)
    assert search.term(B) == some(0b011)


def test_what_needs_nothing_that_exists_is_forbidden_itself() -> None:
    search = Search(Budget())
    search.add(Incompatibility({ROOT: ~some(1)}))
    search.propagate(ROOT)
    assert search.next(lambda _: (0,)) == ROOT
    search.depend(ROOT, 0, 1, [(A, 0b111)])
    search.propagate(ROOT)
    assert search.next(lambda _: (0,)) == A
    search.depend(A, 2, 0b100, [(B, 0)])
    assert search.incompatibilities[-1].terms == {A: some(0b100)}
    assert search.propagate(A) == [(A, len(search.incompatibilities) - 1)]
    assert search.term(A) == some(0b011)
    assert search.next(lambda _: (0,)) == A
    # Since something went wrong, a contradiction is seen before the decision.
    search.add(Incompatibility({C: ~some(0b001)}))
    search.propagate(C)
    assert search.depend(A, 1, 0b010, [(C, 0b110)]) == len(search.incompatibilities) - 1
    assert search.term(A) == some(0b011)


def test_equal_dependencies_of_several_versions_are_one() -> None:
    search = Search(Budget())
    search.add(Incompatibility({A: ~some(0b111)}))
    search.propagate(A)
    search.next(lambda _: (0,))
    search.depend(A, 2, 0b100, [(B, 0b001)])
    search.back_before(A)
    search.next(lambda _: (0,))
    search.depend(A, 1, 0b010, [(B, 0b001)])
    joined = search.incompatibilities[-1]
    assert joined == Incompatibility({A: some(0b110), B: ~some(0b001)}, (A, B))


def test_going_back_forgets_what_followed() -> None:
    search = Search(Budget())
    for node in (A, C):
        search.add(Incompatibility({node: ~some(0b111)}))
        search.propagate(node)
    assert search.next(lambda one: (one == A,)) == A
    search.depend(A, 2, 0b100, [(B, 0b001)])
    search.propagate(A)
    assert search.term(B) == some(0b001)
    search.back_before(C)  # which is not decided: nothing changes
    assert search.term(A) == some(0b100)
    search.back_before(A)
    assert search.term(A) == some(0b111)
    assert search.term(B) == ANY
    assert search.term(C) == some(0b111)
    search.back_before(D)  # of which nothing is known
    search.propagate(A)
    assert search.term(B) == ANY


def test_the_highest_rank_is_decided_first_and_kept_until_news() -> None:
    search = Search(Budget())
    for node in (A, B, C):
        search.add(Incompatibility({node: ~some(0b111)}))
        search.propagate(node)
    asked: list[PubGrubPackage] = []

    def rank(node: PubGrubPackage) -> tuple[int]:
        asked.append(node)
        return (1 if node == B else 0,)

    first = search.next(rank)
    assert first == B
    assert sorted(asked) == [A, B, C]
    search.decide(B, 2)
    assert search.next(rank) in (A, C)
    assert sorted(asked) == [A, B, C]  # nothing is known anew
