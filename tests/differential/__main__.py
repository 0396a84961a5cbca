"""``python -m tests.differential --count N --seed S``: draw worlds, and say where they differ.

Each index that is made has draws of one kind, and the kinds take turns.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.acceptance.product import environment_of_this_machine
from tests.differential import builds, graphs, machines, odd
from tests.differential.cases import Case
from tests.differential.compare import Environment, compared

_HTML = 0.2  # the share of indexes that have no JSON


class Kind(NamedTuple):
    """A kind of draws."""

    drawn: Callable[[int, int], Case]
    environment: Callable[[random.Random], Environment]  # what the mirror is for


def _this(draw: random.Random) -> Environment:
    del draw
    return environment_of_this_machine()


def _more(draw: random.Random) -> Environment:
    """Returns the machine of the tests, often with a newer Python as well."""
    return environment_of_this_machine(*draw.choice(((), ("3.13",))))


KINDS = {
    "oddities": Kind(odd.drawn, _this),
    "left": Kind(odd.left, _this),
    "graphs": Kind(graphs.drawn, _more),
    "machines": Kind(machines.drawn, lambda draw: machines.ENVIRONMENT),
    "builds": Kind(builds.drawn, _this),
    "around": Kind(builds.around, _this),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Play so many draws. Returns 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="tests.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the number of the first draw")
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--kind", choices=[*KINDS], help="only draws of this kind")
    parser.add_argument("--batch", type=int, default=20, help="draws of one index")
    options = parser.parse_args(arguments)
    broken, begun, verdicts = 0, time.monotonic(), Counter[str]()
    end = options.first + options.count
    for first in range(options.first, end, options.batch):
        kind = options.kind or [*KINDS][first // options.batch % len(KINDS)]
        draw = random.Random(f"{options.seed} {first}")
        html, environment = draw.random() < _HTML, KINDS[kind].environment(draw)
        numbers = range(first, min(first + options.batch, end))
        cases = [KINDS[kind].drawn(number, options.seed) for number in numbers]
        with tempfile.TemporaryDirectory(prefix="pypisync-differential-") as folder:
            found = compared(cases, Path(folder), html=html, environment=environment)
        verdicts.update(one.verdict for one in found)
        for one in found:
            if any(one.faults()):
                broken += 1
                sys.stdout.write(f"{kind}{' (HTML)' * html} {one}\n")
        sys.stdout.flush()
    seconds = time.monotonic() - begun
    sys.stdout.write(
        f"seed {options.seed}: {options.count} draws, {broken} differ, {seconds:.0f} s; "
        f"verdicts {dict(verdicts)}\n"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
