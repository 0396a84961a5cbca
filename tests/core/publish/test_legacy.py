"""Documents of the JSON API, and what our own client reads in them."""

from dataclasses import replace

import pytest

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
