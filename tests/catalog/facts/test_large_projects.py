"""A project of very many files is recorded piece by piece, as if it had come at once."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import select

from pypisync.catalog.db.schema import files, projects, releases, skipped
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts import existing, fact_rows
from pypisync.catalog.facts.record import record_documents, record_gone, rederive
from pypisync.core.environments import targets
from pypisync.core.filters.file_rules import FilePolicy, Rules
from pypisync.core.standards.model import File, ManyFiles, ProjectDocument
from tests.deep import scaled

RULES = Rules(targets.targets({"python_version": ["3.11"]}), FilePolicy())


def made(version: int, kind: str, python: str | None, sha256: str) -> File:
    filename = f"a-1.{version}{kind}"
    return File(filename, f"https://h/{filename}", sha256 * 64, requires_python=python)


FILES = st.lists(
    st.builds(
        made,
        st.integers(0, 9),
        st.sampled_from(["-py3-none-any.whl", ".tar.gz", ".zip", ".exe"]),
        st.sampled_from([None, ">=3.8", "<3"]),
        st.sampled_from(["a", "b", ""]),
    ),
    unique_by=lambda file: file.filename,
    max_size=20,
)


@given(st.lists(FILES, min_size=1, max_size=4), st.booleans())
@settings(deadline=None, max_examples=scaled(40))
def test_the_pieces_come_to_the_whole(documents: list[list[File]], gone: bool) -> None:
    whole = recorded(documents, gone=gone)
    with (
        patch.object(existing, "_MANY", 3),
        patch.object(existing, "_WINDOW", 2),
        patch.object(fact_rows, "_MANY", 2),
    ):
        assert recorded(documents, gone=gone, many=True) == whole


def recorded(
    documents: Sequence[Sequence[File]], *, gone: bool, many: bool = False
) -> dict[str, list[Any]]:
    """All rows after these documents of "a" beside one of "b", one after the other."""
    with TemporaryDirectory() as folder:
        catalog = Catalog(f"sqlite:///{Path(folder) / 'catalog.sqlite'}")
        catalog.prepare()
        for said in documents:
            document = ProjectDocument("a", "a", 1, tuple(said))
            if many:
                names = [file.filename for file in said]
                document = replace(document, files=ManyFiles(names, said.__getitem__))
            other = ProjectDocument("b", "b", 1, (File("b-1.zip", "https://h/b-1.zip", "c" * 64),))
            with catalog.begin() as connection:
                record_documents(connection, [document, other], RULES, 0.0)
        with catalog.begin() as connection:
            rederive(connection, RULES, 1.0)
            if gone:
                record_gone(connection, {"a": None}, RULES, 2.0)
        with catalog.begin() as connection:
            tables = (projects, releases, files, skipped)
            found = {
                table.name: [*connection.execute(select(table).order_by(table.c.id))]
                for table in tables
            }
        catalog.close()
    return found
