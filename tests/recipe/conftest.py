"""What the tests of whole cycles share: the client over the wire, waiting in no time."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pypisync.upstream.client import HttpUpstream, Settings
from tests.sim.server import Server

Wired = Callable[..., HttpUpstream]


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
