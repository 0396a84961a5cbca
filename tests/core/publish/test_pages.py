"""What the pages say, read back as a client reads them: JSON, and HTML by an HTML parser."""

import json
from hashlib import sha256
from html.parser import HTMLParser
from time import process_time
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from pypisync.core.publish.pages import (
    FORM,
    Page,
    PageFile,
    project_html,
    project_json,
    root_html,
    root_json,
    root_json_changed,
)
from tests.deep import scaled

BASE = "http://mirror.test/simple/holygrail/"
HEX = "0123456789abcdef" * 4


def wheel(version: str = "1.0", **changes: Any) -> PageFile:
    filename = changes.pop("filename", f"holygrail-{version}-py3-none-any.whl")
    path = f"packages/aa/bb/{'c' * 60}/{filename}"
    plain = PageFile(filename, version, path, HEX, 1337, None, None, None, None, None)
    return replace(plain, **changes)


def page(*files: PageFile, status: str = "active", reason: str | None = None) -> Page:
    return Page("holygrail", 123, status, reason, files)


class Reader(HTMLParser):
    """Anchors as (attributes, text), and the meta tags."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[tuple[dict[str, str | None], str]] = []
        self.meta: dict[str, str | None] = {}
        self.comments: list[str] = []
        self.open: tuple[dict[str, str | None], str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.open = (values, "")
        elif tag == "meta" and (name := values.get("name")):
            self.meta[name] = values["content"]

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open = (self.open[0], self.open[1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.open:
            self.anchors.append(self.open)
            self.open = None

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def read_html(data: bytes) -> Reader:
    reader = Reader()
    reader.feed(data.decode("utf-8"))
    return reader


def pip_links(data: bytes, content_type: str) -> list[Any]:
    collector = pytest.importorskip("pip._internal.index.collector")
    return list(collector.parse_links(collector.IndexContent(data, content_type, "utf-8", BASE)))


def test_the_least_page_has_only_what_is_mandatory() -> None:
    assert json.loads(project_json(page(wheel()))) == {
        "meta": {"api-version": "1.4", "_last-serial": 123},
        "name": "holygrail",
        "project-status": {"status": "active"},
        "versions": ["1.0"],
        "files": [
            {
                "filename": "holygrail-1.0-py3-none-any.whl",
                "url": f"../../packages/aa/bb/{'c' * 60}/holygrail-1.0-py3-none-any.whl",
                "hashes": {"sha256": HEX},
                "size": 1337,
            }
        ],
    }


def test_a_full_file_carries_every_key() -> None:
    file = wheel(
        uploaded="2024-01-17T16:53:12.779164Z",
        requires_python=">=3.8,<4",
        yanked='broken "badly" <&>',
        metadata_sha256="f" * 64,
        provenance="https://upstream.test/p",
    )
    entry = json.loads(project_json(page(file)))["files"][0]
    assert entry["upload-time"] == "2024-01-17T16:53:12.779164Z"
    assert entry["requires-python"] == ">=3.8,<4"
    assert entry["yanked"] == 'broken "badly" <&>'
    assert entry["core-metadata"] == {"sha256": "f" * 64}
    assert entry["provenance"] == "https://upstream.test/p"
    assert "data-dist-info-metadata" not in entry
    attributes, text = read_html(project_html(page(file))).anchors[0]
    assert text == file.filename
    assert attributes == {
        "href": f"../../{file.path}#sha256={HEX}",
        "data-requires-python": ">=3.8,<4",
        "data-yanked": 'broken "badly" <&>',
        "data-core-metadata": "sha256=" + "f" * 64,
        "data-dist-info-metadata": "sha256=" + "f" * 64,
        "data-provenance": "https://upstream.test/p",
    }


def test_empty_optional_values_are_left_out() -> None:
    file = wheel(requires_python="", uploaded="", metadata_sha256="", provenance="")
    data = project_json(page(file, reason=""))
    assert set(json.loads(data)["files"][0]) == {"filename", "url", "hashes", "size"}
    assert b"null" not in data
    assert b'""' not in data
    html = project_html(page(file, reason=""))
    assert b"data-" not in html
    assert b"reason" not in html


def test_a_yank_without_a_reason_is_a_yank_for_every_client() -> None:
    file = wheel(yanked="")
    assert json.loads(project_json(page(file)))["files"][0]["yanked"] is True
    assert b'data-yanked=""' in project_html(page(file))


def test_an_upload_time_that_would_cost_the_whole_page_is_left_out() -> None:
    for wrong in ("2024-01-17T16:53:12", "2024-13-17T16:53:12Z", "yesterday", "2024-01-17"):
        assert b"upload-time" not in project_json(page(wheel(uploaded=wrong)))
    assert b"upload-time" in project_json(page(wheel(uploaded="2024-01-17T16:53:12Z")))


def test_versions_and_files_are_sorted_as_pep_440_whatever_the_order() -> None:
    names = ["1.10", "1.9", "1.0rc1", "1.0", "1.0.post1", "1!0.1"]
    files = [wheel(version) for version in names]
    files.append(wheel("1.9", filename="holygrail-1.9-cp311-cp311-win32.whl"))
    document = json.loads(project_json(page(*files)))
    assert document["versions"] == ["1.0rc1", "1.0", "1.0.post1", "1.9", "1.10", "1!0.1"]
    assert [file["filename"] for file in document["files"]][3:5] == [
        "holygrail-1.9-cp311-cp311-win32.whl",
        "holygrail-1.9-py3-none-any.whl",
    ]
    assert project_json(page(*files)) == project_json(page(*reversed(files)))
    assert project_html(page(*files)) == project_html(page(*reversed(files)))


def test_equal_versions_in_two_spellings_are_one() -> None:
    files = [wheel("1.0.0"), wheel("1.0", filename="holygrail-1.0-py2-none-any.whl")]
    for order in (files, files[::-1]):
        assert json.loads(project_json(page(*order)))["versions"] == ["1.0"]


def test_links_are_encoded_and_lead_to_the_file() -> None:
    file = wheel("1!1.0+local.1")
    entry = json.loads(project_json(page(file)))["files"][0]
    assert entry["url"].endswith("holygrail-1%211.0%2Blocal.1-py3-none-any.whl")
    assert unquote(urlsplit(urljoin(BASE, entry["url"])).path) == "/" + file.path
    href = read_html(project_html(page(file))).anchors[0][0]["href"]
    assert href == entry["url"] + "#sha256=" + HEX


def test_a_quarantined_project_offers_nothing() -> None:
    data = page(wheel(), status="quarantined", reason="malware <script>")
    document = json.loads(project_json(data))
    assert document["files"] == document["versions"] == []
    assert document["project-status"] == {"status": "quarantined", "reason": "malware <script>"}
    reader = read_html(project_html(data))
    assert reader.anchors == []
    assert reader.meta["pypi:project-status"] == "quarantined"
    assert reader.meta["pypi:project-status-reason"] == "malware <script>"


def test_html_says_what_it_is() -> None:
    reader = read_html(project_html(page(wheel())))
    assert reader.meta["pypi:repository-version"] == "1.4"
    assert reader.meta["pypi:project-status"] == "active"
    assert reader.comments == ["SERIAL 123"]


def test_pip_reads_the_same_from_both_forms() -> None:
    files = [
        wheel("1.0", requires_python=">=3.8", metadata_sha256="e" * 64),
        wheel("1.1+x", yanked="no & never"),
        wheel("1.2", yanked="", uploaded="2024-01-17T16:53:12Z"),
    ]
    from_json = pip_links(project_json(page(*files)), "application/vnd.pypi.simple.v1+json")
    from_html = pip_links(project_html(page(*files)), "text/html")
    for links in (from_json, from_html):
        assert [link.filename for link in links] == [file.filename for file in files]
        assert [(link.hash_name, link.hash) for link in links] == [("sha256", HEX)] * 3
        assert [link.requires_python for link in links] == [">=3.8", None, None]
        assert links[0].metadata_file_data.hashes == {"sha256": "e" * 64}
        assert links[1].metadata_file_data is None
        assert links[1].yanked_reason == "no & never"
    assert from_json[2].is_yanked
    assert from_html[2].is_yanked
    for link in from_json:
        parse_wheel_filename(link.filename)
        SpecifierSet(link.requires_python or "")


def test_the_root_lists_projects_by_name_with_their_serials() -> None:
    projects = [("zope-interface", 9), ("attrs", 7)]
    assert json.loads(root_json(projects, 10)) == {
        "meta": {"api-version": "1.4", "_last-serial": 10},
        "projects": [
            {"name": "attrs", "_last-serial": 7},
            {"name": "zope-interface", "_last-serial": 9},
        ],
    }
    reader = read_html(root_html([name for name, _ in projects]))
    assert [(attrs["href"], text) for attrs, text in reader.anchors] == [
        ("attrs/", "attrs"),
        ("zope-interface/", "zope-interface"),
    ]
    assert reader.comments == []  # its bytes stay while the names do


NAMES = st.dictionaries(
    st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,2})?", fullmatch=True), st.integers(0, 99), min_size=1
)


@given(NAMES, st.data())
def test_serials_change_in_the_root_as_if_it_were_written_anew(
    projects: dict[str, int], data: st.DataObject
) -> None:
    old = root_json(list(projects.items()), 5)
    some = data.draw(st.dictionaries(st.sampled_from(sorted(projects)), st.integers(0, 999)))
    new = root_json(list((projects | some).items()), 6)
    count = len(projects)
    assert root_json_changed(old, some, 6, count) == new
    assert root_json_changed(new, some, 6, count) == new
    assert root_json_changed(old, some, 6, count + 1) is None
    assert root_json_changed(old[:-1], some, 6, count) is None
    assert root_json_changed(old, {"other": 1}, 6, count) is None


def test_lone_surrogates_do_not_stop_a_page() -> None:
    data = page(wheel(yanked="\ud800 é", requires_python="\udfff"), reason="\udc80")
    entry = json.loads(project_json(data))["files"][0]
    assert entry["yanked"] == "? é"
    assert read_html(project_html(data)).anchors[0][0]["data-yanked"] == "? é"


# Text as upstream's JSON can carry it: control characters, markup.
anything = st.text(st.characters(exclude_characters="\r\0"), min_size=1, max_size=30)


@settings(deadline=None, max_examples=scaled(60))
@given(reason=anything, requires=anything, yanked=anything)
def test_hostile_text_stays_text(reason: str, requires: str, yanked: str) -> None:
    data = page(wheel(requires_python=requires, yanked=yanked), reason=reason)
    document = json.loads(project_json(data).decode("utf-8"))
    reader = read_html(project_html(data))
    assert len(reader.anchors) == 1
    attributes, _ = reader.anchors[0]
    entry = document["files"][0]
    assert attributes["data-yanked"] == entry["yanked"]
    assert attributes["data-requires-python"] == entry["requires-python"]
    assert reader.meta["pypi:project-status-reason"] == document["project-status"]["reason"]
    if reason.isprintable():
        assert document["project-status"]["reason"] == reason


@settings(deadline=None, max_examples=scaled(40))
@given(st.lists(st.from_regex(r"[0-9]{1,2}\.[0-9](a[0-9]|\.post[0-9])?", fullmatch=True)))
def test_versions_are_exactly_those_of_the_files(texts: list[str]) -> None:
    document = json.loads(project_json(page(*map(wheel, texts))))
    versions = [Version(text) for text in document["versions"]]
    assert versions == sorted(set(map(Version, texts)))
    assert len(document["files"]) == len(texts)


def test_a_large_page_is_quick() -> None:
    files = [wheel(f"{i}.{j}", requires_python=">=3.8") for i in range(100) for j in range(50)]
    big = page(*files)
    start = process_time()
    project_json(big)
    project_html(big)
    assert process_time() - start < 2  # tens of milliseconds of a core


def test_other_bytes_are_another_form() -> None:
    """Whoever changes what a page looks like raises FORM, and then the figures here."""
    file = wheel(requires_python=">=3.9", yanked="", metadata_sha256=HEX, provenance="https://p/x")
    plain = replace(wheel("2.0"), uploaded="2026-01-02T03:04:05Z")
    whole = page(file, plain, status="archived", reason="done <here>")
    made = [project_json(whole), project_html(whole), root_json([("a", 1)], 2), root_html(["a"])]
    digest = sha256(b"".join(made)).hexdigest()[:16]
    assert (FORM, digest) == ("2", "f9b9f512597d494b")


def test_names_in_the_root_are_written_alike_whether_or_not_one_is_odd() -> None:
    """Where all are plain, none is looked at for what would have to be escaped."""
    plain = root_html(["b-c", "a"]).decode()
    assert '<a href="a/">a</a><br>\n<a href="b-c/">b-c</a><br>\n' in plain
    odd = root_html(["b-c", "a", "x<y z"]).decode()
    assert odd == plain.replace(
        "b-c</a><br>\n", 'b-c</a><br>\n<a href="x%3Cy%20z/">x&lt;y z</a><br>\n'
    )
