"""What the environment says is what requests says, whether requests is asked or not."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_netrc_auth, select_proxy

from pypisync.upstream import environment

URLS = ("https://index.test:8443/", "http://10.1.2.3/", "https://[::1]/")
SAID: tuple[dict[str, str], ...] = (
    {},
    {"https_proxy": "http://p:1"},
    {"HTTP_PROXY": "http://p:1", "no_proxy": "index.test,10.1.0.0/16"},
    {"ALL_PROXY": "socks5://p:1"},
    {"no_proxy": "*"},
    {"https_proxy": ""},
    {"REQUESTS_CA_BUNDLE": "/bundle"},
    {"CURL_CA_BUNDLE": "/folder", "https_proxy": "p:1"},
)


@pytest.fixture(autouse=True)
def _no_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("said", SAID)
def test_the_way_is_that_of_requests(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    for url, proxy, file in product(URLS, (None, "http://own:1"), (None, "/own.pem")):
        proxies = {"http": proxy, "https": proxy} if proxy else {}
        with requests.Session() as session:
            found = session.merge_environment_settings(url, proxies, None, file, None)
        trusted = DEFAULT_CA_BUNDLE_PATH if found["verify"] is True else found["verify"]
        expected = select_proxy(url, found["proxies"]), trusted
        assert environment.way(url, proxy, file) == expected


def test_logins_are_those_of_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    url = "https://index.test/"
    assert environment.login(url) is None
    for name in ("_netrc", ".netrc"):
        (tmp_path / name).write_text(f"machine index.test login {name} password x\n")
        (tmp_path / name).chmod(0o600)
        assert environment.login(url) == get_netrc_auth(url) == (name, "x")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert environment.login(url) is get_netrc_auth(url) is None
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", "/" + "x" * 300)  # where nobody may look
    assert environment.login(url) is get_netrc_auth(url) is None


@pytest.mark.parametrize("url", ["https://index.test/", "http://127.1/", "https://[::1]:8443/"])
def test_what_is_asked_for_as_it_stands_is_spelt_so_by_requests(url: str) -> None:
    assert environment.spelt(url) == url


def test_requests_is_not_imported_where_nothing_is_said() -> None:
    code = (
        "import sys\nfrom pypisync.upstream.routes import Routes, Settings\n"
        "Routes(Settings('https://index.test')).to('https://index.test')\n"
        "assert 'requests' not in sys.modules\n"
    )
    quiet = {"HOME": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=quiet, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
