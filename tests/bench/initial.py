"""First syncs: many small projects, deep closures, large files."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tests.acceptance.fronts import find_program
from tests.bench import peers
from tests.bench.measure import (
    Cost,
    Remote,
    Setup,
    configure,
    costs,
    folder,
    in_turn,
    sync,
    upstream,
)
from tests.bench.report import Figures, figure, ratio, remark
from tests.bench.worlds import DEEP_LAYERS, names


def initial_small(setup: Setup) -> Figures:
    """First sync of 5,000 small projects, everything included."""
    count = setup.size(5_000, 10)
    with upstream("small", count) as remote:
        packages = dict.fromkeys(names(count), "latest")
        figures = _first_syncs(setup, remote, packages, packages, in_memory=True)
        on_disk = [_ours(remote, packages, in_memory=False) for _ in range(setup.runs)]
        figures += costs("tree on the disk", on_disk)
    return figures


def initial_mixed(setup: Setup) -> Figures:
    """First sync of 5,000 projects, all their releases, with conflicts, sdists and extras."""
    # bandersnatch mirrors all releases too. What cannot be installed it has as well.
    count = setup.size(5_000, 10)
    with upstream("mixed", count) as remote:
        packages = dict.fromkeys(names(count), ">=0")
        return _first_syncs(setup, remote, packages, packages, in_memory=True)


def initial_late(setup: Setup) -> Figures:
    """First sync of 600 small projects from an index that answers 25 ms late."""
    count = setup.size(600, 10)
    with upstream("late", count) as remote:
        packages = dict.fromkeys(names(count), "latest")
        return _first_syncs(setup, remote, packages, packages, in_memory=True)


def initial_deep(setup: Setup) -> Figures:
    """First sync of 60 projects, with closures twelve layers deep."""
    roots = setup.size(60, 2)
    with upstream("deep", roots) as remote:
        packages = dict.fromkeys(names(roots, "root"), "latest")
        layers = [name for n in range(DEEP_LAYERS) for name in names(roots, f"layer-{n}")]
        return _first_syncs(setup, remote, packages, [*packages, *layers], in_memory=True)


def initial_large(setup: Setup) -> Figures:
    """First sync of some 250 files with 400 MB, against curl and sha256sum on the same files."""
    if not find_program("curl"):
        return [remark("wall", "skipped: there is no curl on this machine")]
    count, big = setup.size(230, 3), setup.size(2**24, 2**17)
    with upstream("large", count, big) as remote:
        packages = dict.fromkeys(names(count), "latest")
        paths, size = _paths(remote, packages)
        ours, floor = in_turn(
            setup.runs,
            lambda: _ours(remote, packages, in_memory=False),
            lambda: _curl(remote, paths),
        )
    return [
        figure("files", [len(paths)], digits=0, note=f"with {size / 1e6:.0f} MB"),
        *costs("", ours),
        *costs("curl and sha256sum", floor),
        ratio("wall against curl and sha256sum", _walls(ours), _walls(floor)),
    ]


def _first_syncs(
    setup: Setup,
    remote: Remote,
    packages: dict[str, str],
    closure: Iterable[str],
    *,
    in_memory: bool,
) -> Figures:
    before = remote.said()
    with folder(in_memory=in_memory) as made:
        configure(made, remote.url, packages)
        _, report = sync(made)
        files = peers.distributions(made / "mirror" / "packages")
    traffic = remote.said().since(before)
    requests = traffic[0].values[0]
    ways: list[Callable[[], Cost]] = [partial(_ours, remote, packages, in_memory=in_memory)]
    others = {}
    if setup.peers and peers.version(setup.peers, "bandersnatch"):
        ways.append(partial(_bandersnatch, setup.peers, remote, list(closure), files, in_memory))
        others["bandersnatch"] = len(ways) - 1
    if setup.peers and peers.version(setup.peers, "morgan"):
        ways.append(partial(_morgan, setup.peers, remote, list(packages), files, in_memory))
        others["morgan"] = len(ways) - 1
    found = in_turn(setup.runs, *ways)
    ours = found[0]
    figures = [
        *costs("", ours),
        figure("cpu a request", [cost.cpu / requests * 1000 for cost in ours], "ms"),
        *traffic,
        figure("pages written", [report["pages"]], digits=0),
        figure("files", [files], digits=0),
    ]
    for name, number in others.items():
        theirs = found[number]
        figures += [
            *costs(name, theirs),
            ratio(f"wall against {name}", _walls(ours), _walls(theirs)),
            ratio(f"cpu against {name}", [c.cpu for c in ours], [c.cpu for c in theirs]),
        ]
    missing = [name for name in ("bandersnatch", "morgan") if name not in others]
    return figures + [remark(name, "skipped: not installed (--peers)") for name in missing]


def _ours(remote: Remote, packages: dict[str, str], *, in_memory: bool) -> Cost:
    with folder(in_memory=in_memory) as made:
        configure(made, remote.url, packages)
        return sync(made)[0]


def _bandersnatch(
    where: Path, remote: Remote, closure: list[str], files: int, in_memory: bool
) -> Cost:
    with folder(in_memory=in_memory) as made:
        return peers.Bandersnatch(where, made, remote.url, closure).mirror(files)


def _morgan(where: Path, remote: Remote, roots: list[str], files: int, in_memory: bool) -> Cost:
    with folder(in_memory=in_memory) as made:
        return peers.morgan(where, made, remote.url, roots, files)


def _paths(remote: Remote, packages: dict[str, str]) -> tuple[list[str], int]:
    """The files that the mirror comes to hold, and their bytes together."""
    with folder() as made:
        configure(made, remote.url, packages)
        sync(made)
        found = sorted((made / "mirror" / "packages").rglob("*.whl"))
        size = sum(path.stat().st_size for path in found)
        return [str(path.relative_to(made / "mirror")) for path in found], size


def _curl(remote: Remote, paths: list[str]) -> Cost:
    with folder() as made:
        return peers.curl(made / "curl", remote.url, paths)


def _walls(found: list[Cost]) -> list[float]:
    return [cost.wall for cost in found]
