"""The machines on which roots are proven, held against the tables of the standards."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag, parse_tag

from pypisync.core.environments.proof_targets import (
    PRESETS,
    Machines,
    named,
    proof_targets,
    served,
)
from pypisync.core.environments.targets import VARIABLES, targets
from pypisync.core.standards.requires_python import INSTALLERS, Installer, admits

# The last month with fixes, by the release schedules: PEP 373, 398, 429, 478, 494, 537, 569, 596,
# 619, 664, 693, 719, 745 and 790.
LAST_FIXES = {
    "2.7": (2020, 1), "3.3": (2017, 9), "3.4": (2019, 3), "3.5": (2020, 9), "3.6": (2021, 12),
    "3.7": (2023, 6), "3.8": (2024, 10), "3.9": (2025, 10), "3.10": (2026, 10),
    "3.11": (2027, 10), "3.12": (2028, 10), "3.13": (2029, 10), "3.14": (2030, 10),
    "3.15": (2031, 10),
}  # fmt: skip
OPEN = {"sys_platform": ["linux"], "platform_machine": ["x86_64"]}


def minors(today: date) -> list[str]:
    """The Pythons that stand for all where none is bound."""
    found, missing = proof_targets(targets(OPEN), OPEN, today)
    assert missing == ()
    return [one.environment["python_version"] for one in found]


@pytest.mark.parametrize("minor", LAST_FIXES)
def test_an_open_python_stands_for_those_that_get_fixes(minor: str) -> None:
    year, month = LAST_FIXES[minor]
    first_after = date(year + month // 12, month % 12 + 1, 1)
    assert minor in minors(first_after - timedelta(days=1))
    assert minor not in minors(first_after)
    later = {one for one, last in LAST_FIXES.items() if last > (year, month)}
    assert set(minors(first_after)) == later


def test_a_python_that_is_bound_is_proven_whatever_its_age() -> None:
    for key, value in (("python_version", "3.6"), ("python_full_version", "3.6.9")):
        bound = {**OPEN, key: [value]}
        (one,) = proof_targets(targets(bound), bound, date(2030, 1, 1))[0]
        assert one.environment["python_version"] == "3.6"
        full = "3.6.9" if key == "python_full_version" else "3.6.15"
        assert one.environment["python_full_version"] == full
        assert one.environment["implementation_version"] == full
        assert one.name == f"{value} linux-x86_64"


LINUX = ("posix", "linux", "Linux", "5.14.0", "#1 SMP")
MACOS = ("posix", "darwin", "Darwin", "23.6.0", "Darwin Kernel Version 23.6.0")
WINDOWS = ("nt", "win32", "Windows", "10", "10.0.19045")
NAMES = ("os_name", "sys_platform", "platform_system", "platform_release", "platform_version")
SYSTEMS = {
    "linux-x86_64": (LINUX, "x86_64"),
    "linux-aarch64": (LINUX, "aarch64"),
    "macos-arm64": (MACOS, "arm64"),
    "macos-x86_64": (MACOS, "x86_64"),
    "windows-amd64": (WINDOWS, "AMD64"),
    "windows-arm64": (WINDOWS, "ARM64"),
    "musl-x86_64": (LINUX, "x86_64"),
    "musl-aarch64": (LINUX, "aarch64"),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_machine_has_a_value_for_every_variable(preset: str) -> None:
    one = named(f"3.13 {preset}")
    system, machine = SYSTEMS[preset]
    assert one.environment == {
        **dict(zip(NAMES, system, strict=True)),
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "implementation_version": "3.13.7",
        "python_version": "3.13",
        "python_full_version": "3.13.7",
    }
    assert one.environment.keys() == set(VARIABLES)
    assert sorted(one.tags.values()) == list(range(len(one.tags)))


def platforms(name: str) -> list[str]:
    """The platform tags of a machine, best first, by the wheels that are built for its Python."""
    tags = named(name).tags
    own = [tag for tag in tags if (tag.interpreter, tag.abi) == ("cp313", "cp313")]
    return [tag.platform for tag in sorted(own, key=tags.__getitem__)]


def manylinux(newest: int, oldest: int, machine: str) -> Iterator[str]:
    """By PEP 600: each glibc down to the oldest; PEP 513, 571 and 599 for the older names."""
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in (17, 12, 5):
            yield f"manylinux{ {17: '2014', 12: '2010', 5: '1'}[minor] }_{machine}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linux-x86_64", [*manylinux(28, 5, "x86_64"), "linux_x86_64"]),
        ("linux-aarch64", [*manylinux(28, 17, "aarch64"), "linux_aarch64"]),
        ("manylinux_2_12_x86_64", [*manylinux(12, 5, "x86_64"), "linux_x86_64"]),
        ("musl-x86_64", ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64", "musllinux_1_0_x86_64",
                         "linux_x86_64"]),
        ("musllinux_1_0_aarch64", ["musllinux_1_0_aarch64", "linux_aarch64"]),
        ("windows-amd64", ["win_amd64"]),
        ("windows-arm64", ["win_arm64"]),
    ],
)  # fmt: skip
def test_a_machine_takes_wheels_down_to_the_oldest(name: str, expected: list[str]) -> None:
    assert platforms(f"3.13 {name}") == expected


def test_a_mac_takes_wheels_for_older_systems_and_for_both_machines() -> None:
    arm, intel = platforms("3.13 macos-arm64"), platforms("3.13 macos-x86_64")
    assert arm[:2] == ["macosx_14_0_arm64", "macosx_14_0_universal2"]
    assert "macosx_11_0_arm64" in arm
    assert "macosx_10_9_universal2" in arm
    assert not [one for one in arm if one.endswith("x86_64") or "_15_" in one[:10]]
    assert intel[0] == "macosx_14_0_x86_64"
    assert "macosx_10_9_x86_64" in intel
    assert not [one for one in intel if one.endswith("arm64")]


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("3.13 linux-x86_64", "cp313-cp313-linux_x86_64", "cp313-cp313t-linux_x86_64"),
        ("3.13t linux-x86_64", "cp313-cp313t-linux_x86_64", "cp313-cp313-linux_x86_64"),
        ("3.13 linux-x86_64", "cp38-abi3-linux_x86_64", "cp38-cp38-linux_x86_64"),
        ("3.7 linux-x86_64", "cp37-cp37m-linux_x86_64", "cp37-cp37-linux_x86_64"),
        ("3.8 linux-x86_64", "cp38-cp38-linux_x86_64", "cp38-cp38m-linux_x86_64"),
        ("2.7 linux-x86_64", "cp27-cp27mu-linux_x86_64", "cp27-cp27m-linux_x86_64"),
        ("3.3 linux-x86_64", "cp33-cp33m-linux_x86_64", "cp33-cp33mu-linux_x86_64"),
        ("3.13 linux-x86_64", "py3-none-any", "py2-none-any"),
        ("3.13 linux-x86_64", "py2.py3-none-any", "cp314-abi3-linux_x86_64"),
    ],
)
def test_builds_of_python_differ(name: str, taken: str, refused: str) -> None:
    machine = Machines((named(name),))
    assert machine.with_tags(parse_tag(taken)) == 1
    assert machine.with_tags(parse_tag(refused)) == 0


@pytest.mark.parametrize(
    "name",
    ["3.13", "linux-x86_64", "3.12t linux-x86_64", "4.0 linux-x86_64", "3.13 solaris", "",
     "3.13 manylinux_2_28_armv7l", "3.13  linux-x86_64", "3.13tt linux-x86_64"],
)  # fmt: skip
def test_a_name_that_is_none_says_what_is(name: str) -> None:
    with pytest.raises(ValueError, match="is not a proof target") as raised:
        named(name)
    assert str(raised.value) == (
        f'"{name}" is not a proof target: allowed are a Python minor version and a platform, such '
        'as "3.13 linux-x86_64" ("3.13t": a free-threaded build, from 3.13 on); platforms are '
        f"{', '.join(PRESETS)}, and platform tags with their floor, such as manylinux_2_17_x86_64"
    )


EVERY = Machines(
    tuple(named(f"{python} {preset}") for python in ("3.9", "3.13", "3.13t") for preset in PRESETS)
)
TEXTS = ("py3-none-any", "cp313-cp313-win_amd64", "cp39-abi3-manylinux_2_17_x86_64",
         "cp313-cp313t-musllinux_1_1_aarch64", "cp39-cp39-macosx_11_0_arm64", "py2-none-any",
         "cp39.cp313-none-win_amd64.linux_x86_64")  # fmt: skip


@given(st.sampled_from(TEXTS))
def test_masks_of_tags_are_those_of_each_machine(text: str) -> None:
    tags = parse_tag(text)

    def rank(own: dict[Tag, int]) -> int | None:
        return min((own[tag] for tag in tags if tag in own), default=None)

    expected = [rank(dict(one.tags)) for one in EVERY.all]
    assert list(EVERY.ranks(tags)) == expected
    assert EVERY.with_tags(tags) == sum(1 << i for i, at in enumerate(expected) if at is not None)
    assert EVERY.with_tags(None) == EVERY.mask == 2 ** len(EVERY.all) - 1
    sdist = EVERY.ranks(None)  # comes after every wheel
    assert all(one > max(target.tags.values()) for one, target in zip(sdist, EVERY.all, strict=True)
               if one is not None)  # fmt: skip


@given(
    st.sampled_from((None, "", ">=3.10", "<3.13", "==3.9.*", "3.x")), st.sampled_from(INSTALLERS)
)
def test_masks_of_pythons_are_those_of_each_machine(text: str | None, by: Installer) -> None:
    pythons = [one.environment["python_full_version"] for one in EVERY.all]
    expected = sum(1 << i for i, python in enumerate(pythons) if admits(by, text, python))
    assert EVERY.with_python(text, by) == expected


def test_an_environment_is_served_by_the_machines_that_it_has() -> None:
    some = targets({"python_version": ["3.9", "3.13"], "sys_platform": ["linux", "win32"]})
    assert [one.name for one in some.all] == ["3.9 linux", "3.9 win32", "3.13 linux", "3.13 win32"]
    for name, mask in (
        ("3.9 linux-x86_64", 0b0001),
        ("3.9 musl-x86_64", 0b0001),  # the environment names no libc
        ("3.13 linux-aarch64", 0b0100),
        ("3.13 windows-amd64", 0b1000),
        ("3.13 macos-arm64", 0),
        ("3.12 linux-x86_64", 0),
    ):
        assert served(named(name), some) == mask
    barred = targets({"python_version": ["3.13"], "platform_release": []})
    assert served(named("3.13 linux-x86_64"), barred) == 0
