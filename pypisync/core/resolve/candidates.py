"""Which versions of a project a requirement admits on a target, and which is tried first.

Preference is pip's: newest first. A set of versions is an integer: bit *i* is the *i*-th usable
release of the project (see :mod:`pypisync.core.resolve.target_index`). Everything is worked out
once.
"""

from enum import IntEnum

from msgspec import Struct, field

from pypisync.core.resolve.check_refutation import hopeless
from pypisync.core.resolve.lines import DrawnProject
from pypisync.core.resolve.pip_needs import PipCandidate, PipRequired
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards.specifiers import matcher


class Mode(IntEnum):
    """How much a requirement admits: a proof in one mode is also a proof in the next."""

    # What pip admits by this requirement alone. Every solution found is valid, because requirements
    # together admit at least what each of them admits. A release whose needs are unknown counts:
    # installers do not look for another release because of that.
    STRICT = 0
    # Every matching release whose needs are known, pre-release and yanked ones too unless hopeless.
    WIDE = 1
    # Every matching release; one whose needs are unknown counts as needing nothing.
    TRUSTING = 2


class VersionKinds(Struct):
    """The versions of a project by their kind."""

    finals: int = 0
    yanked: int = 0
    doubted: int = 0
    passed: int = 0  # by pip, or by whom the facts are read by
    unseen: int = 0  # by pip
    untaken: int = 0  # all pass over it, or the one by whom the facts are read
    parted: int = 0  # installers part here
    entries: list[tuple[bytes, str]] = field(default_factory=list)  # key and version


class Admission(Struct):
    """The versions admitted on one target."""

    index: TargetIndex
    # What uv makes of projects of which no version is wanted in particular.
    drawn: dict[str, DrawnProject] = field(default_factory=dict)
    # What pip's finder returns for specifiers of a project together, and what it passes over last.
    found: dict[tuple[str, frozenset[str]], tuple[int, int]] = field(default_factory=dict)
    # What pip's candidates require.
    required: dict[PipCandidate, PipRequired] = field(default_factory=dict)
    _kinds: dict[str, VersionKinds] = field(default_factory=dict)
    _matching: dict[tuple[str, str], int] = field(default_factory=dict)
    _admitted: dict[tuple[Mode, str, str], int] = field(default_factory=dict)

    def best(self, name: str, versions: int, mode: Mode) -> int | None:
        """Returns the version to try first; None of none. Raises Lacking."""
        kinds = self.kinds(name)
        versions = versions & ~kinds.passed or versions
        sound = versions & ~kinds.yanked
        choices: tuple[int, ...] = (sound, versions)
        if (
            mode is not Mode.STRICT
        ):  # a release that would be chosen only if there is no better one comes last
            known, finals = ~kinds.doubted, kinds.finals
            choices = (sound & finals & known, sound & known, versions & known, versions)
        return next((some.bit_length() - 1 for some in choices if some), None)

    def kinds(self, name: str) -> VersionKinds:
        """Returns the versions of a project by their kind. Raises Lacking."""
        kinds = self._kinds.get(name)
        if kinds is None:
            kinds, reader = VersionKinds(), self.index.reader or "pip"
            for i, usable in enumerate(self.index.usable(name)):
                release = usable.release
                kinds.entries.append((release.key, release.version))
                kinds.finals |= (not release.prerelease) << i
                kinds.yanked |= usable.yanked << i
                kinds.doubted |= bool(usable.doubt) << i
                kinds.passed |= (reader in usable.passed) << i
                kinds.unseen |= usable.unseen << i
                kinds.untaken |= usable.passed_by(self.index.reader) << i
                kinds.parted |= usable.parts() << i
            self._kinds[name] = kinds
        return kinds

    def matching(self, name: str, specifier: str) -> int:
        """Returns the versions that a specifier matches, of any kind. Raises Lacking."""
        found = self._matching.get((name, specifier))
        if found is None:
            wanted, entries = matcher(specifier), self.kinds(name).entries
            found = sum(1 << i for i, entry in enumerate(entries) if wanted.matches(*entry))
            self._matching[name, specifier] = found
        return found

    def admitted(self, name: str, specifier: str, mode: Mode) -> int:
        """Returns the versions that a requirement with this specifier admits. Raises Lacking."""
        key = (mode, name, specifier)
        found = self._admitted.get(key)
        if found is None:
            found = self._admitted[key] = self._admit(name, specifier, mode)
        return found

    def _admit(self, name: str, specifier: str, mode: Mode) -> int:
        kinds, wanted = self.kinds(name), matcher(self.index.limited(name, specifier))
        matching = self.matching(name, specifier)
        if mode is Mode.STRICT:
            # pip chooses by the page, and learns last that it has to pass over a release.
            matching &= ~(kinds.passed if self.index.reader == "uv" else kinds.unseen)
            if not wanted.prereleases:
                matching = matching & kinds.finals or matching
            sound = matching & ~kinds.yanked
            matching = matching if wanted.pinned and not sound else sound
            matching &= ~kinds.passed
        else:
            matching &= ~hopeless(self.index, name) & ~kinds.untaken
        return matching & ~kinds.doubted if mode is Mode.WIDE else matching
