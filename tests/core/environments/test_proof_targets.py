"""Which machines stand for the environments of a configuration."""

from collections.abc import Mapping, Sequence
from datetime import date

import pytest
from packaging.markers import default_environment
from packaging.tags import Tag, sys_tags

from pypisync.core.environments.proof_targets import PRESETS, ProofTarget, named, proof_targets
from pypisync.core.environments.targets import targets
from tests.core.universes import HERE

TODAY = date(2026, 11, 22)


def derived(environment: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """The names of the proof targets, and of the targets without one."""
    found, missing = proof_targets(targets(environment), environment, TODAY)
    return [one.name for one in found], list(missing)


@pytest.mark.parametrize(
    ("environment", "names", "missing"),
    [
        ({}, [f"3.{minor} linux-x86_64" for minor in range(11, 16)], []),
        ({"python_version": ["2.7", "3.9"]}, ["2.7 linux-x86_64", "3.9 linux-x86_64"], []),
        ({"python_full_version": ["3.11.4"]}, ["3.11.4 linux-x86_64"], []),
        (
            {"python_version": ["3.13"], "platform_machine": ["aarch64", "arm64", "AMD64"]},
            ["3.13 linux-aarch64", "3.13 macos-arm64", "3.13 windows-amd64"],
            [],
        ),
        (
            {"python_version": ["3.13"], "sys_platform": ["darwin", "win32", "linux"]},
            ["3.13 macos-arm64", "3.13 windows-amd64", "3.13 linux-x86_64"],
            [],
        ),
        (
            {"python_version": ["3.11"], "implementation_name": ["pypy", "cpython"]},
            ["3.11 linux-x86_64"],
            ["3.11 pypy"],
        ),
        ({"python_version": ["3.11"], "sys_platform": ["aix"]}, [], ["3.11 aix"]),
    ],
)
def test_targets_become_machines(
    environment: Mapping[str, Sequence[str]], names: list[str], missing: list[str]
) -> None:
    assert derived(environment) == (names, missing)


def test_an_open_python_ends_with_its_support() -> None:
    found, _ = proof_targets(targets({}), {}, date(2025, 11, 1))
    assert found[0].name == "3.10 linux-x86_64"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_machine_has_a_value_for_every_variable(preset: str) -> None:
    target = named(f"3.13 {preset}")
    assert target.environment.keys() == default_environment().keys()
    assert all(target.environment.values())
    assert Tag("py3", "none", "any") in target.tags
    assert Tag("cp312", "cp312", "any") not in target.tags


@pytest.mark.parametrize(
    ("target", "tag", "usable"),
    [
        ("3.13 linux-x86_64", "cp313-cp313-manylinux_2_28_x86_64", True),
        ("3.13 linux-x86_64", "cp39-abi3-manylinux2014_x86_64", True),
        ("3.13 linux-x86_64", "cp313-cp313-manylinux1_x86_64", True),
        ("3.13 linux-x86_64", "cp313-cp313-manylinux_2_29_x86_64", False),
        ("3.13 linux-x86_64", "cp313-cp313t-manylinux_2_28_x86_64", False),
        ("3.13 linux-x86_64", "cp313-cp313-musllinux_1_2_x86_64", False),
        ("3.13 linux-aarch64", "cp313-cp313-manylinux2014_aarch64", True),
        ("3.13 linux-aarch64", "cp313-cp313-manylinux1_aarch64", False),
        ("3.13 musl-x86_64", "cp313-cp313-musllinux_1_1_x86_64", True),
        ("3.13 musl-x86_64", "cp313-cp313-manylinux_2_17_x86_64", False),
        ("3.13 macos-arm64", "cp313-cp313-macosx_11_0_universal2", True),
        ("3.13 macos-x86_64", "cp313-cp313-macosx_10_9_x86_64", True),
        ("3.13 windows-amd64", "cp313-cp313-win_amd64", True),
        ("3.7 linux-x86_64", "cp37-cp37m-manylinux1_x86_64", True),
        ("2.7 linux-x86_64", "py2-none-any", True),
    ],
)
def test_what_a_machine_can_use(target: str, tag: str, usable: bool) -> None:
    assert (Tag(*tag.split("-")) in named(target).tags) is usable


def test_the_best_tag_comes_first() -> None:
    ranks = HERE.tags
    order = ("cp311-cp311-manylinux_2_28_x86_64", "cp311-abi3-manylinux2014_x86_64", "py3-none-any")
    numbers = [ranks[Tag(*tag.split("-"))] for tag in order]
    assert numbers == sorted(numbers)


def test_the_tags_are_those_of_a_real_interpreter_like_it() -> None:
    """Of this one, if it is a CPython of the same minor on the same platform."""
    own = {tag for tag in sys_tags() if "musl" not in tag.platform}
    target: ProofTarget = named("3.11 linux-x86_64")
    if Tag("cp311", "cp311", "linux_x86_64") in own:
        newer = {tag for tag in own - target.tags.keys() if "manylinux" in tag.platform}
        assert own - target.tags.keys() == newer


@pytest.mark.parametrize("name", ["", "3.13", "3.13 beos", "9.9 linux-x86_64"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a proof target"):
        named(name)


def test_a_free_threaded_build_says_so_and_a_minor_to_come_has_a_first_version() -> None:
    assert named("3.13t linux-x86_64").name == "3.13t linux-x86_64"
    environment = {"python_version": ["3.99"], "sys_platform": ["linux"],
                   "platform_machine": ["x86_64"]}  # fmt: skip
    ((found,), _) = proof_targets(targets(environment), environment, TODAY)
    assert found.name == "3.99 linux-x86_64"
    assert found.environment["python_full_version"] == "3.99.0"
