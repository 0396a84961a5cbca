"""Against an index as large as PyPI's: what does a cycle cost that has nothing to do?"""

from tests.bench.measure import Setup, configure, costs, folder, sync, upstream
from tests.bench.report import Figures, figure
from tests.bench.ticks import idle
from tests.bench.worlds import names


def full_index(setup: Setup) -> Figures:
    """About 890,000 names upstream, an allowlist of 60: a cycle with nothing relevant changed."""
    count, real = setup.size(890_000, 200), setup.size(60, 5)
    with upstream("full", count, real) as remote, folder(in_memory=True) as made:
        configure(made, remote.url, dict.fromkeys(names(real), "latest"))
        sync(made)
        return idle(setup, remote, made, list(names(real)))


def full_patterns(setup: Setup) -> Figures:
    """The full index with a pattern that matches one name in ten."""
    count, real = setup.size(890_000, 200), setup.size(60, 5)
    with upstream("full", count, real) as remote, folder(in_memory=True) as made:
        packages = dict.fromkeys(names(real), "latest")
        configure(made, remote.url, packages, packages_re={"match-.*": ["latest"]})
        before = remote.said()
        first, report = sync(made)
        traffic = remote.said().since(before)
        figures = [
            *costs("first sync", [first]),
            *traffic,
            figure("projects", [report["projects_read"]], digits=0),
        ]
        later = [sync(made)[0] for _ in range(setup.runs)]
        figures += costs("nothing changed", later)
        changed = []
        for turn in range(setup.runs):
            for i in range(5):
                remote.do("publish", f"match-{(turn * 5 + i) * 10:07}", "1.0")
            changed.append(sync(made)[0])
        return [*figures, *costs("5 of them changed", changed)]
