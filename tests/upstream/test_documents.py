"""Project documents: what is read from them, and that nothing hostile gets through."""

import contextlib
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards.model import File, ProjectDocument, Validators
from pypisync.errors import Malformed
from pypisync.upstream.documents import (
    is_json,
    parse_legacy,
    parse_requires,
    parse_root,
    parse_simple,
    parse_vulnerabilities,
)
from pypisync.upstream.session import Reply

SHA = "ab" * 32
URL = "https://index.test/simple/holy-grail/"
KIND = {"Content-Type": "application/vnd.pypi.simple.v1+json"}


def reply(document: object, url: str = URL, **headers: str) -> Reply:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return Reply(200, url, KIND | {k.replace("_", "-"): v for k, v in headers.items()}, body)


def simple_file(**changes: Any) -> dict[str, Any]:
    whole = {
        "filename": "holy_grail-1.0-py3-none-any.whl",
        "url": "https://files.test/a/holy_grail-1.0-py3-none-any.whl",
        "hashes": {"sha256": SHA},
    } | {k.replace("__", "-"): v for k, v in changes.items()}
    return {key: value for key, value in whole.items() if value is not ...}


def simple(*files: object, **changes: Any) -> dict[str, Any]:
    whole = {
        "meta": {"api-version": "1.4", "_last-serial": 7},
        "name": "holy-grail",
        "files": list(files),
    } | {k.replace("__", "-"): v for k, v in changes.items()}
    return {key: value for key, value in whole.items() if value is not ...}


def one(entry: dict[str, Any], url: str = URL) -> File | None:
    """The file made of this entry, which stands between two good ones."""
    before, after = simple_file(filename="before.whl"), simple_file(filename="after.whl")
    files = parse_simple("holy-grail", reply(simple(before, entry, after), url)).files
    assert [file.filename for file in files if file.filename in {"before.whl", "after.whl"}] == [
        "before.whl",
        "after.whl",
    ]
    rest = [file for file in files if file.filename not in {"before.whl", "after.whl"}]
    return rest[0] if rest else None


def test_all_of_a_page_is_read() -> None:
    page = simple(
        simple_file(
            size=1337,
            upload__time="2024-01-17T16:53:12.779164Z",
            requires__python=">=3.8",
            yanked="broken",
            core__metadata={"sha256": "CD" * 32},
            provenance="https://index.test/integrity/x",
            unknown={"a": [1]},
        ),
        project__status={"status": "archived", "reason": "done"},
        versions=["1.0", "2.0", "nonsense"],
        namespaces=None,
    )
    assert parse_simple("holy-grail", reply(page, ETag='"e"')) == ProjectDocument(
        name="holy-grail",
        display="holy-grail",
        serial=7,
        files=(
            File(
                "holy_grail-1.0-py3-none-any.whl",
                "https://files.test/a/holy_grail-1.0-py3-none-any.whl",
                SHA,
                1337,
                "2024-01-17T16:53:12.779164Z",
                ">=3.8",
                "broken",
                "cd" * 32,
                "https://index.test/integrity/x",
            ),
        ),
        status="archived",
        status_reason="done",
        validators=Validators('"e"', None, ANY),
        versions=("2.0", "nonsense"),
    )


def test_the_least_of_a_page_is_enough() -> None:
    page = simple(simple_file(), meta=...)
    document = parse_simple("holy-grail", reply(page, X_PyPI_Last_Serial="9"))
    assert (document.serial, document.status, document.validators.etag) == (9, "active", None)
    assert document.files == (
        File(
            "holy_grail-1.0-py3-none-any.whl",
            "https://files.test/a/holy_grail-1.0-py3-none-any.whl",
            SHA,
        ),
    )


@pytest.mark.parametrize(
    ("key", "value", "field", "read"),
    [
        ("yanked", True, "yanked", ""),
        ("yanked", False, "yanked", None),
        ("yanked", "", "yanked", None),
        ("yanked", None, "yanked", None),
        ("yanked", "a\0b", "yanked", "a\ufffdb"),
        ("core-metadata", True, "metadata_sha256", ""),
        ("core-metadata", {"sha256": "12" * 32}, "metadata_sha256", "12" * 32),
        ("core-metadata", {"md5": "x"}, "metadata_sha256", ""),
        ("core-metadata", {"sha256": "short"}, "metadata_sha256", ""),
        ("core-metadata", False, "metadata_sha256", None),
        ("core-metadata", None, "metadata_sha256", None),
        ("data-dist-info-metadata", {"sha256": "12" * 32}, "metadata_sha256", "12" * 32),
        ("dist-info-metadata", True, "metadata_sha256", ""),
        ("upload-time", "2024-01-17T16:53:12Z", "uploaded", "2024-01-17T16:53:12Z"),
        ("upload-time", "2024-01-17T16:53:12.5+00:00", "uploaded", "2024-01-17T16:53:12.5Z"),
        ("upload-time", "2024-01-17T16:53:12", "uploaded", None),
        ("upload-time", "2024-13-17T16:53:12Z", "uploaded", None),
        ("upload-time", "2024-01-17T16:53:12+02:00", "uploaded", None),
        ("upload-time", "", "uploaded", None),
        ("requires-python", None, "requires_python", None),
        ("requires-python", "", "requires_python", None),
        ("size", None, "size", None),
        ("size", 0, "size", 0),
        ("provenance", "http://index.test/x", "provenance", None),
        ("provenance", "/x", "provenance", None),
        ("provenance", None, "provenance", None),
        ("hashes", {"sha256": SHA.upper(), "blake2b_256": 7}, "sha256", SHA),
        ("url", "../../f/x.whl", "url", "https://index.test/f/x.whl"),
        ("url", "//files.test/x.whl#sha256=1", "url", "https://files.test/x.whl"),
        ("url", "http://files.test/x.whl#sha256=1", "url", "http://files.test/x.whl"),
    ],
)
def test_a_files_keys(key: str, value: object, field: str, read: object) -> None:
    file = one(simple_file(**{key.replace("-", "__"): value}))
    assert file is not None
    assert getattr(file, field) == read


def test_relative_addresses_start_where_the_answer_came_from() -> None:
    file = one(simple_file(url="../f/x.whl"), "http://host:81/top/simple/holy-grail/")
    assert file is not None
    assert file.url == "http://host:81/top/simple/f/x.whl"


@pytest.mark.parametrize(
    ("key", "value", "field", "read"),
    [
        ("hashes", ..., "sha256", ""),
        ("hashes", {}, "sha256", ""),
        ("hashes", None, "sha256", ""),
        ("hashes", 7, "sha256", ""),
        ("hashes", {"sha256": "zz" * 32}, "sha256", ""),
        ("hashes", {"sha256": SHA + "00"}, "sha256", ""),
        ("hashes", {"sha256": 7}, "sha256", ""),
        ("hashes", {"sha256": SHA, "md5": 7}, "sha256", SHA),
        ("hashes", {"md5": "x", "sha1": "AB" * 20}, "stated", "sha1:" + "ab" * 20),
        ("hashes", {"md5": "ab" * 16, "sha512": "cd" * 64}, "stated", "sha512:" + "cd" * 64),
        ("hashes", {"md5": "ab" * 16, "sha256": SHA}, "stated", ""),
        ("size", -1, "size", None),
        ("size", 2**60, "size", None),
        ("size", "7", "size", None),
        ("size", 1.5, "size", None),
        ("yanked", 0, "yanked", None),
        ("yanked", {}, "yanked", None),
        ("yanked", 7, "yanked", ""),
        ("yanked", ["why"], "yanked", ""),
        ("upload-time", 7, "uploaded", None),
        ("requires-python", ["x"], "requires_python", None),
        ("core-metadata", "x", "metadata_sha256", None),
        ("core-metadata", {"sha256": 7}, "metadata_sha256", ""),
        ("provenance", 7, "provenance", None),
        ("provenance", {}, "provenance", None),
    ],
)
def test_a_bad_optional_key_counts_as_unsaid(
    key: str, value: object, field: str, read: object
) -> None:
    file = one(simple_file(**{key.replace("-", "__"): value}))
    assert file is not None
    assert getattr(file, field) == read


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("filename", ..., "'filename' is missing"),
        ("filename", "", "filename"),
        ("filename", "..", "filename"),
        ("filename", "../x.whl", "filename"),
        ("filename", "a\\b.whl", "filename"),
        ("filename", "a\nb.whl", "filename"),
        ("filename", "ä" * 128, "filename"),
        ("filename", None, "'filename' is not what it should be"),
        ("url", ..., "'url' is missing"),
        ("url", "", "address"),
        ("url", "file:///etc/passwd", "address"),
        ("url", "javascript:alert(1)", "address"),
        ("url", "https://me:pw@files.test/x.whl", "address"),
        ("url", "https:///x.whl", "address"),
        ("url", "https://[x.whl", "IPv6"),
        ("url", "//[x.whl", "IPv6"),
        ("url", "https://files.test/a b.whl", "address"),
        ("url", "https://files.test/a\r\nHost: x", "address"),
        ("url", "https://files.test/" + "a" * 5000, "address"),
        ("requires-python", "x" * 5000, "Requires-Python"),
    ],
)
def test_a_file_that_breaks_a_rule_is_left_out_alone_and_named(
    key: str, value: object, why: str
) -> None:
    entry = simple_file(**{key.replace("-", "__"): value})
    assert one(entry) is None
    (skipped,) = parse_simple("holy-grail", reply(simple(simple_file(), entry))).skipped
    assert why in skipped.reason or value == "https://[x.whl"
    assert skipped.what.isprintable()
    if key != "filename":
        assert skipped.what == entry["filename"]


def test_entries_that_are_no_objects_are_left_out() -> None:
    page = parse_simple("holy-grail", reply(simple(None, 7, [], "x", simple_file())))
    assert (len(page.files), len(page.skipped)) == (1, 4)


def test_a_page_of_which_nothing_can_be_used_says_why() -> None:
    page = parse_simple("holy-grail", reply(simple(simple_file(url=...), 7)))
    assert (page.files, [entry.what for entry in page.skipped]) == (
        (),
        ["holy_grail-1.0-py3-none-any.whl", "a file without a name"],
    )


def test_of_two_files_with_one_name_the_one_with_a_hash_counts() -> None:
    page = simple(simple_file(hashes={}, size=1), simple_file(size=2), simple_file(size=3))
    assert [file.size for file in parse_simple("holy-grail", reply(page)).files] == [2]


def test_of_two_files_with_one_name_the_first_counts() -> None:
    page = simple(simple_file(size=1), simple_file(size=2))
    assert [file.size for file in parse_simple("holy-grail", reply(page)).files] == [1]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"name": "holy-grail", "files": [], "x": ' + b"[" * 100_000,
        simple(name="other"),
        simple(files=...),
        simple(files=None),
        simple(files={}),
        simple(meta={"api-version": "2.0"}),
        simple(meta={"api-version": 2}),
    ],
)
def test_a_page_that_breaks_the_standard_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        parse_simple("holy-grail", reply(document))


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("7", 7),  # bandersnatch 8, and proxies
        ("0", 0),
        (2**63 - 1, 2**63 - 1),
        (None, 0),
        ("", 0),
        ("7.5", 0),
        ("-7", 0),
        ("\u0667", 0),
        ("9" * 19, 0),
        ("9" * 9999, 0),
        (-7, 0),
        (2**63, 0),
    ],
)
def test_a_serial_is_a_number_or_text_or_unsaid(stated: object, read: int) -> None:
    page = simple(meta={"_last-serial": stated})
    assert parse_simple("holy-grail", reply(page)).serial == read
    root = {"meta": {"_last-serial": stated}, "projects": [{"name": "a", "_last-serial": stated}]}
    assert parse_root(reply(root)).serial == read
    assert [serial or 0 for _, serial in parse_root(reply(root)).projects] == [read]


@pytest.mark.parametrize("stated", [{"status": 7}, {}, {"status": "frozen"}])
def test_a_status_that_is_not_understood_is_unknown(stated: object) -> None:
    assert parse_simple("holy-grail", reply(simple(project__status=stated))).status is None


@pytest.mark.parametrize("kind", [None, "APPLICATION/JSON; charset=utf-8", "text/plain"])
def test_json_is_told_by_its_type_or_by_sight(kind: str | None) -> None:
    body = msgspec.json.encode(simple(simple_file()))
    answer = Reply(200, URL, {"Content-Type": kind} if kind else {}, body)
    assert len(parse_simple("holy-grail", answer).files) == 1
    assert is_json(answer)


def test_a_name_may_be_spelt_otherwise() -> None:
    assert parse_simple("holy-grail", reply(simple(name="Holy_Grail"))).display == "Holy_Grail"


@pytest.mark.parametrize(
    ("filename", "version", "odd"),
    [
        ("holy_grail-1.0-py3-none-any.whl", "1.0", ()),
        ("holy_grail-1.0-1-py3-none-any.whl", "1.0", ()),
        ("holy_grail-1.0.tar.gz", "1.0", ()),
        ("holy-grail-1.0.zip", "1.0", ()),
        ("holy_grail-1.0.0.tar.gz", "1.0", ()),
        ("holy_grail-1.0.tar.gz", "1.0.1", ("1.0.1",)),
        ("holy_grail-1.0.tar.gz", "2004d", ("2004d",)),
        ("holy_grail-2004d.tar.gz", "2004d", ("2004d",)),
        ("holy_grail-1.0.tar.gz", "1" * 9000, ("1" * 9000,)),
    ],
)
def test_versions_without_a_file_or_a_meaning_are_counted(
    filename: str, version: str, odd: tuple[str, ...]
) -> None:
    page = simple(simple_file(filename=filename), versions=[version])
    assert parse_simple("holy-grail", reply(page)).versions == odd


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["holy-grail", SHA, "https://h/x", "1.0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "sha256", "filename", "url", "x"]), inner)
    ),
    max_leaves=6,
)
KEYS = (*simple_file(), "size", "upload-time", "requires-python", "yanked", "core-metadata")


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
@settings(deadline=None, max_examples=150)
def test_any_entry_is_a_sound_file_or_left_out(changes: dict[str, Any]) -> None:
    file = one(simple_file(filename="x.whl") | changes)
    if file is not None:
        assert len(file.sha256) in (0, 64)
        assert file.url.startswith(("https://", "http://"))
        assert "/" not in file.filename
        assert file.size is None or file.size >= 0


@given(st.binary(max_size=60) | ANYTHING.map(msgspec.json.encode))
@settings(deadline=None, max_examples=150)
def test_any_bytes_are_a_document_or_malformed(body: bytes) -> None:
    for parse in (
        lambda: parse_simple("holy-grail", reply(body)),
        lambda: parse_legacy("holy-grail", reply(body)),
        lambda: parse_root(reply(body)),
        lambda: parse_requires("holy-grail", reply(body)),
        lambda: parse_vulnerabilities("holy-grail", reply(body)),
    ):
        with contextlib.suppress(Malformed):
            parse()
