"""Proofs: one root with many dependencies, many roots on many targets, checking a stored proof.

``python -m tests.bench.proof STEP SIZE`` runs a step in a process of its own.
"""

import json
import random
import sys
import time
from datetime import date

from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import proof_targets
from pypisync.core.environments.targets import targets
from pypisync.core.resolve import pip, uv
from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.check_pins import Checker
from pypisync.core.resolve.prover import Prover
from pypisync.core.resolve.solver import Solver
from tests.bench.measure import Setup, run
from tests.bench.report import Figures, figure, ratio
from tests.core.universes import here, need, target_index

_FOUR = {
    "python_version": ["3.11", "3.12"],
    "sys_platform": ["linux", "win32"],
    "platform_machine": ["x86_64", "AMD64"],
}
_STEPS = 200_000
# Versions are 1.0 to 1.7, or fewer.
_USUAL = ("", "", "", ">=1.0", ">=1.0", "<2", "!=1.9", ">=0.5,<3")
_TANGLED = ("", "", ">=1.0", "<2", "!=1.1", ">=1.0", ">=1.1", ">=1.2", "<=1.5")


def proof(setup: Setup) -> Figures:
    """One root with 50 dependencies; 1,000 roots on four targets; checking stored pins."""
    singles, checks = _single(setup.size(300, 10), _USUAL)
    tangled, _ = _single(setup.size(100, 10), _TANGLED)
    whole = []
    count = setup.size(1_000, 20)
    for _ in range(setup.runs):
        words = [sys.executable, "-m", "tests.bench.proof", str(count)]
        whole.append(json.loads(run(words).output))
    slow = sorted(singles)[int(len(singles) * 0.99)]
    verdicts = ", ".join(f"{name} {n}" for name, n in sorted(whole[0]["verdicts"].items()))
    return [
        figure("a root with 50 dependencies", [s * 1000 for s in singles], "ms"),
        figure("the same, 99th percentile", [slow * 1000], "ms"),
        figure("where bounds conflict", [s * 1000 for s in tangled], "ms"),
        *_deep(setup.size(580, 20), setup.runs),
        figure("checking pins", [s * 1e6 for s in checks], "us", 0),
        figure(
            f"{count:,} roots on {whole[0]['targets']} targets",
            [one["wall"] for one in whole], "s", note=verdicts,
        ),
        figure("the same, cpu", [one["cpu"] for one in whole], "s"),
    ]  # fmt: skip


def _single(count: int, bounds: tuple[str, ...]) -> tuple[list[float], list[float]]:
    """Seconds to prove roots whose closures have 50 projects, and to check their pins."""
    proving, checking = [], []
    for seed in range(count):
        index, _ = universe(51, seed, bounds)
        facts = target_index(index, here())
        root = (need("project-50"),)
        prover = Prover(facts)
        prover.prove(root, Budget(_STEPS))  # with it the facts are prepared
        prover = Prover(prover.index)
        start = time.perf_counter()
        found = prover.prove(root, Budget(_STEPS))
        proving.append(time.perf_counter() - start)
        if found.verdict == "proven":
            facts = prover.index
            pins = {pin.name: facts.usable(pin.name).index(pin.usable) for pin in found.pins}
            start = time.perf_counter()
            passed = Checker(facts).passes(root, pins)
            checking.append(time.perf_counter() - start)
            assert passed
    return proving, checking


def _deep(depth: int, runs: int) -> Figures:
    """The searches of a deep closure: what each costs with facts that nobody has asked for yet."""
    spent: dict[str, list[float]] = {}
    for seed in range(runs):
        index, names = universe(depth + 1, seed, _USUAL)
        root = (need(names[-1]),)
        for search in ("solver", "uv", "pip"):
            admission = Admission(target_index(index, here()))
            for name in names:
                admission.kinds(name)
            start = time.thread_time()
            if search == "solver":
                Solver(admission).solve(root, Mode.WIDE, Budget(_STEPS), [])
            else:
                rehearsed = pip.rehearsed if search == "pip" else uv.rehearsed
                rehearsed(admission, root, Budget(_STEPS), set())
            spent.setdefault(search, []).append(time.thread_time() - start)
    both = [a + b for a, b in zip(spent["uv"], spent["pip"], strict=True)]
    return [
        *(
            figure(f"{depth} pins: {search}", [s * 1000 for s in some], "ms", 0)
            for search, some in spent.items()
        ),
        ratio("the two rehearsals against the solver", both, spent["solver"]),
    ]


def universe(
    count: int, seed: int, bounds: tuple[str, ...]
) -> tuple[dict[str, list[str]], list[str]]:
    """Projects of one to eight releases that need a few of those before them; and their names."""
    draw = random.Random(seed)
    index: dict[str, list[str]] = {}
    names = [f"project-{i}" for i in range(count)]
    for i, name in enumerate(names):
        # Every project needs the one before it, so that the last one needs all.
        named = {i - 1} if i else set()
        # What is needed often is needed by most.
        named |= {int(i * draw.random() ** 3) for _ in range(draw.randrange(4))} if i else set()
        for minor in range(draw.randrange(1, 9)):
            index[f"{name} 1.{minor}"] = [
                f"project-{n}{draw.choice(bounds)}" for n in sorted(named)
            ]
    return index, names


def main() -> None:
    """Prove every root of a universe on four targets, from nothing."""
    count = int(sys.argv[1])
    machines, _ = proof_targets(targets(_FOUR), _FOUR, date(2026, 1, 1))
    index: dict[str, list[str]] = {}
    # Many small worlds: a chain of a thousand is no project's closure.
    for part in range(count // 20):
        lines, _ = universe(20, part, _TANGLED)
        for label, wants in lines.items():
            index[f"w{part}-{label}"] = [f"w{part}-{line}" for line in wants]
    roots = sorted({label.split()[0] for label in index})
    wall, cpu = time.perf_counter(), time.process_time()
    verdicts: dict[str, int] = {}
    for machine in machines:
        prover = Prover(target_index(index, machine))
        for root in roots:
            found = prover.prove((need(root),), Budget(_STEPS))
            verdicts[found.verdict] = verdicts.get(found.verdict, 0) + 1
    said = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "targets": len(machines),
        "verdicts": verdicts,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
