"""A few values stand for all: whatever another value makes true, one of these does as well."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.environments.marker_values import (
    MOST_EVALUATIONS,
    VERSIONED,
    python_values,
    text_values,
)
from pypisync.core.standards.marker_syntax import Atom, holds, parse
from tests.deep import scaled

TEXTS = ("", "a", "ab", "b", "5.4", "5.4.1", "linux", "x y")
OPERATORS = ("==", "!=", "<", ">=", "in", "not in")
ATOMS = st.tuples(st.sampled_from(OPERATORS), st.sampled_from(TEXTS), st.booleans())
ANY = st.one_of(
    st.sampled_from((*TEXTS, "c", "abc", "5.4.9", "6", "xx", "linux2")), st.text(max_size=4)
)


def atoms_of(variable: str, drawn: list[tuple[str, str, bool]]) -> list[Atom]:
    """The distinct atoms of one marker about a variable."""
    texts = [
        f"'{text}' {op} {variable}" if turned else f"{variable} {op} '{text}'"
        for op, text, turned in drawn
    ]
    return list(parse(" or ".join(texts)).atoms)


def true(atoms: list[Atom], value: str) -> tuple[bool, ...]:
    return tuple(holds(atom, value) for atom in atoms)


@given(st.lists(ATOMS, min_size=1, max_size=4), ANY)
@settings(max_examples=scaled(150))
def test_some_value_makes_true_what_any_other_does(
    drawn: list[tuple[str, str, bool]], value: str
) -> None:
    atoms = atoms_of("platform_machine", drawn)
    values = text_values("platform_machine", atoms)
    assert values is not None
    assert true(atoms, value) in {true(atoms, one) for one in values}


VERSIONS = st.tuples(
    st.sampled_from(("==", "!=", "<", "<=", ">", ">=", "~=")),
    st.sampled_from(("5.4", "5.4.1", "6.0", "10.2", "0.1")),
)


@given(
    st.lists(VERSIONS, min_size=1, max_size=4),
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
)
@settings(max_examples=scaled(150))
def test_of_versions_too(drawn: list[tuple[str, str]], release: list[int]) -> None:
    variable = sorted(VERSIONED)[0]
    atoms = atoms_of(variable, [(op, text, False) for op, text in drawn])
    values = text_values(variable, atoms)
    assert values is not None
    found = {true(atoms, one) for one in values}
    assert true(atoms, ".".join(map(str, release))) in found
    assert not any(value.endswith(".*") for value in values)


PYTHONS = st.tuples(
    st.sampled_from(("==", "!=", "<", "<=", ">", ">=", "~=")),
    st.sampled_from(("3.11", "3.11.0", "3.11.4", "3.11.10", "3.12.1", "3.10.9", "4.0")),
)


@given(st.lists(PYTHONS, min_size=1, max_size=4), st.integers(0, 40))
@settings(max_examples=scaled(150))
def test_of_pythons_too(drawn: list[tuple[str, str]], level: int) -> None:
    atoms = atoms_of("python_full_version", [(op, text, False) for op, text in drawn])
    values = python_values("3.11", atoms)
    assert values is not None
    assert all(value.startswith("3.11.") for value in values)
    assert true(atoms, f"3.11.{level}") in {true(atoms, one) for one in values}


@given(st.sampled_from(("1", "4", "1.4", "11.1", "3.11", "3.1", "9", "x")), st.booleans(),
       st.integers(0, 200))  # fmt: skip
@settings(max_examples=scaled(200))
def test_of_a_part_of_a_python_too(part: str, negated: bool, level: int) -> None:
    op = "not in" if negated else "in"
    atoms = atoms_of("python_full_version", [(op, part, True)])
    values = python_values("3.11", atoms)
    assert values is not None
    found = {true(atoms, one) for one in values}
    assert true(atoms, f"3.11.{level}") in found


@pytest.mark.parametrize(
    ("variable", "drawn", "known"),
    [
        ("platform_machine", [("in", "a", True), ("in", "b", True)], True),
        ("platform_machine", [("in", chr(97 + n), True) for n in range(6)], True),
        ("platform_machine", [("in", chr(97 + n), True) for n in range(7)], False),
        ("platform_machine", [("in", "x" * 100, False), ("==", "y", False)], True),
        ("platform_machine", [("in", "x" * 101, False), ("==", "y", False)], False),
        ("platform_machine", [("in", "x" * 101, False)], True),  # alone it is one of two kinds
        ("platform_release", [("in", "5", True)], True),
        ("platform_release", [("in", "5", True), (">", "4", False)], False),
        ("platform_release", [(">", "1.2.3.4.5.6.7.8", False)], True),
        ("platform_release", [(">", "1.2.3.4.5.6.7.8.9", False)], False),
        ("platform_release", [(">", "1" * 1000, False)], True),
        ("platform_release", [(">", "1" * 1001, False)], False),
        ("platform_machine", [("==", f"v{n}", False) for n in range(200)], False),
        ("platform_machine", [("==", f"v{n}", False) for n in range(60)], True),
    ],
)
def test_what_would_cost_too_much_has_no_values(
    variable: str, drawn: list[tuple[str, str, bool]], known: bool
) -> None:
    atoms = atoms_of(variable, drawn)
    values = text_values(variable, atoms)
    assert (values is not None) is known
    if values is not None and len(atoms) > 1:
        assert len(values) * len(atoms) <= MOST_EVALUATIONS


def test_of_pythons_there_may_be_too_many() -> None:
    few = [("==", f"3.11.{n}", False) for n in range(40)]
    many = [("==", f"3.11.{2 * n}", False) for n in range(60)]
    assert python_values("3.11", atoms_of("python_full_version", few)) is not None
    assert python_values("3.11", atoms_of("python_full_version", many)) is None
    two = atoms_of("python_full_version", [("in", "1", True), ("in", "2", True)])
    assert python_values("3.11", two) is None
