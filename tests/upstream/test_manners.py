"""Hosts are left alone for as long as they ask, by every thread and for every kind of request."""

import pytest

from pypisync.errors import Unreachable
from pypisync.upstream.api import RequiresAsk
from pypisync.upstream.manners import Gates, exhausted, retry_after
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.sim.asks import asked
from tests.upstream.conftest import Connect, Time
from tests.upstream.scripted import Answer, Scripted, json


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"RateLimit": '"default";r=0;t=30'}, 30.0),
        ({"RateLimit": '"default";r=1;t=30'}, None),
        ({"RateLimit": '"a";r=0;t=5, "b";r=0;t=60, "c";r=9;t=90'}, 60.0),
        ({"RateLimit": "limit=10, remaining=0, reset=20"}, 20.0),
        ({"RateLimit": "limit=10, remaining=3, reset=20"}, None),
        ({"RateLimit": '"default";r=0'}, None),
        ({"RateLimit": '"default";r=0;t=99999'}, 300.0),
        ({"RateLimit": "?????"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "7"}, 7.0),
        ({"RateLimit-Remaining": "2", "RateLimit-Reset": "7"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "soon"}, None),
        ({}, None),
    ],
)
def test_rate_limits_in_their_forms(headers: dict[str, str], wait: float | None) -> None:
    assert exhausted(headers) == wait


NOW = 1795888800.0  # Sat, 28 Nov 2026 18:00:00 GMT
DATE = "Sat, 28 Nov 2026 18:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "9999999999"}, 300.0),
        ({"Retry-After": "9" * 5000}, 300.0),
        ({"Retry-After": "Sat, 28 Nov 2026 18:00:20 +99999999999999999999", "Date": DATE}, None),
        ({"Retry-After": "Sat, 28 Nov 2026 18:00:20 GMT", "Date": DATE[:-3] + "+" + "9" * 20}, 20),
        ({"Retry-After": f"Sat, 28 Nov {'9' * 5000} 18:00:20 GMT", "Date": DATE}, None),
        ({"Retry-After": "Mon, 01 Jan 0001 00:00:00 +2300", "Date": DATE}, 0),
        ({"Retry-After": "Sat, 28 Nov 2026 18:00:20 GMT"}, 20.0),
        ({"Retry-After": "Sat, 28 Nov 2026 18:00:20 GMT", "Date": "today"}, 20.0),
        ({"Retry-After": "Sat, 28 Nov 2026 18:00:20 -0000", "Date": DATE}, 20.0),
        ({"Retry-After": "Sat, 28 Nov 2026 18:00:20 GMT", "Date": DATE[:-3] + "-0000"}, 20.0),
    ],
)
def test_retry_after_as_no_host_should_write_it(
    headers: dict[str, str], wait: float | None
) -> None:
    assert retry_after(headers, lambda: NOW) == wait


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "1795888830"}, 30.0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "1795888730"}, 0.0),
        ({"RateLimit": "limit=10, remaining=0, reset=1795888830"}, 30.0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "9" * 5000}, 300.0),
        ({"RateLimit": f'"a";r={"9" * 5000};t=3'}, None),
    ],
)
def test_a_limit_that_states_when_it_ends(headers: dict[str, str], wait: float | None) -> None:
    assert exhausted(headers, lambda: NOW) == wait
    assert exhausted({**headers, "Date": DATE}, lambda: 0.0) == wait


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_host_is_left_alone_whatever_is_wanted_of_it(
    server: Scripted, session: Session, time: Time, status: int
) -> None:
    server.tell("/a", Answer(status, headers={"Retry-After": "20"}), Answer())
    server.tell("/b", Answer())
    asked: list[float] = []
    for path in ("/a", "/b"):
        server.script[path] = [_at(time, asked, answer) for answer in server.script[path]]  # type: ignore[arg-type]
    session.get(server.url + "/a", {})
    session.post(server.url + "/b", {}, b"")
    session.open(server.url + "/b", {}).close()
    assert asked == [0, 20, 20, 20]


def _at(time: Time, asked: list[float], answer: Answer):  # type: ignore[no-untyped-def]
    def tell(_: object) -> Answer:
        asked.append(time.now)
        return answer

    return tell


def test_an_exhausted_limit_is_waited_out_before_it_is_broken(
    server: Scripted, session: Session, time: Time
) -> None:
    server.tell("/a", Answer(200, headers={"RateLimit": '"ip";r=0;t=12'}), Answer())
    session.get(server.url + "/a", {})
    assert time.now == 0
    session.get(server.url + "/a", {})
    assert time.now == 12


def test_other_hosts_are_not_waited_for(server: Scripted, session: Session, time: Time) -> None:
    with Scripted() as other:
        other.tell("/f", Answer())
        server.tell("/a", Answer(200, headers={"RateLimit": '"ip";r=0;t=12'}))
        session.get(server.url + "/a", {})
        session.open(other.url + "/f", {}).close()
        assert time.now == 0


def test_a_host_that_always_refuses_does_not_stop_everything(
    server: Scripted, session: Session, time: Time
) -> None:
    server.tell("/a", Answer(429, headers={"Retry-After": "300"}))
    for _ in range(100):
        with pytest.raises(Unreachable):
            session.get(server.url + "/a", {})
    assert time.now <= 3 * 300
    time.now += 300
    server.tell("/a", Answer(200, b"again"))
    assert session.get(server.url + "/a", {}).body == b"again"


def test_refusals_at_the_same_time_are_one(time: Time) -> None:
    gates = Gates(time.clock, patience=1)
    for _ in range(10):
        gates.note("h", 429, {"Retry-After": "5"})
    assert gates.seconds("h") == 5
    time.now = 5
    assert gates.seconds("h") == 0
    gates.note("h", 429, {"Retry-After": "5"})
    with pytest.raises(Unreachable, match="left alone for another 5 seconds"):
        gates.seconds("h")
    time.now = 10
    gates.note("h", 200, {})
    assert gates.seconds("h") == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_the_next_try_uses_a_new_connection(
    server: Scripted, session: Session, status: int
) -> None:
    server.tell("/a", Answer(200), Answer(status), Answer(200), Answer(200))
    for _ in range(3):
        session.get(server.url + "/a", {})
    first, second, third, fourth = (asked.connection for asked in server.asked)
    assert first == second
    assert second != third == fourth


def test_all_requests_honour_the_limits(server: Scripted, connect: Connect, time: Time) -> None:
    """Pages, the JSON API and XML-RPC go the same way."""
    limited = {"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}
    server.tell("/pypi", Answer(200, b"<a/>", limited))
    server.tell("/simple/a/", json('{"name": "a", "files": []}'))
    upstream = connect(pace=0)
    upstream.serial()  # an index without any feed, as it turns out
    asked(upstream, RequiresAsk("a", "1"))
    assert time.now == 9


def test_settings_do_not_show_what_is_secret() -> None:
    settings = Settings("https://me:secret@host", root="https://me:secret@host/simple/")
    assert "secret" not in repr(settings)
