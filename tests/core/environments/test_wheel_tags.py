"""The targets that a wheel's tags admit, by hand and against packaging."""

import string
from itertools import product

import pytest
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms, parse_tag
from packaging.version import Version

from pypisync.core.environments.targets import python_mask
from pypisync.core.environments.wheel_tags import tag_mask, usable_mask
from pypisync.core.standards.filenames import parse
from pypisync.core.standards.model import Target, Targets
from tests.core.environments.named import named


def targets(*given: tuple[str, dict[str, str]]) -> Targets:
    letters = string.ascii_uppercase
    each = tuple(Target(letters[i], minor, values) for i, (minor, values) in enumerate(given))
    return Targets(each, (1,))


CPYTHON = {"implementation_name": "cpython"}
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", **CPYTHON}
WINDOWS = {"sys_platform": "win32", "platform_machine": "AMD64"}
MACOS = {"sys_platform": "darwin", "platform_machine": "arm64", **CPYTHON}
GOLDEN = targets(
    ("3.11", {}),
    ("3.13", LINUX),
    ("3.12", {"platform_system": "Linux", "platform_machine": "aarch64"}),
    ("3.9", {**WINDOWS, "platform_python_implementation": "CPython"}),
    ("3.12", MACOS),
    ("2.7", {**LINUX, "sys_platform": "linux2"}),
    ("3.10", {**LINUX, "implementation_name": "pypy"}),
    ("3.7", {"os_name": "nt"}),
)

# What follows name and version, and the targets above that can install it, by letter.
TABLE = {
    "-py3-none-any.whl": "ABCDEGH",
    "-py2.py3-none-any.whl": "ABCDEFGH",
    "-py2-none-any.whl": "F",
    "-py27-none-any.whl": "F",
    "-py30-none-any.whl": "ABCDEGH",
    "-py38-none-any.whl": "ABCDEG",
    "-py310-none-any.whl": "ABCEG",
    "-py311-none-any.whl": "ABCE",
    "-py312-none-any.whl": "BCE",
    "-py27.py311-none-any.whl": "ABCEF",
    "-cp311-none-any.whl": "A",
    "-cp39-none-any.whl": "D",
    "-cp38.cp39.cp310-none-any.whl": "D",
    "-cp27-none-any.whl": "F",
    "-pp310-none-any.whl": "",
    "-pp3-none-any.whl": "ACGH",
    "-cp3-none-any.whl": "",
    "-py3-abi3-any.whl": "",
    "-cp311-cp311-any.whl": "",
    "-jy27-none-any.whl": "",
    "-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "A",
    "-cp313-cp313-manylinux_2_28_x86_64.whl": "B",
    "-cp313-cp313-linux_x86_64.whl": "B",
    "-cp313-cp313-musllinux_1_2_x86_64.whl": "B",
    "-cp313-cp313-manylinux_2_17_i686.manylinux2014_i686.whl": "",
    "-cp313-cp313t-manylinux_2_28_x86_64.whl": "",
    "-cp313-cp313d-manylinux_2_28_x86_64.whl": "",
    "-cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64.whl": "C",
    "-cp312-cp312-musllinux_1_2_aarch64.whl": "C",
    "-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "",
    "-cp312-cp312-manylinux_2_17_s390x.whl": "",
    "-cp312-cp312-macosx_11_0_arm64.whl": "E",
    "-cp312-cp312-macosx_10_13_x86_64.whl": "",
    "-cp312-cp312-macosx_10_13_universal2.whl": "E",
    "-cp312-none-macosx_11_0_arm64.whl": "E",
    "-cp311-none-macosx_11_0_arm64.whl": "A",
    "-py3-none-macosx_10_9_intel.whl": "A",
    "-cp39-cp39-win_amd64.whl": "D",
    "-cp39-cp39-win32.whl": "",
    "-cp39-cp39-win_arm64.whl": "",
    "-1-cp39-cp39-win_amd64.whl": "D",
    "-202b.1_x-cp38.cp39-cp38.cp39-win_amd64.whl": "D",
    "-cp37-cp37m-win_amd64.whl": "H",
    "-cp37-cp37m-win32.whl": "H",
    "-cp37-cp37-win_amd64.whl": "",
    "-cp37-cp37m-manylinux1_x86_64.whl": "",
    "-cp27-cp27mu-manylinux1_x86_64.whl": "F",
    "-cp27-cp27m-manylinux1_x86_64.whl": "F",
    "-cp27-cp27m-win_amd64.whl": "",
    "-cp27-abi3-manylinux1_x86_64.whl": "",
    "-cp36-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "AB",
    "-cp312-abi3-manylinux_2_17_x86_64.whl": "B",
    "-cp39-abi3-win_amd64.whl": "AD",
    "-cp37-abi3-win_amd64.whl": "ADH",
    "-cp38-abi3-macosx_10_12_x86_64.macosx_11_0_arm64.macosx_10_12_universal2.whl": "AE",
    "-cp315-abi3t-manylinux_2_28_x86_64.whl": "",
    "-cp311-abi3t-manylinux_2_28_x86_64.whl": "",
    "-pp310-pypy310_pp73-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "G",
    "-pp310-pypy310_pp99-manylinux_2_17_x86_64.whl": "G",
    "-pp310-pypy39_pp73-manylinux_2_17_x86_64.whl": "",
    "-pp310-none-manylinux_2_17_x86_64.whl": "G",
    "-pp39-pypy39_pp73-manylinux_2_17_x86_64.whl": "",
    "-pp311-pypy311_pp73-win_amd64.whl": "A",
    "-pp37-pypy_73-win32.whl": "H",
    "-graalpy311-graalpy242_311_native-manylinux_2_28_x86_64.whl": "A",
    "-py3-none-manylinux1_x86_64.whl": "ABG",
    "-py2.py3-none-manylinux1_x86_64.whl": "ABFG",
    "-py3-none-win_amd64.whl": "ADH",
    "-py3-none-win32.win_amd64.whl": "ADH",
    "-py3-none-macosx_11_0_arm64.whl": "AE",
    "-py3-none-linux_armv7l.whl": "A",
    "-cp311-cp311-win_arm64.whl": "A",
    "-cp313-cp313-android_21_arm64_v8a.whl": "",
    "-cp311-cp311-android_21_arm64_v8a.whl": "A",
    "-cp311-cp311-ios_13_0_arm64_iphoneos.whl": "A",
    "-cp312-cp312-pyodide_2024_0_wasm32.whl": "",
    "-cp311-cp311-emscripten_3_1_45_wasm32.whl": "A",
    "-cp311-cp311-freebsd_14_0_release_amd64.whl": "A",
    "-cp39-cp39-freebsd_14_0_release_amd64.whl": "",
    ".tar.gz": "ABCDEFGH",
    ".zip": "ABCDEFGH",
}


def letters(given: Targets, mask: int) -> str:
    return "".join(named(given, mask))


def whl(tags: str) -> frozenset[Tag]:
    return parse_tag(tags)


@pytest.mark.parametrize("remainder", TABLE)
def test_golden(remainder: str) -> None:
    parsed = parse("some-project", f"some_project-1.0{remainder}")
    assert parsed.remainder == remainder
    assert parsed.version == Version("1.0")
    assert parsed.kind == ("wheel" if remainder.endswith(".whl") else "sdist")
    tags = parsed.tags if parsed.kind == "wheel" else None
    assert letters(GOLDEN, usable_mask(tags, GOLDEN)) == TABLE[remainder]


OTHERS = targets(
    ("3.13", {"sys_platform": "android", "platform_machine": "aarch64"}),
    ("3.13", {"sys_platform": "ios", "platform_machine": "iPhone14,2"}),
    ("3.13", {"platform_system": "Emscripten"}),
    ("3.13", {"sys_platform": "freebsd14", "platform_machine": "amd64"}),
    ("3.13", {"platform_machine": "arm64"}),
    ("3.13", {"platform_machine": "armv8l", "os_name": "posix"}),
    ("3.13", {"sys_platform": "win32", "platform_machine": "x86"}),
    ("3.13", {"sys_platform": "darwin", "platform_machine": "x86_64"}),
    ("3.13", {"sys_platform": "aix"}),
    ("3.13", {"implementation_name": "graalpy", "sys_platform": "linux"}),
    ("3.13", {"platform_python_implementation": "CPython", "platform_machine": "x86_64"}),
)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("cp313-cp313-android_21_arm64_v8a", "A"),
        ("cp313-cp313-android_21_x86_64", "K"),
        ("cp313-cp313-ios_13_0_arm64_iphoneos", "BEFK"),
        ("cp313-cp313-pyodide_2025_0_wasm32", "C"),
        ("cp313-cp313-freebsd_14_1_release_amd64", "DEFK"),
        ("cp313-cp313-openbsd_7_5_amd64", "EFK"),
        ("cp313-cp313-macosx_11_0_arm64", "E"),
        ("cp313-cp313-macosx_10_9_universal2", "EHK"),
        ("cp313-cp313-macosx_10_9_x86_64", "HK"),
        ("cp313-cp313-macosx_10_9_fat", ""),
        ("cp313-cp313-win_arm64", "E"),
        ("cp313-cp313-win32", "G"),
        ("cp313-cp313-win_amd64", ""),
        ("cp313-cp313-manylinux_2_31_armv7l", "F"),
        ("cp313-cp313-aix_7204_64", "EFIK"),
        ("graalpy313-graalpy250_313_native-manylinux_2_28_x86_64", "J"),
        ("py3-none-any", "ABCDEFGHIJK"),
        ("cp313-none-any", "ABCDEFGHIK"),
    ],
)
def test_other_platforms(tags: str, expected: str) -> None:
    assert letters(OTHERS, tag_mask(OTHERS, whl(tags))) == expected


def linux(machine: str) -> list[str]:
    floors = [f"manylinux_2_{minor}_{machine}" for minor in range(5, 41)]
    legacy = [f"manylinux{year}_{machine}" for year in ("1", "2010", "2014")]
    return [
        *floors,
        *legacy,
        *(f"musllinux_1_{minor}_{machine}" for minor in range(3)),
        f"linux_{machine}",
    ]


ORACLES = [
    ((3, 13), ["cp313"], LINUX, linux("x86_64")),
    ((3, 8), ["cp38"], {**LINUX, "platform_machine": "aarch64"}, linux("aarch64")),
    ((3, 7), ["cp37m"], {**WINDOWS, **CPYTHON}, ["win_amd64"]),
    ((3, 10), ["cp310"], {**WINDOWS, **CPYTHON, "platform_machine": "x86"}, ["win32"]),
    ((2, 7), ["cp27mu", "cp27m"], LINUX, linux("x86_64")),
    ((3, 12), ["cp312"], MACOS, [*mac_platforms((26, 0), "arm64")]),
    (
        (3, 12),
        ["cp312"],
        {**MACOS, "platform_machine": "x86_64"},
        [*mac_platforms((26, 0), "x86_64")],
    ),
]
CP = "27 3 30 31 32 36 37 38 39 310 312 313 314"
PY = "2 20 27 28 3 30 37 310 313 314"
INTERPRETERS = [
    *(f"cp{version}" for version in CP.split()),
    *(f"py{version}" for version in PY.split()),
    *("pp3", "pp313", "jy27", "ip3"),
]
ABIS = [
    "none",
    "abi3",
    "abi3t",
    "cp27m",
    "cp27mu",
    "cp37m",
    "cp37",
    "cp38",
    "cp310",
    "cp312",
    "cp313",
    "cp313t",
    "pypy313_pp73",
]
PLATFORM_TAGS = [
    "any",
    "manylinux1_x86_64",
    "manylinux2014_aarch64",
    "manylinux_2_28_x86_64",
    "musllinux_1_1_x86_64",
    "linux_x86_64",
    "linux_aarch64",
    "manylinux_2_17_i686",
    "win32",
    "win_amd64",
    "win_arm64",
    "macosx_10_9_x86_64",
    "macosx_11_0_arm64",
    "macosx_10_9_universal2",
    "macosx_10_6_intel",
    "macosx_10_6_i386",
    "android_21_x86_64",
    "ios_13_0_x86_64_iphonesimulator",
    "freebsd_14_0_release_amd64",
]


def test_concrete_targets_against_packaging() -> None:
    concrete = targets(*((f"{v[0]}.{v[1]}", values) for v, _, values, _ in ORACLES))
    supported = [
        {*cpython_tags(v, abis, platforms), *compatible_tags(v, f"cp{v[0]}{v[1]}", platforms)}
        for v, abis, _, platforms in ORACLES
    ]
    usable = 0
    for parts in product(INTERPRETERS, ABIS, PLATFORM_TAGS):
        tag = Tag(*parts)
        expected = sum(1 << i for i, tags in enumerate(supported) if tag in tags)
        assert tag_mask(concrete, frozenset([tag])) == expected, tag
        usable += expected.bit_count()
    assert usable > 200


def test_requires_python_and_tags_both_count() -> None:
    wheel, sdist = whl("py3-none-any"), None
    texts = [(wheel, ">=3.10"), (wheel, "<3"), (sdist, "<3.8"), (sdist, "")]
    found = [
        letters(GOLDEN, usable_mask(tags, GOLDEN) & python_mask(GOLDEN, text))
        for tags, text in texts
    ]
    assert found == ["ABCEG", "", "FH", "ABCDEFGH"]


def test_old_abis_and_the_tags_of_pypy() -> None:
    """Up to 3.7 an ABI names pymalloc, up to 3.2 also the width of Unicode."""
    pythons = [(minor, {**LINUX}) for minor in ("3.8", "3.7", "3.3", "3.2", "2.7")]
    old = targets(*pythons, ("3.10", {**LINUX, "implementation_name": "pypy"}))
    table = {
        "cp38-cp38": "A", "cp38-cp38m": "", "cp37-cp37m": "B", "cp37-cp37": "", "cp33-cp33m": "C",
        "cp33-cp33mu": "", "cp32-cp32m": "D", "cp32-cp32mu": "D", "cp32-cp32": "",
        "cp27-cp27mu": "E", "cp27-cp27m": "E",
    }  # fmt: skip
    for tag, expected in table.items():
        mask = tag_mask(old, parse_tag(f"{tag}-manylinux1_x86_64"))
        assert letters(old, mask) == expected, tag
    assert letters(old, tag_mask(old, parse_tag("pp3-none-any"))) == "F"
    assert letters(old, tag_mask(old, parse_tag("cp37-none-any"))) == "B"
