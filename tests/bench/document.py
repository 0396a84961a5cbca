"""One project of very many files: what its document takes."""

from functools import partial

from tests.bench.measure import Cost, Setup, configure, costs, folder, in_turn, sync, upstream
from tests.bench.report import Figures


def document(setup: Setup) -> Figures:
    """A first sync of one project with 200,000 files, of which one is mirrored."""
    with upstream("huge", setup.size(200_000, 400)) as remote:
        (found,) = in_turn(setup.runs, partial(_once, remote.url))
    return costs("", found)


def _once(url: str) -> Cost:
    with folder() as made:
        configure(made, url, {"huge": "latest"})
        cost, report = sync(made)
    assert not report["failed"]
    return cost
