"""While the process of the stream starts, threads do what it will do."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pypisync.cycle import far_stream
from pypisync.cycle.far_stream import FarStream
from pypisync.upstream.client import HttpUpstream
from tests.recipe.conftest import Open
from tests.recipe.mirrors import Bench
from tests.recipe.test_far_stream import NAMES, PACKAGES, calm, publish, same, sync
from tests.sim.server import Server
from tests.sim.world import World


def test_threads_answer_until_the_process_has_started(
    tmp_path: Path,
    world: World,
    server: Server,
    opened: Open,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They have begun some of what is asked for; the process does the rest."""
    publish(world)
    monkeypatch.setattr(far_stream, "_MEANWHILE", 1)
    begin, handed, given = HttpUpstream.begin, threading.Event(), list[int]()

    def waiting(upstream: HttpUpstream, *begun: Any) -> Callable[[Any], Any]:
        answer = begin(upstream, *begun)

        def late(ask: Any) -> Any:
            assert handed.wait(60)
            return answer(ask)

        return late

    add = FarStream._add_far

    def adding(stream: FarStream, far: Any, asks: list[Any]) -> None:
        add(stream, far, asks)
        given.append(len(asks))
        handed.set()

    monkeypatch.setattr(HttpUpstream, "begin", waiting)
    monkeypatch.setattr(FarStream, "_add_far", adding)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    report, told = sync(bench)
    assert (report.exit_code, told.faults) == (0, [])
    assert given[0] == len(NAMES) - bench.upstream.workers
    assert len(children) == 1
    assert all(count == 1 for count in Counter(e.path for e in server.log.entries).values())
    monkeypatch.undo()
    same(bench, calm(tmp_path, server))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_never_starts_is_told_and_threads_do_it_all(
    tmp_path: Path,
    world: World,
    server: Server,
    opened: Open,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    publish(world)
    monkeypatch.setattr(far_stream, "_MEANWHILE", 1)
    monkeypatch.setattr(far_stream, "_SILENT", 0.0)
    start = far_stream._Child.__init__

    def ending(child: Any, begun: Any) -> None:
        start(child, begun)
        os.kill(children[0].pid, number)

    monkeypatch.setattr(far_stream._Child, "__init__", ending)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    report, told = sync(bench)
    assert report.failed == {}
    assert [what for what, _ in told.faults] == ["processes"]
    same(bench, calm(tmp_path, server))
