"""Where requests may lead, and who is told the credentials."""

from pathlib import Path

import pytest

from pypisync.errors import ConfigError, Elsewhere, Unreachable
from pypisync.upstream import connection, routes
from pypisync.upstream.addresses import reach
from pypisync.upstream.credentials import Credentials, basic, bearer, from_file
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session, origin
from tests.upstream.conftest import Time
from tests.upstream.scripted import Answer, Scripted


def test_documents_never_come_from_another_origin(server: Scripted, session: Session) -> None:
    with Scripted() as other:
        other.tell("/a?token=x", Answer(200, b"something else"))
        server.tell("/a", Answer(302, headers={"Location": other.url + "/a?token=x"}))
        with pytest.raises(Elsewhere, match="configure its address") as caught:
            session.get(server.url + "/a", {})
        with pytest.raises(Elsewhere):
            session.post(server.url + "/a", {}, b"")
        assert other.asked == []
        assert "token" not in str(caught.value)
        assert session.open(server.url + "/a", {}).status == 200


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("151.101.0.223", "global"),
        ("2a04:4e42::223", "global"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("224.0.0.1", "private"),
        ("169.254.169.254", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("0.0.0.0", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
    ],
)
def test_from_where_an_address_can_be_reached(address: str, where: str) -> None:
    assert reach(address) == where


def told(places: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have these names lead to these addresses."""

    def look(host: str, *_: object) -> list[str]:
        return [places.get(host, host)]

    monkeypatch.setattr(connection, "resolve", look)
    monkeypatch.setattr(routes, "resolve", look)


@pytest.mark.parametrize(
    ("index", "file", "refused"),
    [
        ("151.101.0.223", "127.0.0.1", True),
        ("151.101.0.223", "10.0.0.1", True),
        ("151.101.0.223", "169.254.169.254", True),
        ("10.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "169.254.169.254", True),
        ("127.0.0.1", "127.0.0.1", False),
    ],
)
def test_no_name_leads_nearer_than_the_index_is(
    server: Scripted,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    index: str,
    file: str,
    refused: bool,
) -> None:
    told({"index.test": index, "files.test": file}, monkeypatch)
    server.tell("/f", Answer(200, b"inside"))
    port = server.url.rpartition(":")[2]
    session = Session(Settings("http://index.test", retries=2), sleep=time.sleep)
    if refused:
        with pytest.raises(Unreachable, match=r"files\.test is .* may not lead there.*1 try"):
            session.open(f"http://files.test:{port}/f", {})
        assert server.asked == []
    else:
        assert session.open(f"http://files.test:{port}/f", {}).status == 200
    session.close()


def test_a_redirect_leads_no_nearer_either(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index is elsewhere as far as anybody can tell, and still we are sent to this machine."""
    port = server.url.rpartition(":")[2]
    server.tell("/f", Answer(302, headers={"Location": f"http://localhost:{port}/g"}))
    session = Session(Settings(server.url, retries=0), sleep=time.sleep)
    monkeypatch.setattr(routes, "_near", lambda *_: {"global"})
    with pytest.raises(Unreachable, match=r"localhost is .* may not lead there"):
        session.open(server.url + "/f", {})
    assert len(server.asked) == 1
    session.close()


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"])
def test_an_address_leads_no_nearer_however_it_is_written(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    refuses(server, time, monkeypatch, host)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1"])
def test_libcurl_connects_to_no_address_that_was_not_looked_up(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """It reads more as an address than others do; what it comes to is looked at as it connects."""
    monkeypatch.setattr(connection, "resolve", lambda *_: ["151.101.0.223"])
    refuses(server, time, monkeypatch, host)


def refuses(server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    port = server.url.rpartition(":")[2]
    monkeypatch.setattr(routes, "_near", lambda *_: {"global"})
    session = Session(Settings("https://index.invalid", retries=2), sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"may not lead there .1 try"):
        session.open(f"http://{host}:{port}/f", {})
    session.close()
    assert server.asked == []


def test_a_proxy_is_not_asked_to_go_nearer(server: Scripted, time: Time) -> None:
    settings = Settings("http://index.invalid", proxy=server.url, retries=0)
    session = Session(settings, sleep=time.sleep)
    for host in (
        "127.0.0.1", "localhost", "[::1]", "169.254.169.254",
        "127.1", "2130706433", "0x7f.1", "%31%32%37.0.0.1", "127.0.0.1.",
        "LOCALHOST.", "a.localhost",
    ):  # fmt: skip
        with pytest.raises(Unreachable, match="may not lead there"):
            session.open(f"http://{host}:1/f", {})
    assert server.asked == []
    session.close()


# --- credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "url", "own"),
    [
        ("https://h.test", "https://H.TEST/f", True),
        ("https://h.test", "https://h.test:443/f", True),
        ("https://h.test", "HTTPS://h.test:/f", True),
        ("https://H.test:443", "https://h.test/f", True),
        ("http://h.test:80", "http://h.test/f", True),
        ("http://h.test:80", "https://h.test:443/f", True),
        ("https://[FD00::1]", "https://[fd00::1]:443/f", True),
        ("https://bücher.test", "https://xn--bcher-kva.test/f", True),
        ("https://h.test", "http://h.test/f", False),
        ("https://h.test", "http://h.test:443/f", False),
        ("https://h.test", "https://h.test:80/f", False),
        ("https://h.test", "https://h.test:8443/f", False),
        ("https://h.test", "https://me@h.test/f", False),
        ("https://h.test", "https://h.test.other.test/f", False),
        ("https://h.test", "https://h.test:99999/f", False),
    ],
)
def test_the_index_is_known_however_its_host_is_spelt(endpoint: str, url: str, own: bool) -> None:
    known = routes.Routes(Settings(endpoint, credentials=bearer("x")))
    try:
        sent = known.to(origin(url)).headers.get("Authorization")
    except ValueError:  # a port that is none
        sent = None
    known.close()
    assert sent == ("Bearer x" if own else None)


@pytest.mark.parametrize("who", ["me:pw@", "me@", "a@b:c@"])
def test_what_a_page_says_of_its_readers_is_not_sent(
    server: Scripted, session: Session, who: str
) -> None:
    url = server.url.replace("//", f"//{who}")
    server.tell("/f", Answer(302, headers={"Location": url + "/g"}))
    server.tell("/g", Answer())
    session.open(url + "/f", {}).close()
    assert server.paths() == ["/f", "/g"]
    assert [asked.headers.get("authorization") for asked in server.asked] == [None, None]


def test_a_name_beyond_ascii_is_asked_for_in_its_idna_form(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    told({"xn--bcher-kva.test": "127.0.0.1"}, monkeypatch)
    port = server.url.rpartition(":")[2]
    url = f"http://bücher.test:{port}"
    session = Session(Settings(url, retries=0), sleep=time.sleep)
    session.open(url + "/ä", {}).close()
    session.close()
    assert server.paths() == ["/%C3%A4"]
    assert server.asked[0].headers["host"] == f"xn--bcher-kva.test:{port}"


def test_an_index_that_could_not_be_looked_up_once_is_looked_up_again(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files lie on a private network, as it does: known as soon as it is."""
    server.tell("/f", Answer())
    here: list[set[str]] = [{"loopback"}, set(), set()]
    monkeypatch.setattr(routes, "_near", lambda *_: here.pop() if len(here) > 1 else here[0])
    session = Session(Settings("http://index.invalid", retries=0), sleep=time.sleep)
    with pytest.raises(Unreachable, match="may not lead there"):
        session.open(server.url + "/f", {})
    assert session.open(server.url + "/f", {}).status == 200
    session.close()


BASIC = "Basic bWU6c8OkY3JldA=="  # me:säcret


def sent(server: Scripted, **settings: object) -> str | None:
    """The Authorization that the index is sent; another host never is, redirected or not."""
    server.tell("/a", Answer())
    with Scripted() as other:
        other.tell("/f", Answer())
        server.tell("/f", Answer(302, headers={"Location": other.url + "/f"}))
        known = Settings(**{"endpoint": server.url, **settings})  # type: ignore[arg-type]
        session = Session(known)
        session.get(server.url + "/a", {})
        for url in (server.url, other.url):
            session.open(url + "/f", {}).close()
        session.close()
        assert [asked.headers.get("authorization") for asked in other.asked] == [None, None]
    secrets = ("säcret", "c8OkY3JldA", "t0k3n")
    assert not any(secret in repr(known) for secret in secrets)
    return server.asked[0].headers.get("authorization")


def test_credentials_in_an_address(server: Scripted) -> None:
    address = server.url.replace("//", "//me:s%C3%A4cret@")
    assert sent(server, endpoint=address) == BASIC


def test_credentials_in_the_address_of_the_root(server: Scripted) -> None:
    address = server.url.replace("//", "//me:s%C3%A4cret@")
    assert sent(server, root=address + "/whl/") == BASIC


def test_given_credentials(server: Scripted) -> None:
    assert sent(server, credentials=bearer("t0k3n")) == "Bearer t0k3n"


def test_netrc(server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password säcret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert sent(server) == BASIC


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("me:säcret\n", basic("me", "säcret")),
        ("me:with:colons", basic("me", "with:colons")),
        ("t0k3n-._~+/==\r\n", Credentials("Bearer t0k3n-._~+/==")),
        ("Bearer t0k3n", Credentials("Bearer t0k3n")),
    ],
)
def test_a_credentials_file(tmp_path: Path, content: str, expected: Credentials) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content.encode())
    assert from_file(path) == expected


@pytest.mark.parametrize(
    "content", [b"", b"two words", b"a:b\nc:d", b"\xffsecret", b"x" * 100_000, b"secret\0"]
)
def test_a_credentials_file_that_is_none_is_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="file: one line was expected") as caught:
        from_file(path)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_credentials_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing: cannot be read: No such file"):
        from_file(tmp_path / "missing")
