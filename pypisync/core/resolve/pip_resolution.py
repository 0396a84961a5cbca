"""resolvelib's search for pip, which keeps what it has found out.

A search that goes back looks at the same things again and again. Criteria never change once they
are made, so what was found of one holds as long as it is the same object.
"""

from typing import Any, Protocol

from resolvelib import AbstractProvider, BaseReporter
from resolvelib.resolvers import Criterion, Resolution

from pypisync.core.resolve.pip_needs import PipCandidate, PipNeed


class Promoting(Protocol):
    """A provider whose order of deciding changes when it promotes a project."""

    promoted: set[str]


class PipResolution(Resolution[PipNeed, PipCandidate, str]):
    """One search."""

    def __init__(
        self,
        provider: AbstractProvider[PipNeed, PipCandidate, str],
        reporter: BaseReporter[PipNeed, PipCandidate, str],
        promoted: set[str],
    ) -> None:
        super().__init__(provider, reporter)
        self._promoted = promoted  # the provider's; it only grows
        # By project, the last criterion with whether its pin met it.
        self._met: dict[str, tuple[Criterion[PipNeed, PipCandidate], PipCandidate, bool]] = {}
        # By project, the last criterion with its rank, and how many were promoted then.
        self._ranks: dict[str, tuple[Criterion[PipNeed, PipCandidate], int, Any]] = {}

    def _is_current_pin_satisfying(
        self, name: str, criterion: Criterion[PipNeed, PipCandidate]
    ) -> bool:
        pin = self._states[-1].mapping.get(name)
        if pin is None:
            return False
        met = self._met.get(name)
        if met is not None and met[0] is criterion and met[1] is pin:
            return met[2]
        found = super()._is_current_pin_satisfying(name, criterion)
        self._met[name] = criterion, pin, found
        return found

    def _get_preference(self, name: str) -> Any:
        criterion, promoted = self._states[-1].criteria[name], len(self._promoted)
        known = self._ranks.get(name)
        if known is not None and known[0] is criterion and known[1] == promoted:
            return known[2]
        rank = super()._get_preference(name)
        self._ranks[name] = criterion, promoted, rank
        return rank

    def _patch_criteria(
        self, incompatibilities_from_broken: list[tuple[str, list[PipCandidate]]]
    ) -> bool:
        """Rule candidates out, each once: resolvelib doubles their lists each time."""
        once = [(name, list(dict.fromkeys(gone))) for name, gone in incompatibilities_from_broken]
        return super()._patch_criteria(once)
