"""Which API a project comes from, what absence means, and documents that are too old."""

import pytest

from pypisync.core.standards.model import NO_VALIDATORS, ProjectDocument, Unchanged, Validators
from pypisync.errors import Gone, Malformed, Stale, Stopped, Unreachable, UpstreamError
from pypisync.upstream.api import ProjectAsk, RequiresAsk
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.documents import SIMPLE_JSON
from pypisync.upstream.stream import answers
from tests.sim.asks import asked
from tests.upstream.conftest import Connect, Time
from tests.upstream.scripted import Answer, Scripted, json, page

SHA = "ab" * 32
KNOWN = Validators('"1"', "Wed, 21 Oct 2026 07:28:00 GMT", "x")


def simple_page(name: str = "a", serial: int = 7, **headers: str) -> Answer:
    return json(
        f'{{"meta": {{"_last-serial": {serial}}}, "name": "{name}", "files": [{{"filename": '
        f'"{name}.whl", "url": "/f/{name}.whl", "hashes": {{"sha256": "{SHA}"}}}}]}}',
        **headers,
    )


def legacy(name: str = "a", serial: int = 7, *, releases: bool = True) -> Answer:
    urls = (
        f'[{{"filename": "{name}.whl", "url": "/f/{name}.whl", "digests": {{"sha256": "{SHA}"}}}}]'
    )
    rest = f'"releases": {{"1.0": {urls}}}, ' if releases else ""
    text = (
        f'{{"info": {{"name": "{name}", "version": "1.0", "requires_dist": ["b"]}}, {rest}'
        f'"last_serial": {serial}, "urls": {urls}}}'
    )
    return Answer(200, text.encode(), {"Content-Type": "application/json"})


def ask(
    upstream: HttpUpstream, name: str = "a", serial: int = 0, known: Validators = NO_VALIDATORS
) -> ProjectDocument | Unchanged | UpstreamError:
    return asked(upstream, ProjectAsk(name, serial, known))


def document(
    upstream: HttpUpstream, name: str = "a", serial: int = 0, known: Validators = NO_VALIDATORS
) -> ProjectDocument:
    answer = ask(upstream, name, serial, known)
    assert isinstance(answer, ProjectDocument), answer
    return answer


def test_the_simple_index_is_enough(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", simple_page(ETag='"1"'))
    found = document(connect())
    assert (found.status, found.validators.etag, found.serial) == ("active", '"1"', 7)
    assert found.files[0].url == server.url + "/f/a.whl"
    assert server.asked[0].headers["accept"].split(",")[0] == SIMPLE_JSON
    assert server.paths() == ["/simple/a/"]


@pytest.mark.parametrize(
    "refusal", [Answer(404), Answer(406), Answer(410)], ids=["404", "406", "410"]
)
def test_the_json_api_is_enough_and_the_first_refusal_is_looked_at_twice(
    server: Scripted, connect: Connect, refusal: Answer
) -> None:
    for name in "abc":
        server.tell(f"/simple/{name}/", refusal)
        server.tell(f"/pypi/{name}/json", legacy(name))
    upstream = connect()
    for name in "abc":
        found = document(upstream, name)
        assert (found.status, found.requires) == (None, {"1.0": ("b",)})
    both = [path for name in "abc" for path in (f"/simple/{name}/", f"/pypi/{name}/json")]
    assert server.paths() == [*both[:2], "/simple/a/", *both[2:]]


@pytest.mark.parametrize(
    "broken", [Answer(200, b"{"), page("<p>Sorry"), Answer(200, b'{"name": "b", "files": []}')]
)
def test_a_document_that_cannot_be_read_is_asked_for_once_more(
    server: Scripted, connect: Connect, broken: Answer
) -> None:
    server.tell("/simple/a/", broken, simple_page())
    assert document(connect()).form == "json"
    first, second = server.asked
    assert second.headers["cache-control"] == "no-cache"
    assert first.connection != second.connection
    server.tell("/simple/a/", broken)
    assert isinstance(ask(connect()), Malformed)
    assert len(server.asked) == 4


def test_a_first_404_settles_nothing_but_that_document(server: Scripted, connect: Connect) -> None:
    """All the others are read as richly as the index has them, in the same process."""
    server.tell("/simple/a/", Answer(404))
    for name in "abcd":
        server.tell(f"/pypi/{name}/json", legacy(name))
    for name in "bd":
        server.tell(f"/simple/{name}/", simple_page(name))
    upstream = connect()
    assert [document(upstream, name).form for name in "ab"] == ["legacy", "json"]
    assert isinstance(ask(upstream, "c"), Malformed)
    assert document(upstream, "d").form == "json"


def test_a_404_once_is_that_answers_fault(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", Answer(404), simple_page())
    server.tell("/pypi/a/json", legacy())
    assert document(connect()).form == "json"


def test_an_error_at_the_second_look_settles_nothing(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", Answer(404), Answer(503))
    server.tell("/pypi/a/json", legacy())
    assert isinstance(ask(connect()), Unreachable)


def test_what_neither_api_has_is_gone(server: Scripted, connect: Connect) -> None:
    assert isinstance(ask(connect(), serial=99), Gone)
    assert server.paths() == ["/simple/a/", "/pypi/a/json"]


def test_what_one_form_has_lost_is_neither_gone_nor_taken_from_a_poorer_one(
    server: Scripted, connect: Connect
) -> None:
    """An index that is away for a while answers 404 for all that it has."""
    server.tell("/simple/a/", simple_page(), Answer(404), Answer(404), Answer(404), simple_page())
    server.tell("/pypi/a/json", legacy())
    upstream = connect()
    assert document(upstream).status == "active"
    answer = ask(upstream)
    assert isinstance(answer, Malformed)
    assert "legacy JSON API alone although it has shown a JSON page" in str(answer)
    assert document(upstream).status == "active"
    assert isinstance(ask(upstream, "b"), Gone)
    assert server.paths()[-2:] == ["/simple/b/", "/pypi/b/json"]


HTML = Answer(
    200,
    b'<title>Links for a</title><a href="/f/a.whl#sha256=' + SHA.encode() + b'">a.whl</a>',
    {"Content-Type": "text/html"},
)


def test_an_index_with_only_html_is_read_as_such(server: Scripted, connect: Connect) -> None:
    """Its first answer is looked at twice; from then on each page costs one request."""
    for name in "ab":
        server.tell(f"/simple/{name}/", HTML)
    upstream = connect()
    assert [document(upstream, name).form for name in "ab"] == ["html", "html"]
    assert server.paths() == ["/simple/a/", "/simple/a/", "/simple/b/"]


def test_a_page_that_was_html_before_the_process_began_is_looked_at_once(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/simple/a/", HTML)
    answer = asked(connect(), ProjectAsk("a", form="html"))
    assert isinstance(answer, ProjectDocument)
    assert server.paths() == ["/simple/a/"]


def test_html_as_the_first_answer_of_an_index_with_json_is_one_answers_fault(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/simple/a/", HTML, simple_page())
    assert document(connect()).form == "json"


def test_html_after_json_never_settles_a_project(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", simple_page())
    server.tell("/simple/b/", HTML, simple_page("b"))
    server.tell("/simple/c/", HTML)
    server.tell("/pypi/c/json", legacy("c"))
    upstream = connect()
    document(upstream)
    assert document(upstream, "b").form == "json"
    answer = ask(upstream, "c")
    assert isinstance(answer, Malformed)
    assert "an HTML page although it has shown a JSON page" in str(answer)
    assert "/pypi/c/json" not in server.paths()


def test_what_is_known_of_a_project_outlives_the_process(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/simple/a/", HTML)
    answer = asked(connect(), ProjectAsk("a", form="json"))
    assert isinstance(answer, Malformed)


def test_a_mixed_index_is_believed_in_time(server: Scripted, connect: Connect) -> None:
    """A project that it has only in HTML, whenever it is asked."""
    server.tell("/simple/a/", simple_page())
    server.tell("/simple/b/", HTML)
    upstream = connect()
    document(upstream)
    asks = [ProjectAsk("b", attempts=2), ProjectAsk("b", attempts=3), ProjectAsk("b", form="html")]
    [early, late, known] = [asked(upstream, ask) for ask in asks]
    assert isinstance(early, Malformed)
    assert isinstance(late, ProjectDocument)
    assert isinstance(known, ProjectDocument)


def test_by_the_json_api_a_404_is_looked_into(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi/a/json", legacy())
    hidden = '{"name": "b", "files": [], "project-status": {"status": "quarantined"}}'
    server.tell("/simple/b/", json(hidden))
    upstream = connect()
    document(upstream)
    assert document(upstream, "b").status == "quarantined"
    assert isinstance(ask(upstream, "c"), Gone)


def test_a_page_that_is_none_of_an_index_is_malformed_not_gone(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/simple/a/", page())
    server.tell("/pypi/a/json", legacy())
    answer = ask(connect())
    assert isinstance(answer, Malformed)
    assert "log in" in str(answer)


def test_without_the_key_releases_the_simple_index_completes(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/simple/a/", Answer(404), simple_page())
    server.tell("/pypi/a/json", legacy(releases=False))
    upstream = connect()
    found = document(upstream)
    assert (found.status, found.requires) == ("active", {"1.0": ("b",)})
    document(upstream)
    assert server.paths()[-1] == "/simple/a/"


def test_without_the_key_releases_and_the_simple_index_the_newest_is_known(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/pypi/a/json", legacy(releases=False))
    found = document(connect())
    assert len(found.files) == 1
    assert found.partial


def test_a_missing_part_is_not_taken_for_an_absent_one(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", Answer(404), Answer(503))
    server.tell("/pypi/a/json", legacy(releases=False))
    assert isinstance(ask(connect()), Unreachable)


def test_a_known_document_is_not_sent_again(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", Answer(304, headers={"X-PyPI-Last-Serial": "12"}))
    assert ask(connect(), known=KNOWN) == Unchanged("a", 12)
    assert server.asked[0].headers["if-none-match"] == '"1"'
    assert server.asked[0].headers["if-modified-since"] == "Wed, 21 Oct 2026 07:28:00 GMT"


def test_the_known_content_in_another_body_is_unchanged(server: Scripted, connect: Connect) -> None:
    """Some indexes send no validators, and write the time into every page."""
    first, second = simple_page(), simple_page(ETag='"2"')
    second = Answer(200, b" " + second.body, second.headers)
    server.tell("/simple/a/", first, first, second, simple_page(serial=8))
    upstream = connect()
    known = document(upstream).validators
    assert (known.etag, known.modified, len(known.digest)) == (None, None, 32 + 1 + 32)
    assert ask(upstream, known=known) == Unchanged("a", 0)
    new = Validators('"2"', None, known.digest)
    assert ask(upstream, serial=7, known=known) == Unchanged("a", 7, new)
    assert document(upstream, known=new).serial == 8


def test_a_304_without_a_serial_does_not_settle_what_changed(
    server: Scripted, connect: Connect
) -> None:
    """A server may tell pages by the second, in which a page may have changed twice."""
    server.tell("/simple/a/", Answer(304), simple_page(serial=8))
    assert document(connect(), serial=8, known=KNOWN).serial == 8


def test_a_304_that_was_not_asked_for_is_no_answer(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", Answer(304))
    assert isinstance(ask(connect()), Unreachable)


def test_an_old_document_is_asked_for_again_past_the_caches(
    server: Scripted, connect: Connect, time: Time
) -> None:
    old = Answer(304, headers={"X-PyPI-Last-Serial": "5"})
    server.tell("/simple/a/", old, simple_page(serial=6), simple_page(serial=8))
    assert document(connect(), serial=8, known=KNOWN).serial == 8
    assert time.now == 1 + 2
    again = [request.headers for request in server.asked[1:]]
    assert [headers["cache-control"] for headers in again] == ["no-cache"] * 2
    assert len({request.headers["accept-encoding"] for request in server.asked}) == 3
    assert not any("if-none-match" in headers for headers in again)


@pytest.mark.parametrize("source", ["simple", "json"])
def test_a_document_that_stays_old_is_stale(
    server: Scripted, connect: Connect, source: str
) -> None:
    if source == "simple":
        server.tell("/simple/a/", simple_page(serial=7))
    else:
        server.tell("/pypi/a/json", legacy(serial=7))
    answer = ask(connect(), serial=8)
    assert isinstance(answer, Stale)
    assert "serial 7" in str(answer)
    assert len(server.asked) == (3 if source == "simple" else 9)


def test_a_document_without_a_serial_is_never_stale(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", simple_page(serial=0))
    assert document(connect(), serial=8).serial == 0


@pytest.mark.parametrize("status", [400, 401, 403, 418, 503])
def test_other_answers_say_nothing_about_the_project(
    server: Scripted, connect: Connect, status: int
) -> None:
    server.tell("/simple/a/", Answer(status))
    server.tell("/pypi/a/json", legacy())
    answer = ask(connect())
    assert isinstance(answer, Unreachable)
    assert str(status) in str(answer)


def test_what_else_the_json_api_says(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi/a/json", Answer(304, headers={"X-PyPI-Last-Serial": "9"}), page())
    upstream = connect()
    answer = ask(upstream, known=KNOWN)
    assert isinstance(answer, Unchanged), answer
    assert (answer.serial, server.asked[-1].headers["if-none-match"]) == (9, '"1"')
    assert isinstance(ask(upstream), Gone)  # a page for people


def test_another_projects_document_is_malformed(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", simple_page("b"))
    assert isinstance(ask(connect()), Malformed)


def test_one_broken_project_does_not_stop_the_others(server: Scripted, connect: Connect) -> None:
    names = [f"p{n}" for n in range(40)]
    for name in names:
        server.tell(f"/simple/{name}/", simple_page(name))
    server.tell("/simple/p3/", json("{"))
    server.tell("/simple/p5/", Answer(500))
    found = dict(answers(connect(workers=4), [(ProjectAsk(name), name) for name in names]))
    assert {name for name, one in found.items() if isinstance(one, UpstreamError)} == {"p3", "p5"}
    assert found.keys() == set(names)


def test_it_stops(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/a/", simple_page())
    stopped = False
    asks = [(ProjectAsk("a", attempts=n), n) for n in range(999)]
    coming = answers(connect(workers=2, stop=lambda: stopped), asks)
    next(coming)
    stopped = True
    rest = [answer for _, answer in coming]
    assert len(rest) == 998
    assert all(isinstance(answer, ProjectDocument | Stopped) for answer in rest)
    assert len(server.asked) < 500


def test_requires(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi/a/1.0/json", legacy(releases=False))
    none = '{"info": {"name": "a", "version": "1!2+x", "requires_dist": null}}'
    kind = {"Content-Type": "application/json"}
    server.tell("/pypi/a/1%212%2Bx/json", Answer(200, none.encode(), kind))
    server.tell("/pypi/b/1/json", page())
    server.tell("/pypi/c/1/json", Answer(503))
    server.tell("/pypi/d/1/json", legacy("other"))
    asks = [("a", "1.0"), ("a", "1!2+x"), ("a", "9"), ("b", "1"), ("c", "1"), ("d", "1")]
    told = dict(answers(connect(), [(RequiresAsk(*ask), ask) for ask in asks]))
    assert told["a", "1.0"] == ("b",)
    assert told["a", "1!2+x"] is None
    assert isinstance(told["a", "9"], Gone)
    assert isinstance(told["b", "1"], Gone)
    assert isinstance(told["c", "1"], Unreachable)
    assert isinstance(told["d", "1"], Malformed)
