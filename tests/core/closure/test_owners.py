"""Who alone reaches what, against walking from each root."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.closure.paths import SHARED, owners
from tests.deep import scaled

numbers = st.integers(0, 9)
roots = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(numbers, max_size=3))
reach = st.dictionaries(numbers, st.lists(numbers, max_size=4))


def reached(starts: list[int], reach: dict[int, list[int]]) -> set[int]:
    seen: set[int] = set()
    todo = list(starts)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += reach.get(node, [])
    return seen


@given(roots, reach)
@settings(deadline=None, max_examples=scaled(300))
def test_the_owner_is_the_only_root_that_reaches_it(
    starts: dict[str, list[int]], reach: dict[int, list[int]]
) -> None:
    by_root = {root: reached(nodes, reach) for root, nodes in starts.items()}
    expected = {}
    for node in set().union(*by_root.values()):
        who = [root for root, nodes in by_root.items() if node in nodes]
        expected[node] = who[0] if len(who) == 1 else SHARED
    assert owners(starts, reach) == expected
