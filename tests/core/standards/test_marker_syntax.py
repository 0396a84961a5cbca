"""The tree and the atoms of a marker, held against packaging's evaluation of the whole."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import InvalidMarker, Marker

from pypisync.core.standards.marker_syntax import (
    DEEPEST,
    LONGEST,
    Atom,
    Parsed,
    Tree,
    holds,
    parse,
    without_extras,
)
from tests.deep import scaled

VALUES = {
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "extra": "x",
}
ATOMS = (
    "python_version < '3.10'", "python_version >= \"3.8\"", "'3.11' == python_version",
    "python_full_version ~= '3.11.2'", "os_name == 'nt'", "os.name != 'nt'",
    "sys_platform in 'linux win32'", "'win' not in sys_platform", "sys.platform == 'linux'",
    "platform_machine == 'x86_64'", "python_implementation == 'CPython'",
    "platform.python_implementation != 'PyPy'", "extra == 'x'", "extra == 'Y_z'", "extra != 'x'",
)  # fmt: skip
MARKERS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from((" and ", " or ", "  and\t", " or  ")), inner).map(
            "".join
        ),
        inner.map("({})".format),
        inner.map("( {} )".format),
    ),
    max_leaves=8,
)


def worth(tree: Tree, parsed: Parsed) -> bool:
    """Whether the tree holds in VALUES, atom by atom."""
    if isinstance(tree, int):
        atom = parsed.atoms[tree]
        return holds(atom, VALUES[atom.variable])
    operator, operands = tree
    return (all if operator == "and" else any)([worth(one, parsed) for one in operands])


@given(MARKERS)
@settings(max_examples=scaled(150))
def test_a_tree_means_what_packaging_makes_of_the_text(marker: str) -> None:
    parsed = parse(marker)
    assert worth(parsed.tree, parsed) == Marker(marker).evaluate(VALUES)
    assert len(set(parsed.atoms)) == len(parsed.atoms)
    again = parse(str(Marker(marker)))  # as packaging writes it
    assert worth(again.tree, again) == worth(parsed.tree, parsed)


@given(st.text("()'\"<>=!~ andorint_pyhvesx0123.", max_size=30))
@settings(max_examples=scaled(150))
def test_only_what_packaging_takes_is_a_marker(text: str) -> None:
    try:
        Marker(text)
    except InvalidMarker:
        with pytest.raises(ValueError, match=r"."):
            parse(text)
    else:
        parse(text)


@pytest.mark.parametrize(
    ("marker", "atom"),
    [
        ("os.name  ==  'nt'", Atom("os_name == 'nt'", "os_name", "==", "nt")),
        ("'nt' == os_name", Atom("'nt' == os_name", "os_name", "==", "nt", reversed=True)),
        (
            "'a' not  in sys.platform",
            Atom("'a' not in sys_platform", "sys_platform", "not in", "a", reversed=True),
        ),
        (
            "python_implementation=='PyPy'",
            Atom(
                "platform_python_implementation == 'PyPy'",
                "platform_python_implementation",
                "==",
                "PyPy",
            ),
        ),
        (
            "os_name == sys_platform",
            Atom("os_name == sys_platform", "os_name", "==", "sys_platform", alike=True),
        ),
        ("'a' == 'b'", Atom("'a' == 'b'", "b", "==", "a", reversed=True, alike=True)),
        ('os_name in "a\'b"', Atom('os_name in "a\'b"', "os_name", "in", "a'b")),
        (r"os_name == 'a\'", None),
        (r"os_name == 'a\t'", Atom(r"os_name == 'a\t'", "os_name", "==", "a\t")),
        ("extras == 'x'", Atom("extras == 'x'", "extras", "==", "x")),
    ],
)
def test_an_atom(marker: str, atom: Atom | None) -> None:
    if atom is None:
        with pytest.raises((ValueError, SyntaxError)):
            parse(marker)
    else:
        assert parse(marker) == Parsed(0, (atom,))


def test_and_binds_tighter_than_or() -> None:
    a, b, c = "os_name == 'a'", "os_name == 'b'", "os_name == 'c'"
    assert parse(f"{a} or {b} and {c}").tree == ("or", (0, ("and", (1, 2))))
    assert parse(f"({a} or {b}) and {c}").tree == ("and", (("or", (0, 1)), 2))
    assert parse(f"{a} and {b} and {c}").tree == ("and", (0, 1, 2))
    assert parse(f"{a} or {a} or {b}").tree == ("or", (0, 0, 1))  # equal atoms are one
    assert parse(f"(({a}))").tree == 0


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("", "invalid marker at character 1, expected a variable or a quoted text: ''"),
        ("os_name", "invalid marker at character 8, expected an operator: 'os_name'"),
        ("os_name not 'a'", "invalid marker at character 13, expected 'in' after 'not'"),
        ("os_name == 'a' x", "invalid marker at character 15: \"os_name == 'a' x\""),
        ("os_name == 'a' 'b'", "character 16, expected 'and', 'or' or the end"),
        ("(os_name == 'a'", "character 16, expected ')'"),
        ("os_name == 'a' and", "character 19, expected a variable or a quoted text"),
        ("os_name == (", "character 12, expected a variable or a quoted text"),
    ],
)
def test_a_fault_has_its_place_and_what_was_expected(marker: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(marker)


def test_of_a_long_marker_the_beginning_is_shown() -> None:
    whole = "os_name == 'a' and os_name == '"
    for length in (200, 201):
        marker = whole.ljust(length - 2, "b") + "'?"
        with pytest.raises(ValueError, match=r"^invalid marker at character ") as raised:
            parse(marker)
        assert repr(marker if length == 200 else f"{marker[:200]}...") in str(raised.value)


def test_length_and_depth_are_capped() -> None:
    atom = "os_name == 'a'"
    parse(atom.ljust(LONGEST))
    with pytest.raises(ValueError, match=f"{LONGEST + 1} characters, more than {LONGEST}"):
        parse(atom.ljust(LONGEST + 1))
    parse("(" * DEEPEST + atom + ")" * DEEPEST)
    with pytest.raises(ValueError, match=f"more than {DEEPEST} nested parentheses"):
        parse("(" * (DEEPEST + 1) + atom + ")" * (DEEPEST + 1))


def test_what_cannot_be_compared_may_hold() -> None:
    (atom,) = parse("implementation_name === 'pypy'").atoms
    assert holds(atom, "cpython")
    (atom,) = parse("'a' == 'b'").atoms  # packaging looks b up as if it were a variable
    assert [holds(atom, value) for value in "ab"] == [True, False]


def asked_for(marker: str, values: dict[str, str]) -> bool:
    """The marker where each atom about an extra holds."""
    pattern = r"extra\s*[=!]=\s*'[^']*'"
    return Marker(re.sub(pattern, "python_version >= '0'", marker)).evaluate(values)


@given(MARKERS)
@settings(max_examples=scaled(150))
def test_without_its_extras_a_marker_says_the_rest(marker: str) -> None:
    rest = without_extras(marker)
    assert "extra" not in rest
    for python, name in (("3.7", "nt"), ("3.11", "posix"), ("3.9", "posix")):
        values = {**VALUES, "python_version": python, "os_name": name}
        assert (not rest or Marker(rest).evaluate(values)) == asked_for(marker, values)
    assert without_extras(f" ( {marker} ) ") == rest
    assert without_extras(rest) == rest


@pytest.mark.parametrize(
    ("marker", "rest"),
    [
        ("", ""),
        ("extra == 'x'", ""),
        ("os_name == 'nt' and extra == 'x'", "os_name == 'nt'"),
        ("os_name == 'nt' or extra == 'x'", ""),
        ("(os_name=='nt' or os_name=='a') and extra=='x'", "(os_name == 'nt' or os_name == 'a')"),
        ("os_name == 'nt' and os_name != 'a'", "(os_name == 'nt' and os_name != 'a')"),
        ("extra == 'x' and extra == 'y'", ""),
    ],
)
def test_equal_rests_are_equal_texts(marker: str, rest: str) -> None:
    assert without_extras(marker) == rest
