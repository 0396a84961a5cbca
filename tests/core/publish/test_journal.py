"""Rows of the mirror's own journal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.publish.journal import entries, first_serial
from pypisync.core.publish.pages import Page, PageFile

HEX = "0" * 64
FILE = PageFile("a-1-py3-none-any.whl", "1", "p", HEX, 1, None, None, None, None, None)
SDIST = replace(FILE, filename="a-1.tar.gz")
NEXT = replace(FILE, filename="a-2-cp312-cp312-linux_x86_64.whl", version="2")
PAGE = Page("a", 5, "active", None, (FILE, SDIST))


def said(had: Page | None, has: Page | None) -> list[tuple[str | None, str]]:
    rows = entries("a", had, has)
    assert {row.name for row in rows} <= {"a"}
    return [(row.version, row.action) for row in rows]


@pytest.mark.parametrize(
    ("had", "has", "rows"),
    [
        (None, PAGE, [(None, "create")]),
        (PAGE, None, [(None, "remove project")]),
        (
            None,
            replace(PAGE, status="quarantined", files=()),
            [(None, "create"), (None, "project quarantined")],
        ),
        (
            PAGE,
            replace(PAGE, files=(FILE, SDIST, NEXT)),
            [("2", "new release"), ("2", f"add cp312 file {NEXT.filename}")],
        ),
        (PAGE, replace(PAGE, files=(FILE,)), [("1", f"remove file {SDIST.filename}")]),
        (
            replace(PAGE, files=(FILE,)),
            PAGE,
            [("1", f"add source file {SDIST.filename}")],
        ),
        (
            replace(PAGE, files=(FILE, NEXT)),
            replace(PAGE, files=(NEXT,)),
            [("1", "remove release")],
        ),
        (
            PAGE,
            replace(PAGE, files=(replace(FILE, yanked="bad"), replace(SDIST, yanked="bad"))),
            [("1", "yank release")],
        ),
        (
            replace(PAGE, files=(replace(FILE, yanked=""),)),
            replace(PAGE, files=(FILE,)),
            [("1", "unyank release")],
        ),
        (
            replace(PAGE, files=(FILE,)),
            replace(PAGE, files=(replace(FILE, sha256="1" * 64),)),
            [("1", f"remove file {FILE.filename}"), ("1", f"add py3 file {FILE.filename}")],
        ),
        (
            replace(PAGE, files=(FILE,)),
            replace(PAGE, files=(replace(FILE, requires_python=">=3"),)),
            [("1", f"add py3 file {FILE.filename}")],
        ),
        (
            PAGE,
            replace(PAGE, status="quarantined", files=()),
            [(None, "project quarantined"), ("1", "remove release")],
        ),
        (
            replace(PAGE, status="quarantined", files=()),
            replace(PAGE, files=(FILE,)),
            [
                (None, "project quarantine cleared"),
                ("1", "new release"),
                ("1", f"add py3 file {FILE.filename}"),
            ],
        ),
        (PAGE, replace(PAGE, status="archived"), [(None, "project archived")]),
        (replace(PAGE, status="archived"), PAGE, [(None, "project active")]),
    ],
)
def test_the_rows_of_a_change(
    had: Page | None, has: Page | None, rows: list[tuple[str | None, str]]
) -> None:
    assert said(had, has) == rows


files = st.lists(
    st.builds(
        PageFile,
        st.sampled_from(("a-1-py3-none-any.whl", "a-1.tar.gz", "a-2.tar.gz")),
        st.sampled_from("12"),
        st.sampled_from("pq"),
        st.sampled_from((HEX, "1" * 64)),
        st.integers(1, 2),
        st.sampled_from((None, "2026-01-01T00:00:00Z")),
        *(st.sampled_from((None, "x")) for _ in range(4)),
    ),
    unique_by=lambda file: file.filename,
    max_size=3,
).map(tuple)
page = st.builds(
    Page,
    st.just("a"),
    st.integers(1, 9),
    st.sampled_from(("active", "archived", "quarantined")),
    st.sampled_from((None, "r")),
    files,
)


@given(st.none() | page, st.none() | page)
def test_whatever_differs_is_told(had: Page | None, has: Page | None) -> None:
    """And nothing that does not, whatever its serial and the order of its files."""
    same = bool(had) == bool(has) and (
        had is None
        or has is None
        or (had.status, had.status_reason, set(had.files))
        == (has.status, has.status_reason, set(has.files))
    )
    if had is None and has is None:
        return
    assert bool(said(had, has)) is not same


@given(st.integers(0, 2**40), st.floats(0, 4e9), st.integers(1, 10**6))
def test_serials_grow_and_begin_again_above_what_was_told(
    last: int, now: float, count: int
) -> None:
    first = first_serial(last, now, count)
    assert first > last
    newest = first + count - 1
    # A database that is a minute older than what was told goes on above it.
    if newest > last + count:
        assert first_serial(0, now + 60, 1) > newest
        assert newest <= now - 1_577_836_800
