"""Core metadata against the parser installers use, and a build's requirements."""

import importlib.metadata
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.metadata import parse_email
from packaging.utils import canonicalize_name

from pypisync.core.standards.metadata import (
    DEFAULT_BUILD_REQUIRES,
    LARGEST,
    About,
    Metadata,
    build_requires,
    objections,
    read_metadata,
)
from tests.deep import scaled

HEAD = b"Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\n"


def test_a_wheels_metadata() -> None:
    data = HEAD + (
        b"Summary: text\n  over two lines\n"
        b"requires-dist: a>=1\n"
        b"Requires-Dist: b (>=1,\n   <2) ; extra == 'X_y'\n"
        b"Requires-Python: >=3.8\n"
        b"Provides-Extra: X_y\nProvides-Extra: dev\nProvides-Extra: x.y\n"
        b"\n"
        b"Requires-Dist: not-me\nbroken \xff\xfe bytes\n"
    )
    assert read_metadata(data) == Metadata(
        name="Foo_Bar",
        version="1.0",
        requires=("a>=1", "b (>=1, <2) ; extra == 'X_y'"),
        extras=("x-y", "dev"),
        requires_python=">=3.8",
        static=True,
        utf8=False,
        about=About(summary="text over two lines"),
    )


def test_what_a_release_says_of_itself_is_fit_to_be_shown() -> None:
    """On one line, of a sensible length, and without a character that steers a terminal."""
    data = HEAD + (
        b"Summary: one \x1b[31mred\x00\n"
        b"License: MIT\n        Permission is hereby granted\n"
        b"License-Expression: MIT OR Apache-2.0\n"
    )
    assert read_metadata(data).about == About(
        "one  [31mred", "MIT Permission is hereby granted", "MIT OR Apache-2.0"
    )
    long = read_metadata(HEAD + b"License: " + b"x" * 5_000 + b"\n").about
    assert long == About(license="x" * 1_000)


@pytest.mark.parametrize(
    ("lines", "stated"),
    [
        ("", "MIT License, zlib/libpng License, Public Domain"),
        ("License: UNKNOWN\n", "MIT License, zlib/libpng License, Public Domain"),
        ("License: MIT\n", "MIT"),
        ("License-Expression: MIT\n", ""),
    ],
)
def test_classifiers_state_the_licence_where_nothing_else_does(lines: str, stated: str) -> None:
    classifiers = (
        "OSI Approved :: MIT License", "OSI Approved :: zlib/libpng License", "Public Domain",
        "OSI Approved :: MIT License",
    )  # fmt: skip
    text = lines + "".join(f"Classifier: License :: {one}\n" for one in classifiers)
    about = read_metadata(HEAD + f"{text}Classifier: Topic :: Games\n".encode()).about
    assert about.license == stated


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_any_line_end(newline: bytes) -> None:
    data = HEAD + b"Requires-Dist: a\nSummary: x\n\t|\n  \n |y\nRequires-Dist: b\n\nName: no\n"
    found = read_metadata(data.replace(b"\n", newline))
    assert found.requires == ("a", "b")
    assert found.name == "Foo_Bar"
    assert found.requires_python is None


@pytest.mark.parametrize(
    "name", ["packaging", "pytest", "hypothesis", "SQLAlchemy", "requests", "pydantic"]
)
def test_real_metadata_as_packaging_reads_it(name: str) -> None:
    text = importlib.metadata.distribution(name).read_text("METADATA")
    assert text is not None
    expected, _ = parse_email(text)
    found = read_metadata(text.encode())
    assert (found.name, found.version) == (expected["name"], expected["version"])
    assert found.requires == tuple(expected.get("requires_dist", ()))
    assert found.requires_python == expected.get("requires_python")
    assert found.extras == tuple(
        dict.fromkeys(canonicalize_name(e) for e in expected.get("provides_extra", ()))
    )


@pytest.mark.parametrize("end", [" ", "\t", "\n \t"])
def test_a_blank_behind_a_name_makes_it_none(end: str) -> None:
    found = read_metadata(f"Name: a{end}\nVersion: 1 \n".encode())
    assert (found.name, found.version) == ("a ", "1")
    assert set(objections(found, "a", "1").passed) == {"pip", "uv"}


pieces = st.sampled_from(
    [
        "Name: a",
        "Version: 1",
        "Requires-Dist: b",
        "REQUIRES-DIST:c>=1",
        "Requires-Dist :d",
        "Requires-Python: >=3",
        " folded",
        "\tfolded",
        "   ",
        "Summary: x",
        ":",
        ":y",
        "From me",
        "From: me",
        "no field",
        "",
        "Provides-Extra: e",
        "Dynamic: Version",
        "Requires-Dist:",
        "Requires-Dist: f: g ",
        "X-(): h",
        "Requires Dist: i",
        "\x0b",
        "\x0cName: j",
    ]
)
documents = st.lists(
    st.tuples(pieces, st.sampled_from(["\n", "\n", "\r\n", "\r"])).map("".join), max_size=9
)


@settings(deadline=None, max_examples=scaled(500))
@given(documents.map("".join), st.booleans())
def test_lines_and_fields_as_pythons_own_parser(text: str, headed: bool) -> None:
    data = (HEAD if headed else b"") + text.encode()
    message = BytesParser().parsebytes(data)

    def values(name: str) -> list[str]:
        given = (
            " ".join(map(str.strip, v.splitlines())).strip() for v in message.get_all(name, [])
        )
        return list(given)

    def first(name: str) -> str:
        return next(iter(values(name)), "")

    if not first("Name") or not first("Version"):
        with pytest.raises(ValueError, match="without a"):
            read_metadata(data)
        return
    found = read_metadata(data)
    assert (found.name.rstrip(), found.version) == (first("Name"), first("Version"))
    assert list(found.requires) == [value for value in values("Requires-Dist") if value]
    assert (found.requires_python or "") == first("Requires-Python")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "without a Name"),
        (b"\n" + HEAD, "without a Name"),
        (b"\xef\xbb\xbf" + HEAD, "without a Name"),
        (b"Name: \nVersion: 1\n", "without a Name"),
        (b"Name: x\n", "without a Version"),
        (b"Name: x\nnonsense\nVersion: 1\n", "without a Version"),
        (HEAD + b"x" * LARGEST, "larger than"),
    ],
)
def test_what_cannot_be_read(data: bytes, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_metadata(data)


def test_undecodable_bytes_in_a_field_are_replaced() -> None:
    found = read_metadata(HEAD + b"Requires-Dist: caf\xe9\nRequires-Dist: ok\n")
    assert found.requires == ("caf\ufffd", "ok")


@pytest.mark.parametrize(
    ("version", "dynamic", "static"),
    [
        ("2.1", (), False),
        ("2.2", (), True),
        ("2.10", (), True),
        ("3.0", (), True),
        ("1.2", (), False),
        ("2.2", ("Version", "License-File"), True),
        ("2.2", ("requires-dist",), False),
        ("2.4", ("Version", "Requires-Python"), False),
        ("2.4", ("PROVIDES-EXTRA",), False),
        ("2.6", ("Requires-Dist",), False),
        ("two", (), False),
        ("", (), False),
    ],
)
def test_when_an_sdists_claims_bind(version: str, dynamic: tuple[str, ...], static: bool) -> None:
    lines = [f"Metadata-Version: {version}", "Name: a", "Version: 1", "Requires-Dist: b"]
    data = "\n".join(lines + [f"Dynamic: {field}" for field in dynamic]).encode()
    assert read_metadata(data, sdist=True).static is static
    assert read_metadata(data).static
    assert read_metadata(data, sdist=True).requires == ("b",)


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        (None, DEFAULT_BUILD_REQUIRES),
        (b"", ("setuptools>=40.8.0",)),
        (b"[project]\nname = 'a'\n", ("setuptools>=40.8.0",)),
        (
            b"[build-system]\nrequires = ['hatchling>=1', \"x; os_name=='nt'\"]\n",
            ("hatchling>=1", "x; os_name=='nt'"),
        ),
        (b"[build-system]\nrequires = []\n", ()),
        (b"build-system = {requires = ['a']}\n", ("a",)),
    ],
)
def test_build_requirements(pyproject: bytes | None, expected: tuple[str, ...]) -> None:
    assert build_requires(pyproject) == expected


@pytest.mark.parametrize(
    ("pyproject", "match"),
    [
        (b"[build-system]\nbuild-backend = 'x'\n", "no list of strings called requires"),
        (b"[build-system]\nrequires = 'a'\n", "no list of strings"),
        (b"[build-system]\nrequires = ['a', 1]\n", "no list of strings"),
        (b"build-system = 'a'\n", "no list of strings"),
        (b"[[build-system]]\nrequires = []\n", "no list of strings"),
        (b"[build-system\n", "not valid"),
        (b"\xff", "not valid"),
        (b"\xef\xbb\xbf[project]\n", "not valid"),
        (b"a = " + b"[" * 100_000, "not valid: nested too deeply"),
        (b"#" * (LARGEST + 1), "larger than"),
    ],
)
def test_build_requirements_that_cannot_be_read(pyproject: bytes, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        build_requires(pyproject)
