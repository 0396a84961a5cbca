"""The verdict on a subject, as it is recorded."""

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.standards.model import Pin

Verdict = Literal["proven", "refuted", "undecided", "blocked"]
UV_ONLY = "uv finds an installation and pip does not"
PIP_ONLY = "pip finds an installation and uv does not"


class SubjectVerdict(Struct, frozen=True):
    """The verdict on a subject, for all targets on which it is the same."""

    targets: tuple[str, ...]
    verdict: Verdict
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


class _Verdicted(Protocol):
    @property
    def verdict(self) -> Verdict: ...

    @property
    def why(self) -> tuple[str, ...]: ...


def both_verdicts(of_pip: _Verdicted, of_uv: _Verdicted) -> tuple[Verdict, tuple[str, ...]]:
    """Returns the verdict of two installers that read the facts differently, and why."""
    verdicts = {of_pip.verdict, of_uv.verdict}
    why = tuple(dict.fromkeys((*of_pip.why, *of_uv.why)))
    if len(verdicts) == 1:
        return of_pip.verdict, why
    if "proven" in verdicts and "undecided" not in verdicts:
        return "blocked", (UV_ONLY if of_uv.verdict == "proven" else PIP_ONLY, *why)
    return ("undecided" if "undecided" in verdicts else "blocked"), why


def apart(of_pip: SubjectVerdict, of_uv: SubjectVerdict) -> SubjectVerdict:
    """Returns the verdict on a subject that each installer reads in its own way."""
    verdict, why = both_verdicts(of_pip, of_uv)
    have = {(pin.name, pin.version) for pin in of_pip.pins}
    others = (pin for pin in of_uv.pins if (pin.name, pin.version) not in have)
    return SubjectVerdict(
        (),
        verdict,
        (*of_pip.pins, *(pin._replace(chosen_by="uv") for pin in others)),
        why,
        of_pip.steps + of_uv.steps,
        of_pip.consulted | of_uv.consulted,
        of_pip.tried | of_uv.tried,
    )
