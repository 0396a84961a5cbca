"""The stream in a process of its own: whatever happens to it, a cycle ends as with threads."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pypisync.cycle import far_stream
from pypisync.cycle.far_stream import FarStream
from pypisync.cycle.mirror import Limits, Mirror
from pypisync.cycle.sync import sync_once
from pypisync.errors import Stopped, StorageError
from pypisync.upstream.client import HttpUpstream, Settings
from tests.recipe.conftest import Open
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_each_fault_once import break_each_once
from tests.recipe.test_equality import decided
from tests.recipe.test_provers import ENVIRONMENT, ROOTS, conflicting
from tests.recipe.test_same_bytes import everything
from tests.sim.server import Server
from tests.sim.world import World

NAMES = [f"lib-{n}" for n in range(12)]
PACKAGES = {name: ["latest"] for name in NAMES}


def publish(world: World) -> None:
    for number, name in enumerate(NAMES):
        requires = [NAMES[number // 2]] if number else []
        world.publish(name, "1.0", requires=requires, size_padding=400_000 if number == 5 else 0)


class Told:
    """A watch that keeps the faults."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self.bytes = 0

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def received(self, number: int) -> None:
        self.bytes += number

    def fault(self, what: str, reason: str) -> None:
        self.faults.append((what, reason))


def sync(bench: Bench, change: Callable[[Mirror], object] = lambda _: None) -> tuple[Any, Told]:
    """One cycle, by two processes and one for the stream."""
    bench.folder.mkdir(parents=True, exist_ok=True)
    catalog = bench.catalog()
    try:
        mirror = bench.mirror(catalog)
        mirror.processes.number = 2
        told = Told()
        mirror.watch = told
        change(mirror)
        return sync_once(mirror), told
    finally:
        catalog.close()


def calm(tmp_path: Path, server: Server) -> Bench:
    """The mirror as threads make it."""
    upstream = HttpUpstream(Settings(server.url, pace=0.0))
    bench = Bench(tmp_path / "calm", upstream, PACKAGES)
    bench.sync()
    upstream.close()
    return bench


def same(one: Bench, other: Bench) -> None:
    assert decided(one) == decided(other)
    assert tree_bytes(one.folder) == tree_bytes(other.folder)
    assert not list((one.folder / ".partial").glob("*"))


@pytest.mark.parametrize("number", [2, 8])
def test_a_mirror_has_the_same_bytes(
    tmp_path: Path, opened: Open, children: list[Any], number: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    roots = {f"root-{n}": ["latest"] for n in range(ROOTS)}
    with Server(conflicting(seed)) as server:
        benches = [
            Bench(tmp_path / str(n), opened(server), roots, environment=ENVIRONMENT, processes=n)
            for n in (1, number)
        ]
        benches[0].sync()
        assert not children
        benches[1].sync()
        assert children
    assert everything(benches[1]) == everything(benches[0])


def test_each_fault_once_leaves_nothing(
    tmp_path: Path, world: World, server: Server, opened: Open, children: list[Any]
) -> None:
    roots = break_each_once(world)
    bench = Bench(tmp_path / "mirror", opened(server), {name: ["latest"] for name in roots})
    report, _ = sync(bench)
    assert children
    assert report.failed == {}
    assert bench.listed() == {name: {"1.0"} for name in roots}


@pytest.mark.parametrize("moment", ["begin", "documents", "files"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_ends_or_hangs_is_told_and_costs_nothing_else(
    tmp_path: Path,
    server: Server,
    opened: Open,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    number: signal.Signals,
) -> None:
    publish(server.world)
    note, tell, sent = FarStream._note, far_stream._Child.tell, list[str]()

    def send() -> None:
        if not sent:
            sent.append(moment)
            os.kill(children[0].pid, number)
            if number == signal.SIGSTOP:
                monkeypatch.setattr(far_stream, "_SILENT", 0.3)

    def noted(stream: FarStream, said: Any) -> None:
        note(stream, said)
        if getattr(said, moment, None):
            send()

    def telling(child: Any, told: Any) -> None:
        tell(child, told)
        if moment == "begin":
            send()

    monkeypatch.setattr(FarStream, "_note", noted)
    monkeypatch.setattr(far_stream._Child, "tell", telling)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    report, told = sync(bench)
    assert report.failed == {}
    [(what, reason)] = told.faults
    assert what == "processes"
    assert ("SIGKILL" if number == signal.SIGKILL else "said nothing") in reason
    assert len(children) == 1
    same(bench, calm(tmp_path, server))


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.long
def test_a_crash_anywhere_then_a_run_ends_as_if_there_had_been_none(
    tmp_path: Path, world: World, server: Server, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world)
    good = calm(tmp_path, server)
    note = FarStream._note
    for after in count():
        left = count(after, -1)

        def noted(stream: FarStream, said: Any, left: Any = left) -> None:
            if not next(left):
                raise Crash
            note(stream, said)

        bench = Bench(tmp_path / str(after), opened(server), PACKAGES)
        crashed = False
        with monkeypatch.context() as patched:
            patched.setattr(FarStream, "_note", noted)
            try:
                sync(bench)
            except Crash:
                crashed = True
        report, told = sync(bench)
        assert (report.exit_code, told.faults) == (0, [])
        same(bench, good)
        if not crashed:
            break
    assert after > 3


def test_the_disk_refuses_there_and_the_cycle_ends_here(
    tmp_path: Path, world: World, server: Server, opened: Open
) -> None:
    publish(world)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    bench.folder.mkdir()
    (bench.folder / "packages").write_text("in the way")
    with pytest.raises(StorageError, match="something else stands"):
        sync(bench)
    (bench.folder / "packages").unlink()
    assert sync(bench)[0].exit_code == 0
    same(bench, calm(tmp_path, server))


def test_a_disk_without_room_holds_what_does_not_fit(
    tmp_path: Path, world: World, server: Server, opened: Open
) -> None:
    publish(world)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)

    def full(mirror: Mirror) -> None:
        mirror.pool.reserve = 2**62

    report, _ = sync(bench, full)
    assert report.held.keys() == {f"{name}==1.0" for name in NAMES}
    assert all(why.startswith("does not fit") for why in report.failed.values())
    assert sync(bench)[0].exit_code == 0
    same(bench, calm(tmp_path, server))


def test_a_stop_is_heard_while_upstream_says_nothing(
    tmp_path: Path, world: World, server: Server, opened: Open, children: list[Any]
) -> None:
    publish(world)
    world.faults.fail("*.metadata", "hang")

    def stop() -> bool:
        return any(entry.path.endswith(".metadata") for entry in server.log.entries)

    bench = Bench(tmp_path / "mirror", opened(server, stop), PACKAGES)
    with pytest.raises(Stopped):
        sync(bench)
    assert [child.returncode for child in children] == [-signal.SIGKILL]
    world.heal()
    bench.upstream = opened(server)
    assert sync(bench)[0].exit_code == 0
    same(bench, calm(tmp_path, server))


def test_it_ends_with_the_process_of_the_cycle_and_says_nothing(
    tmp_path: Path, world: World, server: Server, opened: Open
) -> None:
    publish(world)
    program = f"""
import os, signal
from pathlib import Path
from pypisync.cycle import far_stream
from pypisync.upstream.client import HttpUpstream, Settings
from tests.recipe.test_far_stream import PACKAGES, Bench, sync
far_stream._WORTH = 1
note = far_stream.FarStream._note
def noted(stream, said):
    note(stream, said)
    if said.files:
        os.kill(os.getpid(), signal.SIGKILL)
far_stream.FarStream._note = noted
sync(Bench(Path("mirror"), HttpUpstream(Settings({server.url!r}, pace=0.0)), PACKAGES))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    # All that hold its standard error have ended by now: there was an end to read.
    assert done.stderr == ""
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    assert sync(bench)[0].exit_code == 0
    same(bench, calm(tmp_path, server))


def test_signals_to_all_processes_are_for_that_of_the_cycle(
    tmp_path: Path,
    server: Server,
    opened: Open,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(server.world)
    note = FarStream._note

    def noted(stream: FarStream, said: Any) -> None:
        note(stream, said)
        if said.documents:
            for number in (signal.SIGTERM, signal.SIGINT):
                children[0].send_signal(number)
            assert os.getsid(children[0].pid) != os.getsid(0)  # nor is it at the terminal

    monkeypatch.setattr(FarStream, "_note", noted)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    report, told = sync(bench)
    assert (report.exit_code, told.faults) == (0, [])


def test_few_asks_start_no_process(
    tmp_path: Path,
    world: World,
    server: Server,
    opened: Open,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(far_stream, "_WORTH", len(NAMES) * 10)
    publish(world)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES)
    assert sync(bench)[0].exit_code == 0
    assert not children


def test_a_process_is_started_when_much_is_asked_for_and_threads_end_what_they_began(
    tmp_path: Path,
    world: World,
    server: Server,
    opened: Open,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(world)
    for number in range(30):
        world.publish(f"more-{number}", "1.0")
    world.publish("root", "1.0", requires=[f"more-{n}" for n in range(30)])
    monkeypatch.setattr(far_stream, "_WORTH", 25)
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES | {"root": ["latest"]})
    report, told = sync(bench)
    assert (report.exit_code, told.faults) == (0, [])
    assert len(children) == 1
    assert len(bench.listed()) == len(NAMES) + 31
    files = bench.folder.glob("packages/**/*.whl")  # and what is laid beside the small ones
    beside = bench.folder.glob("packages/**/lib_5-*.metadata")
    assert told.bytes == sum(path.stat().st_size for path in (*files, *beside))
    assert server.requests("metadata") == 1


def test_a_program_that_is_no_python_of_ours_leaves_all_to_threads(
    tmp_path: Path, world: World, server: Server, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world)
    good = calm(tmp_path, server)
    place = tmp_path / "python"
    for number, program in enumerate(("#!/bin/sh\nexit 3\n", "#!/bin/sh\necho nonsense\n", "")):
        place.write_text(program)
        place.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(place))
        bench = Bench(tmp_path / str(number), opened(server), PACKAGES)
        report, told = sync(bench)
        assert report.exit_code == 0
        assert [what for what, _ in told.faults] == ["processes"]
        same(bench, good)


def test_files_of_unknown_size_end_at_the_limit(
    tmp_path: Path, world: World, server: Server, opened: Open, children: list[Any]
) -> None:
    publish(world)
    # HTML has no sizes.
    world.faults.simple_json = world.faults.xmlrpc = world.faults.json_api = False
    bench = Bench(tmp_path / "mirror", opened(server), PACKAGES, limits=Limits(bytes=1))
    report, _ = sync(bench)
    assert children
    assert "of unknown size are left for the next cycle" in report.failed["limits"]
