"""Writes a bundle: what another mirror needs to go from one state of this one to the newest.

The catalog is read in one transaction, and what differs from the base is written beside the bundle.
Then the parts are written, each under its name when it is whole, and the manifest last: a bundle
whose manifest is there is complete. An export that was cut off goes on behind its last part.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, field

from pypisync.catalog.bundles import inventory, listing, slices
from pypisync.catalog.bundles.import_rows import columns_line, slice_line
from pypisync.catalog.db.reader import REVISION
from pypisync.catalog.db.transactions import Catalog, Transaction
from pypisync.core.bundles import manifest, signatures
from pypisync.core.bundles.manifest import (
    INVENTORY,
    LISTING,
    ROWS,
    BundlePart,
    Manifest,
    Member,
    Point,
)
from pypisync.core.bundles.signatures import SigningKey
from pypisync.errors import BundleError
from pypisync.storage import disk, keys, parts
from pypisync.storage.exports import Exported, Exports
from pypisync.storage.spool import appending, put, too_long

SPLIT = 4 * 2**30  # bytes of a part
LEAST_SPLIT = 2**20
_FILES = "files.jsonl"
_DONE = "done.jsonl"
VERDICTS = "verdicts"


class Export(Struct, frozen=True):
    """What is to be exported."""

    to: Path
    base: Exported | None  # None: everything
    split: int = SPLIT  # bytes
    keys: Sequence[SigningKey] = ()  # none: it says that it is not signed
    repeat: int = 1  # copies, of which all but one go into folders beside
    lost: Sequence[str] = ()  # paths of files that the other side lacks besides


class _Draft(Struct):
    """What a bundle consists of, before its parts are written."""

    target: Exported
    serial: int
    listed: dict[str, int]
    work: Path
    files: int = 0
    bytes: int = 0
    rows: list[Member] = field(default_factory=list)


def write_bundle(
    catalog: Catalog, root: Path, asked: Export, now: float
) -> tuple[Path, Manifest] | None:
    """Write a bundle. Returns its manifest and where that is; None if nothing differs.

    ``root`` is the mirror's folder. The caller is the only one to export from it. Raises
    BundleError, StorageError, CatalogError, ConfigError for a key that cannot be used.
    """
    exports = Exports(root)
    disk.make_folder(asked.to)
    identity = exports.identity()
    work = asked.to / f".pypisync-{identity[:8]}.partial"
    draft = _draft(catalog, exports, asked, work, now)
    same = asked.base is not None and asked.base.point.state == draft.target.point.state
    if same and not draft.files:
        disk.remove_tree(work)
        return None
    name = _name(exports, draft.target.point, asked.base)
    found = _manifest(identity, draft, asked, tuple(_write_parts(draft, root, asked, name)))
    place = asked.to / f"{name}.json"
    data = manifest.to_json(found)
    for key in asked.keys:
        signer, signature = signatures.sign(key.private, data, key.name)
        signed = keys.signature_file(place, signer)
        put(work / signed.name, signed, signature)
    _repeat(asked, name, found)
    for folder in (asked.to, *_copies(asked)):
        parts.remove_others(folder, name, [part.name for part in found.parts])
        put(work / place.name, folder / place.name, data)
    if draft.target.point.sequence not in exports.numbers():
        exports.complete(draft.target)
    disk.remove_tree(work)
    return place, found


def _manifest(
    identity: str, draft: _Draft, asked: Export, written: tuple[BundlePart, ...]
) -> Manifest:
    return Manifest(
        format=manifest.FORMAT,
        mirror=identity,
        base=None if asked.base is None else asked.base.point,
        target=draft.target.point,
        serial=draft.serial,
        made=draft.target.made,
        schema=draft.target.schema,
        signed=bool(asked.keys),
        listed=draft.listed,
        files=draft.files,
        bytes=draft.bytes,
        parts=written,
    )


def _copies(asked: Export) -> list[Path]:
    return [asked.to / f"{manifest.COPY}{number}" for number in range(2, asked.repeat + 1)]


def _repeat(asked: Export, name: str, found: Manifest) -> None:
    """Write the parts and signatures into the other folders; as links, where the disk has them."""
    names = [part.name for part in found.parts]
    names += [path.name for path in keys.files(asked.to / f"{name}.json")]
    for folder in _copies(asked):
        disk.make_folder(folder)
        for one in names:
            source, target = asked.to / one, folder / one
            temporary = target.with_name(f"{one}.partial")
            if not disk.link_fresh(source, temporary):
                _copy(source, temporary)
                disk.sync_all([temporary], folder)
            disk.replace(temporary, target)
        disk.sync_folder(folder)


def _copy(source: Path, target: Path) -> None:
    with disk.guarded(source), source.open("rb") as file, appending(target, at=0) as append:
        while chunk := file.read(2**20):
            append(chunk)


def _name(exports: Exports, target: Point, base: Exported | None) -> str:
    number = 0 if base is None else base.point.sequence
    return manifest.bundle_name(exports.identity(), target.sequence, number)


# -- what goes along ------------------------------------------------------------------------


def _draft(catalog: Catalog, exports: Exports, asked: Export, work: Path, now: float) -> _Draft:
    """Read the catalog, and write what goes along of it into the folder ``work``."""
    with catalog.begin() as connection:
        newest = listing.newest(connection)
        listed = slices.listed(connection)
        since = since_base(connection, asked.base)
        disk.make_folder(work)  # nothing stands in the way
        base = asked.base.digests if asked.base and asked.base.schema == REVISION else None
        digests: slices.Digests = {}
        stock = _spool(work / INVENTORY, inventory.lines(connection, since, asked.lost))
        rows = _spool(work / ROWS, _differing(connection, base, digests))
        pages = _spool(work / LISTING, _listing(connection, since, base, digests))
        state = slices.state(digests, newest.number, newest.serial, listed)
        target = exports.of_state(state)
        last = max(exports.numbers(), default=0)
        if target is None or _is_overtaken(target.point, last, asked.base):
            after = 0 if asked.base is None else asked.base.point.sequence
            point = Point(exports.next_number(after), newest.number, state)
            place = _name(exports, point, asked.base)
            target = Exported(
                point,
                now,
                listed,
                REVISION,
                digests,
                f"{asked.to.absolute() / place}.json",
            )
        draft = _Draft(target, newest.serial, newest.listed, work, rows=[stock, rows, pages])
        new = listing.files(connection, since)
        _spool(work / _FILES, _counted(draft, _with_lost(connection, new, asked.lost)))
    if target.point.sequence not in exports.numbers():
        exports.reserve(target)
    return draft


def _is_overtaken(point: Point, last: int, base: Exported | None) -> bool:
    """Returns whether the other side takes the state for older than its own; ``last``: bundle.

    So it is where this mirror came back to a state (a root went and came again), and where the
    other side has numbers that are forgotten here (a backup was restored).
    """
    if base is not None and base.point.state != point.state:
        last = max(last, base.point.sequence + 1)
    return point.sequence < last


def since_base(connection: Transaction, base: Exported | None) -> int | None:
    """Returns the generation that the other side has; None: none is certain.

    What a restored database calls by the same number may be another generation. Raises BundleError
    if the other side's generation is not known here any more.
    """
    if base is None:
        return None
    number = base.point.generation
    if not listing.is_kept(connection, number) or slices.listed(connection, number) != base.listed:
        raise BundleError(
            f"generation {number}, to which bundle {base.point.sequence} led, is not kept any more:"
            " export with --full"
        )
    return number


def _differing(
    connection: Transaction, base: slices.Digests | None, digests: slices.Digests
) -> Iterator[bytes]:
    """Yields the lines of slices that differ from the base, and notes the digests of all."""
    yield columns_line()
    left = {table: set(numbers) for table, numbers in (base or {}).items() if table != VERDICTS}
    for table, number, rows in slices.rows(connection):
        found = slices.digest(rows)
        digests.setdefault(table, {})[number] = found
        left.get(table, set()).discard(number)
        if base is None or base.get(table, {}).get(number) != found:
            yield slice_line(table, number, rows)
    for table, numbers in left.items():
        for number in sorted(numbers):
            yield slice_line(table, number, b"[]")


def _listing(
    connection: Transaction,
    since: int | None,
    base: slices.Digests | None,
    digests: slices.Digests,
) -> Iterator[bytes]:
    """Yields the lines of the listing, with the slices of verdicts that differ from the base."""
    yield from listing.lines(connection, since)
    had = (base or {}).get(VERDICTS, {})
    found = digests.setdefault(VERDICTS, {})
    for number, line in listing.verdicts(connection):
        found[number] = slices.digest(line)
        if had.get(number) != found[number]:
            yield line
    for number in sorted(had.keys() - found.keys()):
        yield listing.verdict_line(number, {})


def _with_lost(
    connection: Transaction, new: Iterable[Member], lost: Sequence[str]
) -> Iterator[Member]:
    """Yields the new files, then those of the lost ones that are not among them."""
    left = set(lost)
    for one in new:
        left.discard(one.path)
        yield one
    if left:
        yield from listing.lost_files(connection, sorted(left))


def _counted(draft: _Draft, entries: Iterable[Member]) -> Iterator[bytes]:
    for entry in entries:
        draft.files += 1
        draft.bytes += entry.size
        yield manifest.to_line(entry)


def _spool(place: Path, lines: Iterable[bytes]) -> Member:
    """Write lines to a file. Returns it as an entry. Raises BundleError if none may read one."""
    found, size = sha256(), 0
    with appending(place, at=0) as append:
        for line in lines:
            if len(line) > manifest.LARGEST_LINE:
                raise too_long(place.name)
            append(line)
            found.update(line)
            size += len(line)
    return Member(place.name, size, found.hexdigest())


# -- parts ----------------------------------------------------------------------------------


class _Done(Struct, frozen=True):
    """Parts that are there already, of which export."""

    name: str
    split: int
    state: str
    part: BundlePart


def _write_parts(draft: _Draft, root: Path, asked: Export, name: str) -> Iterator[BundlePart]:
    def place(entry: Member) -> Path:
        return draft.work / entry.path if entry in draft.rows else root / entry.path

    if draft.bytes > manifest.MOST_PARTS * asked.split:  # before any is written
        raise _too_many()
    done = _done(draft, asked, name)
    log = draft.work / _DONE
    disk.write(log, b"".join(map(manifest.to_line, done)))
    listed = draft.work / _FILES
    with disk.guarded(listed), listed.open("rb") as spooled:
        entries_of = _planned(_entries(draft, spooled), asked.split, place)
        for number, entries in enumerate(entries_of, 1):
            if number > manifest.MOST_PARTS:
                raise _too_many()
            if _is_done(done, number, entries):
                yield done[number - 1].part
                continue
            part = parts.write(asked.to / parts.name_of(name, number), entries, place)
            with appending(log) as append:
                line = _Done(name, asked.split, draft.target.point.state, part)
                append(manifest.to_line(line))
            yield part


def _done(draft: _Draft, asked: Export, name: str) -> list[_Done]:
    """Returns the parts that an export of the same has written before it was cut off."""
    found: list[_Done] = []
    for line in (disk.read(draft.work / _DONE) or b"").splitlines():
        try:
            one = manifest.read(line, _Done, _DONE)
        except BundleError:
            break  # half a line
        same = (one.name, one.split, one.state) == (name, asked.split, draft.target.point.state)
        there = asked.to / one.part.name
        if not same or not parts.is_there(there, one.part.size):
            break
        found.append(one)
    return found


def _is_done(done: Sequence[_Done], number: int, entries: Sequence[Member]) -> bool:
    """Returns whether the part is there with these entries; those for a report may be others."""
    if number > len(done):
        return False
    return done[number - 1].part.contents == sha256(parts.list_of(entries)).hexdigest()


def _too_many() -> BundleError:
    return BundleError(
        f"more than {manifest.MOST_PARTS:,} parts, which no import takes: choose a larger --split"
    )


def _planned(found: Iterable[Member], split: int, place: parts.Open) -> Iterator[list[Member]]:
    """Yields the entries of each part: as many as go into ``split`` bytes.

    ``place`` returns where a file is that is cut, because no part can hold it.
    """
    group: list[Member] = []
    size = listed = 0
    for entry in _cut(found, split, place):
        more, line = parts.size_of(entry), len(manifest.to_line(entry))
        full = size + more + parts.size_around(listed + line) > split
        if group and (full or len(group) >= manifest.MOST_IN_PART):
            yield group
            group, size, listed = [], 0, 0
        group.append(entry)
        size += more
        listed += line
    yield group


def _cut(found: Iterable[Member], split: int, place: parts.Open) -> Iterator[Member]:
    for entry in found:
        alone = parts.size_of(entry) + parts.size_around(len(manifest.to_line(entry)))
        if alone > split:
            yield from parts.cut(entry, place(entry), split)
        else:
            yield entry


def _entries(draft: _Draft, spooled: BinaryIO) -> Iterator[Member]:
    yield from draft.rows
    for line in spooled:
        yield manifest.read(line, Member, _FILES)
