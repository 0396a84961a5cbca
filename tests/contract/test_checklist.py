"""What indexes do that is not as the standards say, point by point: which test holds each.

The points are those that clients of other indexes have stumbled over. Each has a test where its
code is tested; those that no module owns are here.
"""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from pypisync.core.standards import filenames
from pypisync.core.standards.model import NO_VALIDATORS, ProjectDocument
from pypisync.upstream.api import ProjectAsk
from pypisync.upstream.client import HttpUpstream, Settings
from pypisync.upstream.documents import parse_root, parse_simple
from pypisync.upstream.session import Reply
from tests.sim.asks import asked
from tests.sim.faces import FACES
from tests.upstream.scripted import Answer, Asked, Scripted, Teller, json

TESTS = Path(__file__).parents[1]
SHA = "ab" * 32
HTML = {"Content-Type": "text/html"}

_HTML = "upstream/test_html_pages.py::"
_FACES = "contract/test_faces.py::"
_HERE = "contract/test_checklist.py::"

CHECKLIST: Mapping[str, tuple[str, ...]] = {
    "links: relative, root-relative, to a third host": (
        f"{_HTML}test_links_start_where_the_page_came_from",
        f"{_FACES}test_the_first_sync_is_that_from_pypi",
    ),
    "links: <base>": (f"{_HTML}test_the_first_base_counts",),
    "links: a page without a slash at its end": (
        f"{_HERE}test_links_of_a_page_without_a_slash_start_one_level_up",
    ),
    "names: %2B for +": (f"{_HTML}test_a_plus_may_be_escaped",),
    "names: + in a request, escaped or not": (f"{_HERE}test_a_plus_is_asked_for_as_it_is_linked",),
    "hashes: sha256, md5, sha1, sha512, a dash, none, upper case, several": (
        f"{_HTML}test_the_hash_is_in_the_fragment",
        "recipe/test_unverified.py::test_the_hash_is_computed_and_listed",
    ),
    "Content-Type: none, odd case, application/json": (
        f"{_HTML}test_html_is_told_by_its_type_or_by_sight",
        "upstream/test_documents.py::test_json_is_told_by_its_type_or_by_sight",
    ),
    "root: 401, 403, 404, 405, a redirect, empty": (
        "upstream/test_feeds.py::test_with_neither_its_projects_are_polled",
    ),
    "root: HTML whose links have no slash": (f"{_HTML}test_the_root_lists_names_without_serials",),
    "root: 40 MB": (f"{_HERE}test_a_root_of_forty_megabytes_is_read",),
    "unknown project: 403, 404, a redirect elsewhere, an empty page": (
        f"{_FACES}test_a_name_that_is_not_there_stops_nothing",
        "upstream/test_places.py::test_documents_never_come_from_another_origin",
    ),
    "a time stamp in the body": (f"{_FACES}test_nothing_changed_nothing_written",),
    "serials: text, none": (
        "upstream/test_documents.py::test_a_serial_is_a_number_or_text_or_unsaid",
    ),
    "serials: constant": (f"{_FACES}test_after_a_change_it_is_that_from_pypi",),
    "serials: going back": (
        "upstream/test_feeds.py::test_serials_that_went_back_are_noticed",
        "recipe/test_feeds.py::test_each_step_of_the_ladder_loses_nothing",
    ),
    "ranges: ignored, announced and not kept, 416": (
        "upstream/test_ranges.py::test_what_is_no_range_is_none",
        "upstream/test_ranges.py::test_the_body_of_a_200_is_not_read",
    ),
    "ranges: only behind a redirect": (
        "upstream/test_ranges.py::test_it_is_the_final_host_that_is_remembered",
    ),
    "core-metadata stated, and 404": (
        "recipe/test_bad_files.py::test_metadata_that_is_missing_or_wrong_is_asked_for_elsewhere",
    ),
    "JSON without versions and sizes": (
        "upstream/test_documents.py::test_the_least_of_a_page_is_enough",
    ),
    "empty strings for what is not stated": (
        "upstream/test_documents.py::test_a_files_keys",
        f"{_FACES}test_the_first_sync_is_that_from_pypi",
    ),
    "the same file name with other bytes on a second index": (
        "recipe/test_indexes.py::test_other_bytes_under_the_same_name_are_told_and_never_mixed",
    ),
    "a login page with 200": (
        f"{_HTML}test_a_page_of_another_kind_is_no_empty_index",
        "recipe/test_vanishing.py::test_an_index_that_denies_much_is_broken",
    ),
    "Content-Encoding: gzip on a .tar.gz": (
        "upstream/test_download.py::test_a_tar_gz_that_is_called_encoded_arrives",
    ),
    "latest+json refused by 406": (f"{_HERE}test_no_index_is_asked_for_the_latest_json",),
    "wheels with variants, .egg, .exe, .rpm": (
        f"{_HERE}test_files_of_kinds_that_installers_do_not_take",
    ),
    "429 with Retry-After as a date": (
        "upstream/test_session.py::test_retry_after_in_its_two_forms",
        "upstream/test_session.py::test_retry_after_is_waited_out",
    ),
}


@pytest.mark.parametrize("point", CHECKLIST)
def test_every_point_has_its_tests(point: str) -> None:
    for node in CHECKLIST[point]:
        module, _, name = node.partition("::")
        tree = ast.parse((TESTS / module).read_text(encoding="utf-8"))
        assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}, node


def test_each_kind_of_oddity_is_some_faces() -> None:
    """So the contract suite meets them where they come together."""

    def kinds(of: str) -> set[object]:
        return {getattr(face, of) for face in FACES}

    assert kinds("unknown") == {"404", "403", "empty", "elsewhere"}
    assert kinds("serial") == {"number", "text", "constant", "none"}
    assert kinds("links") == {"absolute", "relative", "root"}
    assert kinds("hashes") >= {"sha256", "dash", "md5", "some"}
    assert kinds("form") == {"negotiated", "json", "html", "json or 406"} - {"json"}
    assert kinds("ranges") == {"yes", "no", "lies"}
    assert kinds("stamp") == kinds("empties") == kinds("etags") == {True, False}


def test_links_of_a_page_without_a_slash_start_one_level_up() -> None:
    """As in any browser: what counts is the address that answered."""
    body = b'<title>Links for a</title><a href="../packages/a-1.zip">a-1.zip</a>'
    page = parse_simple("a", Reply(200, "https://index.test/simple/a", HTML, body))
    assert [file.url for file in page.files] == ["https://index.test/packages/a-1.zip"]


def project(upstream: HttpUpstream) -> ProjectDocument:
    answer = asked(upstream, ProjectAsk("a", 0, NO_VALIDATORS))
    assert isinstance(answer, ProjectDocument), answer
    return answer


@pytest.mark.parametrize("linked", ["a-1%2Bcpu-py3-none-any.whl", "a-1+cpu-py3-none-any.whl"])
def test_a_plus_is_asked_for_as_it_is_linked(linked: str) -> None:
    body = f'<title>Links for a</title><a href="/f/{linked}">a</a>'.encode()
    page = parse_simple("a", Reply(200, "https://index.test/simple/a/", HTML, body))
    [file] = page.files
    assert file.url == f"https://index.test/f/{linked}"
    assert file.filename == "a-1+cpu-py3-none-any.whl"


def test_a_root_of_forty_megabytes_is_read() -> None:
    told = " ".join(f"word-{number}" for number in range(70))
    link = f'<a href="/simple/project-%07d/" title="{told}">project-%07d</a><br/>\n'
    count = 40_000_000 // len(link % (0, 0))
    body = "<!DOCTYPE html><title>Simple index</title>" + "".join(
        link % (number, number) for number in range(count)
    )
    root = parse_root(Reply(200, "https://index.test/simple/", HTML, body.encode()))
    assert len(root.projects) == count
    assert root.projects[-1] == (f"project-{count - 1:07d}", None)


def refusing(kind: str, answer: Answer) -> Teller:
    """406 to whoever names this kind at all."""

    def tell(asked: Asked) -> Answer:
        return Answer(406) if kind in asked.headers.get("accept", "") else answer

    return tell


def test_no_index_is_asked_for_the_latest_json() -> None:
    page = (
        '{"meta": {"api-version": "1.1"}, "name": "a", "files": [{"filename": "a-1.zip",'
        f' "url": "/f/a-1.zip", "hashes": {{"sha256": "{SHA}"}}}}]}}'
    )
    with Scripted() as server:
        server.tell("/simple/a/", refusing("latest", json(page)))
        upstream = client(server.url)
        assert [file.filename for file in project(upstream).files] == ["a-1.zip"]
        upstream.close()


def client(url: str) -> HttpUpstream:
    return HttpUpstream(Settings(url, retries=1), sleep=lambda _: None, clock=lambda: 0.0)


ODD = (
    "a-1-py3-none-any-x86_64_v3.whl",
    "a-1-variants.json",
    "a-1-py3.11.egg",
    "a-1.win32.exe",
    "a-1-1.noarch.rpm",
)


def test_files_of_kinds_that_installers_do_not_take() -> None:
    """They cost nothing: what can be installed beside them is there."""
    links = "".join(f'<a href="/f/{name}#sha256={SHA}">{name}</a>' for name in ODD)
    body = f'<title>Links for a</title>{links}<a href="/f/a-1.zip#sha256={SHA}">a-1.zip</a>'
    page = parse_simple("a", Reply(200, "https://index.test/simple/a/", HTML, body.encode()))
    assert "a-1.zip" in {file.filename for file in page.files}
    assert filenames.parse("a", "a-1.zip").kind == "sdist"
    for odd in ODD:
        with pytest.raises(ValueError, match="a-1"):
            filenames.parse("a", odd)
