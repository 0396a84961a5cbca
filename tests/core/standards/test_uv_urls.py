"""What uv reads where a requirement names a URL; each line was held against real uv."""

import pytest

from pypisync.core.standards.requirements import parse_metadata
from pypisync.core.standards.uv_urls import cut, is_read

URLS: dict[bool | None, tuple[str, ...]] = {
    True: (
        "https://host/dep-1.0-py3-none-any.whl",
        "http://host:8080/a/dep.tar.gz",
        "https://user:secret@host/dep.zip",
        "https://127.0.0.1/dep.tar.lzma?x=1#sha256=0",
        "https://host/dep.zip/",
        "https://host/dep.git",
        "https://host/dep.GIT#egg=dep",
        "https://host/dep.Tar.gz",
        "https://host/>=1.0<2.0.zip",
        "https://host/a;b.zip",
        "https://host/%zz.zip",
        "git+https://host/dep",
        "git+http://host/dep.git@v1.0#subdirectory=a",
        "git+ssh://git@host/dep.git",
        "git+https://host",
    ),
    False: (
        "https://host/u/dep/tarball/master",
        "https://host/dep",
        "https://host",
        "https://host/dep.WHL",
        "https://host/dep.egg",
        "https://host/dep.gz",
        "https://host/.whl",
        "https://host/.tar.gz",
        "https://host/dep?x=dep.whl",
        "https://host/dep#dep.whl",
        "https://host/dep.git@main",
        "https://host/dep.git/b",
        "https://host/dep.zip;a=1",
        "git+git://host/dep.git",
        "git://host/dep.git",
        "git+git@host:dep.git",
        "git+ssh://git@host:org/dep.git",
        "hg+https://host/dep",
        "ftp://host/dep.zip",
        "s3://bucket/dep.whl",
        "foo://dep",
        "dep.whl",
        "./dep.whl",
        "../dep.whl",
        "~/dep.whl",
    ),
    # Of others nothing is claimed.
    None: (
        "https:dep.zip",
        "https://[::1]/dep.zip",
        "https://host:65536/dep.zip",
        "https://1.2.3.999/dep.zip",
        "https://xn--a/dep.zip",
        "https://a.xn--a.com/dep.zip",
        "https://host/dep.git//",  # uv ends by a panic
        "git+https://host/dep.GIT//#a",
        "https://host/dep.zip#",  # where uv cuts, and pip does not
        "https://host/dep.zip;",
        "https://host/dep.whl/..",
        "https://host/dep%2Ewhl",
        "https://host\\dep.whl",
        "https://host/${A}.zip",
        "${HOME}/dep.zip",
        "file:///dep.zip",
        "/dep.zip",
        "C:/dep.zip",
    ),
}


@pytest.mark.parametrize(("url", "read"), [(url, read) for read in URLS for url in URLS[read]])
def test_which_it_reads(url: str, read: bool | None) -> None:
    assert is_read(f"dep @ {url} ; os_name == 'x'") is read


@pytest.mark.parametrize(
    ("text", "url", "marker"),
    [
        ("dep @ https://host/x.zip; os_name == 'x'", "https://host/x.zip", 'os_name == "x"'),
        ("dep[a]@https://host/x.zip;\tos_name == 'x'", "https://host/x.zip", 'os_name == "x"'),
        ("dep @ https://host/x.zip # said", "https://host/x.zip", ""),
        ("dep @ https://host/x.zip# said", "https://host/x.zip", ""),
        ("dep @ https://host/x  y.zip", "https://host/x%20%20y.zip", ""),
    ],
)
def test_what_it_cuts_otherwise_than_pip(text: str, url: str, marker: str) -> None:
    need = parse_metadata(text)
    assert (need.name, need.text, need.url, need.marker) == ("dep", text, url, marker)
    assert "semicolon" in need.refused  # pip passes over what states it
    assert is_read(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "dep @ https://host/x.zip ; os_name == 'x' # said",
        "dep @ https://host/x.zip ; os_name == 'x'; y",
        "dep @ https://host/x.zip ;",
        "dep @",
        "@ https://host/x.zip",
        "dep >1 @ https://host/x.zip",
    ],
)
def test_what_neither_reads(text: str) -> None:
    assert parse_metadata(text).fault


def test_most_requirements_have_none() -> None:
    assert cut("dep>=1 ; python_version < '3' # a@b") is None


def test_a_long_one_is_cut_fast() -> None:
    blanks = " " * 50_000
    text = f"dep @ https://host/x{blanks}y.zip"
    assert len(cut(text) or "") > 3 * len(blanks)
    assert is_read(f"dep @ https://host{'/x' * 20_000}/..{'/y' * 10_000}") is None
