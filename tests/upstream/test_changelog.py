"""The changelog over XML-RPC."""

import contextlib
import xmlrpc.client
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards.model import Change
from pypisync.errors import Malformed, NoFeed, Rewound, Unreachable
from pypisync.upstream.changelog import _change, _decode
from pypisync.upstream.session import Reply
from tests.deep import scaled
from tests.upstream.conftest import Connect, Time
from tests.upstream.scripted import Answer, Asked, Scripted, page


def result(value: Any) -> Answer:
    text = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
    return Answer(200, text.encode(), {"Content-Type": "text/xml; charset=UTF-8"})


def fault(code: int, text: str) -> Answer:
    body = xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True)
    return Answer(200, body.encode(), {"Content-Type": "text/xml"})


def row(serial: int, name: str | None = "a") -> list[object]:
    return [name, "1.0", 1700000000, "new release", serial]


def xml(value: str) -> str:
    return (
        f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
    )


DOCTYPE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
LIMITED = fault(
    -32500,
    "HTTPTooManyRequests: The action could not be performed because there were too many requests "
    "by the client. Limit may reset in 42 seconds.",
)


def asked(request: Asked) -> tuple[object, str | None]:
    return xmlrpc.client.loads(request.body)


def test_serial(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi", result(12345))
    assert connect().serial() == 12345
    assert asked(server.asked[0]) == ((), "changelog_last_serial")
    assert server.asked[0].headers["content-type"] == "text/xml"


@pytest.mark.parametrize("cut", [10, 64, 100, 250, 512, 1000])
@pytest.mark.parametrize("more", [0, 1])
def test_pages_are_read_until_one_is_not_cut(
    server: Scripted, connect: Connect, cut: int, more: int
) -> None:
    """Nobody says at how many rows pages are cut, but it is a round number."""
    first = [row(serial) for serial in range(4, 4 + cut)]
    rest = [[row(cut + 9)]] if more else [[]]
    server.tell("/pypi", *map(result, [first, *rest, []]))
    found = [change.serial for change in connect().changes(4)]
    assert found == [*range(5, 4 + cut), *([cut + 9] if more else [])]
    assert [asked(request)[0] for request in server.asked] == [(3,), (3 + cut,)]


def test_a_short_page_is_the_last(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi", result([row(4), row(5), row(7)]), result([row(8)]))
    upstream = connect(pace=1.0)
    assert [change.serial for change in upstream.changes(4)] == [5, 7]
    assert [asked(request)[0] for request in server.asked] == [(3,)]
    # Even if it was cut at an odd number, nothing is lost: it is read on from there.
    assert [change.serial for change in upstream.changes(7)] == [8]


def test_no_change_costs_one_request(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi", result([row(4)]))
    assert list(connect().changes(4)) == []
    assert len(server.asked) == 1


def test_an_upstream_that_went_back_is_noticed(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi", result([]), result(3))
    with pytest.raises(Rewound, match="from serial 4 to 3"):
        list(connect().changes(4))


def test_a_row_that_is_missing_is_not_taken_for_that(server: Scripted, connect: Connect) -> None:
    server.tell("/pypi", result([]), result(4), result([row(6)]), result([]))
    upstream = connect()
    assert list(upstream.changes(4)) == []
    assert [change.serial for change in upstream.changes(4)] == [6]


def test_rows_with_holes_still_move_on(server: Scripted, connect: Connect) -> None:
    rows = [
        [None, None, 1, None, 5],
        ["Päck", None, 1, "add py3 file P&#228;ck-1.whl", 6],
        ["a", "1.0", 1, "remove release", 7],
    ]
    server.tell("/pypi", result(rows), result([]))
    assert list(connect().changes(0)) == [
        Change("", None, "", 5),
        Change("Päck", None, "add py3 file Päck-1.whl", 6),
        Change("a", "1.0", "remove release", 7),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "text",
        {"a": 1},
        [["a", "1.0", 1, "x"]],
        [["a", "1.0", 1, "x", "7"]],
        [["a", "1.0", 1, "x", True]],
        [["a", "1.0", 1, "x", -7]],
        [[1, "1.0", 1, "x", 7]],
        [["a", "1.0", 1, "x", 3]],  # not after the serial asked for
        [["a", "1.0", 1, "x", 9], ["a", "1.0", 1, "x", 9]],
        7,
    ],
)
def test_what_is_no_changelog_is_malformed(
    server: Scripted, connect: Connect, value: object
) -> None:
    server.tell("/pypi", result(value))
    with pytest.raises(Malformed):
        list(connect(feed="changelog").changes(4))


@pytest.mark.parametrize("value", ["7", True, -1, [], 1.5])
def test_what_is_no_serial_is_malformed(server: Scripted, connect: Connect, value: object) -> None:
    server.tell("/pypi", result(value))
    with pytest.raises(Malformed):
        connect(feed="changelog").serial()


def test_calls_keep_their_pace(server: Scripted, connect: Connect, time: Time) -> None:
    server.tell("/pypi", result([row(n) for n in range(1, 11)]), result([row(12)]))
    upstream = connect(pace=1.5)
    list(upstream.changes(0))
    assert time.now == 1.5
    list(upstream.changes(12))
    assert time.now == 3.0


def test_a_rate_limit_is_waited_out(server: Scripted, connect: Connect, time: Time) -> None:
    server.tell("/pypi", LIMITED, result(7))
    assert connect(feed="changelog").serial() == 7
    assert time.now == 42
    server.tell("/pypi", LIMITED)
    with pytest.raises(Unreachable, match="TooManyRequests"):
        connect(feed="changelog").serial()


@pytest.mark.parametrize("answer", [page("<html>503"), page("<!DOCTYPE html>"), Answer(403)])
def test_an_error_page_is_no_feed(server: Scripted, connect: Connect, answer: Answer) -> None:
    server.tell("/pypi", answer)
    with pytest.raises(NoFeed, match="where XML-RPC was expected"):
        connect(feed="changelog").serial()


@pytest.mark.parametrize(
    "body",
    [
        DOCTYPE + xml("&b;"),
        xml("<int>x</int>"),
        xml("<array><data>" * 50_000),
        "<methodResponse>",
        "",
        "no xml",
        "<methodResponse><params></params></methodResponse>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_hostile_xml_is_malformed(
    server: Scripted, connect: Connect, body: str, encoding: str
) -> None:
    text = body.replace("?>", f' encoding="{encoding}"?>', 1)
    server.tell("/pypi", Answer(200, text.encode(encoding), {"Content-Type": "text/xml"}))
    with pytest.raises(Malformed):
        connect(feed="changelog").serial()


def test_serials_beyond_32_bits(server: Scripted, connect: Connect) -> None:
    big = 2**31 + 5
    texts = (f"<i8>{big}</i8>", f"<int>{big + 1}</int>")
    rows = [
        "<array><data><value>a</value><value>1</value><value><int>7</int></value>"
        f"<value>new release</value><value>{text}</value></data></array>"
        for text in texts
    ]
    body = xml(f"<array><data>{''.join(f'<value>{one}</value>' for one in rows)}</data></array>")
    answer = Answer(200, body.encode(), {"Content-Type": "text/xml"})
    server.tell("/pypi", answer, result([]))
    upstream = connect(feed="changelog")
    assert [change.serial for change in upstream.changes(big)] == [big + 1]
    assert [asked(request)[0] for request in server.asked] == [(big - 1,)]
    assert b"<i8>" in server.asked[0].body


def test_names_are_normalised_and_the_newest_serial_counts(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/pypi", result({"A.b": 5, "a_B": 7, "../etc": 1, "": 2, "x" * 300: 3, "ok": 0}))
    assert connect().names() == {"a-b": 7, "ok": 0}


def test_names_of_wrong_types_are_malformed(server: Scripted, connect: Connect) -> None:
    for value in ([1], {"a": "7"}, {"a": True}):
        server.tell("/pypi", result(value))
        with pytest.raises(Malformed):
            connect(feed="changelog").names()


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=8,
)


@given(JSONISH)
@settings(deadline=None, max_examples=scaled(100))
def test_any_row_is_a_change_or_malformed(value: object) -> None:
    try:
        change = _change(value)
    except Malformed:
        return
    assert isinstance(change.name, str)
    assert change.serial >= 0


TAGS = ("value", "int", "string", "array", "data", "struct", "member", "name", "nil", "base64")
PIECES = st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS] + ["7", "é"])


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=30))
@settings(deadline=None, max_examples=scaled(200))
def test_any_xml_is_a_result_or_malformed(inner: str) -> None:
    text = f"<methodResponse><params><param>{inner}</param></params></methodResponse>"
    with contextlib.suppress(Malformed):
        _decode(Reply(200, "http://host/pypi", {}, text.encode()))
