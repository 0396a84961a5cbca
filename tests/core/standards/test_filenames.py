"""Filenames and the paths on disk that they lead to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from pypisync.core.filters.file_rules import excluded
from pypisync.core.standards.filenames import (
    LONGEST_FILENAME,
    build_tag,
    parse,
    pool_path,
    tags_read,
)
from pypisync.core.standards.model import File
from tests.deep import scaled


@pytest.mark.parametrize(
    ("project", "filename", "version", "remainder"),
    [
        ("foo-bar", "foo-bar-1.0.tar.gz", "1.0", ".tar.gz"),
        ("foo-bar", "Foo.Bar-1.0.zip", "1.0", ".zip"),
        ("foo-bar", "foo_-.bar-1.0a1.tar.gz", "1.0a1", ".tar.gz"),
        ("foo", "foo-1.0-1.tar.gz", "1.0.post1", ".tar.gz"),
        ("foo", "foo-1.0-beta-2.tar.gz", "1.0b2", ".tar.gz"),
        ("foo-2", "foo-2-1.tar.gz", "1", ".tar.gz"),
        ("foo", "foo-2-1.tar.gz", "2.post1", ".tar.gz"),
        ("foo", "foo-1!2.0+local.1.tar.gz", "1!2.0+local.1", ".tar.gz"),
        ("foo", "foo-v1.0.tar.gz", "1.0", ".tar.gz"),
        ("foo-bar", "Foo.Bar-1!1.0+cu8-2_x-py3-none-any.whl", "1!1.0+cu8", "-2_x-py3-none-any.whl"),
        ("foo", "FOO-1.0.POST1-py3-none-any.whl", "1.0.post1", "-py3-none-any.whl"),
        ("foo", "foo-2.0.1-cp27-cp27m-win_amd64.whl", "2.0.1", "-cp27-cp27m-win_amd64.whl"),
    ],
)
def test_names(project: str, filename: str, version: str, remainder: str) -> None:
    parsed = parse(project, filename)
    assert (str(parsed.version), parsed.remainder) == (str(Version(version)), remainder)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "foo",
        "foo.whl",
        ".whl",
        ".tar.gz",
        "foo-1.0",
        "foo-1.0.egg",
        "foo-1.0.win32.exe",
        "foo-1.0.rpm",
        "foo-1.0.tgz",
        "foo-1.0.tar.bz2",
        "foo-1.0.TAR.GZ",
        "foo-1.0.linux-x86_64.tar.gz",
        "foo-1.0.win32.zip",
        "foo-1.0-final-x.tar.gz",
        "foo.tar.gz",
        "foo-.tar.gz",
        "-1.0.tar.gz",
        "bar-1.0.tar.gz",
        "foo-bar-1.0.tar.gz",
        "foo1.0.tar.gz",
        "bar-1.0-py3-none-any.whl",
        "foo-1.0-py3-none.whl",
        "foo-py3-none-any.whl",
        "foo-1.x-py3-none-any.whl",
        "foo-1.0-b1-py3-none-any.whl",
        "foo-1.0-py3-none-any-variant.whl",
        "foo-1.0-1-py3-none-any-variant.whl",
        "foo-1.0-py3-none-any.-x.whl",
        "foo-1.0-py3..py2-none-any.whl",
        "foo-1.0-py3-none-any.whl.metadata",
        "foo-1.0-3py-none-any.whl",
        "foo-1.0--none-any.whl",
        "foo__-1.0-py3-none-any.whl",
        "../foo-1.0.tar.gz",
        "/foo-1.0.tar.gz",
        "foo-1.0/x.tar.gz",
        "foo\\-1.0.tar.gz",
        "foo-1.0\x00.tar.gz",
        "foo-1.0.tar.gz\n",
        "foo -1.0.tar.gz",
        "foo-1.0.tar.gz ",
        "foo%2f-1.0.tar.gz",
        "foo-1.0?.tar.gz",
        "f\u00f6\u00f6-1.0.tar.gz",
        "foo-1.0\u2044.tar.gz",
        "foo-\u0661.tar.gz",
        ".foo-1.0.tar.gz",
        "_foo-1.0.tar.gz",
        "foo-1.0:x.tar.gz",
        "foo-1.0-py3-none-any\u202e.whl",
        f"foo-1.0-{'a.' * 40}a-{'b.' * 40}b-{'c.' * 30}c.whl",
        f"foo-{'1' * LONGEST_FILENAME}.tar.gz",
    ],
)
def test_what_is_no_file_of_the_project(filename: str) -> None:
    with pytest.raises(ValueError, match=r"^'.*': .+"):
        parse("foo", filename)


def test_a_wheel_escapes_its_name_with_single_underscores() -> None:
    assert parse("foo-bar", "foo_bar-1.0-py3-none-any.whl")
    with pytest.raises(ValueError, match="not a wheel of foo-bar"):
        parse("foo-bar", "foo__bar-1.0-py3-none-any.whl")


def test_the_longest_name_leaves_room_for_its_metadata() -> None:
    name = "foo-1." + "0" * (LONGEST_FILENAME - 13) + ".tar.gz"
    assert len(name + ".metadata") == 255
    assert parse("foo", name).version == Version("1.0")
    with pytest.raises(ValueError, match="too long"):
        parse("foo", name.replace("-1.", "-1.0"))


words = st.text("aB1._-", min_size=1, max_size=6)
components = st.sampled_from(
    ["py3", "py2.py3", "cp39", "none", "abi3", "any", "win32", "linux_x86_64", "x..y", "1", "-"]
)


@settings(deadline=None, max_examples=scaled(400))
@given(
    words,
    st.sampled_from(["1.0", "2!1a1", "1+x.1", "1.0-1", "x", ""]),
    st.lists(components, max_size=5),
)
def test_what_is_taken_is_what_packaging_reads(name: str, version: str, rest: list[str]) -> None:
    filename = "-".join([name, version, *rest])
    for extension in (".whl", ".tar.gz", ".zip"):
        project = canonicalize_name(name)
        try:
            parsed = parse(project, filename + extension)
        except ValueError:
            continue
        if parsed.kind == "wheel":
            expected = parse_wheel_filename(filename + extension)
            assert (project, parsed.version, parsed.tags) == (expected[0], expected[1], expected[3])
        elif version != "1.0-1" and not rest:  # packaging takes no version with a dash
            assert (project, parsed.version) == parse_sdist_filename(filename + extension)
        assert (filename + extension).endswith(parsed.remainder)


@settings(deadline=None, max_examples=scaled(200))
@given(
    st.text(max_size=30), st.sampled_from([".whl", ".tar.gz", "-1.0-py3-none-any.whl", "-1.0.zip"])
)
def test_any_text_is_either_refused_or_safe(text: str, tail: str) -> None:
    try:
        parse(canonicalize_name(text), text + tail)
    except ValueError:
        return
    assert not set(text) & set("/\\\0:\n ")
    assert text.isascii()
    assert not text.startswith(".")


def test_exclusion_looks_only_at_what_follows_the_version() -> None:
    wheel = parse("win32-tools", "win32_tools-1.0-cp27-cp27m-win_amd64.whl")
    assert not excluded(wheel, ["win32", "tools", "1.0"])
    assert excluded(wheel, ["macosx", "cp27-win_", "m-win_amd64"])
    assert excluded(parse("win32-tools", "win32-tools-1.0.tar.gz"), [".tar.gz"])
    assert not excluded(wheel, [])


HASH = "0123456789abcdef" * 4
BLOB = "ab/cd/" + "ef" * 30


@pytest.mark.parametrize(
    ("url", "filename"),
    [
        (f"https://h/packages/{BLOB}/foo-1.0.tar.gz", "foo-1.0.tar.gz"),
        (f"https://h/packages/{BLOB}/foo-1.0.tar.gz#sha256={HASH}", "foo-1.0.tar.gz"),
        (f"http://h/prefix/packages/{BLOB}/foo-1.0.tar.gz?x=/y#z", "foo-1.0.tar.gz"),
        (f"https://h/packages/{BLOB}/a-1%2Bcu1-py3-none-any.whl", "a-1+cu1-py3-none-any.whl"),
        (f"https://h/packages/{BLOB}/a-1+cu1-py3-none-any.whl", "a-1+cu1-py3-none-any.whl"),
    ],
)
def test_upstreams_own_path_is_kept(url: str, filename: str) -> None:
    assert pool_path(File(filename, url, HASH)) == f"packages/{BLOB}/{filename}"


@pytest.mark.parametrize(
    "url",
    [
        "https://h/packages/source/f/foo/foo-1.0.tar.gz",
        "https://h/foo-1.0.tar.gz",
        "",
        f"https://h/packages/{BLOB}/bar-1.0.tar.gz",
        f"https://h/packages/{BLOB}0/foo-1.0.tar.gz",
        f"https://h/packages/{BLOB.upper()}/foo-1.0.tar.gz",
        f"https://h/packages/{BLOB}/../foo-1.0.tar.gz",
        f"https://h/packages/../{BLOB[3:]}/foo-1.0.tar.gz",
        f"https://h/x?packages/{BLOB}/foo-1.0.tar.gz",
        f"https://h/packages/{BLOB}/foo-1.0.tar.gz/",
        f"https://h/packages/{BLOB}/foo-1.0.tar.gz\n",
    ],
)
def test_other_layouts_get_a_path_of_the_same_shape(url: str) -> None:
    path = pool_path(File("foo-1.0.tar.gz", url, HASH))
    assert path == f"packages/01/23/{HASH[4:]}/foo-1.0.tar.gz"
    assert len(path.split("/")[3]) == 60


@pytest.mark.parametrize("filename", ["../x", "x/y", "", ".x", "x\n", "x" * 300])
def test_no_path_for_an_unsafe_name(filename: str) -> None:
    with pytest.raises(ValueError, match="not safe"):
        pool_path(File(filename, f"https://h/packages/{BLOB}/{filename}", HASH))


@pytest.mark.parametrize("digest", ["../" * 22, HASH[1:], HASH.upper(), HASH + "\n"])
def test_no_path_for_what_is_no_hash(digest: str) -> None:
    with pytest.raises(ValueError, match="not safe"):
        pool_path(File("foo-1.0.tar.gz", "", digest))


def test_without_a_sha256_the_path_hangs_on_what_else_is_known() -> None:
    """On another hash, else on the address, but for its token; PyPI's own layout stays."""

    def path(url: str, stated: str = "") -> str:
        return pool_path(File("foo-1.0.tar.gz", url, "", stated=stated))

    first = path("https://h/foo-1.0.tar.gz")
    assert len(first.split("/")[3]) == 60
    assert path("https://h/foo-1.0.tar.gz?token=1#x") == first
    assert path("https://other/foo-1.0.tar.gz") != first
    assert path("https://h/foo-1.0.tar.gz", "md5:12") == path("https://i/", "md5:12") != first
    assert path(f"https://h/packages/{BLOB}/foo-1.0.tar.gz") == f"packages/{BLOB}/foo-1.0.tar.gz"


def test_the_tags_of_one_text_are_shared() -> None:
    first, second = (parse("foo", f"foo-{v}-py2.py3-none-any.whl") for v in (1, 2))
    assert first.tags is second.tags


@pytest.mark.parametrize(
    ("tags", "uv"),
    [
        ("py3-none-any", "py3-none-any"),
        ("PY2.py3-none-any", "py3-none-any"),
        ("py3-None-any", ""),
        ("cp311-abi3.NONE-Any.linux_x86_64", "cp311-abi3-linux_x86_64"),
    ],
)
def test_tags_are_lower_case_to_uv_and_in_any_case_to_pip(tags: str, uv: str) -> None:
    own = frozenset(parse_tag("-".join(tags.split("-")[-3:])))
    for name in (f"Foo-1.0-{tags}.whl", f"Foo-1.0-1-{tags}.whl", f"-{tags}.whl"):
        assert tags_read(own, name, "pip") == own
        assert tags_read(own, name, "uv") == (frozenset(parse_tag(uv)) if uv else frozenset())
    assert tags_read(None, "Foo-1.0.tar.gz", "uv") is None


def test_a_name_may_be_as_long_as_a_disk_allows_with_its_metadata() -> None:
    """255 bytes, of which ".metadata" takes nine."""
    for length in (246, 247):
        name = "a-1.0".ljust(length - len(".tar.gz"), "0") + ".tar.gz"
        file = File(name, "https://h/x", "ab" * 32)
        if length == 246:
            assert parse("a", name).kind == "sdist"
            assert pool_path(file).endswith(f"/{name}")
        else:
            with pytest.raises(ValueError, match="too long"):
                parse("a", name)
            with pytest.raises(ValueError, match="not safe as a path"):
                pool_path(file)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("foo-1.0-py3-none-any.whl", ()),
        ("foo-1.0-2-py3-none-any.whl", (2, "")),
        ("foo-1.0-10a_1-py3-none-any.whl", (10, "a_1")),
        ("-py3-none-any.whl", ()),
        ("-2-py3-none-any.whl", (2, "")),
        ("foo-1.0.tar.gz", ()),
        (".tar.gz", ()),
    ],
)
def test_a_build_tag_sorts_by_its_number_and_then_by_its_text(
    name: str, tag: tuple[object, ...]
) -> None:
    assert build_tag(name) == tag
