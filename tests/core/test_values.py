"""Texts as values and back: what is shown is read again, and bad texts get a ValueError."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core import display, values
from tests.deep import scaled

CHECKS: list[Callable[[str], object]] = [
    values.address,
    values.index_address,
    values.socket_address,
    values.python_minor,
    values.full_version,
    values.extra,
    values.project,
    values.projects,
    values.index_name,
    values.release,
    values.moment,
    values.sha256,
    values.generation_name,
    values.regex,
    values.size,
    values.duration,
]
PIECES = st.sampled_from(
    ["1", "0", "9" * 16, ".", "-", "_", ":", "/", "//", "[", "]", "@", "%", "#", "?", "*", " ",
     "==", "http", "https", "h", "GiB", "kb", "days", "2026-01-01", "T00:00:00Z", "+25:00", "a",
     "é", "٣", "\n", "\0", "(", "ab" * 32, "999999999-01-01"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of patterns such as "[[a]"
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@given(text=TEXTS)
@settings(max_examples=scaled(200))
def test_a_text_is_a_value_or_gets_a_value_error(check: Callable[[str], object], text: str) -> None:
    try:
        first = check(text)
    except ValueError:
        return
    assert check(text) == first


@given(st.integers(0, 10**15))
@settings(max_examples=scaled(300))
def test_a_size_that_is_shown_is_read_to_a_tenth_of_its_unit(count: int) -> None:
    shown = display.show_size(count)
    unit = values.size(f"1 {shown.split()[1]}")
    assert abs(values.size(shown) - count) <= unit / 20 + 1


@given(st.integers(0, 10**9))
@settings(max_examples=scaled(300))
def test_a_duration_that_is_shown_is_read_again(seconds: int) -> None:
    assert values.duration(display.show_duration(seconds)) == seconds


@given(st.integers(-(2**33), 2**37))
@settings(max_examples=scaled(300))
def test_a_moment_that_is_shown_is_read_again(seconds: int) -> None:
    assert values.moment(display.show_moment(seconds)) == seconds


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=4))
@settings(max_examples=scaled(300))
def test_no_part_of_a_password_in_an_address_is_shown(secret: str) -> None:
    for text in (f"https://me:{secret}@host/a", f"postgresql://me:{secret}@host/db"):
        assert display.masked(text) in ("https://***@host/a", "postgresql://***@host/db")


@given(st.text())
@settings(max_examples=scaled(200))
def test_one_line_is_one_line_that_steers_no_terminal(text: str) -> None:
    shown = display.one_line(text)
    assert shown.isprintable()
    assert display.one_line(shown) == shown
