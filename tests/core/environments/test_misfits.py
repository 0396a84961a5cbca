"""Why a machine can use none of some files, in words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import parse_tag

from pypisync.core.environments.misfits import TaggedFile, why_unusable
from pypisync.core.environments.proof_targets import named
from tests.deep import scaled

LINUX = "3.11 linux-x86_64"  # glibc 2.28


def wheels(*tags: str) -> list[TaggedFile]:
    return [TaggedFile(parse_tag(tag)) for tag in tags]


@pytest.mark.parametrize(
    ("target", "tags", "said"),
    [
        (
            LINUX,
            [
                "cp311-abi3-manylinux_2_34_x86_64",
                "cp311-abi3-manylinux_2_35_x86_64",
                "cp311-abi3-manylinux_2_34_aarch64",
                "cp311-abi3-musllinux_1_2_x86_64",
                "cp311-abi3-macosx_10_9_universal2",
                "cp311-abi3-win_amd64",
                "cp314-cp314t-manylinux_2_34_x86_64",
            ],
            "its wheels need glibc 2.34, the target has 2.28",
        ),
        (
            "3.11 manylinux_2_12_x86_64",
            ["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"],
            "its wheels need glibc 2.17, the target has 2.12",
        ),
        (
            LINUX,
            ["cp310-cp310-manylinux_2_17_x86_64", "cp39-cp39-manylinux_2_17_x86_64"],
            "its wheels are for CPython 3.9, CPython 3.10, the target has CPython 3.11",
        ),
        (
            LINUX,
            ["cp312-abi3-manylinux_2_17_x86_64"],
            "its wheels are for CPython 3.12 or newer, the target has CPython 3.11",
        ),
        (
            LINUX,
            [f"cp{minor}-cp{minor}-manylinux_2_17_x86_64" for minor in (310, 36, 39, 37)],
            (
                "its wheels are for CPython 3.6, CPython 3.7, CPython 3.9 and 1 more, the target"
                " has CPython 3.11"
            ),
        ),
        (
            LINUX,
            [f"cp{minor}-cp{minor}-manylinux_2_17_x86_64" for minor in (310, 39, 37)],
            (
                "its wheels are for CPython 3.7, CPython 3.9, CPython 3.10, the target has"
                " CPython 3.11"
            ),
        ),
        (LINUX, ["jy27-none-any"], "its wheels are for jy 2.7, the target has CPython 3.11"),
        (LINUX, ["foo-none-any"], "its wheels are for foo, the target has CPython 3.11"),
        (LINUX, ["cp3-none-any"], "its wheels are for CPython 3, the target has CPython 3.11"),
        (
            "2.7 linux-x86_64",
            ["cp27-cp27m-manylinux1_x86_64", "cp27-cp27m-manylinux1_i686"],
            "its wheels need the ABI cp27m, the target has cp27mu",
        ),
        (
            LINUX,
            ["cp311-cp311d-manylinux_2_17_x86_64"],
            "its wheels need the ABI cp311d, the target has abi3, cp311",
        ),
        (
            LINUX,
            ["cp311-cp311-any"],
            "its wheels have the tag cp311-cp311-any, the target does not accept it",
        ),
        (
            "3.11 macos-arm64",
            ["cp311-cp311-macosx_10_9_intel"],
            "its wheels are for intel, the target has arm64",
        ),
        (LINUX, ["py2-none-any"], "its wheels are for Python 2, the target has CPython 3.11"),
        (
            LINUX,
            ["pp311-pypy311_pp73-manylinux_2_17_x86_64"],
            "its wheels are for PyPy 3.11, the target has CPython 3.11",
        ),
        (
            "3.13t linux-x86_64",
            ["cp313-cp313-manylinux_2_17_x86_64"],
            "its wheels are for CPython 3.13, the target has CPython 3.13 (free-threaded)",
        ),
        (
            "3.13 linux-x86_64",
            ["cp313-cp313t-manylinux_2_17_x86_64"],
            "its wheels are for CPython 3.13 (free-threaded), the target has CPython 3.13",
        ),
        (
            LINUX,
            ["py3-none-win_amd64", "py3-none-win32", "py3-none-macosx_11_0_arm64"],
            "its wheels are for Windows, macOS, the target is Linux",
        ),
        (
            "3.11 windows-amd64",
            ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win32"],
            "its wheels are for x86, the target has amd64",
        ),
        (
            LINUX,
            ["cp311-cp311-manylinux_2_17_aarch64", "cp311-cp311-manylinux_2_34_s390x"],
            "its wheels are for aarch64, the target has x86_64",
        ),
        (
            "3.11 musl-x86_64",
            ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win_amd64"],
            "its wheels need glibc, the target has musl",
        ),
        (
            LINUX,
            ["cp311-cp311-musllinux_1_2_x86_64"],
            "its wheels need musl, the target has glibc",
        ),
        (
            "3.11 macos-arm64",
            ["cp311-cp311-macosx_15_0_universal2", "cp311-cp311-macosx_10_9_x86_64"],
            "its wheels need macOS 15.0, the target has 14.0",
        ),
        (
            "3.11 macos-x86_64",
            ["cp311-cp311-macosx_11_0_arm64"],
            "its wheels are for arm64, the target has x86_64",
        ),
        (
            LINUX,
            ["cp310-cp310-manylinux_2_34_x86_64"],
            (
                "its wheels need glibc 2.34, the target has 2.28 and"
                " are for CPython 3.10, the target has CPython 3.11"
            ),
        ),
        (
            LINUX,
            ["py3-none-freebsd_14_amd64"],
            "its wheels are for freebsd_14_amd64, the target is Linux",
        ),
        (LINUX, ["py3-none-any", "cp310-cp310-win_amd64"], ""),
        (LINUX, [], ""),
    ],
)
def test_the_nearest_wheels_are_told_of(target: str, tags: list[str], said: str) -> None:
    assert why_unusable(wheels(*tags), named(target)) == said


def test_what_the_metadata_and_the_configuration_say() -> None:
    here = named(LINUX)
    anywhere = parse_tag("py3-none-any")
    newer = TaggedFile(anywhere, (None, ">=3.12"))
    python = "need Python >=3.12, the target has 3.11.13"
    assert why_unusable([newer], here) == f"its wheels {python}"
    sdist = TaggedFile(None, (">=3.12",))
    assert why_unusable([sdist], here) == f"it has no wheel, and its sdists {python}"
    left_out = TaggedFile(None, (), 'sdists: "never"')
    assert why_unusable([left_out], here) == (
        'it has no wheel, and its sdists are left out by sdists: "never"'
    )
    assert why_unusable([*wheels("py3-none-win32"), left_out], here) == (
        "its wheels are for Windows, the target is Linux;"
        ' its sdists are left out by sdists: "never"'
    )
    barred = TaggedFile(anywhere, (), "the policy (too young)")
    assert why_unusable([barred], here) == "its wheels are left out by the policy (too young)"


@given(
    st.lists(
        st.builds(
            "{}-{}-{}".format,
            st.sampled_from(
                ("cp311", "cp27", "py3", "py2.py3", "pp311", "cp3", "py", "jy27", "cp312", "x_1")
            ),
            st.sampled_from(("none", "abi3", "cp311", "cp311t", "pypy311_pp73", "cp27mu", "t")),
            st.sampled_from(
                (
                    *("any", "linux", "linux_x86_64", "manylinux1_i686", "manylinux2014_x86_64"),
                    *("manylinux_2_28_x86_64", "manylinux_2_99_aarch64", "musllinux_1_1_x86_64"),
                    *("macosx", "macosx_11_arm64", "macosx_11_0_universal2", "macosx_10_6_intel"),
                    *("win", "win32", "win_amd64", "windows_x", "freebsd_14", "ios_13_0_arm64"),
                    *("manylinux_2_x86_64", "_", "macosx_10_9_x86_64.manylinux_2_5_x86_64"),
                )
            ),
        ),
        max_size=4,
    ),
    st.sampled_from((LINUX, "2.7 linux-x86_64", "3.13t win_amd64", "3.12 macos-x86_64")),
)
@settings(max_examples=scaled(300))
def test_a_reason_is_given_exactly_when_no_file_fits(tags: list[str], name: str) -> None:
    target = named(name)
    fits = any(tag in target.tags for text in tags for tag in parse_tag(text))
    reason = why_unusable(wheels(*tags), target)
    assert (reason == "") == (fits or not tags)
    assert "  " not in reason
