"""``prune`` and ``db upgrade``."""

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

from pypisync.catalog.db import migrate
from pypisync.catalog.db.reader import REVISION
from pypisync.catalog.db.transactions import Catalog
from pypisync.cycle import rollback
from pypisync.storage.lock import writer_lock
from tests.cli.running import configure, invoke, snapshot
from tests.sim.server import Server
from tests.sim.world import World


def test_prune_deletes_what_no_page_lists(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, grace="7 days")
    assert invoke(config, "sync").code == 0
    world.publish("a", "2.0")
    assert invoke(config, "sync").code == 0
    assert invoke(config, "prune", "--json").json["files"] == 0  # within the grace period
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, grace="0")
    before = snapshot(tmp_path)
    dry = invoke(config, "prune", "--dry-run", "--json")
    assert (dry.code, dry.json["deleted"], dry.json["files"]) == (0, False, 2)
    assert all("/a-1.0-" in path for path in dry.json["paths"])
    assert dry.json["bytes"] == sum(
        (tmp_path / "data" / p).stat().st_size for p in dry.json["paths"]
    )
    assert snapshot(tmp_path) == before
    assert [line[0] for line in invoke(config, "prune", "--dry-run").lines][-1] == "would go"
    done = invoke(config, "prune")
    assert (done.code, done.lines[-1][:2]) == (0, ["deleted", "2"])
    assert not list((tmp_path / "data").glob("packages/*/*/*/a-1.0-*"))
    assert invoke(config, "prune", "--json").json["files"] == 0
    assert invoke(config, "verify").code == 0


def test_prune_tells_what_could_not_be_done(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    assert invoke(config, "sync").code == 0
    rollback.to_generation(77).give(tmp_path / "data")
    done = invoke(config, "prune")
    assert (done.code, done.err) == (1, "order index 77: there is no generation 77\n")
    rollback.to_generation(78).give(tmp_path / "data")
    done = invoke(config, "prune", "--json")
    assert (done.code, done.json["failed"]) == (1, {"order index 78": "there is no generation 78"})


def test_prune_without_a_mirror_makes_none(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    assert invoke(config, "prune").code == 4
    assert not (tmp_path / "data").exists()


def test_an_empty_database_is_brought_up(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    first = invoke(config, "db", "upgrade")
    assert first.out == f"the database was empty and is at revision {REVISION} now\n"
    again = invoke(config, "db", "upgrade")
    assert again.out == f"the database is at revision {REVISION} already\n"
    assert [path.name for path in tmp_path.rglob("*.sqlite*")] == ["data.sqlite"]


def test_an_upgrade_takes_the_lock(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    with writer_lock(tmp_path / "data"):
        assert invoke(config, "db", "upgrade").code == 4


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    assert invoke(config, "db", "upgrade").code == 0
    connection = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    done = invoke(config, "db", "upgrade")
    assert done.code == 4
    assert "9999, which this version does not know" in done.err
    assert done.out == ""
    assert [path.name for path in tmp_path.glob("*.sqlite*")] == ["data.sqlite"]  # and no copy


def test_the_copy_is_whole(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.prepare()
    copied = migrate.back_up(catalog.engine, "0000")
    catalog.close()
    (copy,) = tmp_path.glob("catalog.sqlite.0000-*")
    assert copied == (tmp_path / "catalog.sqlite", copy)
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
    connection.close()


def test_copies_made_within_a_second_have_names_of_their_own(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.prepare()
    (tmp_path / "catalog.sqlite.copy.part").write_text("what a killed upgrade left")
    copies = [migrate.back_up(catalog.engine, "0000") for _ in range(3)]
    catalog.close()
    paths = {path for copied in copies if copied is not None for path in copied[1:]}
    assert len(paths) == 3
    assert set(tmp_path.glob("catalog.sqlite.*")) == paths
    for path in paths:
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_an_upgrade_that_has_no_room_for_the_copy_changes_nothing(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    assert invoke(config, "db", "upgrade").code == 0
    database = tmp_path / "data.sqlite"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0012'")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        done = invoke(config, "db", "upgrade")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.code == 4
    assert "nothing was changed" in done.err
    assert "free as much space" in done.err
    assert not list(database.parent.glob("*.part"))
    assert not list(database.parent.glob("data.sqlite.0*"))
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [("0012",)]
