"""Two daemons with a one-way link between them."""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from signal import Signals
from types import SimpleNamespace
from typing import Any

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import read_status
from pypisync.config.load import load
from pypisync.daemon.agenda import Agenda
from pypisync.daemon.notify import Notifier
from pypisync.daemon.service import Daemon
from pypisync.logs import logger
from pypisync.schedule import RETRY
from pypisync.status import Outlook, outlook
from pypisync.storage.exports import Exports
from pypisync.web.workers import Workers
from tests.cli.running import configure, invoke
from tests.daemon.test_service import Bench, Script, logged
from tests.recipe.mirrors import tree_bytes
from tests.sim.server import Server
from tests.sim.world import World

DAY = 86400.0


def run(path: Path, until: Callable[[], bool]) -> None:
    """Run a daemon with this configuration until something is so."""
    config = load(path, {})
    queue = Script((until, Signals.SIGTERM))
    log = logger(as_json=True)
    with Workers() as web:
        Daemon(config, lambda: config, queue, Notifier({}, lambda: 0.0), log, web=web).run()


def seen(config: Path) -> Outlook:
    """What status tells of what comes."""
    asked = load(config, {})
    with Reader(asked.database_url) as reader:
        found = read_status(reader)
    return outlook(asked.destination, asked.schedule, found, time.time())


def test_what_one_exports_the_other_imports(
    tmp_path: Path, world: World, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    world.publish("a", "1.0")
    out, come = tmp_path / "out", tmp_path / "come"
    come.mkdir()
    outside = configure(
        tmp_path / "outside",
        server.url,
        bundles={"unsigned": True, "export_to": str(out), "export_schedule": "1 day"},
    )
    assert invoke(outside, "sync").code == 0
    run(outside, lambda: any(out.glob("*.json")))
    [exported] = [line for line in logged(capsys) if line["event"] == "exported"]
    assert (exported["bundle"], exported["files"]) == (1, 2)
    assert invoke(outside, "status", "--json").json["exported"][0] == 1

    for path in out.iterdir():
        shutil.copy(path, come)
    inside = configure(
        tmp_path / "inside",
        bundles={"unsigned": True, "import_from": str(come), "imported": "delete"},
    )
    ahead: list[Outlook] = []

    def has_come() -> bool:
        if any(come.iterdir()):
            return False
        ahead.append(seen(inside))
        return True

    run(inside, has_come)
    assert (ahead[-1].daemon, ahead[-1].next_run) == (os.getpid(), None)  # a bundle brings it
    lines = logged(capsys)
    [imported] = [line for line in lines if line["event"] == "imported"]
    assert (imported["bundle"], imported["generation"]) == (1, 1)
    assert not [line for line in lines if line["event"] in ("changelog", "sweep", "rehash")]
    assert json.loads(invoke(inside, "status", "--json").out)["well"]
    both = [tree_bytes(path.parent / "data") for path in (outside, inside)]
    assert both[0] == both[1]


def test_the_first_bundle_need_not_wait_for_the_next_time(
    tmp_path: Path, world: World, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a mirror that has published nothing yet; and of one whose export failed."""
    world.publish("a", "1.0")
    out = tmp_path / "out"
    bundles = {"unsigned": True, "export_to": str(out), "export_schedule": "1 day"}
    config = load(configure(tmp_path, server.url, bundles=bundles), {})
    with ExitStack() as stack:
        bench = Bench(config, stack, sync=False)
        bench.jobs.export()
        assert bench.jobs.again == {"export": bench.clock + RETRY}
        assert logged(capsys) == []
        bench.jobs.again.clear()
        bench.jobs.sync()
        out.write_text("no folder")
        bench.jobs.export()
        assert bench.jobs.again == {"export": bench.clock + RETRY}
        bench.jobs.again.clear()
        out.unlink()
        bench.jobs.export()
        assert bench.jobs.again == {}
    assert [path.suffix for path in out.iterdir()].count(".json") == 1


def test_a_first_bundle_that_is_refused_is_told_by_status(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    outside, come = configure(tmp_path / "outside", server.url), tmp_path / "come"
    come.mkdir()
    assert invoke(outside, "sync").code == 0
    assert invoke(outside, "export", "--unsigned", "--full", "--to", str(come)).code == 0
    [part] = come.glob("*.tar")
    part.write_bytes(bytes(part.stat().st_size))
    bundles = {"unsigned": True, "import_from": str(come)}
    inside = configure(tmp_path / "inside", bundles=bundles)

    def refused() -> list[str]:
        lines = invoke(inside, "status").lines
        return [line[1] for line in lines if line[0] == "refused"]

    run(inside, lambda: bool(refused()))
    [why] = refused()
    assert part.name in why


def test_an_export_by_a_clock_that_was_ahead_does_not_put_off_the_next(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    out = tmp_path / "out"
    bundles = {"unsigned": True, "export_to": str(out), "export_schedule": "1 day"}
    path = configure(tmp_path, server.url, bundles=bundles)
    assert invoke(path, "sync").code == 0
    run(path, lambda: any(out.glob("*.json")))
    config, now = load(path, {}), time.time()
    exports = Exports(config.destination)
    [number] = exports.numbers()
    os.utime(exports._place(number), (now + 400 * DAY, now + 400 * DAY))
    agenda = Agenda()
    jobs: Any = SimpleNamespace(mirror=SimpleNamespace(now=lambda: now), export=lambda: None)
    with Workers() as web:
        log = logger(as_json=True)
        daemon = Daemon(config, lambda: config, Script(), Notifier({}, lambda: 0.0), log, web=web)
        daemon._put_bundles(agenda, jobs)
    assert round(agenda.next_run("export") - now) == DAY
    agenda.shutdown()
