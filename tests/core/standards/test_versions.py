"""Version keys order as PEP 440 does."""

from itertools import combinations, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from pypisync.core.standards import versions
from tests.deep import scaled

# PEP 440, ascending; those in one row are equal.
LADDER = [
    ["0.dev0", "0.0.dev"],
    ["0"],
    ["0.0.0.1"],
    ["1.dev0", "1.0.0.dev"],
    ["1.dev1"],
    ["1a1.dev2"],
    ["1a1", "1-alpha.1", "v1.0a1"],
    ["1a1.post1.dev3"],
    ["1a1.post1"],
    ["1a2"],
    ["1a11"],
    ["1b0", "1beta"],
    ["1rc1", "1c1", "1.0-pre-1"],
    ["1", "1.0", "1.0.0", " 1 "],
    ["1+a"],
    ["1+a.b"],
    ["1+a.1"],
    ["1+ab"],
    ["1+1", "1.0+01"],
    ["1+1.a"],
    ["1+1.1"],
    ["1+2", "1+2"],
    ["1+10"],
    ["1.post0.dev1"],
    ["1.post0", "1.post", "1-0", "1r0"],
    ["1.post0+x"],
    ["1.post255"],
    ["1.post256"],
    ["1.0.1"],
    ["1.1"],
    ["1.1.0.1"],
    ["1.255"],
    ["1.256"],
    ["1.65536"],
    ["2"],
    ["20260101"],
    [f"{256**254 - 1}"],
    [f"{256**254}"],
    [f"{256**255}"],
    [f"{256**300}"],
    [f"{256**300}.1"],
    ["1!0"],
    ["1!1.0"],
    ["256!0.dev0"],
    [f"{256**260}!1"],
]

numbers = st.one_of(
    st.integers(0, 3),
    st.sampled_from(
        [9, 10, 11, 254, 255, 256, 257, 65535, 65536, 10**8, 20260131, 256**254, 256**256]
    ),
    st.integers(0, 10**30),
)
local_parts = st.one_of(numbers.map(str), st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True))


@st.composite
def version_texts(draw: st.DrawFn) -> str:
    release = draw(st.lists(st.one_of(st.just(0), numbers), min_size=1, max_size=4))
    epoch = draw(st.sampled_from(["", "", "", "0!", "1!", "300!"]))
    pre = draw(st.one_of(st.just(""), st.tuples(st.sampled_from(["a", "b", "rc"]), numbers)))
    post = draw(st.one_of(st.just(""), numbers.map(lambda n: f".post{n}")))
    dev = draw(st.one_of(st.just(""), numbers.map(lambda n: f".dev{n}")))
    parts = draw(st.lists(local_parts, max_size=3))
    local = "+" + ".".join(parts) if parts else ""
    head = epoch + ".".join(map(str, release)) + "".join(map(str, pre))
    return head + post + dev + local


def key(text: str) -> bytes:
    version = versions.parse(text)
    assert version is not None, text
    return versions.key(version)


def test_the_ladder() -> None:
    for row in LADDER:
        assert len({key(text) for text in row}) == 1, row
    keys = [key(row[0]) for row in LADDER]
    for (low, a), (high, b) in pairwise(zip(LADDER, keys, strict=True)):
        assert a < b, (low, high)


@settings(deadline=None, max_examples=scaled(150))
@given(st.lists(version_texts(), min_size=2, max_size=8))
def test_keys_order_as_versions_do(texts: list[str]) -> None:
    keyed = [(Version(text), key(text)) for text in texts]
    for (a, low), (b, high) in combinations(keyed, 2):
        assert (low < high) == (a < b)
        assert (low == high) == (a == b)
        # No key begins with another: what an interval may rely on.
        assert low == high or not (low.startswith(high) or high.startswith(low))


def test_every_pair_of_a_dense_grid() -> None:
    segments = (
        ["0", "1", "1.0.1", "1!1"],
        ["", "a0", "a1", "b0", "rc2"],
        ["", ".post0", ".post1"],
        ["", ".dev0", ".dev1"],
        ["", "+a", "+1"],
    )
    grid = [Version("".join(parts)) for parts in product(*segments)]
    assert sorted(grid) == sorted(grid, key=versions.key)
    assert len({versions.key(version) for version in grid}) == len(set(grid)) == len(grid)


def test_a_release_begins_its_versions_keys_and_no_others() -> None:
    start = versions.release_key(0, (1, 0))
    for text in ("1", "1.0.0", "1.dev1", "1a1", "1.post3", "1+local"):
        assert key(text).startswith(start)
    for text in ("1.1", "10", "0.1", "1!1", "1.0.1", "256"):
        assert not key(text).startswith(start)


@pytest.mark.parametrize(
    "text", ["", "1.0-final", "foo", "1.0.*", "1..0", "1.0+", "9" * 5000, "1 0"]
)
def test_what_is_no_version(text: str) -> None:
    assert versions.parse(text) is None


def test_keys_are_short() -> None:
    assert len(key("1.2.3")) == 13
