"""Which pins of a proof the closure selects by itself, and which have to be added.

The closure (:mod:`pypisync.core.closure`) takes the best release for each requirement alone. A pin
that is the best for one of the requirements on the way to it is there already, whatever else the
mirror wants; the others are repairs. The answer hangs on nothing but the facts and the one root or
group, so it does not change when others come and go.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pypisync.core.ground import Ground
from pypisync.core.model import Requirement
from pypisync.core.offers import Asked
from pypisync.core.select import Candidate, choose, choose_root
from pypisync.core.selector import Selector
from pypisync.core.specifiers import matcher
from pypisync.core.walks import Walks


@dataclass(slots=True)
class Calling:
    """The closure's choices for one proof target, which is a machine of ``environments``."""

    ground: Ground
    environments: int  # a mask
    groups: Sequence[int]  # masks; see pypisync.core.model.Targets
    _candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    _chosen: dict[tuple[str, str, bool], Collection[int]] = field(default_factory=dict)
    _walks: Walks = field(init=False)

    def __post_init__(self) -> None:
        self._walks = Walks(self.ground, self._allows)

    def called(self, wanted: Asked, pins: Mapping[str, int]) -> Container[str]:
        """The projects of which the closure of ``wanted`` selects the pin."""
        starts = [
            need
            for need in wanted
            if self._calls(
                need.name, self._together(need.name, wanted), pins.get(need.name, -1), root=True
            )
        ]
        met = self._walks.along(pins, starts)
        return self._part(pins, starts) if met is None else met

    def _part(self, pins: Mapping[str, int], starts: Iterable[Requirement]) -> set[str]:
        """The same, where some requirement on the way calls for another release than the pin."""
        found: set[tuple[str, str]] = set()
        waiting = list(starts)
        while waiting:
            need = waiting.pop()
            for extra in ("", *need.extras):
                if (need.name, extra) not in found:
                    found.add((need.name, extra))
                    needs = self.ground.needs(need.name, pins[need.name], extra)
                    waiting += [n for n in needs if self._allows(n, pins.get(n.name, -1))]
        return {name for name, _ in found}

    def _allows(self, need: Requirement, pin: int) -> bool:
        return self._calls(need.name, need.specifier, pin, root=False)

    def _together(self, name: str, wanted: Asked) -> str:
        """All that is asked of a project at once, constraints included: that makes the root."""
        asked = {need.specifier for need in wanted if need.name == name}
        return ",".join(sorted(filter(None, asked | {self.ground.limits.get(name, "")})))

    def _calls(self, name: str, specifier: str, pin: int, *, root: bool) -> bool:
        key = (name, specifier, root)
        found = self._chosen.get(key)
        if found is None:
            found = self._chosen[key] = self._choice(name, specifier, root=root)
        return pin >= 0 and self.ground.usable(name)[pin].release.id in found

    def _choice(self, name: str, specifier: str, *, root: bool) -> Sequence[int]:
        candidates = self._of(name)
        if not self.environments:
            return ()
        if root:
            selector = Selector(specifier, 1, specifier, matcher(specifier).pinned)
            return choose_root(candidates, selector, self.groups)[0]
        return choose(candidates, specifier, self.environments)[0]

    def _of(self, name: str) -> list[Candidate]:
        """The releases of a project as the closure sees them, newest first."""
        found = self._candidates.get(name)
        if found is None:
            found = self._candidates[name] = [
                Candidate(r.id, r.key, r.version, r.prerelease, *r.admits)
                for r in reversed(self.ground.offers.get(name))
            ]
        return found
