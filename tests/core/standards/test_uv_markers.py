"""uv's reading of markers, as real uv showed it (tests.differential compares both)."""

import pytest
from packaging.markers import Marker

from pypisync.core.standards.uv_markers import read_by_uv

LINUX = {
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "implementation_version": "3.11.7",
    "sys_platform": "linux",
    "os_name": "posix",
}


@pytest.mark.parametrize(
    "marker",
    [
        "python_version >= '3.8'",
        "python_version == '3.*' and sys_platform != 'win32'",
        "os_name == 'nt' or extra == 'fast'",
        "'linux' in sys_platform",
        "sys_platform >= 'linux'",
        "platform_release == '5.0'",
    ],
)
def test_most_markers_mean_the_same(marker: str) -> None:
    assert read_by_uv(marker) == marker


@pytest.mark.parametrize(
    ("marker", "read"),
    [
        ("python_version >= '3.x'", ""),
        ("python_version >= '3.x' and os_name == 'nt'", "os_name == 'nt'"),
        ("os_name == 'nt' or python_version >= '3.x'", "os_name == 'nt'"),
        ("(os_name ~= 'p' or 'a' == 'b') and sys_platform == os_name", ""),
        ("extra < 'x'", ""),
        ("platform_version < '5'", ""),
        ("platform_release != '5'", ""),
        ("'3' in python_version", ""),
        ("'3.*' == python_version", ""),
        (f"python_version < '{'9' * 5_000}'", ""),
        (f"python_version in '3.8 {'9' * 5_000}'", ""),
        ("python_version in '3.10, 3.11'", ""),
        ("python_version in '3.10 3.11'", "python_version == '3.10' or python_version == '3.11'"),
        ("python_version not in '3.1|3'", "python_version != '3.1' and python_version != '3'"),
        ("python_version > '3.11rc1'", "python_version > '3.11'"),
        ("'3.12' ~= python_version", "python_version ~= '3.12'"),
        ("'3.8' <= python_version", "python_version >= '3.8'"),
    ],
)  # fmt: skip
def test_what_means_something_else_to_uv(marker: str, read: str) -> None:
    assert read_by_uv(marker) == read


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("extra == 'no name'", False),
        ("extra != 'no name'", False),
        ("'x' in extras", False),
        ("'x' not in extras", True),
        ("'no name' not in dependency_groups", False),
        ("python_version in ''", False),
        ("python_version not in ''", True),
        ("(extra == 'no name' or os_name == 'posix') and sys_platform == 'linux'", True),
    ],
)
def test_what_uv_decides(marker: str, holds: bool) -> None:
    read = read_by_uv(marker)
    assert read
    assert Marker(read).evaluate({**LINUX, "extra": ""}) is holds


@pytest.mark.parametrize(
    "marker", ["os_name === 'posix'", "extras == 'x'", "'x' == extras", "dependency_groups in 'x'"]
)
def test_what_uv_cannot_read(marker: str) -> None:
    assert read_by_uv(f"os_name == 'nt' and {marker}") is None
