"""``python -m tests.fuzz TARGET --seconds N``: search one parser for what breaks it.

With atheris (``pip install -e '.[fuzz]'``), which sees which lines an input reaches and keeps
those that reach new ones. What breaks the property is written to ``--folder``; an input that
takes longer than ``--limit`` seconds counts as such.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pypisync", "packaging", "html.parser", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS, seeds


def main() -> None:
    """Search until the time is over; ends with the exit code of libFuzzer."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="0: drawn, and printed")
    parser.add_argument("--limit", type=int, default=10, help="seconds for one input")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    inputs = Path(tempfile.mkdtemp(prefix=f"pypisync-{options.target}-"))
    for number, content in enumerate(seeds(options.target)):
        (inputs / f"seed{number}").write_bytes(content)
    settings = {
        "max_total_time": options.seconds,
        "seed": options.seed,
        "timeout": options.limit,
        "max_len": 8192,
        "rss_limit_mb": 2048,
        "print_final_stats": 1,
        "artifact_prefix": f"{options.folder}/{options.target}-",
    }
    flags = [f"-{name}={value}" for name, value in settings.items()]
    atheris.Setup([sys.argv[0], *flags, str(inputs)], TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
