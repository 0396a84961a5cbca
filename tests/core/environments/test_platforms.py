"""The table of what real platforms are called, held against Python's own words for them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import default_environment
from packaging.tags import INTERPRETER_SHORT_NAMES

from pypisync.core.environments.platforms import FAMILIES, IMPLEMENTATIONS, PLATFORMS, Family
from tests.deep import scaled

DOCUMENTED = {
    "aix": "posix",
    "android": "posix",
    "darwin": "posix",
    "emscripten": "posix",
    "ios": "posix",
    "linux": "posix",
    "win32": "nt",
}
"""``sys.platform`` and ``os.name`` as Python's library reference has them (sys, os)."""


@pytest.mark.parametrize("family", FAMILIES)
def test_this_interpreter_is_in_the_table(family: Family) -> None:
    here = {name: str(value) for name, value in default_environment().items()}
    assert len(family.matching(here)) == 1
    assert not family.outside(here)


def test_the_platforms_are_those_that_python_documents() -> None:
    found = {(row[1], row[0]) for row in PLATFORMS.rows}
    assert set(DOCUMENTED.items()) <= found
    assert {name for name, _ in found - set(DOCUMENTED.items())} == {"linux2", "sunos5"}
    assert all(row[2].lower().startswith(row[1][:3]) for row in PLATFORMS.rows if row[1][0] in "ad")


def test_the_implementations_are_at_least_those_that_have_tags() -> None:
    names = IMPLEMENTATIONS.known("implementation_name")
    assert set(INTERPRETER_SHORT_NAMES) - {"python"} <= names


@st.composite
def values(draw: st.DrawFn) -> tuple[Family, dict[str, str]]:
    """Some variables of a family with values of its table, or with others."""
    family = draw(st.sampled_from(FAMILIES))
    names = draw(st.lists(st.sampled_from(family.variables), unique=True))
    return family, {
        name: draw(st.sampled_from([*sorted(family.known(name)), "other", ""])) for name in names
    }


@given(values())
@settings(max_examples=scaled(300))
def test_rows_are_found_by_what_they_share(case: tuple[Family, dict[str, str]]) -> None:
    family, wanted = case
    rows = family.matching(wanted)
    expected = [
        row
        for row in family.rows
        if wanted.items() <= dict(zip(family.variables, row, strict=True)).items()
    ]
    assert rows == expected
    assert wanted.items() <= family.agreed(rows).items() or not rows
    if rows:
        assert family.keeps(wanted)
    naming = {name: value for name, value in wanted.items() if name in family.naming}
    assert family.outside(wanted) == all(v not in family.known(n) for n, v in naming.items())
