"""The pins that every installer agrees on, where there are such.

If every requirement on a project calls for the same release of it, neither the order of deciding
nor backtracking matters: every resolver that prefers the newest release ends with these pins. This
is so for most roots, and one walk finds it. The needs of a release are worked out once for all
roots.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.target_index import IndexNode
from pypisync.core.standards.model import Requirement


class Agreement(Struct):
    """Where installers agree on one target."""

    admission: Admission
    _leads: dict[IndexNode, tuple[IndexNode, ...] | None] = field(default_factory=dict)

    def nodes(self, wanted: Iterable[Requirement]) -> set[IndexNode] | None:
        """Returns the releases with the extras asked of them.

        None if two requirements call for different releases, or one for none. Raises Lacking.
        """
        pins: dict[str, int] = {}
        found: set[IndexNode] = set()
        leads = self._called(wanted)
        waiting: list[IndexNode] = []
        while leads is not None:
            for node in leads:
                if node not in found:
                    found.add(node)
                    waiting.append(node)
                    if pins.setdefault(node[0], node[1]) != node[1]:
                        return None
            if not waiting:
                return found
            node = waiting.pop()
            if node in self._leads:
                leads = self._leads[node]
            else:
                leads = self._leads[node] = self._called(self.admission.index.needs(*node))
        return None

    def _called(self, needs: Iterable[Requirement]) -> tuple[IndexNode, ...] | None:
        """Returns what each requirement calls for by itself; None if one calls for nothing."""
        called: list[IndexNode] = []
        for need in needs:
            best = None if need.fault else self._best(need)
            if best is None:
                return None
            called += [(need.name, best, extra) for extra in ("", *need.extras)]
        return tuple(called)

    def _best(self, need: Requirement) -> int | None:
        """Returns the release that every installer takes for it; None if that is not certain."""
        admitted = self.admission.admitted(need.name, need.specifier, Mode.STRICT)
        best = self.admission.best(need.name, admitted, Mode.STRICT)
        kinds = self.admission.kinds(need.name)
        # Each installer has its own rules for yanked releases, and for pre-releases beside finals.
        disputed = kinds.yanked | (~kinds.finals if kinds.finals else 0)
        if best is None or disputed >> best & 1:
            return None
        # Nor may there be one that only one of them takes, the best itself or a newer one.
        matching = self.admission.matching(need.name, need.specifier)
        return None if (matching & kinds.parted) >> best else best
