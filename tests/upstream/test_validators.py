"""What one version of a document is told from another by."""

import pytest

from pypisync.core.standards.model import ProjectDocument, Unchanged
from pypisync.upstream import projects
from pypisync.upstream.documents import parse_simple, stated_serial
from pypisync.upstream.session import Reply
from tests.upstream.conftest import Connect
from tests.upstream.scripted import Answer, Scripted
from tests.upstream.test_documents import reply, simple, simple_file
from tests.upstream.test_projects import ask, document, simple_page


@pytest.mark.parametrize("etag", ['"a', "a", '"a\nb"', '"' + "a" * 300 + '"', '"ä"'])
def test_an_etag_that_could_not_be_sent_back_is_forgotten(etag: str) -> None:
    assert parse_simple("holy-grail", reply(simple(), ETag=etag)).validators.etag is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("yesterday", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT\r\nX: y", None),
    ],
)
def test_a_date_that_could_not_be_sent_back_is_forgotten(sent: str, read: str | None) -> None:
    found = parse_simple("holy-grail", reply(simple(), Last_Modified=sent)).validators
    assert found.modified == read


def test_the_same_content_has_the_same_digest() -> None:
    """Whatever else the body says, and in whatever order the files stand."""
    one, two = simple_file(), simple_file(filename="holy_grail-2.0-py3-none-any.whl")

    def digest(*files: object, **changes: object) -> str:
        page = simple(*files, **changes)
        return parse_simple("holy-grail", reply(page)).validators.digest.partition(".")[0]

    known = digest(one, two)
    assert digest(two, one, generated="2026-10-21") == known
    others = [
        digest(one),
        digest(one, two | {"yanked": True}),
        digest(one, two, meta={"_last-serial": 8}),
        digest(one, two, project__status={"status": "archived"}),
    ]
    assert len({known, *others}) == 5


@pytest.mark.parametrize(
    ("text", "serial"), [("7", 7), (str(2**63 - 1), 2**63 - 1), (str(2**63), 0), ("x", 0), ("", 0)]
)
def test_a_serial_in_the_headers(text: str, serial: int) -> None:
    assert stated_serial({"X-PyPI-Last-Serial": text}) == serial


def test_the_known_bytes_are_not_parsed(
    server: Scripted, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polling reads every page of an index without validators; most are as they were."""
    other = Answer(
        200, simple_page().body, {**simple_page().headers, "Content-Type": "application/json"}
    )
    server.tell("/simple/a/", simple_page(), simple_page(), other, simple_page())
    upstream = connect()
    known = document(upstream).validators
    parsed: list[str] = []

    def noted(name: str, reply: Reply) -> ProjectDocument:
        parsed.append(reply.headers["Content-Type"])
        return parse_simple(name, reply)

    monkeypatch.setattr(projects, "parse_simple", noted)
    assert ask(upstream, known=known) == Unchanged("a", 0)
    assert parsed == []
    ask(upstream, known=known)  # the same bytes read as something else
    assert parsed == ["application/json"]
    assert ask(upstream, serial=7, known=known) == Unchanged("a", 7)  # its serial is in the page
