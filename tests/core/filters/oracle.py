"""Which file of a release pip and uv take on a machine, told for one machine at a time."""

from collections.abc import Sequence
from datetime import date
from itertools import product

from packaging.tags import Tag

from pypisync.core.environments.proof_targets import Machines, proof_targets
from pypisync.core.environments.targets import targets
from pypisync.core.filters.file_rules import FileFacts
from pypisync.core.standards.requires_python import Installer, admits

ENVIRONMENT = {"python_version": ["3.9", "3.12"], "sys_platform": ["linux", "win32"]}
TARGETS = targets(ENVIRONMENT)
MACHINES = Machines(proof_targets(TARGETS, ENVIRONMENT, date(2024, 1, 1))[0])


def tags(file: FileFacts, by: Installer) -> frozenset[Tag] | None:
    """The tags in the file's name; to uv only what is in lower case is one."""
    if file.parsed.kind == "sdist":
        return None
    pieces = [part.split(".") for part in file.parsed.remainder[:-4].split("-")[-3:]]
    spelt = [tag for tag in product(*pieces) if by == "pip" or tag == tuple(map(str.lower, tag))]
    return frozenset(Tag(*tag) for tag in spelt)


def rank(file: FileFacts, machine: int, by: Installer) -> int | None:
    """The place of the file's best tag among those of the machine; an sdist's is behind them."""
    known = MACHINES.all[machine].tags
    if (own := tags(file, by)) is None:
        return len(known)
    return min((known[tag] for tag in own if tag in known), default=None)


def on_machine(file: FileFacts, machine: int, by: Installer, text: str | None) -> bool:
    """Whether the installer's Python there is admitted by this text, and its tags by the file."""
    python = MACHINES.all[machine].environment["python_full_version"]
    return rank(file, machine, by) is not None and admits(by, text, python)


def pick(files: Sequence[FileFacts], machine: int, by: Installer) -> FileFacts | None:
    """The file that an installer chooses by its page; uv asks for its Python afterwards.

    pip goes on to another one where METADATA is foreign, but not from a sound file to a yanked one.
    """
    if by == "pip":
        there = [f for f in reversed(files) if on_machine(f, machine, by, f.requires_python)]
        there = [f for f in there if not f.yanked] or there
        there = [f for f in there if not f.foreign]
    else:  # which cannot read "3.x"
        there = [f for f in files if f.requires_python != "3.x" and on_machine(f, machine, by, "")]
    best = sorted(there, key=lambda f: (f.yanked, rank(f, machine, by), -build(f)))
    return best[0] if best else None


def source(files: Sequence[FileFacts], one: FileFacts, machine: int, by: Installer) -> FileFacts:
    """The file whose METADATA the installer reads where it takes that one.

    uv reads the wheel that comes nearest where it builds an sdist.
    """
    wheels = [f for f in files if f.parsed.kind == "wheel" and f.requires_python != "3.x"]
    if by == "pip" or one.parsed.kind == "wheel" or not wheels:
        return one

    def order(file: FileFacts) -> tuple[bool, int]:
        own, known = tags(file, by) or (), MACHINES.all[machine].tags
        abi = any((t.interpreter, t.abi) == (k.interpreter, k.abi) for t in own for k in known)
        python = any(t.interpreter == k.interpreter for t in own for k in known)
        passed = file.yanked and not one.yanked
        return passed, 0 if passed else -(own != ()) - python - abi

    return sorted(wheels, key=order)[0]


def admitted(file: FileFacts, machine: int, by: Installer) -> bool:
    """Whether the file's METADATA admits the machine's Python; what is not known the page says."""
    own = file.requires_python if file.inside is None else file.inside
    return admits(by, own, MACHINES.all[machine].environment["python_full_version"])


def build(file: FileFacts) -> int:
    """The build tag as a number; -1 of none."""
    parts = file.parsed.remainder.split("-")
    return int(parts[1]) if len(parts) == 5 else -1
