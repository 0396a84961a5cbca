"""What an index offers to one machine: the facts that proofs stand on.

Prepared once for a target and shared by the search and by those who check it: which releases have
a file that the machine can use (wheel tags, ``Requires-Python``), and which of their requirements
apply there (PEP 508, markers evaluated by ``packaging``). The search and the checkers each work out
which versions a specifier admits, so that a mistake in one of them is found by the other.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from pypisync.core.environments.marker_masks import deciding_extras, needed_extras
from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.filters.file_choice import Weighed, chosen, told
from pypisync.core.resolve.index import NO_FILE, Lacking, ListedFile, ListedRelease, Offers
from pypisync.core.resolve.stops import EndOfReading, at_url, stops, undefined, unreadable
from pypisync.core.standards.filenames import build_tag, tags_read
from pypisync.core.standards.model import (
    BROKEN_FOR_UV,
    STOPS,
    UNREADABLE_FOR_UV,
    Requirement,
    names_extra,
)
from pypisync.core.standards.requires_python import INSTALLERS, Installer, admits, lists
from pypisync.core.standards.uv_markers import read_by_uv
from pypisync.core.wanted.groups import Asked

IndexNode: TypeAlias = tuple[str, int, str]
"""A project, the position of a version among its usable ones, and an extra ("" for none)."""


class Usable(Struct, frozen=True):
    """A release with a file for the machine."""

    release: ListedRelease
    file: ListedFile  # the one an installer would take; NO_FILE where files are not given
    yanked: bool  # all of its usable files are, for whom the facts are read by
    doubt: str  # why it can be part of no proof; "" if it can
    passed: tuple[Installer, ...] = ()  # who passes over it, for what its files or the index say
    differs: bool = False  # pip and uv read differently what it needs, or whether it is yanked
    unseen: bool = False  # pip passes over it, for it sees no file of it
    outside: bool = False  # uv passes over it, for the file that it takes wants another Python

    def parts(self) -> bool:
        """Returns whether installers part here: by taking it or not, or by what they need then."""
        return self.differs or len(self.passed) == 1

    def passed_by(self, reader: Installer | None) -> bool:
        """Returns whether the installer passes over it; of none in particular, whether all do."""
        return reader in self.passed if reader else len(self.passed) == len(INSTALLERS)


class TargetIndex(Struct):
    """The facts for one target."""

    target: ProofTarget
    offers: Offers
    wanted: Asked = ()  # all that will be proved here
    bit: int = 0  # of the target, where releases have masks
    limits: Mapping[str, Asked] = field(default_factory=dict)  # constraints, by project
    reader: Installer | None = None  # by whom markers are read; None: by pip
    hopeless: dict[str, int] = field(
        default_factory=dict
    )  # see pypisync.core.resolve.check_refutation
    _wanted: set[Requirement] = field(default_factory=set)  # the same, to be looked up
    _specifiers: dict[str, set[str]] = field(default_factory=dict)  # of the same, by project
    _usable: dict[str, tuple[Usable, ...]] = field(default_factory=dict)
    _needs: dict[tuple[str, int, str], tuple[Requirement, ...]] = field(default_factory=dict)
    _ends: dict[tuple[str, int, str], EndOfReading] = field(default_factory=dict)
    _by_extra: dict[tuple[str, int], dict[str | None, list[Requirement]]] = field(
        default_factory=dict
    )
    _markers: dict[tuple[str, str], bool | None] = field(default_factory=dict)

    def asking(self, wanted: Asked) -> "TargetIndex":
        """Returns the same facts where ``wanted`` is among what will be proved."""
        if not self._wanted:
            self._wanted.update(self.wanted)
        more = tuple(need for need in wanted if need not in self._wanted)
        if not more:
            return self
        wanted = (*self.wanted, *more)
        return TargetIndex(self.target, self.offers, wanted, self.bit, self.limits, self.reader)

    def read_by(self, reader: Installer) -> "TargetIndex":
        """Returns the same facts as one installer reads them; positions stay the same."""
        return TargetIndex(self.target, self.offers, self.wanted, self.bit, self.limits, reader)

    def only(self, kept: Mapping[str, Iterable[int]], wanted: Asked) -> "TargetIndex":
        """Returns the facts for ``wanted`` where nothing but these usable releases is offered."""
        usable = {n: tuple(self.usable(n)[i] for i in sorted(some)) for n, some in kept.items()}
        offers = Offers({name: [one.release for one in some] for name, some in usable.items()})
        return replace(
            self, offers=offers, wanted=wanted, hopeless={}, _wanted=set(), _specifiers={},
            _usable=usable, _needs={}, _ends={}, _by_extra={},
        )  # fmt: skip

    def specifiers(self, name: str) -> set[str]:
        """Returns all specifiers by which a release, or what will be proved, asks for a project."""
        if not self._specifiers:
            for need in chain(self.wanted, *self.limits.values()):
                self._specifiers.setdefault(need.name, set()).add(need.specifier)
        found = self.offers.asked(name) | self._specifiers.get(name, set())
        return found | {text.replace("===", "==") for text in found if "===" in text}

    def limited(self, name: str, specifier: str = "") -> str:
        """Returns a specifier of a project together with those of its constraints.

        Installers join them: a constraint may name a pre-release, or pin a yanked release.
        """
        limits = self.limits.get(name)
        if not limits:
            return specifier
        return ",".join(filter(None, (specifier, *(one.specifier for one in limits))))

    def applying(self, needs: Iterable[Requirement]) -> Asked:
        """Returns those of the requirements whose marker holds here, for no extra."""
        found = (need for need in needs if self._applies(need, ""))
        return tuple(_as_uv(need) if self.reader == "uv" else need for need in found)

    def fault(self, need: Requirement) -> str:
        """Returns why an installer stops at the marker of what it is asked for; "" if not."""
        if not need.marker:
            return ""
        if self.reader == "uv":
            unread = read_by_uv(need.marker) is None
            return f'uv cannot read the marker of "{need.text}"' if unread else ""
        return "" if self._marker(need.marker, "") is not None else undefined(need)

    def usable(self, name: str) -> tuple[Usable, ...]:
        """Returns the releases of a project that the machine can install, the oldest first.

        A position in it is what the search and its checkers call a version. Raises Lacking.
        """
        found = self._usable.get(name)
        if found is None:
            listed = self.offers.get(name)
            if limit := self.limited(name):
                admitted = _specifiers(limit)
                listed = [r for r in listed if admitted.contains(r.version, prereleases=True)]
            found = tuple(filter(None, map(self._look, listed)))
            self._usable[name] = found
        return found

    def is_built(self, usable: Usable) -> bool:
        """Returns whether an installer builds the sdist of a release."""
        if usable.release.serves is None:
            taken = (self._taken(usable.release, by) for by in INSTALLERS)
            return any(files[0].tags is None for files in taken if files)
        return bool(usable.release.built & self.bit)

    def breaks_off(self, name: str, version: int, by: Installer) -> str:
        """Returns why an installer stops where it reads METADATA of a release; "" if it does not.

        It stops there too if it would have taken another release in the end. pip evaluates all
        markers there (``resolution/resolvelib/candidates.py``: ``_check_metadata_consistency``).
        """
        usable = self.usable(name)[version]
        if not usable.doubt or by in usable.passed:
            return ""
        found = (
            self.said(by, name, version, need.fault or need.refused)
            for need in usable.release.needs
            if unreadable(need, by) and self._here(need, by)
        )
        odd = (
            self.said("pip", name, version, undefined(need))
            for need in usable.release.needs
            if by == "pip" and self._no_value(need, by)
        )
        return next(chain(found, odd), "")

    def said(self, by: Installer, name: str, version: int, why: str) -> str:
        """Returns in words that an installer stops at a release."""
        return f"{by} stops at {name} {self.usable(name)[version].release.version}: {why}"

    def stop(self, name: str, version: int, extra: str) -> EndOfReading | None:
        """Returns where installers come no further in :meth:`needs`. Raises Lacking."""
        self.needs(name, version, extra)
        return self._ends.get((name, version, extra))

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
            needs = self._belonging(name, version, release, extra) if extra else release.needs
            some: list[Requirement] = []
            for need in needs:
                if self._here(need, self.reader) and self._applies(need, extra):
                    if why := at_url(need):
                        # What files state by themselves has no order among the others.
                        place = 0 if need.machines else release.needs.index(need)
                        self._ends.setdefault(key, EndOfReading(place, why))
                    if not stops(need):
                        some.append(_as_uv(need) if self.reader == "uv" else need)
            found = self._needs[key] = tuple(some)
        return found

    def _belonging(
        self, name: str, version: int, release: ListedRelease, extra: str
    ) -> Iterable[Requirement]:
        """Returns the requirements that can belong to an extra.

        Releases have hundreds of extras, so these are sorted out once.
        """
        found = self._by_extra.get((name, version))
        if found is None:
            found = self._by_extra[name, version] = {None: []}
            for need in release.needs:
                if names_extra(need.marker):
                    named = deciding_extras(need.marker)
                    for one in [None] if named is None else named:
                        found.setdefault(one, []).append(need)
        return [*found.get(extra, ()), *found[None]]

    def _applies(self, need: Requirement, extra: str) -> bool:
        return not need.marker or bool(self._marker(need.marker, extra))

    def _here(self, need: Requirement, by: Installer | None) -> bool:
        """Returns whether the file that the installer takes here states the requirement.

        Of none in particular: whether the file of one of them does.
        """
        if need.machines is None:
            return True
        pip, uv, _ = need.machines
        return bool({"pip": pip, "uv": uv, None: pip | uv}[by] & self.bit)

    def _marker(self, text: str, extra: str) -> bool | None:
        """Returns whether a marker holds; None if its comparison is not defined."""
        key = (text, extra)
        if key not in self._markers:
            read = read_by_uv(text) if self.reader == "uv" else text
            try:
                values = {**self.target.environment, "extra": extra}
                self._markers[key] = not read or Marker(read).evaluate(values)
            except (ValueError, KeyError):  # both are what packaging raises, by release
                self._markers[key] = None
        return self._markers[key]

    def _no_value(self, need: Requirement, by: Installer | None) -> bool:
        """Returns whether the installer reads a marker without a value.

        pip also evaluates those of extras that its file does not declare, and follows none of them.
        """
        if not need.marker or self._marker(need.marker, "") is not None:
            return False
        return self._here(need, None if by == "pip" and needed_extras(need.marker) else by)

    def _look(self, release: ListedRelease) -> Usable | None:
        if release.serves is None:
            return self._by_files(release)
        return self._by_masks(release, release.serves)

    def _by_masks(self, release: ListedRelease, serves: tuple[int, int]) -> Usable | None:
        sound, every = (bool(mask & self.bit) for mask in serves)
        if not every:
            return None
        passed = self._named(release.passed)
        alone = self._named(release.yanked)
        unseen, outside = (bool(m & self.bit) for m in (release.unseen, release.outside))
        yanked = not sound or self.reader in alone
        doubt, differs = self._doubt(release, passed), bool(alone) or self._differs(release)
        return Usable(release, NO_FILE, yanked, doubt, passed, differs, unseen, outside)

    def _named(self, masks: tuple[int, int]) -> tuple[Installer, ...]:
        """Returns the installers whose mask has this machine."""
        return tuple(by for by, mask in zip(INSTALLERS, masks, strict=True) if mask & self.bit)

    def _by_files(self, release: ListedRelease) -> Usable | None:
        seen = {by: [f for f in release.files if self._sees(f, by)] for by in INSTALLERS}
        if not any(seen.values()):
            return None
        taken = {by: self._taken(release, by) for by in INSTALLERS}
        passed = tuple(by for by, one in taken.items() if one is None or self._passes(*one, by))
        sound = {by for by, some in seen.items() if not all(f.yanked for f in some)}
        alone = [by for by, some in seen.items() if some and sound and by not in sound]
        yanked = not sound or self.reader in alone
        staying = [one[0] for by, one in taken.items() if one and by not in passed]
        others = [*(one[0] for one in taken.values() if one), *seen["pip"]]
        file = (staying or others)[0]
        outside = taken["uv"] is not None and self._outside(*taken["uv"], "uv")
        doubt, differs = self._doubt(release, passed), bool(alone) or self._differs(release)
        unseen = not seen["pip"]
        return Usable(release, file, yanked, doubt, passed, differs, unseen, outside)

    def _differs(self, release: ListedRelease) -> bool:
        return any(
            "===" in need.specifier
            or (need.text in STOPS and need.refused)
            or (need.marker and read_by_uv(need.marker) != need.marker)
            or self._here(need, "pip") != self._here(need, "uv")
            for need in release.needs
            if self._here(need, None)
        )

    def _taken(self, release: ListedRelease, by: Installer) -> tuple[ListedFile, ListedFile] | None:
        """Returns the file that an installer chooses of a release, and whose METADATA it reads.

        By the rules of :mod:`pypisync.core.filters.file_choice`.
        """
        listed = sorted(
            (f for f in release.files if lists(by, f.requires_python)), key=lambda f: f.filename
        )
        if by == "uv" and release.root_pins:
            listed = [replace(file, yanked=False) for file in listed]
        weighed = [self._weighed(file, by) for file in listed]
        place = chosen(weighed, by)
        return None if place is None else (listed[place], listed[told(weighed, place, by)])

    def _weighed(self, file: ListedFile, by: Installer) -> Weighed:
        python = admits(by, file.requires_python, self.target.environment["python_full_version"])
        tags = tags_read(file.tags, file.filename, by)
        near = -1 if tags is None else self.target.near(tags)
        build = build_tag(file.filename)
        rank = self._rank(file, by)
        return Weighed(rank, near, file.yanked, file.foreign, python, build, file.reason)

    def _sees(self, file: ListedFile, by: Installer) -> bool:
        """Returns whether the file is one for the machine, by what the page says of it."""
        python = self.target.environment["python_full_version"]
        return admits(by, file.requires_python, python) and self._rank(file, by) is not None

    def _rank(self, file: ListedFile, by: Installer) -> int | None:
        """Returns how good the tags are for the machine, 0 the best; None if none fits."""
        ranks = self.target.tags
        tags = tags_read(file.tags, file.filename, by)
        if tags is None:
            return len(ranks)  # after every wheel
        return min((ranks[tag] for tag in tags if tag in ranks), default=None)

    def _passes(self, file: ListedFile, source: ListedFile, by: Installer) -> bool:
        """Returns whether the installer passes over the release for what ``source`` says.

        It looks at no other file of the release then.
        """
        return by in source.refused_by or self._outside(file, source, by)

    def _outside(self, file: ListedFile, source: ListedFile, by: Installer) -> bool:
        python = self.target.environment["python_full_version"]
        own = source.requires_python if source.inside is None else source.inside
        return not (admits(by, file.requires_python, python) and admits(by, own, python))

    def _doubt(self, release: ListedRelease, passed: tuple[Installer, ...]) -> str:
        if self.reader in passed:
            return ""  # who passes over it does not stop at it
        for need in release.needs:
            if self._no_value(need, self.reader):
                return undefined(need)
            if not self._here(need, self.reader):
                continue
            if need.text in STOPS:
                if need.fault:
                    return need.fault
                alone = "uv" if need.text in (BROKEN_FOR_UV, UNREADABLE_FOR_UV) else "pip"
                if self.reader in (None, alone):
                    return need.refused
            elif stops(need) and self._applies(need, ""):
                return f'"{need.text}": {need.fault}'
        return "" if release.known else "nobody says what it requires"


def _as_uv(need: Requirement) -> Requirement:
    """Returns the requirement as uv reads it: to it ``===2`` is ``==2``, which 2.0 matches."""
    if "===" not in need.specifier:
        return need
    return replace(need, specifier=need.specifier.replace("===", "=="))


@lru_cache(maxsize=1 << 14)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)


def package(name: str, extra: str) -> str:
    """Returns how a project, or an extra of it, is called where both are nodes of one graph."""
    return f"{name}[{extra}]" if extra else name


def unpacked(package: str) -> tuple[str, str]:
    """Returns the project and the extra ("") of a name that :func:`package` made."""
    name, _, extra = package.partition("[")
    return name, extra.removesuffix("]")
