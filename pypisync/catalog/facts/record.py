"""Records what upstream says of projects, releases and files.

A document is compared with what the catalog holds, and only differences are written; what they
touch is marked for the next decision and the next publication in the same transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from packaging.version import Version
from sqlalchemy import Connection, Select, bindparam, select, update

from pypisync.catalog.db.collector import uncollected
from pypisync.catalog.db.projects import ensure_projects
from pypisync.catalog.db.schema import files, projects, releases, skipped
from pypisync.catalog.db.sql import Ids, among, batches, once
from pypisync.catalog.facts import file_rows, places, quarantine
from pypisync.catalog.facts.existing import Existing
from pypisync.catalog.facts.fact_rows import FactRows
from pypisync.catalog.facts.file_rows import Judge, file_row, known_sha256, row_file, same_source
from pypisync.catalog.facts.parsed import Read, read
from pypisync.catalog.facts.validators import validators_row
from pypisync.core.filters.file_rules import Rules
from pypisync.core.filters.policy import Bar
from pypisync.core.standards import filenames, versions
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import NO_VALIDATORS, File, ProjectDocument

# A project that upstream does not have (any more).
GONE = "gone"
_HIDDEN = ("unseen", GONE)  # the statuses of a project that shows nothing
# Of more skipped entries than this only the number is recorded.
_SKIPPED_LISTED = 100


def record_documents(
    connection: Connection, documents: Sequence[ProjectDocument], rules: Rules, now: float
) -> None:
    """Make the catalog say what these documents say; ``now``: by which the policy counts ages."""
    if not documents:
        return
    with uncollected():
        reads = [read(document) for document in documents]
        ids = ensure_projects(connection, [document.name for document in documents])
        known = Existing(connection, list(ids.values()), rules)
        writer = _FactWriter(connection, rules, known, now)
        for one in reads:
            writer.project(ids[one.document.name], one)
        writer.write()


def record_gone(
    connection: Connection, gone: Mapping[str, str | None], rules: Rules, now: float
) -> None:
    """Record why these projects cannot be had (None: upstream does not have it)."""
    record_documents(
        connection,
        [ProjectDocument(name, name, 0, (), None, why) for name, why in gone.items()],
        rules,
        now,
    )
    for batch in batches(gone):
        connection.execute(
            update(projects)
            .where(among(projects.c.name, batch))
            .values(
                status=GONE,
                etag=None,
                modified=None,
                digest="",
                form="",
                index_name="",
            )
        )


def record_withdrawn(
    connection: Connection, words: Iterable[tuple[str, str]], rules: Rules, now: float
) -> None:
    """Take what a journal calls quarantined, (project, version), out of the facts.

    The documents that say the same may come later. A version of "" is the whole project.
    """
    of: dict[str, set[str]] = {}
    for name, version in words:
        of.setdefault(name, set()).add(version)
    ids = ensure_projects(connection, of)
    known = Existing(connection, list(ids.values()), rules)
    writer = _FactWriter(connection, rules, known, now)
    for name, some in of.items():
        writer.withdraw(ids[name], some)
    writer.write()


def rederive(
    connection: Connection, rules: Rules, now: float, ids: Iterable[int] | None = None
) -> None:
    """Give the files and releases of these projects (None: of all) their masks anew.

    The targets, the word on files or something that the policy looks at has changed. Only of all
    at once may the targets be others, so that what is read of split releases counts elsewhere.
    """
    anew = ids is None
    if ids is None:
        ids = connection.scalars(select(projects.c.id).order_by(projects.c.id)).all()
    for batch in batches(ids):
        known = Existing(connection, batch, rules)
        writer = _FactWriter(connection, rules, known, now, anew=anew)
        for project in batch:
            writer.masks(project)
        writer.write()


def mature(connection: Connection, rules: Rules, now: float) -> int:
    """Derive the projects anew that have files which are old enough by now. Returns how many."""
    ids = connection.scalars(once(_due), {"now": now}).all()
    rederive(connection, rules, now, ids)
    return len(ids)


def _due() -> Select[int]:
    due = files.c.matures <= bindparam("now")
    some = select(releases.c.project_id).join_from(releases, files).where(due)
    return some.distinct().order_by(releases.c.project_id)


class _FactWriter:
    """Collects the differences of many projects, then writes them in few statements."""

    def __init__(
        self,
        connection: Connection,
        rules: Rules,
        known: Existing,
        now: float,
        *,
        anew: bool = False,  # the masks are derived again
    ) -> None:
        self._anew = anew
        self._connection = connection
        self._rows = FactRows(connection)
        self._rules = rules
        self._known = known
        self._now = now
        self._judge = Judge(rules, known, now)
        self._contradictions: list[tuple[str, str]] = []  # of the project at hand
        self._index = ""  # of the document that is compared, for files that name none
        self._project = "", ""  # the name of the project at hand, and its status before
        self._release_ids = Ids(connection, releases)
        self._file_ids = Ids(connection, files)
        self._skipped_ids = Ids(connection, skipped)
        self._shown: dict[str, Collection[bytes]] = {}  # by project: the versions it lists
        self._whole: dict[str, bool] = {}  # by project: whether all of it is quarantined
        self._withdrawn: dict[tuple[str, str], list[str]] = {}  # paths by project and version
        self._doubted: set[int] = set()  # projects whose requirements are to be read again

    def project(self, project: int, read: Read) -> None:
        """Compare a document with the catalog."""
        was, document = self._known.projects[project], read.document
        self._index, self._project = document.index, (was.name, was.status)
        have = self._known.releases[project]
        changed = was.status in _HIDDEN
        self._known.expect(have[key].id for key in read.releases if key in have)
        for key, (version, entries) in read.releases.items():
            changed |= self._release(project, key, version, list(entries), have.get(key))
        # A page without a usable entry proves no removal: what is known stays.
        whole = not document.partial and (document.files or not document.skipped)
        gone = [row for key, row in have.items() if key not in read.releases and whole]
        self._known.expect(row.id for row in gone)
        for row in gone:
            changed |= self._empty(row)
        # A form that tells no status leaves what is known, unless that was told elsewhere.
        known = was.form and was.status not in _HIDDEN
        status = document.status or (was.status if known else "active")
        if whole:
            self._shown[was.name] = read.releases.keys()
            self._whole[was.name] = document.status == quarantine.STATUS
        row = {
            "row": project,
            "display": document.display,
            "serial": document.serial,
            "status": status,
            "status_reason": document.status_reason,
            **validators_row(document.validators),
            "form": document.form,
            "index_name": document.index,
            "anew": False,
            "undecided": was.undecided or changed,
            "unpublished": True,
            "unproven": was.unproven or changed or project in self._doubted,
        }
        self._rows.projects.append(row)
        if was.skips:
            self._rows.skips.append(project)
        self._skip(project, [*self._contradictions, *read.skipped])
        self._contradictions = []

    def _skip(self, project: int, entries: Sequence[tuple[str, str]]) -> None:
        """Note what is passed over in a document, each with the reason."""
        more = len(entries) - _SKIPPED_LISTED
        rest = [(f"{more} more", "too many to be listed here")] if more > 0 else []
        for what, reason in [*entries[:_SKIPPED_LISTED], *rest]:
            self._rows.skipped.append(
                {
                    "id": self._skipped_ids.next(), "project_id": project,
                    "what": what, "reason": reason,
                }
            )  # fmt: skip

    def withdraw(self, project: int, some: Collection[str]) -> None:
        """Take versions out of the facts that are quarantined, or ("") all."""
        was, have = self._known.projects[project], self._known.releases[project]
        all_of_it = quarantine.WHOLE in some
        hidden = {versions.key(v) for v in map(versions.parse, some) if v is not None}
        if all_of_it:
            hidden = set(have)
        # Proofs hang on a project that could not be read, though it shows nothing either way.
        changed = all_of_it and was.status in _HIDDEN
        gone = [row for key, row in have.items() if key in hidden]
        self._known.expect(row.id for row in gone)
        for row_of in gone:
            changed |= self._empty(row_of)
        row = {name: getattr(was, name) for name in _PROJECT_COLUMNS}
        # The document is another now, whatever its validators say.
        row |= {"row": project, **validators_row(NO_VALIDATORS), "unpublished": True}
        if all_of_it:
            row |= {"status": quarantine.STATUS, "status_reason": None}
        row["undecided"] = was.undecided or changed
        row["unproven"] = was.unproven or changed
        self._rows.projects.append(row)
        self._known.expect(row.id for row in have.values())
        filled = (key for key, row in have.items() if self._known.files(row.id))
        self._shown[was.name] = set(filled) - hidden
        self._whole[was.name] = all_of_it

    def masks(self, project: int) -> None:
        """Derive a project's masks again from the files in the catalog."""
        was = self._known.projects[project]
        self._project, changed = (was.name, was.status), False
        have = self._known.releases[project]
        self._known.expect(row.id for row in have.values())
        for key, row in have.items():
            entries = [
                (row_file(file), filenames.parse(was.name, file.filename))
                for file in self._known.files(row.id).values()
            ]
            if entries:
                changed |= self._release(project, key, entries[0][1].version, entries, row)
        row = {name: getattr(was, name) for name in _PROJECT_COLUMNS}
        row |= {"row": project, "undecided": was.undecided or changed, "unpublished": True}
        row["unproven"] = was.unproven or changed or project in self._doubted
        self._rows.projects.append(row)

    def _release(
        self,
        project: int,
        key: bytes,
        version: Version,
        entries: list[tuple[File, ParsedFile]],
        was: Any,
    ) -> bool:
        self._rows.write_some()
        entries = sorted(entries, key=lambda entry: entry[0].filename)
        bars = self._judge.bars(project, version, entries, was)
        kept, derived = self._judge.keep(entries, bars, was)
        if was is None:
            release = self._release_ids.next()
            self._rows.new_releases.append(
                {
                    "id": release, "project_id": project, "version": str(version), "key": key,
                    "prerelease": version.is_prerelease, **derived,
                }
            )  # fmt: skip
        else:
            release = was.id
        split = was is not None and was.split
        sources = self._entries(release, entries, kept, bars, split=split)
        if was is None:
            return True
        changed = any(getattr(was, name) != value for name, value in derived.items())
        # Which requirements count where depends on the masks of its files.
        sources |= bool(was.split) and (changed or self._anew)
        sources |= was.builds == "0" != derived["builds"]  # nobody asked what building it needs
        if changed or sources:
            self._touch(was, derived, sources=sources, masks=changed)
        return changed

    def _touch(self, was: Any, derived: Mapping[str, Any], *, sources: bool, masks: bool) -> None:
        knowledge = was.knowledge
        if sources and knowledge != "unknown":
            # What the requirements were read from has changed: read them again.
            wanted = derived["kept"] and was.id in self._known.selected
            knowledge = "wanted" if wanted else "unknown"
            self._doubted.add(was.project_id)
        undecided = was.undecided or masks
        self._rows.releases.append(
            {"row": was.id, **derived, "knowledge": knowledge, "undecided": undecided}
        )

    def _empty(self, was: Any) -> bool:
        self._rows.write_some()
        have = self._known.files(was.id)
        self._rows.gone_files += [file.id for file in have.values()]
        of = self._known.projects[was.project_id].name, was.version
        self._withdrawn[of] = [file.path for file in have.values()]
        nothing = {"kept": False, **dict.fromkeys(file_rows.MASKS, "0")}
        changed = any(getattr(was, name) != value for name, value in nothing.items())
        if changed or have:
            self._touch(was, nothing, sources=False, masks=changed)
        return changed or bool(have)

    def _entries(
        self,
        release: int,
        entries: list[tuple[File, ParsedFile]],
        kept: file_rows.Kept,
        bars: Sequence[Bar | None],
        *,
        split: bool,
    ) -> bool:
        """Compare files. Returns whether what the requirements are read from has changed.

        Or, where they are ``split`` among the files of the release, which file is taken where.
        """
        count = (*_SOURCES, *(_TAKEN if split else ()))
        have = dict(self._known.files(release))
        sources = False
        for (file, parsed), (wanted, mask), bar in zip(entries, kept, bars, strict=True):
            row = file_row(release, file, parsed, bar, (wanted, mask))
            row["index_name"] = row["index_name"] or self._index
            was = have.pop(file.filename, None)
            if was is not None and was.index_name != row["index_name"]:
                self._moved(row, was)
            else:
                row["sha256"] = known_sha256(file, was)
                if was is not None and row["stated"] == "" and row["sha256"]:
                    self._hold_size(row, was)
            self._place(row, was)
            same = was is not None and same_source(file, was)
            if same:
                row |= {name: getattr(was, name) for name in file_rows.UNREAD}
            if bar and not (was and was.barred):
                self._rows.barred.append(row)
            if was is None:
                row["id"] = self._file_ids.next()
                self._rows.new_files.append(row)
                sources = True
            elif any(getattr(was, name) != value for name, value in row.items()):
                row["row"] = was.id
                self._rows.files.append(row)
                changed = {name for name in count if getattr(was, name) != row[name]}
                sources |= bool(changed - {"url"} if same else changed)
        self._rows.gone_files += [file.id for file in have.values()]
        return sources or bool(have)

    def _moved(self, row: dict[str, Any], was: Any) -> None:
        """Keep a file that is from another index now apart from other bytes of its name."""
        if "" in (row["sha256"], was.sha256) or row["sha256"] == was.sha256:
            return
        reason = f"{row['index_name']} has other bytes under this name than {was.index_name}"
        self._contradictions.append((row["filename"], f"{reason}, where it came from before"))

    def _place(self, row: dict[str, Any], was: Any) -> None:
        """Let a file stay where it is, and see that a new one takes nobody's place."""
        name, status = self._project
        if was is not None:
            places.stay(row, was)
            new = (row["path"], row["sha256"]) != (was.path, was.sha256)
        else:
            new = status != "unseen" or bool(filenames.rivals(name, row["filename"]))
        if new:
            self._rows.claims.append(places.Claim(name, row))

    def _hold_size(self, row: dict[str, Any], was: Any) -> None:
        """Keep what is known of an unverified file whose bytes have come; tell what is new."""
        if None not in (row["size"], was.size) and row["size"] != was.size:
            reason = (
                f"it has {row['size']} bytes now, and had {was.size} when it came; upstream "
                "states no hash, so what came first stays"
            )
            self._contradictions.append((row["filename"], reason))
            row["size"] = was.size

    def write(self) -> None:
        """Write everything collected."""
        self._rows.write()
        quarantine.update_states(
            self._connection, self._whole, self._shown, self._withdrawn, self._now
        )


_PROJECT_COLUMNS = (
    "display", "serial", "status", "status_reason", "etag", "modified", "digest", "form",
    "index_name",
)  # fmt: skip
# A change of these means that a release's requirements have to be read again.
_SOURCES = ("kept", "sha256", "metadata_sha256", "url")
# And where its files require different things, a change of these.
_TAKEN = ("yanked", "requires_python", "admits")
