"""A face of an upstream: what both suites ask of it, and how often it was asked."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from pypisync.core.standards.model import NO_VALIDATORS, ProjectDocument, Unchanged, Validators
from pypisync.errors import UpstreamError
from pypisync.upstream.api import FileAsk, Index, ProjectAsk
from pypisync.upstream.client import HttpUpstream, Settings
from tests.sim.asks import asked
from tests.sim.log import RequestKind
from tests.sim.server import Server
from tests.sim.world import World
from tests.upstream.deposit import MemoryDeposit


@dataclass(frozen=True)
class Face:
    """An upstream and how often it was asked."""

    upstream: Index
    requests: Callable[[RequestKind | None], int]

    def project(
        self, name: str, serial: int = 0, known: Validators = NO_VALIDATORS
    ) -> ProjectDocument | Unchanged | UpstreamError:
        return asked(self.upstream, ProjectAsk(name, serial, known))

    def document(self, name: str, serial: int = 0) -> ProjectDocument:
        answer = self.project(name, serial)
        assert isinstance(answer, ProjectDocument), answer
        return answer

    def fetch(self, name: str, deposit: MemoryDeposit) -> UpstreamError | None:
        return asked(self.upstream, self.ask(name), deposit)

    def ask(self, name: str) -> FileAsk:
        file = self.document(name).files[0]
        return FileAsk(file.url, f"pool/{file.filename}", file.sha256, file.size)


Open = Callable[[World], Face]


def over_http(world: World, stack: ExitStack) -> tuple[HttpUpstream, Server]:
    server = stack.enter_context(Server(world))
    settings = Settings(server.url, workers=4, retries=2, pace=0)
    upstream = HttpUpstream(settings, sleep=lambda _: None, clock=lambda: 0.0)
    stack.callback(upstream.close)
    return upstream, server
