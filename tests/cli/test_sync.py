"""``sync`` against an upstream over HTTP: what it says, how it ends, and being stopped."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypisync.cli.sync import stopping
from pypisync.storage import orders
from pypisync.storage.lock import writer_lock
from tests.cli.running import command, configure, environ, invoke, run, snapshot
from tests.daemon.process import until
from tests.recipe.mirrors import read_tree, tree_bytes
from tests.sim.log import RequestKind
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def config(tmp_path: Path, world: World, server: Server) -> Path:
    """A mirror of ``a``, which needs ``b``."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0", size_padding=300_000)
    return configure(tmp_path, server.url, packages={"a": ["latest"]})


def events(log: str) -> Iterator[dict[str, object]]:
    """The lines of a log as JSON."""
    return map(json.loads, log.splitlines())


def test_a_mirror_from_the_command_line(config: Path) -> None:
    """Every command once, each as a process, as an operator types them."""
    folder = config.parent
    planned = run(config, "plan", "--json")
    assert (planned.code, planned.err) == (0, "")
    assert planned.json["added"] == ["a==1.0", "b==1.0"]
    assert not (folder / "data").exists()
    first = run(config, "sync")
    assert (first.code, first.out) == (0, "")
    assert " changelog" in first.err
    assert "outcome='done'" in first.err.splitlines()[-1]
    assert "\x1b" not in first.err
    assert read_tree(folder / "data") == {"a": {"1.0"}, "b": {"1.0"}}
    before = snapshot(folder)
    for arguments, code in (
        (("status",), 0),
        (("why", "b"), 0),
        (("why", "c"), 1),
        (("query", "SELECT count(*) FROM v_listed"), 0),
        (("plan",), 0),
        (("verify",), 0),
        (("prune", "--dry-run"), 0),
    ):
        done = run(config, *arguments)
        assert (done.code, done.err) == (code, ""), arguments
        assert done.out, arguments
        assert snapshot(folder) == before, arguments


def test_a_cycle_with_nothing_to_do_waits_for_little(config: Path) -> None:
    """What parses, decides, solves, repairs or draws is imported where it is needed."""
    assert invoke(config, "sync").code == 0
    code = (
        "import sys\n"
        "from pypisync.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'alembic', 'json5', 'nab_resolver', 'packaging.markers', 'rich', 'tarfile',\n"
        "         'html.parser', 'requests', 'pypisync.upstream.documents',\n"
        "         'pypisync.core.closure', 'pypisync.catalog.selection.read',\n"
        "         'pypisync.catalog.publication.plan', 'pypisync.catalog.queries.status',\n"
        "         'pypisync.cycle.repair', 'pypisync.storage.check'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    words = [sys.executable, "-c", code, "sync", "--config", str(config)]
    # Where these say something, requests is asked what it comes to.
    said = re.compile(r"(?i).*_proxy|(requests|curl)_ca_bundle|netrc|home")
    quiet = {name: value for name, value in environ().items() if not said.fullmatch(name)}
    quiet |= {"HOME": str(config.parent)}
    done = subprocess.run(words, capture_output=True, text=True, env=quiet, check=False)
    assert done.returncode == 0, done.stderr


def test_the_report_as_json_and_the_log_as_json(config: Path, world: World) -> None:
    done = invoke(config, "sync", "--json", "--log-json")
    assert done.code == 0
    assert (done.json["files"], done.json["failed"], done.json["generation"]) == (2, {}, 1)
    logged = list(events(done.err))
    named = [line["event"] for line in logged if line["event"] != "warning"]
    assert [named[0], *named[-4:]] == ["changelog", "files", "wheels", "pages", "run"]
    assert logged[-1]["bytes"] == done.json["bytes"] > 200_000
    assert {"timestamp", "level"} <= logged[-1].keys()
    again = invoke(config, "sync", "--log-json")
    assert "generation" not in list(events(again.err))[-1]


def test_a_file_that_fails_is_logged_once_and_exits_with_1(config: Path, world: World) -> None:
    world.faults.fail("/packages/*/b-1.0-*.whl", 404)
    done = invoke(config, "sync", "--log-json")
    assert done.code == 1
    logged = list(events(done.err))
    failed = [line for line in logged if line["event"] == "failed"]
    assert [line["what"] for line in failed] == ["b-1.0-py3-none-any.whl"]
    held = {line["release"]: line["reason"] for line in logged if line["event"] == "held"}
    assert held.keys() == {"a==1.0", "b==1.0"}
    assert logged[-1]["outcome"] == "incomplete"


def test_an_upstream_out_of_reach_exits_with_3_and_is_logged_once(tmp_path: Path) -> None:
    config = configure(tmp_path, "http://me:geheim@127.0.0.1:9", packages={"a": ["latest"]})
    done = invoke(config, "sync", "--log-json")
    assert (done.code, done.out) == (3, "")
    ended = [line for line in events(done.err) if line["level"] == "error"]
    assert [line["outcome"] for line in ended] == ["failed"]
    assert "127.0.0.1:9" in str(ended[0]["reason"])
    assert "geheim" not in done.err
    status = invoke(config, "status")
    assert status.code == 1
    assert "geheim" not in status.out
    planned = invoke(config, "plan")
    assert planned.code == 3
    assert "geheim" not in planned.out + planned.err


def test_two_at_a_time_are_refused_with_4(config: Path) -> None:
    with writer_lock(config.parent / "data"):
        done = invoke(config, "sync")
        assert invoke(config, "plan").code == 4
    assert done.code == 4
    assert "another sync is running" in done.err


def test_only_a_daemon_is_waited_for(config: Path) -> None:
    for words, why in (("--wait",), "say --now as well"), (("--now",), "no daemon is running"):
        done = invoke(config, "sync", *words)
        assert (done.code, why in done.err) == (2 if words == ("--wait",) else 4, True)


def test_what_a_daemon_was_not_asked_for_it_is_not_to_do(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = os.kill

    def gone(pid: int, number: int) -> None:
        if number == signal.SIGUSR1:
            raise ProcessLookupError(errno.ESRCH, "No such process")
        kill(pid, number)

    monkeypatch.setattr(os, "kill", gone)
    data = config.parent / "data"
    with writer_lock(data, daemon=True):
        done = invoke(config, "sync", "--now", "--no-limits")
    assert (done.code, "cannot be asked: No such process" in done.err) == (4, True)
    assert not orders.names(data)


def test_beside_a_daemon_each_command_says_what_helps_it(config: Path) -> None:
    with writer_lock(config.parent / "data", daemon=True):
        done = invoke(config, "sync")
        assert (done.code, 'add "--now" to ask it for a cycle, or stop it' in done.err) == (4, True)
        for command in (("plan",), ("restore", str(config)), ("db", "upgrade")):
            done = invoke(config, *command)
            assert (done.code, "stop it first" in done.err) == (4, True), command


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_between_chunks_and_the_next_run_goes_on(
    config: Path, world: World, number: signal.Signals
) -> None:
    world.faults.fail("/packages/*/b-1.0-*.whl", "slow", times=1, seconds=1.5)
    process = subprocess.Popen(
        command(config, "sync", "--log-json"),
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(json.loads(line))
        if seen[-1]["event"] == "files":
            process.send_signal(number)
            break
    _, rest = process.communicate()
    seen += events(rest)
    assert process.returncode == 128 + number
    assert [line["outcome"] for line in seen if line["event"] == "run"] == ["stopped"]
    assert number.name in str(seen[-1]["reason"])
    assert read_tree(config.parent / "data") == {}
    status = invoke(config, "status", "--json")
    assert (status.code, status.json["last"]["outcome"]) == (1, "stopped")
    assert invoke(config, "sync").code == 0
    other = configure(config.parent / "other", *_endpoint(config), packages={"a": ["latest"]})
    assert invoke(other, "sync").code == 0
    assert tree_bytes(config.parent / "data") == tree_bytes(other.parent / "data")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/pypi", "xmlrpc"), ("/simple/a/", "simple"), ("/packages/*/a-1.0-*.whl", "file")],
)
def test_a_signal_is_heard_while_upstream_hangs(
    config: Path, server: Server, path: str, kind: RequestKind, number: signal.Signals
) -> None:
    """For less than its time out, which is half a minute."""
    server.world.faults.fail(path, "hang")
    with subprocess.Popen(
        command(config, "sync"), env=environ(), stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: server.requests(kind), path)
        process.send_signal(number)
        sent = time.monotonic()
        _, told = process.communicate()
        assert time.monotonic() - sent < 5  # it has to end as well, on a machine that is busy
    assert process.returncode == 128 + number
    assert "stopped" in told


def _endpoint(config: Path) -> list[str]:
    return [json.loads(config.read_text(encoding="utf-8"))["endpoint"]]


def test_the_second_signal_ends_at_once() -> None:
    with stopping() as stop:
        assert (stop(), stop.exit_code, stop.name) == (False, 0, "")
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop(), stop.exit_code, stop.name) == (True, 130, "SIGINT")
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
