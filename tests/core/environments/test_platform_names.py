"""Platforms by short names, values that no machine has, and wheels for one libc."""

import re

import pytest
from packaging.tags import parse_tag

from pypisync.core.environments.platform_names import known_value, platform
from pypisync.core.environments.proof_targets import named, proof_targets, served
from pypisync.core.environments.targets import targets
from pypisync.core.environments.wheel_tags import tag_mask
from pypisync.core.standards.model import Targets
from tests.core.environments.test_proof_targets import TODAY

PYTHON = {"python_version": ["3.13"]}


def of(*names: str) -> Targets:
    return targets(PYTHON, [platform(name) for name in names])


@pytest.mark.parametrize(
    ("variable", "wrong", "meant"),
    [
        ("sys_platform", "windows", "win32"),
        ("sys_platform", "Linux", "linux"),
        ("sys_platform", "macos", "darwin"),
        ("implementation_name", "CPython", "cpython"),
        ("platform_machine", "amd64", "AMD64"),
        ("platform_machine", "x64", "x86_64"),
        ("platform_system", "windows", "Windows"),
        ("os_name", "posx", "posix"),
        ("platform_python_implementation", "cpython", "CPython"),
    ],
)
def test_a_value_that_no_machine_has_is_refused(variable: str, wrong: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{meant}"'):
        known_value(variable, wrong)
    assert known_value(variable, f"other:{wrong}") == wrong
    assert known_value(variable, meant) == meant


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("linux-amd64", "linux-x86_64"),
        ("linux-amd64-glibc-2.28", "linux-x86_64"),
        ("linux-arm64", "linux-aarch64"),
        ("macOS-ARM64", "macos-arm64"),
        ("darwin-aarch64", "macos-arm64"),
        ("win_amd64", "windows-amd64"),
        ("windows-x86_64", "windows-amd64"),
        ("windows-aarch64", "windows-arm64"),
    ],
)
def test_the_platform_that_was_meant_has_the_same_machine(wrong: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{meant}"'):
        platform(wrong)


def test_other_systems_and_free_variables_are_left_alone() -> None:
    assert known_value("sys_platform", "freebsd14") == "freebsd14"
    assert known_value("platform_release", "other:x") == "other:x"
    with pytest.raises(ValueError, match="write"):
        known_value("platform_machine", "quantum")


def test_pairs_that_no_machine_has_are_dropped() -> None:
    found = targets(
        {
            **PYTHON,
            "sys_platform": ["linux", "darwin", "win32"],
            "platform_machine": ["x86_64", "AMD64", "arm64"],
        }
    )
    assert [target.name for target in found.all] == [
        "3.13 linux x86_64", "3.13 darwin x86_64", "3.13 darwin arm64", "3.13 win32 AMD64"
    ]  # fmt: skip
    by_system = {**PYTHON, "platform_system": ["Windows"], "platform_machine": ["x86_64", "AMD64"]}
    assert [target.name for target in targets(by_system).all] == ["3.13 Windows AMD64"]
    with pytest.raises(ValueError, match="no platform has"):
        targets({**PYTHON, "sys_platform": ["linux"], "platform_machine": ["AMD64"]})


def test_what_the_tables_do_not_know_is_kept() -> None:
    odd = {**PYTHON, "sys_platform": ["freebsd14", "linux"], "platform_machine": ["amd64", "vax"]}
    assert len(targets(odd).all) == 4


@pytest.mark.parametrize(
    "name",
    [
        *("linux", "linux-amd64", "macos-aarch64", "windows-x86_64", "Linux-x86_64"),
        *("linux-", "linux-x86_64 ", "solaris-x86_64", "solaris-x86_64-glibc-2.28"),
    ],
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="is not a platform"):
        platform(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("windows-amd64-musl", 'only on Linux is there a choice of libc; leave out "-musl"'),
        ("linux-x86_64-glibc-9.9", "no wheels for glibc 9.9; its versions are 2.5, 2.6 and so on"),
        ("linux-x86_64-glibc-2.3", "no wheels for glibc 2.3; its versions are 2.5, 2.6 and so on"),
        ("linux-x86_64-musl-2.0", "no wheels for musl 2.0; its versions are 1.1, 1.2 and so on"),
        ("linux-x86_64-2.28", '"2.28" is no libc; write glibc or musl'),
        ("linux-x86_64-glibc2.28", '"glibc2.28" is no libc'),
        ("linux-x86_64-glibc-2", '"glibc-2" is no libc'),
        ("linux-x86_64-", '"" is no libc'),
    ],
)
def test_what_is_wrong_with_a_libc_is_told(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        platform(name)
    assert str(raised.value).startswith(f'"{name}": ')


def test_a_libc_that_is_still_to_come_is_a_platform() -> None:
    assert platform("linux-x86_64-glibc-2.99").libc == "glibc-2.99"


def test_a_platform_that_is_named_twice_is_one() -> None:
    names = ["linux-x86_64", "macos-arm64", "linux-x86_64-glibc", "macos-arm64", "linux-x86_64"]
    found = targets(PYTHON, [platform(name) for name in names])
    assert [target.name for target in found.all] == ["3.13 linux x86_64 glibc", "3.13 darwin arm64"]


WHEELS = [
    "py3-none-any",
    "cp313-cp313-manylinux2014_x86_64",
    "cp313-cp313-manylinux_2_28_x86_64",
    "cp313-cp313-manylinux_2_34_x86_64",
    "cp313-cp313-musllinux_1_1_x86_64",
    "cp313-cp313-musllinux_1_2_x86_64",
    "cp313-cp313-linux_x86_64",
    "cp313-cp313-manylinux_2_28_aarch64",
    "cp313-cp313-macosx_11_0_arm64",
    "cp313-cp313-macosx_11_0_universal2",
    "cp313-cp313-win_amd64",
    "cp313-cp313-manylinux2010_x86_64.manylinux_2_34_x86_64",
]


@pytest.mark.parametrize(
    ("name", "usable"),
    [
        ("linux-x86_64", [0, 1, 2, 3, 6, 11]),
        ("linux-x86_64-glibc-2.28", [0, 1, 2, 6, 11]),
        ("linux-x86_64-glibc-2.17", [0, 1, 6, 11]),
        ("linux-x86_64-musl", [0, 4, 5, 6]),
        ("linux-x86_64-musl-1.1", [0, 4, 6]),
        ("linux-aarch64", [0, 7]),
        ("macos-arm64", [0, 8, 9]),
        ("windows-amd64", [0, 10]),
    ],
)
def test_which_wheels_a_platform_can_use(name: str, usable: list[int]) -> None:
    served = of(name)
    found = [i for i, text in enumerate(WHEELS) if tag_mask(served, parse_tag(text))]
    assert found == usable


def test_without_platforms_any_libc_fits() -> None:
    open_ = targets({**PYTHON, "sys_platform": ["linux"], "platform_machine": ["x86_64"]})
    assert [i for i, text in enumerate(WHEELS) if tag_mask(open_, parse_tag(text))] == [
        0, 1, 2, 3, 4, 5, 6, 11
    ]  # fmt: skip


def test_proofs_are_for_the_libc_that_was_asked_for() -> None:
    both = of(
        "linux-x86_64-glibc-2.17", "linux-x86_64-musl-1.1", "linux-aarch64-musl", "macos-arm64"
    )
    found, missing = proof_targets(both, PYTHON, TODAY)
    assert [target.name for target in found] == [
        "3.13 manylinux_2_17_x86_64", "3.13 musllinux_1_1_x86_64", "3.13 musl-aarch64",
        "3.13 macos-arm64",
    ]  # fmt: skip
    assert missing == ()
    assert [served(target, both) for target in found] == [1, 2, 4, 8]
    assert served(named("3.13 musl-x86_64"), both) == 2
