"""A scripted server, and clients of it that wait in no time."""

from collections.abc import Callable, Iterator

import pytest

from pypisync.upstream.client import HttpUpstream, Settings
from pypisync.upstream.session import Session
from tests.upstream.scripted import Scripted


class Time:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy and authorities this machine has, they are not meant for these tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as scripted:
        yield scripted


@pytest.fixture
def session(server: Scripted, time: Time) -> Iterator[Session]:
    session = Session(Settings(server.url, retries=2), sleep=time.sleep, clock=time.clock)
    yield session
    session.close()


Connect = Callable[..., HttpUpstream]


@pytest.fixture
def connect(server: Scripted, time: Time) -> Iterator[Connect]:
    """Makes clients of the server; keywords are those of Settings, ``stop`` and ``told``."""
    made: list[HttpUpstream] = []

    def client(**settings: object) -> HttpUpstream:
        stop = settings.pop("stop", lambda: False)
        told = settings.pop("told", lambda *_: None)
        known = Settings(**{"endpoint": server.url, "retries": 2, **settings})  # type: ignore[arg-type]
        clocks = {"sleep": time.sleep, "clock": time.clock}
        made.append(HttpUpstream(known, **clocks, stop=stop, told=told))  # type: ignore[arg-type]
        return made[-1]

    yield client
    for upstream in made:
        upstream.close()
