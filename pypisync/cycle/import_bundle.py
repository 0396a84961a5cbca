"""Takes in a bundle: verifies all of it, then publishes one new generation.

Nothing of the mirror changes until every byte has been verified and lies, synced, in a folder for
what is unfinished. Then the files get their names in the pool; then one transaction brings rows,
pages and the note that the bundle is here; then the pages are written, as in every publication.
After a crash the bundle is imported again; if the transaction had come to its end, the next run
writes the pages, and the bundle is here.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct

from pypisync.catalog.bundles import fed, import_rows, listing
from pypisync.catalog.bundles.row_rules import is_path
from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.reader import REVISION
from pypisync.catalog.db.sql import batches
from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.catalog.publication import checks, generations, rollback
from pypisync.core.bundles import manifest, pieces, succession
from pypisync.core.bundles.manifest import INVENTORY, LISTING, ROWS, Member
from pypisync.core.bundles.succession import Fed
from pypisync.core.display import show_size
from pypisync.core.standards.filenames import METADATA
from pypisync.cycle.mirror import Mirror, expunge
from pypisync.cycle.open_bundles import Bundle, Unusable
from pypisync.cycle.prune import prune
from pypisync.cycle.publish import write_generation
from pypisync.cycle.record_run import recorded
from pypisync.cycle.report import Report
from pypisync.cycle.resume import resume
from pypisync.errors import BundleError, Malformed, StorageError
from pypisync.storage import disk, parts, spool
from pypisync.storage.spool import appending

_STAGE = "bundle"
_FILES = "files.jsonl"
_BATCH = 1_000
_DURABLE = 5  # batches that are made durable together
_UPGRADE_HERE = "upgrade this side too"
_BEGIN_ANEW = 'upgrade the outside, and "pypisync export --full" there'
# A further export goes on from the last one, which is not here either.
_UPGRADE_OUTSIDE = (
    'upgrade the outside, and let it export once more for a report ("pypisync import --report"'
    ' here, "pypisync export --for" there)'
)


def import_all(
    mirror: Mirror, bundles: Iterable[Bundle | Unusable]
) -> Iterator[tuple[Bundle, Report | None]]:
    """Yields each bundle when it is imported, with what that did; None: it was here already.

    A bundle that only lies in a folder is passed over where another one leads on, and so is an
    unusable one that the mirror is past: its key may have been dropped since. Raises BundleError
    at the first bundle that is to be imported and cannot be, and in the end for an unusable one;
    StorageError, CatalogError.
    """
    # What an import that was cut off has left to do comes first, also where it left no bundle.
    resume(mirror, Report())
    expunge(mirror)
    mirror.pool.sweep()
    passed: list[BundleError] = []
    unusable: list[Unusable] = []
    for bundle in bundles:
        if isinstance(bundle, Unusable):
            unusable.append(bundle)
            continue
        try:
            if bundle.named or _leads_on(mirror, bundle):
                yield bundle, import_bundle(mirror, bundle)
                passed.clear()
            else:
                yield bundle, None
        except _ElsewhereError as error:
            passed.append(BundleError(str(error)))
    passed = [one.fault for one in unusable if not _is_past(mirror, one)] + passed
    if passed:
        raise passed[0]


def _is_past(mirror: Mirror, bundle: Unusable) -> bool:
    """Returns whether the mirror has what the bundle's name says that it leads to."""
    with mirror.catalog.begin() as connection:
        last = fed.fed(connection)
    writer, target, base = manifest.told_by(bundle.name)
    mends = base == target
    return (
        last is not None
        and last.mirror.startswith(writer)
        and target <= last.point.sequence
        and not mends
    )


class NotNowError(BundleError):
    """What stands in the way is not the bundle: the disk is full, or the index is kept back."""

    exit_code = StorageError.exit_code


class _ElsewhereError(BundleError):
    """A bundle in a folder does not go on from the state that the mirror has."""


def _leads_on(mirror: Mirror, bundle: Bundle) -> bool:
    """Returns whether the mirror is not past the bundle. Raises _ElsewhereError."""
    with mirror.catalog.begin() as connection:
        last = fed.fed(connection)
    target = bundle.manifest.target.sequence
    mends = bundle.manifest.base == bundle.manifest.target
    here = last and last.mirror == bundle.manifest.mirror and target <= last.point.sequence
    if here and not mends:
        return False
    try:
        return succession.is_next(bundle.manifest, last, bundle.name)
    except BundleError as error:
        raise _ElsewhereError(str(error)) from None


def import_bundle(mirror: Mirror, bundle: Bundle) -> Report | None:
    """Import a bundle, which has to lead on. Returns what that did; None: it is here.

    Raises BundleError, and then nothing was changed; StorageError, CatalogError.
    """
    with mirror.catalog.begin() as connection:
        if not _is_wanted(connection, bundle):
            return None
    report = Report(serial=bundle.manifest.serial)
    try:
        staged = _Stage(mirror)
        with report.timed("verify"):
            _verify(mirror, bundle, staged)
        with recorded(mirror, report), import_rows.in_little_memory(mirror.catalog):
            with report.timed("publish"):
                _publish(mirror, bundle, staged, report)
            with report.timed("prune"):
                prune(mirror, report)
    except BundleError:
        expunge(mirror)
        raise
    finally:
        mirror.pool.sweep()
    return report


def _is_wanted(connection: Transaction, bundle: Bundle) -> bool:
    found, name = bundle.manifest, bundle.name
    last = fed.fed(connection)
    if last is None and generations.generation(connection)[0]:
        raise BundleError(
            f"{name}: this mirror follows an index by itself: import it into a folder of its own"
        )
    if not succession.is_next(found, last, name):
        return False
    if found.schema != REVISION:
        newer = found.schema > REVISION
        raise BundleError(
            f"{name}: of {'a newer' if newer else 'an older'} version of PypiSync, whose database"
            f" has revision {found.schema} (here: {REVISION}): "
            + (_UPGRADE_HERE if newer else _UPGRADE_OUTSIDE if last else _BEGIN_ANEW)
        )
    frozen = rollback.frozen(connection)
    if frozen is not None:
        raise NotNowError(
            f"{name}: the index stays at generation {frozen.number}:"
            ' "pypisync rollback --release" comes first'
        )
    return True


# -- verify ---------------------------------------------------------------------------------


class _Has(Struct):
    """How far a stage has come."""

    count: int  # files of the pool
    rows: dict[str, Path]
    last: Member | None
    hash: Any  # of the file whose pieces are coming

    def copy(self) -> "_Has":
        return _Has(self.count, dict(self.rows), self.last, self.hash.copy())


class _Stage:
    """What has been read of a bundle, in a folder that nobody sees."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.folder = mirror.pool.partial / _STAGE
        self._part = ""
        self._taken: list[Member] = []  # files that are whole with this part
        self._has = _Has(0, {}, None, sha256())
        self._before = self._has.copy()
        disk.remove_tree(self.folder)
        disk.make_folder(self.folder)
        self._list = self.folder / _FILES
        disk.write(self._list, b"")

    def begin(self, part: str) -> parts.Sink:
        """Returns what takes the members of this part."""
        self._part = part
        self._before = self._has.copy()
        return self._take

    def drop(self) -> None:
        """Forget what this part has brought: another copy of it may be whole."""
        self._has = self._before
        self._taken.clear()

    def end(self) -> list[Member]:
        """Remember the files of the part, in their order. Returns them."""
        taken, self._taken = self._taken, []
        with appending(self._list) as append:
            for entry in taken:
                append(manifest.to_line(entry))
        return taken

    def _take(self, entry: Member, chunks: Iterator[bytes]) -> None:
        """Write a member, which is hashed as it is read."""
        has = self._has
        self._refuse(pieces.fault(has.last, entry))
        begins = entry.of is None or not entry.of.offset
        has.last = entry
        if entry.path == INVENTORY:  # for people
            for _ in chunks:
                pass
            return
        if entry.path in (ROWS, LISTING):
            if begins and entry.path in has.rows:
                raise BundleError(f"{self._part}: {entry.path} comes twice")
            place = has.rows[entry.path] = self.folder / entry.path
        else:
            try:
                self._mirror.pool.absolute(entry.path)
            except Malformed as error:
                raise BundleError(f"{self._part}: {error}") from None
            if not is_path(entry.path):
                self._refuse(f"{entry.path!r} is not where a file of the pool lies")
            has.count += begins
            place = self.folder / str(has.count)
            if entry.ends:
                self._taken.append(entry.whole)
        self._write(place, entry, chunks)

    def _write(self, place: Path, entry: Member, chunks: Iterable[bytes]) -> None:
        cut = entry.of
        if cut is not None and not cut.offset:
            self._has.hash = sha256()
        with appending(place, at=cut.offset if cut else 0) as append:
            for chunk in chunks:
                append(chunk)
                if cut is not None:
                    self._has.hash.update(chunk)
                self._mirror.watch.advance(len(chunk))
        if cut is not None and entry.ends and self._has.hash.hexdigest() != cut.sha256:
            self._refuse(f"the pieces of {entry.path} do not make up the file")

    def _refuse(self, fault: str) -> None:
        if fault:
            raise BundleError(f"{self._part}: {fault}")

    def close(self) -> dict[str, Path]:
        """Returns where the rows are, once all parts are read. Raises BundleError."""
        self._refuse(pieces.fault(self._has.last, None))
        return self._has.rows

    def entries(self) -> Iterator[list[tuple[Path, Member]]]:
        """Yields the files of the pool, some at a time."""
        with disk.guarded(self._list), self._list.open("rb") as file:
            found = (manifest.read(line, Member, _FILES) for line in file)
            numbered = ((self.folder / str(i), entry) for i, entry in enumerate(found, 1))
            yield from batches(numbered, _BATCH)

    def announce(self) -> None:
        """Note that the files are about to come, and have them on the disk."""
        root = self._mirror.pool.root
        disk.sync_all((place for batch in self.entries() for place, _ in batch), root)
        for batch in self.entries():
            with self._mirror.catalog.begin() as connection:
                pool.note_asked(connection, dict.fromkeys(entry.path for _, entry in batch))

    def place(self, report: Report) -> None:
        """Give the files their names in the pool, durably. Raises StorageError."""
        for count, batch in enumerate(self.entries(), 1):
            for place, entry in batch:
                self._mirror.pool.place(place, entry.path)
                report.files += not entry.path.endswith(METADATA)
                report.bytes += entry.size
            if count % _DURABLE == 0:  # the names of what is not are in memory
                self._mirror.pool.flush()
        self._mirror.pool.flush()


def _verify(mirror: Mirror, bundle: Bundle, staged: _Stage) -> None:
    """Read all parts into the stage. Raises BundleError, with the part's name, StorageError."""
    found = bundle.manifest
    places = [(part, parts.find(part.name, bundle.folders)) for part in found.parts]
    for part, there in places:
        if not there:
            raise BundleError(f"{part.name}: missing: it is part of {bundle.name}")
    needed, room = sum(part.size for part in found.parts), mirror.pool.room()
    if needed > room:
        raise NotNowError(
            f"{bundle.name}: it does not fit on the disk of {mirror.pool.root}: it needs"
            f" {show_size(needed)}, and {show_size(max(0, room))} are free above disk_reserve:"
            " free space"
        )
    mirror.watch.step("verify", needed, "bytes")
    files = size = 0
    for part, there in places:
        for place in there:
            try:
                parts.read(place, part, staged.begin(part.name))
                break
            except BundleError:
                staged.drop()
                if place == there[-1]:
                    raise
        taken = staged.end()
        files += len(taken)
        size += sum(entry.size for entry in taken)
    if (files, size) != (found.files, found.bytes) or set(staged.close()) != {ROWS, LISTING}:
        raise BundleError(f"{bundle.name}: its parts hold something else than it says")


# -- publish --------------------------------------------------------------------------------


def _publish(mirror: Mirror, bundle: Bundle, staged: _Stage, report: Report) -> None:
    """Bring rows and pages into the catalog, then onto the disk."""
    found, name, now = bundle.manifest, bundle.name, mirror.now()
    whole = found.base is None
    staged.announce()
    with import_rows.begin(mirror.catalog) as connection:
        rows = staged.close()
        lines = spool.lines(rows[ROWS], f"{name}: {ROWS}")
        import_rows.replace_rows(connection, lines, name, whole=whole)
        import_rows.refer(connection)
        for batch in staged.entries():
            items = [Stored(entry.path, entry.sha256, entry.size) for _, entry in batch]
            for path in pool.not_asked(connection, [item.path for item in items]):
                raise BundleError(f"{name}: it brings {path!r} twice")
            pool.record_stored(connection, items, now)
        pages = listing.read(spool.lines(rows[LISTING], f"{name}: {LISTING}"), name)
        number = import_rows.publish(
            connection, pages, found.serial, now, found.target.generation, whole=whole
        )
        newest = generations.generation(connection)[0]
        _check(connection, bundle, staged, newest)
        pending.set_setting(connection, pending.SERIAL, str(found.serial))
        fed.set_fed(connection, Fed(found.mirror, found.target, newest, found.made, now))
        staged.place(report)
    if number:
        report.generation = number
        report.pages += write_generation(mirror, number)


def _check(connection: Transaction, bundle: Bundle, staged: _Stage, number: int) -> None:
    """Raise BundleError unless the generation is what the manifest says, with all of its files.

    What the bundle brings for the pool has to be listed, each file once.
    """
    for batch in staged.entries():
        paths = [entry.path for _, entry in batch]
        for path in checks.unlisted_among(connection, paths)[:1]:
            raise BundleError(f"{bundle.name}: it brings {path!r}, which no page lists")
    lost = checks.otherwise(connection)
    if lost is not None:
        raise BundleError(
            f"{bundle.name}: it lists {lost}, which neither it nor this mirror has so"
        )
    listed = generations.listed(connection, number)
    if listed != dict(bundle.manifest.listed):
        raise BundleError(f"{bundle.name}: what it lists is not what its manifest says")
