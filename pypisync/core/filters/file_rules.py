"""Which files of a release are wanted, and on which targets they make it installable.

:class:`Rules` holds all of the configuration that turns files into facts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from pypisync.core.environments import targets as environments
from pypisync.core.environments.proof_targets import Machines
from pypisync.core.environments.wheel_tags import usable_mask
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import Targets


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


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one release; ``files`` runs parallel to the files passed in."""

    files: tuple[tuple[bool, int], ...]  # kept, and the targets that can use it
    admits: int  # by kept files that are not yanked
    admits_yanked: int  # by all kept files
    builds: int  # targets that only an sdist serves
    serves: int = 0  # proof targets, by kept files that are not yanked
    serves_yanked: int = 0  # by all kept files


def keep(
    files: Sequence[FileFacts], policy: FilePolicy, targets: Targets, machines: Machines
) -> Kept:
    """Returns the files of one release that the policy keeps."""
    masks = [usable_mask(f.parsed, f.requires_python, targets) for f in files]
    serves = [
        machines.serves(f.parsed.tags if f.parsed.kind == "wheel" else None, f.requires_python)
        for f in files
    ]
    kept = _wanted(files, policy, masks, serves)
    by_wheel = admits = admits_yanked = sound = every = 0
    for file, wanted, mask, served in zip(files, kept, masks, serves, strict=True):
        if wanted:
            admits_yanked |= mask
            every |= served
            admits |= 0 if file.yanked else mask
            sound |= 0 if file.yanked else served
            by_wheel |= mask if file.parsed.kind == "wheel" else 0
    return Kept(
        files=tuple(
            (wanted, mask if wanted else 0) for wanted, mask in zip(kept, masks, strict=True)
        ),
        admits=admits,
        admits_yanked=admits_yanked,
        builds=admits_yanked & ~by_wheel,
        serves=sound,
        serves_yanked=every,
    )


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
    """Returns a hash of all that masks hang on: when it differs, facts are derived anew."""
    machines = sha256("\n".join(rules.machines.spelled()).encode()).hexdigest()
    return f"{environments.fingerprint(rules.targets)} {rules.policy!r} {rules.bars!r} {machines}"
