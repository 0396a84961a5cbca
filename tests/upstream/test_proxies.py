"""Requests by way of a proxy, and what it is told."""

import pytest

from pypisync.errors import ProxyRefused, Unreachable
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.upstream.conftest import Connect, Time
from tests.upstream.scripted import Answer, Scripted


def test_a_proxy_is_used_for_every_host_and_its_password_not_shown(
    server: Scripted, time: Time
) -> None:
    server.tell("http://index.invalid/a", Answer(200, b"by proxy"))
    proxy = server.url.replace("//", "//you:secret@")
    settings = Settings("http://index.invalid", proxy=proxy, retries=0)
    session = Session(settings, sleep=time.sleep)
    assert session.get("http://index.invalid/a", {}).body == b"by proxy"
    assert server.asked[0].headers["proxy-authorization"] == "Basic eW91OnNlY3JldA=="
    session.close()
    gone = Settings("http://index.invalid", proxy="http://you:secret@127.0.0.1:1", retries=0)
    session = Session(gone, sleep=time.sleep)
    with pytest.raises(Unreachable) as caught:
        session.get("http://index.invalid/a", {})
    assert "secret" not in str(caught.value)
    session.close()


@pytest.mark.parametrize(
    "address",
    [
        "http://you:sec#ret@127.0.0.1:1",
        "http://you:sec/ret@127.0.0.1:1",
        "http://you:sec?ret@127.0.0.1:1",
        "http://you:secret@127.0.0.1:x",
        "http://you:secret@127.0.0.1:99999",
        "http://you:secret@",
        "http://you:sec%0Aret@127.0.0.1:1",
        "foo://you:secret@127.0.0.1:1",
    ],
)
def test_a_proxy_that_cannot_be_understood_is_not_shown(time: Time, address: str) -> None:
    session = Session(Settings("http://index.invalid", proxy=address), sleep=time.sleep)
    with pytest.raises(Unreachable, match="1 try") as caught:
        session.get("http://index.invalid/a", {})
    assert "you" not in str(caught.value)
    assert "sec" not in str(caught.value)
    session.close()


@pytest.mark.parametrize("who", ["", "you:secret@"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_may_lack_its_scheme(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch, who: str, host: str
) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("http://127.0.0.1", who + host))
    server.tell("http://index.invalid/a", Answer(200, b"by proxy"))
    session = Session(Settings("http://index.invalid"), sleep=time.sleep)
    assert session.get("http://index.invalid/a", {}).body == b"by proxy"
    session.close()


@pytest.mark.parametrize("status", [407, 403])
def test_a_proxy_that_lets_nothing_through_is_told_at_once(
    server: Scripted, time: Time, status: int
) -> None:
    server.tell("index.invalid:443", Answer(status))  # what CONNECT asks for
    settings = Settings("https://index.invalid", proxy=server.url, retries=4)
    session = Session(settings, sleep=time.sleep)
    with pytest.raises(ProxyRefused, match=f"the proxy .* HTTP {status} .1 try.*the proxy's addr"):
        session.get("https://index.invalid/a", {})
    assert (len(server.asked), time.now) == (1, 0)
    session.close()


def test_a_proxy_that_is_busy_is_asked_again(server: Scripted, time: Time) -> None:
    server.tell("index.invalid:443", Answer(503))
    settings = Settings("https://me:secret@index.invalid", proxy=server.url, retries=1)
    session = Session(settings, sleep=time.sleep)
    with pytest.raises(Unreachable, match="2 tries"):
        session.get("https://index.invalid/a", {})
    session.close()
    assert [asked.headers.get("authorization") for asked in server.asked] == [None, None]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_other_feed_is_tried_through_a_proxy_that_refuses(
    server: Scripted, connect: Connect, scheme: str
) -> None:
    for asked in ("http://index.invalid/pypi", "index.invalid:443"):
        server.tell(asked, Answer(407))
    upstream = connect(endpoint=f"{scheme}://index.invalid", proxy=server.url)
    with pytest.raises(ProxyRefused, match="the proxy wants a name and a password"):
        upstream.serial()
    assert len(server.asked) == 1


def test_a_proxy_of_the_environment_is_used(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.tell("http://index.invalid/a", Answer(200, b"by proxy"))
    session = Session(Settings("http://index.invalid"), sleep=time.sleep)
    assert session.get("http://index.invalid/a", {}).body == b"by proxy"
    session.close()
