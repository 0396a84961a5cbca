"""Which machine a platform tag is for, one tag after the other (PEP 425, 513, 600, 656, 730)."""

import pytest
from packaging.tags import Tag

from pypisync.core.environments.marker_masks import deciding_extras, extras_of
from pypisync.core.environments.targets import targets
from pypisync.core.environments.wheel_tags import tag_mask

MACHINES = {
    "linux": "x86_64 aarch64 i386 i586 i686 armv7l armv8l ppc64le s390x riscv64",
    "darwin": "x86_64 arm64 i386 ppc ppc64",
    "win32": "AMD64 ARM64 x86",
    "android": "aarch64 x86_64 armv7l armv8l i686",
    "emscripten": "wasm32",
}
FITTING = [
    ("linux", "linux_x86_64", "x86_64"),
    ("linux", "manylinux1_x86_64", "x86_64"),
    ("linux", "manylinux2010_i686", "i386 i586 i686"),
    ("linux", "manylinux2014_aarch64", "aarch64"),
    ("linux", "manylinux_2_28_s390x", "s390x"),
    ("linux", "musllinux_1_2_armv7l", "armv7l armv8l"),
    ("linux", "manylinux_2_17_ppc64le", "ppc64le"),
    ("darwin", "macosx_11_0_arm64", "arm64"),
    ("darwin", "macosx_10_9_x86_64", "x86_64"),
    ("darwin", "macosx_10_9_universal2", "arm64 x86_64"),
    ("darwin", "macosx_10_6_universal", "i386 ppc ppc64 x86_64"),
    ("darwin", "macosx_10_6_intel", "i386 x86_64"),
    ("darwin", "macosx_10_6_fat", "i386 ppc"),
    ("darwin", "macosx_10_6_fat3", "i386 ppc x86_64"),
    ("darwin", "macosx_10_6_fat64", "ppc64 x86_64"),
    ("win32", "win_amd64", "AMD64"),
    ("win32", "win_arm64", "ARM64"),
    ("win32", "win32", "x86"),
    ("android", "android_21_arm64_v8a", "aarch64"),
    ("android", "android_21_armeabi_v7a", "armv7l armv8l"),
    ("android", "android_24_x86", "i686"),
    ("android", "android_24_x86_64", "x86_64"),
    ("emscripten", "emscripten_3_1_58_wasm32", "wasm32"),
    ("emscripten", "pyodide_2024_0_wasm32", "wasm32"),
    ("emscripten", "pyemscripten_2025_0_wasm32", "wasm32"),
]


def fits(platform: str, **bound: str) -> bool:
    """Whether a wheel of CPython 3.13 for this platform installs on such a machine."""
    environment = {"python_version": ["3.13"], **{key: [value] for key, value in bound.items()}}
    return bool(tag_mask(targets(environment), frozenset([Tag("cp313", "cp313", platform)])))


@pytest.mark.parametrize(("system", "platform", "machines"), FITTING)
def test_a_platform_tag_is_for_these_machines(system: str, platform: str, machines: str) -> None:
    every = MACHINES[system].split()
    found = [m for m in every if fits(platform, sys_platform=system, platform_machine=m)]
    assert found == [m for m in every if m in machines.split()]
    assert fits(platform, sys_platform=system)  # a machine that is left open may be one of them
    assert fits(platform)
    for other in MACHINES.keys() - {system}:
        assert not fits(platform, sys_platform=other)


@pytest.mark.parametrize("platform", ["ios_13_0_arm64_iphoneos", "ios_13_0_x86_64_iphonesimulator"])
def test_a_device_reports_its_model_where_others_have_a_machine(platform: str) -> None:
    assert fits(platform, sys_platform="ios")
    assert fits(platform, sys_platform="ios", platform_machine="iPhone13,2")
    assert not fits(platform, sys_platform="darwin")


@pytest.mark.parametrize(
    ("platform", "system", "expected"),
    [
        ("freebsd_14_0_release_amd64", "freebsd14", True),
        ("freebsd_14_0_release_amd64", "linux", False),
        ("freebsd_14_0_release_amd64", "netbsd9", False),
        ("openbsd_7_4_amd64", "openbsd7", True),
        ("sunos_5_11_i86pc", "sunos5", False),  # the tables know it, under another first word
        ("nonsense", "linux", False),
        ("manylinux_x86_64", "linux", False),
        ("musllinux_1_x86_64", "linux", False),
        ("manylinux3_x86_64", "linux", False),
        ("macosx_11_arm64", "darwin", False),
    ],
)
def test_other_tags(platform: str, system: str, expected: bool) -> None:
    assert fits(platform, sys_platform=system) is expected


@pytest.mark.parametrize(
    ("marker", "named"),
    [
        ("", set()),
        ("os_name == 'nt'", set()),
        ("extra == 'X_y'", {"x-y"}),
        ("'x' == extra", {"x"}),
        ("extra != 'x'", {"x"}),
        ("extra in 'a b'", {"a", "b"}),
        ("extra not in 'a,b;c'", {"a", "b", "c"}),
        ("'a b' in extra", {"a b"}),
        ("extra == 'a' or (os_name == 'nt' and extra == 'b')", {"a", "b"}),
        ("extra == ''", set()),
    ],
)
def test_the_extras_that_a_marker_names(marker: str, named: set[str]) -> None:
    assert extras_of(marker) == named


@pytest.mark.parametrize(
    ("marker", "deciding"),
    [
        ("extra == 'x'", {"x"}),
        ("extra == 'x' and extra == 'y'", {"x", "y"}),
        ("os_name == 'nt' and extra == 'X'", {"x"}),
        ("os_name == 'nt'", set()),
        ("extra != 'x'", None),
        ("extra in 'x y'", None),
        ("extra == 'x' or extra != 'y'", None),
    ],
)
def test_the_extras_that_decide_a_marker(marker: str, deciding: set[str] | None) -> None:
    assert deciding_extras(marker) == deciding
