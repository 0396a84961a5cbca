"""The verdict on a subject, as it is recorded."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pypisync.core.standards.model import Pin


@dataclass(frozen=True, slots=True)
class SubjectVerdict:
    """The verdict on a subject, for all targets on which it is the same."""

    targets: tuple[str, ...]
    verdict: str
    pins: tuple[Pin, ...] = ()
    why: tuple[str, ...] = ()
    steps: int = 0
    consulted: frozenset[str] = frozenset()
    # The releases (project, version) that installers examine on the way.
    tried: frozenset[tuple[str, str]] = frozenset()

    def same_as(self, other: "SubjectVerdict") -> bool:
        """Returns whether both are equal but for their targets."""
        mine, others = ((o.verdict, o.pins, o.why, o.tried) for o in (self, other))
        return mine == others


def joined(verdicts: Iterable[SubjectVerdict]) -> list[SubjectVerdict]:
    """Returns the verdicts on a subject, one for all targets on which it is the same."""
    found: list[SubjectVerdict] = []
    for one in verdicts:
        for i, other in enumerate(found):
            if other.same_as(one):
                found[i] = replace(
                    other,
                    targets=other.targets + one.targets,
                    steps=other.steps + one.steps,
                    consulted=other.consulted | one.consulted,
                )
                break
        else:
            found.append(one)
    return found
