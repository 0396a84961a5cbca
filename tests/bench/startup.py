"""The commands that people wait for."""

import sys
from functools import partial
from pathlib import Path

from tests.bench.measure import (
    Cost,
    Setup,
    configure,
    folder,
    in_turn,
    pypisync,
    run,
    sync,
    upstream,
)
from tests.bench.report import Figures, figure
from tests.bench.worlds import names

_ALONE = (("--help",), ("--version",))
_COMMANDS = (
    *_ALONE,
    ("sync",),
    ("status",),
    ("check",),
    ("query", "SELECT 1"),
    ("why", "project-3"),
)


def start_up(setup: Setup) -> Figures:
    """The commands that people wait for, and an interpreter that does nothing."""
    count, commands = setup.size(60, 5), _COMMANDS[: setup.size(len(_COMMANDS), 2)]
    with upstream("small", count) as remote, folder(in_memory=True) as made:
        configure(made, remote.url, dict.fromkeys(names(count), "latest"))
        sync(made)
        found = in_turn(
            setup.size(setup.runs * 3, 1),
            lambda: run([sys.executable, "-c", "pass"]),
            *(partial(_command, made, words) for words in commands),
        )
    labels = ["python -c pass", *(" ".join(words) for words in commands)]
    return [
        found_figure
        for label, costs in zip(labels, found, strict=True)
        for found_figure in (
            figure(f"{label}: wall", [cost.wall * 1000 for cost in costs], "ms", 0),
            figure(f"{label}: cpu", [cost.cpu * 1000 for cost in costs], "ms", 0),
        )
    ]


def _command(made: Path, words: tuple[str, ...]) -> Cost:
    if words in _ALONE:
        return run([sys.executable, "-m", "pypisync", *words])
    return pypisync(made, *words)
