"""Which files of a release are wanted, and on which targets they make it installable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pypisync.core.files import ParsedFile, excluded, usable_mask
from pypisync.core.model import Targets


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
    barred: bool = False  # by the policy, see pypisync.core.policy


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer for one release; ``files`` runs parallel to the files asked about."""

    files: tuple[tuple[bool, int], ...]  # kept, and the targets that can use it
    admits: int  # by kept files that are not yanked
    admits_yanked: int  # by all kept files
    builds: int  # targets that only an sdist serves


def keep(files: Sequence[FileFacts], policy: FilePolicy, targets: Targets) -> Kept:
    """Apply the policy to the files of one release."""
    masks = [usable_mask(f.parsed, f.requires_python, targets) for f in files]
    out = [f.barred or excluded(f.parsed, policy.arch_exclude) for f in files]
    wheels = [f.parsed.kind == "wheel" for f in files]
    kept = [
        not gone and (not wheel or policy.wheels == "all" or mask != 0)
        for gone, wheel, mask in zip(out, wheels, masks, strict=True)
    ]
    by_wheel = 0
    for wheel, wanted, mask in zip(wheels, kept, masks, strict=True):
        by_wheel |= mask if wheel and wanted else 0
    for i, wheel in enumerate(wheels):
        if not wheel and policy.sdists != "always":
            kept[i] = kept[i] and policy.sdists == "fallback" and bool(masks[i] & ~by_wheel)
    admits = admits_yanked = 0
    for file, wanted, mask in zip(files, kept, masks, strict=True):
        if wanted:
            admits_yanked |= mask
            admits |= 0 if file.yanked else mask
    return Kept(
        files=tuple(
            (wanted, mask if wanted else 0) for wanted, mask in zip(kept, masks, strict=True)
        ),
        admits=admits,
        admits_yanked=admits_yanked,
        builds=admits_yanked & ~by_wheel,
    )
