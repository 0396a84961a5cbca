"""Scenarios: data files that say what stands upstream, what is asked for and what comes of it.

``tests/scenarios/*.json5`` map a scenario's name to its first step, with further steps in
``then``. A step may change upstream (``upstream``, ``do``), the operator's wishes (``packages``,
``groups``, ``environment``, ``policy``, ``now``, ``steps``), and states what a sync must bring:

- ``listed``: the versions on the pages, by project
- ``verdicts``: by subject a verdict, or verdicts by target; "proven" where it is left out
- ``pins``, ``pip``: by subject what is installed, and what pip installs where that differs;
  "SUBJECT on TARGET" where it differs by target
- ``why``: by subject, phrases of the explanation; ``unmet``: "NAME==VERSION REQUIREMENT"
- ``held``, ``failed``: phrases of the reason, by what is held or failed; all of them

``upstream`` maps "NAME VERSION" to a list of requirements and words: ``yanked``, ``python>=3.12``,
``wheel=TAG`` (default: one for all), ``sdist`` (no wheel, unless one is named), ``sdist=dynamic``,
``build=REQUIREMENT``, ``at=DATE``, ``page=TEXT`` (the page's Requires-Python, any text),
``inside=TEXT`` (that of METADATA), ``says=VERSION`` and ``called=NAME`` (of METADATA), and
``[EXTRA] REQUIREMENT``.
``do`` calls methods of the world, or of its faults, by name.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import json5

from pypisync.core.budget import Budget
from pypisync.core.filters.policy import Block, Policy
from pypisync.core.standards.requirements import parse
from pypisync.core.values import moment
from pypisync.core.wanted.groups import Group
from pypisync.cycle.report import Report
from pypisync.cycle.sync import sync_once
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

FOLDER = Path(__file__).parents[1] / "scenarios"
ENVIRONMENT = {
    "python_version": ["3.11", "3.13"],
    "sys_platform": ["linux"],
    "platform_machine": ["x86_64"],
    "implementation_name": ["cpython"],
    "extra": [],
}
TARGETS = ("3.11 linux-x86_64", "3.13 linux-x86_64")
_WORD = re.compile(
    r"(yanked|sdist)$|(python)(?=[<>=!~])"
    r"|(wheel|sdist|build|at|page|inside|says|called)=|\[([\w-]+)\] "
)
_STEP = {
    "upstream", "do", "packages", "groups", "environment", "policy", "now", "steps", "listed",
    "verdicts", "pins", "pip", "uv", "why", "unmet", "held", "failed", "then",
}  # fmt: skip

Step = Mapping[str, Any]


def load() -> dict[str, str]:
    """All scenarios as they are written, by their name, with the file's in front.

    Each is read when it is played: all of them take seconds, in each process of the tests.
    """
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.json5")):
        _, _, inside = path.read_text(encoding="utf-8").partition("\n{\n")
        for written in re.split(r"\n(?=  \")", inside.rstrip().removesuffix("}")):
            name, _ = json.JSONDecoder().raw_decode(written.lstrip())
            found[f"{path.stem}: {name}"] = written
    return found


def steps(written: str) -> list[Step]:
    """The steps of a scenario. Raises ValueError for a key that means nothing."""
    [scenario] = json5.loads(f"{{{written}}}").values()
    found = [scenario, *scenario.get("then", ())]
    for step in found:
        if odd := step.keys() - _STEP:
            raise ValueError(f"no key of a scenario: {sorted(odd)}")
    return found


@dataclass
class Scene:
    """A scenario as it is played."""

    folder: Path
    world: World = field(default_factory=World)
    bench: Bench = field(init=False)
    when: str = "2026-11-25"
    budget: int = 20_000

    def __post_init__(self) -> None:
        upstream = MemoryUpstream(self.world)
        self.bench = Bench(self.folder, upstream, {}, environment=ENVIRONMENT)

    def play(self, step: Step) -> Report:
        """What changes, and a sync."""
        for label, lines in step.get("upstream", {}).items():
            publish(self.world, label, lines)
        for method, *arguments in step.get("do", ()):
            owner = self.world if hasattr(self.world, method) else self.world.faults
            getattr(owner, method)(*arguments)
        bench = self.bench
        bench.packages = step.get("packages", bench.packages)
        bench.environment = {**bench.environment, **step.get("environment", {})}
        if "groups" in step:
            bench.groups = [_group(name, one) for name, one in step["groups"].items()]
        if "policy" in step:
            bench.bars = _policy(step["policy"])
        self.when = step.get("now", self.when)
        self.budget = step.get("steps", self.budget)
        bench.clock = moment(self.when) - 3600
        mirror = bench.mirror(bench.catalog())
        mirror.budget = lambda: Budget(self.budget)
        return sync_once(mirror)

    def outcome(self, report: Report) -> dict[str, Any]:
        """What a step can state, as it is."""
        return {
            "listed": {name: sorted(some) for name, some in self.bench.listed().items()},
            "verdicts": self._verdicts(),
            "pins": self._pins("solver"),
            "pip": self._pins("pip"),
            "uv": self._pins("uv"),
            "why": self._why(),
            "unmet": sorted(f"{n}=={v} {text}" for n, v, text in self.bench.unmet()),
            "held": dict(report.held),
            "failed": dict(report.failed),
        }

    def _verdicts(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for subject, targets, verdict in self.bench.query(
            "SELECT subject, targets, verdict FROM v_proofs"
        ):
            found.setdefault(subject, {}).update(dict.fromkeys(targets.split(", "), verdict))
        return found

    def _pins(self, chosen_by: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for subject, targets, project, version in self.bench.query(
            f"SELECT subject, targets, project, version FROM v_pins WHERE chosen_by='{chosen_by}'"
        ):
            for target in targets.split(", "):
                found.setdefault(f"{subject} on {target}", {})[project] = version
        return found

    def _why(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for subject, why in self.bench.query("SELECT subject, why FROM v_proofs"):
            found[subject] = "\n".join(filter(None, (found.get(subject), why)))
        return found


def publish(world: World, label: str, lines: Sequence[str]) -> None:
    """Publish a release as a scenario spells it."""
    name, version = label.split()
    plan: dict[str, Any] = {"requires": [], "extras": {}, "wheels": [], "build": []}
    for line in lines:
        word = _WORD.match(line)
        if word:
            _say(plan, word, line[word.end() :])
        else:
            plan["requires"].append(line)
    build = plan.pop("build")
    if not plan["wheels"] and not plan.get("sdist"):
        plan["wheels"] = ["py3-none-any"]
    world.publish(name, version, **plan, build_requires=build or None)
    if "yanked" in lines:
        world.yank(name, version)


def _say(plan: dict[str, Any], word: re.Match[str], rest: str) -> None:
    """What a word in front of the requirements adds."""
    match word.groups():
        case (_, _, _, str(extra)):
            plan["extras"].setdefault(extra, []).append(rest)
        case (_, str(), _, _):
            plan["requires_python"] = rest
        case (_, _, "wheel" | "build" as kind, _):
            plan["wheels" if kind == "wheel" else "build"].append(rest)
        case (_, _, "at" | "page" | "inside" | "says" | "called" as key, _):
            plan[{"at": "uploaded", "page": "requires_python"}.get(key, key)] = rest
        case ("sdist", _, _, _) | (_, _, "sdist", _):
            plan |= {"sdist": True, "sdist_metadata": rest or "static"}


def differences(step: Step, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What is not as the step states, by key: (stated, as it is)."""
    found: dict[str, Any] = {}
    stated = {name: sorted(some) for name, some in step["listed"].items()}
    found["listed"] = stated, outcome["listed"]
    said = step.get("verdicts", {})
    found["verdicts"] = (
        {
            subject: said.get(subject, "proven") if isinstance(said.get(subject, ""), str)
            else {**dict.fromkeys(there, "proven"), **said[subject]}
            for subject, there in outcome["verdicts"].items()
        },
        {
            subject: there
            if isinstance(said.get(subject, ""), dict)
            else (next(iter(there.values())) if len(set(there.values())) == 1 else there)
            for subject, there in outcome["verdicts"].items()
        },
    )  # fmt: skip
    if missing := said.keys() - outcome["verdicts"].keys():
        found["subjects"] = sorted(missing), sorted(outcome["verdicts"])
    for key in ("pins", "pip", "uv"):
        for subject, pins in step.get(key, {}).items():
            where = [subject] if " on " in subject else [f"{subject} on {t}" for t in TARGETS]
            found |= {f"{key} {one}": (pins, outcome[key].get(one, {})) for one in where}
    for subject, phrases in step.get("why", {}).items():
        text = outcome["why"].get(subject, "")
        if not all(phrase in text for phrase in phrases):
            found[f"why {subject}"] = phrases, text
    found["unmet"] = sorted(step.get("unmet", [])), outcome["unmet"]
    for key in ("held", "failed"):
        wanted, there = step.get(key, {}), outcome[key]
        same = wanted.keys() == there.keys() and all(wanted[one] in there[one] for one in wanted)
        found[key] = wanted, wanted if same else there
    return {key: pair for key, pair in found.items() if pair[0] != pair[1]}


def _group(name: str, lines: Mapping[str, Sequence[str]]) -> Group:
    requirements = tuple(map(parse, lines["requirements"]))
    constraints = tuple(map(parse, lines.get("constraints", ())))
    return Group(name, resolve=True, requirements=requirements, constraints=constraints)


def _policy(keys: Mapping[str, Any]) -> Policy:
    blocks = tuple(Block(**block) for block in keys.get("block", ()))
    freeze = keys.get("freeze_at")
    return Policy(
        min_age=keys.get("min_age", 0),
        exempt=tuple((name, version) for name, version in keys.get("exempt", ())),
        freeze_at=None if freeze is None else moment(freeze),
        block=blocks,
        max_file_size=keys.get("max_file_size"),
    )
