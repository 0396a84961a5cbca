"""The schema's way: what migrations make is what the code wants, and failures undo themselves."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import pypisync.catalog.db.schema  # noqa: F401 - all tables
from pypisync.catalog.db import migrate, views
from pypisync.catalog.db.columns import metadata
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts import pending, ranged
from pypisync.catalog.publication import retention
from pypisync.catalog.queries import generations
from pypisync.core.standards.model import NO_VALIDATORS
from pypisync.errors import CatalogError


def test_the_migrations_make_what_the_code_wants(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        migrate.migrate(connection)
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    assert migrate.upgrade(catalog.engine) == (migrate.wanted_revision(),) * 2
    catalog.close()


def test_what_generations_list_is_counted(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0001")
        run = connection.exec_driver_sql
        run("INSERT INTO generations (id, serial, at, complete) VALUES (1, 5, 10, true)")
        run("INSERT INTO generations (id, serial, at, complete) VALUES (2, 6, 20, true)")
        run(
            "INSERT INTO pages (id, name, status, first, last) VALUES"
            " (1, 'a', 'active', 1, NULL), (2, 'b', 'active', 1, 1)"
        )
        row = "INSERT INTO published (id, name, version, filename, path, sha256, size, first, last)"
        for values in (
            "(1, 'a', '1', 'a-1.whl', 'p', 'x', 100, 1, NULL)",
            "(2, 'a', '1', 'a-1.tar.gz', 'p', 'x', 10, 1, 1)",
            "(3, 'b', '1', 'b-1.whl', 'p', 'x', 1, 1, 1)",
            "(4, 'a', '1', 'a-1.tar.gz', 'p', 'y', 20, 2, NULL)",
            "(5, 'a', '2', 'a-2.whl', 'p', 'x', 1000, 2, NULL)",
        ):
            run(f"{row} VALUES {values}")
    migrate.upgrade(catalog.engine)
    catalog.close()
    with Reader(database) as reader:
        newest, first = generations.all_generations(reader)
    assert (first.replaced, newest.replaced) == (20, None)
    assert first.listed == {"projects": 2, "releases": 2, "files": 3, "bytes": 111}
    assert newest.listed == {"projects": 1, "releases": 2, "files": 3, "bytes": 1120}
    assert newest.differs == {"pages": 2, "came": 1, "went": 1, "changed": 1}


def test_known_documents_are_asked_for_as_if_they_were_new(database: str) -> None:
    """Later versions read more of a page than those before, which its ETag does not tell."""
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0008")
        connection.exec_driver_sql("INSERT INTO projects (id, name, etag) VALUES (1, 'a', 'x')")
        connection.exec_driver_sql("INSERT INTO pending (name, since) VALUES ('a', 10)")
    migrate.upgrade(catalog.engine)
    with catalog.begin() as connection:
        assert [one.validators for one in pending.stale(connection)] == [NO_VALIDATORS]
    catalog.close()


def test_published_proofs_are_those_of_the_generations_there_are(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0007")
        run = connection.exec_driver_sql
        run("INSERT INTO generations (id, serial, at) VALUES (3, 5, 10), (4, 6, 20)")
        run("INSERT INTO projects (id, name) VALUES (1, 'a'), (2, 'b')")
        run("INSERT INTO subjects (id, text) VALUES (1, 'a'), (2, 'waits')")
        row = "INSERT INTO proofs (id, subject_id, targets, verdict, at, published) VALUES"
        run(f"{row} (1, 1, 'x, y', 'proven', 1, true), (2, 1, 'z', 'refuted', 1, true)")
        run(f"{row} (3, 2, 'x, y, z', 'proven', 1, false)")
        run(
            "INSERT INTO proof_pins (proof_id, project_id, chosen_by, version, extras) VALUES"
            " (1, 1, 'solver', '1', ''), (1, 2, 'solver', '2', 'e'), (1, 2, 'pip', '3', '')"
        )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM v_published_proofs ORDER BY 2").all()
    assert [tuple(row) for row in rows] == [
        ("a", "x, y", "proven", "a==1, b==3 (pip), b[e]==2", 3, None),
        ("a", "z", "refuted", "", 3, None),
    ]
    catalog.close()


def test_pins_of_published_proofs_become_rows(database: str) -> None:
    catalog = Catalog(database)
    text = "a==1+local, b-c[d,e]==2!1.0, b-c==3 (pip), f==1 (uv)"
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0015")
        run = connection.exec_driver_sql
        row = "INSERT INTO published_proofs (id, subject, targets, verdict, pins, first, last)"
        run(f"{row} VALUES (1, 'a', 'x, y', 'proven', '{text}', 2, 4)")
        run(f"{row} VALUES (2, 'g', 'x', 'refuted', '', 3, NULL)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        run = connection.exec_driver_sql
        columns = "project, version, extras, chosen_by, first_generation, last_generation"
        rows = run(f"SELECT {columns} FROM v_published_pins ORDER BY 1, 4").fetchall()
        texts = run("SELECT subject, pins FROM v_published_proofs ORDER BY 1").fetchall()
        run("DELETE FROM published_proofs WHERE id = 1")
        assert run("SELECT count(*) FROM published_pins").scalar() == 0
    assert [tuple(row) for row in rows] == [
        ("a", "1+local", "", "solver", 2, 4),
        ("b-c", "3", "", "pip", 2, 4),
        ("b-c", "2!1.0", "d,e", "solver", 2, 4),
        ("f", "1", "", "uv", 2, 4),
    ]
    shown = "a==1+local, b-c==3 (pip), b-c[d,e]==2!1.0, f==1 (uv)"
    assert [tuple(row) for row in texts] == [("a", shown), ("g", "")]
    catalog.close()


def test_two_projects_may_list_a_file_of_one_name_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0011")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name, display) VALUES (1, 'a', 'a'), (2, 'a-1', 'a-1')")
        run(
            "INSERT INTO releases (id, project_id, version, key) VALUES (1, 1, '1.post2', 'x'),"
            " (2, 2, '2', 'y')"
        )
        file = "INSERT INTO files (id, release_id, filename, url, path, sha256) VALUES"
        run(f"{file} (1, 1, 'a-1-2.tar.gz', 'u', 'p', 'x')")
    migrate.upgrade(catalog.engine)
    with catalog.begin() as connection:
        connection.exec_driver_sql(f"{file} (2, 2, 'a-1-2.tar.gz', 'u', 'p', 'x')")
        found = connection.exec_driver_sql("SELECT project FROM v_files ORDER BY 1").fetchall()
    assert [name for (name,) in found] == ["a", "a-1"]
    catalog.close()


def test_every_view_answers_and_is_commented(database: str) -> None:
    catalog = Catalog(database)
    catalog.prepare()
    with catalog.begin() as connection:
        there = set(inspect(connection).get_view_names())
        assert there == {view.name for view in views.VIEWS}
        for view in views.VIEWS:
            assert view.comment.endswith(".")
            rows = connection.execute(text(f"SELECT * FROM {view.name}")).all()
            assert bool(rows) == (view.name == "v_statuses")
    catalog.close()


def test_an_empty_database_is_prepared_and_a_newer_one_refused(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.connect() as connection, pytest.raises(CatalogError, match="empty"):
        migrate.check(connection)
    catalog.prepare()
    with catalog.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (catalog.prepare, lambda: migrate.upgrade(catalog.engine)):
        with pytest.raises(CatalogError, match="newer"):
            refused()
    catalog.close()


@pytest.mark.parametrize("begun", [None, "0008"])
def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    begun: str | None, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(database)
    if begun:
        with catalog.engine.begin() as connection:
            migrate.migrate(connection, begun)

    def broken(_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(views, "create", broken)
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate.upgrade(catalog.engine)
    with catalog.engine.connect() as connection:
        assert migrate.is_empty(connection) is (begun is None)
    with catalog.engine.connect() as connection:
        assert migrate.revision(connection) == begun
        assert not inspect(connection).has_table("published_pins")
    monkeypatch.undo()
    migrate.upgrade(catalog.engine)
    with catalog.engine.connect() as connection:
        migrate.check(connection)
    catalog.close()


def test_all_that_was_known_before_there_were_several_indexes_is_from_the_endpoint(
    database: str,
) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0008")
        run = connection.exec_driver_sql
        run(
            "INSERT INTO projects (id, name, status) VALUES"
            " (1, 'a', 'active'), (2, 'b', 'unseen'), (3, 'c', 'gone'), (4, 'd', 'quarantined')"
        )
        run("INSERT INTO releases (id, project_id, version, key) VALUES (1, 1, '1', '1')")
        run(
            "INSERT INTO files (id, release_id, filename, url, path, sha256)"
            " VALUES (1, 1, 'f', 'u', 'p', 's')"
        )
        run("INSERT INTO pending (name, serial, since) VALUES ('a', 5, 1)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        ask = connection.exec_driver_sql
        found = ask("SELECT name, index_name FROM projects ORDER BY id").all()
        assert [tuple(row) for row in found] == [
            ("a", "endpoint"), ("b", ""), ("c", ""), ("d", "endpoint"),
        ]  # fmt: skip
        for table in ("files", "pending"):
            assert ask(f"SELECT index_name FROM {table}").scalar() == "endpoint"
    catalog.close()


def test_no_wheel_counts_as_read_in_parts(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0009")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        run("INSERT INTO releases (id, project_id, version, key) VALUES (1, 1, '1', 'x')")
        run(
            "INSERT INTO files (id, release_id, filename, url, path, sha256) VALUES"
            " (1, 1, 'a-1-py3-none-any.whl', 'u', 'p', 's')"
        )
        run("INSERT INTO stored (path, sha256, size) VALUES ('p', 's', 1)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        assert ranged.unverified(connection) == []
        connection.exec_driver_sql("UPDATE files SET ranged = 'digest'")
        assert ranged.unverified(connection) == [ranged.Unverified(1, "a", "1", "p", "digest")]
    catalog.close()


def test_what_is_in_quarantine_is_kept_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0014")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name, status) VALUES (1, 'a', 'quarantined')")
        run("INSERT INTO projects (id, name, status) VALUES (2, 'b', 'active')")
        run("INSERT INTO runs (id, started, finished) VALUES (1, 4, 5)")
        row = "INSERT INTO published (id, name, version, filename, path, sha256, size, first, last)"
        for number, name in enumerate("aab"):
            path = f"{name}{number}"
            run(f"{row} VALUES ({number}, '{name}', '1', '{path}', '{path}', 'x', 1, 1, 1)")
            if number:
                columns = "path, sha256, size, unlisted"
                run(f"INSERT INTO stored ({columns}) VALUES ('{path}', 'x', 1, 6)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM v_quarantined").all()
        assert [tuple(row) for row in rows] == [("a", "", 5.0, 1, 1)]
        assert [item.path for item in retention.unneeded(connection, 100, 100)] == ["b2"]
    catalog.close()


def test_patterns_and_files_leave_the_origins_of_roots(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0017")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name, display) VALUES (1, 'a', 'a')")
        for number, origin in enumerate(("", "a.*", "group:x.txt", "held", "proof"), 1):
            row = "INSERT INTO roots (id, project_id, selector, origin) VALUES"
            run(f"{row} ({number}, 1, 'latest', '{origin}')")
    migrate.upgrade(catalog.engine)
    with catalog.begin() as connection:
        run = connection.exec_driver_sql
        rows = run("SELECT origin, source FROM roots ORDER BY id").fetchall()
        shown = run("SELECT origin FROM v_roots ORDER BY 1").fetchall()
    assert [tuple(row) for row in rows] == [
        ("", ""),
        ("pattern", "a.*"),
        ("group", "x.txt"),
        ("held", ""),
        ("proof", ""),
    ]
    assert [row[0] for row in shown] == ["", "a.*", "group:x.txt", "held", "proof"]
    catalog.close()


def test_what_lock_files_name_is_no_extra_any_more(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0022")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name, display) VALUES (1, 'a', 'a')")
        run("INSERT INTO releases (id, project_id, version, key) VALUES (1, 1, '1', '1')")
        for number, extras in enumerate(("", "x,y", "="), 1):
            run(
                "INSERT INTO roots (id, project_id, selector, extras, state) VALUES"
                f" ({number}, 1, '1', '{extras}', 'kept')"
            )
            run(f"INSERT INTO root_choices (root_id, release_id) VALUES ({number}, 1)")
        for number, extra in enumerate(("", "x", "="), 1):
            run(f"INSERT INTO selected (id, release_id, extra) VALUES ({number}, 1, '{extra}')")
        run("INSERT INTO edges (selected_id, requirement_id) VALUES (1, 7)")
    migrate.upgrade(catalog.engine)
    with catalog.begin() as connection:
        run = connection.exec_driver_sql
        found = run("SELECT extras, pinned FROM roots ORDER BY id").fetchall()
        nodes = run("SELECT extra, pinned FROM selected ORDER BY id").fetchall()
        shown = run("SELECT extras, chosen FROM v_roots ORDER BY extras").fetchall()
        assert run("SELECT count(*) FROM root_choices").scalar() == 3
        assert run("SELECT count(*) FROM edges").scalar() == 1
    assert sorted(map(tuple, shown)) == [("", "1"), ("=", "1"), ("x,y", "1")]
    assert [tuple(row) for row in found] == [("", 0), ("x,y", 0), ("", 1)]
    assert [tuple(row) for row in nodes] == [("", 0), ("x", 0), ("", 1)]
    catalog.close()


def test_what_was_read_is_read_again_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0019")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        run(
            "INSERT INTO releases (id, project_id, version, key, knowledge, source) VALUES"
            " (1, 1, '1', '1', 'known', 'metadata'), (2, 1, '2', '2', 'known', 'metadata'),"
            " (3, 1, '3', '3', 'known', 'json'), (4, 1, '4', '4', 'unavailable', '')"
        )
        run("INSERT INTO selected (id, release_id, extra) VALUES (1, 1, ''), (4, 4, '')")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT knowledge FROM releases ORDER BY id").all()
        assert [row[0] for row in found] == ["wanted", "unknown", "known", "wanted"]
    catalog.close()


def test_what_releases_say_of_themselves_is_unknown_after_an_upgrade(database: str) -> None:
    """And nothing is read again for it."""
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0021")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        run(
            "INSERT INTO releases (id, project_id, version, key, knowledge, source) VALUES"
            " (1, 1, '1', '1', 'known', 'metadata')"
        )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        columns = "knowledge, summary, license, license_expression"
        found = connection.exec_driver_sql(f"SELECT {columns} FROM v_releases").all()
        assert [tuple(row) for row in found] == [("known", None, None, None)]
    catalog.close()


def test_pins_that_proofs_add_are_still_those(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0027")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a'), (2, 'b')")
        run("INSERT INTO subjects (id, text) VALUES (1, 'a')")
        row = "INSERT INTO proofs (id, subject_id, targets, verdict, at, wanted) VALUES"
        run(f"{row} (1, 1, 'x', 'proven', 10, true)")
        row = "INSERT INTO proof_pins (proof_id, project_id, chosen_by, version, extras, called)"
        run(f"{row} VALUES (1, 1, 'solver', '1', '', true), (1, 2, 'solver', '2', '', false)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT project, added FROM v_pins ORDER BY 1").all()
        assert [tuple(row) for row in found] == [("a", 0), ("b", 1)]
    catalog.close()
