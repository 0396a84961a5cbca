"""Several processes on one PostgreSQL: one leads, the others wait."""

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from pypisync.catalog.db.leader import leading
from pypisync.catalog.db.transactions import Catalog
from pypisync.errors import Busy, CatalogError
from tests.cli.running import configure, fork, invoke
from tests.daemon.process import Forked, until
from tests.postgres import Postgres
from tests.recipe.mirrors import tree_bytes
from tests.sim.server import Server
from tests.sim.world import World

# It waits until the connection has ended, and its lock with it.
CUT = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE application_name ~ '^pypisync '"
)


def cut(url: str) -> None:
    """Break the connection that holds the lock, as a network does."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute(CUT).fetchall() == [(True,)]


def test_one_leads_at_a_time(postgres: Postgres) -> None:
    url = postgres.fresh()
    with leading(url) as leadership:
        leadership.check()
        with pytest.raises(Busy, match=r"pypisync \d+ on .* writes to this database"), leading(url):
            pytest.fail("two leaders")
        with leading(postgres.fresh()):  # another mirror's database on the same server
            pass
        catalog = Catalog(url)
        catalog.prepare()  # nobody who reads or prepares waits for the lock
        catalog.close()
    with leading(url):
        pass


def test_no_plan_is_made_while_another_machine_writes(tmp_path: Path, postgres: Postgres) -> None:
    """It holds rows until it ends, all in one transaction: the cycle there waited, or was ended."""
    url = postgres.prepared()
    config = configure(tmp_path, database=url)  # a folder of its own, where nobody writes
    with leading(url):
        done = invoke(config, "plan")
    assert (done.code, "writes to this database" in done.err) == (4, True)


def test_the_lock_is_free_before_the_server_notices_that_the_connection_ends(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.fresh()
    held: list[Any] = []
    locks = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND d.datname = current_database()"
    )
    with psycopg.connect(url.replace("+psycopg", "")) as other:

        def look(_: Connection | None) -> None:
            held.extend(other.execute(locks).fetchall())

        monkeypatch.setattr(Connection, "invalidate", look)
        with leading(url):
            look(None)
    assert held == [(1,), (0,)]


def test_who_has_lost_the_lock_writes_no_more(postgres: Postgres) -> None:
    url = postgres.fresh()
    with leading(url) as leadership:
        catalog = Catalog(url, fence=leadership.fence)
        with catalog.begin() as connection:
            connection.execute(text("SELECT 1"))
        cut(url)
        with pytest.raises(CatalogError, match="lost"), catalog.begin():
            pytest.fail("it could write")
        with leading(url), pytest.raises(CatalogError, match="lost"), catalog.begin():
            pytest.fail("another's lock is not its own")
        with pytest.raises(CatalogError, match="lost"):
            leadership.check()
        catalog.close()


def test_the_other_takes_over(
    tmp_path: Path, world: World, server: Server, postgres: Postgres
) -> None:
    names = [f"p{number}" for number in range(6)]
    for name in names:
        world.publish(name, "1.0")
    keys: dict[str, Any] = {
        "packages": {name: ["latest"] for name in names},
        "upstream": {"workers": 1, "pace": 0, "retries": 0, "timeout": 300},
    }
    calm = configure(tmp_path / "calm", server.url, **keys)
    assert fork(calm, "sync").code == 0
    url = postgres.fresh()
    config = configure(tmp_path / "shared", server.url, database=url, **keys)
    server.log.clear()
    world.faults.fail("/packages/*/p3-1.0-*.whl", "hang", times=1)
    with Forked(config, "first") as first, Forked(config, "second") as second:
        both = (first, second)
        until(lambda: 0 in [entry.status for entry in server.log.entries], "the middle")
        [leader] = [daemon for daemon in both if daemon.events("leading")]
        [other] = [daemon for daemon in both if daemon is not leader]
        other.wait_told("READY=1")
        other.wait_told(f"STATUS=standing by: pypisync {leader.process.pid} on ")
        assert not other.events("leading")
        begun = time.monotonic()
        leader.kill()
        assert other.wait_for("run")["outcome"] == "done"
        assert time.monotonic() - begun < 30
        # Nothing was lost, nothing done twice: each file came once.
        assert tree_bytes(tmp_path / "shared/data") == tree_bytes(tmp_path / "calm/data")
        fetched = [e.path for e in server.log.entries if e.kind == "file" and e.status == 200]
        assert len(fetched) == len(set(fetched)) == len(names)
        # The server drops the connection: the lead is lost, noticed, and taken again.
        cut(url)
        other.wait_for("lost")
        other.wait_for("leading", 2)
        refused = invoke(config, "sync")
        assert refused.code == 4
        assert f"pypisync {other.process.pid} on " in refused.err
        assert invoke(config, "status", "--json").json["daemon"] == other.process.pid
        assert other.terminate()[0] == 0
