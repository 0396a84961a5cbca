"""Requests by way of a proxy, and what it is told."""

from collections.abc import Iterator

import pytest

from pypisync.errors import ProxyRefused, Unreachable
from pypisync.upstream import connection, routes
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.upstream.conftest import Connect, Time
from tests.upstream.scripted import Answer, Scripted
from tests.upstream.socks import Socks


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
    said = (
        r"/a through the proxy 127\.0\.0\.1:1 .`upstream\.proxy`.: the proxy cannot .*: .*refused"
    )
    with pytest.raises(Unreachable, match=said) as caught:
        session.get("http://index.invalid/a", {})
    assert "secret" not in str(caught.value)
    session.close()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"HTTPS_PROXY": "https://you:secret@127.0.0.1:1"}, "127.0.0.1:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "127.0.0.1:2", "https_proxy": "127.0.0.1:1"}, "127.0.0.1:1 (https_proxy)"),
        ({"all_proxy": "socks5://127.0.0.1:1"}, "127.0.0.1:1 (all_proxy)"),
        ({"ALL_PROXY": "127.0.0.1:2", "https_proxy": "127.0.0.1:1"}, "127.0.0.1:1 (https_proxy)"),
        ({"http_proxy": "127.0.0.1:2", "ALL_PROXY": "127.0.0.1:1"}, "127.0.0.1:1 (ALL_PROXY)"),
        ({"HTTPS_PROXY": "http://[::1]:1"}, "[::1]:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://nowhere.invalid"}, "nowhere.invalid:80 (HTTPS_PROXY)"),
    ],
)
def test_a_proxy_of_the_environment_is_named_with_its_variable(
    time: Time, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = Session(Settings("https://index.invalid", retries=0), sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"the proxy and its address") as caught:
        session.get("https://index.invalid/a", {})
    assert f"/a through the proxy {named}: " in str(caught.value)
    assert "secret" not in str(caught.value)
    session.close()


def test_what_names_a_proxy_that_cannot_be_understood_is_told(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "foo://127.0.0.1:1")
    session = Session(Settings("https://index.invalid"), sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"address of the proxy .HTTPS_PROXY. has no host, or"):
        session.get("https://index.invalid/a", {})
    session.close()


def test_whatever_fails_behind_a_proxy_names_it(server: Scripted, time: Time) -> None:
    """A proxy may break what comes, and be asked in vain for what it does not reach."""
    server.tell("http://index.invalid/cut", Answer(200, b"0123456789", cut=4))
    server.tell("http://index.invalid/busy", Answer(503))
    server.tell("index.invalid:443", Answer(502))
    for url in ("http://index.invalid/cut", "http://index.invalid/busy", "https://index.invalid/a"):
        settings = Settings(url.rpartition("/")[0], proxy=server.url, retries=0)
        session = Session(settings, sleep=time.sleep)
        by = (
            f"GET {url} through the proxy {server.url.removeprefix('http://')} .`upstream.proxy`.: "
        )
        with pytest.raises(Unreachable, match=by):
            session.get(url, {})
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


@pytest.fixture
def socks(server: Scripted) -> Iterator[Socks]:
    found = Socks(server.url)
    with found.proxy:
        yield found


@pytest.mark.parametrize(
    ("kind", "asked"), [("socks5h", "index.test"), ("socks5", "151.101.0.223")]
)
def test_a_socks_proxy_is_told_the_name_or_the_address(
    server: Scripted,
    socks: Socks,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    asked: str,
) -> None:
    def look(host: str, *_: object) -> list[str]:
        return [{"index.test": "151.101.0.223"}.get(host, host)]

    monkeypatch.setattr(connection, "resolve", look)
    server.tell("/a", Answer(200, b"by proxy"))
    proxy = socks.proxy.url.replace("http://", f"{kind}://you:s%40cret@")
    session = Session(Settings("http://index.test", proxy=proxy, retries=0), sleep=time.sleep)
    assert session.get("http://index.test/a", {}).body == b"by proxy"
    session.close()
    assert server.asked[0].headers["host"] == "index.test"
    assert (socks.asked, socks.known) == ([(asked, 80)], [b"you:s@cret"])


@pytest.mark.parametrize(("near", "refused"), [("10.0.0.1", True), ("151.101.0.223", False)])
def test_a_name_that_is_looked_up_here_leads_no_nearer_by_a_proxy(
    server: Scripted,
    socks: Socks,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    near: str,
    refused: bool,
) -> None:
    """The proxy itself may be as near as it likes."""

    def look(host: str, *_: object) -> list[str]:
        return [{"index.test": "151.101.0.223", "files.test": near}.get(host, host)]

    monkeypatch.setattr(connection, "resolve", look)
    monkeypatch.setattr(routes, "resolve", look)
    server.tell("/f", Answer(200, b"file"))
    proxy = socks.proxy.url.replace("http", "socks5")
    session = Session(Settings("http://index.test", proxy=proxy, retries=0), sleep=time.sleep)
    if refused:
        with pytest.raises(Unreachable, match=r"files\.test is 10\.0\.0\.1, .* may not lead there"):
            session.open("http://files.test/f", {})
        assert socks.asked == []
    else:
        assert session.open("http://files.test/f", {}).status == 200
    session.close()


def test_tls_goes_through_a_socks_proxy(server: Scripted, socks: Socks, time: Time) -> None:
    """The server speaks none: what it answers to a greeting of TLS is none of it."""
    proxy = socks.proxy.url.replace("http", "socks5h")
    session = Session(Settings("https://index.test", proxy=proxy, retries=0), sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"(?i)tls|ssl"):
        session.get("https://index.test/a", {})
    session.close()
    assert socks.asked == [("index.test", 443)]
