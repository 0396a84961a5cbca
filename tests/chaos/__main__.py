"""``python -m tests.chaos --minutes 30 --seed N``: attack a mirror, and say what broke."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.chaos.promises import BrokenError
from tests.chaos.shrink import shrunk
from tests.chaos.stage import Stage
from tests.chaos.steps import Step, drawn
from tests.postgres import Postgres


class Played(NamedTuple):
    """How many steps were played, and what broke at the last of them."""

    steps: int
    error: BrokenError | None


class Runs:
    """Plays lists of steps, each on a mirror of its own."""

    def __init__(self, folder: Path, postgres: Postgres | None) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._postgres = postgres

    def play(
        self, seed: int, steps: Sequence[Step], until: float
    ) -> tuple[int, BrokenError | None]:
        """Returns how many steps were played, and what broke at the last of them."""
        place = Path(tempfile.mkdtemp(dir=self._folder)) / "mirror"
        database = self._postgres.fresh() if self._postgres else None
        stage = Stage(place, seed, database)
        try:
            with stage:
                for step in steps:
                    last = time.monotonic() > until
                    stage.play(Step("settle") if last else step)
                    if last:
                        break
        except BrokenError as error:
            return Played(stage.played, error)
        except Exception as error:  # noqa: BLE001 - told like any other break, and the run goes on
            return Played(stage.played, BrokenError(type(error).__name__, traceback.format_exc()))
        finally:
            self.counts += stage.counts
            shutil.rmtree(place.parent, ignore_errors=True)
        return Played(stage.played, None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the time is over, or until something breaks. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--steps", type=int, default=40, help="steps for one mirror")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="default: by turns")
    parser.add_argument("--shrink", type=float, default=10, help="minutes to shrink what breaks")
    options = parser.parse_args(arguments)
    # Started in the background, SIGINT may be ignored; either ends it in good order.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    end = time.monotonic() + options.minutes * 60
    total: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.callback(_sum_up, total)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pypisync-chaos-")))
        server = stack.enter_context(Postgres()) if options.only != "sqlite" else None
        seed = options.seed
        while time.monotonic() < end:
            postgres = options.only == "postgresql" or (not options.only and seed % 2 == 1)
            runs = Runs(folder, server if postgres else None)
            steps = drawn(seed, options.steps)
            played, error = runs.play(seed, steps, end)
            total += runs.counts
            _say(f"seed {seed} {'postgresql' if postgres else 'sqlite'} {played} steps: ")
            _say(f"{error or 'held'}\n")
            if error:
                total["broken"] += 1
                _minimal(runs, seed, steps[:played], error, options.shrink)
            total["mirrors"] += 1
            seed += 1
    return 1 if total["broken"] else 0


def _sum_up(total: Counter[str]) -> None:
    _say(f"{dict(sorted(total.items()))}\n")
    cycles = sum(total[kind] for kind in ("cycle", "settle", "kill", "strike"))
    _say(f"kills {total['kill']}, cycles {cycles}, ")
    _say(f"mirrors {total['mirrors']}, broken {total['broken']}\n")


def _minimal(
    runs: Runs, seed: int, steps: Sequence[Step], error: BrokenError, minutes: float
) -> None:
    """Print the fewest steps that break the same promise."""

    def breaks(fewer: Sequence[Step]) -> bool:
        _, again = runs.play(seed, fewer, float("inf"))
        return again is not None and again.promise == error.promise

    for step in shrunk(steps, breaks, time.monotonic() + minutes * 60):
        _say(f"  {step!r}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
