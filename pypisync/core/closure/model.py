"""The words of the closure: nodes, edges and classes, and where they are read from.

A *node* is a selected release, or an extra of it. Its edges are the requirements that can apply on
some target that the release admits; edges that are alike share a *class*, which is chosen for
once. What happens to them is in :mod:`pypisync.core.closure.incremental`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct

from pypisync.core.closure.candidates import Candidate
from pypisync.core.environments.marker_masks import deciding_extras
from pypisync.core.standards.model import names_extra
from pypisync.core.wanted.selector import Selector


class ClassKey(NamedTuple):
    """What makes requirements alike."""

    project: int
    specifier: str
    extras: tuple[str, ...]
    mask: int


# The same as a plain tuple, which is made in a tenth of the time; the two are equal.
PlainKey = tuple[int, str, tuple[str, ...], int]


class NodeKey(NamedTuple):
    """A selected release, or with ``extra`` an extra of it.

    ``pinned``: the release that a lock file names, and nothing that it needs.
    """

    release: int
    extra: str
    pinned: bool = False


class EdgeFact(NamedTuple):
    """A requirement of a release; ``fault`` if nothing can ever meet it."""

    id: int
    project: int
    kind: str
    specifier: str
    marker: str
    extras: tuple[str, ...]
    fault: str
    targets: int | None = None  # those that take a file which states it; None: all


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """A release as the closure follows it."""

    project: int
    version: str
    mask: int  # targets it admits
    builds: int  # targets on which its sdist would be built
    known: bool  # whether its requirements have been asked for
    provides: tuple[str, ...]  # extras
    edges: tuple[EdgeFact, ...]
    # By extra, those that can belong to it, once they are asked for; None: to any extra.
    _by_extra: dict[str | None, list[EdgeFact]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _provided: set[str] = field(default_factory=set, repr=False, compare=False)

    def edges_of(self, extra: str) -> Sequence[EdgeFact]:
        """Returns the requirements that can belong to an extra, or "" all.

        Releases have hundreds of extras, so these are sorted out once.
        """
        if not extra:
            return self.edges
        if not self._by_extra:
            self._by_extra[None] = []
            for edge in self.edges:
                if edge.kind == "build" or not names_extra(edge.marker):
                    continue
                named = deciding_extras(edge.marker)
                for name in [None] if named is None else named:
                    self._by_extra.setdefault(name, []).append(edge)
        return [*self._by_extra.get(extra, ()), *self._by_extra[None]]

    def provided(self, named: frozenset[str] | None) -> Iterable[str]:
        """Returns those of the named extras (None: all) that the release provides."""
        if named is None:
            return self.provides
        if not self._provided:
            self._provided.update(self.provides)
        return named & self._provided


class RootState(Struct):
    """A root as the closure follows it: its project by number, and what it called for until now."""

    id: int
    project: int
    selector: Selector
    extras: tuple[str, ...]
    marker: str = ""  # it counts only on targets where this can hold
    chosen: tuple[int, ...] = ()
    unmet: int = 0
    pinned: bool = False  # names a release of a lock file: exactly that one, followed no further


class Class(Struct):
    """A class and what meets it; ``id`` is None while the catalog does not know it."""

    id: int | None
    chosen: tuple[int, ...] = ()
    unmet: int = 0
    uses: int = 0


class Node(Struct):
    """A node and its edges: requirement id to class, None where nothing can meet it."""

    id: int | None
    edges: dict[int, ClassKey | None] = msgspec.field(default_factory=dict)


def called(release: int, extras: Iterable[str], *, pinned: bool = False) -> tuple[NodeKey, ...]:
    """Returns the nodes that a call for this release with these extras supports.

    ``pinned``: a lock file calls for it, which is followed no further.
    """
    if pinned:
        return (NodeKey(release, "", pinned=True),)
    return tuple(NodeKey(release, extra) for extra in ("", *extras))


class StoredGraph(Protocol):
    """Facts and earlier decisions, in batches; each result covers all that was asked for."""

    def candidates(self, projects: Iterable[int]) -> Mapping[int, Sequence[Candidate] | None]:
        """Returns releases with files, newest first; None for a project not read yet."""

    def pinnable(self, projects: Iterable[int]) -> Mapping[int, Mapping[bytes, int]]:
        """Returns all releases with files, kept or not, by the keys of their versions."""

    def releases(self, releases: Iterable[int]) -> Mapping[int, ReleaseFacts]:
        """Returns the facts of releases."""

    def classes(self, projects: Iterable[int]) -> Mapping[ClassKey, Class]:
        """Returns all classes into these projects."""

    def named(self, keys: Collection[ClassKey]) -> Mapping[ClassKey, Class]:
        """Returns those of these classes that exist."""

    def choosers(self, releases: Iterable[int]) -> Mapping[ClassKey, Class]:
        """Returns all classes that choose one of these releases."""

    def rooting(self, releases: Iterable[int]) -> Sequence[RootState]:
        """Returns all roots that call for one of these releases."""

    def users(self, classes: Iterable[int], limit: int | None) -> Mapping[int, list[NodeKey]]:
        """Returns the nodes that use these classes (by id), at most ``limit`` for each."""

    def nodes(self, releases: Iterable[int]) -> Mapping[NodeKey, Node]:
        """Returns the selected nodes of these releases."""


class Decision(Struct):
    """What an update changes.

    ``classes`` holds only those that differ from the catalog's, ``known`` all that were looked at.
    """

    created: dict[NodeKey, Node]
    redrawn: dict[NodeKey, Node]
    removed: dict[NodeKey, Node]
    classes: dict[ClassKey, Class]
    known: dict[ClassKey, Class]
    roots: list[RootState]
    unseen: set[int]  # projects to fetch
    unknown: set[int]  # releases whose requirements are to be read
