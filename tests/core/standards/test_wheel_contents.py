"""What in a wheel stops which installer, said in full: each thing on its own, and what does not."""

import pytest
from msgspec.structs import replace

from pypisync.core.standards.requires_python import Installer
from pypisync.core.standards.wheel_contents import (
    Contents,
    at_opening,
    dist_info,
    is_wheel,
    stops,
)

ABOUT = "spam-2.0.dist-info"
METADATA = (
    b"Metadata-Version: 2.1\nName: spam\nVersion: 2.0\nRequires-Python: >=3.8\n"
    b"Requires-Dist: a >= 1\nRequires-Dist: b; extra == 'x'\nProvides-Extra: x\n"
)
RECORD = b"spam/__init__.py,sha256=x,0\nspam-2.0.dist-info/RECORD,,\n"
FILES = {"WHEEL": b"Wheel-Version: 1.0\n", "METADATA": METADATA, "RECORD": RECORD}
SOUND = Contents(("spam/", "spam/__init__.py", *(f"{ABOUT}/{name}" for name in FILES)), FILES)

Why = dict[Installer, str]


def both(why: str) -> Why:
    return {"pip": why, "uv": why}


def found(contents: Contents = SOUND, beside: bytes | None = METADATA) -> Why:
    return stops(contents, "spam", "2.0", beside)


def with_files(**files: bytes) -> Contents:
    return replace(SOUND, files=FILES | files)


def with_names(*names: str) -> Contents:
    return replace(SOUND, names=(*SOUND.names, *names))


def test_a_sound_wheel_stops_nobody() -> None:
    assert found() == found(beside=None) == {}
    assert is_wheel("a/b.whl")
    assert is_wheel("B.WHL")
    assert not is_wheel("b.whl.metadata")


def test_its_folder_is_the_only_one_of_its_kind() -> None:
    assert dist_info(
        ["a/x", "b.dist-info/x", "b.dist-info/y", "c.dist-info", "d/e.dist-info/x"]
    ) == ("b.dist-info")
    for names, count in ((["a/x"], 0), (["b.dist-info/x", "a.dist-info/x"], 2)):
        with pytest.raises(ValueError, match=f"^{count} folders .dist-info, expected 1$"):
            dist_info(names)


# -- the archive and its members ----------------------------------------------------------------


def test_what_the_archive_says_comes_first() -> None:
    torn: Why = {"uv": "bytes in front"}
    without = {name: data for name, data in FILES.items() if name != "RECORD"}
    spoilt = replace(SOUND, archive=torn, files=without)
    assert found(spoilt) == {"uv": "bytes in front", "pip": "it has no RECORD"}
    assert found(replace(spoilt, names=())) == torn  # nobody saw what is in it
    assert found(replace(spoilt, archive=both("torn"))) == both("torn")
    assert found(Contents((), {})) == both("0 folders .dist-info, expected 1")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["spam/a..b", "spam/../c", "a/./b", "spam/__init__.py"], {}),
        (["../a"], {"pip": "its member '../a' leaves the folder"}),
        (["ok/../x", "a/../../b", "/c"], {"pip": "its member 'a/../../b' leaves the folder"}),
        (["/c"], {"pip": "its member '/c' leaves the folder"}),
        (["a/../../"], {"pip": "its member 'a/../../' leaves the folder"}),
        (["../" + "x" * 200], {"pip": f"its member {'../' + 'x' * 97!r} leaves the folder"}),
        (["a", "a/b"], both("its member 'a' is a file and a folder")),
        (["a/b/c/d", "a"], both("its member 'a' is a file and a folder")),
        (["a", "a/"], both("its member 'a' is a file and a folder")),
        (["a" * 200, "a" * 200 + "/b"], both(f"its member {'a' * 100!r} is a file and a folder")),
        (["x.dist-info"], {"pip": "it has a file that is called as a folder .dist-info is"}),
        (["spam/x.dist-info"], {}),
        (["x.dist-info/y"], both("2 folders .dist-info, expected 1")),
    ],
)  # fmt: skip
def test_members(names: list[str], why: Why) -> None:
    assert found(with_names(*names)) == why


def test_each_installer_gets_its_first_reason() -> None:
    why = {"pip": "its member '../a' leaves the folder", "uv": "2 folders .dist-info, expected 1"}
    assert found(with_names("../a", "x.dist-info/y")) == why


def test_the_folder_is_called_as_the_project_is() -> None:
    def named(folder: str) -> Contents:
        return replace(SOUND, names=tuple(n.replace(ABOUT, folder) for n in SOUND.names))

    assert found(named("Spam-2.0.dist-info")) == {}
    why = {"pip": "its folder is 'ham-2.0.dist-info', of another project"}
    assert found(named("ham-2.0.dist-info")) == why


OWN = "spam-2.0.data"


def unknown(name: str) -> str:
    return f"its member {name[:100]!r} is data of no known kind"


def below_scripts(name: str) -> str:
    return f"its member {name!r} is in a folder of scripts"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([f"{OWN}/{kind}/x" for kind in ("data", "headers", "platlib", "purelib", "scripts")], {}),
        ([f"{OWN}/", f"{OWN}/scripts/", "spam/a.data/x/y", f"{OWN}x/y"], {}),
        ([f"{OWN}/other/x"], both(unknown(f"{OWN}/other/x"))),
        ([f"{OWN}/other/"], {"uv": unknown(f"{OWN}/other/")}),
        ([f"{OWN}/scripts"], {"pip": unknown(f"{OWN}/scripts")}),
        (["ham.data/other/x"], {"pip": unknown("ham.data/other/x")}),
        (["ham.data/data/x", "ham.data/scripts/a/b"], {}),
        ([f"{OWN}/scripts/a/b"], {"uv": below_scripts(f"{OWN}/scripts/a/b")}),
        ([f"{OWN}/scripts/a/"], {"uv": below_scripts(f"{OWN}/scripts/a/")}),
        ([f"{OWN}/data/a/b"], {}),
        (["a.data/" + "x" * 200], {"pip": unknown("a.data/" + "x" * 200)}),
    ],
)  # fmt: skip
def test_data(names: list[str], why: Why) -> None:
    assert found(with_names(*names)) == why


def test_a_folder_of_scripts_where_a_script_is_to_be() -> None:
    script = b"[console_scripts]\na = b:c\n"
    data = with_names("ham.data/scripts/a/x", "ham.data/scripts/b/x")
    data = replace(data, files=FILES | {"entry_points.txt": script})
    why = {"pip": "its member 'ham.data/scripts/a/x' is in a folder that is a script as well"}
    assert found(data) == why
    own = with_names("spam-2.0.data/scripts/a/")
    own = replace(own, files=FILES | {"entry_points.txt": script})
    why = {"pip": "its member 'spam-2.0.data/scripts/a/' is in a folder that is a script as well"}
    assert found(own) == why


# -- what pip opens -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (replace(SOUND, names=("spam/__init__.py",)), "0 folders .dist-info, expected 1"),
        (with_names("eggs-1.dist-info/WHEEL"), "2 folders .dist-info, expected 1"),
        (with_files(WHEEL=b"Wheel-Version: 2.0"), "its Wheel-Version is '2.0'"),
        (replace(SOUND, archive=both("torn"), opening="torn"), "torn"),
        (Contents((), {}, archive=both("no zip"), opening="no zip"), "no zip"),
    ],
)
def test_what_stops_pip_where_it_opens_a_wheel(odd: Contents, why: str) -> None:
    assert at_opening(found(odd, None)["pip"]) == why
    assert found(odd)["pip"] == why  # it does not open it where METADATA stands beside it
    assert at_opening(why) == ""


@pytest.mark.parametrize(
    "odd",
    [
        with_files(RECORD=b"\n"),
        replace(SOUND, archive=both("its member 'spam/__init__.py' is damaged")),
        Contents((), {}, archive=both("its member 'spam/__init__.py' is cut off")),
        with_names("../x"),
    ],
)
def test_what_stops_pip_where_it_installs_a_wheel(odd: Contents) -> None:
    assert found(odd, None)["pip"] == found(odd)["pip"]


# -- its files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there(name: str) -> None:
    less = replace(SOUND, files={one: data for one, data in FILES.items() if one != name})
    assert found(less) == both(f"it has no {name}")
    why = both(f"it has no {name}")
    if name == "WHEEL":  # pip reads it where it looks for METADATA
        why["pip"] = f"pip cannot open it: {why['pip']}"
    assert found(less, None) == ({} if name == "METADATA" else why)
    assert found(replace(less, unread={name: ""})) == {}  # too large, which is no fault
    assert found(replace(less, unread={name: "torn"})) == both(f"its {name} cannot be read: torn")


WHEELS: list[tuple[str, Why]] = [
    ("Wheel-Version: 1.0", {}),
    ("Generator: x\nWheel-Version:  1.0 ", {}),
    ("Wheel-Version: 0.1", {}),
    ("Wheel-Version: 1.9", {}),
    ("Wheel-Version: 2.0", both("its Wheel-Version is '2.0'")),
    ("Wheel-Version: x", both("its Wheel-Version is 'x'")),
    ("Wheel-Version: 1", {"uv": "its Wheel-Version is '1'"}),
    ("Wheel-Version: 0.9", {"uv": "its Wheel-Version is '0.9'"}),
    ("Wheel-Version: 1.x", {"pip": "its Wheel-Version is '1.x'"}),
    ("Wheel-Version: " + "x" * 200, both(f"its Wheel-Version is {'x' * 100!r}")),
    ("wheel-version: 1.0", {"uv": "its WHEEL states no Wheel-Version in these letters"}),
    ("wheel-version: 2.0\nWheel-Version: 1.0", {"pip": "its Wheel-Version is '2.0'"}),
    ("", both("its WHEEL states no Wheel-Version")),
    ("\nWheel-Version: 1.0", both("its WHEEL states no Wheel-Version")),
]


@pytest.mark.parametrize(("text", "why"), WHEELS)
def test_wheel_versions(text: str, why: Why) -> None:
    assert found(with_files(WHEEL=text.encode())) == why
    large = text.encode() + b"\nGenerator: " + b"x" * 1000  # which is not remembered
    assert found(with_files(WHEEL=large)) == why


def test_a_wheel_file_that_is_no_text() -> None:
    for data in (b"Wheel-Version: 1.0\xff", b"Wheel-Version: 1.0\n\xff" + b"x" * 1000):
        assert found(with_files(WHEEL=data)) == both("its WHEEL is not UTF-8")


WIDTH = "its RECORD has lines of another number of fields than three"


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b"", {}),
        (b"a,,\nb,,", {}),
        (b"a,b,1\r\nb,c,+2\r\n", {}),
        (b'"a,\n""b",,\n', {}),
        (b"a,,18446744073709551615\nb,,00000000000000000000001\n", {}),
        (b"a,,18446744073709551616\n", {"uv": "its RECORD has the size '18446744073709551616'"}),
        (b"a,,\nb,,-1\n", {"uv": "its RECORD has the size '-1'"}),
        (b"a,,x\n", {"uv": "its RECORD has the size 'x'"}),
        (b"a,,+\n", {"uv": "its RECORD has the size '+'"}),
        ("a,,٣\n".encode(), {"uv": "its RECORD has the size '٣'"}),
        (b"a,," + b"9" * 200 + b"\n", {"uv": f"its RECORD has the size {'9' * 100!r}"}),
        (b"a,,\n\nb,,\n", {"pip": "its RECORD has an empty line"}),
        (b"a,b\n", {"uv": WIDTH}),
        (b"a,b,1,c\n", {}),
        (b"a,b,1,c\nb,,\n", {"uv": WIDTH}),
        ("a,b\x85c,1\n".encode(), {}),
        ("a\u2028,,\u2028b,,\n".encode(), {"uv": r"its RECORD has the size '\u2028b'"}),
        (b"a,,\x0cb,,\n", {"uv": r"its RECORD has the size '\x0cb'"}),
        (b"a,\xff,\n", both("its RECORD is not UTF-8")),
        (b"a," + b"x" * 200_000 + b",\n",
         {"pip": "its RECORD cannot be read: field larger than field limit (131072)"}),
    ],
)  # fmt: skip
def test_records(record: bytes, why: Why) -> None:
    assert found(with_files(RECORD=record)) == why


def differs(name: str) -> Why:
    return {"pip": f"its METADATA has another {name} than the .metadata beside it"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"spam", b"Spam", {}),
        (b"spam", b"ham", both("its METADATA is of the project 'ham'")),
        (b"spam", b"h" * 200, both(f"its METADATA is of the project {'h' * 100!r}")),
        (b"Version: 2.0\nR", b"Version: 2\nR", {}),
        (b"Version: 2.0\nR", b"Version: 2.1\nR",
         {"uv": "its METADATA is of version 2.1", **differs("Version")}),
        (b"Version: 2.0\nR", b"Version: x\nR",
         both("its METADATA cannot be read: Invalid version: 'x'")),
        (b">=3.8", b">= 3.8", {}),
        (b">=3.8", b">=3.9", differs("Requires-Python")),
        (b">=3.8", b"x", differs("Requires-Python")),
        (b"a >= 1", b"a>=1", {}),
        (b"a >= 1", b"a >= 2", differs("Requires-Dist")),
        (b"a >= 1", b"a >= ", differs("Requires-Dist")),
        (b"Extra: x", b"Extra: y", differs("Provides-Extra")),
        (b"Extra: x", b"Extra: x\nSummary: \xff", {"pip": "its METADATA is not UTF-8"}),
        (b"Name: spam\n", b"", both("its METADATA cannot be read: core metadata without a Name")),
    ],
)  # fmt: skip
def test_metadata_inside(old: bytes, new: bytes, why: Why) -> None:
    assert METADATA.count(old) == 1
    inside = METADATA.replace(old, new)
    assert found(with_files(METADATA=inside)) == why
    assert found(with_files(METADATA=inside), None) == {}  # then it is what is chosen by


def test_nobody_comes_as_far_as_a_wheel_if_what_is_beside_it_cannot_be_read() -> None:
    assert found(SOUND, b"Name: spam\n") == {}
    ham = with_files(METADATA=METADATA.replace(b"spam", b"ham"))
    assert found(ham, b"Name: spam\n") == both("its METADATA is of the project 'ham'")


def test_a_requirement_that_cannot_be_read_equals_nothing_not_even_itself() -> None:
    bad = METADATA.replace(b"a >= 1", b"a >= ")
    assert found(with_files(METADATA=bad + b"Summary: s\n"), bad) == differs("Requires-Dist")
    odd = METADATA.replace(b">=3.8", b"x")
    none = METADATA.replace(b"Requires-Python: >=3.8\n", b"")
    assert found(with_files(METADATA=odd), none) == {}  # pip takes both as any Python


def test_scripts_that_stop() -> None:
    why = {"uv": "its entry_points.txt: a script has the reserved name 'python'"}
    assert found(with_files(**{"entry_points.txt": b"[console_scripts]\npython = a:b\n"})) == why
