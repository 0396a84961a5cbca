"""What sources say of the requirements of a release, and which of its files state which."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from pypisync.catalog.facts.readings import Reading, Stated
from pypisync.catalog.facts.requirements import WantedRelease
from pypisync.core.environments.marker_masks import compared_extras, needed_extras
from pypisync.core.standards import requirements
from pypisync.core.standards.metadata import Metadata, Objections, bad_python, objections
from pypisync.core.standards.model import (
    BROKEN,
    UNREADABLE,
    UNREADABLE_FOR_UV,
    Requirement,
    names_extra,
)
from pypisync.core.standards.requires_python import lists


class Statement(Struct):
    """What a source says of a release."""

    source: str
    files: dict[str, Metadata] = field(default_factory=dict)  # by filename
    claims: tuple[str, ...] = ()  # of the JSON API, which speaks for no file
    ranged: dict[str, str] = field(default_factory=dict)  # by path, see Knowledge


def stop(filename: str, why: str, *, alone: bool) -> Stated:
    """Returns a requirement that nothing meets, of a file at which both installers stop.

    ``alone``: it is the only file of its release.
    """
    fault = f"{filename}: {why}"
    by = None if alone else frozenset([filename])
    return Stated(Requirement(UNREADABLE, "", fault=fault), by)


def stops(filename: str, against: Objections, *, alone: bool) -> Iterator[Stated]:
    """Yields the same for what installers have against a file's METADATA."""
    if against.stop:
        yield stop(filename, against.stop, alone=alone)
    by = None if alone else frozenset([filename])
    if against.broken:
        yield Stated(Requirement(BROKEN, "", fault=f"{filename}: {against.broken}"), by)
    if against.stops_pip:
        yield Stated(Requirement(UNREADABLE, "", refused=f"{filename}: {against.stops_pip}"), by)
    if against.stops_uv:
        why = f"{filename}: {against.stops_uv}"
        yield Stated(Requirement(UNREADABLE_FOR_UV, "", refused=why), by)


def of_files(
    release: WantedRelease,
    told: Statement | None,
    unsure: Mapping[str, Metadata],
    broken: Mapping[str, str],
) -> tuple[dict[str, Reading], list[Stated]]:
    """Returns what METADATA says of the files, and the requirements at which installers stop.

    ``unsure``: the PKG-INFO of sdists that does not bind what is built from them, but for the name
    and the version (PEP 643), and is believed of Python; ``broken``: the files whose METADATA
    cannot be read, with the reason.
    """
    sdists = {file.filename for file in release.files if file.kind == "sdist"}
    # uv passes over METADATA of a wheel that it cannot read, and pip stops there.
    readings = {name: Reading(None, {"uv": broken[name]}) for name in broken.keys() - sdists}
    found: list[Stated] = []
    for filename, why in broken.items():
        reason = f"its requirements cannot be read: {why.removeprefix(f'{filename}: ')}"
        found.append(stop(filename, reason, alone=told is None))
    known = told.files if told else {}
    # What is built from them says that of Python, most often; the index says it, or is silent.
    stating = {n: python for n, one in unsure.items() if (python := one.requires_python)}
    readings |= {n: Reading(python, {}) for n, python in stating.items() if lists("uv", python)}
    names = {
        name: replace(one, requires=(), requires_python=None, utf8=True)
        for name, one in unsure.items()
    }
    for filename, one in (known | names).items():
        against = objections(one, release.project, release.version, sdist=filename in sdists)
        found += stops(filename, against, alone=len(release.files) == 1)
        if filename in known:
            stopped = bad_python(one, sdist=filename in sdists)  # uv does not pass over it
            python = None if stopped else one.requires_python
            readings[filename] = Reading(python, against.passed)
    return readings, found


def stated(release: WantedRelease, told: Statement | None) -> Iterator[Stated]:
    """Yields the requirements of a release, each with the files that state it."""
    if told is None:
        return
    lines: dict[str, list[str]] = {line: [] for line in told.claims}
    for filename, found in told.files.items():
        for line in dict.fromkeys(found.requires):
            lines.setdefault(line, []).append(filename)
    # A file that was not read may state what any other one does.
    unread = {file.filename for file in release.files} - told.files.keys()
    for line, by in lines.items():
        owners = frozenset(unread.union(by))
        everywhere = None if len(owners) == len(release.files) else owners
        files = {name: told.files[name].extras for name in by}
        for need, extras in _by_extra(requirements.parse_metadata(line), files.values()):
            # Of an extra without a Provides-Extra pip takes nothing (candidates.py, valid_extras),
            # and uv what the markers say.
            undeclared = {n for n, some in files.items() if extras and extras.isdisjoint(some)}
            yield Stated(need, everywhere, owners - undeclared if undeclared else None)


def _by_extra(
    need: Requirement, declared: Collection[Sequence[str]]
) -> Iterator[tuple[Requirement, frozenset[str]]]:
    """Yields a requirement with the extras without one of which it cannot apply.

    It is cut into one for each of them if a file declares some and not all; and into one for each
    that a file does not declare and one for all else, if it may apply without them.
    """
    marker = need.marker
    named = compared_extras(marker) if names_extra(marker) else frozenset[str]()
    extras = needed_extras(marker) if named else named
    cut = {extra for extra in extras or named if not all(extra in some for some in declared)}
    if not cut or (extras and all(extras.isdisjoint(some) for some in declared)):
        yield need, extras
        return
    for extra in sorted(extras or cut):
        yield replace(need, marker=f'({marker}) and extra == "{extra}"'), frozenset([extra])
    if not extras:
        others = " and ".join(f'extra != "{extra}"' for extra in sorted(cut))
        yield replace(need, marker=f"({marker}) and {others}"), extras
