"""Pages in HTML: as they are in the wild, and the same as in JSON where both say the same."""

import re
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.standards.model import NO_VALIDATORS, File, ProjectDocument
from pypisync.errors import Malformed
from pypisync.upstream import html_pages
from pypisync.upstream.documents import is_json, parse_root, parse_simple
from pypisync.upstream.session import Reply

SHA, SHA512 = "ab" * 32, "cd" * 64
URL = "https://index.test/top/simple/a/"
HTML = {"Content-Type": "text/html"}


def page(body: str, url: str = URL, **headers: str) -> Reply:
    sent = HTML | {key.replace("_", "-"): value for key, value in headers.items()}
    return Reply(200, url, sent, f"<!DOCTYPE html><title>Links for a</title>{body}".encode())


def document(body: str, url: str = URL) -> ProjectDocument:
    return parse_simple("a", page(body, url))


def file(body: str, url: str = URL) -> File:
    (found,) = document(body, url).files
    return found


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("a-1.zip", "https://index.test/top/simple/a/a-1.zip"),
        ("../../packages/a/a-1.zip", "https://index.test/top/packages/a/a-1.zip"),
        ("/f/a-1.zip", "https://index.test/f/a-1.zip"),
        ("//other.test/a-1.zip", "https://other.test/a-1.zip"),
        ("http://other.test/x/a-1.zip?a=1&amp;b=2", "http://other.test/x/a-1.zip?a=1&b=2"),
        (" a-1.zip\n", "https://index.test/top/simple/a/a-1.zip"),
        ("d d/a-1.zip", "https://index.test/top/simple/a/d%20d/a-1.zip"),
        ("https://bücher.test/é/a-1.zip", "https://xn--bcher-kva.test/%C3%A9/a-1.zip"),
        ("//bücher.test:8443/a-1.zip", "https://xn--bcher-kva.test:8443/a-1.zip"),
        ("é/a-1.zip", "https://index.test/top/simple/a/%C3%A9/a-1.zip"),
    ],
)
def test_links_start_where_the_page_came_from(href: str, url: str) -> None:
    found = file(f'<a href="{href}">a-1.zip</a>')
    assert (found.url, found.filename) == (url, "a-1.zip")


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://files.test/x/", "https://files.test/x/a-1.zip"),
        ("../", "https://index.test/top/simple/a-1.zip"),
        ("/y/", "https://index.test/y/a-1.zip"),
    ],
)
def test_the_first_base_counts(base: str, url: str) -> None:
    body = f'<base href="{base}"><base href="/not/"><a href="a-1.zip">a-1.zip</a>'
    assert file(body).url == url


@pytest.mark.parametrize(
    ("fragment", "sha256", "stated"),
    [
        ("", "", ""),
        (f"#sha256={SHA}", SHA, ""),
        (f"#sha256={SHA.upper()}", SHA, ""),
        (f"#sha256-{SHA}", SHA, ""),  # Gitea
        (f"#md5={'12' * 16}&amp;sha256={SHA}", SHA, ""),
        (f"#sha512={SHA512}", "", f"sha512:{SHA512}"),
        (f"#md5={'12' * 16}", "", f"md5:{'12' * 16}"),
        (f"#sha1={'12' * 20}&amp;md5={'12' * 16}", "", f"sha1:{'12' * 20}"),
        ("#sha256=short", "", ""),
        ("#egg=a&amp;subdirectory=x", "", ""),
    ],
)
def test_the_hash_is_in_the_fragment(fragment: str, sha256: str, stated: str) -> None:
    found = file(f'<a href="a-1.zip{fragment}">a-1.zip</a>')
    assert (found.sha256, found.stated, found.url[-7:]) == (sha256, stated, "a-1.zip")


def test_a_plus_may_be_escaped() -> None:
    """PyTorch's index escapes it; the name has a plus, the address stays as it is."""
    found = file('<a href="/whl/torch-2.9.0%2Bcpu-py3-none-any.whl">torch</a>')
    assert found.filename == "torch-2.9.0+cpu-py3-none-any.whl"
    assert found.url == "https://index.test/whl/torch-2.9.0%2Bcpu-py3-none-any.whl"


@pytest.mark.parametrize(
    ("attribute", "field", "read"),
    [
        ('data-requires-python="&gt;=3.8"', "requires_python", ">=3.8"),
        ("data-requires-python='>=3.8'", "requires_python", ">=3.8"),
        ('data-requires-python=""', "requires_python", None),
        ("data-yanked", "yanked", ""),
        ('data-yanked=""', "yanked", ""),
        ('data-yanked="a &amp; b"', "yanked", "a & b"),
        ("data-dist-info-metadata=true", "metadata_sha256", ""),
        (f'data-dist-info-metadata="sha256={SHA}"', "metadata_sha256", SHA),
        (f'data-core-metadata="sha256={SHA}"', "metadata_sha256", SHA),
        ('data-core-metadata="false"', "metadata_sha256", None),
        ('data-core-metadata="sha256=x"', "metadata_sha256", ""),
        ('DATA-SIZE="12"', "size", 12),
        ('data-size="x"', "size", None),
        ('data-upload-time="2024-01-17T16:53:12Z"', "uploaded", "2024-01-17T16:53:12Z"),
        ('data-upload-time=""', "uploaded", None),
        ('data-provenance="https://i.test/x"', "provenance", "https://i.test/x"),
        ('data-gpg-sig="true"', "size", None),
    ],
)
def test_a_links_attributes(attribute: str, field: str, read: object) -> None:
    assert getattr(file(f'<a rel=internal {attribute} href="a-1.zip">a-1.zip</a>'), field) == read


def test_what_the_page_says_of_the_project() -> None:
    meta = (
        '<meta name="pypi:repository-version" content="1.4">'
        '<meta name="pypi:project-status" content="archived">'
        '<meta name="pypi:project-status-reason" content="done &amp; over">'
    )
    found = document(f"<head>{meta}</head><body></body><!--SERIAL 12-->")
    assert (found.status, found.status_reason, found.serial) == ("archived", "done & over", 12)
    assert (found.form, found.files, found.skipped) == ("html", (), ())
    with pytest.raises(Malformed, match="speaks Simple API"):
        document('<meta name="pypi:repository-version" content="2.0">')


def test_links_that_are_no_distribution_are_left_alone_and_bad_ones_named() -> None:
    links = ("../", "https://a.test/", "#top", "", "a-1.zip.asc", "LICENSE", "mailto:x@y.zip")
    body = "".join(f'<a href="{link}">x</a>' for link in links) + "<a>no link</a>"
    found = document(body + '<a href="a-1.zip">x</a><a href="a-1.tar.bz2">y</a>')
    assert [one.filename for one in found.files] == ["a-1.zip", "a-1.tar.bz2"]
    assert [one.what for one in found.skipped] == ["mailto:x@y.zip"]


def test_of_several_links_to_one_file_the_one_with_a_hash_counts() -> None:
    body = (
        f'<a href="a-1.zip">a</a><a href="/f/a-1.zip#sha256={SHA}">a</a><a href="x/a-1.zip">a</a>'
    )
    assert file(body).url == "https://index.test/f/a-1.zip"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "TEXT/HTML;Charset=UTF-8"}, {"Content-Type": "text/plain"}],
)
def test_html_is_told_by_its_type_or_by_sight(headers: dict[str, str]) -> None:
    body = f'\n <html><a href="a-1.zip#sha256={SHA}">a-1.zip</a>'.encode()
    assert len(parse_simple("a", Reply(200, URL, headers, body)).files) == 1


NO_CHARSETS = ["idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF-16", "nonsense", "hex", "\udc80", *NO_CHARSETS])
def test_a_page_in_any_charset_is_read(charset: str) -> None:
    encoding = "utf-16" if charset == "UTF-16" else "utf-8"
    body = '<a href="a-1.zip" data-yanked="é">a-1.zip</a>'.encode(encoding)
    reply = Reply(200, URL, {"Content-Type": f"text/html; charset={charset}"}, body)
    assert parse_simple("a", reply).files[0].yanked == "é"


@pytest.mark.parametrize(
    "body",
    [
        "<html><title>Sign in</title><form action=/login><input type=password></form>",
        "<html><body><h1>It works!</h1></body></html>",
        '<html><title>502</title><a href="https://status.test">Status</a>',
        "<html>" + "<![foo" * 3,
    ],
)
def test_a_page_of_another_kind_is_no_empty_index(body: str) -> None:
    with pytest.raises(Malformed):
        parse_simple("a", Reply(200, URL, HTML, body.encode()))


def test_a_page_that_is_cut_off_is_malformed() -> None:
    whole = '<a href="a-1.zip">a-1.zip</a><a href="a-2.zip">a-2.zip</a>'
    assert len(document(whole).files) == 2
    for end in (whole.index("2.zip"), -1):
        with pytest.raises(Malformed, match="in the middle of a tag"):
            document(whole[:end])


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<a x='", '<a b="', "<", "&", "</a", "<!", "<?x"])
def test_hostile_html_is_read_in_time_that_grows_with_it(piece: str) -> None:
    """The test's own time limit is what would fail: quadratic work takes hours here."""
    with suppress(Malformed):
        document(piece * 300_000)


@pytest.mark.parametrize(
    "body",
    [
        '<title>Simple index</title><a href="/top/simple/b-c/">B.c</a><a href="/x/d/">d</a>',
        '<a href="b-c">B.c</a><br/><a href="d">d</a>',  # piwheels
        '<a href="../">../</a><a href="b-c/">B.c</a><a href="d/"><b>d..&gt;</b></a>',  # nginx
        '<a href="b-c/">B.c/</a><a href="d/#x">d</a><a href="/login">Log in</a>',
    ],
)
def test_the_root_lists_names_without_serials(body: str) -> None:
    root = parse_root(Reply(200, "https://index.test/top/simple/", HTML, body.encode()))
    assert root.projects == [("B.c", None), ("d", None)]
    assert root.serial == 0


@given(
    st.text(alphabet="ab./-_%:#?; \u00e9", max_size=12),
    st.sampled_from(["https://index.test/top/simple/", "https://index.test", "file:///a/b"]),
)
def test_a_plain_link_ends_as_it_would_where_it_leads(href: str, base: str) -> None:
    found = html_pages.HtmlPage(base)
    at_once = html_pages._last_of(found, href)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(html_pages, "_PLAIN", re.compile(r"(?!)"))
        assert at_once == html_pages._last_of(found, href)


def test_a_link_or_a_base_that_is_no_address_costs_no_page() -> None:
    body = (
        '<title>Simple index</title><base href="http://[x/"><a href="http://[y/">y</a>'
        '<a href="http://℀.test/z/">z</a><a href="d/">d</a>'
    )
    assert parse_root(Reply(200, URL, HTML, body.encode())).projects == [("d", None)]


def test_a_root_that_lists_nothing_is_one_only_if_it_says_so() -> None:
    with pytest.raises(Malformed):
        parse_root(Reply(200, URL, HTML, b"<form><a href=/login>Log in</a></form>"))
    assert parse_root(Reply(200, URL, HTML, b"<title>Simple index</title>")).projects == []


# --- the same world in both forms ---------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
HASHES = st.fixed_dictionaries(
    {}, optional={"sha256": st.just(SHA), "sha512": st.just(SHA512), "md5": st.just("12" * 16)}
)
ENTRY = st.fixed_dictionaries(
    {
        "filename": st.from_regex(r"a-[0-9]\+[a-z]{1,3}\.(zip|tar\.gz|egg)", fullmatch=True),
        "url": st.sampled_from(["../../f/", "/f/", "https://files.test/f/"]),
        "hashes": HASHES,
    },
    optional={
        "requires-python": TEXT.filter(bool),
        "yanked": TEXT.filter(bool) | st.just(True),
        "size": st.integers(0, 10**9),
        "upload-time": st.just("2024-01-17T16:53:12.5Z"),
        "core-metadata": st.just({"sha256": SHA}) | st.just(True),
        "provenance": st.just("https://i.test/p?x=1&y=2"),
    },
)


def as_html(entries: list[dict[str, Any]], status: str, reason: str) -> str:
    lines = [
        f'<meta name="pypi:project-status" content="{status}">',
        f'<meta name="pypi:project-status-reason" content="{escape(reason)}">',
    ]
    for entry in entries:
        fragment = "&".join(f"{name}={digits}" for name, digits in entry["hashes"].items())
        said = {"href": f"{entry['url']}{'#' if fragment else ''}{fragment}"}
        for key in ("requires-python", "size", "upload-time", "provenance"):
            if key in entry:
                said[f"data-{key}"] = str(entry[key])
        if "yanked" in entry:
            said["data-yanked"] = "" if entry["yanked"] is True else entry["yanked"]
        if "core-metadata" in entry:
            digest = entry["core-metadata"]
            said["data-core-metadata"] = "true" if digest is True else f"sha256={SHA}"
        attributes = " ".join(f'{key}="{escape(value)}"' for key, value in said.items())
        lines.append(f"<a {attributes}>{escape(entry['filename'])}</a><br>")
    return "\n".join([*lines, "<!--SERIAL 7-->"])


@given(st.lists(ENTRY, max_size=5), st.sampled_from(["active", "archived"]), TEXT.map(str.strip))
@settings(deadline=None, max_examples=150)
def test_both_forms_of_a_world_are_read_alike(
    entries: list[dict[str, Any]], status: str, reason: str
) -> None:
    entries = [entry | {"url": entry["url"] + quote(entry["filename"])} for entry in entries]
    text = {
        "meta": {"api-version": "1.4", "_last-serial": 7},
        "name": "a",
        "project-status": {"status": status, "reason": reason or None},
        "files": entries,
    }
    reply = Reply(200, URL, {}, msgspec.json.encode(text))
    assert is_json(reply)
    from_json = replace(parse_simple("a", reply), validators=NO_VALIDATORS)
    from_html = replace(
        document(as_html(entries, status, reason)), validators=NO_VALIDATORS, form="json"
    )
    assert from_html == from_json


def test_a_version_left_empty_is_unsaid() -> None:
    body = '<meta name="pypi:repository-version" content=""><a href="a-1.zip">a-1.zip</a>'
    assert len(document(body).files) == 1
