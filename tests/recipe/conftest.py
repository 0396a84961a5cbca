"""What the tests of whole cycles share: the client over the wire, waiting in no time."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pypisync.cycle import far_stream, processes, whole_wheels
from pypisync.upstream.client import HttpUpstream, Settings
from tests.sim.server import Server

Wired = Callable[..., HttpUpstream]
Open = Callable[..., HttpUpstream]


@pytest.fixture
def wired(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    """Makes clients of the simulated upstream; keywords are those of Settings."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # the machine's are not meant
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made: list[HttpUpstream] = []

    def client(**settings: object) -> HttpUpstream:
        chosen: dict[str, object] = {
            "endpoint": server.url,
            "retries": 1,
            "pace": 0.0,
            "timeout": 5.0,
            "workers": 4,
        }
        made.append(
            HttpUpstream(
                Settings(**(chosen | settings)),  # type: ignore[arg-type]
                sleep=lambda seconds: None,
            )
        )
        return made[-1]

    yield client
    for upstream in made:
        upstream.close()


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder in memory, if the system has one: for tests that write thousands of files."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="pypisync-test-", dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels count as large: none comes whole in the place of its ``.metadata``."""
    monkeypatch.setattr(whole_wheels, "_SMALL", -1)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Makes clients on the real clock; whatever is asked for goes to a process."""
    monkeypatch.setattr(far_stream, "_WORTH", 1)
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # the machine's are not meant
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made: list[HttpUpstream] = []

    def client(
        server: Server, stop: Callable[[], bool] = lambda: False, **keys: Any
    ) -> HttpUpstream:
        keys = {"pace": 0.0, "workers": 4, **keys}
        made.append(HttpUpstream(Settings(server.url, **keys), stop=stop))
        return made[-1]

    yield client
    for upstream in made:
        upstream.close()
    assert not [one for one in threading.enumerate() if one.name == "stream"]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """The processes that were started."""
    found = list[subprocess.Popen[bytes]]()

    def starting(module: str) -> "subprocess.Popen[bytes]":
        found.append(processes.start(module))
        return found[-1]

    monkeypatch.setattr("pypisync.cycle.far_stream.start", starting)
    return found
