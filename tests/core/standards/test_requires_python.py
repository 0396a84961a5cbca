"""How pip and uv read a ``Requires-Python``, and what uv mends in a text.

The tables are what real pip and uv did (``tests.differential`` compares them with both).
"""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pypisync.core.standards.requires_python import (
    INSTALLERS,
    LONGEST,
    Installer,
    admits,
    lists,
    specifiers_of,
)
from pypisync.core.standards.uv_mends import spellings
from tests.deep import scaled

PYTHONS = ("2.7.18", "3.6.15", "3.8.0", "3.8.20", "3.11.13", "3.12.0", "3.13.0rc1", "3.15.0")
BOTH, PIP, UV, NEITHER = ("pip", "uv"), ("pip",), ("uv",), ()


@pytest.mark.parametrize(
    ("text", "python", "takers"),
    [
        (None, "3.11.13", BOTH),
        ("", "3.11.13", BOTH),
        (">=3.8", "3.11.13", BOTH),
        (">=3.8", "3.6.15", NEITHER),
        (">=3.8", "3.8.0", BOTH),
        (">3.8", "3.8.0", NEITHER),
        # uv looks at the lowest Python alone: upper bounds and holes above it do not count
        ("<3.8", "3.11.13", UV),
        (">=3.6,<3.8", "3.11.13", UV),
        (">=3.6,!=3.11.*", "3.11.13", UV),
        ("!=3.11.13", "3.11.13", UV),
        ("<=2.7", "3.11.13", UV),
        ("==3.11.*", "3.11.13", BOTH),
        ("==3.11.*", "3.12.0", UV),
        ("==3.12.*", "3.11.13", NEITHER),
        ("~=3.8", "3.11.13", BOTH),
        ("~=3.8.5", "3.11.13", UV),
        ("~=3.8.5", "3.8.0", NEITHER),
        ("==3.8.*,!=3.8", "3.8.0", NEITHER),  # 3.8.dev0 is no Python that counts
        ("==3.8.*,!=3.8", "3.8.20", BOTH),
        (">=3.6,!=3.6.*,!=3.7.*,!=3.8", "3.8.0", NEITHER),
        (">=3.6,!=3.6.*,!=3.7.*,!=3.8", "3.8.20", BOTH),
        (">=4,<3", "3.11.13", UV),  # nothing is admitted, so no lower bound either
        # a pre-release of Python counts for its release to uv, and below it to pip
        (">=3.13", "3.13.0rc1", UV),
        (">=3.13.0rc1", "3.13.0rc1", BOTH),
        (">=3.13.0rc2", "3.13.0rc1", UV),
        (">=3.12", "3.13.0rc1", BOTH),
        # pip takes what it cannot read for "no condition"; uv mends it or passes over the file
        ("3.x", "3.11.13", PIP),
        ("nonsense", "3.11.13", PIP),
        (">=3.6:", "3.11.13", PIP),
        ("&gt;=3.6", "3.11.13", PIP),
        (">=3.12.*", "3.11.13", PIP),
        (">=3.6.*", "3.11.13", BOTH),
        (">=3.12<4", "3.11.13", PIP),
        (">=3.6<4", "3.11.13", BOTH),
        (">=3.12,", "3.11.13", NEITHER),
        (">=3.6,", "3.11.13", BOTH),
        (",>=3.6", "3.11.13", PIP),
        (">=3.6,,<4", "3.11.13", PIP),
        ("'>=3.12'", "3.11.13", PIP),
        ("'>=3.6'", "3.11.13", BOTH),
        (">dev", "3.11.13", BOTH),
    ],
)
def test_who_takes_a_file(text: str | None, python: str, takers: tuple[Installer, ...]) -> None:
    assert tuple(by for by in INSTALLERS if admits(by, text, python)) == takers


def test_a_text_of_any_length_is_read_up_to_a_limit() -> None:
    longest = ">=3.8".ljust(LONGEST)
    assert not admits("pip", longest, "3.6.15")
    assert not admits("uv", longest, "3.6.15")
    longer = longest + " "
    assert admits("pip", longer, "3.6.15")  # as one that it cannot read
    assert not admits("uv", longer, "3.11.13")
    assert specifiers_of(longer) is None
    assert specifiers_of(longest) == SpecifierSet(">=3.8")


def test_a_number_too_long_for_python_is_unreadable() -> None:
    text = ">=3." + "9" * 5000
    assert admits("pip", text, "3.11.13")
    assert not admits("uv", text, "3.11.13")
    assert specifiers_of(">=3." + "9" * 900) is not None
    assert not admits("pip", ">=3." + "9" * 900, "3.11.13")


NUMBERS = st.sampled_from(("2.7", "3", "3.6", "3.8", "3.8.0", "3.8.5", "3.11", "3.12", "4"))


def parts(*operators: str) -> st.SearchStrategy[str]:
    """A specifier of one of these operators, or one with a wildcard."""
    return st.one_of(
        st.tuples(st.sampled_from(operators), NUMBERS).map("".join),
        st.tuples(st.just("~="), NUMBERS.map(lambda n: n if "." in n else f"{n}.0")).map("".join),
        st.tuples(st.sampled_from(("==", "!=")), NUMBERS.map("{}.*".format)).map("".join),
    )


def sets(*operators: str) -> st.SearchStrategy[str]:
    """One to three of them."""
    return st.lists(parts(*operators), min_size=1, max_size=3).map(",".join)


SETS = sets(">=", "<=", "<", ">", "!=", "==")
# All finals that can make a difference to a set of these numbers.
FINALS = sorted(
    {f"{a}.{b}.{c}" for a, b in [(2, 6), (2, 7), (2, 8), (3, 0), (4, 0), (4, 1)] for c in (0, 1)}
    | {f"3.{minor}.{patch}" for minor in range(14) for patch in (0, 1, 4, 5, 6)}
    | {"3.8.0.1", "3.8.5.1"}  # what is left of ==3.8.0.* without 3.8.0
    | {"0.0", "1.0", "5.0", "6.0"},
    key=Version,
)  # fmt: skip


@given(SETS, st.sampled_from(PYTHONS))
@settings(max_examples=scaled(200))
def test_pip_takes_the_whole_set(text: str, python: str) -> None:
    assert admits("pip", text, python) == SpecifierSet(text).contains(python, prereleases=True)


# Without ">", which begins between two finals.
@given(sets(">=", "<=", "<", "!=", "=="), st.sampled_from(PYTHONS))
@settings(max_examples=scaled(200))
def test_uv_looks_at_the_lowest_python_alone(text: str, python: str) -> None:
    lowest = next((one for one in FINALS if SpecifierSet(text).contains(one)), None)
    release = Version(Version(python).base_version)
    assert admits("uv", text, python) == (lowest is None or release >= Version(lowest))


@given(SETS, st.sampled_from(PYTHONS), st.sampled_from(PYTHONS))
def test_uv_takes_no_less_on_a_newer_python(text: str, one: str, other: str) -> None:
    older, newer = sorted((one, other), key=Version)
    assert admits("uv", text, newer) or not admits("uv", text, older)


@given(SETS, st.sampled_from([one for one in PYTHONS if "rc" not in one]))
def test_what_pip_takes_uv_takes_as_well_on_a_final_python(text: str, python: str) -> None:
    assert admits("uv", text, python) or not admits("pip", text, python)


# -- what uv mends --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (">=7.2.0<8.0.0", ">=7.2.0,<8.0.0"),
        ("foo>=1!=2", "foo>=1,!=2"),
        ("!=~5.0", "!=5.0.*"),
        (">=1.9.*", ">=1.9"),
        ("<=2.*", "<=2"),
        ("!=3.0*", "!=3.0.*"),
        (">=3.6,", ">=3.6"),
        (">=3.6, ", ">=3.6"),
        ("foo>dev", "foo>0.0.0dev"),
        (">=9.0.0a1.0", ">=9.0.0a1"),
        (">=1.0rc2.0", ">=1.0rc2"),
        ('">=3.6"', ">=3.6"),
        ("foo>='1.0'; os_name == 'nt'", "foo>=1.0; os_name == 'nt'"),
        (">=7.2.0<8.0.*,", ">=7.2.0,<8.0"),  # one after the other
    ],
)
def test_what_uv_mends(text: str, mended: str) -> None:
    assert list(spellings(text))[-1] == mended


@pytest.mark.parametrize("text", ["", ">=3.8", "foo>=1,<2; os_name == 'nt'", "!=3.0.*", "~=1.4.2"])
def test_what_is_well_is_left_alone(text: str) -> None:
    assert list(spellings(text)) == [text]


@given(st.text("<>=!~0123456789.*,ab'\"; dev", max_size=20))
@settings(max_examples=scaled(200))
def test_each_change_makes_a_difference(text: str) -> None:
    found = list(spellings(text))
    assert found[0] == text
    assert len(found) <= 9
    assert all(one != after for one, after in pairwise(found))
    assert not set(found[-1].partition(";")[0]) & set("'\"")


def test_a_file_whose_text_it_cannot_read_is_none_to_uv() -> None:
    for text in (None, "", ">=3.12", "3.x", "<3"):
        assert lists("pip", text)
        assert lists("uv", text) == (text != "3.x")
