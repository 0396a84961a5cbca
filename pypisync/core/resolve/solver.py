"""A set of releases that can be installed together, or a derivation that there is none.

The search is nab-resolver's PubGrub; only this module imports it. It prefers the newest versions,
and decides in the order that finds a solution soonest. A set of versions is an integer (see
:mod:`pypisync.core.resolve.check_refutation`), so that the sets of a search are met and joined by
single operations. What comes out is a claim, which :mod:`pypisync.core.resolve.check_pins` and
:mod:`pypisync.core.resolve.check_refutation` check.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeAlias

from msgspec import Struct, field
from nab_resolver import types
from nab_resolver.errors import ResolutionError, ResolutionTerminatedError
from nab_resolver.resolver import BaseProvider, Resolver, ResolverObserver
from nab_resolver.root import ROOT
from nab_resolver.types import Incompatibility, IncompatibilityCause

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.check_refutation import Kind, Refutation, RefutationStep, Term
from pypisync.core.resolve.target_index import TargetIndex, package, unpacked
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked

_UNPARSABLE = ""  # no project is called so: what needs it cannot be installed


Answer: TypeAlias = "dict[str, int] | Refutation"


class _Relation(NamedTuple):
    is_subset: bool
    is_disjoint: bool


_RELATIONS = {(a, b): _Relation(a, b) for a in (False, True) for b in (False, True)}


class _Set:
    """A set of versions, as the resolver wants it spelt."""

    __slots__ = ("bits",)

    def __init__(self, bits: int) -> None:
        self.bits = bits

    @classmethod
    def empty(cls) -> Self:
        return cls(0)

    @classmethod
    def full(cls) -> Self:
        return cls(-1)

    @classmethod
    def singleton(cls, version: int) -> Self:
        return cls(1 << version)

    @property
    def is_empty(self) -> bool:
        return not self.bits

    def __contains__(self, version: int) -> bool:
        return bool(self.bits >> version & 1)

    def __and__(self, other: Any) -> Self:
        return type(self)(self.bits & other.bits)

    def __or__(self, other: Any) -> Self:
        return type(self)(self.bits | other.bits)

    def __invert__(self) -> Self:
        return type(self)(~self.bits)

    def __sub__(self, other: Any) -> Self:
        return type(self)(self.bits & ~other.bits)

    def is_subset(self, other: Self) -> bool:
        return not self.bits & ~other.bits

    def is_superset(self, other: Self) -> bool:
        return not other.bits & ~self.bits

    def is_disjoint(self, other: Self) -> bool:
        return not self.bits & other.bits

    def relation(self, other: Self) -> _Relation:
        mine, others = self.bits, other.bits
        return _RELATIONS[not mine & ~others, not mine & others]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Set) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)


class Solver(Struct):
    """The search on one target. What it works out is kept for the next root."""

    admission: Admission
    consulted: set[str] = field(default_factory=set)  # projects that the results depend on
    _edges: dict[tuple[Mode, str, int], dict[str, _Set]] = field(default_factory=dict)
    _alike: dict[tuple[Mode, str], dict[int, _Set | None]] = field(default_factory=dict)

    @property
    def index(self) -> TargetIndex:
        """The facts of the target."""
        return self.admission.index

    def solve(
        self, wanted: Asked, mode: Mode, budget: Budget, barred: Sequence[RefutationStep] = ()
    ) -> Answer:
        """Returns pins by project, or why there are none. Raises Spent and Lacking.

        ``barred``: steps of this kind, found to hold before.
        """
        provider = _Provider(self, mode, list(barred))
        self.consulted.update(need.name for need in wanted)
        resolver: Resolver[str, int] = Resolver(
            provider, _StepCounter(budget), max_iterations=budget.steps + 1, range_type=_Set
        )
        try:
            pins = resolver.resolve(self.wanted(wanted, mode))
        except ResolutionTerminatedError:
            raise Spent from None
        except ResolutionError as error:
            if error.incompatibility is None:
                raise Spent from None
            return _refutation(error.incompatibility)
        return {name: version for name, version in pins.items() if "[" not in name}

    def wanted(self, needs: Sequence[Requirement], mode: Mode) -> dict[str, _Set]:
        """Returns what requirements ask of each package."""
        found: dict[str, int] = {}
        for need in needs:
            if need.fault:
                return {_UNPARSABLE: _Set(0)}
            admitted = self.admission.admitted(need.name, need.specifier, mode)
            for extra in ("", *need.extras):
                name = package(need.name, extra)
                found[name] = found.get(name, -1) & admitted
        return {name: _Set(bits) for name, bits in found.items()}

    def edges(self, name: str, version: int, mode: Mode) -> dict[str, _Set]:
        """Returns what a version of a package needs."""
        key = (mode, name, version)
        found = self._edges.get(key)
        if found is None:
            project, extra = unpacked(name)
            found = self.wanted(self.index.needs(project, version, extra), mode)
            if extra:  # an extra belongs to its own release
                own = found.get(project)
                found[project] = _Set((1 << version) & (own.bits if own else -1))
            self._edges[key] = found
        return found

    def alike(self, name: str, version: int, mode: Mode) -> _Set | None:
        """Returns the versions that are known to need just what this one does."""
        if name.endswith("]"):
            return None  # an extra needs its own release
        key = (mode, name)
        if key not in self._alike:
            shapes: dict[int, tuple[tuple[str, int], ...]] = {}
            groups: dict[tuple[tuple[str, int], ...], int] = {}
            for i, usable in enumerate(self.index.usable(name)):
                if usable.release.unread or usable.passed_by(self.index.reader):
                    continue
                edges = self.edges(name, i, mode)
                shapes[i] = tuple(sorted((other, s.bits) for other, s in edges.items()))
                groups[shapes[i]] = groups.get(shapes[i], 0) | 1 << i
            sets = {shape: _Set(bits) for shape, bits in groups.items()}
            self._alike[key] = {i: sets[shape] for i, shape in shapes.items()}
        return self._alike[key].get(version)


class _Provider(BaseProvider[str, int]):
    """What the resolver asks."""

    def __init__(self, solver: Solver, mode: Mode, barred: list[RefutationStep]) -> None:
        self._solver = solver
        self._mode = mode
        self._barred = barred

    def choose_version(self, package: str, version_range: Any) -> int | None:
        name = unpacked(package)[0]
        every = (1 << len(self._solver.index.usable(name))) - 1
        return self._solver.admission.best(name, version_range.bits & every, self._mode)

    def has_satisfying_version(self, package: str, version_range: Any) -> bool:
        return self.choose_version(package, version_range) is not None

    def get_dependencies(self, package: str, version: int) -> Mapping[str, _Set]:
        needs = self._solver.index.needs(*_version(package, version))
        self._solver.consulted.update(need.name for need in needs)
        return self._solver.edges(package, version, self._mode)

    def prioritize(
        self,
        package: str,
        version_range: Any,
        conflict_counts: Mapping[str, int],
        culprit_counts: Mapping[str, int] | None = None,
    ) -> tuple[int, int]:
        """Returns what conflicts most is decided first, then what leaves least choice."""
        del culprit_counts
        return -conflict_counts.get(package, 0), version_range.bits.bit_count()

    def widen_decision(self, package: str, version: int) -> _Set | None:
        return self._solver.alike(package, version, self._mode)

    def consume_pending_clauses(self) -> list[Incompatibility[str, int]]:
        steps, self._barred = self._barred, []
        return [
            Incompatibility(
                [types.Term(t.package, _Set(t.versions), positive=t.positive) for t in step.terms],
                cause=IncompatibilityCause.DERIVED,  # from what the resolver does not know
            )
            for step in steps
        ]


class _StepCounter(ResolverObserver[str, int]):
    """Counts what the resolver does against the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def step(self, *_: Any, **__: Any) -> None:
        """Count one, whatever it was."""
        self._budget.step()

    on_decision = on_conflict = on_derivation = on_conflict_step = step


def _version(package: str, version: int) -> tuple[str, int, str]:
    name, extra = unpacked(package)
    return name, version, extra


def _bits(versions: Any) -> int:
    return int(versions.bits)


_KINDS: Mapping[IncompatibilityCause, Kind] = {
    IncompatibilityCause.ROOT: "root",
    IncompatibilityCause.DEPENDENCY: "dependency",
    IncompatibilityCause.NO_VERSIONS: "none",
    IncompatibilityCause.DERIVED: "derived",
}


def _refutation(last: Incompatibility[Any, Any]) -> Refutation:
    """Returns the resolver's derivation, causes first, without the root."""
    steps: list[RefutationStep] = []
    places: dict[int, int] = {}
    waiting = [last]
    while waiting:
        node = waiting[-1]
        causes = [c for c in (node.cause_left, node.cause_right) if c is not None]
        owed = [cause for cause in causes if id(cause) not in places]
        if id(node) not in places and owed:
            waiting.extend(owed)
            continue
        waiting.pop()
        if id(node) in places:
            continue
        places[id(node)] = len(steps)
        terms = tuple(
            Term(term.package, _bits(term.constraint), term.is_positive())
            for term in node.terms
            if term.package is not ROOT
        )
        pair = (places[id(causes[0])], places[id(causes[1])]) if len(causes) == 2 else None
        kind = _KINDS[node.cause]
        steps.append(
            RefutationStep(terms, "barred" if kind == "derived" and not pair else kind, pair)
        )
    return steps
