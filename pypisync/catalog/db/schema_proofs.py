"""The tables of proofs. They are decisions: derived from facts and roots alone.

History is ``published``, what the pages have while something newer waits, and published_proofs.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text

from pypisync.catalog.db.columns import (
    flag_column,
    id_column,
    metadata,
    number_column,
    ref_column,
    text_column,
)

subjects = Table(
    "subjects",
    metadata,
    id_column(),
    Column("text", Text, nullable=False, unique=True),
    text_column("digest"),  # of what a group asks for
    flag_column("open", index=True),  # to be proven (again)
    comment="what is proven as a whole: roots, as an installer is asked for them, and groups",
)

proofs = Table(
    "proofs",
    metadata,
    id_column(),
    ref_column("subject_id", "subjects"),
    Column("targets", Text, nullable=False),  # names of proof targets, separated by ", "
    Column("verdict", Text, nullable=False, index=True),
    text_column("why"),  # lines
    number_column("steps"),
    Column("at", Float, nullable=False),
    flag_column("wanted"),  # says what is wanted now; else what the pages still have
    flag_column("published", index=True),  # its pins are on the pages
    comment="verdicts on subjects, each for the proof targets on which it is the same",
)

proof_pins = Table(
    "proof_pins",
    metadata,
    ref_column("proof_id", "proofs", index=False, key=True),
    ref_column("project_id", "projects", key=True),
    Column("chosen_by", Text, primary_key=True),  # solver; pip or uv where that comes to another
    Column("version", Text, nullable=False),
    text_column("extras"),  # separated by commas
    flag_column("added"),  # no closure has it: it is mirrored for the proof
    comment="the releases of proofs",
)

# Those of its pins are not repeated here: it depends on them as well.
proof_tried = Table(
    "proof_tried",
    metadata,
    ref_column("proof_id", "proofs", index=False, key=True),
    ref_column("project_id", "projects", key=True),
    Column("version", Text, primary_key=True),
    comment="releases that installers look at, and leave, on the way to the pins of a proof",
)

proof_projects = Table(
    "proof_projects",
    metadata,
    ref_column("project_id", "projects", index=False, key=True),
    ref_column("proof_id", "proofs", key=True),
    comment="the projects that each proof hangs on: when their facts change, it is made anew",
)

published_proofs = Table(
    "published_proofs",
    metadata,
    id_column(),
    Column("subject", Text, nullable=False),
    Column("targets", Text, nullable=False),  # separated by ", "
    Column("verdict", Text, nullable=False),
    Column("first", Integer, nullable=False, index=True),
    Column("last", Integer),  # null: published with the newest generation still
    Index("ix_published_proofs_subject_last", "subject", "last"),
    Index("ix_published_proofs_last", "last"),
    comment="verdicts, each with the generations that were published with it",
)

published_pins = Table(
    "published_pins",
    metadata,
    Column(
        "published_proof_id",
        ForeignKey(
            "published_proofs.id",
            name="fk_published_pins_published_proof_id_published_proofs",
            ondelete="CASCADE",
        ),
        nullable=False,
        primary_key=True,
    ),
    Column("name", Text, primary_key=True),
    Column("chosen_by", Text, primary_key=True),
    Column("version", Text, nullable=False),
    text_column("extras"),  # separated by commas
    comment="the releases of published proofs, by name, like pages",
    sqlite_with_rowid=False,  # the key is most of the row
)
