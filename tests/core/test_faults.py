"""What people read where a text is refused, in full: what is wrong with which, and what to do."""

from collections.abc import Callable
from functools import partial

import pytest

from pypisync.core.environments.platform_names import known_value, platform
from pypisync.core.environments.targets import targets
from pypisync.core.standards import metadata
from pypisync.core.standards.filenames import parse, pool_path
from pypisync.core.standards.metadata import build_requires, read_metadata
from pypisync.core.standards.model import File
from pypisync.core.wanted.selector import parse_root, parse_selector

PLATFORMS = (
    "allowed are linux-x86_64, linux-aarch64, linux-i686, linux-armv7l, linux-ppc64le, "
    "linux-s390x, linux-riscv64, macos-arm64, macos-x86_64, windows-amd64, windows-arm64, "
    "windows-x86; on Linux also the libc, and its version, that wheels may ask for, such as "
    '"linux-x86_64-glibc-2.28" or "linux-x86_64-musl"'
)
NO_LIST = "pyproject.toml: [build-system] has no list of strings called requires"
MANY = 10_000_001  # bytes, one too many
PY = ("3.11",)

FAULTS: list[tuple[Callable[[], object], str]] = [
    (partial(platform, "x"), f'"x" is not a platform; {PLATFORMS}'),
    (
        partial(platform, "linux_x86_64"),
        f'"linux_x86_64" is not a platform; did you mean "linux-x86_64"?; {PLATFORMS}',
    ),
    (
        partial(platform, "windows-amd64-glibc"),
        '"windows-amd64-glibc": only on Linux is there a choice of libc; leave out "-glibc"',
    ),
    (
        partial(platform, "linux-x86_64-libc"),
        (
            '"linux-x86_64-libc": "libc" is no libc; write glibc or musl, alone or with its '
            'version, such as "glibc-2.28" or "musl-1.2"'
        ),
    ),
    (
        partial(platform, "linux-x86_64-glibc-2.4"),
        (
            '"linux-x86_64-glibc-2.4": there are no wheels for glibc 2.4; its versions are 2.5, '
            "2.6 and so on"
        ),
    ),
    (
        partial(platform, "linux-x86_64-musl-0.9"),
        (
            '"linux-x86_64-musl-0.9": there are no wheels for musl 0.9; its versions are 1.1, 1.2 '
            "and so on"
        ),
    ),
    (
        partial(known_value, "platform_machine", "quantum"),
        (
            '"quantum" is no value of platform_machine that is known; write "other:quantum" if it '
            "is meant"
        ),
    ),
    (
        partial(known_value, "sys_platform", "Linux"),
        (
            '"Linux" is no value of sys_platform that is known; did you mean "linux"?; write '
            '"other:Linux" if it is meant'
        ),
    ),
    (
        partial(targets, {"python_version": ("3.11.1",)}),
        "python_version '3.11.1' is not of the form '3.11'",
    ),
    (
        partial(targets, {"python_full_version": ("x",)}),
        "python_full_version 'x' is not a version",
    ),
    (
        partial(targets, {"python_version": PY, "python_full_version": ("3.12.1",)}),
        (
            "python_version ['3.11'] and python_full_version ['3.12.1'] exclude each other: "
            "nothing is left to serve; correct one of them or set it to null"
        ),
    ),
    (
        partial(
            targets,
            {"python_version": PY, "sys_platform": ("linux",), "platform_machine": ("AMD64",)},
        ),
        (
            "no platform has one of these values in each variable: sys_platform ['linux'], "
            "platform_machine ['AMD64']: nothing is left to serve; correct them or set some to null"
        ),
    ),
    (partial(targets, {"python_version": PY, "foo": ("x",)}), "foo: not a variable of PEP 508"),
    (
        partial(pool_path, File("a/b", "", "ab" * 32)),
        f"'a/b': not safe as a path with SHA-256 '{'ab' * 32}'",
    ),
    (
        partial(pool_path, File("a-1.zip", "", "x" * 90)),
        f"'a-1.zip': not safe as a path with SHA-256 '{'x' * 80}'",
    ),
    (
        partial(parse, "foo", "foo.exe"),
        (
            "'foo.exe': neither a wheel nor a .tar.gz or .zip sdist, but an .exe file: it is left "
            "out, for pip and uv do not install any"
        ),
    ),
    (
        partial(parse, "foo-bar", "foo__bar-1.0-py3-none-any.whl"),
        "'foo__bar-1.0-py3-none-any.whl': not a wheel of foo-bar",
    ),
    (partial(read_metadata, b"Version: 1\n"), "core metadata without a Name"),
    (partial(read_metadata, b"Name:\nVersion: 1\n"), "core metadata without a Name"),
    (partial(read_metadata, b"Name: a\n"), "core metadata without a Version"),
    (partial(read_metadata, bytes(MANY)), "core metadata larger than 10000000 bytes"),
    (partial(build_requires, bytes(MANY)), "pyproject.toml is larger than 10000000 bytes"),
    (
        partial(build_requires, b"\xff"),
        (
            "pyproject.toml is not valid: 'utf-8' codec can't decode byte 0xff in position 0: "
            "invalid start byte"
        ),
    ),
    (
        partial(build_requires, b"a=" + b"[" * 100_000),
        "pyproject.toml is not valid: nested too deeply",
    ),
    (partial(build_requires, b"build-system=1"), NO_LIST),
    (partial(build_requires, b"[build-system]\nrequires=[1]"), NO_LIST),
    (
        partial(parse_selector, "0 latest"),
        '"0 latest" asks for no release: the number before "latest" is at least 1',
    ),
    (
        partial(parse_selector, "x"),
        (
            '"x" is not a version selector: allowed are an exact version such as "1.2", a '
            'specifier set such as ">=2,<3" (">=0" for all), "latest", "5 latest", "latest<3" and '
            '"2 latest<3"'
        ),
    ),
    (
        partial(parse_root, "a b"),
        (
            '"a b" is not a project: allowed are letters, digits and . _ - between them, and '
            'extras behind the name in brackets, such as "requests[socks]"'
        ),
    ),
]


@pytest.mark.parametrize(("refusing", "said"), FAULTS, ids=range(len(FAULTS)))
def test_a_refusal_says_this(refusing: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as raised:
        refusing()
    assert str(raised.value) == said


def test_documents_of_the_largest_size_are_read() -> None:
    behind = b"Name: a\nVersion: 1\n\n"
    found = read_metadata(behind + bytes(metadata.LARGEST - len(behind)))
    assert (found.name, found.version) == ("a", "1")
    assert build_requires(b"#" * metadata.LARGEST) == ("setuptools>=40.8.0",)
