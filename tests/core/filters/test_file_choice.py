"""Whose METADATA tells uv what an sdist requires that it builds."""

import pytest

from pypisync.core.filters.file_choice import Weighed, chosen, told

BUILD = ()
SDIST = Weighed(99, -1, False, False, True, BUILD)


def wheel(*, rank: int | None = 0, near: int = 3, yanked: str | None = None) -> Weighed:
    """A wheel; ``yanked``: the reason of its yank, "" for none."""
    return Weighed(rank, near, yanked is not None, False, True, BUILD, bool(yanked))


@pytest.mark.parametrize(
    ("yanks", "read"),
    [
        (["", ""], 0),
        (["why", ""], 1),
        (["", "why"], 0),
        (["why", "why"], 1),
        (["why", "", "why", ""], 1),
        (["why", "why", "why"], 2),
    ],
)
def test_of_yanked_wheels_uv_reads_the_first_without_a_reason_or_else_the_last(
    yanks: list[str], read: int
) -> None:
    files = [*(wheel(yanked=one) for one in yanks), SDIST]
    assert chosen(files, "uv") == len(yanks)
    assert told(files, len(yanks), "uv") == read
    assert told(files, len(yanks), "pip") == len(yanks)


def test_a_wheel_that_does_not_fit_is_read_before_a_yanked_one() -> None:
    files = [wheel(yanked="why"), wheel(rank=None, near=1), wheel(rank=None, near=2), SDIST]
    assert told(files, 3, "uv") == 2


def test_an_sdist_without_wheels_tells_itself_and_a_wheel_that_is_taken_as_well() -> None:
    assert told([SDIST], 0, "uv") == 0
    assert told([wheel(), wheel(), SDIST], 0, "uv") == 0


def test_where_the_sdist_is_yanked_as_well_the_nearest_wheel_is_read() -> None:
    built = Weighed(99, -1, True, False, True, BUILD)
    files = [wheel(rank=None, near=1, yanked="why"), wheel(rank=None, near=2, yanked=""), built]
    assert chosen(files, "uv") == 2
    assert told(files, 2, "uv") == 1
