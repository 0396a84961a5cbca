"""What a daemon that cannot begin says: in its log, before anything else."""

import json
import sqlite3
from pathlib import Path

import pytest

from pypisync.config.load import load
from pypisync.wiring import writing
from tests.cli.running import configure, fork, invoke
from tests.daemon.process import Forked


def old(config: Path) -> None:
    """Make a database, and let it say that it is of the revision before."""
    assert invoke(config, "db", "upgrade").code == 0
    with sqlite3.connect(config.parent / "data.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0032'")


def test_a_database_of_another_revision_is_told_before_it_has_started(tmp_path: Path) -> None:
    config = configure(tmp_path)
    old(config)
    done = fork(config, "run")
    assert (done.code, done.out) == (4, "")
    # SQLite itself may be one to be warned of.
    [line] = [one for one in map(json.loads, done.err.splitlines()) if one["event"] != "warning"]
    assert (line["event"], line["level"]) == ("ended", "error")
    assert line["reason"].endswith("run `pypisync db upgrade`")


@pytest.mark.parametrize(
    ("key", "value", "code", "said"),
    [
        ("destination_folder", "pypisync.json5/x", 4, "something else stands"),
        ("database", "sqlite:///no/such/folder/x.sqlite", 4, "unable to open database file"),
        ("listen", "no.such.host.invalid:80", 2, "cannot be served at"),
    ],
)
def test_what_keeps_it_from_beginning_is_an_event(
    tmp_path: Path, key: str, value: str, code: int, said: str
) -> None:
    done = fork(configure(tmp_path, **{key: value}), "run")
    assert done.code == code
    last = json.loads(done.err.splitlines()[-1])
    assert (last["event"], last["level"]) == ("ended", "error")
    assert said in last["reason"]


def test_one_that_stands_by_starts_whatever_the_revision(tmp_path: Path) -> None:
    """The daemon that leads may be of the version before, and be ended when this one is ready."""
    config = configure(tmp_path)
    old(config)
    with writing(load(config, {}), daemon=True), Forked(config) as daemon:
        daemon.wait_for("standing_by")
        assert [daemon.events(name) != [] for name in ("started", "ended")] == [True, False]
