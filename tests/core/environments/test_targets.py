"""Targets from a configuration, and Requires-Python against every patch level."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from pypisync.core.environments.targets import (
    KNOWN_MINORS,
    VARIABLES,
    Environment,
    python_mask,
    targets,
    targets_fingerprint,
)
from pypisync.core.standards.requires_python import LONGEST
from tests.core.environments.named import named
from tests.deep import scaled


def names(environment: Environment) -> list[str]:
    served = targets(environment)
    return named(served, served.mask)


def test_nothing_bound_serves_every_known_minor_as_one_group() -> None:
    served = targets({})
    assert named(served, served.mask) == list(KNOWN_MINORS)
    assert served.groups == (served.mask,)
    assert served.all[1].values == {"python_version": "3.3"}
    assert served.barred == frozenset()
    assert served.extras is None


def test_bound_values_give_the_cross_product_each_a_group_of_its_own() -> None:
    served = targets(
        {
            "python_version": ["3.9", "3.13"],
            "sys_platform": ["linux", "win32"],
            "platform_machine": ["quantum", "vax", "quantum"],
        }
    )
    assert named(served, served.mask) == [
        f"{minor} {platform} {machine}"
        for minor in ("3.9", "3.13")
        for platform in ("linux", "win32")
        for machine in ("quantum", "vax")
    ]
    assert served.groups == tuple(1 << i for i in range(8))
    assert [target.minor for target in served.all] == ["3.9"] * 4 + ["3.13"] * 4


def test_an_open_python_counts_once_per_combination() -> None:
    served = targets({"sys_platform": ["linux", "win32"]})
    assert [set(named(served, group)) for group in served.groups] == [
        {f"{minor} {platform}" for minor in KNOWN_MINORS} for platform in ("linux", "win32")
    ]


@pytest.mark.parametrize(
    ("environment", "implied"),
    [
        (
            {"sys_platform": ["linux"]},
            {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
        ),
        (
            {"platform_system": ["Linux"]},
            {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
        ),
        (
            {"os_name": ["nt"]},
            {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
        ),
        ({"sys_platform": ["ios"]}, {"sys_platform": "ios", "os_name": "posix"}),
        ({"os_name": ["posix"]}, {"os_name": "posix"}),
        ({"sys_platform": ["freebsd13"]}, {"sys_platform": "freebsd13"}),
        ({"platform_machine": ["x86_64"]}, {"platform_machine": "x86_64"}),
        (
            {"platform_python_implementation": ["PyPy"]},
            {"platform_python_implementation": "PyPy", "implementation_name": "pypy"},
        ),
        (
            {"sys_platform": ["linux"], "os_name": []},
            {"sys_platform": "linux", "platform_system": "Linux"},
        ),
    ],
)
def test_values_that_follow_from_bound_ones(
    environment: dict[str, list[str]], implied: dict[str, str]
) -> None:
    served = targets({**environment, "python_version": ["3.11"]})
    assert [target.values for target in served.all] == [{**implied, "python_version": "3.11"}]


def test_linux_under_python_2_has_two_names() -> None:
    served = targets({"platform_system": ["Linux"], "python_version": ["2.7", "3.3"]})
    assert [target.values.get("sys_platform") for target in served.all] == [None, "linux"]


def test_combinations_that_no_platform_has_are_dropped() -> None:
    assert names(
        {
            "python_version": ["3.11"],
            "os_name": ["posix", "nt"],
            "sys_platform": ["linux", "win32", "darwin"],
            "implementation_name": ["cpython", "pypy"],
            "platform_python_implementation": ["CPython", "PyPy"],
        }
    ) == [
        "3.11 linux CPython",
        "3.11 linux PyPy",
        "3.11 win32 CPython",
        "3.11 win32 PyPy",
        "3.11 darwin CPython",
        "3.11 darwin PyPy",
    ]


def test_values_outside_the_table_are_combined_as_given() -> None:
    assert names(
        {
            "python_version": ["3.11"],
            "sys_platform": ["freebsd13", "linux"],
            "platform_system": ["FreeBSD", "Linux"],
        }
    ) == ["3.11 freebsd13 FreeBSD", "3.11 freebsd13 Linux", "3.11 linux FreeBSD", "3.11 linux"]


def test_full_versions_bring_their_minor() -> None:
    served = targets({"python_full_version": ["3.9.7", "3.13.0rc1", "3.12"]})
    assert named(served, served.mask) == ["3.9.7", "3.13.0rc1", "3.12"]
    assert [target.minor for target in served.all] == ["3.9", "3.13", "3.12"]
    assert served.all[0].values == {"python_version": "3.9", "python_full_version": "3.9.7"}
    assert served.groups == (1, 2, 4)


def test_full_versions_stay_within_the_minors() -> None:
    assert names(
        {"python_version": ["3.9", "3.13"], "python_full_version": ["3.9.7", "3.9.8", "3.11.1"]}
    ) == ["3.9.7", "3.9.8"]


def test_a_barred_variable_is_no_value_and_leaves_the_python_open() -> None:
    served = targets({"python_version": [], "sys_platform": [], "platform_machine": ["x86_64"]})
    assert served.barred == {"python_version", "sys_platform"}
    assert [target.minor for target in served.all] == list(KNOWN_MINORS)
    assert served.all[0].values == {"platform_machine": "x86_64"}
    assert served.groups == (served.mask,)
    assert named(served, python_mask(served, "==3.9.*")) == ["3.9 x86_64"]
    served = targets({"python_version": ["3.9"], "python_full_version": []})
    assert served.all[0].values == {"python_version": "3.9"}
    assert python_mask(served, ">=3.9.20") == 1


def test_extras_are_normalised() -> None:
    assert targets({"extra": None}).extras is None
    assert targets({"extra": []}).extras == frozenset()
    assert targets({"extra": ["Foo_Bar", "foo.bar", "dev"]}).extras == frozenset({"foo-bar", "dev"})


def test_names_are_unique_even_where_values_are_odd() -> None:
    served = names(
        {
            "python_version": ["3.11"],
            "platform_machine": ["", "a", "a b", '"a'],
            "platform_version": ["", "b", "b c", "a b"],
        }
    )
    assert len(set(served)) == len(served) == 16
    assert '3.11 "" "b c"' in served


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({"os_name": ["nt"], "sys_platform": ["linux"]}, "os_name ['nt']"),
        ({"implementation_name": ["pypy"], "platform_python_implementation": ["CPython"]}, "null"),
        ({"python_version": ["3.9"], "python_full_version": ["3.11.4"]}, "'3.11.4'"),
        ({"python_version": ["3"]}, "'3'"),
        ({"python_version": ["3.9", "3.9.1"]}, "'3.9.1'"),
        ({"python_full_version": ["newest"]}, "'newest'"),
        ({"os": ["nt"]}, "os: not"),
    ],
)
def test_what_cannot_be_served_is_said(environment: dict[str, list[str]], part: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        targets(environment)
    assert part in str(caught.value)


LITERALS = st.builds(
    "{}.{}".format,
    st.sampled_from(["2.7", "3.3", "3.9", "3.10", "3.11"]),
    st.sampled_from(["0", "1", "4", "9", "10", "20", "0rc1", "4.post1", "4.2", "*"]),
) | st.sampled_from(["2", "3", "3.9", "3.11", "4", "3.0", "3.*", "3.10.0a7", "1!3.9", "3.09.04"])
CLAUSES = st.builds(
    "{}{}".format, st.sampled_from(["<", "<=", "==", "!=", ">=", ">", "~=", "==="]), LITERALS
)


@given(st.lists(CLAUSES, max_size=4).map(",".join))
@settings(deadline=None, derandomize=True, max_examples=scaled(300))
def test_requires_python_against_every_patch_level(text: str) -> None:
    served = targets({})
    try:
        specifiers = SpecifierSet(text)
    except ValueError:
        assert python_mask(served, text) == served.mask
        return
    assert named(served, python_mask(served, text)) == [
        minor
        for minor in KNOWN_MINORS
        if any(
            specifiers.contains(f"{minor}.{patch}", prereleases=True)
            for patch in (*range(25), 1000)
        )
    ]


def test_a_bound_full_version_is_taken_exactly() -> None:
    served = targets({"python_full_version": ["3.9.7", "3.13.0rc1"]})
    assert named(served, python_mask(served, "!=3.9.7")) == ["3.13.0rc1"]
    assert named(served, python_mask(served, ">=3.13")) == []
    assert named(served, python_mask(served, ">=3.13.0b1")) == ["3.13.0rc1"]


@pytest.mark.parametrize(
    "text",
    [None, "", "  ", "3.9", ">=3.x", "=>3.6", ">=3,<<4", "x" * 5_000, f">=3.{'9' * 900}.x",
     f">={'9' * (LONGEST - 2)}."],
)  # fmt: skip
def test_no_or_unreadable_requires_python_admits_all(text: str | None) -> None:
    served = targets({"python_version": ["3.9", "3.13"]})
    assert python_mask(served, text) == served.mask


def test_the_fingerprint_changes_with_what_decides_masks_and_edges_only() -> None:
    base: dict[str, list[str] | None] = {"python_version": ["3.9", "3.13"], "os_name": None}
    first = targets_fingerprint(targets(base))
    assert first == targets_fingerprint(targets(dict(reversed(base.items()))))
    assert first != targets_fingerprint(
        targets({"python_version": ["3.9", "3.13"], "extra": ["dev"]})
    )
    others: list[dict[str, list[str] | None]] = [
        {"python_version": ["3.13", "3.9"]},
        {"python_version": ["3.9"]},
        {**base, "sys_platform": ["linux"]},
        {**base, "platform_machine": []},
        {**base, "platform_machine": [""]},
        {"python_full_version": ["3.9.1", "3.13.1"]},
    ]
    found = {targets_fingerprint(targets(other)) for other in others}
    assert len(found) == len(others)
    assert first not in found


def test_every_variable_can_be_bound() -> None:
    for name in set(VARIABLES) - {"python_version", "python_full_version"}:
        served = targets({name: ["own"], "python_version": ["3.11"]})
        assert [target.values for target in served.all] == [{name: "own", "python_version": "3.11"}]
