"""What is known of the requirements of selected releases, and what has still to be read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    Connection,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from pypisync.catalog.db.pool import at, lie_at
from pypisync.catalog.db.projects import ensure_projects
from pypisync.catalog.db.schema import (
    files,
    pending,
    projects,
    releases,
    requirements,
    selected,
    stored,
)
from pypisync.catalog.db.sql import (
    Ids,
    add,
    among,
    as_list,
    batches,
    delete_among,
    execute_among,
    once,
    raw,
    rows_among,
    these,
    to_mask,
)
from pypisync.catalog.facts import insides, ranged, readings
from pypisync.catalog.facts.readings import Knowledge
from pypisync.catalog.facts.record import rederive
from pypisync.core.filters.file_rules import Rules
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.metadata import About
from pypisync.core.standards.model import BROKEN, UNREADABLE, Requirement


class SourceFile(Struct, frozen=True):
    """A kept file that requirements can be read from."""

    filename: str
    url: str
    path: str
    sha256: str
    size: int | None
    metadata_sha256: str | None  # None: upstream has no .metadata for it
    kind: str
    index: str
    stated: str | None = None  # another hash that upstream states; None: the SHA-256
    requires_python: str | None = None  # of the page


class WantedRelease(Struct, frozen=True):
    """A selected release whose requirements are to be read."""

    id: int
    project: str
    version: str
    builds: int  # targets on which its sdist would be built
    selected: bool  # so all its files come; else only a proof asks, or a pin names it
    index: str  # the index that its project was found on
    wheels: int  # that upstream has of it, kept or not
    files: tuple[SourceFile, ...]

    @property
    def kept_wheels(self) -> list[SourceFile]:
        """The wheels among the files."""
        return [file for file in self.files if file.kind == "wheel"]

    @property
    def label(self) -> str:
        """As an operator writes it."""
        return f"{self.project}=={self.version}"


def wanted_releases(connection: Connection) -> list[WantedRelease]:
    """Returns all releases whose requirements are to be read, with the files to read."""
    rows = connection.execute(once(_wanted)).all()
    sources = _sources(connection, [row.id for row in rows])
    return [
        WantedRelease(
            row[0],
            row[1],
            row[2],
            to_mask(row[3]),
            bool(row[4]),
            row[5],
            row[6],
            tuple(sources.get(row[0], ())),
        )
        for row in rows
    ]


def forget_partly_read(connection: Connection) -> None:
    """Let releases be read again, if a proof asks, of which wheels were to be read when they come.

    They come no more, for the releases are not selected now.
    """
    readings.forget(connection, connection.scalars(once(_partly_read)).all())


def unchanged(connection: Connection, asked: Sequence[WantedRelease]) -> list[WantedRelease]:
    """Returns those of these releases whose files are as they were when they were asked for.

    A SHA-256 that has become known since is no change.
    """
    sources = _sources(connection, [one.id for one in asked])
    return [one for one in asked if _are_same(one.files, sources.get(one.id, []))]


def _are_same(were: Sequence[SourceFile], are: Sequence[SourceFile]) -> bool:
    return len(were) == len(are) and all(
        was == now or replace(was, sha256=was.sha256 or now.sha256) == now
        for was, now in zip(were, are, strict=True)
    )


def _sources(connection: Connection, ids: Iterable[int]) -> dict[int, list[SourceFile]]:
    """Returns the files by release, in the order of their names."""
    sources: dict[int, list[SourceFile]] = {}
    for release, *columns in rows_among(connection, _kept_files, ids):
        sources.setdefault(release, []).append(SourceFile(*columns))
    return sources


def _partly_read() -> Select[int]:
    r = releases.c
    chosen = select(selected.c.id).where(selected.c.release_id == r.id, ~selected.c.pinned)
    return select(r.id).where(r.partly, ~chosen.exists())


def _wanted() -> Select[Any]:
    r = releases.c
    chosen = select(selected.c.id).where(selected.c.release_id == r.id, ~selected.c.pinned)
    wheels = select(func.count()).where(files.c.release_id == r.id, files.c.kind == "wheel")
    of_release = r.id, projects.c.name, r.version, r.builds
    return (
        select(*of_release, chosen.exists(), projects.c.index_name, wheels.scalar_subquery())
        .join_from(releases, projects)
        .where(r.knowledge == "wanted")
        .order_by(r.id)
    )


def _kept_files() -> Select[Any]:
    f = files.c
    of_file = f.filename, f.url, f.path, f.sha256, f.size, f.metadata_sha256, f.kind
    columns = select(f.release_id, *of_file, f.index_name, f.stated, f.requires_python)
    return columns.where(among(f.release_id), f.kept).order_by(f.filename)


def record_knowledge(
    connection: Connection, known: Sequence[Knowledge], rules: Rules, now: float
) -> None:
    """Replace the requirements of releases by what was read, and note what it says of files.

    What was found in their wheels is added.
    """
    known = insides.added(connection, known)
    anew: set[int] = set()
    if doubted := readings.note(connection, known):
        built, kept = readings.built(connection, known), readings.kept(connection, known)
        rederive(connection, rules, now, doubted)
        # What is built only for what was read now is read again: its sdist says what that needs.
        anew = readings.built(connection, known) - built
        # And what keeps other files now: what is kept no more has no say in what they require.
        anew |= {release for release, _ in kept ^ readings.kept(connection, known)}
    delete_among(connection, requirements.c.release_id, (item.release for item in known))
    ranged.note(connection, known)
    named = {need.name for item in known for need in _needs(item)}
    projects_named = ensure_projects(connection, named - {""})
    parts = readings.parts(connection, known, rules)
    for some in batches(_rows(connection, known, parts, projects_named)):
        add(connection, requirements, some)
    if known:
        connection.execute(
            once(lambda: update(releases).where(releases.c.id == bindparam("row"))),
            [
                {
                    "row": item.release,
                    "knowledge": "wanted" if item.release in anew else item.state,
                    "source": item.source,
                    "provides": ",".join(item.provides),
                    "split": item.split,
                    "partly": item.partly,
                    "undecided": True,
                    **_about(item),
                }
                for item in known
            ],
        )


def _needs(item: Knowledge) -> Iterator[Requirement]:
    yield from (one.requirement for one in item.runtime)
    yield from item.build


def _rows(
    connection: Connection,
    known: Sequence[Knowledge],
    parts: readings.Parts,
    ids: Mapping[str, int],
) -> Iterator[dict[str, Any]]:
    """Yields the rows of all requirements; ``ids``: of the named projects."""
    nameless = [item for item in known if not all(need.name in ids for need in _needs(item))]
    owners = _owners(connection, nameless)
    count = Ids(connection, requirements)
    for item in known:
        own = owners.get(item.release)  # what cannot be read belongs to the release's own project
        for one in item.runtime:
            need = one.requirement
            row = _row(need, "runtime", item.release, ids.get(need.name, own))
            yield {"id": count.next(), **row, **parts.of(item.release, one)}
        for need in item.build:
            row = _row(need, "build", item.release, ids.get(need.name, own))
            yield {"id": count.next(), **row, **readings.EVERYWHERE}


def _about(item: Knowledge) -> dict[str, str | None]:
    """Returns the columns for what a release says of itself; all NULL if no METADATA was read."""
    return dict.fromkeys(About._fields) if item.about is None else item.about._asdict()


def unreadable(connection: Connection) -> dict[str, str]:
    """Returns the selected releases with files that cannot be read or installed, with the reason.

    By "name==version". One whose files state no requirements, like an sdist that says so only when
    it is built, is not among them.
    """
    return {f"{row[0]}=={row[1]}": row[2] for row in raw(connection, once(_unreadable))}


def _unreadable() -> Select[str, str, str]:
    q, r = requirements.c, releases.c
    chosen = select(selected.c.id).where(selected.c.release_id == r.id, ~selected.c.pinned)
    return (
        select(projects.c.name, r.version, q.fault)
        .join_from(requirements, releases, q.release_id == r.id)
        .join(projects, projects.c.id == r.project_id)
        .where(q.text.in_((UNREADABLE, BROKEN)), q.fault != "", q.kind == "runtime")
        .where(or_(q.targets.is_(None), q.targets != "0"), chosen.exists())
        .order_by(projects.c.name, r.key)
    )


def read_late(connection: Connection, paths: Iterable[str]) -> bool:
    """Let releases be read again that were read without these files, which have come since.

    An upstream that fails for a moment leaves a release to a source that says less, or to none.
    A wheel beside which the pool has no ``.metadata`` may require something else than the others
    of its release, and is read once it is here; so is a ``.metadata`` file that was not to be had
    when its release was read. Installers read the file. Returns whether there are any.
    """
    late: set[int] = set()
    for batch in batches(paths):
        beside = [path.removesuffix(METADATA) for path in batch if path.endswith(METADATA)]
        came = {"came": as_list(batch), "described": as_list(beside)}
        late.update(connection.scalars(once(_late), at([*batch, *beside]) | came))
    readings.read_again(connection, sorted(late))
    return bool(late)


def _late() -> Select[int]:
    r, f = releases.c, files.c
    sdist_says = or_(r.source == "", r.builds != "0")
    other = files.alias("other").c
    # The others may be kept no more, for what was read of them.
    several = exists().where(other.release_id == r.id, other.kind == "wheel", other.id != f.id)
    described = select(stored.c.path).where(
        stored.c.path == f.path + METADATA, stored.c.sha256 != "", f.metadata_sha256.is_not(None)
    )
    better = or_(
        and_(f.kind == "wheel", r.source.in_(("json", "sdist", ""))),
        and_(f.kind == "wheel", f.kept, f.ranged.is_(None), ~described.exists(), several),
        and_(f.kind == "sdist", sdist_says),
    )
    came = or_(
        and_(among(f.path, bindparam("came", type_=Text())), better),
        and_(among(f.path, bindparam("described", type_=Text())), f.kept),
    )
    read = r.knowledge.in_(("known", "unavailable"))
    return select(r.id).join_from(releases, files).where(lie_at(), read, came)


def ask_for(
    connection: Connection, names: Iterable[str], ids: Iterable[int], ahead: int, now: float
) -> set[str]:
    """Note the facts that proofs lack, so that they are fetched. Returns what is asked for.

    Projects by name, releases as "name==version". With a release, ``ahead`` older ones of its
    project are asked for: a search that has come so far will often want them next.
    """
    asked: set[str] = set()
    for batch in batches(sorted(names)):
        asked.update(batch)
        known = once(lambda: select(pending.c.name).where(among(pending.c.name)))
        missing = set(batch) - set(connection.scalars(known, these(batch)))
        rows = [
            {"name": n, "serial": 0, "since": now, "attempts": 0, "reason": ""}
            for n in sorted(missing)
        ]
        add(connection, pending, rows)
    for some in batches(sorted(ids)):
        asked |= _want(connection, _and_older(connection, some, ahead))
    return asked


def _and_older(connection: Connection, ids: Sequence[int], ahead: int) -> set[int]:
    found = set(ids)
    if not ahead:
        return found
    query = select(releases.c.project_id, releases.c.key).where(among(releases.c.id, ids))
    for project, key in connection.execute(query).all():
        older = (
            select(releases.c.id)
            .where(releases.c.project_id == project, releases.c.key < key)
            .where(releases.c.kept, releases.c.knowledge == "unknown")
            .order_by(releases.c.key.desc())
            .limit(ahead)
        )
        found.update(connection.scalars(older))
    return found


def _want(connection: Connection, ids: Iterable[int]) -> set[str]:
    ids = sorted(ids)
    execute_among(connection, _to_read, ids)
    return {f"{name}=={version}" for name, version in rows_among(connection, _labels, ids)}


def _to_read() -> Update:
    unread = releases.c.knowledge == "unknown"
    return update(releases).where(among(releases.c.id), unread).values(knowledge="wanted")


def _labels() -> Select[str, str]:
    query = select(projects.c.name, releases.c.version).join_from(releases, projects)
    return query.where(among(releases.c.id))


def _owners(connection: Connection, known: Iterable[Knowledge]) -> dict[int, int]:
    rows = rows_among(connection, _projects, [item.release for item in known])
    return {row.id: row.project_id for row in rows}


def _projects() -> Select[int, int]:
    return select(releases.c.id, releases.c.project_id).where(among(releases.c.id))


def _row(requirement: Requirement, kind: str, release: int, project: int | None) -> dict[str, Any]:
    return {
        "release_id": release,
        "project_id": project,
        "kind": kind,
        "text": requirement.text,
        "specifier": requirement.specifier,
        "marker": requirement.marker,
        "extras": ",".join(requirement.extras),
        "fault": requirement.impossible,
        "refused": requirement.refused,
    }
