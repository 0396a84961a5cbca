"""What stands upstream in the acceptance tests, and what a team mirrors of it."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from tests.sim.world import World

MINOR = sys.version_info[1]
PYTHON = f"3.{MINOR}"
NEXT_PYTHON = f"3.{MINOR + 1}"
_MACHINE = os.uname().machine

ENVIRONMENT: Mapping[str, list[str]] = {
    "python_version": [PYTHON, NEXT_PYTHON],
    "implementation_name": ["cpython"],
    "sys_platform": ["linux"],
    "platform_machine": [_MACHINE],
    "extra": [],
}
# The same, as uv wants to be told (https://docs.astral.sh/uv/, tool.uv.environments).
UV_ENVIRONMENT = (
    f"implementation_name == 'cpython' and sys_platform == 'linux' "
    f"and platform_machine == '{_MACHINE}'"
)
UV_PYTHONS = f">={PYTHON},<3.{MINOR + 2}"

PACKAGES: Mapping[str, list[str]] = {
    "app[fast]": ["latest"],
    "core": ["latest"],
    "native": ["latest"],
    "careful": ["latest"],
    "early": ["latest"],
    "beta": ["latest"],
    "pinned": ["1.1"],
    "aged": [">=1"],
    "ages": [">=0"],  # a cooldown of the client chooses among what is here
    "young": ["latest"],
    "legacy": ["latest"],
    "modern": ["latest"],
}
# What must be installed where all of it is asked for at once.
TOGETHER: Mapping[str, str] = {
    "app": "2.0",
    "core": "1.5",  # app wants core<2
    "leaf": "3.0",
    "speed": "1.0",  # the extra
    "native": "1.0",  # 2.0 has no wheel for this platform
    "careful": "1.0",  # leans on a yanked release
    "withdrawn": "0.9",
    "early": "1.0",  # its requirement names a pre-release
    "beta": "2.0rc1",
    "pinned": "1.1",
    "aged": "3.0",
    "ages": "0.3",
    "young": "1.0",  # 2.0 is for a Python to come
    "legacy": "1.0",
    "modern": "1.0",
}
ALONE: Mapping[str, str] = {"core": "2.0", "beta": "1.0"}  # asked for by themselves


def team_world() -> World:
    """An index with every kind of dependency."""
    world = World()
    for version, bound in (("1.0", "core"), ("2.0", "core>=1,<2")):
        world.publish(
            "app",
            version,
            requires=[
                bound,
                'windows-only>=1; sys_platform == "win32"',
                'backport; python_version < "3.8"',
            ],
            extras={"fast": ["speed"], "docs": ["unwanted"]},
        )
    for version in ("1.0", "1.5", "2.0"):
        world.publish("core", version, requires=["leaf>=2"])
    for version in ("1.0", "2.0", "3.0"):
        world.publish("leaf", version)
    world.publish("speed", "1.0")
    _platforms(world)
    _choices(world)
    _cooldown(world)
    _sdists(world)
    world.publish("stranger", "1.0")  # nobody mirrors it
    return world


def _platforms(world: World) -> None:
    world.publish("windows-only", "1.0", wheels=["py3-none-win_amd64"])
    world.publish("backport", "1.0", requires_python="<3.8")
    world.publish("unwanted", "1.0")
    abis = [f"cp3{MINOR + more}-cp3{MINOR + more}" for more in (0, 1)]
    here = f"manylinux_2_17_{_MACHINE}"
    tags = [f"{abi}-{platform}" for abi in abis for platform in (here, "win_amd64")]
    world.publish("native", "1.0", wheels=[*tags, f"{abis[0]}-macosx_11_0_arm64"])
    world.publish("native", "2.0", wheels=[f"{abi}-win_amd64" for abi in abis])


def _choices(world: World) -> None:
    world.publish("withdrawn", "0.9")
    world.publish("withdrawn", "1.0")
    world.yank("withdrawn", "0.9", reason="deletes too much")
    world.publish("careful", "1.0", requires=["withdrawn==0.9"])
    world.publish("beta", "1.0")
    world.publish("beta", "2.0rc1")
    world.publish("early", "1.0", requires=["beta>=2.0rc1"])
    for version in ("1.0", "1.1", "1.2"):
        world.publish("pinned", version)
    world.publish("young", "1.0")
    world.publish("young", "2.0", requires_python=">=3.99")


def _cooldown(world: World) -> None:
    for month, version in ((1, "1.0"), (6, "2.0"), (11, "3.0")):
        world.publish(
            "aged", version, requires=["ages"], uploaded=f"2025-{month:02}-10T12:00:00.000000Z"
        )
    for month, version in ((1, "0.1"), (5, "0.2"), (12, "0.3")):
        world.publish("ages", version, uploaded=f"2025-{month:02}-20T12:00:00.123456Z")


def _sdists(world: World) -> None:
    world.publish_setuptools_like()
    world.publish("legacy", "1.0", requires=["leaf"], wheels=(), sdist=True)
    world.publish("build-helper", "1.0")
    world.publish("builder", "1.0", requires=["build-helper"])
    world.publish(
        "modern", "1.0", requires=["leaf"], wheels=(), sdist=True, build_requires=["builder>=1"]
    )


def configuration(endpoint: str, database: str | None = None) -> dict[str, Any]:
    """The keys of the team's configuration."""
    return {
        "endpoint": endpoint,
        "database": database,
        "environment": dict(ENVIRONMENT),
        "packages": dict(PACKAGES),
        "wheels": "targets",
        "sdists": "fallback",
    }
