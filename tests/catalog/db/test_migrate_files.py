"""What becomes of known files when a database is upgraded."""

import pytest
from alembic import command

from pypisync.catalog.db import migrate
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts import insides
from pypisync.catalog.facts.insides import Looked


def test_wheels_of_before_are_to_be_looked_into_by_and_by(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0023")
        run = connection.exec_driver_sql
        run(
            "INSERT INTO stored (path, sha256, size) VALUES"
            " ('a-1-py3-none-any.whl', 's', 5), ('a-1.tar.gz', 't', 9),"
            " ('b-1-py3-none-any.whl', 's', 5), ('c-1-py3-none-any.whl', 's', 1)"
        )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        assert insides.unlooked(connection) == []
        assert insides.outdated(connection, 0, 100) == []
        a, b, c = (f"{name}-1-py3-none-any.whl" for name in "abc")
        assert insides.outdated(connection, 5, 1) == [a]
        assert insides.outdated(connection, 5, 6) == [a, "a-1.tar.gz", b]
        assert insides.outdated(connection, 1, 100) == [a]
        assert insides.record(connection, [Looked(a, {})]) == []
        assert insides.outdated(connection, 5, 100) == ["a-1.tar.gz", b, c]
        assert insides.record(connection, [Looked("a-1.tar.gz", {})]) == []
        assert insides.outdated(connection, 5, 100) == [b, c]
    catalog.close()


def test_versions_on_pages_sort_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0024")
        row = "INSERT INTO published (id, name, version, filename, path, sha256, size, first)"
        for number, version in enumerate(("1.10", "1.9", "no version", "1.10")):
            values = f"({number}, 'a', '{version}', 'a-{number}.whl', 'p', 'x', 1, 1)"
            connection.exec_driver_sql(f"{row} VALUES {values}")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        found = connection.exec_driver_sql(
            "SELECT version FROM v_listed ORDER BY version_key IS NULL, version_key"
        ).all()
        assert [row[0] for row in found] == ["1.9", "1.10", "1.10", "no version"]
    catalog.close()


def test_wheels_that_nothing_describes_are_read_each_by_itself(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0028")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge) VALUES"
        run(f"{row} (1, 1, '1', '1', 'known'), (2, 1, '2', '2', 'known')")
        run(f"{row} (3, 1, '3', '3', 'known')")
        for number, (release, path, beside) in enumerate(
            [
                (1, "1x", "NULL"),
                (1, "1y", "'z'"),
                (2, "2x", "NULL"),  # the only one
                (3, "3x", "NULL"),  # not here yet
                (3, "3y", "NULL"),
            ]
        ):
            run(
                "INSERT INTO files (id, release_id, filename, url, path, sha256, kind, kept,"
                f" metadata_sha256) VALUES ({number}, {release}, '{path}', '', '{path}', 'x',"
                f" 'wheel', true, {beside})"
            )
        run("INSERT INTO stored (path, sha256, size) VALUES ('1x', 'x', 1), ('2x', 'x', 1)")
        command.upgrade(migrate._config(connection), "0029")
        query = "SELECT id FROM releases WHERE knowledge = 'wanted' AND undecided"
        assert connection.exec_driver_sql(query).scalars().all() == [1]
    catalog.close()


def test_one_claim_is_not_believed_of_several_wheels_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0031")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a'), (2, 'b')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge, source) VALUES"
        run(f"{row} (1, 1, '1', '1', 'known', 'json'), (2, 2, '2', '2', 'known', 'json')")
        run(f"{row} (3, 1, '3', '3', 'known', 'json'), (4, 2, '4', '4', 'known', 'metadata')")
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 3, '', false)")
        for number, release in enumerate((1, 1, 2, 3, 3, 4, 4)):
            run(
                "INSERT INTO files (id, release_id, filename, url, path, sha256, kind, kept)"
                f" VALUES ({number}, {release}, '{number}', '', '{number}', 'x', 'wheel', true)"
            )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        run = connection.exec_driver_sql
        found = run("SELECT id FROM releases WHERE knowledge = 'unknown' AND undecided")
        assert found.scalars().all() == [1]
        assert run("SELECT name FROM projects WHERE unproven").scalars().all() == ["a"]
    catalog.close()


def test_what_makes_pip_pass_over_a_file_is_read_again_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0033")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge) VALUES"
        run(f"{row} (1, 1, '1', '1', 'known'), (2, 1, '2', '2', 'known')")
        run(f"{row} (3, 1, '3', '3', 'known')")
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 2, '', false)")
        for number, refused in ((1, "of b"), (2, "of b"), (3, "")):
            run(
                "INSERT INTO files (id, release_id, filename, url, path, sha256, kind, kept,"
                f" refused_pip) VALUES ({number}, {number}, '{number}', '', '{number}', 'x',"
                f" 'wheel', true, '{refused}')"
            )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        rows = connection.exec_driver_sql(
            "SELECT id, knowledge FROM releases WHERE undecided ORDER BY id"
        )
        assert [tuple(row) for row in rows] == [(1, "unknown"), (2, "wanted")]
    catalog.close()


@pytest.mark.parametrize("before", ["0034", "0035"])
def test_sdists_that_are_built_are_read_after_an_upgrade(database: str, before: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), before)
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge, builds) VALUES"
        run(f"{row} (1, 1, '1', '1', 'known', '1'), (2, 1, '2', '2', 'known', '1')")
        run(f"{row} (3, 1, '3', '3', 'known', '1'), (4, 1, '4', '4', 'known', '0')")
        run(f"{row} (5, 1, '5', '5', 'unavailable', '1')")
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 2, '', false)")
        kinds = ((1, "wheel"), (1, "sdist"), (2, "wheel"), (2, "sdist"), (3, "sdist"), (5, "sdist"))
        for number, (release, kind) in enumerate((*kinds, (4, "wheel"), (4, "sdist"))):
            run(
                "INSERT INTO files (id, release_id, filename, url, path, sha256, kind, kept)"
                f" VALUES ({number}, {release}, '{number}', '', '{number}', 'x', '{kind}', true)"
            )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        rows = connection.exec_driver_sql(
            "SELECT id, knowledge FROM releases WHERE undecided ORDER BY id"
        )
        found = [f"{number} {knowledge}" for number, knowledge in rows]
        assert found == ["1 unknown", "2 wanted", "3 unknown", "5 unknown"]
    catalog.close()


def test_releases_with_extras_are_read_again_after_an_upgrade(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0037")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge, source) VALUES"
        for number, source in ((1, "wheel"), (2, "metadata"), (3, "json"), (4, "wheel")):
            run(f"{row} ({number}, 1, '{number}', '{number}', 'known', '{source}')")
            marker = 'extra == "x"' if number != 4 else "os_name == 'nt'"
            marker = marker.replace("'", "''")
            run(
                "INSERT INTO requirements (id, release_id, project_id, kind, text, marker)"
                f" VALUES ({number}, {number}, 1, 'runtime', 'a', '{marker}')"
            )
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 2, '', false)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        rows = connection.exec_driver_sql(
            "SELECT id, knowledge FROM releases WHERE undecided ORDER BY id"
        )
        assert [tuple(row) for row in rows] == [(1, "unknown"), (2, "wanted")]
    catalog.close()


def test_releases_whose_requirements_are_cut_are_read_again_after_an_upgrade(database: str) -> None:
    markers = (
        'extra == "x" or os_name == "nt"', 'extra != "x"', 'extra == "x"', 'os_name != "nt"',
    )  # fmt: skip
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0039")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge, source) VALUES"
        for number, marker in enumerate(markers, 1):
            run(f"{row} ({number}, 1, '{number}', '{number}', 'known', 'wheel')")
            run(
                "INSERT INTO requirements (id, release_id, project_id, kind, text, marker)"
                f" VALUES ({number}, {number}, 1, 'runtime', 'a', '{marker}')"
            )
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 2, '', false)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT knowledge FROM releases ORDER BY id").scalars()
        assert [*found] == ["unknown", "wanted", "known", "known"]
    catalog.close()


def test_what_stops_installers_is_read_again_after_an_upgrade(database: str) -> None:
    needs = {1: "METADATA", 2: "wheel, for uv", 3: "b", 4: "b", 5: "b"}
    pythons = {4: "NULL", 5: "'>=3'"}  # of sdists, on the page
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0040")
        run = connection.exec_driver_sql
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge, builds) VALUES"
        for number, need in needs.items():
            run(f"{row} ({number}, 1, '{number}', '{number}', 'known', '1')")
            run(
                "INSERT INTO requirements (id, release_id, project_id, kind, text)"
                f" VALUES ({number}, {number}, 1, 'runtime', '{need}')"
            )
        for number, python in pythons.items():
            run(
                "INSERT INTO files (id, release_id, filename, url, path, sha256, kind, kept,"
                f" requires_python) VALUES ({number}, {number}, '{number}', '', '{number}', 'x',"
                f" 'sdist', true, {python})"
            )
        for path, stops in {"p": "torn", "q": ""}.items():
            run(
                "INSERT INTO stored (path, sha256, size, looked, stops_pip)"
                f" VALUES ('{path}', 'x', 1, 2, '{stops}')"
            )
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 2, '', false)")
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        run = connection.exec_driver_sql
        found = run("SELECT knowledge FROM releases ORDER BY id").scalars()
        assert [*found] == ["unknown", "wanted", "known", "unknown", "known"]
        assert [*run("SELECT looked FROM stored ORDER BY path").scalars()] == [0, 2]
    catalog.close()


@pytest.mark.parametrize("silent", [True, False])
def test_a_wheel_stands_for_no_other_after_an_upgrade(database: str, *, silent: bool) -> None:
    catalog = Catalog(database)
    beside = "NULL" if silent else "'z'"
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0029")
        run = connection.exec_driver_sql
        run("INSERT INTO settings (name, value) VALUES ('environment', 'e'), ('serial', '1')")
        run("INSERT INTO projects (id, name) VALUES (1, 'a')")
        row = "INSERT INTO releases (id, project_id, version, key, knowledge) VALUES"
        run(f"{row} (1, 1, '1', '1', 'known'), (2, 1, '2', '2', 'known')")
        run(f"{row} (3, 1, '3', '3', 'known')")
        run("INSERT INTO selected (id, release_id, extra, pinned) VALUES (1, 1, '', false)")
        for number, (release, path, sha256) in enumerate(
            [(1, "1x", beside), (1, "1y", "'z'"), (2, "2x", beside), (3, "3x", beside),
             (3, "3y", "'z'")]
        ):  # fmt: skip
            run(
                "INSERT INTO files (id, release_id, filename, url, path, sha256, kind, kept,"
                f" metadata_sha256, inside_python) VALUES ({number}, {release}, '{path}', '',"
                f" '{path}', 'x', 'wheel', true, {sha256}, '>=3')"
            )
    migrate.upgrade(catalog.engine)
    with catalog.engine.begin() as connection:
        run = connection.exec_driver_sql
        found = run("SELECT id, knowledge FROM releases ORDER BY id").all()
        read_again = [(1, "wanted"), (2, "known"), (3, "unknown")]
        assert found == (read_again if silent else [(n, "known") for n in (1, 2, 3)])
        narrow = run("SELECT filename FROM files WHERE inside_python = '>=3' ORDER BY id")
        every = ["1x", "1y", "2x", "3x", "3y"]
        assert narrow.scalars().all() == (["2x"] if silent else every)
        left = run("SELECT name FROM settings ORDER BY name").scalars().all()
        assert left == (["serial"] if silent else ["environment", "serial"])
    catalog.close()
