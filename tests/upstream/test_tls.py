"""Indexes behind TLS: a private authority, a client certificate, and a stop in between."""

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pycurl
import pytest

from pypisync.errors import Unreachable
from pypisync.upstream import connection
from pypisync.upstream.certificates import authorities_fault, client_fault, distrust_advice
from pypisync.upstream.destination import Destination
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.upstream.conftest import Time
from tests.upstream.raw import Raw, after_request

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl to make certificates with")
BODY = b"x" * 300_000


def made(folder: Path, name: str, *more: str) -> Path:
    """A self-signed certificate with its key in one file."""
    key, path = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "3650", "-keyout", key, "-out", path, "-subj", f"/CN={name}", *more,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + key.read_text())
    return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    made(folder, "server", "-addext", "subjectAltName=IP:127.0.0.1")
    made(folder, "client")
    return folder


@pytest.fixture
def seen() -> list[object]:
    return []


@pytest.fixture
def url(certificates: Path, seen: list[object]) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem")
    context.load_verify_locations(certificates / "client.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # refuses in the handshake

    def serve(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:

            def answer(wrapped: socket.socket, _: threading.Event) -> None:
                seen.append(wrapped.getpeercert())  # type: ignore[attr-defined]
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n"
                wrapped.sendall(head.encode() + BODY)

            after_request(answer)(wrapped, over)

    with Raw(serve) as server:
        yield server.url.replace("http", "https")


def test_an_authority_of_ones_own(url: str, certificates: Path, seen: list[object]) -> None:
    session = Session(Settings(url, ca_file=str(certificates / "server.pem"), retries=0))
    assert session.get(url + "/a", {}).body == BODY
    assert seen == [None]
    session.close()


def test_an_unknown_authority_is_not_trusted(url: str, time: Time) -> None:
    session = Session(Settings(url, retries=4), sleep=time.sleep)
    with pytest.raises(
        Unreachable, match=r"certificate verify failed: .* .1 try.*name its .*ca_file"
    ):
        session.get(url + "/a", {})
    session.close()


@pytest.mark.parametrize("variable", ["", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_that_are_named_and_are_others_are_told(
    url: str, certificates: Path, time: Time, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = str(certificates / "client.pem")
    if variable:
        monkeypatch.setenv(variable, named)
    ca_file = None if variable else named
    session = Session(Settings(url, ca_file=ca_file), sleep=time.sleep)
    said = (
        f"only the authorities in {named} are trusted, which {variable or '`ca_file`'} names: app"
    )
    with pytest.raises(Unreachable, match=rf"certificate verify failed: .* .1 try.*{said}"):
        session.get(url + "/a", {})
    session.close()


def test_a_certificate_for_another_name_is_told_as_that(
    url: str, certificates: Path, time: Time
) -> None:
    other = url.replace("127.0.0.1", "localhost")
    session = Session(Settings(other, ca_file=str(certificates / "server.pem")), sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"1 try.; use the name of the host that stands in its"):
        session.get(other + "/a", {})
    session.close()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("certificate has expired", "check the clock of this machine; whoever runs that host"),
        ("certificate is not yet valid", "check the clock of this machine"),
        ("unable to get local issuer certificate", "if the index has an authority of its own"),
    ],
)
def test_what_to_do_depends_on_what_is_said_of_a_certificate(said: str, advice: str) -> None:
    assert distrust_advice(said, "", "").startswith(advice)


@pytest.mark.parametrize("content", ["", "no certificate", "broken"])
def test_a_file_that_holds_no_authority_is_told(
    url: str, certificates: Path, tmp_path: Path, time: Time, content: str
) -> None:
    """A run says it as ``check`` does, which asks for the words before there is a connection."""
    good = (certificates / "server.pem").read_text()
    assert authorities_fault(str(certificates / "server.pem")) == ""
    junk = tmp_path / "junk.pem"
    junk.write_text(good.replace("M", "!", 9) if content == "broken" else content)
    words = authorities_fault(str(junk))
    assert words.startswith(f"{junk} holds no certificate")
    session = Session(Settings(url, ca_file=str(junk)), sleep=time.sleep)
    said = rf": certificate verify failed: {re.escape(words)} .1 try.*into that file, or take `ca_f"
    with pytest.raises(Unreachable, match=said):
        session.get(url + "/a", {})
    session.close()


@pytest.mark.parametrize("folder", [True, False])
def test_no_authorities_of_the_system_are_trusted_besides(tmp_path: Path, folder: bool) -> None:
    """Those that libcurl knows of itself, where only a file or only a folder is named to it."""
    authorities = tmp_path / "authorities"
    authorities.mkdir() if folder else authorities.touch()
    told = connection._options(Destination("https://h", 1.0, lambda *_: True, str(authorities)))
    ways = (pycurl.CAINFO, pycurl.CAPATH, pycurl.PROXY_CAINFO, pycurl.PROXY_CAPATH)
    set_to = {way: value for way, value in told if way in ways}
    there = [None, str(authorities)] if folder else [str(authorities), None]
    assert list(set_to.values()) == there * 2
    assert tuple(set_to) == ways


@pytest.mark.parametrize("apart", [True, False])
def test_a_client_certificate_is_for_the_index_alone(
    url: str, certificates: Path, seen: list[object], apart: bool
) -> None:
    settings = Settings(
        url,
        ca_file=str(certificates / "server.pem"),
        client_cert=str(certificates / "client.pem"),
        client_key=str(certificates / "client.key") if apart else None,
    )
    session = Session(settings)
    assert session.get(url + "/a", {}).body == BODY
    session.close()
    session = Session(replace(settings, endpoint="https://127.0.0.1:1"))
    session.open(url + "/a", {}).close()
    session.close()
    assert bool(seen[0])
    assert seen[1] is None


def test_a_client_certificate_that_is_missing_is_said(url: str, time: Time) -> None:
    session = Session(Settings(url, client_cert="/missing/client.pem"), sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"TLS certificate file.*missing.*1 try"):
        session.get(url + "/a", {})
    session.close()


def test_a_client_certificate_that_cannot_be_used_is_told(
    url: str, certificates: Path, time: Time, tmp_path: Path
) -> None:
    """As ``check`` tells it."""
    made(tmp_path, "other")
    good, other = certificates / "client.pem", tmp_path / "other.key"
    (tmp_path / "empty.pem").touch()
    for certificate, key, said in (
        (good, other, f"the private key in {other} is not that of the certificate in {good}"),
        (tmp_path / "empty.pem", None, "empty.pem holds no certificate"),
        (good, tmp_path / "empty.pem", "empty.pem holds no private key"),
        (certificates / "client.key", None, "client.key holds no certificate"),
    ):
        pair = str(certificate), None if key is None else str(key)
        words = client_fault(*pair)
        assert said in words
        session = Session(
            Settings(
                url,
                ca_file=str(certificates / "server.pem"),
                client_cert=pair[0],
                client_key=pair[1],
            ),
            sleep=time.sleep,
        )
        with pytest.raises(Unreachable, match=rf": {re.escape(words)} .1 try"):
            session.get(url + "/a", {})
        session.close()
    assert client_fault(str(good), None) == client_fault(str(good), str(good)) == ""


@pytest.mark.parametrize("apart", [True, False])
def test_a_key_with_a_password_is_told_at_once_and_not_asked_for(
    url: str, certificates: Path, time: Time, apart: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """OpenSSL would ask for it, at the terminal or else by stderr, and wait for ever."""
    sealed, both = certificates / "sealed.key", certificates / "sealed.pem"
    subprocess.run(
        [
            str(OPENSSL), "ec", "-aes256", "-passout", "pass:secret", "-out", sealed,
            "-in", certificates / "client.key",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    both.write_text((certificates / "client.pem").read_text().partition("-----BEGIN PRIV")[0])
    both.write_text(both.read_text() + sealed.read_text())
    settings = Settings(
        url,
        ca_file=str(certificates / "server.pem"),
        client_cert=str(certificates / "client.pem" if apart else both),
        client_key=str(sealed) if apart else None,
    )
    session = Session(settings, sleep=time.sleep)
    with pytest.raises(Unreachable, match=r"private key.*1 try"):
        session.get(url + "/a", {})
    session.close()
    assert capfd.readouterr().err == ""
