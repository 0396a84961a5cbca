"""Which releases a root calls for: by its selector, where its marker holds, or as a pin."""

from collections.abc import Mapping, Sequence

from pypisync.core.closure.candidates import Candidate, choose_root
from pypisync.core.closure.model import Root
from pypisync.core.environments.marker_masks import marker_mask
from pypisync.core.standards import versions
from pypisync.core.standards.model import Targets


def root_calls_for(
    root: Root,
    targets: Targets,
    candidates: Sequence[Candidate],
    pinnable: Mapping[bytes, int],
) -> tuple[tuple[int, ...], int]:
    """Release ids, and the targets left without any.

    ``candidates`` are the project's, newest first; ``pinnable`` all that a pin can name, whatever
    the file rules keep of it, by the keys of versions.
    """
    if not root.pinned:
        groups = groups_of(root, targets)
        return choose_root(candidates, root.selector, groups) if groups else ((), 0)
    version = versions.parse(root.selector.text)
    release = None if version is None else pinnable.get(versions.key(version))
    return ((), targets.mask) if release is None else ((release,), 0)


def groups_of(root: Root, targets: Targets) -> Sequence[int]:
    """The groups of targets in which the root counts; none if its marker can hold on no target."""
    if not root.marker:
        return targets.groups
    mask = marker_mask(targets, root.marker, "")
    return [group & mask for group in targets.groups if group & mask]
