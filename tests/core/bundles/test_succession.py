"""Which bundle a mirror takes in next, and what it says of all others."""

import pytest
from msgspec.structs import replace

from pypisync.core.bundles.manifest import Point, to_line
from pypisync.core.bundles.succession import Fed, is_next, read_fed
from pypisync.errors import BundleError, CatalogError
from tests.core.bundles.test_manifest import GOOD

STATES = ["", *(f"{number:064}" for number in range(1, 9))]
POINTS = [
    Point(max(number, 1), 10 + number, state or "0" * 64) for number, state in enumerate(STATES)
]
AT_FOUR = Fed(GOOD.mirror, POINTS[4], 3, 1.0, 2.0)
WANTED = (
    "next comes bundle 5, or any later one that was exported since generation 14 or with --full;"
    ' if bundles are lost, carry out a report ("pypisync import --report")'
)


def answer(
    target: int, base: int | None, fed: Fed | None = AT_FOUR, mirror: str = GOOD.mirror
) -> bool | str:
    """Whether the bundle is the next one, or why it cannot be."""
    since = None if base is None else POINTS[base]
    bundle = replace(GOOD, mirror=mirror, base=since, target=POINTS[target])
    try:
        return is_next(bundle, fed, "m")
    except BundleError as error:
        return str(error)


def test_the_first_bundle_has_no_base() -> None:
    assert answer(4, None, None) is True
    assert answer(4, 3, None) == (
        "m: it goes on from bundle 3, and this mirror has imported none yet: begin with one that"
        " has no base (export --full)"
    )


def test_the_next_goes_on_from_here_or_holds_everything() -> None:
    assert [answer(target, base) for target in (5, 8) for base in (4, None)] == [True] * 4


def test_what_is_here_is_taken_in_only_to_bring_lost_files() -> None:
    assert answer(4, None) is False
    assert answer(4, 3) is False
    assert answer(4, 4) is True


def test_a_bundle_that_is_overtaken() -> None:
    for target, base in ((3, None), (3, 2), (1, None)):
        assert answer(target, base) == (
            f"m: already overtaken: it leads to bundle {target}, and this mirror is at bundle 4"
            f" already: {WANTED}"
        )
    same_number = Fed(GOOD.mirror, replace(POINTS[5], state=STATES[8]), 3, 1.0, 2.0)
    assert str(answer(5, None, same_number)).startswith(
        "m: already overtaken: it leads to bundle 5"
    )


@pytest.mark.parametrize(
    ("base", "gap"), [(5, "; missing: bundle 5"), (7, "; missing: bundles 5 to 7"), (3, "")]
)
def test_a_bundle_that_goes_on_from_another_state(base: int, gap: str) -> None:
    assert answer(8, base) == (
        f"m: it goes on from bundle {base} (generation {10 + base}), and this mirror is at bundle"
        f" 4 (generation 14){gap}: {WANTED}"
    )


def test_of_another_state_with_the_same_number_nothing_is_missing() -> None:
    """As where a mirror was set back, and exported again."""
    other = replace(AT_FOUR, point=replace(POINTS[4], state=STATES[8]))
    assert answer(6, 4, other) == (
        "m: it goes on from bundle 4 (generation 14), and this mirror is at bundle 4 (generation"
        f" 14): {WANTED}"
    )


def test_a_bundle_of_another_mirror() -> None:
    other = "f" * 32
    for target, base in ((5, 4), (5, None), (4, None)):
        assert answer(target, base, mirror=other) == (
            "m: from another mirror (ffffffff), this one is fed by 01234567: import it into a"
            " folder of its own"
        )


def test_what_a_mirror_remembers() -> None:
    assert read_fed(to_line(AT_FOUR).decode()) == AT_FOUR
    assert read_fed(None) is read_fed("") is None
    with pytest.raises(CatalogError, match=r"^what is known of the last bundle cannot be read: "):
        read_fed("{}")
