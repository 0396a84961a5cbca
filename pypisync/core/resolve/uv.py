"""The pins that uv would come to: its own order of deciding over the same facts.

It follows ``crates/uv-resolver`` of the release in
:data:`pypisync.core.standards.requires_python.FOLLOWED`: ``resolver/mod.rs`` (the loop, and what it
does about conflicts), ``pubgrub/priority.rs`` (the order of deciding), ``pubgrub/dependencies.rs``
(how a requirement becomes an incompatibility) and ``candidate_selector.rs`` (the version). Unlike
pip, uv takes a yanked release only if a wanted requirement pins it, and a pre-release only where no
final is left, whatever names one. The result is a claim, and is checked like one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from pypisync.core.budget import Budget
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.index import Lacking, ListedRelease
from pypisync.core.resolve.lines import DrawnProject, line, names_one
from pypisync.core.resolve.pinned import key_pinned
from pypisync.core.resolve.pip import Rehearsal
from pypisync.core.resolve.pubgrub import (
    PYTHON,
    ROOT,
    Impossible,
    Incompatibility,
    PubGrubPackage,
    Search,
    some,
)
from pypisync.core.resolve.stops import Broken
from pypisync.core.standards.marker_syntax import without_extras
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked

# A project that conflicted this often is decided before the others.
_CONFLICTS = 5
# Of a project of which it has tried so many releases it reads older ones in advance.
_MANY = 5
_USUAL, _LATE, _EARLY, _PINNED, _FIRST = range(5)


def rehearsed(
    admission: Admission, wanted: Asked, budget: Budget, consulted: set[str]
) -> Rehearsal:
    """Returns the pins of uv. All projects that it examines are added to ``consulted``.

    Raises Spent and Lacking.
    """
    uv = _Uv(admission, wanted, Search(budget), consulted)
    try:
        uv.run()
    except Impossible:
        return Rehearsal(None, uv.tried)
    except Broken as why:
        return Rehearsal(None, uv.tried, stopped=str(why))
    known = uv.search.known
    decided = [n for n in known if n.name and n == PubGrubPackage(n.name) and known[n].decided]
    pins = {node.name: uv.version(node) for node in decided}
    if stopped := next(uv.ahead(pins), ""):
        return Rehearsal(None, uv.tried, stopped=stopped)
    return Rehearsal(pins, uv.tried, straight=not uv.search.went_back)


class _Uv(Struct):
    admission: Admission
    wanted: Asked
    search: Search
    consulted: set[str]
    tried: set[tuple[str, int]] = field(default_factory=set)
    _projects: dict[str, DrawnProject] = field(default_factory=dict)
    _ranks: dict[str, tuple[int, int]] = field(default_factory=dict)
    _met: dict[PubGrubPackage, int] = field(default_factory=dict)
    _added: set[tuple[PubGrubPackage, int]] = field(default_factory=set)
    _affected: dict[PubGrubPackage, int] = field(default_factory=dict)
    _culprits: dict[PubGrubPackage, int] = field(default_factory=dict)
    _early: list[PubGrubPackage] = field(default_factory=list)
    _late: list[PubGrubPackage] = field(default_factory=list)

    def run(self) -> None:
        """Search. Raises Impossible, Spent and Lacking."""
        self.search.add(Incompatibility({ROOT: ~some(1)}))
        node = ROOT
        while True:
            for affected, incompatibility in self.search.propagate(node):
                self._conflict(node, affected, incompatibility)
            self._reorder()
            following = self.search.next(self._rank)
            if following is None:
                return
            node = following
            self._decide(node)

    def ahead(self, pins: Mapping[str, int]) -> Iterator[str]:
        """Yields why uv stops at what it may read before it decides.

        It reads METADATA of the newest release that is left of each project that it has yet to
        decide on, and what was left then is not followed here: any that is newer than the pin. Of
        a project of which it has tried many it also reads older ones (``batch_prefetch.rs``).
        """
        tries = Counter(name for name, _ in self.tried)
        for name, project in self._projects.items():
            pin = pins.get(name, -1) if tries[name] < _MANY else -1
            for version in project.versions.values():
                if version > pin:
                    yield from filter(None, [self.admission.index.breaks_off(name, version, "uv")])

    def version(self, node: PubGrubPackage) -> int:
        """Returns the version that was decided on."""
        place = self.search.term(node).bit_length() - 2
        return self._projects[node.name].versions[place]

    def _decide(self, node: PubGrubPackage) -> None:
        self.search.budget.step()
        place = self._best(node)
        if place is None:
            self.search.add(Incompatibility({node: self.search.term(node)}))
            return
        project = self._projects.get(node.name)
        if project is not None and place not in project.versions:
            here = some(project.line.around(place))
            if project.python >> place & 1:
                self.search.add(Incompatibility({node: here, PYTHON: ~some(1)}, (node, PYTHON)))
                self.search.decide(node, place)
            else:
                self.tried |= {(node.name, project.passed[p]) for p in {place} & {*project.passed}}
                self.search.add(Incompatibility({node: here}))
        elif (node, place) in self._added:
            self.search.decide(node, place)
        else:
            self._added.add((node, place))
            around = 1 if project is None else project.line.around(place)
            incompatibility = self.search.depend(
                node, place, around, list(self._needs(node, place))
            )
            if incompatibility is not None:
                self._conflict(node, node, incompatibility)

    def _best(self, node: PubGrubPackage) -> int | None:
        """Returns the place of the version to try."""
        if node == ROOT:
            return 0
        if node == PYTHON:
            return None
        project = self._project(node.name)
        places = (self.search.term(node) >> 1) & project.listed
        places = places & project.first or places
        return places.bit_length() - 1 if places else None

    def _needs(self, node: PubGrubPackage, place: int) -> Iterator[tuple[PubGrubPackage, int]]:
        """Yields the needs of a version, in the order in which uv adds them."""
        if node == ROOT:
            yield from self._asked(self.wanted)
            return
        name, extra, marker, proxy = node
        if proxy:
            for one in dict.fromkeys(("", marker)):
                for more in dict.fromkeys(("", extra)):
                    yield from self._take_up(
                        PubGrubPackage(name, more, one), 1 << place, pinned=True
                    )
            return
        version = self._projects[name].versions[place]
        self.tried.add((name, version))
        if why := self.admission.index.breaks_off(name, version, "uv"):
            raise Broken(why)
        needs, own = self._flat(name, version, extra)
        if any(not self._project(name).line.matching(text) >> place & 1 for text in own):
            yield PubGrubPackage(name), 0  # uv passes over what asks for another version of itself
        yield from self._asked(needs)

    def _flat(self, name: str, version: int, extra: str) -> tuple[list[Requirement], set[str]]:
        """Returns the requirements, with those of extras that the project asks of itself.

        And the specifiers by which it asks for itself. Raises Broken at a requirement by URL.
        """
        needs, stop = self.admission.index.needs, self.admission.index.stop
        found = list(needs(name, version, extra))
        seen: set[str] = set()
        waiting = [more for need in found if need.name == name for more in need.extras]
        while waiting:
            more = waiting.pop(0)
            if more in seen:
                continue
            seen.add(more)
            added = needs(name, version, more)
            found += added
            waiting += [e for need in added if need.name == name for e in need.extras]
        for one in ("", extra, *seen):
            if end := stop(name, version, one):
                raise Broken(self.admission.index.said("uv", name, version, end.why))
        own = {need.specifier for need in found if need.name == name and not need.fault}
        return [need for need in found if need.name != name], own

    def _asked(self, needs: Iterable[Requirement]) -> Iterator[tuple[PubGrubPackage, int]]:
        needs = list(needs)
        self._look_up({need.name for need in needs if not need.fault})
        for need in needs:
            if need.fault:
                yield PubGrubPackage(need.name), 0
                continue
            places = self._project(need.name).line.matching(need.specifier)
            marker = without_extras(need.marker)
            pinned = names_one(need.specifier)
            for extra in need.extras or ("",):
                node = PubGrubPackage(need.name, extra, marker, proxy=bool(extra or marker))
                yield from self._take_up(node, places, pinned=pinned)
            yield from self._limited(need.name, marker)

    def _limited(self, name: str, marker: str) -> Iterator[tuple[PubGrubPackage, int]]:
        """Yields the constraints on a project that is needed under a marker."""
        for limit in self.admission.index.limits.get(name, ()):
            both = " and ".join(dict.fromkeys(filter(None, (marker, limit.marker))))
            node = PubGrubPackage(name, "", both, proxy=bool(both))
            places = self._project(name).line.matching(limit.specifier)
            yield from self._take_up(node, places, pinned=names_one(limit.specifier))

    def _take_up(
        self, node: PubGrubPackage, places: int, *, pinned: bool
    ) -> Iterator[tuple[PubGrubPackage, int]]:
        base = PubGrubPackage(node.name)
        self._meet(node, pinned=pinned)
        if node.proxy:
            self._meet(base, pinned=pinned)
            self.search.add(
                Incompatibility({node: some(places), base: ~some(places)}, (node, base))
            )
        yield node, places

    def _look_up(self, names: set[str]) -> None:
        """Load projects. Raises Lacking, for all of them at once."""
        self.consulted |= names
        lacking: list[Lacking] = []
        for name in sorted(names - self._projects.keys()):
            try:
                self._project(name)
            except Lacking as lack:
                lacking.append(lack)
        if lacking:
            raise Lacking(
                {name for lack in lacking for name in lack.projects},
                {number for lack in lacking for number in lack.releases},
            )

    def _project(self, name: str) -> DrawnProject:
        found = self._projects.get(name)
        if found is None:
            mine = [need.specifier for need in self.wanted if need.name == name]
            mine += [need.specifier for need in self.admission.index.limits.get(name, ())]
            # What is wanted of a project decides what is taken of it, so this is of one proof.
            known = self.admission.drawn if not mine else {}
            if name not in known:
                known[name] = self._drawn(name, mine)
            found = self._projects[name] = known[name]
        return found

    def _drawn(self, name: str, mine: list[str]) -> DrawnProject:
        index = self.admission.index
        usable = {u.release.key: (i, u) for i, u in enumerate(index.usable(name))}
        listed = index.offers.get(name)
        drawn = line([release.key for release in listed], index.specifiers(name))
        pinned = {key_pinned(specifier) for specifier in mine}
        project = DrawnProject(drawn)
        for release, place in zip(listed, drawn.places, strict=True):
            project.listed |= 1 << place
            project.first |= (not release.prerelease) << place
            i, one = usable.get(release.key, (0, None))
            if one is None or one.outside:
                project.python |= (not _yanked(release)) << place
            elif "uv" in one.passed:
                project.passed[place] = i
            elif not one.yanked or release.key in pinned:
                project.versions[place] = i
            else:
                project.passed[place] = i
        return project

    def _meet(self, node: PubGrubPackage, *, pinned: bool) -> None:
        """Note that one more node needs this one."""
        self._met.setdefault(node, len(self._met))
        kind, order = self._ranks.get(node.name, (_USUAL, len(self._ranks)))
        self._ranks[node.name] = (_PINNED if pinned else kind, order)

    def _rank(self, node: PubGrubPackage) -> tuple[int, int, int]:
        kind, order = self._ranks.get(node.name, (_FIRST, 0))
        return kind, -order, -self._met.get(node, 0)

    def _conflict(
        self, current: PubGrubPackage, affected: PubGrubPackage, incompatibility: int
    ) -> None:
        """Count a conflict for both of its projects."""
        others = [
            n
            for n in self.search.incompatibilities[incompatibility].terms
            if n.name != affected.name
        ]
        for node in others:
            self._culprits[node] = self._culprits.get(node, 0) + 1
            if self._culprits[node] == _CONFLICTS:
                self._late.append(node)
        if others:
            self._affected[current] = self._affected.get(current, 0) + 1
            if self._affected[current] == _CONFLICTS:
                self._early.append(current)

    def _reorder(self) -> None:
        """Decide projects that often conflict earlier, and undo what they conflicted with."""
        for node in self._early:
            if node.name:
                self._ranks[node.name] = (_EARLY, self._ranks[node.name][1])
        for node in self._late:
            if not node.name:
                continue
            kind, order = self._ranks[node.name]
            if kind not in (_LATE, _EARLY):
                self._ranks[node.name] = (_LATE, order)
                self.search.back_before(node)
        self._early, self._late = [], []


def _yanked(release: ListedRelease) -> bool:
    if release.serves is not None:
        sound, every = release.serves
        return bool(every and not sound)
    return all(file.yanked for file in release.files)
