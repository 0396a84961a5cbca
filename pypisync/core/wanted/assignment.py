"""Which indexes may be asked for which project.

A project comes from one index: the first, in order, that names it in its ``projects``; if none
does, the first that has it, of those that name no projects at all. What is ``reserved`` is asked of
no index but those that name it: a question tells the index that the name exists.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate

from msgspec import Struct

from pypisync.core.standards.model import ENDPOINT

RESERVED = "its name is reserved by the configuration, and no index names it in its projects"


class Share(Struct, frozen=True):
    """An index, and the projects that come from it and from no other."""

    name: str
    projects: tuple[str, ...] | None = None  # names and fnmatch patterns; None: no project is its


class Assignment:
    """The order of the indexes, and what belongs to each of them."""

    def __init__(
        self,
        shares: Sequence[Share] = (Share(ENDPOINT),),
        reserved: Iterable[str] = (),
        union: Iterable[str] = (),
    ) -> None:
        self.reserved, self.union = tuple(reserved), tuple(union)
        self._shares = tuple(shares)
        self._own = [_matcher(share.projects or ()) for share in shares]
        self._reserved = _matcher(reserved)
        self._union = _matcher(union)

        self.text = repr((self._shares, self.reserved, self.union))  # alike: the same

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Assignment) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[type["Assignment"], tuple[object, ...]]:
        """Returns what makes it in another process."""
        return Assignment, (self._shares, self.reserved, self.union)

    def indexes_of(self, project: str) -> tuple[str, ...]:
        """Returns the indexes that may be asked for a project (normalised name), in order.

        More than one only if no index names the project, or if it may come from several.
        """
        naming = [s.name for s, own in zip(self._shares, self._own, strict=True) if own(project)]
        if naming:
            return tuple(naming) if self._union(project) else (naming[0],)
        if self._reserved(project):
            return ()
        return tuple(share.name for share in self._shares if share.projects is None)

    def idle(self, index: str) -> bool:
        """Returns whether no project can come from an index: all are another's, or reserved."""
        taken = [*self.reserved, *(name for share in self._shares for name in share.projects or ())]
        names_none = any(share == Share(index) for share in self._shares)
        return names_none and "*" in taken

    def followed(self, index: str) -> bool:
        """Returns whether what an index has no more is looked for on a later one."""
        anybodys = [share.name for share in self._shares if share.projects is None]
        return index in anybodys[:-1]

    def united(self, project: str) -> bool:
        """Returns whether the files of a project come from all of its indexes together."""
        return self._union(project) and len(self.indexes_of(project)) > 1

    def named(self, index: str) -> tuple[str, ...] | None:
        """Returns the projects of an index if it names each of them, else None."""
        share = next(share for share in self._shares if share.name == index)
        if share.projects is None or any(map(is_pattern, share.projects)):
            return None
        return share.projects


def is_pattern(text: str) -> bool:
    """Returns whether a name stands for several (``fnmatch``)."""
    return any(char in text for char in "*?[")


def _matcher(entries: Iterable[str]) -> Callable[[str], bool]:
    entries = tuple(entries)
    names = frozenset(entry for entry in entries if not is_pattern(entry))
    patterns = "|".join(translate(entry) for entry in entries if is_pattern(entry))
    match = re.compile(patterns or r"(?!)").match
    return lambda project: project in names or match(project) is not None
