"""The two faces: the simulator in process, and the client over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.faces import Face, Open, over_http
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["memory", "http"])
def face(request: pytest.FixtureRequest, stack: ExitStack) -> Open:
    def memory(world: World) -> Face:
        upstream = MemoryUpstream(world, attempts=3)
        return Face(upstream, upstream.requests)

    def http(world: World) -> Face:
        upstream, server = over_http(world, stack)
        return Face(upstream, server.requests)

    return memory if request.param == "memory" else http
