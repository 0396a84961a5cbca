"""Which pins of a proof the closure selects by itself, and which have to be added.

The closure (:mod:`pypisync.core.closure.incremental`) takes the best release for each requirement
alone. A pin that is the best release for one of the requirements on the way to it is selected
already, whatever else the mirror wants. The other pins are added. Which of the two a pin is
depends only on the facts and on the one root or group, so it does not change when other roots come
and go.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pypisync.core.closure.candidates import Candidate, choose, choose_root
from pypisync.core.resolve.index import ListedRelease
from pypisync.core.resolve.memoized_walk import Walks
from pypisync.core.resolve.target_index import TargetIndex, package, unpacked
from pypisync.core.standards.specifiers import matcher
from pypisync.core.wanted.groups import Asked
from pypisync.core.wanted.selector import Selector


@dataclass(slots=True)
class ClosureChoices:
    """The closure's choices for one proof target, which is a machine of ``environments``."""

    index: TargetIndex
    environments: int  # a mask
    groups: Sequence[int]  # masks; see pypisync.core.standards.model.Targets
    _candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    _chosen: dict[tuple[str, str, bool], Collection[int]] = field(default_factory=dict)
    _walks: Walks[ListedRelease] = field(init=False)

    def __post_init__(self) -> None:
        self._walks = Walks(self.index, self._pinned, self._calls)

    def called(self, wanted: Asked, pins: Mapping[str, int]) -> Container[str]:
        """Returns the projects whose pins the closure of ``wanted`` selects by itself."""
        starts: list[str] = []
        for need in wanted:
            pin = self._pinned(need.name, pins.get(need.name, -1))
            if pin and self._calls(pin, self._together(need.name, wanted), root=True):
                starts += [package(need.name, extra) for extra in ("", *need.extras)]
        met = self._walks.along(pins, (), starts)
        return self._part(pins, starts) if met is None else met

    def choices(self, needs: Asked, *, root: bool = False) -> list[tuple[str, int, str]]:
        """Returns the usable releases that the closure takes for requirements.

        Project, position among the usable ones, and extra. ``root``: they are asked for at once.
        """
        found = []
        for need in needs:
            if need.fault:
                continue
            specifier = self._together(need.name, needs) if root else need.specifier
            for i, usable in enumerate(self.index.usable(need.name)):
                if self._calls(usable.release, specifier, root=root):
                    found += [(need.name, i, extra) for extra in ("", *need.extras)]
        return found

    def _part(self, pins: Mapping[str, int], starts: Iterable[str]) -> set[str]:
        """Returns what :meth:`called` does, where a requirement calls for another release."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            node = waiting.pop()
            if node in found:
                continue
            found.add(node)
            name, extra = unpacked(node)
            for need in self.index.needs(name, pins[name], extra):
                pin = self._pinned(need.name, pins.get(need.name, -1))
                if pin and self._calls(pin, need.specifier):
                    waiting += [package(need.name, one) for one in ("", *need.extras)]
        return found

    def _pinned(self, name: str, pin: int) -> ListedRelease | None:
        return self.index.usable(name)[pin].release if pin >= 0 else None

    def _together(self, name: str, wanted: Asked) -> str:
        """Returns all that is asked of a project at once, as the root does.

        Constraints are included.
        """
        limit = self.index.limited(name)
        if not limit and len(wanted) == 1:
            return wanted[0].specifier
        asked = {need.specifier for need in wanted if need.name == name}
        return ",".join(sorted(filter(None, asked | {limit})))

    def _calls(self, release: ListedRelease, specifier: str, *, root: bool = False) -> bool:
        key = (release.name, specifier, root)
        found = self._chosen.get(key)
        if found is None:
            found = self._chosen[key] = self._choice(release.name, specifier, root=root)
        return release.id in found

    def _choice(self, name: str, specifier: str, *, root: bool) -> Sequence[int]:
        candidates = self._of(name)
        if not self.environments:
            return ()
        if root:
            selector = Selector(specifier, 1, specifier, matcher(specifier).pinned)
            return choose_root(candidates, selector, self.groups)[0]
        return choose(candidates, specifier, self.environments)[0]

    def _of(self, name: str) -> list[Candidate]:
        """Returns the releases of a project as the closure sees them, newest first."""
        found = self._candidates.get(name)
        if found is None:
            found = self._candidates[name] = [
                Candidate(r.id, r.key, r.version, r.prerelease, *r.admits)
                for r in reversed(self.index.offers.get(name))
            ]
        return found
