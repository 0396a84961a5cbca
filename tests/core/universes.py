"""Small indexes for proofs, and what brute force says of them."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from packaging.tags import parse_tag
from packaging.version import Version

from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import ProofTarget, proof_targets
from pypisync.core.environments.targets import targets
from pypisync.core.resolve.check_pins import faults
from pypisync.core.resolve.index import ListedFile, ListedRelease, Offers
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards import requirements, versions
from pypisync.core.standards.model import Requirement

LINUX = {"python_version": ["3.11"], "sys_platform": ["linux"], "platform_machine": ["x86_64"]}

Index = Mapping[str, Sequence[str]]
"""By "name version" its requirements; a word in front of them can be ``yanked``,
``python<specifier>``, ``inside<specifier>`` (of its METADATA alone), ``tag=<tag>`` or ``unknown``.
"""


def here() -> ProofTarget:
    """CPython 3.11 on Linux x86-64."""
    ((target,), _) = proof_targets(targets(LINUX), LINUX, date(2026, 1, 1))
    return target


HERE = here()


def release(label: str, lines: Sequence[str]) -> ListedRelease:
    """One release of an :data:`Index`."""
    name, text = label.split()
    version = Version(text)
    facts = [
        line for line in lines if re.match(r"yanked$|(python|inside)[<>=!~]|tag=|unknown$", line)
    ]
    python = next((f.removeprefix("python") for f in facts if f.startswith("python")), None)
    inside = next((f.removeprefix("inside") for f in facts if f.startswith("inside")), None)
    tag = next((f.removeprefix("tag=") for f in facts if f.startswith("tag=")), "py3-none-any")
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    file = ListedFile(filename, f"packages/{filename}", "0" * 64, 1, parse_tag(tag), python,
                      "yanked" in facts, inside)  # fmt: skip
    return ListedRelease(
        name,
        str(version),
        versions.key(version),
        version.is_prerelease,
        (file,),
        tuple(need(line) for line in lines if line not in facts),
        "unknown" not in facts,
    )


def need(line: str) -> Requirement:
    """A requirement; a direct reference cannot be met, as the catalog has it."""
    parsed = requirements.parse(line)
    if not parsed.url:
        return parsed
    return Requirement(line, parsed.name, marker=parsed.marker, fault=parsed.impossible)


def target_index(index: Index, target: ProofTarget = HERE) -> TargetIndex:
    """The facts of an index."""
    found: dict[str, list[ListedRelease]] = {}
    for label, lines in index.items():
        one = release(label, lines)
        found.setdefault(one.name, []).append(one)
    for releases in found.values():
        releases.sort(key=lambda one: one.key)
    return TargetIndex(target, Offers(dict(found)))


def prove(index: Index, root: str, steps: int = 50_000) -> Proof:
    """The verdict on one root."""
    return Prover(target_index(index)).prove((need(root),), Budget(steps))


def pins(proof: Proof) -> dict[str, str]:
    """The versions by project."""
    return {pin.name: pin.usable.release.version for pin in proof.pins}


def solutions(facts: TargetIndex, root: Requirement) -> Iterator[dict[str, int]]:
    """Every installation of ``root`` that there is: all subsets of all releases."""
    names = sorted(facts.offers.releases)
    choices = [(None, *range(len(facts.usable(name)))) for name in names]
    for chosen in itertools.product(*choices):
        picked = {n: i for n, i in zip(names, chosen, strict=True) if i is not None}
        if not faults(facts, (root,), picked):
            yield picked
