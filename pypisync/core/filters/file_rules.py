"""Which files of a release are wanted, and on which targets they make it installable.

:class:`Rules` holds all of the configuration that turns files into facts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import Literal

from packaging.tags import Tag

from pypisync.core.environments.proof_targets import Machines
from pypisync.core.environments.targets import python_mask, targets_fingerprint
from pypisync.core.environments.wheel_tags import usable_mask
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.filenames import ParsedFile, build_tag, tags_read
from pypisync.core.standards.model import Targets
from pypisync.core.standards.requires_python import INSTALLERS, Installer, lists


@dataclass(frozen=True, slots=True)
class FilePolicy:
    """What the configuration says of files."""

    arch_exclude: tuple[str, ...] = ()
    wheels: Literal["all", "targets"] = "all"  # targets: only those that some target can use
    # fallback: only where a target has no wheel
    sdists: Literal["always", "fallback", "never"] = "always"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a release, as far as keeping it is concerned."""

    parsed: ParsedFile
    requires_python: str | None
    yanked: bool
    barred: bool = False  # by the policy, see pypisync.core.filters.policy
    inside: str | None = None  # Requires-Python of its METADATA, where that was read
    refused_by: tuple[Installer, ...] = ()  # for what its METADATA says
    foreign: bool = False  # METADATA is of another project or version: pip tries the next file


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """What is kept of one release; ``files`` runs parallel to the files passed in."""

    files: tuple[tuple[bool, int], ...]  # kept, and the targets that can use it
    admits: int  # by kept files that are not yanked
    admits_yanked: int  # by all kept files
    builds: int  # targets that only an sdist serves
    unsure: int = 0  # targets on which an installer may pass over it that others take
    # Proof targets that see a kept file that is not yanked, or any, on the page: what its METADATA
    # rules out still has a say in what else is taken.
    serves: int = 0
    serves_yanked: int = 0
    not_pip: int = 0  # of these, those on which pip passes over it
    not_uv: int = 0
    unseen_pip: int = 0  # and because no file on the page is one for pip
    outside_uv: int = 0  # and because the file that uv takes wants another Python
    # Of ``serves``: all files that this installer sees are yanked, and the other one sees a sound
    # one.
    yanked_pip: int = 0
    yanked_uv: int = 0


@dataclass(slots=True)
class _FileMasks:
    """On which targets a file can be used, and by whom."""

    some: int = 0  # an installer takes it
    unsure: int = 0  # and another one does not


def keep(
    files: Sequence[FileFacts], policy: FilePolicy, targets: Targets, machines: Machines
) -> KeptFiles:
    """Returns the files of one release that the policy keeps."""
    masks = [_usable(f, targets) for f in files]
    serves = [_union(_on(file, machines, by) for by in INSTALLERS) for file in files]
    kept = _wanted(files, policy, [mask.some for mask in masks], serves)
    by_wheel = admits = admits_yanked = unsure = 0
    for file, wanted, mask in zip(files, kept, masks, strict=True):
        if wanted:
            admits_yanked |= mask.some
            unsure |= mask.unsure
            admits |= 0 if file.yanked else mask.some
            by_wheel |= mask.some if file.parsed.kind == "wheel" else 0
    on_machines = _on_machines(
        [file for file, wanted in zip(files, kept, strict=True) if wanted], machines
    )
    return KeptFiles(
        files=tuple(
            (wanted, mask.some if wanted else 0) for wanted, mask in zip(kept, masks, strict=True)
        ),
        admits=admits,
        admits_yanked=admits_yanked,
        builds=admits_yanked & ~by_wheel,
        unsure=unsure & admits_yanked,
        **on_machines,
    )


def _on_machines(files: Sequence[FileFacts], machines: Machines) -> dict[str, int]:
    """Returns what :class:`KeptFiles` says of proof targets, by its name."""
    seen = {by: [_seen(file, machines, by) for file in files] for by in INSTALLERS}
    by_pip, by_uv = (_union(seen[by]) for by in INSTALLERS)
    sound = {
        by: _union(mask for file, mask in zip(files, seen[by], strict=True) if not file.yanked)
        for by in INSTALLERS
    }
    every, pip, uv = by_pip | by_uv, by_pip, by_uv
    serves, outside = sound["pip"] | sound["uv"], 0
    # Where all files want the same Python, the one that is chosen is as good as another.
    alike = all(file.requires_python == files[0].requires_python for file in files)
    if pip & ~uv or not alike or any(file.inside or file.refused_by for file in files):
        pip, _ = _stays(files, machines, "pip")
        uv, outside = _stays(files, machines, "uv")
    return {
        "serves": serves,
        "serves_yanked": every,
        "not_pip": every & ~pip,
        "not_uv": every & ~uv,
        "unseen_pip": every & ~by_pip,
        "outside_uv": every & outside,
        "yanked_pip": serves & by_pip & ~sound["pip"],
        "yanked_uv": serves & by_uv & ~sound["uv"],
    }


def usable(parsed: ParsedFile, requires_python: str | None, rules: "Rules") -> bool:
    """Returns whether a target or a machine can use a file, by what its page says of it."""
    file = FileFacts(parsed, requires_python, yanked=False)
    machines = _union(_seen(file, rules.machines, by) for by in INSTALLERS)
    return bool(_usable(file, rules.targets).some | machines)


def taken(files: Sequence[FileFacts], machines: Machines, by: Installer) -> list[int]:
    """Returns for each file of a release the machines on which the installer takes that one.

    The files come sorted by name, as on the mirror's pages. Of METADATA only counts whether it is
    of the release: the installer reads the rest when it has chosen.
    """
    found = _chosen(files, machines, by)
    return [
        mask & machines.with_python(file.requires_python, by)
        for file, mask in zip(files, found, strict=True)
    ]


def _chosen(files: Sequence[FileFacts], machines: Machines, by: Installer) -> list[int]:
    """Returns for each file the machines on which the installer chooses that one.

    A yanked file comes after all others; then tags and build tags decide. Of files that are equally
    good pip chooses the last one on the page (``PackageFinder``: its candidates are reversed), uv
    the first by name (``prioritized_distribution.rs``). uv looks at the Python that a file wants
    when it has chosen, and passes over the whole release if it is another one
    (``resolver/mod.rs``). pip goes on to the next file where METADATA is foreign, but takes no
    yanked one beside one that is not.
    """
    found = [0] * len(files)
    if by == "pip":
        masks = [_seen(file, machines, by) for file in files]
        sound = _union(m for file, m in zip(files, masks, strict=True) if not file.yanked)
        for i, file in enumerate(files):
            masks[i] &= 0 if file.foreign else ~sound if file.yanked else -1
    else:
        masks = [_tagged(file, machines, by) for file in files]
    ranks = [machines.ranks(_tags(file, by)) for file in files]
    goods = [(not file.yanked, build_tag(file.parsed.remainder)) for file in files]
    later = 1 if by == "pip" else -1
    for machine in range(len(machines.all)):
        best = max(
            (
                (sound, -(rank[machine] or 0), build, later * i)
                for i, (mask, rank, (sound, build)) in enumerate(
                    zip(masks, ranks, goods, strict=True)
                )
                if mask >> machine & 1
            ),
            default=None,
        )
        if best is not None:
            found[later * best[3]] |= 1 << machine
    return found


def _stays(files: Sequence[FileFacts], machines: Machines, by: Installer) -> tuple[int, int]:
    """Returns the machines on which the installer stays with the file that it chooses.

    And those on which that one wants another Python.
    """
    stays = outside = 0
    for file, mask in zip(files, _chosen(files, machines, by), strict=True):
        fits = mask & machines.with_python(file.requires_python, by)
        fits &= machines.with_python(file.inside, by)
        stays |= 0 if by in file.refused_by else fits
        outside |= mask & ~fits
    return stays, outside


def _usable(file: FileFacts, targets: Targets) -> _FileMasks:
    seen, some, every = 0, 0, targets.mask
    for by in INSTALLERS:
        page = usable_mask(_tags(file, by), targets)
        page &= python_mask(targets, file.requires_python, by)
        mask = page & python_mask(targets, file.inside, by)
        seen |= page
        # One that all refuse is as it is for the file rules: the proofs tell what comes of it.
        some |= mask
        every &= 0 if by in file.refused_by else mask
    return _FileMasks(some, seen & ~every)


def _union(masks: Iterable[int]) -> int:
    """Returns the union of masks."""
    return reduce(or_, masks, 0)


def _on(file: FileFacts, machines: Machines, by: Installer) -> int:
    return _seen(file, machines, by) & machines.with_python(file.inside, by)


def _seen(file: FileFacts, machines: Machines, by: Installer) -> int:
    """Returns the machines on which the file is one for the installer, by what the page says."""
    return _tagged(file, machines, by) & machines.with_python(file.requires_python, by)


def _tagged(file: FileFacts, machines: Machines, by: Installer) -> int:
    return machines.with_tags(_tags(file, by)) if lists(by, file.requires_python) else 0


def _tags(file: FileFacts, by: Installer) -> frozenset[Tag] | None:
    parsed = file.parsed
    return tags_read(parsed.tags if parsed.kind == "wheel" else None, parsed.remainder, by)


def _wanted(
    files: Sequence[FileFacts], policy: FilePolicy, masks: Sequence[int], serves: Sequence[int]
) -> list[bool]:
    """Returns which of the files the policy keeps."""
    kept = [not (f.barred or excluded(f.parsed, policy.arch_exclude)) for f in files]
    by_wheel = on_machines = 0
    for i, file in enumerate(files):
        if file.parsed.kind == "wheel":
            usable = masks[i] or serves[i]
            kept[i] = kept[i] and (policy.wheels == "all" or usable != 0)
            by_wheel |= masks[i] if kept[i] else 0
            on_machines |= serves[i] if kept[i] else 0
    for i, file in enumerate(files):
        if file.parsed.kind == "sdist" and policy.sdists != "always":
            needed = masks[i] & ~by_wheel or serves[i] & ~on_machines
            kept[i] = kept[i] and policy.sdists == "fallback" and needed != 0
    return kept


def excluded(parsed: ParsedFile, arch_exclude: Sequence[str]) -> bool:
    """Returns whether one of these texts occurs in what follows name and version."""
    return bool(arch_exclude) and any(text in parsed.remainder for text in arch_exclude)


def left_out(parsed: ParsedFile, policy: FilePolicy) -> str:
    """Returns which rule leaves out a file that is not kept, though nothing bars it."""
    for text in policy.arch_exclude:
        if excluded(parsed, (text,)):
            return f'arch_exclude ("{text}")'
    if parsed.kind == "wheel" and policy.wheels == "targets":
        return 'wheels: "targets" (no environment can install it)'
    if parsed.kind == "sdist" and policy.sdists == "never":
        return 'sdists: "never"'
    if parsed.kind == "sdist" and policy.sdists == "fallback":
        return 'sdists: "fallback" (every environment has a wheel)'
    return "the configuration of the last sync"


@dataclass(frozen=True, slots=True)
class Rules:
    """What turns files into facts: the targets and the configuration's word on files."""

    targets: Targets
    policy: FilePolicy
    bars: Policy = field(default_factory=Policy)
    machines: Machines = field(default_factory=Machines)  # on which roots are proven


def fingerprint(rules: Rules) -> str:
    """Returns a hash of all that masks depend on: when it differs, facts are derived anew."""
    machines = sha256("\n".join(rules.machines.spelled()).encode()).hexdigest()
    return f"{targets_fingerprint(rules.targets)} {rules.policy!r} {rules.bars!r} {machines}"
