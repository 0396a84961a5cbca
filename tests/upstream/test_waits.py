"""Who is waited for is told while it is waited for, and once a minute."""

from collections.abc import Iterator

import pytest

from pypisync.errors import Unreachable
from pypisync.upstream.api import FileAsk
from pypisync.upstream.download import download
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.upstream.conftest import Connect, Time
from tests.upstream.deposit import MemoryDeposit
from tests.upstream.scripted import Answer, Scripted
from tests.upstream.test_changelog import LIMITED, result

Told = list[tuple[str, str, float]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def telling(server: Scripted, time: Time, told: Told) -> Iterator[Session]:
    """A session that tries three times more."""
    session = Session(
        Settings(server.url, retries=3),
        sleep=time.sleep,
        clock=time.clock,
        told=lambda *of: told.append(of),
    )
    yield session
    session.close()


def test_the_first_wait_for_a_host_is_told_with_its_reason(
    server: Scripted, telling: Session, told: Told
) -> None:
    for path in "ab":
        server.tell(f"/{path}?token=secret", Answer(503))
        with pytest.raises(Unreachable, match="4 tries"):
            telling.get(f"{server.url}/{path}?token=secret", {})
    assert told == [(server.url, "HTTP 503", 1.0)]


def test_it_is_told_again_after_a_minute(
    server: Scripted, telling: Session, time: Time, told: Told
) -> None:
    server.tell("/a", Answer(503))
    for _ in range(10):  # of 1 + 2 + 4 seconds each
        with pytest.raises(Unreachable):
            telling.get(server.url + "/a", {})
    assert time.now == 70
    assert told == [(server.url, "HTTP 503", 1.0), (server.url, "HTTP 503", 1.0)]


def test_a_proxy_that_is_away_is_named(time: Time, told: Told) -> None:
    settings = Settings("http://index.invalid", proxy="http://me:secret@127.0.0.1:1", retries=1)
    session = Session(settings, sleep=time.sleep, told=lambda *of: told.append(of))
    with pytest.raises(Unreachable):
        session.get("http://me:secret@index.invalid/a", {})
    session.close()
    [(host, reason, seconds)] = told
    assert (host, seconds) == ("http://index.invalid", 1.0)
    assert reason.startswith("through the proxy 127.0.0.1:1 (`upstream.proxy`): the proxy cannot")
    assert "refused" in reason


def test_what_a_host_asks_for_is_told(
    server: Scripted, telling: Session, time: Time, told: Told
) -> None:
    server.tell("/a", Answer(429, headers={"Retry-After": "17"}), Answer())
    telling.get(server.url + "/a", {})
    used_up = {"RateLimit-Remaining": "0", "RateLimit-Reset": "70"}
    server.tell("/b", Answer(headers=used_up), Answer())
    for _ in range(2):
        telling.get(server.url + "/b", {})
        time.now += 60
    assert told == [
        (server.url, "HTTP 429", 17.0),
        (server.url, "it wants to be left alone", 10.0),
    ]


def test_a_changelog_that_is_limited_is_told(
    server: Scripted, connect: Connect, told: Told
) -> None:
    server.tell("/pypi", LIMITED, result(7))
    assert connect(feed="changelog", told=lambda *of: told.append(of)).serial() == 7
    [(host, reason, seconds)] = told
    assert (host, seconds) == (server.url, 42.0)
    assert "too many requests" in reason


def test_a_file_that_breaks_off_is_told(server: Scripted, telling: Session, told: Told) -> None:
    server.tell("/f", Answer(200, b"0123456789", cut=4), Answer(200, b"0123456789"))
    download(telling, FileAsk(server.url + "/f", "packages/f", "", 10), MemoryDeposit())
    [(host, reason, seconds)] = told
    assert (host, seconds) == (server.url, 1.0)
    assert reason.startswith("broke off: ")
