"""What an index offers to one machine: the facts that proofs stand on.

Prepared once for a target and shared by the search and by those who check it: which releases have
a file that the machine can use (wheel tags, ``Requires-Python``), and which of their requirements
apply there (PEP 508, markers evaluated by ``packaging``). The search and the checkers each work out
which versions a specifier admits, so that a mistake in one of them is found by the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.resolve.index import NO_FILE, Lacking, ListedFile, ListedRelease, Offers
from pypisync.core.standards.model import Requirement, names_extra
from pypisync.core.wanted.groups import Asked

Node: TypeAlias = tuple[str, int, str]
"""A project, the position of a version among its usable ones, and an extra ("" for none)."""


@dataclass(frozen=True, slots=True)
class Usable:
    """A release with a file for the machine."""

    release: ListedRelease
    file: ListedFile  # the one an installer would take; NO_FILE where files are not given
    yanked: bool  # all of its usable files are
    doubt: str  # why it can be part of no proof; "" if it can


@dataclass(slots=True)
class Ground:
    """The facts for one target."""

    target: ProofTarget
    offers: Offers
    wanted: Asked = ()  # all that will be proved here
    bit: int = 0  # of the target, where releases have masks
    limits: Mapping[str, str] = field(default_factory=dict)  # specifiers by project: constraints
    hopeless: dict[str, int] = field(
        default_factory=dict
    )  # see pypisync.core.resolve.check_refutation
    _wanted: set[Requirement] = field(default_factory=set)  # the same, to be looked up
    _usable: dict[str, tuple[Usable, ...]] = field(default_factory=dict)
    _needs: dict[tuple[str, int, str], tuple[Requirement, ...]] = field(default_factory=dict)
    _markers: dict[tuple[str, str], bool | None] = field(default_factory=dict)

    def asking(self, wanted: Asked) -> "Ground":
        """Returns the same facts where ``wanted`` is among what will be proved."""
        if not self._wanted:
            self._wanted.update(self.wanted)
        more = tuple(need for need in wanted if need not in self._wanted)
        if not more:
            return self
        return Ground(self.target, self.offers, (*self.wanted, *more), self.bit, self.limits)

    def specifiers(self, name: str) -> set[str]:
        """Returns all specifiers by which a release, or what will be proved, asks for a project."""
        found = self.offers.asked(name)
        return found | {need.specifier for need in self.wanted if need.name == name}

    def applying(self, needs: Iterable[Requirement]) -> Asked:
        """Returns those of the requirements whose marker holds here, for no extra."""
        return tuple(need for need in needs if self._applies(need, ""))

    def usable(self, name: str) -> tuple[Usable, ...]:
        """Returns the releases of a project that the machine can install, the oldest first.

        A position in it is what the search and its checkers call a version. Raises Lacking.
        """
        found = self._usable.get(name)
        if found is None:
            listed = self.offers.get(name)
            if limit := self.limits.get(name):
                admitted = _specifiers(limit)
                listed = [r for r in listed if admitted.contains(r.version, prereleases=True)]
            found = tuple(filter(None, map(self._look, listed)))
            self._usable[name] = found
        return found

    def needs(self, name: str, version: int, extra: str) -> tuple[Requirement, ...]:
        """Returns the requirements that apply: of the release itself (""), or what an extra adds.

        Raises Lacking.
        """
        key = (name, version, extra)
        found = self._needs.get(key)
        if found is None:
            release = self.usable(name)[version].release
            if release.unread:
                raise Lacking(releases=[release.id])
            found = tuple(need for need in release.needs if self._applies(need, extra))
            self._needs[key] = found
        return found

    def _applies(self, need: Requirement, extra: str) -> bool:
        if extra and not names_extra(need.marker):
            return False  # the release itself has it already
        return not need.marker or bool(self._marker(need.marker, extra))

    def _marker(self, text: str, extra: str) -> bool | None:
        """Returns whether a marker holds; None if its comparison is not defined."""
        key = (text, extra)
        if key not in self._markers:
            try:
                values = {**self.target.environment, "extra": extra}
                self._markers[key] = Marker(text).evaluate(values)
            except (ValueError, KeyError):  # both are what packaging raises, by release
                self._markers[key] = None
        return self._markers[key]

    def _look(self, release: ListedRelease) -> Usable | None:
        if release.serves is not None:
            sound, every = (bool(mask & self.bit) for mask in release.serves)
            return Usable(release, NO_FILE, not sound, self._doubt(release)) if every else None
        ranked = [
            (file.yanked, rank, file.filename, file)
            for file in release.files
            if (rank := self._rank(file)) is not None
        ]
        if not ranked:
            return None
        yanked, _, _, file = min(ranked, key=lambda entry: entry[:3])
        return Usable(release, file, yanked, self._doubt(release))

    def _rank(self, file: ListedFile) -> int | None:
        """Returns how good a file is for the machine, 0 the best; None if it is not usable."""
        if not _admits(file.requires_python, self.target.environment["python_full_version"]):
            return None
        ranks = self.target.tags
        if file.tags is None:
            return len(ranks)  # after every wheel
        return min((ranks[tag] for tag in file.tags if tag in ranks), default=None)

    def _doubt(self, release: ListedRelease) -> str:
        if not release.known:
            return "nobody says what it requires"
        for need in release.needs:
            if need.marker and self._marker(need.marker, "") is None:
                return f'the marker of "{need.text}" compares what cannot be compared'
        return ""


@lru_cache(maxsize=1 << 14)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)


@lru_cache(maxsize=1 << 14)
def _admits(requires_python: str | None, python: str) -> bool:
    """Returns whether the interpreter satisfies the text.

    A text that cannot be parsed admits every interpreter, as for pip.
    """
    try:
        return SpecifierSet(requires_python or "").contains(python, prereleases=True)
    except ValueError:
        return True


def package(name: str, extra: str) -> str:
    """Returns how a project, or an extra of it, is called where both are nodes of one graph."""
    return f"{name}[{extra}]" if extra else name


def unpacked(package: str) -> tuple[str, str]:
    """Returns the project and the extra ("") of a name that :func:`package` made."""
    name, _, extra = package.partition("[")
    return name, extra.removesuffix("]")
