"""A refutation in an operator's words: lines that begin with "because" or "so".

Each line is one step of the checked refutation. The lines stand in the order in which one step
follows from another.
"""

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet

from pypisync.core.environments.misfits import why_unusable
from pypisync.core.resolve.check_pins import faults
from pypisync.core.resolve.check_refutation import (
    Refutation,
    RefutationStep,
    Term,
    hopeless,
    positions,
)
from pypisync.core.resolve.target_index import TargetIndex, unpacked
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked

_SHOWN = 4  # versions in a row
_MOST = 40  # lines
_EVERY = "every release of "


def explained(
    index: TargetIndex, wanted: Asked, refutation: Refutation, name: str = ""
) -> list[str]:
    """Returns why ``wanted``, called ``name``, cannot be installed.

    The refutation has been checked.
    """
    name = name or ", ".join(need.text for need in wanted)
    words = _Words(index, wanted)
    lines = list(dict.fromkeys(filter(None, map(words.line, refutation[:-1]))))
    if len(lines) > _MOST:
        lines = [*lines[: _MOST - 1], f"... and {len(lines) - _MOST + 1} more steps"]
    return [*lines, f"so {name} cannot be installed"]


class _Words:
    def __init__(self, index: TargetIndex, wanted: Asked) -> None:
        self._index = index
        self._wanted = wanted
        self._misfits: dict[tuple[str, tuple[str, ...]], tuple[Sequence[str], str]] = {}
        self._who = "the root" if len(wanted) == 1 else "the group"

    def line(self, step: RefutationStep) -> str:
        """Returns the line of one step; "" for a step that is obvious."""
        users = [term for term in step.terms if term.positive]
        others = [term for term in step.terms if not term.positive]
        match step.kind:
            case "root":
                return self._because(self._who, "requires", self._wanted, _package(others))
            case "dependency":
                return self._dependency(users[0], others[0] if others else None)
            case "barred":
                pins = {user.package: next(positions(user.versions)) for user in users}
                by = self._index.reader or "pip"
                return f"because {'; '.join(faults(self._index, self._wanted, pins, by))}"
            case "derived" if users and not others:
                return self._so(users)
        return ""  # no such release: who requires it says so; the rest is plain

    def _so(self, users: Sequence[Term]) -> str:
        if len(users) == 1:
            who = self._term(users[0])
            if who.startswith(_EVERY):
                return f"so no release of {who.removeprefix(_EVERY)} can be installed"
            return f"so {who} cannot be installed"
        return f"so these cannot be installed together: {', '.join(map(self._term, users))}"

    def _dependency(self, user: Term, other: Term | None) -> str:
        name, extra = unpacked(user.package)
        version = next(positions(user.versions & self._all(name)), None)
        if version is None:
            return ""
        needs = self._index.needs(name, version, extra)
        versions = user.versions & self._all(name)
        several = versions.bit_count() > 1 and versions != self._all(name)
        verb = "require" if several else "requires"
        asked = user.package if other is None else other.package
        return self._because(self._term(user), verb, needs, asked)

    def _because(self, who: str, verb: str, needs: Sequence[Requirement], package: str) -> str:
        for need in needs:
            if need.fault:
                return f'because {who} {verb} "{need.text}": {need.fault}'
        name = unpacked(package)[0]
        asked = [need for need in needs if need.name == name]
        if not asked:
            return ""  # an extra belongs to its own release
        texts = " and ".join(dict.fromkeys(f'"{need.text}"' for need in asked))
        return f"because {who} {verb} {texts}{self._lack(name, asked)}"

    def _lack(self, name: str, needs: Sequence[Requirement]) -> str:
        """Returns the line that no usable release matches; "" if one does."""
        every, reader = self._index.usable(name), self._index.reader
        usable = [one for one in every if not one.passed_by(reader)]
        if any(_admits(needs, one.release.version) for one in usable):
            return self._never_chosen(name, needs)
        listed = self._index.offers.get(name)
        what = f"{name}{self._index.offers.place(name)}"
        if lost := self._index.offers.lost.get(name):
            return f", and {what} could not be read: {lost}"
        versions, reason = self._misfit(name, needs)
        if usable:
            only = f", and of {what} there is only {_row([one.release.version for one in usable])}"
            return only + (reason and f"; of {_row(versions)} no file can be used here: {reason}")
        if not listed and not reason:
            return f", and there is no release of {what}"
        if every and not usable and not reason:
            row = _row([one.release.version for one in every])
            return f", and {reader or 'every installer'} passes over {what} {row}"
        shown = versions or [release.version for release in listed]
        return f", and no file of {what} ({_row(shown)}) can be used here{reason and f': {reason}'}"

    def _never_chosen(self, name: str, needs: Sequence[Requirement]) -> str:
        """Returns that no installer chooses one of the releases that match; "" if one does."""
        never, reader = hopeless(self._index, name), self._index.reader
        matching = [
            (one, never >> i & 1)
            for i, one in enumerate(self._index.usable(name))
            if not one.passed_by(reader) and _admits(needs, one.release.version)
        ]
        if not all(gone for _, gone in matching):
            return ""
        what = f"{name}{self._index.offers.place(name)}"
        yanked = [one.release.version for one, _ in matching if one.yanked]
        said = f", and {what} {_row(yanked)} {'is' if len(yanked) == 1 else 'are'} yanked"
        early = [one.release.version for one, _ in matching if not one.yanked]
        more = f"; no requirement names a pre-release such as {early[-1]}" if early else ""
        return said + more

    def _misfit(self, name: str, needs: Sequence[Requirement]) -> tuple[Sequence[str], str]:
        """Returns the releases that match and have no file for the target, and why they do not."""
        key = name, tuple(need.specifier for need in needs)
        if key not in self._misfits:
            files = [one for one in self._index.offers.files(name) if _admits(needs, one.version)]
            reason = why_unusable((one.file for one in files), self._index.target)
            versions = list(dict.fromkeys(one.version for one in files)) if reason else ()
            self._misfits[key] = versions, reason
        return self._misfits[key]

    def _term(self, term: Term) -> str:
        name = unpacked(term.package)[0]
        every = self._all(name)
        versions = term.versions & every
        if versions == every and every.bit_count() > 1:
            return f"{_EVERY}{term.package}"
        usable = self._index.usable(name)
        return f"{term.package} {_row([usable[i].release.version for i in positions(versions)])}"

    def _all(self, name: str) -> int:
        return (1 << len(self._index.usable(name))) - 1


def _admits(needs: Sequence[Requirement], version: str) -> bool:
    return all(SpecifierSet(need.specifier).contains(version, prereleases=True) for need in needs)


def _package(terms: Sequence[Term]) -> str:
    return terms[0].package if terms else ""


def _row(versions: Sequence[str]) -> str:
    """Returns versions in a row, the middle left out where there are many."""
    if len(versions) <= _SHOWN:
        return ", ".join(versions)
    return f"{versions[0]}, ..., {versions[-1]} ({len(versions)} releases)"
