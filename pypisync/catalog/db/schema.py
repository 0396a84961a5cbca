"""The tables: facts about upstream, decisions about the mirror, and its history.

*Facts* are what upstream said, one row a thing, with the masks that the configured environments
give them. *Decisions* are derived from facts and roots alone: deleting them all and deciding
again gives the same rows. *History* is what was published and when; it never refers to facts,
for upstream may delete those while a generation still lists them.

A mask (a set of targets, see :mod:`pypisync.core.standards.model`) is hexadecimal text.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

import pypisync.catalog.db.schema_journal
import pypisync.catalog.db.schema_proofs
import pypisync.catalog.db.schema_quarantine
import pypisync.catalog.db.schema_vulnerabilities  # noqa: F401 - and so are these
from pypisync.catalog.db.columns import (
    flag_column,
    id_column,
    metadata,
    number_column,
    partial_index,
    ref_column,
    serial_column,
    text_column,
)

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
    serial_column(),  # the document must be at least this new
    Column("missing", Float),  # when upstream denied it first, seconds since 1970
    flag_column("told"),  # a journal or the operator says that something of it is removed
    flag_column("assigned"),  # the operator has assigned it to another index
    text_column("index_name", "endpoint"),  # the index whose serial that is
    Column("since", Float, nullable=False),  # seconds since 1970
    number_column("attempts"),
    text_column("reason"),
    comment="projects whose document has still to be fetched",
)

# -- facts ----------------------------------------------------------------------------------

projects = Table(
    "projects",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    text_column("display"),
    serial_column(),
    # unseen (only named by a requirement), gone (404), or upstream's project status
    text_column("status", "unseen"),
    text_column("status_reason", None),
    # What its document is told from another version of it by, and where it came from.
    text_column("etag", None),
    text_column("modified", None),
    text_column("digest"),
    text_column("form"),  # json, html, legacy; "": not known
    text_column("index_name"),  # the index it was found on; "": none
    flag_column("anew"),  # to be looked for again, from the first index that may have it
    flag_column("undecided", index=True),  # facts changed since the last decision
    flag_column("unpublished", index=True),  # decisions or files changed since the last publication
    flag_column("unproven", index=True),  # facts changed since proofs were last looked at
    comment="every project that a root or a requirement names",
)

releases = Table(
    "releases",
    metadata,
    id_column(),
    ref_column("project_id", "projects", index=False),
    Column("version", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),  # sorts as PEP 440
    flag_column("prerelease"),
    flag_column("kept"),  # has at least one kept file
    text_column("admits", "0"),  # mask by files that are not yanked
    text_column("admits_yanked", "0"),  # mask by all files
    text_column("builds", "0"),  # mask of targets on which an sdist is built: no wheel is better
    text_column("serves", "0"),  # mask of proof targets that see a file that is not yanked
    text_column("serves_yanked", "0"),  # that see any
    text_column("unsure", "0"),  # mask of targets on which some installer may pass over it
    *(text_column(name, "0") for name in ("not_pip", "not_uv")),  # where that one passes over it
    text_column("unseen_pip", "0"),  # of not_pip, those on which pip sees no file of it
    text_column("outside_uv", "0"),  # of not_uv, those of another Python than uv's file wants
    *(text_column(name, "0") for name in ("yanked_pip", "yanked_uv")),  # that one sees such alone
    text_column("built", "0"),  # where an installer builds its sdist
    text_column("pinned_uv", "0"),  # where uv decides otherwise on it if a root pins it
    # Of its requirements: unknown, wanted (selected, so they are to be read), known, unavailable.
    text_column("knowledge", "unknown"),
    text_column("source"),  # where the requirements were read
    flag_column("split"),  # its files state different requirements
    flag_column("partly"),  # wheels of it have not been read, which are to come
    text_column("provides"),  # extras, separated by commas
    # What its METADATA says; "": nothing, NULL: none was read.
    *(text_column(name, None) for name in ("summary", "license", "license_expression")),
    flag_column("undecided", index=True),  # masks or requirements changed since the last decision
    Column("examined", Float),  # when upstream was asked for its vulnerabilities last
    flag_column("unexamined"),  # to be asked for them now
    UniqueConstraint("project_id", "key"),
    partial_index("ix_releases_unexamined", "id", "unexamined = 1", postgresql="unexamined"),
    partial_index("ix_releases_wanted", "id", "knowledge = 'wanted'"),
    partial_index("ix_releases_partly", "id", "partly = 1", postgresql="partly"),
    comment="a version of a project; without files it is gone and waits for the next decision",
)

files = Table(
    "files",
    metadata,
    id_column(),
    ref_column("release_id", "releases", index=False),  # the first column of a unique constraint
    # Not unique: "a-1-2.tar.gz" is an sdist of "a" and of "a-1", and both may list it.
    Column("filename", Text, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("path", Text, nullable=False),
    # Upstream's, else that of the bytes that came first; "" until they came.
    Column("sha256", Text, nullable=False),
    # Null: upstream states the SHA-256; else the strongest other hash it states, "" if it has none.
    text_column("stated", None),
    Column("size", BigInteger),
    text_column("uploaded", None),
    text_column("requires_python", None),
    text_column("yanked", None),
    text_column("metadata_sha256", None),
    text_column("provenance", None),
    text_column("index_name", "endpoint"),  # the index that it is from
    text_column("kind", "wheel"),
    flag_column("kept"),  # wanted by the configuration if its release is selected
    text_column("admits", "0"),
    text_column("ranged", None),  # SHA-256 of METADATA read by Range; NULL once the file was read
    text_column("inside_python", None),  # Requires-Python of its METADATA, where that was read
    text_column("refused_pip"),  # what its METADATA says that makes pip pass over it
    text_column("refused_uv"),  # the same of uv
    text_column("barred"),  # why the policy bars it; "" if it does not
    Column("matures", Float),  # when that ends by itself, seconds since 1970
    partial_index("ix_files_unhashed", "path", "sha256 = ''"),
    Index("ix_files_ranged", "release_id", sqlite_where=text("ranged IS NOT NULL")),
    partial_index("ix_files_barred", "release_id", "barred <> ''"),
    partial_index("ix_files_matures", "matures", "matures IS NOT NULL"),
    UniqueConstraint("release_id", "filename"),
    comment="distribution files that upstream lists",
)

skipped = Table(
    "skipped",
    metadata,
    id_column(),
    ref_column("project_id", "projects"),
    Column("what", Text, nullable=False),
    Column("reason", Text, nullable=False),
    comment="versions and files upstream lists that the standards do not allow",
)

requirements = Table(
    "requirements",
    metadata,
    id_column(),
    ref_column("release_id", "releases"),
    ref_column("project_id", "projects"),  # the project it names
    text_column("kind", "runtime"),  # or build
    Column("text", Text, nullable=False),
    text_column("specifier"),
    text_column("marker"),
    text_column("extras"),  # separated by commas
    text_column("fault"),  # why it can never be met: unparsable, a direct reference
    text_column("refused"),  # why pip cannot read it, where uv mends it: the other columns are uv's
    # Where not all files of the release state it: masks of targets that take a file which does, and
    # of proof targets on which pip and uv do, and uv where a root pins the release.
    text_column("targets", None),
    *(text_column(f"machines_{by}", None) for by in ("pip", "uv", "pinned")),
    comment="dependency edges of the releases whose requirements are known",
)

# -- decisions ------------------------------------------------------------------------------

ROOT_KEY = ("project_id", "selector", "extras", "pinned", "origin", "source", "marker", "named")

roots = Table(
    "roots",
    metadata,
    id_column(),
    ref_column("project_id", "projects"),
    Column("selector", Text, nullable=False),
    text_column("extras"),
    flag_column("pinned"),  # a release of a lock file: what it needs is not followed
    text_column("origin"),  # core.wanted.roots.Origin
    text_column("source"),  # the pattern's text, or the name of the group's file
    text_column("marker"),  # it counts only on targets where this can hold
    text_column("named"),  # a digest of the files that a lock file names for it
    text_column("state", "new"),  # new, kept, dropped
    text_column("unmet", "0"),
    UniqueConstraint(*ROOT_KEY, name="uq_roots_line"),
    # What is to be decided.
    partial_index("ix_roots_state", "id", "state <> 'kept'"),
    comment="wanted lines of the configuration, patterns expanded",
)

locked = Table(
    "locked",
    metadata,
    ref_column("root_id", "roots", index=False, key=True),
    # By its hash, or else by its name; neither: what the file rules keep of the release.
    Column("sha256", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    comment="the files that lock files name, for the roots they make",
)

root_choices = Table(
    "root_choices",
    metadata,
    ref_column("root_id", "roots", index=False, key=True),
    ref_column("release_id", "releases", key=True),
    number_column("position"),
    comment="the releases that a root calls for",
)

classes = Table(
    "classes",
    metadata,
    id_column(),
    ref_column("project_id", "projects", index=False),
    text_column("specifier"),
    text_column("extras"),
    Column("mask", Text, nullable=False),
    text_column("unmet", "0"),
    text_column("barred"),  # if it is unmet: what the policy bars that would meet it
    number_column("uses"),
    UniqueConstraint("project_id", "specifier", "extras", "mask"),
    comment="requirements that are alike, chosen for once",
)

choices = Table(
    "choices",
    metadata,
    ref_column("class_id", "classes", index=False, key=True),
    ref_column("release_id", "releases", key=True),
    number_column("position"),  # 0 is the most preferred
    comment="the releases that meet a class, the best for each target",
)

selected = Table(
    "selected",
    metadata,
    id_column(),
    ref_column("release_id", "releases", index=False),
    text_column("extra"),  # "" for the release itself
    flag_column("pinned"),  # by a lock file: it has no edges
    UniqueConstraint("release_id", "extra", "pinned"),
    comment="the selection: releases, and extras of theirs, that roots and edges call for",
)

edges = Table(
    "edges",
    metadata,
    ref_column("selected_id", "selected", index=False, key=True),
    # No reference: when a release's requirements are read again, the next decision still has to
    # see which edges it had.
    Column("requirement_id", Integer, primary_key=True, autoincrement=False),
    Column("class_id", Integer, ForeignKey("classes.id"), index=True),  # null: can never be met
    comment="the requirements of the selection that can apply, and what was chosen for each",
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
    Column("looked", Integer, index=True),  # by which rule; NULL: not yet
    *(text_column(name) for name in ("stops_pip", "stops_uv")),  # what in it stops them
    partial_index("ix_stored_unlisted", "unlisted", "unlisted IS NOT NULL"),
    # Doomed: to be deleted as soon as no page lists it.
    partial_index("ix_stored_doomed", "path", "sha256 = ''"),
    comment="what the pool holds, hash-checked when it came in",
)

asked = Table(
    "asked",
    metadata,
    Column("path", Text, primary_key=True),
    comment="files that are being fetched, until they are recorded as stored or deleted",
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
    id_column(),
    serial_column(),  # upstream's
    serial_column("last_serial"),  # the mirror's own: that of its last row in the journal
    Column("at", Float, nullable=False),
    flag_column("complete"),  # its pages are all written
    Column("replaced", Float),  # when the next one took its place; null: it is the newest
    Column("repeats", Integer),  # the generation that a rollback made it equal to
    Column("frozen", Float),  # since when the index stays at it; null: it does not
    number_column("projects"),  # this and the next three: what it lists
    number_column("releases"),
    number_column("files"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    number_column("pages"),  # this and the rest: how it differs from the one before
    number_column("came"),
    number_column("went"),
    number_column("changed"),
    comment="published states of the index",
)

generation_names = Table(
    "generation_names",
    metadata,
    Column("name", Text, primary_key=True),
    ref_column("generation_id", "generations"),
    comment="names that operators gave to generations, which are kept for ever then",
)

published = Table(
    "published",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    text_column("uploaded", None),
    text_column("requires_python", None),
    text_column("yanked", None),
    text_column("metadata_sha256", None),
    text_column("provenance", None),
    Column("first", Integer, nullable=False, index=True),
    Column("last", Integer),  # null: in the newest generation still
    Column("key", LargeBinary),  # of the version, sorts as PEP 440
    Index("ix_published_name_last", "name", "last", "version"),
    Index("ix_published_last", "last"),
    Index("ix_published_path", "path"),
    comment="files on the pages, each with the generations that list it",
)

pages = Table(
    "pages",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    serial_column(),  # the mirror's own: of the project's last row in the journal
    Column("status", Text, nullable=False),
    text_column("status_reason", None),
    Column("first", Integer, nullable=False, index=True),
    Column("last", Integer),
    Index("ix_pages_name_last", "name", "last"),
    Index("ix_pages_last", "last"),
    comment="project pages, each with the generations that have it",
)

runs = Table(
    "runs",
    metadata,
    id_column(),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    serial_column(),
    Column("generation", Integer),
    text_column("outcome", "running"),
    text_column("report", "{}"),  # JSON: counts, what is held and failed, seconds by step
    comment="cycles, newest last",
)
