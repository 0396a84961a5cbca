"""What is nearly JSON: one bad entry or key costs no page."""

from typing import Any

import msgspec
import pytest

from pypisync.errors import Malformed
from pypisync.upstream.documents import parse_root, parse_simple
from pypisync.upstream.session import Reply
from tests.upstream.test_documents import URL, reply, simple, simple_file


@pytest.mark.parametrize(
    ("key", "value", "size", "yanked"),
    [
        ("yanked", rb'"\ud800"', 1, "\ufffd"),
        ("yanked", rb'"a\uDFFF\"b"', 1, 'a\ufffd"b'),
        ("yanked", rb'"\uD83D\ude00 NaN \\ud800\ud83d"', 1, "\U0001f600 NaN \\ud800\ufffd"),
        ("yanked", b'"\xff"', 1, "\ufffd"),
        ("size", b"NaN", None, "x"),
        ("size", b"-Infinity", None, "x"),
    ],
)
def test_what_is_nearly_json_costs_no_page(
    key: str, value: bytes, size: int | None, yanked: str
) -> None:
    stated = {"yanked": "x", "size": 1}
    body = msgspec.json.encode(simple(simple_file(**{**stated, key: "HERE"})))
    assert body.count(b'"HERE"') == 1
    body = body.replace(b'"HERE"', value)
    for whole in (body, b"\xef\xbb\xbf" + body):
        (file,) = parse_simple("holy-grail", reply(whole)).files
        assert (file.size, file.yanked) == (size, yanked)
    for end in (-1, body.index(value) + 1, body.index(value) + len(value) - 1):
        with pytest.raises(Malformed):
            parse_simple("holy-grail", reply(body[:end]))


def test_a_byte_order_mark_costs_no_document() -> None:
    body = b"\xef\xbb\xbf" + msgspec.json.encode(simple(simple_file()))
    assert len(parse_simple("holy-grail", Reply(200, URL, {}, body)).files) == 1
    root = b'\xef\xbb\xbf{"projects": [{"name": "a"}]}'
    assert parse_root(Reply(200, URL, {}, root)).projects == [("a", None)]


@pytest.mark.parametrize("piece", [b'"', rb'"\"', rb"\ud800", b"-", b"NaN", b'"\\'])
def test_hostile_json_is_mended_in_time_that_grows_with_it(piece: bytes) -> None:
    """The test's own time limit is what would fail: quadratic work takes hours here."""
    with pytest.raises(Malformed):
        parse_simple("holy-grail", reply(b'{"name": "' + piece * 300_000))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ...},
        {"name": 7},
        {"meta": 7},
        {"meta": {"api-version": 1, "_last-serial": True}},
        {"meta": {"api-version": "1.99"}},
        {"meta": {"api-version": ""}},
        {"versions": "1.0"},
        {"versions": ...},
    ],
)
def test_the_pages_own_optional_keys_count_as_unsaid_where_they_are_bad(
    changes: dict[str, Any],
) -> None:
    page = parse_simple("holy-grail", reply(simple(simple_file(), **changes)))
    assert (len(page.files), page.display, page.status) == (1, "holy-grail", "active")


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://bücher.test/é/a.whl", "https://xn--bcher-kva.test/é/a.whl"),
        ("https://BÜCHER.test:8443/a.whl", "https://xn--bcher-kva.test:8443/a.whl"),
        ("https://\ufffd.test/a.whl", None),
        ("https://℀.test/a.whl", None),
        (f"https://{'ü' * 200}.test/a.whl", None),
    ],
)
def test_a_host_beyond_ascii_becomes_its_idna_form(url: str, read: str | None) -> None:
    page = parse_simple("holy-grail", reply(simple(simple_file(url=url))))
    assert [file.url for file in page.files] == ([read] if read else [])
    assert [one.reason for one in page.skipped] == (
        [] if read else ["its address cannot be fetched"]
    )
