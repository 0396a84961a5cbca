"""What an index answers: pages in each form, lists, XML-RPC, parts of files."""

import re
from contextlib import suppress
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

from packaging.utils import canonicalize_name

from pypisync.core.standards import filenames
from pypisync.core.standards.model import File, ProjectDocument
from pypisync.errors import Malformed
from pypisync.upstream import api, changelog, documents
from pypisync.upstream.connections import Headers
from pypisync.upstream.encodings import Unpacker
from pypisync.upstream.failures import EncodingError, TransferError
from pypisync.upstream.ranges import Ranges, _NoRangesError
from pypisync.upstream.serials import normalised
from pypisync.upstream.session import Reply

_PATH = re.compile(r"packages(/[0-9a-zA-Z]+)+/[^/]+")
_URL = "https://index.test/simple/a/"


def _stated(name: str, value: str) -> Headers:
    found = Headers()
    found.add(name, value)
    return found


def page_json(data: bytes) -> None:
    """A page of the simple index in JSON."""
    _page(data, documents.SIMPLE_JSON)


def page_html(data: bytes) -> None:
    """The same in HTML."""
    _page(data, "text/html")


def root(data: bytes) -> None:
    """The list of all projects, in both forms."""
    for kind in (documents.SIMPLE_JSON, "text/html"):
        with suppress(Malformed):
            listed = documents.parse_root(_reply(data, kind))
            named = normalised((name, serial or 0) for name, serial in listed.projects)
            for name, serial in named.items():
                assert name == canonicalize_name(name)
                assert name.isascii()
                assert 0 <= serial <= api.MAX_SERIAL


def legacy(data: bytes) -> None:
    """A document of the legacy JSON API, for each purpose that it is read for."""
    reply = _reply(data, "application/json")
    with suppress(Malformed):
        _sound(documents.parse_legacy("a", reply))
    with suppress(Malformed):
        documents.parse_requires("a", reply)
    with suppress(Malformed):
        documents.parse_vulnerabilities("a", reply)


def xmlrpc(data: bytes) -> None:
    """An answer to an XML-RPC call, and its rows as changes."""
    with suppress(Malformed):
        result = changelog._decode(_reply(data, "text/xml"))
        for row in result if isinstance(result, list) else [result]:
            with suppress(Malformed):
                assert 0 <= changelog._change(row).serial <= api.MAX_SERIAL


def content_range(data: bytes) -> None:
    """The head and body of an answer to a Range request: never other bytes than it states."""
    head, _, body = data.partition(b"\n")
    left = BytesIO(body)
    stream = SimpleNamespace(
        status=206,
        url=_URL,
        headers=_stated("Content-Range", head.decode("latin-1")),
        read=lambda: left.read(16),
    )
    with suppress(Malformed, _NoRangesError, TransferError):
        part, size = Ranges(lambda: 0.0)._taken(cast("Any", stream), 0, 64)
        assert len(part) == min(64, size)
        assert part == body[:64]  # what comes after it stays unread


def packed_body(data: bytes) -> None:
    """A body that is said to be packed, in pieces: never more at a time, and as in one piece."""
    whole, pieces = (
        _unpacked([data]),
        _unpacked([data[at : at + 3] for at in range(0, len(data), 3)]),
    )
    assert whole == pieces


def _unpacked(pieces: list[bytes]) -> bytes | None:
    unpacker, found = Unpacker("gzip"), b""
    try:
        for piece in pieces:
            found += unpacker.feed(piece, 7)
            while not unpacker.hungry and len(found) < 100_000:
                part = unpacker.feed(b"", 7)
                assert len(part) <= 7
                found += part
        unpacker.end()
    except EncodingError:
        return None
    return found[:100_000]


def _page(data: bytes, kind: str) -> None:
    with suppress(Malformed):
        _sound(documents.parse_simple("a", _reply(data, kind)))


def _sound(document: ProjectDocument) -> None:
    assert 0 <= document.serial <= api.MAX_SERIAL
    for file in document.files:
        assert file.url.startswith(("http://", "https://"))
        _stored(file)
    document_text = repr(document)
    assert "\\x00" not in document_text  # PostgreSQL holds no NUL
    document_text.encode()  # nor a lone surrogate, which has no UTF-8


def _stored(file: File) -> None:
    """A file that is taken gets a path that stays in its folder."""
    try:
        filenames.parse("a", file.filename)
    except ValueError:
        return
    path = filenames.pool_path(file)
    assert _PATH.fullmatch(path), path
    assert ".." not in path.split("/"), path


def _reply(data: bytes, kind: str) -> Reply:
    return Reply(200, _URL, _stated("Content-Type", kind), data)
