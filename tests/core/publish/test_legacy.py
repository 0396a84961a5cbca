"""Documents of the JSON API, and what our own client reads in them."""

import json

import pytest
from msgspec.structs import replace

from pypisync.core.publish.legacy import Described, chosen, document
from pypisync.core.publish.pages import Page, PageFile
from pypisync.core.standards.model import Vulnerability
from pypisync.errors import Malformed
from pypisync.upstream.documents import parse_legacy, parse_requires, parse_vulnerabilities
from pypisync.upstream.session import Reply

HEX = "0" * 64
SINCE = "2026-11-29T00:00:00Z"
OLD = PageFile(
    "a-1.0-py3-none-any.whl", "1.0", f"packages/aa/bb/{'c' * 60}/a-1.0-py3-none-any.whl",
    HEX, 7, "2026-01-02T03:04:05.678901Z", ">=3.9", None, HEX, None,
)  # fmt: skip
NEW = replace(
    OLD, filename="a-2.0.tar.gz", version="2.0", path=f"packages/aa/bb/{'d' * 60}/a-2.0.tar.gz",
    uploaded=None, metadata_sha256=None, yanked="broken",
)  # fmt: skip
PAGE = Page("a", 9, "active", None, (NEW, OLD))


@pytest.mark.parametrize(
    ("page", "version", "found"),
    [
        (PAGE, None, "1.0"),  # what is yanked comes last
        (replace(PAGE, files=(NEW,)), None, "2.0"),
        (replace(PAGE, files=(OLD, replace(NEW, yanked=None))), None, "2.0"),
        (replace(PAGE, files=(OLD, replace(NEW, yanked=None, version="2.0rc1"))), None, "1.0"),
        (PAGE, "2.0", "2.0"),
        (PAGE, "3.0", None),
        (PAGE, "1", "1.0"),  # another spelling
        (PAGE, "v2.0.0", "2.0"),
        (replace(PAGE, files=(replace(NEW, yanked=None), replace(NEW, filename="b"))), None, "2.0"),
        (replace(PAGE, files=(NEW, replace(NEW, yanked=None, filename="b"), OLD)), None, "2.0"),
        (replace(PAGE, files=()), None, None),
        (replace(PAGE, status="quarantined"), None, None),
    ],
)
def test_which_release_a_document_is_about(
    page: Page, version: str | None, found: str | None
) -> None:
    assert chosen(page, version) == found


def reply(about: Described, *, whole: bool = True) -> Reply:
    made = document(PAGE, "1.0", about, "http://mirror", SINCE, whole=whole)
    return Reply(200, "http://mirror/pypi/a/json", {"Content-Type": "application/json"}, made)


def test_our_own_client_reads_the_same_in_it() -> None:
    read = parse_legacy("a", reply(Described()))
    assert (read.name, read.serial) == ("a", 9)
    files = {file.filename: file for file in read.files}
    old, new = files[OLD.filename], files[NEW.filename]
    assert old.url == f"http://mirror/{OLD.path}"
    assert (old.sha256, old.size, old.uploaded) == (OLD.sha256, OLD.size, OLD.uploaded)
    assert (old.requires_python, old.yanked) == (">=3.9", None)
    assert (new.yanked, new.uploaded) == ("broken", SINCE)


OLD_ENTRY = {
    "filename": "a-1.0-py3-none-any.whl",
    "url": f"http://mirror/{OLD.path}",
    "digests": {"sha256": HEX},
    "size": 7,
    "packagetype": "bdist_wheel",
    "python_version": "py3",
    "requires_python": ">=3.9",
    "upload_time": "2026-01-02T03:04:05",
    "upload_time_iso_8601": "2026-01-02T03:04:05.678901Z",
    "yanked": False,
    "yanked_reason": None,
    "core-metadata": {"sha256": HEX},
}
NEW_ENTRY = OLD_ENTRY | {
    "filename": "a-2.0.tar.gz",
    "url": f"http://mirror/{NEW.path}",
    "packagetype": "sdist",
    "python_version": "source",
    "upload_time": "2026-11-29T00:00:00",
    "upload_time_iso_8601": SINCE,
    "yanked": True,
    "yanked_reason": "broken",
    "core-metadata": False,
}
NOTHING = {
    "name": "a", "version": "1.0", "summary": None, "license": None, "license_expression": None,
    "requires_dist": None, "provides_extra": None, "requires_python": ">=3.9", "yanked": False,
    "yanked_reason": None,
}  # fmt: skip


def made(version: str, about: Described, *, whole: bool) -> object:
    return json.loads(document(PAGE, version, about, "http://mirror", SINCE, whole=whole))


def test_a_document_has_the_keys_of_pypi() -> None:
    part = {"info": NOTHING, "last_serial": 9, "urls": [OLD_ENTRY]}
    assert made("1.0", Described(), whole=False) == part
    releases = {"1.0": [OLD_ENTRY], "2.0": [NEW_ENTRY]}
    assert made("1.0", Described(), whole=True) == part | {"releases": releases}
    assert list(json.loads(reply(Described()).body)["releases"]) == ["1.0", "2.0"]
    bad = Vulnerability("PYSEC-1", ("CVE-1",), "", ("2.0",), "")
    about = Described("s", "MIT License", "MIT", ("b",), ("x",), (bad,))
    info = NOTHING | {
        "version": "2.0", "summary": "s", "license": "MIT License", "license_expression": "MIT",
        "requires_dist": ["b"], "provides_extra": ["x"], "yanked": True, "yanked_reason": "broken",
    }  # fmt: skip
    assert made("2.0", about, whole=False) == {
        "info": info,
        "last_serial": 9,
        "urls": [NEW_ENTRY],
        "vulnerabilities": [
            {
                "id": "PYSEC-1", "aliases": ["CVE-1"], "summary": None, "fixed_in": ["2.0"],
                "link": None, "withdrawn": None,
            }
        ],
    }  # fmt: skip


def test_a_release_is_yanked_if_all_its_files_are() -> None:
    other = replace(OLD, filename="a-1.0.tar.gz", yanked="")
    page = replace(PAGE, files=(OLD, other))
    document_ = json.loads(document(page, "1.0", Described(), "", SINCE, whole=False))
    assert (document_["info"]["yanked"], document_["info"]["yanked_reason"]) == (False, None)
    assert [file["yanked"] for file in document_["urls"]] == [False, True]
    assert document_["urls"][1]["yanked_reason"] is None


def test_requirements_that_are_unknown_are_not_none() -> None:
    known = reply(Described(requires=("b>=1", "c; extra == 'x'")), whole=False)
    assert parse_requires("a", known) == ("b>=1", "c; extra == 'x'")
    assert parse_requires("a", reply(Described(requires=()))) == ()
    assert parse_requires("a", reply(Described())) is None


def test_a_release_that_was_never_examined_is_not_called_safe() -> None:
    found = Vulnerability("PYSEC-2026-1", ("CVE-2026-1",), "bad", ("2.0",), "https://x")
    assert parse_vulnerabilities("a", reply(Described(vulnerabilities=(found,)))) == (found,)
    assert parse_vulnerabilities("a", reply(Described(vulnerabilities=()))) == ()
    with pytest.raises(Malformed):
        parse_vulnerabilities("a", reply(Described()))
