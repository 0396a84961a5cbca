"""The packages that pins lead to, if each requirement by itself admits its pin.

This is worked out once for each release. For the next root that reaches the release, only the pins
are compared.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct, field

from pypisync.core.resolve.target_index import TargetIndex, package, unpacked
from pypisync.core.standards.model import Requirement

_T = TypeVar("_T")
_Met: TypeAlias = tuple[dict[str, int], list[str]]


class Walks(Generic[_T], Struct):
    """Walks over the facts of one target.

    A requirement allows a pin if the release is something (``look``: project and version, -1 for no
    pin) that its specifier ``admits``, whatever other requirements say.
    """

    index: TargetIndex
    look: Callable[[str, int], _T | None]
    admits: Callable[[_T, str], bool]
    # By package (see pypisync.core.resolve.target_index) what it led to last, its own pin included.
    _known: dict[str, _Met] = field(default_factory=dict)

    def along(
        self, pins: Mapping[str, int], needs: Iterable[Requirement], starts: Iterable[str] = ()
    ) -> set[str] | None:
        """Returns all packages met from requirements and from starts on, whose projects have pins.

        None if a requirement does not allow its pin. Raises Lacking.
        """
        there, ledger, needs_of = pins.items(), self._known, self.index.needs
        seen: dict[str, _T] = {}
        known = self._step(pins, needs, seen)
        found = set(starts)
        waiting = list(found)
        while known is not None:
            met, extras = known
            for other in (*met, *extras) if extras else met:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
            if not waiting:
                return found
            node = waiting.pop()
            known = ledger.get(node)
            if known is None or not known[0].items() <= there:
                name, extra = (node, "") if node in pins else unpacked(node)
                pin = pins[name]
                known = self._step(pins, needs_of(name, pin, extra), seen)
                if known is not None:
                    known[0][name] = pin
                    ledger[node] = known
        return None

    def _step(
        self, pins: Mapping[str, int], needs: Iterable[Requirement], seen: dict[str, _T]
    ) -> _Met | None:
        """Returns the pins, and extras as packages, that requirements lead to.

        None: a pin does not meet a requirement.

        ``seen``: what the pinned releases are, as far as that has been looked at.
        """
        met: dict[str, int] = {}
        extras: list[str] = []
        admits = self.admits
        for need in needs:
            name = need.name
            release = seen.get(name)
            if release is None:
                release = self.look(name, pins.get(name, -1))
                if release is None:
                    return None
                seen[name] = release
            if need.fault or not admits(release, need.specifier):
                return None
            met[name] = pins[name]
            if need.extras:
                extras += [package(name, one) for one in need.extras]
        return met, extras
