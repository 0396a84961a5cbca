"""Bundles: what an export and an import cost, beside tar and sha256sum on the same bytes."""

import json
from pathlib import Path
from typing import Any

from tests.bench.measure import (
    Cost,
    Setup,
    configure,
    costs,
    folder,
    in_turn,
    pypisync,
    run,
    sync,
    upstream,
)
from tests.bench.report import Figures, figure, ratio
from tests.bench.worlds import names


def bundles(setup: Setup) -> Figures:
    """Everything of 230 projects with 400 MB; everything, and 50, of 5,000; peaks of 20,000."""
    return [*_large(setup), *_many(setup), *_memory(setup)]


def _large(setup: Setup) -> Figures:
    count, big = setup.size(230, 3), setup.size(2**24, 2**17)
    with upstream("large", count, big) as remote, folder() as made:
        _outside(made, remote.url, count)
        tar = made / "plain.tar"
        export, packed = in_turn(
            setup.runs, lambda: _export(made, "--full")[0], lambda: _pack(made / "outside", tar)
        )
        taken, unpacked = in_turn(setup.runs, lambda: _import(made)[0], lambda: _unpack(made, tar))
        size = tar.stat().st_size / 1e6
    return [
        *costs(f"export, {size:.0f} MB", export),
        ratio("export: wall against tar and sha256sum", _walls(export), _walls(packed)),
        *costs(f"import, {size:.0f} MB", taken),
        ratio("import: wall against sha256sum and tar", _walls(taken), _walls(unpacked)),
    ]


def _many(setup: Setup) -> Figures:
    count, some = setup.size(5_000, 10), setup.size(50, 2)
    with upstream("small", count) as remote, folder(in_memory=True) as made:
        _outside(made, remote.url, count)
        export, full = _export(made, "--full")
        taken, _ = _import(made)
        for number in range(some):
            remote.do("publish", f"project-{number}", "2.0", build_requires=[])
        sync(made / "outside")
        delta, part = _export(made)
        added, _ = _import(made, anew=False)
    return [
        figure("projects", [full["listed"]["projects"]], digits=0),
        *costs("export of all", [export]),
        *costs("import of all", [taken]),
        figure("files of the delta", [part["files"]], digits=0),
        *costs("export of the delta", [delta]),
        *costs("import of the delta", [added]),
    ]


def _memory(setup: Setup) -> Figures:
    """How much memory each of the commands takes, four times the projects of the others."""
    count = setup.size(20_000, 20)
    with upstream("small", count) as remote, folder(in_memory=True) as made:
        _outside(made, remote.url, count)
        found = {"export": _export(made, "--full")[0], "import": _import(made)[0]}
        found["list"] = pypisync(made / "outside", "export", "--full", "--list", "--csv")
        report = made / "report.json"
        found["report"] = pypisync(made / "inside", "import", "--report", str(report))
        found["export for it"] = _export(made, "--for", str(report))[0]
    return [
        figure(f"{what} of {count:,}: peak", [cost.peak], "MiB", 0) for what, cost in found.items()
    ]


def _outside(made: Path, url: str, count: int) -> None:
    outside = made / "outside"
    outside.mkdir()
    configure(outside, url, dict.fromkeys(names(count), "latest"))
    sync(outside)


def _export(made: Path, *words: str) -> tuple[Cost, Any]:
    """Exports onto empty media. Returns the manifest too."""
    media = made / "media"
    run(["rm", "-rf", media])
    cost = pypisync(made / "outside", "export", *words, "--unsigned", "--to", str(media), "--json")
    return cost, json.loads(cost.output)


def _import(made: Path, *, anew: bool = True) -> tuple[Cost, Any]:
    """Imports from the media, ``anew`` into an empty mirror. Returns what that did too."""
    inside = made / "inside"
    if anew:
        run(["rm", "-rf", inside])
        inside.mkdir()
        configure(inside, "http://127.0.0.1:9", {"project-0": "latest"})
    cost = pypisync(inside, "import", str(made / "media"), "--unsigned", "--json")
    (found,) = json.loads(cost.output)
    assert found["report"]["files"]
    return cost, found


def _pack(outside: Path, tar: Path) -> Cost:
    """Writes the same files with tar, and has them hashed, on the disk in the end as ours are."""
    command = f"tar -cf {tar} -C {outside / 'mirror'} packages && sha256sum {tar} && sync {tar}"
    return run(["sh", "-c", command])


def _unpack(made: Path, tar: Path) -> Cost:
    target = made / "plain"
    run(["rm", "-rf", target])
    target.mkdir()
    return run(["sh", "-c", f"sha256sum {tar} && tar -xf {tar} -C {target} && sync -f {target}"])


def _walls(found: list[Cost]) -> list[float]:
    return [cost.wall for cost in found]
