"""The generations that are kept: which there are, how two differ, and what their pages say.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`. Times are seconds since 1970, sizes
are bytes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from pypisync.catalog.db.reader import Reader
from pypisync.core.publish.pages import Page, PageFile
from pypisync.core.standards.model import Pin

_LARGEST = 9  # digits of a number: the database would refuse a larger one
_FILE = (
    "filename, version, path, sha256, size, uploaded, requires_python, yanked, metadata_sha256,"
    " provenance"
)
_LISTED = "first <= ? AND (last IS NULL OR last >= ?)"
# What of a file can change while its name stays.
_ATTRIBUTES = (
    "path", "sha256", "uploaded", "requires_python", "yanked", "metadata_sha256", "provenance",
)  # fmt: skip

_Verdict = tuple[str, frozenset[Pin]]
_NONE: _Verdict = ("", frozenset())


class Generation(Struct, frozen=True):
    """One published state."""

    number: int
    at: float
    serial: int
    complete: bool
    replaced: float | None  # when the next one took its place
    repeats: int | None  # the generation that a rollback made it equal to
    frozen: float | None  # since when the index stays at it
    names: tuple[str, ...]
    listed: Mapping[str, int]  # projects, releases, files, bytes
    differs: Mapping[str, int]  # from the one before: project pages; files came, went, changed


def all_generations(reader: Reader) -> list[Generation]:
    """Returns all generations that are kept, the newest first."""
    names: dict[int, list[str]] = {}
    for name, number in reader.rows("SELECT name, generation_id FROM generation_names ORDER BY 1"):
        names.setdefault(number, []).append(name)
    rows = reader.rows(
        "SELECT id, at, serial, complete, replaced, repeats, frozen, projects, releases, files,"
        " bytes, pages, came, went, changed FROM generations ORDER BY id DESC"
    )
    return [
        Generation(
            row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6],
            tuple(names.get(row[0], ())),
            dict(zip(("projects", "releases", "files", "bytes"), row[7:11], strict=True)),
            dict(zip(("pages", "came", "went", "changed"), row[11:], strict=True)),
        )
        for row in rows
    ]  # fmt: skip


def find(reader: Reader, text: str) -> int | None:
    """Returns the number of the complete generation with this number or name."""
    number: int | None
    if text.isascii() and text.isdigit():
        number = int(text) if len(text) <= _LARGEST else None
    else:
        named = "SELECT generation_id FROM generation_names WHERE name = ?"
        number = reader.value(named, text)
    whole = reader.value("SELECT complete FROM generations WHERE id = ?", number)
    return number if whole else None


# -- pages ----------------------------------------------------------------------------------


def frozen_to(reader: Reader) -> int | None:
    """Returns the generation that the index stays at; None: it follows upstream."""
    number: int | None = reader.value("SELECT max(id) FROM generations WHERE frozen IS NOT NULL")
    return number


def page(reader: Reader, number: int, name: str) -> Page | None:
    """Returns the page that a project (normalised) has in a generation."""
    pages = reader.rows(
        f"SELECT serial, status, status_reason FROM pages WHERE name = ? AND {_LISTED}",  # noqa: S608 - constants
        name,
        number,
        number,
    )
    if not pages:
        return None
    files = reader.rows(
        f"SELECT {_FILE} FROM published WHERE name = ? AND {_LISTED}",  # noqa: S608 - constants
        name,
        number,
        number,
    )
    ((serial, status, reason),) = pages
    return Page(name, serial, status, reason, tuple(PageFile(*row) for row in files))


def index(reader: Reader, number: int) -> tuple[list[tuple[str, int]], int]:
    """Returns the projects of a generation with their own serials, and its last one."""
    rows = reader.rows(f"SELECT name, serial FROM pages WHERE {_LISTED}", number, number)  # noqa: S608 - constants
    serial = reader.value("SELECT last_serial FROM generations WHERE id = ?", number)
    return [(row[0], row[1]) for row in rows], serial or 0


# -- differences ----------------------------------------------------------------------------


class Moved(Struct):
    """What came, went and changed, in order; ``changed`` also says how."""

    came: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)


class ProofMoved(Struct, frozen=True):
    """A root or group whose proof differs, on the targets on which the difference is the same."""

    subject: str
    targets: str
    before: str  # the verdict; "": none
    after: str
    pins: Moved  # of one that is proven before and after: how its pins differ


class Difference(Struct):
    """How one generation differs from another."""

    projects: Moved = field(default_factory=Moved)
    releases: Moved = field(default_factory=Moved)  # "name==version"; a release never changes
    files: Moved = field(default_factory=Moved)
    proofs: list[ProofMoved] = field(default_factory=list)


def difference(reader: Reader, old: int, new: int) -> Difference:
    """Returns what came, went and changed from one generation to another, older or newer."""
    result = Difference()
    columns = "name, status, status_reason"
    _compare(
        result.projects,
        {row[0]: row for row in _only(reader, "pages", columns, old, new)},
        {row[0]: row for row in _only(reader, "pages", columns, new, old)},
        lambda was, is_now: "" if was[1:] == is_now[1:] else f"{_status(was)} -> {_status(is_now)}",
    )
    columns = f"filename, name, version, {', '.join(_ATTRIBUTES)}"
    went = {row[0]: row for row in _only(reader, "published", columns, old, new)}
    came = {row[0]: row for row in _only(reader, "published", columns, new, old)}
    _compare(result.files, went, came, _attributes)
    names = {row[1] for row in (*went.values(), *came.values())}
    before, after = _releases(reader, names, (old, new))
    result.releases.came = [f"{name}=={version}" for name, version in sorted(after - before)]
    result.releases.went = [f"{name}=={version}" for name, version in sorted(before - after)]
    result.proofs = _proofs(reader, old, new)
    return result


def _proofs(reader: Reader, old: int, new: int) -> list[ProofMoved]:
    """Returns the proofs that differ, by subject."""
    was, is_now = _verdicts(reader, old, new), _verdicts(reader, new, old)
    targets: dict[tuple[str, _Verdict, _Verdict], list[str]] = {}
    for key in {**is_now, **was}:
        before, after = was.get(key, _NONE), is_now.get(key, _NONE)
        if before != after:
            targets.setdefault((key[0], before, after), []).append(key[1])
    found = []
    for (subject, before, after), names in targets.items():
        pins = _repinned(before[1], after[1]) if before[0] == after[0] else Moved()
        found.append(ProofMoved(subject, ", ".join(names), before[0], after[0], pins))
    return sorted(found, key=lambda one: (one.subject, one.targets))


def _verdicts(reader: Reader, number: int, other: int) -> dict[tuple[str, str], _Verdict]:
    """Returns the verdicts that one of two generations has, by subject and target."""
    rows = list(_only(reader, "published_proofs", "id, subject, targets, verdict", number, other))
    pins: dict[int, set[Pin]] = {}
    for proof, name, version, extras, chosen_by in reader.among(
        "SELECT published_proof_id, name, version, extras, chosen_by FROM published_pins"
        " WHERE published_proof_id IN (?)",
        [row[0] for row in rows],
    ):
        pin = Pin(name, version, tuple(filter(None, extras.split(","))), chosen_by)
        pins.setdefault(proof, set()).add(pin)
    return {
        (subject, target): (verdict, frozenset(pins.get(number, ())))
        for number, subject, targets, verdict in rows
        for target in targets.split(", ")
    }


def _repinned(before: Iterable[Pin], after: Iterable[Pin]) -> Moved:
    """Returns how pins differ."""
    was, is_now = ({_key(pin): pin for pin in pins} for pins in (before, after))
    both = was.keys() & is_now.keys()
    return Moved(
        sorted(_label(is_now[key]) for key in is_now.keys() - both),
        sorted(_label(was[key]) for key in was.keys() - both),
        {
            key: f"{was[key].version} -> {is_now[key].version}"
            for key in sorted(both)
            if was[key] != is_now[key]
        },
    )


def _key(pin: Pin) -> str:
    """Returns a pin's project with its extras, and who chooses it if only pip or uv does."""
    return pin.package if pin.chosen_by == "solver" else f"{pin.package} {pin.chosen_by}"


def _label(pin: Pin) -> str:
    """Returns a pin as text: "requests[socks]==2.31", and " (pip)" if only that chooses it."""
    label = f"{pin.package}=={pin.version}"
    return label if pin.chosen_by == "solver" else f"{label} ({pin.chosen_by})"


def _only(reader: Reader, table: str, columns: str, number: int, other: int) -> Iterator[Any]:
    """Yields the rows that one of two generations has and the other has not.

    By one range of an index: an order of the rows would have SQLite read the whole table instead.
    """
    if other < number:
        listed = "first BETWEEN ? AND ? AND (last IS NULL OR last >= ?)"
        values = (other + 1, number, number)
    else:
        listed = "last BETWEEN ? AND ? AND first <= ?"
        values = (number, other - 1, number)
    yield from reader.rows(f"SELECT {columns} FROM {table} WHERE {listed}", *values)  # noqa: S608 - constants


def _compare(moved: Moved, was: Mapping[str, Any], is_now: Mapping[str, Any], how: Any) -> None:
    moved.came = sorted(is_now.keys() - was.keys())
    moved.went = sorted(was.keys() - is_now.keys())
    for key in sorted(was.keys() & is_now.keys()):
        what = how(was[key], is_now[key])
        if what:
            moved.changed[key] = what


def _status(row: Sequence[Any]) -> str:
    return f"{row[1]} ({row[2]})" if row[2] else str(row[1])


def _attributes(was: Sequence[Any], is_now: Sequence[Any]) -> str:
    pairs = zip(_ATTRIBUTES, was[3:], is_now[3:], strict=True)
    return ", ".join(name for name, old, new in pairs if old != new)


def _releases(
    reader: Reader, names: Collection[str], numbers: Sequence[int]
) -> list[set[tuple[str, str]]]:
    """Returns the releases of these projects that each of the generations lists."""
    found: list[set[tuple[str, str]]] = [set() for _ in numbers]
    for name, version, first, last in reader.among(
        "SELECT name, version, first, last FROM published WHERE name IN (?)", sorted(names)
    ):
        for number, releases in zip(numbers, found, strict=True):
            if first <= number and (last is None or last >= number):
                releases.add((name, version))
    return found
