"""Draws of wheels and markers for other platforms and Pythons, which uv resolves for them all."""

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.differential.cases import Ask, Case, Elsewhere, root
from tests.differential.wheels import Release

_PLATFORMS = {  # by preset, as uv calls them
    "windows-amd64": "x86_64-pc-windows-msvc",
    "macos-arm64": "aarch64-apple-darwin",
    "macos-x86_64": "x86_64-apple-darwin",
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
}
_PYTHONS = {"3.9": "3.9.23", "3.11": "3.11.13", "3.13": "3.13.7"}  # as the proofs take them
ENVIRONMENT = {
    "python_version": [*_PYTHONS],
    "implementation_name": ["cpython"],
    "sys_platform": ["win32", "darwin", "linux"],
    "platform_machine": ["AMD64", "arm64", "x86_64", "aarch64"],
}
"""What the mirror of these draws is for."""

_TAGS = (
    "win_amd64",
    "win32",
    "win_arm64",
    "macosx_10_9_universal2",
    "macosx_11_0_arm64",
    "macosx_10_9_x86_64",
    "macosx_12_0_universal2",
    "macosx_13_0_arm64",
    "macosx_14_0_arm64",
    "macosx_15_0_arm64",
    "macosx_10_6_intel",
    "macosx_10_15_x86_64",
    "manylinux1_x86_64",
    "manylinux2010_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_31_x86_64",
    "manylinux2014_aarch64",
    "manylinux_2_28_aarch64",
    "musllinux_1_2_x86_64",
    "linux_x86_64",
    "any",
    "manylinux_2_5_x86_64.manylinux1_x86_64",
    "macosx_10_9_x86_64.macosx_11_0_arm64",
)
_INTERPRETERS = (
    "cp39-cp39",
    "cp311-cp311",
    "cp313-cp313",
    "cp39-abi3",
    "cp311-abi3",
    "cp37-abi3",
    "cp314-abi3",
    "py3-none",
    "py2.py3-none",
    "cp313-cp313t",
    "py311-none",
    "cp311-none",
    "cp36.cp37.cp39.cp311.cp313-abi3",
    "pp311-pypy311_pp73",
    "py313-none",
    "cp2-none",
    "cp3-none",
    "cp38.cp39-none",
)
_MARKERS = (
    'sys_platform == "win32"',
    'platform_system == "Windows"',
    'os_name in "nt posix"',
    'platform_machine == "x86_64"',
    'platform_machine == "AMD64"',
    'platform_machine == "arm64" or platform_machine == "aarch64"',
    'sys_platform not in "win32 cygwin"',
    'python_version < "3.11"',
    'python_full_version >= "3.11.1"',
    'platform_system != "Darwin"',
    'implementation_version >= "3.11"',
    'platform_python_implementation == "CPython" and python_version ~= "3.9"',
    '"linux" in sys_platform',
    'python_version >= "3.10"',
    'python_version not in "3.9, 3.10"',
)
_INSIDE = (None, None, None, ">=3.10", "<3.13", ">=3.9,<4")


def drawn(number: int, seed: int) -> Case:
    """Returns draw ``number`` of a seed; the same every time."""
    draw = random.Random(f"machine {seed} {number}")
    prefix = f"c{number}"
    names = [f"{prefix}-{letter}" for letter in "abc"]
    releases = []
    for i, name in enumerate(names):
        for version in draw.sample(("1.0", "2.0", "3.0"), draw.choice((1, 2, 3))):
            needs = tuple(_need(draw, one) for one in names[i + 1 :] if draw.random() < 0.6)
            releases += list(_wheels(draw, Release(name, version, needs)))
    told = tuple(f"{one.called} needs {one.requires} Python {one.inside}" for one in releases)
    return Case(prefix, tuple(releases), told, tuple(_asks(draw, names)), dry=True)


def _need(draw: random.Random, name: str) -> str:
    line = name + draw.choice(("", "<3", ">=2", "!=2.0"))
    if draw.random() < 0.4:
        return line
    line = f"{line}; {draw.choice(_MARKERS)}"
    if draw.random() < 0.3:
        line += draw.choice((" and ", " or ")) + draw.choice(_MARKERS)
    return line


def _wheels(draw: random.Random, release: Release) -> Iterator[Release]:
    tags = ["py3-none-any"]
    if draw.random() < 0.7:
        tags = [
            f"{draw.choice(_INTERPRETERS)}-{draw.choice(_TAGS)}"
            for _ in range(draw.choice((1, 2, 3)))
        ]
    inside = draw.choice(_INSIDE)
    for tag in dict.fromkeys(tags):
        entry = (("yanked", True),) if draw.random() < 0.05 else ()
        filename = f"{release.stem}-{tag}.whl"
        yield replace(release, inside=inside, filename=filename, entry=entry)


def _asks(draw: random.Random, names: list[str]) -> Iterator[Ask]:
    """Yields roots and a group, each on some machines."""
    lines = tuple(_need(draw, one) for one in draw.sample(names, draw.choice((1, 2, 3))))
    bounds = tuple(_need(draw, one) for one in draw.sample(names, draw.choice((0, 1, 2))))
    prefix = names[0].partition("-")[0]
    group = Ask(f"group {prefix}g.txt", lines, constraints=bounds)
    for ask in (root(names[0]), root(names[1]), group):
        for platform in draw.sample([*_PLATFORMS], 2):
            minor = draw.choice([*_PYTHONS])
            options = (
                "--python-version", _PYTHONS[minor], "--python-platform", _PLATFORMS[platform],
                "--only-binary", ":all:",
            )  # fmt: skip
            settings = (("MACOSX_DEPLOYMENT_TARGET", "14.0"),)
            yield replace(ask, elsewhere=Elsewhere(f"{minor} {platform}", options, settings))
