"""Reads what the decision lacks: stale projects, and the requirements of selected releases.

Requirements are read from the best source there is: the ``.metadata`` files of the wheels (they
are mirrored anyway, and their hash is known; what the wheels of a release say is united); else the
METADATA inside a wheel, of which only parts are fetched where that does; else ``requires_dist`` of
the JSON API; else a whole wheel, or the PKG-INFO of an sdist where it is static. What none of them
says is recorded as unavailable, never as "none". Build requirements are read from the sdist itself.
Nothing of a package is ever run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import islice

from pypisync.catalog.facts import pending
from pypisync.catalog.facts import record as facts
from pypisync.catalog.facts import requirements as knowledge
from pypisync.catalog.facts.requirements import Knowledge, SourceFile, Unverified, WantedRelease
from pypisync.core.environments.marker_masks import extras_of
from pypisync.core.standards import requirements
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.metadata import Metadata, build_requires, read_metadata
from pypisync.core.standards.model import ProjectDocument, Requirement, Unchanged, names_extra
from pypisync.core.units import counted
from pypisync.cycle.isolation import apart, guarded
from pypisync.cycle.mirror import METADATA_LIMIT, Mirror, bring, metadata_ask
from pypisync.cycle.vanishing import doubted
from pypisync.errors import Elsewhere, Gone, Stopped, Unreachable, UpstreamError
from pypisync.storage import archives
from pypisync.upstream.api import FileAsk, ProjectAsk, ReleaseAsk

# Documents recorded in one transaction. Each is whole by itself; more at once costs less.
_RECORD = 100
_SMALL = 2**20  # bytes of a wheel that is fetched whole if it is to be held anyway
_READ = 1000  # releases whose requirements are read together


_NOT_HERE = (Gone, Elsewhere)
_Answered = tuple[ProjectAsk, ProjectDocument | Unchanged | UpstreamError]


def learn_projects(mirror: Mirror, asks: Sequence[ProjectAsk]) -> dict[str, UpstreamError]:
    """Fetch and record stale projects. Returns the failures, which stay stale.

    Raises Stopped if upstream was told to leave some unanswered.
    """
    failed: dict[str, UpstreamError] = {}
    unanswered = len(asks)
    mirror.watch.step("projects", len(asks))
    answers = (
        (ask, answer)
        for ask, answer in mirror.upstream.projects(asks)
        if not isinstance(answer, Stopped)
    )
    while batch := list(islice(answers, _RECORD)):
        for _, answer in batch:
            mirror.answered("project", answer)
        reasons = _faults(batch) | doubted(mirror, batch)
        good = _elsewhere(mirror, [one for one in batch if one[0].name not in reasons])
        reasons |= _faults(good)
        good = [one for one in good if one[0].name not in reasons]
        reasons |= apart(good, partial(_record, mirror), lambda one: one[0].name)
        with mirror.catalog.begin() as connection:
            pending.mark_stale(connection, dict.fromkeys(reasons, 0), mirror.now())
            pending.set_aside(connection, {name: str(error) for name, error in reasons.items()})
        for name, error in reasons.items():
            mirror.watch.fault(name, str(error))
        failed |= reasons
        unanswered -= len(batch)
        mirror.watch.advance(len(batch))
    if unanswered:
        raise Stopped(f"stopped with {counted(unanswered, 'project')} still to read")
    return failed


def _faults(batch: Sequence[_Answered]) -> dict[str, UpstreamError]:
    return {
        ask.name: answer
        for ask, answer in batch
        if isinstance(answer, UpstreamError) and not isinstance(answer, _NOT_HERE)
    }


def _record(mirror: Mirror, answered: Sequence[_Answered]) -> None:
    """Record what upstream says of projects; they are owed nothing any more."""
    documents = [answer for _, answer in answered if isinstance(answer, ProjectDocument)]
    gone = [ask.name for ask, answer in answered if isinstance(answer, _NOT_HERE)]
    same = {ask.name: answer for ask, answer in answered if isinstance(answer, Unchanged)}
    other = {name: one.validators for name, one in same.items() if one.validators}
    with mirror.catalog.begin() as connection:
        facts.record(connection, documents, mirror.rules, mirror.now())
        facts.record_gone(connection, gone, mirror.rules, mirror.now())
        facts.record_same(connection, other)
        pending.settled(connection, [*(d.name for d in documents), *gone, *same])


def _elsewhere(mirror: Mirror, batch: Sequence[_Answered]) -> list[_Answered]:
    """Returns the batch, with what other indexes say of the projects that are gone from their own.

    So a project goes from one index to the next without a time in which it has no page.
    """
    assignment = mirror.upstream.assignment
    lost = [
        ProjectAsk(ask.name, anew=True)
        for ask, answer in batch
        if isinstance(answer, _NOT_HERE) and ask.index and len(assignment.indexes_of(ask.name)) > 1
    ]
    if not lost:
        return list(batch)
    found = {ask.name: (ask, answer) for ask, answer in mirror.upstream.projects(lost)}
    if stopped := next((a for _, a in found.values() if isinstance(a, Stopped)), None):
        raise stopped
    return [found.get(ask.name, (ask, answer)) for ask, answer in batch]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a source says of a release."""

    source: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    ranged: tuple[str, str] | None = None  # the path of the wheel, the SHA-256 of its METADATA


def learn_requirements(mirror: Mirror, wanted: Sequence[WantedRelease]) -> dict[str, UpstreamError]:
    """Read and record the requirements of releases. Returns the failures by "name==version"."""
    mirror.watch.step("requirements", len(wanted))
    failed: dict[str, UpstreamError] = {}
    remaining = iter(wanted)
    while batch := list(islice(remaining, _READ)):
        failed |= _read(mirror, batch)
        mirror.watch.advance(len(batch))
    return failed


def _read(mirror: Mirror, wanted: Sequence[WantedRelease]) -> dict[str, UpstreamError]:
    """Ask one source after the other, each for what the better ones did not tell."""
    failed: dict[int, UpstreamError] = {}
    told: dict[int, _Told] = {}
    errors = bring(mirror, (ask for r in wanted for ask in _metadata_asks(r)))
    for release in wanted:
        _from_metadata(mirror, release, errors, told, failed)
    _from_wheels(mirror, [r for r in wanted if r.id not in told.keys() | failed], told, failed)
    _from_documents(mirror, [r for r in wanted if r.id not in told.keys() | failed], told, failed)
    archived = [r for r in wanted if r.id not in failed and (r.builds or r.id not in told)]
    chosen = [(r, file) for r in archived for file in _archives(r, told=r.id in told)]
    errors = bring(mirror, (_ask(file) for _, file in chosen))
    build: dict[int, tuple[str, ...]] = {}
    for release, file in chosen:
        if isinstance(error := errors.get(file.path), Unreachable):
            failed[release.id] = error
        elif error is None:
            with guarded(partial(failed.__setitem__, release.id)):
                _from_archive(mirror, release, file, told, build)

    def record(some: Sequence[WantedRelease]) -> None:
        known = [_knowledge(r, told.get(r.id), build.get(r.id)) for r in some]
        with mirror.catalog.begin() as connection:
            knowledge.record_knowledge(connection, known)

    reasons = {_name(r): failed[r.id] for r in wanted if r.id in failed}
    return reasons | apart([r for r in wanted if r.id not in failed], record, _name)


def _name(release: WantedRelease) -> str:
    return f"{release.project}=={release.version}"


# -- .metadata files --------------------------------------------------------------------------


def _metadata_asks(release: WantedRelease) -> Iterator[FileAsk]:
    for file in release.files:
        if file.metadata_sha256 is not None:
            yield metadata_ask(file.url, file.path, file.metadata_sha256, file.index)


def _from_metadata(
    mirror: Mirror,
    release: WantedRelease,
    errors: Mapping[str, UpstreamError],
    told: dict[int, _Told],
    failed: dict[int, UpstreamError],
) -> None:
    found: list[Metadata] = []
    for file in release.files:
        if file.metadata_sha256 is None:
            continue
        error = errors.get(file.path + METADATA)
        if isinstance(error, Unreachable):
            # It may say more than the others do: wait for it.
            failed[release.id] = error
            return
        if error is None:
            with guarded(partial(failed.__setitem__, release.id)):
                data = mirror.pool.read(file.path + METADATA, METADATA_LIMIT)
                found.append(read_metadata(data))
    if found:
        told[release.id] = _united("metadata", found)


def _united(source: str, found: Sequence[Metadata]) -> _Told:
    return _Told(
        source,
        tuple(dict.fromkeys(line for metadata in found for line in metadata.requires)),
        tuple(dict.fromkeys(extra for metadata in found for extra in metadata.extras)),
    )


# -- wheels -----------------------------------------------------------------------------------

_Wheels = dict[str, tuple[WantedRelease, SourceFile]]  # by path


def _from_wheels(
    mirror: Mirror,
    wanted: Sequence[WantedRelease],
    told: dict[int, _Told],
    failed: dict[int, UpstreamError],
) -> None:
    """Read METADATA out of the smallest wheel of each, most often without fetching all of it.

    A small wheel of a selected release is needed anyway, so the whole of it costs less than parts
    of it first; and what the pool holds costs nothing.
    """
    whole: _Wheels = {}
    parts: _Wheels = {}
    for release in wanted:
        if (wheel := _smallest_wheel(release)) is not None:
            small = release.selected and wheel.size is not None and wheel.size <= _SMALL
            there = mirror.pool.has(wheel.path, wheel.size)
            (whole if small or there else parts)[wheel.path] = release, wheel
    errors = bring(mirror, (_ask(wheel) for _, wheel in whole.values()))
    for release, wheel in whole.values():
        if isinstance(error := errors.get(wheel.path), Unreachable):
            failed[release.id] = error
        elif error is None:
            with guarded(partial(failed.__setitem__, release.id)):
                _from_archive(mirror, release, wheel, told, {})
    _from_parts(mirror, parts, told, failed)


def _from_parts(
    mirror: Mirror, wheels: _Wheels, told: dict[int, _Told], failed: dict[int, UpstreamError]
) -> None:
    unanswered = len(wheels)
    asks = [_ask(wheel) for _, wheel in wheels.values()]
    for ask, answer in mirror.upstream.peek(asks, archives.metadata_inside):
        if isinstance(answer, Stopped):
            continue
        unanswered -= 1
        mirror.answered("range", answer)
        release, wheel = wheels[ask.path]
        if isinstance(answer, Unreachable):
            failed[release.id] = answer
            mirror.watch.fault(wheel.filename, str(answer))
        elif isinstance(answer, bytes):
            with guarded(partial(failed.__setitem__, release.id)):
                united = _united("ranges", [read_metadata(answer)])
                digest = sha256(answer).hexdigest()
                told[release.id] = replace(united, ranged=(wheel.path, digest))
    if unanswered:
        raise Stopped(
            f"stopped with the requirements of {counted(unanswered, 'release')} still to read"
        )


def _smallest_wheel(release: WantedRelease) -> SourceFile | None:
    wheels = (file for file in release.files if file.kind == "wheel")
    return min(wheels, key=lambda file: (file.size or 0, file.filename), default=None)


def verify_ranged(mirror: Mirror) -> dict[str, str]:
    """Check what was read of wheels by Range against those that have come since.

    Returns why by "name==version" where the wheel says something else: its own word counts, so
    the requirements of that release are to be read again.
    """
    with mirror.catalog.begin() as connection:
        found = knowledge.unverified(connection)
    doubted: dict[int, Unverified] = {}
    for one in found:
        told = ""
        with guarded(repr):  # one that cannot be read says something else
            told = sha256(archives.wheel_metadata(mirror.pool.absolute(one.path))).hexdigest()
        if told != one.metadata_sha256:
            doubted[one.release] = one
    if found:
        sound = [one.release for one in found if one.release not in doubted]
        with mirror.catalog.begin() as connection:
            knowledge.verified(connection, sound, doubted)
    return {f"{one.project}=={one.version}": _differs(one) for one in doubted.values()}


def _differs(one: Unverified) -> str:
    return (
        f"{one.path.rpartition('/')[2]}: upstream sent another METADATA when parts of this wheel "
        "were asked for than the wheel has; the wheel's own counts"
    )


# -- the JSON API -----------------------------------------------------------------------------


def _from_documents(
    mirror: Mirror,
    wanted: Sequence[WantedRelease],
    told: dict[int, _Told],
    failed: dict[int, UpstreamError],
) -> None:
    ids = {ReleaseAsk(one.project, one.version, one.index): one.id for one in wanted}
    unanswered = len(ids)
    for asked, answer in mirror.upstream.requires(ids):
        if isinstance(answer, Stopped):
            continue
        unanswered -= 1
        mirror.answered("release", answer)
        if isinstance(answer, Unreachable):
            failed[ids[asked]] = answer
            mirror.watch.fault(f"{asked.name}=={asked.version}", str(answer))
        elif isinstance(answer, tuple):
            told[ids[asked]] = _Told("json", answer, ())
    if unanswered:
        raise Stopped(
            f"stopped with the requirements of {counted(unanswered, 'release')} still to read"
        )


# -- archives ---------------------------------------------------------------------------------


def _archives(release: WantedRelease, *, told: bool) -> Iterator[SourceFile]:
    """Yields the files to look into: the smallest wheel, and the sdist that is built.

    The wheel is left out where upstream ``told`` the requirements.

    Without a wheel the sdist must do. The wheel comes first, for its word is better.
    """
    wheel = _smallest_wheel(release)
    if wheel and not told:
        yield wheel
    if release.builds or not (wheel or told):
        yield from [file for file in release.files if file.kind == "sdist"][:1]


def _ask(file: SourceFile) -> FileAsk:
    return FileAsk(
        file.url, file.path, file.sha256, file.size, index=file.index, stated=file.stated or ""
    )


def _from_archive(
    mirror: Mirror,
    release: WantedRelease,
    file: SourceFile,
    told: dict[int, _Told],
    build: dict[int, tuple[str, ...]],
) -> None:
    place = mirror.pool.absolute(file.path)
    if file.kind == "wheel":
        found = read_metadata(archives.wheel_metadata(place))
        told[release.id] = _united("wheel", [found])
        return
    inside = archives.sdist_facts(place)
    if release.builds:
        build[release.id] = build_requires(inside.pyproject)
    if release.id not in told and inside.pkg_info is not None:
        found = read_metadata(inside.pkg_info, sdist=True)
        if found.static:
            told[release.id] = _united("sdist", [found])


def _knowledge(
    release: WantedRelease, told: _Told | None, build: tuple[str, ...] | None
) -> Knowledge:
    runtime = tuple(requirements.parse(text) for text in (told.requires if told else ()))
    wanted_to_build: tuple[Requirement, ...] = ()
    if build is not None:
        wanted_to_build = tuple(requirements.parse(text) for text in build)
    elif release.builds:
        reason = "the sdist does not say what it needs to be built"
        wanted_to_build = (Requirement("build-system.requires", "", fault=reason),)
    named = {extra for r in runtime if names_extra(r.marker) for extra in extras_of(r.marker)}
    return Knowledge(
        release.id,
        told.source if told else "",
        "known" if told else "unavailable",
        runtime,
        wanted_to_build,
        tuple(sorted(named.union(told.extras if told else ()))),
        told.ranged if told else None,
    )
