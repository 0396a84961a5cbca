"""Which files of a release are wanted, and on which targets they make it installable.

:class:`Rules` holds all of the configuration that turns files into facts.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.tags import Tag

from pypisync.core.environments.proof_targets import Machines
from pypisync.core.environments.targets import python_mask, targets_fingerprint
from pypisync.core.environments.wheel_tags import usable_mask
from pypisync.core.filters.file_choice import Weighed, chosen, told
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.filenames import ParsedFile, build_tag, tags_read
from pypisync.core.standards.model import Targets
from pypisync.core.standards.requires_python import INSTALLERS, Installer, lists


class FilePolicy(Struct, frozen=True):
    """What the configuration says of files."""

    arch_exclude: tuple[str, ...] = ()
    wheels: Literal["all", "targets"] = "all"  # targets: only those that some target can use
    # fallback: only where a target has no wheel
    sdists: Literal["always", "fallback", "never"] = "always"


class FileFacts(Struct, frozen=True):
    """One file of a release, as far as keeping it is concerned."""

    parsed: ParsedFile
    requires_python: str | None
    yanked: bool
    barred: bool = False  # by the policy, see pypisync.core.filters.policy
    # Requires-Python of its METADATA, where that was read and says another than the page; "": none
    inside: str | None = None
    refused_by: tuple[Installer, ...] = ()  # for what its METADATA says
    foreign: bool = False  # METADATA is of another project or version: pip tries the next file
    reason: bool = False  # its yank states one

    @property
    def own_python(self) -> str | None:
        """What its METADATA says of Python, as far as that is known."""
        return self.requires_python if self.inside is None else self.inside


class KeptFiles(Struct, frozen=True):
    """What is kept of one release; ``files`` runs parallel to the files passed in."""

    files: tuple[tuple[bool, int], ...]  # kept, and the targets that can use it
    admits: int  # by kept files that are not yanked
    admits_yanked: int  # by all kept files
    builds: int  # targets on which an installer builds an sdist
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
    built: int = 0  # where an installer builds the sdist
    pinned_uv: int = 0  # where uv decides otherwise on whether to take it if a root pins it


class _FileMasks(Struct):
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
    admits = admits_yanked = unsure = 0
    for file, wanted, mask in zip(files, kept, masks, strict=True):
        if wanted:
            admits_yanked |= mask.some
            unsure |= mask.unsure
            admits |= 0 if file.yanked else mask.some
    on_machines = _on_machines(
        [file for file, wanted in zip(files, kept, strict=True) if wanted], machines
    )
    return KeptFiles(
        files=tuple(
            (wanted, mask.some if wanted else 0) for wanted, mask in zip(kept, masks, strict=True)
        ),
        admits=admits,
        admits_yanked=admits_yanked,
        # pip builds also what it passes over then, for what its METADATA says.
        builds=_builds(files, kept, [mask.some for mask in masks])
        | (machines.served(_builds(files, kept, serves), targets) & admits_yanked)
        | machines.served(on_machines["built"], targets),
        unsure=unsure & admits_yanked,
        **on_machines,
    )


def _builds(files: Sequence[FileFacts], kept: Sequence[bool], usable: Sequence[int]) -> int:
    """Returns where an installer builds an sdist: it takes no yanked wheel before a sound one."""
    sound, every = ({"wheel": 0, "sdist": 0} for _ in range(2))
    for file, wanted, mask in zip(files, kept, usable, strict=True):
        if wanted:
            every[file.parsed.kind] |= mask
            sound[file.parsed.kind] |= 0 if file.yanked else mask
    alone = every["sdist"] & ~(every["wheel"] | sound["sdist"])
    return sound["sdist"] & ~sound["wheel"] | alone


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
        "built": _union(_built(files, seen[by], by) for by in INSTALLERS),
        "pinned_uv": _turned(files, machines),
    }


def _built(files: Sequence[FileFacts], seen: Sequence[int], by: Installer) -> int:
    there = [not (file.foreign and by == "pip") for file in files]
    return _builds(files, there, seen)


def _turned(files: Sequence[FileFacts], machines: Machines) -> int:
    """Returns the machines on which uv decides otherwise on a release if a root pins it."""
    pinned = as_pinned(files)
    if pinned is files:
        return 0
    return _stays(files, machines, "uv")[0] ^ _stays(pinned, machines, "uv")[0]


def as_pinned(files: Sequence[FileFacts]) -> Sequence[FileFacts]:
    """Returns the files as uv sees them if a root pins their release: none is yanked then.

    Its ``yanks.rs`` (``AllowedYanks``).
    """
    some = any(file.yanked for file in files) and not all(file.yanked for file in files)
    return [replace(file, yanked=False) for file in files] if some else files


def usable(parsed: ParsedFile, requires_python: str | None, rules: "Rules") -> bool:
    """Returns whether a target or a machine can use a file, by what its page says of it."""
    file = FileFacts(parsed, requires_python, yanked=False)
    machines = _union(_seen(file, rules.machines, by) for by in INSTALLERS)
    return bool(_usable(file, rules.targets).some | machines)


class Taken(Struct):
    """On which machines an installer takes a file of a release, and reads its METADATA."""

    installs: int = 0
    reads: int = 0


def taken(files: Sequence[FileFacts], machines: Machines, by: Installer) -> list[Taken]:
    """Returns it for each file of a release; the files come sorted by name.

    By the rules of :mod:`pypisync.core.filters.file_choice`.
    """
    found = [Taken() for _ in files]
    for bit, one, source in _choices(files, machines, by):
        if bit & machines.with_python(files[one].requires_python, by):
            found[one].installs |= bit
            found[source].reads |= bit
    return found


def _choices(
    files: Sequence[FileFacts], machines: Machines, by: Installer
) -> Iterator[tuple[int, int, int]]:
    """Yields machines (as a bit), the place of the file that is chosen there, and of its source."""
    listed = [i for i, file in enumerate(files) if lists(by, file.requires_python)]
    tags = [_tags(files[i], by) for i in listed]
    ranks, near = [machines.ranks(one) for one in tags], [machines.near(one) for one in tags]
    admitted = [machines.with_python(files[i].requires_python, by) for i in listed]
    builds = [build_tag(files[i].parsed.remainder) for i in listed]
    for machine in range(len(machines.all)):
        weighed = [
            Weighed(
                ranks[at][machine], near[at][machine], files[i].yanked, files[i].foreign,
                bool(admitted[at] >> machine & 1), builds[at], files[i].reason,
            )
            for at, i in enumerate(listed)
        ]  # fmt: skip
        place = chosen(weighed, by)
        if place is not None:
            yield 1 << machine, listed[place], listed[told(weighed, place, by)]


def _stays(files: Sequence[FileFacts], machines: Machines, by: Installer) -> tuple[int, int]:
    """Returns the machines on which the installer stays with the file that it chooses.

    And those on which that one wants another Python.
    """
    stays = outside = 0
    for bit, one, source in _choices(files, machines, by):
        fits = bit & machines.with_python(files[one].requires_python, by)
        fits &= machines.with_python(files[source].own_python, by)
        stays |= 0 if by in files[source].refused_by else fits
        outside |= bit & ~fits
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
    for i, file in enumerate(files):
        if file.parsed.kind == "wheel":
            kept[i] = kept[i] and (policy.wheels == "all" or bool(masks[i] or serves[i]))
    if policy.sdists != "always":
        builds = _builds(files, kept, masks), _builds(files, kept, serves)
        for i, file in enumerate(files):
            if file.parsed.kind == "sdist":
                needed = masks[i] & builds[0] or serves[i] & builds[1]
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


class Rules(Struct, frozen=True):
    """What turns files into facts: the targets and the configuration's word on files."""

    targets: Targets
    policy: FilePolicy
    bars: Policy = field(default_factory=Policy)
    machines: Machines = field(default_factory=Machines)  # on which roots are proven


def fingerprint(rules: Rules) -> str:
    """Returns a hash of all that masks depend on: when it differs, facts are derived anew."""
    machines = sha256("\n".join(rules.machines.spelled()).encode()).hexdigest()
    return f"{targets_fingerprint(rules.targets)} {rules.policy!r} {rules.bars!r} {machines}"
