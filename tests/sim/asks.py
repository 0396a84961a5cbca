"""One ask of an upstream, answered as it answers many."""

from pypisync.upstream.api import Answer, Ask, Deposit, ProjectAsk, Upstream


def one_by_one(upstream: Upstream, deposit: Deposit, ask: Ask) -> Answer:
    """What an upstream comes to for one ask."""
    if isinstance(ask, ProjectAsk):
        return next(iter(upstream.projects([ask])))[1]
    return next(iter(upstream.fetch([ask], deposit)))[1]
