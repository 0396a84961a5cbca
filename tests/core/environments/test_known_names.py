"""Which platforms have a short name, which values are known, and which go together.

The values are those of ``sys.platform`` and ``platform.machine()`` on machines that can be met.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.core.environments.platform_names import known_value, platform, possible

LINUX = ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64")
NAMES = {
    **{f"linux-{name}": ("linux", name) for name in LINUX},
    "macos-arm64": ("darwin", "arm64"),
    "macos-x86_64": ("darwin", "x86_64"),
    "windows-amd64": ("win32", "AMD64"),
    "windows-arm64": ("win32", "ARM64"),
    "windows-x86": ("win32", "x86"),
}
# platform.machine() by sys.platform; None: on none of these three.
MACHINES = {
    "linux": "x86_64 aarch64 i386 i486 i586 i686 armv5tel armv6l armv7l armv8l ppc64le ppc64 ppc "
    "s390x riscv64 loongarch64 mips mips64 sparc64",
    "darwin": "x86_64 arm64 i386 ppc ppc64",
    "win32": "AMD64 ARM64 x86",
}
EVERY = sorted({machine for some in MACHINES.values() for machine in some.split()})


@pytest.mark.parametrize("name", NAMES)
def test_a_short_name_stands_for_two_values(name: str) -> None:
    system, machine = NAMES[name]
    found = platform(name)
    assert found.name == name
    assert found.values == {"sys_platform": system, "platform_machine": machine}
    assert found.libc == ("glibc" if system == "linux" else "")
    for libc in ("glibc", "glibc-2.17", "musl", "musl-1.2"):
        if system == "linux":
            assert platform(f"{name}-{libc}").libc == libc
            assert platform(f"{name}-{libc}").values == found.values
        else:
            with pytest.raises(ValueError, match="only on Linux"):
                platform(f"{name}-{libc}")


def test_what_is_no_name_is_told_with_all_that_are() -> None:
    with pytest.raises(ValueError, match=r"^.linux-x86-64. is not a platform") as raised:
        platform("linux-x86-64")
    assert str(raised.value) == (
        '"linux-x86-64" is not a platform; did you mean "linux-x86_64"?; '
        f"allowed are {', '.join(NAMES)}; on Linux also the libc, and its version, "
        'that wheels may ask for, such as "linux-x86_64-glibc-2.28" or "linux-x86_64-musl"'
    )
    with pytest.raises(ValueError, match=r'^"" is not a platform; allowed are linux-x86_64, '):
        platform("")


@pytest.mark.parametrize("system", MACHINES)
@pytest.mark.parametrize("machine", EVERY)
def test_a_machine_goes_with_the_systems_that_name_it(system: str, machine: str) -> None:
    values = {"sys_platform": system, "platform_machine": machine}
    assert possible(values) == (machine in MACHINES[system].split())
    assert known_value("platform_machine", machine) == machine


@given(st.sampled_from(EVERY))
def test_what_binds_less_leaves_more_possible(machine: str) -> None:
    assert possible({"platform_machine": machine})
    assert possible({"platform_machine": machine, "sys_platform": "freebsd14"})
    assert possible({"platform_machine": machine, "sys_platform": "android"})
    assert possible({"sys_platform": "linux"})
    assert possible({"platform_machine": "quantum", "sys_platform": "linux"})
    on_linux = {"platform_machine": machine, "sys_platform": "linux2"}
    assert possible(on_linux) == (machine in MACHINES["linux"].split())
    posix = {"platform_machine": machine, "os_name": "posix"}
    assert possible(posix)  # a platform without a list of its own is posix, too
    nt = {"platform_machine": machine, "os_name": "nt"}
    assert possible(nt) == (machine in MACHINES["win32"].split())


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("os_name", "posix nt java"),
        ("sys_platform", ("linux linux2 darwin win32 android ios emscripten aix sunos5 cygwin wasi "
         "msys freebsd freebsd13 netbsd9 openbsd7.4 dragonfly6 java1.8.0_362 aix7 sunos5")),
        ("platform_system", ("Linux Darwin Windows Android iOS iPadOS Emscripten AIX SunOS FreeBSD "
         "NetBSD OpenBSD Java")),
        ("platform_machine", "wasm32 wasm64"),
        ("implementation_name", ("cpython pypy graalpy jython ironpython pyston rustpython "
         "micropython")),
        ("platform_python_implementation", ("CPython PyPy GraalVM Jython IronPython Pyston "
         "RustPython")),
        ("platform_release", "5.14.0 anything"),
        ("implementation_version", "x"),
    ],
)  # fmt: skip
def test_values_that_are_known(variable: str, values: str) -> None:
    for value in values.split():
        assert known_value(variable, value) == value


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        (
            "platform_machine",
            "win64",
            (
                '"win64" is no value of platform_machine that is known; write "other:win64" '
                "if it is meant"
            ),
        ),
        (
            "sys_platform",
            "osx",
            (
                '"osx" is no value of sys_platform that is known; did you mean "darwin"?; '
                'write "other:osx" if it is meant'
            ),
        ),
        (
            "sys_platform",
            "?",
            '"?" is no value of sys_platform that is known; write "other:?" if it is meant',
        ),
        (
            "os_name",
            "freebsd14",
            (
                '"freebsd14" is no value of os_name that is known; write "other:freebsd14" '
                "if it is meant"
            ),
        ),
    ],
)
def test_values_that_are_not(variable: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        known_value(variable, text)
    assert str(raised.value) == said


@pytest.mark.parametrize("alias", ["windows", "win64", "win", "Windows"])
def test_usual_names_of_windows_are_understood_where_they_can_be_meant(alias: str) -> None:
    with pytest.raises(ValueError, match='did you mean "win32"'):
        known_value("sys_platform", alias)
    for mac in ("macos", "macosx", "osx"):
        with pytest.raises(ValueError, match='did you mean "darwin"'):
            known_value("sys_platform", mac)
