"""The ladder of change feeds: the best that works, down and up again."""

from unittest.mock import Mock

import pytest

from pypisync.core.standards.model import Change
from pypisync.errors import NoFeed, Rewound, Unreachable
from pypisync.upstream import html_pages
from pypisync.upstream.api import FeedKind
from tests.upstream.conftest import Connect
from tests.upstream.scripted import Answer, Scripted, json, page
from tests.upstream.test_changelog import fault, result, row

ROOT = json(
    '{"meta": {"api-version": "1.4", "_last-serial": 90}, "projects": [{"name": "B.b", '
    '"_last-serial": 70}, {"name": "a", "_last-serial": "80"}, {"name": "c", "_last-serial": 5}]}',
    ETag='"root"',
)
REFUSALS = [
    Answer(400),
    Answer(401),
    Answer(403),
    Answer(404),
    Answer(405),
    Answer(410),
    Answer(503),
    Answer(302, headers={"Location": "https://elsewhere.test/"}),
    page("<html>login"),
    page("<!DOCTYPE html>"),
    fault(-32601, "server error; requested method not found"),
    fault(-32500, "RuntimeError: This API has been removed."),
    fault(-32500, "ValueError: out of order"),
    fault(-32500, "HTTPTooManyRequests: Limit may reset in 1 seconds."),
    result("text"),
    Answer(200, b"<methodResponse>\x01</methodResponse>", {"Content-Type": "text/xml"}),
]
NO_ROOTS = [
    page("<html><a href='a/'>a</a>"),
    Answer(404),
    Answer(401),
    Answer(403),
    Answer(405),
    Answer(302, headers={"Location": "https://elsewhere.test/"}),
    json("[]"),
    json('{"projects": [{"name": 7}]}'),
    json(""),
    json('{"meta": {}, "projects": []}'),
    json('{"meta": {}, "projects": [{"name": "a"}, {"name": "b"}]}'),
    json('{"projects": [{"name": "a", "_last-serial": 7}, {"name": "b"}]}'),
    json('{"projects": [{"name": "a", "_last-serial": 9}, {"name": "b", "_last-serial": 9}]}'),
    json('{"projects": [{"name": "a", "_last-serial": 0}, {"name": "b", "_last-serial": 9}]}'),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_without_a_journal_the_list_of_projects_tells(
    server: Scripted, connect: Connect, refusal: Answer
) -> None:
    server.tell("/pypi", refusal)
    server.tell("/simple/", ROOT)
    upstream = connect(retries=1)
    assert list(upstream.changes(6)) == [
        Change("B.b", None, "simple index", 70),
        Change("a", None, "simple index", 80),
        Change("", None, "simple index", 90),  # something that is not listed any more
    ]
    assert upstream.kind == "serials"
    assert upstream.fault
    asked = server.paths().count("/pypi")
    assert upstream.serial() == 90
    assert upstream.names() == {"b-b": 70, "a": 80, "c": 5}
    assert server.paths().count("/pypi") == asked


@pytest.mark.parametrize("root", NO_ROOTS)
def test_with_neither_its_projects_are_polled(
    server: Scripted, connect: Connect, root: Answer
) -> None:
    server.tell("/pypi", Answer(405))
    server.tell("/simple/", root)
    upstream = connect()
    assert list(upstream.changes(6)) == []
    assert upstream.kind == "polling"
    assert upstream.fault.startswith("http://127.0.0.1")
    asked = len(server.asked)
    assert upstream.serial() == 0
    assert list(upstream.changes(6)) == []
    assert len(server.asked) == asked


def test_a_long_html_list_is_not_read_to_look_for_serials(
    server: Scripted, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.tell("/pypi", Answer(405))
    server.tell("/simple/", page("<!DOCTYPE html><title>Simple index</title><a href='a/'>a</a>"))
    read = Mock(side_effect=html_pages.read_html)
    monkeypatch.setattr("pypisync.upstream.documents.read_html", read)
    upstream = connect()
    assert list(upstream.changes(6)) == []
    assert (upstream.kind, read.called) == ("polling", False)
    assert upstream.fault.endswith("an HTML page, which has no serials")
    assert upstream.names() == {"a": 0}  # patterns are matched with these


def test_an_index_that_is_away_is_not_one_without_feeds(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi", Answer(503))
    server.tell("/simple/", Answer(503))
    upstream = connect()
    with pytest.raises(Unreachable):
        list(upstream.changes(6))
    assert upstream.kind == "changelog"


def test_a_list_read_for_its_serials_is_not_read_again_for_the_names(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/simple/", ROOT)
    upstream = connect()
    list(upstream.changes(6))
    assert upstream.names() == {"b-b": 70, "a": 80, "c": 5}
    assert server.paths().count("/simple/") == 1
    upstream.names()
    assert server.paths().count("/simple/") == 2


def test_an_unchanged_root_is_not_read_twice(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/", ROOT, Answer(304))
    upstream = connect(feed="serials")
    assert [c.serial for c in upstream.changes(0)] == [5, 70, 80, 90]
    assert list(upstream.changes(90)) == []
    assert server.asked[-1].headers["if-none-match"] == '"root"'
    server.tell("/simple/", ROOT)
    assert [c.serial for c in upstream.changes(5)] == [70, 80, 90]
    assert "if-none-match" not in server.asked[-1].headers


def test_serials_that_went_back_are_noticed(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/", ROOT)
    with pytest.raises(Rewound, match="from serial 91 to 90"):
        list(connect().changes(91))


def test_names_without_serials(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/", json('{"meta": {}, "projects": [{"name": "a"}]}'))
    assert connect().names() == {"a": 0}
    server.tell("/simple/", Answer(404))
    with pytest.raises(NoFeed, match="no list of all projects"):
        connect().names()


@pytest.mark.parametrize("feed", ["serials", "polling"])
def test_a_better_feed_is_found_again(server: Scripted, connect: Connect, feed: FeedKind) -> None:
    server.tell("/pypi", Answer(503))
    server.tell("/simple/", ROOT)
    upstream = connect()
    upstream.follow(feed, ["changelog"])
    list(upstream.changes(70))
    assert upstream.kind == feed
    assert server.paths().count("/pypi") == 1  # a look costs one request
    list(upstream.changes(70))
    assert server.paths().count("/pypi") == 1
    server.tell("/pypi", result([row(70), row(80)]), result([]))
    upstream.follow(feed, ["changelog"])
    assert [change.serial for change in upstream.changes(70)] == [80]
    assert (upstream.kind, upstream.fault) == ("changelog", "")


def test_polling_ends_when_the_list_has_serials(server: Scripted, connect: Connect) -> None:
    server.tell("/simple/", ROOT)
    upstream = connect()
    upstream.follow("polling", [])
    assert list(upstream.changes(70)) == []
    assert server.asked == []
    upstream.follow("polling", ["changelog", "serials"])
    assert [change.serial for change in upstream.changes(70)] == [80, 90]
    assert upstream.kind == "serials"


@pytest.mark.parametrize("feed", ["changelog", "serials", "polling"])
def test_a_feed_that_is_fixed_is_the_only_one(
    server: Scripted, connect: Connect, feed: FeedKind
) -> None:
    upstream = connect(feed=feed)
    upstream.follow("changelog", ["changelog", "serials"])
    if feed == "polling":
        assert list(upstream.changes(0)) == []
        assert server.asked == []
    else:
        with pytest.raises((Unreachable, NoFeed)):
            list(upstream.changes(0))
        assert len(set(server.paths())) == 1
    assert upstream.kind == feed
