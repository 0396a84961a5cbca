"""What in a wheel's METADATA keeps installers from the file, and in which words."""

import pytest

from pypisync.core.standards.filenames import parse, rivals
from pypisync.core.standards.metadata import Objections, check_version, objections, read_metadata

MAIN = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\n"


def of(name: str = "a", version: str = "1.0", more: str = "") -> Objections:
    """The objections to a file of a 1.0 with this METADATA."""
    data = MAIN.format(name=name, version=version, more=more).encode()
    return objections(read_metadata(data), "a", "1.0")


def test_nearly_all_meet_none() -> None:
    for found in (of(), of("A"), of(version="1.0.0"), of(more="Requires-Dist: b>=1,<2")):
        assert found == Objections({})


@pytest.mark.parametrize(
    ("name", "version", "passed", "stop"),
    [
        ("b", "1.0", {"pip": "its METADATA is of the project 'b'"},
         "its METADATA is of the project 'b'"),
        ("a b", "1.0", dict.fromkeys(("pip", "uv"), "its METADATA is of the project 'a b'"), ""),
        ("x" * 150, "1.0", {"pip": f"its METADATA is of the project {'x' * 100!r}"},
         f"its METADATA is of the project {'x' * 100!r}"),
    ],
)  # fmt: skip
def test_another_name(name: str, version: str, passed: dict[str, str], stop: str) -> None:
    found = of(name, version)
    assert (found.passed, found.stop, found.stops_pip, found.broken) == (passed, stop, "", "")


@pytest.mark.parametrize("version", ["2.0", "1.0+local"])
def test_another_version_uv_minds_where_it_installs_it(version: str) -> None:
    why = f"its METADATA is of version {version}"
    assert of(version=version) == Objections({"pip": why}, broken=why)


def test_uv_does_not_mind_a_local_version_that_the_filename_alone_has() -> None:
    data = MAIN.format(name="a", version="1.0", more="").encode()
    found = objections(read_metadata(data), "a", "1.0+r")
    assert found == Objections({"pip": "its METADATA is of version 1.0"})


def of_sdist(name: str = "a", version: str = "1.0", more: str = "") -> Objections:
    """The objections to an sdist of a 1.0 with this PKG-INFO."""
    data = MAIN.format(name=name, version=version, more=more).encode()
    return objections(read_metadata(data, sdist=True), "a", "1.0", sdist=True)


@pytest.mark.parametrize(
    ("name", "version", "why"),
    [
        ("b", "1.0", "its METADATA is of the project 'b'"),
        ("a", "2.0", "its METADATA is of version 2.0"),
        ("a", "1.0+local", "its METADATA is of version 1.0+local"),
    ],
)
def test_nobody_installs_what_is_built_from_an_sdist_of_something_else(
    name: str, version: str, why: str
) -> None:
    assert of_sdist(name, version) == Objections({"uv": why}, broken=why)


def test_an_sdist_without_a_name_or_with_a_python_that_uv_cannot_read() -> None:
    assert of_sdist("a b") == Objections({}, "its METADATA is of the project 'a b'")
    bad = "Requires-Python: 3.x"
    assert of_sdist(more=bad) == Objections({}, stops_uv="its Requires-Python cannot be read")
    assert of(more=bad) == Objections({})
    assert of_sdist("A", "1.0.0", "Requires-Python: >=3.8") == Objections({})


@pytest.mark.parametrize(
    ("line", "pip", "uv"),
    [
        ("b>=1.0<2", "pip cannot read 'b>=1.0<2': ", ""),
        ("b ???", "pip cannot read 'b ???': ", "uv cannot read 'b ???': "),
        ("b===odd", "", "uv cannot read 'b===odd'"),
        ("b===1.0", "", ""),
        ('b; os_name === "x"', "", "uv cannot read the marker of 'b; os_name === \"x\"'"),
        ('b; os_name == "x"', "", ""),
        ("b" * 120 + " ???", f"pip cannot read {'b' * 100!r}: ", f"uv cannot read {'b' * 100!r}: "),
    ],
)
def test_a_line_that_one_of_them_cannot_read(line: str, pip: str, uv: str) -> None:
    passed = of(more=f"Requires-Dist: {line}").passed
    for by, begin in (("pip", pip), ("uv", uv)):
        said = passed.get(by, "")  # type: ignore[call-overload]
        assert said.startswith(begin)
        assert bool(said) == bool(begin)
        if begin.endswith(": "):
            assert len(said) > len(begin)  # and why


def test_of_a_long_line_the_beginning_is_told() -> None:
    marked = "b; os_name === '" + "x" * 120 + "'"
    assert of(more=f"Requires-Dist: {marked}").passed == {
        "uv": f"uv cannot read the marker of {marked[:100]!r}"
    }
    odd = "b===" + "x" * 120
    assert of(more=f"Requires-Dist: {odd}").passed == {"uv": f"uv cannot read {odd[:100]!r}"}
    version = "1.0+" + "y" * 120
    assert of(version=version).broken == f"its METADATA is of version {version[:100]}"


def test_the_first_line_that_pip_cannot_read_is_told() -> None:
    found = of(more="Requires-Dist: b>=1.0<2\nRequires-Dist: c>=1.0<2")
    assert found.passed["pip"].startswith("pip cannot read 'b>=1.0<2': ")
    both = of("b", more="Requires-Dist: c>=1.0<2")
    assert both.passed["pip"] == "its METADATA is of the project 'b'"


def test_pip_breaks_off_at_bytes_that_are_no_utf_8() -> None:
    data = MAIN.format(name="a", version="1.0", more="").encode() + b"\n\xff"
    found = objections(read_metadata(data), "a", "1.0")
    assert found == Objections({}, "", "its METADATA is not UTF-8")


@pytest.mark.parametrize("version", ["1.0", "1!2.post3", "v1"])
def test_a_version_that_is_one(version: str) -> None:
    check_version(read_metadata(MAIN.format(name="a", version=version, more="").encode()))


@pytest.mark.parametrize("version", ["x", "1.0-x-y", "1" * 5000, "2004d"])
def test_a_version_that_is_none_is_told_in_short(version: str) -> None:
    found = read_metadata(MAIN.format(name="a", version=version, more="").encode())
    with pytest.raises(ValueError, match=r"^core metadata of version '") as raised:
        check_version(found)
    assert len(str(raised.value)) < 140


# -- why a file of an index is left out ---------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "said"),
    [
        *(
            (f"a-1.0{end}", (f", but an old {end} sdist: it is left out, although pip could "
             "install it"))
            for end in (".tar.bz2", ".tar.xz", ".tar.Z", ".tar", ".tgz", ".tbz2", ".tbz", ".txz")
        ),
        *(
            (f"a-1.0{end}", (f", but an {end} file: it is left out, for pip and uv do not install "
             "any"))
            for end in (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")
        ),
        ("a-1.0-variants.json",
         ", but a list of wheel variants: it is left out, as the variants are"),
        ("a-1.0.json", ""),
        ("a-1.0", ""),
    ],
)  # fmt: skip
def test_what_a_file_is_that_is_neither_wheel_nor_sdist(filename: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"neither a wheel nor") as raised:
        parse("a", filename)
    assert str(raised.value) == (f"{filename!r}: neither a wheel nor a .tar.gz or .zip sdist{said}")


@pytest.mark.parametrize(
    ("filename", "said"),
    [
        ("a-1.0-py3-none.whl", "4 parts, where a wheel has 5 or 6"),
        ("a-1.0-1-py3-none-any-x.whl", "7 parts, where a wheel has 5 or 6"),
        ("b-1.0-py3-none-any.whl", "not a wheel of a"),
        ("a__b-1.0-py3-none-any.whl", "not a wheel of a"),
        ("a-1.x-py3-none-any.whl", "'1.x' is not a version"),
        ("a-1.0-x1-py3-none-any.whl", "'x1' is not a build tag"),
        ("a-1.0-1-3py-none-any.whl", "its last three parts are not tags"),
        ("a-1.0-py3-none-.whl", "its last three parts are not tags"),
        ("b-1.0.tar.gz", "not an sdist of a with a version"),
        ("a-x.zip", "not an sdist of a with a version"),
        ("a-1.0 .zip", "too long, or with characters that no such file has"),
        (".a-1.0.zip", "too long, or with characters that no such file has"),
    ],
)
def test_what_is_wrong_with_a_filename(filename: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^'") as raised:
        parse("a", filename)
    assert str(raised.value) == f"{filename!r}: {said}"


@pytest.mark.parametrize(
    ("project", "filename", "others"),
    [
        ("a", "a-1-2.tar.gz", {"a-1"}),
        ("a-1", "a-1-2.tar.gz", {"a"}),
        ("a", "a-1-2-3.zip", {"a-1", "a-1-2"}),
        ("a", "a-v1-2.tar.gz", {"a-v1"}),
        ("a", "a-1.0.tar.gz", set()),
        ("a-b", "a-b-1.0.tar.gz", set()),
        ("a", "a-1.0-x.tar.gz", set()),
        ("a", "a-1-py3-none-any.whl", set()),
    ],
)
def test_a_name_may_be_of_two_projects(project: str, filename: str, others: set[str]) -> None:
    assert rivals(project, filename) == others


@pytest.mark.parametrize(
    "lines", ["Name: -\nVersion: 1.0", "Name: b\nVersion: 1.0", "Name: a\nVersion: 2"]
)
def test_pip_does_not_pass_over_a_file_that_it_breaks_off_at(lines: str) -> None:
    data = f"Metadata-Version: 2.1\n{lines}\n".encode()
    assert "pip" in objections(read_metadata(data), "a", "1.0").passed
    found = objections(read_metadata(data + b"Summary: \xff\n"), "a", "1.0")
    assert "pip" not in found.passed
    assert found.stops_pip


@pytest.mark.parametrize(
    ("line", "passed", "stops"),
    [
        ("b @ https://host/b.zip ; extra == 'x'", set(), ""),
        ("b @ https://host/b ; extra == 'x'", {"uv"}, ""),
        ("b @ https://host/b.zip; extra == 'x'", {"pip"}, ""),
        ("b @ https://host/b; extra == 'x'", {"pip", "uv"}, ""),
        ("b @ file:///b.zip ; extra == 'x'", set(), "whether uv can read the URL"),
    ],
)
def test_a_requirement_with_a_url(line: str, passed: set[str], stops: str) -> None:
    for found in (of(more=f"Requires-Dist: {line}"), of_sdist(more=f"Requires-Dist: {line}")):
        assert found.passed.keys() == passed
        assert found.stops_uv.startswith(stops)
        assert bool(found.stops_uv) == bool(stops)
        assert (found.stop, found.stops_pip, found.broken) == ("", "", "")
