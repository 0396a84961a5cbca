"""What pins lead to, where each requirement by itself allows its pin.

Whether it does is asked once for each release; for the next root that comes by only the pins are
compared.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pypisync.core.ground import Ground, package, unpacked
from pypisync.core.model import Requirement

_Met: TypeAlias = tuple[Mapping[str, int], tuple[str, ...]]  # pins, and extras as packages


@dataclass(slots=True)
class Walks:
    """Walks over the facts of one target."""

    ground: Ground
    # Whether a requirement allows this version (-1: no pin) of its project, whatever others say.
    allows: Callable[[Requirement, int], bool]
    # By package (see pypisync.core.ground) what it led to last, its own pin included.
    _known: dict[str, _Met] = field(default_factory=dict)

    def along(self, pins: Mapping[str, int], starts: Iterable[Requirement]) -> set[str] | None:
        """All packages met; None if a requirement on the way does not allow its pin.

        The starts have been looked at: their projects have pins. Raises Lacking.
        """
        there = pins.items()
        waiting = [package(need.name, extra) for need in starts for extra in ("", *need.extras)]
        found = set(waiting)
        while waiting:
            node = waiting.pop()
            known = self._known.get(node)
            if known is None or not known[0].items() <= there:
                known = self._met(node, pins)
                if known is None:
                    return None
                self._known[node] = known
            met, extras = known
            for other in met:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
            if extras:
                waiting += set(extras) - found
                found.update(extras)
        return found

    def _met(self, node: str, pins: Mapping[str, int]) -> _Met | None:
        name, extra = (node, "") if node in pins else unpacked(node)
        pin = pins[name]
        met = {name: pin}
        extras: list[str] = []
        for need in self.ground.needs(name, pin, extra):
            other = need.name
            pin = met[other] = pins.get(other, -1)
            if not self.allows(need, pin):
                return None
            if need.extras:
                extras += [package(other, one) for one in need.extras]
        return met, tuple(extras)
