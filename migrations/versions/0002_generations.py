"""Generations say what they list and how they differ, and can have names."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTS = ("projects", "releases", "files", "bytes", "pages", "came", "went", "changed")
_ALIVE = "p.first <= generations.id AND (p.last IS NULL OR p.last >= generations.id)"
_NEW = "SELECT p.filename FROM published p WHERE p.first = generations.id"
_OLD = "SELECT p.filename FROM published p WHERE p.last = generations.id - 1"


def upgrade() -> None:
    """Add the columns and the names, and count what there is."""
    op.create_table(
        "generation_names",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_generation_names_generation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_generation_names")),
        comment="names that operators gave to generations, which are kept for ever then",
    )
    op.create_index(
        op.f("ix_generation_names_generation_id"),
        "generation_names",
        ["generation_id"],
        unique=False,
    )
    for name, kind in (("replaced", sa.Float()), ("repeats", sa.Integer()), ("frozen", sa.Float())):
        op.add_column("generations", sa.Column(name, kind, nullable=True))
    for name in _COUNTS:
        kind = sa.BigInteger() if name == "bytes" else sa.Integer()
        op.add_column("generations", sa.Column(name, kind, server_default="0", nullable=False))
    op.execute(
        "UPDATE generations SET replaced = (SELECT min(g.at) FROM generations g"
        " WHERE g.id > generations.id)"
    )
    op.execute(
        "UPDATE generations SET"  # noqa: S608 - constants
        f" projects = (SELECT count(*) FROM pages p WHERE {_ALIVE}),"
        f" releases = (SELECT count(*) FROM (SELECT DISTINCT p.name, p.version FROM published p"
        f" WHERE {_ALIVE}) r),"
        f" files = (SELECT count(*) FROM published p WHERE {_ALIVE}),"
        f" bytes = (SELECT coalesce(sum(p.size), 0) FROM published p WHERE {_ALIVE}),"
        " pages = (SELECT count(*) FROM (SELECT p.name FROM pages p WHERE p.first = generations.id"
        " OR p.last = generations.id - 1 UNION SELECT p.name FROM published p WHERE"
        " p.first = generations.id OR p.last = generations.id - 1) n),"
        f" came = (SELECT count(*) FROM ({_NEW} EXCEPT {_OLD}) f),"
        f" went = (SELECT count(*) FROM ({_OLD} EXCEPT {_NEW}) f),"
        f" changed = (SELECT count(*) FROM ({_NEW} INTERSECT {_OLD}) f)"
    )
