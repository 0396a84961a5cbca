"""The proof targets of a configuration as bits: which of them a file serves.

Bit *i* of a mask of proof targets stands for ``all[i]``, as bit *i* of other masks does for an
environment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag

from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.environments.targets import LONGEST_REQUIRES_PYTHON
from pypisync.core.standards.model import Targets


@dataclass(slots=True, eq=False)
class Machines:
    """All proof targets; what a set of tags or a ``Requires-Python`` comes to is kept."""

    all: tuple[ProofTarget, ...] = ()
    _tags: dict[frozenset[Tag], int] = field(default_factory=dict)
    _pythons: dict[str, int] = field(default_factory=dict)

    @property
    def mask(self) -> int:
        """The mask of all of them."""
        return (1 << len(self.all)) - 1

    def serves(self, tags: frozenset[Tag] | None, requires_python: str | None) -> int:
        """Those that can install a file; ``tags`` are None for an sdist."""
        mask = self.mask if tags is None else self._by_tags(tags)
        return mask & self._by_python(requires_python) if mask and requires_python else mask

    def spelled(self) -> Iterator[str]:
        """All that masks hang on: when it differs, they are out of date."""
        for target in self.all:
            yield f"{target.name} {sorted(target.environment.items())}"

    def _by_tags(self, tags: frozenset[Tag]) -> int:
        found = self._tags.get(tags)
        if found is None:
            found = sum(
                1 << i for i, one in enumerate(self.all) if not one.tags.keys().isdisjoint(tags)
            )
            self._tags[tags] = found
        return found

    def _by_python(self, text: str) -> int:
        found = self._pythons.get(text)
        if found is None:
            found = self._pythons[text] = self._admitted(text)
        return found

    def _admitted(self, text: str) -> int:
        """A text that cannot be parsed admits all, as pip keeps such files."""
        if len(text) > LONGEST_REQUIRES_PYTHON:
            return self.mask
        try:
            specifiers = SpecifierSet(text)
            return sum(
                1 << i
                for i, one in enumerate(self.all)
                if specifiers.contains(one.environment["python_full_version"], prereleases=True)
            )
        except ValueError:
            return self.mask


def served(target: ProofTarget, targets: Targets) -> int:
    """The environments (a mask) that the proof target is one machine of."""
    if targets.barred:
        return 0  # what a barred variable is cannot be said of a machine
    environment = target.environment
    return sum(
        1 << i
        for i, one in enumerate(targets.all)
        if one.minor == environment["python_version"]
        and all(environment[name] == value for name, value in one.values.items())
    )
