"""Markers against packaging: the same grammar, the same meaning, every open value tried."""

import itertools
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import InvalidMarker, Marker, UndefinedComparison

from pypisync.core.environments.marker_masks import (
    MOST_ATOMS,
    compared_extras,
    extras_of,
    marker_mask,
    needed_extras,
    wanted_mask,
)
from pypisync.core.environments.targets import Environment, targets
from pypisync.core.standards.marker_syntax import DEEPEST, LONGEST
from tests.core.environments.brute_force import satisfiable, tree_of
from tests.core.environments.marker_table import INVALID, LOCK_MARKERS, MARKERS
from tests.core.environments.named import named
from tests.deep import scaled

OPEN: Environment = {}
LINUX: Environment = {
    "python_version": ["3.11"],
    "sys_platform": ["linux"],
    "platform_machine": ["x86_64"],
}
DESKTOPS: Environment = {"python_version": ["3.9", "3.13"], "sys_platform": ["linux", "win32"]}
EXACT: Environment = {"python_full_version": ["3.9.7", "3.11.0rc1"], "os_name": ["posix"]}
BARRED: Environment = {
    "python_version": [],
    "python_full_version": ["3.9.1"],
    "platform_system": [],
    "implementation_name": [],
    "platform_machine": ["x86_64", "arm64"],
}
ODD: Environment = {
    "python_version": ["2.7", "3.12"],
    "sys_platform": ["freebsd13", "linux"],
    "platform_system": ["Linux", "Plan9"],
    "platform_python_implementation": ["PyPy", "Own"],
    "platform_release": ["5.4", "odd"],
}
RELATED: Environment = {"platform_system": ["Linux", "iOS"], "python_version": ["2.7", "3.11"]}
TABLETS: Environment = {"sys_platform": ["ios"], "python_version": ["3.14"]}
ENVIRONMENTS = {
    name: targets(environment)
    for name, environment in {
        "open": OPEN,
        "linux": LINUX,
        "desktops": DESKTOPS,
        "exact": EXACT,
        "barred": BARRED,
        "odd": ODD,
        "related": RELATED,
        "tablets": TABLETS,
    }.items()
}
EXTRAS = ("", "dev", "foo-bar")

# One target with every variable bound: (os_name, sys_platform, platform_system, machine, release,
# version, implementation, its version, full Python version).
MACHINES = (
    ("posix", "linux", "Linux", "x86_64", "5.15.0-91-generic", "#1 SMP", "cpython", "3.11.4"),
    ("nt", "win32", "Windows", "AMD64", "10", "10.0.19041", "cpython", "3.13.0"),
    ("posix", "darwin", "Darwin", "arm64", "23.1.0", "Darwin Kernel", "cpython", "3.9.18"),
    ("posix", "linux", "Linux", "aarch64", "5.4", "#9 Ubuntu", "pypy", "3.10.14"),
    ("posix", "linux2", "Linux", "i686", "4.4.0", "#1 SMP", "cpython", "2.7.18"),
)
NAMES = (
    "os_name",
    "sys_platform",
    "platform_system",
    "platform_machine",
    "platform_release",
    "platform_version",
    "implementation_name",
    "python_full_version",
)


def check(name: str, marker: str, extra: str) -> None:
    served = ENVIRONMENTS[name]
    tree = tree_of(marker)
    expected = [
        target.name
        for target in served.all
        if satisfiable(tree, target.minor, target.values, served.barred, extra)
    ]
    assert named(served, marker_mask(served, marker, extra)) == expected


@pytest.mark.parametrize("marker", MARKERS)
def test_every_open_value_is_tried(marker: str) -> None:
    for name, extra in itertools.product(ENVIRONMENTS, EXTRAS if "extra" in marker else ("",)):
        check(name, marker, extra)


@pytest.mark.parametrize("marker", MARKERS)
def test_with_all_bound_the_answer_is_packagings(marker: str) -> None:
    for machine, extra in itertools.product(MACHINES, EXTRAS):
        values = dict(zip(NAMES, machine, strict=True))
        cased = {"cpython": "CPython", "pypy": "PyPy"}
        values["platform_python_implementation"] = cased[values["implementation_name"]]
        values["implementation_version"] = "7.3.1"
        values["python_version"] = ".".join(values["python_full_version"].split(".")[:2])
        try:
            expected = Marker(marker).evaluate({**values, "extra": extra})
        except (UndefinedComparison, KeyError):
            continue
        served = targets({name: [value] for name, value in values.items()})
        assert marker_mask(served, marker, extra) == int(expected)


@pytest.mark.parametrize("marker", INVALID)
def test_no_marker_to_packaging_is_none_here(marker: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InvalidMarker):
            Marker(marker)
        with pytest.raises(ValueError, match=r"marker|Invalid|Expected"):
            marker_mask(ENVIRONMENTS["linux"], marker, "")


TOKENS = ("python_version", "os.name", "extra", '"3.8"', "'x'", "==", "<", "in", "not", "and", "or",
          "(", ")", " ", "\t", "notin", "===", "~", "extras", "\n", "3")  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=9), st.sampled_from(["", " "]))
@settings(deadline=None, derandomize=True, max_examples=scaled(300))
def test_the_grammar_is_packagings(tokens: list[str], between: str) -> None:
    text = between.join(tokens) or " "
    try:
        Marker(text)
    except InvalidMarker:
        with pytest.raises(ValueError, match=r"."):
            marker_mask(ENVIRONMENTS["linux"], text, "")
    else:
        marker_mask(ENVIRONMENTS["linux"], text, "")


COMPARISONS = ("<", "<=", "==", "!=", ">=", ">", "~=")
LITERALS = {
    "python_version": ("2.7", "3", "3.9", "3.11", "3.13", "3.9.*", "3.10.2"),
    "python_full_version": ("2.7.9", "3.9.0", "3.9.7", "3.9.8", "3.11.4", "3.11.0a7", "3.9.*"),
    "platform_release": ("5", "5.4", "5.5", "5.*", "6.1", "odd"),
    "implementation_version": ("3.8", "3.8.1", "5", "3.*"),
    "sys_platform": ("linux", "win32", "darwin", "cygwin", "linux2"),
    "os_name": ("nt", "posix", "java"),
    "platform_system": ("Linux", "Windows", "FreeBSD"),
    "platform_machine": ("x86_64", "arm64", "aarch64", "64"),
    "platform_python_implementation": ("CPython", "PyPy", "zz"),
    "implementation_name": ("cpython", "pypy", "zz"),
    "extra": ("dev", "Foo_Bar"),
}  # fmt: skip
LISTS = {
    "python_version": ("2.6 2.7 3.3", "3.9, 3.11"),
    "python_full_version": ("3.9.0 3.9.1", "3.9.0 3.9.7 3.11.10"),
    "sys_platform": ("win32 cygwin", "linux2"),
    "platform_machine": ("x86_64 AMD64 aarch64", "arm64 aarch64"),
}


@st.composite
def atoms(draw: st.DrawFn) -> str:
    variable = draw(st.sampled_from(sorted(LITERALS)))
    form = draw(st.sampled_from(["plain", "plain", "turned", "in", "part"]))
    negated = draw(st.sampled_from(["in", "not in"]))
    if form == "in" and variable in LISTS:
        return f'{variable} {negated} "{draw(st.sampled_from(LISTS[variable]))}"'
    literal = draw(st.sampled_from(LITERALS[variable]))
    if form == "part" and variable in {"sys_platform", "os_name"}:
        return f'"{literal}" {negated} {variable}'
    op = draw(st.sampled_from(COMPARISONS))
    return f'"{literal}" {op} {variable}' if form == "turned" else f'{variable} {op} "{literal}"'


MARKER = st.recursive(
    atoms(),
    lambda inner: st.builds(
        str.format,
        st.sampled_from(["{} and {}", "({} and {})", "{} or {}", "({} or {})"]),
        inner,
        inner,
    ),
    max_leaves=6,
)


@given(MARKER, st.sampled_from(sorted(ENVIRONMENTS)), st.sampled_from(EXTRAS))
@settings(deadline=None, derandomize=True, max_examples=scaled(400))
def test_any_marker_in_any_environment_against_brute_force(
    marker: str, name: str, extra: str
) -> None:
    check(name, marker, extra)


def test_values_that_no_platform_joins_are_not_followed() -> None:
    linux = ENVIRONMENTS["linux"]
    assert marker_mask(linux, 'os_name == "nt"', "") == 0
    assert marker_mask(linux, 'platform_system != "Linux"', "") == 0
    assert marker_mask(ENVIRONMENTS["open"], 'os_name == "nt" and sys_platform == "linux"', "") == 0


@pytest.mark.parametrize("marker", LOCK_MARKERS)
def test_lock_file_variables_may_hold(marker: str) -> None:
    served = ENVIRONMENTS["desktops"]
    expected = "3.9" if "python_version" in marker else ""
    assert named(served, marker_mask(served, marker, "")) == [
        name for name in named(served, served.mask) if expected in name
    ]


def test_no_marker_holds_everywhere() -> None:
    served = ENVIRONMENTS["desktops"]
    assert marker_mask(served, "", "") == served.mask
    assert marker_mask(served, "", "dev") == served.mask


def test_a_barred_variable_never_holds_but_the_other_side_of_or_does() -> None:
    served = targets({"python_version": ["3.9"], "platform_machine": []})
    assert marker_mask(served, 'platform_machine == "x86_64"', "") == 0
    assert marker_mask(served, 'platform_machine != "x86_64"', "") == 0
    assert marker_mask(served, 'platform_machine == "x" or python_version < "3.10"', "") == 1


def test_hostile_text_is_refused_or_costs_little() -> None:
    served = ENVIRONMENTS["open"]
    with pytest.raises(ValueError, match="characters"):
        marker_mask(served, 'os_name == "nt"' + " " * LONGEST, "")
    for depth in (DEEPEST + 1, 4_000):
        with pytest.raises(ValueError, match="nested"):
            marker_mask(served, "(" * depth + 'os_name == "nt"' + ")" * depth, "")
    deep = "(" * DEEPEST + 'os_name == "nt"' + ")" * DEEPEST
    assert marker_mask(served, deep, "") == served.mask
    # A disjunctive normal form of this would have 2**60 terms.
    wide = " and ".join(f'(os_name != "{i}" or sys_platform != "{i}")' for i in range(60))
    assert marker_mask(served, wide, "") == served.mask


@pytest.mark.parametrize(
    "marker",
    [
        " or ".join(f'os_name == "{i}"' for i in range(MOST_ATOMS + 1)),
        " and ".join(f'"{chr(97 + i)}" in platform_machine' for i in range(20)),
        f'platform_machine in "{"x" * 3_000}" and platform_machine in "{"y" * 3_000}"',
        f'platform_release >= "{".".join("1" * 2_000)}"',
        f'python_full_version >= "3.11.{"9" * 5_000}"',
        f'implementation_version == "{"9" * 5_000}"',
        'platform_release >= "5" and "microsoft" in platform_release',
    ],
)
def test_what_costs_too_much_may_hold(marker: str) -> None:
    served = ENVIRONMENTS["desktops"]
    assert marker_mask(served, marker, "") == served.mask


def test_many_extras_are_still_told_apart() -> None:
    names = [f"extra-{i}" for i in range(300)]
    marker = " or ".join(f'extra == "{name}"' for name in names)
    served = ENVIRONMENTS["desktops"]
    assert marker_mask(served, marker, names[-1]) == served.mask
    assert marker_mask(served, marker, "other") == 0
    assert extras_of(marker) == set(names)


@pytest.mark.parametrize(
    ("marker", "names"),
    [
        ("", set()),
        ('python_version < "3"', set()),
        ('extra == "Foo_Bar" and os_name == "nt"', {"foo-bar"}),
        ('extra != "a" or "b.c" == extra', {"a", "b-c"}),
        ('extra in "dev, Test_1"', {"dev", "test-1"}),
        ('"dev" in extra', {"dev"}),
        ('os_name == "extra"', set()),
        ('extra == ""', set()),
    ],
)
def test_the_extras_that_a_marker_names(marker: str, names: set[str]) -> None:
    assert extras_of(marker) == names


@pytest.mark.parametrize(
    ("marker", "by_pip", "by_uv"),
    [
        ("python_version >= '3.x'", False, True),
        ("python_version >= '3.x' and os_name == 'nt'", False, False),
        ("python_version > '2rc1'", True, True),
        ("os_name === 'nt'", True, None),
        ("extra < 'x'", False, True),
    ],
)
def test_a_requirement_is_wanted_where_one_installer_wants_it(
    marker: str, by_pip: bool, by_uv: bool | None
) -> None:
    linux = ENVIRONMENTS["linux"]
    assert (marker_mask(linux, marker, "") == linux.mask) == by_pip
    assert (wanted_mask(linux, marker, "") == linux.mask) == bool(by_pip or by_uv)


def test_no_extras_of_what_is_no_marker() -> None:
    with pytest.raises(ValueError, match="invalid marker"):
        extras_of("extra = 'dev'")


def test_two_configurations_do_not_share_answers() -> None:
    marker = 'sys_platform == "win32"'
    for _ in range(3):
        for i in range(12):  # more than are kept at a time
            served = targets({"sys_platform": ["win32" if i % 2 else "linux"]})
            assert marker_mask(served, marker, "") == (served.mask if i % 2 else 0)


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("extra == 'x'", {"x"}),
        ("'X' == extra and os_name == 'nt'", {"x"}),
        ("extra == 'x' or extra == 'y'", {"x", "y"}),
        ("(extra == 'x' or extra == 'y') and python_version > '3'", {"x", "y"}),
        ("extra == 'x' or os_name == 'nt'", set()),
        ("extra != 'x'", set()),
        ("os_name == 'nt'", set()),
    ],
)
def test_the_extras_without_which_a_marker_cannot_hold(marker: str, expected: set[str]) -> None:
    assert needed_extras(marker) == expected


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("extra == 'x' or os_name == 'nt'", {"x"}),
        ("'X' == extra and extra != 'y'", {"x", "y"}),
        ("extra == 'x' or extra in 'y z'", set()),
        ("extra > 'x'", set()),
        ("os_name in 'nt'", set()),
    ],
)
def test_the_extras_that_a_marker_compares(marker: str, expected: set[str]) -> None:
    assert compared_extras(marker) == expected
