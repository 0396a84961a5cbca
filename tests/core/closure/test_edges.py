"""Edges: held against packaging's own word, target by target."""

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from pypisync.core.closure.edges import edges
from pypisync.core.closure.model import EdgeFact, ReleaseFacts
from pypisync.core.environments.targets import targets
from tests.deep import scaled

TARGETS = targets({"python_version": ["3.9", "3.12"], "sys_platform": ["linux", "win32"]})
ATOMS = (
    'python_version < "3.10"', 'python_version >= "3.9"', 'sys_platform == "win32"',
    'sys_platform != "linux"', 'extra == "x"', 'extra == "y"', 'extra != "x"',
)  # fmt: skip


def joined(parts: tuple[str, str, str]) -> str:
    left, word, right = parts
    return f"({left}) {word} ({right})"


MARKERS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(joined),
    max_leaves=4,
)


def holds(marker: str, target: int, extra: str) -> bool:
    one = TARGETS.all[target]
    values = {**one.values, "python_version": one.minor, "extra": extra}
    return Marker(marker).evaluate(values)


@given(st.one_of(st.just(""), MARKERS), st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=scaled(300))
def test_a_requirement_counts_where_its_marker_holds(marker: str, mask: int, builds: int) -> None:
    """For the release itself, with any of its extras: installers are asked for them together."""
    for kind, on in (("runtime", mask), ("build", mask & builds)):
        edge = EdgeFact(1, 2, kind, ">=1", marker, ("z",), "")
        facts = ReleaseFacts(1, "1.0", mask, mask & builds, True, ("x", "y"), (edge,))
        for extra in ("", "x", "y"):
            if extra and (kind == "build" or "extra" not in marker):
                expected = 0  # the release's own node has it
            else:
                asked = [extra] if extra or "extra" not in marker else ["", "x", "y"]
                expected = sum(
                    1 << i
                    for i in range(4)
                    if on >> i & 1 and (not marker or any(holds(marker, i, one) for one in asked))
                )
            found = dict(edges(TARGETS, facts, extra))
            masks = {key.mask for key in found.values() if key}
            if extra and not masks and "extra" in marker:
                own = edges(TARGETS, facts, "")  # which is selected with every extra
                masks = {key.mask & expected for _, key in own if key} - {0}
            assert masks == ({expected} - {0})


def test_a_fault_has_no_class() -> None:
    faulty = EdgeFact(1, 2, "runtime", "", "", (), "a direct reference")
    facts = ReleaseFacts(1, "1.0", 15, 0, True, (), (faulty,))
    assert dict(edges(TARGETS, facts, "")) == {1: None}


def test_a_release_that_needs_an_extra_of_itself_means_itself() -> None:
    own = EdgeFact(1, 1, "runtime", "", 'extra == "all"', ("x",), "")
    facts = ReleaseFacts(1, "1.5", 15, 0, True, ("all", "x"), (own,))
    [key] = dict(edges(TARGETS, facts, "all")).values()
    assert key is not None
    assert (key.specifier, key.extras) == ("==1.5", ("x",))
