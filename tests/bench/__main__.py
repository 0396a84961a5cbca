"""``python -m tests.bench [NAME ...] [--runs N] [--json]``."""

import argparse
import json

from tests.bench.workloads import WORKLOADS


def main() -> None:
    """Run the named workloads (all if none is named) and print their figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", choices=[[], *WORKLOADS], metavar="NAME")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for name in options.names or WORKLOADS:
        workload = WORKLOADS[name]
        results[name] = workload(options.runs)
        if not options.json:
            print(f"\n{name}: {workload.__doc__}")
            for figure, value, unit in results[name]:
                print(f"  {figure:<34} {value:>24} {unit}", flush=True)
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
