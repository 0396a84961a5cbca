"""Project documents of the legacy JSON API."""

from typing import Any
from unittest.mock import ANY

import pytest

from pypisync.core.standards.model import File, ProjectDocument, Validators
from pypisync.errors import Malformed
from pypisync.upstream.documents import parse_legacy, parse_requires
from tests.upstream.test_documents import SHA, reply


def legacy_file(**changes: Any) -> dict[str, Any]:
    return {
        "filename": "holy_grail-1.0.tar.gz",
        "url": "https://files.test/holy_grail-1.0.tar.gz",
        "digests": {"md5": "x", "sha256": SHA},
        "size": 5,
        "upload_time_iso_8601": "2024-01-17T16:53:12Z",
        "requires_python": None,
        "yanked": False,
        "yanked_reason": None,
        "core-metadata": False,
    } | {k.replace("__", "-"): v for k, v in changes.items()}


def legacy(**changes: Any) -> dict[str, Any]:
    whole = {
        "info": {"name": "Holy.Grail", "version": "1.0", "requires_dist": ["a>1", "b"]},
        "last_serial": 7,
        "releases": {"1.0": [legacy_file()], "0.9": [], "bad!": [legacy_file(filename="b.zip")]},
        "urls": [legacy_file()],
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def test_all_of_a_legacy_document_is_read() -> None:
    file = legacy_file(yanked=True, yanked_reason="bad", core__metadata={"sha256": SHA})
    document = parse_legacy(
        "holy-grail", reply(legacy(releases={"1.0": [file], "0.9": [], "x!": []}), ETag='"e"')
    )
    assert not document.partial
    assert document == ProjectDocument(
        name="holy-grail",
        display="Holy.Grail",
        serial=7,
        files=(
            File(
                "holy_grail-1.0.tar.gz",
                "https://files.test/holy_grail-1.0.tar.gz",
                SHA,
                5,
                "2024-01-17T16:53:12Z",
                None,
                "bad",
                SHA,
            ),
        ),
        status=None,
        validators=Validators('"e"', None, ANY),
        form="legacy",
        versions=("0.9", "x!"),
        requires={"1.0": ("a>1", "b")},
    )


def test_a_yank_without_a_reason() -> None:
    page = legacy(releases={"1.0": [legacy_file(yanked=True)]})
    assert parse_legacy("holy-grail", reply(page)).files[0].yanked == ""


def test_without_releases_the_newest_is_known() -> None:
    document = parse_legacy("holy-grail", reply(legacy(releases=...)))
    assert document.partial
    assert [file.filename for file in document.files] == ["holy_grail-1.0.tar.gz"]


def test_requirements_that_are_not_stated_are_none() -> None:
    page = legacy(info={"name": "holy-grail", "version": "1.0", "requires_dist": None})
    assert parse_legacy("holy-grail", reply(page)).requires == {"1.0": None}
    assert parse_requires("holy-grail", reply(page)) is None
    assert parse_requires("holy-grail", reply(legacy())) == ("a>1", "b")


def test_a_bad_legacy_file_is_left_out_alone() -> None:
    entries = [legacy_file(url=""), 7, legacy_file(digests={}, size=-1, filename="ok.zip")]
    document = parse_legacy("holy-grail", reply(legacy(releases={"1.0": entries})))
    assert [(file.filename, file.sha256, file.size) for file in document.files] == [
        ("ok.zip", "", None)
    ]
    assert len(document.skipped) == 2


@pytest.mark.parametrize(
    "document",
    [
        b"",
        legacy(info=...),
        legacy(info={"name": "other"}),
    ],
)
def test_a_legacy_document_that_breaks_its_form_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        parse_legacy("holy-grail", reply(document))


@pytest.mark.parametrize(("stated", "read"), [("7", 7), (-1, 0), ("x", 0), (None, 0)])
def test_a_serial_is_a_number_or_text_or_unsaid(stated: object, read: int) -> None:
    assert parse_legacy("holy-grail", reply(legacy(last_serial=stated))).serial == read
