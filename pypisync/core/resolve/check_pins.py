"""Whether a set of pins is an installation that pip would accept.

The check starts at the wanted requirements and follows one requirement after another. It reads
specifiers by ``packaging`` and applies pip's rules: all requirements on a project count together; a
pre-release is admitted if one of them names a pre-release or no final matches them all; a yanked
release is admitted if one of them is an exact pin and everything that matches is yanked (PEP 440,
PEP 592). The check shares no code with the search that found the pins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from packaging.specifiers import SpecifierSet

from pypisync.core.resolve.memoized_walk import Walks
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards.model import Requirement
from pypisync.core.standards.requires_python import Installer
from pypisync.core.wanted.groups import Asked

Pins = Mapping[str, int]
"""By project the position of its version among the usable ones."""


def reached(index: TargetIndex, wanted: Asked, pins: Pins) -> dict[str, list[Requirement]]:
    """Returns all requirements that an installation of ``wanted`` by these pins meets, by project.

    A project without a pin is in the result, and is not followed further.
    """
    asked: dict[str, list[Requirement]] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(wanted)
    while waiting:
        need = waiting.pop()
        asked.setdefault(need.name, []).append(need)
        for extra in ("", *need.extras):
            pin = pins.get(need.name, -1)
            if (need.name, extra) in seen or not 0 <= pin < len(index.usable(need.name)):
                continue
            seen.add((need.name, extra))
            waiting.extend(index.needs(need.name, pin, extra))
    return asked


def faults(
    index: TargetIndex, wanted: Asked, pins: Pins, by: Installer = "pip", *, kept: bool = False
) -> list[str]:
    """Returns why no installer would accept these pins for ``wanted``; nothing if it would.

    ``kept``: pip's own search has come to them. It keeps the pre-release or yanked release that it
    has pinned when what asked for that one is let go, as long as the version matches.

    uv takes a pre-release also when the finals that match are ruled out by something else, and a
    yanked release if a wanted requirement or a constraint is an exact pin; nobody else's counts.
    """
    asked = reached(index, wanted, pins)
    found = [f"{name} is pinned and not needed" for name in sorted(pins.keys() - asked.keys())]
    for name, needs in sorted(asked.items()):
        found += [f'"{need.text}": {need.fault}' for need in needs if need.fault]
        if name not in pins:
            found.append(f"{name} is needed and not pinned")
        elif not 0 <= pins[name] < len(index.usable(name)):
            found.append(f"{name}: there is no such release")
        else:
            texts = [need.specifier for need in needs]
            found += _mismatches(index, name, pins[name], texts, by)
            texts += [one.specifier for one in index.limits.get(name, ())]
            if by == "pip":
                found += [] if kept else _refused(index, name, pins[name], texts)
            elif index.usable(name)[pins[name]].yanked:
                pinned = [need for need in needs if need in wanted]
                pinned += index.limits.get(name, ())
                if not any(_alone(_specifiers(need.specifier)) for need in pinned):
                    found.append(
                        f"{name} {index.usable(name)[pins[name]].release.version} is yanked"
                    )
    return found


@dataclass(slots=True)
class Checker:
    """Checks pins on one target; it looks at each release once for all roots."""

    index: TargetIndex
    _walks: Walks[str] = field(init=False)

    def __post_init__(self) -> None:
        self._walks = Walks(self.index, self._ordinary, _matches)

    def passes(self, wanted: Asked, pins: Pins) -> bool:
        """Returns whether these pins install ``wanted``, that is have no :func:`faults`.

        By the rules of whom the facts are read by; of pip, if by nobody alone.
        """
        met = self._walks.along(pins, wanted)
        if met is None:
            return not faults(self.index, wanted, pins, by=self.index.reader or "pip")
        return pins.keys() <= met  # the others are extras

    def _ordinary(self, name: str, pin: int) -> str | None:
        """Returns the version of a release that each requirement admits or refuses by itself."""
        usable = self.index.usable(name)
        if not 0 <= pin < len(usable):
            return None
        chosen = usable[pin]
        release = chosen.release
        passed = (self.index.reader or "pip") in chosen.passed
        if release.prerelease or chosen.yanked or chosen.doubt or passed:
            return None
        return release.version


def _mismatches(
    index: TargetIndex, name: str, pin: int, texts: list[str], by: Installer
) -> Iterator[str]:
    chosen = index.usable(name)[pin]
    label = f"{name} {chosen.release.version}"
    if chosen.doubt:
        yield f"{label}: {chosen.doubt}"
    if by in chosen.passed:
        yield f"{label}: {by} passes over it"
    version = chosen.release.version
    for text in texts:
        if not _matches(version, text):
            yield f'{label} does not match "{text}"'


def _refused(index: TargetIndex, name: str, pin: int, texts: list[str]) -> Iterator[str]:
    """Yields why pip would not take the version that matches."""
    usable = index.usable(name)
    chosen = usable[pin]
    label = f"{name} {chosen.release.version}"
    if not (chosen.release.prerelease or chosen.yanked):
        return  # an ordinary release: nothing else has a say
    specifiers = [_specifiers(text) for text in texts]
    # What its METADATA rules out stands in the way as well: pip reads that when it has chosen.
    matching = [
        u
        for u in usable
        if not u.unseen and all(_matches(u.release.version, text) for text in texts)
    ]
    finals = [u for u in matching if not u.release.prerelease]
    if not any(specifier.prereleases for specifier in specifiers) and finals:
        if chosen.release.prerelease:
            yield f"{label} is a pre-release, and {name} {finals[-1].release.version} is there"
        matching = finals
    if chosen.yanked and not (any(map(pins_one, specifiers)) and all(u.yanked for u in matching)):
        yield f"{label} is yanked"


@lru_cache(maxsize=1 << 16)
def _matches(version: str, specifier: str) -> bool:
    return _specifiers(specifier).contains(version, prereleases=True)


def _alone(specifiers: SpecifierSet) -> bool:
    """Returns whether a specifier set pins a version and says no more: to uv only that counts."""
    return len(specifiers) == 1 and pins_one(specifiers)


def pins_one(specifiers: SpecifierSet) -> bool:
    """Returns whether a specifier names exactly one version (pip's ``is_pinned``)."""
    return any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
        for one in specifiers
    )


@lru_cache(maxsize=1 << 14)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)
