"""``python -m tests.differential --count N --seed S``: draw oddities, and say where they differ."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.differential.compare import compared
from tests.differential.odd import drawn

_HTML = 0.2  # the share of indexes that have no JSON


def main(arguments: Sequence[str] | None = None) -> int:
    """Play so many draws. Returns 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="tests.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the number of the first draw")
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--batch", type=int, default=50, help="draws of one index")
    options = parser.parse_args(arguments)
    broken, begun = 0, time.monotonic()
    end = options.first + options.count
    for first in range(options.first, end, options.batch):
        cases = [
            drawn(number, options.seed) for number in range(first, min(first + options.batch, end))
        ]
        html = random.Random(f"{options.seed} {first}").random() < _HTML
        with tempfile.TemporaryDirectory(prefix="pypisync-differential-") as folder:
            for one in compared(cases, Path(folder), html=html):
                if any(one.faults()):
                    broken += 1
                    sys.stdout.write(f"{one}{' (HTML)' * html}\n")
        sys.stdout.flush()
    seconds = time.monotonic() - begun
    sys.stdout.write(
        f"seed {options.seed}: {options.count} draws, {broken} differ, {seconds:.0f} s\n"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
