"""Reads the requirements of selected releases.

They are read from the best source there is: the ``.metadata`` files of the wheels (they are
mirrored anyway, and their hash is known); else the METADATA inside a wheel, fetched in parts; else
``requires_dist`` of the JSON API; else a whole wheel, or the PKG-INFO of an sdist where it is
static. Further wheels without ``.metadata`` are read once they are here. Where only a proof asks
and they do not come, each that can be used is read, in parts or whole: the JSON API makes one claim
for all wheels, and is believed of a release that has one. What none of them says is recorded as
unavailable, never as "none", and METADATA that installers cannot read is recorded with the reason:
no other source speaks for it, for installers ask none. Build requirements are read from the sdist
itself. Nothing of a package is ever run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from hashlib import sha256
from typing import TypeVar

from msgspec import Struct, field

from pypisync.catalog.db import pool
from pypisync.catalog.facts.readings import Knowledge
from pypisync.catalog.facts.requirements import (
    SourceFile,
    WantedRelease,
    record_knowledge,
    unchanged,
)
from pypisync.core.display import counted
from pypisync.core.environments.marker_masks import extras_of
from pypisync.core.filters.file_rules import usable
from pypisync.core.standards import filenames, requirements
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.metadata import (
    Metadata,
    build_requires,
    check_version,
    read_metadata,
)
from pypisync.core.standards.model import Requirement, names_extra
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.isolation import apart, guarded
from pypisync.cycle.mirror import METADATA_LIMIT, Mirror
from pypisync.cycle.statements import Statement, of_files, stated
from pypisync.errors import Malformed, Stopped, Unreachable, UpstreamError
from pypisync.storage import archives
from pypisync.upstream.api import AskFor, FileAsk, PartsAsk, RequiresAsk
from pypisync.upstream.stream import answers

_SMALL = 2**20  # bytes of a wheel that is fetched whole if it is to be held anyway
_READ = 1000  # releases whose requirements are read together

_R = TypeVar("_R")
_For = TypeVar("_For")
_Wheels = dict[str, tuple[WantedRelease, SourceFile]]  # by path


def from_metadata(
    incoming: Incoming, wanted: Sequence[WantedRelease]
) -> tuple[dict[str, UpstreamError], list[WantedRelease]]:
    """Read and record releases whose ``.metadata`` files have come, or failed.

    Returns the failures by "name==version", and the releases that need another source.
    """
    reader = _Reader(incoming)
    rest = {release.id: release for release in reader.read_metadata(wanted)}
    return reader.record([one for one in wanted if one.id not in rest]), list(rest.values())


def learn_requirements(
    incoming: Incoming, wanted: Sequence[WantedRelease]
) -> dict[str, UpstreamError]:
    """Read and record the requirements of releases, from whichever source tells them.

    Returns the failures by "name==version".
    """
    failed: dict[str, UpstreamError] = {}
    for start in range(0, len(wanted), _READ):
        batch, reader = wanted[start : start + _READ], _Reader(incoming)
        reader.read(batch)
        failed |= reader.record(batch)
    return failed


class _Reader(Struct):
    """Asks one source after the other, each for what the better ones did not tell."""

    incoming: Incoming
    told: dict[int, Statement] = field(default_factory=dict)
    failed: dict[int, UpstreamError] = field(default_factory=dict)
    broken: dict[int, dict[str, str]] = field(default_factory=dict)  # why, by filename
    spoken: set[int] = field(default_factory=set)  # releases that have a .metadata file
    build: dict[int, tuple[str, ...]] = field(default_factory=dict)
    unsure: dict[int, dict[str, Metadata]] = field(default_factory=dict)  # of sdists, by filename

    @property
    def mirror(self) -> Mirror:
        """The mirror that is read for."""
        return self.incoming.mirror

    def read_metadata(self, wanted: Sequence[WantedRelease]) -> list[WantedRelease]:
        """Read the ``.metadata`` files that have come. Returns the releases to be read further."""
        for release in wanted:
            self._from_metadata(release, self.incoming.failed)
        return [
            release
            for release in wanted
            if release.id not in self.failed
            and (release.id not in self.told or release.builds or self._ways(release))
        ]

    def read(self, wanted: Sequence[WantedRelease]) -> None:
        """Read one source after the other; the ``.metadata`` files have come, or failed."""
        self.read_metadata(wanted)
        self._from_wheels([r for r in wanted if r.id not in self.failed])
        self._from_documents([r for r in wanted if self._open(r)])
        self._from_archives([r for r in wanted if r.id not in self.failed])

    def record(self, wanted: Sequence[WantedRelease]) -> dict[str, UpstreamError]:
        """Record what was read. Returns the failures by "name==version".

        A release whose files have changed meanwhile stays wanted, for what was read is out of date.
        """
        if not wanted:
            return {}
        self.mirror.watch.advance(len(wanted))
        failed = [r for r in wanted if r.id in self.failed]
        good = [r for r in wanted if r.id not in self.failed]
        if failed:
            with self.mirror.catalog.begin() as connection:
                failed = unchanged(connection, failed)
        reasons = {r.label: self.failed[r.id] for r in failed}
        self._from_held(good)
        return reasons | apart(good, self._record, lambda one: one.label)

    def _record(self, some: Sequence[WantedRelease]) -> None:
        with self.mirror.catalog.begin() as connection:
            known = [self._knowledge(release) for release in unchanged(connection, some)]
            record_knowledge(connection, known, self.mirror.rules, self.mirror.now())

    def _open(self, release: WantedRelease) -> bool:
        """Returns whether another source is to be asked."""
        return not any(release.id in known for known in (self.told, self.failed, self.broken))

    def _fail(self, release: WantedRelease, error: UpstreamError) -> None:
        self.failed[release.id] = error

    def _break(self, release: WantedRelease, file: SourceFile, why: str) -> None:
        self.broken.setdefault(release.id, {})[file.filename] = why

    def _mend(self, release: WantedRelease, file: SourceFile) -> None:
        left = self.broken.pop(release.id, {})
        left.pop(file.filename, None)
        if left:
            self.broken[release.id] = left

    def _take(
        self, release: WantedRelease, file: SourceFile, source: str, found: Metadata
    ) -> Statement:
        check_version(found)
        told = self.told.setdefault(release.id, Statement(source))
        told.files[file.filename] = found
        return told

    # -- .metadata files ----------------------------------------------------------------------

    def _from_metadata(self, release: WantedRelease, errors: Mapping[str, UpstreamError]) -> None:
        for file in release.files:
            if file.metadata_sha256 is None:
                continue
            error = errors.get(file.path + METADATA)
            if isinstance(error, Unreachable):
                # It may say more than the others do: wait for it.
                self._fail(release, error)
                return
            if error is None:
                self.spoken.add(release.id)
                with self._guarded(release, file):
                    data = self.mirror.pool.read(file.path + METADATA, METADATA_LIMIT)
                    self._take(release, file, "metadata", read_metadata(data))

    def _guarded(self, release: WantedRelease, file: SourceFile) -> AbstractContextManager[None]:
        return guarded(partial(self._fail, release), partial(self._break, release, file))

    # -- wheels -------------------------------------------------------------------------------

    def _from_wheels(self, wanted: Sequence[WantedRelease]) -> None:
        """Read METADATA out of wheels, most often without fetching all of them.

        A small wheel of a selected release is needed anyway, so the whole of it costs less than
        parts of it first; and what the pool holds costs nothing.
        """
        whole: _Wheels = {}
        parts: _Wheels = {}
        for release in wanted:
            for wheel in self._ways(release):
                small = release.selected and wheel.size is not None and wheel.size <= _SMALL
                there = self.mirror.pool.has(wheel.path, wheel.size)
                (whole if small or there else parts)[wheel.path] = release, wheel
        self._whole(whole)
        self._whole(self._from_parts(parts))

    def _ways(self, release: WantedRelease) -> list[SourceFile]:
        """Returns the wheels to be read: the smallest, as long as nothing tells of the release.

        Of a selected release all the others come, and are read when they are here. Of another one
        they do not, so all that can be used and that nothing tells of are read.
        """
        if not release.selected and (fit := self._fitting(release)):
            return fit
        return _smallest_wheel(release) if self._open(release) else []

    def _whole(self, wheels: _Wheels) -> None:
        errors = self.incoming.bring(_ask(wheel) for _, wheel in wheels.values())
        for release, wheel in wheels.values():
            self._from_archive(release, wheel, errors)

    def _from_parts(self, wheels: _Wheels) -> _Wheels:
        """Returns the wheels to be read whole.

        Their host fails when asked for parts; or it serves none, and what the JSON API claims of
        the release may be true of another wheel, while nobody will read this one later.
        """
        whole: _Wheels = {}
        asks = [
            (PartsAsk(_ask(wheel), archives.metadata_inside), (release, wheel))
            for release, wheel in wheels.values()
        ]
        for (release, wheel), answer in _answered(self.mirror, asks):
            self.mirror.answered("range", answer)
            if isinstance(answer, Unreachable):
                whole[wheel.path] = release, wheel
            elif isinstance(answer, Malformed):
                self._break(release, wheel, str(answer))
                whole[wheel.path] = release, wheel  # unless the whole wheel is sound
            elif answer is None and not release.selected and release.wheels > 1:
                whole[wheel.path] = release, wheel
            elif isinstance(answer, bytes):
                with self._guarded(release, wheel):
                    told = self._take(release, wheel, "ranges", read_metadata(answer))
                    told.ranged[wheel.path] = sha256(answer).hexdigest()
        return whole

    # -- the JSON API -------------------------------------------------------------------------

    def _from_documents(self, wanted: Sequence[WantedRelease]) -> None:
        asks = [(RequiresAsk(one.project, one.version, one.index), one) for one in wanted]
        for release, answer in _answered(self.mirror, asks):
            self.mirror.answered("release", answer)
            if isinstance(answer, Unreachable):
                self._fail(release, answer)
                self.mirror.watch.fault(f"{release.project}=={release.version}", str(answer))
            elif isinstance(answer, tuple):
                self.told[release.id] = Statement("json", claims=answer)

    # -- archives -----------------------------------------------------------------------------

    def _from_archives(self, wanted: Sequence[WantedRelease]) -> None:
        chosen = [
            (release, file)
            for release in wanted
            if release.builds or release.id not in self.told
            for file in self._archives(release)
        ]
        errors = self.incoming.bring(_ask(file) for _, file in chosen)
        for release, file in chosen:
            self._from_archive(release, file, errors)

    def _archives(self, release: WantedRelease) -> Iterator[SourceFile]:
        """Yields the files to look into: wheels, and the sdists that are built.

        Wheels are left out where METADATA is known. pip takes another one of the sdists than uv.
        """
        told = release.id in self.told
        if not told and release.id not in self.spoken:
            yield from self._ways(release)
        if release.builds or not (release.kept_wheels or told):
            yield from [file for file in release.files if file.kind == "sdist"]

    def _from_archive(
        self, release: WantedRelease, file: SourceFile, errors: Mapping[str, UpstreamError]
    ) -> None:
        error = errors.get(file.path)
        if error is not None:
            # What came in parts is held against no hash, so that damage there is no last word.
            if isinstance(error, Unreachable) or file.filename in self.broken.get(release.id, {}):
                self._fail(release, error)
            return
        place = self.mirror.pool.absolute(file.path)
        with self._guarded(release, file):
            if file.kind == "wheel":
                found = read_metadata(archives.wheel_metadata(place))
                self._mend(release, file)
                self._take(release, file, "wheel", found)
                return
            inside = archives.sdist_facts(place)
            if release.builds:
                with guarded(partial(self._fail, release)):
                    some = self.build.get(release.id, ()) + build_requires(inside.pyproject)
                    self.build[release.id] = some
            if inside.pkg_info is not None:
                found = read_metadata(inside.pkg_info, sdist=True)
                if found.static:
                    self._take(release, file, "sdist", found)
                else:
                    check_version(found)
                    self.unsure.setdefault(release.id, {})[file.filename] = found

    # -- wheels that the pool holds -----------------------------------------------------------

    def _from_held(self, wanted: Sequence[WantedRelease]) -> None:
        """Read the wheels that nothing has told of and that the mirror has.

        The wheels of a release may differ in what they require. All of a selected release come in
        the end, so what is read does not depend on what the pool held before.
        """
        several = [r for r in wanted if len(r.kept_wheels) > 1]
        silent = [(release, file) for release in several for file in self._silent(release)]
        if not silent:
            return
        with self.mirror.catalog.begin() as connection:
            held = pool.stored_among(connection, [file.path for _, file in silent])
        for release, file in silent:
            has = held.get(file.path)
            if has is None or file.sha256 not in ("", has.sha256):
                continue
            if self.mirror.pool.has(file.path, has.size):
                with self._guarded(release, file):
                    data = archives.wheel_metadata(self.mirror.pool.absolute(file.path))
                    self._take(release, file, "wheel", read_metadata(data))

    def _silent(self, release: WantedRelease) -> list[SourceFile]:
        """Returns the wheels that nothing has told of."""
        told = self.told.get(release.id)
        read = self.broken.get(release.id, {}).keys() | (told.files.keys() if told else ())
        return [file for file in release.kept_wheels if file.filename not in read]

    def _fitting(self, release: WantedRelease) -> list[SourceFile]:
        """Returns the wheels that nothing has told of and that can be used here."""
        rules, silent = self.mirror.rules, self._silent(release)
        parsed = [(file, filenames.parse(release.project, file.filename)) for file in silent]
        return [file for file, its in parsed if usable(its, file.requires_python, rules)]

    # -- what comes of it ---------------------------------------------------------------------

    def _knowledge(self, release: WantedRelease) -> Knowledge:
        told = self.told.get(release.id)
        readings, stops = of_files(
            release, told, self.unsure.get(release.id, {}), self.broken.get(release.id, {})
        )
        runtime = [*stops, *stated(release, told)]
        wanted_to_build: tuple[Requirement, ...] = ()
        build = self.build.get(release.id)
        if build is not None:
            wanted_to_build = tuple(requirements.parse(text) for text in dict.fromkeys(build))
        elif release.builds:
            reason = "the sdist does not say what it needs to be built"
            wanted_to_build = (Requirement("build-system.requires", "", fault=reason),)
        markers = [one.requirement.marker for one in runtime if names_extra(one.requirement.marker)]
        named = {extra for marker in markers for extra in extras_of(marker)}
        named.update(e for found in (told.files.values() if told else ()) for e in found.extras)
        return Knowledge(
            release.id,
            told.source if told else "",
            "known" if told else "unavailable",
            tuple(runtime),
            readings,
            wanted_to_build,
            tuple(sorted(named)),
            next((found.about for found in told.files.values()), None) if told else None,
            told.ranged if told else {},
            partly=release.selected and bool(self._fitting(release)),
        )


def _answered(
    mirror: Mirror, asks: Sequence[tuple[AskFor[_R], _For]]
) -> Iterator[tuple[_For, _R | UpstreamError]]:
    """Yields what asks come to. Raises Stopped at the end if upstream was told to leave some."""
    left = len(asks)
    for release, answer in answers(mirror.upstream, asks):
        if not isinstance(answer, Stopped):
            left -= 1
            yield release, answer
    if left:
        raise Stopped(f"stopped with the requirements of {counted(left, 'release')} still to read")


def _smallest_wheel(release: WantedRelease) -> list[SourceFile]:
    return sorted(release.kept_wheels, key=lambda file: (file.size or 0, file.filename))[:1]


def _ask(file: SourceFile) -> FileAsk:
    stated = file.stated or ""
    return FileAsk(
        file.url, file.path, file.sha256, file.size, index=file.index, stated=stated, urgent=True
    )
