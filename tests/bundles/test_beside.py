"""Exports and imports beside others that write, as processes."""

from pathlib import Path

from pypisync.catalog.db.schema import settings
from pypisync.catalog.db.transactions import Catalog
from pypisync.storage.exports import Exports
from pypisync.storage.lock import writer_lock
from tests.bundles.links import Link, everything
from tests.bundles.test_kills import configuration
from tests.cli.running import fork
from tests.postgres import Postgres


def test_an_import_beside_another_writer_changes_nothing(link: Link, tmp_path: Path) -> None:
    """The other one may be an import, a sync or a daemon."""
    made = link.made()
    config = configuration(link.inside, tmp_path / "i")
    link.inside.folder.mkdir(exist_ok=True)
    before = everything(link.inside)
    with writer_lock(link.inside.folder):
        done = fork(config, "import", "--unsigned", str(made))
        assert (done.code, done.out) == (4, "")
        assert "another" in done.err
        assert everything(link.inside) == before
    assert fork(config, "import", "--unsigned", str(made)).code == 0
    link.check()


def test_an_export_beside_a_sync_has_one_state(link: Link, tmp_path: Path) -> None:
    """Also while the sync is in the middle of a transaction; beside another export it ends."""
    config = configuration(link.outside, tmp_path / "o")
    media = str(link.media)
    with writer_lock(link.outside.folder), link.outside.catalog().begin() as connection:
        connection.exec_driver_sql("UPDATE releases SET version = '9'")
        assert fork(config, "export", "--full", "--unsigned", "--to", media).code == 0
        connection.rollback()
    link.import_(link.media)
    link.check()
    with Exports(link.outside.folder).alone():
        done = fork(config, "export", "--full", "--unsigned", "--to", media)
    assert done.code == 4
    assert "another process exports" in done.err


def test_postgresql_shows_an_export_one_state(postgres: Postgres) -> None:
    """As SQLite does by itself: what is committed meanwhile is not seen."""
    url = postgres.prepared()
    writer, reader = Catalog(url), Catalog(url, writer=False)
    writer.prepare()
    with reader.begin() as reading:
        before = reading.execute(settings.select()).all()
        with writer.begin() as writing:
            writing.execute(settings.insert().values(name="new", value="1"))
        assert reading.execute(settings.select()).all() == before
    with reader.begin() as reading:
        assert reading.execute(settings.select()).all() != before
    writer.close()
    reader.close()
