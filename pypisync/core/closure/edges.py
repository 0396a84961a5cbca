"""The edges of a node, and the releases that a root calls for.

A node's edges are the requirements of its release that can apply, each with its class. A root calls
for releases by its selector, where its marker holds, or as a pin.
"""

from collections.abc import Iterator, Mapping, Sequence

from pypisync.core.closure.candidates import Candidate, choose_root
from pypisync.core.closure.model import ClassKey, EdgeFact, PlainKey, ReleaseFacts, RootState
from pypisync.core.environments.marker_masks import deciding_extras, wanted_mask
from pypisync.core.standards import versions
from pypisync.core.standards.model import Targets, names_extra


def edges(
    targets: Targets, facts: ReleaseFacts, extra: str
) -> Iterator[tuple[int, ClassKey | None]]:
    """Yields requirement ids with their classes, None where nothing can ever meet the requirement.

    ``extra`` is the node's; "" is the release itself. Of a pin none are followed.
    """
    for number, key in plain_edges(targets, facts, extra):
        yield number, None if key is None else ClassKey._make(key)


def plain_edges(
    targets: Targets, facts: ReleaseFacts, extra: str
) -> Iterator[tuple[int, PlainKey | None]]:
    """Yields the same as ``edges``, for those who look at very many."""
    for edge in facts.edges_of(extra):
        number, project, kind, specifier, marker, extras, fault, only = edge
        if marker or extra or kind == "build":
            mask = _applies(targets, facts, edge, extra)
        else:
            mask = facts.mask  # as most are
        if only is not None:
            mask &= only
        if not mask:
            continue
        if fault:
            yield number, None
        elif project == facts.project and kind == "runtime":
            # "a[all]" needing "a[x]" means this very release: no other can be installed.
            yield number, (project, f"=={facts.version}", extras, mask)
        else:
            yield number, (project, specifier, extras, mask)


def _applies(targets: Targets, facts: ReleaseFacts, edge: EdgeFact, extra: str) -> int:
    """Returns the targets on which the requirement can apply to this node."""
    mask = facts.builds if edge.kind == "build" else facts.mask
    if not mask or not edge.marker:
        return mask
    asked = [extra]
    if extra == "" and names_extra(edge.marker):
        everywhere = targets.extras
        provided = facts.provided(deciding_extras(edge.marker))
        asked += [e for e in provided if everywhere is None or e in everywhere]
    holds = 0
    for name in asked:
        holds |= wanted_mask(targets, edge.marker, name)
    return mask & holds


def root_calls_for(
    root: RootState,
    targets: Targets,
    candidates: Sequence[Candidate],
    pinnable: Mapping[bytes, int],
) -> tuple[tuple[int, ...], int]:
    """Returns release ids, and the targets left without any.

    ``candidates`` are the project's, newest first; ``pinnable`` all that a pin can name, whatever
    the file rules keep of it, by the keys of versions.
    """
    if not root.pinned:
        groups = groups_of(root, targets)
        return choose_root(candidates, root.selector, groups) if groups else ((), 0)
    version = versions.parse(root.selector.text)
    release = None if version is None else pinnable.get(versions.key(version))
    return ((), targets.mask) if release is None else ((release,), 0)


def groups_of(root: RootState, targets: Targets) -> Sequence[int]:
    """Returns the groups of targets on which the root counts; none if its marker never holds."""
    if not root.marker:
        return targets.groups
    mask = wanted_mask(targets, root.marker, "")
    return [group & mask for group in targets.groups if group & mask]
