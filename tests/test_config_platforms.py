"""``platforms``, and values of marker variables that no machine has."""

from pathlib import Path
from typing import Any

import pytest

from pypisync.config.load import load
from pypisync.errors import ConfigError
from tests.cli.running import configure


def faults(folder: Path, **keys: Any) -> str:
    with pytest.raises(ConfigError) as error:
        load(configure(folder, **keys), {})
    return str(error.value)


def test_platforms_are_the_environments_the_wheels_and_the_proofs(tmp_path: Path) -> None:
    names = ["linux-x86_64-glibc-2.28", "macos-arm64", "windows-amd64"]
    environment = {"python_version": ["3.13"], "extra": []}
    config = load(configure(tmp_path, platforms=names, environment=environment), {})
    assert [target.name for target in config.targets.all] == [
        "3.13 linux x86_64 glibc-2.28", "3.13 darwin arm64", "3.13 win32 AMD64"
    ]  # fmt: skip
    assert config.wheels == "targets"
    every = load(configure(tmp_path, platforms=names, environment=environment, wheels="all"), {})
    assert every.wheels == "all"
    without = load(configure(tmp_path, environment=environment), {})
    assert (without.wheels, without.targets.all[0].libc) == ("all", "")


def test_platforms_and_the_variables_that_they_stand_for_exclude_each_other(tmp_path: Path) -> None:
    said = faults(
        tmp_path, platforms=["linux-x86_64"], environment={"platform_machine": ["x86_64"]}
    )
    assert "platforms: " in said
    assert "environment.platform_machine" in said


def test_wrong_platforms_and_values_are_told_with_their_place(tmp_path: Path) -> None:
    assert 'platforms[1]: "linux-amd64"' in faults(
        tmp_path, platforms=["macos-arm64", "linux-amd64"], environment={}
    )
    said = faults(tmp_path, environment={"sys_platform": ["linux", "windows"]})
    assert "environment.sys_platform[1]" in said
    assert 'did you mean "win32"' in said
    assert "platforms" in faults(tmp_path, platforms=[], environment={})


def test_a_proof_target_that_is_named_twice_is_one(tmp_path: Path) -> None:
    name = "3.13 linux-x86_64"
    config = load(configure(tmp_path, targets=[name, "3.12 musl-x86_64", name]), {})
    assert config.proof_targets == (name, "3.12 musl-x86_64")


def test_platforms_stand_beside_the_environment(tmp_path: Path) -> None:
    said = faults(tmp_path, environment={"platforms": ["linux-x86_64"]})
    assert said.endswith("no such key here; it stands at the top, beside environment")
