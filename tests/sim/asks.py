"""One ask of an upstream, and its answer."""

from typing import TypeVar

from pypisync.errors import UpstreamError
from pypisync.upstream.api import AskFor, Deposit, Upstream
from pypisync.upstream.stream import answers

_R = TypeVar("_R")


def asked(
    upstream: Upstream, ask: AskFor[_R], deposit: Deposit | None = None
) -> _R | UpstreamError:
    """What an upstream answers one ask with."""
    [(_, answer)] = answers(upstream, [(ask, None)], deposit)
    return answer
