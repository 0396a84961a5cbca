"""Lock files: what each format names, what is noted, what is refused."""

from collections.abc import Callable

import pytest

from pypisync.core.wanted.groups import MOST_PINS, Group, Locked, TextFile
from pypisync.core.wanted.lock_files import format_of, parse
from pypisync.core.wanted.roots import NamedFile

A, B, C = "a" * 64, "b" * 64, "c" * 64
Read = tuple[Group, list[str]]


def read(filename: str, text: str) -> Read:
    """The group and the faults of a lock file."""
    form = format_of(filename)
    assert form is not None
    group, found = parse(filename, TextFile(filename, filename, text), form)
    assert not group.resolve
    return group, [str(fault) for fault in found.faults]


UV = """version = 1
revision = 3
requires-python = ">=3.11"
resolution-markers = ["sys_platform == 'win32'", "sys_platform != 'win32'"]

[[package]]
name = "ours"
version = "0.1.0"
source = { editable = "." }
dependencies = [{ name = "numpy" }]

[[package]]
name = "numpy"
version = "2.0"
source = { registry = "https://index/simple" }
resolution-markers = ["sys_platform == 'win32'"]
sdist = { url = "https://files/packages/a/numpy-2.0.tar.gz", hash = "sha256:%A", size = 12 }
wheels = [
    { url = "https://files/p/numpy-2.0-cp311-cp311-win_amd64.whl#x", hash = "sha256:%B" },
]

[[package]]
name = "numpy"
version = "1.0"
source = { registry = "https://index/simple" }
resolution-markers = ["sys_platform != 'win32'"]
wheels = [
    { path = "wheels/numpy-1.0-py3-none-any.whl", hash = "sha256:%C" },
    { filename = "numpy-1.0-1-py3-none-any.whl" },
    { url = "https://files/numpy-1.0%2Blocal-py3-none-any.whl", hash = "sha512:00" },
]

[[package]]
name = "from-git"
version = "1.0"
source = { git = "https://h/x?rev=main#0123" }

[[package]]
name = "nowhere"
version = "1.0"

[[package]]
name = "empty"
version = "1.0"
source = { registry = "https://index/simple" }
"""


def filled(text: str) -> str:
    return text.replace("%A", A).replace("%B", B).replace("%C", C)


def test_uv_lock() -> None:
    group, faults = read("team-a/uv.lock", filled(UV))
    assert faults == []
    assert group.locked == (
        Locked(
            "numpy",
            "1.0",
            (
                NamedFile("numpy-1.0-py3-none-any.whl", C),
                NamedFile("numpy-1.0-1-py3-none-any.whl"),
                NamedFile("numpy-1.0+local-py3-none-any.whl"),
            ),
        ),
        Locked(
            "numpy",
            "2.0",
            (
                NamedFile("numpy-2.0.tar.gz", A),
                NamedFile("numpy-2.0-cp311-cp311-win_amd64.whl", B),
            ),
        ),
    )
    assert group.notes == (
        "team-a/uv.lock:6: ours is from editable, not from an index",
        "team-a/uv.lock:33: from-git is from git, not from an index",
        "team-a/uv.lock:38: nowhere is from nowhere, not from an index",
        "team-a/uv.lock:42: empty 1.0 has no files, and is left out",
    )


PYLOCK = """lock-version = "1.0"
created-by = "somebody"
environments = ["sys_platform == 'linux'"]
extras = ["x"]
default-groups = []
packages = []
[tool.x]
"""


def test_pylock_toml() -> None:
    text = filled(
        """lock-version = "1.1"
        created-by = "x"
        [[packages]]
        name = "six"
        version = "1.16"
        marker = "'dev' in dependency_groups"
        sdist = { name = "six-1.16.tar.gz", url = "https://h/x", hashes = { sha256 = "%A" } }
        [[packages.wheels]]
        url = "https://h/six-1.16-py3-none-any.whl?y"
        hashes = { sha512 = "00", sha256 = "%B" }
        [[packages]]
        name = "six"
        wheels = [{ path = "./six-1.15-py3-none-any.whl", hashes = { sha512 = "00" } }]
        [[packages]]
        name = "a"
        vcs = { type = "git", url = "https://h/a", commit-id = "0" }
        [[packages]]
        name = "b"
        directory = { path = "." }
        [[packages]]
        name = "c"
        archive = { url = "https://h/c.zip", hashes = { sha256 = "%C" } }
        """
    )
    group, faults = read("pylock.dev.toml", text)
    assert faults == []
    assert group.locked == (
        Locked("six", "1.15", (NamedFile("six-1.15-py3-none-any.whl"),)),
        Locked(
            "six",
            "1.16",
            (NamedFile("six-1.16.tar.gz", A), NamedFile("six-1.16-py3-none-any.whl", B)),
        ),
    )
    assert [note.partition(" is ")[2] for note in group.notes] == [
        *("from vcs, not from an index", "from directory, not from an index"),
        "from archive, not from an index",
    ]
    assert read("pylock.toml", PYLOCK) == (Group("pylock.toml", resolve=False), [])


def test_poetry_lock() -> None:
    text = filled(
        """
[[package]]
name = "Typing.Extensions"
version = "4.0"
optional = false
markers = "python_version < '3.12'"
groups = ["main"]
files = [
    {file = "typing_extensions-4.0-py3-none-any.whl", hash = "sha256:%A"},
    {file = "typing_extensions-4.0.tar.gz", hash = "sha256:%B"},
]

[package.source]
type = "legacy"
url = "https://h/simple"

[[package]]
name = "g"
version = "1.0"
files = []

[package.source]
type = "git"
url = "https://h/g"

[metadata]
lock-version = "2.1"
"""
    )
    group, faults = read("poetry.lock", text)
    assert faults == []
    assert group.locked == (
        Locked(
            "typing-extensions",
            "4.0",
            (
                NamedFile("typing_extensions-4.0-py3-none-any.whl", A),
                NamedFile("typing_extensions-4.0.tar.gz", B),
            ),
        ),
    )
    assert group.notes == ("poetry.lock:17: g is from git, not from an index",)


def test_files_that_no_mirror_serves_are_left_out() -> None:
    text = filled(UV).replace("numpy-2.0.tar.gz", "numpy-2.0.tar.bz2")
    group, faults = read("uv.lock", text)
    assert faults == []
    assert [file.filename for file in group.locked[1].files] == [
        "numpy-2.0-cp311-cp311-win_amd64.whl"
    ]
    assert "uv.lock:12: left out: 'numpy-2.0.tar.bz2': neither a wheel" in group.notes[1]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (
            lambda text: text.replace("version = 1\n", "version = 2\n", 1),
            ['uv.lock:1: "2": not a version of uv.lock that is understood: 1'],
        ),
        (
            lambda text: text.replace("version = 1\n", "", 1),
            ['uv.lock:1: "None": not a version of uv.lock that is understood: 1'],
        ),
        (
            lambda text: text.replace("version = 1\n", "version = true\n", 1),
            ['uv.lock:1: "True": not a version of uv.lock that is understood: 1'],
        ),
        (
            lambda text: text.replace("sdist = {", "sdist = {{"),
            ['uv.lock:17: "uv.lock": not TOML: Invalid initial character for a key part'],
        ),
        (
            lambda text: text + '[[package]]\nname = "x',
            ['uv.lock:47: "uv.lock": not TOML: '],
        ),
        (
            lambda text: text.replace('version = "1.0"', 'version = "first"').replace(A, "00"),
            [
                'uv.lock:12: "sha256:00": the SHA-256 of numpy-2.0.tar.gz is 64 hexadecimal digits',
                'uv.lock:22: "first": the version of numpy is to be one by PEP 440',
                'uv.lock:42: "first": the version of empty is to be one by PEP 440',
            ],
        ),
        (
            lambda text: text.replace('name = "numpy"', "name = 3").replace(
                'name = "empty"', 'name = "../x"'
            ),
            [
                'uv.lock:12: "3": ',
                'uv.lock:22: "3": ',
                'uv.lock:42: "../x": a package\'s name is letters and digits, with . _ - between',
            ],
        ),
        (
            lambda _: "version = 1\npackage = 3",
            ['uv.lock:1: "package": is to be a list of packages'],
        ),
        (
            lambda _: "version = 1\npackage = [3, {}]",
            ['uv.lock:1: "3": a package is to be a table', 'uv.lock:1: "None": '],
        ),
        (
            lambda _: "version = 1\nx = " + "[" * 100_000,
            ['uv.lock:1: "uv.lock": '],
        ),
        (lambda _: "version = " + "1" * 5000, ['uv.lock:1: "uv.lock": ']),
    ],
)
def test_faults(change: Callable[[str], str], faults: list[str]) -> None:
    _, found = read("uv.lock", change(filled(UV)))
    assert len(found) == len(faults)
    for line, start in zip(found, faults, strict=True):
        assert line.startswith(start)


def test_other_versions_of_other_formats() -> None:
    assert read("pylock.toml", PYLOCK.replace('"1.0"', '"2.0"'))[1] == [
        'pylock.toml:1: "2.0": not a version of pylock.toml that is understood: 1.0'
    ]
    assert read("pylock.toml", PYLOCK.replace('"1.0"', "1"))[1]
    assert read("poetry.lock", '[metadata]\nlock-version = "1.1"')[1] == [
        'poetry.lock:1: "1.1": not a version of poetry.lock that is understood: 2.0 and 2.1'
    ]
    assert read("poetry.lock", "metadata = 3")[1]


def test_too_many_packages() -> None:
    text = "version = 1\n" + "[[package]]\n" * (MOST_PINS + 1)
    group, (fault,) = read("uv.lock", text)
    assert fault.startswith('uv.lock:1: "uv.lock": names too much: 50000 packages')
    assert group.locked == ()


@pytest.mark.parametrize("junk", ["3", "[]", '"x"', "{ x = 1 }", "true", "2020-01-01", "[[1]]"])
@pytest.mark.parametrize("key", ["name", "version", "source", "sdist", "wheels", "files", "vcs"])
@pytest.mark.parametrize("filename", ["uv.lock", "pylock.toml", "poetry.lock"])
def test_values_of_any_type_raise_nothing(filename: str, key: str, junk: str) -> None:
    keys = {
        "name": '"six"',
        "version": '"1.0"',
        "source": '{ registry = "x", type = 3 }',
        "sdist": f'{{ url = "https://h/six-1.0.tar.gz", hash = "sha256:{A}", hashes = 3 }}',
        "wheels": "[{ url = 3, hash = 3 }, 3, { hashes = { sha256 = 3 } }]",
        "files": "[3, { file = 3, hash = 3 }]",
    } | {key: junk}
    package = "{ " + ", ".join(f"{name} = {value}" for name, value in keys.items()) + " }"
    heads = {
        "uv.lock": f"version = 1\npackage = [{package}]",
        "pylock.toml": f'lock-version = "1.0"\npackages = [{package}]',
        "poetry.lock": f'package = [{package}]\n[metadata]\nlock-version = "2.1"',
    }
    group, faults = read(filename, heads[filename])
    assert len(group.locked) + len(group.notes) + len(faults) >= 1


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("uv.lock", "uv.lock"),
        ("team.uv.lock", "uv.lock"),
        ("pylock.toml", "pylock.toml"),
        ("pylock.dev.toml", "pylock.toml"),
        ("poetry.lock", "poetry.lock"),
        ("requirements.txt", ""),
        ("requirements.in", ""),
        ("requirements", ""),
    ],
)
def test_formats_by_name(filename: str, name: str) -> None:
    form = format_of(filename)
    assert (form.name if form else "") == name


@pytest.mark.parametrize("filename", ["Pipfile.lock", "pyproject.toml", "pdm.lock", "setup.py"])
def test_files_of_another_kind(filename: str) -> None:
    with pytest.raises(ValueError, match="not a kind of file that is read"):
        format_of(filename)
