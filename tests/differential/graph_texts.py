"""Versions, markers and extras of drawn graphs."""

FINALS = ["0.9", "1.0", "1.1", "1.2.3", "2.0", "2.1", "3.0", "10.0"]
PRERELEASES = [
    "1.0.dev1",
    "2.0a1",
    "2.0rc1",
    "3.0.dev1",
    "2.1b1",
    "4.0a1",
    "2.0.post1.dev3",
    "11.0rc2",
]
POSTS = ["1.0.post1", "2.0.post1", "1!0.5", "2.1.1"]
LOCALS = ["2.0+cu1", "1.0+a.2", "2.1+cpu"]
PYTHONS = [">=3.12", "<3.11", ">=3.8", ">=3.8,<3.11", "!=3.11.*", ">=3.11.99", "~=3.10"]
OTHER_WHEELS = [
    "py311-none-any",
    "cp311-cp311-manylinux_2_17_x86_64",
    "2-py3-none-any",
    "py2-none-any",
    "cp311-cp311-win_amd64",
    "py312-none-any",
]
ENVIRONMENTS = [
    'python_version >= "3.8"',
    'python_version < "3.8"',
    'sys_platform == "linux"',
    'os_name == "nt"',
    'python_full_version < "3.12"',
    '"3.11" == python_version',
    'python_version in "3.10 3.11"',
    'platform_machine not in "arm64 aarch64"',
    'implementation_name == "cpython"',
    'platform_python_implementation != "PyPy"',
    'python_version > "3.9" or os_name == "nt"',
    '(python_version < "3" or sys_platform != "win32")',
]
ODD = [  # what pip and uv read differently, or what stops one of them
    'python_version == "3.11rc1"',
    'python_version != "3.11rc1"',
    'python_version == "3.x"',
    'python_version in "3.x"',
    'python_version === "3.11"',
    'os_name ~= "1"',
    '"x" in extra',
    'extra > "a"',
    'sys_platform > "a" or python_version == "3.11rc1"',
]
EXTRAS = ["x", "y-y", "all"]
SPELLINGS = {"x": ["x", "X"], "y-y": ["y-y", "Y_y", "y.y", "y--y"], "all": ["all", "ALL"]}
OF_EXTRAS = [
    'extra == "{0}"',
    '"{0}" == extra',
    'extra == "{0}" and python_version >= "3.8"',
    '(extra == "{0}" or extra == "{1}")',
    'extra != "{0}"',
    'extra == "{0}" and extra == "{1}"',
    'python_version < "3" or extra == "{0}"',
    'extra == "{0}" and (os_name == "posix" or extra == "{1}")',
    'extra == "{0}" and sys_platform == "win32"',
    'extra != "{0}" and extra != "{1}"',
]
