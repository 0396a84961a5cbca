"""What comes before a comparison, and whether two mirrors are the same."""

import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from pypisync.catalog.db.transactions import Catalog
from tests.cli.running import Done, command
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def let_a_day_pass(url: str) -> None:
    """Put all runs on record a day back."""
    catalog = Catalog(url)
    with suppress(DBAPIError), catalog.engine.begin() as connection:  # there may be no tables
        connection.exec_driver_sql(
            "UPDATE runs SET started = started - 90000, finished = finished - 90000"
        )
    catalog.close()


def difference(data: Path, url: str, fresh: Path) -> str:
    """What differs, empty if nothing does; deletes the fresh mirror."""
    fresh_url = f"sqlite:///{fresh.with_suffix('.sqlite')}"
    was, should = (
        decided(Bench(folder, MemoryUpstream(World()), {}, url=its))
        for folder, its in ((data, url), (fresh, fresh_url))
    )
    shutil.rmtree(fresh.parent)
    return "\n".join(
        f"{part}:\n  followed only: {_only(was[part], should[part])}\n"
        f"  from scratch only: {_only(should[part], was[part])}"
        for part in was
        if was[part] != should[part]
    )


def _only(here: object, there: object) -> list[object]:
    one, other = (x.items() if isinstance(x, dict) else x for x in (here, there))
    assert not isinstance(one, str)
    return [row for row in one if row not in other][:12]  # type: ignore[attr-defined,operator]


def synced(config: Path, environ: Mapping[str, str]) -> Done:
    """One sync of a mirror, by a process with these variables."""
    done = subprocess.run(
        command(config, "sync"),
        cwd=config.parent,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
