"""The tables: facts about upstream, decisions about the mirror, and its history.

*Facts* are what upstream said, one row a thing, with the masks that the configured environments
give them. *Decisions* are derived from facts and roots alone: deleting them all and deciding
again gives the same rows. *History* is what was published and when; it never refers to facts,
for upstream may delete those while a generation still lists them.

A mask (a set of targets, see :mod:`pypisync.core.model`) is stored as lower-case hexadecimal text.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# Batch migrations on SQLite need every constraint to have a name.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    # The one writer counts the ids itself, so that rows can refer to each other in bulk inserts.
    return Column("id", Integer, primary_key=True, autoincrement=False)


def _text(name: str, default: str | None = "") -> Column[str]:
    return Column(name, Text, nullable=default is None, server_default=default)


def _flag(name: str, *, index: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default="0", index=index)


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _ref(name: str, target: str, *, index: bool = True, key: bool = False) -> Column[int]:
    foreign = ForeignKey(f"{target}.id", ondelete="CASCADE")
    return Column(name, Integer, foreign, nullable=False, index=index, primary_key=key)


# -- state ----------------------------------------------------------------------------------

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="single values: the serial, the fingerprint of the environments",
)

pending = Table(
    "pending",
    metadata,
    Column("name", Text, primary_key=True),
    _number("serial"),  # the document must be at least this new
    Column("since", Float, nullable=False),  # seconds since 1970
    _number("attempts"),
    _text("reason"),
    comment="projects whose document has still to be fetched",
)

# -- facts ----------------------------------------------------------------------------------

projects = Table(
    "projects",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _text("display"),
    _number("serial"),
    # unseen (only named by a requirement), gone (404), or upstream's project status
    _text("status", "unseen"),
    _text("status_reason", None),
    _text("etag", None),
    _flag("undecided", index=True),  # facts changed since the last decision
    _flag("unpublished", index=True),  # decisions or files changed since the last publication
    _flag("unproven", index=True),  # facts changed since proofs were last looked at
    comment="every project that a root or a requirement names",
)

releases = Table(
    "releases",
    metadata,
    _id(),
    _ref("project_id", "projects", index=False),
    Column("version", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),  # sorts as PEP 440
    _flag("prerelease"),
    _flag("kept"),  # has at least one kept file
    _text("admits", "0"),  # mask by files that are not yanked
    _text("admits_yanked", "0"),  # mask by all files
    _text("builds", "0"),  # mask of targets that have no wheel: an sdist is built
    _text("serves", "0"),  # mask of proof targets, by files that are not yanked
    _text("serves_yanked", "0"),  # by all files
    # Of its requirements: unknown, wanted (selected, so they are to be read), known, unavailable.
    _text("knowledge", "unknown"),
    _text("source"),  # where the requirements were read
    _text("provides"),  # extras, separated by commas
    _flag("undecided", index=True),  # masks or requirements changed since the last decision
    Column("examined", Float),  # when upstream was asked for its vulnerabilities last
    _flag("unexamined"),  # to be asked for them now
    UniqueConstraint("project_id", "key"),
    Index(
        "ix_releases_unexamined",
        "id",
        sqlite_where=text("unexamined = 1"),
        postgresql_where=text("unexamined"),
    ),
    Index(
        "ix_releases_wanted",
        "id",
        sqlite_where=text("knowledge = 'wanted'"),
        postgresql_where=text("knowledge = 'wanted'"),
    ),
    comment="a version of a project; without files it is gone and waits for the next decision",
)

files = Table(
    "files",
    metadata,
    _id(),
    _ref("release_id", "releases"),
    Column("filename", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger),
    _text("uploaded", None),
    _text("requires_python", None),
    _text("yanked", None),
    _text("metadata_sha256", None),
    _text("provenance", None),
    _text("kind", "wheel"),
    _flag("kept"),  # wanted by the configuration if its release is selected
    _text("admits", "0"),
    _text("barred"),  # why the policy bars it; "" if it does not
    Column("matures", Float),  # when that ends by itself, seconds since 1970
    Index(
        "ix_files_barred",
        "release_id",
        sqlite_where=text("barred <> ''"),
        postgresql_where=text("barred <> ''"),
    ),
    Index(
        "ix_files_matures",
        "matures",
        sqlite_where=text("matures IS NOT NULL"),
        postgresql_where=text("matures IS NOT NULL"),
    ),
    comment="distribution files that upstream lists",
)

skipped = Table(
    "skipped",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    Column("what", Text, nullable=False),
    Column("reason", Text, nullable=False),
    comment="versions and files upstream lists that the standards do not allow",
)

vulnerabilities = Table(
    "vulnerabilities",
    metadata,
    _ref("release_id", "releases", index=False, key=True),
    Column("id", Text, primary_key=True),  # such as PYSEC-2026-1
    _text("aliases"),  # separated by commas
    _text("summary"),
    _text("fixed_in"),  # versions, separated by commas
    _text("link"),
    comment="known vulnerabilities of the releases that were examined",
)

requirements = Table(
    "requirements",
    metadata,
    _id(),
    _ref("release_id", "releases"),
    _ref("project_id", "projects"),  # the project it names
    _text("kind", "runtime"),  # or build
    Column("text", Text, nullable=False),
    _text("specifier"),
    _text("marker"),
    _text("extras"),  # separated by commas
    _text("fault"),  # why it can never be met: unparsable, a direct reference
    comment="dependency edges of the releases whose requirements are known",
)

# -- decisions ------------------------------------------------------------------------------

roots = Table(
    "roots",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    Column("selector", Text, nullable=False),
    _text("extras"),
    _text("origin"),  # the pattern's text, "group:" and a file, or "held"
    _text("marker"),  # it counts only on targets where this can hold
    _text("named"),  # a digest of the files that a lock file names for it
    _text("state", "new"),  # new, kept, dropped
    _text("unmet", "0"),
    UniqueConstraint("project_id", "selector", "extras", "origin", "marker", "named"),
    comment="wanted lines of the configuration, patterns expanded",
)

locked = Table(
    "locked",
    metadata,
    _ref("root_id", "roots", index=False, key=True),
    # By its hash, or else by its name; neither: what the file rules keep of the release.
    Column("sha256", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    comment="the files that lock files name, for the roots they make",
)

root_choices = Table(
    "root_choices",
    metadata,
    _ref("root_id", "roots", index=False, key=True),
    _ref("release_id", "releases", key=True),
    _number("position"),
    comment="the releases that a root calls for",
)

classes = Table(
    "classes",
    metadata,
    _id(),
    _ref("project_id", "projects", index=False),
    _text("specifier"),
    _text("extras"),
    Column("mask", Text, nullable=False),
    _text("unmet", "0"),
    _text("barred"),  # if it is unmet: what the policy bars that would meet it
    _number("uses"),
    UniqueConstraint("project_id", "specifier", "extras", "mask"),
    comment="requirements that are alike, chosen for once",
)

choices = Table(
    "choices",
    metadata,
    _ref("class_id", "classes", index=False, key=True),
    _ref("release_id", "releases", key=True),
    _number("position"),  # 0 is the most preferred
    comment="the releases that meet a class, the best for each target",
)

selected = Table(
    "selected",
    metadata,
    _id(),
    _ref("release_id", "releases", index=False),
    _text("extra"),  # "" for the release itself; "=" for a pin, which has no edges
    UniqueConstraint("release_id", "extra"),
    comment="the selection: releases, and extras of theirs, that roots and edges call for",
)

edges = Table(
    "edges",
    metadata,
    _ref("selected_id", "selected", index=False, key=True),
    # No reference: when a release's requirements are read again, the next decision still has to
    # see which edges it had.
    Column("requirement_id", Integer, primary_key=True, autoincrement=False),
    Column("class_id", Integer, ForeignKey("classes.id"), index=True),  # null: can never be met
    comment="the requirements of the selection that can apply, and what was chosen for each",
)

# -- proofs ---------------------------------------------------------------------------------

subjects = Table(
    "subjects",
    metadata,
    _id(),
    Column("text", Text, nullable=False, unique=True),
    _text("digest"),  # of what a group asks for
    _flag("open", index=True),  # to be proven (again)
    comment="what is proven as a whole: roots, as an installer is asked for them, and groups",
)

proofs = Table(
    "proofs",
    metadata,
    _id(),
    _ref("subject_id", "subjects"),
    Column("targets", Text, nullable=False),  # names of proof targets, separated by ", "
    Column("verdict", Text, nullable=False, index=True),
    _text("why"),  # lines
    _number("steps"),
    Column("at", Float, nullable=False),
    _flag("wanted"),  # says what is wanted now; else what the pages still have
    _flag("published", index=True),  # its pins are on the pages
    comment="verdicts on subjects, each for the proof targets on which it is the same",
)

proof_pins = Table(
    "proof_pins",
    metadata,
    _ref("proof_id", "proofs", index=False, key=True),
    _ref("project_id", "projects", key=True),
    Column("chosen_by", Text, primary_key=True),  # solver, or pip where that comes to another
    Column("version", Text, nullable=False),
    _text("extras"),  # separated by commas
    _flag("called"),  # the closure of its subject alone has it in the selection
    comment="the releases of proofs",
)

proof_projects = Table(
    "proof_projects",
    metadata,
    _ref("project_id", "projects", index=False, key=True),
    _ref("proof_id", "proofs", key=True),
    comment="the projects that each proof hangs on: when their facts change, it is made anew",
)

# -- history --------------------------------------------------------------------------------

stored = Table(
    "stored",
    metadata,
    Column("path", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("unlisted", Float),  # when the last page that lists it went, seconds since 1970
    Column("checked", Float, nullable=False, server_default="0"),
    # Doomed: to be deleted as soon as no page lists it.
    Index(
        "ix_stored_doomed",
        "path",
        sqlite_where=text("sha256 = ''"),
        postgresql_where=text("sha256 = ''"),
    ),
    comment="what the pool holds, hash-checked when it came in",
)

held = Table(
    "held",
    metadata,
    Column("release", Text, primary_key=True),  # name==version
    Column("reason", Text, nullable=False),
    Column("since", Float, nullable=False),
    comment="releases that are wanted and cannot be published yet",
)

generations = Table(
    "generations",
    metadata,
    _id(),
    _number("serial"),
    Column("at", Float, nullable=False),
    _flag("complete"),  # its pages are all written
    Column("replaced", Float),  # when the next one took its place; null: it is the newest
    Column("repeats", Integer),  # the generation that a rollback made it equal to
    Column("frozen", Float),  # since when the index stays at it; null: it does not
    # What it lists.
    _number("projects"),
    _number("releases"),
    _number("files"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    # How it differs from the one before: project pages, and files.
    _number("pages"),
    _number("came"),
    _number("went"),
    _number("changed"),
    comment="published states of the index",
)

generation_names = Table(
    "generation_names",
    metadata,
    Column("name", Text, primary_key=True),
    _ref("generation_id", "generations"),
    comment="names that operators gave to generations, which are kept for ever then",
)

published = Table(
    "published",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    _text("uploaded", None),
    _text("requires_python", None),
    _text("yanked", None),
    _text("metadata_sha256", None),
    _text("provenance", None),
    Column("first", Integer, nullable=False, index=True),
    Column("last", Integer),  # null: in the newest generation still
    Index("ix_published_name_last", "name", "last"),
    Index("ix_published_last", "last"),
    Index("ix_published_path", "path"),
    comment="files on the pages, each with the generations that list it",
)

pages = Table(
    "pages",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    _number("serial"),
    Column("status", Text, nullable=False),
    _text("status_reason", None),
    Column("first", Integer, nullable=False, index=True),
    Column("last", Integer),
    Index("ix_pages_name_last", "name", "last"),
    Index("ix_pages_last", "last"),
    comment="project pages, each with the generations that have it",
)

runs = Table(
    "runs",
    metadata,
    _id(),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    _number("serial"),
    Column("generation", Integer),
    _text("outcome", "running"),
    _text("report", "{}"),  # JSON: counts, what is held and failed, seconds by step
    comment="cycles, newest last",
)
